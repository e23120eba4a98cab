# Files of others: HDF5 of any layout, archives of NumPy, tables of numbers: read as numpy, h5py and the
# csv module read them, or refused with what to do; and datasets added to HDF5 files of others.
. "$(dirname "$0")/lib_program.sh" || exit 1
need convert info
python=/usr/bin/python3
"$python" -c 'import h5py, numpy' 2>/dev/null || skip "$python lacks h5py or numpy"
cd "$scratch" || exit 1

cat >make.py <<'END'
import bz2, gzip
import h5py, numpy as np
rng = np.random.default_rng(7)
x = rng.integers(-60, 60, (300, 17)).astype("f8") / 4
np.save("x.npy", x)
ways = {"contiguous": {}, "chunked": dict(chunks=(7, 5)), "gzip": dict(chunks=(64, 17), compression="gzip"),
        "checked": dict(chunks=(50, 4), shuffle=True, fletcher32=True, compression="gzip"),
        "lzf": dict(chunks=(100, 17), compression="lzf"), "tracked": dict(chunks=(9, 17), maxshape=(None, 17)),
        "big": dict(dtype=">f4"), "half": dict(dtype="f2"), "swapped_half": dict(dtype=">f2", chunks=(8, 8)),
        "short": dict(dtype=">i2"), "bytes": dict(dtype="u1")}
for version in "earliest", "latest":
    for name, how in ways.items():
        y = np.abs(x).astype("u1") if name == "bytes" else (x * 4).astype("i2") if name == "short" else x
        with h5py.File(f"{version}.{name}.h5", "w", libver=version) as f:
            f.create_dataset("group/data", data=y, **how)
            f["group/label"] = "text"
            np.save(f"{name}.want.npy", y.astype("f8"))
with h5py.File("bool.h5", "w") as f:
    f["b"] = x > 0
# Compressed rows and columns: AnnData, 10x, h5py users. Row 3 is empty, columns of row 5 are not in order.
s = np.where(rng.random((40, 9)) < .3, rng.integers(1, 9, (40, 9)), 0).astype("f4")
s[3] = 0
s[5, [1, 7]] = 2, 3
np.save("sparse.want.npy", s.astype("f8"))
def csr(m):
    start = np.concatenate([[0], np.cumsum((m != 0).sum(1))])
    col = np.concatenate([np.nonzero(r)[0] for r in m])
    return m[m != 0], col, start
data, col, start = csr(s)
a, b = start[5], start[6]
data5, col5 = data.copy(), col.copy()
data5[a:b], col5[a:b] = data[a:b][::-1], col[a:b][::-1]
with h5py.File("anndata.h5ad", "w") as f:
    f.attrs["encoding-type"] = "anndata"
    X = f.create_group("X")
    X.attrs["encoding-type"], X.attrs["shape"] = "csr_matrix", s.shape
    X["data"], X["indices"], X["indptr"] = data5, col5.astype("i4"), start.astype("i4")
    obs = f.create_group("obs")
    obs.attrs["_index"] = "cell"
    obs["cell"] = np.array([f"cell {i}" for i in range(40)], dtype=h5py.string_dtype())
    obs["size"] = np.arange(40)
tdata, tcol, tstart = csr(s.T)
with h5py.File("tenx.h5", "w") as f:
    g = f.create_group("matrix")
    g.create_dataset("data", data=tdata.astype("i4"), compression="gzip")
    g["indices"], g["indptr"], g["shape"] = tcol, tstart, np.array(s.shape, "i4")
    g["barcodes"] = np.array([b"AAA"] * 9)
with h5py.File("plain.h5", "w") as f:
    f["data"], f["indices"], f["indptr"] = data, col, start.astype("u8")
with h5py.File("out_of_range.h5", "w") as f:
    f.attrs["shape"] = 40, 5
    f["data"], f["indices"], f["indptr"] = data, col, start
with h5py.File("descends.h5", "w") as f:
    f.attrs["shape"] = 40, 9
    bad = start.copy()
    bad[7] = bad[6] - 1
    f["data"], f["indices"], f["indptr"] = data, col, bad
