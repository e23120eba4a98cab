#!/bin/sh
# Which lines of src, mpi and io the tests reach: runs them on the preset coverage and prints one line
# a file and the sum. Further arguments go to ctest, such as -L unit, or -R '^unit_|_[13]$'.
set -eu
cd "$(dirname "$0")/../.."
command -v gcovr >/dev/null || { echo "skipped: gcovr is not installed"; exit 77; }
cmake --preset coverage >/dev/null
cmake --build build/coverage -j "$(nproc)" >/dev/null
find build/coverage -name '*.gcda' -delete
(cd build/coverage && ctest --output-on-failure "$@") || echo "some tests failed; what they reached counts"
gcovr --root . --object-directory build/coverage --filter 'src/' --filter 'mpi/' --filter 'io/' \
    --exclude-unreachable-branches --exclude-throw-branches --gcov-ignore-parse-errors
