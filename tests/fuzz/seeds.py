"""seeds.py FOLDER: small sound files of every format, to begin fuzzing with: FOLDER/READER/..."""
import bz2, gzip, io, json, lzma, os, shutil, struct, subprocess, sys, tempfile
import h5py, numpy

to = sys.argv[1]
program = os.environ.get("TRUNNION")


def put(reader, name, data):
    os.makedirs(f"{to}/{reader}", exist_ok=True)
    with open(f"{to}/{reader}/{name}", "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def packed(data):
    yield "gz", gzip.compress(data, mtime=0)
    yield "bz2", bz2.compress(data)
    yield "xz", lzma.compress(data)
    yield "zst", subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout


def plain_and_packed(reader, name, data):
    data = data if isinstance(data, bytes) else data.encode()
    put(reader, name, data)
    for ending, more in packed(data):
        put(reader, f"{name}.{ending}", more)


# Texts
prose = "one two  three\n\nTwo thr\u00e9e \u0130stanbul e\u0301\r\nlast line without end"
plain_and_packed("corpus", "prose", prose)
plain_and_packed("text", "prose", prose * 5)
for ending, data in packed(b"first\n" * 40):
    put("text", f"twice.{ending}", data + data)
put("text", "padded.gz", gzip.compress(b"first\n", mtime=0) + bytes(600))
put("text", "padded.bz2", bz2.compress(b"first\n") + bytes(600) + bz2.compress(b"second\n"))
put("text", "skippable.zst", b"\x50\x2a\x4d\x18\3\0\0\0abc" + dict(packed(b"first\n"))["zst"])
put("text", "window.zst", subprocess.run(["zstd", "-qc", "--long=24"], input=b"first\n",
                                         stdout=subprocess.PIPE, check=True).stdout)
put("text", "wide", "first\n".encode("utf-16"))
put("text", "archive.gz", gzip.compress(b"a".ljust(257, b"\0") + b"ustar\0" + bytes(300), mtime=0))
put("text", "mark.gz", gzip.compress("\ufefffirst\n".encode(), mtime=0))
plain_and_packed("list", "words", "one\ntwo 2\n\nthree\n")
put("corpus", "mark", "\ufeffmark first\n")
plain_and_packed("triples", "tabs", "a\tr\tb\nb\tr\tc\r\n\nc\ts\ta\n")
plain_and_packed("edges", "pairs", "# nodes\n0 1\n1 2 \r\n\n2 0\n")
put("edges", "weights", "from,to,weight\na,b,.5\nb,c,1e-3\n")
put("edges", "lists", "0 3 4 5\n1\n2 3\n")
put("triples", "commas", "a, r, b\nb, r, c\n")
put("config", "all", "# comment\nflag = true\nnumber = 7 # seven\nrate = 0.25\nmemory = 4G\n"
    "name = some text\nmode = must\nwords = a b c\n")


def synset(at, pointers):
    links = "".join(f" {symbol} {target:08d} n 0000" for symbol, target in pointers)
    return f"{at:08d} 03 n 02 dog 0 domestic_dog 1 {len(pointers):03d}{links} | a pet  \n"


first = "  1 licence\n"
second = len(first)
third = second + len(synset(0, [("@", 0), ("~", 0)]))
put("wordnet", "two", first + synset(second, [("@", third), ("~", third)]) + synset(third, [("@i", second)]))

# Matrices
for version, header in ((1, "<H"), (2, "<I"), (3, "<I")):
    text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".ljust(79) + "\n"
    put("npy", f"v{version}", b"\x93NUMPY" + bytes([version, 0]) + struct.pack(header, len(text)) +
        text.encode() + numpy.arange(6, dtype="<f4").tobytes())
for kind in ("<f8", ">f4", "<i8", "|i1", "|u1", ">u2", "|b1", "<c8", "|O"):
    out = io.BytesIO()
    numpy.save(out, numpy.asfortranarray(numpy.ones((3, 2), dtype=kind)))
    put("npy", kind.strip("<>|") + ("b" if kind[0] == ">" else ""), out.getvalue())
for kind in ("coordinate real general", "coordinate integer symmetric", "coordinate pattern general",
             "coordinate real skew-symmetric"):
    body = "3 3 2\n2 1" + ("" if "pattern" in kind else " 4") + "\n3 2" + (
        "" if "pattern" in kind else " -5") + "\n"
    plain_and_packed("mtx", kind.replace(" ", "-"), f"%%MatrixMarket matrix {kind}\n% note\n{body}")
put("mtx", "array", "%%MatrixMarket matrix array real general\n2 2\n1\n2.5e3\nnan\n-inf\n")
put("mtx", "array-skew", "%%MatrixMarket matrix array real skew-symmetric\n3 3\n1\n2\n3\n")
put("mtx", "array-symmetric", "%%MatrixMarket matrix array integer symmetric\n2 2\n1\n2\n3\n")

# Vectors
# Containers of others
def container(make, *arguments, **options):
    with tempfile.TemporaryDirectory() as folder:
        make(folder + "/x", *arguments, **options)
        name, = os.listdir(folder)
        return open(f"{folder}/{name}", "rb").read()


def tensors(kinds):
    head, body = {"__metadata__": {"made": "by \\u00e9"}}, b""
    for name, (kind, shape, size) in kinds.items():
        head[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(body), len(body) + size]}
        body += bytes(range(size))
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + body