with h5py.File("several.h5", "w") as f:
    f["a"], f["deep/b"] = x, x[:, :2]
    f["list"], f["cube"], f["text"] = x[:, 0], np.zeros((2, 2, 2)), np.array([b"t"])
    f["pair"] = np.zeros((2, 2), [("a", "f4"), ("b", "i4")])
    f.create_dataset("other", data=(x * 4).astype("i4"), chunks=(10, 17), scaleoffset=0)
    f["away"] = h5py.ExternalLink("x.h5", "/a")
    f["soft"] = h5py.SoftLink("/a")
    v = h5py.VirtualLayout((300, 17), "f8")
    v[:] = h5py.VirtualSource("several.h5", "a", (300, 17))
    f.create_virtual_dataset("virtual", v)
    f.create_dataset("outside", shape=(3, 3), dtype="f8", external=[("x.npy", 0, 72)])
with h5py.File("nothing.h5", "w") as f:
    f["text"] = "nothing"
raw = bytearray(open("earliest.gzip.h5", "rb").read())
place = raw.find(b"\x78\x5e") if raw.find(b"\x78\x5e") > 0 else raw.find(b"\x78\x9c")
raw[place + 30:place + 60] = b"\xff" * 30
open("flipped.h5", "wb").write(raw)
open("cut.h5", "wb").write(open("earliest.contiguous.h5", "rb").read()[:9000])
# Archives of NumPy.
np.savez("stored.npz", label=np.arange(3), X=x)
np.savez_compressed("packed.npz", X=np.asfortranarray(x), y=np.arange(3.0))
np.savez("two.npz", A=x, B=x)
np.savez("texts.npz", t=np.array(["a"]))
raw = bytearray(open("packed.npz", "rb").read())
raw[200] ^= 255
open("broken.npz", "wb").write(raw)
open("x.npy.bz2", "wb").write(bz2.compress(open("x.npy", "rb").read()))
open("LYING.TXT", "wb").write(open("x.npy", "rb").read())
open("MATRIX.NPY.GZ", "wb").write(gzip.compress(open("x.npy", "rb").read()))
# Tables.
np.savetxt("plain.tsv", x, fmt="%r", delimiter="\t")
np.savetxt("savetxt.txt", x, header="made by numpy")
np.savetxt("head.csv", x, fmt="%r", delimiter=",", header=",".join("abcdefghijklmnopq"), comments="")
names = [f"row {i}" if i else 'Paris, "TX"' for i in range(300)]
with open("pandas.csv", "w") as f:
    f.write("," + ",".join("abcdefghijklmnopq") + "\n")
    for n, r in zip(names, x):
        f.write(('"' + n.replace('"', '""') + '"' if "," in n else n) + "," + ",".join(map(repr, r.tolist())) + "\r\n")
with open("r.tsv", "w") as f:
    f.write("\t".join("abcdefghijklmnopq") + "\n")
    for n, r in enumerate(x):
        f.write(f"{n}\t" + "\t".join(map(repr, r.tolist())) + "\n")
open("gone.tsv", "w").write("1\t2\n3\n")
open("more.tsv", "w").write("1\t2\n3\t4\t5\n")
open("word.tsv", "w").write("a\t1\t2\nb\t3\tx\n")
open("gap.csv", "w").write("1,2\n3,\n")
open("exact.tsv", "w").write("1\t9007199254740993\n")
END
"$python" make.py || fail "the samples"

good() { # WHAT FILE WANTED RANKS ARGUMENT...
    expect 0 "$1" ranks "$4" convert --quiet "$2" out.npy "${@:5}" || return
    expect 0 "$1: the numbers" "$python" -c '
import sys, numpy as np
got, want = np.load("out.npy"), np.load(sys.argv[1])
assert got.shape == want.shape and (got.astype("f8") == want).all(), (got, want)' "$3"
    rm -f out.npy out.npy.vocab
}

