#!/bin/sh
# Run the tests under a checker:
#   sh tests/sanitize/run.sh asan       address, leak and undefined-behaviour sanitizers
#   sh tests/sanitize/run.sh tsan       thread sanitizer: every verb on two threads
#   sh tests/sanitize/run.sh valgrind   memcheck; units, some of the message floor, and a small job of
#                                       every verb, for it is slow
# At most 3 ranks: more show nothing new here, only slowly. Further arguments go to ctest.
set -eu
cd "$(dirname "$0")/../.."
preset=${1:-}
case $preset in
# cli_cooccur measures memory, and campaigns want quick jobs
asan) filter="-E ^form_|^slurm_|_([4-9]|1[0-9])\$|^cli_(cooccur|install)\$|campaign" ;;
tsan) filter="-R ^tsan_" ;;
# what multiplies much, or lets each of hundreds of allocations fail, would take hours
valgrind)
    chosen="agree|exchange|grid|lock|redist|reduce|ring|shared|sparse|sparse_ops|spgemm|store|trace|vectors"
    filter="-R ^unit_|^mpi_($chosen)_[12]\$|^valgrind_ -E ^unit_(plan|gemm|spmm|spgemm|number)\$"
    ;;
*) echo "usage: run.sh asan|tsan|valgrind [CTEST ARGUMENT...]" >&2 && exit 2 ;;
esac
shift

sh cluster/install-deps.sh --tests
cmake --preset "$preset"
cmake --build "build/$preset" -j "$(nproc)"
cd "build/$preset"
# shellcheck disable=SC2086 # a list of words
exec ctest --output-on-failure $filter "$@"
