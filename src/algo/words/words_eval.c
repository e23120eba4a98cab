/* words_eval.c: every rank has the whole set and looks its words up; vectors are fetched or
 * searched for together. */
#include "algo/words/words_eval.h"

#include "algo/vectors/search.h"
#include "base/mem.h"
#include "io/share.h"
#include "mpi/agree.h"
#include "text/lower.h"
#include "text/pairs.h"
#include "text/rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 4, PAIRS = 256 /* pairs whose rows are fetched together */ };

/* Spearman ---------------------------------------------------------------------------------- */

/* A value and where it came from. */
typedef struct item {
    double value;
    int64_t place;
} item_t;

/* Equal values need no order: they share a rank. */
static int by_value(const void *a, const void *b) {
    double x = ((const item_t *)a)->value, y = ((const item_t *)b)->value;
    return (x > y) - (x < y);
}

/* rank[i] = the rank of x[i], less the mean of all ranks; equal values share the mean of theirs. */
static void centred_ranks(int64_t n, const double *x, item_t *items, double *rank) {
    for (int64_t i = 0; i < n; i++)
        items[i] = (item_t){.value = x[i], .place = i};
    qsort(items, (size_t)n, sizeof *items, by_value);
    for (int64_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && items[end].value <= items[i].value;)
            end++;
        for (int64_t j = i; j < end; j++)
            rank[items[j].place] = 0.5 * (double)(i + end - 1) - 0.5 * (double)(n - 1);
    }
}

/* Pearson of the ranks, not 1 - 6 sum d^2 / n(n^2 - 1), which holds without ties only. Ranks are
 * halves of whole numbers less their mean: the sums are exact up to n = 2^17. */
trn_status_t trn_spearman(int64_t n, const double *x, const double *y, double *rho) {
    item_t *items = NULL;
    double *rank = NULL;
    trn_status_t status;
    TRN_OR(done, trn_alloc(&items, n, sizeof *items, "ranks"));
    TRN_OR(done, trn_alloc(&rank, 2 * n, sizeof *rank, "ranks"));
    centred_ranks(n, x, items, rank);
    centred_ranks(n, y, items, rank + n); /* rank[2 x n]: of x, then of y */
    double xy = 0, xx = 0, yy = 0;
    for (int64_t i = 0; i < n; i++) {
        xy += rank[i] * rank[n + i];
        xx += rank[i] * rank[i];
        yy += rank[n + i] * rank[n + i];
    }
    *rho = xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
done:
    trn_free(&items);
    trn_free(&rank);
    return status;
}

/* Words of a set ------------------------------------------------------------------------------ */

/* Note a word that is not in the vocabulary behind the first ones, if it is not there yet. */
static void note_unknown(trn_unknown_t *unknown, const char *word) {
    size_t used = strlen(unknown->first), length = strlen(word);
    if (length > TRN_UNKNOWN_BYTES) length = TRN_UNKNOWN_BYTES;
    while (length > 0 && ((unsigned char)word[length] & 0xc0) == 0x80)
        length--; /* not in the middle of a character */
    for (const char *at = unknown->first; *at; at += strspn(at, ", ")) {
        size_t bytes = strcspn(at, ",");
        if (bytes == length && memcmp(at, word, length) == 0) return;
        at += bytes;
    }
    bool more = unknown->shown == TRN_UNKNOWN_SHOWN;
    if (more && unknown->first[used - 1] == '.') return; /* the dots are there */
    snprintf(unknown->first + used, sizeof unknown->first - used, "%s%.*s", used ? ", " : "",
             more ? 3 : (int)length, more ? "..." : word);
    unknown->shown += !more;
}

/* rows[i] = row of word[i], lowered first if the set is; -1 if it is not in the vocabulary, which
 * is noted. *known: none is -1. */
static trn_status_t find_rows(const trn_eval_t *eval, int count, const char *const *word,
                              int64_t *rows, bool *known, trn_unknown_t *unknown) {
    *known = true;
    for (int i = 0; i < count; i++) {
        char *lower = NULL;
        if (eval->lowercase) TRN_TRY(trn_lower(word[i], &lower));
        const char *wanted = lower ? lower : word[i];
        trn_status_t status = trn_embedding_find(eval->embedding, wanted, &rows[i]);
        if (status == TRN_OK && rows[i] < 0) note_unknown(unknown, wanted);
        trn_free(&lower);
        TRN_TRY(status);
        *known &= rows[i] >= 0;
    }
    return TRN_OK;
}

/* Similarity ---------------------------------------------------------------------------------- */

typedef struct known_pairs {
    int64_t *row;   /* [2 x used] */
    double *score;  /* [used] what people said */
    double *cosine; /* [used] */
    float *buffer;  /* [2 x PAIRS x dim] */
} known_pairs_t;

int64_t trn_similarity_bytes(int64_t dim) {
    return 2 * PAIRS * dim * (int64_t)sizeof(float);
}

