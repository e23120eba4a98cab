/* side_rows.c: names of nodes looked up among those of rows, a million at a time. */
#include "algo/graph/eval/side_rows.h"

#include "algo/rows/row_names.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <string.h>

enum { PART = 1 << 20 };

trn_edges_ids_t trn_side_ids(const trn_matrix_in_t *in, trn_edges_ids_t ids) {
    return ids == TRN_IDS_AUTO && in->info.named ? TRN_IDS_NAMES : ids;
}

/* Copies of names on rank 0, for those that feed them need their memory again. */
static void free_names(char **name, int64_t count) {
    for (int64_t i = 0; name && i < count; i++)
        trn_free(&name[i]);
}

/* Rows of `count` names from `first` on. Collective. */
static trn_status_t find_part(trn_edges_side_t *side, MPI_Comm comm, trn_matrix_in_t *in,
                              int64_t first, int64_t count, char **name, int64_t *row) {
    const char *const *names = NULL;
    int rank;
    MPI_Comm_rank(comm, &rank);
    TRN_TRY(trn_edges_names(side, "", first, count, &names));
    trn_status_t status = TRN_OK;
    for (int64_t i = 0; i < count && rank == 0 && status == TRN_OK; i++)
        status = trn_strdup(&name[i], names[i]);
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = trn_row_names_find(in->names.rows, comm, count, name, row);
    free_names(name, rank == 0 ? count : 0);
    return status;
}

/* Collective. */
static trn_status_t find(trn_edges_side_t *side, MPI_Comm comm, trn_matrix_in_t *in, int32_t *row) {
    int64_t *found = NULL, part = side->count < PART ? side->count : PART;
    char **name = NULL;
    trn_status_t status = trn_alloc(&found, part, sizeof *found, "rows of names");
    if (status == TRN_OK) status = trn_alloc_zero(&name, part, sizeof *name, "names of nodes");
    TRN_OR(done, trn_agree(comm, status));
    TRN_OR(done, trn_matrix_in_names(in, comm));
    for (int64_t first = 0; first < side->count; first += part) {
        int64_t count = side->count - first < part ? side->count - first : part;
        TRN_OR(done, find_part(side, comm, in, first, count, name, found));
        for (int64_t i = 0; i < count; i++)
            row[first + i] = (int32_t)found[i]; /* of rank 0; the others' are overwritten */
    }
    trn_bcast_large(comm, side->count, MPI_INT32_T, row);
done:
    trn_free(&name);
    trn_free(&found);
    return status;
}

/* A number of a file may be as large as it likes: only those of rows have a place. */
trn_status_t trn_side_rows(trn_side_rows_t *rows, trn_edges_side_t *side, MPI_Comm comm,
                           trn_matrix_in_t *in) {
    bool few = side->named || side->count < in->info.rows;
    rows->count = few ? side->count : in->info.rows;
    TRN_AGREE(comm, trn_alloc_zero(&rows->row, rows->count, sizeof *rows->row, "rows of nodes"));
    if (side->named) return find(side, comm, in, rows->row);
    for (int64_t i = 0; i < rows->count; i++)
        rows->row[i] = (int32_t)i;
    return TRN_OK;
}

int32_t trn_side_row(const trn_side_rows_t *rows, int32_t number) {
    return number < rows->count ? rows->row[number] : -1;
}
