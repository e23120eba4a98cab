# spectrum: closed forms and what numpy finds, of the whole and of groups of rows that stand anywhere;
# the same bytes at any number of ranks, in any format and out of memory; every class of bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need spectrum
need_python
"$python" -c 'import numpy' 2>/dev/null || skip "$python has no numpy"
cd "$scratch" || exit 1
mkdir work

cat >model.py <<'END'
import numpy as np
def entropy(p):
    p = p[p > 0]
    return -(p * np.log(p)).sum()
def rank_of(x, epsilon=0):
    return np.exp(entropy(x / x.sum() + epsilon)) if x.sum() > 0 else 0.0
def measures(x, top=3, center=False, alpha=1e-3, volume=1e-10):
    x = x - x.mean(0) if center else x
    by = abs(x).max() if abs(x).max() > 1e100 else 1
    s = np.linalg.svd(x / by, compute_uv=False)
    s[s < 1e-7 * s[0]] = 0
    o = dict(rankme=rank_of(s), entropy_rank=rank_of(s**2), dope=rank_of(s[:top]**2), nuclear=s.sum() * by,
             frobenius=np.sqrt((s**2).sum()) * by, spectral=s[0] * by,
             stable_rank=(s**2).sum() / s[0]**2 if s[0] else 0.0)
    x = x / by
    m = x - x.mean(1, keepdims=True)
    r = np.ptp(x, axis=1) > 1e-13 * abs(x).max(1) # the others have no kurtosis
    if r.any():
        o["kurtosis"] = ((m[r]**4).mean(1) / (m[r]**2).mean(1)**2 - 3).mean()
        o["kurtosis_osp"] = np.maximum((x[r]**4).mean(1) / x[r].std(1, ddof=1)**4 - 3, 0).mean()
    if len(x) < 500:
        c = m @ m.T / (x.shape[1] - 1)
        o["eigenscore"] = np.log10(np.maximum(np.linalg.eigvalsh(c), 0) + alpha).mean()
        n = np.linalg.norm(x, axis=1, keepdims=True)
        y = np.divide(x, n, out=np.zeros_like(x), where=n > 0)
        o["volume"] = np.linalg.slogdet(y @ y.T + volume * np.eye(len(y)))[1]
    return o
def lidar(x, labels, delta=1e-4, epsilon=0):
    kept = labels >= 0
    x, labels = x[kept], labels[kept]
    names, z = np.unique(labels, return_inverse=True)
    size = np.bincount(z)
    means = np.array([x[z == k].mean(0) for k in range(len(names))])
    n, all_, c = len(names), len(x), means - x.mean(0)
    between = (c.T * size) @ c * n / (all_ * (n - 1))
    r = x - means[z]
    l = np.linalg.cholesky(r.T @ r / (all_ - n) + delta * np.eye(x.shape[1]))
    a = np.linalg.solve(l, np.linalg.solve(l, between).T)
    return rank_of(np.maximum(np.linalg.eigvalsh((a + a.T) / 2), 0), epsilon)
END

cat >make.py <<'END'
import h5py, numpy as np
r = np.random.default_rng(3)
h = np.array([[1.0]])
while len(h) < 64:
    h = np.block([[h, h], [h, -h]])
np.save("hadamard", h[:, :16] / 8 * np.array([8.0, 4, 2, 1] + [0] * 12))
np.save("columns", h[:, :16])
np.save("scored", h[1:6])
np.save("equal", np.tile(h[1], (5, 1)))
c = 0.3
np.save("equicorrelated", np.linalg.cholesky((1 - c) * np.eye(5) + c))
np.save("permutation", np.eye(7)[r.permutation(7)])
means = 3 * h[:8, :8]
np.save("classes", (means[:, None] + np.concatenate([np.eye(8), -np.eye(8)])).reshape(-1, 8))
np.save("classes_mapped", np.load("classes.npy") @ r.standard_normal((8, 8)))
np.save("classes_labels", np.repeat(np.arange(8), 16))
tall = r.standard_normal((3000, 40)) * np.linspace(2, 0.1, 40) + 0.3
np.save("tall", tall)
np.save("wide", np.ascontiguousarray(tall[:700].T))
np.save("wider", np.ascontiguousarray(tall[:2500].T @ r.standard_normal((2500, 2500))))
single = tall.astype("f4")
np.save("single", single)
with h5py.File("single.h5", "w") as f:
    f["matrix"] = single
