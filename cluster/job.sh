#!/bin/bash
# job.sh: run `trunnion VERB ...` as the one step of a Slurm job; every job file here ends with it.
#   job.sh VERB ARGUMENT...
# The ranks start by srun over PMIx, by mpirun where Slurm has no PMIx (TRUNNION_LAUNCHER=mpirun asks
# for it). USR1 and TERM, which Slurm sends ahead of a time limit and on preemption, are handed to them;
# a trainer then saves a checkpoint and returns 85, and the job queues again. The same command goes on
# from there, on however many ranks it is given. TRUNNION names the program if it is not in PATH.
set -u
: "${SLURM_JOB_ID:?this runs inside a Slurm job: sbatch a job file, or see cluster/submit.sh}"
program=${TRUNNION:-trunnion}
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1} # threads of a rank; BLAS stays on one

# When the job will be ended, for --time-limit auto: older Slurm (22.05) tells it by scontrol alone,
# and a job submitted by another one may have inherited that one's.
end=$(scontrol -o show job "$SLURM_JOB_ID" | grep -oP ' EndTime=\K\S+')
SLURM_JOB_END_TIME=$(date -d "$end" +%s 2>/dev/null) || SLURM_JOB_END_TIME=0 # no limit
export SLURM_JOB_END_TIME

launcher=${TRUNNION_LAUNCHER:-srun}
if [ "$launcher" = srun ] && ! srun --mpi=list 2>&1 | grep -qw pmix; then
    launcher=mpirun
fi
if [ "$launcher" = srun ]; then
    export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1} # which srun no longer takes from sbatch
    # -K1: when one rank dies, Slurm ends the others instead of letting them wait for it.
    srun --mpi=pmix -K1 "$program" "$@" &
else
    # Notice within some 10 s that a host is cut off. (odls_base_sigkill_timeout stays at its second:
    # with 60, mpirun takes two minutes to end even a job whose ranks have all returned 85.)
    export OMPI_MCA_oob_tcp_keepalive_time=5 OMPI_MCA_oob_tcp_keepalive_intvl=2
    export OMPI_MCA_oob_tcp_keepalive_probes=3
    # Preemption sends TERM to steps only, and mpirun's daemons, which are one, would end with their
    # ranks. So they do not see it, and a step that sleeps tells this script (by the code of a TERM).
    export OMPI_MCA_orte_launch_agent="env --block-signal=TERM orted"
    { srun --overlap -N 1 -n 1 sleep infinity; [ $? -ne 143 ] || kill -USR1 $$; } 2>/dev/null &
    mpirun -n "${SLURM_NTASKS:-1}" --map-by "slot:PE=${SLURM_CPUS_PER_TASK:-1}" "$program" "$@" &
fi
step=$!

# Both mean: save and stop. A TERM would make mpirun kill the ranks a second later.
told=0 signalled=0
trap 'told=1 signalled=1; echo "job.sh: told to stop"; kill -USR1 $step' USR1 TERM
code=0
wait $step || code=$?
while [ $signalled -eq 1 ]; do # it was the signal that ended the wait, not yet the step
    signalled=0 code=0
    wait $step || code=$?
done

# Told to stop, the first ranks to return 85 may make -K1 kill the last, which then says 137. A job that
# was cancelled is COMPLETING and does not come back.
if [ $code -eq 85 ] || { [ $told -eq 1 ] && [ $code -eq 137 ]; }; then
    if scontrol -o show job "$SLURM_JOB_ID" | grep -q ' JobState=RUNNING '; then
        echo "job.sh: stopped with a good checkpoint; queueing again"
        scontrol requeue "$SLURM_JOB_ID"
    fi
fi
exit $code
