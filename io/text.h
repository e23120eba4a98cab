/* text.h: a stream of bytes out of a plain, .gz, .xz or .zst file (told by content, not name). */
#ifndef TRN_IO_TEXT_H
#define TRN_IO_TEXT_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct trn_text trn_text_t;

/* What a path holds: its size in bytes on disk and whether it is compressed. Fails with TRN_INPUT
 * (missing, a directory, unreadable). Local. */
trn_status_t trn_text_probe(const char *path, int64_t *bytes, bool *compressed);

/* Open from byte `offset` (0 for compressed files). Fails with TRN_INPUT, TRN_MEMORY. Local. */
trn_status_t trn_text_open(trn_text_t **text, const char *path, int64_t offset);

/* Read up to `capacity` bytes; *got = 0 means the end. Fails with TRN_INPUT on damaged compressed
 * data (names the file and says that it is truncated or corrupt), TRN_IO. Local. */
trn_status_t trn_text_read(trn_text_t *text, char *buffer, int64_t capacity, int64_t *got);

/* Bytes of the file that have been decoded so far; equal to those given out if it is plain and was
 * opened at 0. Local. */
int64_t trn_text_consumed(const trn_text_t *text);

/* Line ends before byte `offset` of the uncompressed content, for the line number in a message; as
 * far as can be read. Local. Cost: one read of all before. */
int64_t trn_text_lines(const char *path, int64_t offset);

/* Close and set the pointer to NULL; NULL is fine. Local. */
void trn_text_close(trn_text_t **text);

#endif
