/* fit.c: the table of kinds of maps, and what every fit begins and ends with. */
#include "algo/map/fit_impl.h"

#include "kern/dense/lapack.h"
#include "mpi/agree.h"

#include <string.h>

static const trn_fit_kind_t *const kinds[] = {
    &trn_fit_pca,  &trn_fit_whiten,    &trn_fit_zca,   &trn_fit_slice,      &trn_fit_remove,
    &trn_fit_soft, &trn_fit_calibrate, &trn_fit_ridge, &trn_fit_procrustes, &trn_fit_discriminant,
    NULL};

const trn_fit_kind_t *trn_fit_kind(const char *name) {
    for (int i = 0; kinds[i]; i++)
        if (strcmp(kinds[i]->name, name) == 0) return kinds[i];
    return NULL;
}

const char *trn_fit_kinds(void) {
    return "pca, whiten, zca, slice, remove, soft, calibrate, ridge, procrustes, discriminant";
}

const char *trn_fit_name(const trn_fit_kind_t *kind) {
    return kind->name;
}

void trn_fit_takes(const trn_fit_kind_t *kind, int *least, int *most, const char **matrices) {
    *least = kind->least;
    *most = kind->most;
    *matrices = kind->matrices;
}

const char *trn_fit_has(const trn_fit_kind_t *kind) {
    return kind->has;
}

bool trn_fit_brief(const trn_fit_kind_t *kind) {
    return kind->brief;
}

/* Checks --------------------------------------------------------------------------------------- */

/* Not empty, and no wider than LAPACK takes. */
static trn_status_t check_one(const trn_fit_t *fit, int at) {
    int64_t rows = trn_fit_rows(fit, at), cols = trn_fit_cols(fit, at);
    if (rows < 1 || cols < 1)
        return trn_fail(TRN_INPUT, "%s: %lld x %lld: nothing can be fitted to an empty matrix",
                        fit->in[at]->in.path, (long long)rows, (long long)cols);
    if (cols > TRN_LAPACK_MOST)
        return trn_fail(TRN_INPUT, "%s: has %lld columns; a map takes %d at most",
                        fit->in[at]->in.path, (long long)cols, (int)TRN_LAPACK_MOST);
    return TRN_OK;
}

trn_status_t trn_fit_check(trn_fit_t *fit) {
    for (int i = 0; i < fit->count; i++)
        TRN_TRY(check_one(fit, i));
    fit->map = (trn_map_t){.in = trn_fit_cols(fit, 0), .views = 1};
    fit->map.view[0] = fit->map.in;
    strncpy(fit->map.fit, fit->kind->name, TRN_MAP_FIT - 1);
    return fit->kind->check(fit);
}

/* All kinds ------------------------------------------------------------------------------------ */

/* Reading explains what went wrong with its numbers, so it is asked last. */
trn_status_t trn_fit(trn_fit_t *fit) {
    trn_status_t status = fit->kind->run(fit);
    for (int i = 0; i < fit->count; i++)
        status = trn_tall_in_outcome(fit->in[i], status);
    return status;
}

void trn_fit_plan(const trn_fit_t *fit, int ranks, int rank, trn_ledger_t *ledger) {
    trn_ledger_t before = *ledger;
    fit->kind->plan(fit, ranks, rank, ledger);
    trn_ledger_back(ledger, &before);
    trn_fit_allocate_plan(fit, rank, ledger);
}

/* The Gram matrix, and the passes with the map; eigenvectors. */
double trn_fit_flops(const trn_fit_t *fit) {
    double flops = 0, d = (double)fit->map.in;
    for (int i = 0; i < fit->count; i++)
        flops += (double)trn_fit_rows(fit, i) * (double)trn_fit_cols(fit, i) * d;
    return flops + 9 * d * d * d;
}

void trn_fit_free(trn_fit_t *fit) {
    trn_map_free(&fit->map);
}
