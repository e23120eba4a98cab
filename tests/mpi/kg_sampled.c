/* Training in pairs of entity blocks: blocks arrive whole wherever they go, every triple is with
 * the pair of its blocks once, and any number of ranks, any stop and resume, gives the bits of one
 * rank that was never stopped. */
#include "kg_sample.h"

#include "algo/kg/buckets/kg_buckets.h"
#include "algo/kg/buckets/kg_placement.h"
#include "base/rng.h"
#include "base/signal.h"
#include "mpi/dist.h"

enum { EPOCHS = 4 };

static void opens(void) {
    open_graph((ENTITIES + 1) / 2); /* so that buckets differ in size */
}

static trn_kg_options_t options_of(int64_t blocks, trn_kg_optimizer_t optimiser) {
    return (trn_kg_options_t){.epochs = EPOCHS,
                              .batch = blocks == 1 ? 301 : 7, /* two chunks; several batches */
                              .blocks = blocks,
                              .negatives = 12,
                              .loss = {TRN_LOSS_SOFTMAX, 1, 1, 1},
                              .optimiser = optimiser,
                              .rate = optimiser == TRN_KG_ADAM ? 0.02 : 0.1,
                              .final_rate = 0.5,
                              .n3 = 0.01,
                              .scale = 0.1,
                              .bucketed = true,
                              .sweeps = 1 + blocks % 3,
                              .seed = 5};
}

/* What number `at` of a part of a block's row must be. */
static float number_of(int64_t block, int part, int64_t at) {
    return (float)(block * 10000 + part * 3000 + at);
}

/* Every block that lies here is whole: or, with `fill`, becomes so. */
static bool blocks_here(const trn_kg_placement_t *p, bool fill) {
    const trn_kg_state_t *s = p->state;
    bool good = true;
    for (int64_t b = 0; b < s->blocks; b++)
        for (int part = 0; p->rank[b] == rank && part < TRN_KG_PARTS; part++) {
            float *values = trn_kg_placement_part(p, part, b);
            good = good && !values == (p->width[part] == 0);
            for (int64_t i = 0; i < s->rows * p->width[part]; i++) {
                if (fill) values[i] = number_of(b, part, i);
                good = good && values[i] == number_of(b, part, i);
            }
        }
    return good;
}

static void blocks_travel(void) {
    trn_kg_header_t header = header_of("complex", true);
    for (int64_t blocks = 1; blocks <= 9; blocks += 4) {
        trn_kg_options_t options = options_of(blocks, blocks == 5 ? TRN_KG_ADAM : TRN_KG_ADAGRAD);
        trn_kg_state_t *state = NULL;
        trn_kg_placement_t places = {0};
        int to[16];
        CHECK_OK(trn_kg_state_create(&state, comm, &header, &options));
        if (!harness_well()) return;
        CHECK_OK(trn_kg_placement_create(&places, state, blocks, blocks));
        places.chunk = 2; /* rows of 13 or so: several messages, and a shorter one */
        CHECK(blocks_here(&places, true));
        for (int turn = 0; turn < 12; turn++) {
            bool home = turn % 6 == 5;
            uint32_t words[4];
            for (int64_t b = 0; b < blocks; b++) {
                trn_rng_words(1, (uint64_t)b, 0, (uint32_t)turn, TRN_RNG_TEST, words);
                to[b] =
                    home ? (int)trn_part_of(blocks, ranks, b) : (int)(words[0] % (uint32_t)ranks);
            }
            trn_kg_placement_move(&places, to, home);
            CHECK(blocks_here(&places, false));
            for (int64_t b = 0; home && b < state->own_blocks; b++)
                CHECK_EQUAL(places.slot[state->first_block + b], b);
        }
        trn_kg_placement_free(&places);
        trn_kg_state_destroy(&state);
    }
}

/* All ranks' buckets together hold the triples once, each where its blocks meet; a bucket is the
 * same as one rank alone has it. */
