#!/bin/bash
# What models of few parameters reach: hashes, training with an encoder, and the test split.
#   tests/bench/nodepiece.sh KG_DIR [fb15k237|wn18rr]...
# KG_DIR has FB15k-237 and WN18RR, each with train.txt.gz, valid.txt.gz and test.txt.gz. One line a
# set: parameters, filtered MRR and Hits@10 of the test split, CPU seconds of training. RANKS (2) and
# TRUNNION may be set.
set -euo pipefail
data=$1
shift
trunnion=${TRUNNION:-$(dirname "$0")/../../build/release/trunnion}
export OMP_NUM_THREADS=1
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
scratch=$(mktemp -d "${TMPDIR:-.}/nodepiece.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
run() { mpirun --bind-to none -n "${RANKS:-2}" "$trunnion" "$@" --quiet; }

hash_fb15k237="--anchors 1000 --nearest 12 --relations 12"
train_fb15k237="--model complex --dim 100 --piece-dim 64 --hidden 256 --learning-rate 0.002
    --final-rate 0.05 --epochs 14 --batch-size 1024 --negatives 512"
bar_fb15k237="0.256 3200000"
hash_wn18rr="--anchors 20000 --nearest 8 --relations 4"
train_wn18rr="--model complex --no-reciprocal --dim 200 --piece-dim 96 --hidden 512
    --learning-rate 0.003 --final-rate 0.02 --epochs 30 --batch-size 1024 --negatives 512
    --encoder-dropout 0.1"
bar_wn18rr="0.403 4500000"

[ $# -gt 0 ] || set -- fb15k237 wn18rr
for set in "$@"; do
    case $set in
    fb15k237) folder=FB15k-237 ;;
    wn18rr) folder=WN18RR ;;
    *) echo "$set: neither fb15k237 nor wn18rr" >&2; exit 2 ;;
    esac
    hash=hash_$set train=train_$set bar=bar_$set
    run kg-import --train "$data/$folder/train.txt.gz" --valid "$data/$folder/valid.txt.gz" \
        --test "$data/$folder/test.txt.gz" -o "$scratch/g.h5" >/dev/null
    # shellcheck disable=SC2086 # words
    run nodepiece "$scratch/g.h5" -o "$scratch/n.h5" ${!hash} >/dev/null
    # shellcheck disable=SC2086
    run kg-train "$scratch/g.h5" -o "$scratch/m.h5" --encoder nodepiece --hash "$scratch/n.h5" \
        --optimizer adam --scale 0.3 ${!train} >"$scratch/training"
    run kg-eval "$scratch/m.h5" "$scratch/g.h5" --split test >"$scratch/scores"
    awk -v set="$set" -v bar="${!bar}" '
        { value[$1] = $2 }
        END {
            split(bar, b, " ")
            printf "%-9s parameters %8d  mrr %.4f  hits10 %.4f  cpu_seconds %7.1f  %s\n", set,
                value["parameters"], value["mrr"], value["hits10"], value["cpu_seconds"],
                (value["mrr"] >= b[1] && value["parameters"] <= b[2] ? "PASSED" : "FAILED")
        }' "$scratch/training" "$scratch/scores"
done
