#!/bin/bash
# spectrum, xcorr and orthogonalize beside NumPy, in turns on one machine: medians of REPEATS runs, wall
# and CPU seconds, what each took at its peak, and how far the results are apart. Both sides use the
# BLAS that they print.
#
#   TRUNNION=build/release/trunnion bash tests/bench/measures.sh [ROWS COLS]
set -eu
: "${TRUNNION:?names the program}"
rows=${1:-100000} cols=${2:-768} repeats=${REPEATS:-5} python=/usr/bin/python3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
"$TRUNNION" bench rows -o "$folder/a.npy" --rows "$rows" --cols "$cols" --quiet >/dev/null
"$TRUNNION" bench rows -o "$folder/b.npy" --rows "$rows" --cols "$cols" --seed 2 --quiet >/dev/null

cat >"$folder/rival.py" <<'END'
import json, resource, sys, time
import numpy as np
what, folder = sys.argv[1:3]
start = time.perf_counter()
a = np.load(folder + "/a.npy", mmap_mode="r")
block = 8192
def blocks(x):
    for i in range(0, len(x), block):
        yield x[i:i + block].astype("f8")
def gram(x, mean):
    return sum((y - mean).T @ (y - mean) for y in blocks(x))
def mean_of(x):
    return sum(y.sum(0) for y in blocks(x)) / len(x)
out = {}
if what == "spectrum":
    s = np.sqrt(np.maximum(np.linalg.eigvalsh(gram(a, mean_of(a))), 0))
    p = s / s.sum()
    out["rankme"] = float(np.exp(-(p[p > 0] * np.log(p[p > 0])).sum()))
elif what == "xcorr":
    b = np.load(folder + "/b.npy", mmap_mode="r")
    ma, mb = mean_of(a), mean_of(b)
    va, vb, c = 0, 0, 0
    for x, y in zip(blocks(a), blocks(b)):
        x, y = x - ma, y - mb
        va, vb, c = va + (x * x).sum(0), vb + (y * y).sum(0), c + x.T @ y
    c = c / np.sqrt(np.outer(va, vb))
    on = ((1 - np.diag(c))**2).sum()
    out["loss"] = float(on + 0.0051 * ((c**2).sum() - (np.diag(c)**2).sum()))
else:
    x = a.astype("f8").T
    x = x / (np.linalg.norm(x) + 1e-7)
    for _ in range(5):
        g = x @ x.T
        x = 3.4445 * x + (-4.7750 * g + 2.0315 * g @ g) @ x
    np.save(folder + "/x.npy", np.ascontiguousarray(x.T).astype("f4"))
out["seconds"] = time.perf_counter() - start
use = resource.getrusage(resource.RUSAGE_SELF)
out["cpu"], out["peak"] = use.ru_utime + use.ru_stime, use.ru_maxrss * 1024
print(json.dumps(out))
END

cat >"$folder/ours.py" <<'END'
import json, resource, subprocess, sys, time
start = time.perf_counter()
out = json.loads(subprocess.run(sys.argv[1:], check=True, capture_output=True).stdout)
use = resource.getrusage(resource.RUSAGE_CHILDREN)
out.update(seconds=time.perf_counter() - start, cpu=use.ru_utime + use.ru_stime, peak=out["peak_rss"])
print(json.dumps(out))
END

cat >"$folder/table.py" <<'END'
import json, statistics, sys
folder = sys.argv[1]
print("%-14s %-9s %9s %9s %9s  result" % ("what", "by", "seconds", "cpu", "MB"))
for what in ("spectrum", "xcorr", "orthogonalize"):
    for by in ("trunnion", "numpy"):
        runs = [json.loads(line) for line in open("%s/%s.%s" % (folder, what, by))]
        middle = [statistics.median(r[k] for r in runs) for k in ("seconds", "cpu", "peak")]
        result = runs[0].get("rankme", runs[0].get("loss", ""))
        print("%-14s %-9s %9.2f %9.2f %9.0f  %s" % (what, by, middle[0], middle[1], middle[2] / 1e6, result))
try:
    import numpy as np
    x, y = np.load(folder + "/x.npy"), np.load(folder + "/y.npy")
    print("orthogonalize: largest difference %.1e" % abs(x - y).max())
except ImportError:
    pass
END

turn() { # WHAT ARGUMENT...
    "$python" "$folder/ours.py" "$TRUNNION" "$@" --json --quiet >>"$folder/$1.trunnion"
    "$python" "$folder/rival.py" "$1" "$folder" >>"$folder/$1.numpy"
}
for _ in $(seq "$repeats"); do
    turn spectrum "$folder/a.npy" --center
    turn xcorr "$folder/a.npy" "$folder/b.npy"
    turn orthogonalize "$folder/a.npy" -o "$folder/y.npy"
done
echo "$rows x $cols float32, one rank, one thread, medians of $repeats"
"$TRUNNION" bench orthogonalize --rows 600 --cols 20 --repeats 1 --quiet | grep '^# libraries'
"$python" -c '
import ctypes, numpy, os, re
paths = {line.split()[-1] for line in open("/proc/self/maps") if re.search("blas|lapack", line)}
print("# numpy", numpy.__version__, *sorted(paths))'
"$python" "$folder/table.py" "$folder"
