/* decode.c: a decompressor of any format: which library, and how members follow each other. */
#include "io/text/decode_impl.h"

#include "base/mem.h"

/* The library's own state lies in memory of ours, so that --memory counts it. */
trn_status_t trn_decoder_create(trn_decoder_t **decoder, trn_coding_t coding, const char *path) {
    static const trn_decoder_kind_t *const kinds[] = {[TRN_CODING_GZIP] = &trn_decoder_gzip,
                                                      [TRN_CODING_BZIP2] = &trn_decoder_bzip2,
                                                      [TRN_CODING_XZ] = &trn_decoder_xz,
                                                      [TRN_CODING_ZSTD] = &trn_decoder_zstd,
                                                      [TRN_CODING_DEFLATE] = &trn_decoder_deflate};
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
    static const int64_t bytes[] = {
        [TRN_CODING_NONE] = 0,     [TRN_CODING_GZIP] = 64 << 10, [TRN_CODING_BZIP2] = 4 << 20,
        [TRN_CODING_XZ] = 9 << 20, [TRN_CODING_ZSTD] = 3 << 20,  [TRN_CODING_DEFLATE] = 64 << 10};
    return bytes[coding];
}
