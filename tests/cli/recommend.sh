# recommend: the program on files of numbers and names, lists and pairs, plain and compressed, at 1 and 3
# ranks: the same bytes; lists against the definition; metrics by hand; what it refuses.
. "$(dirname "$0")/lib_program.sh" || exit 1
need recommend
need_python
cd "$scratch" || exit 1
"$python" - <<'PY' || exit 1
import gzip, numpy as np
r = np.random.default_rng(5)
taste, kind = r.integers(0, 6, 1400), r.integers(0, 6, 900)
def lines(users, share):
    out = []
    for u in users:
        weight = np.where(kind == taste[u], 8.0, 1.0) / (np.arange(900) + 30)
        out.append((u, r.choice(900, 1 + int(share * (3 + u % 17)), replace=False, p=weight / weight.sum())))
    return out
train, test = lines(range(1400), 1), lines(range(0, 1400, 2), .5)
def write(path, rows, name=str, item=str):
    with open(path, "w") as f:
        for u, v in rows:
            f.write(" ".join([name(u)] + [item(x) for x in v]) + "\n")
write("train.txt", train); write("test.txt", test)
write("train_names.txt", train, "user{}".format, "item{}".format)
write("test_names.txt", test, "user{}".format, "item{}".format)
with open("train.pairs", "w") as f:
    f.write("# user, item, time\nuser,item,time\n\n")
    f.writelines(f"{u},{x},{9 * x}\n" for u, v in train for x in v)
gzip.open("train.txt.gz", "wt").write(open("train.txt").read())
PY
printf '0 0 1 2\n' >one_user.txt

# What a run gives is that of the first, whatever the ranks and the threads.
alike() { # WHAT RANKS ARGUMENT...
    rm -f r.h5
    expect 0 "$1 on $2 ranks" ranks "$2" recommend "${@:3}" -o r.h5 --json --quiet
    now=$(digest r.h5 /users /ids /scores; lasting out | grep -v output)
    [ -n "${of[$1]:-}" ] || of[$1]=$now
    expect_equal "$1 on $2 ranks: ${*:3}" "$now" "${of[$1]}"
}
declare -A of
all=(--test test.txt --rank 12 -k 7 --ngcf-ndcg)
alike gfcf 1 --train train.txt "${all[@]}"
cp r.h5 gfcf.h5
cp out gfcf.json
alike gfcf 3 --train train.txt.gz "${all[@]}" --threads 2
alike linear 1 --train train.txt --method linear -k 7
cp r.h5 linear.h5
alike linear 3 --train train.pairs --method linear -k 7 --layout pairs --extra-columns --memory 40M

# Trained embeddings: their inner products are the scores; a stopped training goes on, elsewhere too.
trained=(--test test.txt --method lightgcn --dim 16 --epochs 6 --batch 2000 --negatives 4 --look 2 -k 7)
of[lightgcn]=
gcn() { # RANKS ARGUMENT...
    expect 0 "lightgcn on $1 ranks" ranks "$1" recommend "${@:2}" "${trained[@]}" -o gcn.h5 --json --quiet
    now=$(digest gcn.h5 /user /item /users /ids /scores; lasting out | grep -v output)
    [ -n "${of[lightgcn]}" ] || of[lightgcn]=$now
    expect_equal "lightgcn on $1 ranks: ${*:2}" "$now" "${of[lightgcn]}"
    expect_equal "checkpoint removed" "$(ls gcn.h5*)" gcn.h5
}
gcn 1 --train train.txt
cp gcn.h5 gcn1.h5
cp out gcn.json
rm gcn.h5
gcn 3 --train train.txt.gz --threads 2
rm gcn.h5
stopped() { # RANKS
    ranks "$1" recommend --train train.txt "${trained[@]}" -o gcn.h5 --json --quiet --time-limit 0.001 >out 2>err
    expect_equal "stopped at once" "$? $(grep -c 'holds the state' err)" "85 1"
}
stopped 2
stopped 1
gcn 3 --train train.txt --resume must
expect 0 "scores are inner products" "$python" - <<'PY'
import h5py, json, numpy as np
h, j = h5py.File("gcn1.h5"), json.load(open("gcn.json"))
user, item, ids = h["user"][()], h["item"][()], h["ids"][()]
assert user.shape == (1400, 16) and item.shape == (900, 16)
assert np.allclose(np.einsum("ud,ukd->uk", user, item[ids]), h["scores"][()], atol=1e-5)
assert j["epochs"] <= 6 and 0 < j["held_out"] < 1000 and j["recall"] > .05, j
PY
# NGCF, by both adjacencies; three rows of blocks of users, so that three ranks have some.
for how in mean sym; do
    for n in 1 3; do
        rm -f ngcf.h5
        expect 0 "ngcf on $n ranks" ranks "$n" recommend --train train.txt --test test.txt --method ngcf --adjacency $how --dim 8 --layers 2 \
            --epochs 4 --batch 2000 --learning-rate 0.01 -o ngcf.h5 --json --quiet
        now=$(digest ngcf.h5 /user /item /ids /scores; lasting out | grep -v output)
        [ $n = 1 ] && of[ngcf]=$now
        expect_equal "ngcf $how on $n ranks" "$now" "${of[ngcf]}"
    done
