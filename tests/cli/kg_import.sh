# kg-import from outside: small graphs checked number by number, every class of bad input, the same
# file on any number of ranks, and the published sizes of FB15k-237 and WN18RR where they are at hand.
. "$(dirname "$0")/lib_program.sh" || exit 1
need kg-import
need_python
work=$scratch/work
mkdir "$work"
cd "$scratch" || exit 1

# Every dataset of a graph on one line each.
cat >"$scratch/show.py" <<'END'
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    assert f.attrs["kind"] in ("kg", b"kg") and f.attrs["complete"] == 1
    for name in sys.argv[2:]:
        data = f[name][:].tolist()
        print(name, ",".join(x.decode() if isinstance(x, bytes) else str(x) for x in data))
END
all="entity/names relation/names train valid test entity/degree relation/count index/start
    index/triple"
show() { # shellcheck disable=SC2086
    "$python" "$scratch/show.py" "$1" ${2:-$all}
}
value() { # NAME; out of the result of the last `expect`
    awk -v name="$1" '$1 == name {print $2}' "$scratch/out"
}

# A hand-made graph: spaces in names, a loop, a duplicate, a leak, an unseen entity, CRLF, a gap ------
printf 'b\tlikes\ta a\r\n\na a\tknows\ta a\nb\tlikes\ta a\na a\tlikes\t\303\251\n' >train.txt
printf 'b\tknows\t\303\251\nb\tlikes\ta a' >valid.txt # no newline at the end
printf '7\tlikes\tb\nb\thates\tb\n' >test.txt
cat >wanted <<'END'
entity/names b,a a,é,7
relation/names likes,knows,hates
train [0, 0, 1],[1, 1, 1],[1, 0, 2]
valid [0, 1, 2],[0, 0, 1]
test [3, 0, 0],[0, 2, 0]
entity/degree [1, 0],[2, 2],[0, 1],[0, 0]
relation/count 2,1,0
index/start 0,1,4,5,5
index/triple 0,0,1,2,2
END
for n in 1 2 3 4 7; do
    expect 0 "small graph, $n ranks" ranks $n kg-import --train train.txt --valid valid.txt \
        --test test.txt -o small.h5
    expect_equal "figures, $n ranks" "$(value entities) $(value relations) $(value train) \
$(value valid) $(value test) $(value duplicates) $(value also_in_train) $(value unseen_entities)" \
        "4 3 3 2 2 1 1 1"
    expect_equal "small graph, $n ranks" "$(LC_ALL=C.UTF-8 show small.h5)" "$(cat wanted)"
    sha256sum small.h5 >>sums
done
expect_equal "the same file on 1 2 3 4 7 ranks" "$(sort -u sums | wc -l)" 1
expect_equal "the warning about duplicates" \
    "$(grep -c "1 triples stood in their split before: dropped" err)" 1
gzip -k train.txt && xz -k valid.txt
expect 0 "compressed" ranks 3 kg-import --train train.txt.gz --valid valid.txt.xz --test test.txt \
    -o packed.h5
expect_equal "compressed" "$(LC_ALL=C.UTF-8 show packed.h5)" "$(cat wanted)"
expect 0 "its layout" ranks 2 info packed.h5

# Other separators, another order, one file only ------------------------------------------------------
printf 'x,1,y\r\n"y",1,"x"\n"a, ""b""",1,x\n' >comma.csv
expect 0 comma ranks 2 kg-import --train comma.csv --separator comma -o comma.h5
expect_equal comma "$(show comma.h5 'train entity/names index/triple')" "train [0, 0, 1],[1, 0, 0],[2, 0, 0]
entity/names x,y,a, \"b\"
index/triple 0,1,2,0,1,2"
printf 'r || x || y\n' >bars
expect 0 "any text, order rht" ranks 1 kg-import --train bars --separator ' || ' --order rht \
    -o bars.h5
expect_equal "order rht" "$(show bars.h5 'entity/names relation/names')" "entity/names x,y
relation/names r"

# A seeded split ---------------------------------------------------------------------------------------
awk 'BEGIN { for (i = 0; i < 1000; i++) print "e" i % 97 "\tr" i % 5 "\te" (i * 7) % 101 + i % 97 }' \
    >many.txt
distinct=$(sort -u many.txt | wc -l)
for n in 1 2 3 4 7; do
    expect 0 "split, $n ranks" ranks $n kg-import --train many.txt --split 0.1 0.2 --seed 5 \
        -o split.h5
    sha256sum split.h5 >>split_sums
