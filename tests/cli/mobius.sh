# transform --mobius, --exp0, --log0, --mobius-add: golden values (NumPy), identities of the ball, the
# same bytes at any number of ranks and out of memory; rows outside the ball and other bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need transform
need_python
"$python" -c 'import numpy' 2>/dev/null || skip "$python has no numpy"
cd "$scratch" || exit 1
mkdir work

cat >make.py <<'END'
import numpy as np
def h(n, d, s):
    i, j = np.arange(n)[:, None], np.arange(d)[None]
    return ((i * 2654435761 + j * 40503 + s * 97 + i * j * 69069) % 65537) / 65537
X = (h(6, 4, 90) - .5) * .9
X[5] = 0
M, N = h(4, 4, 91) - .3 + np.eye(4), h(4, 4, 92) - .6
blocks = np.concatenate([.5 * M[:2, :2], .7 * M[2:, 2:]])
whole = np.zeros((4, 4))
whole[:2, :2], whole[2:, 2:] = blocks[:2], blocks[2:]
for name, a in dict(X=X, M=M, N=N, NM=N @ M, inverse=np.linalg.inv(M), twice=2 * np.eye(4), blocks=blocks, whole=whole,
                    orthogonal=np.linalg.qr(M)[0], zero=np.zeros((4, 4)), V=(h(6, 4, 93) - .5) * 6).items():
    np.save(name, a)
r = np.random.default_rng(1)
large = r.standard_normal((120000, 24)).astype("f4")
np.save("large", large * (.9 * r.random((120000, 1)) / np.linalg.norm(large, axis=1, keepdims=True)).astype("f4"))
np.save("map", r.standard_normal((24, 24)) / 12)
out = X.copy()
out[3] = [.8, .6, 0, 0] # on the border
np.save("border", out)
out[3, 2] = np.nan
np.save("nan", out)
np.save("narrow", X[:, :3])
np.save("tiny", X * 1e-200)
far = np.load("V.npy").astype("f4")
far[1] *= 5
np.save("far", far)
END
"$python" make.py || fail "the inputs cannot be made"

made() { # Y X OPTION...
    expect 0 "$*" ranks 1 transform "$2.npy" "${@:3}" -o "$1.npy" --quiet --json
}
made c1 X --mobius M.npy
cp out result
made c05 X --mobius M.npy --curvature 0.5
made b X --mobius blocks.npy --blocks 2
made b2 X --mobius whole.npy
made back c1 --mobius inverse.npy
made ncm c1 --mobius N.npy
made nm X --mobius NM.npy
made flat X --mobius M.npy --curvature 1e-12
made x2 X --mobius twice.npy
made xx X --mobius-add X.npy
made turned X --mobius orthogonal.npy
made nothing X --mobius zero.npy
made exp V --exp0 --curvature 2
made log exp --log0 --curvature 2
made near V --exp0 --curvature 1e-20
made small tiny --mobius M.npy
made minus X --scale -1
made left minus --mobius-add xx.npy
made inside border --mobius M.npy --project 1e-3
cp out projected

cat >check.py <<'END'
import json, numpy as np
def of(name): return np.load(name + ".npy")
def close(what, a, b, most):
    assert abs(a - b).max() <= most, (what, abs(a - b).max())
X, M, V = of("X"), of("M"), of("V")
def norm(x): return np.linalg.norm(x, axis=1)
golden = np.array([[0.12829334792954802, -0.05581449732288317, -0.3797382446612938, 0.2543217795642087],
                   [0.11582268414430677, 0.6173013507384416, 0.2500355046214502, -0.11723034149554144]])