done
expect 3 "nothing to learn from" "$TRUNNION" recommend --train one_user.txt --method lightgcn -o p.h5 --quiet
expect_equal "nothing to learn from" "$(grep -c 'nothing to learn' err)" 1
expect 2 "an option of another method" "$TRUNNION" recommend --train train.txt --layers 2 -o p.h5 --quiet
expect 2 "a checkpoint of what has none" "$TRUNNION" recommend --train train.txt --checkpoint c.h5 -o p.h5 --quiet

expect 0 "names" ranks 3 recommend --train train_names.txt --test test_names.txt --method linear -k 7 -o named.h5 --quiet
expect 0 "lowpass" "$TRUNNION" recommend --train train.txt --test test.txt --method lowpass --rank 12 -k 7 -o low.h5 --quiet
expect 0 "by the definition" "$python" - <<'PY'
import h5py, json, numpy as np
def read(path):
    R = np.zeros((1400, 900))
    for line in open(path):
        u, *v = map(int, line.split())
        R[u, v] = 1
    return R
R, T = read("train.txt"), read("test.txt")
du, di = R.sum(1), R.sum(0)
f = lambda d, p: np.where(d > 0, np.maximum(d, 1) ** p, 0)
Rn = f(du, -.5)[:, None] * R * f(di, -.5)
U, s, Vt = np.linalg.svd(Rn, full_matrices=False)
V = Vt[:12].T
linear = R @ Rn.T @ Rn
low = (R * f(di, -.5)) @ V @ V.T * f(di, .5)
def check(path, S):
    h = h5py.File(path)
    S = np.where(R > 0, -np.inf, S)
    ids, scores = h["ids"][()], h["scores"][()]
    best = -np.sort(-S, 1)[:, :7]
    assert np.allclose(scores, best, rtol=2e-6, atol=2e-7), np.abs(scores - best).max()
    assert np.allclose(np.take_along_axis(S, ids, 1), best, rtol=2e-6, atol=2e-7)
    assert all(len(set(i)) == 7 for i in ids) and (h["users"][()] == np.arange(1400)).all()
    return ids
check("linear.h5", linear)
check("low.h5", low)
ids = check("gfcf.h5", linear + .3 * low)
assert np.allclose(h5py.File("gfcf.h5")["singular_values"][()], s[:12], atol=1e-9)
hit = np.take_along_axis(T, ids, 1)
gain, n = 1 / np.log2(np.arange(2, 9)), T.sum(1)
asked = n > 0
ideal = np.array([gain[:int(min(7, m))].sum() for m in n[asked]])
own = np.array([gain[:int(m)].sum() for m in hit.sum(1)[asked]])
got = (hit * gain).sum(1)[asked]
j = json.load(open("gfcf.json"))
assert j["test_users"] == asked.sum() and j["coverage"] == len(set(ids.ravel())) / 900 and j["rank"] == 12
for name, want in [("recall", (hit.sum(1)[asked] / n[asked]).mean()), ("precision", hit[asked].sum() / 7 / asked.sum()),
                   ("ndcg", (got / ideal).mean()), ("ndcg_ngcf", np.where(own > 0, got / np.maximum(own, 1e-9), 0).mean())]:
    assert abs(j[name] - want) < 1e-12, (name, j[name], want)
named = h5py.File("named.h5")
user, item = (np.char.decode(named[n][()].astype("S")) for n in ("user_names", "item_names"))
plain = h5py.File("linear.h5")
for r, u in enumerate(named["users"][()]):
    mine = plain["ids"][int(user[u][4:])]
    theirs = [int(x[4:]) for x in item[named["ids"][r]]]
    S = linear[int(user[u][4:])]
    assert np.allclose(S[mine], S[theirs], rtol=1e-5)
PY

