/* blas.h: which BLAS is loaded, and one thread for it: our own threads share out the tiles, so that
 * a sum is never split by thread and results do not depend on the number of threads. */
#ifndef TRN_KERN_DENSE_BLAS_H
#define TRN_KERN_DENSE_BLAS_H

#include "base/status.h"

#include <stdint.h>

/* Name, configuration and file of the BLAS that the linker really loaded, such as
 * "OpenBLAS 0.3.21 SkylakeX (/usr/lib/.../libblas.so.3)". Never NULL; lives on. Local. */
const char *trn_blas_name(void);

/* Make every BLAS call run on the calling thread only (OpenBLAS and BLIS; others are left to
 * OMP_NUM_THREADS). Local; call once before any work. */
void trn_blas_single(void);

/* Under a limit of address space (ulimit -v) let OpenBLAS take its buffers for `threads` threads
 * now, before its calls, which know no failure; elsewhere nothing is done. Local; after
 * trn_blas_single. Fails with TRN_MEMORY naming the limit that would do. */
trn_status_t trn_blas_take(int threads);

/* Single-precision GEMM rate of one thread here, in flop/s: the best of a few 1024^3 products.
 * Local. Cost: about 0.1 s and 12 MB, once in a process; 0 when there is no memory for it. */
double trn_blas_ceiling(void);

/* For plans: about the most bytes that BLAS packs operands into on one thread for products of
 * numbers of `size` bytes with `rows` rows of the left operand and sums of `terms`. It takes them
 * from the system itself and keeps them. Local. */
int64_t trn_blas_bytes(int64_t size, int64_t rows, int64_t terms);

#endif
