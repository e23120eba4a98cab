# `fit` and `apply`: maps of files of any format as NumPy makes them, joined and turned round, the same
# bytes at any number of ranks and out of core; names stay; what does not fit is refused in one line.
. "$(dirname "$0")/lib_program.sh" || exit 1
need fit apply convert
python=/usr/bin/python3
"$python" -c 'import h5py, numpy' 2>/dev/null || skip "$python lacks h5py or numpy"
cd "$scratch" || exit 1

"$python" - <<'END'
import numpy as np
random = np.random.default_rng(7)
x = random.normal(size=(9000, 24)) @ random.normal(size=(24, 24)) + 4
np.save("x.npy", x)
np.save("x32.npy", x.astype("f4"))
np.save("narrow.npy", x[:, :5])
np.save("fewer.npy", x[:400])
y = np.arange(9000) % 6 // 2
np.savetxt("labels.txt", y, fmt="%d")
np.save("z.npy", np.arange(9000) % 6 % 2)
np.save("one.npy", np.ones(9000, "i8"))
np.save("few.npy", random.normal(size=(3, 24)))
np.save("alone.npy", x[:1])
np.save("flat.npy", np.full((300, 3), 0.1))
np.save("empty.npy", np.zeros((0, 24)))
x[7, 3] = x[8, 2] = np.nan
np.save("nan.npy", x)
x[7:9] = 0
x[:, 9] = x[:, 2] - 2 * x[:, 1]
np.save("dependent.npy", x)
np.save("huge.npy", x * 1e200)
np.save("large.npy", random.normal(size=(60000, 96)).astype("f4"))
with open("words", "w") as f:
    print(*(f"w{i}" for i in range(9000)), sep="\n", file=f)
END
expect 0 "words" ranks 1 convert x32.npy x.h5 --vocab words
expect 0 "a third format" ranks 1 convert x32.npy x.safetensors

# The same bytes on any number of ranks, and from any format; with little memory ------------------------
same() { # WHAT FILE FILE
    expect_equal "$1" "$(sha256sum <"$2")" "$(sha256sum <"$3")"
}
for n in 1 3 7; do
    from=(- x32.npy - x.h5 - - - x.safetensors)
    expect 0 "fit at $n" ranks "$n" fit whiten "${from[n]}" -o "w$n.h5" --threads "$((n % 2 + 1))"
    expect 0 "apply at $n" ranks "$n" apply "w$n.h5" "${from[n]}" -o "y$n.npy" --loglik "l$n.npy"
done
for n in 3 7; do
    same "rows at $n" y1.npy "y$n.npy"
    same "log-likelihoods at $n" l1.npy "l$n.npy"
done
# 60000 x 96 numbers are 11.5 MB a rank of two as float32.
expect 0 "in memory" ranks 1 fit whiten large.npy -o a.h5
expect 0 "in memory" ranks 1 apply a.h5 large.npy -o a.npy
expect 0 "out of core" ranks 2 fit whiten large.npy -o b.h5 --memory 8M
expect 0 "out of core" ranks 2 apply b.h5 large.npy -o b.npy --memory 8M
same "out of core" a.npy b.npy
expect 0 "two matrices in memory" ranks 1 fit ridge large.npy a.npy -o r1.h5
expect 0 "two matrices out of core" ranks 2 fit ridge large.npy a.npy -o r3.h5 --memory 12M
expect_equal "two matrices" "$(digest r1.h5 /matrix /mean /bias)" \
    "$(digest r3.h5 /matrix /mean /bias)"
expect 0 ridge ranks 1 fit ridge x32.npy narrow.npy -o r1.h5

# Joined, turned round, with names -----------------------------------------------------------------------
expect 0 pca ranks 1 fit pca x.npy --rank 6 -o p.h5
expect 0 "after removal" ranks 1 fit remove few.npy -o m.h5
expect 0 "three maps at once" ranks 3 apply m.h5 w1.h5 p.h5 x.npy -o joined.npy
expect 0 back ranks 3 apply w1.h5 y1.npy --inverse -o back.npy --type f64
expect 0 "the nearest rows" ranks 1 apply p.h5 x.npy -o scores.npy
expect 0 "the nearest rows" ranks 1 apply p.h5 scores.npy --inverse -o nearest.npy
expect_equal "they are not exact" "$(grep -c '^exact *no' out)" 1
expect 0 names ranks 3 apply w1.h5 x.h5 -o named.h5
expect 0 names ranks 1 apply w1.h5 x.h5 -o named.vec
expect_equal "a name" "$(sed -n 3p named.vec | cut -d ' ' -f 1)" w1
expect 0 views ranks 1 fit discriminant x.npy narrow.npy --labels labels.txt --subclasses z.npy \
    --lambda 1 -o v.h5
