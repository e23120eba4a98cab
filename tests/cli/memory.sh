# Memory told and memory taken, a setting or two of every verb at 1 and 3 ranks: what --dry-run tells
# is near what the system counts of the rank that takes most, beyond what a job without data takes;
# --memory of as much suffices; --memory of next to nothing is refused before the work, and the number
# that the refusal names suffices. tests/bench/memory_table.py measures more and larger ones.
. "$(dirname "$0")/lib_program.sh" || exit 1
need recommend factor transform gram multiply svd qr eig convert neighbors words-eval cooccur swivel info report trim spectrum fastrp
need_python
[ "${TRUNNION_SLOWER:-1}" = 1 ] || skip "a build that checks itself takes other memory"
limit=120
cd "$scratch" || exit 1

"$python" - <<'END' || exit 1
import json, numpy as np
random = np.random.default_rng(1)
np.save("tiny", random.standard_normal((50, 20)))
np.save("tall", random.standard_normal((12000, 400)))
u, v = np.linalg.qr(random.standard_normal((12000, 60)))[0], np.linalg.qr(random.standard_normal((500, 60)))[0]
np.save("steep", (u * np.logspace(0, -10, 60)) @ v.T) # Gram does not see the small ones
np.save("square", random.standard_normal((1400, 1400)))
np.save("thin", random.standard_normal((30000, 64), dtype="f4"))
np.save("groups", np.arange(12000) % 120)
x = random.standard_normal((900, 900))
np.save("symmetric", x + x.T)
np.save("vectors", random.standard_normal((60000, 100), dtype="f4"))
names = ["word%06d" % i for i in range(60000)]
open("vectors.npy.vocab", "w").write("\n".join(names) + "\n")
open("pairs.tsv", "w").writelines("%s\t%s\t%.2f\n" % (names[i], names[7 * i], i % 10) for i in range(500))
places = np.unique(random.integers(0, 40000 * 30000, 1200000))
random.shuffle(places)
with open("sparse.mtx", "w") as out:
    out.write("%%%%MatrixMarket matrix coordinate real general\n40000 30000 %d\n" % len(places))
    np.savetxt(out, np.stack([places // 30000 + 1, places % 30000 + 1, places % 9 + 1], 1), "%d %d %d")
rows, cols = np.sort(places) // 30000, np.sort(places) % 30000
with open("lists.txt", "w") as out:
    for i, list in enumerate(np.split(cols, np.searchsorted(rows, np.arange(1, 10001)))[:10000]):
        out.write(" ".join(map(str, [i, *list])) + "\n")
open("held.txt", "w").writelines("%d %d\n" % (i, i % 777) for i in range(10000))
open("half.txt", "w").writelines("%d\n" % i for i in range(0, 10000, 50))
np.save("thin60", random.standard_normal((60000, 64), dtype="f4"))
np.save("new", random.standard_normal((9000, 64), dtype="f4"))
open("new.npy.vocab", "w").writelines("%s\n" % w for w in names[:3000] + ["new%d" % i for i in range(6000)])
open("antonyms.tsv", "w").writelines("%s\t%s\n" % (names[2 * i], names[2 * i + 1]) for i in range(40))
ends = (30000 * random.random((400000, 2)) ** 2).astype(int)
np.savetxt("edges.txt", ends, "%d")
np.save("all", np.arange(30000))
np.save("half", np.sort(random.permutation(30000)[:15000]))
words = np.array(["w%d" % i for i in range(20000)])
ids = (20000 * random.random(900000) ** 4).astype(int)
open("corpus", "w").writelines(" ".join(words[ids[i:i + 20]]) + "\n" for i in range(0, len(ids), 20))
event = lambda **fields: json.dumps(fields) + "\n"
with open("log.jsonl", "w") as out:
    for run in range(3):
        out.write(event(event="manifest", verb="swivel", ranks=1, argv=["swivel"], parameters={}))
        out.writelines(event(event="epoch", epoch=i, seconds=i, loss=1 / (1 + i)) for i in range(30000))
        out.write(event(event="summary", status="ok", exit=0, total_seconds=9.0, result={}))
END
made() { # VERB ARGUMENT...
    "$TRUNNION" "$@" --quiet >/dev/null || exit 1
}
made convert sparse.mtx sparse.h5
made convert vectors.npy vectors.h5
made cooccur corpus -o counts.h5 --window 4 --vocab-size 4000

# The last number under a name in the JSON that was printed.
figure() { # NAME
    sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" "$scratch/out" | tail -n 1
}

# A ratio of 0.95 to 1.15; of so little memory, a few megabytes do not count: pages of libraries
# that one job has met and another has not.
compare() { # WHAT TOLD TAKEN
    local low=$((3 << 20)) high=$((8 << 20))
    checks=$((checks + 1))
    [ $((100 * $2)) -ge $((95 * $3)) ] || [ "$2" -ge $(($3 - low)) ] ||
        fail "$1: told were $2 bytes, which is too low: taken were $3"
    [ $((100 * $2)) -le $((115 * $3)) ] || [ "$2" -le $(($3 + high)) ] ||
        fail "$1: told were $2 bytes, which is too high: taken were $3"
    [ -z "${TABLE:-}" ] || printf '%-60s %10d %10d %6.2f\n' "$1" "$2" "$3" "$(echo "$2 / $3" | bc -l)"
}

# One rank needs no mpirun, which takes longer to start than most of these jobs.
start() { # P ARGUMENT...
    if [ "$1" = 1 ]; then
        bash "$TRUNNION_SOURCE/tests/limit.sh" "$(seconds)" "$TRUNNION" "${@:2}"
    else
        ranks "$@"
    fi
}

# Told, taken, and enough: what was told, and what a refusal names.
check() { # P VERB ARGUMENT...
    local told most named taken what="$2 ${*:3}, $1 ranks"
    expect 0 "$what: a dry run" start "$1" "${@:2}" --dry-run --json --quiet || return
    told=$(figure total)
    most=$(figure bytes_if_dependent) # of qr, which does not know beforehand
    [ -n "$told" ] || { fail "$what: no total in bytes_per_rank"; return; }
    # Pages that a run has taken and not touched do not count, and which these are varies a little
    # from run to run: what is told is for the run of two that touches more.
    taken=0
    for _ in 1 2; do
        [ $((100 * told)) -gt $((115 * taken)) ] || break
        expect 0 "$what" start "$1" "${@:2}" --json --quiet || return
        taken=$(($(figure peak_rss) - program > taken ? $(figure peak_rss) - program : taken))
    done
    compare "$what" "$told" "$taken"
    expect 4 "$what: next to no memory" start "$1" "${@:2}" --memory 64K --json --quiet || return
    named=$(sed -n 's/.* \([0-9]*\) bytes, the limit is.*/\1/p; s/.*; \([0-9]*\) are enough.*/\1/p' \
        "$scratch/err" | head -n 1)
    [ -n "$named" ] || { fail "$what: the refusal names no number: $(head -n 1 "$scratch/err")"; return; }
    expect 0 "$what: with $named bytes, as the refusal says" start "$1" "${@:2}" --memory "$named" --quiet
    [ "$named" -le $((${most:-$told} + (64 << 10))) ] ||
        fail "$what: told were $told bytes, the refusal names $named"
}

for p in 1 3; do
    expect 0 "a tiny job, $p ranks" start "$p" transform tiny.npy --scale 2 -o out.h5 --json --quiet
    program=$(figure peak_rss)
    check "$p" gram tall.npy -o out.h5
    check "$p" multiply square.npy square.npy -o out.h5
    check "$p" multiply sparse.h5 thin.npy -o out.npy
    check "$p" spectrum tall.npy --center --kurtosis
    check "$p" spectrum tall.npy --groups groups.npy --eigenscore --lidar -o out.h5
    check "$p" svd sparse.h5 -o out.h5 -k 10 --tolerance 0.1
    check "$p" svd steep.npy -o out.h5 -k 40 --method gram
    check "$p" qr tall.npy -o out.h5
    check "$p" eig symmetric.npy -o out.h5 --method local
    check "$p" transform sparse.h5 --ppmi -o out.h5
    check "$p" convert tall.npy out.h5 --type f32
    check "$p" convert sparse.mtx out.h5
    check "$p" neighbors vectors.h5 word000007
    check "$p" neighbors --queries thin.npy --among thin.npy --exclude self -o out.h5
    check "$p" factor tall.npy --svd -k 20 -o out.h5 --residual out.npy
    check "$p" factor tall.npy --snmf -k 20 --steps 2 -o out.h5
    check "$p" factor sparse.h5 --nmf -k 20 --steps 2 -o out.h5
    check "$p" recommend --train lists.txt --tolerance 0.1 --rank 40 --users half.txt -o out.h5
    check "$p" recommend --train lists.txt --test held.txt --method linear -o out.h5
    check "$p" words-eval vectors.h5 --similarity pairs.tsv
    check "$p" cooccur corpus -o out.h5 --window 5
    check "$p" swivel counts.h5 -o out.h5 --dim 100 --epochs 1 --shard-size 512
    check "$p" trim vectors.h5 --ids half.npy -o out.h5
    check "$p" trim sparse.mtx --ids half.npy -o out.h5
    check "$p" trim thin.npy --restore thin.npy --ids all.npy -o out.h5
    check "$p" transplant --source vectors.h5 --aux-source thin60.npy --aux-target new.npy --same-names -o out.h5
    check "$p" transplant --source thin.npy --mean-cov 20000 -o out.h5
    check "$p" fastrp edges.txt --dim 400 -o out.h5
    check "$p" fastrp edges.txt --preset gds --weights 1,0,1 --self 1 --dim 128 --dtype f64 -o out.npy
    check "$p" axes vectors.h5 --pairs antonyms.tsv -o out.h5
    check "$p" info counts.h5 vectors.npy
    check "$p" report log.jsonl -o out.html
done
finish
