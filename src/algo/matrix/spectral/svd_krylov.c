/* svd_krylov.c: singular vectors by a block Krylov method on A^T A with full orthogonalization and
 * thick restarts. */
#include "algo/matrix/spectral/svd.h"

#include "algo/matrix/gram.h"
#include "algo/matrix/spectral/svd_impl.h"
#include "algo/matrix/spectral/tall_orthonormal.h"
#include "base/mem.h"
#include "kern/dense/blas.h"
#include "mpi/agree.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* The basis V of the space of right vectors. H = V^T A^T A V is made column by column as products
 * come in; what A^T A V has outside the span of V lies in the last block's remainder alone, also
 * after a restart. */
typedef struct krylov {
    trn_operator_t *op;
    int64_t n, wanted, width, most; /* columns of A; vectors; columns of a block, of the basis */
    int64_t size;                   /* columns that have gone through A^T A */
    int64_t last;                   /* of these, columns of the last block */
    trn_tall_t basis;               /* [n x most] */
    trn_tall_t image;               /* [rows x width]: A times a block */
    trn_tall_t rest;                /* [n x width]: what A^T A made of it outside the basis */
    double *h, *vectors;            /* [most x most]: H; its eigenvectors as rows, ascending */
    double *values;                 /* [most] */
    double *cross;                  /* [most x width] */
    double *gram;                   /* [width x width]: of `rest` */
    double *rotation;               /* [most x most]: eigenvectors as columns */
    double *scratch;                /* [block x most] */
    double off;                     /* the worst wanted residual, over the largest value */
} krylov_t;

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* A quarter of the wanted vectors, within bounds in which BLAS is quick and steps are not
 * wasted. */
static int64_t block_width(int64_t wanted) {
    int64_t width = (wanted + 3) / 4;
    return width < 4 ? 4 : least(width, 32);
}

/* Twice the wanted ones and some blocks to grow before a restart. */
static int64_t basis_size(int64_t wanted, int64_t n) {
    return least(n, 2 * wanted + 8 * block_width(wanted));
}

/* All memory of the search. */
static trn_status_t create(krylov_t *at, trn_operator_t *op, int64_t wanted) {
    MPI_Comm comm = trn_operator_comm(op);
    int64_t rows = trn_operator_rows(op), n = trn_operator_cols(op);
    int64_t width = least(block_width(wanted), n), most = basis_size(wanted, n);
    const char *what = "a Krylov basis";
    *at = (krylov_t){.op = op, .n = n, .wanted = wanted, .width = width, .most = most};
    TRN_TRY(trn_tall_create(&at->basis, comm, n, most));
    TRN_TRY(trn_tall_create(&at->image, comm, rows, width));
    TRN_TRY(trn_tall_create(&at->rest, comm, n, width));
    TRN_TRY(trn_alloc_zero(&at->h, most * most, sizeof(double), what));
    TRN_TRY(trn_alloc(&at->vectors, most * most, sizeof(double), what));
    TRN_TRY(trn_alloc(&at->rotation, most * most, sizeof(double), what));
    TRN_TRY(trn_alloc(&at->values, most, sizeof(double), what));
    TRN_TRY(trn_alloc(&at->cross, most * width, sizeof(double), what));
    TRN_TRY(trn_alloc(&at->gram, width * width, sizeof(double), what));
    return trn_alloc(&at->scratch, TRN_TALL_BLOCK * most, sizeof(double), what);
}

static void destroy(krylov_t *at) {
    trn_tall_free(&at->basis);
    trn_tall_free(&at->image);
    trn_tall_free(&at->rest);
    trn_free(&at->h);
    trn_free(&at->vectors);
    trn_free(&at->rotation);
    trn_free(&at->values);
    trn_free(&at->cross);
    trn_free(&at->gram);
    trn_free(&at->scratch);
}

/* The `count` strongest eigenvectors of a matrix of order n, from rows, ascending, to columns. */
static void strongest(const double *vectors, int64_t n, int64_t count, double *columns) {
    for (int64_t j = 0; j < count; j++)
        for (int64_t i = 0; i < n; i++)
            columns[i * count + j] = vectors[(n - 1 - j) * n + i];
}

/* The block of `width` columns behind the basis, orthonormal to it, joins it: one product with A,
 * one with A^T, and the new columns of H. Collective. */
static trn_status_t grow(krylov_t *at, int64_t width) {
    int64_t old = at->size, size = old + width, most = at->most;
    trn_tall_t all = trn_tall_cols(at->basis, 0, size), image = trn_tall_cols(at->image, 0, width),
               rest = trn_tall_cols(at->rest, 0, width);
    TRN_TRY(trn_operator_apply(at->op, false, trn_tall_cols(at->basis, old, width), image));
    TRN_TRY(trn_operator_apply(at->op, true, image, rest));
    TRN_TRY(trn_tall_cross(all, rest, at->cross));
    for (int64_t i = 0; i < size; i++)
        for (int64_t j = 0; j < width; j++)
            at->h[i * most + old + j] = at->h[(old + j) * most + i] = at->cross[i * width + j];
    trn_tall_multiply(-1, all, at->cross, width, 1, rest); /* a basis is made of it later */
    at->size = size;
    at->last = width;
    return trn_tall_gram(rest, at->gram);
}

