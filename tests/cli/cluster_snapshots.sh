# cluster-snapshots: planted clusters by names and numbers, one result on any number of ranks, updates,
# plans, bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need cluster-snapshots clusters-eval
need_python
cd "$scratch" || exit 1
mkdir work

# Groups i mod 3 of 600 nodes; at time t nodes 60 t - 60 to 60 t - 1 go to the next group, and edges
# from and to them are drawn again.
awk -v n=600 'BEGIN {
    srand(1)
    for (t = 0; t < 3; t++) {
        for (i = 0; i < n; i++) {
            g[i] = (i < 60 * t ? i + 1 : i) % 3
            moves[i] = t == 0 || i >= 60 * t - 60 && i < 60 * t
        }
        for (i = 0; i < n; i++) {
            for (e = 0; e < 12; e++) {
                if (moves[i] || moves[to[i, e]]) {
                    do j = int(rand() * n); while (j == i || (e < 10) != (g[i] == g[j]))
                    to[i, e] = j
                }
                print i, to[i, e] >t ".edges"
                print "n" i, "n" to[i, e] >t ".names"
            }
            print g[i] >t ".groups"
        }
    }
}'

found() { # the mean NMI of the last job
    "$python" -c 'import json; r = json.load(open("out")); print(r["mean_nmi"] >= 0.9 and all(e["compared"] == r["nodes"] for e in r["each"]))'
}

bits() { # STORE
    "$python" - "$1" <<'END'
import hashlib, h5py, sys
h = hashlib.sha256()
with h5py.File(sys.argv[1]) as f:
    def visit(name, item):
        if isinstance(item, h5py.Dataset) and not name.startswith("checksum"):
            h.update(name.encode() + item[()].tobytes())
    f.visititems(visit)
print(h.hexdigest())
END
}

truth=(--labels 0.groups 1.groups 2.groups)
edges=(0.edges 1.edges 2.edges)
usual=(-k 3 --landmarks 300 --nodes 600 --starts 2 --json --quiet)
for n in 1 3; do
    expect 0 "$n ranks" ranks $n cluster-snapshots "${edges[@]}" -o work/$n.h5 "${usual[@]}" "${truth[@]}" &&
        expect_equal "NMI on $n ranks" "$(found)" True
done
expect_equal "bits of 3 ranks" "$(bits work/3.h5)" "$(bits work/1.h5)"
expect 0 "parts" ranks 1 cluster-snapshots "${edges[@]}" -o work/p.h5 "${usual[@]}" --parts 4 --threads 2
expect_equal "bits of parts" "$(bits work/p.h5)" "$(bits work/1.h5)"
expect 0 "labels of a snapshot" ranks 1 clusters-eval work/1.h5:/2/labels 2.groups --json
expect_equal "labels of a snapshot" "$("$python" -c 'import json; print(json.load(open("out"))["nmi"] >= .9)')" True

expect 0 "updates" ranks 1 cluster-snapshots "${edges[@]}" -o work/u.h5 "${usual[@]}" "${truth[@]}" --change 0.6 &&
    expect_equal "NMI of updates" "$(found)" True
"$python" - <<'END' || fail "updates: not the rows that changed"
import json, h5py
each = json.load(open("out"))["each"]
assert each[0]["solved"] == 600 and all(50 <= e["solved"] <= 70 for e in each[1:]), each
with h5py.File("work/u.h5") as f:
    w = [f[f"{t}/w"][()] for t in range(3)]
    assert abs((w[0] != w[1]).any(1).sum() - 60) <= 10 and w[0].shape == (600, 3)
END
expect 0 "a term" ranks 2 cluster-snapshots "${edges[@]}" -o work/b.h5 "${usual[@]}" "${truth[@]}" --biclustering 1 &&
    expect_equal "NMI with a term" "$(found)" True

expect 0 "names" ranks 2 cluster-snapshots 0.names 1.names -o work/n.h5 -k 3 --landmarks 300 --quiet
"$python" - <<'END' || fail "names are not those of the nodes"
import h5py
names, labels = [], {}
with h5py.File("work/n.h5") as f:
    names, label = [x.decode() for x in f["nodes"][()]], f["1/labels"][()]
assert sorted(names) == sorted(f"n{i}" for i in range(600)) and names[0] == "n0"
groups = [int(x) for x in open("1.groups")]
pairs = [(label[i], groups[int(name[1:])]) for i, name in enumerate(names)]
most = sum(max(sum(p == (a, b) for p in pairs) for b in range(3)) for a in range(3))
assert most > 570, most
END

# Plans: for ranks that are not there, and near what the job takes.
expect 0 "a dry run" ranks 1 cluster-snapshots "${edges[@]}" -o work/d.h5 "${usual[@]}" --dry-run --ranks 1-2,16
[ ! -e work/d.h5 ] || fail "a dry run writes"
expect 4 "little memory" ranks 1 cluster-snapshots "${edges[@]}" -o work/m.h5 "${usual[@]}" --memory 200K &&
    expect_message "little memory" "raise it"

# Bad input.
printf '0 1 -2\n' >negative.edges
printf '# nothing\n' >empty.edges
printf '0 1\n2\n' >short.edges
head -n 10 0.groups >few.groups
for n in 1 3; do
    expect 3 "a negative weight" ranks $n cluster-snapshots 0.edges negative.edges -o work/x.h5 -k 3 --weighted --extra-columns
    expect 3 "no edges" ranks $n cluster-snapshots empty.edges 0.edges -o work/x.h5 -k 3 && expect_message "no edges" "empty.edges"
    expect 3 "a short line" ranks $n cluster-snapshots 0.edges short.edges -o work/x.h5 -k 3 && expect_message "a short line" "short.edges:2"
    expect 3 "few labels" ranks $n cluster-snapshots 0.edges -o work/x.h5 -k 3 --labels few.groups && expect_message "few labels" "few.groups"
    expect 3 "many clusters" ranks $n cluster-snapshots 0.edges -o work/x.h5 -k 700 && expect_message "many clusters" "700"
done
expect 2 "labels of two" ranks 1 cluster-snapshots "${edges[@]}" -o work/x.h5 -k 3 --labels 0.groups 1.groups && expect_message "labels of two" "one for each"
expect 2 "directed" ranks 1 cluster-snapshots 0.edges -o work/x.h5 -k 3 --directed && expect_message "directed" "undirected"
expect 2 "rounds beside a term" ranks 1 cluster-snapshots 0.edges -o work/x.h5 -k 3 --biclustering 1 --rounds 3
expect 3 "a node beyond" ranks 1 cluster-snapshots 0.edges -o work/x.h5 -k 3 --nodes 500
[ ! -e work/x.h5 ] || fail "something is written"
finish
