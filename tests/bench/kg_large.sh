#!/bin/bash
# A graph too big for one small machine's toy: made up, imported, one epoch trained in entity blocks.
#   tests/bench/kg_large.sh [DIR]
# ENTITIES (5000000), TRIPLES (50000000), RELATIONS (1000), DIM (64) and RANKS (2) may be set; DIR
# (default .) needs about 100 bytes a triple. Prints seconds and, of the busiest rank, the peak that
# --dry-run foretold and the one that was measured, in bytes; TRUNNION names the program.
set -euo pipefail
here=$(dirname "$0")
trunnion=${TRUNNION:-$here/../../build/release/trunnion}
dir=${1:-.} ranks=${RANKS:-2}
export OMP_NUM_THREADS=1
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
run() { mpirun --bind-to core -n "$ranks" "$trunnion" "$@"; }
field() { # NAME, of the JSON object on stdin
    /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}
trap 'rm -f "$dir/large.tsv" "$dir/large.h5" "$dir/large-model.h5"' EXIT

run bench kg-graph -o "$dir/large.tsv" --entities "${ENTITIES:-5000000}" \
    --triples "${TRIPLES:-50000000}" --relations "${RELATIONS:-1000}" 2>/dev/null | grep ^TRN
start=$(date +%s)
run kg-import --train "$dir/large.tsv" -o "$dir/large.h5" --json >"$dir/large.tsv.json"
echo "import: $(field train <"$dir/large.tsv.json") triples, $(($(date +%s) - start)) s"
rm -f "$dir/large.tsv" "$dir/large.tsv.json"

train() {
    run kg-train "$dir/large.h5" -o "$dir/large-model.h5" --model complex --dim "${DIM:-64}" \
        --regime bucketed --negatives 256 --epochs 1 --json "$@" 2>/dev/null
}
foretold=$(train --dry-run | field bytes_per_rank)
result=$(train)
peak=$(field peak_rss <<<"$result")
echo "train: $(field seconds <<<"$result") s, $(field triples_per_second <<<"$result") triples/s," \
    "$(field cpu_seconds <<<"$result") CPU s"
awk -v a="$foretold" -v b="$peak" \
    'BEGIN { printf "peak: foretold %d, measured %d bytes a rank, ratio %.3f\n", a, b, a / b }'