/* Eigenvalues and vectors of H, and how far off the wanted ones are: |A^T A v - s^2 v| is the
 * length of the last block's remainder under the last entries of the eigenvector. Collective. */
static trn_status_t look(krylov_t *at) {
    static const double floor = 1e-6; /* values below this part of the largest are one to us */
    static const double rounding =
        16 * DBL_EPSILON; /* what products with A^T A leave in any case */
    int64_t n = at->size, width = at->last, seen = least(at->wanted, n);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            at->vectors[i * n + j] = at->h[i * at->most + j];
    TRN_TRY(trn_tall_eig(trn_operator_comm(at->op), n, at->vectors, at->values, "the matrix"));
    double largest = sqrt(fmax(at->values[n - 1], 0));
    at->off = 0;
    for (int64_t k = 0; k < seen; k++) {
        const double *tail = at->vectors + (n - 1 - k) * n + n - width;
        double square = 0, value = sqrt(fmax(at->values[n - 1 - k], 0));
        for (int64_t i = 0; i < width; i++)
            for (int64_t j = 0; j < width; j++)
                square += tail[i] * at->gram[i * width + j] * tail[j];
        double scale = largest * fmax(value, floor * largest);
        if (sqrt(square) > rounding * largest * largest)
            at->off = fmax(at->off, scale > 0 ? sqrt(square) / scale : INFINITY);
    }
    if (n == at->n) at->off = 0; /* the basis is the whole space */
    return TRN_OK;
}

/* Keep the best vectors of a basis that is full. */
static void restart(krylov_t *at) {
    int64_t keep = least(at->wanted + at->width, at->size - 1), most = at->most;
    strongest(at->vectors, at->size, keep, at->rotation);
    trn_tall_rotate(trn_tall_cols(at->basis, 0, at->size), keep, at->rotation, at->scratch);
    memset(at->h, 0, sizeof(double) * (size_t)(most * most));
    for (int64_t j = 0; j < keep; j++)
        at->h[j * most + j] = at->values[at->size - 1 - j];
    at->size = keep;
}

/* The remainder becomes the next block; where fewer dimensions are left than it has columns, its
 * strongest combinations do. Collective. */
static trn_status_t append(krylov_t *at, int64_t width) {
    trn_tall_t rest = trn_tall_cols(at->rest, 0, at->last);
    if (width < at->last) {
        TRN_TRY(trn_tall_eig(rest.comm, at->last, at->gram, at->cross, "the matrix"));
        strongest(at->gram, at->last, width, at->rotation);
        trn_tall_rotate(rest, width, at->rotation, at->scratch);
    }
    trn_tall_t next = trn_tall_cols(at->basis, at->size, width);
    const double *from = rest.block.data;
    double *to = next.block.data;
    for (int64_t i = 0; i < next.block.rows; i++)
        memcpy(to + i * next.block.stride, from + i * rest.block.stride,
               sizeof(double) * (size_t)width);
    return trn_tall_orthonormalize(trn_tall_cols(at->basis, 0, at->size), next);
}

/* A random block becomes the next one. Collective. */
static trn_status_t append_random(krylov_t *at, int64_t width, uint32_t draw) {
    enum { START = 1 << 20 }; /* apart from what trn_tall_orthonormalize draws */
    trn_tall_t next = trn_tall_cols(at->basis, at->size, width);
    trn_tall_random(next, START + draw);
    return trn_tall_orthonormalize(trn_tall_cols(at->basis, 0, at->size), next);
}

/* Make room in the basis; returns how many columns the next block may have. */
static int64_t make_room(krylov_t *at) {
    int64_t width = least(at->width, at->n - at->size);
    if (at->size + width <= at->most) return width;
    restart(at);
    return least(at->width, at->n - at->size);
}

/* Grow until the wanted vectors are there. A space grown from one block holds no more copies of a
 * repeated value than the block has columns: so what has been found is kept, and some steps from
 * fresh random columns must find nothing better. Collective. */
