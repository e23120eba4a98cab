#!/bin/bash
# The first promise on a real corpus: one sha256 for the counts and one for the embedding at 1, 2,
# 3, 4 and 7 ranks, with 1 and 2 threads, and after a stop on 2 ranks and a resume on 3.
#   tests/bench/same_bits.sh CORPUS
# Needs h5py. TRUNNION names the program. Ends with PASSED or FAILED.
set -euo pipefail
corpus=$1
trunnion=${TRUNNION:-$(dirname "$0")/../../build/release/trunnion}
export OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
scratch=$(mktemp -d "${TMPDIR:-.}/same.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
run() { # RANKS ARGUMENTS...
    local ranks=$1
    shift
    timeout -k 5 600 mpirun --oversubscribe --bind-to none -n "$ranks" "$trunnion" "$@" --quiet
}
sha() { # FILE DATASET...
    /usr/bin/python3 - "$@" <<'END'
import hashlib, h5py, sys
store, digest = h5py.File(sys.argv[1]), hashlib.sha256()
for name in sys.argv[2:]:
    digest.update(store[name][:].tobytes())
print(digest.hexdigest())
END
}
counts() { sha "$1" row_ptr col value row_sums col_sums counts; }
train=(--dim 64 --epochs 2 --shard-size 512)

{
    for ranks in 1 2 3 4 7; do
        run $ranks cooccur "$corpus" -o "$scratch/x.h5" --vocab-size 8192 >"$scratch/out"
        echo "counts    $(counts "$scratch/x.h5")  $ranks ranks"
        for threads in 1 2; do
            run $ranks swivel "$scratch/x.h5" -o "$scratch/e.h5" "${train[@]}" --threads $threads \
                >"$scratch/out"
            echo "embedding $(sha "$scratch/e.h5" embedding)  $ranks ranks, $threads threads"
        done
    done
    # Stop in the first epoch: ask as soon as the program listens.
    rm -f "$scratch/e.h5"
    mpirun --oversubscribe --bind-to none -n 2 "$trunnion" swivel "$scratch/x.h5" \
        -o "$scratch/e.h5" "${train[@]}" >"$scratch/out" 2>"$scratch/err" &
    job=$!
    while ! grep -q '2 ranks' "$scratch/err" && kill -0 $job; do sleep 0.02; done
    kill -USR1 $job
    code=0
    wait $job || code=$?
    stopped=$(grep -o 'stopped in epoch.*round [0-9]*' "$scratch/err" || true)
    echo "# exit $code: $stopped" >&2
    [ $code -eq 85 ]
    run 3 swivel "$scratch/x.h5" -o "$scratch/e.h5" "${train[@]}" --resume must >"$scratch/out"
    echo "embedding $(sha "$scratch/e.h5" embedding)  stopped on 2 ranks, resumed on 3"
} | tee "$scratch/sums"
if [ "$(awk '{print $1, $2}' "$scratch/sums" | sort -u | wc -l)" -ne 2 ]; then
    echo FAILED
    exit 1
fi
echo PASSED
