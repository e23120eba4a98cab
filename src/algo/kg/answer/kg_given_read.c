/* kg_given_read.c: a file of questions with their candidates. It may hold hundreds of names for
 * each of a hundred thousand questions, but few different ones: rank 0 numbers them as they come,
 * finds those few in the graph's list, and passes the candidates on a piece at a time. */
#include "algo/common/names.h"
#include "algo/kg/answer/kg_given.h"
#include "base/mem.h"
#include "base/strings.h"
#include "io/text/scan.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/watch.h"
#include "text/tokens.h"
#include "text/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    LINE_BYTES = 1 << 24, /* of a question with its candidates */
    PIECE = 1 << 20,      /* candidates that travel together */
    FEWEST = 5            /* columns: head, relation, tail, answer, a candidate */
};

/* A question by the numbers of names as they came. */
typedef struct asked {
    int64_t line, first; /* place of its first candidate among all */
    int32_t entity, relation, answer, side;
} asked_t;

/* What rank 0 reads. */
typedef struct reader {
    const char *path;
    const trn_kg_form_t *form;
    trn_words_t *entities, *relations; /* distinct names */
    asked_t *asked;                    /* [count] */
    int64_t count, asked_room;
    int32_t *candidate; /* [candidates] */
    int64_t candidates, candidate_room;
} reader_t;

static void reader_free(reader_t *r) {
    trn_words_destroy(&r->entities);
    trn_words_destroy(&r->relations);
    trn_free(&r->asked);
    trn_free(&r->candidate);
}

/* The next column of a line, NULL behind the last. */
static const char *next_column(const reader_t *r, const char **line, int64_t *bytes) {
    const char *column = *line;
    if (!column) return NULL;
    const char *tab = strchr(column, '\t');
    *bytes = tab ? tab - column : (int64_t)strlen(column);
    *line = tab ? tab + 1 : NULL;
    if (!r->form->keep_blanks) trn_triple_trim(&column, bytes);
    return column;
}

static trn_status_t number(trn_words_t *words, const char *name, int64_t bytes, int32_t *id) {
    TRN_TRY(trn_token_check(name, bytes));
    return trn_words_add(words, name, bytes, trn_words_hash(name, bytes), 1, id);
}

static bool is_open(const char *name, int64_t bytes) {
    return bytes == 1 && *name == '?';
}

static trn_status_t add_candidate(reader_t *r, int32_t id) {
    TRN_TRY(trn_grow(&r->candidate, &r->candidate_room, r->candidates + 1, sizeof *r->candidate,
                     "candidates"));
    r->candidate[r->candidates++] = id;
    return TRN_OK;
}

/* Column `at` of a question. */
static trn_status_t take_column(reader_t *r, asked_t *asked, int at, const char *name,
                                int64_t bytes) {
    int32_t id;
    if (bytes == 0) return trn_fail(TRN_INPUT, "column %d is empty", at + 1);
    if (at == 1) return number(r->relations, name, bytes, &asked->relation);
    if (at < TRN_TRIPLE_COLUMNS && is_open(name, bytes)) {
        if (asked->side >= 0) return trn_fail(TRN_INPUT, "'?' stands for both entities");
        asked->side = at == 0 ? TRN_SIDE_HEAD : TRN_SIDE_TAIL;
        return TRN_OK;
    }
    TRN_TRY(number(r->entities, name, bytes, &id));
    if (at > TRN_TRIPLE_COLUMNS) return add_candidate(r, id);
    *(at == TRN_TRIPLE_COLUMNS ? &asked->answer : &asked->entity) = id;
    return TRN_OK;
}

static trn_status_t take_line(reader_t *r, const char *line, int64_t number) {
    asked_t asked = {.line = number, .first = r->candidates, .side = -1};
    int64_t bytes;
    int columns = 0;
    for (const char *name; (name = next_column(r, &line, &bytes)); columns++)
        TRN_TRY(take_column(r, &asked, columns < FEWEST ? columns : FEWEST, name, bytes));
    if (columns < FEWEST || asked.side < 0)
        return trn_fail(TRN_INPUT,
                        "must be head, relation, tail, one of the entities being '?', then the "
                        "true answer and its candidates, between tabs");
    TRN_TRY(trn_grow(&r->asked, &r->asked_room, r->count + 1, sizeof *r->asked, "questions"));
    r->asked[r->count++] = asked;
    return TRN_OK;
}