static trn_status_t search(krylov_t *at, trn_svd_stop_t stop, int64_t *steps) {
    enum { PROBES = 6, NOT_YET = -1 };
    int64_t width = at->width, left = width >= at->wanted ? 0 : NOT_YET;
    uint32_t draws = 0;
    TRN_TRY(append_random(at, width, draws++));
    for (*steps = 1;; ++*steps) {
        TRN_TRY(grow(at, width));
        TRN_TRY(look(at));
        bool there = at->size >= at->wanted && at->off <= stop.tolerance;
        if (there && (left == 0 || at->size == at->n)) return TRN_OK;
        if (*steps >= stop.steps)
            return trn_fail(TRN_NUMERIC,
                            "after %lld steps the residual is %.3g of the largest singular value, "
                            "not %.3g; allow more steps, a larger residual or ask for fewer values",
                            (long long)*steps, at->off, stop.tolerance);
        if (there && left == NOT_YET) {
            left = PROBES;
            restart(at);
            width = make_room(at);
            TRN_TRY(append_random(at, width, draws++));
            continue;
        }
        if (left > 0) left = there ? left - 1 : NOT_YET;
        width = make_room(at);
        TRN_TRY(append(at, width));
    }
}

/* The operator has at least as many rows as columns. Collective. */
static trn_status_t by_krylov(trn_svd_t *svd, trn_operator_t *op, int64_t wanted,
                              trn_svd_stop_t stop) {
    krylov_t at;
    trn_tall_t v = {0};
    MPI_Comm comm = trn_operator_comm(op);
    int64_t steps = 0;
    trn_status_t status = create(&at, op, wanted);
    if (status == TRN_OK) status = trn_tall_create(&v, comm, at.n, wanted);
    TRN_OR(done, trn_agree(comm, status));
    TRN_OR(done, search(&at, stop, &steps));
    strongest(at.vectors, at.size, wanted, at.rotation);
    trn_tall_multiply(1, trn_tall_cols(at.basis, 0, at.size), at.rotation, wanted, 0, v);
    svd->steps = steps;
    svd->basis = at.size;
    destroy(&at);
    status = trn_svd_finish(svd, op, v);
    v = (trn_tall_t){0};
done:
    destroy(&at);
    trn_tall_free(&v);
    return status;
}

/* Works on A^T A of the shorter side: a wide operator is flipped for the time. */
trn_status_t trn_svd_krylov(trn_svd_t *svd, trn_operator_t *op, int64_t rank, trn_svd_stop_t stop) {
    int64_t rows = trn_operator_rows(op), cols = trn_operator_cols(op), side = least(rows, cols);
    *svd = (trn_svd_t){0};
    if (rank < 1 || rank > side)
        return trn_fail(TRN_USAGE, "%lld singular values of a %lld x %lld matrix, which has %lld",
                        (long long)rank, (long long)rows, (long long)cols, (long long)side);
    bool wide = rows < cols;
    if (wide) trn_operator_flip(op);
    trn_status_t status = by_krylov(svd, op, rank, stop);
    if (wide) {
        trn_operator_flip(op);
        trn_svd_swap(svd);
    }
    if (status == TRN_OK) trn_tall_fix_signs(svd->v, svd->u);
    if (status != TRN_OK) trn_svd_free(svd);
    return status;
}

/* For plans, as create(), search() and the end take memory. */
void trn_svd_krylov_plan(trn_ledger_t *ledger, const trn_operator_size_t *op, int64_t k,
                         int64_t away, int ranks, int at) {
    int64_t n = least(op->rows, op->cols), m = op->rows + op->cols - n;
    int64_t width = least(block_width(k), n), most = basis_size(k, n);
    int64_t own = trn_tall_rows(n, ranks, at);
    trn_ledger_take(ledger, "vectors", own * k, sizeof(double));
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "basis", own * (most + width), sizeof(double));
    trn_ledger_take(ledger, "work", trn_tall_rows(m, ranks, at) * width, sizeof(double));
    trn_ledger_take(ledger, "work", (3 * most + width + TRN_TALL_BLOCK + 1) * most + width * width,
                    sizeof(double));
    trn_operator_apply_plan(ledger, op, width, away, ranks, at);
    trn_operator_routes_plan(ledger, op, width, ranks, at); /* open from now on */
    trn_tall_cross_plan(ledger, n, most, width, ranks, at);
    trn_tall_orthonormalize_plan(ledger, n, most - width, width, ranks, at);
    trn_tall_eig_plan(ledger, most, at);
    trn_ledger_back(ledger, &before);
    /* The C library keeps the pages of small matrices that are freed, and BLAS those it packs in.
     */
    int64_t kept = (3 * most + TRN_TALL_BLOCK) * most;
    int64_t packed = trn_blas_bytes(sizeof(double), most, TRN_TALL_BLOCK);
    trn_ledger_take(ledger, "work", kept, sizeof(double));
    trn_ledger_take(ledger, "libraries", packed, 1);
    trn_svd_finish_plan(ledger, op, k, away, ranks, at);
    trn_ledger_give(ledger, "work", kept, sizeof(double));
    trn_ledger_give(ledger, "libraries", packed, 1);
}
