# Matrices in files from outside: what SciPy, NumPy and h5py write is read, what we write they read,
# at any number of ranks the same bytes; and every class of bad .mtx and .npy file is refused with
# one line, exit code 3 and nothing left behind.
. "$(dirname "$0")/lib_program.sh" || exit 1
need convert info
python=/usr/bin/python3
"$python" -c 'import h5py, numpy, scipy.io' 2>/dev/null || skip "$python lacks h5py, numpy or scipy"
work=$scratch/work
mkdir "$work"

in_folder() { # FOLDER RANKS ARGUMENT...
    (cd "$1" && ranks "${@:2}")
}

# What they write ----------------------------------------------------------------------------------
cat >"$scratch/make.py" <<'END'
import gzip, lzma, subprocess, sys
import h5py, numpy as np, scipy.io as sio, scipy.sparse as sp
random = np.random.default_rng(1)
dense = random.standard_normal((61, 37)) * 10.0 ** random.integers(-30, 30, (61, 37))
dense[3, 4], dense[5, 6], dense[7, 8] = np.nan, np.inf, -0.0
sparse = sp.random(61, 37, 0.1, random_state=1).tocsr()
square = random.standard_normal((20, 20))
symmetric, skew = square + square.T, square - square.T
np.save("c8.npy", dense)
np.save("c4.npy", dense.astype("f4"))
np.save("big.npy", dense.astype(">f8"))
np.save("fortran.npy", np.asfortranarray(dense))
np.save("int.npy", random.integers(-9, 9, (5, 3)))
sio.mmwrite("array.mtx", dense, precision=17)
sio.mmwrite("coo.mtx", sparse, comment="several\nlines", precision=17)
sio.mmwrite("sym.mtx", symmetric, precision=17, symmetry="symmetric")
sio.mmwrite("symcoo.mtx", sp.csr_matrix(symmetric), precision=17, symmetry="symmetric")
sio.mmwrite("skewcoo.mtx", sp.csr_matrix(skew), precision=17, symmetry="skew-symmetric")
sio.mmwrite("pattern.mtx", sparse, field="pattern")
sio.mmwrite("integer.mtx", sp.csr_matrix(np.rint(symmetric * 9).astype("i8")), field="integer")
text = open("coo.mtx", "rb").read()
gzip.open("coo.mtx.gz", "wb").write(text)
lzma.open("coo.mtx.xz", "wb").write(text)
with h5py.File("theirs.h5", "w") as f:
    f.attrs.update({"trunnion_format": 1, "kind": np.bytes_("matrix"), "complete": 1,
                    "rows": sparse.shape[0], "cols": sparse.shape[1]})
    f["row_ptr"] = sparse.indptr.astype("i8")
    f["col"] = sparse.indices.astype("i4")
    f["value"] = sparse.data
END
(cd "$scratch" && "$python" make.py) || fail "SciPy could not write its files"

# Each of them to .npy on 1 and 3 ranks, and there equal to what they read themselves.
for n in 1 3; do
    for name in c8.npy c4.npy big.npy fortran.npy int.npy array.mtx coo.mtx sym.mtx symcoo.mtx \
        skewcoo.mtx pattern.mtx integer.mtx coo.mtx.gz coo.mtx.xz theirs.h5; do
        expect 0 "$name, $n ranks" ranks $n convert "$scratch/$name" "$work/$name.npy"
    done
    cat >"$scratch/compare.py" <<'END'
import sys, numpy as np, scipy.io as sio
for path in sys.argv[1:]:
    name = path[len("work/"):-len(".npy")]
    source = "coo.mtx" if name == "theirs.h5" else name
    theirs = np.load(source) if source.endswith(".npy") else sio.mmread(source.replace(".xz", ""))
    theirs = np.asarray(theirs.todense() if hasattr(theirs, "todense") else theirs)
    ours = np.load(path)
    assert ours.dtype == ("f4" if name == "c4.npy" else "f8"), name
    assert np.array_equal(ours, theirs, equal_nan=True), name
    assert np.array_equal(np.signbit(ours), np.signbit(theirs)) or name == "array.mtx", name
