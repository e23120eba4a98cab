#!/bin/bash
# How much of the machine's sgemm rate exact ranking reaches, both measured in turn.
#   tests/bench/kg_eval.sh G.h5 [SPLIT]
# Trains one short ComplEx model of DIM (256) numbers, as ranking's time does not depend on its
# quality, and ranks SPLIT (test) REPEATS (5) times on RANKS (2) ranks of one thread. Scores alone are
# counted: questions x entities x 2 DIM flops. The rate is that of bench gemm, 4096^3 in
# float32 on as many ranks. TRUNNION names the program.
set -euo pipefail
here=$(dirname "$0")
trunnion=${TRUNNION:-$here/../../build/release/trunnion}
graph=$1 split=${2:-test} dim=${DIM:-256} ranks=${RANKS:-2}
export OMP_NUM_THREADS=1
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
model=$(mktemp -d) || exit 1
trap 'rm -rf "$model"' EXIT
run() { mpirun --bind-to core -n "$ranks" "$trunnion" "$@" 2>/dev/null; }
median() { sort -g | awk '{v[NR] = $1} END {print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2}'; }

field() { # NAME, of the JSON object on stdin
    /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

entities=$(run kg-train "$graph" -o "$model/m.h5" --dim "$dim" --epochs 1 --negatives 64 --json |
    field entities)
for _ in $(seq "${REPEATS:-5}"); do
    run kg-eval "$model/m.h5" "$graph" --split "$split" --json >"$model/result"
    field seconds <"$model/result" >>"$model/ours"
    run bench gemm 4096x4096x4096 --dtype f32 --repeat 3 --json |
        /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)["cases"][0]["gflops"])' \
            >>"$model/sgemm"
done
awk -v flops="$((2 * $(field queries <"$model/result") * entities * dim))" -v s="$(median <"$model/ours")" -v rate="$(median <"$model/sgemm")" 'BEGIN {
    printf "kg-eval: %.2f s, %.1f GF/s; sgemm: %.1f GF/s; share %.2f\n",
        s, flops / s / 1e9, rate, flops / s / 1e9 / rate }'
