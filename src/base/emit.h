/* emit.h: results to stdout: one JSON value, printed as a table for people or as JSON. */
#ifndef TRN_BASE_EMIT_H
#define TRN_BASE_EMIT_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Print `result`, an object whose members are scalars ("name  value" lines), nested objects
 * (indented) or arrays of equal-keyed objects (an aligned table with a header; numbers to the
 * right), control characters escaped (base/plain.h); or as one JSON document if `as_json`. Fails
 * with TRN_IO when the stream does. Local. */
trn_status_t trn_emit(FILE *to, const json_t *result, bool as_json);

/* Print an array of objects with the keys of the first as an aligned table: a header and one line
 * a row, with `head` and `lead` before them. Fails with TRN_MEMORY; look at the stream's error flag
 * for the rest. Local. */
trn_status_t trn_emit_table(FILE *to, const json_t *table, const char *head, const char *lead);

/* A JSON string of any bytes: where `text` is not UTF-8, bytes that are none become "\\xff". NULL
 * when out of memory or for NULL. Owned by the caller. Local. */
json_t *trn_json_text(const char *text);

#endif
