/* decode_xz.c: .xz streams and the padding between them, both followed by liblzma itself. */
#include "io/text/decode_impl.h"

#include <lzma.h>

typedef struct state {
    lzma_stream stream;
    lzma_allocator allocator;
} state_t;

static void *alloc(void *decoder, size_t count, size_t size) {
    return trn_decoder_alloc(decoder, count, size);
}
static void release(void *decoder, void *data) {
    (void)decoder;
    trn_decoder_free(data);
}

static trn_status_t start(trn_decoder_t *decoder, void *state) {
    state_t *s = state;
    s->allocator = (lzma_allocator){.alloc = alloc, .free = release, .opaque = decoder};
    s->stream = (lzma_stream)LZMA_STREAM_INIT;
    s->stream.allocator = &s->allocator;
    decoder->between = false; /* all streams are one to us */
    /* The allocator limits memory: a dictionary is asked of it in one piece. */
    if (lzma_stream_decoder(&s->stream, UINT64_MAX, LZMA_CONCATENATED) == LZMA_OK) return TRN_OK;
    return trn_decoder_no_memory(decoder);
}

/* liblzma follows streams and their padding itself, and says at the end whether all were whole. */
static trn_status_t step(trn_decoder_t *decoder, void *state, trn_decode_step_t *step) {
    lzma_stream *xz = &((state_t *)state)->stream;
    size_t input = step->bytes - step->at;
    xz->next_in = step->input + step->at;
    xz->avail_in = input;
    xz->next_out = (uint8_t *)step->output;
    xz->avail_out = step->room;
    lzma_ret code = lzma_code(xz, step->last ? LZMA_FINISH : LZMA_RUN);
    step->at += input - xz->avail_in;
    step->got = step->room - xz->avail_out;
    decoder->done = code == LZMA_STREAM_END;
    if (code == LZMA_OK || code == LZMA_STREAM_END) return TRN_OK;
    if (code == LZMA_MEM_ERROR) return trn_decoder_no_memory(decoder);
    return code == LZMA_BUF_ERROR ? trn_decoder_truncated(decoder)
                                  : trn_decoder_corrupt(decoder, "xz");
}

static void stop(void *state) {
    lzma_end(&((state_t *)state)->stream);
}

const trn_decoder_kind_t trn_decoder_xz = {sizeof(state_t), false, start, step, stop};
