# kg-eval against brute force in numpy for every model and norm, with and without reciprocal
# relations; one answer at any number of ranks and threads; a constant scorer; bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need kg-eval
need_python
"$python" -c 'import numpy' 2>/dev/null || skip "$python has no numpy"
model() {
    "$python" "$TRUNNION_SOURCE/tests/cli/kg_eval_model.py" "$@"
}
graph=$scratch/graph.h5
expect 0 "small graph and models" model make "$scratch" || finish

evaluate() { # RANKS MODEL ARGUMENT...
    ranks "$1" kg-eval "$scratch/$2.h5" "$graph" --json --quiet "${@:3}"
}
answer() {
    lasting "$scratch/out"
}

# Every case on 2 ranks, then all answers against brute force at once.
for case in $(model cases); do
    expect 0 "$case" evaluate 2 "$case" --raw --per-relation --per-side || continue
    cp "$scratch/out" "$scratch/$case.json"
done
# shellcheck disable=SC2046 # a list of words
expect 0 "brute force" model check "$scratch" $(model cases)

for case in transe_2_0 toruse_e_1 transr_2_1 complex_-_1; do
    two=$(lasting "$scratch/$case.json")
    counts="1 7"
    [ $case = complex_-_1 ] && counts="1 3 4 7"
    for n in $counts; do
        expect 0 "$case, $n ranks" evaluate "$n" "$case" --raw --per-relation --per-side
        expect_equal "$case, $n ranks: the answer" "$(answer)" "$two"
    done
    expect 0 "$case, 3 threads" evaluate 2 "$case" --raw --per-relation --per-side --threads 3
    expect_equal "$case, 3 threads: the answer" "$(answer)" "$two"
done

# One score for all: in the middle, not first.
figure() { # NAME
    "$python" -c 'import json, sys; print("%.9f" % json.load(open(sys.argv[1]))[sys.argv[2]])' \
        "$scratch/out" "$1"
}
expect 0 "constant scorer" evaluate 3 constant --raw
expect_equal "constant scorer: optimistic" "$(figure mrr_optimistic)" 1.000000000
expect_equal "constant scorer: mean rank" "$(figure raw_mean_rank)" 550.500000000
expect_equal "constant scorer: MRR" "$(figure raw_mrr)" "$(awk 'BEGIN {printf "%.9f", 1 / 550.5}')"

for split in train valid; do
    expect 0 "split $split" evaluate 2 distmult_-_0 --split "$split"
done

# Bad input.
bad() { # WHAT PATTERN MODEL GRAPH
    expect 3 "$1" ranks 2 kg-eval "$scratch/$3.h5" "$scratch/$4.h5" && expect_message "$1" "$2"
}
bad "a model of another graph" "another graph" transe_2_0 other
bad "not a number" "/entity/values: row 33, column 2: not finite" nan graph
bad "no test triples" "test.*no triples" transe_2_0 untested
bad "an unknown norm" "norm" norm graph
bad "an unknown model" "nothing" unknown graph
bad "a graph for a model" "kind" graph graph
bad "a missing model" "nowhere.h5" nowhere graph
expect 0 "--dry-run" evaluate 2 transr_2_1 --dry-run
expect_equal "--dry-run: bytes" yes "$(grep -q '"bytes_per_rank"' "$scratch/out" && echo yes)"
finish
