#!/usr/bin/python3
"""GF-CF from files to lists and metrics: trunnion recommend against scipy (svds and products of blocks of users), in turn,
one thread a rank.

    /usr/bin/python3 tests/bench/recommend.py [--train F --test F] [--rank 256] [--tolerance 1e-4] [--repeats 3] [--arms 1,2,scipy]

Without files 6000 users of 12 tastes among 8000 items are made. Prints medians of seconds and CPU seconds of the whole job,
peaks of memory, recall@20 and ndcg@20 of each arm. TRUNNION names the program.
"""
import argparse, gzip, json, os, resource, shutil, statistics, subprocess, sys, tempfile

from rival import blas, timed
import numpy as np

program = os.environ.get("TRUNNION", "build/release/trunnion")


def read(path):
    lines = {}
    for line in (gzip.open(path, "rt") if path.endswith(".gz") else open(path)):
        numbers = np.array(line.split(), "i8")
        if len(numbers) > 1: lines[numbers[0]] = np.unique(numbers[1:])
    return lines


def scipy_job(train, test, rank, tolerance):
    """Recall and ndcg at 20 by the formulas of the paper, float64, 1024 users at a time."""
    import scipy.sparse as sp
    from scipy.sparse.linalg import svds
    train, test = read(train), read(test)
    users = max(max(train), max(test)) + 1
    items = max(max(v[-1] for v in train.values()), max(v[-1] for v in test.values())) + 1
    R = sp.csr_matrix((np.ones(sum(map(len, train.values()))), (np.repeat(list(train), [len(v) for v in train.values()]),
                       np.concatenate(list(train.values())))), shape=(users, items))
    root = lambda d: np.where(d > 0, np.maximum(d, 1) ** -.5, 0)
    du, di = root(np.asarray(R.sum(1)).ravel()), root(np.asarray(R.sum(0)).ravel())
    Rn = (sp.diags(du) @ R @ sp.diags(di)).tocsr()
    V = svds(Rn, k=rank, tol=tolerance, random_state=1)[2].T
    RnT, left, right = Rn.T.tocsr(), di[:, None] * V, np.where(di > 0, 1 / np.where(di > 0, di, 1), 0)[:, None] * V
    gain = 1 / np.log2(np.arange(2, 22))
    recall = ndcg = 0
    asked = np.array(sorted(test))
    for at in range(0, len(asked), 1024):
        u = asked[at:at + 1024]
        S = np.ascontiguousarray((RnT @ (Rn @ R[u].T.toarray())).T) + .3 * (R[u] @ left) @ right.T
        mine = R[u]
        S[np.repeat(np.arange(len(u)), np.diff(mine.indptr)), mine.indices] = -np.inf
        top = np.argpartition(-S, 20, axis=1)[:, :20]
        top = np.take_along_axis(top, np.argsort(-np.take_along_axis(S, top, 1), 1), 1)
        for x, t in zip(u, top):
            hit = np.isin(t, test[x])
            recall += hit.sum() / len(test[x])
            ndcg += (hit * gain).sum() / gain[:min(20, len(test[x]))].sum()
    print(json.dumps({"recall": recall / len(asked), "ndcg": ndcg / len(asked),
                      "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def made(folder):
    r = np.random.default_rng(1)
    kind, taste = r.integers(0, 12, 8000), r.integers(0, 12, 6000)
    with open(f"{folder}/train.txt", "w") as train, open(f"{folder}/test.txt", "w") as test:
        for u in range(6000):
            weight = np.where(kind == taste[u], 9.0, 1.0) / (30 + np.arange(8000))
            items = r.choice(8000, 15 + u % 40, replace=False, p=weight / weight.sum())
            print(u, *items[len(items) // 5:], file=train)
            print(u, *items[:len(items) // 5], file=test)
    return f"{folder}/train.txt", f"{folder}/test.txt"


def call(command):
    """Seconds, CPU seconds, bytes at most and what it printed, of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done, wall, _ = timed(lambda: subprocess.run(command, check=True, capture_output=True, text=True))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = json.loads(done.stdout)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, told.get("peak_rss", 0), told


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--train")
    options.add_argument("--test")
    options.add_argument("--rank", type=int, default=256)
    options.add_argument("--tolerance", type=float, default=1e-4)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--arms", default="1,2,scipy")
    options.add_argument("--job", action="store_true", help="the job of scipy alone, in this process")
    o = options.parse_args()
    if o.job: return scipy_job(o.train, o.test, o.rank, o.tolerance)
    folder = tempfile.mkdtemp()
    train, test = (o.train, o.test) if o.train else made(folder)
    data = ["--train", train, "--test", test, "--rank", str(o.rank), "--tolerance", str(o.tolerance)]
    ours = [program, "recommend", *data, "-o", f"{folder}/R.h5", "--json", "--quiet", "--threads", "1"]
    arms = {"1": ours, "2": ["mpirun", "-n", "2", "--bind-to", "core", *ours],
            "scipy": [sys.executable, os.path.abspath(__file__), "--job", *data]}
    names = {"1": "trunnion, 1 rank", "2": "trunnion, 2 ranks", "scipy": "scipy"}
    figures = {arm: [] for arm in o.arms.split(",")}
    for _ in range(o.repeats):
        for arm in figures: figures[arm].append(call(arms[arm]))
    print("BLAS here (NumPy):", blas())
    for arm, runs in figures.items():
        told = runs[-1][3]
        print(f"{names[arm]:18} {statistics.median(r[0] for r in runs):8.2f} s  CPU {statistics.median(r[1] for r in runs):8.2f} s"
              f"  peak {max(r[2] for r in runs) / 1e6:6.0f} MB  recall@20 {told['recall']:.6f}  ndcg@20 {told['ndcg']:.6f}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
