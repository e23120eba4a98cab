/* ids.c: rank 0 reads a column of whole numbers, everybody gets them. */
#define _GNU_SOURCE
#include "algo/rows/ids.h"

#include "base/mem.h"
#include "io/formats/format.h"
#include "io/rows/rows.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <stdlib.h>
#include <string.h>

/* A list of numbers in text has no ending that says so: it is a table of one column. Rank 0. */
static bool is_text(const char *path) {
    bool packed;
    const trn_file_format_t *format = trn_format_by_ending(path, &packed);
    bool vectors =
        format && (strcmp(format->name, "glove") == 0 || strcmp(format->name, "word2vec") == 0);
    return (!format || vectors) && !trn_path_has_member(path);
}

static trn_status_t check_shape(const trn_rows_about_t *about, const char *path) {
    if (about->cols == 1 || about->rows == 1 || about->rows == 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: %lld x %lld; a list of whole numbers has one column", path,
                    (long long)about->rows, (long long)about->cols);
}

/* Rank 0 reads; a file without order by rows would need all ranks. Local. */
static trn_status_t read_all(trn_ids_t *ids, trn_rows_t *rows) {
    const trn_rows_about_t *about = trn_rows_about(rows);
    if (about->routed || about->sparse)
        return trn_fail(TRN_INPUT, "%s: a list of whole numbers must be dense, in order of rows",
                        ids->path);
    return trn_rows_read(rows, 0, about->rows, TRN_I64, ids->id);
}

trn_status_t trn_ids_read(trn_ids_t *ids, MPI_Comm comm, const char *path) {
    trn_rows_t *rows;
    int rank;
    MPI_Comm_rank(comm, &rank);
    *ids = (trn_ids_t){.path = path};
    int text = rank == 0 && is_text(path);
    MPI_Bcast(&text, 1, MPI_INT, 0, comm);
    TRN_TRY(trn_rows_open(&rows, comm, path, &(trn_rows_how_t){.format = text ? "tsv" : NULL}));
    const trn_rows_about_t *about = trn_rows_about(rows);
    trn_status_t status = check_shape(about, path);
    ids->count = about->rows * about->cols;
    if (status == TRN_OK)
        status = trn_alloc(&ids->id, ids->count, sizeof *ids->id, "a list of whole numbers");
    if (status == TRN_OK && rank == 0) status = read_all(ids, rows);
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = trn_rows_outcome(rows);
    if (status == TRN_OK) trn_bcast_large(comm, ids->count, MPI_INT64_T, ids->id);
    trn_rows_close(&rows);
    if (status != TRN_OK) trn_ids_free(ids);
    return status;
}

void trn_ids_free(trn_ids_t *ids) {
    trn_free(&ids->id);
    *ids = (trn_ids_t){0};
}

trn_status_t trn_ids_within(const trn_ids_t *ids, int64_t least, int64_t bound,
                            const char *things) {
    for (int64_t i = 0; i < ids->count; i++)
        if (ids->id[i] < least || ids->id[i] >= bound)
            return trn_fail(TRN_INPUT, "%s: entry %lld (from 0) is %lld; there are %lld %s",
                            ids->path, (long long)i, (long long)ids->id[i], (long long)bound,
                            things);
    return TRN_OK;
}

/* The first place of a number that comes again is looked for only then. */
trn_status_t trn_ids_unique(const trn_ids_t *ids, int64_t bound) {
    unsigned char *seen;
    int64_t again = -1, first = 0;
    TRN_TRY(trn_alloc_zero(&seen, bound / 8 + 1, 1, "marks of rows"));
    for (int64_t i = 0; i < ids->count && again < 0; i++) {
        unsigned char mark = (unsigned char)(1 << ids->id[i] % 8);
        if (seen[ids->id[i] / 8] & mark) again = i;
        seen[ids->id[i] / 8] |= mark;
    }
    trn_free(&seen);
    if (again < 0) return TRN_OK;
    while (ids->id[first] != ids->id[again])
        first++;
    return trn_fail(TRN_INPUT, "%s: entries %lld and %lld (from 0) are both %lld", ids->path,
                    (long long)first, (long long)again, (long long)ids->id[again]);
}

trn_status_t trn_ids_of_rows(const trn_ids_t *ids, int64_t rows, const char *file) {
    if (ids->count == rows) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: %lld numbers, but %s has %lld rows", ids->path,
                    (long long)ids->count, file, (long long)rows);
}

static int by_number(const void *a, const void *b, void *numbers) {
    const int64_t *id = numbers;
    int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    if (id[i] != id[j]) return id[i] < id[j] ? -1 : 1;
    return i < j ? -1 : 1;
}

void trn_ids_order(int64_t count, const int64_t *id, int64_t *order) {
    bool sorted = true;
    for (int64_t i = 0; i < count; i++) {
        order[i] = i;
        sorted = sorted && (i == 0 || id[i - 1] <= id[i]);
    }
    if (!sorted) qsort_r(order, (size_t)count, sizeof *order, by_number, (void *)(uintptr_t)id);
}
