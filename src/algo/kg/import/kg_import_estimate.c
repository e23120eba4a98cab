/* kg_import_estimate.c: what an import would take. The files are read and checked as for an import,
 * but names are only counted, by sketches of their hashes, and facts not kept at all. */
#include "algo/kg/import/kg_import_impl.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "text/tokens.h"

#include <math.h>

/* Bytes. A fact: kept with its place; on its way to be compared, with its verdict; both ends on
 * their way to the index, and there. What comes in has a quarter of room to spare. */
enum {
    FACT = 20,
    PARCEL = 32,
    VERDICT = 8,
    ENTRY = 16,
    INDEXED = 8,
    PROGRAM = 36 << 20,
    STRETCH = 1 << 20
};

typedef struct names {
    double here, home, all; /* distinct ones of this rank, of its part of all, of all */
    double bytes;           /* of one */
} names_t;

/* HyperLogLog (Flajolet et al. 2007): each register holds the longest run of leading zeros, plus
 * one, of the hashes that fall to it. The estimate of Ertl (2017, arXiv:1702.01284, algorithm 6)
 * has no bias at any number; registers never get full here. */
static double count_distinct(const uint8_t sketch[TRN_KG_SKETCH]) {
    const double m = TRN_KG_SKETCH;
    double sum = 0, empty = 0;
    for (int i = 0; i < TRN_KG_SKETCH; i++) {
        if (sketch[i] > 0)
            sum += ldexp(1, -sketch[i]);
        else
            empty++;
    }
    if (empty == m) return 0;
    double before = -1, more = empty / m, power = empty / m; /* x + x^2 + 2 x^4 + 4 x^8 + ... */
    for (double times = 1; more > before; times *= 2) {
        before = more;
        power *= power;
        more += times * power;
    }
    return m * m / (2 * log(2) * (sum + m * more));
}

trn_status_t trn_kg_import_sketch(trn_kg_sketch_t *sketch, bool relation, const char *name,
                                  int64_t bytes) {
    uint64_t hash = trn_words_hash(name, bytes), rest = hash / TRN_KG_SKETCH | 1;
    uint8_t *at = &sketch->most[relation][hash % TRN_KG_SKETCH];
    uint8_t zeros = (uint8_t)(__builtin_clzll(rest) - TRN_KG_SKETCH_BITS + 1);
    TRN_TRY(trn_token_check(name, bytes));
    if (zeros > *at) *at = zeros;
    sketch->names[relation]++;
    sketch->bytes[relation] += bytes;
    return TRN_OK;
}

/* Collective: the sketch becomes that of all ranks. */
static names_t count_names(const trn_kg_import_t *import, int relation) {
    trn_kg_sketch_t *sketch = import->sketch;
    uint8_t *most = sketch->most[relation];
    int64_t sums[2] = {sketch->bytes[relation], sketch->names[relation]};
    names_t names = {.here = count_distinct(most)};
    MPI_Allreduce(MPI_IN_PLACE, most, TRN_KG_SKETCH, MPI_UINT8_T, MPI_MAX, import->comm);
    MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_INT64_T, MPI_SUM, import->comm);
    names.all = count_distinct(most);
    names.home = names.all / import->ranks;
    names.bytes = (double)sums[0] / (double)(sums[1] > 0 ? sums[1] : 1);
    return names;
}

/* Room for `count`, of an array that doubles. */
static double grown(double first, double count) {
    while (first < count)
        first *= 2;
    return first;
}

/* Of the table of text/words.h: slots, words, arena. */
static double table(double names, double bytes) {
    return 8 * grown(1 << 16, 2 * names) + 32 * grown(1 << 14, names) +
           grown(1 << 18, names * bytes);
}

/* Beside what was there before: names that are asked for, both ways, and merged; then the numbers
 * of all; then names and their numbers on their way to where they stay. */
static double numbering(names_t n) {
    double record = 16 + ceil(n.bytes / 8) * 8;
    double asked = 1.25 * n.here * record,
           home = table(n.home, n.bytes) + 12 * n.here * record / 24;
    double later = fmax(10 * n.all, 2.25 * n.home * record + n.home * (n.bytes + 9));
    return asked + fmax(n.here * record, home + 8 * n.here + later);
}

/* Bytes of this rank at the stage that takes most; `stretch`: turns judged at a time, 0: none. */
static double peak(names_t entities, names_t relations, double train, double facts, double even,
                   double stretch) {
    double kept = FACT * grown(1 << 12, facts), stay = entities.home * (entities.bytes + 9);
    double tables = table(entities.here, entities.bytes) + table(relations.here, relations.bytes) +
                    8 * grown(1 << 12, entities.here) + 8 * grown(1 << 12, relations.here);
    double naming = tables + fmax(numbering(entities), numbering(relations));
    double sorting = facts * PARCEL + even * (2.25 * PARCEL + VERDICT); /* qsort takes a copy */
    double telling = facts * (PARCEL + 1.25 * VERDICT) + even * (1.25 * PARCEL + VERDICT);
    double indexing = 24 * entities.all + 8 * entities.home + 2 * train * (2.25 * ENTRY + INDEXED);
    /* turns, which qsort copies; degrees; on rank 0 a stretch of turns with its verdicts */
    double dealing = stretch > 0 ? 32 * facts + 8 * entities.all + 92 * stretch : 0;
    if (stretch > 0) indexing += train * (double)sizeof(trn_triple_t); /* to valid and to test */
    return PROGRAM + kept +
           fmax(naming, stay + fmax(fmax(sorting, telling), fmax(dealing, indexing)));
}

trn_status_t trn_kg_import_estimate(MPI_Comm comm, const trn_kg_import_options_t *options,
                                    trn_kg_import_estimate_t *estimate) {
    trn_kg_import_report_t report = {0};
    trn_kg_import_t import = {.comm = comm, .options = options, .report = &report};
    MPI_Comm_rank(comm, &import.rank);
    MPI_Comm_size(comm, &import.ranks);
    trn_status_t status;
    *estimate = (trn_kg_import_estimate_t){0};
    TRN_OR(done, trn_agree(comm, trn_alloc_zero(&import.sketch, 1, sizeof *import.sketch,
                                                "sketches of names")));
    TRN_OR(done, trn_kg_import_read(&import));
    names_t entities = count_names(&import, 0), relations = count_names(&import, 1);
    int64_t facts = 0, all = 0;
    for (int split = 0; split < TRN_SPLITS; split++) {
        facts += import.facts[split].count;
        MPI_Allreduce(&import.facts[split].count, &estimate->triples[split], 1, MPI_INT64_T,
                      MPI_SUM, comm);
        all += estimate->triples[split];
    }
    estimate->entities = llround(entities.all);
    estimate->relations = llround(relations.all);
    bool dealt = options->share[TRN_VALID] + options->share[TRN_TEST] > 0;
    estimate->bytes_per_rank =
        llround(peak(entities, relations, (double)import.facts[TRN_TRAIN].count, (double)facts,
                     (double)all / import.ranks,
                     dealt && !options->allow_unseen ? fmin(STRETCH, (double)all) : 0));
    MPI_Allreduce(MPI_IN_PLACE, &estimate->bytes_per_rank, 1, MPI_INT64_T, MPI_MAX, comm);
done:
    trn_words_destroy(&import.entities.words);
    trn_words_destroy(&import.relations.words);
    trn_free(&import.sketch);
    return status;
}
