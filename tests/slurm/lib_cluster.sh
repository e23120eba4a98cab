# lib_cluster.sh: a private Slurm on the loopback interface for one test: a controller and the node
# daemons n1 and n2, as root, on ports of their own, with all files below $scratch. A script sources
# it and calls cluster_up; what was started is ended by its process number when the script ends.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib_program.sh" || exit 1
lab=$scratch/lab
cluster_dir=$TRUNNION_SOURCE/cluster
export SLURM_CONF=$lab/slurm.conf TRUNNION
# Ranks of two nodes that are one machine would take each other's shared memory for their own.
export OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=lo
unset OMPI_MCA_odls_base_sigkill_timeout
trap cluster_down EXIT

cluster_need() {
    local tool
    [ "$(id -u)" -eq 0 ] || skip "node daemons start jobs as their users, so this needs root"
    for tool in slurmctld slurmd sbatch munged; do
        command -v $tool >/dev/null || skip "$tool is not installed"
    done
    ls /usr/lib/*/slurm*/mpi_pmix.so >/dev/null 2>&1 || skip "this Slurm has no PMIx"
}

cluster_conf() { # PORT
    local host node number=0
    host=$(hostname -s)
    cat <<END
ClusterName=trunnion
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$1
SlurmdPort=$(($1 + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$lab/munge.socket,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$lab/state
SlurmdSpoolDir=$lab/%n
TmpFS=$lab/%n/tmp
SlurmctldPidFile=$lab/slurmctld.pid
SlurmdPidFile=$lab/%n.pid
SlurmctldLogFile=$lab/slurmctld.log
SlurmdLogFile=$lab/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
SlurmdTimeout=10
KillWait=10
ReturnToService=2
END
    for node in n1 n2; do
        number=$((number + 1))
        echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$(($1 + 1 + number)) CPUs=4" \
            "RealMemory=4000"
    done
    echo "PartitionName=usual Nodes=n1,n2 Default=YES MaxTime=30 PriorityTier=1 GraceTime=20"
    echo "PartitionName=urgent Nodes=n1,n2 MaxTime=30 PriorityTier=9 PreemptMode=OFF"
}

start_node() { # NODE
    slurmd -N "$1" >"$lab/$1.out" 2>&1
}

# Wait until a command succeeds.
await() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    until "${@:2}"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

nodes_are_idle() { [ "$(sinfo -h -N -p usual -t idle -o %N | wc -l)" -eq 2 ]; }

cluster_up() {
    cluster_need
    chmod 755 "$scratch"
    mkdir -p "$lab/state" "$lab/n1/tmp" "$lab/n2/tmp"
    cluster_conf $((20000 + RANDOM % 10000)) >"$SLURM_CONF"
    echo "CgroupPlugin=autodetect" >"$lab/cgroup.conf"
    (umask 077 && head -c 1024 /dev/urandom >"$lab/munge.key")
    munged --force --key-file="$lab/munge.key" --socket="$lab/munge.socket" \
        --pid-file="$lab/munged.pid" --log-file="$lab/munged.log" --seed-file="$lab/munge.seed" \
        2>"$lab/munged.out" || skip "munged does not start: $(tail -n 1 "$lab/munged.out")"
    slurmctld -c >"$lab/slurmctld.out" 2>&1
    start_node n1
    start_node n2
    await 30 nodes_are_idle && return
    tail -n 3 "$lab"/*.log "$lab"/*.out
    fail "no two idle nodes after 30 s"
    finish
}

# All that was started here, by its environment: ranks and the daemons' helpers outlive a daemon.
processes_of_lab() {
    grep -lsz "^SLURM_CONF=$SLURM_CONF$" /proc/[0-9]*/environ | cut -d / -f 3
}

cluster_down() {
    local file process
    if [ -s "$lab/slurmctld.pid" ]; then scancel --user=root --full -s KILL 2>/dev/null; fi
    for file in "$lab"/n1.pid "$lab"/n2.pid "$lab"/slurmctld.pid "$lab"/munged.pid; do
        if [ -s "$file" ]; then kill "$(cat "$file")" 2>/dev/null; fi
    done
    await 5 not_running
    for process in $(processes_of_lab); do kill -KILL "$process" 2>/dev/null; done
    rm -rf "$scratch"
}
not_running() { ! compgen -G "$lab/*.pid" >/dev/null; }

# What jobs do here: sets train=(VERB ARGUMENT...); undisturbed it makes $scratch/whole.h5.
make_training() {
    make_corpus "$scratch/corpus.txt" 1000
    expect 0 cooccur ranks 1 cooccur "$scratch/corpus.txt" -o "$scratch/c.h5" --min-count 1 || finish
    train=(swivel "$scratch/c.h5" --dim 64 --shard-size 64 --epochs 200)
    expect 0 "undisturbed" ranks 1 "${train[@]}" -o "$scratch/whole.h5" || finish
}

job_is() { # JOB FIELD VALUE|VALUE...
    scontrol -o show job "$1" 2>/dev/null | grep -qE "(^| )$2=($3)( |$)"
}
job_logged() { # LOG TEXT
    grep -qs -- "$2" "$1"
}

# Check that it comes to that within some time.
expect_job() { # SECONDS WHAT JOB FIELD VALUE
    checks=$((checks + 1))
    await "$1" job_is "${@:3}" && return
    fail "$2: no $4=$5: $(scontrol -o show job "$3" | grep -oE '(JobState|Reason|Restarts|ExitCode)=[^ ]*' | tr '\n' ' ')"
    return 1
}

# Ranks of the running job.
ranks_of() { # TEXT IN THEIR COMMAND LINE
    pgrep -f "^$TRUNNION .*$1"
}
