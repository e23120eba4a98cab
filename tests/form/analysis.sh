# cppcheck finds no error, nor what it warns of, in the library and the program. (clang-tidy takes a
# quarter of an hour: tests/sanitize/tidy.sh.)
. "$(dirname "$0")/lib.sh" || exit 1

command -v cppcheck >/dev/null || skip "cppcheck is not installed"

# invalidPointerCast: blocks are bytes that hold float32 or float64, as their type says.
check() {
    cd "$1" || exit
    # What CMake makes of the instruction sets: one is enough to read the files by.
    cppcheck '-DTRN_SIMD_SETS(X,name)=X(name,base)' --enable=warning,performance,portability --std=c11 -Isrc -I. -j2 --quiet \
        --suppress=missingIncludeSystem --suppress=invalidPointerCast \
        --template='{file}:{line}: {message} [{id}]' src mpi io 2>&1 | grep -E '^[a-z_/.0-9]+:[0-9]+: ' || true
}

plant_overflow() {
    printf 'int planted(void);\nint planted(void) {\n    int a[2] = {1, 2};\n    return a[2];\n}\n' \
        >"$1/src/base/planted.c"
}

form_test
