#!/bin/bash
# Training steps of the knowledge-graph models beside torch's, in turn, at the same sizes.
#   tests/bench/kg.sh [MODEL...]
# One line a model: medians over REPEATS (5) runs of triples a CPU second of kg-train's own epochs
# (`bench kg`) and of torch, the ratio, and peak resident MB. Sizes are ENTITIES (14541), RELATIONS
# (237), DIM (256; TransR 64), BATCH (1024 questions) and NEGATIVES (1024 entities that a batch
# shares). CPU pins all to one processor; TRUNNION names the program. Needs python3-torch.
set -euo pipefail
if [ $# -eq 0 ]; then set -- transe transh transr toruse distmult complex rotate; fi
here=$(dirname "$0")
trunnion=${TRUNNION:-$here/../../build/release/trunnion}
entities=${ENTITIES:-14541} relations=${RELATIONS:-237} repeats=${REPEATS:-5}
batch=${BATCH:-1024} negatives=${NEGATIVES:-1024}
export OMP_NUM_THREADS=1
if ! /usr/bin/python3 -c 'import torch' 2>/dev/null; then
    echo "skipped: no python3-torch"
    exit 77
fi
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
pin=()
if [ -n "${CPU:-}" ]; then pin=(taskset -c "$CPU"); fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# "triples_a_cpu_second peak_rss_mb" of one run.
ours() {
    "${pin[@]}" "$trunnion" bench kg --model "$1" --dim "$dim" --batch "$batch" --repeats 1 \
        --negatives "$negatives" --entities "$entities" --relations "$relations" --dir "$scratch" \
        --json --quiet 2>/dev/null |
        /usr/bin/python3 -c 'import json, sys
c = json.load(sys.stdin)["cases"][0]
assert c["verdict"] == "PASSED", c
print(c["triples_per_cpu_s"], c["peak_rss_mb"])'
}
rival() {
    "${pin[@]}" /usr/bin/python3 "$here/kg_rival.py" "$1" "$entities" "$relations" "$dim" "$batch" \
        "$negatives" "${STEPS:-8}" | awk '{print $3, $4}'
}
# Median of column $2 of lines $1.
median() {
    awk -v c="$2" '{print $c}' <<<"$1" | sort -g |
        awk '{v[NR] = $1} END {print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2}'
}

echo "# entities $entities relations $relations batch $batch negatives $negatives repeats $repeats"
echo "# model   dim     ours    torch    ratio  mb_ours mb_torch"
for model; do
    dim=${DIM:-256}
    [ "$model" = transr ] && dim=${DIM:-64}
    us='' torch=''
    for _ in $(seq "$repeats"); do
        us+=$(ours "$model")$'\n'
        torch+=$(rival "$model")$'\n'
    done
    awk -v m="$model" -v d="$dim" -v x="$(median "${us%$'\n'}" 1) $(median "${us%$'\n'}" 2)" \
        -v y="$(median "${torch%$'\n'}" 1) $(median "${torch%$'\n'}" 2)" 'BEGIN {
            split(x, o); split(y, p)
            printf "%-8s %4d %8.0f %8.0f %8.1f %8.0f %8.0f\n", m, d, o[1], p[1], o[1] / p[1], o[2], p[2]
        }'
done
