# xcorr: the golden values, what numpy finds, the same bytes at any number of ranks, in any format and
# out of memory; constant columns and other bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need xcorr
need_python
"$python" -c 'import numpy' 2>/dev/null || skip "$python has no numpy"
cd "$scratch" || exit 1
mkdir work

cat >make.py <<'END'
import h5py, numpy as np
def h(n, d, s):
    i, j = np.arange(n, dtype=np.int64)[:, None], np.arange(d, dtype=np.int64)[None]
    return ((2654435761 * i + 40503 * j + 97 * s + 69069 * i * j) % 65537) / 65537
np.save("ga", h(200, 6, 16))
np.save("gb", h(200, 6, 16) * 0.8 + 0.2 * h(200, 6, 17))
r = np.random.default_rng(2)
a = r.standard_normal((90000, 40)).astype("f4") + 1000 # far from 0: deviations are in the last digits
b = (a + 0.3 * r.standard_normal(a.shape)).astype("f4")
np.save("a", a), np.save("b", b)
with h5py.File("b.h5", "w") as f:
    f["matrix"] = b
constant = a[:3000].copy()
constant[:, 17] = 0.1
np.save("constant", constant)
np.save("short", a[:3000])
bad = a[:3000].copy()
bad[2100, 5] = np.inf
np.save("inf", bad)
np.save("one", a[:1])
np.save("empty", a[:0])
np.save("narrow", a[:3000, :7])
np.save("huge", (a[:3000] * 1e200).astype("f8"))
END
"$python" make.py || fail "the inputs cannot be made"

cat >check.py <<'END'
import json, sys, numpy as np
a, b, c, got = (np.load(f) for f in sys.argv[1:4]), None, None, json.load(open("result"))
a, b, c = (x.astype("f8") for x in a)
n = len(a)
za, zb = ((x - x.mean(0)) / x.std(0) for x in (a, b))
want = za.T @ zb / n
assert abs(c - want).max() < 1e-9, abs(c - want).max()
assert abs(c - np.corrcoef(a.T, b.T)[:a.shape[1], a.shape[1]:]).max() < 1e-9
on = ((1 - np.diag(want))**2).sum()
off = (want**2).sum() - (np.diag(want)**2).sum()
for name, value in dict(on_diagonal=on, off_diagonal=off, loss=on + 0.0051 * off).items():
    assert abs(got[name] - value) <= 1e-9 * max(1, value), (name, got[name], value)
if len(sys.argv) > 4: # the golden values
    for name, value in dict(on_diagonal=1.4012696224425596e-06, off_diagonal=0.06487927590458309,
                            loss=0.00033228557673581637).items():
        assert abs(got[name] - value) <= 1e-14, (name, got[name], value)
    assert abs(c[3, 3] - 0.9988162476515577) < 1e-14 and abs(c[0, 5] + 0.08629962434856163) < 1e-14
END

same() { # A B MEMORY CHECK...
    local n first="" bits
    for n in 1 3 7; do
        expect 0 "$1 and $2, $n ranks" ranks $n xcorr "$1" "$2" -o work/c.npy --json --quiet
        cp out result
        bits=$( (lasting result; cat work/c.npy) | md5sum)
        expect_equal "$1 and $2: bits at $n ranks" "$bits" "${first:-$bits}"
        first=$bits
    done
    expect 0 "$1 and $2: numpy" "$python" check.py "$1" "${2/.h5/.npy}" work/c.npy "${@:4}"
    [ "$3" ] || return
    expect 0 "$1 and $2 out of memory" ranks 2 xcorr "$1" "$2" -o work/c.npy --json --quiet --memory "$3" \
        --threads 2
    cp out result
    expect_equal "$1 and $2: bits out of memory" "$( (lasting result; cat work/c.npy) | md5sum)" "$first"
}
same ga.npy gb.npy "" golden
same a.npy b.h5 10M
expect 0 "in a store" ranks 2 xcorr constant.npy short.npy --epsilon 1e-5 --lambda 0.5 -o work/c.h5 --quiet
expect 0 "no output" ranks 1 xcorr ga.npy ga.npy --json --quiet
expect_equal "a matrix and itself" 1 "$(grep -c '"on_diagonal": [0-9.]*e-\(29\|3[0-9]\)\|"on_diagonal": 0.0' out)"
rm -r work && mkdir work

bad() { # CODE PATTERN WHAT ARGUMENT...
    local n
    for n in 1 3; do
        expect "$1" "$3, $n ranks" ranks "$n" xcorr "${@:4}" -o work/c.npy --quiet && expect_message "$3" "$2"
        expect_only "$3, $n ranks" work
    done
}
bad 3 'constant.npy: column 17 \(from 0\) is constant' "a constant column" short.npy constant.npy
bad 3 'one.npy: column 0 \(from 0\) is constant' "one row" one.npy one.npy
bad 3 'inf.npy: row 2100, column 5 \(from 0\) is inf' "infinity" short.npy inf.npy
bad 3 'a.npy is 90000 x 40, but short.npy is 3000 x 40' "other rows" a.npy short.npy
bad 3 'narrow.npy is 3000 x 7' "other columns" short.npy narrow.npy
bad 3 'empty.npy: an empty' "nothing" empty.npy empty.npy
bad 6 'squares are too large for float64' "beyond float64" huge.npy huge.npy
finish
