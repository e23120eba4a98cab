# The verb cooccur from outside: options, forms of text, bad input, golden counts, memory.
. "$(dirname "$0")/lib_program.sh" || exit 1
need cooccur
need_python
out=$scratch/out.h5

# The matrix as "word word value" lines; small corpora only.
cells() { # FILE
    "$python" - "$1" <<'END'
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    words = [w.decode() for w in f["vocab"][:]]
    start, col, value = f["row_ptr"][:], f["col"][:], f["value"][:]
    for i, word in enumerate(words):
        for k in range(start[i], start[i + 1]):
            print(word, words[col[k]], "%g" % value[k])
END
}
count() { # WHAT RANKS ARGUMENT... ; cells in $scratch/cells
    local rare=(--min-count 1)
    [[ $* == *--vocab\ * ]] && rare=() # a list of words has no use for it
    expect 0 "$1" ranks "$2" cooccur "${@:3}" -o "$out" "${rare[@]}" &&
        cells "$out" >"$scratch/cells"
}
expect_cells() { # WHAT LINES
    expect_equal "$1" "$(printf '%s\n' "$2" | tr ',' '\n')" "$(cat "$scratch/cells")"
}

# By hand: a b c / a b -----------------------------------------------------------------------------
printf 'a b c\na b\n' >"$scratch/abc"
count "the default" 1 "$scratch/abc"
expect_cells "the default" 'a a 2,a b 2,a c 0.5,b a 2,b b 2,b c 1,c a 0.5,c b 1,c c 1'
count "one-sided" 2 "$scratch/abc" --one-sided
expect_cells "one-sided" 'a a 2,a b 2,a c 0.5,b b 2,b c 1,c c 1'
count "flat without diagonal" 2 "$scratch/abc" --weighting flat --no-diagonal
expect_cells "flat without diagonal" 'a b 2,a c 1,b a 2,b c 1,c a 1,c b 1'
count "window 1" 3 "$scratch/abc" --window 1
expect_cells "window 1" 'a a 2,a b 2,b a 2,b b 2,b c 1,c b 1,c c 1'
printf 'c\na\n' >"$scratch/list" # b goes first, so that a and c become neighbours
count "a list" 2 "$scratch/abc" --vocab "$scratch/list"
expect_cells "a list" 'c c 1,c a 1,a c 1,a a 2'
count "vocab-size" 2 "$scratch/abc" --vocab-size 2
expect_cells "vocab-size" 'a a 2,a b 2,b a 2,b b 2'

# Forms of text that mean the same -----------------------------------------------------------------
default='a a 2,a b 2,a c 0.5,b a 2,b b 2,b c 1,c a 0.5,c b 1,c c 1'
same() { # WHAT FILE ARGUMENT...
    count "$1" 1 "${@:2}"
    expect_cells "$1" "$default"
    count "$1, 4 ranks" 4 "${@:2}"
    expect_cells "$1, 4 ranks" "$default"
}
printf '\xef\xbb\xbfa\tb  c\r\n\r\n\n  a b' >"$scratch/forms"
same "byte order mark, CRLF, no last newline" "$scratch/forms"
printf 'A b C\na B\n' >"$scratch/upper"
same "lowercase" "$scratch/upper" --lowercase
printf 'a b c\n' >"$scratch/one"
printf 'a b\n' >"$scratch/two"
same "two files" "$scratch/one" "$scratch/two"
gzip -c "$scratch/one" >"$scratch/one.gz"
xz -c "$scratch/two" >"$scratch/two.any"
same "gzip and xz" "$scratch/one.gz" "$scratch/two.any"
zstd -qc "$scratch/abc" >"$scratch/abc.zst"
same "zstd" "$scratch/abc.zst"
printf 'caf\xc3\xa9 CAFE\xcc\x81\n' >"$scratch/accents"
count "case and form" 1 "$scratch/accents" "$scratch/abc" --lowercase --nfc
checks=$((checks + 1))
grep -q "^caf$(printf '\xc3\xa9') caf$(printf '\xc3\xa9') 4" "$scratch/cells" ||
    fail "case and form: café is not one word"

