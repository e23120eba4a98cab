#!/bin/bash
# What checkpoints cost a training: triples a second without any, with one every EVERY (30) seconds,
# and with as many that are written behind, in turn.
#   tests/bench/saves.sh G.h5
# ComplEx of DIM (1024) numbers on RANKS (2) ranks of one thread, EPOCHS (4) epochs, REPEATS (3)
# times; prints medians, the shares of the first, and how many megabytes a checkpoint has. The machine
# should be quiet, and DIR (default .) on the disk in question. TRUNNION names the program.
set -euo pipefail
here=$(dirname "$0")
trunnion=${TRUNNION:-$here/../../build/release/trunnion}
graph=$1 dir=${DIR:-.}
minutes=$(awk -v s="${EVERY:-30}" 'BEGIN { print s / 60 }')
export OMP_NUM_THREADS=1
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
work=$(mktemp -d -p "$dir") || exit 1
trap 'rm -rf "$work"' EXIT
rate() { # ARGUMENT...
    mpirun --bind-to core -n "${RANKS:-2}" "$trunnion" kg-train "$graph" -o "$work/m.h5" --json \
        --dim "${DIM:-1024}" --negatives 256 --epochs "${EPOCHS:-4}" --resume never --quiet \
        --checkpoint "$work/c.h5" "$@" |
        /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["triples_per_second"])'
}
median() { sort -g "$work/$1" | awk '{v[NR] = $1} END {print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2}'; }
for _ in $(seq "${REPEATS:-3}"); do
    rate --checkpoint-every 0 >>"$work/none"
    rate --checkpoint-every "$minutes" >>"$work/waiting"
    rate --checkpoint-every "$minutes" --save-behind >>"$work/behind"
done
awk -v none="$(median none)" -v waiting="$(median waiting)" -v behind="$(median behind)" \
    -v bytes="$(stat -c %s "$work/c.h5")" 'BEGIN {
        printf "no saves %.0f triples/s, waiting %.0f (%.3f), behind %.0f (%.3f); %.0f MB each\n",
            none, waiting, waiting / none, behind, behind / none, bytes / 1e6 }'
