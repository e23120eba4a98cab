#define _POSIX_C_SOURCE 200809L
/* neighbors.c: the verb `neighbors`: the words nearest to words and to sums of words, or the rows
 * of a file nearest to each row of another. */
#include "algo/vectors/nearest_files.h"
#include "algo/vectors/search.h"
#include "base/emit.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/reading.h"
#include "mpi/agree.h"

#include <string.h>

static const trn_param_t params[] = {
    {"k", 'k', TRN_PARAM_INT, "10", 1, 100000, .help = "how many neighbours of each"},
    {"queries", 0, TRN_PARAM_TEXT, .metavar = "Q", .needs = "among", .file.use = TRN_FILE_READ,
     .help = "a file of any format whose rows ask, in place of words"},
    {"among", 0, TRN_PARAM_TEXT, .metavar = "E", .needs = "queries", .file.use = TRN_FILE_READ,
     .excludes = "format vocab invalid-utf8 long-words repeated-words",
     .help = "a file whose rows answer; may be Q itself"},
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "N.h5", .needs = "among", .file = TRN_STORE_WRITTEN,
     .help = "store to write: /ids, -1 where there is no answer, and /scores"},
    {"graph", 0, TRN_PARAM_TEXT, .metavar = "G", .needs = "among", .file.use = TRN_FILE_WRITTEN,
     .help = "the scores as a sparse matrix Q x E, .h5 or .mtx"},
    {"metric", 0, TRN_PARAM_CHOICE, "cosine", .choices = "cosine|dot|l2", .needs = "among",
     .help = "what makes rows near; scores of l2 are distances"},
    {"exclude", 0, TRN_PARAM_TEXT, .metavar = "self|FILE", .needs = "among",
     .file = {TRN_FILE_READ, .words = "self"},
     .help =
         "leave out row i for query i; or for each query the row that FILE names (-1: none), or "
         "the columns that a sparse FILE, Q x E, has in its row"},
    {"exclude-groups", 0, TRN_PARAM_TEXT, .metavar = "FILE", .needs = "among",
     .file.use = TRN_FILE_READ,
     .help = "leave out rows of the query's own group: a whole number for each row of E"},
    {"query-groups", 0, TRN_PARAM_TEXT, .metavar = "FILE", .needs = "exclude-groups",
     .file.use = TRN_FILE_READ, .help = "the same for each query; not needed where Q is E"},
    {"min-score", 0, TRN_PARAM_REAL, NULL, -INFINITY, INFINITY, .metavar = "X", .needs = "among",
     .help = "leave out scores below X"},
    {"max-score", 0, TRN_PARAM_REAL, NULL, -INFINITY, INFINITY, .metavar = "X", .needs = "among",
     .help = "leave out scores above X, such as those of likely duplicates"},
    {"skip", 0, TRN_PARAM_INT, "0", 0, 100000, .needs = "among",
     .help = "leave out so many of the nearest of what is left"},
    TRN_EMBEDDING_PARAMS,
    {0}};

/* Words: expressions ----------------------------------------------------------------------------
 */

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

/* What the arguments ask. */
typedef struct asked {
    trn_query_t *query; /* [count] those that are known */
    int *place;         /* [count] the argument each comes from, from 0 */
    char **unknown;     /* [arguments] why it cannot be answered; NULL: it can */
    int count;
} asked_t;

/* One word that is not there does not cost the others their answers. */
static trn_status_t parse_one(const trn_run_t *run, trn_embedding_t *embedding, int i,
                              asked_t *asked) {
    char *text;
    TRN_TRY(trn_strdup(&text, run->files[1 + i]));
    trn_status_t status = parse(embedding, text, &asked->query[asked->count]);
    trn_free(&text);
    if (status == TRN_INPUT) return trn_strdup(&asked->unknown[i], trn_message());
    if (status == TRN_OK) asked->place[asked->count++] = i;
    return status;
}

static trn_status_t parse_all(const trn_run_t *run, trn_embedding_t *embedding, asked_t *asked) {
    int arguments = run->nfiles - 1;
    TRN_TRY(trn_alloc(&asked->query, arguments, sizeof *asked->query, "queries"));
    TRN_TRY(trn_alloc(&asked->place, arguments, sizeof *asked->place, "queries"));
    TRN_TRY(trn_alloc_zero(&asked->unknown, arguments, sizeof *asked->unknown, "queries"));
    for (int i = 0; i < arguments; i++)
        TRN_TRY(parse_one(run, embedding, i, asked));
    return asked->count ? TRN_OK : trn_fail(TRN_INPUT, "%s", asked->unknown[0]);
}

static void asked_free(asked_t *asked, int arguments) {
    for (int i = 0; asked->unknown && i < arguments; i++)
        trn_free(&asked->unknown[i]);
    trn_free(&asked->query);
    trn_free(&asked->place);
    trn_free(&asked->unknown);
}

