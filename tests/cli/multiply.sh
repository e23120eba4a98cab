# The verb multiply from outside: every kind of pair against NumPy, at several numbers of ranks; the
# memory limit; bad input and bad shapes with one line, the right exit code and nothing left behind.
. "$(dirname "$0")/lib_program.sh" || exit 1
need multiply
python=/usr/bin/python3
"$python" -c 'import h5py, numpy, scipy.io' 2>/dev/null || skip "$python lacks h5py, numpy or scipy"
work=$scratch/work
mkdir "$work"
cd "$scratch" || exit 1

cat >make.py <<'END'
import numpy as np, scipy.io as sio, scipy.sparse as sp
random = np.random.default_rng(1)
a, b, c = (random.standard_normal(s) for s in ((37, 53), (53, 29), (37, 29)))
s, r = (sp.random(*x, 0.2, random_state=i) for i, x in enumerate(((37, 53), (53, 29))))
for name, x in {"a": a, "b": b, "c": c, "at": a.T.copy(), "bt": b.T.copy()}.items():
    np.save(name, x)
np.save("af", a.astype("f4"))
np.save("bf", b.astype("f4"))
np.save("bigendian", a.astype(">f8"))
np.save("fortran", np.asfortranarray(b))
np.save("object", np.array([[1, None]], dtype=object), allow_pickle=True)
np.save("nan", np.where(np.arange(53)[:, None] == 7, np.nan, b))
np.save("empty", np.zeros((0, 53)))
big = np.zeros((53, 29)) # times a row of 1e30: beyond float32, not beyond float64; 1e200: inf - inf
big[:2] = [[1e30], [-1e30]]
np.save("big", big)
np.save("bigf", big.astype("f4"))
np.save("af30", np.full((37, 53), 1e30, "f4"))
np.save("huge", big * 1e170)
np.save("a200", np.full((37, 53), 1e200))
np.save("c_inf", np.where(np.arange(29) == 4, np.inf, c))
sio.mmwrite("s200.mtx", sp.csr_matrix(([1e200, 1e200, 3], ([5, 5, 9], [0, 1, 7])), (37, 53)), precision=17)
sio.mmwrite("r200.mtx", sp.csr_matrix(([1e200, -1e200], ([0, 1], [3, 3])), (53, 29)), precision=17)
np.save("large", random.standard_normal((700, 700)))
for name, x in {"s": s, "st": s.T, "r": r}.items():
    sio.mmwrite(name + ".mtx", x, precision=17)
open("zero.mtx", "w").write("%%MatrixMarket matrix coordinate real general\n3 53 1\n0 1 2.5\n")
open("short.mtx", "w").write("%%MatrixMarket matrix coordinate real general\n3 53 2\n1 1 2.5\n")
END
"$python" make.py || fail "NumPy could not write its files"

cat >compare.py <<'END'
import h5py, numpy as np, scipy.io as sio, scipy.sparse as sp
a, b, c, large = (np.load(n + ".npy") for n in ("a", "b", "c", "large"))
s, r = (sio.mmread(n + ".mtx").toarray() for n in ("s", "r"))
h = h5py.File("work/st_r.h5")
st_r = sp.csr_matrix((h["value"][:], h["col"][:], h["row_ptr"][:]), (h.attrs["rows"], h.attrs["cols"]))
results = {
    "a_b": (np.load("work/a_b.npy"), a @ b), "at_b": (np.load("work/at_b.npy"), a @ b),
    "a_bt_c": (np.load("work/a_bt_c.npy"), 2 * a @ b + 3 * c),
    "orders": (np.load("work/orders.npy"), a @ b),
    "mixed": (np.load("work/mixed.npy"), np.float64(np.float32(a)) @ b),
    "s_b": (np.load("work/s_b.npy"), s @ b), "st_bt": (h5py.File("work/st_bt.h5")["matrix"][:], s @ b),
    "a_r": (np.load("work/a_r.npy"), a @ r), "at_r": (np.load("work/at_r.npy"), a @ r + c),
    "s_r": (sio.mmread("work/s_r.mtx").toarray(), s @ r), "st_r": (st_r.toarray(), s @ r),
    "s_r_or": (sio.mmread("work/s_r_or.mtx").toarray(), ((s != 0) @ (r != 0)).astype("f8")),
    "s_b_or": (np.load("work/s_b_or.npy"), ((s != 0) @ (b != 0)).astype("f8")),
    "beyond_f32": (np.load("work/beyond_f32.npy"), np.zeros((37, 29))),
    "pieces": (np.load("work/pieces.npy"), large @ large.T)}
bad = [n for n, (x, y) in results.items() if x.dtype != y.dtype or x.shape != y.shape or abs(x - y).max() > 1e-11]
single = np.load("work/single.npy")
if single.dtype != np.float32 or abs(single - a @ b).max() > 1e-4: bad.append("single")
added = np.isinf(np.load("work/inf_added.npy"))
if not added[:, 4].all() or added.sum() != 37: bad.append("inf_added")
nan = np.isnan(np.load("work/nan.npy"))
if not nan.all(): bad.append("nan")
print(*bad)
END

