/* swivel_ref.c: Swivel's step in float64, as the formulae stand. */
#include "kern/train/swivel.h"

#include <cblas.h>
#include <math.h>

static double softplus(double x) {
    return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* Errors become slopes in place; cells come in the order of rows, then columns, so one cursor
 * does. */
static double epilogue(int64_t first_row, int64_t rows, int64_t cols, double *errors,
                       const double *row_bias, const double *col_bias, double multiplier,
                       const trn_swivel_cell_ref_t **cells, const trn_swivel_cell_ref_t *end,
                       double *observed) {
    (void)observed;
    double loss = 0;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < cols; j++) {
            double error = errors[i * cols + j] + row_bias[i] + col_bias[j], slope;
            const trn_swivel_cell_ref_t *cell = *cells;
            if (cell < end && cell->row == first_row + i && cell->col == j) {
                error -= cell->log_count;
                loss += 0.5 * cell->weight * error * error;
                slope = cell->weight * error;
                ++*cells;
            } else {
                loss += softplus(error);
                slope = sigmoid(error);
            }
            errors[i * cols + j] = multiplier * slope;
        }
    }
    return loss;
}

/* Adagrad without a small number, as accumulators start above 0; RMSprop with one. */
static void optimize(const trn_swivel_rule_t *rule, int64_t n, double *values, double *accumulator,
                     const double *gradient) {
    for (int64_t i = 0; i < n; i++) {
        double g = gradient[i];
        if (rule->optimizer == TRN_ADAGRAD) {
            accumulator[i] += g * g;
            values[i] -= rule->rate * g / sqrt(accumulator[i]);
        } else {
            accumulator[i] = rule->decay * accumulator[i] + (1 - rule->decay) * g * g;
            values[i] -= rule->rate * g / sqrt(accumulator[i] + 1e-10);
        }
    }
}

#define REAL     double
#define SIDE     trn_swivel_side_ref_t
#define CELL     trn_swivel_cell_ref_t
#define GEMM     cblas_dgemm
#define EPILOGUE epilogue
#define OPTIMIZE optimize
#define STEP     trn_swivel_step_ref
#include "kern/train/swivel_step.inc"
