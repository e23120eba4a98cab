# kill -KILL of one rank in the middle of kg-train, again and again, at whatever it is doing; each
# time another number of ranks goes on from the checkpoint, and in the end there are the bits of a
# run that nobody disturbed.
. "$(dirname "$0")/../cli/lib_program.sh"
need kg-import kg-train
need_python
work=$scratch/work
mkdir "$work"
awk 'BEGIN {
    for (i = 0; i < 300; i++)
        for (k = 0; k < 4; k++) print "e" i "\tr" k "\te" (i + 17 * k + 1) % 300
}' >"$scratch/facts.tsv"
expect 0 kg-import ranks 1 kg-import --train "$scratch/facts.tsv" -o "$scratch/g.h5" || finish

train() { # RANKS OUTPUT ARGUMENT...
    ranks "$1" kg-train "$scratch/g.h5" -o "$2" --dim 32 --negatives 64 --epochs 400 --quiet "${@:3}"
}
numbers() { # FILE
    digest "$1" /entity/values /relation/values
}
expect 0 "undisturbed" train 1 "$scratch/whole.h5" || finish

# Start, wait for a first epoch of this run and then for `pause` seconds, kill one rank; every epoch
# saves a checkpoint, so that half of the time goes into that.
kill_one() { # RANKS RANK PAUSE
    local log=$scratch/events.jsonl job victim code=0
    rm -f "$log"
    train "$1" "$work/m.h5" --checkpoint-every 0.00001 --log-json "$log" >"$scratch/out" \
        2>"$scratch/err" &
    job=$!
    for _ in $(seq 600); do
        grep -qs '"epoch"' "$log" && break
        kill -0 $job 2>/dev/null || break
        sleep 0.05
    done
    sleep "$3"
    victim=$(for process in $(pgrep -f "^$TRUNNION kg-train .* $work/m.h5 "); do
        tr '\0' '\n' <"/proc/$process/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$2" && echo "$process"
    done)
    checks=$((checks + 1))
    kill -KILL "$victim" 2>/dev/null || fail "no rank $2 of $1 to kill: the job was too short"
    wait $job || code=$?
    checks=$((checks + 1))
    case $code in 0 | 124) fail "rank $2 of $1 killed, exit code $code" ;; esac
    expect_equal "no result after the kill" no "$([ -e "$work/m.h5" ] && echo yes || echo no)"
}

turn=0
for n in 2 3 1 4 2 3 2 1 3 2; do
    kill_one "$n" $((turn % n)) "0.$((turn * 37 % 10))$((turn % 7))"
    turn=$((turn + 1))
done
grep -o '"epoch":[^,]*' "$scratch/events.jsonl" | tail -n 1
expect 0 "the last one is left alone" train 3 "$work/m.h5" --resume must
expect_equal "bits after $turn kills" "$(numbers "$scratch/whole.h5")" "$(numbers "$work/m.h5")"
expect_only "the finished run" "$work" m.h5
finish
