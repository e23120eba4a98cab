#!/bin/bash
# Quality against CPU seconds: train on, epoch by epoch, and score after each stretch.
#   tests/bench/quality.sh CORPUS EVAL_DIR VOCABULARY "EPOCHS..." [swivel options]
# One line a stretch: epochs, CPU seconds of training so far (all ranks), Spearman of every *.ws.tsv
# and 3CosAdd accuracy of every *.an.tsv in EVAL_DIR. RANKS (2) and TRUNNION may be set.
# A stretch goes on from the checkpoint of the one before, so the whole costs one training.
set -euo pipefail
corpus=$1 eval=$2 vocabulary=$3 stretches=$4
shift 4
trunnion=${TRUNNION:-$(dirname "$0")/../../build/release/trunnion}
export OMP_NUM_THREADS=1
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
scratch=$(mktemp -d "${TMPDIR:-.}/quality.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
run() { mpirun -n "${RANKS:-2}" "$trunnion" "$@" --quiet; }

run cooccur "$corpus" -o "$scratch/x.h5" --vocab-size "$vocabulary" >"$scratch/counting"
awk '$1 ~ /^(tokens|nonzeros|cpu_seconds)$/ {printf "# %s %s\n", $1, $2}' "$scratch/counting"
total=0
for epochs in $stretches; do
    run swivel "$scratch/x.h5" -o "$scratch/e.h5" --epochs "$epochs" \
        --checkpoint "$scratch/state.h5" "$@" >"$scratch/training"
    total=$(awk -v sum="$total" '$1 == "cpu_seconds" {print sum + $2}' "$scratch/training")
    run words-eval "$scratch/e.h5" --similarity "$eval"/*.ws.tsv --analogy "$eval"/*.an.tsv \
        >"$scratch/scores"
    printf 'epochs %3d  cpu_seconds %6.1f ' "$epochs" "$total"
    awk '/^  [a-z0-9]+ +-?[0-9.]+ +[0-9]+ +[0-9]+/ {printf " %s %.4f", $1, $2}' "$scratch/scores"
    echo
done
