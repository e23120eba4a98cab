/* report.h: event logs (--log-json) to a page that shows how the runs went. */
#ifndef TRN_REPORT_REPORT_H
#define TRN_REPORT_REPORT_H

#include "base/status.h"

#include <jansson.h>
#include <stdio.h>

/* Append the runs in the event log `path` to the array `runs`: objects with number, manifest and,
 * as far as the run came, epoch and valid (arrays of events), and summary. A last line that was cut
 * off is left out. Local. Fails with TRN_INPUT as FILE:LINE (no event log, nothing in it), TRN_IO,
 * TRN_MEMORY. */
trn_status_t trn_report_read(const char *path, json_t *runs);

/* Write the page: a table of the runs, learning curves, times over numbers of ranks where runs are
 * alike but for these, phases, and a table of each benchmark's cases. Local. Fails with TRN_MEMORY;
 * look at the stream's error flag for the rest. */
trn_status_t trn_report_write(FILE *to, const json_t *runs);

#endif