/* In the result under "unknown", and in the log. */
static void tell_unknown(trn_run_t *run, const asked_t *asked) {
    json_t *list = json_array();
    for (int i = 0; i < run->nfiles - 1; i++) {
        if (!asked->unknown[i]) continue;
        trn_log(TRN_LOG_WARN, "neighbors", "%s; the others are answered", asked->unknown[i]);
        json_array_append_new(list, trn_json_text(run->files[1 + i]));
    }
    if (json_array_size(list))
        json_object_set_new(run->result, "unknown", list);
    else
        json_decref(list);
}

static void report_words(trn_run_t *run, const trn_embedding_t *embedding, const asked_t *asked,
                         int k, const trn_best_t *best) {
    json_t *table = json_array();
    for (int i = 0; i < asked->count; i++)
        for (int j = 0; j < k && best[i * k + j].index >= 0; j++) {
            const trn_best_t *entry = &best[i * k + j];
            const char *word = trn_embedding_words(embedding)[entry->index];
            const char *query = run->files[1 + asked->place[i]];
            json_array_append_new(table, json_pack("{s:o, s:i, s:o, s:f}", "query",
                                                   trn_json_text(query), "rank", j + 1, "word",
                                                   trn_json_text(word), "cosine", entry->score));
        }
    json_object_set_new(run->result, "neighbors", table);
    tell_unknown(run, asked);
}

/* Of words, or of files. */
typedef struct job {
    bool of_files;
    trn_nearest_files_t files;
    trn_embedding_t *embedding;
    trn_embedding_use_t use;
    int arguments;
    int64_t k;
    asked_t asked;
    trn_best_t *best; /* [known queries x k] */
} job_t;

static trn_status_t look_at_words(trn_run_t *run, job_t *job) {
    trn_reading_t reading = trn_reading_of(run->params, "format");
    if (run->nfiles < 2)
        return trn_fail(TRN_USAGE,
                        "%d arguments; give EMBEDDING and WORDs, or --queries and "
                        "--among",
                        run->nfiles);
    TRN_TRY(trn_embedding_open(&job->embedding, run->comm, run->files[0], &reading));
    trn_reading_note(job->embedding, run->result);
    TRN_TRY(trn_reading_check(run->params, job->embedding));
    int64_t rows = trn_embedding_rows(job->embedding), dim = trn_embedding_dim(job->embedding);
    TRN_TRY(trn_params_of_those(run->params, "k", rows - 1, run->files[0], rows, "words", &job->k));
    int64_t each = (int64_t)sizeof(trn_query_t) + job->k * (int64_t)sizeof(trn_best_t);
    int64_t tiles = trn_search_bytes(dim, TRN_ANSWER_ADD, (int)job->k, run->threads);
    job->arguments = run->nfiles - 1;
    job->use = (trn_embedding_use_t){.finds = true, .work = job->arguments * each + tiles};
    return TRN_OK;
}

/* Files ---------------------------------------------------------------------------------------- */

static trn_nearness_t metric_named(const char *name) {
    return strcmp(name, "l2") == 0    ? TRN_NEAREST_L2
           : strcmp(name, "dot") == 0 ? TRN_NEAREST_DOT
                                      : TRN_NEAREST_COSINE;
}

/* Bounds are given as scores are shown: a distance counts the other way round. */
static void set_bounds(const trn_params_t *p, trn_nearest_rows_t *how) {
    bool low = trn_params_given(p, "min-score"), high = trn_params_given(p, "max-score");
    if (low) how->least = trn_params_real(p, "min-score");
    if (high) how->most = trn_params_real(p, "max-score");
    if (how->metric != TRN_NEAREST_L2) return;
    double least = how->least;
    how->least = -how->most;
    how->most = -least;
}

static trn_status_t look_at_files(trn_run_t *run, job_t *job) {
    const trn_params_t *p = run->params;
    trn_nearest_files_t *f = &job->files;
    if (run->nfiles)
        return trn_fail(TRN_USAGE,
                        "%s: words are looked up in an EMBEDDING; leave them out beside "
                        "--queries and --among",
                        run->files[0]);
    f->path = (trn_nearest_paths_t){.queries = trn_params_text(p, "queries"),
                                    .among = trn_params_text(p, "among"),
                                    .exclude = trn_params_text(p, "exclude"),
                                    .groups = trn_params_text(p, "exclude-groups"),
                                    .query_groups = trn_params_text(p, "query-groups"),
                                    .graph = trn_params_text(p, "graph")};
    f->how = TRN_NEAREST_ROWS(metric_named(trn_params_text(p, "metric")), trn_params_int(p, "k"));
    f->how.skip = trn_params_int(p, "skip");
    f->how.threads = run->threads;
    set_bounds(p, &f->how);
    TRN_TRY(trn_nearest_files_look(f, run->comm));
    const trn_matrix_info_t *q = f->same ? &f->among.in.info : &f->queries.in.info;
    return trn_run_note(run, json_pack("{s:I, s:I, s:I, s:I}", "queries", (json_int_t)q->rows,
                                       "rows", (json_int_t)f->among.in.info.rows, "cols",
                                       (json_int_t)q->cols, "k", (json_int_t)f->how.k));
}

