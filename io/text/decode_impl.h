/* decode_impl.h: what the decompressors share (decode.c). */
#ifndef TRN_IO_TEXT_DECODE_IMPL_H
#define TRN_IO_TEXT_DECODE_IMPL_H

#include "io/text/decode.h"

/* One format's library. `state` is its own, zero at first. */
typedef struct trn_decoder_kind {
    size_t state_bytes;
    bool pads; /* zeros may follow a member */
    trn_status_t (*start)(trn_decoder_t *decoder, void *state);
    /* As trn_decoder_step, but keeps decoder->between, or ->done where the library itself goes from
     * one member to the next. Called with input, or `last`, or inside a member. */
    trn_status_t (*step)(trn_decoder_t *decoder, void *state, trn_decode_step_t *step);
    void (*stop)(void *state); /* also of a state that was never started, or failed to */
} trn_decoder_kind_t;

extern const trn_decoder_kind_t trn_decoder_gzip, trn_decoder_deflate, trn_decoder_bzip2,
    trn_decoder_xz, trn_decoder_zstd;

struct trn_decoder {
    const trn_decoder_kind_t *kind;
    const char *path; /* borrowed */
    void *state;
    bool between;    /* a member has just ended, or none has begun */
    bool some;       /* a member has ended */
    bool done;       /* all is decoded */
    int64_t refused; /* bytes of an allocation that failed; its message waits. 0: none */
};

/* decode_library.c: allocation and freeing for a library's hooks: counted; `decoder` notes a
 * failure. */
void *trn_decoder_alloc(trn_decoder_t *decoder, size_t count, size_t size);
void trn_decoder_free(void *data);

/* The failures that decompressors know, with the file's name. */
trn_status_t trn_decoder_no_memory(const trn_decoder_t *decoder);
trn_status_t trn_decoder_corrupt(const trn_decoder_t *decoder, const char *why);
trn_status_t trn_decoder_truncated(const trn_decoder_t *decoder);

#endif
