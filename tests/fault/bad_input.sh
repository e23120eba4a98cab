# Bad input: one clear line, exit code 3 (2 where the command line itself is wrong), nothing left
# behind, on 1 and on 4 ranks.
. "$(dirname "$0")/../cli/lib_program.sh" || exit 1
need cooccur swivel neighbors
make_corpus "$scratch/good.txt" 300
expect 0 cooccur ranks 1 cooccur "$scratch/good.txt" -o "$scratch/c.h5" --min-count 1 || finish
expect 0 swivel ranks 1 swivel "$scratch/c.h5" -o "$scratch/e.h5" --dim 8 --epochs 1 \
    --shard-size 64 || finish
work=$scratch/work
mkdir "$work"
out=$work/out.h5

bad() { # CODE PATTERN WHAT ARGUMENT...
    local p
    for p in 1 4; do
        expect "$1" "$3, $p ranks" ranks $p "${@:4}" && expect_message "$3, $p ranks" "$2"
        expect_only "$3, $p ranks" "$work"
        rm -rf "${work:?}"/*
    done
}

# Corpora ------------------------------------------------------------------------------------------
: >"$scratch/empty.txt"
bad 3 'empty.txt' "empty corpus" cooccur "$scratch/empty.txt" -o "$out"
printf 'one two\0three four\n' >"$scratch/binary.txt"
bad 3 'binary.txt' "binary file" cooccur "$scratch/binary.txt" -o "$out" --min-count 1
printf 'fine line\nbad \xff\xfe bytes\n' >"$scratch/latin.txt"
bad 3 'latin.txt:2' "invalid UTF-8" cooccur "$scratch/latin.txt" -o "$out" --min-count 1
bad 3 '.' "no word is frequent enough" cooccur "$scratch/good.txt" -o "$out" --min-count 1000000
yes same | head -n 50 >"$scratch/single.txt"
bad 3 '.' "vocabulary of one word" cooccur "$scratch/single.txt" -o "$out" --min-count 1
bad 3 'absent.txt' "missing corpus" cooccur "$scratch/absent.txt" -o "$out"
bad 3 '.' "a directory as corpus" cooccur "$scratch" -o "$out"
gzip -c "$scratch/good.txt" | head -c 1000 >"$scratch/cut.txt.gz"
bad 3 'cut.txt.gz' "truncated gzip" cooccur "$scratch/cut.txt.gz" -o "$out" --min-count 1

# One line of 200 MB: refused without being held in memory.
head -c 200000000 /dev/zero | tr '\0' 'x' >"$scratch/long.txt"
limit=120
bad 3 'long.txt' "a line of 200 MB" cooccur "$scratch/long.txt" -o "$out" --min-count 1
rm "$scratch/long.txt"

# Same command, but only the first rank's directory has the file.
mkdir "$scratch/with" "$scratch/without"
cp "$scratch/good.txt" "$scratch/with/here.txt"
one_has() { # VERB ARGUMENT...
    job -n 1 -wdir "$scratch/with" "$TRUNNION" \
        "$@" : -n 1 -wdir "$scratch/without" "$TRUNNION" "$@"
}
expect 3 "corpus missing on one rank" one_has cooccur here.txt -o "$out" &&
    expect_message "corpus missing on one rank" 'rank 1: .*here.txt'
expect_only "corpus missing on one rank" "$work"

# Stores -------------------------------------------------------------------------------------------
bad 2 'dim' "dimension 0" swivel "$scratch/c.h5" -o "$out" --dim 0
bad '2|3' '.' "no input file" swivel -o "$out"
bad 3 'absent.h5' "missing store" swivel "$scratch/absent.h5" -o "$out"
bad 3 'good.txt' "text instead of a store" swivel "$scratch/good.txt" -o "$out"
bad 3 'cooccurrence' "an embedding instead of counts" swivel "$scratch/e.h5" -o "$out"
bad 3 'embedding' "counts instead of an embedding" neighbors "$scratch/c.h5" common0
bad 3 'nosuchword' "unknown word" neighbors "$scratch/e.h5" nosuchword

head -c $(($(stat -c %s "$scratch/c.h5") / 2)) "$scratch/c.h5" >"$scratch/cut.h5"
bad 3 'cut.h5' "truncated store" swivel "$scratch/cut.h5" -o "$out"
has info && bad 3 'cut.h5' "truncated store, info" info "$scratch/cut.h5"

# Flip one bit in the middle of a dataset's bytes.
cp "$scratch/c.h5" "$scratch/flip.h5"
offset=$(h5dump -H -p -d /value "$scratch/c.h5" | sed -nE 's/.*OFFSET ([0-9]+).*/\1/p' | head -n 1)
byte=$(od -An -tu1 -j $((offset + 4)) -N 1 "$scratch/flip.h5")
printf '%b' "\\0$(printf %o $((byte ^ 16)))" |
    dd of="$scratch/flip.h5" bs=1 seek=$((offset + 4)) conv=notrunc status=none
bad 3 'flip.h5.*value' "flipped bit" swivel "$scratch/flip.h5" -o "$out" --dim 8 --epochs 1
has info && bad 3 'flip.h5.*value' "flipped bit, info" info "$scratch/flip.h5"

# Where the output goes ----------------------------------------------------------------------------
bad '3|5' 'nowhere' "output directory missing" cooccur "$scratch/good.txt" -o "$work/nowhere/x.h5"
bad '3|5' '.' "output is a directory" cooccur "$scratch/good.txt" -o "$scratch/with" --min-count 1
finish
