# `gram`: Gram matrices of files in every format as NumPy makes them, the same bytes at any number of
# ranks; what cannot be done is refused with one line and leaves nothing behind.
. "$(dirname "$0")/lib_program.sh" || exit 1
need gram
python=/usr/bin/python3
"$python" -c 'import h5py, numpy, scipy.io' 2>/dev/null || skip "$python lacks h5py, numpy or scipy"
work=$scratch/work out=$scratch/out.d
mkdir "$work" "$out"

(cd "$work" && "$python") <<'END'
import h5py, numpy as np, scipy.io as sio, scipy.sparse as sp
random = np.random.default_rng(2)
dense = random.standard_normal((3000, 40))
np.save("f64.npy", dense)
np.save("f32.npy", dense.astype("f4"))
np.save("one.npy", dense[:1, :1])
bad = dense.copy()
bad[2500, 7] = np.nan
np.save("nan.npy", bad)
for name, value in [("big", 1e30), ("huge", 1e200), ("infinite", np.inf)]:
    bad = dense[:, :9].copy()
    bad[2500, 7] = value
    np.save(f"{name}.npy", bad)
sio.mmwrite("sparse.mtx", sp.random(700, 30, 0.05, random_state=3), precision=17)
with h5py.File("store.h5", "w") as f:
    f.attrs.update({"trunnion_format": 1, "kind": np.bytes_("matrix"), "complete": 1})
    f["matrix"] = dense[:900]
open("cut.npy", "wb").write(open("f64.npy", "rb").read()[:5000])
END

# As NumPy, and the same bytes at 1, 2 and 3 ranks --------------------------------------------------
for case in f64.npy f32.npy one.npy sparse.mtx store.h5; do
    for way in cols rows; do
        [ "$case $way" = "f64.npy rows" ] && continue # 3000 x 3000: f32.npy is enough
        flag=; [ "$way" = rows ] && flag=--rows
        for n in 1 2 3; do
            expect 0 "gram $case $way at $n ranks" ranks "$n" gram "$work/$case" $flag \
                -o "$out/$case.$way.$n.npy"
        done
        for n in 2 3; do
            expect_equal "gram $case $way: bytes at $n ranks" \
                "$(sha256sum <"$out/$case.$way.1.npy")" "$(sha256sum <"$out/$case.$way.$n.npy")"
        done
    done
done
expect 0 "float32 result" ranks 2 gram "$work/f64.npy" -o "$out/single.npy" --dtype f32
expect 0 "a store" ranks 2 gram "$work/f64.npy" -o "$out/g.h5"
expect 0 "infinity spreads" ranks 2 gram "$work/infinite.npy" -o "$out/infinite.npy"
expect 0 "what float32 is too small for" ranks 1 gram "$work/big.npy" -o "$out/big.npy"
expect 0 "NaN spreads" ranks 2 gram "$work/nan.npy" -o "$out/nan.npy"
expect 0 "threads" ranks 1 gram "$work/f64.npy" -o "$out/threads.npy" --threads 3
expect_equal "bytes with 3 threads" "$(sha256sum <"$out/f64.npy.cols.1.npy")" \
    "$(sha256sum <"$out/threads.npy")"
cat >"$scratch/check.py" <<'END'
import sys
import h5py, numpy as np, scipy.io as sio
work, out = sys.argv[1:]
def load(name):
    if name.endswith(".npy"):
        return np.load(f"{work}/{name}").astype("f8")
    if name.endswith(".h5"):
        return h5py.File(f"{work}/{name}")["matrix"][...]
    return sio.mmread(f"{work}/{name}").toarray()
for name in ["f64.npy", "f32.npy", "one.npy", "sparse.mtx", "store.h5"]:
    for way in ["cols", "rows"]:
        if (name, way) == ("f64.npy", "rows"):
            continue
        a = load(name)
        want = a.T @ a if way == "cols" else a @ a.T
        got = np.load(f"{out}/{name}.{way}.1.npy")
        assert got.dtype == np.float64 and got.shape == want.shape, (name, way)
        assert (got == got.T).all(), (name, way)
        assert np.allclose(got, want, rtol=1e-12, atol=1e-11), (name, way, abs(got - want).max())
g = np.load(f"{out}/f64.npy.cols.1.npy")
single = np.load(f"{out}/single.npy")
assert single.dtype == np.float32 and (single == g.astype("f4")).all()
assert (h5py.File(f"{out}/g.h5")["matrix"][...] == g).all()
where = ~np.isfinite(np.load(f"{out}/infinite.npy"))
assert where[7].all() and where[:, 7].all() and where.sum() == 2 * 9 - 1
assert np.isclose(np.load(f"{out}/big.npy")[7, 7], 1e60, rtol=1e-12)
where = np.isnan(np.load(f"{out}/nan.npy"))
assert where[7].all() and where[:, 7].all() and where.sum() == 2 * 40 - 1
END
expect 0 "what NumPy says" "$python" "$scratch/check.py" "$work" "$out"

# Refused -------------------------------------------------------------------------------------------
empty=$scratch/empty
mkdir "$empty"
refused() { # CODE WHAT PATTERN ARGUMENT...
    local n
    for n in 1 3; do
        expect "$1" "$2 at $n ranks" ranks "$n" gram "${@:4}"
        expect_message "$2 at $n ranks" "$3"
        expect_only "$2 at $n ranks" "$empty"
    done
}
refused 2 "no output" "--output: missing" "$work/f64.npy"
refused 2 "unknown ending" "names no format" "$work/f64.npy" -o "$empty/g.what"
refused 2 "vectors without words" "needs a name for every row" "$work/f64.npy" -o "$empty/g.txt"
refused 3 "no matrix" "check.py:[0-9]+: " "$scratch/check.py" -o "$empty/g.npy"
refused "3|5" "no such file" "nowhere.npy" "$work/nowhere.npy" -o "$empty/g.npy"
refused 3 "a file cut short" "cut.npy" "$work/cut.npy" -o "$empty/g.npy"
refused "3|5" "no such folder" "nowhere" "$work/f64.npy" -o "$empty/nowhere/g.npy"
place='g.npy: row 7, column 7 .from 0. of the product is too large for'
refused 6 "a product beyond float32" "$place float32; give --dtype f64" "$work/big.npy" \
    --dtype f32 -o "$empty/g.npy"
refused 6 "a product beyond float64" "$place float64; scale down before" "$work/huge.npy" \
    -o "$empty/g.npy"
refused 4 "too little memory" "--memory: each of . ranks needs [0-9]+ bytes" "$work/f32.npy" \
    --rows -o "$empty/g.npy" --memory 10M
expect 0 "a dry run" ranks 2 gram "$work/f32.npy" -o "$empty/g.npy" --dry-run
expect_only "a dry run" "$empty"
finish
