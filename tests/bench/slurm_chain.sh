#!/usr/bin/env bash
# A training of some minutes in a job of one minute that gets no signal: the trainer itself knows when
# its time is up, and a chain of requeues comes to the bits of one run. Minutes; prints the stops.
#   TRUNNION=build/release/trunnion bash tests/bench/slurm_chain.sh [EPOCHS]     (as root)
TRUNNION=$(realpath "${TRUNNION:-build/release/trunnion}")
export TRUNNION TRUNNION_SOURCE=${TRUNNION_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$TRUNNION_SOURCE/tests/slurm/lib_cluster.sh" || exit 1
limit=1800
need_python
make_corpus "$scratch/corpus.txt" 20000
expect 0 cooccur ranks 1 cooccur "$scratch/corpus.txt" -o "$scratch/c.h5" --min-count 1 || finish
train=(swivel "$scratch/c.h5" --dim 256 --shard-size 64 --epochs "${1:-1500}")
cluster_up
job=$(TRUNNION_CLUSTER=$cluster_dir sbatch --parsable --output="$scratch/job.log" --nodes=2 --ntasks=4 \
    --ntasks-per-node=2 --cpus-per-task=1 --time=1 --signal=B:CONT@1 "$cluster_dir/train.sbatch" \
    "${train[@]}" -o "$scratch/e.h5")
await 1800 job_is "$job" JobState "COMPLETED|FAILED|CANCELLED|TIMEOUT"
expect_job 0 "the chain" "$job" JobState COMPLETED || tail -n 20 "$scratch/job.log"
grep -aE "resumed from|stopped in|told to stop|queueing|epoch [0-9]+/.* s$" "$scratch/job.log" |
    awk '/epoch [0-9]+\// { last = $0; next } { if (last) print last; last = ""; print } END { print last }'
stops=$(grep -c "queueing again" "$scratch/job.log")
expect_job 0 "the chain" "$job" Restarts "$stops"
checks=$((checks + 1))
[ "$stops" -ge 1 ] || fail "no stop: give more epochs"
expect 0 "one run" ranks 2 "${train[@]}" -o "$scratch/whole.h5"
expect_equal "bits after $stops stops" "$(digest "$scratch/whole.h5" /embedding)" \
    "$(digest "$scratch/e.h5" /embedding)"
finish
