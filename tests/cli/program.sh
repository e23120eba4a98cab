# The program itself: help, lists, usage errors, exit codes, config files, logs, completion, manual.
. "$(dirname "$0")/lib_program.sh" || exit 1
unset OMPI_COMM_WORLD_RANK PMIX_RANK PMI_RANK SLURM_PROCID
cd "$scratch" || exit 1
[ -x "$TRUNNION" ] || { fail "$TRUNNION is no program"; finish; }

ok() { # ok WHAT COMMAND...: the command must succeed
    checks=$((checks + 1))
    "${@:2}" || fail "$1: $(head -n 3 err)"
}
gives() { # gives CODE ARGUMENT...: run the program, keep out and err, compare the exit code
    expect "$1" "trunnion ${*:2}" timeout -k 5 "$(seconds)" "$TRUNNION" "${@:2}"
}
ranks_give() { # ranks_give CODE RANKS ARGUMENT...
    expect "$1" "trunnion ${*:3} on $2 ranks" ranks "${@:2}"
}
says() { ok "stderr says: $1" grep -qF -- "$1" err; }
prints() { ok "stdout has: $1" grep -qF -- "$1" out; }
lines() { ok "stderr has $2 lines with: $1" test "$(grep -cF -- "$1" err)" -eq "$2"; }
silent() { ok "stdout is empty" test ! -s out; }

# About the program -------------------------------------------------------------------------------
gives 0 --version && prints "trunnion 0."
gives 0 help && prints "Exit codes:" && prints "bench comm"
gives 0 --help && prints "Exit codes:"
gives 0 list && prints "bench comm"
gives 0 list --names
cp out names
ok "bench comm is a name" grep -qx "bench comm" names
gives 2 list --nmaes && says "list knows only --names"
gives 2 && says "usage: trunnion VERB" && silent
gives 2 bnech && says "trunnion: bnech: no such verb; did you mean bench?" && silent
gives 2 zzzzzzzz && says "see \`trunnion list\`"
gives 2 pca && says "pca: no such verb; see svd --center"
gives 2 train && says "see swivel for words, kg-train for graphs"
gives 2 kg-train g.h5 -o m.h5 --lr 1 && says "--lr: no such option; did you mean --learning-rate?"
gives 2 neighbors e.h5 word --topk 3 && says "--topk: no such option; did you mean --k?"
gives 2 kg-predict m g q --topk 3 && says "--topk: no such option; did you mean --top?"
gives 2 info x --lr 1 && says "--lr: no such option; see --help"
gives 0 help common && prints "--hang-timeout SECONDS"
gives 2 bench && says "which one?"
gives 2 bench com && says "com: no such benchmark; did you mean comm?"
gives 0 help bench && prints "Benchmarks:"
gives 0 bench --help && prints "Benchmarks:"
gives 2 help nothing-such && silent
gives 2 completion fish

# No help or usage error may start MPI: with a broken launcher environment MPI_Init would die.
broken() { OMPI_MCA_btl=none OMPI_MCA_pml=none "$TRUNNION" "$@" >out 2>err; }
broken bench comm --max-bytes 64 --repeats 1
ok "the broken environment breaks MPI" test $? -ne 0
while read -r -a verb; do
    ok "help ${verb[*]} without MPI" broken help "${verb[@]}"
    cp out help
    ok "help ${verb[*]} names the common options" grep -q -- "--hang-timeout" help
    ok "help ${verb[*]} names its usage" grep -q "^usage: trunnion ${verb[*]} " help
    ok "no help line beyond 100 columns" test "$(awk 'length > 100' help | wc -l)" -eq 0
    ok "${verb[*]} --help without MPI" broken "${verb[@]}" --no-such-thing --help
    ok "${verb[*]} --help is help ${verb[*]}" cmp -s out help
    broken "${verb[@]}" --no-such-thing
    ok "${verb[*]} --no-such-thing exits with 2" test $? -eq 2
    says "trunnion ${verb[*]}: --no-such-thing: no such option"
    ok "man ${verb[*]}" broken man "${verb[@]}"
    if command -v groff >/dev/null; then
        groff -man -Tutf8 -ww out >page 2>troubles
        ok "troff has nothing to say about ${verb[*]}: $(head -3 troubles)" test ! -s troubles
        ok "page of ${verb[*]} shows --hang-timeout" grep -q -- "--hang-timeout" page
    fi
