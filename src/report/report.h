/* report.h: event logs (--log-json) to a page that shows how the runs went. */
#ifndef TRN_REPORT_REPORT_H
#define TRN_REPORT_REPORT_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What changes with epochs: of a run's many events only these two numbers each are kept. */
typedef enum trn_report_list {
    TRN_REPORT_LOSS,
    TRN_REPORT_MRR,
    TRN_REPORT_LISTS
} trn_report_list_t;

typedef struct trn_report_curve {
    double *epoch, *value;         /* [count] */
    int64_t count, epochs, values; /* room for so many */
} trn_report_curve_t;

/* Runs as they were logged. Start with {0}. */
typedef struct trn_report {
    json_t
        *runs; /* objects with number (from 1), manifest and, if the run came to an end, summary */
    trn_report_curve_t *curves; /* [TRN_REPORT_LISTS x count], of room for `room` */
    int64_t room, count;        /* count: runs */
    int64_t kept;               /* bytes of the log's text that became manifests and summaries */
    bool sizes_only;            /* set by the caller: nothing is kept, only reckoned */
    int64_t bytes;              /* of curves, then */
} trn_report_t;

/* Append the runs in the event log `path`. A last line that was cut off is left out. Local. Fails
 * with TRN_INPUT as FILE:LINE (no event log, nothing in it), TRN_IO, TRN_MEMORY. Memory: 16 bytes
 * an event, a line, and the manifests and summaries. */
trn_status_t trn_report_read(const char *path, trn_report_t *report);

/* Free what a report holds; it is as new. Local. */
void trn_report_free(trn_report_t *report);

/* For plans: bytes of the curves, if only sizes were read; of manifests and summaries, which
 * base/mem does not count; and of writing the page. Local. */
int64_t trn_report_bytes(const trn_report_t *report);

/* Write the page: a table of the runs, learning curves, times over numbers of ranks where runs are
 * alike but for these, phases, and a table of each benchmark's cases. Local. Fails with TRN_MEMORY;
 * look at the stream's error flag for the rest. */
trn_status_t trn_report_write(FILE *to, const trn_report_t *report);

#endif
