#!/usr/bin/env python3
"""Memory told and memory taken, for every verb.

  tests/bench/memory_table.py [--dir DIR] [--only TEXT] [--ranks 1,3] [--quick] [--list]

For each setting and number of ranks one line:
  planned   bytes that --dry-run names for the rank that needs most
  taken     peak that the operating system counts (VmHWM) on the rank that took most, less that of a
            tiny job of the same program, whose memory is that of libraries and MPI
  ratio     planned / taken: 0.95 to 1.15 is wanted
  counted   peak that the program counted itself, over planned
  given     whether `--memory planned` finishes (yes), or what it said
  at 60 %   `--memory` of 60 % of it: "works", or "N ok" when the number N that the refusal named
            then finishes, with nothing worked on before the refusal
Inputs are made in DIR (a new temporary folder without it) and take about 2 GB there, numpy and h5py
are needed; TRUNNION names the program. Exit code 1 if any plan is too low or any number fails.
"""
import argparse, json, os, re, subprocess, sys, tempfile, time

MB = 1e6
SELF = os.path.abspath(__file__)
HERE = os.path.dirname(SELF)
PROGRAM = os.environ.get("TRUNNION", os.path.join(HERE, "../../build/release/trunnion"))


def wrap(folder, command):
    """One rank: run `command`, then write its peak to a file of its own."""
    pid = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    rank = os.environ.get("OMPI_COMM_WORLD_RANK", "0")
    code = os.waitstatus_to_exitcode(status)
    with open(os.path.join(folder, "rank" + rank), "w") as out:
        out.write("%d %d\n" % (usage.ru_maxrss * 1024, code))
    return 0 # so that mpirun ends nobody early: codes are in the files


def environment():
    env = dict(os.environ, OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1",
               OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_mpi_yield_when_idle="1")
    return env


class Outcome:
    def __init__(self, code, out, err, peaks, seconds):
        self.code, self.out, self.err, self.peaks, self.seconds = code, out, err, peaks, seconds

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError:
            return {}

    def message(self):
        lines = [l for l in self.err.splitlines() if l.startswith("trunnion")]
        return lines[0] if lines else self.err[:200]


def launch(work, ranks, arguments, limit=600):
    folder = tempfile.mkdtemp(dir=work)
    start = time.time()
    done = subprocess.run(
        ["timeout", "-k", "5", str(limit), "nice", "mpirun", "--oversubscribe", "--bind-to", "none",
         "-n", str(ranks), sys.executable, SELF, "--wrap", folder, PROGRAM] + arguments,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), cwd=work)
    peaks, codes = [], []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name)) as got:
            peak, code = got.read().split()
            peaks.append(int(peak))
            codes.append(int(code))
        os.remove(os.path.join(folder, name))
    os.rmdir(folder)
    code = max(codes) if len(codes) == ranks else 99
    return Outcome(code, done.stdout, done.stderr, peaks, time.time() - start)


def total_of(result):
    told = result.get("bytes_per_rank")
    if isinstance(told, dict):
        told = told.get("total")
    return told


NAMED = [re.compile(p) for p in (r"needs (\d+) bytes, the limit", r"(\d+) are enough",
                                 r"(\d+) will do",
                                 r"give (\d+[KMGT]?)\b", r"needs (\d+) bytes", r"(\d+) bytes")]


def number_in(message):
    for pattern in NAMED:
        found = pattern.search(message)
        if found:
            return found.group(1)
    return None


# Inputs -----------------------------------------------------------------------------------------

