# orthogonalize: Muon's steps and the polar factor as numpy finds them, of either side and any format; the
# same bytes at any number of ranks and out of memory; bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need orthogonalize convert
need_python
"$python" -c 'import numpy' 2>/dev/null || skip "$python has no numpy"
cd "$scratch" || exit 1
mkdir work

cat >make.py <<'END'
import h5py, numpy as np
r = np.random.default_rng(2)
tall = r.standard_normal((1500, 30)) * np.linspace(3, 0.01, 30)
np.save("tall", tall), np.save("wide", np.ascontiguousarray(tall.T))
with h5py.File("tall.h5", "w") as f:
    f["matrix"] = tall
np.save("huge", tall * 1e200)
np.save("large", r.standard_normal((200000, 20), dtype="f4"))
low = tall.copy()
low[:, 29] = low[:, 0] + low[:, 1]
np.save("low", low)
tall[700, 3] = np.nan
np.save("nan", tall)
np.save("empty", tall[:0])
np.save("long", np.zeros((16400, 16390), "i1"))
END
"$python" make.py || fail "the inputs cannot be made"
"$TRUNNION" convert large.npy large.safetensors --type bf16 --quiet >/dev/null || fail "no large.safetensors"

cat >check.py <<'END'
import sys, numpy as np
g, x, what = np.load(sys.argv[1]).astype("f8"), np.load(sys.argv[2]), sys.argv[3:]
by = abs(g).max()
norm = np.linalg.norm(g / by) * by
u, s, v = np.linalg.svd(g / norm, full_matrices=False)
if "--polar" in what:
    s = s * 0 + 1
else:
    s = s * norm / (norm + 1e-7)
    for _ in range(int(what[what.index("--steps") + 1]) if "--steps" in what else 5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
if "--scale" in what:
    s = s * max(1, g.shape[0] / g.shape[1])**0.5
assert abs(x - (u * s) @ v).max() < (1e-9 if x.dtype == np.float64 else 1e-6), abs(x - (u * s) @ v).max()
END

same() { # G OPTION...
    local n first="" bits
    for n in 1 3 7; do
        expect 0 "$*, $n ranks" ranks $n orthogonalize "$@" -o work/x.npy --quiet
        bits=$(md5sum <work/x.npy)
        expect_equal "$*: bits at $n ranks" "$bits" "${first:-$bits}"
        first=$bits
    done
    expect 0 "$*: numpy" "$python" check.py "${1/.h5/.npy}" work/x.npy "${@:2}"
}
same tall.npy --scale
same tall.h5 --steps 9
same wide.npy --scale
same tall.npy --polar
expect 0 "extreme numbers" ranks 2 orthogonalize huge.npy -o work/x.npy --quiet
expect 0 "extreme numbers: numpy" "$python" check.py huge.npy work/x.npy
expect 0 "float32" ranks 2 orthogonalize wide.npy --polar --dtype f32 -o work/x.npy --quiet
expect 0 "float32: numpy" "$python" check.py wide.npy work/x.npy --polar
expect 0 "in memory" ranks 1 orthogonalize large.safetensors -o work/x.npy --quiet
bits=$(md5sum <work/x.npy)
expect 0 "out of memory" ranks 2 orthogonalize large.safetensors -o work/x.npy --quiet --memory 5M --threads 2
expect_equal "out of memory: the same" "$(md5sum <work/x.npy)" "$bits"
rm -r work && mkdir work

bad() { # CODE PATTERN WHAT ARGUMENT...
    local n
    for n in 1 3; do
        expect "$1" "$3, $n ranks" ranks "$n" orthogonalize "${@:4}" -o work/x.npy --quiet &&
            expect_message "$3" "$2"
        expect_only "$3, $n ranks" work
    done
}
bad 3 'nan.npy: row 700, column 3 \(from 0\) is nan' "NaN" nan.npy
bad 3 'nan.npy: row 700, column 3 \(from 0\) is nan' "NaN, polar" nan.npy --polar
bad 6 'low.npy: rank-deficient' "too low a rank" low.npy --polar
bad 3 'empty.npy: an empty matrix' "nothing" empty.npy
bad 3 'long.npy: 16400 x 16390; the shorter side' "two long sides" long.npy
bad 2 'steps' "steps of the polar factor" tall.npy --polar --steps 5
bad 4 'memory' "no memory for a polar factor" large.npy --polar --memory 4M
finish
