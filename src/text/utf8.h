/* utf8.h: characters out of bytes, and what stands in for bytes that are none.
 *
 * Ill-formed bytes fall into maximal subparts (The Unicode Standard, chapter 3.9), each of which
 * counts as one: a beginning of a character that is cut short, else a single byte. So browsers and
 * most libraries do (WHATWG Encoding), and the number of replacements depends on the bytes alone.
 */
#ifndef TRN_TEXT_UTF8_H
#define TRN_TEXT_UTF8_H

#include <stdbool.h>
#include <stdint.h>

/* The code point that text[length] begins with (length >= 1), *used its bytes; -1 if it begins with
 * none, *used then the bytes of the maximal subpart. Local. */
int32_t trn_utf8_next(const char *text, int64_t length, int64_t *used);

/* How many bytes of text[length] stand before the first ill-formed one; `length`: all is well.
 * Local. */
int64_t trn_utf8_well(const char *text, int64_t length);

/* True if `text`, ended by NUL, is well-formed. Local. */
bool trn_utf8_valid(const char *text);

/* Copy text[length] to to[3 x length] with U+FFFD in place of every maximal subpart; returns the
 * bytes written. Local. */
int64_t trn_utf8_replace(const char *text, int64_t length, char *to);

#endif
