# lib_program.sh: what the tests of the whole program share. A script sources it, says which verbs it
# needs (`need cooccur swivel`), checks, and ends with `finish`. A failed check is counted and told;
# the script goes on.
# shellcheck shell=bash
set -u
export LC_ALL=C OMP_NUM_THREADS=1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1
# Starting a job costs more than most of these jobs: name the transport that Open MPI would find on
# one machine after a search, and let mpirun not wait a second before it ends a job that failed.
# A program without mpirun needs no daemon of its own, of which it would start other programs.
export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader OMPI_MCA_odls_base_sigkill_timeout=0
export OMPI_MCA_ess_singleton_isolated=1

: "${TRUNNION:?names the program; CTest sets it}" "${TRUNNION_SOURCE:?names the repository}"
scratch=$(mktemp -d) || exit 1
failures=0
checks=0
trap 'rm -rf "$scratch"' EXIT

skip() {
    echo "skipped: $*"
    exit 77
}

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

finish() {
    [ "$failures" -eq 0 ] || { echo "$failures of $checks checks failed"; exit 1; }
    echo "ok: $checks checks"
    exit 0
}

# True if the verb is in the program; false, with a word about it, if it has not been written; a verb
# that is in the source but not in the program is a failure.
has() { # VERB
    [ -n "$(find "$TRUNNION_SOURCE/src/cmd" -name "$(echo "$1" | tr '-' '_').c")" ] || { echo "not checked: $1, which is not in this source tree"; return 1; }
    "$TRUNNION" list --names | grep -qx "$1" || fail "$1 is in the source but not in the program"
}

# Skip the test unless it has these verbs.
need() { # VERB...
    local verb
    for verb in "$@"; do
        has "$verb" || skip "needs $verb"
    done
}

need_python() {
    python=/usr/bin/python3
    "$python" -c 'import h5py' 2>/dev/null || skip "$python has no h5py"
}

# What a command may take; more in builds that check or count themselves, as CTest says.
seconds() {
    echo $((${limit:-60} * ${TRUNNION_SLOWER:-1}))
}

# A hung mpirun ignores TERM, which tests/limit.sh knows.
job() { # ARGUMENT...
    bash "$TRUNNION_SOURCE/tests/limit.sh" "$(seconds)" mpirun --oversubscribe --bind-to none "$@"
}

# What a verb printed as JSON, but for what depends on time and on the number of ranks.
lasting() { # FILE
    sed -z 's/"bytes_per_rank": {[^}]*},\?\n *//; s/"\(seconds\|cpu_seconds\|peak_rss\)": [^,\n]*,\?\n *//g; s/,\(\n *\)*}\n*$/\n}\n/' "$1"
}

# The mpirun that the background job PID has started, below whatever watches over it.
mpirun_of() { # PID
    local child
    for child in $(pgrep -P "$1"); do
        if [ "$(ps -o comm= -p "$child")" = mpirun ]; then echo "$child"; else mpirun_of "$child"; fi
    done
}

# Run the program on N ranks; on one without mpirun, which takes as long as the job itself.
ranks() { # N ARGUMENT...
    if [ "$1" -eq 1 ]; then
        bash "$TRUNNION_SOURCE/tests/limit.sh" "$(seconds)" "$TRUNNION" "${@:2}"
    else
        job -n "$1" "$TRUNNION" "${@:2}"
    fi
}

# Sets usual=() to the OPTION VALUE pairs of LIST, a text, but those whose options the ARGUMENTs give
# themselves: an option may come once.
beside() { # LIST ARGUMENT...
    local pairs i
    read -r -d "" -a pairs <<<"$1"
    usual=()
    for ((i = 0; i < ${#pairs[@]}; i += 2)); do
        [[ " ${*:2} " == *" ${pairs[i]} "* ]] || usual+=("${pairs[@]:i:2}")
    done
}

# Run a command, keep what it prints in $scratch/out and $scratch/err, and compare its exit code;
# CODE may be several, "2|3".
expect() { # CODE WHAT COMMAND...
    local code=0
    checks=$((checks + 1))
    "${@:3}" >"$scratch/out" 2>"$scratch/err" </dev/null || code=$?
    case "|$1|" in
    *"|$code|"*) return 0 ;;
    esac
    fail "$2: exit code $code, expected $1"
    head -n 20 "$scratch/err"
    return 1
}

# The last `expect` failed as it should: one line of ours, ahead of whatever mpirun adds, that
# matches PATTERN. Lines of the log (they start with the time) may stand before it.
expect_message() { # WHAT PATTERN
    local line first="" count=0 ours='^trunnion( |:)' dated='^[0-9]{4}-[0-9]{2}-[0-9]{2}T'
    checks=$((checks + 1))
    while IFS= read -r line || [ -n "$line" ]; do
        [ -n "$first" ] || [[ $line =~ $dated ]] || first=$line
        [[ ! $line =~ $ours ]] || count=$((count + 1))
    done <"$scratch/err"
    if [[ ! $first =~ $ours ]]; then
        fail "$1: the first line of stderr is not ours: $first"
    elif [ "$count" -ne 1 ]; then
        fail "$1: $count lines begin with our name, expected one"
    elif [[ ! $first =~ $2 ]]; then
        fail "$1: the message does not match /$2/: $first"
    fi
}

# Nothing but the named files lies in DIR (no output, no temporary file).
expect_only() { # WHAT DIR NAME...
    local there
    checks=$((checks + 1))
    there=$(ls -A "$2")
    [ "$there" = "$(printf '%s\n' "${@:3}" | sort)" ] ||
        fail "$1: the directory holds: $(echo "$there" | tr '\n' ' ')"
}

expect_equal() { # WHAT VALUE VALUE
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fail "$1: '$2' is not '$3'"
}

# Lines of 12 words from 12 topics of 60 words each, frequent and rare ones; the same everywhere.
make_corpus() { # FILE LINES
    awk -v lines="$2" '
        function random(n) {
            state = (state * 1103515245 + 12345) % 2147483648
            return int(state / 65536) % n
        }
        BEGIN {
            state = 42
            for (line = 0; line < lines; line++) {
                topic = random(12)
                text = ""
                for (i = 0; i < 12; i++) {
                    word = random(1 + random(60)) # small numbers are frequent
                    text = text (i ? " " : "") (random(4) ? "t" topic "w" word : "common" word)
                }
                print text
            }
        }' >"$1"
}

# sha256 of the raw bytes of every dataset named (all of them if none is), one line each.
digest() { # FILE DATASET...
    "$python" - "$@" <<'END'
import hashlib, sys
import h5py, numpy
with h5py.File(sys.argv[1]) as f:
    names = sys.argv[2:]
    if not names:
        f.visititems(lambda n, o: names.append("/" + n) if isinstance(o, h5py.Dataset) else None)
    for name in sorted(names):
        data = f[name]
        raw = (b"\0".join(data[:].tolist()) if h5py.check_string_dtype(data.dtype)
               else numpy.ascontiguousarray(data[...]).tobytes())
        print(name, data.dtype, data.shape, hashlib.sha256(raw).hexdigest())
END
}
