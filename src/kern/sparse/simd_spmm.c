/* simd_spmm.c: the inner loops of spmm.h, compiled once for each instruction set (CMakeLists.txt)
 * and here for each pair of number types (spmm_rows.inc). */
#include "kern/sparse/spmm.h"

#include <string.h>
#if defined(__AVX__)
#include <immintrin.h>
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

/* Vector registers: their size, and how many sums a tile has. With AVX's 16 registers as many sums
 * leave none for the rest, but one that waits in memory costs less than a second look at S. */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define MOST_SUMS    16
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#define MOST_SUMS    16
#else
#define VECTOR_BYTES 16
#define MOST_SUMS    8
#endif

enum {
    LINE = 64,       /* bytes: what one prefetch brings */
    AHEAD = 8 << 10, /* bytes of B under way at a time, towards the second cache */
    BLOCK_ROWS = 64  /* rows that are done tile by tile: their entries stay in the cache */
};

#define DATA  float
#define REAL  float
#define WHOLE int32_t
#define KIND  0
#include "kern/sparse/spmm_real.inc"
#define DATA  double
#define REAL  double
#define WHOLE int64_t
#define KIND  1
#include "kern/sparse/spmm_real.inc"
#define DATA  float
#define REAL  double
#define WHOLE int64_t
#define KIND  2
#include "kern/sparse/spmm_real.inc"

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)
const trn_spmm_kernels_t JOIN(trn_spmm_kernels_, TRN_SIMD) = {
    {{ones_0, floats_0, doubles_0}, {ones_1, floats_1, doubles_1}, {ones_2, floats_2, doubles_2}},
    TEXT(TRN_SIMD)};
