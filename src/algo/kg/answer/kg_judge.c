/* kg_judge.c: thresholds and probabilities of triples. All sums go over the valid triples in their
 * order on every rank, so that the same numbers come out everywhere. */
#include "algo/kg/answer/kg_judge.h"

#include "algo/kg/kg_known.h"
#include "algo/kg/kg_score.h"
#include "base/mem.h"
#include "base/rng.h"
#include "mpi/agree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 100, STEPS = 100 };

/* A scored triple. */
typedef struct sample {
    double score;
    int32_t relation;
    bool fact;
} sample_t;

/* What fitting works with: triples[facts] of valid, then the false ones. */
typedef struct fit {
    int64_t facts, count;
    trn_triple_t *triples; /* [2 x facts] */
    double *score;         /* [2 x facts] */
    sample_t *sample;      /* [2 x facts] by relation, then score */
    trn_known_t *known;
} fit_t;

static void fit_free(fit_t *f) {
    trn_free(&f->triples);
    trn_free(&f->score);
    trn_free(&f->sample);
    trn_known_destroy(&f->known);
}

static trn_status_t read_valid(fit_t *f, const trn_kg_t *kg) {
    f->facts = kg->triples[TRN_VALID];
    if (f->facts == 0)
        return trn_fail(TRN_INPUT,
                        "%s: /valid: has no triples to fit thresholds on; import some with --valid "
                        "or --split",
                        trn_store_path(kg->store));
    TRN_TRY(trn_alloc(&f->triples, 2 * f->facts, sizeof *f->triples, "triples to fit"));
    return trn_kg_read(kg, TRN_VALID, 0, f->facts, f->triples);
}

/* Room for scores. */
static trn_status_t allocate(fit_t *f) {
    TRN_TRY(trn_alloc(&f->score, 2 * f->facts, sizeof *f->score, "scores to fit"));
    return trn_alloc(&f->sample, 2 * f->facts, sizeof *f->sample, "scores to fit");
}

/* What train and valid know about the valid triples. */
static trn_kg_asked_t asked_of(const fit_t *f) {
    return (trn_kg_asked_t){.splits = TRN_VALID + 1, .count = f->facts, .triples = f->triples};
}

trn_status_t trn_kg_judge_count(const trn_kg_t *kg, MPI_Comm comm, trn_kg_found_t *found) {
    fit_t f = {0};
    trn_status_t status = trn_agree(comm, read_valid(&f, kg));
    const trn_kg_asked_t asked = asked_of(&f);
    if (status == TRN_OK) status = trn_kg_known_count(kg, comm, &asked, found);
    fit_free(&f);
    return status;
}

void trn_kg_judge_plan(trn_ledger_t *ledger, const trn_kg_t *kg, const trn_kg_header_t *header,
                       const trn_kg_found_t *found, int ranks) {
    int64_t count = 2 * kg->triples[TRN_VALID];
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "fitting", count, (int64_t)sizeof(trn_triple_t));
    trn_kg_known_plan(ledger, found, ranks);
    trn_ledger_take(ledger, "fitting", count, (int64_t)(sizeof(double) + sizeof(sample_t)));
    trn_kg_score_triples_plan(ledger, header, ranks);
    trn_ledger_pass(ledger, "fitting", count, (int64_t)sizeof(sample_t)); /* qsort's copy */
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "fitting", kg->relations, (int64_t)(sizeof(double) + sizeof(bool)));
}

/* A false triple for fact i; false if none is found. */
static bool draw_false(const fit_t *f, const trn_kg_t *kg, int64_t i, uint64_t seed,
                       trn_triple_t *out) {
    uint32_t words[4];
    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        trn_rng_words(seed, (uint64_t)i, draw, 0, TRN_RNG_KG_FALSE, words);
        bool head = words[1] >> 31;
        int32_t entity = (int32_t)((uint64_t)words[0] * (uint64_t)kg->entities >> 32);
        *out = f->triples[i];
        trn_kg_question_t asked = {head ? -1 : out->head, out->relation, head ? out->tail : -1};
        *(head ? &out->head : &out->tail) = entity;
        if (!trn_kg_is_known(f->known, &asked, entity)) return true;
    }
    return false;
}

static int compare(const void *a, const void *b) {
    const sample_t *x = a, *y = b;
    if (x->relation != y->relation) return x->relation < y->relation ? -1 : 1;
    return (x->score > y->score) - (x->score < y->score);
}

static int compare_scores(const void *a, const void *b) {
    const sample_t *x = a, *y = b;
    return (x->score > y->score) - (x->score < y->score);
}

/* The threshold of samples that ascend by score. At the lowest one all of them hold. */
static double part(int64_t count, const sample_t *s) {
    int64_t right = 0, best;
    double threshold = s[0].score;
    for (int64_t i = 0; i < count; i++)
        right += s[i].fact;
    best = right;
    for (int64_t i = 0; i + 1 < count; i++) { /* the threshold above s[i] */
        right += s[i].fact ? -1 : 1;
        if (s[i + 1].score == s[i].score || right <= best) continue;
        double low = s[i].score, high = s[i + 1].score, middle = low + (high - low) / 2;
        best = right;
        threshold = middle > low ? middle : high;
    }
    return threshold;
}

