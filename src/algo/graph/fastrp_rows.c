/* fastrp_rows.c: what fastrp.h does to rows between products, and to columns at the end. All of it
 * in float64, row by row: rows are shared out among threads, which shows in no bit. */
#include "algo/graph/fastrp_impl.h"

#include "algo/matrix/tall.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LANES = 8 };

/* Rows ----------------------------------------------------------------------------------------- */

static void load(trn_view_t from, int64_t i, double *row) {
    if (from.type == TRN_F64) {
        memcpy(row, (const double *)from.data + i * from.stride, (size_t)from.cols * sizeof *row);
        return;
    }
    const float *at = (const float *)from.data + i * from.stride;
    for (int64_t c = 0; c < from.cols; c++)
        row[c] = at[c];
}

static void store(trn_view_t to, int64_t i, const double *row) {
    if (to.type == TRN_F64) {
        memcpy((double *)to.data + i * to.stride, row, (size_t)to.cols * sizeof *row);
        return;
    }
    float *at = (float *)to.data + i * to.stride;
    for (int64_t c = 0; c < to.cols; c++)
        at[c] = (float)row[c];
}

/* In LANES sums, for one chain of additions would take four times as long. */
static double squares(const double *row, int64_t cols) {
    double lane[LANES] = {0}, sum = 0;
    int64_t c = 0;
    for (; c + LANES <= cols; c += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] += row[c + k] * row[c + k];
    for (; c < cols; c++)
        lane[c % LANES] += row[c] * row[c];
    for (int k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}

static void scale(double *row, int64_t cols, double by) {
    for (int64_t c = 0; c < cols; c++)
        row[c] *= by;
}

/* Make a row of length 1, unless it is of zeros. Squares that leave float64's range are taken of
 * the row over its largest number. */
static void normalize(double *row, int64_t cols) {
    double sum = squares(row, cols), most = 0;
    if (sum > 1e-280 && sum < 1e280) {
        scale(row, cols, 1 / sqrt(sum));
        return;
    }
    for (int64_t c = 0; c < cols; c++)
        if (fabs(row[c]) > most) most = fabs(row[c]);
    if (most == 0 || isinf(most)) return; /* of infinite ones the sum tells */
    for (int64_t c = 0; c < cols; c++)
        row[c] /= most;
    scale(row, cols, 1 / sqrt(squares(row, cols)));
}

static void add(double *sum, const double *row, int64_t cols, double weight) {
    for (int64_t c = 0; c < cols; c++)
        sum[c] += weight * row[c];
}

/* A sum is done. */
static void deliver(trn_fastrp_job_t *job, trn_view_t z, int64_t i, const double *sum) {
    bool bad = false;
    store(z, i, sum);
    if (z.type == TRN_F32)
        for (int64_t c = 0; c < z.cols; c++)
            bad |= !(fabsf((float)sum[c]) <= FLT_MAX);
    else
        for (int64_t c = 0; c < z.cols; c++)
            bad |= !(fabs(sum[c]) <= DBL_MAX);
    if (!bad) return;
#pragma omp critical(trn_fastrp_bad)
    if (job->first + i < job->bad) job->bad = job->first + i;
}

/* Rows without normalization get back what trn_fastrp_degrees took off. */
static double weight_of(const trn_fastrp_job_t *job, double weight) {
    return job->options.normalize == TRN_FASTRP_NONE ? ldexp(weight, job->exponent) : weight;
}

/* Steps ---------------------------------------------------------------------------------------- */

static void self_row(trn_fastrp_job_t *job, trn_view_t z, int64_t i, double *row) {
    trn_fastrp_start_row(job, i, row);
    if (job->options.normalize != TRN_FASTRP_NONE) normalize(row, z.cols);
    scale(row, z.cols, weight_of(job, job->options.self));
    deliver(job, z, i, row);
}

/* x, sum: [dim]. */
static void step_row(trn_fastrp_job_t *job, const trn_fastrp_step_t *step, int64_t i, double *x,
                     double *sum) {
    trn_fastrp_normalize_t when = job->options.normalize;
    int64_t cols = step->u.cols;
    memset(sum, 0, (size_t)cols * sizeof *sum);
    if (step->z.data) load(step->z, i, sum);
    if (step->before != 0) {
        load(step->old, i, x);
        if (when == TRN_FASTRP_END) normalize(x, cols);
        add(sum, x, cols, weight_of(job, step->before));
    }
    load(step->u, i, x);
    if (when == TRN_FASTRP_STEP)
        normalize(x, cols);
    else if (when == TRN_FASTRP_NONE || !step->last) /* a length of 1 makes it needless */
        scale(x, cols, job->inverse[i]);
    if (!step->last) store(step->u, i, x);
    if (step->weight != 0) {
        if (when == TRN_FASTRP_END) normalize(x, cols);
        add(sum, x, cols, weight_of(job, step->weight));
    }
    if (step->last)
        deliver(job, step->u, i, sum);
    else if (step->weight != 0)
        store(step->z, i, sum);
}

void trn_fastrp_self(trn_fastrp_job_t *job, trn_view_t z) {
    int threads = job->options.threads;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int64_t part = 0; part < threads; part++)
        for (int64_t i = trn_part_start(z.rows, threads, part);
             i < trn_part_start(z.rows, threads, part + 1); i++)
            self_row(job, z, i, job->space + part * 2 * z.cols);
}

