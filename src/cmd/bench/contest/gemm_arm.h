/* gemm_arm.h: the contestants of `bench gemm`: our product, ScaLAPACK's, and BLAS without messages.
 */
#ifndef TRN_CMD_BENCH_CONTEST_GEMM_ARM_H
#define TRN_CMD_BENCH_CONTEST_GEMM_ARM_H

#include "base/status.h"
#include "mpi/dense/plan.h"

#include <jansson.h>
#include <mpi.h>

/* How the matrices lie before and after. */
typedef enum trn_gemm_layout {
    TRN_GEMM_NATIVE,
    TRN_GEMM_ROWS,       /* even bands of rows, as embeddings lie in stores */
    TRN_GEMM_BLOCKCYCLIC /* ScaLAPACK's */
} trn_gemm_layout_t;

#define TRN_GEMM_LAYOUT_NAMES "native|rows|blockcyclic"

/* The layout of one of these names, and the name. Local. */
trn_gemm_layout_t trn_gemm_layout_named(const char *name);
const char *trn_gemm_layout_name(trn_gemm_layout_t layout);

/* One case: C[m x n] = op(A) op(B). */
typedef struct trn_gemm_case {
    trn_matrix_type_t type;
    bool transpose_a, transpose_b;
    int64_t m, n, k;
    trn_gemm_layout_t layout;
    trn_algorithm_t algorithm;
    int64_t memory;           /* bytes a rank; 0: any */
    int64_t block;            /* side of block-cyclic blocks */
    int grid_rows, grid_cols; /* of block-cyclic layouts; 0: the grid that moves fewest words */
    bool shared;              /* A and B in memory that the ranks of a node share */
    int threads;
} trn_gemm_case_t;

typedef enum trn_gemm_contestant {
    TRN_GEMM_OURS,
    TRN_GEMM_SCALAPACK,
    TRN_GEMM_CEILING /* each rank multiplies blocks of the size of its part, nothing moves */
} trn_gemm_contestant_t;

/* What there is to say besides the time. */
typedef struct trn_gemm_figures {
    const char *name; /* of the algorithm */
    trn_grid_shape_t shape;
    double words;          /* received by the rank that receives most in one product */
    int64_t peak_bytes;    /* of matrices and buffers on the rank that has most, by the system */
    int64_t planned_bytes; /* the same by the plan; 0 for others */
    double residual;       /* of Freivalds' check */
} trn_gemm_figures_t;

/* A contestant with its own matrices. Opaque. */
typedef struct trn_gemm_arm trn_gemm_arm_t;

/* Plan, allocate and fill. Collective, equal arguments. Fails (agreed) with TRN_MEMORY, TRN_USAGE.
 */
trn_status_t trn_gemm_arm_create(trn_gemm_arm_t **arm, MPI_Comm comm, const trn_gemm_case_t *c,
                                 trn_gemm_contestant_t contestant);

/* One product; `arm` is a trn_gemm_arm_t *. The first one is measured (words, bytes). Collective.
 * Never fails. */
trn_status_t trn_gemm_arm_run(void *arm);

/* Check C by Freivalds' method (1977): one random vector of signs, sums in float64. Collective.
 * Fails (agreed) with TRN_MEMORY. Cost: 4 (m k + k n + m n) / P flops, three Allreduces. */
trn_status_t trn_gemm_arm_check(trn_gemm_arm_t *arm);

/* The figures so far; equal on all ranks. Local. */
const trn_gemm_figures_t *trn_gemm_arm_figures(const trn_gemm_arm_t *arm);

/* Free and set to NULL; NULL is fine. Collective. */
void trn_gemm_arm_destroy(trn_gemm_arm_t **arm);

/* Add to the cases of `result` what the plan for so many ranks would be. Fails with TRN_MEMORY,
 * TRN_USAGE. Local. */
trn_status_t trn_gemm_predict(const trn_gemm_case_t *c, int ranks, json_t *result);

#endif
