# convert, neighbors and words-eval from outside: round trips between all formats on 1 and 3 ranks,
# arithmetic on words, scores worked out by hand, and every class of bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need convert neighbors words-eval
work=$scratch/work
mkdir "$work"

# 1500 words (two blocks), 4 numbers each, in GloVe text with nine digits already.
awk 'BEGIN {
    state = 7
    for (i = 0; i < 1500; i++) {
        line = (i % 7 ? "w" : "W") i
        for (j = 0; j < 4; j++) {
            state = (state * 1103515245 + 12345) % 2147483648
            line = line sprintf(" %.9g", int(state / 65536) / 128 - 128)
        }
        print line
    }
}' >"$scratch/e.glove"
{ echo "1500 4"; cat "$scratch/e.glove"; } >"$scratch/e.txt"

# Round trips: a chain through every format, each link read back as text ---------------------------
for n in 1 3; do
    before=$scratch/e.glove
    for to in npy bin h5 glove txt; do
        expect 0 "to $to, $n ranks" ranks $n convert "$before" "$work/a.$to"
        expect_equal "words and dimension" "$(awk '/^words|^dim/ {print $2}' "$scratch/out" |
            tr '\n' ' ')" "1500 4 "
        expect 0 "$to to text, $n ranks" ranks $n convert "$work/a.$to" "$work/c.txt"
        expect 0 "$to: same text" cmp "$scratch/e.txt" "$work/c.txt"
        before=$work/a.$to
    done
    expect_only "no temporary file" "$work" a.bin a.glove a.h5 a.npy a.npy.vocab a.txt c.txt
done
gzip -c "$scratch/e.txt" >"$scratch/e.txt.gz"
expect 0 "compressed input" ranks 2 convert "$scratch/e.txt.gz" "$work/c.glove"
expect 0 "compressed input: same text" cmp "$scratch/e.glove" "$work/c.glove"
expect 0 "names elsewhere" ranks 1 convert "$scratch/e.txt" "$work/d.npy" --vocab "$work/names"
expect 0 "names from elsewhere" ranks 2 convert "$work/d.npy" "$work/d.txt" --vocab "$work/names"
expect 0 "names: same text" cmp "$scratch/e.txt" "$work/d.txt"
expect 0 "a forced format" ranks 1 convert --to glove "$scratch/e.txt" "$work/d.any"
expect 0 "a forced format: same text" cmp "$scratch/e.glove" "$work/d.any"
expect 2 "no format in the ending" ranks 2 convert "$scratch/e.txt" "$work/d.any" &&
    expect_message "no format in the ending" "give --to"

cat >"$scratch/read.py" <<'END'
import sys, h5py, numpy
lines = [line.split() for line in open(sys.argv[1])]
wanted = numpy.array([line[1:] for line in lines], dtype="f4")
assert numpy.array_equal(numpy.load(sys.argv[2] + "/a.npy"), wanted)
assert open(sys.argv[2] + "/a.npy.vocab").read().split() == [line[0] for line in lines]
with h5py.File(sys.argv[2] + "/a.h5") as f:
    assert numpy.array_equal(f["embedding"][:], wanted)
    assert [word.decode() for word in f["vocab"][:]] == [line[0] for line in lines]
numpy.save(sys.argv[2] + "/f.npy", numpy.asfortranarray(wanted.astype(">f8")))
END
if /usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null; then
    expect 0 "numpy and h5py read the same" /usr/bin/python3 "$scratch/read.py" \
        "$scratch/e.glove" "$work"
    expect 0 "big-endian float64 by columns" ranks 3 convert "$work/f.npy" "$work/f.txt" \
        --vocab "$work/a.npy.vocab"
    expect 0 "big-endian float64: same text" cmp "$scratch/e.txt" "$work/f.txt"
fi

