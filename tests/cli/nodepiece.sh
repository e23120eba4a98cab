# nodepiece and kg-train --encoder nodepiece from outside: hashes against scipy, the same files on any
# number of ranks, stopped and resumed, unseen entities, and every class of bad argument.
. "$(dirname "$0")/lib_program.sh" || exit 1
need kg-import kg-train kg-predict nodepiece
need_python
limit=100
work=$scratch/work
mkdir "$work"

# e0 .. e239 are members of one of five clubs and like what their club likes; every e knows the next
# of its club. Two more are known only from each other.
awk 'BEGIN {
    for (i = 0; i < 240; i++) {
        print "e" i "\tmember\tclub" i % 5
        print "e" i "\tlikes\tthing" i % 5
        print "e" i "\tknows\te" (i + 5) % 240
    }
    print "far1\tknows\tfar2"
}' >"$scratch/train.tsv"
expect 0 kg-import ranks 1 kg-import --train "$scratch/train.tsv" -o "$scratch/g.h5" || finish

hash() { # RANKS OUTPUT ARGUMENT...
    beside "--anchors 70 --nearest 6 --relations 3" "${@:3}"
    ranks "$1" nodepiece "$scratch/g.h5" -o "$2" "${usual[@]}" "${@:3}"
}
wanted=
for n in 1 2 3 4 7; do
    rm -f "$work"/*
    expect 0 "hashes on $n ranks" hash $n "$work/n.h5" || continue
    [ -n "$wanted" ] || { wanted=$(digest "$work/n.h5") && cp "$work/n.h5" "$scratch/n.h5"; }
    expect_equal "bits of hashes on $n ranks" "$wanted" "$(digest "$work/n.h5")"
    expect_only "hashes on $n ranks" "$work" n.h5
done
if "$python" -c 'import scipy' 2>/dev/null; then
    reference=$TRUNNION_SOURCE/tests/cli/nodepiece_reference.py
    expect 0 "hashes against scipy" "$python" "$reference" "$scratch/g.h5" "$scratch/n.h5"
    expect 0 "hashes of another size" hash 2 "$scratch/n2.h5" --anchors 9 --nearest 9 --relations 1
    expect 0 "those against scipy" "$python" "$reference" "$scratch/g.h5" "$scratch/n2.h5"
else
    echo "not checked: shortest paths, as $python has no scipy"
fi

# Training -----------------------------------------------------------------------------------------
train() { # RANKS OUTPUT ARGUMENT...
    beside "--dim 16 --piece-dim 12 --hidden 40 --optimizer adam --learning-rate 0.01 --scale 0.3
        --batch-size 200 --checkpoint-every 0" "${@:3}"
    ranks "$1" kg-train "$scratch/g.h5" -o "$2" --encoder nodepiece --hash "$scratch/n.h5" \
        "${usual[@]}" "${@:3}"
}
for way in "complex --negatives 50" "rotate --norm 2 --negatives 0 --no-reciprocal"; do
    wanted=
    for n in 1 2 3 4 7; do
        rm -f "$work"/*
        # shellcheck disable=SC2086 # words
        expect 0 "$way, $n ranks" train $n "$work/m.h5" --epochs 3 --model $way || continue
        [ -n "$wanted" ] || wanted=$(digest "$work/m.h5")
        expect_equal "$way: bits on $n ranks" "$wanted" "$(digest "$work/m.h5")"
        expect_only "$way, $n ranks" "$work" m.h5
    done
done
rm -f "$work"/*

long="--model complex --negatives 60 --epochs 40"
# shellcheck disable=SC2086
expect 0 "uninterrupted run" train 1 "$scratch/m.h5" $long --json || finish
# 70 + 4 anchors and distances to spare, 7 types; 9 slots; two layers; 6 relations' vectors.
farthest=$("$python" -c "import h5py; print(h5py.File('$scratch/n.h5').attrs['farthest'])")
expect_equal "parameters" $(((71 + farthest + 1 + 7) * 12 + 9 * 12 * 40 + 40 + 40 * 16 + 16 + 6 * 16)) \
    "$(sed -n 's/.*"parameters": \([0-9]*\).*/\1/p' "$scratch/out")"
