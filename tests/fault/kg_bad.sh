# Bad input to the verbs for knowledge graphs: one clear line, the same exit code on any number of
# ranks, nothing left behind; and what is odd but not bad: one relation, names with spaces, more
# ranks than there are blocks.
. "$(dirname "$0")/../cli/lib_program.sh" || exit 1
need kg-import kg-train kg-eval kg-predict kg-neighbors kg-rules
need_python
work=$scratch/work
mkdir "$work"
cd "$scratch" || exit 1

# 40 entities "the N", 2 relations; every third fact for valid or test.
awk 'BEGIN {
    for (i = 0; i < 40; i++) for (k = 1; k < 3; k++) {
        file = (i + k) % 3 ? "train.tsv" : i % 2 ? "valid.tsv" : "test.tsv"
        print "the " i "\tsteps by " k "\tthe " (i + k) % 40 >file
    }
}'
import() { # OUTPUT ARGUMENT...
    ranks 2 kg-import --train train.tsv --valid valid.tsv --test test.tsv -o "$@"
}
expect 0 kg-import import g.h5 || finish
expect 0 kg-train ranks 2 kg-train g.h5 -o m.h5 --model transe --dim 8 --epochs 2 || finish

# Ranks of `counts`, the same answer on each.
counts=3
bad() { # CODE WHAT PATTERN VERB ARGUMENT...
    local n line first=
    for n in $counts; do
        expect "$1" "$2, $n ranks" ranks "$n" "${@:4}" && expect_message "$2, $n ranks" "$3"
        expect_only "$2, $n ranks" "$work"
        rm -rf "${work:?}"/*
        line=$(grep -a '^trunnion ' err | sed 's/rank [0-9]*: //')
        [ -n "$first" ] || first=$line
        expect_equal "$2, $n ranks: the same line" "$line" "$first"
    done
}

# Files of facts: kg_import.sh has more ----------------------------------------------------------------
counts="1 3 7"
{ cat train.tsv; printf 'caf\351\tr\tb\n'; cat train.tsv; } >latin.tsv
bad 3 "Latin-1" 'latin.tsv:55: .*UTF-8' kg-import --train latin.tsv -o "$work/g.h5"
{ cat train.tsv; printf 'one\ttwo\n'; cat train.tsv; printf 'one\n'; } >columns.tsv
bad 3 "two columns" 'columns.tsv:55: the line has 2 columns' kg-import --train columns.tsv \
    -o "$work/g.h5"
counts=3
bad 3 "a directory of facts" 'work: .*directory' kg-import --train "$work" -o "$work/g.h5"
bad 5 "an output that is a directory" 'scratch|tmp|not a file|directory' kg-import \
    --train train.tsv -o "$scratch"
bad 5 "an output in no directory" 'absent' kg-import --train train.tsv -o "$work/absent/g.h5"
bad 5 "an output that is a device" '/dev/full' kg-import --train train.tsv -o /dev/full
for packer in gzip xz zstd; do
    if ! hash $packer 2>out; then
        echo "not checked: $packer, which is not installed"
        continue
    fi
    $packer -c train.tsv >packed
    head -c $(($(stat -c %s packed) - 9)) packed >short
    bad 3 "a cut file of $packer" 'short: .*(truncated|corrupt|cut)' kg-import --train short \
        -o "$work/g.h5"
    ranks 2 kg-import --train packed --valid valid.tsv --test test.tsv -o p.h5 >out 2>err
    expect_equal "the same graph by $packer" "$(digest g.h5)" "$(digest p.h5)"
done

# Graphs with damage that no checksum tells ------------------------------------------------------------
damage() { # FROM TO WHAT...
    expect 0 "damage: ${*:3}" "$python" "$TRUNNION_SOURCE/tests/fault/kg_bad.py" "$@"
}
for what in head relation tail columns type empty names degree gone; do
    damage g.h5 $what.h5 $what
done
damage g.h5 fresh.h5
expect 0 "a copy without damage" ranks 3 kg-eval m.h5 fresh.h5
counts="1 3 7"
bad 3 "a head out of range, kg-train" 'head.h5:/train: ' kg-train head.h5 -o "$work/m.h5"
counts=3
bad 3 "a head out of range, kg-eval" 'head.h5:/train: ' kg-eval m.h5 head.h5
bad 3 "a head out of range, kg-rules" 'head.h5:/train: ' kg-rules m.h5 head.h5
bad 3 "a relation out of range, kg-eval" 'relation.h5:/valid: ' kg-eval m.h5 relation.h5
bad 3 "a tail out of range, kg-eval" 'tail.h5:/test: ' kg-eval m.h5 tail.h5
printf 'the 1\tsteps by 1\t?\n' >questions
bad 3 "a tail out of range, kg-predict" 'tail.h5:/test: ' kg-predict m.h5 tail.h5 questions
bad 3 "two columns of numbers" 'columns.h5:/train: ' kg-train columns.h5 -o "$work/m.h5"
bad 3 "numbers of another type" 'type.h5:/train: ' kg-train type.h5 -o "$work/m.h5"
bad 3 "nothing to train on" 'empty.h5:/train: no triples' kg-train empty.h5 -o "$work/m.h5"
bad 3 "a name too few" 'names.h5:/entity/degree: 40 rows, 39 wanted' kg-eval m.h5 names.h5
bad 3 "degrees too few" 'degree.h5:/entity/degree: 39 rows, 40 wanted' kg-rules m.h5 degree.h5
bad 3 "no index" 'gone.h5:.*index/start' kg-train gone.h5 -o "$work/m.h5"

# Models -------------------------------------------------------------------------------------------------
for what in entities width nan dim huge model incomplete newer; do
    damage m.h5 $what.h5 $what
done
bad 3 "vectors too few" 'entities.h5:' kg-eval entities.h5 g.h5
bad 3 "a narrow relation" 'width.h5:/relation/values' kg-eval width.h5 g.h5
counts="1 3 7"
bad 3 "not a number" 'nan.h5: /relation/values: row 0, column 1: not finite' kg-predict nan.h5 g.h5 \
    questions
counts=3
bad 3 "a dimension below 0" 'dim.h5' kg-neighbors dim.h5 "the 1"
bad 3 "a dimension beyond all bounds" 'huge.h5' kg-eval huge.h5 g.h5
bad 3 "a model without a name" 'model.h5.*model' kg-rules model.h5 g.h5
bad 3 "a file that was never finished" 'incomplete.h5: .*complete' kg-eval incomplete.h5 g.h5
bad 3 "a file of a later format" 'newer.h5: .*99' kg-eval newer.h5 g.h5
bad 3 "graph and model exchanged" "m.h5.*'?kg-model'?" kg-eval g.h5 m.h5
bad 3 "a model for a graph" "m.h5.*'?kg-model'?" kg-train m.h5 -o "$work/n.h5"
make_corpus corpus 200
ranks 1 cooccur corpus -o c.h5 --min-count 1 --quiet >out 2>err
ranks 1 swivel c.h5 -o words.h5 --dim 8 --epochs 1 --shard-size 64 --quiet >out 2>err
bad 3 "vectors of words for a model" 'words.h5.*embedding' kg-eval words.h5 g.h5
bad 3 "vectors of words for kg-neighbors" 'words.h5.*embedding' kg-neighbors words.h5 "the 1"
bad 3 "a directory for a model" 'work' kg-predict "$work" g.h5 questions
sed 's/the 7/the seventh/' train.tsv >others.tsv
expect 0 "another graph" ranks 1 kg-import --train others.tsv -o other.h5
counts=3
bad 3 "a model of another graph, kg-eval" 'm.h5: .*another graph' kg-eval m.h5 other.h5 \
    --split train
bad 3 "a model of another graph, kg-predict" 'm.h5: .*another graph' kg-predict m.h5 other.h5 \
    questions
bad 3 "a model of another graph, kg-rules" 'm.h5: .*another graph' kg-rules m.h5 other.h5

# Questions: kg_predict.sh has more -----------------------------------------------------------------------
printf 'the 1\tsteps by 1\t?\nthe 2\tsteps by 3\t?\n' >wrong
counts="1 3 7"
bad 3 "an unknown relation" 'wrong:2: steps by 3: no such relation' kg-predict m.h5 g.h5 wrong
counts=3
printf 'the 1\t\t?\n' >wrong
bad 3 "no relation" 'wrong:1: ' kg-predict m.h5 g.h5 wrong
printf 'caf\351\tsteps by 1\t?\n' >wrong
bad 3 "a question in Latin-1" 'wrong:1: .*no such entity' kg-predict m.h5 g.h5 wrong
bad 3 "a directory of questions" 'work: .*directory' kg-predict m.h5 g.h5 "$work"
bad 3 "no questions" 'absent: ' kg-predict m.h5 g.h5 absent

# Numbers that run away: the last good checkpoint stays, and no result -------------------------------------
diverge() { # RANKS ARGUMENT...
    ranks "$1" kg-train g.h5 -o "$work/m.h5" --model transe --dim 8 --epochs 200 --batch-size 32 \
        --loss margin --optimizer adam --learning-rate 7e17 --quiet "${@:2}"
}
for n in 1 3; do
    expect 6 "a huge rate, $n ranks" diverge $n --checkpoint-every 1e-9 --log-json "events$n" &&
        expect_message "a huge rate, $n ranks" 'not finite|NaN'
    rm -f "$work/m.h5.checkpoint.prev" # there is one from the second epoch on
    expect_only "a huge rate, $n ranks" "$work" m.h5.checkpoint
    expect_equal "epochs in the checkpoint, $n ranks" "$(grep -c '"epoch"' "events$n")" \
        "$("$python" -c 'import h5py; print(h5py.File("work/m.h5.checkpoint").attrs["epoch"])')"
    expect 0 "the checkpoint, $n ranks" ranks 1 info --verify "$work/m.h5.checkpoint"
    rm -f "$work"/*
done

# Odd, not bad ---------------------------------------------------------------------------------------------
grep 'steps by 1' train.tsv >single.tsv
expect 0 "one relation, kg-import" ranks 3 kg-import --train single.tsv --split 0.1 0.1 \
    --allow-unseen -o single.h5
expect 0 "one relation, kg-train" ranks 3 kg-train single.h5 -o single-m.h5 --dim 8 --epochs 2
expect 0 "one relation, kg-eval" ranks 3 kg-eval single-m.h5 single.h5
expect 0 "one relation, kg-rules" ranks 3 kg-rules single-m.h5 single.h5
expect 0 "names with spaces, kg-predict" ranks 3 kg-predict m.h5 g.h5 questions --top 2 --json
expect_equal "names with spaces, kg-predict" "$(grep -c '"the [0-9]*"' out)" 4
expect 0 "names with spaces, kg-neighbors" ranks 3 kg-neighbors m.h5 "the 1" --top 2 --json
expect_equal "names with spaces, kg-neighbors" "$(grep -c '"the [0-9]*"' out)" 4
for n in 1 7; do
    expect 0 "2 blocks, $n ranks" ranks $n kg-train g.h5 -o "$n.h5" --dim 8 --epochs 2 \
        --entity-blocks 2 --model transe
done
expect_equal "more ranks than blocks" "$(digest 1.h5 /entity/values)" "$(digest 7.h5 /entity/values)"
finish