# Words as Unicode lowers them, in the corpus and in a list; and words that are not as they should be
printf 'die Stra\303\237e und die STRASSE\n\316\233\317\214\316\263\316\277\317\202 \316\230\316\225\316\237\316\216\n' >"$scratch/case"
vocabulary() {
    "$python" -c 'import sys, h5py; print(*(w.decode() for w in h5py.File(sys.argv[1])["vocab"][:]))' "$out"
}
count "lowercase" 3 "$scratch/case" --lowercase
expect_equal "lower case, not case folding" "die strasse straße und θεού λόγος" "$(vocabulary)"
printf 'STRA\303\237E 7\nThe 3\nDie 2\nthe 1\nstrasse 1\n\n' >"$scratch/caselist"
count "lowercase and a list" 2 "$scratch/case" --lowercase --vocab "$scratch/caselist" --window 1
expect_equal "a list is lowered too" "straße the die strasse" "$(vocabulary)"
expect_equal "a repeated word is told" 1 \
    "$(grep -c 'caselist:4: a word that came before; 1 such lines left out' "$scratch/err")"
printf 'the cat sat\nna\357ve dog on the mat\n' >"$scratch/byte"
awk 'BEGIN { for (i = 0; i < 500; i++) printf "0123456789"; print " cat" }' >"$scratch/longer"
for p in 1 3; do
    for rule in replace,cut,10 skip,skip,8; do
        IFS=, read -r invalid long tokens <<<"$rule"
        count "$rule, $p ranks" $p "$scratch/byte" "$scratch/longer" --json \
            --invalid-utf8 "$invalid" --long-words "$long"
        expect_equal "$rule, $p ranks: counted" "1 1 $tokens" "$(sed -nE \
            's/.*"(invalid_words|long_words|tokens)": ([0-9]+).*/\2/p' "$scratch/out" | tr '\n' ' ' | xargs)"
        sha256sum <"$scratch/cells" >"$scratch/cells.$p.$invalid"
    done
done
expect_equal "the same cells" "$(cat "$scratch"/cells.1.*)" "$(cat "$scratch"/cells.3.*)"

# Bad input, on one rank and on four ---------------------------------------------------------------
rm -f "$out"
mkdir "$scratch/work"
bad() { # CODE PATTERN WHAT ARGUMENT...
    local p
    for p in 1 4; do
        expect "$1" "$3, $p ranks" ranks $p cooccur "${@:4}" -o "$scratch/work/x.h5" &&
            expect_message "$3, $p ranks" "$2"
        expect_only "$3, $p ranks" "$scratch/work"
    done
}
printf 'a\nb\na\n' >"$scratch/twice"
bad 3 'twice:3: a word that came before' "a word twice" "$scratch/abc" --vocab "$scratch/twice" \
    --repeated-words refuse
printf 'a\nNew York\n' >"$scratch/blanks"
bad 3 "blanks:2: 'York' stands behind the word 'New'" "half a name" "$scratch/abc" \
    --vocab "$scratch/blanks"
bad 3 'byte:2: invalid UTF-8 \(byte 0xef\).* --invalid-utf8 replace or skip' "a bad byte" "$scratch/byte"
printf 'a\n' >"$scratch/single"
bad 3 'single: a vocabulary of 1 word' "a list of one word" "$scratch/abc" --vocab "$scratch/single"
bad 3 'absent' "no such list" "$scratch/abc" --vocab "$scratch/absent"
bad 3 'vocabulary of 0 words' "nothing frequent" "$scratch/abc"
make_corpus "$scratch/corpus" 300
xz -c "$scratch/corpus" >"$scratch/flip.xz"
printf '\125\252\125\252' | dd of="$scratch/flip.xz" bs=1 seek=400 conv=notrunc status=none
bad 3 'flip.xz: compressed data is corrupt' "damaged xz" "$scratch/flip.xz"
zstd -qc "$scratch/corpus" | head -c 900 >"$scratch/cut.zst"
bad 3 'cut.zst: compressed data is truncated' "truncated zstd" "$scratch/cut.zst"
bad 3 'corpus:1: a line of more than 20 bytes' "a long line" "$scratch/corpus" --max-line 20
{ head -n 122 "$scratch/corpus"; printf 'x\0y\n'; tail -n 50 "$scratch/corpus"; } >"$scratch/nul"
bad 3 'nul:123: holds a NUL byte' "a NUL byte" "$scratch/nul"
awk 'NR == 200 { for (i = 0; i < 500; i++) printf "0123456789"; print ""; next } { print }' \
    "$scratch/corpus" >"$scratch/long"
