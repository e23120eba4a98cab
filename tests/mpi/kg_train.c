/* Training of knowledge graphs: every number of ranks and every stop and resume gives the bits of
 * one rank that was never stopped, what is learned is the graph, and failures are agreed on. */
#define _DEFAULT_SOURCE
#include "harness.h"

#include "algo/kg_train.h"
#include "base/signal.h"
#include "mpi/agree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENTITIES = 61, RELATIONS = 3, TRIPLES = ENTITIES * RELATIONS, DIM = 16, EPOCHS = 6 };

static char directory[256];
static trn_kg_t shared, mine; /* the graph, opened by all ranks and by this one alone */

static const char *in_directory(const char *name) {
    static char path[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", directory, name);
    return path[turn];
}

/* Facts that follow a rule: relation r leads from e to e + 7 r + 1. */
static trn_status_t write_facts(trn_store_t *store) {
    trn_triple_t triples[TRIPLES];
    int64_t degree[ENTITIES][2], count[RELATIONS] = {ENTITIES, ENTITIES, ENTITIES};
    int64_t start[ENTITIES + 1], index[2 * TRIPLES], n = 0;
    for (int32_t i = 0; i < TRIPLES; i++) {
        int32_t e = i / RELATIONS, r = i % RELATIONS;
        triples[i] = (trn_triple_t){e, r, (e + 7 * r + 1) % ENTITIES};
    }
    for (int64_t e = 0; e < ENTITIES; e++) {
        degree[e][0] = degree[e][1] = RELATIONS;
        start[e] = n;
        for (int64_t i = 0; i < TRIPLES; i++)
            if (triples[i].head == e || triples[i].tail == e) index[n++] = i;
    }
    start[ENTITIES] = n;
    TRN_TRY(trn_store_write(store, "/train", 0, TRIPLES, triples));
    TRN_TRY(trn_store_write(store, "/entity/degree", 0, ENTITIES, degree));
    TRN_TRY(trn_store_write(store, "/relation/count", 0, RELATIONS, count));
    TRN_TRY(trn_store_write(store, "/index/start", 0, ENTITIES + 1, start));
    return trn_store_write(store, "/index/triple", 0, n, index);
}

static trn_status_t write_graph(const char *path) {
    static char text[ENTITIES][8];
    const char *names[ENTITIES];
    trn_store_t *store = NULL;
    for (int e = 0; e < ENTITIES; e++) {
        snprintf(text[e], sizeof text[e], "e%d", e);
        names[e] = text[e];
    }
    TRN_TRY(trn_store_create(&store, MPI_COMM_SELF, path, "kg", "tests/mpi/kg_train", NULL, 0));
    trn_status_t status = trn_store_strings(store, "/entity/names", ENTITIES, names);
    if (status == TRN_OK) status = trn_store_strings(store, "/relation/names", RELATIONS, names);
    const char *const splits[] = {"/train", "/valid", "/test"};
    for (int s = 0; s < 3 && status == TRN_OK; s++)
        status = trn_store_dataset(store, splits[s], TRN_I32, s ? 0 : TRIPLES, 3);
    if (status == TRN_OK) status = trn_store_dataset(store, "/entity/degree", TRN_I64, ENTITIES, 2);
    if (status == TRN_OK)
        status = trn_store_dataset(store, "/relation/count", TRN_I64, RELATIONS, 0);
    if (status == TRN_OK)
        status = trn_store_dataset(store, "/index/start", TRN_I64, ENTITIES + 1, 0);
    if (status == TRN_OK)
        status = trn_store_dataset(store, "/index/triple", TRN_I64, 2 * TRIPLES, 0);
    if (status == TRN_OK) status = trn_store_begin(store);
    return trn_store_commit_replace(&store, status == TRN_OK ? write_facts(store) : status);
}

static void opens(void) {
    trn_status_t status = TRN_OK;
    if (rank == 0) {
        snprintf(directory, sizeof directory, "%s/kg_trainXXXXXX",
                 getenv("TMPDIR") ? getenv("TMPDIR") : P_tmpdir);
        if (!mkdtemp(directory)) status = trn_fail(TRN_IO, "%s: cannot be made", directory);
        if (status == TRN_OK) status = write_graph(in_directory("g.h5"));
    }
    MPI_Bcast(directory, sizeof directory, MPI_CHAR, 0, comm);
    CHECK_OK(trn_agree(comm, status));
    CHECK_OK(trn_kg_open(&shared, comm, in_directory("g.h5")));
    CHECK_OK(trn_kg_open(&mine, MPI_COMM_SELF, in_directory("g.h5")));
}

static trn_kg_header_t header_of(const char *model, bool reciprocal) {
    const trn_model_t *found = trn_model_find(model);
    return (trn_kg_header_t){found,
                             {.dim = DIM, .relation_dim = 6, .norm = found->norms[0]},
                             ENTITIES,
                             RELATIONS,
                             reciprocal};
}

static trn_kg_options_t options_of(int64_t negatives, trn_kg_optimiser_t optimiser) {
    return (trn_kg_options_t){.epochs = EPOCHS,
                              .batch = 300, /* two chunks, and a shorter batch */
                              .blocks = 9,
                              .negatives = negatives,
                              .loss = {TRN_LOSS_SOFTMAX, 1, 1, 1},
                              .optimiser = optimiser,
                              .rate = optimiser == TRN_KG_ADAM ? 0.02 : 0.1,
                              .final_rate = 0.5,
                              .n3 = 0.01,
                              .scale = 0.1,
                              .seed = 5};
}

/* Train on `on` into NAME of the directory (each rank its own on MPI_COMM_SELF). */
static trn_status_t train(MPI_Comm on, const trn_kg_header_t *header,
                          const trn_kg_options_t *options, const char *name, double *loss) {
    char output[512], checkpoint[600];
    trn_kg_report_t report;
    bool alone = on == MPI_COMM_SELF;
    snprintf(output, sizeof output, "%s.%d", in_directory(name), alone ? rank : -1);
    snprintf(checkpoint, sizeof checkpoint, "%s.checkpoint", in_directory(name));
    trn_kg_run_t run = {.checkpoint = checkpoint, .created_by = "test"};
    if (alone) run.resume = TRN_RESUME_NEVER;
    trn_status_t status =
        trn_kg_train(on, alone ? &mine : &shared, header, options,
                     options->negatives > 0 ? &trn_kg_drawn : &trn_kg_full, &run, output, &report);
    *loss = report.loss;
    return status;
}

/* The model in NAME is the same, bit for bit, as this rank's own in OTHER. */
static bool same(const char *name, const char *other) {
    char path[2][512];
    trn_kg_model_t model[2] = {{0}, {0}};
    snprintf(path[0], sizeof path[0], "%s.%d", in_directory(name), -1);
    snprintf(path[1], sizeof path[1], "%s.%d", in_directory(other), rank);
    bool equal = true;
    for (int i = 0; i < 2; i++)
        equal = equal && trn_kg_model_open(&model[i], MPI_COMM_SELF, path[i], &mine) == TRN_OK;
    if (equal) {
        const trn_kg_header_t *h = &model[0].header;
        size_t rows = (size_t)trn_kg_relation_rows(h) * sizeof(float);
        size_t width = (size_t)h->model->relation_width(&h->shape);
        size_t second = (size_t)h->model->second_width(&h->shape);
        equal = memcmp(model[0].entity, model[1].entity, ENTITIES * DIM * sizeof(float)) == 0 &&
                memcmp(model[0].relation, model[1].relation, rows * width) == 0 &&
                (second == 0 || memcmp(model[0].second, model[1].second, rows * second) == 0);
    }
    for (int i = 0; i < 2; i++)
        trn_kg_model_close(&model[i]);
    return equal;
}

static void compare_options(const char *model, bool reciprocal, trn_kg_options_t options) {
    trn_kg_header_t header = header_of(model, reciprocal);
    double loss = 0, alone = 0, first = 0;
    CHECK_OK(train(comm, &header, &options, "a", &loss));
    CHECK_OK(train(MPI_COMM_SELF, &header, &options, "b", &alone));
    CHECK(loss == alone);
    CHECK(same("a", "b"));
    options.epochs = 1;
    CHECK_OK(train(MPI_COMM_SELF, &header, &options, "b", &first));
    CHECK(isfinite(loss) && loss < first); /* it learns */
    CHECK(!same("a", "b"));                /* the comparison sees a difference */
}

static void compare_with_one_rank(const char *model, bool reciprocal, int64_t negatives,
                                  trn_kg_optimiser_t optimiser) {
    compare_options(model, reciprocal, options_of(negatives, optimiser));
}

static void all_entities(void) {
    const char *const models[] = {"transe", "distmult", "complex", "rotate", "toruse"};
    for (int i = 0; i < 5; i++)
        compare_with_one_rank(models[i], true, 0, TRN_KG_ADAGRAD);
}

static void drawn_entities(void) {
    compare_with_one_rank("complex", true, 300, TRN_KG_ADAGRAD);
    compare_with_one_rank("transe", false, 40, TRN_KG_ADAGRAD);
    compare_with_one_rank("transh", true, 40, TRN_KG_ADAGRAD);
    compare_with_one_rank("transr", false, 50, TRN_KG_ADAGRAD);
}

static void losses(void) {
    const trn_loss_t loss[] = {{TRN_LOSS_BCE, 2, 1, 1},
                               {TRN_LOSS_MARGIN, 1, 1, 1},
                               {TRN_LOSS_ADVERSARIAL, 2, 0.5f, 1},
                               {TRN_LOSS_SOFTMAX, 0, 1, 4}};
    for (int i = 0; i < 4; i++) {
        trn_kg_options_t options = options_of(60, TRN_KG_ADAGRAD);
        options.loss = loss[i];
        compare_options("transe", true, options);
    }
}

static void dropout(void) {
    trn_kg_options_t options = options_of(60, TRN_KG_ADAGRAD);
    options.entity_dropout = 0.3;
    options.relation_dropout = 0.2;
    compare_options("complex", true, options);
    options.negatives = 0;
    compare_options("distmult", false, options);
}

static void all_answers(void) {
    trn_kg_options_t options = options_of(0, TRN_KG_ADAGRAD);
    options.all_answers = true;
    options.smoothing = 0.1;
    compare_options("complex", true, options);
    options.loss.kind = TRN_LOSS_BCE;
    compare_options("distmult", false, options);
}

static void optimisers(void) {
    compare_with_one_rank("complex", false, 0, TRN_KG_ADAM);
    compare_with_one_rank("complex", true, 130, TRN_KG_ADAM);
    compare_with_one_rank("transe", true, 0, TRN_KG_ADAGRAD_ROW);
}

/* Stopped on all ranks after each of the first epochs, then finished. */
static void stops(void) {
    trn_kg_header_t header = header_of("complex", true);
    trn_kg_options_t options = options_of(0, TRN_KG_ADAM);
    double loss;
    CHECK_OK(train(MPI_COMM_SELF, &header, &options, "b", &loss));
    trn_signal_set_stop(10);
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_STOPPED);
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_STOPPED);
    trn_signal_set_stop(0);
    options.seed++;
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_USAGE); /* another training */
    options.seed--;
    CHECK_OK(train(comm, &header, &options, "a", &loss));
    CHECK(same("a", "b"));
}

