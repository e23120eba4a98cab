/* Training of LightGCN: the same bits on any number of ranks and after any stop, early ends by what
 * is held out, refusals. */
#define _GNU_SOURCE /* mkdtemp */
#include "algo/graph/lightgcn/ngcf.h"
#include "algo/graph/lightgcn/split.h"
#include "algo/graph/lightgcn/train.h"
#include "base/signal.h"
#include "directory.h"
#include "propagate_sample.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    WIDE = 3 * DIM /* of two layers of NGCF */,
    BATCH = 50,
    EPOCHS = 6,
    LIKES = 192,
    STEPS = (LIKES + BATCH - 1) / BATCH
};

static trn_gcn_options_t options_of(int64_t epochs) {
    return (trn_gcn_options_t){.dim = DIM,
                               .layers = 2,
                               .epochs = epochs,
                               .batch = BATCH,
                               .others = 3,
                               .rate = 0.05,
                               .decay = 1e-3,
                               .start = 0.1,
                               .seed = 7};
}

/* Minus the distance of the embeddings' squares from what they are after `peak` epochs or so: a
 * score that rises and falls. Every rank of a communicator gets the same bits only because it is
 * counted in whole numbers. */
typedef struct stand_in {
    int64_t looks, peak;
} stand_in_t;

static trn_status_t judge(void *user, const trn_sides_t *final, double *score) {
    stand_in_t *s = user;
    (void) final;
    s->looks++;
    *score = -fabs((double)(s->looks - s->peak));
    return TRN_OK;
}

/* Train on `on`; all[NODES x DIM], or of NGCF [NODES x WIDE], on rank 0 of it. */
static trn_status_t train_on(MPI_Comm on, const trn_gcn_options_t *options,
                             const trn_trainer_run_t *run, stand_in_t *by, float *all,
                             trn_gcn_report_t *report) {
    problem_t p;
    trn_gcn_result_t result = {.weights = NULL};
    trn_gcn_judge_t judged = {judge, by};
    int64_t width = options->ngcf ? WIDE : DIM, block = options->ngcf ? TRN_NGCF_BLOCK : 1;
    trn_status_t status = make_in(&p, golden, options->kind, TRN_F32, block, on);
    if (status == TRN_OK) status = trn_gcn_train(p.a, options, run, &judged, &result, report);
    if (status == TRN_OK && all) gather(&result.final, USERS, width, sizeof *all, all);
    trn_gcn_free(&result);
    destroy(&p);
    return status;
}

static trn_trainer_run_t run_of(const char *checkpoint, trn_resume_t resume) {
    return (trn_trainer_run_t){.checkpoint = checkpoint, .resume = resume, .created_by = "test"};
}

/* A name that only this rank uses, for trainings of one rank. */
static const char *own_file(void) {
    char name[32];
    snprintf(name, sizeof name, "own-%d.h5", rank);
    return in_directory(name);
}

static void same_bits(void) {
    float alone[NODES * DIM], together[NODES * DIM];
    trn_gcn_options_t options = options_of(EPOCHS);
    trn_gcn_report_t one = {0}, report = {0};
    trn_trainer_run_t mine = run_of(own_file(), TRN_RESUME_NEVER);
    trn_trainer_run_t ours = run_of(in_directory("c.h5"), TRN_RESUME_NEVER);
    CHECK_OK(train_on(MPI_COMM_SELF, &options, &mine, NULL, alone, &one));
    CHECK_OK(train_on(comm, &options, &ours, NULL, together, &report));
    CHECK(one.loss == report.loss && report.loss < 0.6 && report.loss > 0);
    CHECK_EQUAL(report.epochs, EPOCHS);
    CHECK_EQUAL(report.steps, EPOCHS * STEPS);
    if (rank == 0) CHECK(memcmp(alone, together, sizeof alone) == 0);
}

/* The first `count` ranks. */
static MPI_Comm first_ranks(int count) {
    MPI_Comm part;
    MPI_Comm_split(comm, rank < count ? 0 : MPI_UNDEFINED, rank, &part);
    return part;
}

