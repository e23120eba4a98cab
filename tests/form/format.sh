# C files are as clang-format 14 leaves them with the repository's .clang-format.
. "$(dirname "$0")/lib.sh" || exit 1

command -v clang-format-14 >/dev/null || skip "clang-format-14 is not installed"

check() {
    cd "$1" || exit
    c_files . | xargs clang-format-14 --dry-run -Werror 2>&1 | grep error || true
}

plant_bad_indent() { printf 'int planted(void) {\n  return 0;\n}\n' >"$1/src/base/planted.c"; }

form_test
