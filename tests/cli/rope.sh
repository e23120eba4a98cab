# transform --rope: rows turned by their place as numpy turns them, both ways to pair columns, the same
# bytes at any number of ranks and out of memory; the bound of the base; bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need transform
need_python
"$python" -c 'import numpy' 2>/dev/null || skip "$python has no numpy"
cd "$scratch" || exit 1
mkdir work

cat >make.py <<'END'
import h5py, numpy as np
r = np.random.default_rng(2)
x = r.standard_normal((700, 24))
x[5] = 0
np.save("x", x), np.save("single", x.astype("f4"))
with h5py.File("x.h5", "w") as f:
    f["matrix"] = x
np.save("large", r.standard_normal((90000, 48), dtype="f4"))
np.save("wide", x[:3, :1].repeat(128, 1))
np.save("odd", x[:, :7])
np.save("edge", np.full((4, 2), 1.7e308))
x[600, 9] = np.nan
np.save("nan", x)
with open("sparse.mtx", "w") as f:
    f.write("%%MatrixMarket matrix coordinate real general\n9 4 2\n3 1 2.5\n9 4 1\n")
s = np.zeros((9, 4))
s[2, 0], s[8, 3] = 2.5, 1
np.save("sparse", s)
END
"$python" make.py || fail "the inputs cannot be made"

cat >check.py <<'END'
import sys, numpy as np
x, y, flags = np.load(sys.argv[1]).astype("f8"), np.load(sys.argv[2]), sys.argv[3:]
def value(name, default):
    return float(flags[flags.index(name) + 1]) if name in flags else default
n, d = x.shape
angle = (value("--from", 0) + np.arange(n))[:, None] * value("--base", 1e4) ** (-np.arange(0, d, 2) / d)
half = "half" in flags
a, b = (x[:, :d // 2], x[:, d // 2:]) if half else (x[:, 0::2], x[:, 1::2])
u, v = a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)
want = np.concatenate([u, v], 1) if half else np.stack([u, v], 2).reshape(n, d)
assert abs(y - want).max() < (1e-12 if y.dtype == np.float64 else 1e-6), abs(y - want).max()
assert abs(np.linalg.norm(y, axis=1) - np.linalg.norm(x, axis=1)).max() < 1e-5
END

same() { # X OPTION...
    local n first="" bits
    for n in 1 3 7; do
        expect 0 "$*, $n ranks" ranks $n transform "$1" --rope "${@:2}" -o work/y.npy --quiet
        bits=$(md5sum <work/y.npy)
        expect_equal "$*: bits at $n ranks" "$bits" "${first:-$bits}"
        first=$bits
    done
    expect 0 "$*: numpy" "$python" check.py "${1%.*}.npy" work/y.npy "${@:2}"
}
same x.npy
same x.h5 --split half --base 500000 --from 1000
same single.npy --from 7
expect 0 "a sparse one" ranks 2 transform sparse.mtx --rope -o work/y.npy --quiet
expect 0 "a sparse one: numpy" "$python" check.py sparse.npy work/y.npy
expect 0 "in memory" ranks 1 transform large.npy --rope --split half -o work/y.npy --quiet
bits=$(md5sum <work/y.npy)
expect 0 "out of memory" ranks 2 transform large.npy --rope --split half -o work/y.npy --quiet --memory 6M
expect_equal "out of memory: the same" "$(md5sum <work/y.npy)" "$bits"

# Products of rows of one vector depend on the distance alone.
expect 0 "products" ranks 1 transform x.npy --rope -o work/y.npy --quiet
"$python" -c '
import numpy as np
np.save("work/q", np.load("x.npy")[:1].repeat(40, 0)), np.save("work/k", np.load("x.npy")[1:2].repeat(40, 0))'
for x in q k; do
    expect 0 "rows of one vector" ranks 1 transform work/$x.npy --rope -o work/r$x.npy --quiet
done
expect 0 "distance alone" "$python" -c '
import numpy as np
p = np.load("work/rq.npy") @ np.load("work/rk.npy").T
assert max(abs(np.diag(p, k) - p[0, k]).max() for k in range(40)) < 1e-12'
rm -r work && mkdir work

# The bound of the base, in a dry run.
check() { # L WANTED
    expect 0 "base 10000 up to $1" ranks 1 transform wide.npy --rope --rope-check "$1" -o work/y.npy --dry-run \
        --json --quiet
    expect_equal "base 10000 up to $1" "$(grep -c "\"rope_holds\": $2" out)" 1
    expect_only "base 10000 up to $1" work
}
check 100 true
check 200000 false
first=$(sed -n 's/.*"rope_first_negative": \([0-9]*\).*/\1/p' out)
expect 0 "the first distance" "$python" -c "
import numpy as np
m = np.arange(1, 20001)[:, None]
b = np.cos(m * 1e4 ** (-np.arange(0, 128, 2) / 128)).sum(1)
assert 1 + (b < 0).argmax() == $first and b[$first - 1] < 0, $first"

bad() { # CODE PATTERN WHAT ARGUMENT...
    local n
    for n in 1 3; do
        expect "$1" "$3, $n ranks" ranks "$n" transform "${@:4}" -o work/y.npy --quiet && expect_message "$3" "$2"
        expect_only "$3, $n ranks" work
    done
}
bad 3 'nan.npy: row 600, column 9 \(from 0\)' "NaN" nan.npy --rope
bad 3 'odd.npy: 7 columns do not go in pairs' "an odd number of columns" odd.npy --rope
bad 6 'edge.npy: .*too large' "beyond float64" edge.npy --rope
bad 2 'base' "a base of nothing" x.npy --log1p --base 100
finish
