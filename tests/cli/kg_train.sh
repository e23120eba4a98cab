# kg-train from outside: the same file on any number of ranks, stopped by USR1 and resumed on others,
# and every class of bad argument.
. "$(dirname "$0")/lib_program.sh" || exit 1
need kg-import kg-train
need_python
limit=100
work=$scratch/work
mkdir "$work"

# 300 entities; relation k leads from i to i + 17 k + 1.
awk 'BEGIN {
    for (i = 0; i < 300; i++)
        for (k = 0; k < 8; k++) print "e" i "\tr" k "\te" (i + 17 * k + 1) % 300
}' >"$scratch/train.tsv"
expect 0 kg-import ranks 1 kg-import --train "$scratch/train.tsv" -o "$scratch/g.h5" || finish

train() { # RANKS OUTPUT ARGUMENT...
    beside "--dim 32" "${@:3}"
    ranks "$1" kg-train "$scratch/g.h5" -o "$2" --checkpoint-every 0 "${usual[@]}" "${@:3}"
}
numbers() { # FILE
    digest "$1" /entity/values /relation/values /entity/names /relation/names
}

for negatives in "0 --filtered --regularizer n3" "150 --self-negative --filtered --regularizer dura"; do
    wanted=
    for n in 1 2 3 4 7; do
        rm -f "$work"/m.h5*
        # shellcheck disable=SC2086 # words
        expect 0 "$negatives negatives, $n ranks" train $n "$work/m.h5" --negatives $negatives \
            --epochs 3 || continue
        [ -n "$wanted" ] || wanted=$(numbers "$work/m.h5")
        expect_equal "$negatives negatives: bits on $n ranks" "$wanted" "$(numbers "$work/m.h5")"
        expect_only "$negatives negatives, $n ranks" "$work" m.h5
    done
