/* tall_orthonormal.c: orthonormal bases of what tall matrices span, by eigenvectors of their Gram
 * matrices. It stands above tall.c and gram.c, which know nothing of it. */
#include "algo/matrix/spectral/tall_orthonormal.h"

#include "algo/matrix/gram.h"
#include "base/mem.h"
#include "kern/dense/blas.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"

#include <math.h>
#include <stdbool.h>

/* LAPACK never returns from some matrices with NaN: they are refused before. */
static trn_status_t eig_here(int64_t n, double *a, double *values, const char *what) {
    for (int64_t i = 0; i < n * n; i++)
        if (!isfinite(a[i]))
            return trn_fail(TRN_NUMERIC, "%s: not finite; the numbers are too large", what);
    double *work;
    TRN_TRY(trn_alloc(&work, trn_lapack_eig_work(n), sizeof *work, "work of DSYEVD"));
    trn_status_t status = TRN_OK;
    if (!trn_lapack_eig(n, a, values, work))
        status = trn_fail(TRN_NUMERIC, "%s: eigenvalues did not converge", what);
    trn_free(&work);
    return status;
}

/* On rank 0 and sent: other ranks' LAPACK might differ in the last bit. */
trn_status_t trn_tall_eig(MPI_Comm comm, int64_t n, double *a, double *values, const char *what) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    TRN_AGREE(comm, rank == 0 ? eig_here(n, a, values, what) : TRN_OK);
    MPI_Datatype row;
    MPI_Type_contiguous((int)n, MPI_DOUBLE, &row);
    MPI_Type_commit(&row);
    MPI_Bcast(a, (int)n, row, 0, comm);
    MPI_Bcast(values, 1, row, 0, comm);
    MPI_Type_free(&row);
    return TRN_OK;
}

/* All columns at once -------------------------------------------------------------------------- */

/* Work space of one orthonormalization of b columns against q. */
typedef struct frame {
    double *cross;    /* [max(q, b) x b] */
    double *gram;     /* [b x b] */
    double *rotation; /* [b x b] */
    double *values;   /* [b] */
    double *scale;    /* [b]: 1 / length of each column; 0 for one that is zero */
    double *scratch;  /* [block x b] */
} frame_t;

static trn_status_t frame_create(frame_t *frame, int64_t q, int64_t b) {
    const char *what = "an orthonormal basis";
    *frame = (frame_t){0};
    TRN_TRY(trn_alloc(&frame->cross, (q > b ? q : b) * b, sizeof(double), what));
    TRN_TRY(trn_alloc(&frame->gram, b * b, sizeof(double), what));
    TRN_TRY(trn_alloc(&frame->rotation, b * b, sizeof(double), what));
    TRN_TRY(trn_alloc(&frame->values, b, sizeof(double), what));
    TRN_TRY(trn_alloc(&frame->scale, b, sizeof(double), what));
    return trn_alloc(&frame->scratch, TRN_TALL_BLOCK * b, sizeof(double), what);
}

static void frame_destroy(frame_t *frame) {
    trn_free(&frame->cross);
    trn_free(&frame->gram);
    trn_free(&frame->rotation);
    trn_free(&frame->values);
    trn_free(&frame->scale);
    trn_free(&frame->scratch);
}

/* What columns are made orthonormal to: the caller's basis, and columns of x that are done. Either
 * may have no columns. */
typedef struct bases {
    trn_tall_t given, done;
} bases_t;

/* x loses what it has along orthonormal columns. Collective. */
static trn_status_t project(trn_tall_t basis, trn_tall_t x, double *cross) {
    if (basis.block.cols == 0 || x.block.cols == 0) return TRN_OK;
    TRN_TRY(trn_tall_cross(basis, x, cross));
    trn_tall_multiply(-1, basis, cross, x.block.cols, 1, x);
    return TRN_OK;
}

static trn_status_t project_all(const bases_t *bases, trn_tall_t x, double *cross) {
    TRN_TRY(project(bases->given, x, cross));
    return project(bases->done, x, cross);
}

/* From the eigenvectors of the scaled Gram matrix, the matrix that makes the columns orthonormal.
 * Values below the floor are rounding: a direction so weak comes out in full, but at a length and
 * at angles that only the next round, which scales it up, sets right. */
static void rotation_of(const frame_t *frame, int64_t b) {
    static const double weakest = 1e-15;
    for (int64_t i = 0; i < b; i++) {
        double value = frame->values[i] > weakest ? frame->values[i] : weakest;
        for (int64_t j = 0; j < b; j++)
            frame->rotation[j * b + (b - 1 - i)] =
                frame->scale[j] * frame->gram[i * b + j] / sqrt(value);
    }
}

enum { ROUNDS = 8 /* two or three do, except where columns are dependent to the last bit */ };

/* The Gram matrix becomes that of columns of length 1; columns that are zero become random, and
 * differ from those that were drawn for a basis of another size. Returns how many they are. */
