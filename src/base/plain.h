/* plain.h: text of any origin as a terminal may show it. */
#ifndef TRN_BASE_PLAIN_H
#define TRN_BASE_PLAIN_H

#include <stddef.h>

/* Copy `text` into to[size] as one line of UTF-8 that a terminal obeys in nothing: control
 * characters (below U+0020, U+007F to U+009F) are written \n, \t, \x1b or \u009b, bytes that are no
 * UTF-8 \xff. What does not fit is cut off between characters. Returns the bytes written, without
 * the NUL. Local. */
size_t trn_plain(char *to, size_t size, const char *text);

/* The same of bytes that are no UTF-8 alone: valid text is copied as it is. Local. */
size_t trn_plain_bytes(char *to, size_t size, const char *text);

enum { TRN_PLAIN_GROWS = 6 /* times as many bytes at most */ };

#endif
