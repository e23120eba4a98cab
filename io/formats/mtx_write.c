/* mtx_write.c: Matrix Market files written by all ranks (mtx.h).
 *
 * A rank's lines lie in strips: the columns of a dense matrix, or all entries of a sparse one. The
 * file holds strip 0 of every rank, in rank order, then strip 1 of every rank, and so on. */
#include "base/mem.h"
#include "io/formats/mtx.h"
#include "io/joint.h"
#include "mpi/agree.h"
#include "mpi/watch.h"
#include "text/print.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    LINE = 40 + TRN_PRINT_BYTES, /* the longest: two int64 and a number */
    HEAD = 160,
    BUFFER = 1 << 20
};

/* This rank's rows of a dense matrix, without gaps; values NULL: it is sparse. */
typedef struct dense {
    trn_dtype_t type;
    int64_t rows, cols;
    const char *values;
} dense_t;

typedef struct job {
    MPI_Comm comm;
    const trn_sparse_t *sparse; /* or NULL: */
    dense_t dense;
    int64_t strips, lines; /* of a strip, on this rank */
    int64_t row;           /* of the sparse entry encoded last */
    int64_t *place;        /* [strips] where this rank's part of a strip begins in the file */
    int64_t *total;        /* [strips] bytes of a strip on all ranks */
    trn_joint_t *joint;
    char *buffer; /* [BUFFER] waits to be written at ... */
    int64_t used, offset;
} job_t;

static char *put_entry(job_t *job, int64_t i, char *to) {
    const trn_sparse_t *sparse = job->sparse;
    trn_extent_t x = trn_sparse_extent(sparse);
    const int64_t *start = trn_sparse_start(sparse);
    if (i == 0) job->row = 0;
    while (i >= start[job->row + 1])
        job->row++;
    to = trn_print_whole(to, (uint64_t)(x.first_row + job->row + 1));
    *to++ = ' ';
    to = trn_print_whole(to, (uint64_t)(x.first_col + trn_sparse_column(sparse)[i] + 1));
    if (trn_sparse_type(sparse) == TRN_SPARSE_PATTERN) return to;
    *to++ = ' ';
    trn_dtype_t type = trn_sparse_type(sparse) == TRN_SPARSE_F32 ? TRN_F32 : TRN_F64;
    return trn_print_number(to, type,
                            (const char *)trn_sparse_values(sparse) + i * trn_dtype_size(type));
}

/* Line `i` of a strip, lines being asked for in order; returns its bytes. */
static int64_t encode(job_t *job, int64_t strip, int64_t i, char line[LINE]) {
    const dense_t *dense = &job->dense;
    char *to = line;
    if (job->sparse)
        to = put_entry(job, i, to);
    else
        to = trn_print_number(to, dense->type,
                              dense->values +
                                  (i * dense->cols + strip) * trn_dtype_size(dense->type));
    *to++ = '\n';
    return to - line;
}

/* Where everything goes; returns the file's size. Collective; cannot fail. */
static int64_t find_places(job_t *job, int64_t head) {
    int rank;
    char line[LINE];
    MPI_Comm_rank(job->comm, &rank);
    for (int64_t s = 0; s < job->strips; s++) {
        job->total[s] = 0;
        for (int64_t i = 0; i < job->lines; i++)
            job->total[s] += encode(job, s, i, line);
        trn_watch_tick();
    }
    MPI_Exscan(job->total, job->place, (int)job->strips, MPI_INT64_T, MPI_SUM, job->comm);
    MPI_Allreduce(MPI_IN_PLACE, job->total, (int)job->strips, MPI_INT64_T, MPI_SUM, job->comm);
    int64_t begin = head;
    for (int64_t s = 0; s < job->strips; s++) {
        job->place[s] = begin + (rank == 0 ? 0 : job->place[s]);
        begin += job->total[s];
    }
    return begin;
}

static trn_status_t flush(job_t *job) {
    trn_status_t status = TRN_OK;
    if (job->used > 0) status = trn_joint_write(job->joint, job->offset, job->buffer, job->used);
    job->offset += job->used;
    job->used = 0;
    trn_watch_tick();
    return status;
}

static trn_status_t write_lines(job_t *job) {
    for (int64_t s = 0; s < job->strips; s++) {
        if (job->place[s] != job->offset + job->used) { /* others' lines lie between */
            TRN_TRY(flush(job));
            job->offset = job->place[s];
        }
        for (int64_t i = 0; i < job->lines; i++) {
            if (job->used > BUFFER - LINE) TRN_TRY(flush(job));
            job->used += encode(job, s, i, job->buffer + job->used);
        }
    }
    return flush(job);
}

static trn_status_t plan(job_t *job) {
    if (job->strips > INT_MAX)
        return trn_fail(TRN_USAGE, "%lld columns are too many for one matrix",
                        (long long)job->strips);
    TRN_TRY(trn_alloc(&job->place, job->strips, sizeof *job->place, "places of columns"));
    TRN_TRY(trn_alloc(&job->total, job->strips, sizeof *job->total, "sizes of columns"));
    return trn_alloc(&job->buffer, BUFFER, 1, "lines to write");
}

static trn_status_t write_file(job_t *job, const char *path, const char *head) {
    TRN_TRY(trn_agree(job->comm, plan(job)));
    int rank;
    int64_t head_bytes = (int64_t)strlen(head), bytes = find_places(job, head_bytes);
    MPI_Comm_rank(job->comm, &rank);
    TRN_TRY(trn_joint_create(&job->joint, job->comm, path, bytes));
    trn_status_t status = TRN_OK;
    if (rank == 0) status = trn_joint_write(job->joint, 0, head, head_bytes);
    if (status == TRN_OK) status = write_lines(job);
    return trn_joint_close(&job->joint, status);
}

static trn_status_t write_job(job_t *job, const char *path, const char *head) {
    trn_status_t status = write_file(job, path, head);
    trn_free(&job->place);
    trn_free(&job->total);
    trn_free(&job->buffer);
    return status;
}

trn_status_t trn_mtx_write_dense(MPI_Comm comm, const char *path, int64_t rows, int64_t cols,
                                 trn_dtype_t type, int64_t own, const void *values) {
    job_t job = {.comm = comm, .dense = {type, own, cols, values}, .strips = cols, .lines = own};
    char head[HEAD];
    snprintf(head, sizeof head, "%%%%MatrixMarket matrix array %s general\n%lld %lld\n",
             trn_dtype_whole(type) ? "integer" : "real", (long long)rows, (long long)cols);
    return write_job(&job, path, head);
}

trn_status_t trn_mtx_write_sparse(MPI_Comm comm, const char *path, const trn_sparse_t *sparse,
                                  int64_t rows, int64_t cols) {
    int64_t entries = trn_sparse_count(sparse);
    job_t job = {.comm = comm, .sparse = sparse, .strips = 1, .lines = entries};
    MPI_Allreduce(MPI_IN_PLACE, &entries, 1, MPI_INT64_T, MPI_SUM, comm);
    char head[HEAD];
    snprintf(head, sizeof head, "%%%%MatrixMarket matrix coordinate %s general\n%lld %lld %lld\n",
             trn_sparse_type(sparse) == TRN_SPARSE_PATTERN ? "pattern" : "real", (long long)rows,
             (long long)cols, (long long)entries);
    return write_job(&job, path, head);
}
