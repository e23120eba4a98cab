/* scan.c: a buffer that grows to the piece asked for, over io/text/text (scan.h). */
#include "io/text/scan.h"

#include "base/mem.h"
#include "io/text/text.h"

#include <string.h>

enum { FIRST_CAPACITY = 1 << 20 };

struct trn_scan {
    trn_text_t *text;
    const char *path; /* borrowed from the caller */
    char *buffer;     /* [capacity + 1]: room for a NUL behind the last byte */
    int64_t capacity;
    int64_t begin, end; /* what is read but not handed out: buffer[begin..end) */
    int64_t offset;     /* of buffer[begin] in the uncompressed content */
    bool ended;         /* the file has no more bytes */
};

/* Read more behind the bytes at hand; they move to the front, and the buffer doubles if full. */
static trn_status_t fill(trn_scan_t *s) {
    if (s->begin > 0) memmove(s->buffer, s->buffer + s->begin, (size_t)(s->end - s->begin));
    s->end -= s->begin;
    s->begin = 0;
    if (s->end == s->capacity) {
        TRN_TRY(trn_realloc(&s->buffer, 2 * s->capacity + 1, 1, "a read buffer"));
        s->capacity *= 2;
    }
    int64_t got;
    TRN_TRY(trn_text_read(s->text, s->buffer + s->end, s->capacity - s->end, &got));
    s->ended = got == 0;
    s->end += got;
    return TRN_OK;
}

static char *hand_out(trn_scan_t *s, int64_t bytes) {
    char *piece = s->buffer + s->begin;
    s->begin += bytes;
    s->offset += bytes;
    return piece;
}

/* What has been passed over is handed out to nobody; the buffer is used over and over. */
static trn_status_t skip(trn_scan_t *s, int64_t bytes) {
    while (bytes > 0) {
        if (s->begin == s->end) TRN_TRY(fill(s));
        if (s->ended)
            return trn_fail(TRN_INPUT, "%s: ends at byte %lld, before what is wanted", s->path,
                            (long long)s->offset);
        int64_t some = s->end - s->begin < bytes ? s->end - s->begin : bytes;
        hand_out(s, some);
        bytes -= some;
    }
    return TRN_OK;
}

/* What cannot be sought in is read from its start and passed over. */
trn_status_t trn_scan_open(trn_scan_t **scan, const trn_input_t *input, int64_t offset) {
    *scan = NULL;
    trn_scan_t *s;
    TRN_TRY(trn_alloc_zero(&s, 1, sizeof *s, "a reader"));
    *s = (trn_scan_t){.path = input->path, .capacity = FIRST_CAPACITY};
    trn_status_t status;
    TRN_OR(failed, trn_alloc(&s->buffer, s->capacity + 1, 1, "a read buffer"));
    s->offset = trn_input_whole(input) ? 0 : offset;
    TRN_OR(failed, trn_text_open(&s->text, input, s->offset));
    TRN_OR(failed, skip(s, offset - s->offset));
    *scan = s;
    return TRN_OK;
failed:
    trn_scan_close(&s);
    return status;
}

void trn_scan_close(trn_scan_t **scan) {
    if (!*scan) return;
    trn_text_close(&(*scan)->text);
    trn_free(&(*scan)->buffer);
    trn_free(scan);
}

trn_status_t trn_scan_end(trn_scan_t **scan, trn_status_t status) {
    if (*scan) status = trn_text_end(&(*scan)->text, status);
    trn_scan_close(scan);
    return status;
}

/* The piece lies in the buffer, its delimiter replaced by a NUL; borrowed until the next call. The
 * limit keeps a binary file from filling the memory. */
trn_status_t trn_scan_until(trn_scan_t *s, char delimiter, int64_t limit, char **piece,
                            int64_t *bytes) {
    int64_t searched = 0;
    char *found = NULL;
    for (;;) {
        char *from = s->buffer + s->begin + searched;
        found = memchr(from, delimiter, (size_t)(s->end - s->begin - searched));
        searched = s->end - s->begin;
        if (found || s->ended || searched > limit) break;
        TRN_TRY(fill(s));
    }
    *bytes = found ? found - (s->buffer + s->begin) : searched;
    if (*bytes > limit)
        return trn_fail(TRN_INPUT,
                        "%s: byte %lld: no %s within %lld bytes; is the file of another format?",
                        s->path, (long long)s->offset, delimiter == '\n' ? "line end" : "space",
                        (long long)limit);
    *piece = NULL;
    if (!found && *bytes == 0) return TRN_OK;
    *piece = hand_out(s, *bytes + (found != NULL));
    (*piece)[*bytes] = '\0';
    return TRN_OK;
}

/* NULL at the end of the file, also if some bytes are left, which then stay. */
trn_status_t trn_scan_take(trn_scan_t *s, int64_t bytes, char **piece) {
    *piece = NULL;
    while (s->end - s->begin < bytes && !s->ended)
        TRN_TRY(fill(s));
    if (s->end - s->begin >= bytes) *piece = hand_out(s, bytes);
    return TRN_OK;
}

int64_t trn_scan_offset(const trn_scan_t *s) {
    return s->offset;
}