# Users who are asked for, by number and by name.
printf '1399\n3\n\n3\n' >ids.txt
printf 'user3\nuser1399\n' >names.txt
expect 0 "users of a list" ranks 3 recommend --train train.txt --method linear -k 7 --users ids.txt -o some.h5 --quiet
expect 0 "named users" "$TRUNNION" recommend --train train_names.txt --method linear -k 7 --users names.txt -o some_names.h5 --quiet
expect 0 "users on the line" "$TRUNNION" recommend --train train_names.txt --method linear -k 7 --user user1399 user3 -o some_named.h5 --quiet
expect 0 "their lists" "$python" - <<'PY'
import h5py
all, some = h5py.File("linear.h5"), h5py.File("some.h5")
assert some["users"][()].tolist() == [3, 1399]
assert (some["ids"][()] == all["ids"][()][[3, 1399]]).all() and (some["scores"][()] == all["scores"][()][[3, 1399]]).all()
a, b = h5py.File("some_names.h5"), h5py.File("some_named.h5")
assert [a["user_names"][u].decode() for u in a["users"]] == ["user3", "user1399"] and (a["ids"][()] == b["ids"][()]).all()
PY

# Popularity by hand: items 0 1 2 3 have 3 2 2 1 users; user 3 has all, user 4 only what is to test, and
# nobody has item 4. Repeated items and items of both files are counted, empty lines are fine.
printf '0 0 1 1\n\n1 0\n2 1 2\n3 0 2 3\n' >few.txt
printf '0 2 4\n3 4\n4 3\n2\n1 0\n' >few_test.txt
expect 0 "popularity" ranks 3 recommend --train few.txt --test few_test.txt --method popularity -k 3 -o p.h5 --json
expect_equal "warnings" "$(grep -c 'warn \[0\] recommend' err) $(grep -c 'warn' err)" "4 4"
expect 0 "popularity by hand" "$python" - <<'PY'
import h5py, json, math
h, j = h5py.File("p.h5"), json.load(open("out"))
assert h["ids"][()].tolist() == [[2, 3, 4], [1, 2, 3], [0, 3, 4], [1, 4, -1], [0, 1, 2]], h["ids"][()]
assert h["scores"][()][4].tolist() == [3, 2, 2] and h["scores"][()][3][1:].tolist() == [0, -math.inf]
# hits: user 0 both, at places 1 and 3; user 1 none (the item is learned from); user 3 at place 2; user 4 none
second = 1 / math.log2(3)
assert abs(j["recall"] - 2 / 4) < 1e-15 and abs(j["precision"] - 1 / 4) < 1e-15
assert abs(j["ndcg"] - ((1 + .5) / (1 + second) + second) / 4) < 1e-15
assert (j["repeated"], j["in_both"], j["lists_by_popularity"], j["items_without_users"], j["test_users"]) == (1, 1, 1, 1, 4)
assert j["coverage"] == 1 and j["interactions"] == 8 and j["test_interactions"] == 5
PY
expect 0 "fewer vectors than asked for by default, more items than there are" "$TRUNNION" recommend --train few.txt -k 9 -o p.h5 --json --quiet
expect_equal "rank" "True" "$("$python" -c 'import json; print(json.load(open("out"))["rank"] <= 4)')"
# Ratings: 0 and those below 3 do not count, nor do users and items go that have no others.
printf 'user,item,stars\na,x,5\na,y,2\nb,x,3\nb,z,0\nb,y,4\nc,z,1\n' >stars.csv
printf '%%%%MatrixMarket matrix coordinate real general\n3 3 6\n1 1 5\n1 2 2\n2 1 3\n2 3 0\n2 2 4\n3 3 1\n' >stars.mtx
for file in stars.csv stars.mtx; do
    expect 0 "ratings of $file" "$TRUNNION" recommend --train "$file" --weighted --least 3 --method popularity -k 2 -o p.h5 --json --quiet
    expect_equal "ratings of $file" "3 3 3 3 [[1, 2], [2, -1], [0, 1]]" "$("$python" -c '
import h5py, json
j = json.load(open("out"))
print(j["users"], j["items"], j["interactions"], j["light"], h5py.File("p.h5")["ids"][()].tolist())')"
done
printf '0 0\n' >one.txt
for method in gfcf linear lowpass popularity; do
    expect 0 "one user, one item: $method" "$TRUNNION" recommend --train one.txt --test one.txt --method "$method" -k 2 -o p.h5 --quiet
done

