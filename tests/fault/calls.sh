# Every system call on the files of a small job of every verb fails once (EIO): exit code 5 (3 where what was
# read looks cut short) with one line, or success with the very bytes of an undisturbed run; the old output is
# as it was, nothing half written is left. And what is no failure changes nothing: short and interrupted
# reads and writes, a clock that jumps. A few as a test, each verb on 1, 2 or 3 ranks in turn, one of
# which fails; TRUNNION_FAULTS=6 tries one call of every kind, 100 every call of every rank of 1, 2 and 3.
. "$(dirname "$0")/../cli/lib_verbs.sh" || exit 1
cc=$(command -v cc) || skip "needs a C compiler"
for library in failing_calls storm; do
    "$cc" -shared -fPIC -o "$scratch/$library.so" "$TRUNNION_SOURCE/tests/fault/$library.c" -ldl ||
        skip "the compiler cannot make a library"
done
case $("$cc" -print-file-name=libasan.so) in
/*) ldd "$TRUNNION" | grep -q libasan && skip "the sanitizer does not like a library before it" ;;
esac
faults=${TRUNNION_FAULTS:-1}
RANDOM=${TRUNNION_SEED:-1}
calls="pwrite fsync rename renameat2 close read pread ftruncate fallocate open sync_file_range"
declare -A tried refused harmless wrong
for call in $calls; do tried[$call]=0 refused[$call]=0 harmless[$call]=0 wrong[$call]=0; done

sums() { # of what the job has written; a benchmark's files hold times
    (cd "$work" && find . -type f ! -name '*.jsonl' -exec sha256sum {} + | sort)
}
renew() { # the old outputs
    local file
    rm -rf "${work:?}"/*
    for file in "${outputs[@]}"; do echo precious >"$file"; done
}
bad() { # CALL WHAT
    wrong[$1]=$((wrong[$1] + 1))
    fail "$2"
    head -n 3 "$scratch/err"
}

# The program on $count_ranks ranks, calls of $victim failing as the settings say.
preloaded() { # SETTING=VALUE... -- ARGUMENT...
    local settings=(FAIL_NAME="$scratch/" FAIL_RANK="$victim" FAIL_ERRNO=5 LD_PRELOAD="$scratch/failing_calls.so")
    while [ "$1" != -- ]; do settings+=("$1") && shift; done
    if [ "$count_ranks" = 1 ]; then
        timeout -k 5 "$(seconds)" env "${settings[@]}" "$TRUNNION" "${@:2}"
    else
        job -n "$count_ranks" env "${settings[@]}" "$TRUNNION" "${@:2}"
    fi
}

# One run whose call number AT of this kind fails.
inject() { # CALL AT COMMAND...
    local code=0 file what="$1 number $2 on rank $victim of $count_ranks, ${*:3}"
    renew
    : >"$scratch/log"
    preloaded FAIL_CALLS="$1" FAIL_AT="$2" FAIL_LOG="$scratch.log" -- "${@:3}" \
        >"$scratch.out" 2>"$scratch/err" </dev/null || code=$?
    tried[$1]=$((tried[$1] + 1))
    checks=$((checks + 1))
    case $code in
    0)
        harmless[$1]=$((harmless[$1] + 1))
        [ "$(sums)" = "$whole" ] || bad "$1" "$what: success, but not the result"
        ;;
    3 | 5)
        refused[$1]=$((refused[$1] + 1))
        [ "$(grep -ac '^trunnion' "$scratch/err")" -eq 1 ] || bad "$1" "$what: not one line"
        # Only the sync of the directory comes after the rename.
        for file in "${outputs[@]}"; do
            [ "$(head -c 8 "$file" 2>/dev/null)" = precious ] || [ "$(sums)" = "$whole" ] ||
                bad "$1" "$what: the old output is gone"
        done
        ;;
    *) bad "$1" "$what: exit code $code" ;;
    esac
    compgen -G "$work/*.tmp.*" >/dev/null && [ "$1" != close ] && bad "$1" "$what: a temporary file is left"
    return 0
}

# Undisturbed, while the calls of $victim are counted; then with one after the other failing.
calls_of() { # COMMAND...
    local call count at
    renew
    rm -f "$scratch.count"
    expect 0 "$*" preloaded FAIL_CALLS="$calls" FAIL_AT=0 FAIL_COUNT="$scratch.count" -- "$@" || return
    whole=$(sums)
    [ "$1" != bench ] && [ -e "$scratch.count" ] || return 0 # other ranks may leave files to the first
    while read -r call count; do
        if [ "$faults" -ge 100 ]; then
            for ((at = 1; at <= count; at++)); do inject "$call" $at "$@"; done
        elif [ $((RANDOM % 6)) -lt "$faults" ]; then
            inject "$call" $((1 + RANDOM % count)) "$@"
        fi
    done <"$scratch.count"
}

turn=$((RANDOM % 3))
every_call() { # VERB ARGUMENT...
    local before="" file
    outputs=()
    for file in "$@"; do
        [ "$before" != -o ] || outputs+=("$file")
        before=$file
    done
    [ "$1" != convert ] || outputs+=("$3")
    turn=$((turn + 1))
    for count_ranks in 1 2 3; do
        [ "$faults" -ge 100 ] || [ $((turn % 3 + 1)) -eq "$count_ranks" ] || continue
        for ((victim = 0; victim < count_ranks; victim++)); do
            [ "$faults" -ge 100 ] || [ "$victim" -eq $((turn / 3 % count_ranks)) ] || continue
            calls_of "$@"
        done
    done
    # Nothing of the following is a failure; it leaves what later verbs take.
    if [ $((turn % 3)) -ne 0 ]; then # products of dense matrices depend on the ranks
        renew
        expect 0 "$*" "$TRUNNION" "$@"
        whole=$(sums)
    fi
    renew
    STORM_EVERY=3 STORM_NAME=$scratch/ STORM_CLOCK=1 STORM_LOG=$scratch.storm LD_PRELOAD=$scratch/storm.so \
        expect 0 "a storm over $*" "$TRUNNION" "$@"
    [ "$1" = bench ] || expect_equal "a storm over $*" "$(sums)" "$whole"
}
trap 'rm -rf "$scratch" "$scratch".*' EXIT
every_verb every_call

# Streams, whose writes no library sees: a limit on the size of files at half of what they come to.
stream() { # FILE VERB ARGUMENT...
    local bytes code=0
    expect 0 "${*:2}" "$TRUNNION" "${@:2}" || return
    bytes=$(wc -c <"$1")
    rm -rf "${work:?}"/*
    echo precious >"$1"
    OMPI_MCA_btl=self OMPI_MCA_ess_singleton_isolated=1 prlimit --fsize=$((bytes / 2)) timeout -k 5 "$(seconds)" \
        "$TRUNNION" "${@:2}" >"$scratch/out" 2>"$scratch/err" </dev/null || code=$?
    expect_equal "a limit of $((bytes / 2)) bytes on ${*:2}" "$code" 5
    expect_message "a limit on ${*:2}" "${1##*/}: "
    expect_equal "what was there before ${*:2}" precious "$(cat "$1")"
    compgen -G "$work/*.tmp.*" >/dev/null && fail "a limit on ${*:2}: a temporary file is left"
}
stream "$work/e.txt" convert "$scratch/e.h5" "$work/e.txt"
stream "$work/page.html" report "$scratch/log.jsonl" -o "$work/page.html"
stream "$work/trace.json" info "$scratch/e.h5" --trace "$work/trace.json"

for call in $calls; do
    echo "$call: ${tried[$call]} failures, ${refused[$call]} refused, ${harmless[$call]} did not matter," \
        "${wrong[$call]} wrong"
done
storms=$(awk '{ sum += $1 } END { print sum + 0 }' "$scratch.storm" 2>/dev/null)
echo "$storms reads and writes were short or interrupted"
[ "${storms:-0}" -gt 100 ] || fail "the storm did nothing"
finish
