#!/usr/bin/python3
"""Nearest rows: trunnion neighbors on files against faiss's IndexFlatIP and NumPy, in turn, one thread a rank.

    /usr/bin/python3 tests/bench/nearest.py [--rows 250000] [--queries 10000] [--cols 256] [-k 10] [--repeats 5]

Prints the BLAS that each arm loaded, medians of seconds and CPU seconds of the search alone, the rate as a part of
sgemm's (2048^3, the same BLAS as NumPy's), 1 rank over 2, and whether all arms found the same rows.
TRUNNION names the program. What is not installed is left out and said.
"""
import argparse, json, os, re, resource, statistics, subprocess, sys, tempfile, time

from rival import blas, sgemm, timed
import numpy as np


def numpy_arm(E, Q, k, block=4096):
    def search():
        best = np.full((len(Q), 0), 0, "f"); ids = np.zeros((len(Q), 0), "i8")
        for at in range(0, len(E), block):
            s = np.concatenate([best, Q @ E[at:at + block].T], 1)
            i = np.concatenate([ids, np.broadcast_to(np.arange(at, at + s.shape[1] - best.shape[1]), (len(Q), s.shape[1] - best.shape[1]))], 1)
            keep = np.argpartition(-s, min(k, s.shape[1] - 1), 1)[:, :k]
            best, ids = np.take_along_axis(s, keep, 1), np.take_along_axis(i, keep, 1)
        return np.take_along_axis(ids, np.argsort(-best, 1, kind="stable"), 1)
    return timed(search)


def faiss_arm(E, Q, k):
    import faiss
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(E.shape[1])
    index.add(E)
    return timed(lambda: index.search(Q, k)[1])


def trunnion_arm(folder, ranks, k):
    import h5py
    program = os.environ.get("TRUNNION", "build/release/trunnion")
    call = [program, "neighbors", "--queries", f"{folder}/Q.npy", "--among", f"{folder}/E.npy", "--metric", "dot", "-k",
            str(k), "-o", f"{folder}/N.h5", "--json", "--quiet", "--threads", "1"]
    if ranks > 1: call = ["mpirun", "-n", str(ranks), "--bind-to", "core"] + call
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(call, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime  # with reading and writing
    return h5py.File(f"{folder}/N.h5")["ids"][:], json.loads(done.stdout)["search_seconds"], cpu


def main():
    options = argparse.ArgumentParser()
    for name, default in [("rows", 250000), ("queries", 10000), ("cols", 256), ("repeats", 5)]:
        options.add_argument("--" + name, type=int, default=default)
    options.add_argument("-k", type=int, default=10)
    o = options.parse_args()
    r = np.random.default_rng(1)
    E, Q = (r.standard_normal((n, o.cols), dtype="f") for n in (o.rows, o.queries))
    folder = tempfile.mkdtemp()
    np.save(f"{folder}/E.npy", E); np.save(f"{folder}/Q.npy", Q)
    arms = {"trunnion, 1 rank": lambda: trunnion_arm(folder, 1, o.k), "trunnion, 2 ranks": lambda: trunnion_arm(folder, 2, o.k),
            "faiss IndexFlatIP": lambda: faiss_arm(E, Q, o.k), "NumPy": lambda: numpy_arm(E, Q, o.k)}
    try:
        import faiss  # noqa: F401
    except ImportError:
        print("faiss is not installed: left out"); del arms["faiss IndexFlatIP"]
    times, ids, rate = {name: [] for name in arms}, {}, []
    for _ in range(o.repeats):
        rate.append(sgemm())
        for name, arm in arms.items():
            ids[name], wall, cpu = arm()
            times[name].append((wall, cpu))
    program = os.environ.get("TRUNNION", "build/release/trunnion")
    print("BLAS here (NumPy, faiss):", blas())
    told = subprocess.run([program, "bench", "gemm", "64x64x64", "--repeat", "1", "--json", "--quiet"], capture_output=True, text=True)
    print("BLAS of trunnion:", re.search(r'"blas": "([^"]*)', told.stdout).group(1))
    peak = statistics.median(rate)
    flops = 2 * o.rows * o.queries * o.cols
    print(f"{o.queries} queries among {o.rows} x {o.cols}, top {o.k}; sgemm {peak / 1e9:.1f} Gflop/s; medians of {o.repeats}")
    median = {name: [statistics.median(t) for t in zip(*list_)] for name, list_ in times.items()}
    for name, (wall, cpu) in median.items():
        ranks = 2 if "2 ranks" in name else 1
        same = np.mean([set(a) == set(b) for a, b in zip(ids[name], ids["trunnion, 1 rank"])])
        print(f"{name:18} {wall:8.2f} s  CPU {cpu:8.2f} s  of sgemm {flops / wall / ranks / peak:.3f}  same rows {same:.5f}")
    print(f"2 ranks: {median['trunnion, 1 rank'][0] / median['trunnion, 2 ranks'][0]:.2f} x 1 rank")
    for name in ("E.npy", "Q.npy", "N.h5", "N.h5.prev"):
        if os.path.exists(f"{folder}/{name}"): os.remove(f"{folder}/{name}")
    os.rmdir(folder)


if __name__ == "__main__":
    sys.exit(main())
