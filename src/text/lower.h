/* lower.h: lower case, one mapping wherever words are lowered or looked up regardless of case.
 *
 * It is Unicode's default mapping of every language: code point by code point, with the special
 * cases that depend on no language (SpecialCasing.txt): a capital dotted I keeps its dot as
 * U+0307, and a capital sigma that ends a word becomes the final one. It is not case folding: a
 * sharp s stays one letter. Python's str.lower() does the same. Ill-formed bytes stay. */
#ifndef TRN_TEXT_LOWER_H
#define TRN_TEXT_LOWER_H

#include "base/status.h"

#include <stdint.h>

/* Bytes that the lower case of `length` bytes may take. Local. */
int64_t trn_lower_room(int64_t length);

/* Write the lower case of text[length] to to[trn_lower_room(length)]; returns its bytes. Local. */
int64_t trn_lower_bytes(const char *text, int64_t length, char *to);

/* Lower-case copy of `text`, to be freed with trn_free. Fails with TRN_MEMORY. Local. */
trn_status_t trn_lower(const char *text, char **lower);

/* Take one code point off *text (ended by NUL) as look-ups compare it: lowered, both forms of the
 * small sigma alike, the dot behind an i left out. So a word, its lower case as above, and what
 * other programs make of it letter by letter are found by one another. Ill-formed bytes are code
 * points of their own beyond those of Unicode; 0 at the end. Local. */
int32_t trn_lower_key(const char **text);

#endif