static int64_t scale_columns(const bases_t *bases, trn_tall_t x, frame_t *frame, uint32_t round) {
    static const double nothing = 1e-280; /* squared */
    int64_t b = x.block.cols, zeros = 0;
    int64_t draws = (bases->given.block.cols + bases->done.block.cols) * ROUNDS * b + round * b;
    double *gram = frame->gram;
    for (int64_t i = 0; i < b; i++) {
        bool zero = gram[i * b + i] < nothing;
        if (zero) trn_tall_random(trn_tall_cols(x, i, 1), (uint32_t)(draws + i));
        frame->scale[i] = zero ? 0 : 1 / sqrt(gram[i * b + i]);
        zeros += zero;
    }
    for (int64_t i = 0; i < b; i++)
        for (int64_t j = 0; j < b; j++)
            gram[i * b + j] *= frame->scale[i] * frame->scale[j];
    return zeros;
}

/* Whether every column, of about length 1 before, kept most of it beside the bases: what remains of
 * others is their rounding, and has angles to the bases. */
static bool kept_length(const frame_t *frame, int64_t b) {
    static const double most = 10;
    for (int64_t i = 0; i < b; i++)
        if (frame->scale[i] > most) return false;
    return true;
}

/* One round; *done if the columns were nearly orthonormal before it. Collective. */
static trn_status_t straighten(const bases_t *bases, trn_tall_t x, frame_t *frame, uint32_t round,
                               bool *done) {
    static const double nearly = 0.9;
    int64_t b = x.block.cols;
    *done = false;
    TRN_TRY(project_all(bases, x, frame->cross));
    TRN_TRY(trn_tall_gram(x, frame->gram));
    if (scale_columns(bases, x, frame, round) > 0) return TRN_OK;
    TRN_TRY(trn_tall_eig(x.comm, b, frame->gram, frame->values, "a Gram matrix"));
    rotation_of(frame, b);
    trn_tall_rotate(x, b, frame->rotation, frame->scratch);
    /* the first round may lose length to the basis */
    *done = round > 0 && frame->values[0] > nearly && kept_length(frame, b);
    return TRN_OK;
}

/* Collective. */
static trn_status_t straighten_all(const bases_t *bases, trn_tall_t x, frame_t *frame, bool *done) {
    *done = x.block.cols == 0;
    for (uint32_t round = 0; !*done && round < ROUNDS; round++)
        TRN_TRY(straighten(bases, x, frame, round, done));
    return TRN_OK;
}

/* Column by column ----------------------------------------------------------------------------- */

/* Where columns are dependent to the last bit, scaling up what is left of them yields rounding
 * errors that may again be dependent, without end. So columns are then taken one after another, the
 * strongest first as the rounds have left them, and one of which nothing but rounding lies outside
 * the span of those before it is given up. */
enum { PANEL = 32 /* columns that are projected together */ };
static const double RETAINED = 0.1;   /* length that a projection may leave and be the last */
static const double ROUNDING = 1e-13; /* length that is nothing, of columns of length 1 */

static double *column(trn_tall_t x, int64_t j) {
    return (double *)x.block.data + j;
}

static void exchange_columns(trn_tall_t x, int64_t i, int64_t j) {
    double *a = column(x, i), *b = column(x, j);
    for (int64_t row = 0; row < x.block.rows; row++, a += x.block.stride, b += x.block.stride) {
        double kept = *a;
        *a = *b;
        *b = kept;
    }
}

/* Bring column x [rows x 1] to length 1; *length is what it had. One that was nothing becomes zero.
 * Collective. */
static trn_status_t normalize(trn_tall_t x, double *length) {
    TRN_TRY(trn_tall_gram(x, length));
    *length = sqrt(*length);
    double *value = column(x, 0);
    for (int64_t row = 0; row < x.block.rows; row++, value += x.block.stride)
        *value = *length > 0 ? *value / *length : 0;
    return TRN_OK;
}

/* Column x, of length 1 after it had been of length `whole`, becomes orthonormal to all bases;
 * *alive unless it lies in their span. Each projection multiplies the angles that are left by
 * rounding over the length that is left. Collective. */
static trn_status_t settle(const bases_t *bases, trn_tall_t x, double whole, double *cross,
                           bool *alive) {
    double length = 0;
    while (length < RETAINED && whole > ROUNDING) {
        TRN_TRY(project_all(bases, x, cross));
        TRN_TRY(normalize(x, &length));
        whole *= length;
    }
    *alive = whole > ROUNDING;
    return TRN_OK;
}

/* The first column of x that is not done becomes orthonormal to those that are: to the last
 * `recent` of them, and once more to all where that leaves little of it; before, its panel has been
 * projected from the others. Collective. */
