# Names of rows go with rows: counts to PPMI to singular vectors that `neighbors` and `words-eval` look
# words up in; products and Gram matrices of rows have the names of their first operand.
. "$(dirname "$0")/lib_program.sh" || exit 1
need cooccur transform svd multiply gram qr neighbors words-eval convert
need_python
cd "$scratch" || exit 1
for i in $(seq 1 200); do
    echo "red green w$((i % 7)) blue w$((i % 3))"
done >corpus.txt
printf 'red green 3\nred blue 1\n' >pairs.tsv

expect 0 cooccur ranks 1 cooccur corpus.txt --min-count 1 -o X.h5 --quiet
expect 0 transform ranks 2 transform X.h5 --ppmi -o Y.h5 --quiet
expect 0 svd ranks 3 svd Y.h5 --rank 4 -o S.h5 --quiet
expect 0 neighbors ranks 2 neighbors S.h5:/u red -k 3 --json --quiet
expect_equal "a word of the corpus is near" 1 "$(grep -c '"rank": 1' out)"
expect 0 "neighbors without the dataset" ranks 1 neighbors S.h5 red -k 3 --quiet
expect 0 words-eval ranks 2 words-eval S.h5:/u --similarity pairs.tsv --json --quiet
expect_equal "pairs found" 1 "$(grep -c '"used": 2' out)"

expect 0 gram ranks 2 gram Y.h5 --rows -o G.h5 --quiet
expect 0 multiply ranks 2 multiply Y.h5 Y.h5 -o P.h5 --quiet
expect 0 "multiply, transposed" ranks 1 multiply Y.h5 Y.h5 --transpose-a -o T.h5 --quiet
expect 0 qr ranks 2 qr S.h5:/u -o Q.h5 --quiet
expect 0 "to .npy" ranks 2 transform Y.h5 --scale-rows l2 -o N.h5 --quiet
expect 0 "which names" "$python" - <<'PY'
import h5py
def names(path):
    f = h5py.File(path, "r")
    return list(f["vocab"].asstr()) if "vocab" in f else None
words = names("X.h5")
assert len(words) == 10, words
for path in "Y S G P Q N".split():
    assert names(path + ".h5") == words, path
assert names("T.h5") is None
PY
expect 0 "dense, to .npy" ranks 2 multiply Q.h5:/r Q.h5:/r -o R.npy --quiet
expect_equal "no names where there are none" "" "$(ls R.npy.vocab 2>/dev/null)"
seq 1 5 >R.npy.vocab
expect 0 "a list of names from before" ranks 2 multiply Q.h5:/r Q.h5:/r -o R.npy
expect_equal "is warned of" 1 "$(grep -c 'R.npy.vocab is there from before' err)"
expect_equal "and stays" 5 "$(wc -l <R.npy.vocab)"
finish
