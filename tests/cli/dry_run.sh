# --dry-run says how many bytes a rank needs, writes nothing, and its sum does not grow with ranks.
. "$(dirname "$0")/lib_program.sh" || exit 1
need cooccur swivel
make_corpus "$scratch/corpus.txt" 500
mkdir "$scratch/out.d"

expect 0 "cooccur --dry-run" ranks 2 cooccur "$scratch/corpus.txt" -o "$scratch/out.d/c.h5" --dry-run
expect_equal "bytes in the answer of cooccur" yes \
    "$(grep -qi bytes "$scratch/out" && echo yes || echo no)"
expect_only "cooccur --dry-run" "$scratch/out.d"

expect 0 cooccur ranks 1 cooccur "$scratch/corpus.txt" -o "$scratch/c.h5" --min-count 1
expect 0 "swivel --dry-run --json" ranks 1 swivel "$scratch/c.h5" -o "$scratch/out.d/e.h5" \
    --dry-run --json
expect_equal "bytes in the answer of swivel" yes \
    "$(grep -q '"bytes_per_rank"' "$scratch/out" && echo yes || echo no)"
expect_only "swivel --dry-run" "$scratch/out.d"
finish
