# quantize: codes and what they stand for, by a reference; the same bytes at 1, 3 and 7 ranks, of three
# formats, in memory and out of it; what is refused.
. "$(dirname "$0")/lib_program.sh" || exit 1
need quantize
need_python
cd "$scratch" || exit 1
"$python" - <<'PY' || exit 1
import numpy as np
i, j = np.arange(500)[:, None], np.arange(6)[None]
q = ((2654435761 * i + 40503 * j + 97 * 7 + 69069 * i * j) % 65537) / 65537
np.save("q.npy", q)
np.save("h.npy", q[:40] - 0.5)
r = np.random.default_rng(2)
x = r.standard_normal((12000, 60)).astype("f4")
x[5] = 0
np.save("x.npy", x)
np.save("wide.npy", x[:9, :7])
np.save("flat.npy", np.zeros((9, 0), "f4"))
np.save("large.npy", np.full((9, 3), 1e300))
x[9001, 7] = np.nan
np.save("nan.npy", x)
open("names.txt", "w").writelines(f"w{k}\n" for k in range(12000))
PY
expect 0 "convert to a store" "$TRUNNION" convert x.npy x.h5 --vocab names.txt --quiet
expect 0 "convert to safetensors" "$TRUNNION" convert x.npy x.safetensors --quiet

# What a run gives is that of the first.
declare -A of
alike() { # WHAT RANKS FILE ARGUMENT...
    local now
    rm -f c.h5
    expect 0 "$1: $3 on $2 ranks" ranks "$2" quantize "${@:3}" -o c.h5 --quiet
    now=$(digest c.h5 | grep -Ev 'checksum|vocab')
    [ -n "${of[$1]:-}" ] || of[$1]=$now
    expect_equal "$1: $3 on $2 ranks: result" "$now" "${of[$1]}"
}
for n in 1 3 7; do alike block $n x.npy --block 16 --bits 4; done
alike block 3 x.h5 --block 16 --bits 4
alike block 1 x.npy --block 16 --bits 4 --memory 6400K
alike block 2 x.safetensors --block 16 --bits 4 --threads 2
alike product 1 x.npy --pq 12 --bits 4 --steps 3
alike product 3 x.h5 --pq 12 --bits 4 --steps 3
alike product 2 x.npy --pq 12 --bits 4 --steps 3 --memory 5M
alike vector 1 x.npy --vq 20 --steps 3 --start random --empty split
alike vector 3 x.h5 --vq 20 --steps 3 --start random --empty split --threads 2

alike signs 1 x.npy --hashed 6
alike signs 3 x.h5 --hashed 6

# Figures of the reference, and codes that come back.
figures() { # KEY...
    "$python" -c '
import json, sys
j = json.load(open("out"))
print(*["%.10g" % j[k] for k in sys.argv[1:]])' "$@"
}
expect 0 "product codes" ranks 2 quantize q.npy --pq 3 --bits 3 --steps 10 --dtype f64 -o pq.h5 --json --quiet
expect_equal "product codes" "32.95846545 32.95846545 24000 1884" "$(figures squared_error objective bytes_before bytes_after)"
expect 0 "block codes" "$TRUNNION" quantize q.npy --block 4 -o b8.h5 --json --quiet
expect 0 "block codes of 4 bits" "$TRUNNION" quantize q.npy --block 4 --bits 4 --power-of-two -o b4.h5 --quiet
expect 0 "vector codes" "$TRUNNION" quantize q.npy --vq 16 -o vq.h5 --quiet
expect 0 "encode parts" ranks 3 quantize q.npy --encode --codebook pq.h5 -o e.h5 --quiet
expect 0 "encode rows" "$TRUNNION" quantize q.npy --encode --codebook vq.h5 -o v.h5 --quiet
expect 0 "decode parts" ranks 3 quantize e.h5 --decode --codebook pq.h5 -o pq.npy --dtype f64 --quiet
expect 0 "decode parts of one store" "$TRUNNION" quantize pq.h5 --decode -o pq2.npy --dtype f64 --quiet
expect 0 "decode bytes" ranks 2 quantize b8.h5 --decode -o b8.npy --quiet
expect 0 "decode halves of bytes" "$TRUNNION" quantize b4.h5 --decode -o b4.npy --quiet
expect 0 "decode rows" "$TRUNNION" quantize v.h5 --decode --codebook vq.h5 -o vq.npy --quiet
expect 0 "logits" ranks 3 quantize h.npy --logits --codebook vq.h5 -o l.npy --dtype f64 --quiet
expect 0 "by the definition" "$python" - <<'PY'
import h5py, numpy as np
q, h = np.load("q.npy"), np.load("h.npy")
pq, vq, e = h5py.File("pq.h5"), h5py.File("vq.h5"), h5py.File("e.h5")
assert pq.attrs["kind"] == "codebook" and e.attrs["kind"] == "codes" and pq.attrs["parts"] == 3
assert (pq["codes"][:4] == [[0, 6, 0], [6, 6, 0], [5, 6, 0], [3, 6, 4]]).all()
assert (e["codes"][()] == pq["codes"][()]).all() and (np.load("pq.npy") == np.load("pq2.npy")).all()
assert abs(((np.load("pq.npy") - q) ** 2).sum() - 32.95846545190084) < 1e-9
c, a = vq["codebook"][()], vq["labels"][()]
assert (np.load("vq.npy") == c[a]).all()
d = ((q[:, None] - c[None].astype("f8")) ** 2).sum(2)
assert (h5py.File("v.h5")["labels"][()] == d.argmin(1)).all()
assert np.allclose(np.load("l.npy"), h @ c[a].T.astype("f8"), rtol=0, atol=1e-12)
b, s = h5py.File("b8.h5"), h5py.File("b8.h5")["scales"][()]
assert b["codes"].dtype == np.int8 and s.dtype == np.float32 and s.shape == (500, 2)
assert (np.load("b8.npy") == (b["codes"][()] * np.repeat(s.astype("f8"), 4, 1)[:, :6]).astype("f4")).all()
b = h5py.File("b4.h5")
n = b["codes"][()]
n = np.stack([n & 15, n >> 4], 2).reshape(500, 6).astype(int)
n[n > 7] -= 16
assert (np.load("b4.npy") == n * np.repeat(2.0 ** b["scales"][()], 4, 1)[:, :6]).all()
PY
expect 0 "codes of signs" ranks 2 quantize q.npy --hashed 3 --dtype f64 -o hq.h5 --quiet
expect 0 "encode signs" "$TRUNNION" quantize h.npy --encode --codebook hq.h5 -o he.h5 --quiet
"$python" -c 'import numpy as np; np.save("w.npy", np.load("q.npy")[:6, :5])'
for n in 1 3; do
    for b in hq pq; do
        expect 0 "products by $b on $n ranks" ranks $n apply $b.h5 h.npy --weights w.npy -o $b-$n.npy --json --quiet
        figures relative_error >$b-$n.error
    done