mkdir left
bad() { # CODE PATTERN RANKS ARGUMENT...
    expect "$1" "recommend ${*:4} on $3 ranks" ranks "$3" recommend "${@:4}" -o left/r.h5
    expect_message "recommend ${*:4}" "$2"
    expect_only "recommend ${*:4}" left
}
printf 'user3\nnobody\n' >unknown.txt
printf '\n\n' >blank.txt
printf "5\n7\n" >alone.txt
printf '0 1\n1 2 x\n' >mixed.txt
printf '0 1\n1 -2\n' >negative.txt
printf '0 1\n1 2147483648\n' >huge.txt
printf '0 1 5\n1 2 5\n' >three.txt
printf '0 1 5\n1 2 -5\n' >below.txt
printf '0 1 5\n1 2 nan\n' >nan.txt
: >empty.txt
bad 3 'ids.txt:1: .1399. is no user of the files, who have numbers from 0 to 3' 3 --train few.txt --users ids.txt
bad 3 'unknown.txt:2: .nobody. is no user' 3 --train train_names.txt --users unknown.txt
bad 3 '--user: .-1. is no user' 1 --train few.txt --user=-1
bad 3 'blank.txt: no users' 1 --train few.txt --users blank.txt
bad 3 'alone.txt: holds no edges' 1 --train alone.txt
bad 3 'empty.txt' 1 --train empty.txt
bad 3 'missing.txt' 3 --train missing.txt
bad 3 'missing.txt' 1 --train few.txt --test missing.txt
bad 3 'mixed.txt:2' 1 --train mixed.txt --ids numbers
bad 3 'negative.txt:2' 1 --train negative.txt --ids numbers
bad 3 'huge.txt:2' 1 --train huge.txt
bad 3 'three.txt' 1 --train three.txt
bad 3 'three.txt:1' 1 --train three.txt --layout pairs
bad 3 'below.txt:2' 3 --train below.txt --weighted
bad 3 'nan.txt:2' 1 --train nan.txt --weighted
bad 3 'three.txt: no user has an item' 3 --train three.txt --weighted --least 6
bad 3 'stars.mtx: is not text' 1 --train stars.mtx --test stars.mtx
bad 2 '--least' 1 --train few.txt --least 3
bad 2 '--rank: ' 1 --train few.txt --rank 9
bad 2 '--ngcf-ndcg' 1 --train few.txt --ngcf-ndcg
bad 2 '--mix' 1 --train few.txt --method linear --mix 1
bad 2 '--user' 1 --train few.txt --users ids.txt --user 3
bad 4 'memory' 1 --train train.txt --memory 1M
bad 6 'residual' 1 --train train.txt --rank 40 --max-steps 2
expect 0 "dry run" "$TRUNNION" recommend --train train.txt --dry-run --ranks 1-3,64 --json -o left/r.h5 --quiet
expect_only "dry run" left

# The published data, where they are: scores of the float64 reference, rank 32.
data=$TRUNNION_SOURCE/../shared/data
if [ -e "$data/golden/gfcf_gowalla_r32_step20.json" ]; then
    limit=100
    seq 0 20 380 >known.txt
    expect 0 "Gowalla" "$TRUNNION" recommend --users known.txt --train "$data/graph/gowalla_train.txt.gz" --test "$data/graph/gowalla_test.txt.gz" \
        --rank 32 -o g.h5 --json --quiet
    expect 0 "scores of the reference" "$python" - "$data/golden/gfcf_gowalla_r32_step20.json" <<'PY'
import h5py, json, numpy as np, sys
gold, h, j = json.load(open(sys.argv[1])), h5py.File("g.h5"), json.load(open("out"))
ids, scores = h["ids"][()], h["scores"][()]
for u, (i, s) in gold["gfcf"]["top20"].items():
    s = np.array(s)
    row = int(u) // 20
    assert np.allclose(scores[row], s, rtol=1e-6, atol=0), u
    for place in np.flatnonzero(ids[row] != i): # only among scores that are equal to rounding
        assert min(abs(s[max(place - 1, 0)] - s[place]) if place else 1, abs(s[place] - s[min(place + 1, 19)]) if place < 19 else 1) < 2e-6 * s[place]
for k, v in gold["singular_values"].items():
    assert abs(h["singular_values"][int(k) - 1] - v) < 1e-10
assert (j["users"], j["items"], j["interactions"], j["test_interactions"]) == (29858, 40981, 810128, 217242)
PY
else
    [ "$failures" -gt 0 ] || skip "$data has no golden results; $checks checks passed"
fi
finish
