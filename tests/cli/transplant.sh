# transplant: each way in which rows of a new vocabulary come about, against NumPy and the golden values
# of OFA's rule, the same bytes at any number of ranks and with little memory; bad lists are refused
# before anything is written.
. "$(dirname "$0")/lib_program.sh" || exit 1
need transplant convert
python=/usr/bin/python3
"$python" -c 'import h5py, numpy' 2>/dev/null || skip "$python lacks h5py or numpy"
cd "$scratch" || exit 1

cat >make.py <<'END'
import numpy as np
def h(n, d, s):
    i, j = np.arange(n)[:, None], np.arange(d)[None]
    return ((2654435761 * i + 40503 * j + 97 * s + 69069 * i * j) % 65537) / 65537
E, old, new = h(40, 8, 13) - .5, h(40, 6, 14) - .5, h(12, 6, 15) - .5
old[7] = new[3] = 0
for name, x in ("E", E), ("old", old), ("new", new):
    np.save(name, x)
open("map.tsv", "w").write("0\t7\n5\t1\n")
random = np.random.default_rng(3)
V, n, d = 3000, 1300, 40
L, A, B = (random.standard_normal(s).astype("f4") for s in ((V, d), (V, 16), (n, 16)))
A[5::50] = 0
B[4::20] = 0
np.save("L", L), np.save("A", A), np.save("B", B)
open("L.npy.vocab", "w").write("".join(f"w{i}\n" for i in range(V)))
open("B.npy.vocab", "w").write("".join(f"w{3 * i}\n" if i % 4 == 0 else f"n{i}\n" for i in range(n)))
open("pieces.tsv", "w").write("new\tw1 w2 w3\nshort\tw9\nlong\t" + " ".join(f"w{i}" for i in range(2999)) + "\ntwice\tw4 w4 w5\n")
open("some.tsv", "w").write("n1\tw11\nn1299\tw2\n")
open("names.txt", "w").write("w7\nfresh\nw2999\n")
END
"$python" make.py || { fail "inputs"; finish; }

same() { # OUT ARGUMENT...
    local n
    for n in ${counts:-1 3 7}; do
        mkdir -p "at$n"
        expect 0 "$1 at $n ranks" ranks "$n" transplant --quiet "${@:2}" -o "at$n/$1"
        expect 0 "$1 at $n ranks" cmp "at1/$1" "at$n/$1"
    done
}
counts="1 2 3 4 6 7" same golden.npy --source E.npy --aux-source old.npy --aux-target new.npy --overlap map.tsv -k 4 --zero-sources
same large.npy --source L.npy --aux-source A.npy --aux-target B.npy --same-names
expect 0 "with little memory" ranks 3 transplant --json --source L.npy --aux-source A.npy --aux-target B.npy --same-names \
    --memory 12M --why why.npy -o tight.npy
cp out told.json
expect 0 "the same" cmp tight.npy at1/large.npy
expect 0 "two threads" ranks 1 transplant --quiet --source L.npy --aux-source A.npy --aux-target B.npy --same-names \
    --threads 2 -o threads.npy
expect 0 "the same" cmp threads.npy at1/large.npy
expect 0 "the nearest alone, a store" ranks 2 transplant --quiet --source L.npy --aux-source A.npy --aux-target B.npy -k 1 -o nearest.h5
expect 0 "hot" ranks 2 transplant --quiet --source L.npy --aux-source A.npy --aux-target B.npy -k 4 --temperature 1e9 --type f64 -o hot.npy
expect 0 "cold" ranks 2 transplant --quiet --source L.npy --aux-source A.npy --aux-target B.npy -k 4 --temperature 1e-6 --type f64 -o cold.npy
same pieces.npy --source L.npy --pieces pieces.tsv --type f64
expect 0 "by names" ranks 2 transplant --quiet --source L.npy --names names.txt --why named_why.npy -o named.h5
same grown.npy --source L.npy --mean-cov 2000 --epsilon 0.25
expect 0 "bfloat16" ranks 1 convert --quiet L.npy L.safetensors --type bf16
expect 0 "it stays" ranks 2 transplant --quiet --source L.safetensors --aux-source A.npy --aux-target B.npy --overlap some.tsv -o half.safetensors

