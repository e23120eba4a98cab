# ShellCheck finds nothing in any of our shell scripts.
. "$(dirname "$0")/lib.sh"

command -v shellcheck >/dev/null || skip "shellcheck is not installed"

check() {
    cd "$1" || exit
    local file dialect
    shell_files . | while read -r file; do
        # A script without a #! line is a test and run by bash.
        dialect=$(head -n 1 "$file" | grep -oE '^#!.*sh$' | grep -oE '(ba)?sh$' || echo bash)
        # 1091: sourced files get their own turn; 2317: functions called by a computed name.
        shellcheck -f gcc -s "$dialect" -e SC1091,SC2317 "$file" || true
    done
}

plant_unquoted() { printf '%s\n' '#!/bin/sh' "rm -rf \$1" >"$1/tests/planted.sh"; }
plant_bashism() { printf '#!/bin/sh\n[[ a == b ]] && echo\n' >"$1/tests/planted.sh"; }

form_test
