/* factor_step.c: one step of NMF or semi-NMF: rows of W move as X passes by, then H. */
#include "algo/matrix/factor/factor_state.h"
#include "algo/matrix/gram.h"
#include "algo/matrix/spectral/tall_orthonormal.h"
#include "kern/dense/gemm.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* Products are on one thread and always in the same shapes, for BLAS may round otherwise in others;
 * threads share pieces. */
enum { PIECE_ROWS = 128, PIECE_COLS = 384 /* of X, that one thread multiplies */ };

static const double NO_DIVISOR = 0x1p-23; /* in the place of 0, as scikit-learn has it */

static int64_t rank_of(const trn_factor_state_t *s) {
    return s->f->options.rank;
}

static int64_t pieces_of(int64_t n, int64_t size) {
    return (n + size - 1) / size;
}

static int64_t piece_rows(int64_t n, int64_t piece, int64_t size) {
    return n - piece * size < size ? n - piece * size : size;
}

/* Rows of W -------------------------------------------------------------------------------------*/

int64_t trn_factor_scratch(int64_t rank) {
    return 3 * TRN_TALL_BLOCK * rank + 2 * rank * rank + rank;
}

/* w x (X H^T) / (W H H^T). */
static void move_nmf(const trn_factor_state_t *s, int64_t n, const double *xh, double *w,
                     const unsigned char *moves, double *below) {
    int64_t r = rank_of(s);
    trn_gemm_f64(n, r, r, (trn_factor_t){w, r, false}, s->hh, 0, below);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < r && (!moves || moves[i]); k++) {
            double divisor = below[i * r + k] != 0 ? below[i * r + k] : NO_DIVISOR;
            w[i * r + k] *= xh[i * r + k] / divisor;
        }
}

static double plus(double x) {
    return (fabs(x) + x) / 2;
}

static double minus(double x) {
    return (fabs(x) - x) / 2;
}

/* w x sqrt(((X H^T)+ + W (H H^T)-) / ((X H^T)- + W (H H^T)+)). */
static void move_semi(const trn_factor_state_t *s, int64_t n, const double *xh, double *w,
                      const unsigned char *moves, double *up) {
    const double tiny = 1e-300;
    int64_t r = rank_of(s);
    double *down = up + TRN_TALL_BLOCK * r, *part = down + TRN_TALL_BLOCK * r;
    for (int64_t i = 0; i < r * r; i++) {
        part[i] = plus(s->hh[i]);
        part[r * r + i] = minus(s->hh[i]);
    }
    trn_gemm_f64(n, r, r, (trn_factor_t){w, r, false}, part, 0, down);
    trn_gemm_f64(n, r, r, (trn_factor_t){w, r, false}, part + r * r, 0, up);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < r && (!moves || moves[i]); k++) {
            int64_t at = i * r + k;
            w[at] *= sqrt((plus(xh[at]) + up[at]) / fmax(minus(xh[at]) + down[at], tiny));
        }
}

void trn_factor_move(const trn_factor_state_t *s, int64_t n, const double *xh, double *w,
                     const unsigned char *moves, double *scratch) {
    if (s->f->options.method == TRN_FACTOR_NMF)
        move_nmf(s, n, xh, w, moves, scratch);
    else
        move_semi(s, n, xh, w, moves, scratch);
}

/* This thread's part of the scratch. */
static double *scratch_of(const trn_factor_state_t *s) {
    return s->scratch + omp_get_thread_num() * trn_factor_scratch(rank_of(s));
}

/* Passes over X ---------------------------------------------------------------------------------*/

/* A dense X as it passes by. */
typedef struct pass {
    trn_factor_state_t *s;
    bool moving;
} pass_t;

/* A block of X as it passes by, with its rows of W: [rows x d] and [rows x r]. */
typedef struct part {
    const trn_factor_state_t *s;
    trn_view_t x;
    double *w;
    const unsigned char *moves;
    double *values; /* W^T X [r x d] of the block */
} part_t;

/* A piece of rows of W moves. */
static void move_piece(const part_t *b, int64_t piece) {
    const trn_factor_state_t *s = b->s;
    int64_t r = rank_of(s), at = piece * PIECE_ROWS, n = piece_rows(b->x.rows, piece, PIECE_ROWS);
    double *scratch = scratch_of(s), *xh = scratch + trn_factor_scratch(r) - PIECE_ROWS * r;
    trn_factor_t rows = {(double *)b->x.data + at * b->x.stride, b->x.stride, false};
    trn_gemm_f64(n, r, b->x.cols, rows, s->whole, 0, xh);
    trn_factor_move(s, n, xh, b->w + at * r, b->moves ? b->moves + at : NULL, scratch);
}

