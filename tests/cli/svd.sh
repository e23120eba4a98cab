# svd, qr and eig from outside: what numpy and scipy find, the same bits at any number of ranks, and
# every class of bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need svd qr eig
python=/usr/bin/python3
"$python" -c 'import h5py, numpy, scipy.io, scipy.sparse' 2>/dev/null ||
    skip "$python has no h5py, numpy and scipy"
work=$scratch/work
mkdir "$work"
data=$TRUNNION_SOURCE/../shared/data/graph

cat >"$scratch/make.py" <<'END'
import sys, numpy, scipy.io, scipy.sparse
to, draw = sys.argv[1] + "/", numpy.random.default_rng(1)
tall = draw.standard_normal((1300, 40)) + 3
numpy.save(to + "tall.npy", tall)
numpy.save(to + "wide.npy", numpy.ascontiguousarray(tall.T))
numpy.save(to + "tall32.npy", tall.astype("f4"))
numpy.save(to + "deficient.npy", tall @ numpy.diag([1] * 30 + [0] * 10))
numpy.save(to + "symmetric.npy", tall.T @ tall)
skew = tall.T @ tall
skew[7, 30] += 1e-6 * abs(skew).max()
numpy.save(to + "skew.npy", skew)
tall[1200, 3] = numpy.nan
numpy.save(to + "nan.npy", tall)
numpy.save(to + "ones.npy", numpy.outer(numpy.arange(1, 7), numpy.arange(1, 5)))
numpy.save(to + "tiny.npy", tall[:30, :4] * 1e-310)
numpy.save(to + "huge.npy", numpy.outer(numpy.arange(1, 8), numpy.arange(1, 6)) * 1e305)
numpy.save(to + "beyond.npy", numpy.full((4, 3), 1.7e308))
numpy.save(to + "empty.npy", numpy.zeros((0, 3)))
sparse = scipy.sparse.random(900, 700, 0.02, random_state=2)
scipy.io.mmwrite(to + "sparse.mtx", sparse, precision=17)
sparse.data[100] = numpy.inf
scipy.io.mmwrite(to + "inf.mtx", sparse, precision=17)
END
"$python" "$scratch/make.py" "$scratch" || fail "the inputs cannot be made"

cat >"$scratch/check.py" <<'END'
import sys, h5py, numpy, scipy.io
what, source, result = sys.argv[1:4]
a = scipy.io.mmread(source).toarray() if source.endswith("mtx") else numpy.load(source).astype("f8")
with h5py.File(result) as f:
    got = {name: f[name][:] for name in f if isinstance(f[name], h5py.Dataset)}
    kind = f.attrs["kind"]
def small(x, most=1e-10):
    assert abs(x).max() < most, abs(x).max()
if what in ("svd", "pca"):
    assert kind in ("svd", b"svd")
    mean = a.mean(axis=0)
    if what == "pca":
        small(got["mean"] - mean)
        a = a - mean
    s, k = numpy.linalg.svd(a, compute_uv=False), len(got["singular_values"])
    u, v = got["u"], got["v"]
    assert u.shape == (a.shape[0], k) and v.shape == (a.shape[1], k)
    small(got["singular_values"] - s[:k], 1e-10 * s[0])
    small(u.T @ u - numpy.eye(k)), small(v.T @ v - numpy.eye(k))
    small(a @ v - u * got["singular_values"], 1e-8 * s[0])
    assert all(v[abs(v[:, j]).argmax(), j] > 0 for j in range(k))
elif what == "qr":
    q, r = got["q"], got["r"]
    small(q.T @ q - numpy.eye(q.shape[1])), small(q @ r - a, 1e-10 * abs(a).max())
    assert (numpy.tril(r, -1) == 0).all() and (numpy.diag(r) >= 0).all()
else:
    w, v = got["values"], got["vectors"]
    small(w - numpy.linalg.eigvalsh(a), 1e-10 * abs(a).max())
    small(v.T @ v - numpy.eye(len(w))), small(a @ v - v * w, 1e-10 * abs(a).max())
END

# Run on 1, 2 and 3 ranks: the same bits each time, and what the check says.
same() { # CHECK SOURCE ARGUMENT...
    local n bits=""
    for n in 1 2 3; do
        expect 0 "$3 of $2, $n ranks" ranks "$n" "${@:3}" "$scratch/$2" -o "$work/x.h5"
        bits="$bits$(digest "$work/x.h5")#"
    done
    expect_equal "${*:3} $2: the same bits" "$bits" "$(printf '%s#' \
        "$(digest "$work/x.h5")" "$(digest "$work/x.h5")" "$(digest "$work/x.h5")")"
    expect 0 "${*:3} $2: what numpy finds" "$python" "$scratch/check.py" "$1" "$scratch/$2" \
        "$work/x.h5"
    expect_only "no temporary file" "$work" x.h5
}
same svd tall.npy svd -k 7
same svd wide.npy svd -k 40
same pca wide.npy svd -k 5 --center
same pca tall32.npy svd -k 5 --center
same svd tall.npy svd -k 5 --method krylov
same svd deficient.npy svd -k 33 --method krylov
same svd sparse.mtx svd -k 12
same svd sparse.mtx svd -k 12 --method gram
same pca sparse.mtx svd -k 12 --center
same svd ones.npy svd -k 4
same svd ones.npy svd -k 4 --method krylov
same pca ones.npy svd -k 4 --center
same svd tiny.npy svd -k 3
same svd huge.npy svd -k 5
same qr huge.npy qr
same qr tall.npy qr
same qr deficient.npy qr
same eig symmetric.npy eig
expect "0|2" "eig by ScaLAPACK" ranks 3 eig "$scratch/symmetric.npy" -o "$work/x.h5" \
    --method scalapack
