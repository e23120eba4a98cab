/* decode_bzip2.c: bzip2 streams through libbz2, which knows only one stream at a time. */
#include "io/text/decode_impl.h"

#include <bzlib.h>
#include <limits.h>

typedef struct state {
    bz_stream stream;
    bool begun; /* a stream is open */
} state_t;

static void *alloc(void *decoder, int count, int size) {
    return trn_decoder_alloc(decoder, (size_t)count, (size_t)size);
}
static void release(void *decoder, void *data) {
    (void)decoder;
    trn_decoder_free(data);
}

static trn_status_t start(trn_decoder_t *decoder, void *state) {
    state_t *s = state;
    s->stream.bzalloc = alloc;
    s->stream.bzfree = release;
    s->stream.opaque = decoder;
    return TRN_OK;
}

static void stop(void *state) {
    state_t *s = state;
    if (s->begun) BZ2_bzDecompressEnd(&s->stream);
    s->begun = false;
}

/* The library counts in unsigned int: larger buffers are used in part. */
static trn_status_t step(trn_decoder_t *decoder, void *state, trn_decode_step_t *step) {
    state_t *s = state;
    if (!s->begun && BZ2_bzDecompressInit(&s->stream, 0, 0) != BZ_OK)
        return trn_decoder_no_memory(decoder);
    s->begun = true;
    size_t bytes = step->bytes - step->at;
    unsigned input = bytes < UINT_MAX ? (unsigned)bytes : UINT_MAX;
    unsigned room = step->room < UINT_MAX ? (unsigned)step->room : UINT_MAX;
    s->stream.next_in = (char *)(uintptr_t)(step->input + step->at); /* which is only read */
    s->stream.avail_in = input;
    s->stream.next_out = step->output;
    s->stream.avail_out = room;
    int code = BZ2_bzDecompress(&s->stream);
    step->at += input - s->stream.avail_in;
    step->got = room - s->stream.avail_out;
    decoder->between = code == BZ_STREAM_END;
    if (decoder->between) stop(s);
    if (code == BZ_OK || code == BZ_STREAM_END) return TRN_OK;
    if (code == BZ_MEM_ERROR) return trn_decoder_no_memory(decoder);
    return trn_decoder_corrupt(decoder, code == BZ_DATA_ERROR_MAGIC ? "no bzip2 stream here"
                                                                    : "bzip2 checksum or block");
}

const trn_decoder_kind_t trn_decoder_bzip2 = {sizeof(state_t), true, start, step, stop};
