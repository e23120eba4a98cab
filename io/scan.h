/* scan.h: pieces out of a text stream: up to a delimiter, or of a given size. */
#ifndef TRN_IO_SCAN_H
#define TRN_IO_SCAN_H

#include "base/status.h"

#include <stdint.h>

/* A buffered reader over io/text. Opaque. */
typedef struct trn_scan trn_scan_t;

/* Open `path` (plain or compressed) and skip to byte `offset` of the uncompressed content: a seek
 * in a plain file, else read and thrown away. Fails with TRN_INPUT, TRN_MEMORY, TRN_IO. Local. */
trn_status_t trn_scan_open(trn_scan_t **scan, const char *path, int64_t offset);

/* Close and set the pointer to NULL; NULL is fine. Local. */
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
