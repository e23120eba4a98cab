# A small job of every verb and benchmark on two threads under the thread sanitizer, on one rank and some
# on two, and checkpoints written behind the training; a test of the preset tsan. A data race is a
# failure (exit code 66). What Open MPI and other libraries do among themselves is not looked at: they
# are not compiled for it. OpenMP is, by the tool that comes with LLVM's library.
. "$(dirname "$0")/../cli/lib_verbs.sh" || exit 1
archer=$(find /usr/lib/llvm-*/lib -name libarcher.so 2>/dev/null | head -n 1)
[ -n "$archer" ] || skip "no libarcher.so of LLVM's OpenMP"
export OMP_TOOL_LIBRARIES=$archer
export TSAN_OPTIONS="ignore_noninstrumented_modules=1:exitcode=66:suppressions=$TRUNNION_SOURCE/tests/sanitize/threads.supp"

# The tool is there: it sees a race, and none where OpenMP orders two threads.
clang=$(command -v clang-14 || command -v clang) || skip "needs clang"
cat >"$scratch/race.c" <<'END'
#include <stdio.h>
int main(int argc, char **argv) {
    static int sum[2];
    (void)argv;
#pragma omp parallel num_threads(2)
    {
        if (argc > 1) sum[0]++;
#pragma omp critical
        sum[1]++;
    }
    return printf("%d\n", sum[0] + sum[1]) < 0;
}
END
"$clang" -O1 -g -fopenmp -fsanitize=thread "$scratch/race.c" -o "$scratch/race" || skip "clang has no thread sanitizer"
expect 0 "no race" "$scratch/race"
expect 66 "a race" "$scratch/race" with

threaded() { # VERB ARGUMENT...
    OMPI_MCA_btl=self OMPI_MCA_ess_singleton_isolated=1 expect 0 "$*" \
        timeout -k 5 "$(seconds)" "$TRUNNION" "$@" --threads 2 --quiet
}
every_verb threaded

both() { # VERB ARGUMENT... ; alone and on two ranks, at sizes at which threads share work
    rm -f "$work"/k.h5*
    threaded "$@"
    rm -f "$work"/k.h5*
    expect 0 "$* on two ranks" ranks 2 "$@" --threads 2 --quiet
}
make_corpus "$scratch/large.txt" 4000
behind=(--checkpoint-every 0.0001 --save-behind --checkpoint "$work/k.h5")
both cooccur "$scratch/large.txt" -o "$scratch/l.h5" --min-count 1
both swivel "$scratch/l.h5" -o "$work/l.h5" --dim 16 --epochs 30 --shard-size 128 "${behind[@]}"
both neighbors "$work/l.h5" common0 common1 -k 9
both neighbors --queries "$work/l.h5" --among "$work/l.h5" --exclude self -k 9
both factor "$scratch/l.h5" --nmf -k 8 --steps 3 -o "$work/f.h5"
both factor "$work/l.h5" --snmf -k 8 --steps 3 -o "$work/f.h5"
awk 'BEGIN {
    for (i = 0; i < 600; i++) for (k = 1; k < 5; k++) print "e" i "\tr" k "\te" (i + k * k) % 600
}' >"$scratch/many.tsv"
expect 0 "a graph" "$TRUNNION" kg-import --train "$scratch/many.tsv" --split 0.1 0.1 -o "$scratch/many.h5"
for how in "--negatives 0" "--negatives 64" "--regime bucketed --negatives 64 --entity-blocks 4"; do
    # shellcheck disable=SC2086 # a list of words
    both kg-train "$scratch/many.h5" -o "$work/many.h5" --model rotate --dim 16 --epochs 4 $how "${behind[@]}"
done
both kg-train "$scratch/many.h5" -o "$work/many.h5" --model distmult --dim 16 --epochs 3 --valid-every 1 "${behind[@]}"
both kg-eval "$work/many.h5" "$scratch/many.h5"
both kg-predict "$work/many.h5" "$scratch/many.h5" "$scratch/questions.tsv"
both nodepiece "$scratch/many.h5" -o "$work/n.h5" --anchors 20 --nearest 4
finish
