/* words_eval.h: how well an embedding agrees with people: word similarity and analogies.
 *
 * A set is a text file that rank 0 reads. With `lowercase` its words are lowered first
 * (text/lower.h); then each is looked for as it is, and failing that regardless of case
 * (trn_embedding_find). Pairs and questions with a word that is not in the vocabulary are left out
 * of the score and told. */
#ifndef TRN_ALGO_WORDS_WORDS_EVAL_H
#define TRN_ALGO_WORDS_WORDS_EVAL_H

#include "algo/vectors/embedding.h"

#include <stdbool.h>

/* Spearman's rank correlation of x[n] and y[n] into *rho: Pearson's of the ranks, equal values
 * sharing the mean of theirs; NaN if n < 2 or either is constant. Fails with TRN_MEMORY. Local.
 * Cost: two sorts. */
trn_status_t trn_spearman(int64_t n, const double *x, const double *y, double *rho);

/* What sets are held against. */
typedef struct trn_eval {
    trn_embedding_t *embedding; /* normalized */
    bool lowercase;
    const char *score_column; /* of similarity sets, as trn_pairs_parse takes it */
} trn_eval_t;

enum { TRN_UNKNOWN_SHOWN = 5, TRN_UNKNOWN_BYTES = 40 /* of each */ };

/* Words of a set that are not in the vocabulary. */
typedef struct trn_unknown {
    int shown;                                                   /* distinct words in `first` */
    char first[TRN_UNKNOWN_SHOWN * (TRN_UNKNOWN_BYTES + 2) + 8]; /* "a, b, ..." */
} trn_unknown_t;

typedef struct trn_similarity {
    int64_t total, used; /* pairs in the file, and those with both words in the vocabulary */
    double spearman;     /* of cosine and score; NaN when it is undefined */
    trn_unknown_t unknown;
    char column[64]; /* where the score stands, by name or number; "": in the third of three */
} trn_similarity_t;

/* Score the pairs of `path` (text/pairs.h). Collective, equal arguments. Fails (agreed) with
 * TRN_INPUT as FILE:LINE (fields, number; no pairs), TRN_USAGE (the column), TRN_MEMORY, TRN_IO.
 * Cost: an Allreduce of 2 rows a pair. */
trn_status_t trn_similarity(const trn_eval_t *eval, const char *path, trn_similarity_t *result);

/* For plans: bytes of the rows of pairs under way, in `dim` columns. Local. */
int64_t trn_similarity_bytes(int64_t dim);

/* A part of an analogy file under a line ": NAME"; a file without such lines has one, named "". */
typedef struct trn_section {
    char *name;
    int64_t total, used; /* questions, and those with all four words in the vocabulary */
    int64_t add, mul;    /* answered rightly by 3CosAdd and by 3CosMul */
} trn_section_t;

typedef struct trn_analogy {
    int64_t count;
    trn_section_t *sections; /* [count] */
    trn_unknown_t unknown;
} trn_analogy_t;

/* Answer the questions of `path`, lines of "a b c d": a is to b as c to d; right if d is first of
 * all words but a, b, c (algo/vectors/search.h). 3CosMul only if `mul`. Collective, equal
 * arguments. Fails (agreed) with TRN_INPUT as FILE:LINE (fields; no questions), TRN_MEMORY, TRN_IO.
 * Cost: trn_search. */
trn_status_t trn_analogy(const trn_eval_t *eval, const char *path, bool mul, int threads,
                         trn_analogy_t **result);

/* Free and set the pointer to NULL; NULL is fine. Local. */
void trn_analogy_destroy(trn_analogy_t **result);

#endif
