# factor: SVD, NMF and semi-NMF of files of several formats, by NumPy and scikit-learn; the same bytes on any
# number of ranks and out of core; stopped and gone on with; what is refused, in one line.
. "$(dirname "$0")/lib_program.sh" || exit 1
need factor convert
need_python
cd "$scratch" || exit 1

"$python" - <<'END'
import numpy as np, scipy.io, scipy.sparse as sp
r = np.random.default_rng(5)
X = r.random((1100, 30)) @ np.diag(.8 ** np.arange(30)) @ r.random((30, 40)); np.save("X.npy", X); np.save("X32.npy", X.astype("f"))
S = sp.random(900, 70, .1, random_state=3, format="csr"); scipy.io.mmwrite("S.mtx", S)
np.save("minus.npy", X - .5); np.save("long.npy", r.random((80000, 50), dtype="f"))
bad = X.copy(); bad[1024, 7] = np.nan; np.save("nan.npy", bad)
bad = X.copy(); bad[600, 3] = -1; np.save("negative.npy", bad)
np.save("equal.npy", np.ones((600, 5))); np.save("zero.npy", np.zeros((20, 5))); np.save("none.npy", np.zeros((0, 5))); np.save("one.npy", r.random((700, 1)))
np.save("ids.npy", np.array([5, 700])); np.save("twice.npy", np.array([5, 5])); np.save("far.npy", np.array([1100]))
END
python() { expect 0 "$1" "$python" -c "import h5py, numpy as np, scipy.io
$2"; }
same() { # A B: their factors
    python "$1 is as $2" "a, b = h5py.File('$1'), h5py.File('$2')
for d in ('coordinates', 'primitive', 'objective'): assert a[d].dtype == b[d].dtype and (a[d][:] == b[d][:]).all(), d"
}

# SVD -------------------------------------------------------------------------------------------------
expect 0 "svd" ranks 1 factor X.npy --svd --rank 6 -o svd.h5 --residual R.npy --quiet
python "the best factors, and what is left" "
X = np.load('X.npy'); f = h5py.File('svd.h5'); W, H = f['coordinates'][:], f['primitive'][:]
s = np.linalg.svd(X, compute_uv=False)
assert abs(f['objective'][0] * 2 / (s[6:] ** 2).sum() - 1) < 1e-9 and abs(f['values'][:] / s[:6] - 1).max() < 1e-10
assert abs(W.T @ W - np.eye(6)).max() < 1e-8 and abs(X - W @ H - np.load('R.npy')).max() < 1e-12
assert abs((np.load('R.npy') ** 2).sum() / (s[6:] ** 2).sum() - 1) < 1e-9"
expect 0 "svd on 3 ranks" ranks 3 factor X.npy --svd --rank 6 -o svd3.h5 --residual R3.npy --threads 2 --quiet
same svd.h5 svd3.h5
expect 0 "the same residual" cmp R.npy R3.npy
expect 0 "svd of a store of float32" ranks 1 convert X32.npy X32.h5 --quiet
expect 0 "svd of a store of float32" ranks 2 factor X32.h5 --svd -k 6 -o svd32.h5 --quiet
python "coordinates as narrow as X" "
f = h5py.File('svd32.h5'); X = np.load('X.npy'); s = np.linalg.svd(X, compute_uv=False)
assert f['coordinates'].dtype == 'f4' and abs(((X - f['coordinates'][:] @ f['primitive'][:]) ** 2).sum() / (s[6:] ** 2).sum() - 1) < 1e-5"
expect 0 "svd of all values, a sparse one, a column, equal rows" ranks 2 factor one.npy --svd -k 1 -o one.h5 --quiet
expect 0 "equal rows" ranks 2 factor equal.npy --svd -k 3 -o equal.h5 --residual E.npy --quiet
python "of rank 1" "assert abs(np.load('E.npy')).max() < 1e-12"
expect 0 "a sparse one" ranks 2 factor S.mtx --svd -k 5 -o sparse.h5 --quiet
python "as NumPy's" "
s = np.linalg.svd(scipy.io.mmread('S.mtx').toarray(), compute_uv=False); assert abs(h5py.File('sparse.h5')['values'][:] - s[:5]).max() < 1e-7"

# NMF -------------------------------------------------------------------------------------------------
expect 0 "where to begin" ranks 1 factor X.npy --nmf --rank 4 --steps 0 -o start.h5 --quiet
expect 0 "nmf" ranks 1 factor X.npy --nmf --rank 4 --steps 30 --tolerance 0 --start start.h5 -o nmf.h5 --quiet
expect 0 "nmf from numbers of a seed, on 7 ranks" ranks 7 factor X.npy --nmf --rank 4 --steps 30 --tolerance 0 -o nmf7.h5 --quiet
same nmf.h5 nmf7.h5
if "$python" -c 'import sklearn' 2>/dev/null; then
    python "as scikit-learn's" "
import warnings; from sklearn.decomposition import non_negative_factorization as nnf
warnings.filterwarnings('ignore')
s, f = h5py.File('start.h5'), h5py.File('nmf.h5')
W, H, _ = nnf(np.load('X.npy'), s['coordinates'][:], s['primitive'][:], n_components=4, init='custom', solver='mu', max_iter=30, tol=0)
assert abs(W - f['coordinates'][:]).max() < 1e-10 and abs(H - f['primitive'][:]).max() < 1e-10"
else
    echo "not compared with scikit-learn, which is not installed"
fi
expect 0 "sparse" ranks 1 factor S.mtx --nmf -k 5 --steps 20 -o sparse.h5 --json
expect_equal "steps" "$(grep -c '"steps": 20' out)" 1
expect 0 "sparse on 3 ranks" ranks 3 factor S.mtx --nmf -k 5 --steps 20 -o sparse3.h5 --quiet --threads 2
same sparse.h5 sparse3.h5
python "its objective is that of its factors" "
f = h5py.File('sparse.h5'); o = f['objective'][:]; X = scipy.io.mmread('S.mtx').toarray()
assert abs(o[-1] * 2 / ((X - f['coordinates'][:] @ f['primitive'][:]) ** 2).sum() - 1) < 1e-9 and (np.diff(o) <= 0).all()"
expect 0 "some rows move" ranks 2 factor X.npy --nmf -k 4 --steps 3 --start nmf.h5 --only ids.npy -o some.h5 --quiet
python "and others stay" "
a, b = h5py.File('nmf.h5')['coordinates'][:], h5py.File('some.h5')['coordinates'][:]
assert set(np.flatnonzero((a != b).any(1))) == {5, 700}"
expect 0 "nothing but zeros" ranks 2 factor zero.npy --nmf -k 2 -o zero.h5 --quiet
python "no NaN" "assert np.isfinite(h5py.File('zero.h5')['coordinates'][:]).all()"

# Semi-NMF, stopped by a time limit and gone on with, out of core ---------------------------------------
expect 0 "semi-NMF" ranks 1 factor minus.npy --snmf -k 4 --steps 25 --tolerance 0 -o semi.h5 --residual R.npy --quiet
python "nonnegative coordinates, least squares" "
f, X = h5py.File('semi.h5'), np.load('minus.npy'); W, H, o = f['coordinates'][:], f['primitive'][:], f['objective'][:]
assert (W >= 0).all() and (np.diff(o) <= 1e-12 * o[0]).all() and abs(X - W @ H - np.load('R.npy')).max() < 1e-12
assert abs(np.linalg.lstsq(W, X, rcond=None)[0] - H).max() < 1e-8 and abs((np.load('R.npy') ** 2).sum() / 2 / o[-1] - 1) < 1e-9"
go="minus.npy --snmf -k 4 --tolerance 0 --checkpoint go.h5 --quiet"
# shellcheck disable=SC2086 # words
{
    expect 0 "ten steps" ranks 2 factor $go --steps 10 -o ten.h5
    expect 0 "fifteen more" ranks 3 factor $go --steps 25 -o semi25.h5 --resume must
    same semi.h5 semi25.h5
    expect 2 "another rank" ranks 1 factor minus.npy --snmf -k 5 --checkpoint go.h5 -o bad.h5
    expect_message "another rank" "rank"
    expect 0 "in memory" ranks 1 factor long.npy --nmf -k 3 --steps 4 -o a.h5 --quiet
    expect 0 "out of core" ranks 2 factor long.npy --nmf -k 3 --steps 4 -o b.h5 --memory 8M --quiet
    same a.h5 b.h5
    expect 0 "svd in memory" ranks 1 factor long.npy --svd -k 3 -o a.h5 --quiet
    expect 0 "svd out of core" ranks 2 factor long.npy --svd -k 3 -o b.h5 --memory 8M --quiet
    same a.h5 b.h5
    expect 4 "too little" ranks 1 factor long.npy --nmf -k 3 -o b.h5 --memory 1M --quiet
}

# What is refused: one line, nothing written ------------------------------------------------------------
bad() { # CODE PATTERN WHAT ARGUMENT...
    for n in 1 3; do
        expect "$1" "$3, $n ranks" ranks "$n" factor "${@:4}" -o bad.h5 --quiet
        expect_message "$3" "$2"
        if [ -e bad.h5 ]; then fail "$3: something was written"; fi
    done
}
bad 3 'negative.npy: row 600, column 3 .*-1' "a negative number" negative.npy --nmf
bad 3 'nan.npy: row 1024, column 7' "NaN" nan.npy --svd
bad 3 'nan.npy: row 1024, column 7' "NaN among steps" nan.npy --snmf -k 2
bad 3 'none.npy is 0 x 5' "no rows" none.npy --svd
bad 2 'rank: 41 is too many' "a rank above the side" X.npy --svd -k 41
bad 2 'rank' "no rank" X.npy --svd -k 0
bad 3 'far.npy: entry 0 .*1100' "ids out of range" X.npy --nmf --only far.npy
bad 3 'twice.npy' "an id twice" X.npy --nmf --only twice.npy
bad 3 'nmf.h5: /coordinates is 1100 x 4' "a start of another rank" X.npy --nmf -k 5 --start nmf.h5
bad 2 'residual' "what is left of a sparse one" S.mtx --nmf --residual R2.npy
bad 2 'svd|nmf' "no method" X.npy
bad 2 'svd|nmf' "two methods" X.npy --svd --nmf
bad 2 'steps' "steps of svd" X.npy --svd --steps 3
finish