static trn_status_t find_thresholds(trn_kg_judge_t *j, fit_t *f, int64_t relations) {
    int64_t right = 0;
    j->relations = relations;
    j->facts = f->facts;
    j->falses = f->count - f->facts;
    TRN_TRY(trn_alloc(&j->threshold, relations, sizeof *j->threshold, "thresholds"));
    TRN_TRY(trn_alloc_zero(&j->own, relations, sizeof *j->own, "thresholds"));
    for (int64_t i = 0; i < f->count; i++)
        f->sample[i] = (sample_t){f->score[i], f->triples[i].relation, i < f->facts};
    qsort(f->sample, (size_t)f->count, sizeof *f->sample, compare_scores);
    double common = part(f->count, f->sample);
    for (int64_t r = 0; r < relations; r++)
        j->threshold[r] = common;
    qsort(f->sample, (size_t)f->count, sizeof *f->sample, compare);
    for (int64_t i = 0, end; i < f->count; i = end) {
        int32_t relation = f->sample[i].relation;
        for (end = i + 1; end < f->count && f->sample[end].relation == relation;)
            end++;
        j->threshold[relation] = part(end - i, f->sample + i);
        j->own[relation] = true;
    }
    for (int64_t i = 0; i < f->count; i++)
        right += trn_kg_judge_holds(j, f->triples[i].relation, f->score[i]) == (i < f->facts);
    j->accuracy = (double)right / (double)f->count;
    return TRN_OK;
}

/* log(1 + e^z). */
static double soft_plus(double z) {
    return fmax(z, 0) + log1p(exp(-fabs(z)));
}

/* The loss of a curve, and its gradient and curvature by slope and offset: [0] d slope, [1] d
 * offset; [2] twice by slope, [3] mixed, [4] twice by offset. */
static double curve_loss(const trn_kg_judge_t *j, const fit_t *f, double slope, double offset,
                         double d[5]) {
    double loss = 0, falses = (double)j->falses, facts = (double)j->facts;
    double target[2] = {1 / (falses + 2), (facts + 1) / (facts + 2)};
    memset(d, 0, 5 * sizeof *d);
    for (int64_t i = 0; i < f->count; i++) {
        double x = f->score[i] - j->threshold[f->triples[i].relation], z = slope * x + offset;
        double t = target[i < f->facts], p = 1 / (1 + exp(-z));
        loss += soft_plus(z) - t * z;
        double first = p - t, second = p * (1 - p);
        d[0] += first * x;
        d[1] += first;
        d[2] += second * x * x;
        d[3] += second * x;
        d[4] += second;
    }
    return loss;
}

/* Newton's steps, each halved until it helps; the loss is convex. */
static void find_curve(trn_kg_judge_t *j, const fit_t *f) {
    double d[5], e[5], slope = 0;
    double offset = log(((double)j->facts + 1) / ((double)j->falses + 1));
    double loss = curve_loss(j, f, slope, offset, d);
    for (int step = 0; step < STEPS; step++) {
        double h0 = d[2] + 1e-12, h1 = d[4] + 1e-12, det = h0 * h1 - d[3] * d[3];
        double to[2] = {-(h1 * d[0] - d[3] * d[1]) / det, -(h0 * d[1] - d[3] * d[0]) / det};
        double fall = d[0] * to[0] + d[1] * to[1], length = 1, next = loss;
        if (!(fall < -1e-12 * (1 + fabs(loss)))) break;
        for (; length > 1e-10; length /= 2) {
            next = curve_loss(j, f, slope + length * to[0], offset + length * to[1], e);
            if (next < loss + 1e-4 * length * fall) break;
        }
        if (!(length > 1e-10)) break;
        slope += length * to[0];
        offset += length * to[1];
        loss = next;
        memcpy(d, e, sizeof d);
    }
    j->slope = slope;
    j->offset = offset;
}

trn_status_t trn_kg_judge_fit(trn_kg_judge_t *judge, const trn_kg_model_t *model, MPI_Comm comm,
                              const trn_kg_t *kg, const trn_kg_found_t *found, uint64_t seed) {
    fit_t f = {0};
    trn_status_t status;
    *judge = (trn_kg_judge_t){0};
    TRN_OR(done, trn_agree(comm, read_valid(&f, kg)));
    const trn_kg_asked_t asked = asked_of(&f);
    TRN_OR(done, trn_kg_known_create(kg, comm, &asked, found, &f.known));
    TRN_OR(done, trn_agree(comm, allocate(&f)));
    f.count = f.facts;
    for (int64_t i = 0; i < f.facts; i++)
        f.count += draw_false(&f, kg, i, seed, &f.triples[f.count]);
    TRN_OR(done, trn_kg_score_triples(model, comm, f.count, f.triples, f.score));
    TRN_OR(done, trn_agree(comm, find_thresholds(judge, &f, kg->relations)));
    find_curve(judge, &f);
done:
    fit_free(&f);
    return status;
}

void trn_kg_judge_free(trn_kg_judge_t *judge) {
    trn_free(&judge->threshold);
    trn_free(&judge->own);
    *judge = (trn_kg_judge_t){0};
}

bool trn_kg_judge_holds(const trn_kg_judge_t *judge, int64_t relation, double score) {
    return score >= judge->threshold[relation];
}

double trn_kg_judge_probability(const trn_kg_judge_t *judge, int64_t relation, double score) {
    double z = judge->slope * (score - judge->threshold[relation]) + judge->offset;
    return 1 / (1 + exp(-z));
}