/* Its part of some columns of W^T X, on top of those of the pieces before. */
static void add_piece(const part_t *b, int64_t piece, int64_t strip) {
    int64_t r = rank_of(b->s), at = piece * PIECE_ROWS, col = strip * PIECE_COLS;
    trn_gemm(&(trn_gemm_t){.type = TRN_F64,
                           .m = r,
                           .n = piece_rows(b->x.cols, strip, PIECE_COLS),
                           .k = piece_rows(b->x.rows, piece, PIECE_ROWS),
                           .alpha = 1,
                           .beta = piece > 0,
                           .a = {b->w + at * r, r, true},
                           .b = {(double *)b->x.data + at * b->x.stride + col, b->x.stride, false},
                           .c = b->values + col,
                           .ldc = b->x.cols});
}

/* One thread takes a piece of X twice while it lies in cache; several share first the rows, then
 * the columns: the same sums in the same order. */
static void pass_pieces(const part_t *b, bool moving) {
    int64_t pieces = pieces_of(b->x.rows, PIECE_ROWS), strips = pieces_of(b->x.cols, PIECE_COLS);
    if (b->s->threads == 1) {
        for (int64_t p = 0; p < pieces; p++) {
            if (moving) move_piece(b, p);
            for (int64_t c = 0; c < strips; c++)
                add_piece(b, p, c);
        }
        return;
    }
#pragma omp parallel num_threads(b->s->threads)
    {
#pragma omp for schedule(dynamic, 1)
        for (int64_t p = 0; p < pieces; p++)
            if (moving) move_piece(b, p);
#pragma omp for schedule(dynamic, 1)
        for (int64_t c = 0; c < strips; c++)
            for (int64_t p = 0; p < pieces; p++)
                add_piece(b, p, c);
    }
}

/* A leaf: the block's rows of W move, and their part of W^T X and W^T W. */
static void pass_block(void *user, int64_t block, double *values) {
    const pass_t *pass = user;
    trn_factor_state_t *s = pass->s;
    int64_t r = rank_of(s), d = s->f->x.cols;
    trn_view_t x = trn_tall_block_rows(s->f->x.dense->tall, block);
    int64_t rows = trn_tall_block(s->f->x.rows);
    int64_t own = (block - trn_tall_first_block(s->f->w)) * rows;
    part_t part = {s, x, (double *)s->f->w.block.data + own * r, s->moves ? s->moves + own : NULL,
                   values};
    pass_pieces(&part, pass->moving);
    trn_gemm_f64(r, r, x.rows, (trn_factor_t){part.w, r, true}, part.w, 0, values + d * r);
}

/* Collective. */
static trn_status_t pass_dense(trn_factor_state_t *s, bool moving) {
    pass_t pass = {s, moving};
    trn_factor_matrix_t *x = &s->f->x;
    int64_t r = rank_of(s), d = x->cols, block = trn_tall_block(x->rows);
    if (moving) TRN_TRY(trn_tall_gather(s->f->ht, s->whole));
    trn_status_t status = trn_reduce_tree(x->comm, (x->rows + block - 1) / block, (d + r) * r,
                                          pass_block, &pass, s->sums);
    TRN_TRY(trn_tall_in_outcome(x->dense, status));
    int rank;
    MPI_Comm_rank(x->comm, &rank);
    trn_view_t sums = {TRN_F64, r, d, d, s->sums};
    trn_view_transpose(
        trn_view_part(sums, 0, r, trn_tall_start(x->comm, d, rank), s->xw.block.rows), s->xw.block);
    memcpy(s->ww, s->sums + d * r, sizeof(double) * (size_t)(r * r));
    return TRN_OK;
}

/* All rows of W of this rank, whose X H^T is there. */
static void move_sparse(const trn_factor_state_t *s) {
    int64_t r = rank_of(s), size = TRN_TALL_BLOCK, rows = s->f->w.block.rows;
    const double *xh = s->xh.block.data;
    double *w = s->f->w.block.data;
#pragma omp parallel for num_threads(s->threads) schedule(dynamic, 1)
    for (int64_t p = 0; p < pieces_of(rows, size); p++)
        trn_factor_move(s, piece_rows(rows, p, size), xh + p * size * r, w + p * size * r,
                        s->moves ? s->moves + p * size : NULL, scratch_of(s));
}

/* A sparse X meets H^T and W, each entry twice. Collective. */
static trn_status_t pass_sparse(trn_factor_state_t *s, bool moving) {
    trn_tall_t w = s->f->w;
    const trn_factor_matrix_t *x = &s->f->x;
    if (!s->op) /* a checkpoint takes its place in memory */
        TRN_TRY(trn_operator_sparse(&s->op, x->comm, x->rows, x->cols, x->sparse));
    if (moving) {
        TRN_TRY(trn_operator_apply(s->op, false, s->f->ht, s->xh));
        move_sparse(s);
    }
    TRN_TRY(trn_operator_apply(s->op, true, w, s->xw));
    return trn_tall_gram(w, s->ww);
}

