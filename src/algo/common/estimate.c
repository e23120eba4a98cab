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
    trn_ledger_t most = fullest(ranks, plan, job);
    TRN_TRY(tell(result, &most));
    return dry ? TRN_OK : trn_mem_expect(most.most, ranks);
}

int64_t trn_estimate_bytes(int ranks, trn_estimator_t *plan, const void *job) {
    return fullest(ranks, plan, job).most;
}
