# Files cut short, flipped, overwritten with zeros, or exchanged for those of another time or run: it
# is noticed, or does no harm. Checkpoints fall back to the one before; inputs are refused; nothing
# crashes, hangs or gives a wrong result.
set -- 10
. "$(dirname "$0")/lib_campaign.sh" || exit 1

# Two generations of checkpoints of each trainer: stopped after some epochs, and kept.
for job in swivel kg-train; do
    clear_work
    set_command $job
    expect 0 "a checkpoint of $job" ranks 2 "${command[@]}" --checkpoint "$work/k" || finish
    mkdir "$scratch/$job"
    cp "$work/k" "$work/k.prev" "$scratch/$job/"
done

cat >"$scratch/damage.py" <<'END'
import os, random, sys
path, kind, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
draw, size = random.Random(seed), os.path.getsize(path)
with open(path, "r+b") as f:
    if kind == "cut":
        f.truncate(draw.randrange(size))
    elif kind == "flip":
        at = draw.randrange(size)
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 1 << draw.randrange(8)]))
    elif kind == "zero":
        at = draw.randrange(0, size, 4096)
        f.seek(at)
        f.write(bytes(min(4096, size - at)))
    elif kind == "append":
        f.seek(size)
        f.write(draw.randbytes(1 + draw.randrange(9999)))
END
kinds=(cut flip zero append)

# The job must end well and with the right numbers, or refuse with one line. Sets outcome.
judge() { # WHAT JOB
    local code=0
    ranks $((1 + RANDOM % 2)) "${command[@]}" >"$scratch/out" 2>"$scratch/err" </dev/null || code=$?
    checks=$((checks + 1))
    outcome=harmless
    case $code in
    0)
        expect_equal "result after $1" "${whole[$2]}" "$(result "$2")"
        grep -qaiE 'damaged|\.prev' "$scratch/err" && outcome=mended
        ;;
    3)
        expect_message "$1" '.'
        outcome=refused
        ;;
    *)
        fail "$1: exit code $code"
        head -n 5 "$scratch/err"
        ;;
    esac
    tally[$outcome]=$((${tally[$outcome]:-0} + 1))
}

damage_checkpoint() { # JOB
    local kind=${kinds[RANDOM % 4]} victim=k what
    set_command "$1"
    command+=(--checkpoint "$work/k" --resume must)
    cp "$scratch/$1"/* "$work"
    [ $((RANDOM % 4)) -gt 0 ] || victim=k.prev
    what="$kind of the $1 checkpoint $victim, seed $draw"
    case $((RANDOM % 6)) in
    0) # generations exchanged
        what="swapped generations of $1"
        mv "$work/k" "$work/x" && mv "$work/k.prev" "$work/k" && mv "$work/x" "$work/k.prev"
        ;;
    1) # that of another trainer
        what="the other trainer's checkpoint for $1"
        if [ "$1" = swivel ]; then cp "$scratch/kg-train/k" "$work/k"; else cp "$scratch/swivel/k" "$work/k"; fi
        ;;
    *) "$python" "$scratch/damage.py" "$work/$victim" "$kind" "$draw" ;;
    esac
    judge "$what" "$1"
    checks=$((checks + 1))
    case $what:$outcome in # one good generation is left: that must be enough
    swapped*:refused | *' of the '*:refused) fail "$what: refused, though the other generation is good" ;;
    esac
}

damage_input() { # JOB FILE
    local kind=${kinds[RANDOM % 3]} name=$scratch/$2 # what is appended to .gz is nobody's concern
    set_command "$1"
    cp "$name" "$scratch/kept"
    "$python" "$scratch/damage.py" "$name" "$kind" "$draw"
    judge "$kind of $2, seed $draw" "$1"
    mv "$scratch/kept" "$name"
}

declare -A tally
for fault in $(seq "$faults"); do
    draw=$((seed * 1000000 + fault))
    clear_work
    case $((fault % 6)) in
    0) damage_input swivel c.h5 ;;
    1) damage_input kg-train g.h5 ;;
    2) damage_input cooccur corpus.txt.gz ;;
    3) damage_checkpoint kg-train ;;
    *) damage_checkpoint swivel ;;
    esac
done
echo "seed $seed: $faults faults: ${tally[refused]:-0} refused, ${tally[mended]:-0} fell back to the" \
    "checkpoint before, ${tally[harmless]:-0} did no harm"
finish
