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

static trn_status_t prepare(search_t *s, const trn_kg_t *kg, const trn_kg_model_t *model) {
    trn_triple_t *triples = NULL;
    int64_t count = kg->triples[TRN_TRAIN];
    trn_status_t status;
    TRN_OR(done, trn_alloc(&triples, count, sizeof *triples, "triples"));
    TRN_OR(done, trn_kg_read(kg, TRN_TRAIN, 0, count, triples));
    TRN_OR(done, trn_adjacency_create(&s->graph, kg->entities, kg->relations, count, triples));
    TRN_OR(done, trn_composer_create(&s->composer, model));
    TRN_OR(done, trn_tally_create(&s->tally, &s->graph));
    TRN_OR(done, trn_alloc(&s->heap, s->options->nearest, sizeof *s->heap, "nearest bodies"));
done:
    trn_free(&triples);
    return status;
}

trn_status_t trn_rules_find(MPI_Comm comm, const trn_kg_t *kg, const trn_kg_model_t *model,
                            const trn_rules_options_t *options, trn_rule_t **rules,
                            int64_t *count) {
    int rank, ranks;
    search_t s = {.options = options};
    trn_parcels_t all = {0};
    trn_status_t status;
    *rules = NULL;
    *count = 0;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    TRN_OR(done, trn_agree(comm, prepare(&s, kg, model)));
    status = find_own(&s, rank, ranks);
    trn_wait_all(comm);
    TRN_OR(done, trn_agree(comm, status));
    TRN_OR(done, trn_gather_all(comm, s.found, s.count * (int64_t)sizeof *s.found, &all));
    *count = all.start[ranks] / (int64_t)sizeof **rules;
    TRN_OR(done, trn_agree(comm, trn_alloc(rules, *count, sizeof **rules, "rules")));
    if (*count > 0) {
        memcpy(*rules, all.data, (size_t)all.start[ranks]);
        qsort(*rules, (size_t)*count, sizeof **rules, compare_rules);
    }
done:
    trn_parcels_free(&all);
    trn_adjacency_destroy(&s.graph);
    trn_composer_destroy(&s.composer);
    trn_tally_destroy(&s.tally);
    trn_free(&s.heap);
    trn_free(&s.found);
    return status;
}

int64_t trn_rules_bytes(const trn_kg_t *kg, const trn_kg_header_t *header,
                        const trn_rules_options_t *options) {
    int64_t n = kg->triples[TRN_TRAIN], atoms = 2 * kg->relations, lengths = 0;
    for (int i = 1; i <= TRN_RULE_LENGTH; i++)
        lengths += options->length[i];
    int64_t graph = n * (int64_t)sizeof(trn_triple_t) + 2 * n * 16 + atoms * (atoms + 8);
    int64_t relations = 2 * atoms * header->model->relation_width(&header->shape) * 8;
    int64_t rules =
        (int64_t)sizeof(trn_rule_t) * options->nearest * (1 + 3 * lengths * kg->relations);
    return graph + relations + rules + trn_tally_bytes(kg->entities, n);
}
