#!/bin/bash
# submit.sh: write a Slurm job file for `trunnion VERB ...` with what its --dry-run says it needs.
#   cluster/submit.sh [--ranks N] [--threads N] [--time MINUTES] [--partition NAME] [--file JOB.sbatch]
#                     [--submit] VERB ARGUMENT...
# The memory of a rank is the dry run's figure (with up to 32 ranks, which is the most that more ranks
# need), a tenth more, and 256 MB for MPI. The nodes are as few as hold the ranks, by the processors
# and the memory of the partition's smallest node. Without --file the job file goes to stdout;
# --submit hands it to sbatch.
set -eu
ranks=2 threads=1 minutes=240 partition="" file="" submit=no
refuse() { # MESSAGE
    echo "submit.sh: $*" >&2
    exit 2
}
usage() {
    refuse "usage: submit.sh [--ranks N] [--threads N] [--time MINUTES] [--partition NAME]" \
        "[--file JOB.sbatch] [--submit] VERB ARGUMENT..."
}
number() { # OPTION VALUE
    [[ $2 =~ ^[1-9][0-9]*$ ]] || refuse "$1: '$2' is no number above 0"
    echo "$2"
}
while [ $# -gt 0 ]; do
    case $1 in
    --ranks | --threads | --time | --partition | --file)
        [ $# -ge 2 ] || usage
        case $1 in
        --ranks) ranks=$(number "$1" "$2") ;;
        --threads) threads=$(number "$1" "$2") ;;
        --time) minutes=$(number "$1" "$2") ;;
        --partition) partition=$2 ;;
        --file) file=$2 ;;
        esac
        shift 2
        ;;
    --submit) submit=yes; shift ;;
    -*) usage ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || usage
program=$(command -v "${TRUNNION:-trunnion}") ||
    refuse "trunnion is not in PATH; name it in TRUNNION"
cluster=$(cd "$(dirname "$0")" && pwd)

# {"bytes_per_rank": 123} or {"bytes_per_rank": {..., "total": 123}}
ask=()
for flag in --dry-run --json --quiet; do # which may come once
    [[ " $* " == *" $flag "* ]] || ask+=("$flag")
done
plan=$(OMP_NUM_THREADS=$threads mpirun --oversubscribe --bind-to none -n $((ranks < 32 ? ranks : 32)) \
    "$program" "$@" "${ask[@]}")
bytes=$(tr -d ' \n' <<<"$plan" | grep -oE '"bytes_per_rank":([0-9]+|\{[^}]*"total":[0-9]+)' |
    grep -oE '[0-9]+$') || refuse "the dry run of $1 says nothing about memory"
megabytes=$((bytes * 11 / 10000000 + 256))

smallest=$(sinfo -h ${partition:+-p "$partition"} -o '%c %m' | tr -d + | sort -n | head -n 1)
read -r processors memory <<<"$smallest"
per_node=$((processors / threads))
[ $((memory / megabytes)) -ge $per_node ] || per_node=$((memory / megabytes))
[ $per_node -ge 1 ] || refuse "a rank needs $megabytes MB and $threads processors, a node has" \
    "$memory MB and $processors; use more ranks or fewer threads"
nodes=$(((ranks + per_node - 1) / per_node))

job=$(
    cat <<END
#!/bin/bash
#SBATCH --job-name=trunnion-$1
${partition:+#SBATCH --partition=$partition
}#SBATCH --nodes=$nodes
#SBATCH --ntasks=$ranks
#SBATCH --ntasks-per-node=$(((ranks + nodes - 1) / nodes))
#SBATCH --cpus-per-task=$threads
#SBATCH --mem-per-cpu=$(((megabytes + threads - 1) / threads))M
#SBATCH --time=$minutes
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=trunnion-%j.log
export TRUNNION=$(printf %q "$program")
exec bash $(printf %q "$cluster/job.sh")$(printf ' %q' "$@")
END
)
if [ -n "$file" ]; then echo "$job" >"$file"; fi
if [ $submit = yes ]; then
    sbatch <<<"$job"
elif [ -z "$file" ]; then
    echo "$job"
fi
