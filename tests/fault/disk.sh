# A disk that is full, read-only or limited by ulimit: exit code 5, one line, no temporary file, and
# what was there before is as it was.
. "$(dirname "$0")/../cli/lib_program.sh" || exit 1
need cooccur swivel
make_corpus "$scratch/corpus.txt" 2000
expect 0 cooccur ranks 1 cooccur "$scratch/corpus.txt" -o "$scratch/c.h5" --min-count 1 || finish

# Limit on file size: 16 MiB for the ranks (Open MPI's own files are smaller), 25 MB to write. --------
work=$scratch/limited
mkdir "$work"
limited() {
    # shellcheck disable=SC2016 # for the inner shell
    job -n "$1" bash -c 'ulimit -f 16384; exec "$@"' \
        bash "$TRUNNION" "${@:2}"
}
for p in 1 3; do
    expect 5 "file size limit, $p ranks" limited $p swivel "$scratch/c.h5" -o "$work/e.h5" \
        --dim 8192 --epochs 1 && expect_message "file size limit, $p ranks" 'limit'
    expect_only "file size limit, $p ranks" "$work"
done

# File systems of our own need root. ----------------------------------------------------------------
if ! mkdir "$scratch/disk" || ! mount -t tmpfs -o size=1m tmpfs "$scratch/disk" 2>/dev/null; then
    echo "not checked: full and read-only disks, because no tmpfs can be mounted here"
    finish
fi
trap 'umount "$scratch/disk"; rm -rf "$scratch"' EXIT
work=$scratch/disk
printf 'precious\n' >"$work/c.h5"
head -c 900000 /dev/zero >"$work/filler"
for p in 1 3; do
    expect 5 "full disk, $p ranks" ranks $p cooccur "$scratch/corpus.txt" -o "$work/c.h5" \
        --min-count 1 && expect_message "full disk, $p ranks" 'full|space'
    expect_only "full disk, $p ranks" "$work" c.h5 filler
    expect_equal "what was there before, $p ranks" precious "$(cat "$work/c.h5")"
    expect 5 "full disk, swivel, $p ranks" ranks $p swivel "$scratch/c.h5" -o "$work/e.h5" --dim 64 \
        --epochs 1 && expect_message "full disk, swivel, $p ranks" 'full|space'
    expect_only "full disk, swivel, $p ranks" "$work" c.h5 filler
done

# Nor does a trace, which is whole or as it was.
echo "of yesterday" >"$work/t.json"
cat /dev/zero >"$work/more" 2>/dev/null
expect 5 "a trace on a full disk" ranks 2 cooccur "$scratch/corpus.txt" -o "$scratch/other.h5" \
    --min-count 1 --trace "$work/t.json" && expect_message "a trace on a full disk" 't.json.*space'
expect_equal "the former trace" "of yesterday" "$(cat "$work/t.json")"
rm "$work/more" "$work/t.json"

unset TMPDIR

# What counting takes beside --memory: files without names, in the output's directory, of every rank.
awk 'BEGIN {
    srand(3)
    for (l = 0; l < 3000; l++) {
        for (i = 0; i < 100; i++) printf " w%d", rand() * 20000
        print ""
    }
}' >"$scratch/words.txt"
for p in 1 3; do
    expect 5 "spilling to a full disk, $p ranks" ranks $p cooccur "$scratch/words.txt" -o "$work/c.h5" \
        --min-count 1 --window 60 --memory 60M &&
        expect_message "spilling to a full disk, $p ranks" 'disk: cannot write a temporary file: No space'
    expect_only "spilling to a full disk, $p ranks" "$work" c.h5 filler
    expect_equal "what was there before, $p ranks" precious "$(cat "$work/c.h5")"
done

# Knowledge graphs: 2 MB to write in place of what lies there, and a checkpoint that does not fit either.
awk 'BEGIN { for (i = 0; i < 20000; i++) print "entity " i "\tr" i % 3 "\tentity " (i * 7) % 20000 }' \
    >"$scratch/facts.tsv"
has kg-import && has kg-train && {
    printf 'precious\n' >"$work/g.h5"
    expect 0 "a graph" ranks 2 kg-import --train "$scratch/facts.tsv" -o "$scratch/g.h5" || finish
    for p in 1 3; do
        expect 5 "full disk, kg-import, $p ranks" ranks $p kg-import --train "$scratch/facts.tsv" \
            -o "$work/g.h5" && expect_message "full disk, kg-import, $p ranks" 'full|space'
        expect 5 "full disk, kg-train, $p ranks" ranks $p kg-train "$scratch/g.h5" -o "$work/m.h5" \
            --dim 16 --epochs 1 && expect_message "full disk, kg-train, $p ranks" 'full|space'
        expect 5 "full disk, checkpoint, $p ranks" ranks $p kg-train "$scratch/g.h5" -o "$work/m.h5" \
            --dim 16 --epochs 3 --checkpoint-every 0.0001 &&
            expect_message "full disk, checkpoint, $p ranks" 'checkpoint.*(full|space)'
        expect_only "full disk, graphs, $p ranks" "$work" c.h5 filler g.h5
        expect_equal "the graph before, $p ranks" precious "$(cat "$work/g.h5")"
    done
    rm "$work/g.h5"
}

mount -o remount,ro "$work"
for p in 1 3; do
    expect '3|5' "read-only directory, $p ranks" ranks $p cooccur "$scratch/corpus.txt" \
        -o "$work/new.h5" --min-count 1 && expect_message "read-only directory, $p ranks" 'new.h5|disk'
    expect_only "read-only directory, $p ranks" "$work" c.h5 filler
done
finish
