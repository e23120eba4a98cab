# kg-eval --candidates, --types, --sample and --classify, kg-predict --score: against brute force in
# numpy, the same on any number of ranks; options and files that are refused.
. "$(dirname "$0")/lib_program.sh" || exit 1
need kg-eval kg-predict
need_python
"$python" -c 'import numpy' 2>/dev/null || skip "$python has no numpy"
model() {
    PYTHONDONTWRITEBYTECODE=1 "$python" "$TRUNNION_SOURCE/tests/cli/kg_judge_model.py" "$@"
}
expect 0 "small graph, models, files" model make "$scratch" || finish
cd "$scratch" || exit 1

evaluate() { # RANKS MODEL ARGUMENT...
    ranks "$1" kg-eval "$2.h5" graph.h5 --json --quiet "${@:3}"
}
answer() {
    lasting out
}
# Check on 1 rank, hold 3 ranks against it.
check() { # WHAT MODEL COMMAND ARGUMENT...
    expect 0 "$1 $2" "$3" 1 "$2" "${@:4}" || return
    answer >"$1.json"
    expect 0 "$1 $2: brute force" model "$1" "$scratch" "$2" "$1.json"
    expect 0 "$1 $2, 3 ranks" "$3" 3 "$2" "${@:4}"
    expect_equal "$1 $2, 3 ranks: the same" "$(answer)" "$(cat "$1.json")"
}
scores() { # RANKS MODEL
    ranks "$1" kg-predict "$2.h5" graph.h5 whole.tsv --score --calibrate --seed 7 --json --quiet
}
for case in transe_2_0 transr_1_1 complex_-_1; do
    check types $case evaluate --types
    check candidates $case evaluate --candidates candidates.tsv
    check score $case scores
    check classify $case evaluate --classify false.tsv --per-relation --seed 7
done
expect 0 "types on 2 threads" evaluate 1 complex_-_1 --types --threads 2
expect_equal "types on 2 threads: the same" "$(answer)" "$(cat types.json)"
expect 0 "candidates on 2 threads" evaluate 1 complex_-_1 --candidates candidates.tsv --threads 2
expect_equal "candidates on 2 threads: the same" "$(answer)" "$(cat candidates.json)"

# A sample of all entities is all; a sample of a part gives a part of the rank.
figure() { # NAME
    "$python" -c 'import json, sys; print("%.9f" % json.load(open(sys.argv[1]))[sys.argv[2]])' out "$1"
}
expect 0 "all entities" evaluate 1 distmult_-_0
all="$(figure mrr) $(figure hits10) $(figure mean_rank) $(figure queries_with_ties)"
rank=$(figure mean_rank)
for n in 1 3; do
    expect 0 "a sample of all, $n ranks" evaluate $n distmult_-_0 --sample 100000
    expect_equal "a sample of all, $n ranks" "$(figure mrr) $(figure hits10) $(figure mean_rank) \
$(figure queries_with_ties)" "$all"
    expect 0 "a sample of a fifth, $n ranks" evaluate $n distmult_-_0 --sample 220
    figure mrr >sample_$n
    expect_equal "a sample of a fifth, $n ranks: a fifth of the rank" \
        "$(awk -v a="$(figure mean_rank)" -v b="$rank" 'BEGIN { r = (a - 1) / (b - 1) * 5; print (r > .93 && r < 1.07) }')" 1
done
expect 0 "a sample, 1 and 3 ranks" cmp sample_1 sample_3
expect 0 "another seed" evaluate 1 distmult_-_0 --sample 220 --seed 2
expect_equal "another seed, another sample" "$(figure mrr | cmp -s - sample_1; echo $?)" 1

# What is refused.
bad() { # CODE WHAT PATTERN VERB ARGUMENT...
    expect "$1" "$2" ranks 2 "$4" complex_-_1.h5 graph.h5 "${@:5}" && expect_message "$2" "$3"
}
bad 2 "two kinds of candidates" '--sample: give either this or --candidates' kg-eval --sample 5 \
    --candidates candidates.tsv
bad 2 "classes and types" '--types: give either this or --classify' kg-eval --types --classify false.tsv
bad 2 "raw ranks of a sample" '--raw: give either this or --sample' kg-eval --raw --sample 5
bad 2 "a split of given questions" '--split: give either this or --candidates' kg-eval --candidates candidates.tsv --split test
bad 2 "a seed for nothing" '--seed: has no effect without --sample or --classify' kg-eval --seed 4
bad 2 "a header of no file" '--header: has no effect without --candidates or --classify' kg-eval --header
bad 2 "--calibrate of questions" '--calibrate: has no effect without --score' kg-predict whole.tsv --calibrate
bad 2 "a list of scores" '--top: give either this or --score' kg-predict whole.tsv --score --top 3
bad 3 "whole triples unasked" 'whole.tsv:1: exactly one .*--score scores whole' kg-predict whole.tsv
printf 'entity 1\trelation/1\t?\n' >open.tsv
bad 3 "a question to score" "open.tsv:1: a '\?' stands in a triple" kg-predict open.tsv --score
lines() { # FILE LINE...
    printf '%b\n' "${@:2}" >"$1"
}
good='entity 1\trelation/1\t?\tentity 2\tentity 3'
lines c.tsv "$good" '' 'entity 1\trelation/1\tentity 4\tentity 2\tentity 3'
bad 3 "nothing asked" 'c.tsv:3: must be head, relation, tail' kg-eval --candidates c.tsv
lines c.tsv "$good" '?\trelation/1\t?\tentity 2\tentity 3'
bad 3 "both asked" "c.tsv:2: '\?' stands for both" kg-eval --candidates c.tsv
lines c.tsv "$good" 'entity 1\trelation/1\t?\tentity 2'
bad 3 "no candidates" 'c.tsv:2: must be head' kg-eval --candidates c.tsv
lines c.tsv "$good" 'entity 1\trelation/1\t?\tentity 2\t \tentity 3'
bad 3 "a blank candidate" 'c.tsv:2: column 5 is empty' kg-eval --candidates c.tsv
lines c.tsv "$good" 'entity 1\trelation/1\t?\tentity 2\tentty 30'
bad 3 "an unknown candidate" "c.tsv:2: entty 30: no such entity.*mean 'entity 30'" kg-eval --candidates c.tsv
lines c.tsv "$good" 'entity 1\trelation/9\t?\tentity 2\tentity 30'
bad 3 "an unknown relation" "c.tsv:2: relation/9: no such relation" kg-eval --candidates c.tsv
lines c.tsv ''
bad 3 "no questions" "c.tsv: holds no question" kg-eval --candidates c.tsv
lines c.tsv 'head\trelation\ttail\tanswer\tother' "$good"
expect 0 "--header of candidates" evaluate 2 complex_-_1 --candidates c.tsv --header
expect_equal "--header of candidates" "$(figure queries) $(figure candidates)" "1.000000000 1.000000000"
lines f.tsv 'entity 1\trelation/1\tnobody'
bad 3 "an unknown false one" 'f.tsv:1: nobody: no such entity' kg-eval --classify f.tsv
lines f.tsv 'head\trelation\ttail' 'entity 1\trelation/1\tentity 9'
bad 3 "headings of false ones" 'f.tsv:1: looks like a line of headings; --header' kg-eval --classify f.tsv
for how in '--candidates candidates.tsv' '--classify false.tsv' '--types' '--sample 9'; do
    # shellcheck disable=SC2086
    expect 0 "dry run of $how" evaluate 2 complex_-_1 $how --dry-run
    expect_equal "dry run of $how: bytes" "$(grep -c '"bytes_per_rank"' out)" 1
done
finish
