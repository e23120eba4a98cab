# Stores from outside: other programs read them, damage is found and named, a killed or starved job
# leaves the file of before as it was.
. "$(dirname "$0")/../cli/lib_program.sh" || exit 1
need info convert
need_python

# An embedding of 60000 x 256 (61 MB), and a small one.
"$python" - "$scratch" <<'END' || skip "numpy cannot write the input"
import sys, numpy
for name, rows in (("big", 60000), ("small", 500)):
    numpy.save(f"{sys.argv[1]}/{name}.npy",
               (numpy.arange(rows * 256, dtype="int64") % 1000003).astype("f4").reshape(rows, 256))
    with open(f"{sys.argv[1]}/{name}.npy.vocab", "w") as f:
        f.writelines(f"wört{i}\n" for i in range(rows))
END
store=$scratch/e.h5
expect 0 "convert" ranks 3 convert "$scratch/big.npy" "$store" || finish

# Other programs read it. ---------------------------------------------------------------------------
cat >"$scratch/read.py" <<'END'
import sys, h5py, numpy
with h5py.File(sys.argv[1]) as f:
    assert f.attrs["complete"] == 1 and f.attrs["kind"] == b"embedding"
    assert (f["embedding"][:] == numpy.load(sys.argv[2])).all()
    assert f["vocab"].asstr()[59999] == "wört59999"
END
expect 0 "h5py reads" "$python" "$scratch/read.py" "$store" "$scratch/big.npy"
if command -v h5ls >/dev/null && command -v h5dump >/dev/null; then
    expect 0 "h5ls" h5ls -r "$store"
    checks=$((checks + 1))
    grep -q '/embedding  *Dataset {60000, 256}' "$scratch/out" || fail "h5ls shows no embedding"
    expect 0 "h5dump" h5dump -d /checksum/embedding "$store"
else
    echo "not checked: h5ls and h5dump are not installed"
fi

# info, on a sound file, on damage, on what others changed. -------------------------------------------
expect 0 "info" ranks 2 info "$store"
checks=$((checks + 1))
grep -q 'checksums *ok ([0-9]* blocks)' "$scratch/out" || fail "info does not say that all is well"

flip() { # FILE DATASET ROW: damage one byte of a row
    "$python" - "$@" <<'END'
import sys, h5py
path, name, row = sys.argv[1], sys.argv[2], int(sys.argv[3])
with h5py.File(path) as f:
    at = f[name].id.get_offset() + row * f[name].shape[1] * f[name].dtype.itemsize
with open(path, "r+b") as f:
    f.seek(at)
    byte = f.read(1)[0]
    f.seek(at)
    f.write(bytes([byte ^ 1]))
END
}
cp "$store" "$scratch/damaged.h5"
flip "$scratch/damaged.h5" embedding 30000
for p in 1 3; do
    expect 3 "damage, $p ranks" ranks $p info "$scratch/damaged.h5" &&
        expect_message "damage, $p ranks" '/embedding: rows 29696 to 30719 are damaged'
done
head -c 30000000 "$store" >"$scratch/cut.h5"
expect 3 "cut short" ranks 2 info "$scratch/cut.h5" && expect_message "cut short" 'truncated|cut short'

cp "$store" "$scratch/edited.h5"
"$python" -c "import h5py, sys
with h5py.File(sys.argv[1], 'a') as f:
    f.attrs['note'] = 'mine'
    f['more'] = [1.0, 2.0]
    f.create_dataset('big-endian', data=[1.0, 2.0], dtype='>f8')" "$scratch/edited.h5"
expect 0 "a file that h5py changed" ranks 2 info "$scratch/edited.h5"
checks=$((checks + 1))
grep -q '/more *float64 *2 *0 *16' "$scratch/out" || fail "info does not show the dataset that h5py added"

# Nothing in a file leads to another one, or to code that HDF5 would load; no size is believed. ----------
cat >"$scratch/hostile.py" <<'END'
import sys, h5py, numpy
to, secret = sys.argv[1], sys.argv[2]


def make(name, fill):
    with h5py.File(f"{to}/{name}.h5", "w", libver="v110") as f:
        f.attrs["trunnion_format"] = f.attrs["complete"] = 1
        f.attrs["kind"] = numpy.bytes_("embedding")
        fill(f)


def words(f, **how):
    f["embedding"] = numpy.ones((2, 2), dtype="f4")
    f.create_dataset("vocab", (2,), dtype=h5py.string_dtype(), **how)


