/* cannon.h: distributed dense products, planned once and run often.
 *
 *   trn_product_choose(&product, &layouts, ranks, TRN_ALGORITHM_AUTO, 0, &choice);
 *   trn_plan_create(&plan, comm, &product, &layouts, &choice, threads);
 *   trn_plan_run(plan, alpha, trn_matrix_block(a), trn_matrix_block(b), beta,
 *                trn_matrix_block(c));
 *
 * A run relays operands out if the choice says so, rotates panels past the blocks of C (Cannon's
 * algorithm on any grid, rotate.h), adds the layers' sums up and brings C back to its layout. How
 * the terms are ordered depends on the grid: results agree to rounding, not to the bit. */
#ifndef TRN_MPI_DENSE_CANNON_H
#define TRN_MPI_DENSE_CANNON_H

#include "base/status.h"
#include "mpi/dense/plan.h"

#include <mpi.h>
#include <stdint.h>

/* Every buffer, message and step of one product. Opaque. Any number may be alive. */
typedef struct trn_plan trn_plan_t;

/* Plan a product as chosen, for blocks as `layouts` (all three given) says; `threads` multiply on
 * each rank. The layouts are copied, `comm` is borrowed. Memory is taken and touched here, so that
 * a run meets no page faults. Collective, equal arguments. Fails (agreed) with TRN_MEMORY,
 * TRN_USAGE. Memory: what the choice predicts beyond the shares of A, B and C. */
trn_status_t trn_plan_create(trn_plan_t **plan, MPI_Comm comm, const trn_product_t *product,
                             const trn_layouts_t *layouts, const trn_choice_t *choice, int threads);

/* The same for operands that were made by trn_matrix_create_shared (NULL: the operand was not), and
 * for these only: where all of a ring is on one node, a shift is a pointer, and panels are read in
 * the block of their owner. Runs then begin and end with a barrier of the ring. Collective. */
trn_status_t trn_plan_create_shared(trn_plan_t **plan, MPI_Comm comm, const trn_product_t *product,
                                    const trn_layouts_t *layouts, const trn_choice_t *choice,
                                    int threads, const trn_matrix_t *a, const trn_matrix_t *b);

/* C = alpha op(A) op(B) + beta C on this rank's blocks, contiguous (stride = columns) and as the
 * layouts say; beta must be 0 unless product.accumulate, and C is then not read. Never fails.
 * Collective. Cost: choice.flops, choice.words received. */
void trn_plan_run(trn_plan_t *plan, double alpha, trn_view_t a, trn_view_t b, double beta,
                  trn_view_t c);

/* Bytes of buffers on this rank. Local. */
int64_t trn_plan_bytes(const trn_plan_t *plan);

/* Free and set to NULL; NULL is fine. Collective. */
void trn_plan_destroy(trn_plan_t **plan);

#endif
