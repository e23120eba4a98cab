# Two jobs cannot write one output or checkpoint: the second is told who holds it. What a killed job
# left behind hinders nobody.
. "$(dirname "$0")/../cli/lib_program.sh" || exit 1
need cooccur swivel
make_corpus "$scratch/corpus.txt" 300
expect 0 cooccur ranks 1 cooccur "$scratch/corpus.txt" -o "$scratch/c.h5" --min-count 1 || finish
work=$scratch/work
mkdir "$work"

train() { # EPOCHS ARGUMENT...
    "$TRUNNION" swivel "$scratch/c.h5" --dim 64 --shard-size 64 --epochs "$1" "${@:2}"
}
start() { # ARGUMENT...: a job that goes on until it is stopped, in the background; sets $job
    rm -f "$scratch/log"
    SLURM_JOB_ID=17 train 100000 --log-json "$scratch/log" "$@" >"$scratch/first" 2>&1 &
    job=$!
    for _ in $(seq 600); do
        grep -qs '"epoch"' "$scratch/log" && break
        sleep 0.05
    done
    job=$(pgrep -P $job -x trunnion || echo $job)
}
stop() { # SIGNAL
    kill "-$1" "$job"
    wait
}

start -o "$work/e.h5"
for p in 1 2; do
    expect 5 "second job" ranks $p swivel "$scratch/c.h5" -o "$work/e.h5"
    expect_message "second job" \
        "e.h5.lock: is held by job 17, process $job on $(hostname) since .*Z; wait for it"
done
stop USR1
expect_only "first job stopped" "$work" e.h5.checkpoint
start -o "$work/e.h5" --checkpoint "$work/shared"
expect 5 "same checkpoint" ranks 2 swivel "$scratch/c.h5" -o "$work/f.h5" --checkpoint "$work/shared"
expect_message "same checkpoint" "shared.lock: is held by job 17"
stop KILL
expect_equal "what the killed job left" yes "$([ -e "$work/e.h5.lock" ] && echo yes || echo no)"
expect 0 "after a killed job" ranks 2 swivel "$scratch/c.h5" -o "$work/e.h5" --resume never --epochs 1
expect_equal "its lock" no "$([ -e "$work/e.h5.lock" ] && echo yes || echo no)"
finish