def external_link(f):
    f["embedding"] = h5py.ExternalLink(secret, "/embedding")


def soft_link(f):
    f["other"] = h5py.ExternalLink(secret, "/")
    f["checksum/embedding"] = h5py.SoftLink("/other/embedding")
    f["embedding"] = numpy.ones((2, 2), dtype="f4")


def external_bytes(f):
    words(f)
    del f["embedding"]
    f.create_dataset("embedding", (2, 2), dtype="f4", external=[(secret, 0, 16)])


def virtual(f):
    words(f)
    layout = h5py.VirtualLayout(shape=(2, 2), maxshape=(None, 2), dtype="f4")
    layout[:] = h5py.VirtualSource(secret, "embedding", shape=(2, 2))
    del f["embedding"]
    f.create_virtual_dataset("embedding", layout)


def filtered(f):
    words(f, chunks=(1,), compression="gzip")


def endless(f):
    words(f, maxshape=(2,), chunks=None)
    del f["vocab"]
    f.create_dataset("vocab", (10**15,), dtype=h5py.string_dtype(), chunks=(1000,))


for name, fill in list(globals().items()):
    if callable(fill) and fill.__module__ == "__main__" and name not in ("make", "words"):
        make(name, fill)
END
mkdir "$scratch/hostile"
"$python" "$scratch/hostile.py" "$scratch/hostile" "$scratch/e.h5" || fail "h5py cannot make hostile files"
hostile() { # NAME PATTERN
    expect 3 "$1" ranks 2 convert "$scratch/hostile/$1.h5" "$scratch/out.npy" &&
        expect_message "$1" "$1.h5.*$2"
}
hostile external_link "'embedding' is a link"
hostile soft_link "is a link"
hostile external_bytes "numbers in another file"
hostile virtual "/embedding"
hostile filtered "chunked"
hostile endless "/vocab.*names for 2 rows"

# Killed while it writes: the file of before, or the new one, whole. ------------------------------------
work=$scratch/work
mkdir "$work"
expect 0 "convert" ranks 2 convert "$scratch/small.npy" "$work/e.h5" || finish
killed=0
for delay in 0 0.02 0.04 0.08 0.12 0.2; do
    cp "$work/e.h5" "$work/before.h5"
    ranks 2 convert "$scratch/big.npy" "$work/e.h5" >/dev/null 2>&1 &
    job=$!
    while kill -0 "$job" 2>/dev/null && ! compgen -G "$work/e.h5.tmp.*" >/dev/null; do
        sleep 0.01
    done
    sleep "$delay" # from the moment that the file is laid out
    # A rank of ours: no other command line names our scratch directory.
    rank=$(pgrep -f "^$TRUNNION convert $scratch/big.npy" | head -n 1)
    [ -n "$rank" ] && kill -KILL "$rank" 2>/dev/null && killed=$((killed + 1))
    wait "$job"
    expect 0 "after a kill at $delay s" ranks 2 info "$work/e.h5"
    if ! grep -q '60000  *256' "$scratch/out"; then
        checks=$((checks + 1))
        cmp -s "$work/e.h5" "$work/before.h5" || fail "a kill at $delay s changed the file of before"
    fi
    mv "$work/before.h5" "$work/e.h5"
    rm -f "$work"/e.h5.tmp.*
done
checks=$((checks + 1))
[ "$killed" -gt 0 ] || fail "no rank was killed: every job had ended"

# A disk too small for the file, and one with no room for the strings. -----------------------------------
disk=$scratch/disk
if ! mkdir "$disk" || ! mount -t tmpfs -o size=8m tmpfs "$disk" 2>/dev/null; then
    echo "not checked: full disks, because no tmpfs can be mounted here"
    finish
fi
trap 'umount "$disk"; rm -rf "$scratch"' EXIT
expect 0 "convert to a small disk" ranks 2 convert "$scratch/small.npy" "$disk/e.h5"
cp "$disk/e.h5" "$scratch/before.h5"
for p in 1 3; do
    expect 5 "full disk, $p ranks" ranks $p convert "$scratch/big.npy" "$disk/e.h5" &&
        expect_message "full disk, $p ranks" 'disk full: need [0-9]+ bytes, [0-9]+ free'
    expect_only "full disk, $p ranks" "$disk" e.h5
    checks=$((checks + 1))
    cmp -s "$disk/e.h5" "$scratch/before.h5" || fail "full disk, $p ranks: the former file changed"
done
finish
