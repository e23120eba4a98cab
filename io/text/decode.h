/* decode.h: compressed bytes to plain ones, step by step (gzip, bzip2, xz, zstd). */
#ifndef TRN_IO_TEXT_DECODE_H
#define TRN_IO_TEXT_DECODE_H

#include "base/status.h"
#include "io/text/magic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A decompressor with all that it remembers. Opaque. */
typedef struct trn_decoder trn_decoder_t;

/* What one step works on. */
typedef struct trn_decode_step {
    const uint8_t *input; /* [bytes], of which those before `at` are used up */
    size_t bytes, at;
    bool last;    /* there is no input behind these bytes */
    char *output; /* [room] */
    size_t room, got;
} trn_decode_step_t;

/* Create a decompressor of `coding` (not NONE); `path` (borrowed) is for messages. Its memory, the
 * window included, is counted by base/mem before it is taken. Fails with TRN_MEMORY. Local. */
trn_status_t trn_decoder_create(trn_decoder_t **decoder, trn_coding_t coding, const char *path);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_decoder_destroy(trn_decoder_t **decoder);

/* Use some input, moving step->at, for `step->got` bytes of output; either may be none, but not for
 * ever. Members, streams and frames that follow each other are one text; zeros behind a gzip or
 * bzip2 member, with which tapes and block devices pad, are skipped. Fails with TRN_INPUT (corrupt;
 * truncated, told only when `last`), TRN_MEMORY (a window above --memory). Local. */
trn_status_t trn_decoder_step(trn_decoder_t *decoder, trn_decode_step_t *step);

/* True when all input has been decoded. Local. */
bool trn_decoder_done(const trn_decoder_t *decoder);

/* For plans: bytes that a decompressor takes for a file packed with the usual settings (xz -6, zstd
 * -3 and below -19); longer windows take more. 0 for NONE. Local. */
int64_t trn_decoder_bytes(trn_coding_t coding);

#endif
