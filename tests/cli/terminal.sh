# What people see obeys nobody: words, names and paths with control characters (ESC, BEL, the C1 of
# U+009B, a newline) and bytes that are no UTF-8 are escaped in tables, log and messages of every verb
# that prints them; --json has the words as they are, and never an empty object for a result.
. "$(dirname "$0")/lib_program.sh" || exit 1
need neighbors words-eval kg-import kg-train kg-predict info
cd "$scratch" || exit 1
python=/usr/bin/python3
[ -x "$python" ] || skip "no $python"

# No byte of the last command's output would be obeyed, and that it showed is escaped.
harmless() { # WHAT SHOWN
    local file
    for file in "$scratch/out" "$scratch/err"; do
        checks=$((checks + 1))
        "$python" - "$file" <<'END' || fail "$1: $(basename "$file") would be obeyed"
import sys
data = open(sys.argv[1], "rb").read()
bad = [b for b in data if (b < 32 and b != 10) or b == 127]
text = data.decode("utf-8", "surrogateescape")
bad += [c for c in text if 0x80 <= ord(c) < 0xa0 or 0xdc80 <= ord(c) <= 0xdcff]
sys.exit(bool(bad))
END
    done
    checks=$((checks + 1))
    cat "$scratch/out" "$scratch/err" | grep -qF -- "$2" || fail "$1: shows no '$2': $(head -5 "$scratch/out")"
}

esc=$(printf 'ev\033]0;pwned\007il') c1=$(printf 'up\302\2332J')
printf '%s\n' "a 0.3 0.8 0.3" "$esc 0.9 0.4 -0.5" "$c1 0.3 0.2 0.1" "plain -0.7 -0.1 0.5" >v.glove
printf ': sec\033[31mtion\na plain %s plain\n' "$c1" >q.txt
printf '%s\ta\t5\n%s\tplain\t3\na\tplain\t1\n' "$esc" "$c1" >"$(printf 'set\033[1m.tsv')"

expect 0 "neighbors" "$TRUNNION" neighbors v.glove "$esc" a -k 3
harmless "neighbors" 'ev\x1b]0;pwned\x07il'
harmless "neighbors" 'up\u009b2J'
expect 0 "neighbors --json" "$TRUNNION" neighbors v.glove a --json --quiet
expect_equal "words in JSON" "same" "$("$python" -c '
import json, sys
words = {row["word"] for row in json.load(open(sys.argv[1]))["neighbors"]}
print("same" if set(sys.argv[2:]) <= words else words)' "$scratch/out" "$esc" "$c1" 2>&1)"
expect 3 "an unknown word" "$TRUNNION" neighbors v.glove "$(printf 'x\033[2Jy\2331m')"
harmless "an unknown word" 'x\x1b[2Jy\x9b1m'
expect 0 "words-eval" "$TRUNNION" words-eval v.glove --analogy q.txt --similarity "$(printf 'set\033[1m.tsv')"
harmless "words-eval" 'set\x1b[1m'
harmless "words-eval" 'sec\x1b[31mtion'

# The head lines of a benchmark
expect 0 "bench kg-graph" "$TRUNNION" bench kg-graph -o "$(printf 'facts\033[1m\302\233.tsv')" --entities 50 \
    --relations 3 --triples 200 --quiet
harmless "bench kg-graph" '# output: facts\x1b[1m\u009b.tsv'

# Names of a graph
for i in 0 1 2 3 4 5; do
    for r in 0 1; do # the one relation whenever the other, so that there is a rule
        printf '%s%d\tr\033[31m%d\t%s%d\n' "$esc" $i $r "$c1" $i
        printf '%s%d\tr\033[31m%d\t%s%d\n' "$c1" $i $r "$esc" $(((i + 1) % 6))
    done
done >facts.tsv
printf '%s1\tr\033[31m1\t?\n' "$esc" >questions.tsv
expect 0 kg-import "$TRUNNION" kg-import --train facts.tsv --test facts.tsv -o g.h5
expect 0 kg-train "$TRUNNION" kg-train g.h5 -o m.h5 --model distmult --dim 4 --epochs 1
expect 0 kg-predict "$TRUNNION" kg-predict m.h5 g.h5 questions.tsv
harmless kg-predict 'r\x1b[31m1'
expect 0 kg-neighbors "$TRUNNION" kg-neighbors m.h5 "${esc}1"
harmless kg-neighbors 'up\u009b2J1'
expect 3 "an unknown entity" "$TRUNNION" kg-neighbors m.h5 "${esc}9"
harmless "an unknown entity" 'ev\x1b]0;pwned\x07il9'
expect 0 kg-eval "$TRUNNION" kg-eval m.h5 g.h5 --per-relation
harmless kg-eval 'r\x1b[31m0'
expect 0 kg-rules "$TRUNNION" kg-rules m.h5 g.h5 --length 1
harmless kg-rules 'r\x1b[31m'

# Names of files
odd=$(printf 'o\033[7m\377.h5')
printf '%%%%MatrixMarket matrix array real general\n2 2\n1\n0\n0\n2\n' >a.mtx
for verb in "svd a.mtx -k 1" "eig a.mtx" "qr a.mtx" "gram a.mtx" "transform a.mtx --log1p" \
    "multiply a.mtx a.mtx" "cooccur v.glove --min-count 1" "kg-import --train facts.tsv" \
    "kg-train g.h5 --dim 4 --epochs 1" "nodepiece g.h5 --anchors 2 --nearest 1"; do
    read -r -a words <<<"$verb"
    expect 0 "$verb --json" "$TRUNNION" "${words[@]}" -o "$odd" --json --quiet
    expect_equal "output of $verb" 'o[7m\xff.h5' "$("$python" -c '
import json, sys
print(json.load(open(sys.argv[1]))["output"].replace("\x1b", ""))' "$scratch/out" 2>&1)"
    expect 0 "$verb" "$TRUNNION" "${words[@]}" -o "$odd"
    harmless "$verb" 'o\x1b[7m\xff.h5'
done
expect 0 info "$TRUNNION" info "$odd"
harmless info 'o\x1b[7m\xff.h5'
expect 5 "a folder that is not there" "$TRUNNION" eig a.mtx -o "$(printf 'no\033[7m/e.h5')"
harmless "a folder that is not there" 'no\x1b[7m/e.h5'
expect 2 "an odd option" "$TRUNNION" eig a.mtx "$(printf -- '--out\033[7mput')"
harmless "an odd option" '--out\x1b[7mput'
finish
