# Memory that runs out at the n-th allocation, of every rank or of one: every rank returns 4, at
# every n, and no file is left. TRUNNION_FAIL_ALLOC=n lets the n-th and all later ones fail. Here it
# is the program's face that counts, of every verb and benchmark; tests/mpi lets every single
# allocation fail. With TRUNNION_FAULTS=100, by hand, so do the first hundred here, about.
. "$(dirname "$0")/../cli/lib_program.sh"
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
    job -n 2 -x "TRUNNION_FAIL_ALLOC=$1" \
        "${rank[@]}" "$scratch/each" "${@:3}" >"$scratch/out" 2>"$scratch/err"
    got=$(cat "$CODES"/* 2>/dev/null | tr '\n' ' ')
}

# Some n in growing steps, until nothing fails any more; the rank that fails varies.
swept=""
sweep() { # VERB ARGUMENT...
    local n=1 turn=0 rank verb=$1
    [ "$1" != bench ] || verb="$1 $2"
    swept+="$verb"$'\n'
    while :; do
        case $((turn % 3)) in 0) rank=all ;; 1) rank=0 ;; *) rank=1 ;; esac
        turn=$((turn + 1))
        run_failing $n $rank "$@"
        checks=$((checks + 1))
        if [ "$got" = "0 0 " ]; then
            [ $n -gt 1 ] || fail "$verb: nothing fails even at the first allocation"
            break
        fi
        [ "$got" = "4 4 " ] || fail "$verb: allocation $n of rank $rank: exit codes $got"
        expect_message "$verb: allocation $n of rank $rank" "no memory|memory"
        expect_only "$verb: allocation $n of rank $rank" "$work"
        n=$((n + 1 + n / ${TRUNNION_FAULTS:-1}))
        [ $n -lt 100000 ] || { fail "$verb: still failing at allocation $n"; break; }
    done
    echo "$verb: $turn runs, up to allocation $n"
}

sweep cooccur "$scratch/corpus.txt" -o "$work/c.h5" --min-count 1
sweep swivel "$scratch/c.h5" -o "$work/e.h5" --dim 8 --epochs 1 --shard-size 64
sweep words-eval "$scratch/e.h5" --similarity "$scratch/pairs.ws.tsv"
sweep neighbors "$scratch/e.h5" common0
sweep convert "$scratch/e.h5" "$work/e.txt"
sweep info "$scratch/e.h5"

# Knowledge graphs: cycles of two relations.
awk 'BEGIN { for (i = 0; i < 40; i++) for (k = 1; k < 3; k++) print "e" i "\tr" k "\te" (i + k) % 40 }' \
    >"$scratch/facts.tsv"
printf 'e1\tr1\t?\n?\tr2\te5\n' >"$scratch/questions.tsv"
sweep kg-import --train "$scratch/facts.tsv" --split 0.2 0.2 -o "$work/g.h5"
mv "$work/g.h5" "$scratch"
sweep kg-train "$scratch/g.h5" -o "$work/m.h5" --model transe --dim 8 --epochs 1
mv "$work/m.h5" "$scratch"
sweep kg-eval "$scratch/m.h5" "$scratch/g.h5"
sweep kg-predict "$scratch/m.h5" "$scratch/g.h5" "$scratch/questions.tsv"
sweep kg-neighbors "$scratch/m.h5" e1
sweep kg-rules "$scratch/m.h5" "$scratch/g.h5" --length 2
sweep nodepiece "$scratch/g.h5" -o "$work/n.h5" --anchors 5 --nearest 2

# Matrices, sparse and dense.
awk 'BEGIN {
    print "%%MatrixMarket matrix coordinate real general\n90 70 350"
    for (i = 0; i < 350; i++) print i % 90 + 1, (i * i + int(i / 90)) % 70 + 1, i % 7 + 1
}' >"$scratch/a.mtx"
sweep gram "$scratch/a.mtx" -o "$work/g.npy"
mv "$work/g.npy" "$scratch"
sweep multiply "$scratch/a.mtx" "$scratch/a.mtx" --transpose-a -o "$work/c.h5"
sweep multiply "$scratch/g.npy" "$scratch/g.npy" -o "$work/c.h5"
sweep transform "$scratch/a.mtx" --ppmi -o "$work/p.mtx"
sweep svd "$scratch/a.mtx" -k 2 -o "$work/s.h5"
sweep qr "$scratch/a.mtx" -o "$work/q.h5"
sweep eig "$scratch/g.npy" -o "$work/e.h5"
ranks 2 gram "$scratch/g.npy" -o "$scratch/gg.npy" --quiet --log-json "$scratch/log.jsonl" >/dev/null
sweep report "$scratch/log.jsonl" -o "$work/page.html"

sweep bench comm --max-bytes 64 --repeats 1
sweep bench cooccur "$scratch/corpus.txt" --repeats 1 --dir "$scratch"
sweep bench gemm 40x50x60 --repeat 1
sweep bench gram --rows 500 --cols 20 --repeats 1
sweep bench kg --model rotate --entities 50 --relations 3 --dim 8 --batch 20
sweep bench kg-graph -o "$work/g.tsv" --entities 50 --relations 3 --triples 200
sweep bench spgemm --rows 200 --nonzeros 900 --repeats 1
sweep bench spmm --rows 200 --nonzeros 900 --dim 4 --repeats 1
sweep bench store --size 1M --dir "$work" --repeats 1
sweep bench swivel --words 300 --dim 8 --shard-size 64 --repeats 1 --dir "$work"

expect_equal "what is not swept" "$("$TRUNNION" list --names | grep -vxF "$swept")" ""
finish
