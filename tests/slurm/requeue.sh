# A training that Slurm stops goes on by itself to the bits of one that nobody disturbed: ahead of its
# time limit, and when a more urgent job takes its nodes. A cancelled one stops, and can be gone on with.
. "$(dirname "$0")/lib_cluster.sh" || exit 1
need cooccur swivel
need_python
cluster_up
make_training
whole=$(digest "$scratch/whole.h5" /embedding)

# Submit the training and let it run into its second epoch, then hold its ranks, which stands for a
# longer work load; sets $job and $log.
begin() { # NAME OPTION-OF-SBATCH...
    log=$scratch/$1.log
    job=$(TRUNNION_CLUSTER=$cluster_dir sbatch --parsable --output="$log" --nodes=2 --ntasks=4 \
        --ntasks-per-node=2 --cpus-per-task=1 "${@:2}" "$cluster_dir/train.sbatch" "${train[@]}" \
        -o "$scratch/$1.h5" --log-json "$scratch/$1.jsonl")
    checks=$((checks + 1))
    await 60 job_logged "$scratch/$1.jsonl" '"epoch"' || fail "$1: never began: $(tail -n 5 "$log")"
    hold STOP "$1"
}
hold() { # STOP|CONT NAME
    local rank
    for rank in $(ranks_of "/$2.h5"); do kill "-$1" "$rank"; done
}
release() { # NAME TEXT: when the job's log says TEXT
    checks=$((checks + 1))
    await 90 job_logged "$log" "$2" || fail "$1: the log does not say '$2': $(tail -n 5 "$log")"
    hold CONT "$1"
}
ends_right() { # NAME
    expect_job 90 "$1" "$job" JobState COMPLETED
    expect_job 0 "$1" "$job" Restarts 1
    checks=$((checks + 1))
    grep -q "resumed from" "$log" || fail "$1: did not go on from its checkpoint: $(cat "$log")"
    expect_equal "$1: bits" "$whole" "$(digest "$scratch/$1.h5" /embedding)"
}

# The limit is a minute, the signal is asked for as early as can be.
begin limit --time=1 --signal=B:USR1@59
release limit "told to stop"
ends_right limit

# Preemption sends TERM to the ranks and leaves them the grace time of their partition; mpirun's ranks
# are no step of Slurm's, so they hear of it through the job file.
for launcher in srun mpirun; do
    TRUNNION_LAUNCHER=$launcher begin "preempted-$launcher" --time=5
    hold CONT "preempted-$launcher"
    urgent=$(sbatch --parsable --output="$scratch/urgent.log" -p urgent -N 2 -n 8 --wrap "sleep 1")
    ends_right "preempted-$launcher"
    expect_job 1 "the urgent job" "$urgent" JobState COMPLETED
done

begin cancelled --time=5
hold CONT cancelled
scancel "$job"
await 30 job_logged "$log" "holds the state"
expect_job 30 "cancelled" "$job" JobState CANCELLED
expect_job 0 "cancelled" "$job" Restarts 0
expect 0 "cancelled: resumed by hand" ranks 3 "${train[@]}" -o "$scratch/cancelled.h5" --resume must
expect_equal "cancelled: bits" "$whole" "$(digest "$scratch/cancelled.h5" /embedding)"
finish
