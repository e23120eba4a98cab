/* sink.h: two ways in which formats write: bytes at places known beforehand, and lines of any
 * length, in rank order. A format's begin, put and finish are built of one of them. */
#ifndef TRN_IO_FORMATS_SINK_H
#define TRN_IO_FORMATS_SINK_H

#include "base/status.h"
#include "io/formats/format.h"
#include "text/print.h"

#include <stdint.h>

/* Rows of fixed size behind a head: what sink->self then is. Rank 0 writes head[head_bytes] at 0;
 * rows follow, and `tail` bytes for the format to write itself with trn_fixed_at. Collective. Fails
 * (agreed) with TRN_IO, TRN_MEMORY. */
trn_status_t trn_fixed_begin(trn_sink_t *sink, const char *head, int64_t head_bytes, int64_t tail);
trn_status_t trn_fixed_put(trn_sink_t *sink, int64_t first, int64_t rows, const void *values);
trn_status_t trn_fixed_at(trn_sink_t *sink, int64_t offset, const void *data, int64_t bytes);
trn_status_t trn_fixed_finish(trn_sink_t *sink, trn_status_t status);

/* Lines of any length: what sink->self then is. They wait in memory, and beyond 64 MiB in a file
 * without a name beside the output, until it is known where they go. Collective; the next two
 * Local. Fail with TRN_IO, TRN_MEMORY. */
trn_status_t trn_lines_begin(trn_sink_t *sink);
trn_status_t trn_lines_room(trn_sink_t *sink, int64_t bytes, char **to); /* where to write them */
trn_status_t trn_lines_take(trn_sink_t *sink, char *end);                /* so far were written */

/* Bytes that this rank has written so far. Local. */
int64_t trn_lines_bytes(const trn_sink_t *sink);

/* For plans: what holding `bytes` of lines takes. Local. */
int64_t trn_lines_plan(int64_t bytes);

/* If status, agreed, is TRN_OK: head[head_bytes] of rank 0, then all ranks' lines in rank order,
 * become the file. Collective. Fails (agreed) with TRN_IO, TRN_MEMORY. Cost: bytes on disk are read
 * once more. */
trn_status_t trn_lines_finish(trn_sink_t *sink, trn_status_t status, const char *head,
                              int64_t head_bytes);

#endif
