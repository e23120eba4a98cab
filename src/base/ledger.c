/* ledger.c: see ledger.h. */
#include "base/ledger.h"

#include <assert.h>
#include <string.h>

int64_t trn_ledger_bytes(int64_t count, int64_t size) {
    int64_t bytes;
    if (count <= 0 || size <= 0) return 0;
    return __builtin_mul_overflow(count, size, &bytes) ? INT64_MAX : bytes;
}

/* Saturates: a plan for a huge job must say "too much", not wrap around. */
static int64_t sum(int64_t a, int64_t b) {
    int64_t both;
    return __builtin_add_overflow(a, b, &both) ? INT64_MAX : both;
}

/* The part of that name. What is beyond TRN_LEDGER_PARTS is counted with the last one, so that
 * totals stay right. */
static trn_ledger_part_t *part_of(trn_ledger_t *ledger, const char *name) {
    for (int i = 0; i < ledger->parts; i++)
        if (strcmp(ledger->part[i].name, name) == 0) return &ledger->part[i];
    if (ledger->parts == TRN_LEDGER_PARTS) return &ledger->part[TRN_LEDGER_PARTS - 1];
    ledger->part[ledger->parts] = (trn_ledger_part_t){.name = name};
    return &ledger->part[ledger->parts++];
}

/* The present is the fullest moment so far: remember what made it so. */
static void note_peak(trn_ledger_t *ledger) {
    ledger->most = ledger->now;
    for (int i = 0; i < ledger->parts; i++)
        ledger->part[i].then = ledger->part[i].now;
}

void trn_ledger_take(trn_ledger_t *ledger, const char *name, int64_t count, int64_t size) {
    int64_t bytes = trn_ledger_bytes(count, size);
    trn_ledger_part_t *part = part_of(ledger, name);
    part->now = sum(part->now, bytes);
    ledger->now = sum(ledger->now, bytes);
    if (ledger->now > ledger->most) note_peak(ledger);
}

void trn_ledger_give(trn_ledger_t *ledger, const char *name, int64_t count, int64_t size) {
    int64_t bytes = trn_ledger_bytes(count, size);
    part_of(ledger, name)->now -= bytes;
    ledger->now -= bytes;
    assert(ledger->now >= 0);
}

/* Memory that is taken and given back before anything else is: it counts for the peak only. */
void trn_ledger_pass(trn_ledger_t *ledger, const char *name, int64_t count, int64_t size) {
    trn_ledger_take(ledger, name, count, size);
    trn_ledger_give(ledger, name, count, size);
}

/* All that was taken since `before` is given back; the peak stays. */
void trn_ledger_back(trn_ledger_t *ledger, const trn_ledger_t *before) {
    for (int i = 0; i < ledger->parts; i++)
        ledger->part[i].now = i < before->parts ? before->part[i].now : 0;
    ledger->now = before->now;
}