done
expect_equal "split: the same file on 1 2 3 4 7 ranks" "$(sort -u split_sums | wc -l)" 1
expect_equal "split: sizes" "$(value valid) $(value test) \
$(($(value train) + $(value valid) + $(value test)))" \
    "$(((distinct + 5) / 10)) $(((distinct * 2 + 5) / 10)) $distinct"
expect_equal "split: no triple twice" "$("$python" - <<'END'
import h5py
f = h5py.File("split.h5")
rows = [tuple(r) for s in ("train", "valid", "test") for r in f[s][:].tolist()]
names = f["entity/names"][:].tolist()
relations = f["relation/names"][:].tolist()
lines = {tuple(l.rstrip("\n").split("\t")) for l in open("many.txt")}
print(len(set(rows)) == len(rows) and
      {(names[h].decode(), relations[r].decode(), names[t].decode()) for h, r, t in rows} == lines)
END
)" True
expect 0 "another seed" ranks 2 kg-import --train many.txt --split 0.1 0.2 --seed 6 -o other.h5
expect 1 "another seed, another split" diff <(show split.h5 test) <(show other.h5 test)

# As valid and test are drawn they leave a triple of each entity and relation in train: a walk through
# a seeded order, done again here by another program, from what `--allow-unseen` makes of that order --
cat >"$scratch/walk.py" <<'END'
import sys, h5py
kept, order = (h5py.File(name) for name in sys.argv[1:3])
wanted = [int(n) for n in sys.argv[3:]]
def rows(f, split): return [tuple(r) for r in f[split][:].tolist()]
def all_rows(f): return sorted(sum((rows(f, s) for s in ("train", "valid", "test")), []))
train = rows(kept, "train")
entities, relations = len(kept["entity/names"]), len(kept["relation/names"])
assert len({x for h, _, t in train for x in (h, t)}) == entities
assert len({r for _, r, _ in train}) == relations
assert all_rows(kept) == all_rows(order)
assert [len(kept[s]) for s in ("valid", "test")] == wanted, [len(kept[s]) for s in ("valid", "test")]
# The others are in train because something would have been left without them: while valid and test
# fill up, a triple that --allow-unseen drew and this did not is the last of something.
last = lambda h, r, t: (sum(h in (a, c) for a, _, c in train) == 1 or
                        sum(t in (a, c) for a, _, c in train) == 1 or sum(b == r for _, b, _ in train) == 1)
drawn = set(rows(order, "valid")) | set(rows(order, "test"))
assert all(last(*fact) for fact in drawn & set(train))
END
awk 'BEGIN { for (i = 0; i < 200; i++) print "e" i "\tnext\te" i + 1 }' >chain.txt
for n in 1 2 3; do
    expect 0 "split of a chain, $n ranks" ranks $n kg-import --train chain.txt --split 0.2 0.2 -o walk.h5
    sha256sum walk.h5 >>walk_sums
done
expect_equal "split of a chain: the same file on 1 2 3 ranks" "$(sort -u walk_sums | wc -l)" 1
expect_equal "split of a chain: nothing unseen" "$(value unseen_entities) $(value unseen_relations)" "0 0"
held=$(value held_in_train)
expect 0 "split of a chain: it tells of those that stay" test "$held" -gt 0
expect 0 "--allow-unseen" ranks 2 kg-import --train chain.txt --split 0.2 0.2 --allow-unseen -o any.h5
expect_equal "--allow-unseen: sizes" "$(value train) $(value valid) $(value test)" "120 40 40"
expect 0 "--allow-unseen: some are unseen" test "$(value unseen_entities)" -gt 0
expect 0 "split of a chain: what stays has to" "$python" "$scratch/walk.py" walk.h5 any.h5 40 40
expect 0 "more than can go" ranks 3 kg-import --train chain.txt --split 0.6 0.3 -o few.h5
expect_equal "more than can go: told" \
    "$(grep -c 'valid and test have .* triples less than --split asks for' err)" 1
expect_equal "more than can go: none is unseen" "$(value unseen_entities)" 0
more=$(($(value valid) - 2 * $(value test)))
expect 0 "more than can go: two of three to valid" test "$more" -ge -1 -a "$more" -le 1

# Several files of a split are as their concatenation, plain or compressed, on any number of ranks -----
split -n l/4 many.txt part.
printf 'a\tr\tb' >>part.ab # no newline at the end: a line all the same
cat part.aa part.ab <(echo) part.ac part.ad >whole.txt
gzip -k part.ac
expect 0 "one file" ranks 1 kg-import --train whole.txt --valid chain.txt -o whole.h5
for n in 1 2 3 7; do
    expect 0 "several files, $n ranks" ranks $n kg-import --train part.aa part.ab --train part.ac.gz \
        --train part.ad --valid chain.txt -o whole_$n.h5
    expect_equal "several files, $n ranks" "$(show whole_$n.h5)" "$(show whole.h5)"
