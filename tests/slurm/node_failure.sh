# A node whose daemon and ranks are killed ends the job, which else would be "running" for ever, and
# the same job submitted again goes on from the last checkpoint.
. "$(dirname "$0")/lib_cluster.sh" || exit 1
need cooccur swivel
need_python
cluster_up
make_training

submit() { # NAME ARGUMENT...; sets $job
    job=$(TRUNNION_CLUSTER=$cluster_dir sbatch --parsable --output="$scratch/$1.log" --nodes=2 \
        --ntasks=4 --ntasks-per-node=2 --cpus-per-task=1 --time=5 "$cluster_dir/train.sbatch" \
        "${train[@]}" -o "$scratch/e.h5" "${@:2}")
}
submit first --log-json "$scratch/e.jsonl" --checkpoint-every 0.001
checks=$((checks + 1))
await 60 test -e "$scratch/e.h5.checkpoint.prev" || fail "no checkpoint: $(cat "$scratch/first.log")"
victims=$(cat "$lab/n2.pid")
for rank in $(ranks_of "/e.h5"); do
    ! grep -qz "^SLURMD_NODENAME=n2$" "/proc/$rank/environ" || victims="$victims $rank"
done
# shellcheck disable=SC2086 # a list of words
kill -KILL $victims
expect_equal "daemon and ranks of a node" 3 "$(wc -w <<<"$victims")"
expect_job 60 "after the failure" "$job" JobState "FAILED|COMPLETING|NODE_FAIL"
expect_equal "no result" no "$([ -e "$scratch/e.h5" ] && echo yes || echo no)"

rm -f "$lab/n2.pid"
start_node n2
checks=$((checks + 1))
await 60 nodes_are_idle || fail "the node does not come back: $(sinfo)"
submit again --resume must
expect_job 90 "the rerun" "$job" JobState COMPLETED || cat "$scratch/again.log"
expect_equal "bits" "$(digest "$scratch/whole.h5" /embedding)" "$(digest "$scratch/e.h5" /embedding)"
finish
