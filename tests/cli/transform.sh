# `transform`: every transform of dense and sparse files as NumPy makes it, the same bytes at any
# number of ranks; from a corpus to PPMI; what has no transform is refused with one line that names
# the place, and leaves nothing behind.
. "$(dirname "$0")/lib_program.sh" || exit 1
need transform cooccur
python=/usr/bin/python3
"$python" -c 'import h5py, numpy, scipy.io' 2>/dev/null || skip "$python lacks h5py, numpy or scipy"
work=$scratch/work out=$scratch/out.d
mkdir "$work" "$out"

(cd "$work" && "$python") <<'END'
import numpy as np, scipy.io as sio, scipy.sparse as sp
random = np.random.default_rng(4)
counts = random.poisson(0.7, (260, 260)).astype("f8")
counts[5] = 0
counts[:, 9] = 0
np.save("x.npy", counts)
sio.mmwrite("x.mtx", sp.csr_matrix(counts))
other = sp.random(260, 260, 0.1, random_state=5)
np.save("z.npy", other.toarray())
sio.mmwrite("z.mtx", other, precision=17)
np.save("z32.npy", other.toarray().astype("f4"))
np.save("narrow.npy", counts[:, :50])
sio.mmwrite("wide.mtx", sp.csr_matrix(counts[:100]))
np.save("positive.npy", counts + 0.5)
for name, value in [("nan", np.nan), ("negative", -4.0), ("infinite", np.inf)]:
    bad = counts.copy()
    bad[200, 3] = value
    np.save(f"{name}.npy", bad)
    sio.mmwrite(f"{name}.mtx", sp.csr_matrix(bad))
np.save("huge.npy", counts * 1e307)
sio.mmwrite("huge.mtx", sp.csr_matrix(counts * 1e307), precision=17)
np.save("tiny.npy", counts * 1e-200)
END

