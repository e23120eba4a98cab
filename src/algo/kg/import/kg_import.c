/* kg_import.c: the stages of an import; facts that stand twice in a split are dropped. */
#include "algo/kg/import/kg_import.h"

#include "algo/kg/import/kg_import_impl.h"
#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/exchange.h"

#include <stdlib.h>
#include <string.h>

/* A fact on its way to the rank that compares it with its equals. */
typedef struct parcel {
    trn_triple_t triple;
    int32_t filler;
    int64_t place;
    int64_t request; /* its number among what came in */
} parcel_t;

enum { FACT_KEEP, FACT_DUPLICATE, FACT_LEAKED };

/* From this rank's numbers of names to those of the graph. Local. */
static void renumber(trn_kg_import_t *import) {
    for (int split = 0; split < TRN_SPLITS; split++)
        for (int64_t i = 0; i < import->facts[split].count; i++) {
            trn_triple_t *t = &import->facts[split].triples[i];
            t->head = (int32_t)import->entities.number[t->head];
            t->relation = (int32_t)import->relations.number[t->relation];
            t->tail = (int32_t)import->entities.number[t->tail];
        }
    trn_numbering_forget(&import->entities);
    trn_numbering_forget(&import->relations);
}

static int home_of(trn_triple_t triple, int ranks) {
    return (int)(trn_words_hash((const char *)&triple, sizeof triple) % (uint64_t)ranks);
}

