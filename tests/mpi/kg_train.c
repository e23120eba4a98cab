/* Training of knowledge graphs: every number of ranks and every stop and resume gives the bits of
 * one rank that was never stopped, what is learned is the graph, and failures are agreed on. */
#include "kg_sample.h"

#include "algo/kg/kg_score.h"
#include "base/signal.h"

#include <errno.h>
#include <fcntl.h>

enum { EPOCHS = 6 };

static void opens(void) {
    open_graph(0);
}

static trn_kg_options_t options_of(int64_t negatives, trn_kg_optimizer_t optimiser) {
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

static void compare_with_one_rank(const char *model, bool reciprocal, int64_t negatives,
                                  trn_kg_optimizer_t optimiser) {
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

static trn_kg_options_t self_options(void) {
    trn_kg_options_t options = options_of(40, TRN_KG_ADAGRAD);
    options.self_negative = true;
    return options;
}

/* The known entity as a candidate, as it is and projected, beside drawn ones that count for one or
 * for more, and where a question goes without some of its numbers. */
static void own_entities(void) {
    trn_kg_options_t options = self_options();
    compare_options("rotate", false, options);
    compare_options("transr", false, options);
    compare_options("transh", true, options);
    options.loss.weight = 4;
    options.entity_dropout = 0.2;
    compare_options("complex", true, options);
    options.loss = (trn_loss_t){TRN_LOSS_ADVERSARIAL, 2, 0.5f, 1};
    compare_options("transe", false, options);
}

/* Candidates that are known answers are none, projected or not, also of a question whose known
 * entity is one of them. */
static void known_answers(void) {
    trn_kg_options_t options = options_of(40, TRN_KG_ADAGRAD);
    options.filtered = true;
    compare_options("complex", true, options);
    options.negatives = 0;
    compare_options("rotate", true, options);
    options.negatives = 40;
    compare_options("transr", false, options);
    options.self_negative = true;
    options.loss = (trn_loss_t){TRN_LOSS_ADVERSARIAL, 2, 0.5f, 1};
    compare_options("rotate", false, options);
}

static bool apart, full;

/* As if every rank were on a node of its own. */
int MPI_Comm_split_type(MPI_Comm from, int type, int key, MPI_Info info, MPI_Comm *to) {
    if (apart) return PMPI_Comm_dup(MPI_COMM_SELF, to);
    return PMPI_Comm_split_type(from, type, key, info, to);
}

/* As if /dev/shm were full. */
int posix_fallocate(int file, off_t at, off_t bytes) {
    return full ? ENOSPC : ftruncate(file, at + bytes) ? errno : 0;
}

/* Where ranks share no memory they learn the same by messages. */
static void messages(void) {
    for (int i = 0; i < 2; i++) {
        apart = i == 0;
        full = i == 1;
        compare_with_one_rank("complex", true, 300, TRN_KG_ADAGRAD);
        compare_with_one_rank("transr", false, 50, TRN_KG_ADAGRAD);
        compare_with_one_rank("distmult", true, 0, TRN_KG_ADAM);
        compare_options("transh", true, self_options());
    }
    apart = full = false;
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
static void stop_and_go_on(const char *model, trn_kg_options_t options) {
    trn_kg_header_t header = header_of(model, true);
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

static void stops(void) {
    stop_and_go_on("complex", options_of(0, TRN_KG_ADAM));
    stop_and_go_on("transr", options_of(50, TRN_KG_ADAGRAD)); /* its matrices are dealt out */
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

/* How many of a graph's triples (e, r0, .) have e itself before their tail. */
static int losing_to_themselves(const char *name) {
    char path[512];
    trn_kg_model_t model = {0};
    trn_kg_exact_t exact = {0};
    int lost = 0;
    snprintf(path, sizeof path, "%s.%d", in_directory(name), rank);
    CHECK_OK(trn_kg_model_open(&model, MPI_COMM_SELF, path, &mine));
    CHECK_OK(trn_kg_exact_create(&exact, &model));
    for (int e = 0; e < ENTITIES; e++) {
        const float *self = model.entity + e * DIM;
        const float *tail = model.entity + (e + 1) % ENTITIES * DIM;
        lost += trn_kg_exact(&exact, TRN_SIDE_TAIL, 0, self, self) >=
                trn_kg_exact(&exact, TRN_SIDE_TAIL, 0, self, tail);
    }
    trn_kg_exact_free(&exact);
    trn_kg_model_close(&model);
    return lost;
}

/* With one drawn entity a batch, some entities never have to give way to their own tails. */
static void gets_away_from_itself(void) {
    trn_kg_header_t header = header_of("toruse", false);
    trn_kg_options_t options = options_of(1, TRN_KG_ADAGRAD);
    int lost[2];
    double loss;
    options.n3 = 0;
    options.batch = 16;
    options.epochs = 20;
    for (int with = 0; with < 2; with++) {
        options.self_negative = with;
        CHECK_OK(train(MPI_COMM_SELF, &header, &options, "b", &loss));
        lost[with] = losing_to_themselves("b");
    }
    CHECK(lost[0] > ENTITIES / 6 && lost[1] < lost[0] / 3);
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
    options = options_of(40, TRN_KG_ADAGRAD);
    header = header_of("transr", true);
    header.shape.dim = header.shape.relation_dim = 65536; /* matrices of 2^32 numbers */
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_USAGE);
}

static trn_status_t one_epoch(void *negatives) {
    trn_kg_header_t header = header_of("complex", true);
    trn_kg_options_t options = options_of(0, TRN_KG_ADAM);
    double loss;
    options.epochs = 1;
    options.negatives = *(const int64_t *)negatives;
    options.self_negative = options.filtered = options.negatives > 0;
    return train(comm, &header, &options, "m", &loss);
}

static void memory_runs_out(void) {
    int64_t negatives[] = {0, 40};
    harness_inject(one_epoch, &negatives[0]);
    harness_inject(one_epoch, &negatives[1]);
}

HARNESS_MAIN({"opens", opens}, {"all_entities", all_entities}, {"drawn_entities", drawn_entities},
             {"own_entities", own_entities}, {"known_answers", known_answers},
             {"messages", messages}, {"losses", losses}, {"dropout", dropout},
             {"all_answers", all_answers}, {"optimisers", optimisers}, {"stops", stops},
             {"learns_the_rule", learns_the_rule}, {"gets_away_from_itself", gets_away_from_itself},
             {"refuses", refuses}, {"memory_runs_out", memory_runs_out}, {"closes", closes})
