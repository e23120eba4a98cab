#!/bin/bash
# One training step of the translational models beside torch's, in turn, at the same sizes.
#   tests/bench/kg.sh [DIM [BATCH [STEPS [MODEL...]]]]
# One line a model: positives a CPU second of ours, of torch with dense gathers, of torch with
# SpTransX's incidence matrix, and ours over the better of the two. Needs python3-torch; TransR takes
# 4 BATCH DIM^2 bytes there. ENTITIES, RELATIONS and TRUNNION may be set.
set -euo pipefail
dim=${1:-256} batch=${2:-32768} steps=${3:-3}
shift $(($# < 3 ? $# : 3))
if [ $# -eq 0 ]; then set -- transe transh toruse; fi
here=$(dirname "$0")
trunnion=${TRUNNION:-$here/../../build/release/trunnion}
entities=${ENTITIES:-14541} relations=${RELATIONS:-237}
export OMP_NUM_THREADS=1
if ! /usr/bin/python3 -c 'import torch' 2>/dev/null; then
    echo "skipped: no python3-torch"
    exit 77
fi
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
rival() {
    /usr/bin/python3 "$here/kg_rival.py" "$1" "$2" "$entities" "$relations" "$dim" "$batch" \
        "$steps" | awk '{print $4}'
}

echo "# dim $dim batch $batch steps $steps entities $entities relations $relations"
echo "# model ours dense sparse ratio"
for model; do
    ours=$("$trunnion" bench kg --model "$model" --dim "$dim" --batch "$batch" \
        --repeats "$steps" --entities "$entities" --relations "$relations" --json |
        /usr/bin/python3 -c \
            'import json, sys; print(json.load(sys.stdin)["cases"][0]["positives_per_cpu_s"])')
    dense=$(rival "$model" dense)
    sparse=$(rival "$model" sparse)
    awk -v m="$model" -v o="$ours" -v d="$dense" -v s="$sparse" \
        'BEGIN {printf "%-8s %9.0f %9.0f %9.0f %6.1f\n", m, o, d, s, o / (d > s ? d : s)}'
done
