#include "algo/words/words_eval.h"

#include "algo/vectors/search.h"
#include "base/mem.h"
#include "io/share.h"
#include "mpi/agree.h"
#include "text/lower.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 4, PAIRS = 256 /* pairs whose rows are fetched together */ };

/* Spearman ---------------------------------------------------------------------------------- */

typedef struct item {
    double value;
    int64_t place;
} item_t;

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

trn_status_t trn_spearman(int64_t n, const double *x, const double *y, double *rho) {
    item_t *items = NULL;
    double *rank = NULL;
    trn_status_t status;
    TRN_OR(done, trn_alloc(&items, n, sizeof *items, "ranks"));
    TRN_OR(done, trn_alloc(&rank, 2 * n, sizeof *rank, "ranks"));
    centred_ranks(n, x, items, rank);
    centred_ranks(n, y, items, rank + n);
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

/* Lines of a set ------------------------------------------------------------------------------ */

/* A set in memory, taken apart line by line. */
typedef struct lines {
    const char *path;
    char *text;       /* the whole file, cut up while it is read */
    char *next;       /* where the next line begins */
    long long number; /* of the line last taken, from 1 */
    int64_t count;    /* most lines there may be */
} lines_t;

static trn_status_t open_lines(MPI_Comm comm, const char *path, bool lowercase, lines_t *lines) {
    *lines = (lines_t){.path = path};
    TRN_TRY(trn_share_file(comm, path, &lines->text));
    char *lower = NULL;
    trn_status_t status = lowercase ? trn_lower(lines->text, &lower) : TRN_OK;
    if ((status = trn_agree(comm, status)) != TRN_OK) {
        trn_free(&lower);
        trn_free(&lines->text);
        return status;
    }
    if (lower) {
        trn_free(&lines->text);
        lines->text = lower;
    }
    lines->next = lines->text;
    lines->count = 1;
    for (const char *at = lines->text; (at = strchr(at, '\n')) != NULL; at++)
        lines->count++;
    return TRN_OK;
}

/* Cut the next line that is not blank into at most MOST_FIELDS fields and count all it has;
 * returns that count, 0 at the end. */
static int next_fields(lines_t *lines, char *field[MOST_FIELDS]) {
    static const char space[] = " \t\r";
    int count = 0;
    while (count == 0 && *lines->next) {
        char *at = lines->next, *end = at + strcspn(at, "\n");
        lines->next = end + (*end == '\n');
        lines->number++;
        *end = '\0';
        for (at += strspn(at, space); *at; at += strspn(at, space)) {
            if (count < MOST_FIELDS) field[count] = at;
            count++;
            at += strcspn(at, space);
            if (*at) *at++ = '\0';
        }
    }
    return count;
}

/* rows[i] = row of field i, -1 if it is not in the vocabulary; *known: none is -1. */
static trn_status_t find_rows(trn_embedding_t *embedding, int count, char *const *field,
                              int64_t *rows, bool *known) {
    *known = true;
    for (int i = 0; i < count; i++) {
        TRN_TRY(trn_embedding_find(embedding, field[i], &rows[i]));
        *known &= rows[i] >= 0;
    }
    return TRN_OK;
}

/* Similarity ---------------------------------------------------------------------------------- */

typedef struct pairs {
    int64_t *row;   /* [2 x used] */
    double *score;  /* [used] what people said */
    double *cosine; /* [used] */
    float *buffer;  /* [2 x PAIRS x dim] */
} pairs_t;

static trn_status_t read_pairs(trn_embedding_t *embedding, lines_t *lines, pairs_t *pairs,
                               trn_similarity_t *result) {
    int64_t dim = trn_embedding_dim(embedding);
    TRN_TRY(trn_alloc(&pairs->row, 2 * lines->count, sizeof *pairs->row, "word pairs"));
    TRN_TRY(trn_alloc(&pairs->score, lines->count, sizeof *pairs->score, "word pairs"));
    TRN_TRY(trn_alloc(&pairs->cosine, lines->count, sizeof *pairs->cosine, "word pairs"));
    TRN_TRY(trn_alloc(&pairs->buffer, 2 * PAIRS * dim, sizeof *pairs->buffer, "word pairs"));
    char *field[MOST_FIELDS], *end;
    for (int count; (count = next_fields(lines, field)) > 0;) {
        if (count != 3)
            return trn_fail(TRN_INPUT, "%s:%lld: %d fields; a line must be WORD WORD SCORE",
                            lines->path, lines->number, count);
        double score = strtod(field[2], &end);
        if (*end || !isfinite(score))
            return trn_fail(TRN_INPUT, "%s:%lld: the score '%.40s' is not a number", lines->path,
                            lines->number, field[2]);
        bool known;
        TRN_TRY(find_rows(embedding, 2, field, pairs->row + 2 * result->used, &known));
        pairs->score[result->used] = score;
        result->used += known;
        result->total++;
    }
    if (result->total == 0) return trn_fail(TRN_INPUT, "%s: holds no word pairs", lines->path);
    return TRN_OK;
}

/* Cosines of the known pairs, on every rank. May not fail. */
static void measure(const trn_embedding_t *embedding, int64_t used, pairs_t *pairs) {
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

trn_status_t trn_similarity(trn_embedding_t *embedding, const char *path, bool lowercase,
                            trn_similarity_t *result) {
    MPI_Comm comm = trn_embedding_comm(embedding);
    lines_t lines;
    pairs_t pairs = {0};
    *result = (trn_similarity_t){.spearman = NAN};
    TRN_TRY(open_lines(comm, path, lowercase, &lines));
    trn_status_t status = trn_agree(comm, read_pairs(embedding, &lines, &pairs, result));
    if (status == TRN_OK) {
        measure(embedding, result->used, &pairs);
        status = trn_agree(
            comm, trn_spearman(result->used, pairs.cosine, pairs.score, &result->spearman));
    }
    trn_free(&pairs.row);
    trn_free(&pairs.score);
    trn_free(&pairs.cosine);
    trn_free(&pairs.buffer);
    trn_free(&lines.text);
    return status;
}

/* Analogies ----------------------------------------------------------------------------------- */

typedef struct questions {
    int64_t used;
    trn_query_t *query; /* [used] b - a + c */
    int64_t *answer;    /* [used] the row of d */
    int64_t *section;   /* [used] */
    trn_best_t *best;   /* [used] */
} questions_t;

static trn_status_t add_section(trn_analogy_t *result, const char *name) {
    int64_t count = result->count;
    TRN_TRY(trn_realloc(&result->sections, count + 1, sizeof *result->sections, "sections"));
    result->sections[count] = (trn_section_t){0};
    TRN_TRY(trn_strdup(&result->sections[count].name, name));
    result->count++;
    return TRN_OK;
}

static trn_status_t add_question(trn_embedding_t *embedding, char *const *field, questions_t *q,
                                 trn_analogy_t *result) {
    if (result->count == 0) TRN_TRY(add_section(result, ""));
    trn_section_t *section = &result->sections[result->count - 1];
    int64_t row[4];
    bool known;
    TRN_TRY(find_rows(embedding, 4, field, row, &known));
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

static trn_status_t read_questions(trn_embedding_t *embedding, lines_t *lines, questions_t *q,
                                   trn_analogy_t *result) {
    TRN_TRY(trn_alloc(&q->query, lines->count, sizeof *q->query, "questions"));
    TRN_TRY(trn_alloc(&q->answer, lines->count, sizeof *q->answer, "questions"));
    TRN_TRY(trn_alloc(&q->section, lines->count, sizeof *q->section, "questions"));
    TRN_TRY(trn_alloc(&q->best, lines->count, sizeof *q->best, "answers"));
    char *field[MOST_FIELDS];
    int64_t total = 0;
    for (int count; (count = next_fields(lines, field)) > 0;) {
        if (count == 2 && strcmp(field[0], ":") == 0) {
            TRN_TRY(add_section(result, field[1]));
            continue;
        }
        if (count != 4)
            return trn_fail(TRN_INPUT,
                            "%s:%lld: %d fields; a line must be four words or ': SECTION'",
                            lines->path, lines->number, count);
        TRN_TRY(add_question(embedding, field, q, result));
        total++;
    }
    if (total == 0) return trn_fail(TRN_INPUT, "%s: holds no questions", lines->path);
    return TRN_OK;
}

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

trn_status_t trn_analogy(trn_embedding_t *embedding, const char *path, bool lowercase, bool mul,
                         int threads, trn_analogy_t **result) {
    MPI_Comm comm = trn_embedding_comm(embedding);
    lines_t lines;
    questions_t q = {0};
    *result = NULL;
    TRN_TRY(open_lines(comm, path, lowercase, &lines));
    trn_status_t status = trn_alloc_zero(result, 1, sizeof **result, "an evaluation");
    if (status == TRN_OK) status = read_questions(embedding, &lines, &q, *result);
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = answer(embedding, &q, TRN_ANSWER_ADD, threads, *result);
    if (status == TRN_OK && mul) status = answer(embedding, &q, TRN_ANSWER_MUL, threads, *result);
    trn_free(&q.query);
    trn_free(&q.answer);
    trn_free(&q.section);
    trn_free(&q.best);
    trn_free(&lines.text);
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
