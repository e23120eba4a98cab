#!/usr/bin/python3
"""Factors: trunnion factor against scikit-learn's randomized_svd and NMF (solver 'mu'), in turn, one thread a rank.

    /usr/bin/python3 tests/bench/factor.py [--rows 100000] [--cols 768] [--rank 128] [--nmf-rank 32] [--steps 10] [--repeats 5]

The matrix is of float32 with singular values falling as i^-1/2. Prints medians of CPU seconds: of the whole program for
trunnion (with its start, reading and writing), of the call alone for scikit-learn, on float32 and on float64; errors over
the least there is; for NMF the CPU seconds of a step (difference of two numbers of steps), on float64. TRUNNION names the program.
"""
import argparse, json, os, re, resource, statistics, subprocess, sys, tempfile, time, warnings

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1",
                  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
import numpy as np

program = os.environ.get("TRUNNION", "build/release/trunnion")


def run(ranks, *arguments):
    """CPU seconds and wall seconds of a job, and what it printed."""
    call = [program, "factor", *arguments, "--json", "--quiet", "--threads", "1"]
    if ranks > 1: call = ["mpirun", "-n", str(ranks), "--bind-to", "core"] + call
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(call, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = json.loads(done.stdout)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, told["seconds"], told


def cpu(work):
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def blas():
    return "; ".join(sorted({line.split()[-1] for line in open("/proc/self/maps") if "blas" in line}))


def svd(X, o, folder):
    from sklearn.utils.extmath import randomized_svd
    squares = np.linalg.eigvalsh(X.T.astype("d") @ X.astype("d"))
    least = squares[:-o.rank].sum()
    seconds = {"trunnion, 1 rank": [], "trunnion, 2 ranks (wall)": [], "trunnion, 1 rank (wall)": [], "randomized_svd f32": [],
               "randomized_svd f64": [], "randomized_svd f32, as near": []}
    wide, errors, iterations = X.astype("d"), {}, 8
    for _ in range(o.repeats):
        c, wall, told = run(1, f"{folder}/X.npy", "--svd", "--rank", str(o.rank), "-o", f"{folder}/F.h5")
        seconds["trunnion, 1 rank"].append(c); seconds["trunnion, 1 rank (wall)"].append(wall)
        errors["trunnion, 1 rank"] = 2 * told["objective"] / least
        seconds["trunnion, 2 ranks (wall)"].append(run(2, f"{folder}/X.npy", "--svd", "--rank", str(o.rank), "-o", f"{folder}/F.h5")[1])
        for name, matrix in (("randomized_svd f32", X), ("randomized_svd f64", wide)):
            c, (U, s, V) = cpu(lambda: randomized_svd(matrix, o.rank, random_state=0))
            seconds[name].append(c)
            errors[name] = ((wide - (U * s) @ V) ** 2).sum() / least
        while True:  # as many iterations as the error takes that is asked of trunnion
            c, (U, s, V) = cpu(lambda: randomized_svd(X, o.rank, n_iter=iterations, random_state=0))
            errors["randomized_svd f32, as near"] = ((wide - (U * s) @ V) ** 2).sum() / least
            if errors["randomized_svd f32, as near"] <= 1 + 1e-5 or iterations > 200: break
            iterations *= 2
        seconds["randomized_svd f32, as near"].append(c)
    for name, list_ in seconds.items():
        error = f"  error {errors[name] - 1:+.2e} over the least" if name in errors else ""
        print(f"svd {o.rank}: {name:26} {statistics.median(list_):7.2f} s{error}")


def nmf(o, folder):
    from sklearn.decomposition import non_negative_factorization as nnf
    warnings.filterwarnings("ignore")
    X = np.load(f"{folder}/P.npy")
    r = np.random.default_rng(0)
    W, H = r.random((len(X), o.nmf_rank)) + .1, r.random((o.nmf_rank, X.shape[1])) + .1
    ours, theirs, both = [], [], []
    for _ in range(o.repeats):
        few, many = ([run(ranks, f"{folder}/P.npy", "--nmf", "--rank", str(o.nmf_rank), "--steps", str(steps), "--tolerance", "0",
                          "-o", f"{folder}/F.h5") for ranks in (1, 2)] for steps in (1, 1 + o.steps))
        ours.append(((many[0][0] - few[0][0]) / o.steps, (many[0][1] - few[0][1]) / o.steps, (many[1][1] - few[1][1]) / o.steps))
        times = [cpu(lambda: nnf(X, W.copy(), H.copy(), n_components=o.nmf_rank, init="custom", solver="mu", max_iter=steps, tol=0))[0]
                 for steps in (1, 1 + o.steps)]
        theirs.append((times[1] - times[0]) / o.steps)
    mine = [statistics.median(t) for t in zip(*ours)]
    print(f"nmf {o.nmf_rank}: a step: trunnion {mine[0]:.3f} CPU s (wall {mine[1]:.3f} on 1 rank, {mine[2]:.3f} on 2), "
          f"scikit-learn mu {statistics.median(theirs):.3f} CPU s")


def main():
    options = argparse.ArgumentParser()
    for name, default in [("rows", 100000), ("cols", 768), ("rank", 128), ("nmf-rank", 32), ("steps", 10), ("repeats", 5)]:
        options.add_argument("--" + name, type=int, default=default)
    o = options.parse_args()
    r = np.random.default_rng(2)
    Q = np.linalg.qr(r.standard_normal((o.cols, o.cols)))[0]
    X = ((r.standard_normal((o.rows, o.cols)) * np.arange(1, o.cols + 1) ** -.5) @ Q).astype("f")
    folder = tempfile.mkdtemp()
    np.save(f"{folder}/X.npy", X)
    np.save(f"{folder}/P.npy", np.abs(X).astype("d"))
    told = subprocess.run([program, "bench", "gemm", "64x64x64", "--repeat", "1", "--json", "--quiet"], capture_output=True, text=True)
    print("BLAS here:", blas()); print("BLAS of trunnion:", re.search(r'"blas": "([^"]*)', told.stdout).group(1))
    print(f"{o.rows} x {o.cols}; medians of {o.repeats}")
    svd(X, o, folder)
    nmf(o, folder)
    for name in os.listdir(folder): os.remove(f"{folder}/{name}")
    os.rmdir(folder)


if __name__ == "__main__":
    sys.exit(main())
