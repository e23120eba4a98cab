/* words_eval.c: the verb `words-eval`: word similarity and analogies. */
#include "algo/words/words_eval.h"
#include "algo/vectors/search.h"
#include "base/emit.h"
#include "base/log.h"
#include "cli/reading.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const trn_param_t params[] = {
    {"similarity", 0, TRN_PARAM_LIST, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "sets of lines WORD WORD SCORE, as they are published: parted by blanks, tabs, commas "
             "or semicolons, with '# ' comments, a header and more columns or without: Spearman's "
             "rank correlation of cosine and score"},
    {"score-column", 0, TRN_PARAM_TEXT, .metavar = "NAME|N", .needs = "similarity",
     .help = "column of the score in similarity sets, by its name in the header or its number; "
             "default: the first one behind the words that is a number on every line"},
    {"analogy", 0, TRN_PARAM_LIST, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "sets of lines A B C D, with ': SECTION' lines between: is D nearest to B - A + C?"},
    {"lowercase", 0, TRN_PARAM_BOOL, "true",
     .help =
         "lower the words of the sets as cooccur --lowercase does; either way a word that is not "
         "found is looked for regardless of case"},
    {"cosmul", 0, TRN_PARAM_BOOL, "false", .needs = "analogy",
     .help = "answer analogies by 3CosMul too"},
    TRN_EMBEDDING_PARAMS,
    {0}};

/* A fraction or score, null where it is undefined. */
static json_t *number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *share(int64_t part, int64_t whole) {
    return number(whole > 0 ? (double)part / (double)whole : NAN);
}

/* "sets/ws353all.ws.tsv" is called "ws353all". */
static json_t *set_name(const char *path) {
    static const char *const endings[] = {".tsv", ".txt", ".ws", ".an"};
    char name[256];
    const char *slash = strrchr(path, '/');
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t length = strlen(name), tail = strlen(endings[i]);
        if (length > tail && strcmp(name + length - tail, endings[i]) == 0)
            name[length - tail] = '\0';
    }
    return trn_json_text(name);
}

/* What was left out: on stderr, and in the set's row. */
static void tell_unknown(const char *path, const char *what, int64_t dropped,
                         const trn_unknown_t *unknown, json_t *row) {
    json_object_set_new(row, "dropped", json_integer(dropped));
    json_object_set_new(row, "unknown", dropped ? trn_json_text(unknown->first) : json_null());
    if (dropped)
        trn_log(TRN_LOG_INFO, "words-eval",
                "%s: %lld %s left out, with words that are not in the "
                "vocabulary: %s",
                path, (long long)dropped, what, unknown->first);
}

static json_t *similarity_row(const char *path, const trn_similarity_t *s) {
    json_t *row = json_pack("{s:o, s:o, s:I, s:I, s:o}", "set", set_name(path), "spearman",
                            number(s->spearman), "used", (json_int_t)s->used, "total",
                            (json_int_t)s->total, "coverage", share(s->used, s->total));
    tell_unknown(path, "pairs", s->total - s->used, &s->unknown, row);
    json_object_set_new(row, "score_column", s->column[0] ? trn_json_text(s->column) : json_null());
    return row;
}

static trn_status_t run_similarity(trn_run_t *run, const trn_eval_t *eval) {
    char *const *paths;
    int count = trn_params_list(run->params, "similarity", &paths);
    json_t *table = json_array();
    trn_status_t status = TRN_OK;
    for (int i = 0; i < count && status == TRN_OK; i++) {
        trn_similarity_t s;
        status = trn_similarity(eval, paths[i], &s);
        if (status == TRN_OK) json_array_append_new(table, similarity_row(paths[i], &s));
    }
    if (count > 0) json_object_set(run->result, "similarity", table);
    json_decref(table);
    return status;
}

/* One row of the tables of sets and of sections. */
static json_t *analogy_row(const char *path, const char *section, const trn_section_t *s,
                           bool cosmul) {
    json_t *row = json_object();
    json_object_set_new(row, "set", set_name(path));
    if (section) json_object_set_new(row, "section", trn_json_text(section));
    json_object_set_new(row, "accuracy", share(s->add, s->used));
    if (cosmul) json_object_set_new(row, "cosmul", share(s->mul, s->used));
    json_object_set_new(row, "used", json_integer(s->used));
    json_object_set_new(row, "total", json_integer(s->total));
    json_object_set_new(row, "coverage", share(s->used, s->total));
    return row;
}

static void report_analogy(const char *path, const trn_analogy_t *analogy, bool cosmul,
                           json_t *sets, json_t *sections) {
    trn_section_t all = {0};
    for (int64_t i = 0; i < analogy->count; i++) {
        const trn_section_t *s = &analogy->sections[i];
        all.total += s->total;
        all.used += s->used;
        all.add += s->add;
        all.mul += s->mul;
        if (s->name[0]) json_array_append_new(sections, analogy_row(path, s->name, s, cosmul));
    }
    json_t *row = analogy_row(path, NULL, &all, cosmul);
    tell_unknown(path, "questions", all.total - all.used, &analogy->unknown, row);
    json_array_append_new(sets, row);
}

