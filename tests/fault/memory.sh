# Memory that runs out at the n-th allocation, of every rank or of one: every rank returns 4, at
# every n, and no file is left. TRUNNION_FAIL_ALLOC=n lets the n-th and all later ones fail. Here it
# is the program's face that counts, of every verb and benchmark; tests/mpi lets every single
# allocation fail. With TRUNNION_FAULTS=100, by hand, so do the first hundred here, about.
. "$(dirname "$0")/../cli/lib_verbs.sh" || exit 1
# Each rank's own code: a wrapper writes it down and returns 0, so that mpirun ends no rank early.
cat >"$scratch/each" <<'END'
#!/bin/sh
"$TRUNNION" "$@"
echo $? >"$CODES/${OMPI_COMM_WORLD_RANK:-0}"
END
chmod +x "$scratch/each"
export TRUNNION CODES="$scratch/codes"

run_failing() { # N RANK VERB ARGUMENT... ; sets $got to the codes of both ranks
    rm -rf "$CODES" "$work"
    mkdir "$CODES" "$work"
    local rank=()
    [ "$2" = all ] || rank=(-x "TRUNNION_FAIL_RANK=$2")
    job -n 2 -x "TRUNNION_FAIL_ALLOC=$1" \
        "${rank[@]}" "$scratch/each" "${@:3}" >"$scratch/out" 2>"$scratch/err"
    got=$(cat "$CODES"/* 2>/dev/null | tr '\n' ' ')
}

# Some n in growing steps, until nothing fails any more; the rank that fails varies.
sweep() { # VERB ARGUMENT...
    local n=1 turn=0 rank verb=$1
    [ "$1" != bench ] || verb="$1 $2"
    while :; do
        case $((turn % 3)) in 0) rank=all ;; 1) rank=0 ;; *) rank=1 ;; esac
        turn=$((turn + 1))
        run_failing $n $rank "$@"
        checks=$((checks + 1))
        if [ "$got" = "0 0 " ]; then
            [ $n -gt 1 ] || fail "$verb: nothing fails even at the first allocation"
            break
        fi
        [ "$got" = "4 4 " ] || fail "$verb: allocation $n of rank $rank: exit codes $got"
        expect_message "$verb: allocation $n of rank $rank" "no memory|memory"
        expect_only "$verb: allocation $n of rank $rank" "$work"
        n=$((n + 1 + n / ${TRUNNION_FAULTS:-1}))
        [ $n -lt 100000 ] || { fail "$verb: still failing at allocation $n"; break; }
    done
    echo "$verb: $turn runs, up to allocation $n"
}

# Address space that a limit leaves too small: libraries take theirs without a word (OpenBLAS 128 MiB
# a thread, and asks for ever where there is none), so the end must come at once, with the number.
limited() { # RANKS KB ARGUMENT...
    local start=()
    [ "$1" -eq 1 ] || start=(mpirun --oversubscribe --bind-to none -n "$1")
    rm -rf "$work"
    mkdir "$work"
    # shellcheck disable=SC2016 # for the inner shell
    timeout -k 5 "$(seconds)" "${start[@]}" bash -c 'ulimit -v "$0"; exec "$@"' "$2" "$TRUNNION" \
        "${@:3}" --quiet --hang-timeout 20 >"$scratch/out" 2>"$scratch/err"
}

# Too little for BLAS, whatever else is asked for.
little() { # VERB ARGUMENT...
    local code=0
    limited 1 400000 "$@" || code=$?
    checks=$((checks + 1))
    case $code in
    0) ;;
    4) expect_message "$1 under ulimit -v 400000" "address space|memory" ;;
    *) fail "$1 $2 under ulimit -v 400000: exit code $code: $(head -n 1 "$scratch/err")" ;;
    esac
}

# What a job may take, as the user says, on three ranks: enough, or 4 with one line and nothing left. One
# of three sizes, by turns.
sizes=(1M 3M 12M) next=0
bounded() { # VERB ARGUMENT...
    local most=${sizes[next++ % 3]}
    rm -rf "$work"
    mkdir "$work"
    expect '0|4' "$1 $2: --memory $most on three ranks" ranks 3 "$@" --memory "$most" --quiet
    grep -q '^trunnion' "$scratch/err" || return 0
    expect_message "$1 $2: --memory $most on three ranks" memory
    expect_only "$1 $2: --memory $most on three ranks" "$work"
}

both() {
    little "$@"
    bounded "$@"
    sweep "$@"
}
every_verb both

# What a message names will do; threads have a buffer each; no rank is left behind; and before main.
space() { # CODE RANKS KB WHAT ARGUMENT...
    local code=0
    limited "$2" "$3" "${@:5}" || code=$?
    expect_equal "$4 under ulimit -v $3: exit code" "$code" "$1"
}
svd=(svd "$scratch/g.npy" -k 2 -o "$work/s.h5")
space 4 1 400000 "svd" "${svd[@]}"
named=$(sed -nE 's/.*ulimit -v ([0-9]+).*/\1/p' "$scratch/err" | head -n 1)
space 0 1 "$((${named:-0} + 16000))" "svd with what was named" "${svd[@]}"
space 4 1 600000 "svd on four threads" "${svd[@]}" --threads 4
expect_message "svd on four threads" "OpenBLAS.*ulimit -v [0-9]+.*fewer threads"
space 4 2 400000 "svd on two ranks" "${svd[@]}"
space 0 2 900000 "svd on two ranks" "${svd[@]}"
space 4 1 150000 "what is loaded before main" list
finish
