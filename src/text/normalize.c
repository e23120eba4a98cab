/* normalize.c: utf8proc's decomposition and composition in memory of ours. */
#include "text/normalize.h"

#include "base/mem.h"
#include "text/utf8.h"

#include <string.h>
#include <utf8proc.h>

/* Two bytes make three code points at most (U+0390); utf8proc writes a NUL behind the text. */
int64_t trn_normalize_room(int64_t length) {
    return 2 * length + 1;
}

int64_t trn_normalize_bytes(const char *text, int64_t length, bool compose, int32_t *points) {
    utf8proc_option_t options = UTF8PROC_STABLE | (compose ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE);
    int64_t room = trn_normalize_room(length) - 1;
    utf8proc_ssize_t used =
        utf8proc_decompose((const utf8proc_uint8_t *)text, length, points, room, options);
    if (used < 0 || used > room) return -1;
    return utf8proc_reencode(points, used, options);
}

/* Look-ups ask for it only when a word was not found as it is, so an allocation is no matter. */
trn_status_t trn_normalize(const char *text, bool compose, char **normal) {
    int64_t length = (int64_t)strlen(text);
    int32_t *points;
    *normal = NULL;
    if (trn_utf8_well(text, length) < length) return TRN_OK;
    TRN_TRY(trn_alloc(&points, trn_normalize_room(length), sizeof *points, "normalizing a word"));
    int64_t bytes = trn_normalize_bytes(text, length, compose, points);
    trn_status_t status = TRN_OK;
    if (bytes >= 0 && (bytes != length || memcmp(points, text, (size_t)length) != 0)) {
        ((char *)points)[bytes] = '\0';
        status = trn_strdup(normal, (char *)points);
    }
    trn_free(&points);
    return status;
}