done
expect 0 "products by the definition" "$python" - <<'PY'
import h5py, numpy as np
q, h, w = np.load("q.npy"), np.load("h.npy"), np.load("w.npy")
code = lambda x: (x.reshape(len(x), 2, 3) > 0) @ np.array([1, 2, 4])
b, e = h5py.File("hq.h5"), h5py.File("he.h5")
assert (b["codes"][()] == code(q)).all() and (e["codes"][()] == code(h)).all()
c = b["codebook"][()].reshape(2, 8, 3)
for p in range(2):
    for k in range(8):
        of = q[code(q)[:, p] == k, 3 * p:3 * p + 3]
        assert np.allclose(c[p, k], of.mean(0) if len(of) else 0, rtol=1e-14, atol=0)
near = np.concatenate([c[p][code(h)[:, p]] for p in range(2)], 1)
r = h5py.File("pq.h5")["codebook"][()].reshape(3, 8, 2)
d = ((h.reshape(40, 3, 1, 2) - r[None]) ** 2).sum(3).argmin(2)
parts = np.concatenate([r[p][d[:, p]] for p in range(3)], 1)
for name, x in ("hq", near), ("pq", parts):
    y = [np.load(f"{name}-{n}.npy") for n in (1, 3)]
    assert (y[0] == y[1]).all() and np.allclose(y[0], x @ w, rtol=0, atol=1e-13)
    error = np.linalg.norm(x @ w - h @ w) / np.linalg.norm(h @ w)
    assert abs(float(open(f"{name}-3.error").read()) / error - 1) < 1e-9
PY
expect 0 "names go along" "$TRUNNION" quantize x.h5 --block 64 -o n.h5 --quiet
expect 0 "names come back" "$TRUNNION" quantize n.h5 --decode -o n.glove --quiet
expect_equal "names come back" "w0 w11999" "$(awk 'NR == 1 { printf "%s ", $1 } END { print $1 }' n.glove)"
expect 0 "no rows" "$TRUNNION" quantize wide.npy --block 3 -o n.h5 --quiet

mkdir left
bad() { # CODE PATTERN RANKS ARGUMENT...
    expect "$1" "quantize ${*:4} on $3 ranks" ranks "$3" quantize "${@:4}" -o left/c.h5
    expect_message "quantize ${*:4}" "$2"
    expect_only "quantize ${*:4}" left
}
bad 3 'nan.npy: row 9001, column 7 \(from 0\) is nan' 3 nan.npy --block 16
bad 3 'nan.npy: row 9001, column 7 \(from 0\) is nan' 1 nan.npy --vq 4
bad 6 'rows 0 to 8: a number is too large for its scale' 3 large.npy --block 2
bad 2 'cannot be cut into so many equal parts' 1 wide.npy --pq 2
bad 2 'codes of blocks have 8 or 4' 1 x.npy --block 8 --bits 5
bad 3 '256 centers for 9 rows; take fewer bits' 3 wide.npy --pq 7
bad 3 '10 centers for 9 rows' 1 wide.npy --vq 10
bad 3 'has no columns' 1 flat.npy --block 3
bad 3 'codes rows of 6 numbers, but those of wide.npy have 7' 3 wide.npy --encode --codebook pq.h5
bad 3 'holds no codes' 1 x.h5 --decode
bad 2 '--codebook must be given' 1 v.h5 --decode
bad 3 'are not of the shape' 1 e.h5 --decode --codebook vq.h5
bad 3 'is no codebook with labels' 1 h.npy --logits --codebook q.npy
bad 2 'cannot be cut into parts of so many' 1 wide.npy --hashed 4
bad 2 'exactly one|vq' 1 x.npy --vq 4 --block 3
bad_apply() { # CODE PATTERN ARGUMENT...
    expect "$1" "apply ${*:3}" "$TRUNNION" apply "${@:3}" -o left/y.npy
    expect_message "apply ${*:3}" "$2"
    expect_only "apply ${*:3}" left
}
bad_apply 2 'give --weights' pq.h5 h.npy
bad_apply 2 'takes one matrix behind it' pq.h5 h.npy h.npy --weights w.npy
bad_apply 3 'codes rows of 6 numbers, but those of wide.npy have 7' pq.h5 wide.npy --weights w.npy
bad_apply 3 'has 9 rows, but those of h.npy have 6 numbers' pq.h5 h.npy --weights wide.npy
bad_apply 2 'inverse' pq.h5 h.npy --weights w.npy --inverse
finish