expect 0 views ranks 3 apply v.h5 x.npy narrow.npy -o views.npy
expect 0 svd ranks 1 svd x.npy --center --rank 6 -o svd.h5
cp out svd.out
expect 0 pca ranks 1 fit pca x.npy --rank 6 -o p.h5
cp out pca.out

cat >check.py <<'END'
import h5py, numpy as np
x, n = np.load("x.npy"), 9000
def load(name):
    with h5py.File(name) as f:
        return {k: f[k][:] for k in f if hasattr(f[k], "shape")}
def near(a, b, most):
    assert abs(a - b).max() <= most, abs(a - b).max()
x32 = np.load("x32.npy").astype("f8")
w, y, l = load("w1.h5"), np.load("y1.npy"), np.load("l1.npy")
assert y.dtype == np.float32 and l.shape == (n, 1)
exact = (x32 - w["mean"]) @ w["matrix"]
near(y, exact, 2e-6)
near(np.cov(exact.T), np.eye(24), 1e-11)
near(l[:, 0], -0.5 * (24 * np.log(2 * np.pi) + (exact ** 2).sum(1)), 1e-10)
near(np.load("back.npy"), x32, 1e-4)
p, m, s = load("p.h5"), load("m.h5"), load("svd.h5")
near(np.load("joined.npy"), (((x @ m["matrix"]) - w["mean"]) @ w["matrix"] - p["mean"]) @ p["matrix"], 1e-9)
near(p["matrix"], s["v"], 1e-11)
near(p["values"], s["singular_values"] ** 2 / (n - 1), 1e-10)
centered = x - x.mean(0)
near(np.load("nearest.npy"), centered @ p["matrix"] @ p["matrix"].T + x.mean(0), 1e-10)
share = s["singular_values"] ** 2 / (centered ** 2).sum()
for name in ("svd.out", "pca.out"):
    lines = open(name).read().split()
    told = lines[lines.index("explained") + 1:][:6]
    near(np.array(told, float), share, 1e-5)
v = load("v.h5")
assert v["views"].tolist() == [24, 5]
near(np.load("views.npy"), (np.hstack([x, x[:, :5]]) - v["mean"]) @ v["matrix"], 1e-10)
END
expect 0 "as NumPy" "$python" check.py

