/* axes.h: directions between pairs of rows, such as antonyms, and how far every row lies along
 * them.
 *
 * Source: Kozlowski, Dai, Boutyline, Semantic structure in large language model embeddings,
 * arXiv:2508.10003 (2025), of words along such axes; D_j = (a_j - b_j) / |a_j - b_j|. */
#ifndef TRN_ALGO_VECTORS_AXES_H
#define TRN_ALGO_VECTORS_AXES_H

#include "algo/matrix/tall_in.h"
#include "base/ledger.h"
#include "base/status.h"
#include "io/store/store.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Equal on all ranks but for the names. Start with {0}. */
typedef struct trn_axes {
    int64_t count, cols;
    int64_t *row;     /* [2 count] the rows of each pair, one after the other */
    int64_t *line;    /* [count] of the list, from 1 */
    const char *path; /* of the list; borrowed */
    char **label;     /* rank 0: [count] "a - b", one allocation */
    int64_t left_out; /* pairs with a word that no row has */
    double *axis;     /* [count x cols] of length 1, once they are made */
    double *cosine;   /* [count x count] of the axes with each other */
    double *spectrum; /* [count] eigenvalues of these, descending */
} trn_axes_t;

/* Read pairs, lines A<tab>B of names of rows, looked up as trn_row_names_find_like does, or of
 * numbers where rows have none. Pairs with a word that no row has are refused or, with `skip`, left
 * out. Collective, equal arguments. Fails (agreed) with TRN_INPUT as FILE:LINE (no such row, a word
 * with itself, no pairs), TRN_MEMORY, TRN_IO. */
trn_status_t trn_axes_read(trn_axes_t *axes, MPI_Comm comm, const char *path, trn_rows_t *rows,
                           bool skip);

/* Make axes, cosines and spectrum out of the rows of an open matrix. Collective. Fails (agreed)
 * with TRN_INPUT (rows of a pair are equal), TRN_MEMORY, TRN_NUMERIC, as trn_tall_in_outcome. Cost:
 * a pass over the rows, count^2 cols and about 9 count^3 flops. */
trn_status_t trn_axes_make(trn_axes_t *axes, trn_tall_in_t *in);

/* Declare /scores [rows x count], /axes, /cosines, /spectrum, /rows [count x 2] and the labels
 * /pairs; write them, the scores, which are the products of every row with every axis, as rows pass
 * by. Collective; Local. The latter fails with TRN_IO, TRN_MEMORY; how reading went is the caller's
 * to ask. */
trn_status_t trn_axes_declare(const trn_axes_t *axes, const trn_tall_in_t *in, trn_store_t *store);
trn_status_t trn_axes_write(const trn_axes_t *axes, const trn_tall_in_t *in, trn_store_t *store);

/* What making and writing take beside the matrix, under "axes" and "scores". Local. */
void trn_axes_plan(trn_ledger_t *ledger, const trn_axes_t *axes, const trn_tall_in_t *in, int rank);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_axes_free(trn_axes_t *axes);

#endif
