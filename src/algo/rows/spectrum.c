/* spectrum.c: the Gram matrix of the shorter side of a matrix, whose eigenvalues rank 0 finds for
 * all; and measures of groups of rows, each on one rank.
 *
 * Bits: sums over rows follow the tree over blocks, a group is measured by one rank out of its rows
 * in ascending order, and means over groups follow a tree over their numbers. Eigenvalues are found
 * on one rank alone, for two builds of LAPACK may differ. */
#include "algo/rows/spectrum.h"

#include "algo/matrix/gram.h"
#include "base/mem.h"
#include "kern/dense/finite.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"
#include "mpi/exchange.h"
#include "mpi/reduce.h"

#include <math.h>
#include <string.h>

/* The whole matrix ----------------------------------------------------------------------------- */

static int64_t blocks_of(int64_t rows) {
    int64_t block = trn_tall_block(rows);
    return (rows + block - 1) / block;
}

/* The transpose, block after block: of this rank's next rows every rank gets the columns that it
 * owns as rows. A wide matrix has at most TRN_MEASURES_SIDE rows, so there are few blocks. */
typedef struct turn {
    trn_tall_t x, to; /* [rows x cols], borrowed; [cols x rows] */
    int ranks;
    int64_t rounds;    /* blocks of the rank that has most: all ranks take part in each */
    int64_t *bytes;    /* [ranks] to send */
    double *send;      /* [block x cols], in parts by rank */
    trn_parcels_t got; /* of each rank, rows of its block: this rank's columns of them */
} turn_t;

static trn_status_t turn_create(turn_t *t, trn_tall_t x) {
    int64_t block = trn_tall_block(x.rows);
    *t = (turn_t){.x = x};
    MPI_Comm_size(x.comm, &t->ranks);
    t->rounds = (blocks_of(x.rows) + t->ranks - 1) / t->ranks;
    TRN_TRY(trn_tall_create(&t->to, x.comm, x.block.cols, x.rows));
    TRN_TRY(trn_alloc(&t->bytes, t->ranks, sizeof *t->bytes, "a transposed matrix"));
    return trn_alloc(&t->send, (block < x.rows ? block : x.rows) * x.block.cols, sizeof *t->send,
                     "a transposed matrix");
}

/* Columns of block `block`, if it is this rank's, for each rank one after the other; returns its
 * rows. */
static void pack_columns(turn_t *t, int64_t block) {
    int64_t height = trn_tall_block(t->x.rows), first = trn_tall_first_block(t->x), at = 0;
    trn_view_t view = {0};
    if (block < first + blocks_of(t->x.rows) && (block - first) * height < t->x.block.rows)
        view = trn_tall_block_rows(t->x, block);
    for (int r = 0; r < t->ranks; r++) {
        int64_t from = trn_tall_start(t->x.comm, t->x.block.cols, r);
        int64_t end = trn_tall_start(t->x.comm, t->x.block.cols, r + 1);
        for (int64_t i = 0; i < view.rows; i++, at += end - from)
            memcpy(t->send + at, (const double *)view.data + i * view.stride + from,
                   sizeof(double) * (size_t)(end - from));
        t->bytes[r] = view.rows * (end - from) * (int64_t)sizeof(double);
    }
}

/* Blocks of round `round`: the round-th of every rank. */
static void unpack_columns(turn_t *t, int64_t round) {
    int64_t height = trn_tall_block(t->x.rows), own = t->to.block.rows, at = 0;
    const double *got = t->got.data;
    for (int r = 0; r < t->ranks; r++) {
        int64_t first = trn_tall_start(t->x.comm, t->x.rows, r) + round * height;
        int64_t end = trn_tall_start(t->x.comm, t->x.rows, r + 1);
        if (end > first + height) end = first + height;
        for (int64_t i = first; i < end; i++, at += own)
            for (int64_t j = 0; j < own; j++)
                ((double *)t->to.block.data)[j * t->to.block.stride + i] = got[at + j];
    }
}

