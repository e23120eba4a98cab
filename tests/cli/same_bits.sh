# Promise 1: counts and embeddings have the same bits on every number of ranks and threads.
. "$(dirname "$0")/lib_program.sh" || exit 1
need cooccur swivel
need_python
make_corpus "$scratch/corpus.txt" 3000

for p in 1 2 3 4 7; do
    expect 0 "cooccur on $p ranks" ranks $p cooccur "$scratch/corpus.txt" -o "$scratch/c$p.h5" \
        --min-count 2 || finish
    expect_equal "counts of 1 and $p ranks" "$(digest "$scratch/c1.h5")" "$(digest "$scratch/c$p.h5")"
done

# Shards of 64 words make 11 blocks; shards of 512 make 2, so that ranks stand aside.
for shard in 64 512; do
    first=""
    for run in 1:1 1:2 2:1 2:2 3:1 4:1 7:1; do
        p=${run%:*} threads=${run#*:} out=$scratch/e.h5
        expect 0 "swivel, shard $shard, $p ranks, $threads threads" ranks "$p" swivel \
            "$scratch/c1.h5" -o "$out" --dim 24 --epochs 2 --shard-size $shard --threads "$threads" \
            --seed 7 || continue
        bits=$(digest "$out" /embedding /vocab)
        expect_equal "embedding, shard $shard, $p ranks, $threads threads" "${first:=$bits}" "$bits"
        rm -f "$out"
    done
done

# The digest must be able to differ: another seed gives other bits.
expect 0 "swivel with another seed" ranks 1 swivel "$scratch/c1.h5" -o "$scratch/e.h5" --dim 24 \
    --epochs 2 --shard-size 512 --seed 8
checks=$((checks + 1))
[ "$first" != "$(digest "$scratch/e.h5" /embedding /vocab)" ] || fail "the seed changes nothing"
finish
