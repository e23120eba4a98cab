# links-eval: AUC and average precision of scikit-learn, hits of OGB's definition, ties; pairs that are
# drawn have no edge; names; --split divides the edges; the same at any number of ranks; bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need links-eval
need_python
"$python" -c 'import numpy' 2>/dev/null || skip "$python has no numpy"
cd "$scratch" || exit 1
mkdir work

cat >make.py <<'END'
import numpy as np
n, d = 700, 5
r = np.random.RandomState(1)
x = r.randint(-2, 3, (n, d)).astype("f8") # with ties
x[7] = 0
np.save("e.npy", x)
np.save("flat.npy", np.ones((n, d)))
np.save("huge.npy", x * 1e200)
with open("e.txt", "w") as f:
    print(n, d, file=f)
    for i in r.permutation(n): print(f"n{i}", *x[i], file=f)
edges = {tuple(sorted(p)) for p in r.randint(0, n, (1500, 2)) if p[0] != p[1]}
edges = sorted(edges)
order = r.permutation(len(edges))
held, graph = [edges[i] for i in order[:400]], [edges[i] for i in order[400:]]
others = sorted({tuple(sorted(p)) for p in r.randint(0, n, (900, 2)) if p[0] != p[1]} - set(edges))
def write(name, pairs, prefix=""):
    with open(name, "w") as f:
        for i, (u, v) in enumerate(pairs):
            if i % 3 == 0: u, v = v, u
            print(f"{prefix}{u} {prefix}{v}", file=f)
write("held.txt", held), write("graph.txt", graph), write("others.txt", others), write("all.txt", held + graph)
write("held_names.txt", held, "n"), write("others_names.txt", others, "n")
write("complete.txt", [(i, j) for i in range(6) for j in range(i)])
np.save("six.npy", x[:6])
END
"$python" make.py || fail "the inputs cannot be made"

cat >check.py <<'END'
import json, sys, numpy as np
kind = sys.argv[1]
x, got = np.load("e.npy"), json.load(open("result"))
def score(name):
    u, v = x[np.loadtxt(name, dtype=int)].transpose(1, 0, 2)
    dot, off = (u * v).sum(1), np.sqrt(((u - v)**2).sum(1))
    norms = np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1)
    return {"dot": dot, "cosine": np.where(norms > 0, dot / np.where(norms > 0, norms, 1), 0), "l2": -off}[kind]
p, n = score("held.txt"), score("others.txt")
assert got["edges"] == len(p) and got["pairs"] == len(n), got
if kind != "cosine": # whole numbers or roots of them: ties are exact
    brute = ((p[:, None] > n).sum() + .5 * (p[:, None] == n).sum()) / (len(p) * len(n))
    assert abs(got["auc"] - brute) <= 1e-12, (got["auc"], brute)
    for k in (1, 20, 100): assert abs(got[f"hits_{k}"] - (p > np.sort(n)[-k]).mean()) <= 1e-12, (k, got)
    assert got["hits_100000"] == 1
    try:
        from sklearn.metrics import average_precision_score, roc_auc_score
        y, s = np.r_[np.ones(len(p)), np.zeros(len(n))], np.r_[p, n]
        assert abs(got["auc"] - roc_auc_score(y, s)) <= 1e-12
        assert abs(got["average_precision"] - average_precision_score(y, s)) <= 1e-12
    except ImportError:
        print("not compared with scikit-learn, which is not installed")
else:
    assert abs(got["auc"] - ((p[:, None] > n).sum() + .5 * (p[:, None] == n).sum()) / (len(p) * len(n))) <= 2e-3
END

of() { # WHAT N ARGUMENT...
    expect 0 "$1" ranks "$2" links-eval "${@:3}" --json --quiet
    cp out result
}
measures() {
    grep -E '"(auc|average_precision|hits_.*)"' result
}
for kind in dot cosine l2; do
    of "$kind" 1 e.npy --positive held.txt --negative others.txt --score $kind --hits 1,20,100,100000
    expect 0 "$kind: NumPy" "$python" check.py $kind