/* *to = the transpose of x, whose rows may come from a source. Collective. */
static trn_status_t turn(trn_tall_t x, trn_tall_t *to) {
    turn_t t;
    trn_status_t status = trn_agree(x.comm, turn_create(&t, x));
    for (int64_t k = 0; k < t.rounds && status == TRN_OK; k++) {
        pack_columns(&t, trn_tall_first_block(x) + k);
        status = trn_exchange(x.comm, t.send, t.bytes, &t.got);
        if (status == TRN_OK) unpack_columns(&t, k);
    }
    trn_free(&t.bytes);
    trn_free(&t.send);
    trn_parcels_free(&t.got);
    if (status != TRN_OK) trn_tall_free(&t.to);
    *to = t.to;
    return status;
}

static void turn_plan(trn_ledger_t *ledger, const trn_matrix_info_t *info, int ranks, int rank) {
    int64_t own = trn_tall_rows(info->cols, ranks, rank), block = trn_tall_block(info->rows);
    if (block > info->rows) block = info->rows;
    int64_t round = block * ranks < info->rows ? block * ranks : info->rows;
    trn_ledger_take(ledger, "matrix", own * info->rows, sizeof(double));
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "moving", block * info->cols + own * round * 5 / 4, sizeof(double));
    trn_ledger_back(ledger, &before);
}

/* The Gram matrix [n x n], its eigenvalues [n] and LAPACK's space: on rank 0; elsewhere n is 0. */
typedef struct square {
    double *gram, *values, *work;
} square_t;

static trn_status_t square_create(square_t *s, int64_t n) {
    *s = (square_t){0};
    TRN_TRY(trn_alloc(&s->gram, n * n, sizeof(double), "a Gram matrix"));
    TRN_TRY(trn_alloc(&s->values, n, sizeof(double), "eigenvalues"));
    return trn_alloc(&s->work, trn_lapack_eigenvalues_work(n), sizeof(double), "eigenvalues");
}

static void square_free(square_t *s) {
    trn_free(&s->gram);
    trn_free(&s->values);
    trn_free(&s->work);
}

/* Measures out of eigenvalues, on rank 0. */
static trn_status_t split(const trn_measures_how_t *how, square_t *s, trn_squares_t squares,
                          double *out) {
    int64_t n = squares.count;
    squares.values = s->values;
    for (int64_t i = 0; i < n * n; i++)
        if (!isfinite(s->gram[i])) return trn_fail(TRN_NUMERIC, "the Gram matrix is not finite");
    if (!trn_lapack_eigenvalues(n, s->gram, s->values, s->work))
        return trn_fail(TRN_NUMERIC, "eigenvalues of the Gram matrix did not converge");
    trn_measures_of_squares(how, &squares, out);
    return TRN_OK;
}

/* A x with no more columns than rows. Collective; `out` on rank 0. */
static trn_status_t by_gram(trn_tall_t x, const trn_measures_how_t *how, int threads,
                            trn_squares_t squares, double *out) {
    int rank;
    square_t s;
    MPI_Comm_rank(x.comm, &rank);
    int64_t n = x.block.cols, mine = rank == 0 ? n : 0;
    squares.count = n;
    trn_status_t status = trn_agree(x.comm, square_create(&s, mine));
    if (status == TRN_OK)
        status = trn_gram(x, 0, (trn_view_t){TRN_MATRIX_F64, mine, n, n, s.gram}, threads);
    if (status == TRN_OK && rank == 0) status = split(how, &s, squares, out);
    square_free(&s);
    return status;
}

enum { SUMS = 3 /* of trn_measures_add_kurtosis */ };

/* A leaf of the tree. */
static void add_block(void *user, int64_t block, double *values) {
    memset(values, 0, SUMS * sizeof *values);
    trn_measures_add_kurtosis(trn_tall_block_rows(*(const trn_tall_t *)user, block), values);
}

