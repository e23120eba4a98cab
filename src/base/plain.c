/* plain.c: words, names and paths come out of files of anybody. ESC, BEL and the C1 controls among
 * them would be commands to a terminal, and a newline a second line of ours. */
#include "base/plain.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

/* One character of `bytes` bytes (0: an invalid byte), as it is to be written, into piece[8]. */
static size_t spell(const char *at, utf8proc_ssize_t bytes, utf8proc_int32_t code, bool controls,
                    char piece[8]) {
    if (bytes <= 0) return (size_t)snprintf(piece, 8, "\\x%02x", (unsigned char)*at);
    bool control = code < 0x20 || (code >= 0x7f && code <= 0x9f);
    if (!control || !controls) {
        memcpy(piece, at, (size_t)bytes);
        return (size_t)bytes;
    }
    if (code == '\n') return (size_t)snprintf(piece, 8, "\\n");
    if (code == '\t') return (size_t)snprintf(piece, 8, "\\t");
    return (size_t)snprintf(piece, 8, code < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)code);
}

/* Never cuts within a character, and always ends with a NUL. */
static size_t copy(char *to, size_t size, const char *text, bool controls) {
    size_t used = 0;
    while (*text) {
        utf8proc_int32_t code;
        char piece[8];
        utf8proc_ssize_t bytes = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &code);
        size_t length = spell(text, bytes, code, controls, piece);
        if (used + length >= size) break;
        memcpy(to + used, piece, length);
        used += length;
        text += bytes > 0 ? bytes : 1;
    }
    if (size > 0) to[used] = '\0';
    return used;
}

size_t trn_plain(char *to, size_t size, const char *text) {
    return copy(to, size, text, true);
}

size_t trn_plain_bytes(char *to, size_t size, const char *text) {
    return copy(to, size, text, false);
}