static trn_status_t pass(trn_factor_state_t *s, bool moving) {
    return s->f->x.dense ? pass_dense(s, moving) : pass_sparse(s, moving);
}

/* H ---------------------------------------------------------------------------------------------*/

/* H^T x (X^T W) / (H^T W^T W), by pieces of rows. Local. */
static void move_h_nmf(trn_factor_state_t *s) {
    int64_t r = rank_of(s), rows = s->xw.block.rows, size = TRN_TALL_BLOCK;
#pragma omp parallel for num_threads(s->threads) schedule(dynamic, 1)
    for (int64_t p = 0; p < pieces_of(rows, size); p++) {
        int64_t n = piece_rows(rows, p, size);
        const double *xw = (double *)s->xw.block.data + p * size * r;
        double *h = (double *)s->f->ht.block.data + p * size * r, *below = scratch_of(s);
        trn_gemm_f64(n, r, r, (trn_factor_t){h, r, false}, s->ww, 0, below);
        for (int64_t i = 0; i < n * r; i++)
            h[i] *= xw[i] / (below[i] != 0 ? below[i] : NO_DIVISOR);
    }
}

/* inverse [r x r] = the pseudo-inverse of W^T W. Collective. */
static trn_status_t invert(trn_factor_state_t *s, double *inverse) {
    int64_t r = rank_of(s);
    double *vectors = s->scratch, *scaled = vectors + r * r, *values = scaled + r * r;
    memcpy(vectors, s->ww, sizeof(double) * (size_t)(r * r));
    TRN_TRY(trn_tall_eig(s->f->x.comm, r, vectors, values, "products of coordinates"));
    double least = values[r - 1] * (double)r * 0x1p-52; /* what is below is rounding of 0 */
    for (int64_t k = 0; k < r; k++)                     /* eigenvectors are rows */
        for (int64_t j = 0; j < r; j++)
            scaled[k * r + j] = values[k] > least ? vectors[k * r + j] / values[k] : 0;
    trn_gemm_f64(r, r, r, (trn_factor_t){vectors, r, true}, scaled, 0, inverse);
    return TRN_OK;
}

/* H^T = X^T W (W^T W)^+. Collective. */
static trn_status_t solve_h(trn_factor_state_t *s) {
    double *inverse = s->hh; /* made anew behind */
    TRN_TRY(invert(s, inverse));
    trn_tall_multiply(1, s->xw, inverse, rank_of(s), 0, s->f->ht);
    return TRN_OK;
}

/* A leaf: this block's part of <X^T W, H^T>. */
static void dot_block(void *user, int64_t block, double *values) {
    const trn_factor_state_t *s = user;
    trn_view_t a = trn_tall_block_rows(s->xw, block), b = trn_tall_block_rows(s->f->ht, block);
    const double *x = a.data, *y = b.data;
    *values = 0;
    for (int64_t i = 0; i < a.rows * a.cols; i++)
        *values += x[i] * y[i];
}

/* H H^T, and half of |X - W H|^2 = |X|^2 - 2 <X^T W, H^T> + <W^T W, H H^T>. Collective. */
static trn_status_t close_step(trn_factor_state_t *s) {
    trn_factors_t *f = s->f;
    int64_t r = rank_of(s), block = trn_tall_block(f->x.cols);
    double both = 0, products = 0;
    TRN_TRY(trn_tall_gram(f->ht, s->hh));
    TRN_TRY(
        trn_reduce_tree(f->x.comm, (f->x.cols + block - 1) / block, 1, dot_block, s, &products));
    for (int64_t i = 0; i < r * r; i++)
        both += s->ww[i] * s->hh[i];
    double objective = (s->total - 2 * products + both) / 2;
    if (!isfinite(objective))
        return trn_fail(TRN_NUMERIC, "%s: after step %lld factors are not finite; scale the matrix",
                        f->x.name, (long long)f->done);
    f->objective[f->done] = fmax(objective, 0);
    return TRN_OK;
}

static trn_status_t move_h(trn_factor_state_t *s) {
    if (s->f->options.keep_primitive) return TRN_OK;
    if (s->f->options.method == TRN_FACTOR_SEMI) return solve_h(s);
    move_h_nmf(s);
    return TRN_OK;
}

/* Semi-NMF's H follows from W, unless it is given to stay. */
trn_status_t trn_factor_begin(trn_factor_state_t *s) {
    TRN_TRY(pass(s, false));
    if (s->f->options.method == TRN_FACTOR_SEMI) TRN_TRY(move_h(s));
    return close_step(s);
}

/* A step begins with H H^T alone. */
trn_status_t trn_factor_go_on(trn_factor_state_t *s) {
    return trn_tall_gram(s->f->ht, s->hh);
}

trn_status_t trn_factor_step(trn_factor_state_t *s) {
    TRN_TRY(pass(s, true));
    TRN_TRY(move_h(s));
    s->f->done++;
    return close_step(s);
}
