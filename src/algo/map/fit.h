/* fit.h: maps fitted to rows: one table of kinds, each in a file of its own or of its family.
 *
 * All see rows in the same way: a few passes over blocks, sums of which are small; what is small is
 * worked on by rank 0. Bits depend neither on ranks, nor on threads, nor on memory. */
#ifndef TRN_ALGO_MAP_FIT_H
#define TRN_ALGO_MAP_FIT_H

#include "algo/map/map.h"
#include "algo/matrix/tall_in.h"
#include "algo/rows/ids.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct trn_fit_kind trn_fit_kind_t;

/* As the options of the verb; a kind looks at its own. */
typedef struct trn_fit_options {
    int64_t rank; /* 0: as many as there are */
    bool zca, scale, center, rotation;
    double epsilon, damp, alpha, lambda;
} trn_fit_options_t;

enum { TRN_FIT_FIGURES = 6 };

/* A map on its way. Start with {0}; kind, options, matrices and labels are set by the caller, who
 * owns the matrices and labels. */
typedef struct trn_fit {
    const trn_fit_kind_t *kind;
    trn_fit_options_t options;
    MPI_Comm comm;
    int threads;
    int count; /* of matrices */
    trn_tall_in_t **in;
    trn_ids_t labels, subclasses; /* of rows, on every rank; the second may have none */
    trn_map_t map;                /* its shape after trn_fit_check, numbers of rank 0 later */
    /* What else there is to tell, on rank 0: figures by name, and the sum of which map.values have
     * shares, 0: of none. */
    int figures;
    struct {
        const char *name; /* a literal */
        double value;
    } figure[TRN_FIT_FIGURES];
    double total;
} trn_fit_t;

/* How the kind is called, or NULL; all of them, "pca whiten ...". Local. */
const trn_fit_kind_t *trn_fit_kind(const char *name);
const char *trn_fit_kinds(void);

/* What it is called; how many matrices it takes, and what they are, "X T"; the options that it
 * has, between blanks. Local. */
const char *trn_fit_name(const trn_fit_kind_t *kind);
void trn_fit_takes(const trn_fit_kind_t *kind, int *least, int *most, const char **matrices);
const char *trn_fit_has(const trn_fit_kind_t *kind);

/* Whether rows pass by but two or three times, so that they need not stay in memory where they can
 * be read again for little. Local. */
bool trn_fit_brief(const trn_fit_kind_t *kind);

/* That sizes, labels and options fit each other, of matrices that have been looked at; sets the
 * shape of the map. Fails with TRN_INPUT, TRN_USAGE. Local, equal arguments. */
trn_status_t trn_fit_check(trn_fit_t *fit);

/* Fit the map to matrices that are open. Collective. Fails (agreed) as reading does, with TRN_INPUT
 * (a matrix that is singular where its inverse is needed, with its rank), TRN_NUMERIC (numbers too
 * large for float64), TRN_MEMORY. Cost: n d^2 flop over all ranks for most, and about 9 d^3 on rank
 * 0. */
trn_status_t trn_fit(trn_fit_t *fit);

/* What that takes beside the matrices; the map stays under "map". Local. */
void trn_fit_plan(const trn_fit_t *fit, int ranks, int rank, trn_ledger_t *ledger);

/* Flops of all ranks together. Local. */
double trn_fit_flops(const trn_fit_t *fit);

/* Free the map. Local. */
void trn_fit_free(trn_fit_t *fit);

#endif
