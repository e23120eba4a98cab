/* bench store: what checksums, verification and atomic renames cost beside bare writes and reads of
 * the same bytes by the same ranks on the same disk. */
#define _GNU_SOURCE
#include "io/store/store.h"
#include "algo/common/estimate.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "io/bytes.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COLS = 256, STEP = 8 << 20 /* bytes of one bare pwrite or pread */ };

/* What is being timed. */
typedef struct files {
    MPI_Comm comm;
    int rank, ranks;
    bool sync;
    int64_t rows, first, end; /* of the matrix, and this rank's band [first, end) */
    float *data;              /* [(end - first) x COLS] */
    float *back;              /* the same, read back */
    const char *store, *bare;
} files_t;

static trn_status_t store_write(files_t *files) {
    trn_store_t *store = NULL;
    trn_status_t status = trn_store_create(&store, files->comm, files->store, "bench",
                                           "trunnion bench store", NULL, 0);
    if (status == TRN_OK) status = trn_store_dataset(store, "/x", TRN_F32, files->rows, COLS);
    if (status == TRN_OK) {
        trn_store_set_sync(store, files->sync);
        status = trn_store_begin(store);
    }
    if (status != TRN_OK) {
        trn_store_abandon(&store);
        return status;
    }
    status = trn_store_write(store, "/x", files->first, files->end - files->first, files->data);
    return trn_store_commit_replace(&store, status);
}

static trn_status_t store_read(files_t *files) {
    trn_store_t *store;
    TRN_TRY(trn_store_open(&store, files->comm, files->store, "bench"));
    trn_status_t status =
        trn_store_read(store, "/x", files->first, files->end - files->first, files->back);
    trn_store_close(&store);
    return trn_agree(files->comm, status);
}

/* pwrite or pread this rank's band of the bare file, in large steps. */
static trn_status_t move_band(const files_t *files, int fd, bool writing) {
    int64_t row_bytes = COLS * (int64_t)sizeof(float);
    int64_t bytes = (files->end - files->first) * row_bytes;
    for (int64_t done = 0; done < bytes;) {
        int64_t step = bytes - done < STEP ? bytes - done : STEP;
        int64_t at = files->first * row_bytes + done;
        TRN_TRY(writing ? trn_bytes_write(fd, files->bare, at, (char *)files->data + done, step)
                        : trn_bytes_read(fd, files->bare, at, (char *)files->back + done, step));
        done += step;
    }
    return TRN_OK;
}

/* Open the bare file, move the band, sync and close. `flags` for rank 0, which comes first. */
static trn_status_t bare(files_t *files, bool writing) {
    int fd = -1;
    int flags = (writing ? O_RDWR : O_RDONLY) | O_NOFOLLOW;
    trn_status_t status = TRN_OK;
    if (files->rank == 0) fd = open(files->bare, writing ? flags | O_CREAT | O_EXCL : flags, 0666);
    MPI_Barrier(files->comm);
    if (files->rank > 0) fd = open(files->bare, flags);
    if (fd < 0)
        status = trn_fail(TRN_IO, "%s: cannot open: %s; choose another --dir", files->bare,
                          strerror(errno));
    else
        status = move_band(files, fd, writing);
    if (status == TRN_OK && writing && files->sync && fsync(fd) != 0)
        status = trn_fail(TRN_IO, "%s: cannot sync: %s; choose another --dir", files->bare,
                          strerror(errno));
    if (fd >= 0) close(fd);
    return trn_agree(files->comm, status);
}