close("golden", of("c1")[:2], golden, 1e-15)
close("golden, row 4", of("c1")[4], [-0.2882823748497569, 0.01789707569864617, -0.13323535670901723, -0.2843677891166808], 1e-15)
close("golden, c .5", of("c05")[1], [0.11701089938469188, 0.623634193724051, 0.2526005979744796, -0.118432997775092], 1e-15)
close("golden, blocks", of("b")[0], [-0.09646850634479623, 0.04453017290142892, -0.18530448815694703, 0.25815770959755535], 1e-15)
close("blocks and the whole", of("b"), of("b2"), 1e-16)
assert (of("c1")[5] == 0).all() and (of("nothing") == 0).all()
close("the inverse", of("back"), X, 1e-15)
close("associative", of("ncm"), of("nm"), 1e-15)
close("flat", of("flat"), X @ M.T, 1e-12)
close("twice", of("x2"), of("xx"), 1e-15)
close("orthogonal", norm(of("turned")), norm(X), 1e-15)
close("left cancellation", of("left"), X, 1e-15)
close("exp0", of("exp"), V * (np.tanh(2**.5 * norm(V)) / (2**.5 * norm(V)))[:, None], 1e-15)
close("log0", of("log"), V, 1e-11) # the border magnifies rounding
close("exp0, flat", of("near"), V, 1e-15)
close("tiny rows", of("small") / 1e-200, X @ M.T, 1e-14)
told = json.load(open("result"))
close("radius before", told["mean_radius_before"], (2 * np.arctanh(norm(X))).mean(), 1e-15)
close("radius after", told["mean_radius_after"], (2 * np.arctanh(norm(of("c1")))).mean(), 1e-14)
# Row 3 is brought to .999 first; of what comes out, rows beyond .999 are, too.
x = of("border")
x[3] *= .999
y = x @ M.T
with np.errstate(invalid="ignore"): y = np.nan_to_num(y * (np.tanh(norm(y) / norm(x) * np.arctanh(norm(x))) / norm(y))[:, None])
beyond = norm(y) > .999
y[beyond] *= (.999 / norm(y[beyond]))[:, None]
close("projected", of("inside"), y, 1e-12)
assert json.load(open("projected"))["projected"] == 1 + beyond.sum()
END
expect 0 "NumPy" "$python" check.py

same() { # OPTION...
    local n first="" bits
    for n in 1 3 7; do
        expect 0 "$*, $n ranks" ranks $n transform large.npy "$@" -o work/y.npy --json --quiet
        bits=$( (grep radius out; cat work/y.npy) | md5sum)
        expect_equal "$*: bits at $n ranks" "$bits" "${first:-$bits}"
        first=$bits
    done
    [ "$1" != --mobius-add ] || return
    expect 0 "$* out of memory" ranks 2 transform large.npy "$@" -o work/y.npy --json --quiet --memory 5M
    expect_equal "$* out of memory: bits" "$( (grep radius out; cat work/y.npy) | md5sum)" "$first"
}
same --mobius map.npy
same --mobius-add large.npy
rm -r work && mkdir work

bad() { # CODE PATTERN WHAT ARGUMENT...
    local n
    for n in 1 3; do
        expect "$1" "$3, $n ranks" ranks "$n" transform "${@:4}" -o work/y.npy --quiet && expect_message "$3" "$2"
        expect_only "$3, $n ranks" work
    done
}
bad 3 'border.npy: row 3 \(from 0\) is no point of the ball' "on the border" border.npy --mobius M.npy
bad 3 'border.npy: row 3' "log of the border" border.npy --log0
bad 3 'border.npy: row 3' "a sum with it" X.npy --mobius-add border.npy
bad 3 'nan.npy: row 3, column 2 \(from 0\) is nan' "NaN" nan.npy --exp0
bad 6 'far.npy: row 1 .from 0. comes to the border of the ball.*float32' "the border" far.npy --exp0
bad 3 'M.npy: is 4 x 4, but rows of narrow.npy want 3 x 3' "a wider map" narrow.npy --mobius M.npy
bad 3 'whole blocks' "odd blocks" X.npy --mobius M.npy --blocks 3
bad 2 'mobius-add' "two things at once" X.npy --mobius M.npy --mobius-add X.npy
bad 2 'curvature' "no curvature" X.npy --exp0 --curvature 0
finish
