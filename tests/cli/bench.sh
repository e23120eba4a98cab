# Every benchmark, small: each case that it should try is there and PASSED, on one rank and on three;
# what must not depend on the ranks does not; nothing is left behind; wrong arguments are told.
. "$(dirname "$0")/lib_program.sh" || exit 1
need_python
work=$scratch/work
mkdir "$work"
cd "$work" || exit 1
make_corpus "$scratch/corpus.txt" 200
frequent=$(tr ' ' '\n' <"$scratch/corpus.txt" | sort | uniq -c | awk '$1 >= 5 { sum += $1 } END { print sum }')

# A Python expression over `cases` of the last benchmark's result.
holds() { # WHAT EXPRESSION
    checks=$((checks + 1))
    "$python" - "$scratch/out" "$2" <<'END_PYTHON' || fail "$1: $2"
import json, sys
result = json.load(open(sys.argv[1]))
cases = result["cases"]
sys.exit(not eval(sys.argv[2]))
END_PYTHON
}

bench() { # RANKS CASES ARGUMENT...
    what="bench ${*:3} on $1 ranks"
    expect 0 "$what" ranks "$1" bench "${@:3}" --json --quiet || return
    holds "$what" "[c['verdict'] for c in cases] == ['PASSED'] * $2"
    expect_only "$what" "$work"
}

for n in 1 3; do
    bench $n $((n == 1 ? 2 : 3)) comm --max-bytes 64 --repeats 1
    bench $n 1 cooccur "$scratch/corpus.txt" --repeats 2 --window 2 --vocab-size 0
    holds "$what" "cases[0]['tokens'] == $frequent"
    bench $n 1 gemm 40x50x60 --repeat 1 --shared --layout rows
    bench $n 2 gemm 40x50x60 7x1x1e2 --repeat 1 --ops TT --algorithm cannon3d --dtype f32
    bench $n 2 gram --rows 500 --cols 20 --repeats 1
    bench $n 2 gram --rows 500 --cols 20 --repeats 1 --dtype f32
    bench $n 1 propagate --users 2000 --items 500 --edges 9000 --dim 20 --repeats 1
    [ $n = 1 ] && edges=$("$python" -c "import json, sys; print(json.load(sys.stdin)[\"cases\"][0][\"edges\"])" <"$scratch/out")
    holds "$what" "cases[0]['edges'] == $edges"
    bench $n 4 store --size 1M --repeats 1 --no-fsync
    bench $n 4 store --size 1M --repeats 1
    bench $n 1 swivel --words 300 --dim 8 --shard-size 64 --repeats 2
    for how in "" --boolean "--phases 2 --dtype f32" "--exponent .5 --memory 32M"; do
        # shellcheck disable=SC2086 # a list of words
        bench $n 1 spgemm --rows 200 --nonzeros 900 --repeats 1 $how
        counts=$("$python" -c 'import json, sys
c = json.load(sys.stdin)["cases"][0]; print(c["nnz"], c["flops"], c["nnz_out"])' <"$scratch/out")
        [ $n = 1 ] && echo "$counts" >"$scratch/counts$how"
        expect_equal "$what: entries and flops" "$counts" "$(cat "$scratch/counts$how")"
    done
done
bench 1 7 kg --entities 50 --relations 3 --dim 8 --batch 20
bench 2 1 kg --model rotate --entities 50 --relations 3 --dim 8 --batch 20

# Rivals, where the program was built with them.
against() { # PATTERN CASES ARGUMENT...
    if ranks 1 bench "${@:3}" --json --quiet 2>&1 | grep -q "built without"; then
        echo "not checked: ${*:3}, which the program was built without"
    else
        bench 1 "$2" "${@:3}"
        holds "$what" "'$1' in str(cases)"
    fi
}
against pgemm 3 gemm 40x50x60 --repeat 1 --against all --ops TN --layout blockcyclic --block 8
against graphblas 3 spgemm --rows 200 --nonzeros 900 --repeats 1 --against graphblas
against graphblas 3 spgemm --rows 200 --nonzeros 900 --repeats 1 --against graphblas --boolean
against graphblas 2 spmm --rows 200 --nonzeros 900 --dim 4 --repeats 1 --against graphblas

# Forecasts touch nothing; --ranks asks for other numbers of ranks.
for name in "gemm 40x50x60" cooccur gram kg spgemm spmm store swivel; do
    file=()
    [ "$name" = cooccur ] && file=("$scratch/corpus.txt")
    # shellcheck disable=SC2086 # a list of words
    expect 0 "bench $name --dry-run" ranks 1 bench $name "${file[@]}" --dry-run --quiet
    expect_only "bench $name --dry-run" "$work"
done
expect 0 "bench gemm --ranks" ranks 1 bench gemm 40x50x60 --dry-run --ranks 1-3,64 --json --quiet
holds "bench gemm --ranks" "[c['P'] for c in cases] == [1, 2, 3, 64]"
echo "8x8x8 9x9x9" >"$scratch/shapes"
bench 2 3 gemm 7x7x7 --shapes "$scratch/shapes" --repeat 1

refuse() { # PATTERN ARGUMENT...
    expect 2 "bench ${*:2}" ranks 1 bench "${@:2}" && expect_message "bench ${*:2}" "$1"
}
refuse 'SHAPE: none given' gemm
refuse '40x50: not a shape' gemm 40x50
refuse '0x10x10x10: not a shape' gemm 0x10x10x10
refuse '\-\-ranks: 4-1' gemm 4x4x4 --dry-run --ranks 4-1
refuse '\-\-ranks: zwei' gemm 4x4x4 --dry-run --ranks zwei
refuse '\-\-grid: ' gemm 4x4x4 --layout blockcyclic --grid 3x3
refuse "\-\-model: .*'transq'" kg --model transq
finish