/* Stopped before every step, each time on another number of ranks. */
static void stop_and_resume_of(bool ngcf) {
    static float through[NODES * WIDE], resumed[NODES * WIDE];
    trn_gcn_options_t options = options_of(2);
    trn_gcn_report_t report = {0};
    const char *path = in_directory(ngcf ? "resumed-ngcf.h5" : "resumed.h5");
    trn_trainer_run_t mine = run_of(own_file(), TRN_RESUME_NEVER);
    options.look = 1, options.patience = 5;
    if (ngcf) options.ngcf = true, options.kind = TRN_BIPARTITE_MEAN, options.drop = 0.2;
    stand_in_t by = {.peak = 2};
    CHECK_OK(train_on(MPI_COMM_SELF, &options, &mine, &by, through, &report));
    int stops = 0, finished = 0;
    while (!finished && stops < 100) {
        MPI_Comm on = first_ranks(1 + stops % ranks);
        trn_status_t status = TRN_STOPPED;
        if (on != MPI_COMM_NULL) {
            trn_trainer_run_t run = run_of(path, stops ? TRN_RESUME_MUST : TRN_RESUME_AUTO);
            by = (stand_in_t){.looks = stops >= STEPS, .peak = 2};
            trn_signal_set_stop(rank == 0 ? SIGUSR1 : 0); /* one rank's wish is enough */
            status = train_on(on, &options, &run, &by, resumed, &report);
            trn_signal_set_stop(0);
            CHECK(status == TRN_STOPPED || status == TRN_OK);
            MPI_Comm_free(&on);
        }
        finished = status == TRN_OK;
        MPI_Bcast(&finished, 1, MPI_INT, 0, comm);
        stops += !finished;
    }
    CHECK_EQUAL(stops, 2 * STEPS - 1); /* the last step is no stop */
    if (rank == 0) CHECK(memcmp(through, resumed, sizeof through) == 0);
}

static void stop_and_resume(void) {
    stop_and_resume_of(false);
    stop_and_resume_of(true);
}

/* Training ends when looks grow worse, with what was best: the state of a shorter training. */
static void ends_early(void) {
    float best[NODES * DIM], shorter[NODES * DIM];
    trn_gcn_options_t options = options_of(50);
    trn_gcn_report_t report = {0};
    trn_trainer_run_t run = run_of(in_directory("early.h5"), TRN_RESUME_NEVER);
    options.look = 2, options.patience = 3;
    stand_in_t by = {.peak = 2};
    CHECK_OK(train_on(comm, &options, &run, &by, best, &report));
    CHECK_EQUAL(by.looks, 5);
    CHECK_EQUAL(report.epochs, 10);
    CHECK_EQUAL(report.best_epoch, 4);
    options = options_of(4);
    CHECK_OK(train_on(comm, &options, &run, NULL, shorter, &report));
    if (rank == 0) CHECK(memcmp(best, shorter, sizeof best) == 0);
}

static void refuses_other_settings(void) {
    trn_gcn_options_t options = options_of(1);
    trn_gcn_report_t report = {0};
    trn_trainer_run_t run = run_of(in_directory("other.h5"), TRN_RESUME_AUTO);
    CHECK_OK(train_on(comm, &options, &run, NULL, NULL, &report));
    options.decay = 2e-3;
    CHECK_EQUAL(train_on(comm, &options, &run, NULL, NULL, &report), TRN_USAGE);
    CHECK(strstr(trn_message(), "--decay") != NULL);
    options = options_of(2); /* more epochs are fine */
    CHECK_OK(train_on(comm, &options, &run, NULL, NULL, &report));
    CHECK_EQUAL(report.epochs, 2);
}

static trn_status_t injected(void *unused) {
    trn_gcn_options_t options = options_of(1);
    trn_gcn_report_t report;
    trn_trainer_run_t run = run_of(in_directory("injected.h5"), TRN_RESUME_NEVER);
    (void)unused;
    options.batch = LIKES;
    return train_on(comm, &options, &run, NULL, NULL, &report);
}

static void out_of_memory(void) {
    if (ranks <= 3) harness_inject(injected, NULL);
}

/* A tenth or so is held out, no user loses all, both parts are the whole. */
static void splits(void) {
    problem_t p;
    trn_sparse_t *kept = NULL, *held = NULL;
    CHECK_OK(make(&p, golden, TRN_BIPARTITE_SYM, TRN_F32, MPI_COMM_SELF));
    CHECK_OK(trn_split_likes(p.likes, 0.25, 3, &kept, &held));
    CHECK_EQUAL(trn_sparse_count(kept) + trn_sparse_count(held), LIKES);
    CHECK(trn_sparse_count(held) > LIKES / 8 && trn_sparse_count(held) < LIKES / 3);
    for (int64_t u = 0; u < USERS; u++) {
        const int64_t *all = trn_sparse_start(p.likes), *some = trn_sparse_start(kept);
        CHECK(all[u + 1] == all[u] || some[u + 1] > some[u]);
    }
    trn_sparse_destroy(&kept);
    trn_sparse_destroy(&held);
    destroy(&p);
}

HARNESS_MAIN({"directory", make_directory}, {"same bits", same_bits},
             {"stop and resume", stop_and_resume}, {"ends early", ends_early},
             {"refuses other settings", refuses_other_settings}, {"splits", splits},
             {"out of memory", out_of_memory}, {"directory goes", remove_directory})
