/* text.h: a stream of bytes out of a plain, .gz, .bz2, .xz or .zst file or a pipe (told by content,
 * not name). What comes out of it is text, as far as its first bytes and its NULs can tell, without
 * the byte order mark at its head, or what else the input is said to have. */
#ifndef TRN_IO_TEXT_TEXT_H
#define TRN_IO_TEXT_TEXT_H

#include "base/status.h"
#include "io/text/input.h"

#include <stdint.h>

typedef struct trn_text trn_text_t;

/* Open what has been looked at, from byte `offset` of its text (0 if it can only be read whole, see
 * trn_input_whole). Waits for a FIFO's writer. Fails with TRN_INPUT (also: changed since then),
 * TRN_USAGE (standard input for the second time), TRN_MEMORY, TRN_IO. Local. */
trn_status_t trn_text_open(trn_text_t **text, const trn_input_t *input, int64_t offset);

/* Read up to `capacity` bytes; *got = 0 means the end. Fails with TRN_INPUT: damaged compressed
 * data (truncated or corrupt), another format, a NUL byte (FILE:LINE), a file that changed;
 * TRN_MEMORY, TRN_IO. Local. */
trn_status_t trn_text_read(trn_text_t *text, char *buffer, int64_t capacity, int64_t *got);

/* Bytes of the file that have been decoded so far; equal to those given out if it is plain and was
 * opened at 0. Local. */
int64_t trn_text_consumed(const trn_text_t *text);

/* Close, set the pointer to NULL and judge what was read: TRN_INPUT if the file changed meanwhile,
 * else `status`, the reader's own outcome. NULL is fine. Local. */
trn_status_t trn_text_end(trn_text_t **text, trn_status_t status);

/* Close without judging, where nothing of what was read is used. Local. */
void trn_text_close(trn_text_t **text);

/* Line ends before byte `offset` of the text, for the line number in a message; as far as can be
 * read, 0 of a stream. Local. Cost: one read of all before. */
int64_t trn_text_lines(const trn_input_t *input, int64_t offset);

/* Refuse a file that is not what is `wanted` ("a .npy file"), naming what it is if its first bytes
 * tell, else with `cure`. Returns TRN_INPUT, or what kept it from being read. Local. */
trn_status_t trn_text_refuse(const trn_input_t *input, const char *wanted, const char *cure);

#endif
