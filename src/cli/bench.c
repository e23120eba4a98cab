#include "cli/bench.h"

#include "base/clock.h"
#include "base/emit.h"
#include "base/mem.h"
#include "base/plain.h"
#include "base/signal.h"
#include "io/bytes.h"
#include "io/manifest.h"
#include "mpi/agree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

trn_status_t trn_bench_begin(MPI_Comm comm, int threads, json_t *result) {
    TRN_TRY(trn_manifest(comm, result));
    bool failed = json_object_set_new(result, "threads", json_integer(threads)) != 0 ||
                  json_object_set_new(result, "cases", json_array()) != 0;
    return trn_agree(comm, failed ? trn_fail(TRN_MEMORY, "no memory for a result") : TRN_OK);
}

trn_status_t trn_bench_case(json_t *result, const char *format, ...) {
    va_list values;
    va_start(values, format);
    json_t *line = json_vpack_ex(NULL, 0, format, values);
    va_end(values);
    if (json_array_append_new(json_object_get(result, "cases"), line) == 0) return TRN_OK;
    return trn_fail(TRN_MEMORY, "no memory for a result, or a case that is none: %s", format);
}

trn_status_t trn_bench_verdict(const json_t *result) {
    int failed = 0;
    const json_t *cases = json_object_get(result, "cases");
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const char *verdict =
            json_string_value(json_object_get(json_array_get(cases, i), "verdict"));
        failed += verdict && strcmp(verdict, "FAILED") == 0;
    }
    if (failed == 0) return TRN_OK;
    return trn_fail(TRN_NUMERIC, "%d of %zu cases FAILED; see the lines on standard output", failed,
                    json_array_size(cases));
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Run one entry once: seconds of the slowest rank, and the CPU seconds of this one. */
static trn_status_t run_once(MPI_Comm comm, trn_bench_entry_t *entry, double *seconds,
                             double *cpu) {
    MPI_Barrier(comm);
    double start = trn_seconds(), cpu_start = trn_cpu_seconds();
    TRN_TRY(entry->body(entry->data));
    *seconds = trn_seconds() - start;
    *cpu += trn_cpu_seconds() - cpu_start;
    MPI_Allreduce(MPI_IN_PLACE, seconds, 1, MPI_DOUBLE, MPI_MAX, comm);
    return TRN_OK;
}

/* Work out what was measured: seconds[repeats] of one entry, CPU seconds of this rank. */
static void sum_up(MPI_Comm comm, int64_t repeats, double *seconds, double cpu,
                   trn_bench_entry_t *entry) {
    double total = 0;
    for (int64_t i = 0; i < repeats; i++)
        total += seconds[i];
    qsort(seconds, (size_t)repeats, sizeof *seconds, ascending);
    entry->shortest = seconds[0];
    entry->median = 0.5 * (seconds[(repeats - 1) / 2] + seconds[repeats / 2]);
    entry->busy = total > 0 ? cpu / total : 0;
    MPI_Allreduce(MPI_IN_PLACE, &entry->busy, 1, MPI_DOUBLE, MPI_MIN, comm);
}

trn_status_t trn_bench_race(MPI_Comm comm, int64_t repeats, int count, trn_bench_entry_t *entries) {
    double *seconds, *cpu = NULL;
    trn_status_t status = trn_agree(
        comm, trn_alloc_zero(&seconds, (repeats + 1) * count, sizeof *seconds, "timings"));
    if (status == TRN_OK) cpu = seconds + repeats * count;
    for (int e = 0; e < count && status == TRN_OK; e++)
        status = entries[e].body(entries[e].data);
    for (int64_t i = 0; i < repeats && status == TRN_OK; i++)
        for (int e = 0; e < count && status == TRN_OK; e++)
            status = run_once(comm, &entries[e], &seconds[e * repeats + i], &cpu[e]);
    for (int e = 0; e < count && status == TRN_OK; e++)
        sum_up(comm, repeats, seconds + e * repeats, cpu[e], &entries[e]);
    trn_free(&seconds);
    return status;
}

trn_status_t trn_bench_time(MPI_Comm comm, int64_t repeats, trn_status_t (*body)(void *data),
                            void *data, double *shortest, double *median) {
    trn_bench_entry_t entry = {.body = body, .data = data};
    TRN_TRY(trn_bench_race(comm, repeats, 1, &entry));
    *shortest = entry.shortest;
    *median = entry.median;
    return TRN_OK;
}

/* STREAM's triad ------------------------------------------------------------------------------- */

typedef struct triad {
    int64_t count;
    int threads;
    double *a, *b, *c; /* [count] */
} triad_t;

/* Numbers in each of a rank's arrays: much more than any cache holds. */
static int64_t triad_count(int ranks) {
    enum { ALL = 1 << 25, LEAST = 1 << 21 };
    return ALL / ranks < LEAST ? LEAST : ALL / ranks;
}

