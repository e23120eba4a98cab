/* ngcf_rows.h: what NGCF does to rows, number by number; private to ngcf*.c. */
#ifndef TRN_ALGO_GRAPH_LIGHTGCN_NGCF_ROWS_H
#define TRN_ALGO_GRAPH_LIGHTGCN_NGCF_ROWS_H

#include "mpi/matrix.h"

#include <stdint.h>

/* All views are of one type and shape. */

/* m = x * t. Local. */
void trn_ngcf_product(trn_view_t x, trn_view_t t, trn_view_t m);

/* a += b1, b += b2 in every row, and next = f(a) + f(b). Local. */
void trn_ngcf_activate(const void *b1, const void *b2, trn_view_t a, trn_view_t b, trn_view_t next);

/* to = x, each row divided by its norm, but by no less than 1e-6. Local. */
void trn_ngcf_divide(trn_view_t x, trn_view_t to);

/* gradient += that of x by `of`, the gradient of x divided. Local. */
void trn_ngcf_divide_back(trn_view_t x, trn_view_t of, trn_view_t gradient);

/* a = gradient * f'(a), b = gradient * f'(b). Local. */
void trn_ngcf_activate_back(trn_view_t gradient, trn_view_t a, trn_view_t b);

/* t_gradient += m_gradient * x; m_gradient becomes m_gradient * t. Local. */
void trn_ngcf_product_back(trn_view_t x, trn_view_t t, trn_view_t m_gradient,
                           trn_view_t t_gradient);

/* to += x. Local. */
void trn_ngcf_add(trn_view_t x, trn_view_t to);

#endif
