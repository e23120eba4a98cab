/* reduce.h: sums over blocks that come out the same bits whichever rank owns the blocks. */
#ifndef TRN_MPI_REDUCE_H
#define TRN_MPI_REDUCE_H

#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

/* Sum `width` float64 values over `blocks` blocks by a pairwise tree over block numbers: rank r
 * passes partial[owned x width] of its blocks [kr/P, k(r+1)/P); sum[width] comes back equal on all
 * ranks. Collective, equal `blocks` and `width`. Fails (agreed) with TRN_MEMORY, TRN_USAGE (2^31
 * values or more).
 * Cost: one Allgatherv of blocks x width values. */
trn_status_t trn_reduce_blocks(MPI_Comm comm, int64_t blocks, int64_t width, const double *partial,
                               double *sum);

/* Make the `width` values of one block, which this rank owns. */
typedef void (*trn_leaf_t)(void *user, int64_t block, double *values);

/* The same sum, for values too many to hold for all blocks: `leaf` is called once for each block
 * that this rank owns, in ascending order, and branches of the tree are added as they are complete.
 * The bits are those of trn_reduce_blocks. Collective, equal `blocks` and `width`. Fails (agreed)
 * with TRN_MEMORY, TRN_USAGE (2^31 values or more). Memory: trn_reduce_bytes, about `width` values
 * for each level of the tree. Cost: at most one message of `width` values a level, and one Bcast.
 */
trn_status_t trn_reduce_tree(MPI_Comm comm, int64_t blocks, int64_t width, trn_leaf_t leaf,
                             void *user, double *sum);

/* Blocks, and which ranks own them: of `rows` rows each, the last may have fewer, and rank r has
 * those of rows [start[r], start[r + 1]), start[ranks + 1] ascending from 0; start NULL: blocks
 * [kr/P, k(r+1)/P). Borrowed. */
typedef struct trn_blocks {
    int64_t blocks;
    const int64_t *start;
    int64_t rows;
} trn_blocks_t;

/* First block of a rank; of rank = ranks: all blocks. Local. */
int64_t trn_blocks_first(const trn_blocks_t *blocks, int ranks, int rank);

/* trn_reduce_tree over blocks that are dealt otherwise: the same bits. Collective, equal arguments.
 */
trn_status_t trn_reduce_tree_of(MPI_Comm comm, trn_blocks_t blocks, int64_t width, trn_leaf_t leaf,
                                void *user, double *sum);

/* Bytes that either takes on `rank` of `ranks`, beside `sum`. Local. Cost: blocks / ranks.
 */
int64_t trn_reduce_bytes(trn_blocks_t blocks, int64_t width, int ranks, int rank);

/* The same tree over values[blocks x width] that all lie here. Local. */
void trn_tree_sum(int64_t blocks, int64_t width, const double *values, double *sum);

/* The same tree in float32, in two steps, for a caller that brings the sums of the ranks together
 * as suits it: a part is a node whose blocks are all of one rank, as its parent's are not. */
typedef struct trn_tree_part {
    int64_t first, count; /* blocks */
    int owner;
} trn_tree_part_t;

/* part[] (NULL: not wanted) = the parts of a tree, in the order of their blocks; returns how many,
 * at most `blocks`. Local. */
int64_t trn_tree_parts(int64_t blocks, int ranks, trn_tree_part_t *part);

/* Make the `width` values of one block. */
typedef void (*trn_leaf_f32_t)(void *user, int64_t block, float *values);

/* sum[width] of a part, whose leaves are called in ascending order; space[(levels + 1) x
 * width], 2^levels being no less than the part's blocks. `sum` is written once. Local. */
void trn_tree_part_sum(const trn_tree_part_t *part, int64_t width, trn_leaf_f32_t leaf, void *user,
                       float *space, float *sum);

/* The sum of the whole tree out of those of its parts, part[i] being where `width` values of part i
 * are: in space, at level x stride for its levels, or a part itself if it is the only one. Local.
 */
const float *trn_tree_join(int64_t blocks, int ranks, const float *const *part, int64_t width,
                           float *space, int64_t stride);

#endif
