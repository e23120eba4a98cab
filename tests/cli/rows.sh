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

expect 3 "text in .npy" ranks 1 convert words.npy words.h5
expect_message "what it holds" 'words.npy: descr: the elements are text, neither'

# What cannot be read yet says what to do instead.
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
expect 3 "HDF5 of others" ranks 1 convert others.h5 others.npy
expect_message "HDF5 of others" 'others.h5: is HDF5, but no Trunnion store .*read its dataset with h5py'
expect 3 "compressed dataset" ranks 3 convert packed.h5 packed.txt
expect_message "compressed dataset" 'packed.h5:/embedding: it is chunked.*h5repack -l CONTI -f NONE'
expect 3 "a model as words" ranks 1 convert model.h5 model.txt
expect_message "a model as words" 'model.h5: is of kind "kg-model".*model.h5:/DATASET'
expect 0 "a dataset of a model" ranks 1 gram model.h5:/entity/values -o gram.npy
finish
