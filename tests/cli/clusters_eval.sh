# clusters-eval: what scikit-learn finds, labels in any format, things to be left out, bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need clusters-eval
need_python
"$python" -c 'import sklearn' 2>/dev/null || skip "$python has no scikit-learn"
cd "$scratch" || exit 1

cat >make.py <<'END'
import json, h5py, numpy as np
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
r = np.random.default_rng(1)
a, want = r.integers(0, 40, 5000), {}
b = np.where(r.random(5000) < 0.7, a // 3, r.integers(0, 14, 5000))
b[::50] = -1
np.save("a", a), np.savetxt("b.txt", b, "%d")
with h5py.File("c.h5", "w") as f:
    f["labels"] = (7 - b).astype("i4")
def scores(a, b):
    f1, met, found = [], set(), np.unique(a)
    for c in found: # by the definition
        of = b[a == c]
        names, counts = np.unique(of, return_counts=True)
        sizes = np.array([(b == x).sum() for x in names])
        best = min(range(len(names)), key=lambda i: (-counts[i], sizes[i], names[i]))
        p, q = counts[best] / len(of), counts[best] / sizes[best]
        f1.append(2 * p * q / (p + q))
        met.add(names[best])
    cover, extra = len(met) / len(np.unique(b)), len(found) / len(met)
    return dict(nmi=normalized_mutual_info_score(a, b), ari=adjusted_rand_score(a, b),
                nf1=np.mean(f1) * cover / extra, f1=np.mean(f1), coverage=cover, redundancy=extra)
json.dump({"all": scores(a, b), "some": scores(a[b != -1], b[b != -1])}, open("want", "w"))
END
"$python" make.py || fail "the inputs cannot be made"

close() { # WHICH
    "$python" - "$1" <<'END' || fail "$1: not the scores of scikit-learn"
import json, sys
got, want = json.load(open("out")), json.load(open("want"))[sys.argv[1]]
for name, value in want.items():
    assert abs(got[name] - value) <= 1e-12, (name, got[name], value)
END
    checks=$((checks + 1))
}

expect 0 "all" ranks 1 clusters-eval a.npy b.txt --json && close all
first=$(lasting out)
expect 0 "on two ranks, renamed" ranks 2 clusters-eval a.npy c.h5:/labels --json && close all
expect_equal "on two ranks" "$(lasting out)" "$first"
expect 0 "some" ranks 1 clusters-eval a.npy b.txt --skip -1 --json && close some
expect_equal "left out" "$(grep -c '"left_out": 100,' out)" 1

head -n 10 b.txt >short.txt
printf '1\n2.5\n' >half.txt
printf '1\n1\n' >ones.txt
: >none.txt
for n in 1 2; do
    expect 3 "of other things" ranks "$n" clusters-eval a.npy short.txt && expect_message "of other things" "10"
    expect 3 "a fraction" ranks "$n" clusters-eval half.txt ones.txt && expect_message "a fraction" "half.txt"
    expect 3 "all left out" ranks "$n" clusters-eval ones.txt ones.txt --skip 1 && expect_message "all left out" "are left"
done
expect 3 "an empty list" ranks 1 clusters-eval none.txt none.txt && expect_message "an empty list" "none.txt"
expect 3 "no list" ranks 1 clusters-eval ones.txt missing.txt && expect_message "no list" "missing.txt"
expect 2 "one list" ranks 1 clusters-eval ones.txt
finish
