# fastrp: the program on graphs of several formats, at 1, 3 and 7 ranks and under --memory: the same bytes,
# and those of the definition; what a node's random vector depends on; what a dry run tells; what is refused.
. "$(dirname "$0")/lib_program.sh" || exit 1
need fastrp
need_python
cd "$scratch" || exit 1
"$python" - <<'PY' || exit 1
import gzip, numpy as np
r = np.random.default_rng(3)
n, m = 6000, 40000
e = (n * r.random((m, 2)) ** 2).astype(int)
e = np.unique(np.sort(e[e[:, 0] != e[:, 1]], 1), axis=0)
e = e[e[:, 1] < n - 3] # the last nodes have no edges
lines = ["%d %d" % tuple(x) for x in e]
open("g.txt", "w").write("\n".join(lines) + "\n")
turned = ["%d %d" % (tuple(x) if i % 2 else tuple(x[::-1])) for i, x in enumerate(e)]
r.shuffle(turned)
gzip.open("turned.txt.gz", "wt").write("# the same in another order\n" + "\n".join(turned + turned[:50]) + "\n")
with open("g.mtx", "w") as out:
    out.write("%%%%MatrixMarket matrix coordinate pattern symmetric\n%d %d %d\n" % (n, n, len(e)))
    out.writelines("%d %d\n" % (b + 1, a + 1) for a, b in e)
w = r.integers(1, 9, len(e)) / 4
open("w.txt", "w").writelines("%d %d %g\n" % (a, b, x) for (a, b), x in zip(e, w))
open("named.txt", "w").writelines("n%d n%d\n" % tuple(x) for x in e[:500])
np.save("R.npy", r.standard_normal((n, 24)))
np.save("F.npy", r.standard_normal((n, 5)))
np.save("short.npy", r.standard_normal((n - 1, 24)))
bad = r.standard_normal((n, 24))
bad[17, 3] = np.nan
np.save("nan.npy", bad)
np.savez("truth", e=e, w=w, n=n)
PY

# What a run gives is that of the first of its kind, whatever the ranks, the file and the memory.
declare -A of
alike() { # KIND RANKS GRAPH ARGUMENT...
    rm -f e.npy
    expect 0 "$1: $3 on $2 ranks" ranks "$2" fastrp "${@:3}" --nodes 6000 -o e.npy --quiet
    now=$(sha256sum <e.npy)
    [ -n "${of[$1]:-}" ] || of[$1]=$now
    expect_equal "$1: $3 on $2 ranks: result" "$now" "${of[$1]}"
    cp e.npy "$1.npy"
}
paper=(--dim 100 --seed 5)
alike paper 1 g.txt "${paper[@]}"
alike paper 1 g.mtx "${paper[@]}" --threads 2
alike paper 3 turned.txt.gz "${paper[@]}" --threads 2 --memory 16M
alike paper 7 g.txt "${paper[@]}"
gds=(--preset gds --dim 40 --weights '0,1,1,.5' --self .5 --features F.npy --feature-dim 7 --weighted)
alike gds 1 w.txt "${gds[@]}"
alike gds 3 w.txt "${gds[@]}" --threads 2 --memory 16M
given=(--projection R.npy --dtype f64 --weighted --weights '1,.5,2' --alpha -.5)
alike given 1 w.txt "${given[@]}"
alike given 3 w.txt "${given[@]}"

# R itself: of the other nodes and edges nothing shows but the density.
drawn=(--self 1 --weights 0 --row-normalize none --no-standardize --alpha 0 --degree neighbors --dim 60)
expect 0 "drawn" "$TRUNNION" fastrp g.txt "${drawn[@]}" --sparsity 7 --nodes 6000 -o r.npy --quiet
expect 0 "more nodes" ranks 3 fastrp turned.txt.gz "${drawn[@]}" --sparsity 7 --nodes 9000 -o more.npy --quiet
expect 0 "sparse" "$TRUNNION" fastrp g.txt "${drawn[@]}" --nodes 6000 -o s.npy --quiet
expect 0 "sparser" "$TRUNNION" fastrp g.txt "${drawn[@]}" --nodes 7000 -o t.npy --quiet
expect 0 "names" ranks 3 fastrp named.txt --dim 8 -o n.h5 --quiet
expect 0 "by the definition" "$python" - <<'PY'
import h5py, numpy as np
t = np.load("truth.npz")
e, n = t["e"], int(t["n"])
W = np.zeros((n, n))
W[e[:, 0], e[:, 1]] = W[e[:, 1], e[:, 0]] = t["w"]
A = (W != 0).astype(float)
def unit(U):
    d = np.linalg.norm(U, axis=1, keepdims=True)
    return np.divide(U, d, out=np.zeros_like(U), where=d > 0)
