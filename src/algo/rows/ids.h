/* ids.h: whole numbers in a file, such as numbers of rows, labels, groups and counts of words. */
#ifndef TRN_ALGO_ROWS_IDS_H
#define TRN_ALGO_ROWS_IDS_H

#include "base/ledger.h"
#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

/* On every rank. Start with {0}. */
typedef struct trn_ids {
    const char *path; /* borrowed */
    int64_t count;
    int64_t *id; /* [count] */
} trn_ids_t;

/* Read a file of one column (or of one row) of whole numbers: any format that holds a matrix, such
 * as a line of .npy, or text with a number a line. Collective, equal arguments. Fails (agreed) with
 * TRN_INPUT naming the file and what is wrong (more columns, a fraction), TRN_MEMORY, TRN_IO. Cost:
 * rank 0 reads, one Bcast. */
trn_status_t trn_ids_read(trn_ids_t *ids, MPI_Comm comm, const char *path);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_ids_free(trn_ids_t *ids);

/* That all are in [least, bound), of `things` ("rows"). Fails with TRN_INPUT naming file and place.
 * Local. */
trn_status_t trn_ids_within(const trn_ids_t *ids, int64_t least, int64_t bound, const char *things);

/* That none is there twice, of numbers in [0, bound). Fails with TRN_INPUT naming file and both
 * places, TRN_MEMORY. Local. Memory: bound bits. */
trn_status_t trn_ids_unique(const trn_ids_t *ids, int64_t bound);

/* order[count] = the places of numbers id[count], by ascending number, equal ones by place. Local.
 * Cost: a sort, unless they ascend already. */
void trn_ids_order(int64_t count, const int64_t *id, int64_t *order);

/* That there is one for each of `rows` rows of `file`. Fails with TRN_INPUT. Local. */
trn_status_t trn_ids_of_rows(const trn_ids_t *ids, int64_t rows, const char *file);

#endif
