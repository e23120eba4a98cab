/* estimate.h: what a job takes, told by a dry run and checked before any work. */
#ifndef TRN_ALGO_COMMON_ESTIMATE_H
#define TRN_ALGO_COMMON_ESTIMATE_H

#include "base/ledger.h"
#include "base/status.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* A job's plan: walk through what rank `rank` of `ranks` allocates and frees, from what is known of
 * its files. Equal on all ranks. Local; never fails. */
typedef void trn_estimator_t(const void *job, int ranks, int rank, trn_ledger_t *ledger);

/* Walk the plan for every rank and put what the fullest one holds at its fullest moment into the
 * result: "bytes_per_rank", an object of the plan's parts and "total". Unless `dry`, refuse the job
 * if that is above the limit of base/mem. Bytes are those beyond what the program takes without
 * data; small blocks that no plan lists have an allowance. Fails with TRN_MEMORY. Local; equal
 * arguments give equal outcomes. */
trn_status_t trn_estimate(int ranks, bool dry, trn_estimator_t *plan, const void *job,
                          json_t *result);

/* The same without a result: bytes of the fullest rank. Local. */
int64_t trn_estimate_bytes(int ranks, trn_estimator_t *plan, const void *job);

/* Bytes that base/mem counts now, and the most that it ever did, beyond the program's own, on the
 * rank that has most: what looking at the inputs has taken. Collective; cannot fail. */
typedef struct trn_held {
    int64_t now, most;
} trn_held_t;
trn_held_t trn_held_now(MPI_Comm comm);

/* Begin a plan with that: it stays under "inputs". Local. */
void trn_held_take(trn_ledger_t *ledger, const trn_held_t *held);

/* Refuse a job of which the inputs tell too little before memory is taken to look at them: `low`
 * is sure to be needed, and `high` is sure to be enough, which is what the refusal names. Fails
 * with TRN_MEMORY. Local; equal arguments give equal outcomes. */
trn_status_t trn_estimate_early(int ranks, trn_estimator_t *plan, const void *low,
                                const void *high);

/* Bytes of one row of a result's table, whose texts have so many letters together. Local. */
int64_t trn_estimate_row_bytes(int texts, int numbers, int64_t letters);

#endif
