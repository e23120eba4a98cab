/* factor.h: nonnegative and semi-nonnegative factors of a matrix, X [n x d] ~ W [n x r] H [r x d].
 *
 * NMF (X, W, H >= 0): multiplicative steps, W first and then H with the new W, of half the squared
 * error, which never rises: Lee, Seung, Algorithms for non-negative matrix factorization, NIPS
 * 2001; the same steps as scikit-learn's solver 'mu'. Semi-NMF (W >= 0, H free): Ding, Li, Jordan,
 * Convex and semi-nonnegative matrix factorizations, IEEE TPAMI 32 (2010). W lies in bands of rows,
 * H^T as a tall matrix of its own. A dense X passes by once a step, in memory or out of it, and
 * meets W and H as a block lies in cache; a sparse one stays sparse. Sums follow the fixed tree. */
#ifndef TRN_ALGO_MATRIX_FACTOR_FACTOR_H
#define TRN_ALGO_MATRIX_FACTOR_FACTOR_H

#include "algo/common/trainer.h"
#include "algo/matrix/tall_in.h"
#include "algo/rows/ids.h"
#include "base/ledger.h"
#include "mpi/sparse/sparse.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum trn_factor_method { TRN_FACTOR_NMF, TRN_FACTOR_SEMI } trn_factor_method_t;

/* X: `dense`, open for passes, or the float64 rows of this rank that trn_tall_start says. Borrowed.
 */
typedef struct trn_factor_matrix {
    MPI_Comm comm;
    int64_t rows, cols;
    trn_tall_in_t *dense;
    const trn_sparse_t *sparse;
    const char *name; /* for messages */
} trn_factor_matrix_t;

/* sums = of squares of all numbers, and of their sizes; refuses negative ones. Collective. Fails
 * (agreed) with TRN_INPUT naming row and column, TRN_NUMERIC, and as reading. Cost: one pass. */
trn_status_t trn_factor_look(const trn_factor_matrix_t *x, bool nonnegative, double sums[2]);

typedef struct trn_factor_options {
    trn_factor_method_t method;
    int64_t rank, steps;
    double tolerance; /* done when a step lowers the objective by no more than this part of the
                       * first one; 0: never */
    uint64_t seed;
    int threads;
    bool keep_primitive;   /* H does not move */
    const trn_ids_t *only; /* rows of W that move; NULL: all */
    /* A store of factors to begin with: /coordinates, and /primitive (semi-NMF does without); NULL:
     * random numbers of (0.1, 1.1), scaled to the mean of X. */
    const char *start;
} trn_factor_options_t;

/* What came of it. W and H^T are this rank's rows. Start with {0}. */
typedef struct trn_factors {
    trn_factor_matrix_t x;
    trn_factor_options_t options;
    trn_tall_t w, ht;
    double *objective; /* [steps + 1] half the squared error at the start and after each step */
    int64_t done;      /* steps */
    double squares;    /* sum over X */
} trn_factors_t;

/* Train in the trainers' frame: resume, save, stop; `write` (Collective, agreed) is called with
 * `user` when all is done, before the checkpoint goes. Collective, equal arguments but for rows.
 * Fails (agreed) with TRN_INPUT (a negative entry of X for NMF, by row and column; a start that
 * does not fit; reading), TRN_NUMERIC (not finite), TRN_MEMORY, TRN_STOPPED, and as the frame does.
 * Cost a step: 4 n d r flops / ranks (sparse: 4 entries r), and (r^2 + 2 r d) numbers summed. */
trn_status_t trn_factor_train(trn_factors_t *factors, const trn_trainer_run_t *run,
                              trn_status_t (*write)(trn_factors_t *factors, void *user),
                              void *user);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_factors_free(trn_factors_t *factors);

/* What a training holds beside X on rank `at`. Local. */
typedef struct trn_factor_size {
    int64_t rows, cols, rank, steps;
    int64_t entries, back; /* sparse: in this rank's band, and in its band of the transpose */
    int threads;
    bool sparse, save_behind;
} trn_factor_size_t;
void trn_factor_plan(trn_ledger_t *ledger, const trn_factor_size_t *size, int ranks, int at);

/* *primitive [r x d] = H on every rank, to be freed. Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_factors_primitive(const trn_factors_t *factors, double **primitive);

/* A store of kind "factors": /coordinates [n x r] of `type`, /primitive [r x d] and /objective
 * [done + 1], float64. `names` of rows, or NULL. Collective. Fails (agreed) with TRN_IO,
 * TRN_MEMORY. */
trn_status_t trn_factors_save(const trn_factors_t *factors, const char *path,
                              const trn_trainer_run_t *run, trn_dtype_t type,
                              trn_matrix_in_t *names);

#endif