def vectors(A, U, weights, step=False, start=0.0):
    deg = A.sum(1, keepdims=True)
    Z = start * unit(U)
    for w in weights:
        U = np.divide(A @ U, deg, out=np.zeros_like(U), where=deg > 0)
        if step: U = unit(U)
        Z += w * unit(U)
    return Z
def standard(Z):
    d = Z.std(0)
    d[d == 0] = 1
    return (Z - Z.mean(0)) / d
deg = W.sum(1, keepdims=True)
L = np.divide(1.0, np.sqrt(deg), out=np.zeros_like(deg), where=deg > 0)
Z = standard(vectors(W, L * np.load("R.npy"), (1, .5, 2)))
assert abs(Z - np.load("given.npy")).max() < 1e-10
# Random parts, seen through a run without edges' work.
r, more, s, t = (np.load(f) for f in ("r.npy", "more.npy", "s.npy", "t.npy"))
assert set(np.unique(np.round(abs(r), 5))) == {0, np.float32(np.round(np.sqrt(7 / 60), 5))}
assert abs((r != 0).mean() - 1 / 7) < .002 and (more[:6000] == r).all()
assert abs((s != 0).mean() - 6000 ** -.5) < .001
stay = t[:6000] != 0
assert (s != 0)[stay].all() and (np.sign(s) == np.sign(t[:6000]))[stay].all() and stay.sum() < (s != 0).sum()
f = h5py.File("n.h5")
assert f.attrs["kind"] == "embedding" and f["embedding" if "embedding" in f else "values"].shape[1] == 8
PY

# What a dry run tells is near what is taken, and suffices.
for r in 1 3; do
    expect 0 "dry run on $r ranks" ranks "$r" fastrp g.txt --dim 512 --dtype f64 --dry-run --json --quiet
    told=$(sed -n 's/.*"total": \([0-9]*\).*/\1/p' out)
    expect 0 "as much memory on $r ranks" ranks "$r" fastrp g.txt --dim 512 --dtype f64 --memory "$told" -o e.npy --quiet
    expect 4 "less memory on $r ranks" ranks "$r" fastrp g.txt --dim 512 --dtype f64 --memory $((told * 2 / 5)) -o e.npy --quiet
done

mkdir left
bad() { # CODE PATTERN RANKS ARGUMENT...
    expect "$1" "fastrp ${*:4} on $3 ranks" ranks "$3" fastrp "${@:4}" -o left/e.h5
    expect_message "fastrp ${*:4}" "$2"
    expect_only "fastrp ${*:4}" left
}
printf '0 1 1\n1 2 -1\n' >negative.txt
printf '0 1 1\n1 2 nan\n' >nan.txt
printf '0 1\n1\n' >one.txt
printf '0 1\n4 2147483648\n' >far.txt
: >empty.txt
printf '5 5\n' >loop.txt
printf '3 4\n' >two.txt
printf 'R 1\n' >r.txt
bad 3 'negative.txt:2' 3 negative.txt --weighted
bad 3 'nan.txt:2' 1 nan.txt --weighted
bad 3 'one.txt:2' 1 one.txt
bad 3 'far.txt:2' 3 far.txt
bad 3 'empty.txt' 1 empty.txt
bad 3 'r.txt' 1 r.txt --ids numbers
bad 3 'short.npy: has 5999 rows, but g.txt has 6000 nodes' 3 g.txt --nodes 6000 --projection short.npy
bad 3 'nan.npy: row 17, column 3 \(from 0\) is nan' 3 g.txt --nodes 6000 --projection nan.npy
bad 3 'R.npy: has 24 columns; --dim is 30' 1 g.txt --nodes 6000 --projection R.npy --dim 30
bad 2 '--weights 1,,2: write numbers' 1 g.txt --weights 1,,2
bad 2 '--weights 1,inf: write numbers' 1 g.txt --weights 1,inf
bad 2 '--sparsity: 0.5' 1 g.txt --sparsity 0.5
bad 2 'feature-dim' 1 g.txt --feature-dim 3
bad 2 'feature-dim' 1 g.txt --nodes 6000 --features F.npy
bad 2 'feature-dim' 1 g.txt --features F.npy --feature-dim 30 --dim 20
bad 2 'sparsity' 1 g.txt --projection R.npy --sparsity 3
bad 2 'dim' 1 g.txt --dim 0
expect 0 "two nodes, more ranks than those" ranks 3 fastrp two.txt --dim 3 -o left/e.npy --quiet
expect 0 "no edges left" ranks 3 fastrp loop.txt --dim 3 -o left/e.npy --quiet
expect_equal "no edges left" "(6, 3) 0.0" "$("$python" -c 'import numpy as np; z = np.load("left/e.npy"); print(z.shape, abs(z).max())')"
rm left/e.npy
finish