done

# Headings are no triples if the user says so, and suspected if not -------------------------------------
printf 'head,relation,tail\r\nada, knows ,bob\nbob,knows,cid\ncid,likes,ada \n' >head.csv
printf 'Kopf,Art,Ende\nbob,likes,ada\n' >kopf.csv
for n in 1 3; do
    expect 0 "headings, $n ranks" ranks $n kg-import --train head.csv --valid kopf.csv --separator comma \
        --header -o head.h5
    expect_equal "headings, $n ranks: none taken" "$(value entities) $(value relations) $(value train) \
$(value valid) $(grep -c 'line of headings' err)" "3 2 3 1 0"
    expect 0 "usual headings, $n ranks" ranks $n kg-import --train head.csv --separator comma -o head.h5
    expect_equal "usual headings, $n ranks: a warning" "$(value train) \
$(grep -c "head.csv:1: 'head', 'relation', 'tail' looks like a line of headings" err)" "4 1"
done
sed 1d head.csv >body.csv
for n in 1 3; do
    expect 0 "other words, $n ranks" ranks $n kg-import --train body.csv --valid kopf.csv kopf.csv \
        --separator comma -o head.h5
    expect_equal "other words, $n ranks: a warning of them" "$(grep -c \
        "kopf.csv:1: 'Kopf', 'Art', 'Ende' looks like .* and so in other files" err)" 1
done
expect 0 "no headings" ranks 2 kg-import --train body.csv --separator comma -o head.h5
expect_equal "no headings: no warning" "$(grep -c 'line of headings' err)" 0
expect_equal "blanks at the ends are cut off" "$(show head.h5 'entity/names relation/names')" \
    "entity/names ada,bob,cid
relation/names knows,likes"
expect 0 "--keep-blanks" ranks 2 kg-import --train body.csv --separator comma --keep-blanks -o head.h5
expect_equal "--keep-blanks" "$(show head.h5 'entity/names relation/names')" \
    "entity/names ada,bob,cid,ada 
relation/names  knows ,knows,likes"

# Bad input: one line, nothing left behind (on 1, 3 and 7 ranks: fault/kg_bad.sh) ----------------------
bad() { # CODE PATTERN WHAT ARGUMENT...
    expect "$1" "$3" ranks 3 kg-import "${@:4}" -o "$work/g.h5" && expect_message "$3" "$2"
    expect_only "$3" "$work"
}
good=$(printf 'a\tr\tb')
bad 3 'absent.txt' "a missing file" --train absent.txt
: >empty.txt
bad 3 'empty.txt: the file is empty' "an empty file" --train train.txt --test empty.txt
{ yes "$good" | head -n 11; printf 'a\tr\n'; yes "$good" | head -n 20; } >two.txt
bad 3 'two.txt:12: the line has 2 columns, 3 wanted; is --separator right' "two columns" \
    --train two.txt
bad 3 'train.txt:1: the line has 1 column, 3 wanted' "another separator" --train train.txt \
    --separator comma
printf 'a,r,b\n"a,r,b\n' >open.csv
bad 3 'open.csv:2: column 1: its quote is not closed' "an open quote" --train open.csv \
    --separator comma
printf 'a,"r"s,b\n' >behind.csv
bad 3 'behind.csv:1: column 2: its quote' "text behind a quote" --train behind.csv --separator comma
printf '%s\na\tr\tb\tc\n' "$good" >four.txt
bad 3 'four.txt:2: the line has 4 columns' "four columns" --train four.txt
printf '%s\na\t\tb\n' "$good" >nameless.txt
bad 3 'nameless.txt:2: column 2 is empty' "an empty name" --train train.txt --valid nameless.txt
printf '%s\na\t \tb\n' "$good" >blank.txt
for keep in no-keep-blanks keep-blanks; do
    bad 3 'blank.txt:2: column 2 is of blanks alone' "a name of blanks, --$keep" --train blank.txt --$keep
