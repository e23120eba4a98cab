#!/usr/bin/env bash
# What a network costs a product and an epoch of Swivel, beside what their plans say: two ranks on one
# host, then on two hosts whose network is late by MS milliseconds and carries MBIT/s. Predicted is
# the longer of computing (the one host's seconds) and sending, as messages hide behind products.
# Last an epoch of ComplEx (dim 200) on a graph of the size of FB15k-237, whose messages do not hide.
#   TRUNNION=build/release/trunnion bash tests/bench/hosts.sh [MS] [MBIT]     (as root, machine quiet)
# switch.py moves frames with one thread, which takes a part of a processor too: frames are made long.
TRUNNION=$(realpath "${TRUNNION:-build/release/trunnion}")
export TRUNNION TRUNNION_SOURCE=${TRUNNION_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$TRUNNION_SOURCE/tests/fault/lib_hosts.sh" || exit 1
ms=${1:-1} mbit=${2:-1000} limit=600
gemm=(bench gemm 4000x4000x4000 --repeat 5 --json --quiet)
swivel=(bench swivel --words 8192 --dim 128 --shard-size 512 --repeats 5 --json --quiet --dir "$scratch")
kg=(kg-train "$scratch/g.h5" -o "$scratch/m.h5" --epochs 1 --json --quiet)

ranks 1 bench kg-graph -o "$scratch/g.tsv" --entities 14541 --triples 272115 --relations 237 --quiet
ranks 1 kg-import --train "$scratch/g.tsv" -o "$scratch/g.h5" --quiet
ranks 2 "${kg[@]}" >"$scratch/kg.near"
ranks 2 "${gemm[@]}" >"$scratch/gemm.near"
ranks 2 "${swivel[@]}" >"$scratch/swivel.near"
hosts_up
for i in 1 2 3; do ip -n "$spaces-h$i" link set eth0 mtu 60000; done
impair "$ms" 0 "$mbit"
on_hosts 2 "${gemm[@]}" >"$scratch/gemm.far"
on_hosts 2 "${swivel[@]}" >"$scratch/swivel.far"
on_hosts 2 "${kg[@]}" >"$scratch/kg.far"

/usr/bin/python3 - "$scratch" "$ms" "$mbit" <<'END'
import json
import sys

scratch, late, rate = sys.argv[1], float(sys.argv[2]) / 1e3, float(sys.argv[3]) * 1e6 / 8


def result(name):
    with open(f"{scratch}/{name}") as file:
        return json.load(file)


def case(name):
    return result(name)["cases"][0]


def show(name, sending):
    near, far = case(name + ".near")["seconds_med"], case(name + ".far")["seconds_med"]
    print(f"{name:7} one host {near:.3f} s, two hosts {far:.3f} s = {far / near:.2f} x; sending takes "
          f"{sending:.3f} s, so predicted {max(near, sending) / near:.2f} x")


show("gemm", case("gemm.near")["words"] * 8 / rate + late)
s = case("swivel.near")
rounds = -(-s["words"] // s["shard"])  # of an epoch; each passes a block and its accumulator on
show("swivel", rounds * (8 * s["shard"] * s["dim"] / rate + late))
near, far = (result("kg." + where)["triples_per_second"] for where in ("near", "far"))
print(f"kg-train one host {near:.0f} triples/s, two hosts {far:.0f} triples/s = {near / far:.2f} x the time")
END