for n in 1 2 7; do
    product() { # NAME ARGUMENT...
        expect 0 "$1 on $n ranks" ranks "$n" multiply "${@:2}" -o "work/$1" --quiet
    }
    product a_b.npy a.npy b.npy
    product at_b.npy at.npy b.npy --transpose-a
    product a_bt_c.npy a.npy bt.npy --transpose-b --alpha 2 --add c.npy --beta 3
    product orders.npy bigendian.npy fortran.npy --algorithm cannon
    product mixed.npy af.npy b.npy --algorithm summa
    product single.npy af.npy bf.npy --algorithm cannon3d
    product s_b.npy s.mtx b.npy
    product st_bt.h5 st.mtx bt.npy --transpose-a --transpose-b
    product a_r.npy a.npy r.mtx
    product at_r.npy at.npy r.mtx --transpose-a --add c.npy
    product s_r.mtx s.mtx r.mtx
    product st_r.h5 st.mtx r.mtx --transpose-a
    product s_r_or.mtx s.mtx r.mtx --boolean
    product s_b_or.npy s.mtx b.npy --boolean
    product nan.npy a.npy nan.npy
    product beyond_f32.npy af30.npy bigf.npy --dtype f64
    product inf_added.npy a.npy b.npy --add c_inf.npy
    product pieces.npy large.npy large.npy --transpose-b
    expect_equal "products that NumPy sees otherwise, $n ranks" "" "$("$python" compare.py)"
    for name in s_b.npy st_bt.h5 a_r.npy at_r.npy s_r.mtx st_r.h5; do # sparse: bits are the same
        case $name in
        st_bt.h5) sum=$(h5dump -d /matrix "work/$name" | sha256sum) ;;
        *.h5) sum=$(h5dump -d /value "work/$name" | sha256sum) ;;
        *) sum=$(sha256sum <"work/$name") ;;
        esac
        [ "$n" = 1 ] && echo "$sum" >"sum.$name"
        expect_equal "bits of $name on $n ranks" "$(cat "sum.$name")" "$sum"
    done
    rm -f work/*
done

# What a rank may take: the amount that is said to be enough is enough, and less is refused.
expect 4 "--memory 1M" ranks 2 multiply large.npy large.npy --transpose-b -o work/x.npy --memory 1M
expect_message "--memory 1M" '^trunnion multiply: rank [0-9]+: --memory: .* are enough'
enough=$(grep -oE '[0-9]+ are enough' "$scratch/err" | grep -oE '[0-9]+')
expect 0 "--memory $enough --dry-run" ranks 2 multiply large.npy large.npy --transpose-b \
    -o work/x.npy --memory "$enough" --dry-run
expect_only "refused and dry runs" work

# Bad input: exit code, one line, nothing left.
refuse() { # CODE PATTERN ARGUMENT...
    for n in 1 3; do
        expect "$1" "${*:3} on $n ranks" ranks "$n" multiply "${@:3}"
        expect_message "${*:3} on $n ranks" "^trunnion multiply: (rank [0-9]+: )?$2"
    done
    expect_only "${*:3}" work
}
refuse 2 'a.npy: 37 x 53 cannot be multiplied by c.npy, 37 x 29' a.npy c.npy -o work/x.npy
refuse 2 '--add: b.npy is 53 x 29, the product 37 x 29' a.npy b.npy --add b.npy -o work/x.npy
refuse 2 '--beta: has no effect without --add' a.npy b.npy --beta 2 -o work/x.npy
refuse 2 '--alpha: not for two sparse operands' s.mtx r.mtx --alpha 2 -o work/x.mtx
refuse 2 '--boolean: both operands are dense' a.npy b.npy --boolean -o work/x.npy
refuse 2 '.*x.foo' a.npy b.npy -o work/x.foo
refuse 2 '.*\.npy.*sparse|.*sparse.*' s.mtx r.mtx -o work/x.npy
refuse 3 'missing.npy: ' missing.npy b.npy -o work/x.npy
expect 0 "a matrix without rows" ranks 3 multiply empty.npy b.npy -o work/empty.npy
expect_equal "its product" \
    "$("$python" -c 'import numpy; print(numpy.load("work/empty.npy").shape)')" "(0, 29)"
rm work/empty.npy
refuse 3 'object.npy: ' object.npy b.npy -o work/x.npy
refuse 3 'zero.mtx:3: ' zero.mtx b.npy -o work/x.npy
refuse 3 'short.mtx' short.mtx b.npy -o work/x.npy
place='work/x....: row 0, column 0 .from 0. of the product is too large for' # what overflows
refuse 6 "$place float32; give --dtype f64" af30.npy bigf.npy -o work/x.npy
refuse 6 "$place float64; scale down before" a200.npy huge.npy -o work/x.npy
refuse 6 "$place float64" a200.npy huge.npy --add c_inf.npy -o work/x.npy
place='work/x....: row 5, column 0 .from 0. of the product is too large for'
refuse 6 "$place float64" s200.mtx huge.npy -o work/x.npy
refuse 6 "${place/n 0/n 3} float64" s200.mtx r200.mtx -o work/x.mtx
refuse 5 '.*nowhere' a.npy b.npy -o nowhere/x.npy
expect 2 "missing operand" ranks 1 multiply a.npy -o work/x.npy
expect 2 "missing output" ranks 1 multiply a.npy b.npy
expect_only "usage errors" work
finish
