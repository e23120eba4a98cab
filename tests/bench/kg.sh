#!/bin/bash
# One training step of the knowledge-graph models beside torch's, in turn, at the same sizes.
#   tests/bench/kg.sh [MODEL...]
# One line a model: medians over REPEATS (5) runs of STEPS (3) steps of positives a CPU second of
# ours, of torch with dense gathers, and of torch with SpTransX's incidence matrix (- where there is
# none); ours over each; peak resident MB of the three. Sizes are ENTITIES (14541), RELATIONS (237),
# DIM (256) and BATCH (32768); for TransR, whose dense form takes 8 BATCH DIM^2 bytes and more, DIM
# is 128 and BATCH 8192 unless set. CPU pins all to one processor; TRUNNION names the program. Needs
# python3-torch.
set -euo pipefail
if [ $# -eq 0 ]; then set -- transe transh transr toruse distmult complex rotate; fi
here=$(dirname "$0")
trunnion=${TRUNNION:-$here/../../build/release/trunnion}
entities=${ENTITIES:-14541} relations=${RELATIONS:-237} steps=${STEPS:-3} repeats=${REPEATS:-5}
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

# "positives_a_cpu_second peak_rss_mb" of one run.
ours() {
    "${pin[@]}" "$trunnion" bench kg --model "$1" --dim "$dim" --batch "$batch" \
        --repeats "$steps" --entities "$entities" --relations "$relations" --json 2>/dev/null |
        /usr/bin/python3 -c 'import json, sys
c = json.load(sys.stdin)["cases"][0]
assert c["verdict"] == "PASSED", c
print(c["positives_per_cpu_s"], c["peak_rss_mb"])'
}
rival() {
    "${pin[@]}" /usr/bin/python3 "$here/kg_rival.py" "$1" "$2" "$entities" "$relations" "$dim" \
        "$batch" "$steps" | awk '{print $4, $5}'
}
# Median of column $2 of lines $1.
median() {
    awk -v c="$2" '{print $c}' <<<"$1" | sort -g |
        awk '{v[NR] = $1} END {print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2}'
}

echo "# entities $entities relations $relations steps $steps repeats $repeats"
echo "# model   dim batch     ours    dense   sparse ours/dense ours/sparse mb_ours mb_dense mb_sparse"
for model; do
    dim=${DIM:-256} batch=${BATCH:-32768} form=sparse
    case $model in
        transr) dim=${DIM:-128} batch=${BATCH:-8192} ;;
        distmult | complex | rotate) form= ;;
    esac
    us='' dense='' sparse=''
    for _ in $(seq "$repeats"); do
        us+=$(ours "$model")$'\n'
        dense+=$(rival "$model" dense)$'\n'
        if [ -n "$form" ]; then sparse+=$(rival "$model" sparse)$'\n'; fi
    done
    awk -v m="$model" -v d="$dim" -v b="$batch" -v form="$form" \
        -v x="$(median "${us%$'\n'}" 1) $(median "${us%$'\n'}" 2)" \
        -v y="$(median "${dense%$'\n'}" 1) $(median "${dense%$'\n'}" 2)" \
        -v z="$(median "${sparse%$'\n'}" 1) $(median "${sparse%$'\n'}" 2)" 'BEGIN {
            split(x, o); split(y, p); split(z, q)
            printf "%-8s %4d %5d %8.0f %8.0f ", m, d, b, o[1], p[1]
            if (form) printf "%8.0f %10.1f %11.1f", q[1], o[1] / p[1], o[1] / q[1]
            else printf "%8s %10.1f %11s", "-", o[1] / p[1], "-"
            printf " %7.0f %8.0f %9s\n", o[2], p[2], form ? q[2] : "-"
        }'
done
