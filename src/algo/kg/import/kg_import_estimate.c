/* kg_import_estimate.c: what an import takes. The files are read and checked as for an import, but
 * names are only counted, by sketches of their hashes, and facts not kept at all. Plans stand in
 * the order of an import's stages. */
#include "algo/kg/import/kg_import_impl.h"
#include "base/mem.h"
#include "io/store/store.h"
#include "io/text/decode.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "text/tokens.h"

#include <math.h>

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
static trn_kg_import_names_t count_names(const trn_kg_import_t *import, int relation) {
    trn_kg_sketch_t *sketch = import->sketch;
    uint8_t *most = sketch->most[relation];
    int64_t sums[2] = {sketch->bytes[relation], sketch->names[relation]};
    double here = count_distinct(most);
    MPI_Allreduce(MPI_IN_PLACE, most, TRN_KG_SKETCH, MPI_UINT8_T, MPI_MAX, import->comm);
    MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_INT64_T, MPI_SUM, import->comm);
    MPI_Allreduce(MPI_IN_PLACE, &here, 1, MPI_DOUBLE, MPI_MAX, import->comm);
    return (trn_kg_import_names_t){
        .here = llround(here),
        .all = llround(count_distinct(most)),
        .bytes = (int64_t)ceil((double)sums[0] / (double)(sums[1] > 0 ? sums[1] : 1))};
}

/* How many facts there are, and how many a rank has at most. Collective. */
static void count_facts(const trn_kg_import_t *import, trn_kg_import_size_t *size) {
    for (int split = 0; split < TRN_SPLITS; split++) {
        int64_t count = import->facts[split].count;
        size->triples[split] = count;
        size->facts += count;
    }
    size->train = size->triples[TRN_TRAIN];
    int64_t most[2] = {size->facts, size->train};
    MPI_Allreduce(MPI_IN_PLACE, size->triples, TRN_SPLITS, MPI_INT64_T, MPI_SUM, import->comm);
    MPI_Allreduce(MPI_IN_PLACE, most, 2, MPI_INT64_T, MPI_MAX, import->comm);
    size->facts = most[0];
    size->train = most[1];
    size->ranks = import->ranks;
}

trn_status_t trn_kg_import_measure(MPI_Comm comm, const trn_kg_import_options_t *options,
                                   trn_kg_import_size_t *size) {
    trn_kg_import_report_t report = {0};
    trn_kg_import_t import = {.comm = comm, .options = options, .report = &report};
    MPI_Comm_rank(comm, &import.rank);
    MPI_Comm_size(comm, &import.ranks);
    trn_status_t status;
    *size =
        (trn_kg_import_size_t){.dealt = options->share[TRN_VALID] + options->share[TRN_TEST] > 0,
                               .judged = !options->allow_unseen};
    TRN_OR(done, trn_agree(comm, trn_alloc_zero(&import.sketch, 1, sizeof *import.sketch,
                                                "sketches of names")));
    TRN_OR(done, trn_kg_import_read(&import));
    size->entities = count_names(&import, 0);
    size->relations = count_names(&import, 1);
    size->wordnet = import.wordnet;
    size->decoder = import.decoder;
    count_facts(&import, size);
done:
    trn_numbering_free(&import.entities);
    trn_numbering_free(&import.relations);
    trn_free(&import.sketch);
    return status;
}

/* Plan ----------------------------------------------------------------------------------------- */

enum {
    RECORD = 16 /* bytes before a name on its way */,
    WIDE = 8,
    SPARE = 4 /* parcels: a quarter */
};

/* Room for `count`, of an array that doubles from `first`. */
static int64_t doubled(int64_t first, int64_t count) {
    while (first < count)
        first *= 2;
    return first;
}

/* Bytes of an array of `count` x `size` that trn_grow made. */
static int64_t grown(int64_t count, int64_t size) {
    enum { SMALL = 4 << 20, SIXTEENTH = 16 };
    int64_t bytes = trn_ledger_bytes(count, size);
    return bytes < SMALL ? 2 * bytes : bytes + bytes / SIXTEENTH;
}

/* The table of text/words.h: slots, words, arena. */
static int64_t table(int64_t names, int64_t bytes) {
    return 8 * doubled(1 << 16, 2 * names) + 32 * doubled(1 << 14, names) +
           doubled(1 << 18, names * bytes);
}

static int64_t record(const trn_kg_import_names_t *n) {
    return RECORD + (n->bytes + 7) / 8 * 8;
}

/* What comes in, with its room to spare. */
static int64_t incoming(int64_t count, int64_t size) {
    return trn_ledger_bytes(count + count / SPARE, size);
}

/* Names go home, are merged and numbered there, and go where they stay (algo/common/numbering.c).
 */
static void plan_numbering(trn_ledger_t *ledger, const trn_kg_import_names_t *n, int64_t here,
                           int64_t home) {
    enum { REQUEST = 12 };
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "numbering", incoming(here, record(n)), 1);
    trn_ledger_pass(ledger, "numbering", here, record(n));
    trn_ledger_take(ledger, "numbering", table(home, n->bytes), 1);
    trn_ledger_take(ledger, "numbering", here * record(n) / (RECORD + WIDE), REQUEST);
    trn_ledger_give(ledger, "numbering", incoming(here, record(n)), 1);
    trn_ledger_pass(ledger, "numbering", incoming(n->all, WIDE) + n->all * WIDE, 1);
    trn_ledger_pass(ledger, "numbering", 2 * here * WIDE + incoming(here, WIDE), 1);
    trn_ledger_take(ledger, "numbering", here, WIDE);
    trn_ledger_take(ledger, "numbering", incoming(home, record(n)), 1);
    trn_ledger_pass(ledger, "numbering", home, record(n));
    trn_ledger_pass(ledger, "names", home, record(n) + WIDE);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "names", here, WIDE);             /* their numbers */
    trn_ledger_take(ledger, "names", home, record(n) + WIDE); /* their list and text */
}

