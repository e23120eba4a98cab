# lib_verbs.sh: a small job of every verb and benchmark, for tests that hold something against them all.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/lib_program.sh" || exit 1
work=$scratch/work
mkdir "$work"

# Call RUN with the arguments of each job. They write to $work alone, and RUN leaves there what the
# job has written.
every_verb() { # RUN
    run=$1 ran=""
    words
    graphs
    matrices
    benchmarks
    expect_equal "not run" "$("$TRUNNION" list --names | grep -vxF "$ran")" ""
}

one() { # VERB ARGUMENT...
    [ "$1" = bench ] && ran+="$1 $2"$'\n' || ran+="$1"$'\n'
    "$run" "$@"
}

keep() { # FILE
    mv "$work/$1" "$scratch" || fail "there is no $1"
}

words() {
    make_corpus "$scratch/corpus.txt" 200
    printf 'common0\tcommon1\t5\ncommon0\tcommon2\t3\ncommon1\tcommon2\t1\n' >"$scratch/pairs.ws.tsv"
    one cooccur "$scratch/corpus.txt" -o "$work/c.h5" --min-count 1
    keep c.h5
    one swivel "$scratch/c.h5" -o "$work/e.h5" --dim 8 --epochs 1 --shard-size 64
    keep e.h5
    one words-eval "$scratch/e.h5" --similarity "$scratch/pairs.ws.tsv"
    one neighbors "$scratch/e.h5" common0
    one neighbors --queries "$scratch/e.h5" --among "$scratch/e.h5" --exclude self -k 2 -o "$work/n.h5"
    one convert "$scratch/e.h5" "$work/e.txt"
    printf '3\n0\n7\n' >"$scratch/ids.txt"
    one trim "$scratch/e.h5" --ids "$scratch/ids.txt" -o "$work/t.h5"
    printf 'new\tcommon0 common1\n' >"$scratch/pieces.tsv"
    one transplant --source "$scratch/e.h5" --pieces "$scratch/pieces.tsv" -o "$work/p.h5"
    printf 'common0\tcommon1\n' >"$scratch/antonyms.tsv"
    one axes "$scratch/e.h5" --pairs "$scratch/antonyms.tsv" -o "$work/x.h5"
    one info "$scratch/e.h5"
}

graphs() { # cycles of two relations
    awk 'BEGIN {
        for (i = 0; i < 40; i++) for (k = 1; k < 3; k++) print "e" i "\tr" k "\te" (i + k) % 40
    }' >"$scratch/facts.tsv"
    awk 'BEGIN { for (i = 0; i < 40; i++) print "s" i % 7, "s" i % 5 + 1 }' >"$scratch/steps.txt"
    printf 'e1\tr1\t?\n?\tr2\te5\n' >"$scratch/questions.tsv"
    one kg-import --train "$scratch/facts.tsv" --split 0.2 0.2 -o "$work/g.h5"
    keep g.h5
    one kg-train "$scratch/g.h5" -o "$work/m.h5" --model transe --dim 8 --epochs 1
    keep m.h5
    one kg-eval "$scratch/m.h5" "$scratch/g.h5"
    one kg-predict "$scratch/m.h5" "$scratch/g.h5" "$scratch/questions.tsv"
    one closure "$scratch/steps.txt" --paths "$scratch/steps.txt" -q s0 s3 -o "$work/r.h5"
    one kg-neighbors "$scratch/m.h5" e1
    one kg-rules "$scratch/m.h5" "$scratch/g.h5" --length 2
    one nodepiece "$scratch/g.h5" -o "$work/n.h5" --anchors 5 --nearest 2
    awk 'BEGIN { for (i = 0; i < 40; i++) print i, (i * i + 1) % 40 }' >"$scratch/edges.txt"
    one fastrp "$scratch/edges.txt" --dim 8 -o "$work/v.npy"
    seq 0 39 >"$scratch/clusters.txt"
    one clusters-eval "$scratch/clusters.txt" "$scratch/clusters.txt"
    awk 'BEGIN { for (i = 0; i < 90; i++) print i, i % 3, 3 + i % 2 }' >"$scratch/groups.txt"
    awk 'BEGIN { for (u = 0; u < 30; u++) for (i = 1; i < 7; i++) print u, (u * i + i * i) % 23 }' >"$scratch/seen.txt"
    one recommend --train "$scratch/seen.txt" -o "$work/r.h5" --rank 4 -k 3
    one recommend --train "$scratch/seen.txt" -o "$work/r2.h5" --method lightgcn --dim 4 --epochs 2 -k 3
    awk 'BEGIN { for (i = 0; i < 40; i++) print i, (i + 4) % 40 }' >"$scratch/ring.edges"
    awk 'BEGIN { for (i = 0; i < 40; i++) print i, (i + 8) % 40 }' >"$scratch/wider.edges"
    one cluster-snapshots "$scratch/ring.edges" "$scratch/wider.edges" -o "$work/s.h5" -k 4 --update 0.5
}

