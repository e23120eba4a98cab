/* lower.c: utf8proc's simple mapping, and the two special cases that it leaves out. */
#define _GNU_SOURCE
#include "text/lower.h"

#include "base/mem.h"
#include "text/utf8.h"

#include <stdbool.h>
#include <string.h>
#include <utf8proc.h>

enum {
    DOTTED_I = 0x130,
    DOT_ABOVE = 0x307,
    CAPITAL_SIGMA = 0x3a3,
    FINAL_SIGMA = 0x3c2,
    SMALL_SIGMA = 0x3c3
};

static const char dot_above[] = "\xcc\x87"; /* U+0307 */

/* Case_Ignorable of The Unicode Standard, definition D136: marks, modifiers, formats, and the
 * punctuation that words may hold (Word_Break MidLetter, MidNumLet, Single_Quote). */
static bool is_ignorable(int32_t point) {
    static const int32_t inside_words[] = {0x27,   0x2e,   0x3a,   0xb7,   0x387,  0x55f,
                                           0x5f4,  0x2018, 0x2019, 0x2024, 0x2027, 0xfe13,
                                           0xfe52, 0xfe55, 0xff07, 0xff0e, 0xff1a};
    for (size_t i = 0; i < sizeof inside_words / sizeof *inside_words; i++)
        if (point == inside_words[i]) return true;
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return false;
    }
}

/* Cased of definition D135, as far as it is not ignorable as well: letters with a case, and what
 * Other_Lowercase and Other_Uppercase add to them: ordinals, Roman numerals, letters in circles. */
static bool is_cased(int32_t point) {
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
        return true;
    default:
        return point == 0xaa || point == 0xba || (point >= 0x2160 && point <= 0x217f) ||
               (point >= 0x24b6 && point <= 0x24e9) || (point >= 0x1f130 && point <= 0x1f149) ||
               (point >= 0x1f150 && point <= 0x1f169) || (point >= 0x1f170 && point <= 0x1f189);
    }
}

/* Whether the first code point of text[length] that is not ignorable is cased. */
static bool cased_follows(const char *text, int64_t length) {
    for (int64_t at = 0, used; at < length; at += used) {
        int32_t point = trn_utf8_next(text + at, length - at, &used);
        if (point < 0) return false;
        if (!is_ignorable(point)) return is_cased(point);
    }
    return false;
}

/* What stands for `point` in lower case, but for the dot of DOTTED_I. `cased`: so was the last
 * code point before it that is not ignorable; rest[length] is what comes behind. */
static int32_t lower_point(int32_t point, bool cased, const char *rest, int64_t length) {
    if (point == DOTTED_I) return 'i';
    if (point != CAPITAL_SIGMA) return utf8proc_tolower(point);
    return cased && !cased_follows(rest, length) ? FINAL_SIGMA : SMALL_SIGMA;
}

/* A small letter takes at most one byte more than a capital of two. */
int64_t trn_lower_room(int64_t length) {
    return length + length / 2;
}

int64_t trn_lower_bytes(const char *text, int64_t length, char *to) {
    const char *begin = to;
    /* What stands before a letter matters to a sigma only. */
    bool context = memmem(text, (size_t)length, "\xce\xa3", 2) != NULL, cased = false;
    for (int64_t at = 0, used; at < length; at += used) {
        int32_t point = trn_utf8_next(text + at, length - at, &used);
        if (point >= 0 && point < 0x80 && !context) { /* the common case */
            *to++ = (char)(point >= 'A' && point <= 'Z' ? point + ('a' - 'A') : point);
            continue;
        }
        if (point < 0) { /* kept as it is */
            memcpy(to, text + at, (size_t)used);
            to += used;
            cased = false;
            continue;
        }
        int64_t next = at + used;
        int32_t lower = lower_point(point, cased, text + next, length - next);
        to += utf8proc_encode_char(lower, (utf8proc_uint8_t *)to);
        if (point == DOTTED_I) {
            memcpy(to, dot_above, sizeof dot_above - 1);
            to += sizeof dot_above - 1;
        }
        if (context && !is_ignorable(point)) cased = is_cased(point);
    }
    return to - begin;
}

trn_status_t trn_lower(const char *text, char **lower) {
    int64_t length = (int64_t)strlen(text);
    TRN_TRY(trn_alloc(lower, trn_lower_room(length) + 1, 1, "lower-case text"));
    (*lower)[trn_lower_bytes(text, length, *lower)] = '\0';
    return TRN_OK;
}

/* No look at the neighbors of a letter, so that keys can be compared as they are made: whether a
 * sigma ends its word is left out of the comparison, and a dot above an i, which only some
 * lowerings keep. */
int32_t trn_lower_key(const char **text) {
    unsigned char byte = (unsigned char)**text;
    int32_t point = byte;
    if (byte < 0x80) { /* ASCII, the common case, and the end */
        *text += byte != 0;
        if (byte >= 'A' && byte <= 'Z') point += 'a' - 'A';
    } else {
        utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)*text, -1, &point);
        *text += used > 0 ? used : 1;
        if (used <= 0) return 0x110000 + byte;
        point = point == DOTTED_I ? 'i' : utf8proc_tolower(point);
        if (point == FINAL_SIGMA) point = SMALL_SIGMA;
    }
    while (point == 'i' && strncmp(*text, dot_above, sizeof dot_above - 1) == 0)
        *text += sizeof dot_above - 1;
    return point;
}