if grep -q "built without ScaLAPACK" "$scratch/err"; then
    echo "not checked: eig by ScaLAPACK, which the program was built without"
else
    expect 0 "eig by ScaLAPACK: what numpy finds" "$python" "$scratch/check.py" eig \
        "$scratch/symmetric.npy" "$work/x.h5"
fi
expect 0 "a default of more values than there are" ranks 2 svd "$scratch/ones.npy" -o "$work/x.h5"
expect_equal "a default of more values than there are: said" \
    "$(grep -c '4 instead of the default 10: .*ones.npy is 6 x 4' "$scratch/err")" 1
for verb in "svd tall.npy" "svd sparse.mtx --method krylov" "qr tall.npy" "eig symmetric.npy"; do
    read -ra words <<<"$verb"
    words[1]=$scratch/${words[1]}
    expect 0 "a dry run of $verb" ranks 2 "${words[@]}" -o "$work/y.h5" --dry-run
    expect_equal "a dry run of $verb: bytes" "$(grep -c bytes_per_rank "$scratch/out")" 1
    expect_only "a dry run of $verb" "$work" x.h5
done

# Bad input: one line, the right exit code, nothing left behind --------------------------------------
rm "$work/x.h5"
bad() { # CODE PATTERN WHAT ARGUMENT...
    local n
    for n in 1 3; do
        expect "$1" "$3, $n ranks" ranks "$n" "${@:4}" -o "$work/x.h5" && expect_message "$3" "$2"
        expect_only "$3, $n ranks" "$work"
    done
}
bad 2 'rank: 41 .*1300 x 40' "more than there are" svd "$scratch/tall.npy" -k 41
bad 3 'empty.npy.* empty' "nothing" svd "$scratch/empty.npy"
for verb in svd qr; do
    bad 6 'too large for float64' "a result beyond float64" $verb "$scratch/beyond.npy"
done
bad 6 'nan.npy: entry \(1201, 4\)' "NaN" svd "$scratch/nan.npy"
bad 6 'nan.npy: entry \(1201, 4\)' "NaN in qr" qr "$scratch/nan.npy"
bad 6 'inf.mtx: entry' "infinity, sparse" svd "$scratch/inf.mtx"
bad 6 'inf.mtx: entry' "infinity, made dense" svd "$scratch/inf.mtx" --method gram
bad 6 'after 2 steps' "too few steps" svd "$scratch/sparse.mtx" --max-steps 2
bad 3 'skew.npy: not symmetric: entry \(8, 31\)' "not symmetric" eig "$scratch/skew.npy"
bad 3 'tall.npy: 1300 x 40' "not square" eig "$scratch/tall.npy"
bad 2 'wide.npy: 40 x 1300' "wide" qr "$scratch/wide.npy"
bad 3 'absent.npy' "missing" svd "$scratch/absent.npy"
bad 4 'memory' "too little memory" svd "$scratch/tall.npy" --memory 100K
expect 2 "no output" ranks 2 svd "$scratch/tall.npy" && expect_message "no output" "output"

# The published spectra ----------------------------------------------------------------------------------
if ! [ -f "$data/mnist10k_pca.json" ] || ! [ -f "$data/blogcatalog_svd.json" ]; then
    echo "not checked: MNIST and BlogCatalog, which are not beside the repository"
    finish
fi
cat >"$scratch/data.py" <<'END'
import gzip, sys, numpy, scipy.io, scipy.sparse
source, to = sys.argv[1:3]
raw = gzip.open(source + "/mnist10k-images.idx3.gz").read()
images = numpy.frombuffer(raw, numpy.uint8, offset=16).reshape(-1, 784)
numpy.save(to + "/mnist.npy", (images / 255).astype("f4"))
edges = numpy.loadtxt(source + "/blogcatalog.edges", dtype=int)
n = edges.max() + 1
half = scipy.sparse.coo_matrix((numpy.ones(len(edges)), edges.T), (n, n))
graph = (half + half.T).tocsr()
root = scipy.sparse.diags(1 / numpy.sqrt(numpy.asarray(graph.sum(1)).ravel()))
scipy.io.mmwrite(to + "/blog.mtx", (root @ graph @ root).tocoo(), precision=17, symmetry="symmetric")
END
cat >"$scratch/published.py" <<'END'
import json, sys, h5py, numpy
wanted = numpy.array(json.load(open(sys.argv[1]))["singular_values"])
with h5py.File(sys.argv[2]) as f:
    off = abs(f["singular_values"][:] / wanted - 1).max()
assert off < float(sys.argv[3]), off
END
"$python" "$scratch/data.py" "$data" "$scratch" || fail "the data cannot be made"
bits=""
for n in 1 2 3; do
    expect 0 "MNIST, $n ranks" ranks "$n" svd "$scratch/mnist.npy" -k 100 --center -o "$work/m.h5"
    expect 0 "MNIST: the reference" "$python" "$scratch/published.py" "$data/mnist10k_pca.json" \
        "$work/m.h5" 1e-7
    bits="$bits$(digest "$work/m.h5" /u /v /singular_values /mean | sha256sum)"$'\n'
done
expect_equal "MNIST: the same bits" "$(printf '%s' "$bits" | sort -u | wc -l)" 1
expect 0 "BlogCatalog" ranks 2 svd "$scratch/blog.mtx" -k 64 -o "$work/b.h5"
expect 0 "BlogCatalog: the reference" "$python" "$scratch/published.py" \
    "$data/blogcatalog_svd.json" "$work/b.h5" 1e-6
finish
