#!/usr/bin/python3
"""Scores of node vectors: trunnion nodes-eval against scikit-learn's liblinear at a tight tolerance, on the same splits.

    /usr/bin/python3 tests/bench/nodes_eval.py E.npy LABELS [--percent 10,50,90] [--splits 3] [--C 1] [--tol 1e-6]

E is a .npy or a store of trunnion (/embedding or /data), LABELS has lines "node label label ..." by numbers. Prints micro and macro F1 of both
for each percentage, how far they are apart at the most, and CPU seconds; exit code 1 if that is more than .002.
TRUNNION names the program.
"""
import argparse, json, os, resource, subprocess, sys, tempfile, warnings

from rival import timed
import numpy as np

program = os.environ.get("TRUNNION", "build/release/trunnion")


def load(path):
    if path.endswith(".npy"): return np.load(path).astype("f8")
    import h5py
    with h5py.File(path) as store:
        return np.asarray(store["embedding" if "embedding" in store else "data"], "f8")


def rival(X, Y, orders, percents, C, tol):
    """Micro and macro F1, a row a split and percentage, by the protocol of DeepWalk's script."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.multiclass import OneVsRestClassifier
    rows = []
    for order in orders:
        for percent in percents:
            t = int(percent / 100 * len(X))
            train, test = order[:t], order[t:]
            used = np.where(Y[train].any(0))[0]
            model = OneVsRestClassifier(LogisticRegression(C=C, solver="liblinear", tol=tol, max_iter=10000))
            p = model.fit(X[train], Y[train][:, used]).predict_proba(X[test])
            given = np.zeros((len(test), Y.shape[1]), int)
            for i, k in enumerate(Y[test].sum(1)):
                given[i, used[np.argsort(p[i])[-k:]]] = 1
            rows.append([f1_score(Y[test], given, average=a, zero_division=0) for a in ("micro", "macro")])
    return np.array(rows).reshape(len(orders), len(percents), 2)


def main():
    warnings.filterwarnings("ignore")
    options = argparse.ArgumentParser()
    options.add_argument("embedding")
    options.add_argument("labels")
    options.add_argument("--percent", default="10,50,90")
    options.add_argument("--splits", type=int, default=3)
    options.add_argument("--C", type=float, default=1)
    options.add_argument("--tol", type=float, default=1e-6)
    o = options.parse_args()
    lines = [[int(x) for x in line.split()] for line in open(o.labels)]
    lines = sorted(line for line in lines if len(line) > 1)
    Y = np.zeros((len(lines), 1 + max(max(line[1:]) for line in lines)), int)
    for i, line in enumerate(lines): Y[i, line[1:]] = 1
    X = load(o.embedding)[[line[0] for line in lines]]
    orders = [np.random.RandomState(s).permutation(len(X)) for s in range(o.splits)]
    percents = [float(p) for p in o.percent.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/order.npy", np.concatenate(orders))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([program, "nodes-eval", o.embedding, "--labels", o.labels, "--order", f"{folder}/order.npy",
                               "--percent", o.percent, "--C", str(o.C), "--threads", "1", "--json", "--quiet"],
                              check=True, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    ours = json.loads(done.stdout)["scores"]
    theirs, _, cpu = timed(lambda: rival(X, Y, orders, percents, o.C, o.tol))
    worst = 0
    for row, (micro, macro) in zip(ours, theirs.mean(0)):
        apart = max(abs(row["micro_f1"] - micro), abs(row["macro_f1"] - macro))
        worst = max(worst, apart)
        print(f"{row['percent']:5g} %  trunnion {row['micro_f1']:.5f} {row['macro_f1']:.5f}  scikit-learn {micro:.5f} "
              f"{macro:.5f}  apart {apart:.5f}")
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"CPU seconds: trunnion {took:.1f}, scikit-learn {cpu:.1f}, {cpu / took:.1f} x")
    return int(worst > 0.002)


if __name__ == "__main__":
    sys.exit(main())