/* Seconds of one run, as long as the slowest rank takes. */
static trn_status_t once(files_t *files, bool of_store, bool writing, double *seconds) {
    /* Both write a new file, and nothing of the run before is left for this one to wait for. */
    if (writing && files->rank == 0) (void)unlink(of_store ? files->store : files->bare);
    sync();
    MPI_Barrier(files->comm);
    double start = trn_seconds();
    trn_status_t status = !of_store ? bare(files, writing)
                          : writing ? store_write(files)
                                    : store_read(files);
    *seconds = trn_seconds() - start;
    MPI_Allreduce(MPI_IN_PLACE, seconds, 1, MPI_DOUBLE, MPI_MAX, files->comm);
    return status;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* One line for the store and one for the bare file, from runs that took turns. */
static trn_status_t compare(trn_run_t *run, files_t *files, bool writing, bool right,
                            int64_t repeats, double *seconds) {
    double least[2], median[2];
    for (int of_store = 0; of_store < 2; of_store++) {
        double *s = seconds + of_store * repeats;
        qsort(s, (size_t)repeats, sizeof *s, ascending);
        least[of_store] = s[0];
        median[of_store] = 0.5 * (s[(repeats - 1) / 2] + s[repeats / 2]);
    }
    double bytes = (double)files->rows * COLS * sizeof(float);
    for (int of_store = 1; of_store >= 0; of_store--)
        TRN_TRY(trn_bench_case(run->result, "{s:s,s:s,s:b,s:I,s:i,s:f,s:f,s:f,s:f,s:s}", "file",
                               of_store ? "store" : "bare", "operation", writing ? "write" : "read",
                               "fsync", writing && files->sync, "bytes", (json_int_t)bytes, "P",
                               files->ranks, "seconds_min", least[of_store], "seconds_med",
                               median[of_store], "GB/s", 1e-9 * bytes / median[of_store], "ratio",
                               median[0] / median[of_store], "verdict",
                               right ? "PASSED" : "FAILED"));
    return TRN_OK;
}

static trn_status_t run_case(trn_run_t *run, files_t *files, bool writing, double *seconds) {
    int64_t repeats = trn_params_int(run->params, "repeats");
    int64_t bytes = (files->end - files->first) * COLS * (int64_t)sizeof(float);
    bool right = true;
    double ignored;
    for (int of_store = 0; of_store < 2; of_store++) /* warm up */
        TRN_TRY(once(files, of_store, writing, &ignored));
    for (int64_t i = 0; i < repeats; i++)
        for (int turn = 0; turn < 2; turn++) {
            int of_store = (turn + (int)i) % 2; /* neither is always the first */
            if (!writing) files->back[0] = -1;
            TRN_TRY(once(files, of_store, writing, &seconds[of_store * repeats + i]));
            if (!writing) right &= memcmp(files->back, files->data, (size_t)bytes) == 0;
        }
    right = !trn_any(files->comm, !right);
    return trn_agree(files->comm, run->rank == 0
                                      ? compare(run, files, writing, right, repeats, seconds)
                                      : TRN_OK);
}

static trn_status_t prepare(trn_run_t *run, files_t *files, double **seconds) {
    int64_t band = files->end - files->first;
    TRN_TRY(trn_alloc(seconds, 2 * trn_params_int(run->params, "repeats"), sizeof **seconds,
                      "timings"));
    TRN_TRY(trn_alloc(&files->data, band * COLS + 1, sizeof(float), "the matrix"));
    TRN_TRY(trn_alloc_zero(&files->back, band * COLS + 1, sizeof(float), "the matrix read back"));
    for (int64_t row = 0; row < band; row++)
        trn_rng_normal_row(1, (uint64_t)(files->first + row), 0, TRN_RNG_TEST, 1, COLS,
                           files->data + row * COLS);
    return TRN_OK;
}

/* What is written, and what is read back. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const files_t *files = user;
    int64_t band =
        trn_part_start(files->rows, ranks, rank + 1) - trn_part_start(files->rows, ranks, rank);
    int64_t bytes = band * COLS * (int64_t)sizeof(float);
    trn_ledger_take(ledger, "matrix", 2, bytes);
    trn_ledger_take(ledger, "store", trn_store_write_bytes(bytes), 1);
}

static trn_status_t run(trn_run_t *run) {
    int64_t size = trn_params_size(run->params, "size");
    files_t files = {.comm = run->comm, .rank = run->rank, .ranks = run->ranks};
    files.sync = trn_params_bool(run->params, "fsync");
    files.rows = size / (COLS * (int64_t)sizeof(float));
    files.first = trn_part_start(files.rows, run->ranks, run->rank);
    files.end = trn_part_start(files.rows, run->ranks, run->rank + 1);
    bool dry = trn_params_bool(run->params, "dry-run");
    TRN_TRY(trn_estimate(run->ranks, dry, plan, &files, run->result));
    if (dry) {
        json_object_set_new(run->result, "bytes_on_disk", json_integer(2 * size));
        return TRN_OK;
    }
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    trn_bench_files_t names;
    TRN_TRY(trn_bench_files_open(&names, run->comm, trn_params_text(run->params, "dir")));
    files.store = names.path[0];
    files.bare = names.path[1];
    double *seconds = NULL;
    trn_status_t status = trn_agree(run->comm, prepare(run, &files, &seconds));
    if (status == TRN_OK) status = run_case(run, &files, true, seconds);
    if (status == TRN_OK) status = run_case(run, &files, false, seconds);
    trn_bench_files_close(&names);
    trn_free(&seconds);
    trn_free(&files.data);
    trn_free(&files.back);
    TRN_TRY(status);
    return trn_agree(run->comm, run->rank == 0 ? trn_bench_verdict(run->result) : TRN_OK);
}

static const trn_param_t params[] = {
    {"size", 0, TRN_PARAM_SIZE, "1G", 1 << 20, 1e15, .help = "bytes of the matrix"},
    {"dir", 0, TRN_PARAM_TEXT, ".", .metavar = "DIR",
     .file = {TRN_FILE_FOLDER, .also = "/trunnion-bench.h5 /trunnion-bench.raw"},
     .help = "where to put the two files; twice the size is needed there"},
    {"repeats", 0, TRN_PARAM_INT, "5", 1, 1000, .help = "timed runs of each case, in turns"},
    {"fsync", 0, TRN_PARAM_BOOL, "true",
     .help = "wait for the disk, on both sides; --no-fsync measures memory and kernel"},
    {0}};

const trn_command_t trn_bench_store = {
    .name = "bench store",
    .summary = "time checksummed, verified, atomic files against bare writes and reads",
    .files = "",
    .description =
        "Writes a matrix through a store (checksums, verification, fsync, rename) and, in turns, "
        "the same bytes by the same ranks to a plain file with pwrite and fsync; then reads both "
        "back, the store with verification. Reads come from the page cache, which is the harder "
        "comparison. The ratio is the bare file's median time over the line's.",
    .params = params,
    .run = run,
};
