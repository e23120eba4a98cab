/* Hashes, training with an encoder and unseen entities: every allocation fails once on one rank,
 * and all ranks return TRN_MEMORY and keep nothing; an unseen entity that is known by what a
 * graph's own one is known by has its vector. */
#define _DEFAULT_SOURCE
#include "harness.h"

#include "algo/kg/import/kg_import.h"
#include "algo/kg/nodepiece/kg_nodepiece.h"
#include "algo/kg/nodepiece/kg_unseen.h"
#include "algo/kg/train/kg_train.h"
#include "mpi/agree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENTITIES = 50, RELATIONS = 2, DIM = 6 };

static char directory[256];
static trn_kg_t kg;
static trn_nodepiece_config_t config = {
    .anchors = 9, .nearest = 3, .context = 4, .hops = 50, .seed = 4};

static void write_files(void) {
    FILE *facts = fopen("facts", "w"), *more = fopen("more", "w");
    CHECK(facts && more);
    for (int e = 0; facts && e < ENTITIES; e++)
        for (int r = 0; r < RELATIONS; r++)
            fprintf(facts, "e%d\tr%d\te%d\n", e, r, (e + 3 * r + 1) % ENTITIES);
    if (facts) fclose(facts);
    if (more) fclose(more);
}

static void opens(void) {
    char *file = "facts";
    const trn_kg_import_options_t options = {
        .files = {{1, &file}}, .format = {"\t", false}, .order = "hrt", .seed = 1};
    trn_kg_import_report_t report;
    if (rank == 0) {
        snprintf(directory, sizeof directory, "%s/nodepieceXXXXXX",
                 getenv("TMPDIR") ? getenv("TMPDIR") : P_tmpdir);
        CHECK(mkdtemp(directory) != NULL);
    }
    MPI_Bcast(directory, sizeof directory, MPI_CHAR, 0, comm);
    CHECK(chdir(directory) == 0);
    if (rank == 0) write_files();
    MPI_Barrier(comm);
    CHECK_OK(trn_kg_import(comm, &options, "g.h5", "test", NULL, &report));
    CHECK_OK(trn_kg_open(&kg, comm, "g.h5"));
}

/* As the verb `nodepiece` does. Collective. */
static trn_status_t save(const trn_nodepiece_hash_t *hash) {
    trn_store_t *store;
    TRN_TRY(trn_store_create(&store, comm, "n.h5", "nodepiece", "test", NULL, 4));
    trn_status_t status = trn_nodepiece_hash_declare(hash, store, "");
    if (status == TRN_OK) status = trn_store_begin(store);
    if (status != TRN_OK) {
        trn_store_abandon(&store);
        return status;
    }
    return trn_store_commit_replace(&store, trn_nodepiece_hash_write(hash, comm, store, ""));
}

static trn_status_t make_hashes(void *unused) {
    (void)unused;
    trn_nodepiece_hash_t hash;
    TRN_TRY(trn_nodepiece_hash_create(&hash, comm, &kg, &config));
    trn_status_t status = save(&hash);
    trn_nodepiece_hash_free(&hash);
    return status;
}

static trn_status_t train(void *unused) {
    (void)unused;
    const trn_model_t *model = trn_model_find("complex");
    trn_kg_header_t header = {model, {.dim = DIM, .norm = '2'}, ENTITIES, RELATIONS, true};
    trn_nodepiece_hash_t hash;
    TRN_TRY(trn_kg_nodepiece_hash(&hash, comm, &kg, "n.h5", 1));
    trn_nodepiece_options_t encoder = {&hash, 4, 8, 0.1};
    trn_kg_options_t options = {.epochs = 1,
                                .batch = 40,
                                .blocks = 3,
                                .negatives = 8,
                                .loss = {TRN_LOSS_SOFTMAX, 1, 1, 1},
                                .optimiser = TRN_KG_ADAM,
                                .rate = 0.01,
                                .final_rate = 1,
                                .scale = 0.3,
                                .nodepiece = &encoder,
                                .seed = 5};
    trn_trainer_run_t run = {
        .checkpoint = "c.h5", .created_by = "test", .resume = TRN_RESUME_NEVER};
    trn_kg_report_t report;
    trn_status_t status =
        trn_kg_train(comm, &kg, &header, &options, &trn_kg_nodepiece, &run, "m.h5", &report);
    trn_nodepiece_hash_free(&hash);
    return status;
}

