/* search.c: tiles of queries and blocks of rows, and lists of the best of them. */
#include "algo/vectors/search.h"

#include "base/mem.h"
#include "kern/dense/blas.h"
#include "mpi/agree.h"
#include "mpi/best.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <string.h>

enum { CHUNK = TRN_SEARCH_CHUNK, BLOCK = TRN_EMBEDDING_BLOCK, TERMS = TRN_SEARCH_TERMS };

static const float mul_epsilon = 0.001F; /* of 3CosMul: keeps the divisor from zero */

/* Everything a search needs, allocated before its first message. */
typedef struct plan {
    const trn_embedding_t *embedding;
    trn_answer_t answer;
    int k, threads;
    int64_t dim;
    float *term;      /* [TERMS x CHUNK x dim] rows of term t of every query of the chunk */
    float *sum;       /* [CHUNK x dim] what ADD compares with */
    float *score;     /* [threads x 2 x CHUNK x BLOCK] scores and cosines */
    trn_best_t *best; /* [threads x CHUNK x k] */
    trn_best_lists_t lists;
} plan_t;

int64_t trn_search_bytes(int64_t dim, trn_answer_t answer, int k, int threads) {
    int64_t operands = (TERMS + (answer == TRN_ANSWER_ADD)) * CHUNK * dim;
    int64_t tiles = (int64_t)threads * (answer == TRN_ANSWER_ADD ? 1 : 2) * CHUNK * BLOCK;
    return (operands + tiles) * (int64_t)sizeof(float) +
           (int64_t)threads * CHUNK * k * (int64_t)sizeof(trn_best_t);
}

static trn_status_t allocate(plan_t *p) {
    int64_t operand = CHUNK * p->dim;
    bool add = p->answer == TRN_ANSWER_ADD;
    TRN_TRY(trn_alloc(&p->term, TERMS * operand, sizeof *p->term, "query terms"));
    TRN_TRY(trn_alloc(&p->sum, add ? operand : 0, sizeof *p->sum, "queries"));
    TRN_TRY(trn_alloc(&p->score, (int64_t)p->threads * (add ? 1 : 2) * CHUNK * BLOCK,
                      sizeof *p->score, "scores"));
    return trn_alloc(&p->best, (int64_t)p->threads * CHUNK * p->k, sizeof *p->best, "best rows");
}

static void release(plan_t *p) {
    trn_free(&p->term);
    trn_free(&p->sum);
    trn_free(&p->score);
    trn_free(&p->best);
}

/* Fetch the rows of all terms; missing terms and queries beyond the last become zero rows. */
static void fetch_terms(plan_t *p, int64_t count, const trn_query_t *queries) {
    int64_t number[CHUNK];
    for (int t = 0; t < TERMS; t++) {
        bool used = false;
        for (int64_t i = 0; i < CHUNK; i++) {
            number[i] = i < count && t < queries[i].terms ? queries[i].row[t] : -1;
            used |= number[i] >= 0;
        }
        if (used) trn_embedding_gather(p->embedding, CHUNK, number, p->term + t * CHUNK * p->dim);
    }
}

/* sum[i] = the signed sum of the terms of query i, scaled to length 1, so that scores are
 * cosines. */
static void add_terms(plan_t *p, int64_t count, const trn_query_t *queries) {
    memset(p->sum, 0, (size_t)(CHUNK * p->dim) * sizeof *p->sum);
    for (int64_t i = 0; i < count; i++) {
        float *sum = p->sum + i * p->dim;
        double square = 0;
        for (int t = 0; t < queries[i].terms; t++)
            for (int64_t j = 0; j < p->dim; j++)
                sum[j] += queries[i].sign[t] * p->term[(t * CHUNK + i) * p->dim + j];
        for (int64_t j = 0; j < p->dim; j++)
            square += (double)sum[j] * sum[j];
        double scale = square > 0 ? 1 / sqrt(square) : 0;
        for (int64_t j = 0; j < p->dim; j++)
            sum[j] = (float)(sum[j] * scale);
    }
}

/* tile[CHUNK x BLOCK] = queries[CHUNK x dim] block[BLOCK x dim]^T. Never another shape: BLAS may
 * round differently for another. */
static void multiply(const plan_t *p, const float *queries, const float *block, float *tile) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, CHUNK, BLOCK, (int)p->dim, 1.0F, queries,
                (int)p->dim, block, (int)p->dim, 0.0F, tile, BLOCK);
}

