# lib.sh: what the tests of form share. A script defines
#   check ROOT   print one line "FILE:LINE: what is wrong" for each breach below ROOT, no line if none
#   plant_* ROOT spoil the copy at ROOT in one way that `check` must notice
# and ends with `form_test`. So each run shows both that the tree is clean and that the check bites.
# shellcheck shell=bash
set -eu
export LC_ALL=C

# The repository: given by CTest, else found from this file's place.
source_root=${TRUNNION_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}

skip() {
    echo "skipped: $*"
    exit 77
}

# Our C sources and headers below ROOT, one path a line, relative to ROOT.
c_files() {
    (cd "$1" && find src mpi io tests -name '*.[ch]' -o -name '*.inc' | sort)
}

# Our shell scripts: by suffix, or by the first line.
shell_files() {
    (cd "$1" && {
        find . -path ./build -prune -o -path ./.git -prune -o -name '*.sh' -print
        find . -path ./build -prune -o -path ./.git -prune -o -type f ! -name '*.*' -print |
            while read -r file; do
                if head -n 1 "$file" | grep -aqE '^#!.*\b(ba)?sh$'; then echo "$file"; fi
            done
    } | sed 's|^\./||' | sort -u)
}

# Everything but what is built, into DIR.
copy_tree() {
    (cd "$source_root" && tar -cf - --exclude=./build --exclude=./.git .) | tar -xf - -C "$1"
}

form_test() {
    local breaches plant scratch found=0
    breaches=$(check "$source_root")
    if [ -n "$breaches" ]; then
        echo "$breaches"
        echo "FAILED: the tree breaks the rule"
        exit 1
    fi
    scratch=$(mktemp -d) || exit 1
    # shellcheck disable=SC2064 # the name is wanted as it is now
    trap "rm -rf '$scratch'" EXIT
    for plant in $(compgen -A function | grep '^plant_'); do
        rm -rf "$scratch/copy"
        mkdir "$scratch/copy"
        copy_tree "$scratch/copy"
        "$plant" "$scratch/copy"
        breaches=$(check "$scratch/copy")
        if [ -z "$breaches" ]; then
            echo "FAILED: the check does not notice $plant"
            exit 1
        fi
        echo "noticed ${plant#plant_}: $(echo "$breaches" | head -n 1)"
        found=$((found + 1))
    done
    echo "ok: the tree is clean; $found planted breaches noticed"
}