static trn_status_t report_files(trn_run_t *run, trn_nearest_files_t *f) {
    int64_t unanswered;
    json_t *table = json_array();
    trn_status_t status = trn_nearest_files_tell(f, table, &unanswered);
    json_object_set_new(run->result, "unfilled", json_integer(unanswered));
    json_object_set_new(run->result, "search_seconds", json_real(f->seconds));
    json_object_set_new(run->result, "neighbors", table);
    return status;
}

/* Steps ---------------------------------------------------------------------------------------- */

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    job->of_files = trn_params_given(run->params, "among");
    return job->of_files ? look_at_files(run, job) : look_at_words(run, job);
}

static trn_status_t cut(trn_run_t *run, void *user, int ranks) {
    job_t *job = user;
    int64_t memory = trn_params_size(run->params, "memory");
    return job->of_files ? trn_nearest_files_cut(&job->files, ranks, memory) : TRN_OK;
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    if (job->of_files)
        trn_nearest_files_plan(&job->files, ranks, rank, ledger);
    else
        trn_embedding_plan(ledger, job->embedding, &job->use, ranks, rank);
}

/* All words against all questions, all rows against all queries. */
static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    const trn_nearest_files_t *f = &job->files;
    double numbers, queries = job->arguments;
    if (job->of_files) {
        const trn_matrix_info_t *e = &f->among.in.info;
        numbers = (double)e->rows * (double)e->cols;
        queries = (double)(f->same ? e->rows : f->queries.in.info.rows);
    } else {
        numbers =
            (double)trn_embedding_rows(job->embedding) * (double)trn_embedding_dim(job->embedding);
    }
    *cost = (trn_cost_t){.flops = 2 * numbers * queries, .file_bytes = 4 * numbers};
}

/* Collective. */
static trn_status_t search_words(trn_run_t *run, job_t *job) {
    TRN_TRY(trn_embedding_load(job->embedding));
    trn_embedding_normalise(job->embedding);
    TRN_AGREE(run->comm, parse_all(run, job->embedding, &job->asked));
    int64_t answers = job->asked.count * job->k;
    TRN_AGREE(run->comm, trn_alloc(&job->best, answers, sizeof *job->best, "neighbours"));
    TRN_TRY(trn_search(job->embedding, job->asked.count, job->asked.query, TRN_ANSWER_ADD,
                       (int)job->k, run->threads, job->best));
    if (run->rank == 0) report_words(run, job->embedding, &job->asked, (int)job->k, job->best);
    return TRN_OK;
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    if (!job->of_files) return search_words(run, job);
    json_t *made_with = trn_params_json(run->params);
    trn_status_t status = trn_nearest_files_run(&job->files, run->command, made_with);
    json_decref(made_with);
    return status;
}

static trn_status_t declare(void *user, trn_store_t *store) {
    return trn_nearest_files_declare(&((job_t *)user)->files, store);
}

static trn_status_t write(const void *user, trn_store_t *store) {
    return trn_nearest_files_write(&((const job_t *)user)->files, store);
}

static trn_status_t report(trn_run_t *run, void *user) {
    job_t *job = user;
    return job->of_files ? report_files(run, &job->files) : TRN_OK;
}

static void job_free(void *user) {
    job_t *job = user;
    asked_free(&job->asked, job->arguments);
    trn_nearest_files_free(&job->files);
    trn_embedding_destroy(&job->embedding);
    trn_free(&job->best);
}

const trn_command_t trn_command_neighbors = {
    .name = "neighbors",
    .summary = "find the words nearest to words or sums of words, or the rows nearest to rows",
    .files = "EMBEDDING WORD... | --queries Q --among E -o N.h5",
    .description =
        "Prints the k words of greatest cosine for each WORD. A quoted WORD may be a sum of words, "
        "\"a - b + c\"; its own words are left out. Words are looked up as they are, then "
        "regardless of case and of Unicode's normalization forms; of several WORDs those that are "
        "not there are told in a warning and under \"unknown\", and the others are answered. "
        "EMBEDDING is a store or any file that convert reads.\n"
        "With --queries and --among: for each row of Q the k rows of E of highest score, equal "
        "ones "
        "by number, exactly as by float64 sums whatever the ranks, threads and memory. What "
        "--exclude, --exclude-groups, --min-score and --max-score leave out comes off first, then "
        "--skip. N.h5 has /ids and /scores [queries x k], -1 and NaN where there is no answer; the "
        "first answers are printed. E may be larger than --memory: its rows are then read anew for "
        "every 16384 queries or so.",
    .examples = "words near to a word, and the word that is to common2 as common1 to common0\t"
                "trunnion neighbors E.h5 common0 \"common1 - common0 + common2\" -k 3\n"
                "hard negatives of each row, less what is too near\ttrunnion neighbors --queries "
                "E.h5 --among E.h5 --exclude self --max-score .95 -k 5 -o N.h5",
    .max_files = 1 << 20,
    .operands = TRN_OPERANDS({"EMBEDDING", {TRN_FILE_READ, .also = ".vocab"}}, {.name = "WORD"}),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .cut = cut,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .kind = "neighbors",
                                  .declare = declare,
                                  .write = write,
                                  .report = report,
                                  .free = job_free},
};
