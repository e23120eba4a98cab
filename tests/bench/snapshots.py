#!/usr/bin/python3
"""Clusters over time: trunnion cluster-snapshots against scikit-learn's NMF and KMeans on the same PPMI matrices, and updates
of what changed against solving all anew.

    /usr/bin/python3 tests/bench/snapshots.py [--nodes 4096] [--groups 8] [--snapshots 6] [--share 0.05] [--edges F --truth F]

First planted graphs as of SYN-FIX: 128 nodes, 4 groups, 16 neighbors, z = 3 .. 6 of them in other groups, 10 snapshots: mean NMI
and CPU seconds. Then a larger graph of which a share of the nodes draws its edges anew at each time: nodes that are solved, NMI
and CPU seconds of a snapshot after the first. With --edges (pairs of numbers) and --truth (a number a node, -1: none) also
snapshots that are each 80 % of these edges. TRUNNION names the program.
"""
import argparse, json, os, subprocess, sys, tempfile, warnings

from rival import timed
import numpy as np

warnings.filterwarnings("ignore")
program = os.environ.get("TRUNNION", "build/release/trunnion")


def planted(n, groups, z, times, random, moving=3, degree=16):
    """Edges (each once) and groups, all drawn anew at each time; `moving` nodes of each group leave it."""
    group = np.arange(n) * groups // n
    for t in range(times):
        if t:
            for node in np.concatenate([random.choice(np.flatnonzero(group == g), moving, False) for g in range(groups)]):
                group[node] = (group[node] + random.integers(1, groups)) % groups
        size = n / groups
        chance = np.where(group[:, None] == group, (degree - z) / (size - 1), z / (n - size))
        yield np.argwhere(np.triu(random.random((n, n)) < chance, 1)), group.copy()


def changing(n, groups, z, times, share, random, degree=16):
    """The same, but only a share of the nodes draws its edges anew, half of which also move."""
    group, edges = np.arange(n) % groups, set()
    def draw(node, half):
        mates, others = np.flatnonzero(group == group[node]), np.flatnonzero(group != group[node])
        ends = [random.choice(side, random.binomial(len(side), want / half / len(side)), False)
                for side, want in ((mates, degree - z), (others, z))]
        edges.update((min(node, e), max(node, e)) for e in np.concatenate(ends).tolist() if e != node)
    for node in range(n):
        draw(node, 2)
    for t in range(times):
        if t:
            moves = random.choice(n, int(share * n), False).tolist()
            for node in moves[::2]:
                group[node] = (group[node] + random.integers(1, groups)) % groups
            gone = set(moves)
            edges.difference_update([e for e in edges if e[0] in gone or e[1] in gone])
            for node in moves:
                draw(node, 1)
        yield np.array(sorted(edges)), group.copy()


def ppmi(edges, n, window=2):
    a = np.zeros((n, n))
    a[edges[:, 0], edges[:, 1]] = a[edges[:, 1], edges[:, 0]] = 1
    degree = np.maximum(a.sum(1), 1)
    count, term = np.zeros_like(a), a
    for _ in range(window):
        count, term = count + term, a @ (term / degree[:, None])
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(a.sum() * count / (window * np.outer(degree, degree))), 0)


def rival(snapshots, n, groups):
    from sklearn.cluster import KMeans
    from sklearn.decomposition import NMF
    from sklearn.metrics import normalized_mutual_info_score
    scores = []
    for edges, group in snapshots:
        m = ppmi(edges, n)
        fits = [(f, f.fit_transform(m)) for f in (NMF(groups, init="random", random_state=s, max_iter=300) for s in range(5))]
        w = min(fits, key=lambda fit: fit[0].reconstruction_err_)[1]
        w = w / np.maximum(w.sum(1, keepdims=True), 1e-300)
        found = KMeans(groups, n_init=5, random_state=0).fit_predict(w)
        scores.append(normalized_mutual_info_score(group, found))
    return np.mean(scores)


def ours(folder, snapshots, n, groups, *options):
    paths, truths = [], []
    for t, (edges, group) in enumerate(snapshots):
        paths.append(f"{folder}/{t}.edges"), truths.append(f"{folder}/{t}.groups")
        np.savetxt(paths[-1], edges, "%d"), np.savetxt(truths[-1], group, "%d")
    call = [program, "cluster-snapshots", *paths, "-o", f"{folder}/S.h5", "-k", str(groups), "--nodes", str(n), "--labels",
            *truths, "--json", "--quiet", "--threads", "1", *options]
    return json.loads(subprocess.run(call, check=True, stdout=subprocess.PIPE).stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=4096)
    parser.add_argument("--groups", type=int, default=8)
    parser.add_argument("--snapshots", type=int, default=6)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--edges")
    parser.add_argument("--truth")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for z in (3, 4, 5, 6):
            graphs = list(planted(128, 4, z, 10, np.random.default_rng(z)))
            plain, term = ours(folder, graphs, 128, 4), ours(folder, graphs, 128, 4, "--biclustering", "5")
            other, _, cpu = timed(lambda: rival(graphs, 128, 4))
            print(f"z = {z}: ours {plain['mean_nmi']:.4f} ({plain['cpu_seconds']:.3f} CPU s), with --biclustering 5 "
                  f"{term['mean_nmi']:.4f}, scikit-learn {other:.4f} ({cpu:.1f} CPU s)")
        graphs = list(changing(a.nodes, a.groups, 3, a.snapshots, a.share, np.random.default_rng(1)))
        for options in ([], ["--update", str(a.share)], ["--change", "0.5"]):
            result = ours(folder, graphs, a.nodes, a.groups, *options)
            later = result["each"][1:]
            print(f"{a.nodes} nodes, {' '.join(options) or 'all anew'}: {np.mean([e['solved'] for e in later]):.0f} solved, "
                  f"{np.mean([e['cpu_seconds'] for e in later]):.4f} CPU s a snapshot, NMI {result['mean_nmi']:.4f}")
        if a.edges:
            edges, truth = np.loadtxt(a.edges, int)[:, :2], np.loadtxt(a.truth, int)
            random, k = np.random.default_rng(1), len(set(truth[truth >= 0].tolist()))
            some = [(edges[random.random(len(edges)) < 0.8], truth) for _ in range(3)]
            for options in ([], ["--biclustering", "5"], ["--change", "0.5"]):
                result = ours(folder, some, len(truth), k, *options)
                e = result["each"][-1]
                print(f"{a.edges} {' '.join(options)}: NMI {result['mean_nmi']:.4f}, ARI {e['ari']:.4f} of {e['compared']} "
                      f"nodes, {result['cpu_seconds']:.2f} CPU s")


sys.exit(main())
