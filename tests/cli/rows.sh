# Files that people have, in all their ways: read right, or refused with what to do.
. "$(dirname "$0")/lib_program.sh" || exit 1
need convert
python=/usr/bin/python3
"$python" -c 'import h5py, numpy' 2>/dev/null || skip "$python lacks h5py or numpy"
cd "$scratch" || exit 1

banner='MatrixMarket matrix coordinate'
printf '%%%%%s unsigned-integer general\n2 2 2\n1 2 3\n2 1 4\n' "$banner" >unsigned.mtx
printf '%%%s real general\n2 2 2\n1 2 3\n2 1 4\n' "$banner" >percent.mtx
printf '%%%%%s real general\n  %% words\n2 2 2\n\t%% more\n1 2 3\n2 1 4\n' "$banner" >indented.mtx
printf '%%%%%s real skew-symmetric\n2 2 1\n1 2 3\n' "$banner" >skew.mtx
printf '%%%%%s real symmetric\n2 2 1\n1 2 3\n' "$banner" >upper.mtx
printf '%%%%%s real general\n0 7 0\n' "$banner" >none.mtx
printf '%%%%%s integer general\n2 2 2\n1 1 9007199254740993\n2 2 1\n' "$banner" >large.mtx
"$python" - <<'END'
import gzip, lzma
import h5py, numpy as np
x = np.array([[0, 3], [4, 0]])
np.save("half.npy", x.astype("f2"))
np.save("plain.npy", x.astype("f4"))
raw = open("plain.npy", "rb").read()
gzip.open("gzip.npy.gz", "wb").write(raw)
lzma.open("xz.npy.xz", "wb").write(raw)
open("OLD.NPY", "wb").write(raw.replace(b"(2, 2), }  ", b"(2L, 2L), }"))
np.save("nothing.npy", np.zeros((0, 7)))
np.save("large.npy", np.array([[2**53 + 1, 1], [2, 3]]))
np.save("words.npy", np.array([["one", "two"]]))
with h5py.File("attribute.h5", "w") as f:
    f.attrs["kind"], f.attrs["trunnion_format"], f.attrs["complete"] = "matrix", 1, 1
    f["matrix"] = x.astype("f8")
END
zstd -q plain.npy -o zstd.npy.zst

for file in unsigned.mtx percent.mtx indented.mtx skew.mtx upper.mtx none.mtx half.npy gzip.npy.gz \
    xz.npy.xz zstd.npy.zst OLD.NPY nothing.npy attribute.h5; do
    expect 0 "$file" ranks 1 convert "$file" "out.$file.npy"
done
expect 0 "three ranks" ranks 3 convert gzip.npy.gz three.npy
expect 0 "an empty matrix, three ranks" ranks 3 convert none.mtx none3.h5
expect 0 "and back" ranks 2 convert none3.h5 none2.mtx
cat >compare.py <<'END'
import numpy as np
x = np.array([[0, 3], [4, 0]])
for name in ["unsigned.mtx", "percent.mtx", "indented.mtx", "half.npy", "gzip.npy.gz", "xz.npy.xz",
             "zstd.npy.zst", "OLD.NPY", "attribute.h5", None]:
    got = np.load(f"out.{name}.npy" if name else "three.npy")
    assert (got == (np.eye(3) if name == "attribute.h5" and got.shape == (3, 3) else x)).all(), name
assert np.load("out.half.npy.npy").dtype == np.float32
assert (np.load("out.skew.mtx.npy") == [[0, 3], [-3, 0]]).all()
assert (np.load("out.upper.mtx.npy") == [[0, 3], [3, 0]]).all()
assert np.load("out.none.mtx.npy").shape == np.load("out.nothing.npy.npy").shape == (0, 7)
END
expect 0 "they are what they say" "$python" compare.py
expect_equal "the empty matrix" "$(tail -n +2 none2.mtx)" "0 7 0"