static void triples_are_dealt(void) {
    for (int64_t blocks = 1; blocks <= 9; blocks++) {
        trn_kg_schedule_t circle;
        trn_kg_buckets_t dealt, whole;
        CHECK_OK(trn_kg_schedule_create(&circle, blocks, 3));
        CHECK_OK(trn_kg_buckets_load(&dealt, comm, &shared, &circle));
        CHECK_OK(trn_kg_buckets_load(&whole, MPI_COMM_SELF, &mine, &circle));
        if (!harness_well()) return;
        int64_t sum = 0, count, other;
        for (int64_t round = 0; round < circle.rounds; round++)
            for (int64_t k = dealt.first_pair; k < dealt.first_pair + dealt.own_pairs; k++) {
                const trn_triple_t *t = trn_kg_bucket(&dealt, round, k, &count);
                const trn_triple_t *alone = trn_kg_bucket(&whole, round, k, &other);
                CHECK_EQUAL(count, other);
                CHECK(memcmp(t, alone, (size_t)count * sizeof *t) == 0);
                sum += count;
                for (int64_t i = 0; i < count; i++) {
                    trn_kg_meeting_t at =
                        trn_kg_schedule_meeting(&circle, t[i].head % blocks, t[i].tail % blocks);
                    CHECK(at.round == round && at.pair == k);
                }
            }
        MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_INT64_T, MPI_SUM, comm);
        CHECK_EQUAL(sum, shared.triples[TRN_TRAIN]);
        trn_kg_buckets_free(&dealt);
        trn_kg_buckets_free(&whole);
        trn_kg_schedule_free(&circle);
    }
}

static void compare_with_one_rank(const char *model, bool reciprocal, int64_t blocks,
                                  trn_kg_optimizer_t optimiser) {
    compare_options(model, reciprocal, options_of(blocks, optimiser));
}

static void models(void) {
    const char *const names[] = {"transe", "distmult", "complex", "rotate", "toruse"};
    for (int i = 0; i < 5; i++)
        compare_with_one_rank(names[i], i % 2 == 0, 8, TRN_KG_ADAGRAD);
}

static void numbers_of_blocks(void) {
    const int64_t blocks[] = {1, 2, 3, 9, 16, 1000};
    for (int i = 0; i < 6; i++)
        compare_with_one_rank("complex", true, blocks[i], TRN_KG_ADAGRAD);
}

static void losses(void) {
    trn_kg_options_t options = options_of(8, TRN_KG_ADAGRAD);
    for (int kind = 0; kind < TRN_LOSSES; kind++) {
        options.loss.kind = (trn_loss_kind_t)kind;
        compare_options("transe", true, options);
    }
}

static void optimisers(void) {
    compare_with_one_rank("complex", false, 7, TRN_KG_ADAM);
    compare_with_one_rank("rotate", true, 8, TRN_KG_ADAM);
    compare_with_one_rank("transe", true, 9, TRN_KG_ADAGRAD_ROW);
}

/* Stopped on all ranks after each of the first epochs, then finished. */
static void stops(void) {
    trn_kg_header_t header = header_of("complex", true);
    trn_kg_options_t options = options_of(8, TRN_KG_ADAM);
    double loss;
    CHECK_OK(train(MPI_COMM_SELF, &header, &options, "b", &loss));
    trn_signal_set_stop(10);
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_STOPPED);
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_STOPPED);
    trn_signal_set_stop(0);
    options.bucketed = false;
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_USAGE); /* another training */
    options.bucketed = true;
    CHECK_OK(train(comm, &header, &options, "a", &loss));
    CHECK(same("a", "b"));
}

/* The right answer comes to stand well before the twelve negatives of the pair. */
static void learns_the_rule(void) {
    trn_kg_header_t header = header_of("complex", true);
    trn_kg_options_t options = options_of(4, TRN_KG_ADAGRAD);
    double loss;
    options.epochs = 60;
    options.n3 = 0;
    CHECK_OK(train(comm, &header, &options, "a", &loss));
    CHECK(loss < 0.5); /* log 13 = 2.6 at the start */
}

static void refuses(void) {
    trn_kg_header_t header = header_of("transr", true);
    trn_kg_options_t options = options_of(8, TRN_KG_ADAGRAD);
    double loss;
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_USAGE);
    header = header_of("complex", true);
    options.negatives = 0;
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_USAGE);
    options.negatives = 5;
    options.smoothing = 0.1;
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_USAGE);
    options.smoothing = 0;
    options.rate = 1e30;
    CHECK_EQUAL(train(comm, &header, &options, "a", &loss), TRN_NUMERIC);
}

static trn_status_t one_epoch(void *unused) {
    (void)unused;
    trn_kg_header_t header = header_of("complex", true);
    trn_kg_options_t options = options_of(4, TRN_KG_ADAM);
    double loss;
    options.epochs = 1;
    return train(comm, &header, &options, "m", &loss);
}

static void memory_runs_out(void) {
    harness_inject(one_epoch, NULL);
}

HARNESS_MAIN({"opens", opens}, {"blocks_travel", blocks_travel},
             {"triples_are_dealt", triples_are_dealt}, {"models", models},
             {"numbers_of_blocks", numbers_of_blocks}, {"losses", losses},
             {"optimisers", optimisers}, {"stops", stops}, {"learns_the_rule", learns_the_rule},
             {"refuses", refuses}, {"memory_runs_out", memory_runs_out}, {"closes", closes})
