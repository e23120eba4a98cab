/* kg_rules.c: searches the bodies nearest to each head, counts what they are worth, sorts rules. */
#include "algo/kg/answer/kg_rules.h"

#include "algo/kg/answer/kg_rules_impl.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/exchange.h"
#include "mpi/watch.h"

#include <stdlib.h>
#include <string.h>

/* One rank's search. */
typedef struct search {
    const trn_rules_options_t *options;
    trn_adjacency_t graph;
    trn_composer_t composer;
    trn_tally_t *tally;
    trn_rule_t *heap; /* [nearest] the nearest bodies so far, the farthest on top */
    int64_t heaped;
    trn_rule_t *found; /* [count], room for `room` */
    int64_t count, room;
} search_t;

static int compare_bodies(const trn_rule_t *a, const trn_rule_t *b) {
    for (int i = 0; i < TRN_RULE_LENGTH; i++)
        if (a->body[i] != b->body[i]) return a->body[i] < b->body[i] ? -1 : 1;
    return 0;
}

static int compare_distances(const trn_rule_t *a, const trn_rule_t *b) {
    if (a->distance != b->distance) return a->distance < b->distance ? -1 : 1;
    return compare_bodies(a, b);
}

static double confidence(const trn_rule_t *rule) {
    return rule->body_pairs > 0 ? (double)rule->support / (double)rule->body_pairs : 0;
}

static int compare_rules(const void *a, const void *b) {
    const trn_rule_t *x = a, *y = b;
    if (x->head != y->head) return x->head < y->head ? -1 : 1;
    double p = confidence(x), q = confidence(y);
    if (p != q) return p > q ? -1 : 1;
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    return compare_distances(x, y);
}

/* Take a body among the nearest, in the place of the farthest if there are enough. */
static void offer(search_t *s, const trn_rule_t *rule) {
    int64_t i;
    if (s->heaped < s->options->nearest) {
        for (i = s->heaped++; i > 0; i = (i - 1) / 2) {
            if (compare_distances(&s->heap[(i - 1) / 2], rule) >= 0) break;
            s->heap[i] = s->heap[(i - 1) / 2];
        }
    } else {
        if (compare_distances(rule, &s->heap[0]) >= 0) return;
        for (i = 0;;) {
            int64_t child = 2 * i + 1;
            if (child >= s->heaped) break;
            if (child + 1 < s->heaped &&
                compare_distances(&s->heap[child + 1], &s->heap[child]) > 0)
                child++;
            if (compare_distances(rule, &s->heap[child]) >= 0) break;
            s->heap[i] = s->heap[child];
            i = child;
        }
    }
    s->heap[i] = *rule;
}

/* Whether entities let atom b follow atom a: what a leads to is where b starts. */
static bool follows(const trn_adjacency_t *g, int64_t a, int64_t b) {
    return g->meets[trn_adjacency_turned(g, a) * g->atoms + b];
}

/* Try every atom at place `at` of the body. */
static void enumerate(search_t *s, trn_rule_t *rule, int at) {
    const trn_adjacency_t *g = &s->graph;
    int64_t atoms = s->options->inverse ? g->atoms : g->relations;
    int64_t end = trn_adjacency_turned(g, rule->head);
    bool last = at + 1 >= TRN_RULE_LENGTH || at + 1 == rule->length;
    for (int64_t a = 0; a < atoms; a++) {
        bool fits =
            at == 0 ? g->meets[rule->head * g->atoms + a] : follows(g, rule->body[at - 1], a);
        if (last) fits = fits && g->meets[trn_adjacency_turned(g, a) * g->atoms + end];
        if (at == 0) trn_watch_tick(); /* a long body takes relations^2 looks from here */
        if (!fits || (rule->length == 1 && a == rule->head)) continue;
        rule->body[at] = (int32_t)a;
        trn_composer_extend(&s->composer, at + 1, a);
        if (last) {
            rule->distance = trn_composer_distance(&s->composer, at + 1, rule->head);
            offer(s, rule);
        } else {
            enumerate(s, rule, at + 1);
        }
    }
    rule->body[at] = 0; /* compare_bodies looks at all places */
}

