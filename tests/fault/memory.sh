# Memory that runs out at the n-th allocation, of every rank or of one: every rank returns 4, at
# every n, and no file is left. TRUNNION_FAIL_ALLOC=n lets the n-th and all later ones fail. Here it
# is the program's face that counts; tests/mpi lets every single allocation fail.
. "$(dirname "$0")/../cli/lib_program.sh"
need cooccur swivel
make_corpus "$scratch/corpus.txt" 200
printf 'common0\tcommon1\t5\ncommon0\tcommon2\t3\ncommon1\tcommon2\t1\n' >"$scratch/pairs.ws.tsv"
expect 0 cooccur ranks 1 cooccur "$scratch/corpus.txt" -o "$scratch/c.h5" --min-count 1 || finish
expect 0 swivel ranks 1 swivel "$scratch/c.h5" -o "$scratch/e.h5" --dim 8 --epochs 1 \
    --shard-size 64 || finish
work=$scratch/work

# Each rank's own code: a wrapper writes it down and returns 0, so that mpirun ends no rank early.
cat >"$scratch/each" <<'END'
#!/bin/sh
"$TRUNNION" "$@"
echo $? >"$CODES/${OMPI_COMM_WORLD_RANK:-0}"
END
chmod +x "$scratch/each"
export TRUNNION CODES="$scratch/codes"

run_failing() { # N RANK VERB ARGUMENT... ; sets $got to the codes of both ranks
    rm -rf "$CODES" "$work"
    mkdir "$CODES" "$work"
    local rank=()
    [ "$2" = all ] || rank=(-x "TRUNNION_FAIL_RANK=$2")
    timeout -k 5 60 mpirun --oversubscribe --bind-to none -n 2 -x "TRUNNION_FAIL_ALLOC=$1" \
        "${rank[@]}" "$scratch/each" "${@:3}" >"$scratch/out" 2>"$scratch/err"
    got=$(cat "$CODES"/* 2>/dev/null | tr '\n' ' ')
}

# Every n up to 4, then growing steps, until nothing fails any more; the rank that fails varies.
sweep() { # VERB ARGUMENT...
    local n=1 turn=0 rank
    while :; do
        case $((turn % 3)) in 0) rank=all ;; 1) rank=0 ;; *) rank=1 ;; esac
        turn=$((turn + 1))
        run_failing $n $rank "$@"
        checks=$((checks + 1))
        if [ "$got" = "0 0 " ]; then
            [ $n -gt 1 ] || fail "$1: nothing fails even at the first allocation"
            break
        fi
        [ "$got" = "4 4 " ] || fail "$1: allocation $n of rank $rank: exit codes $got"
        expect_message "$1: allocation $n of rank $rank" "no memory|memory"
        expect_only "$1: allocation $n of rank $rank" "$work"
        if [ $n -lt 4 ]; then n=$((n + 1)); else n=$((n + n / 2)); fi
        [ $n -lt 100000 ] || { fail "$1: still failing at allocation $n"; break; }
    done
    echo "$1: $turn runs, up to allocation $n"
}

sweep cooccur "$scratch/corpus.txt" -o "$work/c.h5" --min-count 1
sweep swivel "$scratch/c.h5" -o "$work/e.h5" --dim 8 --epochs 1 --shard-size 64
has words-eval && sweep words-eval "$scratch/e.h5" --similarity "$scratch/pairs.ws.tsv"
has neighbors && sweep neighbors "$scratch/e.h5" common0
has convert && sweep convert "$scratch/e.h5" "$work/e.txt"
has info && sweep info "$scratch/e.h5"

# Knowledge graphs: cycles of two relations.
awk 'BEGIN { for (i = 0; i < 40; i++) for (k = 1; k < 3; k++) print "e" i "\tr" k "\te" (i + k) % 40 }' \
    >"$scratch/facts.tsv"
printf 'e1\tr1\t?\n?\tr2\te5\n' >"$scratch/questions.tsv"
has kg-import && {
    sweep kg-import --train "$scratch/facts.tsv" --split 0.2 0.2 -o "$work/g.h5"
    cp "$work/g.h5" "$scratch/g.h5"
}
has kg-train && {
    sweep kg-train "$scratch/g.h5" -o "$work/m.h5" --model transe --dim 8 --epochs 1
    cp "$work/m.h5" "$scratch/m.h5"
}
has kg-eval && sweep kg-eval "$scratch/m.h5" "$scratch/g.h5"
has kg-predict && sweep kg-predict "$scratch/m.h5" "$scratch/g.h5" "$scratch/questions.tsv"
has kg-neighbors && sweep kg-neighbors "$scratch/m.h5" e1
has kg-rules && sweep kg-rules "$scratch/m.h5" "$scratch/g.h5" --length 2
finish
