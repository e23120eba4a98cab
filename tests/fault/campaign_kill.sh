# kill -KILL of a random rank, or of mpirun, at a random moment, over and over, each time going on
# with another number of ranks: in the end there are the bits of a run that nobody disturbed, nothing
# hangs, and no half file ever has a final name.
set -- 8
. "$(dirname "$0")/lib_campaign.sh" || exit 1

# A process that is no zombie, as PID:START, for numbers are soon given to others; and whether it is
# yet alive.
identify() { # PID
    local fields
    { read -r -a fields <"/proc/$1/stat"; } 2>/dev/null && [ "${fields[2]}" != Z ] &&
        echo "$1:${fields[21]}"
}
alive() { # PID:START
    [ -n "$1" ] && [ "$(identify "${1%:*}")" = "$1" ]
}

ends_within() { # SECONDS PID:START
    local waits=$((20 * $1))
    while alive "$2"; do
        [ $((waits--)) -gt 0 ] || return 1
        sleep 0.05
    done
}

# Start the job on N ranks, kill something of it after at most so many microseconds, and wait until
# all of it has ended. Counts the kill, unless the job had ended before.
kill_one() { # N MICROSECONDS
    local job launcher victim what begin took process processes=() code=0
    mpirun --oversubscribe --bind-to none -n "$1" "$TRUNNION" "${command[@]}" >"$scratch/out" \
        2>"$scratch/err" </dev/null &
    job=$!
    sleep_at_most "$2"
    for process in $(pgrep -P $job); do
        mapfile -t -O ${#processes[@]} processes < <(identify "$process")
    done
    victim=$job what=mpirun
    if [ ${#processes[@]} -gt 0 ] && [ $((RANDOM % 4)) -gt 0 ]; then
        victim=${processes[RANDOM % ${#processes[@]}]%:*} what=rank
    fi
    begin=${EPOCHREALTIME/./}
    launcher=$(identify $job)
    kill -KILL "$victim" 2>/dev/null
    for process in "${processes[@]}"; do
        ends_within "$(seconds)" "$process" && continue
        fail "${command[0]} on $1 ranks: a rank hangs after the kill of $what $victim"
        ps -o pid,ppid,stat,wchan,args -p "${process%:*}"
        kill -KILL "${process%:*}"
    done
    # PMIx as of Open MPI 4.1 waits for itself in mpirun when a rank dies while it connects to it.
    if ! ends_within 10 "$launcher"; then
        launchers=$((launchers + 1))
        kill -KILL $job
    fi
    checks=$((checks + 1))
    took=$(((${EPOCHREALTIME/./} - begin) / 1000))
    wait $job 2>/dev/null || code=$?
    if [ $code -ne 0 ]; then
        kills=$((kills + 1))
        tally[$what]=$((${tally[$what]:-0} + 1))
        [ $took -le $longest ] || longest=$took
        [ $took -le 5000 ] || late=$((late + 1))
    fi
}

# Whatever has a final name is whole.
check_files() {
    local file
    for file in "$work"/*; do
        case $file in
        *.tmp.* | "$work/*") ;;
        *) expect 0 "$(basename "$file") after a kill of ${command[0]}" "$TRUNNION" info "$file" ;;
        esac
    done
}

kills=0 turn=0 runs=0 longest=0 late=0 launchers=0
declare -A tally
while [ $kills -lt "$faults" ]; do
    job=${campaign_jobs[turn++ % ${#campaign_jobs[@]}]}
    clear_work
    set_command "$job"
    for _ in $(seq $((1 + RANDOM % 3))); do
        kill_one $((1 + RANDOM % 4)) "${microseconds[$job]}"
        check_files
    done
    n=$((1 + RANDOM % 4))
    expect 0 "the last $job is left alone, $n ranks" ranks $n "${command[@]}"
    checks=$((checks + 1))
    grep -aiE 'damaged|prev' "$scratch/err" && fail "$job: a kill damaged a checkpoint"
    expect_equal "$job after kills" "${whole[$job]}" "$(result "$job")"
    runs=$((runs + 1))
    [ "$faults" -lt 100 ] || echo "$kills kills" >&2
done
echo "seed $seed: $kills kills (${tally[rank]:-0} of a rank, ${tally[mpirun]:-0} of mpirun), $runs runs" \
    "to the end; $late times more than 5 s from a kill to the end of the job, at most $longest ms;" \
    "$launchers times mpirun alone hung, without a rank"
finish