put("tensors", "one", tensors({"w": ("F32", [3, 2], 24)}))
put("tensors", "bf16", tensors({"w": ("BF16", [4, 2], 16), "bias": ("I64", [2], 16), "s": ("F64", [], 8)}))
put("tensors", "empty", tensors({"w": ("F16", [0, 7], 0)}))
put("tensors", "f8", tensors({"w": ("F8_E4M3", [2, 2], 4), "x": ("F4", [2, 4], 4)}))
put("index", "one", json.dumps({"metadata": {"total_size": 1}, "weight_map": {"a": "m"}}))
put("index", "two", json.dumps({"weight_map": {"b": "n", "a": "m"}, "x": [[{"y": None}], 1.5e3, True]}))
grid = numpy.arange(12.).reshape(4, 3)
put("npz", "stored", container(numpy.savez, a=grid, b=numpy.arange(3)))
put("npz", "packed", container(numpy.savez_compressed, a=numpy.asfortranarray(grid.astype(">f4"))))
plain_and_packed("table", "names", "a\t1\t2.5\nb\t-3e4\tnan\n")
put("table", "pandas", ",x,y\r\n\"Paris, TX\",1,2\r\n\"say \"\"hi\"\"\",3,4\r\n")
put("table", "savetxt", "# one\n1.0 2.0  3\n4 5 6 \n\n")
put("table", "r", "x;y\n1;2;3\n\"4\";5;6\n")


def foreign(path, version, fill):
    with h5py.File(path, "w", libver=version) as f:
        fill(f)


def compressed(f):
    f.attrs["encoding-type"] = "anndata"
    g = f.create_group("X")
    g.attrs["encoding-type"], g.attrs["shape"] = "csr_matrix", (3, 4)
    g["data"], g["indices"], g["indptr"] = [1., 2., 3.], [0, 2, 1], [0, 2, 2, 3]
    f.create_group("obs").attrs["_index"] = "cell"
    f["obs/cell"] = numpy.array(["a", "bc", "d"], dtype=h5py.string_dtype())


def columns(f):
    g = f.create_group("m")
    g.create_dataset("data", data=[1, 2, 3], compression="gzip", chunks=(2,))
    g["indices"], g["indptr"], g["shape"], g["barcodes"] = [0, 2, 1], [0, 2, 3], [3, 2], [b"a", b"b"]


for version in "earliest", "latest":
    put("foreign", f"plain.{version}", container(foreign, version, lambda f: f.create_dataset("a", data=grid)))
    put("foreign", f"packed.{version}", container(foreign, version, lambda f: f.create_dataset(
        "g/a", data=grid.astype(">f4"), chunks=(2, 3), compression="gzip", shuffle=True, fletcher32=True)))
    put("foreign", f"lzf.{version}", container(foreign, version, lambda f: f.create_dataset(
        "a", data=grid.astype("f2"), chunks=(4, 3), maxshape=(None, 3), compression="lzf")))
    put("foreign", f"rows.{version}", container(foreign, version, compressed))
    put("foreign", f"columns.{version}", container(foreign, version, columns))

plain_and_packed("glove", "small", "one 1 2.5 -3\ntwo .5 1e-3 0\n")
plain_and_packed("word2vec", "small", "2 3\none 1 2.5 -3\ntwo .5 1e-3 0\n")
rows = b"".join(word + b" " + struct.pack("<3f", 1, 2, 3) + b"\n" for word in (b"one", b"two"))
plain_and_packed("binary", "small", b"2 3\n" + rows)
put("words", "glove", "one 1 2\ntwo 3 4\n")
put("words", "word2vec", "1 2\none 1 2\n")
put("words", "list", "one\ntwo 5\nthree\n")
put("words", "counts", "one 5\nTWO 3\nSTRA\u00dfE 1\none 1\n\n")
put("sets", "plain", "one two 3\ntwo three 1.5\n")
put("sets", "published", "# a set\nword1\tword2\tPOS\tscore\tother\none\tTWO\tN\t3\t1\nthree\tfour\tV\t1\t2\n")
put("sets", "comma", "Word 1,Word 2,Human (mean)\none,two,6.77\nthree,one,1\n")
put("sets", "semicolon", "one;two;0.5\n")
put("sets", "analogy", ": first part\none two three one\n:second\nOne Two Three Four\n")


