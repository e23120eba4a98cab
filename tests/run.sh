#!/bin/sh
# Run every test: install what is missing, build, CTest. The last lines are CTest's summary and the
# exit code is its own. Arguments go to ctest: `sh tests/run.sh -L unit`.
set -eu
cd "$(dirname "$0")/.."
jobs=$(nproc)

sh cluster/install-deps.sh --tests
cmake --preset release
cmake --build build/release -j "$jobs"
# CTest knows how many processors each test takes and runs the larger ones alone.
cd build/release
exec ctest --output-on-failure -j "$jobs" "$@"