/* Each rank looks up the same words in the same vocabulary: no messages. */
static trn_status_t find_pairs(const trn_eval_t *eval, const trn_pairs_t *set, known_pairs_t *known,
                               trn_similarity_t *result) {
    int64_t dim = trn_embedding_dim(eval->embedding);
    TRN_TRY(trn_alloc(&known->row, 2 * set->count, sizeof *known->row, "word pairs"));
    TRN_TRY(trn_alloc(&known->score, set->count, sizeof *known->score, "word pairs"));
    TRN_TRY(trn_alloc(&known->cosine, set->count, sizeof *known->cosine, "word pairs"));
    TRN_TRY(trn_alloc(&known->buffer, 2 * PAIRS * dim, sizeof *known->buffer, "word pairs"));
    result->total = set->count;
    for (int64_t i = 0; i < set->count; i++) {
        bool both;
        TRN_TRY(find_rows(eval, 2, set->pair[i].word, known->row + 2 * result->used, &both,
                          &result->unknown));
        known->score[result->used] = set->pair[i].score;
        result->used += both;
    }
    if (set->header)
        snprintf(result->column, sizeof result->column, "%s", set->header);
    else if (set->columns > 3)
        snprintf(result->column, sizeof result->column, "%lld", (long long)set->column);
    return TRN_OK;
}

/* Cosines of the known pairs, on every rank. May not fail. */
static void measure(const trn_embedding_t *embedding, int64_t used, known_pairs_t *pairs) {
    int64_t dim = trn_embedding_dim(embedding);
    for (int64_t first = 0; first < used; first += PAIRS) {
        int64_t some = used - first < PAIRS ? used - first : PAIRS;
        trn_embedding_gather(embedding, 2 * some, pairs->row + 2 * first, pairs->buffer);
        for (int64_t i = 0; i < some; i++) {
            const float *a = pairs->buffer + 2 * i * dim, *b = a + dim;
            double sum = 0;
            for (int64_t j = 0; j < dim; j++)
                sum += (double)a[j] * b[j];
            pairs->cosine[first + i] = sum;
        }
    }
}

/* Parse and look up, on every rank alike. Local. */
static trn_status_t read_similarity(const trn_eval_t *eval, const char *path, char *text,
                                    known_pairs_t *known, trn_similarity_t *result) {
    trn_pairs_t set = {0};
    trn_status_t status = trn_pairs_parse(&set, path, text, eval->score_column);
    if (status == TRN_OK) status = find_pairs(eval, &set, known, result);
    trn_pairs_free(&set);
    return status;
}

/* Only rows of known pairs travel. */
trn_status_t trn_similarity(const trn_eval_t *eval, const char *path, trn_similarity_t *result) {
    MPI_Comm comm = trn_embedding_comm(eval->embedding);
    char *text;
    known_pairs_t known = {0};
    *result = (trn_similarity_t){.spearman = NAN};
    TRN_TRY(trn_share_file(comm, path, &text));
    trn_status_t status = trn_agree(comm, read_similarity(eval, path, text, &known, result));
    if (status == TRN_OK) {
        measure(eval->embedding, result->used, &known);
        status = trn_agree(
            comm, trn_spearman(result->used, known.cosine, known.score, &result->spearman));
    }
    trn_free(&known.row);
    trn_free(&known.score);
    trn_free(&known.cosine);
    trn_free(&known.buffer);
    trn_free(&text);
    return status;
}

/* Analogies ----------------------------------------------------------------------------------- */

/* A set in memory, taken apart line by line. */
typedef struct lines {
    const char *path;
    char *next;       /* where the next line begins; it is cut up when it is taken */
    long long number; /* of the line last taken, from 1 */
} lines_t;

/* Cut the next line that is not blank into at most MOST_FIELDS fields and count all it has; returns
 * that count, 0 at the end. A section's line, ": NAME", is two fields, whatever NAME holds. */
static int next_fields(lines_t *lines, char *field[MOST_FIELDS]) {
    int count = 0;
    while (count == 0 && *lines->next) {
        char *at = lines->next, *end = at + strcspn(at, "\n");
        lines->next = end + (*end == '\n');
        lines->number++;
        *end = '\0';
        for (at += strspn(at, TRN_BLANKS); *at; at += strspn(at, TRN_BLANKS)) {
            if (count < MOST_FIELDS) field[count] = at;
            count++;
            if (count == 2 && strcmp(field[0], ":") == 0) break;
            at += strcspn(at, TRN_BLANKS);
            if (*at) *at++ = '\0';
        }
    }
    return count;
}

typedef struct questions {
    int64_t used;
    trn_query_t *query; /* [used] b - a + c */
    int64_t *answer;    /* [used] the row of d */
    int64_t *section;   /* [used] */
    trn_best_t *best;   /* [used] */
} questions_t;

