/* magic.h: what the first bytes of a file tell about it. */
#ifndef TRN_IO_TEXT_MAGIC_H
#define TRN_IO_TEXT_MAGIC_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { TRN_MAGIC_BYTES = 512 /* that suffice: a tar archive says so at byte 257 */ };

/* How text is compressed. */
typedef enum trn_coding {
    TRN_CODING_NONE,
    TRN_CODING_GZIP,
    TRN_CODING_BZIP2,
    TRN_CODING_XZ,
    TRN_CODING_ZSTD,
    TRN_CODING_DEFLATE /* without a head: a member of an archive */
} trn_coding_t;

/* The compression of a file that begins with head[bytes]; TRN_CODING_NONE if it is none that can be
 * read. Local. */
trn_coding_t trn_coding_of(const void *head, size_t bytes);

/* Bytes of the UTF-8 byte order mark that text begins with: 3 or 0. Local. */
int trn_mark_bytes(const void *head, size_t bytes);

/* The format, known not to be text, of a file that begins with head[bytes]: *what completes "FILE
 * is ..." and *cure says what to do instead; false: none that is known. Local. */
bool trn_magic_find(const void *head, size_t bytes, const char **what, const char **cure);

/* Refuse such a file where `wanted` ("text", "a .npy file") was expected, with TRN_INPUT naming the
 * format and what to do; TRN_OK if its first bytes say nothing. Local. */
trn_status_t trn_magic_refuse(const char *path, const char *wanted, const void *head, size_t bytes);

#endif
