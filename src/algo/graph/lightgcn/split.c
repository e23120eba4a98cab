/* split.c: a like is held out or not by a random number of its own, so neither ranks nor other
 * likes matter. */
#include "algo/graph/lightgcn/split.h"

#include "base/mem.h"
#include "base/rng.h"

enum { STEP = 2 /* of the random numbers; 0 and 1 are the sides' embeddings */ };

static bool held_out(const trn_sparse_t *likes, int64_t i, int64_t e, double share, uint64_t seed) {
    double u[4];
    if (e == trn_sparse_start(likes)[i]) return false;
    trn_rng_uniform(seed, (uint64_t)(trn_sparse_extent(likes).first_row + i),
                    (uint32_t)trn_sparse_column(likes)[e], STEP, TRN_RNG_EMBED, u);
    return u[0] < share;
}

/* The likes that are held out, or the others. */
static trn_status_t part(const trn_sparse_t *likes, bool wanted, double share, uint64_t seed,
                         trn_sparse_t **to) {
    int64_t rows = trn_sparse_extent(likes).rows, count = 0, *start = NULL;
    int32_t *column = NULL;
    trn_status_t status = trn_alloc(&start, rows + 1, sizeof *start, "row pointers");
    if (status == TRN_OK)
        status = trn_alloc(&column, trn_sparse_count(likes), sizeof *column, "columns");
    for (int64_t i = 0; i < rows && status == TRN_OK; i++) {
        start[i] = count;
        for (int64_t e = trn_sparse_start(likes)[i]; e < trn_sparse_start(likes)[i + 1]; e++)
            if (held_out(likes, i, e, share, seed) == wanted)
                column[count++] = trn_sparse_column(likes)[e];
    }
    if (status == TRN_OK) {
        start[rows] = count;
        status = trn_realloc(&column, count, sizeof *column, "columns");
    }
    if (status == TRN_OK)
        status =
            trn_sparse_adopt(to, TRN_SPARSE_PATTERN, trn_sparse_extent(likes), start, column, NULL);
    if (status == TRN_OK) return TRN_OK;
    trn_free(&start);
    trn_free(&column);
    return status;
}

trn_status_t trn_split_likes(const trn_sparse_t *likes, double share, uint64_t seed,
                             trn_sparse_t **kept, trn_sparse_t **held) {
    *kept = *held = NULL;
    trn_status_t status = part(likes, false, share, seed, kept);
    if (status == TRN_OK) status = part(likes, true, share, seed, held);
    if (status != TRN_OK) trn_sparse_destroy(kept);
    return status;
}
