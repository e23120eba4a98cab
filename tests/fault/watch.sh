#!/usr/bin/env bash
# A rank that hangs ends the job with exit code 70 and a line that names rank and phase.
set -u
program=$(dirname "$TRUNNION")/mpi_watch
failed=0
for who in 0 2; do
    output=$(TRUNNION_TEST_HANG=$who timeout -k 5 30 mpirun --oversubscribe --bind-to none -n 3 \
        "$program" 2>&1)
    code=$?
    if [ $code -ne 70 ]; then
        echo "not ok: rank $who hangs: exit code $code, not 70"
        failed=1
    elif ! grep -q "^trunnion: rank $who: .*no progress for .*\"stuck here\"" <<<"$output"; then
        echo "not ok: rank $who hangs: no line names it: $output"
        failed=1
    else
        echo "ok rank $who hangs"
    fi
done
exit $failed