matrices() { # sparse and dense
    awk 'BEGIN {
        print "%%MatrixMarket matrix coordinate real general\n90 70 350"
        for (i = 0; i < 350; i++) print i % 90 + 1, (i * i + int(i / 90)) % 70 + 1, i % 7 + 1
    }' >"$scratch/a.mtx"
    one gram "$scratch/a.mtx" -o "$work/g.npy"
    keep g.npy
    one spectrum "$scratch/a.mtx" --center
    awk 'BEGIN { for (i = 0; i < 90; i++) print i, (i * 7 + 1) % 90 }' >"$scratch/links.txt"
    one links-eval "$scratch/a.mtx" --positive "$scratch/links.txt" --hits 5
    one links-eval --split "$scratch/links.txt" --train-edges "$work/train.txt" --test-edges "$work/test.txt"
    one nodes-eval "$scratch/a.mtx" --labels "$scratch/groups.txt" --percent 50 --splits 1
    one xcorr "$scratch/a.mtx" "$scratch/a.mtx" --epsilon 1e-5 -o "$work/c.npy"
    one orthogonalize "$scratch/a.mtx" -o "$work/o.npy"
    one multiply "$scratch/a.mtx" "$scratch/a.mtx" --transpose-a -o "$work/c.h5"
    one multiply "$scratch/g.npy" "$scratch/g.npy" -o "$work/c.h5"
    one multiply "$scratch/a.mtx" "$scratch/a.mtx" --transpose-b --boolean -o "$work/c.mtx"
    one transform "$scratch/a.mtx" --ppmi -o "$work/p.mtx"
    one svd "$scratch/a.mtx" -k 2 -o "$work/s.h5"
    one factor "$scratch/a.mtx" --nmf -k 2 --steps 3 -o "$work/f.h5"
    one factor "$scratch/g.npy" --svd -k 2 -o "$work/f.h5"
    one qr "$scratch/a.mtx" -o "$work/q.h5"
    one kmeans "$scratch/a.mtx" -k 4 --steps 2 -o "$work/k.h5"
    one quantize "$scratch/a.mtx" --block 8 -o "$work/b.h5"
    one eig "$scratch/g.npy" -o "$work/e.h5"
    one fit whiten "$scratch/g.npy" --epsilon 1 -o "$work/w.h5"
    keep w.h5
    one apply "$scratch/w.h5" "$scratch/g.npy" -o "$work/y.npy"
    ranks 1 gram "$scratch/g.npy" -o "$scratch/gg.npy" --quiet --log-json "$scratch/log.jsonl" >/dev/null
    one report "$scratch/log.jsonl" -o "$work/page.html"
}

benchmarks() {
    one bench comm --max-bytes 64 --repeats 1
    one bench cooccur "$scratch/corpus.txt" --repeats 1 --dir "$scratch"
    one bench gemm 40x50x60 --repeat 1 --against all
    one bench gram --rows 500 --cols 20 --repeats 1
    one bench orthogonalize --rows 500 --cols 20 --repeats 1
    one bench kg --model rotate --entities 50 --relations 3 --dim 8 --batch 20
    one bench kg-graph -o "$work/g.tsv" --entities 50 --relations 3 --triples 200
    one bench propagate --users 200 --items 90 --edges 900 --dim 8 --repeats 1
    one bench rows --rows 50 --cols 4 -o "$work/r.npy"
    one bench spgemm --rows 200 --nonzeros 900 --repeats 1
    one bench spmm --rows 200 --nonzeros 900 --dim 4 --repeats 1
    one bench store --size 1M --dir "$work" --repeats 1
    one bench swivel --words 300 --dim 8 --shard-size 64 --repeats 1 --dir "$work"
}