cat >compare.py <<'END'
import json, struct
import h5py, numpy as np
golden = {0: [-0.47943146619466864, -0.48416161862764545, -0.48889177106062226, -0.493621923493599],
          1: [0.3114536581689405, 0.011219651100326198, -0.29538631461396764, 0.3980077196717383],
          2: [0.22489187557399712, -0.04589924403833021, -0.3166903636506575, 0.41251851673701506],
          4: [-0.10702002275925336, -0.25243009157874213, -0.3978401603982309, 0.45674977078228046],
          11: [-0.010097662703929752, 0.18563346893482718, 0.38136460057358407, -0.42290426778765894]}
T = np.load("at1/golden.npy")
assert all(np.abs(T[r][:4] - x).max() < 1e-14 for r, x in golden.items())
E = np.load("E.npy")
assert (T[0] == E[7]).all() and (T[5] == E[1]).all() and np.isfinite(T[3]).all()
L, A, B = (np.load(n + ".npy").astype("f8") for n in "LAB")
def unit(x):
    n = np.linalg.norm(x, axis=1, keepdims=True)
    return np.divide(x, n, out=np.zeros_like(x), where=n > 0)
S = unit(B) @ unit(A).T
S[:, ~A.any(1)] = -np.inf
order = np.lexsort((np.broadcast_to(np.arange(len(A)), S.shape), -S), axis=1)
def mixed(k, t):
    best = order[:, :k]
    w = np.exp((np.take_along_axis(S, best, 1) - S.max(1, keepdims=True)) / t)
    w /= w.sum(1, keepdims=True)
    return (w[..., None] * L[best]).sum(1)
i = np.arange(len(B))
copied = (i % 4 == 0) & (3 * i < len(A))
drawn = ~B.any(1) & ~copied
rest = ~copied & ~drawn
why = np.load("why.npy")
assert why.dtype == np.int8 and (why == np.where(copied, 1, np.where(drawn, 3, 2))).all()
T = np.load("at1/large.npy")
assert T.dtype == np.float32 and (T[copied] == L[3 * i[copied]]).all()
assert np.abs(T[rest] - mixed(10, .1)[rest]).max() < 1e-6
z = (T[drawn] - L.mean(0)) / L.std(0)
assert drawn.sum() > 10 and abs(z.mean()) < .1 and abs(z.std() - 1) < .1 and np.unique(z).size == z.size
told = json.load(open("told.json"))
assert [told[x] for x in ("copied", "mixed", "drawn", "of_pieces")] == [copied.sum(), rest.sum(), drawn.sum(), 0]
live = B.any(1)
with h5py.File("nearest.h5") as f:
    assert (f["embedding"][:][live] == L[order[live, 0]].astype("f4")).all() and len(f["vocab"]) == len(B)
assert np.abs(np.load("hot.npy")[live] - L[order[live, :4]].mean(1)).max() < 1e-7
assert np.abs(np.load("cold.npy")[live] - L[order[live, 0]]).max() < 1e-7
P = np.load("at1/pieces.npy")
wanted = [L[[1, 2, 3]].mean(0), L[9], L[:2999].mean(0), (2 * L[4] + L[5]) / 3]
assert np.abs(P - wanted).max() < 1e-14 and (P[1] == L[9]).all()
with h5py.File("named.h5") as f:
    N = f["embedding"][:]
    assert (N[[0, 2]] == L[[7, 2999]].astype("f4")).all() and list(f["vocab"]) == [b"w7", b"fresh", b"w2999"]
