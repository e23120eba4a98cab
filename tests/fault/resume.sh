# A job that USR1 stops (exit code 85) and that goes on with another number of ranks ends with the
# bits of one that was never stopped.
. "$(dirname "$0")/../cli/lib_program.sh" || exit 1
need cooccur swivel
need_python
limit=300
make_corpus "$scratch/corpus.txt" 3000
expect 0 cooccur ranks 1 cooccur "$scratch/corpus.txt" -o "$scratch/c.h5" --min-count 1 || finish
work=$scratch/work
mkdir "$work"

train() { # RANKS OUTPUT ARGUMENT...
    ranks "$1" swivel "$scratch/c.h5" -o "$2" --dim 64 --epochs 150 --shard-size 64 \
        --checkpoint-every 0 "${@:3}"
}

# Start, wait for the end of an epoch, stop; sets $code.
train_and_stop() { # RANKS ARGUMENT...
    local log=$scratch/events.jsonl job mpirun_pid
    rm -f "$log"
    train "$1" "$work/e.h5" --log-json "$log" "${@:2}" >"$scratch/out" 2>"$scratch/err" &
    job=$!
    for _ in $(seq 600); do
        grep -qs '"epoch"' "$log" && break
        kill -0 $job 2>/dev/null || break
        sleep 0.1
    done
    # The subshell runs timeout, which runs mpirun, which hands USR1 to the ranks.
    mpirun_pid=$(mpirun_of $job)
    kill -USR1 "$mpirun_pid" 2>/dev/null || fail "nothing left to stop: the job was too short"
    code=0
    wait $job || code=$?
}

expect 0 "uninterrupted run" train 1 "$scratch/whole.h5" || finish
whole=$(digest "$scratch/whole.h5" /embedding /vocab)

expect 0 "saved behind" ranks 2 swivel "$scratch/c.h5" -o "$work/e.h5" --dim 64 --epochs 150 \
    --shard-size 64 --checkpoint-every 0.002 --save-behind
expect_equal "bits when saved behind" "$whole" "$(digest "$work/e.h5" /embedding /vocab)"
expect_only "saved behind" "$work" e.h5
rm "$work/e.h5"

train_and_stop 2
expect_equal "exit code of the stopped run on 2 ranks" 85 "$code"
expect_only "the stopped run" "$work" e.h5.checkpoint
expect "2|3" "resumed with other settings" train 1 "$work/e.h5" --seed 99 --resume auto
expect_message "resumed with other settings" checkpoint
train_and_stop 3 --resume must
expect_equal "exit code of the stopped run on 3 ranks" 85 "$code"
expect 0 "resumed on 4 ranks" train 4 "$work/e.h5" --resume must
expect_equal "bits after two stops" "$whole" "$(digest "$work/e.h5" /embedding /vocab)"
expect_only "the finished run" "$work" e.h5

expect 3 "--resume must without a checkpoint" train 2 "$work/other.h5" --resume must
expect_message "--resume must without a checkpoint" checkpoint
finish