static trn_status_t take_column(const bases_t *bases, trn_tall_t x, int64_t recent, frame_t *frame,
                                bool *alive) {
    double length, whole;
    int64_t done = bases->done.block.cols;
    trn_tall_t next = trn_tall_cols(x, done, 1);
    TRN_TRY(normalize(next, &whole));
    *alive = whole > ROUNDING;
    if (!*alive) return TRN_OK;
    TRN_TRY(project(trn_tall_cols(x, done - recent, recent), next, frame->cross));
    TRN_TRY(normalize(next, &length));
    if (whole > RETAINED && length > RETAINED) return TRN_OK;
    return settle(bases, next, whole * length, frame->cross, alive);
}

/* Columns [first, end) of a panel that has been projected. *done counts those of x that are done,
 * and comes to the first that was given up. Collective. */
static trn_status_t take_panel(trn_tall_t basis, trn_tall_t x, int64_t end, frame_t *frame,
                               int64_t *done) {
    int64_t first = *done;
    while (*done < end) {
        bool alive;
        bases_t bases = {basis, trn_tall_cols(x, 0, *done)};
        TRN_TRY(take_column(&bases, x, *done - first, frame, &alive));
        if (alive)
            ++*done;
        else
            exchange_columns(x, *done, --end);
    }
    return TRN_OK;
}

/* Columns of x become orthonormal one by one, in panels; those that were given up come to the end.
 * *live counts the others. Collective. */
static trn_status_t take_columns(trn_tall_t basis, trn_tall_t x, frame_t *frame, int64_t *live) {
    int64_t end = x.block.cols;
    double length;
    for (int64_t j = 0; j < end; j++)
        TRN_TRY(normalize(trn_tall_cols(x, j, 1), &length));
    *live = 0;
    while (*live < end) {
        int64_t stop = *live + PANEL < end ? *live + PANEL : end;
        bases_t bases = {basis, trn_tall_cols(x, 0, *live)};
        TRN_TRY(project_all(&bases, trn_tall_cols(x, *live, stop - *live), frame->cross));
        TRN_TRY(take_panel(basis, x, stop, frame, live));
        int64_t dead = stop - *live;
        for (int64_t d = 0; d < dead && d < end - stop; d++)
            exchange_columns(x, *live + d, end - 1 - d);
        end -= dead;
    }
    return TRN_OK;
}

/* Columns that lie in the span of others give way to random ones. A draw that lies in it, too, is
 * taken up by the next attempt. Collective. */
static trn_status_t replace_dependent(trn_tall_t basis, trn_tall_t x, frame_t *frame, bool *done) {
    enum { ATTEMPTS = 10, DRAW = 3 << 29 };
    int64_t live, b = x.block.cols;
    for (uint32_t attempt = 0; attempt < ATTEMPTS && !*done; attempt++) {
        TRN_TRY(take_columns(basis, x, frame, &live));
        trn_tall_t dead = trn_tall_cols(x, live, b - live);
        bases_t bases = {basis, trn_tall_cols(x, 0, live)};
        trn_tall_random(dead, (uint32_t)DRAW + attempt);
        TRN_TRY(straighten_all(&bases, dead, frame, done));
    }
    return TRN_OK;
}

trn_status_t trn_tall_orthonormalize(trn_tall_t basis, trn_tall_t x) {
    frame_t frame;
    bool done = false;
    if (x.block.cols == 0) return TRN_OK;
    trn_status_t status = trn_agree(x.comm, frame_create(&frame, basis.block.cols, x.block.cols));
    if (status == TRN_OK)
        status = straighten_all(&(bases_t){basis, trn_tall_cols(x, 0, 0)}, x, &frame, &done);
    if (status == TRN_OK && !done) status = replace_dependent(basis, x, &frame, &done);
    if (status == TRN_OK && !done)
        status = trn_fail(TRN_INTERNAL, "orthonormal basis: none of %lld columns in %lld rows",
                          (long long)(basis.block.cols + x.block.cols), (long long)x.rows);
    frame_destroy(&frame);
    return status;
}

void trn_tall_eig_plan(trn_ledger_t *ledger, int64_t n, int rank) {
    if (rank > 0) return;
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "work", trn_lapack_eig_work(n), sizeof(double));
    trn_ledger_take(ledger, "libraries", trn_blas_bytes(sizeof(double), n, n), 1);
    trn_ledger_back(ledger, &before);
}

void trn_tall_orthonormalize_plan(trn_ledger_t *ledger, int64_t rows, int64_t q, int64_t b,
                                  int ranks, int rank) {
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "work", (q > b ? q : b) * b + 2 * b * b + 2 * b, sizeof(double));
    trn_ledger_take(ledger, "work", TRN_TALL_BLOCK * b, sizeof(double));
    trn_tall_cross_plan(ledger, rows, q > b ? q : b, b, ranks, rank);
    trn_gram_plan(ledger, rows, b, TRN_MATRIX_F64, ranks, rank);
    trn_tall_eig_plan(ledger, b, rank);
    trn_ledger_back(ledger, &before);
}
