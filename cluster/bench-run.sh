#!/bin/sh
# Benchmarks and scaling of this machine or allocation, as one page.
#   sh cluster/bench-run.sh [DIR]      inside a Slurm job or anywhere mpirun works
#   sbatch --ntasks=64 cluster/bench-run.sh DIR
# Runs everything on RANKS numbers of ranks ("1 2 4 ..." up to what there is), writes the event log
# DIR/results.jsonl (default .) and from it DIR/report.html. SIZE scales the work (1: minutes on two
# cores). TRUNNION names the program.
#SBATCH --job-name=trunnion-bench
#SBATCH --time=02:00:00
set -eu
dir=${1:-.} size=${SIZE:-1}
trunnion=${TRUNNION:-trunnion}
if [ -z "${TRUNNION:-}" ] && [ -x "$(dirname "$0")/../build/release/trunnion" ]; then
    trunnion=$(dirname "$0")/../build/release/trunnion
fi
most=${SLURM_NTASKS:-$(env -u OMP_NUM_THREADS nproc)} # which nproc would believe
if [ -z "${RANKS:-}" ]; then
    RANKS='' n=1
    while [ "$n" -lt "$most" ]; do
        RANKS="$RANKS $n" n=$((2 * n))
    done
    RANKS="$RANKS $most"
fi
export OMP_NUM_THREADS=1
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
log=$dir/results.jsonl
rm -f "$log"

on() { # RANKS VERB ARGUMENT...
    ranks=$1
    shift
    echo "$ranks ranks: $*" >&2
    if [ -n "${SLURM_JOB_ID:-}" ] && srun --mpi=list 2>&1 | grep -q pmix; then
        srun --mpi=pmix -K1 -n "$ranks" "$trunnion" "$@" --quiet --log-json "$log" >/dev/null
    else
        mpirun --bind-to core -n "$ranks" "$trunnion" "$@" --quiet --log-json "$log" >/dev/null
    fi
}

n=$((2000 * size))
on 1 bench kg-graph -o "$dir/bench.tsv" --entities $((20000 * size)) --triples $((200000 * size)) \
    --relations 50
on 1 kg-import --train "$dir/bench.tsv" -o "$dir/bench.h5"
for ranks in $RANKS; do
    on "$ranks" bench comm
    on "$ranks" bench gemm "${n}x${n}x${n}" "${n}x${n}x64" --dtype f32
    on "$ranks" bench swivel --dir "$dir"
    on "$ranks" bench store --dir "$dir"
    on "$ranks" kg-train "$dir/bench.h5" -o "$dir/bench-model.h5" --dim 128 --epochs 3
done
"$trunnion" report "$log" -o "$dir/report.html" --quiet
rm -f "$dir/bench.tsv" "$dir/bench.h5" "$dir/bench-model.h5"
