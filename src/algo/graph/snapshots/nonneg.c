/* nonneg.c: cyclic coordinate descent; each number goes to its best place with the others fixed. */
#include "algo/graph/snapshots/nonneg.h"

#include <math.h>

static double step(int64_t r, const double *row, double x, int64_t c, const double *w) {
    double gradient = -x;
    for (int64_t j = 0; j < r; j++)
        gradient += row[j] * w[j];
    return row[c] > 0 ? fmax(0, w[c] - gradient / row[c]) : 0;
}

void trn_nonneg_solve(int64_t r, const double *gram, const double *x, int sweeps, double *w) {
    const double still = 1e-13; /* a few units of rounding */
    for (int s = 0; s < sweeps; s++) {
        double moved = 0, largest = 0;
        for (int64_t c = 0; c < r; c++) {
            double next = step(r, gram + c * r, x[c], c, w);
            moved = fmax(moved, fabs(next - w[c]));
            largest = fmax(largest, next);
            w[c] = next;
        }
        if (moved <= still * largest) return;
    }
}
