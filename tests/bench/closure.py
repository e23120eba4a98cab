#!/usr/bin/python3
"""closure: pairs of a random digraph by trunnion and by squaring in SuiteSparse:GraphBLAS, one thread each, in turn.

    /usr/bin/python3 tests/bench/closure.py [--nodes 10000] [--edges 9000,20000] [--repeats 3] [--arms ours,graphblas,scipy]

Ours: seconds from the loaded graph to the counted pairs, and of the whole job with R written. GraphBLAS (R <- R or R R until
nothing changes, libgraphblas-dev and a compiler): seconds of the squaring, or more than --patience. SciPy: components and a sum of
Boolean rows over them. TRUNNION names the program.
"""
import argparse, json, os, shutil, statistics, subprocess, sys, tempfile

from rival import timed
import numpy as np

program = os.environ.get("TRUNNION", "build/release/trunnion")
rival = r"""
#include <GraphBLAS.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec; }
int main(int argc, char **argv) {
    GrB_Index i, j, all = 0, before = 0, n = (GrB_Index)atoll(argv[2]);
    GrB_Matrix R;
    FILE *file = fopen(argv[1], "r");
    GrB_init(GrB_NONBLOCKING);
    GxB_Global_Option_set(GxB_GLOBAL_NTHREADS, 1);
    GrB_Matrix_new(&R, GrB_BOOL, n, n);
    while (argc > 2 && fscanf(file, "%lu %lu", &i, &j) == 2) GrB_Matrix_setElement_BOOL(R, true, i, j);
    GrB_Matrix_wait(R, GrB_MATERIALIZE);
    double start = now();
    for (GrB_Matrix_nvals(&all, R); all != before; GrB_Matrix_nvals(&all, R)) {
        before = all;
        GrB_mxm(R, NULL, GrB_LOR, GrB_LOR_LAND_SEMIRING_BOOL, R, R, NULL);
    }
    printf("%lu %g\n", all, now() - start);
}
"""


def ours(path, nodes, output):
    call = [program, "closure", path, "--nodes", str(nodes), "--json", "--quiet", "--threads", "1"] + (["-o", output] if output else [])
    told = json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
    return told["pairs"], told["seconds"] if output else told["walk_seconds"]


def graphblas(binary, path, nodes, patience):
    try:
        told = subprocess.run([binary, path, str(nodes)], check=True, capture_output=True, text=True, timeout=patience).stdout.split()
        return int(told[0]), float(told[1])
    except subprocess.TimeoutExpired:
        return None, patience


def scipy_arm(edges, nodes):
    import scipy.sparse as sparse
    from scipy.sparse.csgraph import connected_components
    def run():
        A = sparse.csr_matrix((np.ones(len(edges), bool), edges.T), shape=(nodes, nodes))
        k, part = connected_components(A, connection="strong")  # numbered against the edges
        size, loops = np.bincount(part, minlength=k), np.zeros(k, bool)
        np.logical_or.at(loops, part[edges[edges[:, 0] == edges[:, 1], 0]], True)
        order = np.lexsort((part[edges[:, 1]], part[edges[:, 0]]))
        between = np.unique(np.stack([part[edges[:, 0]], part[edges[:, 1]]], 1)[order], axis=0)
        between = between[between[:, 0] != between[:, 1]]
        assert (between[:, 0] > between[:, 1]).all() or len(between) == 0, "no topological order"
        R, pairs = np.zeros((k, k), bool), 0
        for p in range(k):
            for q in between[np.searchsorted(between[:, 0], p):np.searchsorted(between[:, 0], p + 1), 1]: R[p] |= R[q]
            R[p, p] = True
            pairs += size[p] * (R[p] @ size - (size[p] if size[p] == 1 and not loops[p] else 0))
        return int(pairs)
    pairs, wall, _ = timed(run)
    return pairs, wall


def main():
    o = argparse.ArgumentParser()
    for name, default in [("nodes", 10000), ("repeats", 3), ("patience", 600)]: o.add_argument("--" + name, type=int, default=default)
    o.add_argument("--edges", default="9000,20000")
    o.add_argument("--arms", default="ours,graphblas,scipy")
    o = o.parse_args()
    folder = tempfile.mkdtemp()
    binary = f"{folder}/rival"
    arms = o.arms.split(",")
    open(binary + ".c", "w").write(rival)
    if "graphblas" in arms and subprocess.run(["cc", "-O2", binary + ".c", "-o", binary, "-lgraphblas"]).returncode:
        print("GraphBLAS is not installed: left out")
        arms.remove("graphblas")
    for m in map(int, o.edges.split(",")):
        edges = np.random.default_rng(1).integers(0, o.nodes, (m, 2))
        path = f"{folder}/g.txt"
        np.savetxt(path, edges, "%d")
        times, pairs = {}, set()
        for _ in range(o.repeats):
            for name in arms:
                if name == "ours":
                    done = [("ours, counted", ours(path, o.nodes, None)), ("ours, written", ours(path, o.nodes, f"{folder}/R.h5"))]
                elif name == "graphblas":
                    if times.get(name, [0])[0] > 30: continue  # once is enough
                    done = [(name, graphblas(binary, path, o.nodes, o.patience))]
                else:
                    done = [(name, scipy_arm(edges, o.nodes))]
                for arm, (found, seconds) in done:
                    times.setdefault(arm, []).append(seconds)
                    if found is not None: pairs.add(found)
        print(f"{o.nodes} nodes, {m} edges: pairs {sorted(pairs)}" + ("" if len(pairs) == 1 else "  DIFFERENT"))
        for arm, seconds in times.items(): print(f"  {arm:14} {statistics.median(seconds):9.4f} s")
    shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
