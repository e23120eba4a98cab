# Ctrl-C: one INT ends the job within seconds, with no half output, and where a verb can be gone on
# with, with a checkpoint.
. "$(dirname "$0")/../cli/lib_program.sh" || exit 1
need cooccur swivel
need_python
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

# FILE VERB ARGUMENT...: a job that writes FILE in $work and cannot be gone on with. Once it has begun
# (the lock is there) or, with `half`, has a temporary file, it gets the INT; with mpirun, which would
# wait first, its ranks get what srun or scancel sends them.
export OMPI_MCA_odls_base_sigkill_timeout=1
end() { # WHEN FILE VERB ARGUMENT...
    local p code job launcher pattern=$work/$2.lock
    [ "$1" = begun ] || pattern="$work/$2.tmp.*"
    for p in 1 2; do
        if [ $p -eq 1 ]; then launcher=""; else launcher="mpirun --oversubscribe --bind-to none -n $p"; fi
        # shellcheck disable=SC2086 # a list of words
        env --default-signal=INT $launcher "$TRUNNION" "${@:3}" -o "$work/$2" >"$scratch/out" \
            2>"$scratch/err" &
        job=$!
        for _ in $(seq 2000); do
            compgen -G "$pattern" >/dev/null && break
            sleep 0.01
        done
        if [ $p -eq 1 ]; then kill -INT $job; else pkill -TERM -P $job -x trunnion; fi
        code=0
        wait $job || code=$?
        if [ $p -eq 1 ]; then expect_equal "$3 $1: exit code after INT" 130 "$code"; fi
        checks=$((checks + 1))
        [ "$code" -ne 0 ] || fail "$3 $1: was done before the INT on $p ranks"
        # What comes when all is written finds a whole file.
        [ "$1" = half ] && "$TRUNNION" info "$work/$2" >/dev/null 2>&1 && rm "$work/$2"
        expect_only "$3 $1: INT on $p ranks" "$work" ""
        rm -rf "${work:?}"/*
    done
}

has multiply && {
    "$python" -c "import numpy; numpy.save('$scratch/a.npy', numpy.ones((3000, 3000)))"
    end begun c.npy multiply "$scratch/a.npy" "$scratch/a.npy"
    end half c.npy multiply "$scratch/a.npy" "$scratch/a.npy"
    end half c.h5 multiply "$scratch/a.npy" "$scratch/a.npy"
}
has cooccur && {
    make_corpus "$scratch/long.txt" 60000
    end begun x.h5 cooccur "$scratch/long.txt"
}
has kg-import && {
    awk 'BEGIN { for (i = 0; i < 300000; i++) print "e" i % 90000 "\tr" i % 3 "\te" (i * 7) % 90001 }' \
        >"$scratch/facts.tsv"
    end begun g.h5 kg-import --train "$scratch/facts.tsv"
}
finish