/* Facts are compared with their equals (kg_import.c); qsort has a copy. */
static void plan_comparing(trn_ledger_t *ledger, int64_t facts, int64_t even) {
    enum { PARCEL = 32, VERDICT = 8 };
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "comparing", incoming(even, PARCEL), 1);
    trn_ledger_pass(ledger, "comparing", facts, PARCEL);
    trn_ledger_take(ledger, "comparing", even, VERDICT);
    trn_ledger_pass(ledger, "comparing", even, PARCEL);
    trn_ledger_take(ledger, "comparing", incoming(facts, VERDICT), 1);
    trn_ledger_back(ledger, &before);
}

/* Turns are drawn and on rank 0 judged, a stretch at a time (kg_import_split.c). */
static void plan_dealing(trn_ledger_t *ledger, const trn_kg_import_size_t *size, int64_t facts,
                         int64_t all, int rank) {
    enum { TURN = 16, ENTRY = 24 };
    int64_t stretch = all < TRN_KG_STRETCH ? all : TRN_KG_STRETCH;
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "dealing", facts, TURN);
    trn_ledger_take(ledger, "dealing", size->entities.all + size->relations.all, WIDE);
    trn_ledger_pass(ledger, "dealing", facts, TURN); /* qsort's copy */
    if (size->judged) {
        trn_ledger_take(ledger, "dealing", stretch < facts ? stretch : facts, ENTRY);
        if (rank == 0) trn_ledger_take(ledger, "dealing", 2 * stretch, WIDE);
        if (rank == 0) trn_ledger_take(ledger, "dealing", incoming(stretch, ENTRY), 1);
        trn_ledger_take(ledger, "dealing", incoming(stretch < facts ? stretch : facts, WIDE), 1);
    }
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "facts", facts, (int64_t)sizeof(trn_triple_t)); /* of valid and test */
}

/* Degrees, the inverse index and the store (kg_import_save.c). */
static void plan_saving(trn_ledger_t *ledger, const trn_kg_import_size_t *size, int64_t train,
                        int64_t even, int rank) {
    enum { TABLES = 3 /* two degrees and a start */, ENTRY = 16 };
    int64_t n = size->entities.all;
    trn_ledger_take(ledger, "index", TABLES * n + size->relations.all, WIDE);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "index", incoming(2 * even, ENTRY), 1);
    trn_ledger_pass(ledger, "index", 2 * train, ENTRY);
    trn_ledger_take(ledger, "index", 2 * even + n / size->ranks, WIDE);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "index", 2 * even, WIDE);
    if (rank == 0) trn_ledger_pass(ledger, "stores", trn_store_strings_bytes(), 1);
    trn_ledger_pass(ledger, "stores",
                    trn_store_write_bytes(train * (int64_t)sizeof(trn_triple_t) + 2 * even * WIDE),
                    1);
}

/* With other ranks than there are, files and names are cut evenly. */
static int64_t share(const trn_kg_import_size_t *size, int64_t most, int64_t all, int ranks) {
    return ranks == size->ranks ? most : (all + ranks - 1) / ranks;
}

void trn_kg_import_plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    enum { SCAN = 1 << 20, PLACE = 8 };
    const trn_kg_import_size_t *size = user;
    const trn_kg_import_names_t *e = &size->entities, *r = &size->relations;
    const int64_t triple = (int64_t)sizeof(trn_triple_t);
    int64_t all = size->triples[TRN_TRAIN] + size->triples[TRN_VALID] + size->triples[TRN_TEST];
    int64_t facts = share(size, size->facts, all, ranks), even = (all + ranks - 1) / ranks;
    int64_t train = share(size, size->train, size->triples[TRN_TRAIN], ranks);
    int64_t trains = (size->triples[TRN_TRAIN] + ranks - 1) / ranks;
    int64_t here = ranks == size->ranks || e->here < e->all / ranks ? e->here : e->all / ranks;
    int64_t place = grown(facts, PLACE);
    trn_ledger_take(ledger, "facts", grown(facts, triple) + place, 1);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "names", table(here, e->bytes) + grown(here, PLACE), 1);
    trn_ledger_take(ledger, "names", table(r->here, r->bytes) + grown(r->here, PLACE), 1);
    trn_ledger_pass(ledger, "reading", SCAN + size->decoder + size->wordnet, 1);
    plan_numbering(ledger, e, here, e->all / ranks);
    plan_numbering(ledger, r, r->here, r->all / ranks);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "names", e->all / ranks, record(e) + WIDE);
    trn_ledger_take(ledger, "names", r->all / ranks, record(r) + WIDE);
    plan_comparing(ledger, facts, even);
    if (size->dealt) plan_dealing(ledger, size, train, all, rank);
    trn_ledger_give(ledger, "facts", place, 1);
    plan_saving(ledger, size, train, trains, rank);
}
