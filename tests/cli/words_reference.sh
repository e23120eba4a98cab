# words-eval against the independent evaluation that lies beside the repository, where it does.
. "$(dirname "$0")/lib_program.sh" || exit 1
need words-eval
reference=$TRUNNION_SOURCE/../shared/reference/words_eval_ref.py
sets=$TRUNNION_SOURCE/../shared/data/words/eval
if [ ! -f "$reference" ] || [ ! -d "$sets" ]; then skip "no ../shared beside the repository"; fi
/usr/bin/python3 -c 'import numpy, scipy' 2>/dev/null || skip "/usr/bin/python3 has no scipy"

# Random vectors of the sets' own words; every fiftieth analogy is made to hold, more or less.
cat "$sets"/*.tsv | awk '
    function normal(  sum, k) {
        for (k = 0; k < 4; k++) {
            state = (state * 1103515245 + 12345) % 2147483648
            sum += int(state / 65536) / 32768 - .5
        }
        return sum
    }
    BEGIN { state = 5 }
    {
        $0 = tolower($0)
        for (i = 1; i <= (NF == 4 ? 4 : 2); i++) {
            if ($i in at) continue
            at[$i] = ++count
            name[count] = $i
            for (j = 0; j < 24; j++) value[count, j] = normal()
        }
        if (NF == 4 && NR % 50 == 0)
            for (j = 0; j < 24; j++)
                value[at[$4], j] = value[at[$2], j] - value[at[$1], j] + value[at[$3], j] + normal()
    }
    END {
        print count - 100, 24
        for (i = 101; i <= count; i++) { # the first words are missing: coverage is partial
            line = name[i]
            for (j = 0; j < 24; j++) line = line sprintf(" %.6g", value[i, j])
            print line
        }
    }' >"$scratch/e.txt"

expect 0 "evaluation" ranks 2 words-eval "$scratch/e.txt" --json --similarity "$sets"/*.ws.tsv \
    --analogy "$sets"/*.an.tsv || finish
cp "$scratch/out" "$scratch/ours"
expect 0 "reference" /usr/bin/python3 "$reference" "$scratch/e.txt" --sets "$sets" --name ref ||
    finish
sed 's/^ref //' "$scratch/out" >"$scratch/theirs"
cat >"$scratch/compare.py" <<'END'
import json, sys
ours, theirs = (json.load(open(name)) for name in sys.argv[1:])
rows = {r["set"]: r for r in ours["similarity"] + ours["analogy"]}
assert rows.keys() == theirs.keys() and len(rows) > 1, (rows.keys(), theirs.keys())
for name, (score, used, total) in theirs.items():
    row = rows[name]
    assert (row["used"], row["total"]) == (used, total), (row, used, total)
    assert abs(row.get("spearman", row.get("accuracy")) - score) < 2e-4, (row, score)
assert any(0 < used < total for _, used, total in theirs.values())
END
expect 0 "the same scores" /usr/bin/python3 "$scratch/compare.py" "$scratch/ours" "$scratch/theirs" ||
    cat "$scratch/err" "$scratch/theirs" "$scratch/ours"
finish
