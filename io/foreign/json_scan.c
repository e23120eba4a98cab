/* json_scan.c: strict JSON, in place (json_scan.h). */
#include "io/foreign/json_scan.h"

#include "text/utf8.h"

#include <string.h>

trn_status_t trn_json_scan_fail(const trn_json_scan_t *scan, const char *what) {
    return trn_fail(TRN_INPUT, "%s: byte %lld: %s; damaged?", scan->path,
                    (long long)(scan->base + (scan->at - scan->begin)), what);
}

trn_status_t trn_json_scan_begin(trn_json_scan_t *scan, const char *path, char *text, int64_t bytes,
                                 int64_t base) {
    *scan = (trn_json_scan_t){path, text, text, text + bytes, base};
    int64_t well = trn_utf8_well(text, bytes);
    if (well == bytes) return TRN_OK;
    scan->at += well;
    return trn_json_scan_fail(scan, "not valid UTF-8");
}

static void skip_space(trn_json_scan_t *scan) {
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

trn_status_t trn_json_scan_take(trn_json_scan_t *scan, char wanted) {
    char what[32] = "no 'x' where one must be";
    skip_space(scan);
    if (scan->at < scan->end && *scan->at == wanted) {
        scan->at++;
        return TRN_OK;
    }
    what[4] = wanted;
    return trn_json_scan_fail(scan, what);
}

trn_status_t trn_json_scan_next(trn_json_scan_t *scan, bool first, char close, bool *more) {
    skip_space(scan);
    *more = !(scan->at < scan->end && *scan->at == close);
    if (!*more) {
        scan->at++;
        return TRN_OK;
    }
    return first ? TRN_OK : trn_json_scan_take(scan, ',');
}

/* Strings -------------------------------------------------------------------------------------- */

static int hex(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four digits at scan->at; -1: there are none. */
static int32_t take_unit(trn_json_scan_t *scan) {
    int32_t unit = 0;
    if (scan->end - scan->at < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex(scan->at[i]);
        if (digit < 0) return -1;
        unit = unit << 4 | digit;
    }
    scan->at += 4;
    return unit;
}

/* What follows \u: a character, or the two halves of one; never longer than what stands for it. */
static trn_status_t take_character(trn_json_scan_t *scan, char **to) {
    int32_t code = take_unit(scan);
    if (code >= 0xd800 && code < 0xdc00) {
        bool pair = scan->end - scan->at >= 2 && scan->at[0] == '\\' && scan->at[1] == 'u';
        if (pair) scan->at += 2;
        int32_t low = pair ? take_unit(scan) : -1;
        code =
            low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + low - 0xdc00 : -1;
    } else if (code >= 0xdc00 && code < 0xe000) {
        code = -1;
    }
    if (code <= 0) return trn_json_scan_fail(scan, "a \\u that names no character, or NUL");
    unsigned c = (unsigned)code;
    char *at = *to;
    if (c < 0x80) {
        *at++ = (char)c;
    } else if (c < 0x800) {
        *at++ = (char)(0xc0 | c >> 6);
        *at++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *at++ = (char)(0xe0 | c >> 12);
        *at++ = (char)(0x80 | (c >> 6 & 63));
        *at++ = (char)(0x80 | (c & 63));
    } else {
        *at++ = (char)(0xf0 | c >> 18);
        *at++ = (char)(0x80 | (c >> 12 & 63));
        *at++ = (char)(0x80 | (c >> 6 & 63));
        *at++ = (char)(0x80 | (c & 63));
    }
    *to = at;
    return TRN_OK;
}

/* What follows a backslash. */
static trn_status_t take_escape(trn_json_scan_t *scan, char **to) {
    static const char signs[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (scan->at == scan->end) return trn_json_scan_fail(scan, "a string without an end");
    char sign = *scan->at++;
    if (sign == 'u') return take_character(scan, to);
    const char *found = sign ? strchr(signs, sign) : NULL;
    if (!found) return trn_json_scan_fail(scan, "a backslash before a sign that has no such form");
    *(*to)++ = meant[found - signs];
    return TRN_OK;
}

trn_status_t trn_json_scan_string(trn_json_scan_t *scan, char **string) {
    TRN_TRY(trn_json_scan_take(scan, '"'));
    char *to = *string = scan->at;
    while (scan->at < scan->end) {
        char c = *scan->at;
        if ((unsigned char)c < ' ')
            return trn_json_scan_fail(scan, "a control character inside a string");
        scan->at++;
        if (c == '"') {
            *to = '\0'; /* where the quote stood, or before it */
            return TRN_OK;
        }
        if (c == '\\')
            TRN_TRY(take_escape(scan, &to));
        else
            *to++ = c;
    }
    return trn_json_scan_fail(scan, "a string without an end");
}

/* Numbers and other values --------------------------------------------------------------------- */

static bool is_digit(const trn_json_scan_t *scan) {
    return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

trn_status_t trn_json_scan_natural(trn_json_scan_t *scan, int64_t *number) {
    skip_space(scan);
    const char *first = scan->at;
    *number = 0;
    for (; is_digit(scan); scan->at++)
        if (__builtin_mul_overflow(*number, 10, number) ||
            __builtin_add_overflow(*number, *scan->at - '0', number))
            return trn_json_scan_fail(scan, "a number that is too large");
    bool more = scan->at < scan->end && strchr(".eE", *scan->at) && *scan->at;
    if (scan->at == first || more || (*first == '0' && scan->at - first > 1))
        return trn_json_scan_fail(scan, "no whole number from 0 on where one must be");
    return TRN_OK;
}

static trn_status_t skip_digits(trn_json_scan_t *scan) {
    if (!is_digit(scan)) return trn_json_scan_fail(scan, "no number where one must be");
    while (is_digit(scan))
        scan->at++;
    return TRN_OK;
}

static trn_status_t skip_number(trn_json_scan_t *scan) {
    if (*scan->at == '-') scan->at++;
    const char *first = scan->at;
    TRN_TRY(skip_digits(scan));
    if (*first == '0' && scan->at - first > 1)
        return trn_json_scan_fail(scan, "a number that begins with 0");
    if (scan->at < scan->end && *scan->at == '.') {
        scan->at++;
        TRN_TRY(skip_digits(scan));
    }
    if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-')) scan->at++;
        TRN_TRY(skip_digits(scan));
    }
    return TRN_OK;
}

static trn_status_t skip_word(trn_json_scan_t *scan) {
    static const char *const words[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, words[i], length) != 0)
            continue;
        scan->at += length;
        return TRN_OK;
    }
    return trn_json_scan_fail(scan, "no value where one must be");
}

trn_status_t trn_json_scan_skip(trn_json_scan_t *scan, int depth) {
    char *unused;
    skip_space(scan);
    char c = scan->at < scan->end ? *scan->at : '\0';
    if (c == '"') return trn_json_scan_string(scan, &unused);
    if (c == '-' || (c >= '0' && c <= '9')) return skip_number(scan);
    if (c != '{' && c != '[') return skip_word(scan);
    if (depth == 0) return trn_json_scan_fail(scan, "objects or arrays too deep in each other");
    scan->at++;
    char close = c == '{' ? '}' : ']';
    for (bool more, first = true;; first = false) {
        TRN_TRY(trn_json_scan_next(scan, first, close, &more));
        if (!more) return TRN_OK;
        if (c == '{') TRN_TRY(trn_json_scan_string(scan, &unused));
        if (c == '{') TRN_TRY(trn_json_scan_take(scan, ':'));
        TRN_TRY(trn_json_scan_skip(scan, depth - 1));
    }
}

trn_status_t trn_json_scan_end(trn_json_scan_t *scan) {
    skip_space(scan);
    return scan->at == scan->end ? TRN_OK : trn_json_scan_fail(scan, "more behind the end");
}
