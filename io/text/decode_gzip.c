/* decode_gzip.c: gzip members (RFC 1952), and deflate without a head (RFC 1951), through zlib. */
#include "io/text/decode_impl.h"

#include <zlib.h>

static void *alloc(void *decoder, uInt count, uInt size) {
    return trn_decoder_alloc(decoder, count, size);
}
static void release(void *decoder, void *data) {
    (void)decoder;
    trn_decoder_free(data);
}

static trn_status_t start_with(trn_decoder_t *decoder, void *state, int bits) {
    z_stream *z = state;
    z->zalloc = alloc;
    z->zfree = release;
    z->opaque = decoder;
    return inflateInit2(z, bits) == Z_OK ? TRN_OK : trn_decoder_no_memory(decoder);
}

static trn_status_t start(trn_decoder_t *decoder, void *state) {
    return start_with(decoder, state, MAX_WBITS + 16); /* 16: a gzip header is required */
}

static trn_status_t start_bare(trn_decoder_t *decoder, void *state) {
    return start_with(decoder, state, -MAX_WBITS); /* below 0: there is none */
}

/* A member ends with its checksum, which zlib verifies; the next begins anew. */
static trn_status_t step(trn_decoder_t *decoder, void *state, trn_decode_step_t *step) {
    z_stream *z = state;
    size_t bytes = step->bytes - step->at;
    uInt input = bytes < UINT32_MAX ? (uInt)bytes : UINT32_MAX;
    uInt room = step->room < UINT32_MAX ? (uInt)step->room : UINT32_MAX;
    if (decoder->between && inflateReset(z) != Z_OK)
        return trn_decoder_corrupt(decoder, "gzip state");
    z->next_in = (Bytef *)(uintptr_t)(step->input + step->at); /* which is only read */
    z->avail_in = input;
    z->next_out = (Bytef *)step->output;
    z->avail_out = room;
    int code = inflate(z, Z_NO_FLUSH);
    step->at += input - z->avail_in;
    step->got = room - z->avail_out;
    decoder->between = code == Z_STREAM_END;
    if (code == Z_MEM_ERROR) return trn_decoder_no_memory(decoder);
    /* Z_BUF_ERROR: no progress without more input. */
    if (code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR) return TRN_OK;
    return trn_decoder_corrupt(decoder, z->msg ? z->msg : "deflate");
}

/* Also after a start that failed halfway. */
static void stop(void *state) {
    z_stream *z = state;
    if (z->state) inflateEnd(z);
}

const trn_decoder_kind_t trn_decoder_gzip = {sizeof(z_stream), true, start, step, stop};
const trn_decoder_kind_t trn_decoder_deflate = {sizeof(z_stream), false, start_bare, step, stop};