/* Count what the bodies in the heap are worth and keep those that are worth enough. */
static trn_status_t measure(search_t *s) {
    for (int64_t i = 0; i < s->heaped; i++) {
        trn_rule_t *rule = &s->heap[i];
        trn_tally_rule(s->tally, rule);
        trn_watch_tick();
        if (rule->support < s->options->min_support) continue;
        if (confidence(rule) < s->options->min_confidence) continue;
        if (s->count == s->room) {
            int64_t room = 2 * s->room + 64;
            TRN_TRY(trn_realloc(&s->found, room, sizeof *s->found, "rules"));
            s->room = room;
        }
        s->found[s->count++] = *rule;
    }
    return TRN_OK;
}

static trn_status_t find_own(search_t *s, int rank, int ranks) {
    for (int32_t head = rank; head < s->graph.relations; head += ranks)
        for (int length = 1; length <= TRN_RULE_LENGTH; length++) {
            if (!s->options->length[length]) continue;
            trn_rule_t rule = {.head = head, .length = length};
            s->heaped = 0;
            enumerate(s, &rule, 0);
            TRN_TRY(measure(s));
        }
    return TRN_OK;
}

static trn_status_t prepare(search_t *s, trn_rules_t *r, const trn_kg_model_t *model) {
    TRN_TRY(trn_adjacency_create(&s->graph, &r->size, r->triples));
    trn_free(&r->triples);
    TRN_TRY(trn_composer_create(&s->composer, model));
    TRN_TRY(trn_tally_create(&s->tally, &s->graph));
    return trn_alloc(&s->heap, s->options->nearest, sizeof *s->heap, "nearest bodies");
}

/* What all ranks have found, in order. Collective. */
static trn_status_t gather(const search_t *s, MPI_Comm comm, trn_rules_t *r) {
    trn_parcels_t all = {0};
    trn_status_t status;
    int ranks;
    MPI_Comm_size(comm, &ranks);
    TRN_OR(done, trn_gather_all(comm, s->found, s->count * (int64_t)sizeof *s->found, &all));
    int64_t count = all.start[ranks] / (int64_t)sizeof *r->rules;
    TRN_OR(done, trn_agree(comm, trn_alloc(&r->rules, count, sizeof *r->rules, "rules")));
    r->count = count;
    if (count > 0) {
        memcpy(r->rules, all.data, (size_t)all.start[ranks]);
        qsort(r->rules, (size_t)count, sizeof *r->rules, compare_rules);
    }
done:
    trn_parcels_free(&all);
    return status;
}

static trn_status_t search(trn_rules_t *r, MPI_Comm comm, const trn_kg_model_t *model) {
    search_t s = {.options = &r->options};
    trn_status_t status;
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    TRN_OR(done, trn_agree(comm, prepare(&s, r, model)));
    status = find_own(&s, rank, ranks);
    trn_wait_all(comm);
    TRN_OR(done, trn_agree(comm, status));
    status = gather(&s, comm, r);
done:
    trn_adjacency_destroy(&s.graph);
    trn_composer_destroy(&s.composer);
    trn_tally_destroy(&s.tally);
    trn_free(&s.heap);
    trn_free(&s.found);
    return status;
}

trn_status_t trn_rules_find(trn_rules_t *r, MPI_Comm comm) {
    trn_kg_model_t model = {0};
    int64_t named;
    trn_status_t status = trn_kg_model_open_relations(&model, comm, r->model, &r->kg);
    if (status == TRN_OK) status = search(r, comm, &model);
    trn_kg_model_close(&model);
    if (status != TRN_OK) return status;
    return trn_store_read_strings(r->kg.store, "/relation/names", &named, &r->names);
}

