/* users.c: users by their names or numbers. */
#include "algo/graph/recommend/users.h"

#include "base/mem.h"
#include "io/share.h"
#include "mpi/agree.h"
#include "text/lookup.h"
#include "text/number.h"

#include <stdlib.h>

enum { BLOCK = 4096 /* names that are read at a time, as trn_edges_names wants */ };

/* Users ask which of the names wanted they have. Collective; rank 0 looks. */
static trn_status_t ask_all(trn_edges_side_t *side, int rank, const trn_lookup_t *wanted,
                            int64_t *number) {
    const char *const *name = NULL;
    trn_status_t status = TRN_OK;
    for (int64_t first = 0; first < side->count && status == TRN_OK; first += BLOCK) {
        int64_t some = side->count - first < BLOCK ? side->count - first : BLOCK;
        status = trn_edges_names(side, "", first, some, &name);
        for (int64_t i = 0; i < some && rank == 0 && status == TRN_OK; i++) {
            int64_t found = trn_lookup_find(wanted, name[i]);
            if (found >= 0) number[found] = first + i;
        }
    }
    trn_edges_names(side, "", 0, 0, &name); /* lets go of what it holds */
    return status;
}

/* number[] of the list's names, -1 for those that no user has. Collective; rank 0's count. */
static trn_status_t by_name(trn_interactions_t *in, int rank, const trn_name_list_t *list,
                            int64_t *number) {
    trn_lookup_t *wanted = NULL;
    trn_status_t status =
        rank == 0 ? trn_lookup_create(&wanted, list->count, list->name, false, NULL) : TRN_OK;
    status = trn_agree(in->comm, status);
    if (status == TRN_OK) status = ask_all(&in->edges.side[0], rank, wanted, number);
    /* the table has but the first of equal names */
    for (int64_t i = 0; rank == 0 && status == TRN_OK && i < list->count; i++)
        number[i] = number[trn_lookup_find(wanted, list->name[i])];
    trn_lookup_destroy(&wanted);
    return status;
}

static void by_number(int64_t users, const trn_name_list_t *list, int64_t *number) {
    for (int64_t i = 0; i < list->count; i++) {
        const char *end = trn_number_whole(list->name[i], &number[i]);
        if (!end || *end || number[i] >= users) number[i] = -1;
    }
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* That all are there; then in order, each once. Local. */
static trn_status_t settle(const trn_interactions_t *in, const trn_name_list_t *list,
                           int64_t *number, int64_t *count) {
    for (int64_t i = 0; i < list->count; i++) {
        char where[32] = "";
        if (number[i] >= 0) continue;
        if (list->line) snprintf(where, sizeof where, ":%lld", (long long)list->line[i]);
        if (in->edges.side[0].named)
            return trn_fail(TRN_INPUT, "%.300s%s: '%.100s' is no user of the files", list->path,
                            where, list->name[i]);
        return trn_fail(TRN_INPUT,
                        "%.300s%s: '%.100s' is no user of the files, who have numbers from 0 to "
                        "%lld",
                        list->path, where, list->name[i], (long long)in->users - 1);
    }
    qsort(number, (size_t)list->count, sizeof *number, ascending);
    *count = 0;
    for (int64_t i = 0; i < list->count; i++)
        if (i == 0 || number[i] != number[i - 1]) number[(*count)++] = number[i];
    return TRN_OK;
}

trn_status_t trn_users_find(trn_interactions_t *in, const trn_name_list_t *list, int64_t **wanted,
                            int64_t *count) {
    int rank;
    MPI_Comm_rank(in->comm, &rank);
    bool named = in->edges.side[0].named;
    trn_status_t status = TRN_OK;
    *wanted = NULL;
    if (rank == 0) status = trn_alloc(wanted, list->count, sizeof **wanted, "users asked for");
    TRN_AGREE(in->comm, status);
    for (int64_t i = 0; rank == 0 && i < list->count; i++)
        (*wanted)[i] = -1;
    if (named)
        status = by_name(in, rank, list, *wanted);
    else if (rank == 0)
        by_number(in->users, list, *wanted);
    if (status == TRN_OK && rank == 0) status = settle(in, list, *wanted, count);
    status = trn_agree(in->comm, status);
    int64_t bytes = rank == 0 ? *count * (int64_t)sizeof **wanted : 0;
    if (status == TRN_OK) status = trn_share(in->comm, wanted, &bytes, "users asked for");
    *count = bytes / (int64_t)sizeof **wanted;
    if (status != TRN_OK) trn_free(wanted);
    return status;
}
