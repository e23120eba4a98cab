# Every system call of a save fails once, as on a full, over-quota or broken disk; the disk is full
# after every possible page of it, and the limit on file sizes at any byte: exit code 5 and one line,
# what was there before is as it was, nothing half written has a final name, no hang, no crash.
# A few run as a test; TRUNNION_FAULTS=100 by hand tries every call and page of every job.
set -- 2
. "$(dirname "$0")/lib_campaign.sh" || exit 1
cc=$(command -v cc) || skip "needs a C compiler"
"$cc" -shared -fPIC -o "$scratch/failing.so" "$TRUNNION_SOURCE/tests/fault/failing_calls.c" -ldl ||
    skip "the compiler cannot make a library"
case $("$cc" -print-file-name=libasan.so) in
/*) ldd "$TRUNNION" | grep -q libasan && skip "the sanitizer does not like a library before it" ;;
esac

# Run `command` with the failing calls described by FAIL_... on N ranks.
failing() { # N
    LD_PRELOAD=$scratch/failing.so ranks "$1" "${command[@]}"
}
set_small() { # JOB: a short one, which writes to $work/out.h5
    case $1 in
    cooccur) command=(cooccur "$scratch/corpus.txt" -o "$work/out.h5" --min-count 20) ;;
    swivel) command=(swivel "$scratch/c.h5" --dim 16 --epochs 2 --checkpoint-every 0.00001) ;;
    kg-train) command=(kg-train "$scratch/g.h5" --dim 8 --epochs 2 --checkpoint-every 0.00001) ;;
    multiply) command=(multiply "$scratch/a.npy" "$scratch/b.npy" -o "$work/out.npy") ;;
    esac
    case $1 in swivel | kg-train) command+=(-o "$work/out.h5" --quiet) ;; esac
}

check_failure() { # FILE WHAT WAY
    expect_message "$2" "out|$work"
    checks=$((checks + 2))
    # When the last call of all, the sync of the directory, fails, the new file is in place.
    [ "$(head -c 8 "$1")" = precious ] || "$python" "$scratch/whole.py" "$1" ||
        fail "$2: what was there before is gone"
    compgen -G "$work/*.tmp.*" >/dev/null && fail "$2: a temporary file is left"
}

# Every step-th call, until one run gets through because it has no so many calls.
try_calls() { # JOB RANKS RANK ERRNO WAY STEP
    local at out=$work/out.h5
    [ "$1" != multiply ] || out=$work/out.npy
    set_small "$1"
    export FAIL_NAME=$work/out FAIL_RANK=$3 FAIL_ERRNO=$4 FAIL_LOG=$scratch/log
    export FAIL_ALWAYS='' FAIL_SHORT=''
    case $5 in always) FAIL_ALWAYS=1 ;; short) FAIL_SHORT=1 ;; esac
    for ((at = 1 + RANDOM % $6; at < 4000; at += $6)); do
        clear_work
        echo precious >"$out"
        : >"$FAIL_LOG"
        export FAIL_AT=$at
        what="$1, rank $3 of $2, errno $4 $5 from call $at"
        code=0
        failing "$2" >"$scratch/out" 2>"$scratch/err" </dev/null || code=$?
        if [ ! -s "$FAIL_LOG" ]; then # there was no such call
            ended=$((ended + 1))
            return
        fi
        tried=$((tried + 1))
        checks=$((checks + 1))
        case $code in
        0) passed=$((passed + 1)) ;; # the call was one that a save can do without
        5) check_failure "$out" "$what ($(cat "$FAIL_LOG"))" "$5" ;;
        *)
            fail "$what ($(cat "$FAIL_LOG")): exit code $code"
            head -n 3 "$scratch/err"
            ;;
        esac
    done
    fail "$1: no end of calls"
}

cat >"$scratch/whole.py" <<'END'
import sys, h5py, numpy
if sys.argv[1].endswith("npy"):
    numpy.load(sys.argv[1])
else:
    assert h5py.File(sys.argv[1]).attrs["complete"] == 1
END
# A disk with room for so many bytes and no more, or a limit of so many, until the job gets through.
try_room() { # JOB STEP COMMAND...: `command` after it runs with $room
    local room out=$work/out.h5
    set_small "$1"
    export room
    for ((room = RANDOM % $2; room < 4000000; room += $2)); do
        rm -rf "${work:?}"/*
        echo precious >"$out"
        code=0
        "${@:3}" >"$scratch/out" 2>"$scratch/err" </dev/null || code=$?
        if [ $code = 0 ]; then
            ended=$((ended + 1))
            return
        fi
        tried=$((tried + 1))
        checks=$((checks + 1))
        if [ $code = 5 ]; then
            rm -f "$work/filler"
            check_failure "$out" "$1, ${3#*_}, room for $room bytes"
        else
            fail "$1, ${3#*_}, room for $room bytes: exit code $code"
            head -n 3 "$scratch/err"
        fi
    done
    fail "$1, $3: never enough"
}
under_limit() { # one rank without shared memory, which is a file too
    prlimit --fsize="$room" env OMPI_MCA_btl=self OMPI_MCA_ess_singleton_isolated=1 \
        timeout -k 5 "$(seconds)" "$TRUNNION" "${command[@]}"
}
on_disk() {
    head -c $((4096000 - 8192 - room)) /dev/zero >"$work/filler"
    ranks 2 "${command[@]}"
}

ENOSPC=28 EIO=5 EDQUOT=122
tried=0 ended=0 passed=0
step=$((faults >= 100 ? 1 : 53)) bytes=$((faults >= 100 ? 1009 : 90001)) pages=$((faults >= 100 ? 1 : 40))
for job in cooccur multiply swivel kg-train; do
    try_calls $job 2 0 $ENOSPC once $step
    try_calls $job 2 1 $EDQUOT once $step
    [ "$faults" -ge 100 ] || continue
    try_calls $job 1 0 $EIO once 1
    try_calls $job 3 0 $ENOSPC always 1
    try_calls $job 3 2 $ENOSPC short 1
done
for job in cooccur swivel kg-train; do
    try_room $job $bytes under_limit
done
rm -rf "$work"
if mkdir "$work" && mount -t tmpfs -o size=4096000 tmpfs "$work" 2>/dev/null; then
    trap 'umount "$work"; rm -rf "$scratch"' EXIT
    for job in cooccur swivel kg-train; do
        try_room $job $((pages * 4096)) on_disk
    done
else
    echo "not checked: full disks, because no tmpfs can be mounted here"
fi
echo "$tried failures, $ended times to the last; $passed did not matter"
finish
