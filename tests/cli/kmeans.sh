# kmeans: the program on files of three formats, in memory and out of it, at 1, 3 and 7 ranks: the same
# bytes; labels by the definition; what it refuses.
. "$(dirname "$0")/lib_program.sh" || exit 1
need kmeans
need_python
cd "$scratch" || exit 1
"$python" - <<'PY' || exit 1
import numpy as np, h5py
r = np.random.default_rng(3)
c = r.standard_normal((12, 24)) * 3
x = (c[r.integers(0, 12, 20000)] + r.standard_normal((20000, 24))).astype("f4")
np.save("x.npy", x)
np.save("c.npy", x[:12].astype("f8"))
np.save("narrow.npy", x[:12, :5])
np.save("same.npy", np.ones((50, 3), "f4"))
np.save("none.npy", np.zeros((0, 4), "f4"))
np.save("thin.npy", x[:3, :1])
np.save("flat.npy", np.zeros((9, 0), "f4"))
x[15001, 7] = np.nan
np.save("nan.npy", x)
x[15001, 7] = np.inf
np.save("inf.npy", x)
PY
expect 0 "convert to a store" "$TRUNNION" convert x.npy x.h5 --quiet
expect 0 "convert to safetensors" "$TRUNNION" convert x.npy x.safetensors --quiet

# What a run gives is that of the first, whatever the ranks, the format and the memory.
alike() { # WHAT RANKS FILE ARGUMENT...
    rm -f c.h5 l.npy
    expect 0 "$1: $3 on $2 ranks" ranks "$2" kmeans "${@:3}" -o c.h5 --labels l.npy --quiet
    now=$(digest c.h5 | grep -v checksum; sha256sum <l.npy)
    [ -n "${of[$1]:-}" ] || of[$1]=$now
    expect_equal "$1: $3 on $2 ranks: result" "$now" "${of[$1]}"
}
declare -A of
plain=(-k 40 --steps 6)
alike plain 1 x.npy "${plain[@]}"
alike plain 1 x.h5 "${plain[@]}" --threads 2
alike plain 3 x.safetensors "${plain[@]}" --memory 5500K
alike plain 7 x.npy "${plain[@]}"
full=(-k 30 --start kmeans++ --starts 2 --steps 3 --empty split --spherical --seed 5)
alike full 1 x.npy "${full[@]}"
alike full 3 x.h5 "${full[@]}" --threads 2 --memory 5500K
cells=(--two-level 6x5 --steps 4 --start random)
alike cells 1 x.npy "${cells[@]}"
alike cells 3 x.npy "${cells[@]}" --memory 5500K
expect 0 "labels alone" "$TRUNNION" kmeans x.npy "${plain[@]}" --dtype f64 -o c.h5 --quiet
expect 0 "labels alone" ranks 3 kmeans x.npy --assign c.h5 -o a.h5 --quiet
expect 0 "labels by the definition" "$python" - <<'PY'
import h5py, numpy as np
x, c, a = np.load("x.npy").astype("f8"), h5py.File("c.h5"), h5py.File("a.h5")
assert c.attrs["kind"] == "codebook" and (c["labels"][()] == a["labels"][()]).all()
d = ((x[::50, None] - c["codebook"][()][None]) ** 2).sum(2)
assert (d.argmin(1) == c["labels"][()][::50]).all()
assert (np.bincount(c["labels"], minlength=40) == c["sizes"][()]).all()
o = c["objective"][()]
assert len(o) == 7 and (np.diff(o) < 0).all() and a["objective"][0] == o[-1]
assert (c["start"][()] == np.arange(40) * 500).all()
PY
expect 0 "elbow" "$TRUNNION" kmeans x.npy -k 2,4,12 --steps 4 -o c.h5 --json --quiet
expect_equal "elbow" "[2, 4, 12] True 12" "$("$python" -c '
import json
j = json.load(open("out"))
o = [e["objective"] for e in j["elbow"]]
print([e["clusters"] for e in j["elbow"]], o == sorted(o)[::-1], j["clusters"])')"
expect 0 "given centers" "$TRUNNION" kmeans x.npy --start c.npy --steps 2 -o c.h5 --quiet
expect 0 "equal rows" ranks 3 kmeans same.npy -k 4 -o c.h5 --empty split --json --quiet
expect_equal "equal rows" "3 0.0" "$("$python" -c 'import json; j = json.load(open("out")); print(j["empty"], j["objective"])')"
expect 0 "one column, a cluster a row, more ranks than rows" ranks 7 kmeans thin.npy -k 3 -o c.h5 --quiet

mkdir left
bad() { # CODE PATTERN RANKS ARGUMENT...
    expect "$1" "kmeans ${*:4} on $3 ranks" ranks "$3" kmeans "${@:4}" -o left/c.h5
    expect_message "kmeans ${*:4}" "$2"
    expect_only "kmeans ${*:4}" left
}
bad 3 'nan.npy: row 15001, column 7 \(from 0\) is nan' 3 nan.npy -k 3
bad 3 'inf.npy: row 15001, column 7 \(from 0\) is inf' 3 inf.npy -k 3 --labels left/l.npy --memory 5500K
bad 3 '4 clusters of 3 rows' 3 thin.npy -k 4
bad 3 '1 clusters of 0 rows' 1 none.npy -k 1
bad 3 'has no columns' 1 flat.npy -k 1
bad 3 'narrow.npy: has centers of 5 numbers, but rows have 24' 3 x.npy --assign narrow.npy
expect 2 "no clusters" "$TRUNNION" kmeans x.npy -k 0 -o left/c.h5
expect_message "no clusters" '--k 0: write whole numbers'
expect 2 "no number" "$TRUNNION" kmeans x.npy -k 3,x -o left/c.h5
expect 2 "nothing asked" "$TRUNNION" kmeans x.npy -o left/c.h5
expect 2 "levels" "$TRUNNION" kmeans x.npy --two-level 3y4 -o left/c.h5
expect 2 "two ways" "$TRUNNION" kmeans x.npy -k 3 --two-level 3x4 -o left/c.h5
expect 4 "memory that cannot do" "$TRUNNION" kmeans x.npy -k 4000 -o left/c.h5 --memory 3M
expect_only "what was refused" left
finish
