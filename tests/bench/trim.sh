# trim beside NumPy: a tenth of the rows, at random, out of a float32 matrix, medians of RUNS.
#   bash tests/bench/trim.sh DIR [ROWS] [RUNS]    DIR takes the matrix (3 GB: 1,000,000 x 768)
# NumPy maps the file (E[ids] of numpy.load(mmap_mode="r")) or reads it whole; all write .npy. The
# file is in the page cache for all of them if memory has room for it.
set -u
dir=$1 rows=${2:-1000000} runs=${3:-5}
TRUNNION=${TRUNNION:-build/release/trunnion}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 OMP_NUM_THREADS=1
python=/usr/bin/python3
mkdir -p "$dir"
[ -f "$dir/E.npy" ] || mpirun -n 2 "$TRUNNION" bench rows --rows "$rows" --cols 768 --dtype f32 -o "$dir/E.npy" --quiet >/dev/null || exit 1
"$python" - "$dir" "$rows" "$runs" "$TRUNNION" <<'END'
import os, resource, statistics, subprocess, sys, time
import numpy as np
folder, rows, runs, trunnion = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

path = folder + "/"
np.save(path + "ids.npy", np.random.default_rng(1).permutation(rows)[:rows // 10])
take = "import numpy as np; E = np.load('%sE.npy'%s); np.save('%snumpy.npy', E[np.load('%sids.npy')])"
python = [sys.executable, "-c"]
arms = {"numpy, mapped": python + [take % (path, ", mmap_mode='r'", path, path)],
        "numpy, whole": python + [take % (path, "", path, path)],
        "trunnion, 1 rank": [trunnion, "trim", path + "E.npy", "--ids", path + "ids.npy", "-o", path + "ours.npy", "--quiet"],
        "trunnion, 2 ranks": ["mpirun", "-n", "2", trunnion, "trim", path + "E.npy", "--ids", path + "ids.npy", "-o",
                              path + "ours.npy", "--quiet"]}
seconds, cpu = {a: [] for a in arms}, {a: [] for a in arms}
for _ in range(runs):
    for arm, command in arms.items():
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds[arm].append(time.time() - start)
        cpu[arm].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
a, b = (np.load(path + x + ".npy", mmap_mode="r") for x in ("numpy", "ours"))
assert (a == b).all()
print(f"{rows} x 768 float32, a tenth of the rows at random; medians of {runs}, equal results")
for arm in arms:
    print(f"{arm:20} {statistics.median(seconds[arm]):7.2f} s {statistics.median(cpu[arm]):7.2f} CPU s")
END
