/* scan.h: pieces out of a text stream: up to a delimiter, or of a given size. */
#ifndef TRN_IO_TEXT_SCAN_H
#define TRN_IO_TEXT_SCAN_H

#include "base/status.h"
#include "io/text/input.h"

#include <stdint.h>

/* A buffered reader over io/text/text.h. Opaque. */
typedef struct trn_scan trn_scan_t;

/* Open what has been looked at (its path stays borrowed) and go to byte `offset` of the
 * uncompressed text: a seek in a plain file, else read and thrown away. Fails as trn_text_open and
 * trn_text_read do. Local. */
trn_status_t trn_scan_open(trn_scan_t **scan, const trn_input_t *input, int64_t offset);

/* Close, set the pointer to NULL and judge what was read, as trn_text_end: TRN_INPUT if the file
 * changed meanwhile, else `status`. NULL is fine. Local. */
trn_status_t trn_scan_end(trn_scan_t **scan, trn_status_t status);

/* Close without judging, where nothing of what was read is used. Local. */
void trn_scan_close(trn_scan_t **scan);

/* *piece = the bytes up to the next `delimiter` or the end of the file, `*bytes` of them, ended by
 * NUL in place of the delimiter; valid until the next call. *piece = NULL at the end of the file.
 * Fails with TRN_INPUT when the piece has more than `limit` bytes, TRN_MEMORY, TRN_IO. Local. */
trn_status_t trn_scan_until(trn_scan_t *scan, char delimiter, int64_t limit, char **piece,
                            int64_t *bytes);

/* *piece = the next `bytes` bytes, valid until the next call; NULL if the file has fewer left.
 * Fails as trn_scan_until. Local. */
trn_status_t trn_scan_take(trn_scan_t *scan, int64_t bytes, char **piece);

/* Byte of the uncompressed content that comes next. Local. */
int64_t trn_scan_offset(const trn_scan_t *scan);

#endif
