/* propagate_golden.h: what golden files say of a matrix. */
#ifndef TESTS_MPI_PROPAGATE_GOLDEN_H
#define TESTS_MPI_PROPAGATE_GOLDEN_H

#include "harness.h"

#include <math.h>

/* What the golden file says of a result. */
typedef struct figures {
    double norm, sum, abs_sum, column[3], first[6], last[6]; /* the last row's */
} figures_t;

static inline bool near(double got, double wanted) {
    return fabs(got - wanted) <= 1e-10 * (1 + fabs(wanted));
}

static inline void check_figures(const double *x, int64_t rows, int64_t cols, const figures_t *f) {
    double squares = 0, sum = 0, abs_sum = 0, column[3] = {0};
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            double n = x[i * cols + j];
            squares += n * n, sum += n, abs_sum += fabs(n);
            if (j < 3) column[j] += n;
        }
    CHECK(near(sqrt(squares), f->norm));
    CHECK(near(sum, f->sum));
    CHECK(near(abs_sum, f->abs_sum));
    for (int j = 0; j < 3; j++)
        CHECK(near(column[j], f->column[j]));
    for (int j = 0; j < 6; j++) {
        CHECK(near(x[j], f->first[j]));
        CHECK(near(x[(rows - 1) * cols + j], f->last[j]));
    }
}

#endif
