/* algo/embedding, search and words: the same bits at any number of ranks and threads, and right by
 * slow, obvious computations. */
#define _GNU_SOURCE
#include "algo/vectors/search.h"
#include "algo/words/words_eval.h"
#include "base/rng.h"
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { ROWS = 4500, DIM = 20, QUERIES = 300, K = 5 };

static float values[ROWS][DIM];
static char path[64];

/* A new file of rank 0's with the given ending, its name known to all. */
static void name_file(const char *ending) {
    snprintf(path, sizeof path, "/tmp/trn_search_XXXXXX%s", ending);
    int file = rank == 0 ? mkstemps(path, (int)strlen(ending)) : -1;
    if (rank == 0 && CHECK(file >= 0)) close(file);
    MPI_Bcast(path, sizeof path, MPI_CHAR, 0, comm);
}

/* Rank 0 writes an embedding of words w0, w1, ... as word2vec binary. */
static void make_file(void) {
    for (int64_t i = 0; i < ROWS; i++)
        trn_rng_normal_row(3, (uint64_t)i, 0, TRN_RNG_TEST, 1, DIM, values[i]);
    memcpy(values[17], values[4000], sizeof values[17]); /* a tie, in different blocks */
    name_file(".bin");
    if (rank == 0) {
        FILE *file = fopen(path, "wb");
        fprintf(file, "%d %d\n", ROWS, DIM);
        for (int64_t i = 0; i < ROWS; i++) {
            fprintf(file, "%c%d ", i % 2 ? 'w' : 'W', (int)i);
            fwrite(values[i], sizeof *values[i], DIM, file);
        }
        fclose(file);
    }
    MPI_Barrier(comm);
}

static trn_embedding_t *load(void) {
    trn_embedding_t *embedding = NULL;
    CHECK_OK(trn_embedding_open(&embedding, comm, path, NULL));
    if (!harness_well()) return NULL;
    CHECK_OK(trn_embedding_load(embedding));
    return embedding;
}

static void make_queries(trn_query_t *queries) {
    for (int i = 0; i < QUERIES; i++)
        queries[i] = (trn_query_t){.terms = 1 + i % 3,
                                   .row = {i * 15 % ROWS, (i * 7 + 1) % ROWS, (i * 11 + 2) % ROWS},
                                   .sign = {1, -1, 1}};
    queries[0] = (trn_query_t){.terms = 1, .row = {17}, .sign = {1}};
}

static double cosine(const float *a, const float *b) {
    double ab = 0, aa = 0, bb = 0;
    for (int j = 0; j < DIM; j++) {
        ab += (double)a[j] * b[j];
        aa += (double)a[j] * a[j];
        bb += (double)b[j] * b[j];
    }
    return ab / sqrt(aa * bb);
}

/* The score of row x by the definition, in float64 from the vectors as they were. */
static double answer_ref(const trn_query_t *q, trn_answer_t answer, int64_t x) {
    float sum[DIM] = {0};
    double product = 1;
    for (int t = 0; t < q->terms; t++) {
        const float *row = values[q->row[t]];
        double square = 0;
        for (int j = 0; j < DIM; j++)
            square += (double)row[j] * row[j];
        double length = sqrt(square);
        for (int j = 0; j < DIM; j++)
            sum[j] += (float)(q->sign[t] * row[j] / length);
        double shifted = (cosine(row, values[x]) + 1) / 2;
        product = q->sign[t] > 0 ? product * shifted : product / (shifted + 0.001);
    }
    return answer == TRN_ANSWER_ADD ? cosine(sum, values[x]) : product;
}

/* The scores found are those of their rows, in order, and no other row beats the last. */
static void check_answers(const trn_query_t *q, trn_answer_t answer, const trn_best_t *best) {
    static double score[ROWS];
    for (int64_t x = 0; x < ROWS; x++)
        score[x] = answer_ref(q, answer, x);
    for (int t = 0; t < q->terms; t++)
        score[q->row[t]] = -1;
    for (int i = 0; i < K; i++) {
        if (!CHECK(best[i].index >= 0 && best[i].index < ROWS)) return;
        CHECK(fabs(best[i].score - score[best[i].index]) < 1e-4 * fmax(1, fabs(best[i].score)));
        CHECK(i == 0 || best[i].score <= best[i - 1].score);
        score[best[i].index] = -1;
    }
    for (int64_t x = 0; x < ROWS; x++)
        CHECK(score[x] <= best[K - 1].score + 1e-4 * fmax(1, fabs(best[K - 1].score)));
}

/* What one rank and one thread find, by a hash. */
static uint64_t lone_hash(trn_answer_t answer) {
    trn_query_t queries[QUERIES];
    static trn_best_t best[QUERIES * K];
    trn_embedding_t *embedding = NULL;
    make_queries(queries);
    CHECK_OK(trn_embedding_open(&embedding, MPI_COMM_SELF, path, NULL));
    CHECK_OK(trn_embedding_load(embedding));
    trn_embedding_normalise(embedding);
    CHECK_OK(trn_search(embedding, QUERIES, queries, answer, K, 1, best));
    trn_embedding_destroy(&embedding);
    return XXH3_64bits(best, sizeof best);
}