void trn_rules_free(trn_rules_t *r) {
    trn_kg_close(&r->kg);
    trn_free(&r->triples);
    trn_free(&r->rules);
    trn_free(&r->names);
}

/* Looking and planning ------------------------------------------------------------------------- */

/* How much the graph comes to is not known yet: all that can be sure, and all that can come. */
static trn_status_t check_early(const trn_rules_t *r, MPI_Comm comm) {
    int ranks;
    MPI_Comm_size(comm, &ranks);
    trn_rules_t low = *r, high = *r;
    int64_t count = r->kg.triples[TRN_TRAIN];
    low.held = trn_held_now(comm);
    low.held.now += count * (int64_t)sizeof *r->triples;
    low.size = (trn_adjacency_size_t){
        .entities = r->kg.entities, .relations = r->kg.relations, .count = count};
    high.held = low.held;
    high.size = low.size;
    high.size.rows = 2 * count;
    high.size.most_rows = high.size.most_entries = count;
    return trn_estimate_early(ranks, trn_rules_plan, &low, &high);
}

static trn_status_t read_triples(trn_rules_t *r) {
    int64_t count = r->kg.triples[TRN_TRAIN];
    TRN_TRY(trn_alloc(&r->triples, count, sizeof *r->triples, "triples"));
    TRN_TRY(trn_kg_read(&r->kg, TRN_TRAIN, 0, count, r->triples));
    r->size = trn_adjacency_measure(r->kg.entities, r->kg.relations, count, r->triples);
    return TRN_OK;
}

trn_status_t trn_rules_look(trn_rules_t *r, MPI_Comm comm, const char *graph, bool dry) {
    TRN_TRY(trn_kg_open(&r->kg, comm, graph));
    TRN_TRY(trn_kg_header_open(comm, r->model, &r->header));
    TRN_TRY(trn_rules_able(r->header.model));
    TRN_TRY(trn_kg_header_check(&r->header, r->model, &r->kg));
    if (!dry) TRN_TRY(check_early(r, comm));
    TRN_AGREE(comm, read_triples(r));
    r->held = trn_held_now(comm);
    return TRN_OK;
}

/* Rules that heads have at most; of a length there may be fewer bodies than are looked for. */
static int64_t most_rules(const trn_rules_t *r, int64_t heads) {
    const trn_rules_options_t *o = &r->options;
    int64_t atoms = o->inverse ? 2 * r->kg.relations : r->kg.relations, each = 0, bodies = 1;
    for (int length = 1; length <= TRN_RULE_LENGTH; length++) {
        bodies = trn_ledger_bytes(bodies, atoms);
        if (o->length[length]) each += bodies < o->nearest ? bodies : o->nearest;
    }
    return trn_ledger_bytes(heads, each);
}

void trn_rules_plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const trn_rules_t *r = user;
    const int64_t rule = (int64_t)sizeof(trn_rule_t);
    int64_t relations = r->kg.relations, all = most_rules(r, relations);
    int64_t heads = (relations - rank + ranks - 1) / ranks;
    trn_held_take(ledger, &r->held);
    trn_kg_model_relations_plan(ledger, &r->header, rank);
    trn_ledger_t before = *ledger;
    trn_adjacency_plan(ledger, &r->size);
    trn_ledger_give(ledger, "inputs", r->kg.triples[TRN_TRAIN], (int64_t)sizeof(trn_triple_t));
    trn_composer_plan(ledger, &r->header);
    trn_tally_plan(ledger, &r->size);
    trn_ledger_take(ledger, "rules", r->options.nearest, rule);
    trn_ledger_take(ledger, "rules", most_rules(r, heads) + 2 * all, rule);
    trn_ledger_back(ledger, &before);
    trn_ledger_give(ledger, "inputs", r->kg.triples[TRN_TRAIN], (int64_t)sizeof(trn_triple_t));
    trn_ledger_take(ledger, "rules", all, rule);
    if (rank == 0) trn_ledger_take(ledger, "result", all, trn_rules_row_bytes());
}
