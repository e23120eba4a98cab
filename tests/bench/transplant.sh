# transplant (OFA's rule) beside the same in NumPy, as its authors' program does it: cosines of a
# block of targets with all sources, argpartition, softmax, mean. Medians of RUNS.
#   bash tests/bench/transplant.sh DIR [SOURCES] [TARGETS] [RUNS]    both x 256, auxiliary 300 wide
set -u
dir=$1 sources=${2:-100000} targets=${3:-20000} runs=${4:-5}
TRUNNION=${TRUNNION:-build/release/trunnion}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
python=/usr/bin/python3
mkdir -p "$dir"
TRUNNION=$(realpath "$TRUNNION") && cd "$dir" || exit 1
for what in "E $sources 256" "old $sources 300" "new $targets 300"; do
    read -r name rows cols <<<"$what"
    "$TRUNNION" bench rows --rows "$rows" --cols "$cols" --dtype f32 --seed "${#name}" -o "$name.npy" --quiet >/dev/null || exit 1
done
cat >ofa.py <<'END'
import numpy as np
E, A, B = (np.load(n + ".npy") for n in ("E", "old", "new"))
unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
A, B, T = unit(A), unit(B), np.empty((len(B), E.shape[1]), "f4")
for at in range(0, len(B), 512):
    S = B[at:at + 512] @ A.T
    best = np.argpartition(-S, 10, axis=1)[:, :10]
    w = np.exp(np.take_along_axis(S, best, 1) / .1)
    T[at:at + 512] = ((w / w.sum(1, keepdims=True))[..., None] * E[best]).sum(1)
np.save("numpy.npy", T)
END
"$python" - "$TRUNNION" "$runs" <<'END'
import resource, statistics, subprocess, sys, time
import numpy as np
trunnion, runs = sys.argv[1], int(sys.argv[2])
ours = [trunnion, "transplant", "--source", "E.npy", "--aux-source", "old.npy", "--aux-target", "new.npy", "-o", "ours.npy", "--quiet"]
arms = {"numpy": [sys.executable, "ofa.py"], "trunnion, 1 rank": ours, "trunnion, 2 ranks": ["mpirun", "-n", "2"] + ours}
seconds, cpu = {a: [] for a in arms}, {a: [] for a in arms}
for _ in range(runs):
    for arm, command in arms.items():
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds[arm].append(time.time() - start)
        cpu[arm].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
apart = np.abs(np.load("numpy.npy") - np.load("ours.npy")).max()
print(f"medians of {runs}; largest difference {apart:.1e} (NumPy's cosines are float32)")
for arm in arms:
    print(f"{arm:20} {statistics.median(seconds[arm]):7.2f} s {statistics.median(cpu[arm]):7.2f} CPU s")
END
