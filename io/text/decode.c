/* decode.c: what is the same for all decompressors: their memory, their failures, and how members
 * follow each other (decode.h). */
#include "io/text/decode_impl.h"

#include "base/mem.h"

#include <string.h>

enum { SPARE_MEGABYTES = 2 /* beside the window, for the buffers of the reader */ };

/* Libraries ask for their window, all other memory being small, in one piece. */
void *trn_decoder_alloc(trn_decoder_t *decoder, size_t count, size_t size) {
    void *data;
    int64_t bytes;
    if (trn_alloc(&data, (int64_t)count, size, "a decompressor") == TRN_OK) return data;
    bool beyond = __builtin_mul_overflow((int64_t)count, (int64_t)size, &bytes);
    decoder->refused = beyond ? INT64_MAX : bytes;
    return NULL;
}

/* NULL is fine, as libraries may hand that. */
void trn_decoder_free(void *data) {
    trn_free(&data);
}

/* When it was our limit that refused, the message says which limit would do. */
trn_status_t trn_decoder_no_memory(const trn_decoder_t *decoder) {
    int64_t used = trn_mem_now(), limit = trn_mem_limit_now(), wanted = decoder->refused;
    if (limit > 0 && wanted > limit - used && wanted < INT64_MAX - used)
        return trn_fail(TRN_MEMORY,
                        "%s: decompressing takes %lld bytes at once, with %lld in use; give "
                        "--memory %lldM at least",
                        decoder->path, (long long)wanted, (long long)used,
                        (long long)((used + wanted) >> 20) + SPARE_MEGABYTES);
    return trn_fail_prefix(TRN_MEMORY, "%s: ", decoder->path);
}

trn_status_t trn_decoder_corrupt(const trn_decoder_t *decoder, const char *why) {
    return trn_fail(TRN_INPUT, "%s: compressed data is corrupt (%s); fetch the file again",
                    decoder->path, why);
}

trn_status_t trn_decoder_truncated(const trn_decoder_t *decoder) {
    return trn_fail(TRN_INPUT, "%s: compressed data is truncated; fetch the file again",
                    decoder->path);
}

/* The library's own state lies in memory of ours, so that --memory counts it. */
trn_status_t trn_decoder_create(trn_decoder_t **decoder, trn_coding_t coding, const char *path) {
    static const trn_decoder_kind_t *const kinds[] = {[TRN_CODING_GZIP] = &trn_decoder_gzip,
                                                      [TRN_CODING_BZIP2] = &trn_decoder_bzip2,
                                                      [TRN_CODING_XZ] = &trn_decoder_xz,
                                                      [TRN_CODING_ZSTD] = &trn_decoder_zstd};
    TRN_TRY(trn_alloc_zero(decoder, 1, sizeof **decoder, "a decompressor"));
    trn_decoder_t *d = *decoder;
    d->kind = kinds[coding];
    d->path = path;
    d->between = true;
    trn_status_t status;
    TRN_OR(failed, trn_alloc_zero(&d->state, 1, d->kind->state_bytes, "a decompressor"));
    TRN_OR(failed, d->kind->start(d, d->state));
    return TRN_OK;
failed:
    trn_decoder_destroy(decoder);
    return status;
}

void trn_decoder_destroy(trn_decoder_t **decoder) {
    trn_decoder_t *d = *decoder;
    if (!d) return;
    if (d->state) d->kind->stop(d->state);
    trn_free(&d->state);
    trn_free(decoder);
}

/* Padding of zeros between members is passed over where the format allows it; the end of the input
 * is an end only between members. */
trn_status_t trn_decoder_step(trn_decoder_t *d, trn_decode_step_t *step) {
    step->got = 0;
    while (d->kind->pads && d->between && d->some && step->at < step->bytes &&
           step->input[step->at] == 0)
        step->at++;
    bool dry = step->at == step->bytes;
    if (dry && d->between) {
        d->done = step->last;
        return TRN_OK;
    }
    TRN_TRY(d->kind->step(d, d->state, step));
    d->some |= d->between;
    /* A library that has neither input nor output left inside a member waits for what is not there.
     */
    if (dry && step->last && step->got == 0 && !d->between && !d->done)
        return trn_decoder_truncated(d);
    return TRN_OK;
}

bool trn_decoder_done(const trn_decoder_t *decoder) {
    return decoder->done;
}

/* What each takes for files that its usual tool wrote with default settings, for plans. */
int64_t trn_decoder_bytes(trn_coding_t coding) {
    static const int64_t bytes[] = {[TRN_CODING_NONE] = 0,
                                    [TRN_CODING_GZIP] = 64 << 10,
                                    [TRN_CODING_BZIP2] = 4 << 20,
                                    [TRN_CODING_XZ] = 9 << 20,
                                    [TRN_CODING_ZSTD] = 3 << 20};
    return bytes[coding];
}