/* With every allocation failing, on few ranks; once, on many. */
static void try_all(trn_status_t (*run)(void *)) {
    if (ranks <= 3)
        harness_inject(run, NULL);
    else
        CHECK_OK(run(NULL));
}

static void hashes(void) {
    try_all(make_hashes);
}

static void trains(void) {
    try_all(train);
}

/* One that is no anchor, and whose facts `more` gives to "twin". */
static int32_t twin_of(void) {
    trn_nodepiece_hash_t hash;
    int32_t twin = -1;
    CHECK_OK(trn_kg_nodepiece_hash(&hash, comm, &kg, "n.h5", 1));
    for (int32_t e = 4; e < ENTITIES - 4 && twin < 0; e++) {
        twin = e;
        for (int64_t i = 0; i < hash.anchors; i++)
            if (hash.anchor[i] == e) twin = -1;
    }
    trn_nodepiece_hash_free(&hash);
    return twin;
}

/* The model, with the entities of "more" at its end. */
static trn_status_t encode(trn_kg_model_t *model) {
    trn_unseen_t unseen = {0};
    trn_status_t status = trn_kg_model_open(model, comm, "m.h5", &kg);
    if (status == TRN_OK) status = trn_unseen_read(&unseen, comm, "more", &(trn_kg_form_t){0}, &kg);
    if (status == TRN_OK) status = trn_unseen_encode(&unseen, model, comm);
    trn_unseen_free(&unseen);
    return status;
}

static trn_status_t encode_and_close(void *unused) {
    (void)unused;
    trn_kg_model_t model = {0};
    trn_status_t status = encode(&model);
    trn_kg_model_close(&model);
    return status;
}

/* Facts of entity number `twin`, told of "twin". */
static void write_twin(int32_t twin) {
    trn_triple_t triples[ENTITIES * RELATIONS];
    char **names = NULL;
    int64_t count;
    CHECK_OK(trn_kg_read(&kg, TRN_TRAIN, 0, ENTITIES * RELATIONS, triples));
    CHECK_OK(trn_store_read_strings(kg.store, "/entity/names", &count, &names));
    FILE *more = rank == 0 ? fopen("more", "w") : NULL;
    for (int i = 0; more && i < ENTITIES * RELATIONS; i++) {
        trn_triple_t t = triples[i];
        if (t.head == twin || t.tail == twin)
            fprintf(more, "%s\tr%d\t%s\n", t.head == twin ? "twin" : names[t.head], t.relation,
                    t.tail == twin ? "twin" : names[t.tail]);
    }
    if (more) fclose(more);
    trn_free(&names);
    MPI_Barrier(comm);
}

/* Both vectors on every rank, as far as it has them. */
static void unseen_entities(void) {
    int32_t twin = twin_of();
    CHECK(twin >= 0);
    if (!harness_well()) return;
    write_twin(twin);
    trn_kg_model_t model = {0};
    float rows[2][DIM] = {{0}};
    CHECK_OK(encode(&model));
    CHECK_EQUAL(model.header.entities, ENTITIES + 1);
    for (int i = 0; i < 2; i++) {
        int64_t at = (i ? ENTITIES : twin) - model.first;
        if (at >= 0 && at < model.count) memcpy(rows[i], model.entity + at * DIM, sizeof rows[i]);
    }
    MPI_Allreduce(MPI_IN_PLACE, rows, 2 * DIM, MPI_FLOAT, MPI_SUM, comm);
    double length = 0, apart = 0;
    for (int j = 0; j < DIM; j++) {
        length += fabs((double)rows[0][j]);
        apart += fabs((double)rows[0][j] - (double)rows[1][j]);
    }
    CHECK(length > 0.01);
    CHECK(apart < 1e-5 * length);
    trn_kg_model_close(&model);
    try_all(encode_and_close);
}

static void closes(void) {
    static const char *const files[] = {"facts", "more", "g.h5", "n.h5", "m.h5"};
    trn_kg_close(&kg);
    CHECK_EQUAL(trn_mem_now(), 0);
    MPI_Barrier(comm);
    for (int i = 0; rank == 0 && i < 5; i++)
        CHECK(unlink(files[i]) == 0);
    if (rank == 0) CHECK(rmdir(directory) == 0);
}

HARNESS_MAIN({"opens", opens}, {"hashes", hashes}, {"trains", trains},
             {"unseen_entities", unseen_entities}, {"closes", closes})
