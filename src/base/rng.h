/* rng.h: counter-based random numbers: the value depends on what it is for, never on who draws it.
 *
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, SC11)
 * through Random123. Key = seed; counter = (row or sample, column / 4, step, stream). */
#ifndef TRN_BASE_RNG_H
#define TRN_BASE_RNG_H

#include <stdint.h>

/* Streams keep apart what is drawn for different purposes with the same row, column and step. */
typedef enum trn_rng_stream {
    TRN_RNG_ROW_INIT = 1, /* starting row vectors */
    TRN_RNG_COL_INIT = 2, /* starting column vectors */
    TRN_RNG_SCHEDULE = 3, /* order of rounds */
    TRN_RNG_KRYLOV = 20,  /* starting blocks of singular vectors */
    TRN_RNG_PERMUTE = 24, /* order of rows */
    TRN_RNG_TEST = 255
} trn_rng_stream_t;

/* Four independent 32-bit words for (seed, row < 2^48, column block, step, stream < 2^16). Local.
 */
void trn_rng_words(uint64_t seed, uint64_t row, uint32_t column4, uint32_t step,
                   trn_rng_stream_t stream, uint32_t words[4]);

/* Four uniform numbers in (0, 1), 2^-24 apart at least. Local. */
void trn_rng_uniform(uint64_t seed, uint64_t row, uint32_t column4, uint32_t step,
                     trn_rng_stream_t stream, double uniform[4]);

/* values[0..count) = scale x standard normal numbers for columns [first, first + count) of `row`
 * (Box-Muller in float64): the same whatever part is drawn. Local. */
void trn_rng_normal_part(uint64_t seed, uint64_t row, uint32_t step, trn_rng_stream_t stream,
                         double scale, int64_t first, int64_t count, float *values);

/* The same from column 0 on. Local. */
void trn_rng_normal_row(uint64_t seed, uint64_t row, uint32_t step, trn_rng_stream_t stream,
                        double scale, int64_t count, float *values);

#endif
