/* swivel.c: Swivel's step in float32, on BLAS and the loops for this processor. The step itself is
 * swivel_step.inc, which swivel_ref.c compiles in float64. */
#include "kern/train/swivel.h"
#include "kern/simd.h"
#include "simd_sets.inc"

#include <cblas.h>
#include <stddef.h>

/* Errors and row gradients of a tile, column gradients, errors of the observed cells of a row. */
int64_t trn_swivel_scratch(int64_t max_shard, int64_t dim) {
    return TRN_SWIVEL_TILE * (max_shard + dim) + max_shard * (dim + 1);
}

TRN_SIMD_CHOICE(trn_swivel_kernels)

static void optimize(const trn_swivel_rule_t *rule, int64_t n, float *values, float *accumulator,
                     const float *gradient) {
    const trn_swivel_kernels_t *kernels = trn_swivel_kernels();
    if (rule->optimizer == TRN_ADAGRAD)
        kernels->adagrad(n, values, accumulator, gradient, (float)rule->rate);
    else
        kernels->rmsprop(n, values, accumulator, gradient, (float)rule->rate, (float)rule->decay);
}

#define REAL     float
#define SIDE     trn_swivel_side_t
#define CELL     trn_swivel_cell_t
#define GEMM     cblas_sgemm
#define EPILOGUE trn_swivel_kernels()->epilogue
#define OPTIMIZE optimize
#define STEP     trn_swivel_step
#include "kern/train/swivel_step.inc"
