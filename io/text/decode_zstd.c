/* decode_zstd.c: zstd frames (RFC 8878), skippable ones too, through libzstd. The hook for memory
 * is part of its API for static linking only, but exported by the shared library since 1.3. */
#define ZSTD_STATIC_LINKING_ONLY
#include "io/text/decode_impl.h"

#include <zstd.h>
#include <zstd_errors.h>

typedef struct state {
    ZSTD_DStream *stream;
} state_t;

static void *alloc(void *decoder, size_t bytes) {
    return trn_decoder_alloc(decoder, bytes, 1);
}
static void release(void *decoder, void *data) {
    (void)decoder;
    trn_decoder_free(data);
}

static trn_status_t start(trn_decoder_t *decoder, void *state) {
    state_t *s = state;
    s->stream = ZSTD_createDStream_advanced((ZSTD_customMem){alloc, release, decoder});
    if (!s->stream) return trn_decoder_no_memory(decoder);
    /* Windows as long as any (zstd --long=31): what they take is asked of the allocator at once. */
    ZSTD_bounds window = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
    ZSTD_DCtx_setParameter(s->stream, ZSTD_d_windowLogMax, window.upperBound);
    return TRN_OK;
}

/* 0 means that a frame ended and was flushed; what follows is another frame or the end. */
static trn_status_t step(trn_decoder_t *decoder, void *state, trn_decode_step_t *step) {
    ZSTD_inBuffer input = {step->input, step->bytes, step->at};
    ZSTD_outBuffer output = {step->output, step->room, 0};
    size_t code = ZSTD_decompressStream(((state_t *)state)->stream, &output, &input);
    step->at = input.pos;
    step->got = output.pos;
    decoder->between = code == 0;
    if (!ZSTD_isError(code)) return TRN_OK;
    ZSTD_ErrorCode error = ZSTD_getErrorCode(code);
    if (error == ZSTD_error_memory_allocation) return trn_decoder_no_memory(decoder);
    if (error == ZSTD_error_frameParameter_windowTooLarge)
        return trn_fail(TRN_INPUT,
                        "%s: a zstd window of more than 2 GiB; compress it with at most --long=31",
                        decoder->path);
    return trn_decoder_corrupt(decoder, ZSTD_getErrorName(code));
}

static void stop(void *state) {
    ZSTD_freeDStream(((state_t *)state)->stream);
}

const trn_decoder_kind_t trn_decoder_zstd = {sizeof(state_t), false, start, step, stop};