/* Means over the rows that have a kurtosis. Collective. */
static trn_status_t kurtosis(trn_tall_t x, double *out, int64_t *flat) {
    double sum[SUMS];
    TRN_TRY(trn_reduce_tree(x.comm, blocks_of(x.rows), SUMS, add_block, &x, sum));
    *flat = x.rows - (int64_t)sum[2];
    if (sum[2] > 0) out[TRN_KURTOSIS] = sum[0] / sum[2];
    if (sum[2] > 0) out[TRN_KURTOSIS_OSP] = sum[1] / sum[2];
    return TRN_OK;
}

/* Scaled and centered rows, then both kinds of measures. Collective; `out` on rank 0. */
static trn_status_t measure(trn_tall_in_t *in, const trn_measures_how_t *how, int threads,
                            double *out, int64_t *flat, double *mean) {
    trn_tall_t x = in->tall, tall = {0};
    bool wide = x.rows < x.block.cols;
    trn_squares_t squares = {0};
    trn_tall_in_scale(in, &squares.exponent);
    if (how->center) {
        TRN_TRY(trn_tall_center(x, mean));
        for (int64_t j = 0; j < x.block.cols; j++)
            squares.least += trn_measures_rounding(x.rows, mean[j] * mean[j]);
    }
    if (how->want[TRN_KURTOSIS] || how->want[TRN_KURTOSIS_OSP]) TRN_TRY(kurtosis(x, out, flat));
    if (!wide) return by_gram(x, how, threads, squares, out);
    TRN_TRY(turn(x, &tall));
    trn_status_t status = by_gram(tall, how, threads, squares, out);
    trn_tall_free(&tall);
    return status;
}

trn_status_t trn_spectrum(trn_tall_in_t *in, const trn_measures_how_t *how, int threads,
                          double *out, int64_t *flat) {
    MPI_Comm comm = in->tall.comm;
    double *mean = NULL;
    *flat = 0;
    for (int i = 0; i < TRN_MEASURES; i++)
        out[i] = NAN;
    TRN_AGREE(comm, trn_alloc(&mean, in->tall.block.cols, sizeof *mean, "column means"));
    trn_status_t status = measure(in, how, threads, out, flat, mean);
    trn_free(&mean);
    TRN_TRY(trn_tall_in_outcome(in, trn_agree(comm, status)));
    MPI_Bcast(out, TRN_MEASURES, MPI_DOUBLE, 0, comm);
    return TRN_OK;
}

void trn_spectrum_plan(trn_ledger_t *ledger, const trn_matrix_info_t *info,
                       const trn_measures_how_t *how, int ranks, int rank) {
    bool wide = info->rows < info->cols;
    int64_t n = wide ? info->rows : info->cols, m = wide ? info->cols : info->rows;
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "spectra", (how->center ? 2 : 1) * info->cols, sizeof(double));
    if (wide) turn_plan(ledger, info, ranks, rank);
    if (rank == 0)
        trn_ledger_take(ledger, "spectra", n * n + n + trn_lapack_eigenvalues_work(n),
                        sizeof(double));
    trn_gram_plan(ledger, m, n, TRN_MATRIX_F64, ranks, rank);
    trn_ledger_back(ledger, &before);
}

/* Groups --------------------------------------------------------------------------------------- */

/* What is made of the groups as they come to this rank. */
typedef struct visiting {
    const trn_measures_how_t *how;
    trn_measures_work_t work; /* for the largest of all groups, on every rank */
    int64_t first;            /* group of this rank */
    double *out, *means;      /* [own groups x TRN_MEASURES], [own groups x cols] or NULL */
    trn_status_t status;      /* of the first group that failed */
} visiting_t;

static void mean_of(trn_view_t rows, double *mean) {
    const double *data = rows.data;
    memset(mean, 0, sizeof *mean * (size_t)rows.cols);
    for (int64_t i = 0; i < rows.rows; i++)
        for (int64_t j = 0; j < rows.cols; j++)
            mean[j] += data[i * rows.stride + j];
    for (int64_t j = 0; j < rows.cols; j++)
        mean[j] /= (double)rows.rows;
}