bad 3 'long:200: a word of more than 4096 bytes.* --long-words' "a long word" "$scratch/long"
bad 2 'window' "window 0" "$scratch/abc" --window 0
bad 2 'weighting' "no such weighting" "$scratch/abc" --weighting cubic
bad 4 '--memory: each of [0-9]+ ranks needs [0-9]+ bytes' "no memory" "$scratch/corpus" --memory 1M
expect 2 "no output given" ranks 1 cooccur "$scratch/abc"

# Golden counts and a whole corpus, where they are -------------------------------------------------
words=$TRUNNION_SOURCE/../shared/data/words
if [ -d "$words/golden" ]; then
    for p in 1 3; do
        expect 0 "golden, $p ranks" ranks $p cooccur "$words/golden/g256.txt" -o "$out" \
            --vocab "$words/golden/g256.vocab.txt"
        checks=$((checks + 1))
        "$python" - "$out" "$words/golden" <<'END' || fail "golden counts differ, $p ranks"
import sys, h5py, numpy as np
f, golden = h5py.File(sys.argv[1]), sys.argv[2] + "/g256."
triples = np.loadtxt(golden + "coo.txt")
rows = np.repeat(np.arange(256), np.diff(f["row_ptr"][:]))
assert (rows == triples[:, 0]).all() and (f["col"][:] == triples[:, 1]).all()
assert np.allclose(f["value"][:], triples[:, 2], rtol=1e-9, atol=0)
assert np.allclose(f["row_sums"][:], np.loadtxt(golden + "sums.txt"), rtol=1e-9, atol=0)
assert (f["row_sums"][:] == f["col_sums"][:]).all()
END
    done
fi
corpus=$words/wiki-aa-2015.txt.xz
if [ -f "$corpus" ]; then
    figure() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" "$scratch/out"; }
    wiki() { expect 0 "wiki-aa-2015 $*" ranks "$1" cooccur "$corpus" -o "$out" --vocab-size 32768 \
        --json "${@:2}"; }
    expect 0 "a tiny corpus" ranks 1 cooccur "$scratch/abc" -o "$out" --min-count 1 --json
    program=$(figure peak_rss)
    wiki 1 --dry-run
    forecast=$(figure total)
    wiki 1
    peak=$(($(figure peak_rss) - program))
    expect_equal "tokens" 15775705 "$(figure tokens)"
    expect_equal "nonzeros" 40846174 "$(figure nonzeros)" # ties of the last count cut by bytes
    checks=$((checks + 1))
    if [ $((forecast * 100)) -lt $((peak * 85)) ] || [ $((forecast * 100)) -gt $((peak * 115)) ]
    then
        fail "--dry-run says $forecast bytes, measured were $peak"
    fi
    digest "$out" /col /value /row_ptr /row_sums /counts >"$scratch/whole"
    wiki 2 --memory 150M
    digest "$out" /col /value /row_ptr /row_sums /counts | diff "$scratch/whole" - >/dev/null ||
        fail "counts through files differ"
    checks=$((checks + 2))
    [ "$(figure peak_rss)" -le $((program + (160 << 20))) ] || # the launcher's noise is a few MB
        fail "--memory 150M took $(figure peak_rss) bytes, the program alone $program"
else
    echo "skipped the corpus and golden counts: no ../shared"
fi
finish
