#!/usr/bin/env bash
# How much faster two ranks train a graph than one, one thread each: an epoch of ComplEx (dim 200) in
# turn on one and on two, medians, for many and for few drawn entities.
#   TRUNNION=build/release/trunnion bash tests/bench/kg_ranks.sh G.h5 [REPEATS]     (machine quiet)
set -eu
TRUNNION=$(realpath "${TRUNNION:-build/release/trunnion}")
export OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

for setting in "4096 1024" "1024 1024" "256 512"; do
    read -r negatives batch <<<"$setting"
    for _ in $(seq "${2:-3}"); do
        for ranks in 1 2; do
            mpirun --bind-to core -n $ranks "$TRUNNION" kg-train "$1" -o "$scratch/m.h5" --epochs 1 \
                --negatives "$negatives" --batch-size "$batch" --quiet --json >>"$scratch/$negatives.$ranks"
        done
    done
    /usr/bin/python3 - "$scratch/$negatives" "$setting" <<'END'
import json, statistics, sys

def median(ranks):
    with open(f"{sys.argv[1]}.{ranks}") as file:
        text, decoder, speeds = file.read().strip(), json.JSONDecoder(), []
    while text:
        result, end = decoder.raw_decode(text)
        speeds.append(result["triples_per_second"])
        text = text[end:].lstrip()
    return statistics.median(speeds)

one, two = median(1), median(2)
print("%s negatives, batches of %s: " % tuple(sys.argv[2].split()), end="")
print(f"{one:.0f} and {two:.0f} triples/s, {two / one:.2f} times")
END
done
