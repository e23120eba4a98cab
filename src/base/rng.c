/* rng.c: random numbers by position: Philox with the seed as its key and (row, column / 4, step,
 * stream) as its counter. There is no state, so numbers depend on where they are wanted, not on who
 * draws them or in which order. */
#include "base/rng.h"

#include <Random123/philox.h>
#include <math.h>
#include <stdbool.h>

/* The counter has 128 bits: 32 of the row, 32 of the column, 32 of the step, then 16 more of the
 * row and 16 of the stream. */
void trn_rng_words(uint64_t seed, uint64_t row, uint32_t column4, uint32_t step,
                   trn_rng_stream_t stream, uint32_t words[4]) {
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    uint32_t top = (uint32_t)(row >> 32) << 16 | (uint32_t)stream;
    philox4x32_ctr_t counter = {{(uint32_t)row, column4, step, top}};
    philox4x32_ctr_t drawn = philox4x32(counter, key);
    for (int i = 0; i < 4; i++)
        words[i] = drawn.v[i];
}

void trn_rng_uniform(uint64_t seed, uint64_t row, uint32_t column4, uint32_t step,
                     trn_rng_stream_t stream, double uniform[4]) {
    uint32_t words[4];
    trn_rng_words(seed, row, column4, step, stream, words);
    for (int i = 0; i < 4; i++)
        uniform[i] = ((double)words[i] + 0.5) * 0x1p-32;
}

/* Box and Muller: two normal numbers out of two uniform ones, by the parity of the column. A part
 * gives the same numbers as the whole row. */
void trn_rng_normal_part(uint64_t seed, uint64_t row, uint32_t step, trn_rng_stream_t stream,
                         double scale, int64_t first, int64_t count, float *values) {
    for (int64_t column = first / 4 * 4; column < first + count; column += 4) {
        double u[4], normal[4];
        trn_rng_uniform(seed, row, (uint32_t)(column / 4), step, stream, u);
        for (int i = 0; i < 4; i += 2) {
            double radius = sqrt(-2 * log(u[i])), angle = 6.283185307179586476925 * u[i + 1];
            normal[i] = radius * cos(angle);
            normal[i + 1] = radius * sin(angle);
        }
        for (int64_t i = column < first ? first - column : 0; i < 4 && column + i < first + count;
             i++)
            values[column + i - first] = (float)(scale * normal[i]);
    }
}

void trn_rng_normal_row(uint64_t seed, uint64_t row, uint32_t step, trn_rng_stream_t stream,
                        double scale, int64_t count, float *values) {
    trn_rng_normal_part(seed, row, step, stream, scale, 0, count, values);
}

/* Permuting ------------------------------------------------------------------------------------ */

enum {
    FEISTEL_ROUNDS = 4 /* a pseudorandom permutation from pseudorandom functions (Luby, Rackoff) */
};

/* Bits of half a number when numbers below n have an even number of bits. */
static int half_bits(int64_t n) {
    int half = 1;
    while ((int64_t)1 << 2 * half < n)
        half++;
    return half;
}

/* The round function: any half to a random one. */
static uint64_t mix(uint64_t seed, uint64_t half, int round, uint64_t mask) {
    uint32_t words[4];
    trn_rng_words(seed, half, 0, (uint32_t)round, TRN_RNG_PERMUTE, words);
    return words[0] & mask;
}

/* Once through the network, forwards or back. */
static int64_t scramble(uint64_t seed, int half, int64_t i, bool back) {
    uint64_t mask = ((uint64_t)1 << half) - 1;
    uint64_t left = (uint64_t)i >> half, right = (uint64_t)i & mask;
    for (int r = 0; r < FEISTEL_ROUNDS; r++) {
        uint64_t next = back ? right ^ mix(seed, left, FEISTEL_ROUNDS - 1 - r, mask)
                             : left ^ mix(seed, right, r, mask);
        if (back) {
            right = left;
            left = next;
        } else {
            left = right;
            right = next;
        }
    }
    return (int64_t)(left << half | right);
}

/* The network permutes a power of four of numbers, at most four times n of them; what falls outside
 * goes through it again, four times on average at worst. */
int64_t trn_rng_permuted(uint64_t seed, int64_t n, int64_t i) {
    int half = half_bits(n);
    do
        i = scramble(seed, half, i, false);
    while (i >= n);
    return i;
}

int64_t trn_rng_permuted_back(uint64_t seed, int64_t n, int64_t i) {
    int half = half_bits(n);
    do
        i = scramble(seed, half, i, true);
    while (i >= n);
    return i;
}