done <names
ok "man without MPI" broken man
prints ".TH TRUNNION 1"
prints ".SH EXIT STATUS"

# Usage errors ------------------------------------------------------------------------------------
gives 2 bench comm --max-bytse 1K && says "--max-bytse: no such option; did you mean --max-bytes?"
gives 2 bench comm --max-bytes 1 && says "bad value '1'; give bytes" && silent
gives 2 bench comm --max-bytes && says "--max-bytes: the value is missing"
gives 2 bench comm extra && says "trunnion bench comm: extra: one argument too many"
gives 2 bench comm --progress loud && says "give one of auto|bar|plain|none"
ranks_give 2 3 bench comm --max-bytes 1
lines "trunnion bench comm:" 1
ranks_give 2 3 nothing-such
lines "trunnion: nothing-such" 1
ranks_give 0 3 --version
ok "the version is printed once" test "$(wc -l <out)" -eq 1

# Runs --------------------------------------------------------------------------------------------
quick=(bench comm --max-bytes 2K --repeats 2)
for ranks in 1 2 3; do
    ranks_give 0 $ranks "${quick[@]}"
    prints "# ranks: $ranks"
    cases=$((ranks > 1 ? 9 : 6))
    ok "$cases cases passed on $ranks ranks" test "$(grep -c '^TRN comm .* PASSED' out)" -eq $cases
    ok "every other line is a comment" test "$(grep -cv '^#' out)" -eq $cases
    ok "every case has the same columns" test "$(awk '/^TRN/ { print NF }' out | sort -u)" = 9
    lines " info [0] bench comm: $ranks rank" 1
done
gives 0 "${quick[@]}" --quiet
ok "--quiet leaves stderr empty" test ! -s err
gives 0 "${quick[@]}" --dry-run --json && prints '"messages": 4096'
full_disk() { # ARGUMENT...
    "$TRUNNION" "$@" >/dev/full 2>err
    expect_equal "exit code of trunnion $* with a full disk" $? 5
    says "No space left"
}
full_disk --version
full_disk help bench comm
full_disk "${quick[@]}"
full_disk "${quick[@]}" --json
gives 4 "${quick[@]}" --memory 1K && says "trunnion bench comm: rank 0: " && says "bytes, the limit is 1024"
ranks_give 4 3 "${quick[@]}" --memory 1K
lines "trunnion bench comm: rank 0: " 1
ok "ours is the first line about it" test "$(grep -v ' info ' err | head -1 | cut -c1-8)" = trunnion
TRUNNION_FAIL_RANK=2 TRUNNION_FAIL_ALLOC=1 ranks_give 4 3 "${quick[@]}"
lines "trunnion bench comm: rank 2: no memory" 1
silent
for n in 1 2 3 4 5; do # every allocation of the verb; a later one never happens
    TRUNNION_FAIL_RANK=1 TRUNNION_FAIL_ALLOC=$n ranks_give 4 2 "${quick[@]}"
    lines "trunnion bench comm: rank 1: " 1
done
TRUNNION_FAIL_RANK=1 TRUNNION_FAIL_ALLOC=1000 ranks_give 0 2 "${quick[@]}"

# Config files ------------------------------------------------------------------------------------
printf '# quick\nmax-bytes = 64\nrepeats = 2   # two\n' >quick.conf
gives 0 bench comm --config quick.conf --json
ok "the config file's size" test "$(grep -c '"bytes": 8' out)" -eq 2
gives 0 bench comm --config quick.conf --max-bytes 2K --json
ok "the flag wins" test "$(grep -c '"bytes": 2048' out)" -eq 2
printf 'repeats = 2\nmax-bytes = none\n' >bad.conf
gives 3 bench comm --config bad.conf && says "bad.conf:2: max-bytes: bad value 'none'"
ranks_give 3 3 bench comm --config missing.conf
lines "trunnion bench comm: rank 0: missing.conf: cannot open" 1
# shellcheck disable=SC2016
differ=(mpirun --oversubscribe --bind-to none -n 3 bash -c
    'cd "rank$((OMPI_COMM_WORLD_RANK % 2))" && exec "$TRUNNION" bench comm --config own.conf')