# Refused --------------------------------------------------------------------------------------------------
empty=$scratch/empty
mkdir "$empty"
refused() { # CODE WHAT PATTERN ARGUMENT...
    local n
    for n in ${many:-1 3}; do
        expect "$1" "$2 at $n ranks" ranks "$n" "${@:4}"
        expect_message "$2 at $n ranks" "$3"
        expect_only "$2 at $n ranks" "$empty"
    done
}
to="-o $empty/e.h5"
# shellcheck disable=SC2086 # $to is two words
{
    refused 3 "a number that is none" "nan.npy: row 7, column 3 .from 0. is -?nan" fit whiten nan.npy $to
    refused 3 "the same in apply" "nan.npy: row 7, column 3 .from 0. is -?nan" apply w1.h5 nan.npy $to
    refused 3 "a singular covariance" "24 columns has rank 23 .*--epsilon" fit whiten dependent.npy $to
    many=1
    refused 3 "rows that are all equal" "3 columns has rank 0 .*--epsilon" fit zca flat.npy $to
    refused 3 "a singular ridge" "24 columns is singular, of rank 23; give --lambda" \
        fit ridge dependent.npy x.npy $to
    refused 3 "one row" "has one row" fit pca alone.npy $to
    refused 3 "no rows" "0 x 24: nothing can be fitted" fit pca empty.npy $to
    refused 3 "a rank above the columns" "--rank 25: there are 24 components at most" \
        fit pca x.npy --rank 25 $to
    refused 3 "another number of rows" "fewer.npy: has 400 rows, but .*x.npy has 9000" \
        fit ridge x.npy fewer.npy $to
    refused 3 "labels of other rows" "labels.txt: 9000 numbers, but .*fewer.npy has 400 rows" \
        fit discriminant fewer.npy --labels labels.txt $to
    refused 3 "one class" "all labels are 1" fit discriminant x.npy --labels one.npy $to
    refused 6 "numbers too large" "huge.npy: .*too large" fit whiten huge.npy $to
    refused 3 "another width" "narrow.npy: has 5 columns, but w1.h5 takes 24" apply w1.h5 narrow.npy $to
    refused 3 "maps that do not follow" "w1.h5: takes 24 columns, but p.h5 gives 6" \
        apply p.h5 w1.h5 x.npy $to
    refused 3 "no map" "x.h5: is no map, but of kind embedding" apply x.h5 x.npy $to
    refused 3 "a matrix for a map" "x.npy: is no map; make one with fit" apply x.npy x.npy $to
    refused 3 "a map that is not there" "none.h5: cannot open" apply none.h5 x.npy $to
    refused 3 "no inverse of a removal" "m.h5: has no inverse: its matrix is singular" \
        apply m.h5 x.npy --inverse $to
    refused 3 "no inverse of a ridge" "r1.h5: a ridge of 24 numbers to 5 has no inverse" \
        apply r1.h5 narrow.npy --inverse $to
    refused 3 "a view of another width" "x.npy: has 24 columns, but view 2 of v.h5 has 5" \
        apply v.h5 x.npy x.npy $to
    refused 2 "a kind that is none" "wighten: no such kind" fit wighten x.npy $to
    refused 2 "an option of another kind" "--zca: has no effect on kind pca" fit pca x.npy --zca $to
    refused 2 "too many files" "fit pca: takes E, not 2 files" fit pca x.npy x.npy $to
    refused 2 "no labels" "fit discriminant: give --labels" fit discriminant x.npy $to
    refused 2 "no weight" "fit calibrate: give --lambda" fit calibrate --pairs x.npy x.npy $to
    refused 2 "log-likelihoods of scores" "--loglik: has no effect unless" \
        apply p.h5 x.npy --loglik "$empty/l.npy" $to
    refused 2 "no matrix" "give the matrix behind the maps" apply w1.h5 w1.h5 $to
    refused 4 "too little memory" "--memory: each of 1 ranks? needs [0-9]+ bytes" \
        fit whiten x.npy --memory 100K $to
}
"$python" - <<'END'
import h5py, shutil
shutil.copy("w1.h5", "torn.h5")
with open("torn.h5", "r+b") as f:
    f.seek(h5py.File("w1.h5")["matrix"].id.get_offset() + 40)
    f.write(b"\xff" * 8)
END
refused 3 "a damaged map" "torn.h5:/matrix: rows 0 to 23 are damaged" apply torn.h5 x.npy -o "$empty/e.npy"

# What a dry run says is what is taken ---------------------------------------------------------------------
cat >memory.py <<'END'
import json, sys
plain, dry, idle = (json.load(open(f)) for f in sys.argv[1:])
said, took = dry["bytes_per_rank"]["total"], plain["peak_rss"] - idle["peak_rss"]
assert abs(took - said) <= 0.15 * said + 4e6, (said, took)
END
expect 0 idle ranks 1 gram narrow.npy -o tiny.npy --json && cp out idle.json
expect 0 "a dry run" ranks 1 fit whiten large.npy -o large.h5 --json --dry-run && cp out dry.json
expect 0 "a run" ranks 1 fit whiten large.npy -o large.h5 --json && cp out plain.json
expect 0 "memory of fit" "$python" memory.py plain.json dry.json idle.json
expect 0 "a dry run" ranks 1 apply large.h5 large.npy -o large.h5.npy --json --dry-run && cp out dry.json
expect 0 "a run" ranks 1 apply large.h5 large.npy -o large.h5.npy --json && cp out plain.json
expect 0 "memory of apply" "$python" memory.py plain.json dry.json idle.json
expect 0 "for many ranks" ranks 1 fit whiten large.npy -o no.h5 --dry-run --ranks 1-4,64
finish
