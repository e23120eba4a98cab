# Ctrl-C: one INT ends the job within seconds, with a checkpoint to go on from and no half output.
. "$(dirname "$0")/../cli/lib_program.sh"
need cooccur swivel
make_corpus "$scratch/corpus.txt" 1000
expect 0 cooccur ranks 1 cooccur "$scratch/corpus.txt" -o "$scratch/c.h5" --min-count 1 || finish
work=$scratch/work
mkdir "$work"

# On INT mpirun waits for this many seconds, sends TERM to the ranks, waits again, sends KILL; and all
# the while it reads none of their output, hence --quiet: a rank must not block on its log.
export OMPI_MCA_odls_base_sigkill_timeout=4
# VERB ARGUMENT...: a job long enough, writing e.h5 to $work.
interrupt() {
    local p log launcher job guard code
    for p in 1 2; do
        log=$scratch/$1$p.jsonl
        if [ $p -eq 1 ]; then launcher=""; else launcher="mpirun --oversubscribe --bind-to none -n $p"; fi
        # Background jobs of a script ignore INT, unless env gives them the default back.
        # shellcheck disable=SC2086 # a list of words
        env --default-signal=INT $launcher "$TRUNNION" "$@" -o "$work/e.h5" --resume never --quiet \
            --log-json "$log" >"$scratch/out" 2>"$scratch/err" &
        job=$!
        for _ in $(seq 600); do
            grep -qs '"epoch"' "$log" && break
            sleep 0.1
        done
        kill -INT $job
        (sleep 60 && kill -KILL $job 2>/dev/null) &
        guard=$!
        code=0
        wait $job || code=$?
        kill $guard 2>/dev/null
        # mpirun answers 1 to a TERM that it sent itself, whatever the ranks return.
        if [ $p -eq 1 ]; then expect_equal "$1: exit code after INT, no mpirun" 85 "$code"; fi
        checks=$((checks + 1))
        case $code in
        0 | 137) fail "$1: INT on $p ranks: exit code $code" ;;
        esac
        expect_only "$1: INT on $p ranks" "$work" e.h5.checkpoint
        rm -rf "${work:?}"/*
    done
}

interrupt swivel "$scratch/c.h5" --dim 64 --epochs 20000 --shard-size 64
has kg-import && has kg-train && {
    awk 'BEGIN { for (i = 0; i < 900; i++) print "e" i % 300 "\tr" i % 3 "\te" (i * 7) % 300 }' \
        >"$scratch/facts.tsv"
    expect 0 kg-import ranks 1 kg-import --train "$scratch/facts.tsv" -o "$scratch/g.h5" || finish
    interrupt kg-train "$scratch/g.h5" --dim 64 --epochs 100000
}
finish
