#!/usr/bin/python3
"""Vectors of nodes: trunnion fastrp against the authors' script (github.com/GTmac/FastRP, fastrp.py), in turn, one thread a rank.

    /usr/bin/python3 tests/bench/fastrp.py EDGES --rival FOLDER [--dim 512] [--repeats 3] [--labels FILE -C 0.1] [--weights W,..] [--alpha A]
    /usr/bin/python3 tests/bench/fastrp.py --rmat 10000000 --nodes 262144 --rival FOLDER [--dim 128]

EDGES: "u v" a line, numbers from 0, each edge once. --rmat makes such a graph (R-MAT .57 .19 .19 .05) instead. FOLDER has
fastrp.py; its imports of what only notebooks need are stood in for, and what newer libraries refuse (np.matrix) is handed
over as an array. Each arm is a process of its own that reads the same file and writes its vectors: seconds, CPU seconds and
memory are those of all of it, and, for the rival, without the reading (the script has none) and writing. With --labels
("node label label ..." a line) both are scored by DeepWalk's protocol. TRUNNION names the program.
"""
import argparse, json, multiprocessing, os, shutil, statistics, subprocess, sys, tempfile, time

import rival  # asks for one thread
import numpy as np

program = os.environ.get("TRUNNION", "build/release/trunnion")


def rmat(path, edges, nodes):
    r, bits = np.random.default_rng(1), int(nodes - 1).bit_length()
    with open(path, "w") as out:
        for at in range(0, edges, 1 << 20):
            count = min(1 << 20, edges - at)
            quadrant = np.searchsorted([.57, .76, .95], r.random((bits, count)))
            u, v = (sum((q >> shift & 1) << k for k, q in enumerate(quadrant)) for shift in (1, 0))
            out.write("\n".join(map("%d %d".__mod__, zip((u % nodes).tolist(), (v % nodes).tolist()))) + "\n")


def peak_here():
    """Bytes; of this program alone, where getrusage's also has those of whoever started it."""
    return next(1024 * int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))


def rival_run(o):
    """In a child process: prints seconds, CPU seconds of the script's functions and the peak beyond the graph."""
    import types
    import scipy.sparse as sp
    for name in "matplotlib gensim pandas tqdm".split():
        try: __import__(name)
        except ImportError: sys.modules[name] = types.ModuleType(name)
    if not hasattr(sys.modules["tqdm"], "tqdm_notebook"): sys.modules["tqdm"].tqdm_notebook = iter
    sys.path.insert(0, o.rival)
    import fastrp
    e = np.loadtxt(o.edges, dtype=np.int32) if o.rmat is None else np.fromfile(o.edges, dtype=np.int32, sep=" ").reshape(-1, 2)
    n = max(int(e.max()) + 1, o.nodes)
    e = e[e[:, 0] != e[:, 1]]
    A = sp.coo_matrix((np.ones(len(e)), (e[:, 0], e[:, 1])), shape=(n, n)).tocsc()
    A = (A + A.T).tocsc()
    A.data[:] = 1
    del e
    conf = dict(projection_method="sparse", input_matrix="trans", normalization=True, dim=o.dim,
                weights=[float(w) for w in o.weights.split(",")], alpha=o.alpha)
    as_array = lambda f: lambda x, *rest, **named: f(np.asarray(x) if isinstance(x, np.matrix) else x, *rest, **named)
    fastrp.normalize, fastrp.scale = as_array(fastrp.normalize), as_array(fastrp.scale)
    np.seterr(divide="ignore")
    U, wall, cpu = rival.timed(lambda: fastrp.fastrp_wrapper(A, conf))
    if o.out: np.save(o.out, np.nan_to_num(np.asarray(U)).astype("f4"))
    print(json.dumps([wall, cpu, peak_here()]))