static void same_answers(void) {
    make_file();
    trn_query_t queries[QUERIES];
    static trn_best_t best[QUERIES * K];
    make_queries(queries);
    trn_embedding_t *embedding = load();
    if (!harness_well()) return;
    trn_embedding_normalise(embedding);
    for (int answer = TRN_ANSWER_ADD; answer <= TRN_ANSWER_MUL; answer++) {
        uint64_t lone = lone_hash((trn_answer_t)answer);
        for (int threads = 1; threads <= 3; threads++) {
            CHECK_OK(
                trn_search(embedding, QUERIES, queries, (trn_answer_t)answer, K, threads, best));
            CHECK(XXH3_64bits(best, sizeof best) == lone);
        }
        for (int i = 0; i < QUERIES; i += 29)
            check_answers(&queries[i], (trn_answer_t)answer, best + i * K);
        CHECK_EQUAL(best[0].index, 4000); /* the copy of 17, which itself is left out */
    }
    trn_embedding_destroy(&embedding);
    CHECK(embedding == NULL);
    MPI_Barrier(comm);
    if (rank == 0) unlink(path);
}

/* More neighbours wanted than there are rows. */
static void too_few_rows(void) {
    name_file(".glove");
    if (rank == 0) {
        FILE *file = fopen(path, "wb");
        fputs("a 1 0\nb 0 1\nzero 0 0\n", file);
        fclose(file);
    }
    MPI_Barrier(comm);
    trn_embedding_t *embedding = load();
    if (!harness_well()) return;
    trn_embedding_normalise(embedding);
    trn_query_t query = {.terms = 1, .row = {0}, .sign = {1}};
    trn_best_t best[4];
    CHECK_OK(trn_search(embedding, 1, &query, TRN_ANSWER_ADD, 4, 1, best));
    CHECK_EQUAL(best[0].index, 1); /* 0, as for the zero row: the lower index wins */
    CHECK_EQUAL(best[1].index, 2);
    CHECK_EQUAL(best[2].index, -1);
    trn_embedding_destroy(&embedding);
    MPI_Barrier(comm);
    if (rank == 0) unlink(path);
}

static void words_are_found(void) {
    make_file();
    trn_embedding_t *embedding = load();
    if (!harness_well()) return;
    int64_t row;
    CHECK_OK(trn_embedding_find(embedding, "w3", &row));
    CHECK_EQUAL(row, 3);
    CHECK_OK(trn_embedding_find(embedding, "w4", &row));
    CHECK_EQUAL(row, 4);
    CHECK_OK(trn_embedding_find(embedding, "w4500", &row));
    CHECK_EQUAL(row, -1);
    const char *near = trn_embedding_suggest(embedding, "w1235x");
    CHECK(near && strcmp(near, "w1235") == 0);
    CHECK(trn_embedding_suggest(embedding, "somethingelse") == NULL);
    float rows[3 * DIM];
    trn_embedding_gather(embedding, 3, (const int64_t[]){4499, -1, 0}, rows);
    CHECK(memcmp(rows, values[4499], sizeof values[0]) == 0);
    CHECK(rows[DIM] == 0 && rows[2 * DIM - 1] == 0);
    CHECK(memcmp(rows + 2 * DIM, values[0], sizeof values[0]) == 0);
    trn_embedding_destroy(&embedding);
    MPI_Barrier(comm);
    if (rank == 0) unlink(path);
}

/* Search and write under memory failures. */
static trn_status_t search_and_write(void *argument) {
    (void)argument;
    trn_embedding_t *embedding;
    trn_best_t best[2];
    trn_query_t query = {.terms = 1, .row = {0}, .sign = {1}};
    char out[80];
    snprintf(out, sizeof out, "%s.npy", path);
    TRN_TRY(trn_embedding_open(&embedding, comm, path, NULL));
    trn_status_t status;
    TRN_OR(done, trn_embedding_load(embedding));
    trn_embedding_normalise(embedding);
    TRN_OR(done, trn_search(embedding, 1, &query, TRN_ANSWER_MUL, 2, 1, best));
    TRN_OR(done, trn_embedding_write(embedding, out, "npy", NULL, "test", NULL));
done:
    trn_embedding_destroy(&embedding);
    return status;
}

static void memory_runs_out(void) {
    make_file();
    harness_inject(search_and_write, NULL);
    MPI_Barrier(comm);
    char name[96];
    if (rank == 0) {
        snprintf(name, sizeof name, "%s.npy", path);
        CHECK(unlink(name) == 0);
        snprintf(name, sizeof name, "%s.npy.vocab", path);
        CHECK(unlink(name) == 0);
        unlink(path);
    }
}

HARNESS_MAIN({"same answers", same_answers}, {"too few rows", too_few_rows},
             {"words are found", words_are_found}, {"memory runs out", memory_runs_out})