static trn_status_t run_analogy(trn_run_t *run, const trn_eval_t *eval) {
    char *const *paths;
    int count = trn_params_list(run->params, "analogy", &paths);
    bool cosmul = trn_params_bool(run->params, "cosmul");
    json_t *sets = json_array(), *sections = json_array();
    trn_status_t status = TRN_OK;
    for (int i = 0; i < count && status == TRN_OK; i++) {
        trn_analogy_t *analogy;
        status = trn_analogy(eval, paths[i], cosmul, run->threads, &analogy);
        if (status != TRN_OK) break;
        report_analogy(paths[i], analogy, cosmul, sets, sections);
        trn_analogy_destroy(&analogy);
    }
    if (count > 0) json_object_set(run->result, "analogy", sets);
    if (json_array_size(sections) > 0) json_object_set(run->result, "sections", sections);
    json_decref(sets);
    json_decref(sections);
    return status;
}

/* Bytes of the largest of some sets; 0 for one that is not there, of which reading it tells. */
static int64_t largest_set(const trn_run_t *run, const char *option) {
    char *const *paths;
    int64_t most = 0;
    int count = trn_params_list(run->params, option, &paths);
    for (int i = 0; i < count; i++) {
        struct stat info;
        if (stat(paths[i], &info) == 0 && info.st_size > most) most = info.st_size;
    }
    return most;
}

typedef struct job {
    trn_embedding_t *embedding;
    trn_embedding_use_t use;
} job_t;

/* Lines of sets in memory, of which rank 0 sees the files, and what one set takes. Collective. */
static int64_t work_bytes(const trn_run_t *run, int64_t dim) {
    enum { TIMES = 6 /* what lines of words become, over their text */, READING = 1 << 20 };
    trn_answer_t answer = trn_params_bool(run->params, "cosmul") ? TRN_ANSWER_MUL : TRN_ANSWER_ADD;
    int64_t sets[2] = {largest_set(run, "similarity"), largest_set(run, "analogy")};
    MPI_Bcast(sets, 2, MPI_INT64_T, 0, run->comm);
    int64_t pairs = TIMES * sets[0] + trn_similarity_bytes(dim);
    int64_t questions = TIMES * sets[1] + trn_search_bytes(dim, answer, 1, run->threads);
    return READING + (pairs > questions ? pairs : questions);
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    trn_reading_t reading = trn_reading_of(run->params, "format");
    TRN_TRY(trn_embedding_open(&job->embedding, run->comm, run->files[0], &reading));
    int64_t rows = trn_embedding_rows(job->embedding), dim = trn_embedding_dim(job->embedding);
    TRN_TRY(trn_reading_check(run->params, job->embedding));
    job->use = (trn_embedding_use_t){.finds = true, .work = work_bytes(run, dim)};
    trn_status_t status =
        trn_run_note(run, json_pack("{s:o, s:I, s:I}", "embedding", trn_json_text(run->files[0]),
                                    "words", (json_int_t)rows, "dim", (json_int_t)dim));
    trn_reading_note(job->embedding, run->result);
    return status;
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    trn_embedding_plan(ledger, job->embedding, &job->use, ranks, rank);
}

static trn_status_t work(trn_run_t *run, void *user) {
    trn_embedding_t *embedding = ((job_t *)user)->embedding;
    TRN_TRY(trn_embedding_load(embedding));
    trn_embedding_normalise(embedding);
    trn_eval_t eval = {.embedding = embedding,
                       .lowercase = trn_params_bool(run->params, "lowercase"),
                       .score_column = trn_params_text(run->params, "score-column")};
    TRN_TRY(run_similarity(run, &eval));
    return run_analogy(run, &eval);
}

static void job_free(void *user) {
    trn_embedding_destroy(&((job_t *)user)->embedding);
}

const trn_command_t trn_command_words_eval = {
    .name = "words-eval",
    .summary = "score an embedding on word similarity and analogy sets",
    .files = "EMBEDDING --similarity FILE... --analogy FILE...",
    .description =
        "Reports Spearman's rank correlation with people's similarity scores (ties share their "
        "mean rank) and the share of analogies answered rightly by 3CosAdd and, if wanted, 3CosMul "
        "among all words of the vocabulary. Pairs and questions with unknown words are left out; "
        "coverage says how many were used, and the first unknown words are told. EMBEDDING is a "
        "store or any file that convert reads.",
    .examples = "hold vectors against people\ttrunnion words-eval E.h5 --similarity pairs.tsv\n"
                "and against analogies\ttrunnion words-eval E.h5 --analogy analogies.txt --cosmul",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS({"EMBEDDING", {TRN_FILE_READ, .also = ".vocab"}}),
    .blas = true,
    .params = params,
    .some_of = "similarity analogy",
    .steps =
        &(const trn_steps_t){
            .size = sizeof(job_t), .look = look, .plan = plan, .work = work, .free = job_free},
};