def child(call):
    """Seconds and CPU seconds of a process, and what it prints."""
    start = time.perf_counter()
    process = subprocess.Popen(call, stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status: sys.exit(f"fails: {' '.join(call)}")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, json.loads(text)


def score(X, path, C, percents=(10, 50, 90), splits=3):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.multiclass import OneVsRestClassifier
    rows = [[int(x) for x in line.split()] for line in open(path)]
    Y = np.zeros((len(X), 1 + max(max(r[1:]) for r in rows)), int)
    for r in rows: Y[r[0], r[1:]] = 1
    X, Y, told = X[Y.sum(1) > 0], Y[Y.sum(1) > 0], {}
    for p in percents:
        f = []
        for s in range(splits):
            order = np.random.RandomState(s).permutation(len(X))
            train, test = order[:int(p / 100 * len(X))], order[int(p / 100 * len(X)):]
            used = np.where(Y[train].sum(0) > 0)[0]
            chance = OneVsRestClassifier(LogisticRegression(C=C, solver="liblinear")).fit(X[train], Y[train][:, used]).predict_proba(X[test])
            guess = np.zeros((len(test), Y.shape[1]), int)
            for i, k in enumerate(Y[test].sum(1)): guess[i, used[np.argsort(chance[i])[-k:]]] = 1
            f.append([f1_score(Y[test], guess, average=a, zero_division=0) for a in ("micro", "macro")])
        told[p] = np.mean(f, 0)
    return told


def main():
    options = argparse.ArgumentParser()
    options.add_argument("edges", nargs="?")
    options.add_argument("--rival", required=True)
    options.add_argument("--rmat", type=int)
    options.add_argument("--labels")
    options.add_argument("--out", help=argparse.SUPPRESS)
    options.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options.add_argument("-C", type=float, default=.1)
    options.add_argument("--weights", default="0,0,7.81,45.28")
    options.add_argument("--alpha", type=float, default=-.628)
    for name, default in [("nodes", 0), ("dim", 512), ("repeats", 3), ("ranks", 2)]:
        options.add_argument("--" + name, type=int, default=default)
    o = options.parse_args()
    if o.child: return rival_run(o)
    folder = tempfile.mkdtemp()
    if o.rmat:
        o.edges = f"{folder}/rmat.txt"
        maker = multiprocessing.Process(target=rmat, args=(o.edges, o.rmat, o.nodes))
        maker.start(); maker.join()
    arms = {"trunnion, 1 rank": [], f"trunnion, {o.ranks} ranks": [], "FastRP's script": [], "all of its process": []}
    for k in range(o.repeats):
        for ranks in (1, o.ranks):
            call = [program, "fastrp", o.edges, "--nodes", str(o.nodes), "--dim", str(o.dim), "--seed", str(k + 1), "--threads", "1",
                    "--weights", o.weights, f"--alpha={o.alpha}", "-o", f"{folder}/ours{k}.npy", "--quiet", "--json"]
            if ranks > 1: call = ["mpirun", "-n", str(ranks), "--bind-to", "core"] + call
            wall, cpu, told = child(call)
            arms["trunnion, 1 rank" if ranks == 1 else f"trunnion, {ranks} ranks"].append((wall, cpu, told["peak_rss"]))
        call = [sys.executable, __file__, o.edges, "--rival", o.rival, "--child", "--nodes", str(o.nodes), "--dim", str(o.dim),
                "--weights", o.weights, f"--alpha={o.alpha}"]
        if o.rmat: call += ["--rmat", "1"]
        if o.labels: call += ["--out", f"{folder}/theirs.npy"]
        wall, cpu, told = child(call)
        arms["FastRP's script"].append(told)
        arms["all of its process"].append((wall, cpu, told[2]))
    median = {name: [statistics.median(x) for x in zip(*runs)] for name, runs in arms.items()}
    theirs, script = median["all of its process"][2], median["FastRP's script"][1]
    print(f"{o.edges if not o.rmat else f'R-MAT of {o.rmat} edges, {o.nodes} nodes'}, {o.dim} numbers; medians of {o.repeats}")
    for name, (wall, cpu, peak) in median.items():
        print(f"{name:20} {wall:8.2f} s  CPU {cpu:8.2f} s  peak {peak / 1e6:8.0f} MB"
              f"  script's CPU / this {script / cpu:6.2f}  memory / its {peak / theirs:.2f}")
    if o.labels:
        for k in range(o.repeats): print(f"ours, seed {k + 1}:", score(np.load(f"{folder}/ours{k}.npy"), o.labels, o.C))
        print("theirs:", score(np.load(f"{folder}/theirs.npy"), o.labels, o.C))
    shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
