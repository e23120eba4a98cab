#!/usr/bin/python3
"""whiten.py [--rows N] [--cols D] [--repeats R] [--dir DIR]: `fit whiten` and `apply` beside NumPy by blocks.

Both arms read the same float32 .npy and write whitened float32 rows, sums and products in float64, a thread
each; a file of random rows with a spectrum is made first. Figures are CPU seconds (user + system) of whole
processes, medians of R runs taken in turn, and peaks of resident memory. Both call OPENBLAS (or what else the
system's libblas.so.3 is) by the kernels that are printed. TRUNNION names the program.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

BLOCK = 2048


def numpy_arm(source, target):
    """The blocked route: means, centered products (A.T @ A is a SYRK in NumPy), eigh, and a pass of products."""
    import numpy as np
    x = np.load(source, mmap_mode="r")
    n, d = x.shape
    mean = np.zeros(d)
    for at in range(0, n, BLOCK):
        mean += x[at:at + BLOCK].sum(0, dtype="f8")
    mean /= n
    gram = np.zeros((d, d))
    for at in range(0, n, BLOCK):
        block = x[at:at + BLOCK].astype("f8")
        block -= mean
        gram += block.T @ block
    values, vectors = np.linalg.eigh(gram / (n - 1))
    matrix = (vectors / np.sqrt(values))[:, ::-1].copy()
    out = np.lib.format.open_memmap(target, "w+", "f4", (n, d))
    for at in range(0, n, BLOCK):
        block = x[at:at + BLOCK].astype("f8")
        block -= mean
        out[at:at + BLOCK] = block @ matrix
    out.flush()
    with open("/proc/self/maps") as f:
        blas = sorted({line.split()[-1] for line in f if "blas" in line})
    try:
        import ctypes
        name = ctypes.CDLL(blas[0]).openblas_get_corename
        name.restype = ctypes.c_char_p
        core = name().decode()
    except (AttributeError, IndexError, OSError):
        core = "?"
    print(json.dumps({"blas": f"{' '.join(blas)} {core}"}))


def spent(commands):
    """CPU seconds, wall seconds and the largest peak in bytes of commands that follow each other."""
    before, start, peak, out = resource.getrusage(resource.RUSAGE_CHILDREN), time.time(), 0, ""
    for command in commands:
        done = subprocess.run(["/usr/bin/time", "-f", "%M"] + command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}: {done.stderr}")
        peak, out = max(peak, 1024 * int(done.stderr.split()[-1])), done.stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, time.time() - start, peak, out


def off(path, rows):
    """The largest |covariance - I| of what was written (of float32 numbers)."""
    import numpy as np
    y = np.load(path, mmap_mode="r")
    mean = sum(y[at:at + BLOCK].sum(0, dtype="f8") for at in range(0, rows, BLOCK)) / rows
    gram = 0
    for at in range(0, rows, BLOCK):
        block = y[at:at + BLOCK].astype("f8") - mean
        gram = gram + block.T @ block
    return abs(gram / (rows - 1) - np.eye(y.shape[1])).max()


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--rows", type=int, default=250000)
    p.add_argument("--cols", type=int, default=768)
    p.add_argument("--repeats", type=int, default=5)
    p.add_argument("--dir", default="/tmp")
    p.add_argument("--ranks", type=int, nargs="*", default=[2], help="also on so many ranks")
    p.add_argument("--arm", nargs=2, help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.arm:
        return numpy_arm(*a.arm)
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    program = os.environ.get("TRUNNION", "trunnion")
    x, w, y, z = (os.path.join(a.dir, f"whiten.{end}") for end in ("x.npy", "w.h5", "y.npy", "z.npy"))
    spent([[program, "bench", "rows", "--rows", str(a.rows), "--cols", str(a.cols), "-o", x]])
    blas = spent([[program, "bench", "gemm", "64x64x64", "--repeat", "1", "--json"]])[3]
    start = lambda n: ["mpirun", "--oversubscribe", "-n", str(n)] if n > 1 else []
    jobs = lambda n: [start(n) + [program, "fit", "whiten", x, "-o", w, "--quiet"],
                      start(n) + [program, "apply", w, x, "-o", y, "--quiet"]]
    arms = {"NumPy": [[sys.executable, __file__, "--arm", x, z]]}
    arms.update({f"trunnion, {n} rank{'s' * (n > 1)}": jobs(n) for n in [1] + a.ranks})
    runs = {name: [] for name in arms}
    for _ in range(a.repeats):
        for name, commands in arms.items():
            runs[name].append(spent(commands))
    cpu = {name: statistics.median(r[0] for r in rows) for name, rows in runs.items()}
    wall = {name: statistics.median(r[1] for r in rows) for name, rows in runs.items()}
    print("BLAS of NumPy:    ", json.loads(runs["NumPy"][0][3])["blas"])
    print("BLAS of trunnion: ", json.loads(blas)["libraries"]["blas"])
    for name in arms:
        print(f"{name:20} {cpu[name]:8.2f} CPU s  {wall[name]:8.2f} s  peak {max(r[2] for r in runs[name]) / 1e6:8.0f} MB"
              f"  CPU / NumPy's {cpu[name] / cpu['NumPy']:.2f}")
    own = 4 * a.rows * a.cols + 4 * 8 * a.cols ** 2
    print(f"own rows and 4 d^2 doubles: {own / 1e6:.0f} MB; |cov - I| of the float32 rows written: {off(y, a.rows):.1e},"
          f" NumPy's {off(z, a.rows):.1e}")
    for name in (w, x, y, z):
        os.remove(name)


main()
