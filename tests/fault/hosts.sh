# Three hosts: a bad network changes no bit; one without the shared directory is named at the start; one
# that is cut off ends the job, with a message that names it, and the rerun goes on.
. "$(dirname "$0")/lib_hosts.sh" || exit 1
need cooccur swivel kg-import kg-train
need_python
hosts_up
make_corpus "$scratch/corpus.txt" 1000
expect 0 cooccur ranks 1 cooccur "$scratch/corpus.txt" -o "$scratch/c.h5" --min-count 1 || finish
work=$scratch/work
mkdir "$work"
train=(swivel "$scratch/c.h5" --dim 32 --shard-size 64 --epochs)
expect 0 "one host" ranks 1 "${train[@]}" 3 -o "$scratch/whole.h5" || finish
whole=$(digest "$scratch/whole.h5" /embedding)

impair 20 0.01 0
expect 0 "20 ms, 1 % lost" on_hosts 6 "${train[@]}" 3 -o "$work/e.h5"
expect_equal "20 ms, 1 % lost: bits" "$whole" "$(digest "$work/e.h5" /embedding)"
impair 0 0 0
rm -f "$work/e.h5"

# Hosts exchange by message the rows that neighbours read in place.
for e in $(seq 200); do printf 'e%d\tr%d\te%d\n' "$e" $((e % 3)) $((e * 7 % 201)); done >"$scratch/g.tsv"
expect 0 kg-import ranks 1 kg-import --train "$scratch/g.tsv" -o "$work/g.h5"
graph=(kg-train "$work/g.h5" --dim 16 --negatives 40 --batch-size 100 --epochs 2 --checkpoint-every 0)
for model in complex transr; do
    expect 0 "$model on one host" ranks 1 "${graph[@]}" --model $model -o "$scratch/m.h5"
    expect 0 "$model on three" on_hosts 3 "${graph[@]}" --model $model -o "$work/m.h5"
    for values in entity/values relation/values relation/values2; do
        [ $model$values != complexrelation/values2 ] || continue # it has none
        expect_equal "$model: bits of $values" "$(digest "$scratch/m.h5" /$values)" \
            "$(digest "$work/m.h5" /$values)"
    done
done

apart h3 "$work"
expect 5 "h3 does not share" on_hosts 6 "${train[@]}" 3 -o "$work/e.h5"
expect_message "h3 does not share" "e.h5.lock: rank 0 made this file, .* not seen on host h3; use"
rm "$lab/apart.h3"

on_hosts 6 "${train[@]}" 100000 -o "$work/f.h5" --checkpoint-every 0.001 --log-json "$scratch/log" \
    >"$scratch/out" 2>"$scratch/err" &
for _ in $(seq 300); do
    [ -e "$work/f.h5.checkpoint.prev" ] && break
    sleep 0.1
done
cut h3
start=$SECONDS code=0
wait $! || code=$?
echo "ended $((SECONDS - start)) s after h3 was cut off, exit code $code"
checks=$((checks + 1))
case $code in 0 | 85 | 124 | 137) fail "h3 cut off: exit code $code: $(tail -n 5 "$scratch/err")" ;; esac
expect_equal "a message names h3" yes \
    "$(grep -v '^20' "$scratch/out" "$scratch/err" | grep -qw h3 && echo yes || echo no)"
expect_equal "no result" no "$([ -e "$work/f.h5" ] && echo yes || echo no)"
heal h3
# To the epoch after the one that the checkpoint is in.
epoch=$("$python" -c "import h5py; print(int(h5py.File('$work/f.h5.checkpoint').attrs['epoch']) + 1)")
expect 0 "rerun on two hosts" ranks 2 "${train[@]}" "$epoch" -o "$work/f.h5" --resume must
expect 0 "undisturbed" ranks 1 "${train[@]}" "$epoch" -o "$scratch/whole.h5"
expect_equal "bits after the cut" "$(digest "$scratch/whole.h5" /embedding)" \
    "$(digest "$work/f.h5" /embedding)"
finish
