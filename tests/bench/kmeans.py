#!/usr/bin/python3
"""Steps of k-means: trunnion kmeans against faiss's Clustering (all points, same start) and NumPy, in turn, one thread a
rank.

    /usr/bin/python3 tests/bench/kmeans.py [--rows 250000] [--cols 256] [-k 4096] [--steps 4] [--repeats 5] [--arms ours,faiss,numpy]

Prints the BLAS that each arm loaded, medians of seconds and CPU seconds a step, the rate as a part of sgemm's (2048^3, the
same BLAS as NumPy's), 1 rank over 2, and how far the objectives after the same steps are apart.
TRUNNION names the program. What is not installed is left out and said.
"""
import argparse, json, os, resource, shutil, statistics, subprocess, sys, tempfile, time

from rival import blas, sgemm, timed
import numpy as np

program = os.environ.get("TRUNNION", "build/release/trunnion")


def numpy_arm(X, C, steps, block=4096):
    """Objectives of each step, seconds and CPU seconds of one."""
    def run(C):
        objective, norms = [], np.einsum("ij,ij->i", X, X)
        for _ in range(steps):
            labels, half, total = np.empty(len(X), "i4"), np.einsum("ij,ij->i", C, C) / 2, 0.0
            for at in range(0, len(X), block):
                s = X[at:at + block] @ C.T
                s -= half
                labels[at:at + block] = best = s.argmax(1)
                total += float((norms[at:at + block] - 2 * s[np.arange(len(s)), best]).sum(dtype="f8"))
            objective.append(total)
            order = np.argsort(labels, kind="stable")
            sizes = np.bincount(labels, minlength=len(C))
            starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
            C = C.copy()
            some = sizes > 0
            C[some] = np.add.reduceat(X[order], starts[some])[:] / sizes[some, None]
        return objective
    objective, wall, cpu = timed(lambda: run(C))
    return objective, wall / steps, cpu / steps


def faiss_arm(X, C, steps):
    import faiss
    faiss.omp_set_num_threads(1)
    c = faiss.Clustering(X.shape[1], len(C))
    c.niter, c.max_points_per_centroid, c.min_points_per_centroid = steps, len(X), 1
    faiss.copy_array_to_vector(C.ravel(), c.centroids)
    index = faiss.IndexFlatL2(X.shape[1])
    _, wall, cpu = timed(lambda: c.train(X, index))
    stats = c.iteration_stats
    return [stats.at(i).obj for i in range(steps)], wall / steps, cpu / steps


def trunnion_arm(folder, ranks, steps):
    import h5py
    def call(n):
        call = [program, "kmeans", f"{folder}/X.npy", "--start", f"{folder}/C.npy", "--steps", str(n), "-o",
                f"{folder}/K.h5", "--json", "--quiet", "--threads", "1"]
        if ranks > 1: call = ["mpirun", "-n", str(ranks), "--bind-to", "core"] + call
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(call, check=True, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return json.loads(done.stdout), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    _, least = call(0)
    told, cpu = call(steps)
    objective = list(h5py.File(f"{folder}/K.h5")["objective"][:])
    return objective, told["step_seconds"], (cpu - least) / (len(objective) - 1)


def main():
    options = argparse.ArgumentParser()
    for name, default in [("rows", 250000), ("cols", 256), ("steps", 4), ("repeats", 5)]:
        options.add_argument("--" + name, type=int, default=default)
    options.add_argument("-k", type=int, default=4096)
    options.add_argument("--arms", default="ours,faiss,numpy")
    o = options.parse_args()
    r = np.random.default_rng(1)
    X = r.standard_normal((o.rows, o.cols), dtype="f") + 3 * r.standard_normal((o.k // 4 + 1, o.cols), dtype="f")[
        r.integers(0, o.k // 4 + 1, o.rows)]
    C = X[::o.rows // o.k][:o.k].copy()
    folder = tempfile.mkdtemp()
    np.save(f"{folder}/X.npy", X); np.save(f"{folder}/C.npy", C)
    arms = {"trunnion, 1 rank": lambda: trunnion_arm(folder, 1, o.steps), "trunnion, 2 ranks": lambda: trunnion_arm(folder, 2, o.steps)}
    if "faiss" in o.arms:
        try:
            import faiss  # noqa: F401
            arms["faiss"] = lambda: faiss_arm(X, C, o.steps)
        except ImportError:
            print("faiss is not installed: left out")
    if "numpy" in o.arms: arms["NumPy"] = lambda: numpy_arm(X, C, o.steps)
    times, objective, rate = {name: [] for name in arms}, {}, []
    for _ in range(o.repeats):
        rate.append(sgemm())
        for name, arm in arms.items():
            objective[name], wall, cpu = arm()
            times[name].append((wall, cpu))
    print("BLAS here (NumPy, faiss):", blas())
    told = subprocess.run([program, "bench", "gemm", "64x64x64", "--repeat", "1", "--json", "--quiet"], capture_output=True, text=True)
    print("BLAS of trunnion:", json.loads(told.stdout)["libraries"]["blas"])
    peak, flops = statistics.median(rate), 2 * o.rows * o.k * o.cols
    print(f"{o.k} clusters of {o.rows} x {o.cols}, {o.steps} steps; sgemm {peak / 1e9:.1f} Gflop/s; medians of {o.repeats}, a step:")
    median = {name: [statistics.median(t) for t in zip(*all_)] for name, all_ in times.items()}
    for name, (wall, cpu) in median.items():
        ranks = 2 if "2 ranks" in name else 1
        last = objective[name][o.steps - 1] / objective["trunnion, 1 rank"][o.steps - 1] - 1
        print(f"{name:18} {wall:8.3f} s  CPU {cpu:8.3f} s  of sgemm {flops / wall / ranks / peak:.3f} (CPU {flops / cpu / peak:.3f})"
              f"  objective {last:+.1e}")
    print(f"2 ranks: {median['trunnion, 1 rank'][0] / median['trunnion, 2 ranks'][0]:.2f} x 1 rank")
    shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
