# nodes-eval: the scores of scikit-learn's liblinear on the same splits; nodes by number and by name,
# labels in any order; the same result at any number of ranks, threads and under --memory; bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need nodes-eval
need_python
"$python" -c 'import numpy' 2>/dev/null || skip "$python has no numpy"
cd "$scratch" || exit 1

cat >make.py <<'END'
import numpy as np
n, d, labels = 1200, 6, 20
r = np.random.RandomState(1)
x = r.randn(n, d)
score = x @ r.randn(d, labels) + r.randn(n, labels)
has = [sorted(np.argsort(-s)[:1 + i % 3]) if i % 7 else [] for i, s in enumerate(score)]
np.save("e.npy", x.astype("f4"))
with open("labels.txt", "w") as f:
    for i in r.permutation(n):
        if has[i]: print(i, *has[i][::-1], file=f)
with open("e.txt", "w") as f: # the same rows by name, in another order
    print(n, d, file=f)
    for i in r.permutation(n): print(f"n{i}", *x[i].astype("f4"), file=f)
with open("named.txt", "w") as f:
    for i in range(n):
        if has[i]: print(f"n{i}", *(f"group-{k}" for k in has[i]), file=f)
kept = [i for i in range(n) if has[i]]
np.save("order.npy", np.concatenate([np.random.RandomState(s).permutation(len(kept)) for s in range(2)]))
bad = x.copy(); bad[700, 3] = np.nan
np.save("nan.npy", bad)
np.save("huge.npy", x * 1e200)
END
"$python" make.py || fail "the inputs cannot be made"

cat >check.py <<'END'
import json, sys, numpy as np
try:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
except ImportError:
    sys.exit(print("not compared with scikit-learn, which is not installed"))
got = json.load(open("result"))["scores"]
rows = [[int(v) for v in line.split()] for line in open("labels.txt")]
rows.sort()
x = np.load("e.npy").astype("f8")[[row[0] for row in rows]]
y = np.zeros((len(rows), 20), int)
for i, row in enumerate(rows): y[i, row[1:]] = 1
orders = np.load("order.npy").reshape(2, -1)
for row in got:
    f1 = []
    for order in orders:
        t = int(row["percent"] / 100 * len(x))
        train, test = order[:t], order[t:]
        p = np.stack([LogisticRegression(C=0.5, solver="liblinear", tol=1e-8, max_iter=10000).fit(
            x[train], y[train, k]).decision_function(x[test]) for k in range(20)], 1)
        given = np.zeros((len(test), 20), int)
        for i, k in enumerate(y[test].sum(1)): given[i, np.argsort(p[i])[-k:]] = 1
        f1.append([f1_score(y[test], given, average=a) for a in ("micro", "macro")])
    mean, sd = np.mean(f1, 0), np.std(f1, 0)
    for a, b in zip((row["micro_f1"], row["macro_f1"], row["micro_sd"], row["macro_sd"]), (*mean, *sd)):
        assert abs(a - b) <= 0.002, (row, mean, sd)
END

scores() { # the table of scores alone
    sed -n '/"scores"/,/\]/p' out
}

eval_of() { # WHAT N ARGUMENT...
    expect 0 "$1" ranks "$2" nodes-eval "${@:3}" --json --quiet
}
eval_of "in given orders" 1 e.npy --labels labels.txt --order order.npy --C 0.5 --percent 40,80
cp out result
expect 0 "scikit-learn" "$python" check.py
eval_of "one rank" 1 e.npy --labels labels.txt --splits 2
first=$(scores)
expect_equal "three percentages" "$(grep -c micro_f1 out)" 3
eval_of "three ranks" 3 e.npy --labels labels.txt --splits 2 --threads 2
expect_equal "three ranks, two threads: scores" "$(scores)" "$first"
eval_of "little memory" 2 e.npy --labels labels.txt --splits 2 --memory 3M
expect_equal "little memory: scores" "$(scores)" "$first"
eval_of "another seed" 1 e.npy --labels labels.txt --splits 2 --seed 1
[ "$(scores)" != "$first" ] || fail "another seed changes nothing"

# Names of nodes and labels: other numbers of rows and labels, so other splits, but scores alike.
eval_of "names" 2 e.txt --labels named.txt --percent 50 --splits 3
expect_equal "names: nodes, labels" "$(grep -cE '"(nodes": 1028|labels": 20|labels_left_out": 0)' out)" 3
# Unknown nodes, repeated labels, numbers that no label has.
{ cat labels.txt; echo "5000 3 4"; echo "1 1 1 40"; } >odd.txt
expect 0 "odd labels" ranks 2 nodes-eval e.npy --labels odd.txt --percent 50 --json
expect_equal "odd labels: warnings" "$(grep -cE '2 labels are of nodes that are no rows of e.npy|stand twice|no node has 20 of the labels' err)" 3
expect_equal "odd labels: left out" "$(grep -c '"labels_left_out": 2' out)" 1

bad() { # CODE PATTERN WHAT ARGUMENT...
    local n
    for n in 1 2; do
        expect "$1" "$3, $n ranks" ranks "$n" nodes-eval "${@:4}" --quiet && expect_message "$3" "$2"
    done
}
echo "n1 1" >foreign.txt
echo "5000 1" >beyond.txt
printf '0\n0\n' >short.txt
awk 'BEGIN { for (i = 0; i < 1028; i++) print 0 }' >twice.txt
bad 3 'foreign.txt: no node of it is a row of e.npy' "names of nothing" e.npy --labels foreign.txt
bad 3 'beyond.txt: no node of it' "numbers beyond" e.npy --labels beyond.txt
bad 3 'nan.npy: row 700, column 3' "NaN" nan.npy --labels labels.txt
bad 6 'huge.npy: numbers too large' "huge numbers" huge.npy --labels labels.txt
bad 3 'percent 0.01: of 1028 nodes' "nothing to train on" e.npy --labels labels.txt --percent 0.01
bad 2 'percent 10,x' "no percentages" e.npy --labels labels.txt --percent 10,x
bad 2 'percent 100' "all" e.npy --labels labels.txt --percent 100
bad 3 'short.txt: 2 numbers' "a short order" e.npy --labels labels.txt --order short.txt
bad 3 'twice.txt' "an order with repeats" e.npy --labels labels.txt --order twice.txt
bad 3 'none.txt' "no file" e.npy --labels none.txt
finish
