# Verbs on a matrix that memory does not hold: what --dry-run tells, what each rank takes, whether a
# second copy lies on the disk meanwhile.
#   bash tests/bench/out_of_core.sh DIR [ROWS]    DIR takes the matrix (6 GB: 3.9 million x 768 bf16),
#                                                 of which ROWS may be fewer, and what is made of it
# One line a verb: bytes told by the dry run, largest peak of a rank (VmHWM) less what the program
# takes for nothing, seconds, most bytes in DIR beside the matrix and the output.
set -u
dir=$1 rows=${2:-3900000}
TRUNNION=${TRUNNION:-build/release/trunnion} memory=${MEMORY:-512M}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 OMP_NUM_THREADS=1
python=/usr/bin/python3
mkdir -p "$dir"
run() { mpirun -n 2 "$TRUNNION" "$@" --quiet --json; }
field() { "$python" -c 'import json, sys
x = json.load(open(sys.argv[1]))
for key in sys.argv[2].split("."): x = x[key]
print(x)' "$1" "$2"; }

m=$dir/big.safetensors
[ -f "$m" ] || run bench rows --rows "$rows" --cols 768 --dtype bf16 -o "$m" >/dev/null || exit 1
run info "$m" >"$dir/info.json" || exit 1
nothing=$(field "$dir/info.json" peak_rss)
echo "# $(stat -c %s "$m") bytes, --memory $memory a rank, 2 ranks; the program alone takes $nothing"
printf '%-28s %12s %12s %6s %9s %14s\n' verb told taken ratio seconds 'beside (bytes)'

one() { # NAME OUTPUT VERB ARGUMENT...
    local name=$1 out=$2 told taken start most=0 now
    shift 2
    run "$@" --memory "$memory" --dry-run >"$dir/dry.json" || return
    told=$(field "$dir/dry.json" bytes_per_rank.total)
    start=$(date +%s.%N)
    run "$@" --memory "$memory" >"$dir/result.json" 2>"$dir/err" &
    local job=$!
    while kill -0 $job 2>/dev/null; do
        now=$(du -sb --exclude big.safetensors --exclude "$(basename "$out")*" "$dir" | cut -f1)
        [ "$now" -gt "$most" ] && most=$now
        sleep 1
    done
    wait $job || { echo "$name: exit $?: $(tail -n 1 "$dir/err")"; return; }
    taken=$(($(field "$dir/result.json" peak_rss) - nothing))
    printf '%-28s %12s %12s %6.2f %9.1f %14s\n' "$name" "$told" "$taken" \
        "$(awk "BEGIN { print $told / $taken }")" "$(awk "BEGIN { print $(date +%s.%N) - $start }")" "$most"
}

one spectrum none spectrum "$m"
one 'fit whiten' map.h5 fit whiten "$m" -o "$dir/map.h5"
one 'apply (bf16)' white.safetensors apply "$dir/map.h5" "$m" -o "$dir/white.safetensors" --type bf16
rm -f "$dir"/white.safetensors*
one 'kmeans -k 256' c.h5 kmeans "$m" -k 256 --steps 3 -o "$dir/c.h5"
one 'quantize --block 64' q.h5 quantize "$m" --block 64 -o "$dir/q.h5"
rm -f "$dir"/q.h5*
"$python" -c "import numpy as n; n.save('$dir/ids.npy', n.sort(n.random.default_rng(1).permutation($rows)[:$rows // 10]))"
one 'trim a tenth' small.safetensors trim "$m" --ids "$dir/ids.npy" -o "$dir/small.safetensors"