END
    expect 0 "SciPy and we agree, $n ranks" sh -c "cd '$scratch' && '$python' compare.py work/*"
    rm "$work"/*
done

# What we write: a chain through the formats, the same bytes on 1 and 3 ranks ------------------------
for n in 1 3; do
    to=$work/$n
    mkdir "$to"
    (cd "$to" && cp ../../c8.npy ../../c4.npy ../../coo.mtx .) # equal command lines: equal stores
    while read -r from into; do
        expect 0 "$from to $into, $n ranks" in_folder "$to" $n convert "$from" "$into"
    done <<'END'
c8.npy d.mtx
d.mtx d.h5
d.h5 d8.npy
c4.npy e.mtx
c4.npy e.h5
e.h5 d4.npy
coo.mtx s.h5
s.h5 s.mtx
END
    expect 0 "float32 from text" ranks $n convert --type f32 "$to/e.mtx" "$to/t4.npy"
    expect 0 "float64 comes back, $n ranks" cmp "$to/c8.npy" "$to/d8.npy"
    expect 0 "float32 comes back, $n ranks" cmp "$to/c4.npy" "$to/d4.npy"
    expect 0 "float32 comes back from text, $n ranks" cmp "$to/c4.npy" "$to/t4.npy"
done
expect 0 "the same bytes on 1 and 3 ranks" diff -r "$work/1" "$work/3"
cat >"$scratch/read.py" <<'END'
import h5py, numpy as np, scipy.io as sio, scipy.sparse as sp
dense, wanted = np.load("c8.npy"), sio.mmread("coo.mtx").tocsr()
assert np.array_equal(sio.mmread("d.mtx"), dense, equal_nan=True)
assert (sio.mmread("s.mtx") != wanted).nnz == 0
with h5py.File("d.h5") as f:
    assert f.attrs["kind"] == b"matrix" and f["matrix"].dtype == "f8"
    assert np.array_equal(f["matrix"][:], dense, equal_nan=True)
with h5py.File("e.h5") as f:
    assert np.array_equal(f["matrix"][:], np.load("c4.npy"), equal_nan=True)
with h5py.File("s.h5") as f:
    ours = sp.csr_matrix((f["value"][:], f["col"][:], f["row_ptr"][:]),
                         shape=(f.attrs["rows"], f.attrs["cols"]))
    assert ours.has_sorted_indices and (ours != wanted).nnz == 0
END
expect 0 "SciPy and h5py read what we write" sh -c "cd '$work/1' && '$python' '$scratch/read.py'"
expect 0 "info" ranks 2 info "$work/1/s.mtx" "$work/1/s.h5" "$scratch/sym.mtx"
expect_equal "info tells kinds and sizes" "$(grep -cE 'coordinate|symmetric|kind +matrix|rows +61' \
    "$scratch/out")" 5
rm -r "${work:?}"/*

# Entries of one place are summed, with one warning.
printf '%%%%MatrixMarket matrix coordinate real general\n2 2 4\n1 1 1\n2 2 5\n1 1 2\n1 1 3\n' \
    >"$scratch/twice.mtx"
expect 0 "entries twice" ranks 3 convert "$scratch/twice.mtx" "$work/twice.mtx"
expect_equal "one warning" "$(grep -c 'warn.*2 entries have the place of another' "$scratch/err")" 1
expect_equal "their sum" "$(tail -n +3 "$work/twice.mtx" | tr '\n' ',')" "1 1 6,2 2 5,"
rm "$work"/*

# What is wrong with files ------------------------------------------------------------------------------
bad() { # CODE PATTERN WHAT ARGUMENT...
    local p
    for p in 1 3; do
        expect "$1" "$3, $p ranks" ranks $p "${@:4}" && expect_message "$3, $p ranks" "$2"
        expect_only "$3, $p ranks" "$work"
    done
}
bad_mtx() { # PATTERN WHAT TEXT; "G" stands for the usual banner, "A" for an array's
    local banner='%%MatrixMarket matrix'
    printf '%s\n' "$3" | sed -e "s/^G$/$banner coordinate real general/" \
        -e "s/^A$/$banner array real general/" -e "s/^M /$banner /" >"$scratch/bad.mtx"
    bad 3 "bad.mtx$1" "$2" convert "$scratch/bad.mtx" "$work/x.h5"
}
lines() { printf '%s\n' "$@"; }
bad_mtx ':1: must be' "bad banner" "$(lines '%%MatrixMarkt matrix' '1 1 1' '1 1 1')"
bad_mtx ':1: complex' "complex" "$(lines 'M coordinate complex general' '1 1 1' '1 1 1 1')"
bad_mtx ':1: complex|:1: herm' "hermitian" "$(lines 'M coordinate real hermitian' '1 1 1' '1 1 1')"
bad_mtx ':3: the line of sizes' "no sizes" "$(lines G '% only a comment')"
bad_mtx ":2: '2 two 1' is not" "bad sizes" "$(lines G '2 two 1' '1 1 1')"
bad_mtx ':3: the row, 0, ' "index 0" "$(lines G '2 2 1' '0 1 1')"
bad_mtx ':4: the column, -1, ' "negative index" "$(lines G '2 2 2' '1 1 1' '1 -1 1')"
bad_mtx ':3: the row, 3, is not between 1 and 2' "index too large" "$(lines G '2 2 1' '3 1 1')"
bad_mtx ':2: promises 3 entries, but 2' "too few" "$(lines G '2 2 3' '1 1 1.2345678' '2 2 2.3456789')"
bad_mtx ':2: promises 1 entries, but 2' "too many" "$(lines G '2 2 1' '1 1 1' '2 2 2')"
bad_mtx ':2: promises 4 entries, but 3' "array too short" "$(lines A '2 2' 1.5 2.5 3.5)"
bad_mtx ':2: promises 4 entries, but 5' "array too long" "$(lines A '2 2' 1 2 3 4 5)"
bad_mtx ":4: the value, '1,5', is not a number" "no number" "$(lines G '2 2 2' '1 1 1' '2 2 1,5')"
bad_mtx ':1: a symmetric matrix with 1 entries below the diagonal and 1 above' "both triangles" \
    "$(lines 'M coordinate real symmetric' '2 2 2' '1 2 1' '2 1 1')"
bad_mtx ':4: the value, 9007199254740993, is a whole number that float64' "an integer too large" \
    "$(lines 'M coordinate integer general' '2 2 2' '1 1 1' '2 2 9007199254740993')"
bad_mtx ':2: rows times columns' "sizes overflow" \
    "$(lines G '9000000000000000000 9000000000000000000 1' '1 1 1')"
bad_mtx ':2: promises 900000000 entries, more than a file' "entries above the file's size" \
    "$(lines G '9 9 900000000' '1 1 1')"
bad_mtx ': has 3000000000 columns' "2^31 columns" "$(lines G '1 3000000000 1' '1 3000000000 1')"
bad 3 'absent.mtx' "missing file" convert "$scratch/absent.mtx" "$work/x.npy"
head -c 300 "$scratch/coo.mtx.gz" >"$scratch/cut.mtx.gz"
bad 3 'cut.mtx.gz: .*truncated' "truncated gzip" convert "$scratch/cut.mtx.gz" "$work/x.h5"
bad 3 'cut.mtx.gz: .*truncated' "info of a damaged file" info "$scratch/c8.npy" "$scratch/cut.mtx.gz"
"$python" -c 'import numpy, sys
numpy.save(sys.argv[1] + "/object.npy", numpy.array([[1, None]], dtype=object))
numpy.save(sys.argv[1] + "/line.npy", numpy.arange(5.0))
numpy.save(sys.argv[1] + "/cube.npy", numpy.zeros((2, 2, 2)))' "$scratch"
bad 3 "object.npy: descr: the elements are Python objects" "objects" convert "$scratch/object.npy" \
    "$work/x.mtx"
bad 3 "cube.npy: shape: .*neither one- nor two-dim" "three dimensions" convert "$scratch/cube.npy" \
    "$work/x.h5"
head -c 2000 "$scratch/c8.npy" >"$scratch/short.npy"
bad 3 'short.npy: shape 61 x 37 needs' "truncated array" convert "$scratch/short.npy" "$work/x.h5"
bad 2 'known are .h5' "unknown ending" convert "$scratch/coo.mtx" "$work/x.what"
bad 2 'can only be read' "compressed output" convert "$scratch/coo.mtx" "$work/x.mtx.gz"
bad 5 'nowhere' "no such directory" convert "$scratch/coo.mtx" "$work/nowhere/x.mtx"
finish
