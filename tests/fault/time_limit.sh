# --time-limit: a job saves and ends with 85 ahead of its limit, which Slurm may tell; the runs that go
# on come to the bits of one that had all the time.
. "$(dirname "$0")/../cli/lib_program.sh" || exit 1
need cooccur swivel
need_python
work=$scratch/work
mkdir "$work"

# 10.2 s: of which 10 are for what comes after and a twentieth for the save, so it is time at once.
stop_then_finish() { # OUTPUT DATASET VERB ARGUMENT...
    local whole=$scratch/whole.$1 mine=$work/$1
    expect 0 "$3: no limit" ranks 1 "${@:3}" -o "$whole" --time-limit none || return
    expect 85 "$3: stopped" ranks 2 "${@:3}" -o "$mine" --time-limit 0.17
    expect_only "$3: stopped" "$work" "$1.checkpoint"
    SLURM_JOB_END_TIME=$(($(date +%s) + 9)) \
        expect 85 "$3: stopped by what Slurm says" ranks 3 "${@:3}" -o "$mine" --resume must
    SLURM_JOB_END_TIME=$(($(date +%s) + 9)) \
        expect 0 "$3: finished" ranks 2 "${@:3}" -o "$mine" --resume must --time-limit 1000
    expect_equal "$3: bits after two stops" "$(digest "$whole" "$2")" "$(digest "$mine" "$2")"
    expect_only "$3: finished" "$work" "$1"
    rm -f "$mine"
}

make_corpus "$scratch/corpus.txt" 1000
expect 0 cooccur ranks 1 cooccur "$scratch/corpus.txt" -o "$scratch/c.h5" --min-count 1 || finish
stop_then_finish e.h5 /embedding swivel "$scratch/c.h5" --dim 32 --epochs 20 --shard-size 64
expect 2 "no number" ranks 1 swivel "$scratch/c.h5" -o "$work/e.h5" --time-limit 1h
expect_message "no number" "time-limit: '1h'"
has kg-import && has kg-train && {
    awk 'BEGIN { for (i = 0; i < 900; i++) print "e" i % 300 "\tr" i % 3 "\te" (i * 7) % 300 }' \
        >"$scratch/facts.tsv"
    expect 0 kg-import ranks 1 kg-import --train "$scratch/facts.tsv" -o "$scratch/g.h5" || finish
    for regime in "--negatives 0" "--negatives 16" "--regime bucketed"; do
        # shellcheck disable=SC2086 # a list of words
        stop_then_finish m.h5 /entity/values kg-train "$scratch/g.h5" --dim 16 --epochs 5 $regime
    done
}
finish