done
of "three ranks" 3 e.npy --positive held.txt --negative others.txt --score l2 --hits 1,20,100,100000
expect 0 "three ranks: NumPy" "$python" check.py l2
first=$(measures)
of "names" 2 e.txt --positive held_names.txt --negative others_names.txt --score l2 --hits 1,20,100,100000
expect_equal "names" "$(measures)" "$first"
of "all equal" 1 flat.npy --positive held.txt --negative others.txt
expect_equal "all equal: AUC" "$(grep -c '"auc": 0.5,' out)" 1

# Pairs that are drawn.
of "drawn, one rank" 1 e.npy --positive held.txt --graph graph.txt --negative 5000
first=$(measures)
of "drawn, three ranks" 3 e.npy --positive held.txt --graph graph.txt --negative 5000
expect_equal "drawn: ranks" "$(measures)" "$first"
of "another seed" 1 e.npy --positive held.txt --graph graph.txt --negative 5000 --seed 3
[ "$(measures)" != "$first" ] || fail "another seed draws the same pairs"
of "as many as edges" 1 e.npy --positive held.txt
expect_equal "as many as edges" "$(grep -c '"pairs": 400,' out)" 1
# Of 15 pairs of six rows one is left: it alone is drawn, whose score is known.
grep -v '^5 3$\|^3 5$' complete.txt >almost.txt
of "one pair left" 2 six.npy --positive almost.txt --negative 40 --score l2
cp out drawn
printf '3 5\n' >left.txt
of "that pair" 1 six.npy --positive almost.txt --negative left.txt --score l2
expect_equal "one pair left" "$(grep '"auc"' drawn)" "$(grep '"auc"' out)"

# Splitting: every edge in one of the files, as many as asked for, the same at any number of ranks.
for n in 1 3; do
    expect 0 "split, $n ranks" ranks $n links-eval --split all.txt --share 0.25 --train-edges work/train.$n \
        --test-edges work/test.$n --json --quiet
done
expect_equal "split: bits" "$(cat work/train.1 work/test.1 | md5sum)" "$(cat work/train.3 work/test.3 | md5sum)"
sorted() { awk '{ if ($1 < $2) print $1, $2; else print $2, $1 }' "$@" | sort; }
expect_equal "split: edges" "$(sorted work/train.1 work/test.1 | md5sum)" "$(sorted all.txt | sort -u | md5sum)"
expect_equal "split: share" "$(wc -l <work/test.1)" "$(awk 'END { printf "%.0f", NR / 4 }' all.txt)"
expect_equal "split: told" "$(grep -c "\"test_edges\": $(wc -l <work/test.1)" out)" 1
printf 'b a 2\na c 0.1\nc b 1\nc b 1\n' >weighted.txt
expect 0 "names and weights" ranks 2 links-eval --split weighted.txt --weighted --share 0.34 --train-edges work/t \
    --test-edges work/s --quiet
expect_equal "names and weights" "$(sorted work/t work/s | uniq | wc -l) $(cat work/t work/s | grep -c '0.10000000000000001$')" "3 1"
rm -r work && mkdir work

bad() { # CODE PATTERN WHAT ARGUMENT...
    local n
    for n in 1 2; do
        expect "$1" "$3, $n ranks" ranks "$n" links-eval "${@:4}" --quiet && expect_message "$3" "$2"
        expect_only "$3, $n ranks" work
    done
}
printf '1 800\n900 2\n' >beyond.txt
printf '1\n' >one.txt
bad 3 "too dense" "no pair left" six.npy --positive complete.txt
bad 3 'beyond.txt: no edge of it is between rows' "ends beyond" e.npy --positive beyond.txt
bad 3 'one.txt:1' "one field" e.npy --positive one.txt
bad 6 'huge.npy: the score of rows' "huge numbers" huge.npy --positive held.txt
bad 2 'hits 0' "no hits" e.npy --positive held.txt --hits 0
bad 2 'negative 0' "no pairs" e.npy --positive held.txt --negative 0
bad 3 'none.txt' "no file" e.npy --positive held.txt --negative none.txt
bad 2 'train-edges' "no outputs" --split all.txt
bad 2 'no vectors' "no vectors" --positive held.txt
bad 3 'would hold out 0' "too small a share" --split all.txt --share 1e-6 --train-edges work/a --test-edges work/b
finish