ranks=1
for version in earliest latest; do
    for way in contiguous chunked gzip checked lzf tracked big half swapped_half short bytes; do
        good "$version $way" $version.$way.h5 $way.want.npy $ranks
        ranks=$((ranks % 3 + 1))
    done
done
good "compressed rows" anndata.h5ad sparse.want.npy 3
good "compressed columns" tenx.h5 sparse.want.npy 3
good "lists in the root, sides not said" plain.h5 sparse.want.npy 2
good "one of several" several.h5:/a x.npy 2
good "an archive" stored.npz x.npy 2
good "a packed archive" packed.npz x.npy 3
good "one of two" two.npz:B x.npy 1
good "bzip2" x.npy.bz2 x.npy 2
good "an ending that lies" LYING.TXT x.npy 1
good "endings in capitals" MATRIX.NPY.GZ x.npy 2
good "a table" plain.tsv x.npy 3
good "numpy.savetxt" savetxt.txt x.npy 2 --from tsv
good "headings" head.csv x.npy 2
good "pandas" pandas.csv x.npy 3
good "R" r.tsv x.npy 2

# Sparse stays sparse, and names go along.
expect 0 "cells by name" ranks 2 convert anndata.h5ad cells.h5
expect 0 "and as a table" ranks 3 convert cells.h5 cells.tsv
expect_equal "a name with a blank" "$(cut -f 1 cells.tsv | sed -n 7p)" "cell 6"
expect 0 "names of pandas" ranks 2 convert pandas.csv names.npy
expect_equal "a name with a comma" "$(head -n 1 names.npy.vocab | cut -f 1)" 'Paris, "TX"'

# What is written others read: each format, by a reader that is not ours.
"$python" - <<'END'
import numpy as np
x = (np.random.default_rng(3).standard_normal((60, 5)) * 100).astype("f4")
np.save("base.npy", x)
open("base.npy.vocab", "w").write("".join(f"w{i}\n" for i in range(60)))
END
for out in v.h5 v.npy v.safetensors v.mtx v.tsv v.csv v.vec v.bin v.glove v_member.h5:/a/b; do
    expect 0 "written: $out" ranks 3 convert --quiet base.npy "$out"
done
cat >read.py <<'END'
import csv, json, struct
import h5py, numpy as np
x, names = np.load("base.npy"), [f"w{i}" for i in range(60)]
assert (np.load("v.npy") == x).all() and open("v.npy.vocab").read().split() == names
with h5py.File("v.h5") as f, h5py.File("v_member.h5") as g:
    assert (f["embedding"][:] == x).all() and f["vocab"].asstr()[:].tolist() == names
    assert (g["a/b"][:] == x).all() and g["a/b_names"].asstr()[:].tolist() == names
raw = open("v.safetensors", "rb").read()
size, = struct.unpack("<Q", raw[:8])
about, = json.loads(raw[8:8 + size]).values()
assert about["dtype"] == "F32" and about["shape"] == [60, 5]
assert raw[8 + size:] == x.tobytes() and about["data_offsets"] == [0, x.nbytes]
lines = open("v.mtx").read().split("\n")
assert lines[1] == "60 5" and (np.array(lines[2:-1], "f4").reshape(5, 60).T == x).all()
for path, mark in ("v.tsv", "\t"), ("v.csv", ","):
    rows = list(csv.reader(open(path), delimiter=mark))
    assert [r[0] for r in rows] == names and (np.array([r[1:] for r in rows], "f4") == x).all()
for path, head in ("v.vec", 1), ("v.glove", 0):
    rows = [line.split(" ") for line in open(path)]
    assert not head or rows[0] == ["60", "5\n"]
    assert [r[0] for r in rows[head:]] == names
    assert (np.array([r[1:] for r in rows[head:]], "f4") == x).all()
raw = open("v.bin", "rb").read()
assert raw[:5] == b"60 5\n"
raw = raw[5:]
for name, row in zip(names, x):
    record = name.encode() + b" " + row.tobytes() + b"\n"
    assert raw[:len(record)] == record
    raw = raw[len(record):]
assert not raw
END
expect 0 "and others read it" "$python" read.py

