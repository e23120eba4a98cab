/* estimate.c: see estimate.h. */
#include "algo/common/estimate.h"

#include "base/mem.h"

/* Names of files, tables of a store, distributions, counts by rank and such. */
enum { SMALL_BYTES = 192 << 10, SMALL_BYTES_EACH = 256 /* a rank */ };

static trn_ledger_t fullest(int ranks, trn_estimator_t *plan, const void *job) {
    trn_ledger_t most = {0};
    for (int rank = 0; rank < ranks; rank++) {
        trn_ledger_t ledger = {0};
        trn_ledger_take(&ledger, "small", SMALL_BYTES + (int64_t)ranks * SMALL_BYTES_EACH, 1);
        plan(job, ranks, rank, &ledger);
        if (rank == 0 || ledger.most > most.most) most = ledger;
    }
    return most;
}

static trn_status_t tell(json_t *result, const trn_ledger_t *ledger) {
    json_t *parts = json_object();
    for (int i = 0; i < ledger->parts; i++)
        if (ledger->part[i].then > 0)
            json_object_set_new(parts, ledger->part[i].name, json_integer(ledger->part[i].then));
    json_object_set_new(parts, "total", json_integer(ledger->most));
    if (json_object_set_new(result, "bytes_per_rank", parts) == 0) return TRN_OK;
    return trn_fail(TRN_MEMORY, "no memory for a result");
}

trn_status_t trn_estimate(int ranks, bool dry, trn_estimator_t *plan, const void *job,
                          json_t *result) {
    enum { SPARE = 64 << 10 /* of the allowance: what a dry run does not take, such as locks */ };
    trn_ledger_t most = fullest(ranks, plan, job);
    TRN_TRY(tell(result, &most));
    if (dry) return TRN_OK;
    if (most.most - SPARE > trn_mem_limit_now()) return trn_mem_expect(most.most, ranks);
    trn_mem_planned();
    return TRN_OK;
}

int64_t trn_estimate_bytes(int ranks, trn_estimator_t *plan, const void *job) {
    return fullest(ranks, plan, job).most;
}

trn_held_t trn_held_now(MPI_Comm comm) {
    int64_t before = trn_mem_before(); /* the command line is no part of a plan */
    int64_t held[2] = {trn_mem_now() - before, trn_mem_peak() - before};
    MPI_Allreduce(MPI_IN_PLACE, held, 2, MPI_INT64_T, MPI_MAX, comm);
    return (trn_held_t){held[0], held[1]};
}

void trn_held_take(trn_ledger_t *ledger, const trn_held_t *held) {
    trn_ledger_take(ledger, "inputs", held->now, 1);
    trn_ledger_pass(ledger, "reading", held->most - held->now, 1);
}

trn_status_t trn_estimate_early(int ranks, trn_estimator_t *plan, const void *low,
                                const void *high) {
    int64_t limit = trn_mem_limit_now();
    if (limit == 0 || trn_estimate_bytes(ranks, plan, low) <= limit) return TRN_OK;
    return trn_mem_expect(trn_estimate_bytes(ranks, plan, high), ranks);
}

/* Measured with jansson 2.14 and glibc: an object with its table, a place in the array, a pair for
 * each field, a number, a text. */
int64_t trn_estimate_row_bytes(int texts, int numbers, int64_t letters) {
    enum { OBJECT = 240, PAIR = 64, NUMBER = 32, TEXT = 64 };
    return OBJECT + (texts + numbers) * PAIR + numbers * NUMBER + texts * TEXT + letters;
}