/* After some epochs the right answer stands first for nearly all training questions. */
static void learns_the_rule(void) {
    trn_kg_header_t header = header_of("complex", true);
    trn_kg_options_t options = options_of(0, TRN_KG_ADAGRAD);
    double loss;
    options.epochs = 60;
    options.n3 = 0;
    CHECK_OK(train(comm, &header, &options, "a", &loss));
    CHECK(loss < 0.5); /* log 61 = 4.1 at the start */
}

static void refuses(void) {
    trn_kg_header_t header = header_of("transr", true);
    trn_kg_options_t options = options_of(0, TRN_KG_ADAGRAD);
    double loss;
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_USAGE);
    header = header_of("complex", true);
    options.loss.kind = TRN_LOSS_MARGIN;
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_USAGE);
    options.loss.kind = TRN_LOSS_SOFTMAX;
    options.valid_every = 1; /* the graph has no valid split */
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_INPUT);
    options.valid_every = 0;
    options.rate = 1e30;
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_NUMERIC);
    options.negatives = 40;
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_NUMERIC);
    options.all_answers = true;
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_USAGE);
    options.blocks = 0;
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_USAGE);
}

static trn_status_t one_epoch(void *negatives) {
    trn_kg_header_t header = header_of("complex", true);
    trn_kg_options_t options = options_of(0, TRN_KG_ADAM);
    double loss;
    options.epochs = 1;
    options.negatives = *(const int64_t *)negatives;
    return train(comm, &header, &options, "m", &loss);
}

static void memory_runs_out(void) {
    int64_t negatives[] = {0, 40};
    harness_inject(one_epoch, &negatives[0]);
    harness_inject(one_epoch, &negatives[1]);
}

static void closes(void) {
    trn_kg_close(&shared);
    trn_kg_close(&mine);
    CHECK_EQUAL(trn_mem_now(), 0);
    MPI_Barrier(comm);
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (rank == 0) CHECK_EQUAL(system(command), 0);
}

HARNESS_MAIN({"opens", opens}, {"all_entities", all_entities}, {"drawn_entities", drawn_entities},
             {"losses", losses}, {"dropout", dropout}, {"all_answers", all_answers},
             {"optimisers", optimisers}, {"stops", stops}, {"learns_the_rule", learns_the_rule},
             {"refuses", refuses}, {"memory_runs_out", memory_runs_out}, {"closes", closes})
