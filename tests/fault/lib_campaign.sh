# lib_campaign.sh: jobs for the campaigns of faults: cooccur, swivel, kg-train and multiply, a second
# or two each, whose results are known to the bit. A few faults run as a test; a campaign of hundreds
# is the same script by hand, with TRUNNION_FAULTS=200 and perhaps TRUNNION_SEED=N.
# shellcheck shell=bash
. "$(dirname "$0")/../cli/lib_program.sh" || exit 1
need cooccur swivel kg-import kg-train multiply info
need_python
faults=${TRUNNION_FAULTS:-$1} # $1: how many as a test
seed=${TRUNNION_SEED:-$1}
RANDOM=$seed

# What killed jobs leave behind goes away with our scratch directory.
mkdir "$scratch/tmp"
export TMPDIR=$scratch/tmp OMPI_MCA_btl_vader_backing_directory=$scratch/tmp
export OMPI_MCA_osc_sm_backing_directory=$scratch/tmp OMPI_MCA_osc_rdma_backing_directory=$scratch/tmp
work=$scratch/work

make_corpus "$scratch/corpus.txt" 6000
gzip -k "$scratch/corpus.txt"
awk 'BEGIN {
    for (i = 0; i < 300; i++)
        for (k = 0; k < 4; k++) print "e" i "\tr" k "\te" (i + 17 * k + 1) % 300
}' >"$scratch/facts.tsv"
"$python" - "$scratch" <<'END' || skip "numpy cannot write the input"
import sys, numpy
for name in "ab": # whole numbers: sums are exact in any order
    numpy.save(f"{sys.argv[1]}/{name}.npy",
               numpy.random.default_rng(ord(name)).integers(-9, 9, (700, 700)).astype("f8"))
END
expect 0 "counts" ranks 1 cooccur "$scratch/corpus.txt" -o "$scratch/c.h5" --min-count 1 || finish
expect 0 "graph" ranks 1 kg-import --train "$scratch/facts.tsv" -o "$scratch/g.h5" || finish

# command=(VERB ARGUMENT...) of a job that writes $work/out.h5. Trainers save after every epoch, so
# that half of their time goes into that; behind the training in one start of two.
set_command() { # JOB
    local every=(-o "$work/out.h5" --checkpoint-every 0.00001 --quiet)
    ((RANDOM % 2)) && every+=(--save-behind)
    case $1 in
    cooccur) command=(cooccur "$scratch/corpus.txt.gz" "$scratch/corpus.txt" -o "$work/out.h5" --min-count 1) ;;
    swivel) command=(swivel "$scratch/c.h5" --dim 32 --epochs 25 --shard-size 128 "${every[@]}") ;;
    kg-train) command=(kg-train "$scratch/g.h5" --dim 32 --negatives 64 --epochs 40 "${every[@]}") ;;
    multiply) command=(multiply "$scratch/a.npy" "$scratch/b.npy" -o "$work/out.h5") ;;
    esac
}
campaign_jobs=(swivel kg-train cooccur multiply)

result() { # JOB: the result's numbers
    case $1 in
    cooccur) digest "$work/out.h5" /vocab /row_ptr /col /value ;;
    swivel) digest "$work/out.h5" /vocab /embedding ;;
    kg-train) digest "$work/out.h5" /entity/values /relation/values ;;
    multiply) digest "$work/out.h5" /matrix ;;
    esac
}

clear_work() {
    rm -rf "$work"
    mkdir "$work"
}

# Each job undisturbed: its result and how long it takes.
declare -A whole microseconds
for job in "${campaign_jobs[@]}"; do
    clear_work
    set_command "$job"
    begin=${EPOCHREALTIME/./}
    expect 0 "undisturbed $job" ranks 2 "${command[@]}" || finish
    microseconds[$job]=$((${EPOCHREALTIME/./} - begin))
    whole[$job]=$(result "$job")
done

sleep_at_most() { # MICROSECONDS: a random time
    local pause=$((RANDOM * $1 / 32768))
    sleep "$((pause / 1000000)).$(printf %06d $((pause % 1000000)))"
}
