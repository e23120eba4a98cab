# tests/limit.sh: what a command says, reads and returns goes through; one that hangs ends with 124, also if
# it does not listen; and a hang ends on a machine where much else runs.
. "$(dirname "$0")/../cli/lib_program.sh" || exit 1
limit() { bash "$TRUNNION_SOURCE/tests/limit.sh" "$@"; }

expect 0 "success" limit 60 true
expect 3 "a failure" limit 60 sh -c 'exit 3'
expect_equal "what it reads and says" "$(echo words | limit 60 tr a-z A-Z)" WORDS
expect 124 "a hang" limit 1 sleep 600
expect 124 "one that does not listen" limit 1 bash -c 'trap "" TERM; while :; do sleep 1; done'
loops=()
for _ in 1 2 3 4 5 6; do
    (while :; do :; done) &
    loops+=($!)
done
begin=$SECONDS
expect 124 "a hang beside six loops" limit 3 sleep 600
took=$((SECONDS - begin))
kill "${loops[@]}"
wait 2>/dev/null
checks=$((checks + 1))
if [ $took -lt 3 ] || [ $took -gt 120 ]; then fail "a hang beside six loops: ended after $took s"; fi
finish
