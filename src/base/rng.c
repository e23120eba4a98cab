#include "base/rng.h"

#include <Random123/philox.h>
#include <math.h>

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
