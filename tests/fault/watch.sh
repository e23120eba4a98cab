#!/usr/bin/env bash
# A rank that hangs, or has stopped, or waits for what nobody sends, ends the job with exit code 70 and a
# line that names rank and phase.
set -u
program=$(dirname "$TRUNNION")/mpi_watch
failed=0

hangs() { # WHAT RANK PATTERN [SETTING]
    local output code=0
    output=$(env TRUNNION_TEST_HANG="$2" ${4:+"$4"} bash "$TRUNNION_SOURCE/tests/limit.sh" 60 mpirun --oversubscribe \
        --bind-to none -n 3 "$program" 2>&1) || code=$?
    if [ $code -ne 70 ]; then
        echo "not ok: $1: exit code $code, not 70: $output"
        failed=1
    elif ! grep -q "^trunnion: rank $3" <<<"$output"; then
        echo "not ok: $1: no line says so: $output"
        failed=1
    else
        echo "ok $1"
    fi
}
hangs "rank 0 hangs" 0 '0: .*no progress for [3-9] s in phase "stuck here";'
hangs "rank 2 hangs" 2 '2: .*no progress for [3-9] s in phase "stuck here";'
hangs "rank 1 has stopped" 1 '[02]: .*in phase "waiting for the others", waiting for a message;' TRUNNION_TEST_STOP=1
hangs "all wait" -1 '[0-2]: .*in phase "stuck here", waiting for a message;'
exit $failed
