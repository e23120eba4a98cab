#define _POSIX_C_SOURCE 200809L
/* chain.c: shapes of maps are known, and checked, before any of their numbers is read; then they
 * are joined one by one, so that rank 0 holds two at a time and their product. */
#include "algo/map/chain.h"

#include "base/mem.h"
#include "mpi/agree.h"

#include <string.h>
#include <unistd.h>

/* Whether rank 0 can read such a file. Collective. */
static bool readable(MPI_Comm comm, const char *path) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    return trn_any(comm, rank == 0 && access(path, R_OK) == 0);
}

/* Whether `path` is a map; the first must be. */
static trn_status_t look_at(trn_chain_t *chain, MPI_Comm comm, int at, bool *is) {
    enum { KIND = 32 };
    char kind[KIND];
    TRN_TRY(trn_map_kind(comm, chain->path[at], kind, KIND));
    *is = strcmp(kind, "map") == 0;
    /* What cannot be read at all is told by who opens it. */
    bool there = kind[0] || readable(comm, chain->path[at]);
    if (*is || (at == 0 && !there)) return trn_map_look(&chain->map[at], comm, chain->path[at]);
    if (at > 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: is no map%s%s; make one with fit", chain->path[at],
                    kind[0] ? ", but of kind " : "", kind);
}

/* Forwards each takes what the one before gives; backwards it is the same condition. */
static trn_status_t check_widths(const trn_chain_t *chain) {
    for (int i = 1; i < chain->count; i++)
        if (chain->map[i].in != chain->map[i - 1].out)
            return trn_fail(TRN_INPUT, "%s: takes %lld columns, but %s gives %lld", chain->path[i],
                            (long long)chain->map[i].in, chain->path[i - 1],
                            (long long)chain->map[i - 1].out);
    return TRN_OK;
}

/* The file that is taken at a step. */
static int at_step(const trn_chain_t *chain, int step) {
    return chain->inverse ? chain->count - 1 - step : step;
}

/* The shape of the whole, in the order in which maps are taken, so that a plan knows it. */
static trn_status_t join_shapes(trn_chain_t *chain) {
    bool exact;
    chain->exact = true;
    for (int step = 0; step < chain->count; step++) {
        int at = at_step(chain, step);
        trn_map_t shape = chain->map[at];
        if (chain->inverse) {
            TRN_TRY(trn_map_invertible(&shape, chain->path[at], &exact));
            chain->exact = chain->exact && exact;
            trn_map_invert_shape(&shape);
        }
        if (step == 0)
            chain->whole = shape;
        else
            trn_map_then_shape(&chain->whole, &shape);
    }
    return TRN_OK;
}

trn_status_t trn_chain_look(trn_chain_t *chain, MPI_Comm comm, int count, const char *const *path) {
    bool is = true;
    chain->path = path;
    TRN_AGREE(comm, trn_alloc_zero(&chain->map, count, sizeof *chain->map, "maps"));
    while (chain->count < count && is) {
        TRN_TRY(look_at(chain, comm, chain->count, &is));
        chain->count += is;
    }
    TRN_TRY(check_widths(chain));
    return join_shapes(chain);
}

int trn_chain_first(const trn_chain_t *chain) {
    return at_step(chain, 0);
}

bool trn_chain_whitens(const trn_chain_t *chain) {
    const char *fit = chain->map[chain->count - 1].fit;
    return !chain->inverse && (strcmp(fit, "whiten") == 0 || strcmp(fit, "zca") == 0);
}

/* The map of a step, on rank 0, joined to those before it. Collective. */
static trn_status_t join(trn_chain_t *chain, MPI_Comm comm, int step) {
    int rank, at = at_step(chain, step);
    trn_map_t *map = &chain->map[at];
    trn_status_t status = TRN_OK;
    MPI_Comm_rank(comm, &rank);
    TRN_TRY(trn_map_load(map, comm, chain->path[at]));
    if (rank != 0) return trn_agree(comm, TRN_OK);
    if (chain->inverse) status = trn_map_invert(map, chain->path[at]);
    if (status == TRN_OK && step > 0) {
        status = trn_map_then(&chain->whole, map);
        trn_map_free(map);
    } else if (status == TRN_OK) {
        chain->whole = *map; /* its numbers, too */
        map->matrix = map->mean = map->bias = map->values = NULL;
    }
    return trn_agree(comm, status);
}

trn_status_t trn_chain_load(trn_chain_t *chain, MPI_Comm comm) {
    for (int step = 0; step < chain->count; step++)
        TRN_TRY(join(chain, comm, step));
    return trn_map_share(&chain->whole, comm);
}

void trn_chain_plan(trn_ledger_t *ledger, const trn_chain_t *chain, int rank) {
    trn_ledger_t before = *ledger;
    trn_map_t joint = {0};
    for (int step = 0; step < chain->count && rank == 0; step++) {
        trn_map_t next = chain->map[at_step(chain, step)];
        trn_ledger_t held = *ledger;
        trn_ledger_take(ledger, "map", trn_map_numbers(&next), sizeof(double));
        if (chain->inverse) trn_map_invert_plan(ledger, &next);
        if (chain->inverse) trn_map_invert_shape(&next);
        if (step == 0) {
            joint = next;
            continue;
        }
        trn_map_then_shape(&joint, &next);
        trn_ledger_take(ledger, "map", trn_map_numbers(&joint), sizeof(double));
        trn_ledger_back(ledger, &held);
    }
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "map", trn_map_numbers(&chain->whole), sizeof(double));
}

void trn_chain_free(trn_chain_t *chain) {
    for (int i = 0; i < chain->count; i++)
        trn_map_free(&chain->map[i]);
    trn_map_free(&chain->whole);
    trn_free(&chain->map);
}