done
rm -f "$work"/*

# Stop after some epochs on 2 ranks, go on with 3 -----------------------------------------------------
long="--negatives 0 --epochs 60 --optimizer adam --learning-rate 0.01"
# shellcheck disable=SC2086 # words
expect 0 "uninterrupted run" train 1 "$scratch/whole.h5" $long || finish
log=$scratch/events.jsonl
: >"$log"
# shellcheck disable=SC2086
train 2 "$work/m.h5" $long --log-json "$log" >"$scratch/out" 2>"$scratch/err" &
job=$!
for _ in $(seq 600); do
    [ "$(grep -c '"epoch"' "$log")" -ge 2 ] && break
    kill -0 $job 2>/dev/null || break
    sleep 0.05
done
# The subshell runs timeout, which runs mpirun, which hands USR1 to the ranks.
mpirun_pid=$(mpirun_of $job)
kill -USR1 "$mpirun_pid" 2>/dev/null || fail "nothing left to stop: the job was too short"
code=0
wait $job || code=$?
expect_equal "exit code of the stopped run" 85 "$code"
expect_only "the stopped run" "$work" m.h5.checkpoint
# shellcheck disable=SC2086
expect 2 "resumed with other settings" train 1 "$work/m.h5" $long --seed 99
expect_message "resumed with other settings" "other settings: --seed [0-9]*, now 99; give the same ones"
# shellcheck disable=SC2086
expect 0 "resumed on 3 ranks" train 3 "$work/m.h5" $long --resume must
expect_equal "bits after a stop" "$(numbers "$scratch/whole.h5")" "$(numbers "$work/m.h5")"
expect_only "the finished run" "$work" m.h5
rm -f "$work"/*

# Checkpoints written behind change nothing -----------------------------------------------------------
for n in 1 3; do
    # shellcheck disable=SC2086
    expect 0 "saved behind, $n ranks" ranks $n kg-train "$scratch/g.h5" -o "$work/m.h5" --dim 32 \
        $long --checkpoint-every 0.00001 --save-behind
    expect_equal "saved behind, $n ranks" "$(numbers "$scratch/whole.h5")" "$(numbers "$work/m.h5")"
    expect_only "saved behind, $n ranks" "$work" m.h5
done
rm -f "$work"/*

# The best model by the valid split is the result, also after a stop ----------------------------------
awk 'BEGIN {for (i = 0; i < 300; i += 7) print "e" i "\tr2\te" (i + 35) % 300}' >"$scratch/valid.tsv"
expect 0 kg-import ranks 1 kg-import --train "$scratch/train.tsv" --valid "$scratch/valid.tsv" \
    -o "$scratch/v.h5" || finish
look() { # RANKS ARGUMENT...
    ranks "$1" kg-train "$scratch/v.h5" -o "$work/v.h5" --dim 32 --negatives 50 --epochs 40 \
        --learning-rate 0.5 --valid-every 2 --patience 3 --checkpoint-every 0 --json "${@:2}"
}
value() { # KEY of the last answer
    /usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' \
        "$scratch/out" "$1"
}
wanted=
for n in 1 3; do
    rm -f "$work"/*
    expect 0 "valid split, $n ranks" look $n || continue
    now="$(value valid_mrr) $(value best_epoch) $(numbers "$work/v.h5")"
    [ -n "$wanted" ] || wanted=$now
    expect_equal "valid split: the same on $n ranks" "$wanted" "$now"
    expect_only "valid split, $n ranks" "$work" v.h5
done
expect_equal "it ended when patience did" "$(value epochs)" "$(($(value best_epoch) + 6))"
mrr=$(value valid_mrr)
expect 0 "kg-eval of the best model" ranks 2 kg-eval "$work/v.h5" "$scratch/v.h5" --split valid --json
expect_equal "MRR of the best model" "$mrr" "$(value mrr)"
rm -f "$work"/*

# Start from another model's vectors -------------------------------------------------------------------
expect 0 "a model to start from" train 1 "$scratch/first.h5" --negatives 50 --epochs 2 || finish
wanted=
for n in 1 3; do
    rm -f "$work"/*
    expect 0 "started on $n ranks" train $n "$work/m.h5" --start-from "$scratch/first.h5" \
        --negatives 0 --epochs 1 --learning-rate 1e-9
    [ -n "$wanted" ] || wanted=$(numbers "$work/m.h5")
    expect_equal "started: bits on $n ranks" "$wanted" "$(numbers "$work/m.h5")"
done
expect_equal "with hardly a step the vectors are the first ones" yes "$(
    /usr/bin/python3 -c 'import h5py, sys
a, b = (h5py.File(f)["/entity/values"][:] for f in sys.argv[1:])
print("yes" if abs(a - b).max() < 1e-6 else "no")' "$scratch/first.h5" "$work/m.h5")"
rm -f "$work"/*
expect 3 "started from another size" train 2 "$work/m.h5" --start-from "$scratch/first.h5" \
    --no-reciprocal
expect_message "started from another size" "--reciprocal"

# Presets: options that exist with values that may be, all of them; those given beside one win -------------
expect 0 "presets" "$TRUNNION" kg-train --preset list --quiet
cp "$scratch/out" "$scratch/presets"
presets=$(awk '{ print $1 }' "$scratch/presets")
expect_equal "the list has presets" wn18rr-rotate "$(grep -x wn18rr-rotate <<<"$presets")"
for preset in $presets; do
    expect 0 "$preset" "$TRUNNION" kg-train "$scratch/g.h5" -o "$work/m.h5" --preset "$preset" \
        --dry-run --quiet
done
options=$(awk '$1 == "wn18rr-rotate" { $1 = ""; print }' "$scratch/presets") # as they are to be given
# shellcheck disable=SC2086 # a list of words
expect 0 "the list's options" "$TRUNNION" kg-train "$scratch/g.h5" -o "$work/m.h5" $options --dry-run --quiet
parameters() { # PRESET ARGUMENT...
    expect 0 "$*" train 1 "$work/m.h5" --epochs 1 --batch-size 64 --negatives 8 --preset "$@" || return
    /usr/bin/python3 -c 'import h5py, json, sys
p = json.loads(h5py.File(sys.argv[1]).attrs["params"])
print(p["model"], p["dim"], p["epochs"], p["final-rate"])' "$work/m.h5"
    rm -f "$work"/*
}
expect_equal "a preset, and options beside it" "complex 32 1 0.05" "$(parameters wn18rr-complex)"
expect_equal "a preset's model gives way" "distmult 32 1 0.05" "$(
    parameters wn18rr-complex --model distmult)"
expect 2 "an unknown preset" train 1 "$work/m.h5" --preset wn18
expect_message "an unknown preset" "--preset: 'wn18' is none"

# Where everything is an answer, nothing is a rival ---------------------------------------------------
awk 'BEGIN {for (i = 0; i < 12; i++) for (j = 0; j < 12; j++) print "e" i "\tr\te" j}' >"$scratch/all.tsv"
expect 0 kg-import ranks 1 kg-import --train "$scratch/all.tsv" -o "$scratch/all.h5" || finish
without=() with=()
one_loss() { # ARGUMENT...
    expect 0 "$*" ranks 2 kg-train "$scratch/all.h5" -o "$work/m.h5" --model distmult --dim 8 \
        --scale 1 --epochs 1 "$@"
    awk '$1 == "loss" { print $2 }' "$scratch/out"
    rm -f "$work"/*
}
for how in "softmax --negatives 0" "softmax --negatives 6 --self-negative" \
    "margin --margin 0 --negatives 6 --self-negative" "adversarial --negatives 6" "bce --negatives 6"; do
    # shellcheck disable=SC2086 # words
    with+=("$(one_loss --loss $how)") without+=("$(one_loss --loss $how --filtered)")
done
expect_equal "losses without a rival" "0 0 0" "${without[*]:0:3}"
expect_equal "losses with rivals" 5 "$(paste <(printf '%s\n' "${without[@]}") \
    <(printf '%s\n' "${with[@]}") | awk '$1 < $2' | wc -l)"

# Bad arguments leave nothing behind ------------------------------------------------------
expect 2 "an odd dimension" train 2 "$work/m.h5" --dim 33
expect_message "an odd dimension" "even number"
expect 2 "a norm it has not" train 2 "$work/m.h5" --norm e
expect_message "a norm it has not" "--norm"
expect 3 "no valid split" train 2 "$work/m.h5" --valid-every 1
expect_message "no valid split" "/valid"
expect 2 "a projection of all entities" train 2 "$work/m.h5" --model transr --negatives 0
expect_message "a projection of all entities" "--negatives"
expect 2 "a margin over all entities" train 2 "$work/m.h5" --loss margin --negatives 0
expect_message "a margin over all entities" "--loss"
while read -r option other; do
    # shellcheck disable=SC2086 # words
    expect 2 "$option $other" train 2 "$work/m.h5" $option $other
    expect_message "$option $other" "$option"
done <<END
--self-negative --negatives 0
--self-negative --regime bucketed
--self-negative --encoder nodepiece
--filtered --all-answers --negatives 0
--smoothing 0.1 --filtered --negatives 0
--filtered --regime bucketed
--filtered --encoder nodepiece
END
expect 2 "products of distances" train 2 "$work/m.h5" --model rotate --regularizer dura
expect_message "products of distances" "dura"
expect 6 "a rate that blows up" train 3 "$work/m.h5" --learning-rate 1e20 --epochs 5
expect_message "a rate that blows up" "not finite"
expect 3 "no graph" ranks 2 kg-train "$scratch/train.tsv" -o "$work/m.h5"
expect 3 "no checkpoint" train 2 "$work/m.h5" --resume must
expect 4 "too little memory" train 2 "$work/m.h5" --memory 1M
expect 0 "dry run" train 2 "$work/m.h5" --dry-run --json
expect_equal "bytes in the answer" yes "$(grep -q bytes_per_rank "$scratch/out" && echo yes)"
expect_only "nothing left behind" "$work"
finish