/* The mean first, for measuring destroys the rows. A group with a number that is not finite, which
 * ends the job, goes by: LAPACK might not come back from it. */
static void visit(void *user, int64_t group, trn_view_t rows) {
    visiting_t *v = user;
    int64_t at = group - v->first;
    if (v->means) mean_of(rows, v->means + at * rows.cols);
    if (v->status != TRN_OK || trn_not_finite_f64(rows.rows * rows.cols, rows.data) >= 0) return;
    v->status = trn_measures_of_rows(v->how, rows, &v->work, v->out + at * TRN_MEASURES);
}

trn_status_t trn_spectrum_groups_check(const trn_groups_t *groups, const trn_measures_how_t *how,
                                       int64_t cols, const char *name) {
    if (trn_measures_side(how, groups->largest, cols) <= TRN_MEASURES_SIDE) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: %lld rows of %lld columns in a group; measures of groups take %d at most",
                    name, (long long)groups->largest, (long long)cols, (int)TRN_MEASURES_SIDE);
}

trn_status_t trn_spectrum_groups(trn_tall_in_t *in, const trn_groups_t *groups,
                                 const trn_measures_how_t *how, double *out, double *means) {
    trn_tall_t x = in->tall;
    int rank, ranks;
    visiting_t v = {.how = how, .out = out, .means = means};
    MPI_Comm_rank(x.comm, &rank);
    MPI_Comm_size(x.comm, &ranks);
    v.first = trn_groups_first(groups, ranks, rank);
    int64_t side = trn_measures_side(how, groups->largest, x.block.cols);
    TRN_TRY(trn_spectrum_groups_check(groups, how, x.block.cols, in->in.path));
    trn_status_t status = trn_agree(x.comm, trn_measures_work_create(&v.work, side));
    if (status == TRN_OK) status = trn_groups_each(groups, x, in->in.path, visit, &v);
    status = trn_tall_in_outcome(in, status);
    if (status == TRN_OK) status = trn_agree(x.comm, v.status);
    trn_measures_work_free(&v.work);
    return status;
}

void trn_spectrum_groups_plan(trn_ledger_t *ledger, const trn_groups_t *groups,
                              const trn_measures_how_t *how, int64_t cols, int ranks) {
    trn_ledger_t before = *ledger;
    trn_measures_work_plan(ledger, trn_measures_side(how, groups->largest, cols));
    trn_groups_each_plan(ledger, groups, cols, ranks);
    trn_ledger_back(ledger, &before);
}

/* Sums of what is finite, and how many that are, in the tree over groups. */
typedef struct meaning {
    const double *out;
    int64_t first;
} meaning_t;

static void add_group(void *user, int64_t group, double *values) {
    const meaning_t *m = user;
    const double *out = m->out + (group - m->first) * TRN_MEASURES;
    for (int i = 0; i < TRN_MEASURES; i++) {
        values[i] = isnan(out[i]) ? 0 : out[i];
        values[TRN_MEASURES + i] = !isnan(out[i]);
    }
}

trn_status_t trn_spectrum_means(const trn_groups_t *groups, MPI_Comm comm, const double *out,
                                double *mean) {
    int rank, ranks;
    int64_t *start = NULL;
    double sum[2 * TRN_MEASURES];
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    TRN_AGREE(comm, trn_alloc(&start, ranks + 1, sizeof *start, "groups"));
    for (int r = 0; r <= ranks; r++)
        start[r] = trn_groups_first(groups, ranks, r);
    meaning_t m = {out, start[rank]};
    trn_status_t status = trn_reduce_tree_of(comm, (trn_blocks_t){groups->count, start, 1},
                                             2 * TRN_MEASURES, add_group, &m, sum);
    for (int i = 0; i < TRN_MEASURES && status == TRN_OK; i++)
        mean[i] = sum[TRN_MEASURES + i] > 0 ? sum[i] / sum[TRN_MEASURES + i] : NAN;
    trn_free(&start);
    return status;
}
