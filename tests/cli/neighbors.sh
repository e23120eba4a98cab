# neighbors of files: hard negatives by NumPy's count, the same bytes on any number of ranks, in any format
# and out of core; what is refused, in one line.
. "$(dirname "$0")/lib_program.sh" || exit 1
need neighbors convert
need_python
cd "$scratch" || exit 1

"$python" - <<'END'
import numpy as np
r = np.random.default_rng(5)
E = r.standard_normal((2300, 12)).astype("f"); Q = r.standard_normal((700, 12)).astype("f")
E[7] = E[2000]; E[9] = 0                     # a tie far apart, a row without direction
np.save("E.npy", E); np.save("Q.npy", Q)
np.save("ex.npy", r.integers(-1, 2300, 700)); np.save("g.npy", r.integers(0, 4, 2300))
np.savetxt("qg.txt", r.integers(0, 4, 700), fmt="%d")
bad = Q.copy(); bad[600, 3] = np.nan; np.save("nan.npy", bad)
bad = E.copy(); bad[2100, 11] = np.inf; np.save("inf.npy", bad)
np.save("wide.npy", np.zeros((5, 13), "f")); np.save("many.npy", np.full(700, 2300)); np.save("few.npy", np.zeros(3, "i8"))
np.save("one.npy", np.ones((600, 3))); np.save("none.npy", np.zeros((0, 12), "f")); np.save("narrow.npy", np.zeros((4, 1)))
with open("pairs.mtx", "w") as f:
    at = sorted({(i, int(j)) for i in range(1, 701) for j in r.integers(1, 2301, 3)})
    f.write("%%%%MatrixMarket matrix coordinate pattern general\n700 2300 %d\n" % len(at))
    f.writelines("%d %d\n" % p for p in at)
with open("small.mtx", "w") as f: f.write("%%MatrixMarket matrix coordinate pattern general\n7 2300 1\n1 1\n")
END

# What NumPy finds ------------------------------------------------------------------------------------
cat >check.py <<'END'
import h5py, numpy as np, scipy.io, sys
E, Q = np.load("E.npy").astype("d"), np.load("Q.npy").astype("d")
name, metric, k, skip = sys.argv[1], sys.argv[2], 5, 2
product = Q @ E.T
if metric == "cosine":
    with np.errstate(all="ignore"):
        s = np.nan_to_num(product / np.linalg.norm(Q, axis=1)[:, None] / np.linalg.norm(E, axis=1))
elif metric == "dot": s = product
else: s = -np.sqrt(((Q[:, None] - E) ** 2).sum(2))
ex, g, qg = np.load("ex.npy"), np.load("g.npy"), np.loadtxt("qg.txt", dtype=int)
if "plain" not in name:
    s[np.flatnonzero(ex >= 0), ex[ex >= 0]] = -np.inf
    s[qg[:, None] == g] = -np.inf
    s[s > (-1.5 if metric == "l2" else .8)] = -np.inf
if "pairs" in name: s[scipy.io.mmread("pairs.mtx").toarray() != 0] = -np.inf
if "plain" in name: skip = 0
want = np.argsort(-s, axis=1, kind="stable")[:, skip:skip + k]
with h5py.File(name) as f: ids, scores = f["ids"][:], f["scores"][:]
assert (ids == want).all(), (np.argwhere(ids != want)[:5], ids[ids != want][:5], want[ids != want][:5])
assert np.allclose(np.abs(scores), np.abs(np.take_along_axis(s, want, 1)), rtol=1e-6, atol=1e-6)
END
some="--exclude ex.npy --exclude-groups g.npy --query-groups qg.txt --skip 2 -k 5 --quiet"
for metric in cosine dot l2; do
    limits="--max-score .8"
    [ $metric = l2 ] && limits="--min-score 1.5"
    # shellcheck disable=SC2086 # words
    expect 0 "$metric" ranks 1 neighbors --queries Q.npy --among E.npy --metric $metric $some $limits -o $metric.h5 --graph $metric.mtx
    expect 0 "$metric is what NumPy finds" "$python" check.py $metric.h5 $metric
    # shellcheck disable=SC2086
    expect 0 "$metric on 3 ranks" ranks 3 neighbors --queries Q.npy --among E.npy --metric $metric $some $limits -o three.h5 --graph three.mtx --threads 2
    expect 0 "the same answers" "$python" -c "import h5py, sys
a, b = (h5py.File(n) for n in sys.argv[1:])
assert all((a[d][:] == b[d][:]).all() for d in ('ids', 'scores'))" $metric.h5 three.h5
    expect 0 "$metric: the same graph" cmp $metric.mtx three.mtx