def make_inputs(d, quick):
    import numpy, h5py
    random = numpy.random.default_rng(1)
    scale = 10 if quick else 1

    def npy(name, rows, cols, kind="f8", make=None):
        path = os.path.join(d, name)
        if not os.path.exists(path):
            data = random.standard_normal((rows, cols), dtype=kind) if make is None else make(rows, cols)
            numpy.save(path, data.astype(kind))

    npy("tiny.npy", 50, 20)
    npy("tiny2.npy", 20, 50)
    npy("tall.npy", 24000 // scale, 1000 // (3 if quick else 1))
    npy("wide.npy", 1000 // (3 if quick else 1), 16000 // scale)
    npy("f32.npy", 40000 // scale, 600 // (3 if quick else 1), "f4")
    npy("square.npy", 2400 // (4 if quick else 1), 2400 // (4 if quick else 1))
    npy("square32.npy", 3600 // (4 if quick else 1), 3600 // (4 if quick else 1), "f4")
    npy("pos.npy", 15000 // scale, 1200, make=lambda r, c: random.random((r, c)) + 0.1)
    npy("qr.npy", 60000 // scale, 300 // (2 if quick else 1))

    def deficient(rows, cols):
        data = random.standard_normal((rows, cols))
        data[:, cols // 2] = data[:, 0]
        return data
    npy("deficient.npy", 40000 // scale, 200, make=deficient)

    def symmetric(n, name):
        path = os.path.join(d, name)
        if not os.path.exists(path):
            a = random.standard_normal((n, n))
            numpy.save(path, a + a.T)
    symmetric(1500 // (4 if quick else 1), "sym.npy")
    symmetric(2100 // (4 if quick else 1), "sym2.npy")

    def sparse_mtx(name, rows, cols, entries, skew=False, symmetric=False):
        path = os.path.join(d, name)
        if os.path.exists(path):
            return
        u = random.random(int(entries * 1.3))
        r = (rows * (u ** 4 if skew else u)).astype("i8")
        u = random.random(len(r))
        c = (cols * (u ** 4 if skew else u)).astype("i8")
        if symmetric:
            r, c = numpy.maximum(r, c), numpy.minimum(r, c)
        places = numpy.unique(r * cols + c)
        if len(places) > entries:
            places = random.choice(places, entries, replace=False, shuffle=False)
        random.shuffle(places)
        v = random.random(len(places)) + 0.5
        with open(path, "w") as out:
            out.write("%%%%MatrixMarket matrix coordinate real %s\n%d %d %d\n" % (
                "symmetric" if symmetric else "general", rows, cols, len(places)))
            numpy.savetxt(out, numpy.stack([places // cols + 1, places % cols + 1, v], 1), "%d %d %.6g")

    sparse_mtx("sp.mtx", 120000 // scale, 100000 // scale, 3000000 // scale)
    sparse_mtx("skew.mtx", 60000 // scale, 60000 // scale, 3000000 // scale, skew=True)
    sparse_mtx("sp2.mtx", 120000 // scale, 100000 // scale, 2000000 // scale)
    sparse_mtx("sps.mtx", 30000 // scale, 30000 // scale, 500000 // scale)
    sparse_mtx("symmetric.mtx", 60000 // scale, 60000 // scale, 1500000 // scale, symmetric=True)

    path = os.path.join(d, "vec.npy")
    if not os.path.exists(path):
        rows = 120000 // scale
        numpy.save(path, random.standard_normal((rows, 200), dtype="f4"))
        with open(path + ".vocab", "w") as out:
            out.writelines("word%07d\n" % i for i in range(rows))
        with open(os.path.join(d, "sim.tsv"), "w") as out:
            for i in range(2000):
                out.write("word%07d\tword%07d\t%.2f\n" % (*random.integers(0, rows, 2), random.random()))
        with open(os.path.join(d, "ana.txt"), "w") as out:
            out.write(": section\n")
            for i in range(500):
                out.write("word%07d word%07d word%07d word%07d\n" % tuple(random.integers(0, rows, 4)))

    path = os.path.join(d, "corpus.txt")
    if not os.path.exists(path):
        words = 4000000 // scale
        ids = (60000 * random.random(words) ** 4).astype("i8")
        names = numpy.array(["w%d" % i for i in range(60000)])
        with open(path, "w") as out:
            for first in range(0, words, 20):
                out.write(" ".join(names[ids[first:first + 20]]) + "\n")

    path = os.path.join(d, "log.jsonl")
    if not os.path.exists(path):
        with open(path, "w") as out:
            for run in range(6):
                out.write(json.dumps({"event": "manifest", "time": "2024-01-01T00:00:00Z", "seconds": 0,
                                      "verb": "swivel", "ranks": 1, "hosts": ["h"], "argv": ["swivel"],
                                      "threads": 1, "parameters": {"dim": 3}}) + "\n")
                for epoch in range(20000 // scale):
                    out.write(json.dumps({"event": "epoch", "time": "2024-01-01T00:00:00Z",
                                          "seconds": epoch, "epoch": epoch, "loss": 1.0 / (1 + epoch)}) + "\n")
                out.write(json.dumps({"event": "summary", "time": "2024-01-01T00:00:00Z", "seconds": 9,
                                      "status": "ok", "exit": 0, "total_seconds": 9.0, "result": {}}) + "\n")

    def run(*arguments):
        done = subprocess.run([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, env=environment(), cwd=d)
        if done.returncode:
            sys.exit("making inputs: %s: %s" % (" ".join(arguments), done.stderr))

    def made(name, *arguments):
        if not os.path.exists(os.path.join(d, name)):
            run(*arguments)

    for name in ("sp", "sp2", "skew", "sps"):
        made(name + ".h5", "convert", name + ".mtx", name + ".h5")
    made("tall.h5", "convert", "tall.npy", "tall.h5")
    made("tiny.h5", "convert", "tiny.npy", "tiny.h5")
    made("vec.h5", "convert", "vec.npy", "vec.h5")
    made("vec.txt", "convert", "vec.h5", "vec.txt")
    made("vec.bin", "convert", "vec.h5", "vec.bin")
    made("counts.h5", "cooccur", "corpus.txt", "-o", "counts.h5", "--window", "5")
    made("small.h5", "cooccur", "corpus.txt", "-o", "small.h5", "--window", "4", "--vocab-size", "15000")
    e = 100000 // scale
    made("facts.tsv", "bench", "kg-graph", "-o", "facts.tsv", "--entities", str(e), "--relations", "40",
         "--triples", str(10 * e))
    made("kg.h5", "kg-import", "--train", "facts.tsv", "--split", "0.01", "0.01", "-o", "kg.h5")
    made("model.h5", "kg-train", "kg.h5", "-o", "model.h5", "--model", "complex", "--dim", "200",
         "--epochs", "1", "--negatives", "64", "--batch-size", "4096")
    made("rules.h5", "kg-train", "kg.h5", "-o", "rules.h5", "--model", "distmult", "--dim", "100",
         "--epochs", "1", "--negatives", "64", "--batch-size", "4096")
    made("hash.h5", "nodepiece", "kg.h5", "-o", "hash.h5", "--anchors", "500", "--nearest", "10")
    path = os.path.join(d, "questions.tsv")
    if not os.path.exists(path):
        with open(os.path.join(d, "facts.tsv")) as facts, open(path, "w") as out:
            for i, line in zip(range(3000), facts):
                head, relation, tail = line.rstrip("\n").split("\t")
                out.write("%s\t%s\t?\n" % (head, relation))
        with open(os.path.join(d, "names.txt"), "w") as out:
            with open(path) as questions:
                out.write("\n".join(line.split("\t")[0] for i, line in zip(range(50), questions)))


def make_judged(d):
    """Triples of the graph, false ones, and questions with candidates."""
    import random
    path = os.path.join(d, "false.tsv")
    if os.path.exists(path):
        return
    draw = random.Random(3)
    with open(os.path.join(d, "facts.tsv")) as facts:
        lines = [line.rstrip("\n").split("\t") for i, line in zip(range(20000), facts)]
    heads = [line[0] for line in lines]

    def write(name, rows):
        with open(os.path.join(d, name), "w") as out:
            out.writelines("\t".join(row) + "\n" for row in rows)
    write("triples.tsv", lines)
    write("candidates.tsv", ([h, r, "?", t] + draw.sample(heads, 200) for h, r, t in lines[:4000]))
    write("false.tsv", ([h, r, draw.choice(heads)] for h, r, t in lines))


def settings(d):
    names = open(os.path.join(d, "names.txt")).read().split()
    some = ["word%07d" % (37 * i) for i in range(40)]
    return [
        ("gram f64", "gram tall.npy -o o.h5"),
        ("gram f64 h5 to npy", "gram tall.h5 -o o.npy"),
        ("gram f32", "gram f32.npy -o o.h5 --dtype f32"),
        ("gram rows", "gram wide.npy --rows -o o.h5"),
        ("gram mtx", "gram sub.mtx -o o.h5"),
        ("multiply dense", "multiply square.npy square.npy -o o.h5"),
        ("multiply f32 add", "multiply square32.npy square32.npy --add square32.npy -o o.h5"),
        ("multiply transposed", "multiply tall.npy tall.npy --transpose-a -o o.npy"),
        ("multiply sparse dense", "multiply sp.h5 dense100.npy -o o.npy"),
        ("multiply dense sparse", "multiply dense100t.npy sp.h5 -o o.npy"),
        ("multiply sparse sparse", "multiply sps.h5 sps.h5 -o o.h5"),
        ("multiply sparse boolean", "multiply sps.mtx sps.mtx --transpose-b --boolean -o o.mtx"),
        ("multiply skewed dense", "multiply skew.h5 dense60.npy -o o.npy"),
        ("kmeans f64", "kmeans tall.npy -k 200 --steps 1 -o o.h5"),
        ("kmeans many", "kmeans f32.npy -k 2000 --steps 1 -o o.h5"),
        ("quantize block", "quantize f32.npy --block 64 -o o.h5"),
        ("quantize pq", "quantize f32.npy --pq 4 --bits 4 --steps 1 -o o.h5"),
        ("svd gram tall", "svd tall.npy -o o.h5 -k 20 --method gram"),
        ("svd gram wide", "svd wide.npy -o o.h5 -k 20 --method gram"),
        ("svd gram center", "svd tall.h5 -o o.h5 -k 20 --center"),
        ("svd krylov dense", "svd tall.npy -o o.h5 -k 10 --method krylov --tolerance 0.1"),
        ("svd krylov sparse", "svd sp.h5 -o o.h5 -k 20 --tolerance 0.1"),
        ("svd krylov skewed", "svd skew.h5 -o o.h5 -k 20 --tolerance 0.01 --center"),
        ("svd krylov mtx", "svd sp.mtx -o o.h5 -k 20 --tolerance 0.1"),
        ("qr", "qr qr.npy -o o.h5"),
        ("qr deficient", "qr deficient.npy -o o.h5 DEPENDENT"),
        ("eig local", "eig sym.npy -o o.h5 --method local"),
        ("eig scalapack", "eig sym2.npy -o o.h5 --method scalapack"),
        ("transform log1p dense", "transform pos.npy --log1p -o o.npy"),
        ("transform norms", "transform pos.npy --norms l2 -o o.npy"),
        ("transform add dense", "transform pos.npy --add pos.npy -o o.npy"),
        ("transform add sparse", "transform sp.h5 --add sp2.h5 -o o.h5"),
        ("transform ppmi counts", "transform counts.h5 --ppmi -o o.h5"),
        ("transform ppmi skewed", "transform skew.h5 --ppmi -o o.h5 --dtype f64"),
        ("transform scale-cols", "transform pos.npy --scale-cols l2 -o o.h5 --dtype f32"),
        ("transform normalize mtx", "transform symmetric.mtx --normalize sym -o o.h5"),
        ("convert vec h5 txt", "convert vec.h5 o.txt"),
        ("convert vec txt h5", "convert vec.txt o.h5"),
        ("convert vec bin npy", "convert vec.bin o.npy"),
        ("convert matrix", "convert tall.npy o.h5 --type f32"),
        ("convert mtx h5", "convert sp.mtx o.h5"),
        ("convert h5 mtx", "convert sp.h5 o.mtx"),
        ("convert mtx npy", "convert sub.mtx o.npy"),
        ("info h5", "info counts.h5 vec.h5"),
        ("info vec", "info vec.txt vec.bin"),
        ("info mtx", "info sp.mtx"),
        ("neighbors h5", "neighbors vec.h5 -k 10 " + " ".join(some)),
        ("neighbors files", "neighbors --queries vec.h5 --among vec.h5 --exclude self -k 10 -o o.h5"),
        ("neighbors txt", "neighbors vec.txt -k 10 " + " ".join(some)),
        ("words-eval h5", "words-eval vec.h5 --similarity sim.tsv --analogy ana.txt"),
        ("words-eval bin cosmul", "words-eval vec.bin --analogy ana.txt --cosmul"),
        ("cooccur 5", "cooccur corpus.txt -o o.h5 --window 5"),
        ("cooccur 10", "cooccur corpus.txt -o o.h5 --window 10"),
        ("swivel", "swivel small.h5 -o o.h5 --dim 200 --epochs 1 --shard-size 1024"),
        ("swivel behind", "swivel small.h5 -o o.h5 --dim 200 --epochs 1 --shard-size 1024 "
                          "--save-behind --checkpoint-every 0.02"),
        ("kg-import", "kg-import --train facts.tsv -o o.h5"),
        ("kg-import split", "kg-import --train facts.tsv --split 0.1 0.1 -o o.h5"),
        ("kg-train drawn", "kg-train kg.h5 -o o.h5 --dim 200 --epochs 1 --negatives 64 --batch-size 8192"),
        ("kg-train full", "kg-train sub.h5 -o o.h5 --dim 100 --epochs 1 --negatives 0"),
        ("kg-train adam behind", "kg-train kg.h5 -o o.h5 --model transe --dim 100 --epochs 1 --negatives 64 "
         "--batch-size 8192 --optimizer adam --save-behind --checkpoint-every 0.01"),
        ("kg-train valid", "kg-train kg.h5 -o o.h5 --model transe --dim 64 --epochs 1 --negatives 64 "
         "--batch-size 8192 --valid-every 1"),
        ("kg-train blocks", "kg-train kg.h5 -o o.h5 --regime blocks --dim 200 --epochs 1 --negatives 64 "
         "--batch-size 4096"),
        ("kg-train nodepiece", "kg-train sub.h5 -o o.h5 --encoder nodepiece --hash subhash.h5 --dim 100 "
         "--epochs 1 --optimizer adam --learning-rate 0.001 --batch-size 1024 --negatives 64"),
        ("kg-eval", "kg-eval model.h5 kg.h5"),
        ("kg-eval types", "kg-eval model.h5 kg.h5 --types"),
        ("kg-eval sample", "kg-eval model.h5 kg.h5 --sample 500"),
        ("kg-eval candidates", "kg-eval model.h5 kg.h5 --candidates candidates.tsv"),
        ("kg-eval classify", "kg-eval model.h5 kg.h5 --classify false.tsv"),
        ("kg-eval per-relation", "kg-eval model.h5 kg.h5 --per-relation --per-side --raw"),
        ("kg-predict", "kg-predict model.h5 kg.h5 questions.tsv"),
        ("kg-predict score", "kg-predict model.h5 kg.h5 triples.tsv --score --calibrate"),
        ("kg-neighbors", "kg-neighbors model.h5 " + " ".join(names)),
        ("kg-rules", "kg-rules rules.h5 kg.h5 --length 2 --nearest 2"),
        ("nodepiece", "nodepiece kg.h5 -o o.h5 --anchors 500 --nearest 20"),
        ("report", "report log.jsonl -o o.html"),
    ]


def more_inputs(d, quick):
    import numpy
    random = numpy.random.default_rng(2)
    scale = 10 if quick else 1
    for name, rows, cols in (("dense100.npy", 100000 // scale, 128), ("dense100t.npy", 128, 120000 // scale),
                             ("dense60.npy", 60000 // scale, 128)):
        path = os.path.join(d, name)
        if not os.path.exists(path):
            numpy.save(path, random.standard_normal((rows, cols), dtype="f4"))
    path = os.path.join(d, "sub.mtx")
    if not os.path.exists(path):
        rows, cols, entries = 30000 // scale, 600, 600000 // scale
        with open(path, "w") as out:
            out.write("%%%%MatrixMarket matrix coordinate real general\n%d %d %d\n" % (rows, cols, entries))
            for i in range(entries):
                out.write("%d %d %d\n" % (i % rows + 1, (i * 7 + i // rows) % cols + 1, i % 9 + 1))
    path = os.path.join(d, "sub.h5")
    if not os.path.exists(path):
        n = 20000 // scale
        for arguments in (["bench", "kg-graph", "-o", "sub.tsv", "--entities", str(n), "--relations", "20",
                           "--triples", str(3 * n)],
                          ["kg-import", "--train", "sub.tsv", "--split", "0.01", "0.01", "-o", "sub.h5"],
                          ["nodepiece", "sub.h5", "-o", "subhash.h5", "--anchors", "200", "--nearest", "8"]):
            subprocess.run([PROGRAM] + arguments, check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, env=environment(), cwd=d)


def baseline(d, ranks):
    got = launch(d, ranks, ["transform", "tiny.h5", "--scale", "2", "-o", "base.h5", "--json", "--quiet"])
    return max(got.peaks)


def measure(d, ranks, base, arguments, checks):
    """DEPENDENT in a setting: the plan for the worst case is the one to be held to."""
    row = {}
    dependent = "DEPENDENT" in arguments
    arguments = [a for a in arguments if a != "DEPENDENT"]
    dry = launch(d, ranks, arguments + ["--dry-run", "--json", "--quiet"])
    planned = total_of(dry.json()) if dry.code == 0 else None
    if dependent:
        planned = dry.json().get("bytes_if_dependent")
    run = launch(d, ranks, arguments + ["--json", "--quiet", "--log-json", os.path.join(d, "events")])
    row["seconds"] = run.seconds
    row["planned"] = planned or 0
    row["taken"] = max(run.peaks) - base
    row["each"] = [p - base for p in run.peaks]
    row["code"] = run.code
    row["why"] = "" if run.code == 0 else run.message()
    row["counted"] = 0
    try:
        with open(os.path.join(d, "events")) as events:
            row["counted"] = json.loads(events.readlines()[-1]).get("peak_allocated", 0)
        os.remove(os.path.join(d, "events"))
    except OSError:
        pass
    row["peak_rss"] = run.json().get("peak_rss")
    if not planned or not checks:
        return row
    given = launch(d, ranks, arguments + ["--quiet", "--json", "--memory", str(planned)])
    row["given"] = "yes" if given.code == 0 else "%d: %s" % (given.code, given.message())
    few = launch(d, ranks, arguments + ["--quiet", "--json", "--memory", str(int(planned * 0.6))])
    if few.code == 0:
        row["few"] = "works"
    else:
        number = number_in(few.message())
        again = launch(d, ranks, arguments + ["--quiet", "--json", "--memory", number]) if number else None
        good = again and again.code == 0
        row["few"] = "%s %s" % (number, "ok" if good else "FAILS: " + few.message() +
                                (" / " + again.message() if again else ""))
    return row


def verdict(row):
    taken, planned = row["taken"], row["planned"]
    if row["code"]:
        return "FAILED " + row["why"]
    if not planned:
        return "NO PLAN"
    ratio = planned / taken if taken > 0 else 9.99
    words = []
    if ratio < 0.95:
        words.append("TOO LOW")
    if ratio > 1.15 and planned - taken > 8e6:
        words.append("TOO HIGH")
    return " ".join(words)


def main():
    if len(sys.argv) > 3 and sys.argv[1] == "--wrap":
        return wrap(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir")
    parser.add_argument("--only", default="")
    parser.add_argument("--ranks", default="1,3")
    parser.add_argument("--quick", action="store_true", help="inputs of a tenth")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--no-checks", action="store_true", help="only plan and run")
    wanted = parser.parse_args()
    global PROGRAM
    PROGRAM = os.path.abspath(PROGRAM)
    d = os.path.abspath(wanted.dir or tempfile.mkdtemp())
    os.makedirs(d, exist_ok=True)
    make_inputs(d, wanted.quick)
    more_inputs(d, wanted.quick)
    make_judged(d)
    chosen = [s for s in settings(d) if any(w in s[0] for w in wanted.only.split(","))]
    if wanted.list:
        print("\n".join("%-26s %s" % s for s in settings(d)))
        return 0
    bad = {"low": 0, "high": 0, "number": 0, "none": 0}
    lines = 0
    print("%-26s %2s %9s %9s %6s %7s %6s  %s" % ("setting", "P", "planned", "taken", "ratio", "counted",
                                                "given", "at 60 %"), flush=True)
    for ranks in [int(r) for r in wanted.ranks.split(",")]:
        base = baseline(d, ranks)
        print("# %d ranks, a tiny job takes %.1f MB" % (ranks, base / MB), flush=True)
        for name, text in chosen:
            row = measure(d, ranks, base, text.split(), not wanted.no_checks)
            lines += 1
            ratio = row["planned"] / row["taken"] if row["taken"] > 0 else 0
            said = verdict(row)
            bad["low"] += "LOW" in said
            bad["high"] += "HIGH" in said
            bad["none"] += "NO PLAN" in said or "FAILED" in said
            bad["number"] += row.get("given", "yes") != "yes" or "FAILS" in row.get("few", "")
            print("%-26s %2d %8.1fM %8.1fM %6.2f %7.2f %6s  %-12s %s [%.0f s]" % (
                name, ranks, row["planned"] / MB, row["taken"] / MB, ratio,
                row["counted"] / row["planned"] if row["planned"] else 0, row.get("given", "-"),
                row.get("few", "-"), said, row["seconds"]), flush=True)
    print("%d settings: %d planned too low, %d too high, %d without a plan, %d with a number that fails" % (
        lines, bad["low"], bad["high"], bad["none"], bad["number"]))
    return 1 if bad["low"] or bad["number"] or bad["none"] else 0


if __name__ == "__main__":
    sys.exit(main())