# Stores as h5py writes them: without our checksums, so that a changed byte is believed
def store(name, fill, **how):
    path = f"{to}/made.h5"
    with h5py.File(path, "w", **how) as f:
        f.attrs["trunnion_format"] = numpy.int64(1)
        f.attrs["complete"] = numpy.int64(1)
        f.attrs["seed"] = numpy.uint64(1)
        f.attrs["params"] = numpy.bytes_("{}")
        fill(f)
    with open(path, "rb") as f:
        data = f.read()
    for reader in ("store", "kinds"):
        put(reader, name, data)
    os.remove(path)


def kind(f, text):
    f.attrs["kind"] = numpy.bytes_(text)


def words(f, name, all_words):
    f.create_dataset(name, data=all_words, dtype=h5py.string_dtype())


def embedding(f):
    kind(f, "embedding")
    f["embedding"] = numpy.ones((3, 2), dtype="f4")
    words(f, "vocab", ["one", "two", "three"])


def sparse(f):
    kind(f, "matrix")
    f.attrs["rows"] = f.attrs["cols"] = numpy.int64(3)
    f["row_ptr"] = numpy.array([0, 1, 2, 3], dtype="i8")
    f["col"] = numpy.array([2, 1, 0], dtype="i4")
    f["value"] = numpy.array([1, 2, 3], dtype="f8")


def graph(f):
    kind(f, "kg")
    words(f, "entity/names", ["a", "b"])
    words(f, "relation/names", ["r"])
    for split in ("train", "valid", "test"):
        f[split] = numpy.array([[0, 0, 1]], dtype="i4")
    f["entity/degree"] = numpy.array([[1, 0], [0, 1]], dtype="i8")
    f["relation/count"] = numpy.array([1], dtype="i8")
    f["index/start"] = numpy.array([0, 1, 2], dtype="i8")
    f["index/triple"] = numpy.array([0, 0], dtype="i8")


def odd(f):
    kind(f, "matrix")
    f["big-endian"] = numpy.ones(3, dtype=">f8")
    f["cube"] = numpy.ones((2, 2, 2))
    f["none"] = numpy.ones((0, 4), dtype="f4")
    f.create_dataset("packed", data=numpy.ones(99), compression="gzip", chunks=(10,))
    f.create_dataset("compound", data=numpy.zeros(2, dtype=[("a", "i4"), ("b", "f8")]))
    f.create_dataset("fixed", data=numpy.array([b"ab", b"c"]))
    f.attrs["array"] = numpy.ones(3)
    f["matrix"] = numpy.ones((2, 2))
    f["checksum/matrix"] = numpy.zeros(1, dtype="u8")


def many(f):  # so many links that a group needs a heap and a tree
    kind(f, "matrix")
    for i in range(20):
        f[f"group/x{i}"] = numpy.float32([i])
        f["group"].attrs[f"a{i}"] = i


for libver in ("earliest", "v108", "v110"):
    for fill in (embedding, sparse, graph, odd, many):
        if libver != "earliest" or fill is not many:
            store(f"{fill.__name__}-{libver}", fill, libver=libver)

# ... and as the program writes them, with and without their trailer
if program:
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                      ASAN_OPTIONS="detect_leaks=0")
    work = tempfile.mkdtemp()

    def run(*arguments):
        subprocess.run([program, *arguments], cwd=work, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    with open(f"{work}/t", "w") as f:
        f.write("one two three two one\n" * 20)
    with open(f"{work}/f", "w") as f:
        f.write("a\tr\tb\nb\ts\tc\nc\tr\ta\n")
    run("cooccur", "t", "-o", "counts.h5", "--min-count", "1")
    run("swivel", "counts.h5", "-o", "vectors.h5", "--dim", "4", "--epochs", "1")
    run("kg-import", "--train", "f", "-o", "graph.h5")
    run("kg-train", "graph.h5", "-o", "model.h5", "--dim", "4", "--epochs", "1")
    for name in ("counts", "vectors", "graph", "model"):
        with open(f"{work}/{name}.h5", "rb") as f:
            data = f.read()
        for reader in ("store", "kinds"):
            put(reader, f"our-{name}", data)
            put(reader, f"our-{name}-bare", data[:-1])
    shutil.rmtree(work)