mkdir rank0 rank1
echo "max-bytes = 64" >rank0/own.conf
echo "max-bytes = 65" >rank1/own.conf
expect 2 "different config files" timeout -k 5 "$(seconds)" "${differ[@]}"
lines "rank 0: --config: the ranks read different values" 1
rm rank1/own.conf
expect 3 "a config file missing on one rank" timeout -k 5 "$(seconds)" "${differ[@]}"
lines "rank 1: own.conf: cannot open" 1

# Logs --------------------------------------------------------------------------------------------
if command -v python3 >/dev/null; then
    cat >check.py <<'END'
import json, sys
lines = [json.loads(line) for line in open("log.jsonl")]
runs = [i for i, line in enumerate(lines) if line["event"] == "manifest"]
assert runs[0] == 0 and len(runs) == 2, runs
first, last = lines[0], lines[-1]
for key in "version commit argv parameters ranks hosts libraries verb cpu threads".split():
    assert key in first, key
assert first["ranks"] == 2 and first["parameters"]["max-bytes"] == 2048, first
assert lines[runs[1] - 1]["event"] == "summary" and lines[runs[1] - 1]["exit"] == 0
assert last["event"] == "summary" and last["exit"] == 4 and last["status"] == "memory", last
assert "the limit is 1024" in last["message"] and last["peak_resident"] > 0, last
trace = json.load(open("trace.json"))
assert trace["traceEvents"] is not None
END
    ranks_give 0 2 "${quick[@]}" --log-json log.jsonl --trace trace.json
    ranks_give 4 2 "${quick[@]}" --log-json log.jsonl --memory 1K
    ok "the log holds both runs" python3 check.py
fi
ranks_give 5 2 "${quick[@]}" --log-json missing/log.jsonl
lines "rank 0: missing/log.jsonl: cannot append" 1
silent
gives 5 "${quick[@]}" --log-json /dev/full && says "/dev/full: the log is not complete"
# A trace is looked for before the work, and is there whole or as it was.
ranks_give 5 2 "${quick[@]}" --trace missing/trace.json
lines "rank 0: missing/trace.json: the directory missing does not exist" 1
silent
echo "of yesterday" >old.json
gives 4 "${quick[@]}" --trace old.json --memory 1K
ok "the former trace is still there" grep -q yesterday old.json
printf '%s\n' '%%MatrixMarket matrix array real general' '1 1' 2 >one.mtx
gives 5 gram one.mtx -o product.npy --trace missing/trace.json
ok "no product without its trace" test ! -e product.npy

# Processes of a launcher that this MPI does not understand: each is alone, and says so -----------------
for alone in "PMI_SIZE=3 PMI_RANK=1" "OMPI_COMM_WORLD_SIZE=3 OMPI_COMM_WORLD_RANK=0" \
    "SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=2" "MPI_LOCALNRANKS=2"; do
    # shellcheck disable=SC2086
    expect 7 "$alone" env $alone "$TRUNNION" "${quick[@]}"
    expect_message "$alone" "started [2-4] (processes|tasks) .*each is alone.*(start it by|use srun --mpi=pmix)"
done
for alone in "PMI_SIZE=1 PMI_RANK=0" "SLURM_NTASKS=4 SLURM_PROCID=0 SLURM_JOB_ID=7" \
    "OMPI_COMM_WORLD_SIZE=1 OMPI_COMM_WORLD_RANK=0 SLURM_STEP_NUM_TASKS=2"; do
    # shellcheck disable=SC2086
    expect 0 "$alone" env $alone "$TRUNNION" "${quick[@]}"
done

# Completion --------------------------------------------------------------------------------------
gives 0 completion bash
cp out completion.sh
if command -v shellcheck >/dev/null; then
    ok "shellcheck likes the script" shellcheck -s bash completion.sh
fi
# shellcheck disable=SC1091
source ./completion.sh
complete_words() { # WORD...: what bash would offer for the last one
    COMP_WORDS=(trunnion "$@")
    COMP_CWORD=$#
    COMPREPLY=()
    _trunnion
    printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
}
offers() { # offers WANTED WORD...
    local want=$1 got
    shift
    got=$(complete_words "$@")
    ok "completion of '$*' is '$want', not '$got'" test "$got" = "$want "
}
offers "bench" ben
offers "comm" bench com
offers "--max-bytes --memory" bench comm --m
offers "auto bar none plain" bench comm --progress ""
offers "names" bench comm nam
offers "bash" completion b
offers "completion" compl

finish