# Whole numbers that float64 does not hold are refused, or rounded and counted.
expect 3 "a large number in .npy" ranks 2 convert large.npy large.h5
expect_message "where it is" 'large.npy: row 1, column 1: float64 cannot hold this number'
expect 3 "a large number in .mtx" ranks 2 convert large.mtx large.h5
expect_message "where it is" 'large.mtx:3: the value, 9007199254740993, is a whole number'
for file in large.npy large.mtx; do
    expect 0 "rounded if asked" ranks 2 convert --misfits warn $file rounded.h5
    expect_equal "one warning" "$(grep -c 'warn.*1 .*numbers do not fit float64' err)" 1
done
# A file that another program is writing is in use, not damaged.
cat >hold.py <<'END'
import os, subprocess, sys
import h5py
version, path = sys.argv[1:3]
f = h5py.File(path, "w", libver=version)
f.attrs["kind"], f.attrs["trunnion_format"], f.attrs["complete"] = "matrix", 1, 1
f["matrix"] = [[1.0]]
f.flush()
run = subprocess.run([os.environ["TRUNNION"], "convert", path, "used.npy"], capture_output=True, text=True)
sys.stderr.write(run.stderr)
if version == "latest": # as after a crash: the mark remains, the lock does not
    os.system(f"cp {path} dead.h5")
sys.exit(run.returncode)
END
for version in earliest latest; do
    expect 5 "open for writing, $version" "$python" hold.py $version held.h5
    expect_message "open for writing, $version" 'held.h5: is in use, another program has it open'
done
expect 5 "left by a crash" ranks 1 convert dead.h5 used.npy
expect_message "left by a crash" 'if it died, run .h5clear -s. on it'

# safetensors: a reader and writer of the test's own agree; hostile heads are refused, nothing written.
cat >st.py <<'END'
import json, struct, sys
import numpy as np
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4",
         "I16": "<i2", "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"}
def write(path, tensors):
    head, body = {}, b""
    for name, (kind, array) in tensors.items():
        raw = np.ascontiguousarray(array).astype(TYPES[kind], copy=False).tobytes()
        head[name] = {"dtype": kind, "shape": list(array.shape),
                      "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)
def read(path):
    raw = open(path, "rb").read()
    size, = struct.unpack("<Q", raw[:8])
    head, out = json.loads(raw[8:8 + size]), {}
    for name, about in head.items():
        a, b = about["data_offsets"]
        out[name] = np.frombuffer(raw[8 + size + a:8 + size + b],
                                  TYPES[about["dtype"]]).reshape(about["shape"])
    return out
END
"$python" - <<'END'
import json, struct
import numpy as np, st
x = np.arange(12.0).reshape(4, 3) - 5
halves = (x.astype("<f4").view("<u4") >> 16).astype("<u2")
st.write("all.safetensors", {k: (k, halves if k == "BF16" else np.abs(x) if k[0] == "U" else x)
                             for k in st.TYPES})
st.write("one.safetensors", {"w": ("F32", x), "bias": ("F32", x[:, 0])})
st.write("m-1.safetensors", {"a.b": ("BF16", halves)})
json.dump({"metadata": {"total_size": 24.0, "x": [None]},
           "weight_map": {"a.b": "m-1.safetensors", "gone": "m-1.safetensors"}},
          open("m.safetensors.index.json", "w"))
json.dump({"weight_map": {"a": "../m-1.safetensors"}}, open("up.safetensors.index.json", "w"))
def bad(name, head, body=b"\0" * 16):
    open(f"bad-{name}.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + body)
one = b'"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}'
bad("twice", b"{" + one + b"," + one + b"}")
bad("hole", b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}')
bad("more", b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}')
bad("huge", b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]}}')
bad("f8", b'{"a":{"dtype":"F8_E4M3","shape":[4,4],"data_offsets":[0,16]}}')
open("bad-long.safetensors", "wb").write(struct.pack("<Q", 10**8) + b'{"' + b" " * 50)
END
for kind in F64 F32 F16 BF16 I64 I32 I16 I8 U64 U32 U16 U8; do
    expect 0 "tensor of $kind" ranks 1 convert "all.safetensors:$kind" "st.$kind.npy"
