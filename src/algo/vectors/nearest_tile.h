/* nearest_tile.h: queries against one block of rows: the part of nearest_rows.h without messages.
 */
#ifndef TRN_ALGO_VECTORS_NEAREST_TILE_H
#define TRN_ALGO_VECTORS_NEAREST_TILE_H

#include "algo/vectors/nearest_rows.h"

/* Queries of one product, and rows. A tile fits the cache of the second level, about. */
enum { TRN_NEAREST_CHUNK = 512, TRN_NEAREST_TILE = 1024 };

/* Queries at work, and the block that they meet. In a tile stand approximations: of q e over both
 * lengths (cosine), over the length of q and the tile's scale (dot), and for l2 of (q e - |e|^2 /
 * 2), rows less `center`, over scales of both. */
typedef struct trn_nearest_tile {
    const trn_nearest_rows_t *how;
    int64_t cols, width; /* of rows; of what BLAS multiplies: one more for l2 */
    int64_t listed;      /* k + skip */
    int64_t most, block; /* queries and rows at most */
    double *center;      /* [cols], l2 */
    double usual;        /* l2: a usual length of rows less center, more than 0 */

    int64_t first, n; /* queries now, by number */
    double *query;    /* [most x cols] */
    double *length;   /* [most] of queries, less center for l2 */
    float *narrow;    /* [most x width] */
    trn_best_t *best; /* [most x listed] */
    int64_t *ban;     /* [most + 1] query i may not have banned[ban[i] .. ban[i + 1]), ascending */
    int32_t *banned;

    trn_view_t rows;    /* the block, as it came; float64 */
    int64_t first_row;  /* by number */
    double scale;       /* of the block */
    double *row_length; /* [block] less center for l2 */
    float *narrow_rows; /* [block x width] */
    float *score;       /* [threads x CHUNK x TILE] */
    int32_t *place;     /* [threads x TILE] */
    bool overflows;     /* a length is not finite */
} trn_nearest_tile_t;

/* Make room for `most` queries, blocks of `block` rows, and `bans` pairs at a time. Local. Fails
 * with TRN_MEMORY; free it then, too. */
trn_status_t trn_nearest_tile_create(trn_nearest_tile_t *tile, const trn_nearest_rows_t *how,
                                     int64_t cols, int64_t most, int64_t block, int64_t bans);
void trn_nearest_tile_free(trn_nearest_tile_t *tile);

/* Bytes that it takes: `most` queries and a block, `bans` pairs. Local. */
int64_t trn_nearest_tile_bytes(const trn_nearest_rows_size_t *size, int64_t most, int64_t bans);
int64_t trn_nearest_query_bytes(const trn_nearest_rows_size_t *size); /* of it, a query */

/* Take the middle of these rows, which are any of this rank's, for the center of l2. Local. */
void trn_nearest_tile_center(trn_nearest_tile_t *tile, trn_view_t rows);

/* The n queries in tile->query, from number `first`, are at work now; their lists are empty. Local.
 */
void trn_nearest_tile_begin(trn_nearest_tile_t *tile, int64_t first, int64_t n);

/* Let the rows from number `first_row` compete for the lists. Blocks ascend. Local; how->threads
 * share the queries. */
void trn_nearest_tile_meet(trn_nearest_tile_t *tile, int64_t first_row, trn_view_t rows);

#endif