log=$scratch/events.jsonl
: >"$log"
# shellcheck disable=SC2086
train 2 "$work/m.h5" $long --log-json "$log" >"$scratch/out" 2>"$scratch/err" &
job=$!
for _ in $(seq 1200); do
    [ "$(grep -c '"epoch"' "$log")" -ge 2 ] && break
    kill -0 $job 2>/dev/null || break
    sleep 0.05
done
# The subshell runs timeout, which runs mpirun, which hands USR1 to the ranks.
mpirun_pid=$(mpirun_of $job)
kill -USR1 "$mpirun_pid" 2>/dev/null || fail "nothing left to stop: the job was too short"
code=0
wait $job || code=$?
expect_equal "exit code of the stopped run" 85 "$code"
expect_only "the stopped run" "$work" m.h5.checkpoint
# shellcheck disable=SC2086
expect 2 "resumed with another encoder" train 1 "$work/m.h5" $long --encoder-dropout 0.2
expect_message "resumed with another encoder" "other settings: --encoder-dropout 0.1, now 0.2;"
# shellcheck disable=SC2086
expect 2 "resumed with other hashes" train 1 "$work/m.h5" $long --hash "$scratch/n2.h5"
# shellcheck disable=SC2086
expect 0 "resumed on 3 ranks" train 3 "$work/m.h5" $long --resume must
expect_equal "bits after a stop" "$(digest "$scratch/m.h5")" "$(digest "$work/m.h5")"
expect_only "the finished run" "$work" m.h5
rm -f "$work"/*

# Unseen entities ----------------------------------------------------------------------------------
# `twin` has the facts of one that is no anchor, so it must have its hash and its vector; `new` tells
# its club alone; `newer` is known to the new one too.
plain=$("$python" -c "
import h5py
with h5py.File('$scratch/g.h5') as g, h5py.File('$scratch/n.h5') as n:
    names, anchors = g['/entity/names'].asstr()[:], set(n['/anchors'][:])
    print(next(x for i, x in enumerate(names) if i not in anchors and x.startswith('e')))")
awk -F '\t' -v e="$plain" 'BEGIN { OFS = "\t" } $1 == e || $3 == e {
    if ($1 == e) $1 = "twin"
    if ($3 == e) $3 = "twin"
    print }' "$scratch/train.tsv" >"$scratch/facts.tsv"
expect_equal "facts of the twin" 4 "$(wc -l <"$scratch/facts.tsv")"
printf 'new\tmember\tclub3\nnewer\tknows\tnew\nnewer\tmember\tclub1\n' >>"$scratch/facts.tsv"
printf '%s\tlikes\t?\ntwin\tlikes\t?\nnew\tlikes\t?\n?\tmember\tclub2\nnew\t?\tclub3\n' "$plain" \
    >"$scratch/questions.tsv"
predict() { # RANKS ARGUMENT...
    ranks "$1" kg-predict "$scratch/m.h5" "$scratch/g.h5" "$scratch/questions.tsv" --top 5 \
        --json --quiet "${@:2}"
}
expect 0 "unseen entities" predict 1 --inductive "$scratch/facts.tsv"
lasting "$scratch/out" >"$scratch/one"
expect 0 "what they answer" "$python" - "$scratch/one" <<'END'
import json, sys
rows = json.load(open(sys.argv[1]))["answers"]
asked = [rows[5 * i:5 * i + 5] for i in range(5)]
for a, b in zip(asked[0], asked[1]): # the twin
    assert a["answer"] == b["answer"] and abs(a["score"] - b["score"]) < 1e-4, (a, b)
assert asked[2][0]["answer"] == "thing3", asked[2]
assert not {r["answer"] for r in asked[3]} & {"twin", "new", "newer"} # the graph's entities answer
assert asked[4][0]["answer"] == "member" and asked[4][0]["known"], asked[4]
END
for n in 2 3 4 7; do
    expect 0 "unseen entities on $n ranks" predict $n --inductive "$scratch/facts.tsv"
    lasting "$scratch/out" >"$scratch/now"
    expect 0 "the answers on $n ranks" cmp "$scratch/one" "$scratch/now"
done

bad() { # WHAT PATTERN LINES
    printf '%b\n' "$3" >"$scratch/bad.tsv"
    expect 3 "$1" predict 2 --inductive "$scratch/bad.tsv" && expect_message "$1" "$2"
}
bad "unknown relation" "bad.tsv:2: membr: no such relation.*did you mean 'member'" \
    'new\tmember\tclub3\nnew\tmembr\tclub1'
bad "two columns" "bad.tsv:1: " 'new\tmember'
bad "nothing unseen" "bad.tsv:1: both entities" 'e1\tmember\tclub3'
bad "no link to the graph" "other: no fact links it" 'new\tmember\tclub3\nother\tknows\tnew'
bad "no fact" "holds no fact" ''
printf 'nobody\tlikes\t?\n' >"$scratch/questions.tsv"
expect 3 "an entity without facts" predict 2 --inductive "$scratch/facts.tsv"
expect_message "an entity without facts" "questions.tsv:1: nobody"
expect 0 "a model without encoder" ranks 1 kg-train "$scratch/g.h5" -o "$scratch/plain.h5" --epochs 1
expect 3 "unseen entities of that" ranks 2 kg-predict "$scratch/plain.h5" "$scratch/g.h5" \
    "$scratch/questions.tsv" --inductive "$scratch/facts.tsv"
expect_message "unseen entities of that" "plain.h5: no encoder"

# Bad arguments leave nothing behind -----------------------------------------------------------------
expect 2 "no output" ranks 2 nodepiece "$scratch/g.h5"
expect 2 "more anchors than entities" hash 2 "$work/n.h5" --anchors 5000
expect_message "more anchors than entities" "--anchors: 5000 is too many: .*; give at most [0-9]+$"
expect 2 "more nearest than anchors" hash 2 "$work/n.h5" --nearest 71
expect_message "more nearest than anchors" "--nearest: 71 is too many: there are 70 anchors; give at most 70"
expect 2 "more types than there are" hash 2 "$work/n.h5" --relations 999
expect_message "more types than there are" "--relations: 999 is too many: .*; give at most [0-9]+$"
printf 'a\tr\tb\nb\tr\tc\nc\tr\td\n' >"$scratch/four.tsv"
expect 0 "a graph of four" ranks 1 kg-import --train "$scratch/four.tsv" -o "$scratch/four.h5"
expect 0 "defaults of a graph of four" ranks 2 nodepiece "$scratch/four.h5" -o "$scratch/small.h5"
expect_equal "defaults of a graph of four: they shrink, and it says so" "$(awk '$1 ~ /^(anchors|nearest|relations)$/ {
    printf "%s ", $2}' "$scratch/out")$(grep -c 'instead of the default' "$scratch/err")" "4 4 2 3"
expect 3 "hashes of no graph" ranks 2 nodepiece "$scratch/train.tsv" -o "$work/n.h5"
expect 0 "dry run of hashes" hash 2 "$work/n.h5" --dry-run --json
expect_equal "bytes in the answer" yes "$(grep -q bytes_per_rank "$scratch/out" && echo yes)"
expect 2 "a model that projects" train 2 "$work/m.h5" --model toruse
expect 2 "a norm that is no product" train 2 "$work/m.h5" --model transe --norm 1
expect_message "a norm that is no product" "--norm"
expect 2 "hashes without encoder" ranks 2 kg-train "$scratch/g.h5" -o "$work/m.h5" \
    --hash "$scratch/n.h5"
expect_message "hashes without encoder" "--encoder"
expect 2 "blocks with an encoder" train 2 "$work/m.h5" --regime bucketed
expect_message "blocks with an encoder" "--regime"
expect 2 "a loss that it has not" train 2 "$work/m.h5" --loss margin
expect_message "a loss that it has not" "--loss"
expect 6 "a huge learning rate" train 2 "$work/m.h5" --learning-rate 1e9
head -n 300 "$scratch/train.tsv" >"$scratch/other.tsv"
expect 0 "another graph" ranks 1 kg-import --train "$scratch/other.tsv" -o "$scratch/other.h5"
expect 3 "hashes of another graph" ranks 2 kg-train "$scratch/other.h5" -o "$work/m.h5" \
    --encoder nodepiece --hash "$scratch/n.h5"
expect_message "hashes of another graph" "make them of this graph"
expect 4 "too little memory" train 2 "$work/m.h5" --memory 1M
expect_only "nothing left behind" "$work"
finish
