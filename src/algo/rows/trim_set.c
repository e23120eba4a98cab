/* trim_set.c: several matrices by one list of rows. */
#include "algo/rows/trim_set.h"

#include "algo/rows/trim_files.h"
#include "base/mem.h"
#include "mpi/agree.h"

#include <string.h>

static trn_status_t allocate(trn_trim_set_t *set, int named) {
    set->named = named;
    TRN_TRY(trn_alloc_zero(&set->trims, named, sizeof *set->trims, "matrices"));
    TRN_TRY(trn_alloc_zero(&set->to, named, sizeof *set->to, "file names"));
    return trn_alloc_zero(&set->of, named, sizeof *set->of, "matrices");
}

/* The matrix that path i is: one that was named before, or a further one. Collective. */
static trn_status_t open_next(trn_trim_set_t *set, MPI_Comm comm, char *const *paths, int i,
                              bool lossy) {
    trn_rows_t **rows = &set->trims[set->n].rows; /* to be closed whatever comes */
    bool same = false;
    int first;
    TRN_TRY(trn_trim_tied(comm, paths[i], i, paths, &same, &first));
    if (same && first >= 0) {
        set->of[i] = set->of[first];
        return TRN_OK;
    }
    TRN_TRY(trn_rows_open(rows, comm, paths[i], &(trn_rows_how_t){.lossy = lossy}));
    set->of[i] = set->n;
    for (int k = 0; k < set->n; k++) {
        TRN_TRY(trn_trim_same(comm, set->trims[k].rows, *rows, &same));
        if (!same) continue;
        set->of[i] = k;
        trn_rows_close(rows);
        return TRN_OK;
    }
    set->n++;
    int64_t all = trn_rows_about(set->trims[0].rows)->rows, own = trn_rows_about(*rows)->rows;
    if (own == all) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: has %lld rows, but %s has %lld; one list of rows is for all matrices",
                    paths[i], (long long)own, paths[0], (long long)all);
}

trn_status_t trn_trim_set_open(trn_trim_set_t *set, MPI_Comm comm, int named, char *const *paths,
                               bool lossy) {
    TRN_AGREE(comm, allocate(set, named));
    for (int i = 0; i < named; i++)
        TRN_TRY(open_next(set, comm, paths, i, lossy));
    return TRN_OK;
}

/* Names by arithmetic, equal on all ranks. Local. */
static trn_status_t name_all(trn_trim_set_t *set, const char *output, bool folder,
                             const char *format) {
    for (int i = 0; i < set->n; i++) {
        if (folder)
            TRN_TRY(trn_trim_place(set->trims[i].rows, output, format, &set->to[i]));
        else
            TRN_TRY(trn_strdup(&set->to[i], output));
        set->trims[i].to = set->to[i];
        for (int k = 0; k < i; k++)
            if (strcmp(set->to[k], set->to[i]) == 0)
                return trn_fail(TRN_USAGE, "--output: %s would be written twice, for %s and %s",
                                set->to[i], trn_rows_path(set->trims[k].rows),
                                trn_rows_path(set->trims[i].rows));
    }
    return TRN_OK;
}

/* Rank 0, which sees the files: a single one has been compared with what is read already. */
static trn_status_t keep_apart(const trn_trim_set_t *set) {
    for (int i = 0; i < set->n; i++)
        for (int k = 0; k < set->n; k++)
            TRN_TRY(trn_trim_apart(set->to[i], set->trims[k].rows));
    return TRN_OK;
}

trn_status_t trn_trim_set_place(trn_trim_set_t *set, MPI_Comm comm, const char *output, bool folder,
                                const char *format) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = name_all(set, output, folder, format);
    if (status == TRN_OK && rank == 0 && folder) status = keep_apart(set);
    return trn_agree(comm, status);
}

trn_rows_t *trn_trim_set_named(const trn_trim_set_t *set) {
    for (int i = 0; i < set->n; i++)
        if (trn_rows_about(set->trims[i].rows)->named) return set->trims[i].rows;
    return set->trims[0].rows;
}

int trn_trim_set_same(const trn_trim_set_t *set, int i) {
    for (int k = 0; k < i; k++)
        if (set->of[k] == set->of[i]) return k;
    return -1;
}

void trn_trim_set_free(trn_trim_set_t *set) {
    for (int i = 0; set->trims && i < set->named; i++)
        trn_rows_close(&set->trims[i].rows);
    for (int i = 0; set->to && i < set->n; i++)
        trn_free(&set->to[i]);
    trn_free(&set->trims);
    trn_free(&set->to);
    trn_free(&set->of);
}
