# An array over three seeds gives the results of three runs by hand, a job that submit.sh wrote has
# what its dry run asks for, and tasks that do not find each other are refused.
. "$(dirname "$0")/lib_cluster.sh" || exit 1
need cooccur swivel
need_python
cluster_up
make_corpus "$scratch/corpus.txt" 300
expect 0 cooccur ranks 1 cooccur "$scratch/corpus.txt" -o "$scratch/c.h5" --min-count 1 || finish
train=(swivel "$scratch/c.h5" --dim 16 --shard-size 64 --epochs 4)

array=$(TRUNNION_CLUSTER=$cluster_dir sbatch --parsable --output="$scratch/seed-%a.log" --ntasks=2 \
    --time=5 "$cluster_dir/seeds.sbatch" "${train[@]}" -o "$scratch/e-%s.h5")
for seed in 1 2 3; do
    expect 0 "seed $seed by hand" ranks 1 "${train[@]}" -o "$scratch/hand-$seed.h5" --seed $seed
    expect_job 60 "seed $seed" "${array}_$seed" JobState COMPLETED || cat "$scratch/seed-$seed.log"
    expect_equal "seed $seed: bits" "$(digest "$scratch/hand-$seed.h5" /embedding)" \
        "$(digest "$scratch/e-$seed.h5" /embedding)"
done

# What job.sh gives to a rank: the arguments, the threads, the end of the job (--time-limit auto).
cat >"$scratch/echo" <<'END'
#!/bin/sh
echo "rank $SLURM_PROCID $* $OMP_NUM_THREADS $SLURM_JOB_END_TIME"
END
chmod +x "$scratch/echo"
job=$(SLURM_JOB_END_TIME=1 TRUNNION=$scratch/echo TRUNNION_CLUSTER=$cluster_dir sbatch --parsable --time=7 --nodes=2 \
    --ntasks=2 --ntasks-per-node=1 --cpus-per-task=3 --output="$scratch/echo.log" \
    "$cluster_dir/train.sbatch" verb "two words")
expect_job 60 "echo" "$job" JobState COMPLETED || cat "$scratch/echo.log"
ends=$(grep -oE '^rank 1 verb two words 3 [0-9]+$' "$scratch/echo.log" | cut -d ' ' -f 7)
began=$(scontrol -o show job "$job" | grep -oP ' StartTime=\K\S+')
expect_equal "the end of the job" "$(date -d "$began 7 minutes" +%s)" "$ends"

submit() { # ARGUMENT...
    (cd "$scratch" && bash "$cluster_dir/submit.sh" "$@")
}
expect 0 "job file" submit --ranks 3 --time 7 --file "$scratch/job.sbatch" "${train[@]}" -o "$scratch/s.h5"
expect_equal "nothing run yet" no "$([ -e "$scratch/s.h5" ] && echo yes || echo no)"
expect_equal "what it asks for" "nodes=1 ntasks=3 ntasks-per-node=3 cpus-per-task=1 time=7" \
    "$(grep -oE '(nodes|ntasks|ntasks-per-node|cpus-per-task|time)=[0-9]+' "$scratch/job.sbatch" | paste -sd ' ')"
expect 0 "more ranks than a node takes" submit --ranks 3 --threads 2 --file "$scratch/two.sbatch" \
    "${train[@]}" -o "$scratch/s.h5"
expect_equal "nodes for 3 x 2 processors" 1 "$(grep -c -- '--nodes=2$' "$scratch/two.sbatch")"
expect 2 "more threads than processors" submit --threads 5 "${train[@]}" -o "$scratch/s.h5"
expect_equal "the reason" yes "$(grep -q 'a node has 4000 MB and 4;' "$scratch/err" && echo yes || echo no)"
expect 2 "no verb" submit --ranks 3
expect 0 "submitted" submit --ranks 3 --time 7 --partition usual --submit "${train[@]}" -o "$scratch/s.h5"
job=$(grep -oE '[0-9]+$' "$scratch/out")
expect_job 60 "submitted" "$job" JobState COMPLETED || cat "$scratch"/trunnion-*.log
expect_equal "submitted: bits" "$(digest "$scratch/hand-1.h5" /embedding)" \
    "$(digest "$scratch/s.h5" /embedding)"

# Several tasks of which each would do the whole job, one process in a job that asked for two, and two
# that are one job.
cat >"$scratch/launch.sbatch" <<'END'
#!/bin/bash
quick=("$TRUNNION" bench comm --max-bytes 64 --repeats 1 --quiet)
"${quick[@]}" >"$LAUNCH.alone" 2>&1
echo "alone: $?"
srun --mpi=none "${quick[@]}" >"$LAUNCH.none" 2>&1
echo "without PMIx: $?"
srun --mpi=pmix "${quick[@]}" >"$LAUNCH.pmix" 2>&1
echo "with PMIx: $?"
END
job=$(LAUNCH=$scratch/launch sbatch --parsable --ntasks=2 --time=5 --output="$scratch/launch.log" \
    "$scratch/launch.sbatch")
expect_job 60 "three launches" "$job" JobState COMPLETED
# Without PMIx every task would be alone. An Open MPI that sees Slurm refuses that itself (1), else we do
# (7); either names the way out, and nothing was measured.
case $(grep -E '^(alone|with)' "$scratch/launch.log" | paste -sd ,) in
"alone: 0,without PMIx: 1,with PMIx: 0") cure='direct launched using "srun"' ;;
"alone: 0,without PMIx: 7,with PMIx: 0") cure='use srun --mpi=pmix' ;;
*) cure="" && fail "exit codes: $(cat "$scratch/launch.log")" ;;
esac
expect_equal "both tasks say the cure" 2 "$(grep -c "$cure" "$scratch/launch.none")"
expect_equal "nothing measured" 0 "$(grep -c '^TRN' "$scratch/launch.none")"
expect_equal "ranks with PMIx" "# ranks: 2" "$(grep '^# ranks' "$scratch/launch.pmix")"
expect_equal "ranks alone" "# ranks: 1" "$(grep '^# ranks' "$scratch/launch.alone")"
finish
