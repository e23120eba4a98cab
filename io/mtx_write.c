/* mtx_write.c: Matrix Market files written by all ranks (mtx.h).
 *
 * A rank's lines lie in strips: the columns of a dense matrix, or all entries of a sparse one. The
 * file holds strip 0 of every rank, in rank order, then strip 1 of every rank, and so on. */
#include "base/mem.h"
#include "io/joint.h"
#include "io/mtx.h"
#include "mpi/agree.h"
#include "mpi/watch.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    LINE = 80, /* bytes of the longest line: two int64 and a %.17g take 66 */
    HEAD = 160,
    BUFFER = 1 << 20
};

typedef struct job {
    MPI_Comm comm;
    const trn_sparse_t *sparse; /* or NULL: */
    trn_view_t dense;
    int64_t strips, lines; /* of a strip, on this rank */
    int64_t row;           /* of the sparse entry encoded last */
    int64_t *place;        /* [strips] where this rank's part of a strip begins in the file */
    int64_t *total;        /* [strips] bytes of a strip on all ranks */
    trn_joint_t *joint;
    char *buffer; /* [BUFFER] waits to be written at ... */
    int64_t used, offset;
} job_t;

static char *put_whole(char *to, int64_t value) {
    char digits[20];
    int n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (n > 0)
        *to++ = digits[--n];
    return to;
}

/* As %.9g of a float32, %.17g of a float64. Small whole numbers, which are frequent, look the same
 * without printf. */
static char *put_value(char *to, double value, bool narrow) {
    if (value >= 0 && value < 1e9 && !signbit(value) && value == (double)(int32_t)value)
        return put_whole(to, (int64_t)value);
    return to + snprintf(to, LINE / 2, narrow ? "%.9g" : "%.17g", value);
}

/* Line `i` of a strip, lines being asked for in order; returns its bytes. */
static int64_t encode(job_t *job, int64_t strip, int64_t i, char line[LINE]) {
    char *to = line;
    if (job->sparse) {
        trn_extent_t x = trn_sparse_extent(job->sparse);
        const int64_t *start = trn_sparse_start(job->sparse);
        if (i == 0) job->row = 0;
        while (i >= start[job->row + 1])
            job->row++;
        to = put_whole(to, x.first_row + job->row + 1);
        *to++ = ' ';
        to = put_whole(to, x.first_col + trn_sparse_column(job->sparse)[i] + 1);
        if (trn_sparse_type(job->sparse) != TRN_SPARSE_PATTERN) {
            *to++ = ' ';
            to = put_value(to, trn_sparse_value(job->sparse, i),
                           trn_sparse_type(job->sparse) == TRN_SPARSE_F32);
        }
    } else if (job->dense.type == TRN_MATRIX_F32) {
        to = put_value(to, (double)((float *)job->dense.data)[i * job->dense.stride + strip], true);
    } else {
        to = put_value(to, ((double *)job->dense.data)[i * job->dense.stride + strip], false);
    }
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

trn_status_t trn_mtx_write_dense(MPI_Comm comm, const char *path, const trn_matrix_t *matrix) {
    const trn_dist_t *dist = trn_matrix_dist(matrix);
    job_t job = {.comm = comm, .dense = trn_matrix_block(matrix), .strips = trn_dist_cols(dist)};
    job.lines = job.dense.rows;
    char head[HEAD];
    snprintf(head, sizeof head, "%%%%MatrixMarket matrix array real general\n%lld %lld\n",
             (long long)trn_dist_rows(dist), (long long)trn_dist_cols(dist));
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
