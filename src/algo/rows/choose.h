/* choose.h: which rows of a matrix to keep: the most frequent, or those of given names. */
#ifndef TRN_ALGO_ROWS_CHOOSE_H
#define TRN_ALGO_ROWS_CHOOSE_H

#include "algo/rows/ids.h"
#include "base/status.h"
#include "io/rows/rows.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* What rows are chosen by; texts are names of files, NULL: not by this. */
typedef struct trn_row_choice {
    const char
        *counts;      /* lines NAME<tab>COUNT or WORD COUNT, or a column of a number for each row */
    int64_t least;    /* rows counted fewer times are out */
    int64_t top;      /* of the others so many, the most frequent, of equal ones those of smaller
                       * number; 0: all of them */
    const char *keep; /* names of rows (numbers where rows have no names) that stay anyway */
    const char *words; /* names of rows, instead of counts */
    bool skip;         /* names in `keep` and `words` that no row has are left out, not refused */
} trn_row_choice_t;

/* Numbers of the rows chosen, ascending, none twice, on every rank; *unknown = how many names in
 * the files no row has. Collective, equal arguments. Fails (agreed) with TRN_INPUT (a bad line, a
 * name twice in the counts, a name that no row has, other numbers of counts than rows), TRN_MEMORY,
 * TRN_IO. Memory: on rank 0 the lists, and 17 bytes a row of the matrix. Cost: a pass over the
 * names for each list, a sort of the rows that are counted. */
trn_status_t trn_choose_rows(trn_ids_t *ids, MPI_Comm comm, trn_rows_t *rows,
                             const trn_row_choice_t *choice, int64_t *unknown);

#endif
