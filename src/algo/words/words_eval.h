/* words_eval.h: how well an embedding agrees with people: word similarity and analogies.
 *
 * A set is a text file that rank 0 reads. With `lowercase` it is lowered first; then each word is
 * looked for as it is, and failing that regardless of case (trn_embedding_find). Questions with a
 * word that is not in the vocabulary are left out of the score and counted. */
#ifndef TRN_ALGO_WORDS_WORDS_EVAL_H
#define TRN_ALGO_WORDS_WORDS_EVAL_H

#include "algo/vectors/embedding.h"

#include <stdbool.h>

/* Spearman's rank correlation of x[n] and y[n] into *rho: Pearson's of the ranks, equal values
 * sharing the mean of theirs; NaN if n < 2 or either is constant. Fails with TRN_MEMORY. Local.
 * Cost: two sorts. */
trn_status_t trn_spearman(int64_t n, const double *x, const double *y, double *rho);

typedef struct trn_similarity {
    int64_t total, used; /* pairs in the file, and those with both words in the vocabulary */
    double spearman;     /* of cosine and score; NaN when it is undefined */
} trn_similarity_t;

/* Score the pairs of `path`, lines of "word word number". The embedding must be normalised.
 * Collective, equal arguments. Fails (agreed) with TRN_INPUT as FILE:LINE (fields, number; no
 * pairs), TRN_MEMORY, TRN_IO. Cost: an Allreduce of 2 rows a pair. */
trn_status_t trn_similarity(trn_embedding_t *embedding, const char *path, bool lowercase,
                            trn_similarity_t *result);

/* A part of an analogy file under a line ": NAME"; a file without such lines has one, named "". */
typedef struct trn_section {
    char *name;
    int64_t total, used; /* questions, and those with all four words in the vocabulary */
    int64_t add, mul;    /* answered rightly by 3CosAdd and by 3CosMul */
} trn_section_t;

typedef struct trn_analogy {
    int64_t count;
    trn_section_t *sections; /* [count] */
} trn_analogy_t;

/* Answer the questions of `path`, lines of "a b c d": a is to b as c to d; right if d is first of
 * all words but a, b, c (algo/search.h). 3CosMul only if `mul`. The embedding must be normalised.
 * Collective, equal arguments. Fails (agreed) with TRN_INPUT as FILE:LINE (fields; no questions),
 * TRN_MEMORY, TRN_IO. Cost: trn_search. */
trn_status_t trn_analogy(trn_embedding_t *embedding, const char *path, bool lowercase, bool mul,
                         int threads, trn_analogy_t **result);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_analogy_destroy(trn_analogy_t **result);

#endif
