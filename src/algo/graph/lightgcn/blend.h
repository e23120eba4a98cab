/* blend.h: rows of numbers scaled and added, one pass; on this rank alone. */
#ifndef TRN_ALGO_GRAPH_LIGHTGCN_BLEND_H
#define TRN_ALGO_GRAPH_LIGHTGCN_BLEND_H

#include "mpi/matrix.h"

#include <stdbool.h>

/* Factors of the rows; NULL: ones. They are rounded to the type of the numbers. */
typedef struct trn_blend {
    bool fresh;              /* y is not read, its part is 0 */
    const double *by, *with; /* [rows] */
    double scale;
    int threads;
} trn_blend_t;

/* y[i] = scale x (by[i] y[i] + with[i] x[i]), row by row, both of one type and shape; x may be y.
 * Local. Cost: reads x and y, writes y. */
void trn_blend(const trn_blend_t *blend, trn_view_t x, trn_view_t y);

#endif