/* 3CosMul: multiply by the shifted cosines of positive terms, divide by those of negative ones. */
static void multiply_terms(const plan_t *p, int64_t count, const trn_query_t *queries,
                           const float *block, float *score, float *cosine) {
    int terms = 0;
    for (int64_t i = 0; i < count; i++)
        terms = queries[i].terms > terms ? queries[i].terms : terms;
    for (int64_t i = 0; i < count * BLOCK; i++)
        score[i] = 1;
    for (int t = 0; t < terms; t++) {
        multiply(p, p->term + t * CHUNK * p->dim, block, cosine);
        for (int64_t i = 0; i < count; i++) {
            if (t >= queries[i].terms) continue;
            float *to = score + i * BLOCK;
            const float *with = cosine + i * BLOCK;
            if (queries[i].sign[t] > 0)
                for (int64_t x = 0; x < BLOCK; x++)
                    to[x] *= (with[x] + 1) / 2;
            else
                for (int64_t x = 0; x < BLOCK; x++)
                    to[x] /= (with[x] + 1) / 2 + mul_epsilon;
        }
    }
}

/* Let the rows of this rank's block b compete for the lists of the chunk. */
static void search_block(const plan_t *p, int64_t count, const trn_query_t *queries, int64_t b,
                         float *score, trn_best_t *best) {
    const float *block = trn_embedding_block(p->embedding, b);
    int64_t first = (trn_embedding_first_block(p->embedding) + b) * BLOCK;
    int64_t rows = trn_embedding_block_rows(p->embedding, b);
    if (p->answer == TRN_ANSWER_ADD)
        multiply(p, p->sum, block, score);
    else
        multiply_terms(p, count, queries, block, score, score + CHUNK * BLOCK);
    for (int64_t i = 0; i < count; i++) {
        for (int t = 0; t < queries[i].terms; t++) {
            int64_t x = queries[i].row[t] - first;
            if (x >= 0 && x < rows) score[i * BLOCK + x] = -INFINITY;
        }
        trn_topk_update(rows, score + i * BLOCK, first, p->k, best + i * p->k);
    }
}

/* The threads share out this rank's blocks, each with its own lists, which are then merged: in
 * any order, for the lists of the best are unique. */
static void search_blocks(const plan_t *p, int64_t count, const trn_query_t *queries,
                          trn_best_t *best) {
    int64_t tile = (p->answer == TRN_ANSWER_ADD ? 1 : 2) * CHUNK * BLOCK, lists = CHUNK * p->k;
    trn_topk_clear(p->threads * lists, p->best);
#pragma omp parallel for num_threads(p->threads) schedule(dynamic, 1)
    for (int64_t b = 0; b < trn_embedding_blocks(p->embedding); b++) {
        int thread = omp_get_thread_num();
        search_block(p, count, queries, b, p->score + thread * tile, p->best + thread * lists);
    }
    trn_topk_clear(count * p->k, best);
    for (int thread = 0; thread < p->threads; thread++)
        for (int64_t i = 0; i < count; i++)
            trn_topk_merge(p->k, p->best + thread * lists + i * p->k, best + i * p->k);
}

trn_status_t trn_search(const trn_embedding_t *embedding, int64_t count, const trn_query_t *queries,
                        trn_answer_t answer, int k, int threads, trn_best_t *best) {
    MPI_Comm comm = trn_embedding_comm(embedding);
    plan_t p = {.embedding = embedding, .answer = answer, .k = k, .threads = threads};
    p.dim = trn_embedding_dim(embedding);
    trn_status_t status = trn_agree(comm, allocate(&p));
    if (status == TRN_OK) {
        trn_blas_single();
        p.lists = trn_best_lists(k);
        for (int64_t first = 0; first < count; first += CHUNK) {
            int64_t some = count - first < CHUNK ? count - first : CHUNK;
            fetch_terms(&p, some, queries + first);
            if (answer == TRN_ANSWER_ADD) add_terms(&p, some, queries + first);
            search_blocks(&p, some, queries + first, best + first * k);
            MPI_Allreduce(MPI_IN_PLACE, best + first * k, (int)some, p.lists.type, p.lists.merge,
                          comm);
        }
        trn_best_lists_free(&p.lists);
    }
    release(&p);
    return status;
}
