/* transplant_lists.h: files that say which rows of two vocabularies belong together, by names of
 * rows, or by numbers where rows have no names. */
#ifndef TRN_ALGO_VECTORS_TRANSPLANT_LISTS_H
#define TRN_ALGO_VECTORS_TRANSPLANT_LISTS_H

#include "base/status.h"
#include "io/rows/rows.h"

#include <mpi.h>
#include <stdint.h>

/* The rows of a target: those of an open matrix, or of names that are all on every rank. */
typedef struct trn_target {
    trn_rows_t *rows; /* borrowed; NULL: */
    int64_t count;
    char **names; /* [count], one allocation, distinct */
} trn_target_t;

/* Read names, one a line, for a target without a matrix; freed with trn_free(&target->names).
 * Collective, equal arguments. Fails (agreed) with TRN_INPUT (a name twice, none), TRN_MEMORY,
 * TRN_IO. */
trn_status_t trn_target_read(trn_target_t *target, MPI_Comm comm, const char *path);

/* overlap[target->count] = the source row of each target row, or -1, on every rank: out of lines
 * TARGET<tab>SOURCE of `path`, or for NULL where names are equal. Collective, equal arguments.
 * Fails (agreed) with TRN_INPUT as FILE:LINE (no such row, a target row twice) or naming what has
 * no names, TRN_MEMORY, TRN_IO. */
trn_status_t trn_overlap_read(int64_t *overlap, MPI_Comm comm, const char *path,
                              const trn_target_t *target, trn_rows_t *source);

/* New names and the source rows that each is made of. Start with {0}. */
typedef struct trn_piece_list {
    int64_t count;
    char **names;   /* [count], one allocation */
    int64_t *start; /* [count + 1] */
    int64_t *id;    /* [start[count]] */
} trn_piece_list_t;

/* Read lines NEW<tab>PIECE PIECE ... on every rank; names of pieces have no blanks. Collective,
 * equal arguments. Fails (agreed) as above, also with TRN_INPUT for a name twice or without pieces.
 */
trn_status_t trn_pieces_read(trn_piece_list_t *pieces, MPI_Comm comm, const char *path,
                             trn_rows_t *source);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_pieces_free(trn_piece_list_t *pieces);

#endif
