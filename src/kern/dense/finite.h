/* finite.h: where numbers of files or of results are not finite. */
#ifndef TRN_KERN_DENSE_FINITE_H
#define TRN_KERN_DENSE_FINITE_H

#include <stdint.h>

/* Index of the first of x[n] that is infinite or NaN; -1: there is none. Local. Cost: one pass. */
int64_t trn_not_finite_f32(int64_t n, const float *x);
int64_t trn_not_finite_f64(int64_t n, const double *x);

#endif
