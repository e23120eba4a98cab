/* utf8.c: reading UTF-8 with utf8proc, which says that bytes are ill-formed but not how many of
 * them belong together; that is added here. */
#include "text/utf8.h"

#include <string.h>
#include <utf8proc.h>

/* Length of the maximal subpart that ill-formed bytes begin with: the longest beginning of any
 * well-formed sequence (The Unicode Standard, table 3-7), at least 1. */
static int64_t subpart(const uint8_t *bytes, int64_t length) {
    uint8_t lead = bytes[0], low = 0x80, high = 0xbf;
    int64_t follow = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1, n = 1;
    if (lead < 0xc2 || lead > 0xf4) return 1; /* nothing well-formed begins so */
    if (lead == 0xe0) low = 0xa0;             /* below: overlong */
    if (lead == 0xed) high = 0x9f;            /* above: surrogates */
    if (lead == 0xf0) low = 0x90;             /* below: overlong */
    if (lead == 0xf4) high = 0x8f;            /* above: beyond U+10FFFF */
    while (n <= follow && n < length && bytes[n] >= low && bytes[n] <= high) {
        n++;
        low = 0x80; /* only the second byte depends on the first */
        high = 0xbf;
    }
    return n;
}

/* ASCII is most of most text: it does not pay for a call. */
int32_t trn_utf8_next(const char *text, int64_t length, int64_t *used) {
    utf8proc_int32_t point;
    const uint8_t *bytes = (const uint8_t *)text;
    *used = 1;
    if (*bytes < 0x80) return *bytes; /* the common case, without a call */
    *used = utf8proc_iterate(bytes, length, &point);
    if (*used > 0) return point;
    *used = subpart(bytes, length);
    return -1;
}

int64_t trn_utf8_well(const char *text, int64_t length) {
    int64_t at = 0, used;
    while (at < length && trn_utf8_next(text + at, length - at, &used) >= 0)
        at += used;
    return at;
}

/* As a whole. */
bool trn_utf8_valid(const char *text) {
    int64_t length = (int64_t)strlen(text);
    return trn_utf8_well(text, length) == length;
}

int64_t trn_utf8_replace(const char *text, int64_t length, char *to) {
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    const char *begin = to;
    for (int64_t at = 0, used; at < length; at += used) {
        bool well = trn_utf8_next(text + at, length - at, &used) >= 0;
        int64_t bytes = well ? used : (int64_t)sizeof replacement - 1;
        memcpy(to, well ? text + at : replacement, (size_t)bytes);
        to += bytes;
    }
    return to - begin;
}
