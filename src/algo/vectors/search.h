/* search.h: the rows of an embedding that answer best to sums of words, exactly.
 *
 * Queries come in chunks and rows in blocks, both of fixed size. The scores of a (chunk, block)
 * are one single-threaded GEMM of one shape, whoever owns the block, and lists of the best merge
 * exactly (kern/topk.h): same bits on any number of ranks and threads. */
#ifndef TRN_ALGO_VECTORS_SEARCH_H
#define TRN_ALGO_VECTORS_SEARCH_H

#include "algo/vectors/embedding.h"
#include "kern/search/topk.h"

enum { TRN_SEARCH_CHUNK = 256 /* queries to a GEMM */, TRN_SEARCH_TERMS = 8 };

/* "king - man + woman": rows and their signs, +1 or -1; unused terms do not count. The rows
 * themselves are never an answer. */
typedef struct trn_query {
    int terms;
    int64_t row[TRN_SEARCH_TERMS];
    float sign[TRN_SEARCH_TERMS];
} trn_query_t;

/* How a row x answers to the terms t; cos is between the vectors.
 *   ADD  cos(x, sum of sign_t t): 3CosAdd of Mikolov, Yih, Zweig 2013 (NAACL), equation 2
 *   MUL  product of (1 + cos(x, t)) / 2 over the positive terms, divided by (that + 0.001) for each
 *        negative one: 3CosMul of Levy, Goldberg 2014 (CoNLL), equation 4 */
typedef enum trn_answer { TRN_ANSWER_ADD, TRN_ANSWER_MUL } trn_answer_t;

/* best[count x k] = the k best rows for each query (fewer if the vocabulary has no more: entries of
 * index -1 fill up), on every rank. The embedding must be normalised, k at least 1. `threads`
 * share out the blocks. Collective, equal arguments. Fails (agreed) with TRN_MEMORY. Cost a rank:
 * 2 V d flop / ranks a query (MUL: once for each term), an Allreduce of the terms' rows and of k
 * entries a query; memory as trn_search_bytes says. */
trn_status_t trn_search(const trn_embedding_t *embedding, int64_t count, const trn_query_t *queries,
                        trn_answer_t answer, int k, int threads, trn_best_t *best);

/* Bytes of memory that trn_search takes besides its arguments. Local. */
int64_t trn_search_bytes(int64_t dim, trn_answer_t answer, int k, int threads);

#endif
