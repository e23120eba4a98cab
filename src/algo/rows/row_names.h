/* row_names.h: rows by their names: lists of names in files, the rows that have them, and the names
 * of some rows. No rank holds the names of all rows. */
#ifndef TRN_ALGO_ROWS_ROW_NAMES_H
#define TRN_ALGO_ROWS_ROW_NAMES_H

#include "algo/rows/ids.h"
#include "base/status.h"
#include "io/rows/rows.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Lines of a file, each a name and perhaps more. Start with {0}. */
typedef struct trn_name_list {
    const char *path; /* borrowed */
    int64_t count;
    char **name;   /* [count] into text */
    char **rest;   /* [count] what follows the tab, or the name of a word; "" if nothing does */
    int64_t *line; /* [count] from 1 */
    char *text;
} trn_name_list_t;

/* Read `path`: lines with a tab hold a name, blanks and all, before it; others a word, or a word
 * and numbers (text/list.h). Blank lines are skipped. Local: for rank 0. Fails with TRN_INPUT as
 * FILE:LINE, TRN_MEMORY, TRN_IO. */
trn_status_t trn_name_list_read(trn_name_list_t *list, const char *path);

/* number[count] = the whole number, at least 0, that alone is the rest of each line. Fails with
 * TRN_INPUT as FILE:LINE. Local. */
trn_status_t trn_name_list_numbers(const trn_name_list_t *list, int64_t *number);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_name_list_free(trn_name_list_t *list);

/* row[count] = the first row that has each name, -1: none has; where rows have no names, the row of
 * that number. Names and rows are those of rank 0; elsewhere they are not looked at. Collective,
 * equal count. Fails (agreed) as trn_rows_names. Cost: one pass over the names of all rows. */
trn_status_t trn_row_names_find(trn_rows_t *rows, MPI_Comm comm, int64_t count, char *const *name,
                                int64_t *row);

/* The same for words as people write them: a name as it is, else the first that is equal regardless
 * of case, else the same for the word's normalization forms C and D. Collective. Fails (agreed)
 * likewise. Cost: one pass more for each of these that some word needs. */
trn_status_t trn_row_names_find_like(trn_rows_t *rows, MPI_Comm comm, int64_t count,
                                     char *const *name, int64_t *row);

/* The names of rows ids->id, in this order, on every rank: one allocation, to be freed with
 * trn_free; NULL if the rows have none. Collective. Fails (agreed) likewise. Cost: one pass. */
trn_status_t trn_row_names_of(trn_rows_t *rows, MPI_Comm comm, const trn_ids_t *ids, char ***names);

#endif
