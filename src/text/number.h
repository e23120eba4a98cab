/* number.h: numbers out of text: as strtod reads them, several times as fast. */
#ifndef TRN_TEXT_NUMBER_H
#define TRN_TEXT_NUMBER_H

#include <stdint.h>

/* *value = the decimal number that `text` (ended by NUL) begins with: sign, digits with or without
 * a point, exponent; or nan, inf, infinity in any case. Rounded to nearest, as by strtod; too large
 * is infinite. Returns what follows the number, NULL if there is none. Local. Cost: a
 * multiplication or division of 128-bit integers up to 19 digits and exponents of ten within 27
 * (so for what %.17g makes of numbers from 1e-10 to 1e40), strtod beyond. */
const char *trn_number_real(const char *text, double *value);

/* The same as float32, as by strtof. Local. */
const char *trn_number_float(const char *text, float *value);

/* The same for a whole number: sign and digits; too large ones become INT64_MAX or -INT64_MAX.
 * Local. */
const char *trn_number_whole(const char *text, int64_t *value);

#endif
