/* swivel.h: one optimizer step of Swivel on one shard.
 *
 * Shazeer, Doherty, Evans, Waterson: Swivel: Improving embeddings by noticing what's missing
 * (2016). Row vectors R [rows x d], column vectors C [cols x d], counts x_ij of the shard:
 *   error    e_ij = R_i.C_j - (log x_ij - b_i - c_j + D)         b, c, D: logs of marginals
 *   observed      f(x) e^2 / 2   with f(x) = base + scale x^exponent
 *   unobserved    log(1 + exp(e))  with x smoothed to 1
 * The shard's loss is the sum times `multiplier`; every vector of the shard moves once. */
#ifndef TRN_KERN_TRAIN_SWIVEL_H
#define TRN_KERN_TRAIN_SWIVEL_H

#include <stdint.h>

enum {
    TRN_SWIVEL_TILE = 256,          /* rows of the error matrix held at a time */
    TRN_SWIVEL_MAX_SHARD = 1 << 16, /* rows and columns of a shard are 16-bit */
};

/* One observed count: position within the shard, log x and f(x). */
typedef struct trn_swivel_cell {
    uint16_t row, col;
    float log_count, weight;
} trn_swivel_cell_t;

typedef enum trn_optimizer { TRN_ADAGRAD, TRN_RMSPROP } trn_optimizer_t;

/* How vectors move. Adagrad: a += g^2, v -= rate g / sqrt(a), a starts at 0.1. RMSProp:
 * a = decay a + (1 - decay) g^2, v -= rate g / sqrt(a + 1e-10), a starts at 1. */
typedef struct trn_swivel_rule {
    trn_optimizer_t optimizer;
    double rate, decay;
    double multiplier; /* of the loss: 1 / shard size */
} trn_swivel_rule_t;

/* One side of a shard; values and accumulator are updated in place. */
typedef struct trn_swivel_side {
    int64_t count;      /* vectors */
    float *values;      /* [count x d] */
    float *accumulator; /* [count x d] */
    const float *bias;  /* [count]: rows b_i - D, columns c_j */
} trn_swivel_side_t;

/* Floats of scratch memory that a step needs: tile of errors, gradients of the tile's rows and of
 * all columns, errors of one row's observed cells. Local. */
int64_t trn_swivel_scratch(int64_t max_shard, int64_t dim);

/* One step. `cells` are sorted by row, then column, no duplicates; `scratch` is 64-byte aligned.
 * Returns the loss before the step; not finite once anything went wrong. Local, no allocation.
 * Cost: 6 rows cols d flops in three GEMMs, each on one thread. */
double trn_swivel_step(const trn_swivel_rule_t *rule, int64_t dim, const trn_swivel_side_t *row,
                       const trn_swivel_side_t *col, int64_t cell_count,
                       const trn_swivel_cell_t *cells, float *scratch);

/* The inner loops, one set per instruction set (simd_swivel.c). */
typedef struct trn_swivel_kernels {
    /* errors [rows x cols] holds R C^T on entry and multiplier x d loss / d error on exit; rows
     * start at `first_row` of the shard; observed [cols] is scratch. Returns the tile's loss
     * without the multiplier and moves *cells past the tile. */
    double (*epilogue)(int64_t first_row, int64_t rows, int64_t cols, float *errors,
                       const float *row_bias, const float *col_bias, float multiplier,
                       const trn_swivel_cell_t **cells, const trn_swivel_cell_t *cells_end,
                       float *observed);
    void (*adagrad)(int64_t n, float *values, float *accumulator, const float *gradient,
                    float rate);
    void (*rmsprop)(int64_t n, float *values, float *accumulator, const float *gradient, float rate,
                    float decay);
    const char *name;
} trn_swivel_kernels_t;

/* The best set that this processor runs, chosen at the first call. Local. */
const trn_swivel_kernels_t *trn_swivel_kernels(void);

/* The slow, obvious twin in float64, for tests; see swivel_ref.c. */
typedef struct trn_swivel_cell_ref {
    uint16_t row, col;
    double log_count, weight;
} trn_swivel_cell_ref_t;

typedef struct trn_swivel_side_ref {
    int64_t count;
    double *values, *accumulator;
    const double *bias;
} trn_swivel_side_ref_t;

/* As trn_swivel_step in float64 with the mathematical library's exp and log1p. Local. */
double trn_swivel_step_ref(const trn_swivel_rule_t *rule, int64_t dim,
                           const trn_swivel_side_ref_t *row, const trn_swivel_side_ref_t *col,
                           int64_t cell_count, const trn_swivel_cell_ref_t *cells, double *scratch);

#endif
