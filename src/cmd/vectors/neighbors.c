#define _POSIX_C_SOURCE 200809L
/* neighbors.c: the verb `neighbors`: the words nearest to words, and to sums of words. */
#include "algo/vectors/search.h"
#include "base/emit.h"
#include "base/mem.h"
#include "cli/reading.h"
#include "mpi/agree.h"

#include <string.h>

static const trn_param_t params[] = {
    {"k", 'k', TRN_PARAM_INT, "10", 1, 100000, .help = "how many neighbours of each"},
    TRN_EMBEDDING_PARAMS,
    {0}};

static trn_status_t add_word(trn_embedding_t *embedding, const char *word, float sign,
                             trn_query_t *query) {
    if (query->terms == TRN_SEARCH_TERMS)
        return trn_fail(TRN_USAGE, "%s: more than %d words in an expression", word,
                        TRN_SEARCH_TERMS);
    int64_t row;
    TRN_TRY(trn_embedding_find(embedding, word, &row));
    if (row < 0) {
        const char *near = trn_embedding_suggest(embedding, word);
        return trn_fail(TRN_INPUT, "%s: not in the vocabulary%s%s%s", word,
                        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    query->row[query->terms] = row;
    query->sign[query->terms++] = sign;
    return TRN_OK;
}

/* "a - b + c", words and signs in turn and apart; `text` is cut up. A store may have names with
 * blanks: a text that is one as a whole is that one. */
static trn_status_t parse(trn_embedding_t *embedding, char *text, trn_query_t *query) {
    float sign = 1;
    bool want_word = true;
    char *rest;
    int64_t row;
    *query = (trn_query_t){0};
    TRN_TRY(trn_embedding_find(embedding, text, &row));
    if (row >= 0) return add_word(embedding, text, sign, query);
    for (char *part = strtok_r(text, TRN_BLANKS, &rest); part;
         part = strtok_r(NULL, TRN_BLANKS, &rest)) {
        bool joins = strcmp(part, "+") == 0 || strcmp(part, "-") == 0;
        if (want_word) {
            TRN_TRY(add_word(embedding, part, sign, query));
        } else {
            if (!joins)
                return trn_fail(TRN_USAGE, "%s: words of an expression are joined by + or -", part);
            sign = *part == '+' ? 1.0F : -1.0F;
        }
        want_word = !want_word;
    }
    if (want_word) return trn_fail(TRN_USAGE, "WORD: an expression must end with a word");
    return TRN_OK;
}

static trn_status_t parse_all(const trn_run_t *run, trn_embedding_t *embedding, int count,
                              trn_query_t *queries) {
    for (int i = 0; i < count; i++) {
        char *text;
        TRN_TRY(trn_strdup(&text, run->files[1 + i]));
        trn_status_t status = parse(embedding, text, &queries[i]);
        trn_free(&text);
        TRN_TRY(status);
    }
    return TRN_OK;
}

static void report(trn_run_t *run, const trn_embedding_t *embedding, int count, int k,
                   const trn_best_t *best) {
    json_t *table = json_array();
    for (int i = 0; i < count; i++)
        for (int j = 0; j < k && best[i * k + j].index >= 0; j++) {
            const trn_best_t *entry = &best[i * k + j];
            const char *word = trn_embedding_words(embedding)[entry->index];
            json_array_append_new(table,
                                  json_pack("{s:o, s:i, s:o, s:f}", "query",
                                            trn_json_text(run->files[1 + i]), "rank", j + 1, "word",
                                            trn_json_text(word), "cosine", entry->score));
        }
    json_object_set_new(run->result, "neighbors", table);
}

typedef struct job {
    trn_embedding_t *embedding;
    trn_embedding_use_t use;
    int count; /* of questions */
    int64_t k;
    trn_query_t *queries; /* [count] */
    trn_best_t *best;     /* [count x k] */
} job_t;

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    trn_reading_t reading = trn_reading_of(run->params, "format");
    TRN_TRY(trn_embedding_open(&job->embedding, run->comm, run->files[0], &reading));
    trn_reading_note(job->embedding, run->result);
    TRN_TRY(trn_reading_check(run->params, job->embedding));
    int64_t rows = trn_embedding_rows(job->embedding), dim = trn_embedding_dim(job->embedding);
    TRN_TRY(trn_params_of_those(run->params, "k", rows - 1, run->files[0], rows, "words", &job->k));
    int64_t each = (int64_t)sizeof(trn_query_t) + job->k * (int64_t)sizeof(trn_best_t);
    int64_t tiles = trn_search_bytes(dim, TRN_ANSWER_ADD, (int)job->k, run->threads);
    job->count = run->nfiles - 1;
    job->use = (trn_embedding_use_t){.finds = true, .work = job->count * each + tiles};
    return TRN_OK;
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    trn_embedding_plan(ledger, job->embedding, &job->use, ranks, rank);
}

/* All words against all questions. */
static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    double numbers =
        (double)trn_embedding_rows(job->embedding) * (double)trn_embedding_dim(job->embedding);
    *cost = (trn_cost_t){.flops = numbers * job->count, .file_bytes = 4 * numbers};
}

static trn_status_t allocate(const trn_run_t *run, job_t *job) {
    TRN_TRY(trn_alloc(&job->queries, job->count, sizeof *job->queries, "queries"));
    TRN_TRY(parse_all(run, job->embedding, job->count, job->queries));
    return trn_alloc(&job->best, job->count * job->k, sizeof *job->best, "neighbours");
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    TRN_TRY(trn_embedding_load(job->embedding));
    trn_embedding_normalise(job->embedding);
    TRN_AGREE(run->comm, allocate(run, job));
    TRN_TRY(trn_search(job->embedding, job->count, job->queries, TRN_ANSWER_ADD, (int)job->k,
                       run->threads, job->best));
    if (run->rank == 0) report(run, job->embedding, job->count, (int)job->k, job->best);
    return TRN_OK;
}

static void job_free(void *user) {
    job_t *job = user;
    trn_embedding_destroy(&job->embedding);
    trn_free(&job->queries);
    trn_free(&job->best);
}

const trn_command_t trn_command_neighbors = {
    .name = "neighbors",
    .summary = "find the words nearest to words, or to \"king - man + woman\"",
    .files = "EMBEDDING WORD...",
    .description =
        "Prints the k words of greatest cosine for each WORD. A quoted WORD may be a sum of words, "
        "\"a - b + c\"; its own words are left out. Words are looked up as they are, then "
        "regardless of case and of Unicode's normalization forms. EMBEDDING is a store or any file "
        "that convert reads.",
    .examples = "words near to two words\ttrunnion neighbors E.h5 common0 common1\n"
                "the word that is to common2 as common1 to common0\ttrunnion neighbors E.h5 "
                "\"common1 - common0 + common2\" -k 3",
    .min_files = 2,
    .max_files = 1 << 20,
    .operands = TRN_OPERANDS({"EMBEDDING", {TRN_FILE_READ, .also = ".vocab"}}, {.name = "WORD"}),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .free = job_free},
};