done
printf 'head\trelation\ttail\n' >bare.txt
bad 3 'bare.txt: the file holds no triples' "headings alone" --train train.txt bare.txt --header
bad 2 '--allow-unseen: has no effect' "--allow-unseen without --split" --train train.txt --allow-unseen
bad 2 '--header: has no effect without --train' "--header of WordNet" --wordnet . --header
printf '%s\na\tr\tb\0c\n' "$good" >nul.txt
bad 3 'nul.txt:2: holds a NUL byte' "a NUL byte" --train nul.txt
printf '%s\ncaf\351\tr\tb\n' "$good" >latin.txt
bad 3 'latin.txt:2: .*UTF-8' "Latin-1" --train latin.txt
gzip -c many.txt | head -c 1000 >cut.txt.gz
bad 3 'cut.txt.gz' "a cut .gz" --train cut.txt.gz
bad 2 'give one of --train --wordnet' "no train file"
bad 2 '--split: give either' "split and files" --train train.txt --test test.txt --split 0.1 0.1
bad 2 "--split: 'x' is no share" "a bad share" --train train.txt --split 0.1 x
bad 2 '--split: the shares leave nothing' "all shared out" --train train.txt --split 0.5 0.5
bad 2 '--separator: is empty' "an empty separator" --train train.txt --separator ''
expect 5 "no such folder" ranks 2 kg-import --train train.txt -o absent/g.h5
expect 0 "--dry-run" ranks 2 kg-import --train train.txt -o "$work/g.h5" --dry-run
expect_only "--dry-run" "$work"
expect_equal "--dry-run: entities, relations, triples" "3 2 4" \
    "$(value entities) $(value relations) $(value train)"
expect 3 "--dry-run: four columns" ranks 2 kg-import --train four.txt -o "$work/g.h5" --dry-run

# Made-up graphs ---------------------------------------------------------------------------------------
for n in 1 3; do
    expect 0 "bench kg-graph, $n ranks" ranks $n bench kg-graph -o $n.tsv --entities 500 --triples 5000 \
        --relations 7
done
expect 0 "bench kg-graph: the same on 1 and 3 ranks" cmp 1.tsv 3.tsv
expect 0 "a made-up graph" ranks 2 kg-import --train 1.tsv -o 1.h5
expect_equal "a made-up graph: entities, triples" "500 5000" \
    "$(value entities) $(($(value train) + $(value duplicates)))"
expect 0 "a bigger one" ranks 2 bench kg-graph -o 2.tsv --entities 30000 --triples 400000
for n in 1 3; do
    expect 0 "its forecast, $n ranks" ranks $n kg-import --train 2.tsv -o 2.h5 --dry-run
    read -r entities triples bytes < <(echo "$(value entities) $(value train) $(value total)")
    expect 0 "its import, $n ranks" ranks $n kg-import --train 2.tsv -o 2.h5 --log-json 2.log
    expect 0 "a forecast, $n ranks: $entities entities, $triples triples, $bytes bytes a rank" \
        "$python" - "$entities" "$triples" "$bytes" <<'END'
import json
import sys

entities, triples, forecast = map(int, sys.argv[1:])
with open("2.log") as file:
    summary = json.loads(file.readlines()[-1])
allocated = summary["peak_allocated"]
assert abs(entities - 30000) < 900 and triples == 400000
assert .98 * allocated < forecast < 1.2 * allocated, allocated
END
done
expect 2 "bench kg-graph: fewer triples than entities" ranks 2 bench kg-graph -o 2.tsv --triples 9

# Published graphs ---------------------------------------------------------------------------------------
data=$TRUNNION_SOURCE/../shared/data/kg
published() { # NAME SIZES
    local n
    for n in 1 3; do
        expect 0 "$1, $n ranks" ranks $n kg-import --train "$data/$1/train.txt.gz" \
            --valid "$data/$1/valid.txt.gz" --test "$data/$1/test.txt.gz" -o "$n.h5"
        expect_equal "$1: sizes, $n ranks" "$(value entities) $(value relations) $(value train) \
$(value valid) $(value test) $(value duplicates) $(value also_in_train)" "$2"
        digest "$n.h5" >"$n.digest"
    done
    expect 0 "$1: the same on 1 and 3 ranks" cmp 1.digest 3.digest
    # entities.tsv.gz: number and name in order of first appearance, made by another program
    expect 0 "$1: names" cmp <(zcat "$data/$1/entities.tsv.gz" | cut -f 2) \
        <("$python" -c 'import h5py
for name in h5py.File("1.h5")["entity/names"][:]: print(name.decode())')
}
if [ -d "$data" ]; then
    published FB15k-237 "14541 237 272115 17535 20466 0 0"
    published WN18RR "40943 11 86835 3034 3134 0 0"
else
    echo "not checked: FB15k-237 and WN18RR, which are not in $data"
fi
finish
