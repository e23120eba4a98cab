# ShellCheck finds nothing in any of our shell scripts.
. "$(dirname "$0")/lib.sh" || exit 1

command -v shellcheck >/dev/null || skip "shellcheck is not installed"

check() {
    cd "$1" || exit
    local file dialect
    shell_files . | while read -r file; do
        dialect=$(head -n 1 "$file" | grep -oE '^#!.*sh$' | grep -oE '(ba)?sh$' || echo bash)
        # Tests source what their kind shares: 1091 file not followed, 2034 and 2154 names that go
        # there and come from there, 2317 functions called by a computed name.
        case $file in
        tests/*/*) dialect="$dialect -e SC1091,SC2034,SC2154,SC2317" ;;
        esac
        # shellcheck disable=SC2086 # words are wanted
        shellcheck -f gcc -s $dialect "$file" || true
    done
}

plant_unquoted() { printf '%s\n' '#!/bin/sh' "rm -rf \$1" >"$1/tests/planted.sh"; }
plant_bashism() { printf '#!/bin/sh\n[[ a == b ]] && echo\n' >"$1/tests/planted.sh"; }

form_test
