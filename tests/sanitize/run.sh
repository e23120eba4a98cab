#!/bin/sh
# Run the tests under a checker:
#   sh tests/sanitize/run.sh asan       address, leak and undefined-behaviour sanitizers
#   sh tests/sanitize/run.sh valgrind   memcheck; units and message floor only, for it is slow
# At most 3 ranks: more show nothing new here, only slowly. Further arguments go to ctest.
set -eu
cd "$(dirname "$0")/../.."
preset=${1:-}
case $preset in
# cli_cooccur measures memory, and campaigns want quick jobs
asan) filter="-E ^form_|_[467]\$|^cli_cooccur\$|campaign" ;;
valgrind) filter="-L unit|mpi -E ^form_|_[467]\$" ;;
*) echo "usage: run.sh asan|valgrind [CTEST ARGUMENT...]" >&2 && exit 2 ;;
esac
shift

sh cluster/install-deps.sh --tests
cmake --preset "$preset"
cmake --build "build/$preset" -j "$(nproc)"
cd "build/$preset"
# shellcheck disable=SC2086 # a list of words
exec ctest --output-on-failure $filter "$@"
