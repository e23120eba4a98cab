# bench spmm: every case passes on any number of ranks, the same matrix is made on all of them, less
# memory changes nothing, and what cannot be done is said before anything is done.
# shellcheck disable=SC2154 # scratch and others are lib_program.sh's
. "$(dirname "$0")/lib_program.sh" || exit 1

cases() { # RANKS OPTIONS...: by, dtype, nnz, d, verdict of every case
    local ranks=$1
    shift
    job -n "$ranks" "$TRUNNION" bench spmm --quiet \
        --rows 500 --nonzeros 9000 --dim 3 40 --repeats 1 "$@" |
        awk '/^TRN/ { print $3, $4, $6, $7, $NF }'
}

one=$(cases 1)
checks=$((checks + 1))
[ "$(echo "$one" | grep -c 'trunnion f32 .* PASSED$')" -eq 2 ] || fail "one rank: $one"
for ranks in 2 3; do
    checks=$((checks + 1))
    [ "$(cases "$ranks")" = "$one" ] || fail "$ranks ranks: $(cases "$ranks"), not $one"
done
checks=$((checks + 1))
[ "$(cases 3 --plan-memory 60K)" = "$one" ] || fail "60K of memory: $(cases 3 --plan-memory 60K)"

refused() { # CODE WORDS RANKS OPTIONS...
    local code=$1 words=$2 ranks=$3 got=0
    shift 3
    job -n "$ranks" "$TRUNNION" bench spmm --quiet \
        --rows 500 --nonzeros 9000 --repeats 1 "$@" >"$scratch/out" 2>"$scratch/err" || got=$?
    checks=$((checks + 1))
    [ "$got" -eq "$code" ] || fail "$*: exit code $got, not $code"
    grep -q -e "$words" "$scratch/err" || fail "$*: $(head -n 1 "$scratch/err")"
}

refused 2 "'x' is no integer" 1 --dim 8 x
refused 2 '--against: ' 2 --dim 8 --against graphblas
refused 4 'memory: a product needs' 2 --dim 8 --plan-memory 1K
finish
