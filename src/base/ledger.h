/* ledger.h: what a job will take on one rank, reckoned before it takes it.
 *
 * A plan walks through a job as the job walks through its allocations: it takes what the job
 * allocates and gives back what the job frees, in the same order. The most that is held at one time
 * is what the rank needs, to be refused (trn_mem_expect) or told (--dry-run) before any work. Each
 * module has its plan beside its allocations, as trn_x_plan(ledger, sizes). Pure arithmetic: no
 * data and no MPI, so that a laptop can plan for any number of ranks. Sums stop at INT64_MAX. */
#ifndef TRN_BASE_LEDGER_H
#define TRN_BASE_LEDGER_H

#include <stdint.h>

enum { TRN_LEDGER_PARTS = 12 };

/* What is held under one name. */
typedef struct trn_ledger_part {
    const char *name; /* borrowed: a literal */
    int64_t now;      /* bytes */
    int64_t then;     /* bytes when the ledger held most */
} trn_ledger_part_t;

/* Bytes that are held now, and the most that ever were. Start with {0}; copy it freely. */
typedef struct trn_ledger {
    int64_t now, most;
    int parts;
    trn_ledger_part_t part[TRN_LEDGER_PARTS];
} trn_ledger_t;

/* count x size bytes, at least 0 and at most INT64_MAX. Local. */
int64_t trn_ledger_bytes(int64_t count, int64_t size);

/* Take `count` x `size` bytes under a name; names beyond TRN_LEDGER_PARTS share the last part.
 * Local. */
void trn_ledger_take(trn_ledger_t *ledger, const char *name, int64_t count, int64_t size);

/* Give bytes back that were taken under this name. Local. */
void trn_ledger_give(trn_ledger_t *ledger, const char *name, int64_t count, int64_t size);

/* Take bytes and give them back. Local. */
void trn_ledger_pass(trn_ledger_t *ledger, const char *name, int64_t count, int64_t size);

/* Give back what was taken since the ledger was as it is in `before`, a copy of it: frees what a
 * function allocated for itself. Local. */
void trn_ledger_back(trn_ledger_t *ledger, const trn_ledger_t *before);

#endif
