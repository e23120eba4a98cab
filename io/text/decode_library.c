/* decode_library.c: what the files of all decompression libraries rest on: memory that is counted
 * as ours, and the failures that they know. */
#include "io/text/decode_impl.h"

#include "base/mem.h"

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
