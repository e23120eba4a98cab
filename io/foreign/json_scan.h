/* json_scan.h: strict JSON (RFC 8259) read piece by piece, in place, without a tree: for texts of
 * others that may be large or made to harm. */
#ifndef TRN_IO_FOREIGN_JSON_SCAN_H
#define TRN_IO_FOREIGN_JSON_SCAN_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* A place in a text, which is changed: strings are unescaped where they stand. */
typedef struct trn_json_scan {
    const char *path; /* for messages */
    char *begin, *at, *end;
    int64_t base; /* byte of the file where the text begins */
} trn_json_scan_t;

/* Begin with text[bytes]. Fails with TRN_INPUT: no UTF-8. Local. */
trn_status_t trn_json_scan_begin(trn_json_scan_t *scan, const char *path, char *text, int64_t bytes,
                                 int64_t base);

/* TRN_INPUT as "PATH: byte N: what". Local. */
trn_status_t trn_json_scan_fail(const trn_json_scan_t *scan, const char *what);

/* Take the sign `wanted`, white space before it aside. Fails with TRN_INPUT. Local. */
trn_status_t trn_json_scan_take(trn_json_scan_t *scan, char wanted);

/* Go to the next member of an object or array that `close` ends: *more is false behind its last
 * one. `first` before the first of them. Fails with TRN_INPUT. Local. */
trn_status_t trn_json_scan_next(trn_json_scan_t *scan, bool first, char close, bool *more);

/* Take a string: *string, unescaped and ended by NUL. One with a NUL inside is refused. Fails with
 * TRN_INPUT. Local. */
trn_status_t trn_json_scan_string(trn_json_scan_t *scan, char **string);

/* Take a whole number from 0 to 2^63 - 1, written without point and exponent. Fails with TRN_INPUT.
 * Local. */
trn_status_t trn_json_scan_natural(trn_json_scan_t *scan, int64_t *number);

/* Pass over any value, at most `depth` objects and arrays deep. Fails with TRN_INPUT. Local. */
trn_status_t trn_json_scan_skip(trn_json_scan_t *scan, int depth);

/* Nothing but white space may be left. Fails with TRN_INPUT. Local. */
trn_status_t trn_json_scan_end(trn_json_scan_t *scan);

#endif
