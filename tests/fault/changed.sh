# A file that another program cuts or lengthens while it is read: exit code 3 naming it, on any number
# of ranks and at any place, nothing left behind. Text was silently taken for what was left of it.
. "$(dirname "$0")/../cli/lib_program.sh" || exit 1
need cooccur kg-import convert
cc=$(command -v cc) || skip "needs a C compiler"
"$cc" -shared -fPIC -o "$scratch/changing.so" "$TRUNNION_SOURCE/tests/fault/changing_file.c" -ldl ||
    skip "the compiler cannot make a library"
case $("$cc" -print-file-name=libasan.so) in
/*) ldd "$TRUNNION" | grep -q libasan && skip "the sanitizer does not like a library before it" ;;
esac
work=$scratch/work
mkdir "$work"
export CHANGE_NAME=/input CHANGE_LOG=$scratch/log

# Whole lines are left by every cut, so that nothing but the change can be wrong.
make_corpus "$scratch/corpus" 30000
awk 'BEGIN { for (i = 0; i < 120000; i++) print "e" i % 997 "\tr" i % 7 "\te" i % 991 }' \
    >"$scratch/facts"
awk 'BEGIN { for (i = 0; i < 60000; i++) print "w" i, i, i / 2, i / 4 }' >"$scratch/vectors"
awk 'BEGIN { print "%%MatrixMarket matrix array real general\n200000 1"
             for (i = 0; i < 200000; i++) print i / 8 }' >"$scratch/matrix"

# One run that sees the change before the AT-th read of RANK.
changed() { # CONTENT N RANK AT BYTES ARGUMENT...
    cp "$scratch/$1" "$scratch/input$suffix"
    : >"$CHANGE_LOG"
    what="$6 $1, read $4 of rank $3 of $2, to $5 bytes"
    CHANGE_RANK=$3 CHANGE_AT=$4 CHANGE_TO=$5 LD_PRELOAD=$scratch/changing.so \
        expect 3 "$what" ranks "$2" "${@:6}" &&
        expect_message "$what" "input$suffix: changed while it was read"
    checks=$((checks + 1))
    [ -s "$CHANGE_LOG" ] || fail "$what: there was no such read"
    expect_only "$what" "$work"
}
suffix=
changed corpus 1 0 1 100 cooccur "$scratch/input" -o "$work/x.h5" --min-count 1
changed corpus 1 0 3 500000 cooccur "$scratch/input" -o "$work/x.h5" --min-count 1
changed corpus 1 0 5 9000000 cooccur "$scratch/input" -o "$work/x.h5" --min-count 1
changed corpus 3 0 2 500000 cooccur "$scratch/input" -o "$work/x.h5" --min-count 1
changed corpus 3 2 2 500000 cooccur "$scratch/input" -o "$work/x.h5" --min-count 1
changed facts 1 0 2 700000 kg-import --train "$scratch/input" -o "$work/x.h5"
changed facts 3 1 1 0 kg-import --train "$scratch/input" -o "$work/x.h5"
changed vectors 1 0 2 700000 convert "$scratch/input" "$work/x.h5"
changed vectors 2 1 1 700000 convert "$scratch/input" "$work/x.h5"
suffix=.mtx CHANGE_NAME=/input.mtx
changed matrix 2 0 2 700000 convert "$scratch/input.mtx" "$work/x.npy"
changed matrix 2 1 1 700000 convert "$scratch/input.mtx" "$work/x.npy"
cp "$scratch/matrix" "$scratch/input.mtx"
expect 0 "an array" ranks 1 convert "$scratch/input.mtx" "$scratch/array.npy"
mv "$scratch/array.npy" "$scratch/array"
suffix=.npy CHANGE_NAME=/input.npy
changed array 1 0 2 700000 convert "$scratch/input.npy" "$work/x.h5"
finish
