#!/usr/bin/env bash
# limit.sh SECONDS COMMAND...: end a command that takes longer, as timeout(1) does (exit code 124); but where
# more processes want to run than there are processors, only the share of the time counts that each can have.
# So a hang is ended, and a run that is only slow is not. At most 12 times SECONDS pass.
set -u
most=$1
shift
processors=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) # nproc would say OMP_NUM_THREADS

# Processes that run or want to, this one left out.
running() {
    local name count
    while read -r name count; do
        [ "$name" = procs_running ] || continue
        echo $((count > 1 ? count - 1 : 1))
        return
    done </proc/stat
    echo 1
}

"$@" <&0 &
job=$!
trap 'kill -TERM $job 2>/dev/null' TERM INT HUP
# Nothing of the guard may hold the streams open for which somebody waits.
{
    spent=0 passed=0 # thousandths of a second that count; seconds
    while [ $spent -lt $((1000 * most)) ] && [ $passed -lt $((12 * most)) ]; do
        sleep 1
        busy=$(running)
        spent=$((spent + (busy > processors ? 1000 * processors / busy : 1000)))
        passed=$((passed + 1))
    done
    trap '' TERM
    kill -TERM $job
    sleep 5
    kill -KILL $job
    exit 0
} >/dev/null 2>&1 </dev/null &
guard=$!

code=0
wait $job || code=$?
while kill -0 $job 2>/dev/null; do # a signal to us ended the wait, not the job
    code=0
    wait $job || code=$?
done
# The guard is there yet unless it has had its 5 s; with TERM it only goes if it has not barked.
kill -TERM $guard 2>/dev/null
guarded=0
wait $guard 2>/dev/null || guarded=$?
if [ $guarded -eq 0 ]; then
    echo "limit.sh: ended after $most s: $*" >&2
    code=124
fi
exit $code
