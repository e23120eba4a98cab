# Matrices that memory does not hold: with a --memory below their size rows are read anew in every pass,
# and every bit is as of rows in memory, at 1 and 3 ranks.
. "$(dirname "$0")/lib_program.sh" || exit 1
need gram svd transform
need_python
cd "$scratch" || exit 1
"$python" - <<'PY' || exit 1
import numpy as np
r = np.random.default_rng(5)
a = (r.standard_normal((90000, 48)) * np.linspace(3, 0.1, 48) + 0.5).astype("f4")
np.save("a.npy", a)
a[70000, 3] = np.nan
np.save("nan.npy", a)
PY

same() { # DATASET
    "$python" - "$1" <<'PY'
import sys, h5py
a, b = (h5py.File(f, "r")[sys.argv[1]][()] for f in ("in.h5", "out.h5"))
sys.exit(a.tobytes() != b.tobytes() or a.dtype != b.dtype)
PY
}

# The same job in memory and out of it.
both() { # RANKS DATASETS VERB ARGUMENT...
    local d what="${*:3} on $1 ranks"
    expect 0 "$what" ranks "$1" "${@:3}" -o in.h5 --quiet
    expect 0 "$what, out of memory" ranks "$1" "${@:3}" -o out.h5 --quiet --memory "$memory" --json
    local taken
    taken=$("$python" -c 'import json; print(json.load(open("out"))["bytes_per_rank"]["total"])')
    expect_equal "$what: bytes within the limit" yes "$([ "$taken" -le $((${memory%M} << 20)) ] && echo yes || echo "$taken")"
    for d in $2; do
        expect 0 "$what: $d" same "$d"
    done
}
memory=14M # 17 MB of numbers
for n in 1 3; do
    both $n matrix gram a.npy
    both $n "u v singular_values mean" svd a.npy --center --rank 4
done
both 2 matrix gram a.npy --dtype f32
memory=16M
both 1 matrix transform a.npy --scale-rows l2
both 3 matrix transform a.npy --scale-rows l2
both 2 matrix transform a.npy --scale-cols l1 --dtype f64
both 2 matrix transform a.npy --norms l2
expect 0 "transform from .npy to .npy" ranks 2 transform a.npy --scale 2 -o in.npy --quiet
expect 0 "the same out of memory" ranks 3 transform a.npy --scale 2 -o out.npy --quiet --memory 16M
expect_equal "transform from .npy to .npy: bytes" "$(md5sum <in.npy)" "$(md5sum <out.npy)"
both 2 "u v singular_values" svd a.npy --rank 3 --method krylov --tolerance 1e-3

expect 6 "NaN out of memory" ranks 2 svd nan.npy -o bad.h5 --rank 3 --memory 14M
expect_message "NaN out of memory" 'nan.npy: entry \(70001, 4\) is nan'
head -c 9000000 a.npy >cut.npy
expect 3 "what has no logarithm out of memory" ranks 2 transform a.npy --log -o bad.h5 --memory 16M
expect_message "what has no logarithm out of memory" 'only positive numbers have a log'
expect 6 "an overflow out of memory" ranks 2 transform a.npy --scale 1e39 -o bad.h5 --memory 16M
expect 3 "a cut file out of memory" ranks 2 gram cut.npy -o bad.h5 --memory 14M
expect_equal "nothing is left" "" "$(ls bad.h5* 2>/dev/null)"
finish
