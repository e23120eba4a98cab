# A shared directory where another user has put things at names that we are going to use, or where a
# file of our own has such a name by chance: exit code 5 and a word about it, and whatever lies there,
# or is linked from there, is as it was. Needs root and setpriv, to be two users.
. "$(dirname "$0")/../cli/lib_program.sh" || exit 1
need cooccur swivel kg-import kg-train convert
[ "$(id -u)" -eq 0 ] || skip "only root can be two users"
command -v setpriv >/dev/null || skip "there is no setpriv"
as_root() { "$@"; }
stranger() { setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/tmp TMPDIR=/tmp "$@"; }
chmod 711 "$scratch"
stranger test -x "$TRUNNION" || skip "$TRUNNION is not for other users"

make_corpus "$scratch/corpus.txt" 100
awk 'BEGIN { for (i = 0; i < 40; i++) print "e" i "\tr\te" (i + 1) % 40 }' >"$scratch/facts.tsv"
expect 0 counts "$TRUNNION" cooccur "$scratch/corpus.txt" --min-count 1 -o "$scratch/c.h5" || finish
expect 0 graph "$TRUNNION" kg-import --train "$scratch/facts.tsv" --split 0.2 0.2 -o "$scratch/g.h5" || finish
expect 0 vectors "$TRUNNION" swivel "$scratch/c.h5" --dim 8 --epochs 1 --quiet -o "$scratch/e.h5" || finish
chmod 644 "$scratch"/*
precious=$scratch/precious # root's own, elsewhere
shared=$scratch/shared

# What can be planted; PATH, in the shared directory.
plant_link() { stranger ln -s "$precious" "$1"; }
plant_dangling() { stranger ln -s "$scratch/not-there" "$1"; }
plant_name() { ln "$precious" "$1"; } # as a stranger may where fs.protected_hardlinks is 0
plant_fifo() { stranger mkfifo "$1"; }
plant_folder() { stranger mkdir "$1"; }
plant_file() { echo theirs | stranger tee "$1" >/dev/null && chmod 666 "$1"; }
plant_own() { echo mine >"$1"; } # no attack: a file that the user has
plant_empty() { : >"$1"; }

# The verbs, each writing $1 with its other files beside it.
counts() { "$TRUNNION" cooccur "$scratch/corpus.txt" --min-count 1 --quiet -o "$@"; }
vectors() { "$TRUNNION" swivel "$scratch/c.h5" --dim 8 --epochs 2 --shard-size 64 --checkpoint-every 0.00001 --quiet -o "$@"; }
model() { "$TRUNNION" kg-train "$scratch/g.h5" --dim 8 --epochs 2 --valid-every 1 --checkpoint-every 0.00001 --quiet -o "$@"; }

facts_of() { # PATH: what it is, and says
    stat -c '%i %F %U %s %y' "$1"
    [ -L "$1" ] && readlink "$1"
    [ -f "$1" ] && cat "$1"
    return 0
}
renew() { # MODE
    rm -rf "$shared"
    mkdir -m "$1" "$shared"
    printf 'precious\n' >"$precious"
    chmod 600 "$precious"
}

# Plant WHAT at NAME, run a verb there, and expect a refusal that names it and touches nothing.
attack() { # WHAT NAME VERB [ARGUMENT...]
    local before what="$3 with $1 at $2 (mode $mode)"
    renew "$mode"
    "plant_$1" "$shared/$2" || { fail "$what: cannot be planted"; return; }
    before=$(facts_of "$shared/$2" && facts_of "$precious")
    expect 5 "$what" timeout 20 bash -c '"$@"' bash "${@:3:1}" "$shared/o" "${@:4}" &&
        expect_message "$what" "$2: is "
    expect_equal "$what: what lay there" "$before" "$(facts_of "$shared/$2" && facts_of "$precious")"
    expect_only "$what" "$shared" "$2"
    [ ! -e "$scratch/not-there" ] || fail "$what: written through the link"
}
export -f counts vectors model
export scratch

for mode in 0777 1777; do
    kinds="link dangling name fifo folder file own empty"
    [ "$mode" = 0777 ] || kinds="link file" # the sticky bit changes who may remove, not who may plant
    for what in $kinds; do
        attack "$what" o.lock counts
    done
    kinds="link name file own"
    [ "$mode" = 0777 ] || kinds="link file"
    for what in $kinds; do
        attack "$what" o.checkpoint vectors --resume never
        attack "$what" o.checkpoint.prev vectors --resume never
        attack "$what" o.best model
        [ "$what" = own ] || attack "$what" log counts --log-json "$shared/log"
    done
done
mode=0777
attack link o.checkpoint.prev model --resume never
attack own given.lock vectors --checkpoint "$shared/given"

# A failed run leaves them alone too.
renew 0777
plant_own "$shared/o.lock"
expect '3|5' "a run that fails" "$TRUNNION" cooccur "$scratch/corpus.txt" --max-line 2 -o "$shared/o"
expect_equal "the user's file" mine "$(cat "$shared/o.lock")"

# Names that the user has given, but that lead elsewhere: what is written replaces the link itself, or
# nothing.
through() { # NAME COMMAND...
    renew 0777
    plant_link "$shared/$1"
    expect '0|2|5' "${*:2}" "${@:2}"
    expect_equal "${*:2}: what the link names" precious "$(cat "$precious")"
}
through o counts "$shared/o"
through t counts "$shared/o" --trace "$shared/t"
through e.txt "$TRUNNION" convert "$scratch/e.h5" "$shared/e.txt"
through g.tsv "$TRUNNION" bench kg-graph --entities 50 --relations 3 --triples 200 -o "$shared/g.tsv"
through trunnion-bench.raw "$TRUNNION" bench store --size 1M --repeats 1 --dir "$shared"

# Another user's lock, of a living job and of a dead one, from both sides.
renew 0777
hold() { # COMMAND...: a job that goes on until it is killed; sets $job
    "$@" "$TRUNNION" swivel "$scratch/c.h5" --dim 256 --epochs 100000 --shard-size 64 --quiet \
        --log-json "$shared/log" -o "$shared/o" >"$scratch/first" 2>&1 &
    job=$!
    for _ in $(seq 600); do
        [ -e "$shared/o.lock" ] && break
        sleep 0.05
    done
}
for side in stranger as_root; do
    [ $side = as_root ] && other=stranger || other=as_root
    rm -f "$shared/log"
    hold "$side"
    expect 5 "the lock of another user" "$other" "$TRUNNION" cooccur "$scratch/corpus.txt" -o "$shared/o"
    expect_message "the lock of another user" 'o.lock: is the lock of another user, process [0-9]+ on .*; wait'
    pkill -KILL -P "$job" trunnion || kill -KILL "$job"
    wait "$job" 2>/dev/null
    expect_equal "it is left" yes "$([ -e "$shared/o.lock" ] && echo yes || echo no)"
    expect 5 "a dead one" "$other" "$TRUNNION" cooccur "$scratch/corpus.txt" -o "$shared/o"
    expect 0 "its user goes on" "$side" "$TRUNNION" cooccur "$scratch/corpus.txt" --min-count 1 -o "$shared/o"
    rm -f "$shared"/*
done
finish