int64_t trn_bench_triad_bytes(int ranks) {
    return triad_count(ranks) * (int64_t)(3 * sizeof(double));
}

static trn_status_t triad(void *data) {
    triad_t *t = data;
    double *a = t->a;
    const double *b = t->b, *c = t->c;
#pragma omp parallel for simd num_threads(t->threads)
    for (int64_t i = 0; i < t->count; i++)
        a[i] = b[i] + 3 * c[i];
    return TRN_OK;
}

trn_status_t trn_bench_triad(MPI_Comm comm, int threads, double *rate) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    triad_t t = {.count = triad_count(ranks), .threads = threads};
    trn_status_t status = trn_alloc(&t.a, t.count, sizeof *t.a, "triad");
    if (status == TRN_OK) status = trn_alloc_zero(&t.b, t.count, sizeof *t.b, "triad");
    if (status == TRN_OK) status = trn_alloc_zero(&t.c, t.count, sizeof *t.c, "triad");
    status = trn_agree(comm, status);
    double shortest = 1, median;
    if (status == TRN_OK) status = trn_bench_time(comm, 10, triad, &t, &shortest, &median);
    *rate = (double)trn_bench_triad_bytes(ranks) * ranks / shortest;
    trn_free(&t.a);
    trn_free(&t.b);
    trn_free(&t.c);
    return status;
}

/* Printing ------------------------------------------------------------------------------------- */

/* "# key: value", with the items of an array or object behind each other; names and paths as
 * tables have them (base/plain.h). */
static trn_status_t print_head(FILE *to, const char *key, const json_t *value) {
    char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6)),
         *line;
    const char *text = json_is_string(value) ? json_string_value(value) : dumped ? dumped : "?";
    size_t bytes = TRN_PLAIN_GROWS * strlen(text) + 1;
    trn_status_t status = trn_alloc(&line, (int64_t)bytes, 1, "a line of the result");
    if (status == TRN_OK) {
        trn_plain(line, bytes, text);
        fprintf(to, "# %s: %s\n", key, line);
    }
    trn_free(&line);
    free(dumped); /* jansson allocated it */
    return status;
}

trn_status_t trn_bench_print(FILE *to, const char *name, const json_t *result) {
    const char *key, *last = strrchr(name, ' ');
    json_t *value, *cases = json_object_get(result, "cases");
    char lead[64], head[64];
    snprintf(lead, sizeof lead, "TRN %s ", last ? last + 1 : name);
    snprintf(head, sizeof head, "#%*s", (int)strlen(lead) - 1, "");
    errno = 0;
    json_object_foreach((json_t *)result, key, value) {
        if (value != cases) TRN_TRY(print_head(to, key, value));
    }
    if (json_array_size(cases) > 0) TRN_TRY(trn_emit_table(to, cases, head, lead));
    if (fflush(to) == 0 && !ferror(to)) return TRN_OK;
    return trn_fail(TRN_IO, "cannot write the result: %s; check where it is sent",
                    errno ? strerror(errno) : "write error");
}

/* Files in a shared directory ---------------------------------------------------------------- */

static trn_status_t draw_names(trn_bench_files_t *files, const char *stem) {
    trn_status_t status = TRN_OK;
    for (int i = 0; i < 2; i++) { /* collective, whatever the first one comes to */
        trn_status_t one = trn_path_temporary(files->comm, stem, &files->path[i]);
        if (status == TRN_OK) status = one;
    }
    return trn_agree(files->comm, status);
}

trn_status_t trn_bench_files_open(trn_bench_files_t *files, MPI_Comm comm, const char *directory) {
    static const char name[] = "/trunnion-bench";
    *files = (trn_bench_files_t){.comm = comm};
    size_t bytes = strlen(directory) + sizeof name;
    char *stem = NULL;
    trn_status_t status = trn_agree(comm, trn_alloc(&stem, (int64_t)bytes, 1, "a file name"));
    if (status == TRN_OK) {
        snprintf(stem, bytes, "%s%s", directory, name);
        status = trn_lock_take(&files->lock, comm, stem);
    }
    if (status == TRN_OK) status = draw_names(files, stem);
    trn_free(&stem);
    if (status != TRN_OK) trn_bench_files_close(files);
    for (int i = 0; i < 2 && status == TRN_OK; i++)
        trn_signal_guard(files->path[i], -1);
    return status;
}

void trn_bench_files_close(trn_bench_files_t *files) {
    int rank;
    MPI_Comm_rank(files->comm, &rank);
    for (int i = 0; i < 2; i++) {
        if (files->path[i] && rank == 0) (void)unlink(files->path[i]);
        trn_signal_release(files->path[i]);
        trn_free(&files->path[i]);
    }
    trn_lock_release(&files->lock);
}