# Bad input: one line, exit code 3, nothing left behind ----------------------------------------------
rm -rf "${work:?}"/*
bad() { # CODE PATTERN WHAT ARGUMENT...; tests/mpi/vectors.c has the classes at all rank counts
    expect "$1" "$3" ranks 3 "${@:4}" && expect_message "$3" "$2"
    expect_only "$3" "$work"
}
bad 3 'absent.txt' "missing file" convert "$scratch/absent.txt" "$work/x.h5"
: >"$scratch/empty.txt"
bad 3 'empty.txt: the file is empty' "empty file" convert "$scratch/empty.txt" "$work/x.h5"
sed '1200s/ [^ ]*$//' "$scratch/e.txt" >"$scratch/short.txt"
bad 3 'short.txt:1200: 3 numbers' "a number missing" convert "$scratch/short.txt" "$work/x.bin"
sed '1300s/ / of /' "$scratch/e.txt" >"$scratch/space.txt"
bad 3 "space.txt:1300: field 2, 'of'" "a space in a word" convert "$scratch/space.txt" "$work/x.npy"
head -n 1000 "$scratch/e.txt" >"$scratch/cut.txt"
bad 3 'promises 1500 words, but 999' "rows missing" convert "$scratch/cut.txt" "$work/x.txt"
expect 0 "a store" ranks 1 convert "$scratch/e.txt" "$scratch/e.h5"
head -c 9000 "$scratch/e.h5" >"$scratch/cut.h5"
bad 3 'cut.h5' "a truncated store" convert "$scratch/cut.h5" "$work/x.txt"
expect 0 "an array" ranks 1 convert "$scratch/e.txt" "$scratch/e.npy"
head -n 1499 "$scratch/e.npy.vocab" >"$scratch/fewer"
bad 3 '1499 words for the 1500 rows' "too few names" convert "$scratch/e.npy" "$work/x.txt" \
    --vocab "$scratch/fewer"
rm "$scratch/e.npy.vocab"
bad 3 'e.npy.vocab' "no names" convert "$scratch/e.npy" "$work/x.txt"
bad 5 'nowhere' "no such directory" convert "$scratch/e.txt" "$work/nowhere/x.txt"

# Files as they are found: repeated words, names with blanks, a matrix without words -----------------
printf 'the 1 2\nof 3 4\nthe 5 6\n\n' >"$scratch/repeated.glove"
for n in 1 3; do
    expect 0 "a repeated word, $n ranks" ranks $n convert "$scratch/repeated.glove" "$work/r.txt"
    expect_equal "the first is kept, $n ranks" "2 2,the 1 2,of 3 4," "$(tr '\n' ',' <"$work/r.txt")"
    expect_equal "one warning, $n ranks" 1 "$(grep -c "warn .*repeated.glove:3: the word 'the' is \
there already, in row 1; 1 rows of repeated words left out" "$scratch/err")"
    expect_equal "counted, $n ranks" 1 "$(awk '$1 == "repeated_words" {print $2}' "$scratch/out")"
    rm "$work/r.txt"
done
bad 3 "repeated.glove:3: the word 'the' is there already, in row 1 .*--repeated-words first" \
    "a repeated word refused" convert "$scratch/repeated.glove" "$work/x.txt" --repeated-words refuse
printf '3 1\na 1\nb 2\nc 3\n' >"$scratch/three.txt"
expect 0 "three rows" ranks 1 convert "$scratch/three.txt" "$scratch/three.npy"
printf '\357\273\277the 10\nof 7\nthe 1\n\n\n' >"$scratch/three.npy.vocab"
expect 0 "names with counts, one repeated" ranks 2 convert "$scratch/three.npy" "$scratch/named.txt"
expect_equal "names with counts" "2 1,the 1,of 2," "$(tr '\n' ',' <"$scratch/named.txt")"
printf 'the\nNew York\nof\n' >"$scratch/three.npy.vocab"
bad 3 "three.npy.vocab:2: 'York' stands behind the word 'New'.*join the parts" "half a name" convert \
    "$scratch/three.npy" "$work/x.h5"
printf 'the\n\nof\nand\n' >"$scratch/three.npy.vocab"
bad 3 "three.npy.vocab:2: the line is empty" "a row without a name" convert "$scratch/three.npy" \
    "$work/x.h5"
printf '5.0e-01 1.5 2.5\n3.5 4.5 5.5\n' >"$scratch/savetxt.txt"
bad 3 "savetxt.txt:1: every word is a number, .*numpy.savetxt.* glove" "a matrix without words" \
    convert "$scratch/savetxt.txt" "$work/x.npy"
expect 0 "a matrix said to have words" ranks 2 convert "$scratch/savetxt.txt" "$work/y.npy" --from glove
expect_equal "a matrix said to have words: a warning" 1 \
    "$(grep -c 'warn .*every word is a number' "$scratch/err")"
rm "$work"/y.npy*

# What info says of vectors, and of text that holds none ------------------------------------------------
expect 0 "word2vec's format" ranks 1 convert "$scratch/e.txt" "$scratch/e.bin"
make_corpus "$scratch/corpus.txt" 20
expect 0 "info" ranks 2 info "$scratch"/e.txt.gz "$scratch"/e.bin "$scratch"/e.glove "$scratch"/corpus.txt
expect_equal "info: formats" "word2vec text,word2vec binary,GloVe text,text," \
    "$(sed -n 's/^ *format *//p' "$scratch/out" | tr '\n' ',')"