/* Sections are few, so that growing one by one is no cost. */
static trn_status_t add_section(trn_analogy_t *result, const char *name) {
    int64_t count = result->count;
    TRN_TRY(trn_realloc(&result->sections, count + 1, sizeof *result->sections, "sections"));
    result->sections[count] = (trn_section_t){0};
    TRN_TRY(trn_strdup(&result->sections[count].name, name));
    result->count++;
    return TRN_OK;
}

/* Known questions are collected over all sections, for they are searched for together. */
static trn_status_t add_question(const trn_eval_t *eval, char *const *field, questions_t *q,
                                 trn_analogy_t *result) {
    if (result->count == 0) TRN_TRY(add_section(result, ""));
    trn_section_t *section = &result->sections[result->count - 1];
    int64_t row[4];
    bool known;
    TRN_TRY(find_rows(eval, 4, (const char *const *)field, row, &known, &result->unknown));
    section->total++;
    if (!known) return TRN_OK;
    section->used++;
    q->query[q->used] =
        (trn_query_t){.terms = 3, .row = {row[1], row[0], row[2]}, .sign = {1, -1, 1}};
    q->answer[q->used] = row[3];
    q->section[q->used] = result->count - 1;
    q->used++;
    return TRN_OK;
}

/* Room for a question a line. */
static trn_status_t make_room(const char *text, questions_t *q) {
    int64_t most = 1;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        most++;
    TRN_TRY(trn_alloc(&q->query, most, sizeof *q->query, "questions"));
    TRN_TRY(trn_alloc(&q->answer, most, sizeof *q->answer, "questions"));
    TRN_TRY(trn_alloc(&q->section, most, sizeof *q->section, "questions"));
    return trn_alloc(&q->best, most, sizeof *q->best, "answers");
}

/* The name of a section, without blanks behind it: ": NAME", ":NAME"; NULL if the line is none. */
static char *section_name(int count, char *const *field) {
    if (field[0][0] != ':' || count > 2) return NULL;
    if (count == 2 && field[0][1]) return NULL;
    char *name = count == 2 ? field[1] : field[0] + 1;
    for (size_t length = strlen(name); length > 0 && strchr(TRN_BLANKS, name[length - 1]);)
        name[--length] = '\0';
    return name;
}

/* In the order of the file; questions before any section have one without a name. */
static trn_status_t read_questions(const trn_eval_t *eval, const char *path, char *text,
                                   questions_t *q, trn_analogy_t *result) {
    lines_t lines = {.path = path, .next = text};
    char *field[MOST_FIELDS];
    int64_t total = 0;
    TRN_TRY(make_room(text, q));
    for (int count; (count = next_fields(&lines, field)) > 0;) {
        char *name = section_name(count, field);
        if (name) {
            TRN_TRY(add_section(result, name));
            continue;
        }
        if (count != 4)
            return trn_fail(TRN_INPUT,
                            "%s:%lld: %d fields; a line must be four words or ': SECTION'",
                            lines.path, lines.number, count);
        TRN_TRY(add_question(eval, field, q, result));
        total++;
    }
    if (total == 0) return trn_fail(TRN_INPUT, "%s: holds no questions", path);
    return TRN_OK;
}

/* One search for all questions of the set: a product of matrices instead of many with vectors. */
static trn_status_t answer(const trn_embedding_t *embedding, questions_t *q, trn_answer_t way,
                           int threads, trn_analogy_t *result) {
    TRN_TRY(trn_search(embedding, q->used, q->query, way, 1, threads, q->best));
    for (int64_t i = 0; i < q->used; i++) {
        trn_section_t *section = &result->sections[q->section[i]];
        int right = q->best[i].index == q->answer[i];
        *(way == TRN_ANSWER_ADD ? &section->add : &section->mul) += right;
    }
    return TRN_OK;
}

/* Sets are read by all, searched together, and every rank counts the same answers. */
trn_status_t trn_analogy(const trn_eval_t *eval, const char *path, bool mul, int threads,
                         trn_analogy_t **result) {
    const trn_embedding_t *embedding = eval->embedding;
    MPI_Comm comm = trn_embedding_comm(embedding);
    char *text;
    questions_t q = {0};
    *result = NULL;
    TRN_TRY(trn_share_file(comm, path, &text));
    trn_status_t status = trn_alloc_zero(result, 1, sizeof **result, "an evaluation");
    if (status == TRN_OK) status = read_questions(eval, path, text, &q, *result);
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = answer(embedding, &q, TRN_ANSWER_ADD, threads, *result);
    if (status == TRN_OK && mul) status = answer(embedding, &q, TRN_ANSWER_MUL, threads, *result);
    trn_free(&q.query);
    trn_free(&q.answer);
    trn_free(&q.section);
    trn_free(&q.best);
    trn_free(&text);
    if (status != TRN_OK) trn_analogy_destroy(result);
    return status;
}

void trn_analogy_destroy(trn_analogy_t **result) {
    if (!*result) return;
    for (int64_t i = 0; i < (*result)->count; i++)
        trn_free(&(*result)->sections[i].name);
    trn_free(&(*result)->sections);
    trn_free(result);
}