# As NumPy, and the same bytes at 1 and 3 ranks -----------------------------------------------------
both() { # NAME FILE OPTION...
    local n
    for n in 1 3; do
        expect 0 "transform $2 ${*:3} at $n ranks" ranks "$n" transform "$work/$2" "${@:3}" \
            -o "$out/$1.$n.${2##*.}"
    done
    expect_equal "transform $2 ${*:3}: bytes at 3 ranks" \
        "$(sha256sum <"$out/$1.1.${2##*.}")" "$(sha256sum <"$out/$1.3.${2##*.}")"
}
for format in npy mtx; do
    both pmi x.$format --pmi
    both ppmi x.$format --ppmi --shift 2 --cds 0.75
    both log1p x.$format --log1p
    both scale x.$format --scale -0.25
    both rows x.$format --scale-rows l2
    both cols x.$format --scale-cols l1
    both most x.$format --scale-cols max
    both sym x.$format --normalize sym
    both ones x.$format --binarize
    both add x.$format --add "$work/z.$format" --alpha 2 --beta -3
done
both rows_tiny tiny.npy --scale-rows l2
both cols_tiny tiny.npy --scale-cols l2
both rows_huge huge.npy --scale-rows l1
both add_huge huge.npy --add "$work/huge.npy" --alpha 10 --beta -9
both log positive.npy --log
both logs x.mtx --log
expect 0 "sparse and dense" ranks 2 transform "$work/x.mtx" --add "$work/z32.npy" -o "$out/mixed.npy"
expect 0 "norms of sparse rows" ranks 2 transform "$work/x.mtx" --norms l2 -o "$out/norms.npy"
expect 0 "NaN in norms" ranks 2 transform "$work/nan.npy" --norms max -o "$out/nan.npy"
expect 0 "float32" ranks 2 transform "$work/x.npy" --scale 0.1 --dtype f32 -o "$out/single.npy"

cat >"$scratch/check.py" <<'END'
import sys
import numpy as np, scipy.io as sio
work, out = sys.argv[1:]
x, z = np.load(f"{work}/x.npy"), np.load(f"{work}/z.npy")
np.seterr(divide="ignore", invalid="ignore")
def pmi(shift, power):
    r, c = x.sum(1, keepdims=True), x.sum(0, keepdims=True) ** power
    return np.where(x > 0, np.log(x * c.sum() / (r * c)) - np.log(shift), 0)
def over(by):
    return np.where(x == 0, 0, x / by)
d = np.sqrt(x.sum(1))
want = {
    "pmi": pmi(1, 1), "ppmi": np.maximum(pmi(2, 0.75), 0), "log1p": np.log1p(x), "scale": x * -0.25,
    "rows": over(np.sqrt((x * x).sum(1, keepdims=True))), "cols": over(x.sum(0)),
    "most": over(x.max(0)), "sym": np.where(np.outer(d, d) > 0, x / np.outer(d, d), 0),
    "ones": (x != 0) * 1.0, "add": 2 * x - 3 * z}
def like(name, got, wanted):
    assert got.shape == wanted.shape, name
    assert np.allclose(got, wanted, rtol=1e-12, atol=1e-13), (name, abs(got - wanted).max())
for name, wanted in want.items():
    like(name, np.load(f"{out}/{name}.1.npy"), wanted)
    sparse = sio.mmread(f"{out}/{name}.1.mtx")
    like(name + ".mtx", sparse.toarray(), wanted)
    if name in ("ppmi", "ones"):
        assert sparse.nnz == (wanted > 0).sum() and (sparse.data > 0).all(), name
like("rows_tiny", np.load(f"{out}/rows_tiny.1.npy"), want["rows"])
like("cols_tiny", np.load(f"{out}/cols_tiny.1.npy"), over(np.sqrt((x * x).sum(0))))
like("rows_huge", np.load(f"{out}/rows_huge.1.npy"), over(x.sum(1, keepdims=True)))
like("add_huge", np.load(f"{out}/add_huge.1.npy") / 1e307, x)
like("log", np.load(f"{out}/log.1.npy"), np.log(x + 0.5))
like("logs", sio.mmread(f"{out}/logs.1.mtx").toarray(), np.where(x > 0, np.log(x), 0))
like("mixed", np.load(f"{out}/mixed.npy"), x + z.astype("f4"))
like("norms", np.load(f"{out}/norms.npy"), np.sqrt((x * x).sum(1, keepdims=True)))
single = np.load(f"{out}/single.npy")
assert single.dtype == np.float32 and (single == (0.1 * x).astype("f4")).all()
nan = np.load(f"{out}/nan.npy")
assert nan.shape == (260, 1) and np.isnan(nan[200]) and np.isnan(nan).sum() == 1
END
expect 0 "what NumPy says" "$python" "$scratch/check.py" "$work" "$out"

# From a corpus to PPMI -----------------------------------------------------------------------------
make_corpus "$scratch/corpus.txt" 400
expect 0 cooccur ranks 2 cooccur "$scratch/corpus.txt" -o "$out/counts.h5" --min-count 2
for n in 1 3; do
    expect 0 "PPMI of counts at $n ranks" ranks "$n" transform "$out/counts.h5" --ppmi \
        -o "$out/ppmi.$n.h5"
done
expect_equal "PPMI of counts: the same at 3 ranks" "$(digest "$out/ppmi.1.h5" /row_ptr /col /value)" \
    "$(digest "$out/ppmi.3.h5" /row_ptr /col /value)"
cat >"$scratch/counts.py" <<'END'
import sys
import h5py, numpy as np, scipy.sparse as sp
def load(name):
    with h5py.File(name) as f:
        n = len(f["row_ptr"]) - 1
        return sp.csr_matrix((f["value"][:], f["col"][:], f["row_ptr"][:]), (n, n)).toarray()
x, got = load(sys.argv[1]), load(sys.argv[2])
np.seterr(divide="ignore", invalid="ignore")
pmi = np.log(x * x.sum() / np.outer(x.sum(1), x.sum(0)))
want = np.where(x > 0, np.maximum(pmi, 0), 0)
assert (got > 0).any() and np.allclose(got, want, rtol=1e-12, atol=1e-12), abs(got - want).max()
END
expect 0 "PPMI of counts as NumPy" "$python" "$scratch/counts.py" "$out/counts.h5" "$out/ppmi.1.h5"

# Refused -------------------------------------------------------------------------------------------
empty=$scratch/empty
mkdir "$empty"
refused() { # CODE WHAT PATTERN ARGUMENT...
    local n
    for n in 1 3; do
        expect "$1" "$2 at $n ranks" ranks "$n" transform "${@:4}"
        expect_message "$2 at $n ranks" "$3"
        expect_only "$2 at $n ranks" "$empty"
    done
}
for format in npy mtx; do
    refused 3 "NaN in $format" "nan.$format: row 200, column 3 .from 0.: -?nan; " \
        "$work/nan.$format" --ppmi -o "$empty/y.$format"
    refused 3 "a negative count in $format" "negative.$format: row 200, column 3 .from 0.: -4; " \
        "$work/negative.$format" --pmi -o "$empty/y.$format"
done
for format in npy mtx; do
    refused 6 "numbers beyond float64 in $format" \
        "huge.$format: row [0-9]+, column [0-9]+ .from 0.: what becomes of [0-9]e.307 is too large for float64" \
        "$work/huge.$format" --scale 1e3 -o "$empty/y.$format"
done
refused 6 "numbers beyond float32" "x.npy: row 0, .* too large for float32; give --dtype f64" \
    "$work/x.npy" --scale 1e39 --dtype f32 -o "$empty/y.npy"
refused 6 "a norm beyond float64" "huge.npy: row 0 .from 0.: its norm is too large for float64" \
    "$work/huge.npy" --norms l1 -o "$empty/y.npy"
refused 6 "a sum beyond float64" "huge.npy: row .* too large for float64" \
    "$work/huge.npy" --add "$work/huge.npy" --alpha 100 -o "$empty/y.npy"
refused 3 "log of a negative number" "row 200, column 3 .*: -4; only positive" \
    "$work/negative.mtx" --log -o "$empty/y.mtx"
refused 3 "log of zero" "row 0, column [0-9]+ .*: 0; only positive" "$work/x.npy" --log \
    -o "$empty/y.npy"
refused 3 "an infinite number" "row 200, column 3 .*: inf" "$work/infinite.npy" --scale-cols l2 \
    -o "$empty/y.npy"
refused 2 "sizes that differ" "z.npy: is 260 x 260, but .*narrow.npy is 260 x 50" \
    "$work/narrow.npy" --add "$work/z.npy" -o "$empty/y.npy"
refused 2 "not square" "wide.mtx: 100 x 260, but only a square matrix" "$work/wide.mtx" \
    --normalize sym -o "$empty/y.mtx"
refused "3|5" "no such file" "nowhere.npy" "$work/nowhere.npy" --log1p -o "$empty/y.npy"
refused "3|5" "nothing to add" "nowhere.npy" "$work/x.npy" --add "$work/nowhere.npy" \
    -o "$empty/y.npy"
refused 2 "unknown ending" "names no format" "$work/x.npy" --log1p -o "$empty/y.what"
refused 2 "a sparse matrix as .npy" "npy cannot hold a sparse matrix" "$work/x.mtx" --ppmi \
    -o "$empty/y.npy"
refused 2 "no transform" "give one of --pmi" "$work/x.npy" -o "$empty/y.npy"
refused 2 "two transforms" "--log1p --scale: only one of --pmi" "$work/x.npy" --log1p --scale 2 -o "$empty/y.npy"
refused 2 "a shift of what is no PMI" "--shift: has no effect without --pmi or --ppmi" "$work/x.npy" --log1p --shift 2 \
    -o "$empty/y.npy"
refused 4 "too little memory" "--memory: each of . ranks needs [0-9]+ bytes" "$work/x.npy" --ppmi \
    -o "$empty/y.npy" --memory 100K
expect 0 "a dry run" ranks 2 transform "$work/x.npy" --ppmi -o "$empty/y.npy" --dry-run
expect_only "a dry run" "$empty"
finish
