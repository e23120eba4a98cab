# What killed jobs left half written is removed by the next one for the same output, in every verb;
# what looks nearly alike, or belongs to a job that lives, is not.
. "$(dirname "$0")/../cli/lib_verbs.sh" || exit 1
digits=0123456789abcdef

# Where this command writes.
outputs() { # VERB ARGUMENT...
    local word before=""
    for word in "$@"; do
        case $before in
        -o | --trace) echo "$word" ;;
        --dir) case "$1 $2" in bench\ cooccur) ;; *) echo "$word/trunnion-bench" ;; esac ;;
        esac
        before=$word
    done
    [ "$1" != convert ] || echo "$3"
}

# A temporary file of each output, and beside it one that only looks like it.
clean_after() { # VERB ARGUMENT...
    local file
    set -- "$@" --trace "$work/trace.json"
    for file in $(outputs "$@"); do
        echo left >"$file.tmp.$digits"
        echo mine >"$file.tmp.mine"
    done
    expect 0 "$*" "$TRUNNION" "$@" || return
    for file in $(outputs "$@"); do
        [ ! -e "$file.tmp.$digits" ] || fail "$*: $file.tmp.$digits is still there"
        [ -e "$file.tmp.mine" ] || fail "$*: $file.tmp.mine is gone"
        rm -f "$file.tmp.$digits" "$file.tmp.mine"
    done
    expect_equal "$*: other temporary files" "" "$(find "$work" "$scratch" -maxdepth 1 -name '*.tmp.*')"
}
every_verb clean_after

# Killed for real, while it writes: a store, a stream, and a checkpoint.
killed() { # NAME COMMAND...: leaves $work/NAME.tmp.*
    for _ in $(seq 50); do
        "${@:2}" >"$scratch/out" 2>&1 &
        for _ in $(seq 400); do
            compgen -G "$work/$1.tmp.*" >/dev/null && break
            sleep 0.002
        done
        kill -KILL $! 2>/dev/null
        wait $! 2>/dev/null
        compgen -G "$work/$1.tmp.*" >/dev/null && return
    done
    fail "${*:2}: could not be killed while it wrote $1"
}
make_corpus "$scratch/long.txt" 20000
rm -rf "${work:?}"/*
store=("$TRUNNION" cooccur "$scratch/long.txt" --min-count 1 -o "$work/c.h5")
training=("$TRUNNION" swivel "$scratch/c.h5" --dim 256 --shard-size 64 --checkpoint-every 0.00001 -o "$work/e.h5")
killed c.h5 "${store[@]}"
killed e.h5.checkpoint "${training[@]}" --epochs 100000
expect 0 "after a kill" "${store[@]}"
expect 0 "resumed after a kill" "${training[@]}" --epochs 1 --resume never
expect_only "after kills" "$work" c.h5 e.h5
finish
