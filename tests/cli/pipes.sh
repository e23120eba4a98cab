# Text out of pipes: `-` and FIFOs where one pass suffices, the same result as from a file on any number
# of ranks; a clear word where it does not.
. "$(dirname "$0")/lib_program.sh" || exit 1
need cooccur kg-import convert words-eval report
need_python
work=$scratch/work
mkdir "$work"
cd "$scratch" || exit 1
make_corpus corpus 600
make_corpus more 300
gzip -k corpus

# Run a command with its standard input from a program, as a shell's pipe does it.
piped() { # PROGRAM COMMAND...
    sh -c "$1" | "${@:2}"
}
# The same, through a FIFO named `fifo`, which is fed while the command runs.
through_fifo() { # PROGRAM COMMAND...
    local code=0
    rm -f fifo
    mkfifo fifo
    sh -c "$1" >fifo 2>/dev/null &
    "${@:2}" || code=$?
    kill $! 2>/dev/null # if nobody read it
    wait $! 2>/dev/null
    return $code
}
same_counts() { # WHAT
    digest "$work/x.h5" | diff wanted - >/dev/null || fail "$1: other counts"
    checks=$((checks + 1))
}

# Corpora ------------------------------------------------------------------------------------------
expect 0 "files" ranks 2 cooccur corpus more -o "$work/x.h5" --min-count 2 || finish
digest "$work/x.h5" >wanted
for p in 1 3; do
    count=(ranks "$p" cooccur -o "$work/x.h5" --min-count 2)
    expect 0 "standard input, $p ranks" piped 'cat corpus more' "${count[@]}" -
    same_counts "standard input, $p ranks"
    expect 0 "a pipe and a file, $p ranks" piped 'cat corpus.gz' "${count[@]}" more -
    same_counts "a pipe and a file, $p ranks"
    expect 0 "a FIFO, $p ranks" through_fifo 'cat corpus; sleep 0.2; cat more' "${count[@]}" fifo
    same_counts "a FIFO, $p ranks"
done
expect 0 "process substitution" "$TRUNNION" cooccur <(cat corpus) more -o "$work/x.h5" --min-count 2
same_counts "process substitution"
expect 0 "a list" piped 'printf "common0\ncommon1\n"' ranks 2 cooccur corpus --vocab - \
    -o "$work/x.h5"
rm "$work/x.h5"

bad() { # CODE PATTERN WHAT COMMAND...
    expect "$1" "$3" "${@:4}" && expect_message "$3" "$2"
    expect_only "$3" "$work"
}
bad 2 '-: a pipe that is given twice' "twice" piped 'cat corpus' ranks 2 cooccur - - -o "$work/x.h5"
bad 2 'standard input can be read only once' "corpus and list" piped 'cat corpus' \
    ranks 2 cooccur - --vocab - -o "$work/x.h5"
bad 3 '-:601: holds a NUL byte' "a NUL" piped 'cat corpus; printf "a\0b\n"' \
    ranks 2 cooccur - -o "$work/x.h5"
bad 3 '-:601: invalid UTF-8' "no UTF-8" piped 'cat corpus; printf "a\377b\n"' \
    ranks 2 cooccur - -o "$work/x.h5"
bad 3 '-: compressed data is truncated' "a pipe that ends early" piped 'head -c 2000 corpus.gz' \
    ranks 2 cooccur - -o "$work/x.h5"
bad 3 '-: is an empty zip archive' "an archive" piped 'printf "PK\005\006"; head -c 99 /dev/zero' \
    ranks 2 cooccur - -o "$work/x.h5"
bad 3 '-: a pipe can be read only once, but a dry run' "a dry run" piped 'cat corpus' \
    ranks 2 cooccur - -o "$work/x.h5" --dry-run
bad 3 '-: no words in this file' "nothing" piped true ranks 2 cooccur - -o "$work/x.h5"

# Facts --------------------------------------------------------------------------------------------
awk 'BEGIN { for (i = 0; i < 3000; i++) print "e" i % 97 "\tr" i % 7 "\te" i % 91 }' >facts
head -n 1000 facts >a
tail -n 2000 facts >b
awk 'NR % 50 == 0' facts >valid
expect 0 "files of facts" ranks 2 kg-import --train a b --valid valid -o "$work/g.h5" &&
    digest "$work/g.h5" >wanted
for p in 1 3; do
    expect 0 "facts, $p ranks" piped 'cat b' ranks $p kg-import --train a - --valid valid \
        -o "$work/x.h5"
    same_counts "facts, $p ranks"
    expect 0 "facts from a FIFO, $p ranks" through_fifo 'gzip -c valid' \
        ranks $p kg-import --train a b --valid fifo -o "$work/x.h5"
    same_counts "facts from a FIFO, $p ranks"
done
rm "$work"/*
bad 3 '-:3001: the line has' "a bad fact" piped 'cat facts; echo nothing' \
    ranks 3 kg-import --train - -o "$work/x.h5"

# Lists, logs, settings ----------------------------------------------------------------------------
awk 'BEGIN { for (i = 0; i < 50; i++) print "w" i, i % 7, i % 5, i % 3 }' >e.glove
awk 'BEGIN { for (i = 0; i < 40; i++) print "w" i, "w" i + 1, i % 9 }' >pairs
expect 0 "a set" ranks 1 words-eval e.glove --similarity pairs --json
cp "$scratch/out" wanted
expect 0 "a set from a pipe" piped 'cat pairs' ranks 2 words-eval e.glove --similarity - --json
expect_equal "a set from a pipe" "$(sed 's/pairs/-/' wanted | grep spearman)" \
    "$(grep spearman "$scratch/out")"
expect 0 "a log" ranks 1 cooccur corpus -o "$work/x.h5" --log-json log
expect 0 "a log from a pipe" piped 'cat log' ranks 1 report - -o "$work/r.html"
rm "$work"/*

# What is read more than once ----------------------------------------------------------------------
bad 3 '-: a pipe can be read only once, but' "vectors" piped 'cat e.glove' \
    ranks 2 convert - "$work/x.h5"
bad 3 'fifo: a pipe can be read only once, but' "vectors from a FIFO" through_fifo 'cat e.glove' \
    ranks 2 words-eval fifo --similarity pairs
bad 3 'fifo: a pipe can be read only once, but every rank' "settings" through_fifo 'echo window = 2' \
    ranks 2 cooccur corpus -o "$work/x.h5" --config fifo
finish