/* On rank 0. */
static trn_status_t read_lines(reader_t *r) {
    const trn_triple_format_t tabs = {"\t", r->form->keep_blanks};
    trn_input_t input = {.path = r->path};
    trn_scan_t *scan;
    char *line;
    int64_t bytes, lines = 0;
    TRN_TRY(trn_words_create(&r->entities));
    TRN_TRY(trn_words_create(&r->relations));
    TRN_TRY(trn_input_look(&input));
    TRN_TRY(trn_scan_open(&scan, &input, 0));
    trn_status_t status;
    while ((status = trn_scan_until(scan, '\n', LINE_BYTES, &line, &bytes)) == TRN_OK && line) {
        if (++lines == 1 && r->form->header) continue;
        if (lines % 4096 == 0) trn_watch_tick();
        if (bytes > 0 && line[bytes - 1] == '\r') line[--bytes] = '\0';
        if (trn_triple_blank(line, bytes, &tabs)) continue;
        status = take_line(r, line, lines);
        if (status == TRN_OK) continue;
        if (status == TRN_INPUT)
            status = trn_fail_prefix(status, "%s:%" PRId64 ": ", r->path, lines);
        break;
    }
    status = trn_scan_end(&scan, status);
    if (status == TRN_OK && r->count == 0)
        status = trn_fail(TRN_INPUT, "%s: holds no question", r->path);
    return status;
}

/* The distinct names as a list. */
static trn_status_t list_names(const trn_words_t *words, char ***list) {
    int64_t count = trn_words_size(words), total = 0, bytes;
    char *text = NULL, *to;
    for (int64_t i = 0; i < count; i++) {
        trn_words_bytes(words, i, &bytes);
        total += bytes + 1;
    }
    TRN_TRY(trn_alloc(&text, total, 1, "names"));
    to = text;
    for (int64_t i = 0; i < count; i++) {
        const char *name = trn_words_bytes(words, i, &bytes);
        memcpy(to, name, (size_t)bytes);
        to[bytes] = '\0';
        to += bytes + 1;
    }
    trn_status_t status = trn_strings_make(count, text, total, list);
    trn_free(&text);
    return status;
}

/* numbers[*count] of one sort of names in the graph, on all ranks. Collective. */
static trn_status_t find_names(const trn_words_t *words, MPI_Comm comm, const trn_kg_t *kg,
                               const char *list, int32_t **numbers) {
    char **names = NULL;
    int64_t count = words ? trn_words_size(words) : 0;
    MPI_Bcast(&count, 1, MPI_INT64_T, 0, comm);
    trn_status_t status = words ? list_names(words, &names) : TRN_OK;
    if (status == TRN_OK) status = trn_alloc(numbers, count, sizeof **numbers, "numbers of names");
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = trn_names_find(kg->store, comm, list, count, names, *numbers);
    trn_free(&names);
    return status;
}

/* The first name of a question that the graph lacks; false if it knows all. */
static bool find_unknown(const reader_t *r, int64_t i, const int32_t *entities,
                         const int32_t *relations, const trn_words_t **words, int32_t *id) {
    const asked_t *a = &r->asked[i];
    int64_t end = i + 1 < r->count ? a[1].first : r->candidates;
    *words = r->relations;
    *id = a->relation;
    if (relations[*id] < 0) return true;
    *words = r->entities;
    if (entities[ *id = a->entity] < 0 || entities[ *id = a->answer] < 0) return true;
    for (int64_t c = a->first; c < end; c++)
        if (entities[ *id = r->candidate[c]] < 0) return true;
    return false;
}

/* Fail for the first name that the graph lacks. Collective. */
static trn_status_t check_names(const reader_t *r, MPI_Comm comm, const trn_kg_t *kg,
                                const int32_t *entities, const int32_t *relations, int rank) {
    struct {
        int32_t unknown, relation;
        char where[4096], name[TRN_TOKEN_BYTES + 1];
    } told = {0};
    for (int64_t i = 0; rank == 0 && i < r->count && !told.unknown; i++) {
        const trn_words_t *words;
        int32_t id;
        int64_t bytes;
        if (!find_unknown(r, i, entities, relations, &words, &id)) continue;
        const char *name = trn_words_bytes(words, id, &bytes);
        told.unknown = 1;
        told.relation = words == r->relations;
        snprintf(told.where, sizeof told.where, "%s:%" PRId64, r->path, r->asked[i].line);
        snprintf(told.name, sizeof told.name, "%.*s", (int)bytes, name);
    }
    MPI_Bcast(&told, sizeof told, MPI_BYTE, 0, comm);
    if (!told.unknown) return TRN_OK;
    return trn_names_unknown(kg->store, comm, told.relation ? "/relation/names" : "/entity/names",
                             told.where, told.name, told.relation ? "relation" : "entity", 0, NULL);
}

