/* tall_orthonormal.c: orthonormal bases of what tall matrices span, by eigenvectors of their Gram
 * matrices. It stands above tall.c and gram.c, which know nothing of it. */
#include "algo/matrix/tall_orthonormal.h"

#include "algo/matrix/gram.h"
#include "base/mem.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"

#include <math.h>
#include <stdbool.h>

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

/* Work space of one orthonormalisation of b columns against q. */
typedef struct frame {
    double *cross;    /* [q x b] */
    double *gram;     /* [b x b] */
    double *rotation; /* [b x b] */
    double *values;   /* [b] */
    double *scale;    /* [b]: 1 / length of each column; 0 for one that is zero */
    double *scratch;  /* [block x b] */
} frame_t;

static trn_status_t frame_create(frame_t *frame, int64_t q, int64_t b) {
    const char *what = "an orthonormal basis";
    *frame = (frame_t){0};
    TRN_TRY(trn_alloc(&frame->cross, q * b, sizeof(double), what));
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

/* Make the Gram matrix one of columns of length 1; columns that are zero become random. Returns how
 * many are. */
static int64_t scale_columns(trn_tall_t x, frame_t *frame, uint32_t round) {
    static const double nothing = 1e-280; /* squared */
    int64_t b = x.block.cols, zeros = 0;
    double *gram = frame->gram;
    for (int64_t i = 0; i < b; i++) {
        bool zero = gram[i * b + i] < nothing;
        if (zero) trn_tall_random(trn_tall_cols(x, i, 1), round * (uint32_t)b + (uint32_t)i);
        frame->scale[i] = zero ? 0 : 1 / sqrt(gram[i * b + i]);
        zeros += zero;
    }
    for (int64_t i = 0; i < b; i++)
        for (int64_t j = 0; j < b; j++)
            gram[i * b + j] *= frame->scale[i] * frame->scale[j];
    return zeros;
}

/* One round; *done if the columns were nearly orthonormal before it. Collective. */
static trn_status_t straighten(trn_tall_t basis, trn_tall_t x, frame_t *frame, uint32_t round,
                               bool *done) {
    static const double nearly = 0.9;
    int64_t q = basis.block.cols, b = x.block.cols;
    *done = false;
    TRN_TRY(trn_tall_cross(basis, x, frame->cross));
    if (q > 0) trn_tall_multiply(-1, basis, frame->cross, b, 1, x);
    TRN_TRY(trn_tall_gram(x, frame->gram));
    if (scale_columns(x, frame, round) > 0) return TRN_OK;
    TRN_TRY(trn_tall_eig(x.comm, b, frame->gram, frame->values, "a Gram matrix"));
    rotation_of(frame, b);
    trn_tall_rotate(x, b, frame->rotation, frame->scratch);
    *done = round > 0 && frame->values[0] > nearly; /* the first may lose length to the basis */
    return TRN_OK;
}

trn_status_t trn_tall_orthonormalize(trn_tall_t basis, trn_tall_t x) {
    enum { ROUNDS = 20 };
    frame_t frame;
    if (x.block.cols == 0) return TRN_OK;
    trn_status_t status = trn_agree(x.comm, frame_create(&frame, basis.block.cols, x.block.cols));
    bool done = false;
    for (uint32_t round = 0; status == TRN_OK && !done && round < ROUNDS; round++)
        status = straighten(basis, x, &frame, round, &done);
    if (status == TRN_OK && !done)
        status = trn_fail(TRN_INTERNAL, "orthonormal basis: none of %lld columns in %lld rows",
                          (long long)(basis.block.cols + x.block.cols), (long long)x.rows);
    frame_destroy(&frame);
    return status;
}