done
expect 0 "the only matrix" ranks 3 convert one.safetensors st.w.npy
expect 0 "a list" ranks 1 convert one.safetensors:bias st.bias.npy
expect 0 "by the index" ranks 3 convert m.safetensors.index.json:a.b st.ab.npy
expect 0 "written" ranks 3 convert st.F64.npy "made.safetensors:new name"
cat >compare_st.py <<'END'
import numpy as np, st
x = np.arange(12.0).reshape(4, 3) - 5
for kind in st.TYPES:
    assert (np.load(f"st.{kind}.npy") == (np.abs(x) if kind[0] == "U" else x)).all(), kind
assert (np.load("st.w.npy") == x).all() and (np.load("st.bias.npy") == x[:, :1]).all()
assert (np.load("st.ab.npy") == x).all()
made = st.read("made.safetensors")
assert list(made) == ["new name"] and (made["new name"] == x).all()
END
expect 0 "another reader agrees" "$python" compare_st.py
ls >before
while read -r file pattern; do
    expect 3 "$file" ranks 2 convert "$file" out.h5
    expect_message "$file" "$pattern"
done <<'END'
all.safetensors all.safetensors: holds 12 tensors; name one, as in 'all.safetensors:
all.safetensors:none has no tensor 'none'
bad-twice.safetensors says 'a' twice
bad-hole.safetensors tensor 'a' begins at 8, the one before ends at 0
bad-more.safetensors its tensors take 8 bytes, but 16 follow
bad-huge.safetensors byte [0-9]+: a shape of 2.63 numbers
bad-f8.safetensors tensor 'a' is of F8_E4M3, which cannot be read
bad-long.safetensors a head of 100000000 bytes is more than the file has
m.safetensors.index.json:gone m-1.safetensors: has no tensor 'gone'
m.safetensors.index.json:other names no tensor 'other'
up.safetensors.index.json:a leads to another folder
END
ls >after
expect_equal "nothing was written" "$(diff before after | grep -c -v -e before -e after -e '^[0-9]')" 0

expect 3 "text in .npy" ranks 1 convert words.npy words.h5
expect_message "what it holds" 'words.npy: descr: the elements are text, neither'

# Stores as others have written or packed them.
"$python" - <<'END'
import h5py, numpy
with h5py.File("others.h5", "w") as f:
    f["X"] = numpy.eye(3)
with h5py.File("packed.h5", "w") as f:
    for name, value in (("kind", "embedding"), ("trunnion_format", 1), ("complete", 1)):
        f.attrs[name] = value
    f.create_dataset("embedding", data=numpy.eye(4, dtype="f4"), compression="gzip")
    f["vocab"] = numpy.array([b"a", b"b", b"c", b"d"], dtype=h5py.string_dtype())
with h5py.File("model.h5", "w") as f:
    for name, value in (("kind", "kg-model"), ("trunnion_format", 1), ("complete", 1)):
        f.attrs[name] = value
    f["entity/values"] = numpy.eye(4, 2, dtype="f4")
END
expect 0 "HDF5 of others" ranks 1 convert others.h5 others.npy
expect 0 "compressed dataset" ranks 3 convert packed.h5 packed.txt
expect_equal "compressed dataset" "$(sed -n 3p packed.txt)" "b 0 1 0 0"
expect 0 "near words in it" ranks 2 neighbors packed.h5 a -k 1
expect 3 "a model as words" ranks 1 convert model.h5 model.txt
expect_message "a model as words" 'model.h5: has no names for its rows, which a word2vec text needs'
expect 0 "a dataset of a model" ranks 1 gram model.h5:/entity/values -o gram.npy
finish
