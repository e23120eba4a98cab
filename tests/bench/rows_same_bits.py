#!/usr/bin/python3
"""The first promise for verbs on finished matrices: the same bits of every output and figure at 1, 2, 3, 4, 6, 7
ranks, 1 and 2 threads, and with a --memory that makes the rows pass by again and again.

  tests/bench/rows_same_bits.py [--dir DIR] [--only TEXT] [--ranks 1,2,3,4,6,7]

One line a job: how many runs agreed, or which did not. Exit code 1 if any differs or fails. TRUNNION names
the program; numpy and h5py are needed.
"""
import argparse, hashlib, json, os, subprocess, sys, tempfile

PROGRAM = os.environ.get("TRUNNION", os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                                  "../../build/release/trunnion"))
# What depends on the run itself, not on the answer.
RUN = {"peak_rss", "bytes_per_rank", "ranks", "threads", "resident", "passes"}

# Name, output (in the folder of the run; "" for none), small --memory (or ""), arguments. Capital names stand
# for the inputs that make_inputs writes.
JOBS = [
    ("spectrum", "", "24M", "spectrum E.npy --center --kurtosis"),
    ("spectrum groups", "out.h5", "", "spectrum F.npy --groups groups.npy --eigenscore --volume --lidar"),
    ("xcorr", "out.npy", "24M", "xcorr E.npy E2.npy"),
    ("fit pca", "out.h5", "24M", "fit pca E.npy --rank 8"),
    ("fit whiten", "out.h5", "24M", "fit whiten E.npy"),
    ("fit slice", "out.h5", "24M", "fit slice E.npy --rank 8"),
    ("fit ridge", "out.h5", "24M", "fit ridge E.npy E2.npy --lambda 1"),
    ("fit procrustes", "out.h5", "24M", "fit procrustes E.npy E2.npy --scale"),
    ("fit discriminant", "out.h5", "24M", "fit discriminant E.npy --labels labels.npy --lambda 1"),
    ("apply", "out.npy", "24M", "apply map.h5 E.npy"),
    ("factor svd", "out.h5", "", "factor E.npy --svd --rank 5"),
    ("factor nmf", "out.h5", "", "factor P.npy --nmf --rank 5 --steps 12"),
    ("factor snmf", "out.h5", "", "factor E.npy --snmf --rank 5 --steps 12"),
    ("kmeans", "out.h5", "24M", "kmeans E.npy -k 50 --steps 6"),
    ("kmeans++", "out.h5", "", "kmeans E.npy -k 50 --steps 4 --start kmeans++"),
    ("kmeans two-level", "out.h5", "", "kmeans E.npy --two-level 8x16 --steps 4"),
    ("quantize vq", "out.h5", "", "quantize E.npy --vq 40 --steps 4"),
    ("quantize pq", "out.h5", "", "quantize E.npy --pq 4 --bits 4 --steps 4"),
    ("quantize block", "out.h5", "24M", "quantize E.npy --block 16 --bits 4"),
    ("neighbors", "out.h5", "", "neighbors --queries F.npy --among E.npy -k 7"),
    ("neighbors l2", "out.h5", "", "neighbors --queries F.npy --among E.npy -k 7 --metric l2 --skip 1"),
    ("trim", "out.npy", "24M", "trim E.npy --ids ids.npy"),
    ("orthogonalize", "out.npy", "", "orthogonalize F.npy"),
    ("transform rope", "out.npy", "24M", "transform E.npy --rope"),
    ("axes", "out.h5", "", "axes W.h5 --pairs pairs.tsv"),
    ("transplant", "out.h5", "", "transplant --source F.npy --aux-source A.npy --aux-target B.npy --overlap map.tsv -k 4"),
]


def make_inputs(folder):
    import numpy as np
    os.chdir(folder)
    draw = np.random.default_rng(5)
    e = draw.standard_normal((70000, 32)).astype("f4") + draw.standard_normal((40, 32))[draw.integers(0, 40, 70000)]
    np.save("E.npy", e.astype("f4"))
    np.save("E2.npy", (e + .3 * draw.standard_normal(e.shape)).astype("f4"))
    np.save("P.npy", abs(e[:5000]).astype("f4"))
    np.save("F.npy", e[:1200].astype("f8"))
    np.save("groups.npy", np.arange(1200) % 100)
    np.save("labels.npy", draw.integers(0, 9, 70000))
    np.save("ids.npy", draw.permutation(70000)[:9000])
    np.save("A.npy", draw.standard_normal((1200, 10)))
    np.save("B.npy", draw.standard_normal((700, 10)))
    open("map.tsv", "w").write("".join("%d\t%d\n" % (i, i + 3) for i in range(40)))
    open("W.vec", "w").write("900 16\n" + "".join("w%d %s\n" % (i, " ".join("%.5f" % x for x in draw.standard_normal(16)))
                                                  for i in range(900)))
    open("pairs.tsv", "w").write("".join("w%d\tw%d\n" % (i, i + 7) for i in range(12)))
    launch(1, 1, "convert W.vec W.h5", "")
    launch(1, 1, "fit whiten E.npy -o map.h5", "")


def launch(ranks, threads, arguments, memory):
    env = dict(os.environ, OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
               OMPI_MCA_mpi_yield_when_idle="1")
    command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), PROGRAM] + arguments.split()
    command += ["--threads", str(threads), "--json", "--quiet"] + (["--memory", memory] if memory else [])
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError("exit %d: %s" % (done.returncode, done.stderr.strip().splitlines()[:1]))
    return done.stdout


def kept(value):
    """Figures without those of the run."""
    if isinstance(value, dict):
        return {k: kept(v) for k, v in value.items() if k not in RUN and not k.endswith("seconds")}
    return [kept(v) for v in value] if isinstance(value, list) else value


def digest(path):
    sha = hashlib.sha256()
    if path.endswith(".h5"):
        import h5py
        def add(name, item):
            if isinstance(item, h5py.Dataset):
                sha.update(name.encode() + b"\0" + (item[()].tobytes() if item.dtype.kind != "O" else repr(item[()]).encode()))
        with h5py.File(path) as file:
            file.visititems(add)
    else:
        sha.update(open(path, "rb").read())
    return sha.hexdigest()


def outcome(ranks, threads, output, arguments, memory):
    if output:
        arguments += " -o " + output
    figures = json.dumps(kept(json.loads(launch(ranks, threads, arguments, memory) or "{}")), sort_keys=True)
    made = digest(output) if output else ""
    if output:
        os.remove(output)
    return figures, made


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--dir")
    options.add_argument("--only", default="")
    options.add_argument("--ranks", default="1,2,3,4,6,7")
    options = options.parse_args()
    make_inputs(options.dir or tempfile.mkdtemp())
    ranks = [int(r) for r in options.ranks.split(",")]
    bad = 0
    for name, output, memory, arguments in JOBS:
        if options.only not in name:
            continue
        runs = [(r, 1, "") for r in ranks] + [(1, 2, ""), (3, 2, "")] + [(r, 1, memory) for r in (1, 3) if memory]
        first, differ = None, []
        for run in runs:
            try:
                now = outcome(run[0], run[1], output, arguments, run[2])
            except (RuntimeError, OSError, ValueError) as error:
                differ.append("%s: %s" % (run, error))
                continue
            first = first or now
            if now != first:
                differ.append("%s: %s" % (run, "figures" if now[1] == first[1] else "bits"))
        bad += bool(differ)
        print("%-20s %2d runs  %s" % (name, len(runs), "; ".join(differ) or "equal " + (first[1] or "figures")[:16]), flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
