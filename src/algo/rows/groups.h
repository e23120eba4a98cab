/* groups.h: rows of a matrix that belong together, wherever they stand, brought together group by
 * group. Groups are ordered by their first rows and dealt whole to ranks, so that groups whose rows
 * follow each other hardly travel; every row moves once, some megabytes at a time. */
#ifndef TRN_ALGO_ROWS_GROUPS_H
#define TRN_ALGO_ROWS_GROUPS_H

#include "algo/matrix/tall.h"
#include "algo/rows/ids.h"
#include "base/ledger.h"
#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

/* On every rank. Start with {0}. */
typedef struct trn_groups {
    int64_t rows;              /* of the matrix */
    int64_t count;             /* of groups */
    int64_t *label;            /* [count] as the list has it */
    int64_t *start;            /* [count + 1] group g has member[start[g] .. start[g + 1]) */
    int64_t *member;           /* rows, ascending in each group */
    int64_t *group_of;         /* [rows] group of each row; -1: none */
    int64_t largest, smallest; /* rows of a group */
} trn_groups_t;

/* Make groups of one label a row; rows with a negative label are in none. Local. Fails with
 * TRN_MEMORY, TRN_INPUT (no group). Cost: a sort of the labels. */
trn_status_t trn_groups_create(trn_groups_t *groups, const trn_ids_t *labels);

/* One group of all rows. Local. Fails as above. */
trn_status_t trn_groups_whole(trn_groups_t *groups, int64_t rows);

/* Free what it holds; {0} and twice are fine. Local. */
void trn_groups_free(trn_groups_t *groups);

/* What that holds on a rank, for `rows` rows with or without labels read. Local. */
void trn_groups_plan(trn_ledger_t *ledger, int64_t rows);

/* First group of a rank (of rank = ranks: their count): about even numbers of rows. Local. */
int64_t trn_groups_first(const trn_groups_t *groups, int ranks, int rank);

/* What is done to the rows of group `group`, [its rows x cols] float64, row order kept, no gaps; to
 * be changed at will. It never fails: what goes wrong is kept, and asked for afterwards. Local. */
typedef void (*trn_group_visit_t)(void *user, int64_t group, trn_view_t rows);

/* Show every group to its rank, in order. Rows of x come as float64 from memory or its source,
 * which may let pass what is not finite. Collective, equal arguments. Fails (agreed) with TRN_INPUT
 * naming `name` and the first row and column that is not finite, TRN_MEMORY. Cost: every row moves
 * once; a source is read once if groups follow each other in it, else once for each round. */
trn_status_t trn_groups_each(const trn_groups_t *groups, trn_tall_t x, const char *name,
                             trn_group_visit_t visit, void *user);

/* What trn_groups_each takes beside x. Local. */
void trn_groups_each_plan(trn_ledger_t *ledger, const trn_groups_t *groups, int64_t cols,
                          int ranks);

/* A row of `cols` numbers for each group, this rank's own ones being `own`; *rows, to be freed with
 * trn_free, become those of the groups in wanted[count], ascending. Collective. Fails (agreed) with
 * TRN_MEMORY. Cost: two exchanges. */
trn_status_t trn_groups_fetch(const trn_groups_t *groups, MPI_Comm comm, const double *own,
                              int64_t cols, const int64_t *wanted, int64_t count, double **rows);

#endif
