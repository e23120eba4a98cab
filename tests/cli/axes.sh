# axes: scores, cosines and their spectrum against NumPy; what moving a row along one axis does to all
# scores; the same bytes at any number of ranks, streamed or not; bad lists are refused.
. "$(dirname "$0")/lib_program.sh" || exit 1
need axes convert
python=/usr/bin/python3
"$python" -c 'import h5py, numpy' 2>/dev/null || skip "$python lacks h5py or numpy"
cd "$scratch" || exit 1

cat >make.py <<'END'
import numpy as np
random = np.random.default_rng(2)
V, d = 5000, 64
E = random.standard_normal((V, d)).astype("f4")
E[100] = E[101]
np.save("E", E), np.save("N", E)
names = [f"w{i}" for i in range(V)]
names[10], names[11], names[12] = "Good", "bad", "caf\u00e9"
open("E.npy.vocab", "w").write("".join(f"{w}\n" for w in names))
open("pairs.tsv", "w").write("good\tBAD\nw5\tw4999\ncafe\u0301\tw3000\nw7\tw8\n")
open("numbers.txt", "w").write("10 11\n5 4999\n12 3000\n7 8\n")
open("some.tsv", "w").write("good\tbad\nnobody\tw3\nw1\tnothing\nw5\tw6\n")
END
"$python" make.py || { fail "inputs"; finish; }

for n in 1 3 7; do
    mkdir at$n
    (cd at$n && ln -s ../E.npy ../E.npy.vocab ../pairs.tsv .) || fail "links"
    expect 0 "$n ranks" bash -c "cd at$n && $(declare -f ranks job seconds); ranks $n axes E.npy --pairs pairs.tsv -o S.h5 --quiet"
    [ $n = 1 ] || expect 0 "the same at $n ranks" cmp at1/S.h5 at$n/S.h5
done
expect 0 "streamed, by numbers" ranks 2 axes N.npy --pairs numbers.txt -o numbers.h5 --memory 13M --json
cp out told.json
expect 0 "words left out" ranks 1 axes E.npy --pairs some.tsv --unknown skip -o some.h5 --json
expect_equal "how many" "$(grep -o '"left_out": 2' out)" '"left_out": 2'
cat >move.py <<'END'
import h5py, numpy as np
E = np.load("E.npy").astype("f8")
with h5py.File("at1/S.h5") as f:
    np.save("moved", E + 3 * f["axes"][1])
END
expect 0 "rows moved along the second axis" "$python" move.py
expect 0 "have other scores" ranks 1 axes moved.npy --pairs numbers.txt -o moved.h5 --quiet

cat >compare.py <<'END'
import json
import h5py, numpy as np
E = np.load("E.npy").astype("f8")
a, b = [10, 5, 12, 7], [11, 4999, 3000, 8]
D = E[a] - E[b]
D /= np.linalg.norm(D, axis=1, keepdims=True)
S = {}
for name in "at1/S", "numbers", "moved":
    with h5py.File(name + ".h5") as f:
        S[name] = {k: f[k][:] for k in ("scores", "axes", "cosines", "spectrum", "rows", "pairs")}
        assert ("vocab" in f) == (name == "at1/S")
s = S["at1/S"]
assert s["scores"].shape == (5000, 4) and np.abs(s["scores"] - E @ D.T).max() < 1e-12
assert np.abs(s["axes"] - D).max() < 1e-15 and np.abs(s["cosines"] - D @ D.T).max() < 1e-15
assert np.abs(s["spectrum"] - np.linalg.eigvalsh(D @ D.T)[::-1]).max() < 1e-14
assert (s["rows"] == np.transpose([a, b])).all() and s["pairs"][0] == b"good - BAD"
for k in "scores", "axes", "cosines", "spectrum", "rows":
    assert s[k].tobytes() == S["numbers"][k].tobytes(), k
assert np.abs(S["moved"]["scores"] - s["scores"] - 3 * s["cosines"][1]).max() < 1e-12
told = json.load(open("told.json"))
assert told["pairs"] == 4 and np.abs(np.array(told["spectrum"]) - s["spectrum"]).max() == 0
END
expect 0 "they are what they should be" "$python" compare.py
expect 0 "scores are a matrix with names" ranks 1 convert at1/S.h5 scores.npy --quiet
expect_equal "as many as rows" "$(wc -l <scores.npy.vocab)" 5000

printf 'w1\tw1\n' >one.tsv
printf 'w1\tW1\n' >fold.tsv
printf 'w100\tw101\n' >equal.tsv
printf 'w1\tw2\tw3\n' >three.tsv
printf 'nobody\tnothing\n' >none.tsv
: >empty.tsv
"$python" -c 'import numpy as np; x = np.load("E.npy"); x[4321, 7] = np.nan; np.save("nan", x)'
bad() { # CODE PATTERN ARGUMENT...
    expect "$1" "${*:3}" ranks "${n:-1}" axes "${@:3}" -o no.h5
    expect_message "${*:3}" "$2"
}
for n in 1 3; do
    bad 3 "some.tsv:2: no row of E.npy is called 'nobody'" E.npy --pairs some.tsv
    bad 3 'nan.npy: row 4321, column 7 \(from 0\) is nan' nan.npy --pairs numbers.txt
    bad 3 'equal.tsv:1: rows 100 and 101 are equal' E.npy --pairs equal.tsv
done
n=1
bad 3 'one.tsv:1: .w1. and .w1. are one row' E.npy --pairs one.tsv
bad 3 'fold.tsv:1: .w1. and .W1. are one row' E.npy --pairs fold.tsv
bad 3 'three.tsv:1: is no pair' E.npy --pairs three.tsv
bad 3 'none.tsv: E.npy has the words of no pair' E.npy --pairs none.tsv --unknown skip
bad 3 'empty.tsv: holds no pairs' E.npy --pairs empty.tsv
bad 2 'pairs' E.npy
expect_equal "nothing was written" "$(find . -name 'no.*' | tr '\n' ' ')" ""
finish
