/* kg_rules_tally.c: counts the pairs of entities that a rule's body and head connect. */
#include "algo/kg/answer/kg_rules_impl.h"

#include "base/mem.h"
#include "kern/sparse/spgemm.h"

/* A product is made in parts of whole rows, of so many entries or one row. */
enum { PART = 1 << 17 };

/* What one product of a body's chain needs. */
typedef struct step {
    int32_t *place;      /* [entities] the right factor's row of an entity, or -1 */
    int64_t *terms;      /* [rows] */
    int64_t *left_start; /* [rows + 1] */
    int32_t *left;       /* [entries] columns as rows of the right factor */
    int64_t *start;      /* [rows + 1] of the product */
    int32_t *column;     /* [room] of the product */
} step_t;

struct trn_tally {
    const trn_adjacency_t *graph;
    int64_t room; /* entries of a part */
    step_t step[TRN_RULE_LENGTH - 1];
    void *scratch;
    trn_rule_t *rule;
};

/* Rows of a pattern: their entities, and their entries. */
typedef struct rows {
    int64_t count;
    const int32_t *entity;
    const int64_t *start;
    const int32_t *column;
} rows_t;

static int64_t room_of(int64_t entities) {
    return entities > PART ? entities : PART;
}

static int64_t scratch_of(int64_t entities) {
    trn_spgemm_t most = {.b = {.cols = entities}, .type = TRN_SPARSE_PATTERN};
    return trn_spgemm_scratch_most(&most);
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

void trn_tally_plan(trn_ledger_t *ledger, const trn_adjacency_size_t *size) {
    const int64_t wide = 8, narrow = 4, steps = TRN_RULE_LENGTH - 1;
    int64_t room = room_of(size->entities);
    int64_t entries = size->most_entries > room ? size->most_entries : room;
    trn_ledger_take(ledger, "products", steps * (3 * size->most_rows + 2), wide);
    trn_ledger_take(ledger, "products", steps * (size->entities + entries + room), narrow);
    trn_ledger_take(ledger, "products", scratch_of(size->entities), 1);
}

trn_status_t trn_tally_create(trn_tally_t **tally, const trn_adjacency_t *adjacency) {
    int64_t rows = 0, entries = room_of(adjacency->entities);
    trn_status_t status;
    for (int64_t a = 0; a < adjacency->atoms; a++) {
        int64_t n = adjacency->first[a + 1] - adjacency->first[a];
        if (n > rows) rows = n;
        n = trn_adjacency_entries(adjacency, a);
        if (n > entries) entries = n;
    }
    TRN_TRY(trn_alloc_zero(tally, 1, sizeof **tally, "rules"));
    trn_tally_t *t = *tally;
    t->graph = adjacency;
    t->room = room_of(adjacency->entities);
    for (int i = 0; i < TRN_RULE_LENGTH - 1; i++) {
        step_t *s = &t->step[i];
        TRN_OR(failed, trn_alloc(&s->place, adjacency->entities, sizeof *s->place, "products"));
        TRN_OR(failed, trn_alloc(&s->terms, rows, sizeof *s->terms, "products"));
        TRN_OR(failed, trn_alloc(&s->left_start, rows + 1, sizeof *s->left_start, "products"));
        TRN_OR(failed, trn_alloc(&s->left, entries, sizeof *s->left, "products"));
        TRN_OR(failed, trn_alloc(&s->start, rows + 1, sizeof *s->start, "products"));
        TRN_OR(failed, trn_alloc(&s->column, t->room, sizeof *s->column, "products"));
        for (int64_t e = 0; e < adjacency->entities; e++)
            s->place[e] = -1;
    }
    TRN_OR(failed, trn_alloc(&t->scratch, scratch_of(adjacency->entities), 1, "products"));
    return TRN_OK;
failed:
    trn_tally_destroy(tally);
    return status;
}

void trn_tally_destroy(trn_tally_t **tally) {
    if (!*tally) return;
    for (int i = 0; i < TRN_RULE_LENGTH - 1; i++) {
        step_t *s = &(*tally)->step[i];
        trn_free(&s->place);
        trn_free(&s->terms);
        trn_free(&s->left_start);
        trn_free(&s->left);
        trn_free(&s->start);
        trn_free(&s->column);
    }
    trn_free(&(*tally)->scratch);
    trn_free(tally);
}

static int64_t common(int64_t m, const int32_t *a, int64_t n, const int32_t *b) {
    int64_t both = 0;
    for (int64_t i = 0, j = 0; i < m && j < n;) {
        both += a[i] == b[j];
        int32_t x = a[i], y = b[j];
        i += x <= y;
        j += y <= x;
    }
    return both;
}

/* Count the pairs of some rows of the body's matrix. */
static void count(const trn_tally_t *t, const rows_t *body) {
    const trn_adjacency_t *g = t->graph;
    for (int64_t i = 0; i < body->count; i++) {
        int64_t n = body->start[i + 1] - body->start[i];
        if (n == 0) continue;
        t->rule->body_pairs += n;
        int64_t head = trn_adjacency_find(g, t->rule->head, body->entity[i]);
        if (head < 0) continue;
        t->rule->pca_pairs += n;
        t->rule->support += common(n, body->column + body->start[i],
                                   g->start[head + 1] - g->start[head], g->column + g->start[head]);
    }
}

/* The rows with columns renumbered as rows of the right factor; what leads nowhere is left out. */
static void renumber(step_t *s, const rows_t *x) {
    int64_t n = 0;
    for (int64_t i = 0; i < x->count; i++) {
        s->left_start[i] = n;
        for (int64_t e = x->start[i]; e < x->start[i + 1]; e++)
            if (s->place[x->column[e]] >= 0) s->left[n++] = s->place[x->column[e]];
    }
    s->left_start[x->count] = n;
}

/* Multiply the rows by the atoms of the body from number `at` on, part by part, and count. */
static void go_on(trn_tally_t *t, int at, const rows_t *x) {
    if (at >= TRN_RULE_LENGTH || at == t->rule->length) {
        count(t, x);
        return;
    }
    const trn_adjacency_t *g = t->graph;
    step_t *s = &t->step[at - 1];
    int64_t first_row = g->first[t->rule->body[at]];
    int64_t rows = g->first[t->rule->body[at] + 1] - first_row;
    renumber(s, x);
    trn_spgemm_t product = {
        .a = {.rows = x->count, .cols = rows, .start = s->left_start, .column = s->left},
        .b = {.rows = rows,
              .cols = g->entities,
              .start = g->start + first_row,
              .column = g->column},
        .type = TRN_SPARSE_PATTERN,
    };
    trn_spgemm_work_t work = trn_spgemm_measure(&product, s->terms);
    for (int64_t first = 0, end; first < x->count; first = end) {
        int64_t bound = 0;
        for (end = first; end < x->count; end++) {
            bound += least(s->terms[end], g->entities);
            if (bound > t->room) break;
        }
        s->start[first] = 0;
        trn_spgemm_pack(&product, &work, t->scratch, first, end, s->start, s->column, NULL);
        rows_t part = {end - first, x->entity + first, s->start + first, s->column};
        go_on(t, at + 1, &part);
    }
}

void trn_tally_rule(trn_tally_t *tally, trn_rule_t *rule) {
    const trn_adjacency_t *g = tally->graph;
    tally->rule = rule;
    rule->support = rule->body_pairs = rule->pca_pairs = 0;
    rule->head_pairs = trn_adjacency_entries(g, rule->head);
    for (int i = 1; i < TRN_RULE_LENGTH && i < rule->length; i++)
        for (int64_t k = g->first[rule->body[i]], n = 0; k < g->first[rule->body[i] + 1]; k++)
            tally->step[i - 1].place[g->row[k]] = (int32_t)n++;
    int64_t first = g->first[rule->body[0]];
    rows_t rows = {g->first[rule->body[0] + 1] - first, g->row + first, g->start + first,
                   g->column};
    go_on(tally, 1, &rows);
    for (int i = 1; i < TRN_RULE_LENGTH && i < rule->length; i++)
        for (int64_t k = g->first[rule->body[i]]; k < g->first[rule->body[i] + 1]; k++)
            tally->step[i - 1].place[g->row[k]] = -1;
}
