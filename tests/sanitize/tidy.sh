#!/bin/sh
# clang-tidy with the checks of .clang-tidy over all of our C files, or those named; ten minutes on one
# core. Asserts are left in: they tell the analyser what cannot be. Needs clang-tidy-14.
set -eu
cd "$(dirname "$0")/../.."
cmake --preset debug >/dev/null
[ $# -gt 0 ] || set -- src/*.c src/*/*.c src/cmd/bench/*.c mpi/*.c io/*.c
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 4 clang-tidy-14 -p build/debug --quiet 2>/dev/null
