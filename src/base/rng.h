/* rng.h: counter-based random numbers: the value depends on what it is for, never on who draws it.
 *
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, SC11)
 * through Random123. Key = seed; counter = (row or sample, column / 4, step, stream). */
#ifndef TRN_BASE_RNG_H
#define TRN_BASE_RNG_H

#include <stdint.h>

/* Streams keep apart what is drawn for different purposes with the same row, column and step. */
typedef enum trn_rng_stream {
    TRN_RNG_ROW_INIT = 1,   /* starting row vectors */
    TRN_RNG_COL_INIT = 2,   /* starting column vectors */
    TRN_RNG_SCHEDULE = 3,   /* order of rounds */
    TRN_RNG_KRYLOV = 20,    /* starting blocks of singular vectors */
    TRN_RNG_PERMUTE = 24,   /* order of rows */
    TRN_RNG_KG_ENTITY = 40, /* starting vectors of entities, of relations, their second rows */
    TRN_RNG_KG_RELATION = 41,
    TRN_RNG_KG_SECOND = 42,
    TRN_RNG_KG_ORDER = 43,    /* order of queries in an epoch */
    TRN_RNG_KG_NEGATIVE = 44, /* candidates of a batch */
    TRN_RNG_KG_DROPOUT = 45,  /* numbers of a question's vectors that are left out */
    TRN_RNG_KG_FALSE = 46,    /* false triples to fit thresholds with */
    TRN_RNG_KG_SAMPLE = 47,   /* candidates of a question in an evaluation */
    TRN_RNG_KG_PLACE = 50,    /* which entity block takes which place of the round-robin schedule */
    TRN_RNG_KG_ROUND = 51,    /* where a sweep's rounds begin, and which way they go */
    TRN_RNG_KG_PAIR = 52,     /* order of triples in a pair of blocks */
    TRN_RNG_KG_RESIDENT = 53, /* candidates of a batch out of a pair of blocks */
    TRN_RNG_KG_GUEST = 54,    /* and out of the other blocks, for a round */
    TRN_RNG_ANCHOR = 60,      /* anchors that are drawn */
    TRN_RNG_CONTEXT = 61,     /* relation types that stand for an entity */
    TRN_RNG_PIECE = 62,       /* starting vectors of an encoder's pieces, and its layers */
    TRN_RNG_LAYER = 63,
    TRN_RNG_DROPOUT = 64,    /* hidden units left out of a step */
    TRN_RNG_GRAPH = 70,      /* made-up triples */
    TRN_RNG_KMEANS = 80,     /* rows that clusters start from */
    TRN_RNG_TRANSPLANT = 81, /* rows of a new vocabulary that are drawn */
    TRN_RNG_FACTOR = 82,     /* starting factors */
    TRN_RNG_PROJECT = 83,    /* random projections of nodes */
    TRN_RNG_SPLIT = 84,      /* what is held out: nodes, edges; pairs without an edge */
    TRN_RNG_TRIPLE = 85,     /* users, their items and others, of a recommender's training */
    TRN_RNG_EMBED = 86,      /* its starting embeddings and weights; likes that are held out */
    TRN_RNG_SNAPSHOT = 87,   /* starting factors of landmarks */
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

/* Where a permutation of 0..n-1 (1 <= n <= 2^62) that depends on the seed alone sends i, and the
 * other way round. Local. Cost: about 10 Philox draws, no memory. Source: Black, Rogaway: Ciphers
 * with arbitrary finite domains (CT-RSA 2002): a Feistel network on the next larger square of a
 * power of two, gone through until the result is below n. */
int64_t trn_rng_permuted(uint64_t seed, int64_t n, int64_t i);
int64_t trn_rng_permuted_back(uint64_t seed, int64_t n, int64_t i);

#endif
