/* bench.h: what benchmarks share: a head that names the machine, timing, one line a case.
 *
 * A benchmark is a verb whose result holds `cases`, an array of objects with equal keys, and any
 * scalars besides. It is printed for awk: '#' starts what is no case, "TRN NAME" starts a case. */
#ifndef TRN_CLI_BENCH_H
#define TRN_CLI_BENCH_H

#include "base/status.h"
#include "io/lock.h"

#include <jansson.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>

/* Start a result (an object, filled on rank 0): the manifest (io/manifest.h), threads, and no cases
 * yet. Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_bench_begin(MPI_Comm comm, int threads, json_t *result);

/* Append a case: json_pack's format of an object and its values; keys become columns, in order, and
 * the last one is by custom "verdict": "PASSED" or "FAILED". Fails with TRN_MEMORY. Local; for
 * rank 0. */
trn_status_t trn_bench_case(json_t *result, const char *format, ...);

/* TRN_NUMERIC naming how many cases say "verdict": "FAILED", else TRN_OK. Local; for rank 0. */
trn_status_t trn_bench_verdict(const json_t *result);

/* Shortest and median seconds of `repeats` calls of body(data) after one to warm up; each starts at
 * a barrier and counts as long as the slowest rank takes. The body is collective and brings its
 * failures to all ranks itself. Collective, equal arguments. Fails (agreed) with TRN_MEMORY, or as
 * the body does. */
trn_status_t trn_bench_time(MPI_Comm comm, int64_t repeats, trn_status_t (*body)(void *data),
                            void *data, double *shortest, double *median);

/* *rate = bytes a second of STREAM's triad, a = b + 3 c, on all ranks and `threads` of each at
 * once, writes counted once as STREAM does. Collective, equal arguments. Fails (agreed) with
 * TRN_MEMORY. Memory: 768 MiB on all ranks, 48 MiB each at the least. */
trn_status_t trn_bench_triad(MPI_Comm comm, int threads, double *rate);

/* For plans: what that takes. Local. */
int64_t trn_bench_triad_bytes(int ranks);

/* One of several contestants that are timed in turn. */
typedef struct trn_bench_entry {
    trn_status_t (*body)(void *data); /* as for trn_bench_time */
    void *data;
    double shortest, median; /* seconds */
    double busy;             /* CPU seconds a second of the idlest rank, over all repeats */
} trn_bench_entry_t;

/* Time `count` entries in turn, `repeats` times, after one run of each to warm up, so that a noisy
 * machine disturbs all alike; fills in what was measured. Collective, equal arguments. Fails
 * (agreed) with TRN_MEMORY, or as a body does. */
trn_status_t trn_bench_race(MPI_Comm comm, int64_t repeats, int count, trn_bench_entry_t *entries);

/* Two names for a benchmark's files in a directory where anybody may write. */
typedef struct trn_bench_files {
    MPI_Comm comm;
    trn_lock_t *lock; /* of DIR/trunnion-bench */
    char *path[2];    /* which nobody else can foretell; not files yet */
} trn_bench_files_t;

/* Take the directory for benchmarks and draw names in it; what a killed benchmark left there is
 * removed. Collective, equal arguments. Fails (agreed) with TRN_IO (another benchmark runs there),
 * TRN_MEMORY. */
trn_status_t trn_bench_files_open(trn_bench_files_t *files, MPI_Comm comm, const char *directory);

/* Remove the files and give the directory back; fine after a failed open. Collective. */
void trn_bench_files_close(trn_bench_files_t *files);

/* Print a result as described above; `name` is the verb's ("bench comm"). Fails with TRN_IO,
 * TRN_MEMORY. Local. */
trn_status_t trn_bench_print(FILE *to, const char *name, const json_t *result);

#endif
