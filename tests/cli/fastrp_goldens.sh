# fastrp on two real graphs with given random vectors, held against float64 results to 1e-10 at 1 2 3 4 6 7
# ranks, all of the same bytes. The graphs are not part of the source: they may lie in ../shared.
. "$(dirname "$0")/lib_program.sh" || exit 1
need fastrp
need_python
graphs=$TRUNNION_SOURCE/../shared/data/graph
[ -d "$graphs" ] || skip "../shared/data/graph is not here"
cd "$scratch" || exit 1
hold() { # GRAPH DIM WEIGHTS ALPHA
    local name=$graphs/$1 kind r of
    local how=(--projection "${name}_fastrp_d$2_R.mtx" --weights "$3" --alpha="$4" --dtype f64 --quiet)
    for kind in raw norm_scale; do
        of=""
        for r in 1 2 3 4 6 7; do
            local more=()
            [ $kind = norm_scale ] || more=(--row-normalize none --no-standardize)
            expect 0 "$1 $kind on $r ranks" ranks "$r" fastrp "$name.edges" "${how[@]}" "${more[@]}" -o z.npy
            [ -n "$of" ] || of=$(sha256sum <z.npy)
            expect_equal "$1 $kind on $r ranks" "$(sha256sum <z.npy)" "$of"
        done
        expect 0 "$1 $kind" "$python" - "${name}_fastrp_d$2_$kind.json" "${name}_fastrp_d$2_U_$kind.txt.gz" <<'PY'
import json, os, sys, numpy as np
z, g = np.load("z.npy"), json.load(open(sys.argv[1]))
assert z.shape == (g["n"], g["d"]) and z.dtype == np.float64
near = lambda a, b: (abs(np.asarray(a) - np.asarray(b)) <= 1e-10 * (1 + abs(np.asarray(b)))).all()
assert near(np.linalg.norm(z), g["frobenius"]) and near(np.linalg.norm(z, axis=0), g["column_l2"])
assert near(z.sum(0), g["column_sum"]), abs(z.sum(0) - g["column_sum"]).max()
assert all(near(z[int(i)], row) for i, row in g["rows"].items())
if os.path.exists(sys.argv[2]): assert abs(z - np.loadtxt(sys.argv[2])).max() < 1e-10
PY
    done
}
hold ppi 32 0,0,1,6.67 -0.64
hold blogcatalog 64 0,0,7.81,45.28 -0.628
finish