done
expect_equal "a graph has the entries of the store" "$(sed -n 2p cosine.mtx)" "700 2300 3500"

# Any format, out of core, and a sparse matrix of what is left out --------------------------------------
expect 0 "E as a store" ranks 1 convert E.npy E.h5 --quiet
expect 0 "Q as safetensors" ranks 1 convert Q.npy Q.safetensors --quiet
expect 0 "in memory" ranks 1 neighbors --queries Q.npy --among E.npy --exclude pairs.mtx -k 5 -o plain_pairs.h5 --graph a.mtx --quiet
expect 0 "pairs left out are what NumPy leaves out" "$python" check.py plain_pairs.h5 cosine
expect 0 "other formats, rows that pass by" ranks 7 neighbors --queries Q.safetensors --among E.h5 --exclude pairs.mtx -k 5 --graph b.mtx --quiet
expect 0 "the same graph" cmp a.mtx b.mtx
expect 0 "many rows" "$python" -c "import numpy as np
np.save('long.npy', np.random.default_rng(6).standard_normal((60000, 64), dtype='f'))
np.save('short.npy', np.random.default_rng(7).standard_normal((40, 64), dtype='f'))"
long="--queries short.npy --among long.npy -k 4 --metric l2 --quiet"
# shellcheck disable=SC2086
{
    expect 0 "in memory" ranks 1 neighbors $long --graph a.mtx --json
    expect 4 "too little memory" ranks 1 neighbors $long --graph b.mtx --memory 5M
    expect_message "too little memory" "needs [0-9]* bytes"
    expect 0 "rows that memory does not hold" ranks 2 neighbors $long --graph b.mtx --memory 8M --json
}
expect 0 "the same answers out of core" cmp a.mtx b.mtx

# A word list, ties by number, more asked for than there is ---------------------------------------------
expect 0 "all rows equal" ranks 3 neighbors --queries one.npy --among one.npy --exclude self -k 3 --json
expect_equal "ties go by number" "$(tr -d ' \n' <out | grep -o '"row":[0-9]*' | head -6 | tr '\n' ' ')" \
    '"row":1 "row":2 "row":3 "row":0 "row":2 "row":3 '
expect 0 "a row without direction" ranks 1 neighbors --queries narrow.npy --among narrow.npy -k 9 -o k.h5 --json
expect_equal "places without an answer are counted" "$(grep -c '"unfilled": 4' out)" 1
expect 0 "and are -1" "$python" -c "import h5py, numpy as np
f = h5py.File('k.h5'); assert (f['ids'][:, 4:] == -1).all() and np.isnan(f['scores'][:, 4:]).all() and (f['ids'][:, :4] == range(4)).all()"
expect 0 "no queries" ranks 3 neighbors --queries none.npy --among E.npy -k 2 -o k.h5 --quiet
expect 0 "no rows" ranks 3 neighbors --queries Q.npy --among none.npy -k 2 --json
expect_equal "nothing is near" "$(grep -c '"unfilled": 700' out)" 1

# What is refused: one line, nothing written ------------------------------------------------------------
bad() { # CODE PATTERN WHAT ARGUMENT...
    for n in 1 3; do
        expect "$1" "$3, $n ranks" ranks $n neighbors "${@:4}" -o bad.h5 --graph bad.mtx --quiet
        expect_message "$3" "$2"
        if [ -e bad.h5 ] || [ -e bad.mtx ]; then fail "$3: something was written"; fi
    done
}
among="--queries Q.npy --among E.npy"
# shellcheck disable=SC2086
{
bad 3 'nan.npy: row 600, column 3' "NaN in a query" --queries nan.npy --among E.npy
bad 3 'inf.npy: row 2100, column 11' "infinity among rows" --queries Q.npy --among inf.npy
bad 3 'wide.npy: rows of 13 numbers, but those of E.npy have 12' "another width" --queries wide.npy --among E.npy
bad 3 'many.npy: entry 0 .*2300; there are 2300' "ids out of range" $among --exclude many.npy
bad 3 'few.npy' "too few ids" $among --exclude few.npy
bad 3 'small.mtx: is 7 x 2300, but there are 700' "a small matrix" $among --exclude small.mtx
bad 3 'exclude self' "self of two sizes" $among --exclude self
bad 3 'few.npy' "too few groups" $among --exclude-groups few.npy --query-groups qg.txt
bad 2 'query-groups' "no groups of queries" $among --exclude-groups g.npy
bad 2 'among' "queries alone" --queries Q.npy
bad 2 'EMBEDDING' "words beside files" $among word
bad 2 'k' "no neighbors" $among -k 0
}
finish
