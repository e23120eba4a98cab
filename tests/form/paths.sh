# No path of one particular machine: no home directories, no work areas, no temporary file by name.
. "$(dirname "$0")/lib.sh" || exit 1

check() {
    cd "$1" || exit
    find . -path ./build -prune -o -path ./.git -prune -o -type f -print | sed 's|^\./||' | sort |
        xargs grep -nIE '(^|[^[:alnum:]_.}])/(work|home|root|mnt|data|Users)/|/tmp/[[:alnum:]]' |
        grep -v 'XXXXXX' || true # but mkdtemp makes names that are its own
}

# Spelt in two pieces, lest this very file break the rule.
plant_home() { echo "set(corpus /home""/someone/corpus)" >>"$1/CMakeLists.txt"; }
plant_tmp() { echo "/* see /tmp""/notes */" >>"$1/io/planted.h"; }

form_test