# The table in README.md is the program's.
while IFS= read -r line; do
    checks=$((checks + 1))
    grep -qxF -e "$line" "$TRUNNION_SOURCE/README.md" || fail "README.md lacks: $line"
done < <("$TRUNNION" list --formats)

# Datasets into files of others.
cp several.h5 grown.h5
expect 0 "a new file" ranks 2 convert x.npy new.h5:/one/two
expect 0 "and one more" ranks 3 convert pandas.csv new.h5:other --type f16 --misfits warn
expect 0 "into a file of others" ranks 2 convert cells.h5 grown.h5:/made/here
expect 0 "they are there, and all else" "$python" - <<'END'
import h5py, numpy as np
x, s = np.load("x.npy"), np.load("sparse.want.npy")
with h5py.File("new.h5") as f:
    assert (f["one/two"][:] == x).all() and f["other"].dtype == "f2" and (f["other"][:] == x).all()
    assert f["other_names"].asstr()[:2].tolist() == ['Paris, "TX"', "row 1"]
with h5py.File("grown.h5") as f, h5py.File("several.h5") as old:
    assert (f["made/here"][:] == s).all() and (f["a"][:] == old["a"][:]).all()
    assert set(f) == set(old) | {"made"} and (f["list"][:] == old["list"][:]).all()
END
cp grown.h5 before.h5
expect 3 "a dataset that is there" ranks 2 convert x.npy grown.h5:/a
expect_message "a dataset that is there" 'grown.h5.*:/a: is there already'
expect 0 "nothing of it is changed" cmp grown.h5 before.h5
expect 3 "into a store of ours" ranks 1 convert x.npy cells.h5:/more
expect_message "into a store of ours" 'is a store of ours'
expect 0 "names come back" ranks 1 convert new.h5:/other again.tsv
expect_equal "names come back" "$(head -n 2 again.tsv | cut -f 1)" '"Paris, ""TX"""
row 1'

expect 0 "a list of it" ranks 1 info --json several.h5
expect 0 "a list of it" "$python" - <<'END'
import json
items = {i["name"]: i for i in json.load(open("out"))["several.h5"]["items"]}
assert items["/a"]["type"] == "float64" and items["/a"]["shape"] == "300 x 17"
assert "filter 6" in items["/other"]["type"] and "virtual" in items["/virtual"]["type"]
assert "away" not in " ".join(items) and items["/cube"]["shape"] == "2 x 2 x 2"
END

ls >before
while read -r file pattern; do
    expect 3 "$file" ranks 2 convert "$file" none.npy
    expect_message "$file" "$pattern"
done <<'END'
several.h5 several.h5: holds [0-9]+ matrices .*/a, /deep/b.*name one, as several.h5:/DATASET
several.h5:/no has no dataset /no; .trunnion info. lists
several.h5:/other packed by filter 6
several.h5:/virtual is virtual
several.h5:/outside has its numbers in another file
several.h5:/away has no dataset /away
several.h5:/cube has 3 dimensions
several.h5:/pair elements of type compound
several.h5:/text elements of type string
nothing.h5 holds no matrix of numbers
flipped.h5 row [0-9]+ cannot be read.*damaged
cut.h5 cut.h5: is no HDF5 file, or cut short or damaged
out_of_range.h5 /indices: element [0-9]+ is [5-8], not from 0 to 4
descends.h5 /indptr: does not ascend
two.npz two.npz: holds 2 matrices; name one, as in two.npz:A
two.npz:C has no array 'C'
texts.npz no array of two dimensions
broken.npz broken.npz: .*(corrupt|checksum)
gone.tsv gone.tsv:2: 1 numbers, where the first row has 2
more.tsv more.tsv:2: more than 2 numbers
word.tsv word.tsv:2: field 3, 'x', is no number
gap.csv gap.csv:2: field 2, '', is empty
exact.tsv row 1, column 2: float64 cannot hold
END
rm -f before.h5
ls >after
expect_equal "nothing was written" "$(diff before after | grep -c '^>.*none')" 0
finish