/* Questions by the graph's numbers, and where their candidates begin, on all ranks. Collective. */
static trn_status_t share_questions(trn_kg_given_t *g, const reader_t *r, MPI_Comm comm,
                                    const int32_t *entities, const int32_t *relations, int rank) {
    g->count = r->count;
    g->owner = true;
    MPI_Bcast(&g->count, 1, MPI_INT64_T, 0, comm);
    trn_status_t status = trn_alloc(&g->queries, g->count, sizeof *g->queries, "questions");
    if (status == TRN_OK)
        status = trn_alloc_zero(&g->start, g->count + 1, sizeof *g->start, "candidates");
    TRN_AGREE(comm, status);
    for (int64_t i = 0; rank == 0 && i < g->count; i++) {
        const asked_t *a = &r->asked[i];
        g->queries[i] = (trn_kg_query_t){entities[a->entity], relations[a->relation],
                                         entities[a->answer], (trn_side_t)a->side};
        g->start[i] = a->first;
    }
    if (rank == 0) g->start[g->count] = r->candidates;
    for (int64_t at = 0, n; at < g->count; at += n) {
        n = g->count - at < PIECE ? g->count - at : PIECE;
        MPI_Bcast(g->queries + at, (int)(n * (int64_t)sizeof *g->queries), MPI_BYTE, 0, comm);
        MPI_Bcast(g->start + at + 1, (int)n, MPI_INT64_T, 0, comm);
    }
    return TRN_OK;
}

/* Of the candidates, which come a piece at a time, keep those of this rank. Collective. */
static trn_status_t share_candidates(trn_kg_given_t *g, const reader_t *r, MPI_Comm comm,
                                     const trn_kg_t *kg, const int32_t *entities, int rank) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    int64_t first = trn_part_start(kg->entities, ranks, rank);
    int64_t end = trn_part_start(kg->entities, ranks, rank + 1);
    int64_t all = g->start[g->count], kept = 0, question = 0;
    int32_t *piece = NULL;
    trn_status_t status = trn_alloc(&piece, PIECE, sizeof *piece, "candidates");
    TRN_OR(done, trn_agree(comm, status));
    for (int64_t at = 0, n; at < all; at += n) {
        n = all - at < PIECE ? all - at : PIECE;
        for (int64_t i = 0; rank == 0 && i < n; i++)
            piece[i] = entities[r->candidate[at + i]];
        MPI_Bcast(piece, (int)n, MPI_INT32_T, 0, comm);
        if (status == TRN_OK)
            status = trn_grow(&g->entity, &g->capacity, kept + n, sizeof *g->entity, "candidates");
        for (int64_t i = 0; i < n && status == TRN_OK; i++) {
            while (at + i == g->start[question + 1]) /* its list is complete */
                g->start[++question] = kept;
            if (piece[i] == g->queries[question].target) continue;
            g->candidates++;
            if (piece[i] >= first && piece[i] < end) g->entity[kept++] = piece[i];
        }
    }
    g->start[g->count] = kept;
    status = trn_agree(comm, status);
done:
    trn_free(&piece);
    return status;
}

trn_status_t trn_kg_given_read(trn_kg_given_t *given, MPI_Comm comm, const char *path,
                               const trn_kg_form_t *form, const trn_kg_t *kg) {
    reader_t r = {.path = path, .form = form};
    int32_t *entities = NULL, *relations = NULL;
    int rank;
    MPI_Comm_rank(comm, &rank);
    *given = (trn_kg_given_t){0};
    trn_status_t status = trn_agree(comm, rank == 0 ? read_lines(&r) : TRN_OK);
    if (status == TRN_OK) status = find_names(r.relations, comm, kg, "/relation/names", &relations);
    if (status == TRN_OK) status = find_names(r.entities, comm, kg, "/entity/names", &entities);
    if (status == TRN_OK) status = check_names(&r, comm, kg, entities, relations, rank);
    if (status == TRN_OK) status = share_questions(given, &r, comm, entities, relations, rank);
    if (status == TRN_OK) status = share_candidates(given, &r, comm, kg, entities, rank);
    reader_free(&r);
    trn_free(&entities);
    trn_free(&relations);
    return status;
}