labels = r.integers(0, 300, 3000)
labels[labels == 17] = -1
np.save("labels", labels)
np.savetxt("labels.txt", labels, fmt="%d")
np.save("blocks", np.repeat(np.arange(300) * 7 + 5, 10))
np.save("scattered", np.arange(3000) % 300)
np.save("huge", tall * 1e200)
np.save("zeros", np.zeros((20, 6)))
np.save("constant", np.full((20, 6), 0.1))
tall[1234, 7] = np.nan
np.save("nan", tall)
np.save("empty", np.zeros((0, 4)))
np.save("one", np.ones((9, 1)))
np.save("big", np.zeros((4200, 4100), "f4"))
np.save("fraction", np.arange(3000) + 0.5)
np.save("outside", np.full(3000, -1))
np.save("singles", np.arange(3000))
np.save("twos", np.arange(20) // 2)
large = r.standard_normal((200000, 60), dtype="f4")
np.save("large", large)
np.save("large_blocks", np.repeat(np.arange(10000), 20))
np.save("large_mixed", np.arange(200000) % 10000)
END
"$python" make.py || fail "the inputs cannot be made"
"$TRUNNION" convert single.npy single.safetensors --quiet >/dev/null || fail "an input cannot be converted"

# Run it and keep what it prints, which a check that follows would replace.
run() { # WHAT RANKS ARGUMENT...
    local code=0
    expect 0 "$1" ranks "$2" spectrum "${@:3}" --json --quiet || code=1
    cp out result
    return $code
}

# Closed forms -----------------------------------------------------------------------------------------
closed() { # WHAT FIGURE WANTED WITHIN ARGUMENT...
    run "$1" 1 "${@:5}" || return
    expect 0 "$1: $2" "$python" -c "
from math import log, log10
import json, sys
got = json.load(open('result'))
got = got.get('$2', got.get('means', {}).get('$2'))
assert abs(got - ($3)) <= $4, got"
}
closed "Hadamard vectors" rankme 3.117142110535 1e-12 hadamard.npy
closed "Hadamard vectors" entropy_rank 2.062915966469 1e-12 hadamard.npy
closed "Hadamard vectors" dope "5 / 4 ** 0.8" 1e-12 hadamard.npy --top 2
closed "Hadamard vectors" nuclear 15 1e-12 hadamard.npy
closed "Hadamard vectors" stable_rank 85/64 1e-12 hadamard.npy
closed "orthogonal columns" entropy_rank 16 1e-12 columns.npy
closed "a permutation" nuclear 7 1e-12 permutation.npy
closed "a permutation" stable_rank 7 1e-12 permutation.npy
closed "rows of signs" kurtosis -2 1e-12 scored.npy --kurtosis
closed "rows of signs" kurtosis_osp 0 0 scored.npy --kurtosis
closed "rows of Hadamard" eigenscore "log10(64 / 63 + 1e-3)" 1e-12 scored.npy --eigenscore
closed "equal rows" eigenscore "(log10(5 * 64 / 63 + 1e-3) - 12) / 5" 1e-9 equal.npy --eigenscore
closed "equal correlations" volume "log(0.7 ** 4 * 2.2)" 1e-9 equicorrelated.npy --volume \
    --volume-epsilon 0
for x in classes classes_mapped; do
    closed "orthogonal class means, $x" lidar 7 1e-8 $x.npy --groups classes_labels.npy --lidar --delta 0
done
closed "zeros" rankme 0 0 zeros.npy
closed "zeros" stable_rank 0 0 zeros.npy
closed "one row for all, centered" rankme 0 0 constant.npy --center
closed "one row for all, centered, in a group" entropy_rank 0 0 constant.npy --center --eigenscore

# As numpy finds, and the same bits ----------------------------------------------------------------------
cat >check.py <<'END'
import json, sys, h5py, numpy as np
from model import *
source, labels, flags = sys.argv[1], sys.argv[2], sys.argv[3:]
x, got = np.load(source).astype("f8"), json.load(open("result"))
center = "--center" in flags
def like(name, a, b, within=1e-8):
    assert abs(a - b) <= within * max(1, abs(b)), (name, a, b)
if labels == "-":
    for name, value in measures(x, center=center).items():
        if name in got:
            like(name, got[name], value)
    sys.exit(not {"rankme", "dope", "kurtosis"} <= set(got))
z = np.load(labels).ravel()
first = {}
for i, g in enumerate(z):
    if g >= 0:
        first.setdefault(g, []).append(i)
with h5py.File("work/g.h5") as f:
    assert f.attrs["kind"] in ("spectrum", b"spectrum")
    assert list(f["group"]) == list(first) and list(f["size"]) == [len(i) for i in first.values()]
    want = [measures(x[i], center=center) for i in first.values()]
    assert "volume" in got["means"] and "eigenscore" in got["means"]
    for name in got["means"]:
        column = np.array([w.get(name, np.nan) for w in want])
        assert (np.isnan(f[name][:]) == np.isnan(column)).all(), name
        for a, b in zip(f[name][:], column):
            if b == b:
                like(name, a, b, 1e-6)
        like(name, got["means"][name], np.nanmean(column), 1e-7)
if "--lidar" in flags:
    like("lidar", got["lidar"], lidar(x, z))
END

# At 1, 3 and 7 ranks the same result.
whole() { # SOURCE FLAG...
    local n bits first=""
    for n in 1 3 7; do
        run "spectrum of $1 ${*:2}, $n ranks" $n "$1" --top 3 --kurtosis "${@:2}"
        bits=$(lasting result | md5sum)
        expect_equal "spectrum of $1 ${*:2}: bits at $n ranks" "$bits" "${first:-$bits}"
        first=$bits
    done
    expect 0 "spectrum of $1: numpy" "$python" check.py "$1" - "${@:2}"
}
whole tall.npy --center
whole wide.npy
whole wider.npy --center
run "extreme numbers" 1 huge.npy --top 3 --kurtosis
expect 0 "extreme numbers: numpy" "$python" check.py huge.npy -
first=""
for x in "single.npy 1" "single.npy 2" "single.h5 2" "single.safetensors 1"; do
    read -r file threads <<<"$x"
    run "$x" 2 "$file" --top 3 --kurtosis --center --threads "$threads"
    bits=$(lasting result | md5sum)
    expect_equal "$x threads: as in other formats" "$bits" "${first:-$bits}"
    first=$bits
done
expect 0 "single: numpy" "$python" check.py single.npy - --center

grouped() { # SOURCE LABELS FLAG...
    local n first="" bits
    for n in 1 3 7; do
        run "groups of $1 by $2 ${*:3}, $n ranks" $n "$1" --groups "$2" --top 3 --kurtosis \
            --eigenscore --volume "${@:3}" -o work/g.h5
        bits=$( (lasting result; digest work/g.h5) | md5sum)
        expect_equal "groups of $1 by $2: bits at $n ranks" "$bits" "${first:-$bits}"
        first=$bits
    done
    expect 0 "groups of $1 by $2: numpy" "$python" check.py "$1" "${2/txt/npy}" "${@:3}"
}
grouped tall.npy labels.txt --lidar --unequal
grouped tall.npy blocks.npy --lidar --center
grouped single.npy scattered.npy --lidar

# Rows that memory does not hold: 48 MB of numbers, in groups that follow each other or do not.
for flags in "--center" "--groups large_blocks.npy --eigenscore --lidar -o work/g.h5" \
    "--groups large_mixed.npy --volume -o work/g.h5"; do
    read -ra words <<<"$flags"
    most=$([ "$flags" = --center ] && echo 20 || echo 30)
    stored() {
        lasting result
        [ "$flags" = --center ] || digest work/g.h5
    }
    run "in memory, $flags" 2 large.npy "${words[@]}"
    taken=$(sed -n 's/.*"total": \([0-9]*\).*/\1/p' result)
    expect_equal "in memory, $flags: bytes" more "$([ "$taken" -gt $((most << 20)) ] && echo more || echo "$taken")"
    bits=$(stored | md5sum)
    run "out of memory, $flags" 2 large.npy "${words[@]}" --memory "${most}M"
    expect_equal "out of memory, $flags: the same" "$(stored | md5sum)" "$bits"
done
rm -r work && mkdir work

# Bad input: one line, the right exit code, nothing left behind -------------------------------------------
bad() { # CODE PATTERN WHAT ARGUMENT...
    local n
    for n in 1 3; do
        expect "$1" "$3, $n ranks" ranks "$n" spectrum "${@:4}" --quiet && expect_message "$3" "$2"
        expect_only "$3, $n ranks" work
    done
}
bad 3 'nan.npy: row 1234, column 7 \(from 0\) is nan' "NaN" nan.npy
bad 3 'nan.npy: row 1234, column 7 \(from 0\) is nan' "NaN in a group" nan.npy --groups scattered.npy \
    -o work/g.h5
bad 3 'empty.npy: an empty matrix' "nothing" empty.npy
bad 3 'big.npy: 4200 x 4100; .*svd --rank' "two long sides" big.npy
bad 3 'big.npy: 4200 rows of 4100 columns in a group; .*4096' "too large a group" big.npy --eigenscore
bad 3 'one column has no covariance' "one column" one.npy --eigenscore
bad 3 'classes_labels.npy: 128 numbers, but tall.npy has 3000 rows' "other rows" tall.npy \
    --groups classes_labels.npy
bad 3 'fraction.npy' "a label that is no whole number" tall.npy --groups fraction.npy
bad 3 'outside.npy: no row is in a group' "no group" tall.npy --groups outside.npy
bad 3 'groups of . to .* rows; lidar .*--unequal' "unequal classes" tall.npy --groups labels.npy --lidar
bad 3 'groups of one row have no spread' "classes of one" tall.npy --groups singles.npy --lidar
bad 6 'not positive definite; give a --delta' "no spread" zeros.npy --groups twos.npy --lidar --delta 0
bad 2 'groups' "an output of no groups" tall.npy -o work/g.h5
finish