assert list(np.load("named_why.npy")) == [1, 3, 1]
G = np.load("at1/grown.npy").astype("f8")
assert (G[:3000] == L).all() and G.shape == (5000, 40)
new, cov = G[3000:] - L.mean(0), .25 * np.cov(L.T, bias=True)
assert np.abs(new.mean(0)).max() < .05 and np.abs(new.T @ new / 2000 - cov).max() < .05
raw = open("half.safetensors", "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
(head,) = json.loads(raw[8:8 + n]).values()
assert head["dtype"] == "BF16" and head["shape"] == [1300, 40]
source = open("L.safetensors", "rb").read()
m = struct.unpack("<Q", source[:8])[0]
row = lambda data, at, i: data[8 + at + 80 * i:8 + at + 80 * i + 80]
assert row(raw, n, 1) == row(source, m, 11) and row(raw, n, 1299) == row(source, m, 2)
END
expect 0 "they are what they should be" "$python" compare.py

# What is wrong is said in one line, before there is any output.
printf 'n1\tw1\nn1\tw2\n' >twice.tsv
printf 'nowhere\tw1\n' >nobody.tsv
printf 'n1\tnowhere\n' >nothing.tsv
printf 'a\tw1\nb\t \n' >empty.tsv
printf 'a\tw1\na\tw2\n' >again.tsv
printf 'a\tw1 w88888\n' >piece.tsv
"$python" -c 'import numpy as np; A = np.load("A.npy"); np.save("wide.npy", np.ones((9, 17))); np.save("short.npy", A[:9])
x = np.load("L.npy"); x[77, 5] = np.nan; np.save("nan.npy", x); np.save("flat.npy", np.ones((50, 3))); np.save("zero.npy", np.zeros((0, 40)))
A[4, 2] = np.inf; np.save("inf.npy", A)'
bad() { # CODE PATTERN ARGUMENT...
    expect "$1" "${*:3}" ranks "${n:-1}" transplant "${@:3}" -o no.npy
    expect_message "${*:3}" "$2"
}
similar=(--source L.npy --aux-source A.npy --aux-target B.npy)
for n in 1 3; do
    bad 3 'twice.tsv:2: target row .n1. has a source row already' "${similar[@]}" --overlap twice.tsv
    bad 3 'inf.npy: row 4, column 2 \(from 0\) is inf' --source L.npy --aux-source inf.npy --aux-target B.npy
    bad 3 'nan.npy: row 77, column 5 \(from 0\) is nan' --source nan.npy --aux-source A.npy --aux-target B.npy -k 500
    bad 6 'flat.npy: the covariance of its 3 columns is not positive definite' --source flat.npy --mean-cov 3
done
n=1
bad 3 'nobody.tsv:1: no target row is called .nowhere.' "${similar[@]}" --overlap nobody.tsv
bad 3 'nothing.tsv:1: no source row is called .nowhere.' "${similar[@]}" --overlap nothing.tsv
bad 3 'wide.npy: has 17 columns, but A.npy has 16' --source L.npy --aux-source A.npy --aux-target wide.npy
bad 3 'short.npy: has 9 rows, but L.npy has 3000' --source L.npy --aux-source short.npy --aux-target B.npy
bad 3 'empty.tsv:2: .b. has no pieces' --source L.npy --pieces empty.tsv
bad 3 'again.tsv:2: .a. is there already, in line 1' --source L.npy --pieces again.tsv
bad 3 'piece.tsv:1: no source row is called .w88888.' --source L.npy --pieces piece.tsv
bad 3 'zero.npy: has no rows' --source zero.npy --mean-cov 2
bad 3 'E.npy: has no names for its rows' --source E.npy --names names.txt
bad 2 'k: ' "${similar[@]}" -k 3001
bad 2 'k: ' "${similar[@]}" -k 0
bad 2 'say how rows come about' --source L.npy
bad 2 'needs|without|pieces' "${similar[@]}" --pieces pieces.tsv
expect_equal "nothing was written" "$(find . -name 'no.*' | tr '\n' ' ')" ""
finish
