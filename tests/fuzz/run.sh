#!/bin/bash
# Fuzz one reader (tests/fuzz/readers.c names them) for so many seconds:
#   bash tests/fuzz/run.sh READER SECONDS [LIBFUZZER OPTION...]
# Seeds are made by seeds.py; what libFuzzer learns stays in build/fuzz/corpus/READER and is where the
# next run goes on. Inputs that the reader fails on are put into build/fuzz/found/READER; once the
# cause is mended, they belong into tests/fuzz/regression/READER, from where CTest (fault_fuzz) replays
# them for ever. `store` and `kinds` also reach faults of HDF5's own reading of metadata, which are
# not ours to mend: see CONTRIBUTING.md. Needs clang-14 and its run-time library.
set -eu
cd "$(dirname "$0")/../.."
[ $# -ge 2 ] || { echo "usage: run.sh READER SECONDS [LIBFUZZER OPTION...]" >&2; exit 2; }
reader=$1 seconds=$2
shift 2
fuzz=build/fuzz corpus=build/fuzz/corpus/$reader found=build/fuzz/found/$reader
if [ "${FUZZ_BUILT:-no}" = no ]; then # what a loop over readers need not do again
    cmake --preset fuzz >/dev/null
    cmake --build $fuzz --target fuzz trunnion >/dev/null
    TRUNNION=$PWD/$fuzz/trunnion /usr/bin/python3 tests/fuzz/seeds.py $fuzz/seeds
fi
kept=tests/fuzz/regression/$reader
mkdir -p "$corpus" "$found" "$fuzz/seeds/$reader"
options=()
[ ! -d "$kept" ] || options+=("$kept")
[ ! -f "tests/fuzz/dict/$reader" ] || options+=("-dict=tests/fuzz/dict/$reader")
scratch=$(mktemp -d -p /dev/shm) || exit 1
trap 'rm -rf "$scratch"' EXIT
export TMPDIR=$scratch FUZZ_READER=$reader
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_ess_singleton_isolated=1
export OMPI_MCA_opal_signal= # stacks are for libFuzzer to print
# Leaks are watched by the harness: Open MPI has some of its own.
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=64 OMP_NUM_THREADS=1
$fuzz/fuzz "$corpus" "$fuzz/seeds/$reader" "${options[@]}" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=3000 -malloc_limit_mb=1000 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$found/" "$@"
