/* fetch.h: rows of numbers that lie on other ranks, brought here for a step of training: those that
 * a batch names and no others. */
#ifndef TRN_ALGO_GRAPH_LIGHTGCN_FETCH_H
#define TRN_ALGO_GRAPH_LIGHTGCN_FETCH_H

#include "base/status.h"
#include "mpi/exchange.h"
#include "mpi/matrix.h"

#include <mpi.h>
#include <stdint.h>

/* Of rows in bands start[ranks + 1] (borrowed). Fields are for fetch.c. */
typedef struct trn_fetch {
    MPI_Comm comm;
    int rank, ranks;
    const int64_t *start;
    int32_t *place; /* [all rows] of a row on another rank: -1, or its number among those fetched;
                     * NULL on one rank */
    int64_t count;  /* rows fetched */
    int64_t stride; /* numbers from row to row of them */
    int64_t *bytes; /* [ranks] to be sent */
    void *send;     /* ids, then rows */
    int64_t room;   /* bytes of it */
    trn_parcels_t asked, rows;
} trn_fetch_t;

/* Local. Fails with TRN_MEMORY; free it then, too. Memory: 4 bytes a row of all ranks. */
trn_status_t trn_fetch_create(trn_fetch_t *fetch, MPI_Comm comm, const int64_t *start);
void trn_fetch_free(trn_fetch_t *fetch);

/* Begin a new set of rows; name one (any rank's, any number of times). Local. */
void trn_fetch_begin(trn_fetch_t *fetch);
void trn_fetch_want(trn_fetch_t *fetch, int64_t row);

/* Bring the rows that were named out of everybody's `own` rows. Collective. Fails (agreed) with
 * TRN_MEMORY. Cost: 8 bytes and a row for each that lies elsewhere; two exchanges. */
trn_status_t trn_fetch_bring(trn_fetch_t *fetch, trn_view_t own);

/* Where a row is that was named: number i >= 0 of the own rows, or -1 - i of those fetched, which
 * is how kern/sparse/spmm.h tells the two apart. Local. */
int32_t trn_fetch_place(const trn_fetch_t *fetch, int64_t row);

/* Its numbers: of `own`, or fetched. Local. */
const void *trn_fetch_row(const trn_fetch_t *fetch, trn_view_t own, int32_t place);

/* The rank whose band has a row. Local. Cost: a binary search. */
int trn_fetch_owner(const trn_fetch_t *fetch, int64_t row);

#endif
