#!/bin/sh
# clang-tidy with the checks of .clang-tidy over all of our C files, or those named; ten minutes on one
# core. Asserts are left in: they tell the analyser what cannot be. Needs clang-tidy-14.
set -eu
cd "$(dirname "$0")/../.."
cmake --preset debug >/dev/null
# shellcheck disable=SC2046 # a list of names
[ $# -gt 0 ] || set -- $(find src mpi io -name "*.c") # no name holds blanks
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 4 clang-tidy-14 -p build/debug --quiet 2>/dev/null
