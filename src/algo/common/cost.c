/* cost.c: see cost.h. */
#include "algo/common/cost.h"

#include "kern/dense/blas.h"

static const double MEMORY_RATE = 4e9, FILE_RATE = 1e9; /* bytes a second */
static const double PRODUCT_RATE = 1e10; /* flop/s, where there is no memory to measure it */

double trn_cost_seconds(const trn_cost_t *cost, int ranks, int threads) {
    double single = trn_blas_ceiling(); /* of float32: twice that of float64 */
    double rate = single > 0 ? single / 2 : PRODUCT_RATE, hands = (double)ranks * threads;
    return cost->flops / (rate * hands) + cost->bytes / (MEMORY_RATE * hands) +
           cost->file_bytes / FILE_RATE;
}
