# kg-rules on a graph with planted rules: distances, support and confidences against brute force in
# Python for every model that composes, one answer at any number of ranks, thresholds, bad input.
. "$(dirname "$0")/lib_program.sh" || exit 1
need kg-rules
need_python
"$python" -c 'import numpy' 2>/dev/null || skip "$python has no numpy"
helper() {
    "$python" "$TRUNNION_SOURCE/tests/cli/kg_rules_model.py" "$@"
}
graph=$scratch/graph.h5
expect 0 "a graph and models" helper make "$scratch" || finish

rules() { # RANKS MODEL ARGUMENT...
    ranks "$1" kg-rules "$scratch/$2.h5" "$graph" --json --quiet "${@:3}"
}
# All but the time it took.
answer() {
    lasting "$scratch/out"
}

# Every body there is, of all lengths: no question of which are the nearest.
for model in transe distmult complex rotate; do
    expect 0 "$model, all" rules 2 "$model" --length 1 2 3 --nearest 100000 || continue
    cp "$scratch/out" "$scratch/$model.json"
    expect 0 "$model, all: brute force" helper check "$scratch" "$model" 100000 123 no
    expect 0 "$model, inverse" rules 3 "$model" --length 1 2 --inverse --nearest 100000
    cp "$scratch/out" "$scratch/$model.json"
    expect 0 "$model, inverse: brute force" helper check "$scratch" "$model" 100000 12 yes
done
# The nearest; TransE and RotatE with bodies of two have ties of swapped relations only.
expect 0 "the nearest 3" rules 2 transe --length 2 --nearest 3
cp "$scratch/out" "$scratch/transe.json"
expect 0 "the nearest 3: brute force" helper check "$scratch" transe 3 2 no

for model in transe complex; do
    expect 0 "$model, 1 rank" rules 1 "$model" --length 1 2 3 --inverse
    one=$(answer)
    for n in 2 3 4 7; do
        expect 0 "$model, $n ranks" rules "$n" "$model" --length 1 2 3 --inverse
        expect_equal "$model, $n ranks: the answer" "$(answer)" "$one"
    done
done

# What was planted comes first, and thresholds leave out what they say.
expect 0 "a table" ranks 2 kg-rules "$scratch/distmult.h5" "$graph" --length 2 --nearest 1 --quiet
expect_equal "the planted rule" yes "$(grep -qF \
    'parent(x,z1), parent(z1,y) => grandparent(x,y)' "$scratch/out" && echo yes || echo no)"
expect 0 "thresholds" rules 2 transe --min-support 20 --min-confidence 0.5
expect_equal "rules beyond the thresholds" "yes" "$("$python" -c '
import json, sys
rules = json.load(open(sys.argv[1]))["rules"]
print("yes" if rules and all(r["support"] >= 20 and r["confidence"] >= 0.5 for r in rules) else "no")
' "$scratch/out")"
expect 0 "--dry-run" rules 2 transe --dry-run
expect_equal "bytes in the answer" yes \
    "$(grep -q '"bytes_per_rank"' "$scratch/out" && echo yes || echo no)"

bad() { # CODE WHAT PATTERN ARGUMENT...
    expect "$1" "$2" ranks 2 kg-rules "${@:4}" && expect_message "$2" "$3"
}
bad 2 "a model that cannot compose" "transe, distmult" "$scratch/transh.h5" "$graph"
bad 2 "a length of 4" "none of 1, 2 and 3" "$scratch/transe.h5" "$graph" --length 4
bad 2 "no neighbours" "nearest" "$scratch/transe.h5" "$graph" --nearest 0
bad 3 "a model of another graph" "another graph" "$scratch/other.h5" "$graph"
bad 3 "not a number" "not finite" "$scratch/broken.h5" "$graph"
bad 3 "files in the wrong order" "kg-model" "$graph" "$scratch/transe.h5"
bad 3 "no such file" "nothing.h5" "$scratch/nothing.h5" "$graph"
finish
