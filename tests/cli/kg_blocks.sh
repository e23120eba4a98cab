# kg-train --regime bucketed from outside: the same numbers on any number of ranks, also stopped after
# epoch 2 on 2 ranks and resumed on 3; more ranks than blocks; what it refuses.
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
    beside "--dim 32 --negatives 20 --batch-size 64 --entity-blocks 8" "${@:3}"
    ranks "$1" kg-train "$scratch/g.h5" -o "$2" --regime bucketed --checkpoint-every 0 \
        "${usual[@]}" "${@:3}"
}
numbers() { # FILE
    digest "$1" /entity/values /relation/values /entity/names /relation/names
}

for model in transe complex; do
    wanted=
    for n in 1 2 3 4 7; do
        rm -f "$work"/m.h5*
        expect 0 "$model on $n ranks" train $n "$work/m.h5" --model $model --epochs 3 || continue
        [ -n "$wanted" ] || wanted=$(numbers "$work/m.h5")
        expect_equal "$model: bits on $n ranks" "$wanted" "$(numbers "$work/m.h5")"
        expect_only "$model on $n ranks" "$work" m.h5
    done
done
rm -f "$work"/*

# Stop after some epochs on 2 ranks, go on with 3 ----------------------------------------------------
long="--epochs 60 --optimizer adam --learning-rate 0.01"
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
expect 2 "resumed in the other regime" ranks 1 kg-train "$scratch/g.h5" -o "$work/m.h5" --dim 32 \
    --negatives 20 --batch-size 64 --entity-blocks 8 --checkpoint-every 0 $long
expect_message "resumed in the other regime" checkpoint
# shellcheck disable=SC2086
expect 0 "resumed on 3 ranks" train 3 "$work/m.h5" $long --resume must
expect_equal "bits after a stop" "$(numbers "$scratch/whole.h5")" "$(numbers "$work/m.h5")"
expect_only "the finished run" "$work" m.h5
rm -f "$work"/*

# More ranks than blocks: said once, and no other numbers --------------------------------------------
expect 0 "one block, one rank" train 1 "$work/a.h5" --epochs 2 --entity-blocks 1
expect 0 "one block, three ranks" train 3 "$work/b.h5" --epochs 2 --entity-blocks 1
expect_equal "lines about idle ranks" 1 "$(grep -c 'will be idle' "$scratch/err")"
expect_equal "bits of one block" "$(numbers "$work/a.h5")" "$(numbers "$work/b.h5")"
rm -f "$work"/*

# Bad arguments leave nothing behind -----------------------------------------------------------------
expect 2 "no negatives" train 2 "$work/m.h5" --negatives 0
expect_message "no negatives" "--negatives"
expect 4 "too little memory" train 2 "$work/m.h5" --memory 1M
expect_only "nothing left behind" "$work"
finish
