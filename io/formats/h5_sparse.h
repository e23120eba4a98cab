/* h5_sparse.h: matrices in compressed rows or columns, as others write them into HDF5: lists data,
 * indices and indptr in one group. */
#ifndef TRN_IO_FORMATS_H5_SPARSE_H
#define TRN_IO_FORMATS_H5_SPARSE_H

#include "io/foreign/foreign.h"
#include "io/formats/format.h"

/* Where a matrix lies in its file. Plain data. */
typedef struct trn_h5_place {
    trn_foreign_kind_t kind;
    trn_dtype_t type; /* of its numbers */
    bool swapped;
    /* Of compressed ones: the types of the lists, and how many numbers there are. */
    trn_dtype_t index_type, start_type;
    bool index_swapped, start_swapped;
    int64_t entries;
} trn_h5_place_t;

/* Rank 0: fill in the rest of `place` for the group `item`, and whichever side of rows x cols is
 * not said in the file, but follows from the largest index. Fails with TRN_INPUT. Local. Cost: of a
 * file that does not say its sides a read of all indices. */
trn_status_t trn_h5_sparse_look(trn_foreign_t *file, const trn_foreign_item_t *item,
                                trn_h5_place_t *place, int64_t *rows, int64_t *cols);

/* The rows at `place` of compressed rows: columns in any order, entries of one place are summed.
 * Local. Fails with TRN_INPUT (an index out of range, pointers that do not ascend), TRN_MEMORY,
 * TRN_IO. Memory: 40 bytes an entry while they are made. */
trn_status_t trn_h5_sparse_rows(trn_foreign_t *file, const trn_h5_place_t *where,
                                const trn_source_t *source, trn_sparse_type_t type,
                                trn_extent_t place, trn_sparse_t **out, trn_misfit_t *misfit);

/* Every entry of compressed columns to its owner: each rank reads its part of the columns.
 * Collective. Fails (agreed) likewise. */
trn_status_t trn_h5_sparse_route(trn_foreign_t *file, const trn_h5_place_t *where,
                                 const trn_source_t *source, trn_dtype_t type,
                                 const trn_route_t *to);

#endif
