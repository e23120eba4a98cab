# kg-predict and kg-neighbors against brute force in numpy, at any number of ranks; bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need kg-predict kg-neighbors
need_python
"$python" -c 'import numpy' 2>/dev/null || skip "$python has no numpy"
model() {
    "$python" "$TRUNNION_SOURCE/tests/cli/kg_eval_model.py" "$@"
}
expect 0 "small graph and models" model make "$scratch" || finish

predict() { # RANKS MODEL ARGUMENT...
    beside "--top 9" "${@:3}"
    ranks "$1" kg-predict "$scratch/$2.h5" "$scratch/graph.h5" "$scratch/questions.tsv" \
        "${usual[@]}" --json --quiet "${@:3}"
}
neighbors() { # RANKS MODEL
    ranks "$1" kg-neighbors "$scratch/$2.h5" "entity 3" "entity 650" --top 9 --json --quiet
}

cases="transe_1_0 transh_2_1 transr_2_0 toruse_e_0 distmult_-_0 complex_-_1 rotate_1_1"
for case in $cases; do
    for known in mark exclude; do
        expect 0 "$case $known" predict 2 "$case" --known "$known"
        cp "$scratch/out" "$scratch/$case.$known.json"
    done
    expect 0 "$case neighbors" neighbors 2 "$case"
    cp "$scratch/out" "$scratch/$case.near.json"
done
# shellcheck disable=SC2086 # a list of words
expect 0 "brute force" model predict "$scratch" $cases

case=transr_2_1
expect 0 "1 rank" predict 1 "$case" && lasting "$scratch/out" >"$scratch/one"
expect 0 "neighbors, 1 rank" neighbors 1 "$case" && lasting "$scratch/out" >"$scratch/near"
expect 0 "2 threads" predict 1 "$case" --threads 2
lasting "$scratch/out" >"$scratch/now"
expect 0 "2 threads: the answers" cmp "$scratch/one" "$scratch/now"
head -n 6 "$scratch/questions.tsv" >"$scratch/few.tsv" # of all kinds
long() { # RANKS K
    ranks "$1" kg-predict "$scratch/$case.h5" "$scratch/graph.h5" "$scratch/few.tsv" -k "$2" --json --quiet
}
expect 0 "a list of all entities" long 1 1100 # longer than those of relations
lasting "$scratch/out" >"$scratch/all"
expect 0 "that on 2 ranks" long 2 1100
lasting "$scratch/out" >"$scratch/now"
expect 0 "a list of all entities, 2 ranks" cmp "$scratch/all" "$scratch/now"
expect 2 "a list longer than all answers" long 1 1101
expect_message "a list longer than all answers" '--top: 1101 is too many: .*1100 entities.*give at most 1100'
expect 2 "more neighbours than there are" ranks 1 kg-neighbors "$scratch/$case.h5" "entity 3" -k 1100
expect_message "more neighbours than there are" 'give at most 1099'
for n in 2 3 4 7; do
    expect 0 "$n ranks" predict "$n" "$case"
    lasting "$scratch/out" >"$scratch/now"
    expect 0 "$n ranks: the answers" cmp "$scratch/one" "$scratch/now"
    expect 0 "neighbors, $n ranks" neighbors "$n" "$case"
    lasting "$scratch/out" >"$scratch/now"
    expect 0 "$n ranks: the neighbours" cmp "$scratch/near" "$scratch/now"
done

bad() { # WHAT PATTERN LINE
    printf '%b\n' "$3" >"$scratch/questions.tsv"
    expect 3 "$1" predict 2 "$case" && expect_message "$1" "$2"
}
bad "unknown entity" "questions.tsv:1: entty 5: no such entity.*did you mean 'entity 5'" \
    'entty 5\trelation/1\t?'
bad "unknown relation" "questions.tsv:2: relation/9: no such relation" \
    'entity 5\trelation/1\t?\nentity 5\trelation/9\t?'
bad "nothing asked" "exactly one" 'entity 5\trelation/1\tentity 3'
bad "two things asked" "exactly one" '?\trelation/1\t?'
bad "too few fields" "between tabs" 'entity 5\t?'
bad "too many fields" "between tabs" 'entity 5\trelation/1\t?\t1'
bad "no question" "no question" ''
expect 3 "unknown neighbour" ranks 2 kg-neighbors "$scratch/$case.h5" "entity 1100" &&
    expect_message "unknown neighbour" "entity 1100: no such entity"
finish