void trn_fastrp_rows(trn_fastrp_job_t *job, const trn_fastrp_step_t *step) {
    int threads = job->options.threads;
    int64_t rows = step->u.rows, cols = step->u.cols;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int64_t part = 0; part < threads; part++) {
        double *space = job->space + part * 2 * cols;
        for (int64_t i = trn_part_start(rows, threads, part);
             i < trn_part_start(rows, threads, part + 1); i++)
            step_row(job, step, i, space, space + cols);
    }
}

/* Columns -------------------------------------------------------------------------------------- */

/* Sums over the rows of a block. */
typedef struct columns {
    trn_view_t z;
    int64_t block, first; /* rows of a block; the first row here */
    const double *shift;  /* [cols] what is taken off first */
    bool square;
    double *row; /* [cols] */
} columns_t;

static void leaf(void *user, int64_t block, double *values) {
    const columns_t *s = user;
    int64_t i = block * s->block - s->first, end = i + s->block;
    memset(values, 0, (size_t)s->z.cols * sizeof *values);
    for (; i < end && i < s->z.rows; i++) {
        load(s->z, i, s->row);
        for (int64_t c = 0; c < s->z.cols; c++) {
            double x = s->row[c] - s->shift[c];
            values[c] += s->square ? x * x : x;
        }
    }
}

/* mean[cols] and deviation[cols]. Sums are of differences from the first row: a column of equal
 * numbers then has a deviation of exactly 0. */
static trn_status_t measure(trn_fastrp_job_t *job, columns_t *s, double *mean, double *deviation) {
    MPI_Comm comm = job->in->comm;
    const int64_t *start = trn_dist_row_cut(job->in->dist).start;
    int64_t block = trn_tall_block(job->nodes), cols = s->z.cols;
    int owner = (int)trn_dist_row_owner(job->in->dist, 0);
    double n = (double)job->nodes;
    trn_blocks_t blocks = {(job->nodes + block - 1) / block, start, block};
    s->block = block;
    s->first = job->first;
    if (start[owner] == job->first && s->z.rows > 0) load(s->z, 0, mean);
    MPI_Bcast(mean, (int)cols, MPI_DOUBLE, owner, comm);
    s->shift = mean;
    TRN_TRY(trn_reduce_tree_of(comm, blocks, cols, leaf, s, deviation));
    for (int64_t c = 0; c < cols; c++)
        mean[c] += deviation[c] / n;
    s->square = true;
    TRN_TRY(trn_reduce_tree_of(comm, blocks, cols, leaf, s, deviation));
    for (int64_t c = 0; c < cols; c++)
        deviation[c] = sqrt(deviation[c] / n);
    return TRN_OK;
}

static trn_status_t standardize(trn_fastrp_job_t *job, trn_view_t z) {
    columns_t sums = {.z = z, .row = job->space};
    double *mean = NULL, *deviation = NULL;
    trn_status_t status = trn_alloc(&mean, z.cols, sizeof *mean, "means of columns");
    if (status == TRN_OK)
        status = trn_alloc(&deviation, z.cols, sizeof *deviation, "deviations of columns");
    TRN_OR(done, trn_agree(job->in->comm, status));
    TRN_OR(done, measure(job, &sums, mean, deviation));
    for (int64_t c = 0; c < z.cols && status == TRN_OK; c++) /* equal on all ranks */
        if (!isfinite(mean[c]) || !isfinite(deviation[c]))
            status = trn_fail(TRN_NUMERIC,
                              "fastrp: column %lld has no standard deviation in "
                              "float64; weights are too large",
                              (long long)c);
    if (status != TRN_OK) goto done;
    for (int64_t c = 0; c < z.cols; c++)
        deviation[c] = deviation[c] > 0 ? 1 / deviation[c] : 1;
    for (int64_t i = 0; i < z.rows; i++) {
        load(z, i, sums.row);
        for (int64_t c = 0; c < z.cols; c++)
            sums.row[c] = (sums.row[c] - mean[c]) * deviation[c];
        store(z, i, sums.row);
    }
done:
    trn_free(&mean);
    trn_free(&deviation);
    return status;
}

trn_status_t trn_fastrp_finish(trn_fastrp_job_t *job, trn_view_t z) {
    MPI_Allreduce(MPI_IN_PLACE, &job->bad, 1, MPI_INT64_T, MPI_MIN, job->in->comm);
    if (job->bad < INT64_MAX)
        return trn_fail(TRN_NUMERIC,
                        "fastrp: the vector of node %lld is not finite; degrees or weights to the "
                        "power of alpha, or given numbers, are too large%s",
                        (long long)job->bad,
                        z.type == TRN_F32 ? "; try float64, or a smaller alpha" : "");
    return job->options.standardize ? standardize(job, z) : TRN_OK;
}