expect_equal "info: three times 1500 x 4" 6 "$(grep -cE '(rows|cols|dim) +(1500|4)$' "$scratch/out")"
bad 3 'short.txt:1200: 3 numbers' "info of damaged vectors" info "$scratch/short.txt"
expect 0 "a look at the first vectors only" ranks 2 info --no-verify "$scratch/short.txt"

# Sums of words: b - a + c is d exactly ----------------------------------------------------------------
cat >"$scratch/small.txt" <<'END'
8 3
man 1 0 0
woman 0 1 0
king 1 0 1
queen 0 1 1
Apple -1 0 .5
apple -1 -1 0
zero 0 0 0
far -1 -1 -1
END
expect 0 "neighbours" ranks 2 neighbors "$scratch/small.txt" "king - man + woman" Apple -k 2 --json
expect_equal "neighbours" "$(tr -d ' \n' <"$scratch/out" | grep -o '"word":"[^"]*"' | tr '\n' ' ')" \
    '"word":"queen" "word":"Apple" "word":"apple" "word":"queen" '
expect 0 "all neighbours" ranks 3 neighbors "$scratch/small.txt" KING -k 7
expect_equal "all but the word itself" "$(grep -c '^ *KING' "$scratch/out")" 7
bad 2 "k: 8 is too many: .*small.txt has 8 words; give at most 7" "more neighbours than words" \
    neighbors "$scratch/small.txt" KING -k 8
expect 0 "neighbours by default" ranks 1 neighbors "$scratch/small.txt" KING
expect_equal "neighbours by default: as many as there are" "$(grep -c '^ *KING' "$scratch/out")" 7
bad 3 "kinh: .*did you mean 'king'" "unknown word" neighbors "$scratch/small.txt" kinh
bad 3 "xyzzy: not in the vocabulary" "no near word" neighbors "$scratch/small.txt" "king + xyzzy"
expect 0 "one unknown word of three" ranks 2 neighbors "$scratch/small.txt" kinh "king - man + woman" man -k 1 --json
expect_equal "the others are answered" "$(tr -d ' \n' <"$scratch/out" | grep -o '"word":"[^"]*"' | tr '\n' ' ')" \
    '"word":"queen" "word":"king" '
expect_equal "it is named" '"unknown":["kinh"]' "$(tr -d ' \n' <"$scratch/out" | grep -o '"unknown":[^]]*]')"
expect_equal "and warned of, once" 1 "$(grep -c "warn.*kinh: .*did you mean 'king'" "$scratch/err")"
bad 3 "kinh: not in" "no word is known" neighbors "$scratch/small.txt" kinh "xyzzy - man"
bad 2 "joined by" "no sign between" neighbors "$scratch/small.txt" "king man"
bad 2 "must end with a word" "a sign at the end" neighbors "$scratch/small.txt" "king -"
bad 2 "argument|FILES" "no word" neighbors "$scratch/small.txt"

# Scores: cosines .7071, .5, 0 against 3, 1, 2: rho = 1 - 6 x 2 / (3 x 8) = 1/2 ----------------------
printf 'Man king 3\nking queen 1\nman woman 2\nman nobody 9\n' >"$scratch/s.ws.tsv"
printf ': one\nman king woman queen\nman king woman far\n: none\nman x y z\n' >"$scratch/a.txt"
expect 0 "scores" ranks 3 words-eval "$scratch/small.txt" --similarity "$scratch/s.ws.tsv" \
    --analogy "$scratch/a.txt" --cosmul
expect_equal "similarity" "$(awk '$1 == "s" {print $2, $3, $4, $5}' "$scratch/out")" "0.5 3 4 0.75"
expect_equal "analogy" "$(awk '$1 == "a" && NF > 8 {print $2, $3, $4, $5}' "$scratch/out")" \
    "0.5 0 2 3" # 3CosMul prefers Apple, whose cosine with man is -.89
expect_equal "pairs left out are told" "1 nobody" "$(awk '$1 == "s" {print $6, $7}' "$scratch/out")"
expect_equal "questions left out are told" "1 x, y, z" \
    "$(awk '$1 == "a" && NF > 8 {print $7, $8, $9, $10}' "$scratch/out")"
expect_equal "and logged" 2 "$(grep -c '1 \(pairs\|questions\) left out, with words' "$scratch/err")"
expect_equal "section" "$(awk '$2 == "one" {print $3, $5, $6}' "$scratch/out")" "0.5 2 2"
# As published: comments, header, score in the fourth column; section names with blanks; words that
# training lowered are found however they are written.
printf '# made\n# by them\nword1\tword2\tPOS\tSimLex999\tother\nStra\303\237e\tKing\tN\t3\t1\nking\tSTRASSE\tN\t1\t3\nSTRA\341\272\236E\t\316\233\316\237\316\223\316\237\316\243\tN\t2\t2\n' >"$scratch/published.txt"
printf 'stra\303\237e 1 0\nking 1 1\nstrasse 0 1\n\316\273\316\277\316\263\316\277\317\202 1 .2\n' >"$scratch/german.glove"
printf ': one to two\nking STRASSE \316\273\316\277\316\263\316\277\317\203 stra\303\237e\n' >"$scratch/greek.txt"
for n in 1 3; do
    expect 0 "published sets, $n ranks" ranks $n words-eval "$scratch/german.glove" --json \
        --similarity "$scratch/published.txt" --analogy "$scratch/greek.txt"
    expect_equal "all found, $n ranks" '3 "SimLex999" 1 "one to two"' "$(sed -nE \
        's/^ *"(used|score_column|section)": ([^,]*),?$/\2/p' "$scratch/out" | head -n 4 | xargs -d '\n')"
done
expect 0 "another column" ranks 1 words-eval "$scratch/german.glove" --score-column other --json \
    --similarity "$scratch/published.txt"
expect_equal "another column" '"other"' "$(sed -n 's/.*"score_column": //p' "$scratch/out")"
bad 3 "published.txt:3: no column 'rating'; the first line has: word1" "no such column" words-eval \
    "$scratch/german.glove" --score-column rating --similarity "$scratch/published.txt"
expect 0 "neighbors of words in any case" ranks 2 neighbors "$scratch/german.glove" \
    'STRA'$'\341\272\236''E' 'Stra'$'\303\237''e' -k 1
printf 'nobody nothing 1\n' >"$scratch/none.ws.tsv"
expect 0 "nothing covered" ranks 2 words-eval "$scratch/small.txt" --json \
    --similarity "$scratch/none.ws.tsv"
expect_equal "nothing covered: null" "$(grep -c '"spearman": null' "$scratch/out")" 1
printf 'man king 3\nman king\n' >"$scratch/bad.ws.tsv"
bad 3 'bad.ws.tsv:2: 2 fields' "a field missing" words-eval "$scratch/small.txt" \
    --similarity "$scratch/bad.ws.tsv"
printf 'man king high\n' >"$scratch/bad.ws.tsv"
bad 3 "bad.ws.tsv:1: the score 'high' is not a number.*--score-column" "no number" words-eval "$scratch/small.txt" \
    --similarity "$scratch/bad.ws.tsv"
printf 'man king woman queen\n\nman king woman\n' >"$scratch/bad.an.tsv"
bad 3 'bad.an.tsv:3: 3 fields' "three words" words-eval "$scratch/small.txt" \
    --analogy "$scratch/bad.an.tsv"
bad 3 'empty.txt: holds no' "an empty set" words-eval "$scratch/small.txt" \
    --analogy "$scratch/empty.txt"
bad 2 'give some of --similarity --analogy' "no set" words-eval "$scratch/small.txt"

# The same characters at every number of ranks and threads ------------------------------------------
awk 'BEGIN { for (i = 0; i < 600; i++) print "w" i * 2 % 1500, "w" i * 3 % 1499, "w" i, "w" i + 1 }' \
    >"$scratch/same.an.tsv"
awk 'BEGIN { for (i = 0; i < 600; i++) print "w" i, "w" i + 700, i * 7 % 11 }' >"$scratch/same.ws.tsv"
# A result without the memory and time that it took.
answer() {
    /usr/bin/python3 -c "import json, sys
result = json.load(sys.stdin)
print({key: value for key, value in result.items() if key not in ('bytes_per_rank', 'peak_rss', 'seconds')})"
}
same=""
for run in 1,1 1,2 2,1 3,2 4,1 7,1; do
    n=${run%,*} threads=${run#*,}
    expect 0 "evaluation, $run" ranks "$n" words-eval "$scratch/e.txt" --cosmul --json \
        --similarity "$scratch/same.ws.tsv" --analogy "$scratch/same.an.tsv" --threads "$threads"
    answer <"$scratch/out" >"$scratch/both"
    expect 0 "neighbours, $run" ranks "$n" neighbors "$scratch/e.txt" w1 w500 "w1 - w2" --json \
        --threads "$threads"
    same="$same$(answer <"$scratch/out" | cat "$scratch/both" - | sha256sum)"$'\n'
done
expect_equal "one result for all ranks and threads" "$(printf '%s' "$same" | sort -u | wc -l)" 1

# The dry run counts what the run needs --------------------------------------------------------------
expect 0 "dry run" ranks 2 words-eval "$scratch/e.txt" --similarity "$scratch/s.ws.tsv" --dry-run
expect_equal "dry run: bytes" "$(awk '$1 == "vectors" {print $2}' "$scratch/out")" 16384
finish