static int equal_then_place(const void *left, const void *right) {
    const parcel_t *a = left, *b = right;
    int order = memcmp(&a->triple, &b->triple, sizeof a->triple);
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

/* What becomes of each fact that came in: verdict[request]. Equal ones lie together, by place.
 * Local. */
static void judge(parcel_t *facts, int64_t count, int64_t *verdict) {
    if (count > 0) qsort(facts, (size_t)count, sizeof *facts, equal_then_place);
    bool in_train = false;
    for (int64_t i = 0; i < count; i++) {
        int64_t split = facts[i].place >> TRN_PLACE_SPLIT_SHIFT;
        bool same =
            i > 0 && memcmp(&facts[i].triple, &facts[i - 1].triple, sizeof facts[i].triple) == 0;
        if (!same) in_train = split == TRN_TRAIN;
        if (same && facts[i - 1].place >> TRN_PLACE_SPLIT_SHIFT == split)
            verdict[facts[i].request] = FACT_DUPLICATE;
        else
            verdict[facts[i].request] = in_train && split != TRN_TRAIN ? FACT_LEAKED : FACT_KEEP;
    }
}

/* This rank's facts, sorted by where they go: send[next[home]++]. Local. */
static void pack(const trn_kg_import_t *import, parcel_t *send, int64_t *next) {
    for (int split = 0; split < TRN_SPLITS; split++)
        for (int64_t i = 0; i < import->facts[split].count; i++) {
            const trn_kg_facts_t *facts = &import->facts[split];
            int home = home_of(facts->triples[i], import->ranks);
            send[next[home]++] = (parcel_t){.triple = facts->triples[i], .place = facts->place[i]};
        }
}

/* Keep what the verdicts let stay; next[home] is where that home's verdicts go on. Local. */
static void sift(trn_kg_import_t *import, const int64_t *verdict, int64_t *next) {
    for (int split = 0; split < TRN_SPLITS; split++) {
        trn_kg_facts_t *facts = &import->facts[split];
        int64_t kept = 0;
        for (int64_t i = 0; i < facts->count; i++) {
            int64_t what = verdict[next[home_of(facts->triples[i], import->ranks)]++];
            import->report->duplicates += what == FACT_DUPLICATE;
            import->report->leaked += what == FACT_LEAKED;
            if (what != FACT_DUPLICATE) facts->triples[kept++] = facts->triples[i];
        }
        facts->count = kept;
    }
}

/* Drop facts that stood in their split before. Collective. */
static trn_status_t drop_duplicates(trn_kg_import_t *import) {
    int ranks = import->ranks;
    int64_t total = 0, came = 0, *bytes = NULL, *next = NULL, *verdict = NULL;
    parcel_t *send = NULL;
    trn_parcels_t in = {0}, back = {0};
    for (int split = 0; split < TRN_SPLITS; split++)
        total += import->facts[split].count;
    trn_status_t status = trn_alloc_zero(&bytes, ranks, sizeof *bytes, "message sizes");
    if (status == TRN_OK) status = trn_alloc(&next, ranks + 1, sizeof *next, "message places");
    if (status == TRN_OK) status = trn_alloc(&send, total, sizeof *send, "triples to compare");
    TRN_OR(done, trn_agree(import->comm, status));
    for (int split = 0; split < TRN_SPLITS; split++)
        for (int64_t i = 0; i < import->facts[split].count; i++)
            bytes[home_of(import->facts[split].triples[i], ranks)] += sizeof *send;
    next[0] = 0;
    for (int r = 0; r < ranks; r++)
        next[r + 1] = next[r] + bytes[r] / (int64_t)sizeof *send;
    pack(import, send, next);
    TRN_OR(done, trn_exchange(import->comm, send, bytes, &in));
    trn_free(&send);
    came = in.start[ranks] / (int64_t)sizeof *send;
    TRN_OR(done, trn_agree(import->comm,
                           trn_alloc(&verdict, came, sizeof *verdict, "triples to compare")));
    parcel_t *facts = in.data;
    for (int64_t i = 0; i < came; i++)
        facts[i].request = i;
    judge(facts, came, verdict);
    for (int r = 0; r < ranks; r++)
        bytes[r] = (in.start[r + 1] - in.start[r]) / (int64_t)sizeof *send * 8;
    TRN_OR(done, trn_exchange(import->comm, verdict, bytes, &back));
    for (int r = 0; r < ranks; r++)
        next[r] = back.start[r] / 8;
    sift(import, back.data, next);
done:
    trn_free(&bytes);
    trn_free(&next);
    trn_free(&send);
    trn_free(&verdict);
    trn_parcels_free(&in);
    trn_parcels_free(&back);
    return status;
}

static void tell(const trn_kg_import_t *import) {
    const trn_kg_import_report_t *r = import->report;
    if (import->rank != 0) return;
    if (r->duplicates > 0)
        trn_log(TRN_LOG_WARN, "kg-import", "%lld triples stood in their split before: dropped",
                (long long)r->duplicates);
    if (r->leaked > 0)
        trn_log(TRN_LOG_WARN, "kg-import",
                "%lld triples of valid and test are in train too: kept, but they flatter scores",
                (long long)r->leaked);
    if (r->unseen > 0)
        trn_log(TRN_LOG_WARN, "kg-import", "%lld entities are in no triple of train: kept",
                (long long)r->unseen);
    if (r->unseen_relations > 0)
        trn_log(TRN_LOG_WARN, "kg-import", "%lld relations are in no triple of train: kept",
                (long long)r->unseen_relations);
    if (r->missing > 0)
        trn_log(TRN_LOG_WARN, "kg-import",
                "valid and test have %lld triples less than --split asks for: every other one is "
                "the last of an entity or relation in train; --allow-unseen takes them too",
                (long long)r->missing);
    else if (r->held > 0)
        trn_log(TRN_LOG_INFO, "kg-import",
                "%lld triples drawn for valid or test stay in train, as the last there of an "
                "entity or relation; others went in their place",
                (long long)r->held);
}

trn_status_t trn_kg_import(MPI_Comm comm, const trn_kg_import_options_t *options,
                           const char *output, const char *created_by, const json_t *params,
                           trn_kg_import_report_t *report) {
    trn_kg_import_t import = {.comm = comm, .options = options, .report = report};
    *report = (trn_kg_import_report_t){0};
    MPI_Comm_rank(comm, &import.rank);
    MPI_Comm_size(comm, &import.ranks);
    trn_status_t status = trn_store_place(comm, output);
    if (status == TRN_OK) status = trn_kg_import_read(&import);
    if (status == TRN_OK) status = trn_numbering_settle(&import.entities);
    if (status == TRN_OK) status = trn_numbering_settle(&import.relations);
    if (status == TRN_OK) {
        renumber(&import);
        status = drop_duplicates(&import);
    }
    if (status == TRN_OK && options->share[TRN_VALID] + options->share[TRN_TEST] > 0)
        status = trn_kg_import_deal(&import);
    for (int split = 0; split < TRN_SPLITS; split++)
        trn_free(&import.facts[split].place);
    if (status == TRN_OK) {
        MPI_Allreduce(MPI_IN_PLACE, &report->duplicates, 1, MPI_INT64_T, MPI_SUM, comm);
        MPI_Allreduce(MPI_IN_PLACE, &report->leaked, 1, MPI_INT64_T, MPI_SUM, comm);
        status = trn_kg_import_save(&import, output, created_by, params);
    }
    if (status == TRN_OK) tell(&import);
    trn_numbering_free(&import.entities);
    trn_numbering_free(&import.relations);
    trn_free(&import.first);
    for (int split = 0; split < TRN_SPLITS; split++)
        trn_free(&import.facts[split].triples);
    return status;
}
