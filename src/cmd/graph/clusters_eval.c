/* clusters_eval.c: the verb `clusters-eval`: how far two labelings of the same things agree. */
#include "algo/graph/eval/clusters_eval.h"

#include "algo/rows/ids.h"
#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

static const trn_param_t params[] = {
    {"skip", 0, TRN_PARAM_INT, NULL, -9e18, 9e18, .metavar = "LABEL",
     .help = "leave out things that have this label in either list, such as -1 for those whose "
             "cluster nobody knows"},
    {0}};

typedef struct job {
    trn_ids_t found, truth;
    int64_t left_out;
    trn_clusters_score_t score;
} job_t;

/* Things without the label to skip, in their order. Local. */
static void skip(job_t *job, int64_t label) {
    int64_t kept = 0;
    for (int64_t i = 0; i < job->found.count; i++) {
        if (job->found.id[i] == label || job->truth.id[i] == label) continue;
        job->found.id[kept] = job->found.id[i];
        job->truth.id[kept++] = job->truth.id[i];
    }
    job->left_out = job->found.count - kept;
    job->found.count = job->truth.count = kept;
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    TRN_TRY(trn_ids_read(&job->found, run->comm, run->files[0]));
    TRN_TRY(trn_ids_read(&job->truth, run->comm, run->files[1]));
    if (job->found.count != job->truth.count)
        return trn_fail(TRN_INPUT, "%s: %lld labels, but %s has %lld; both are of the same things",
                        run->files[0], (long long)job->found.count, run->files[1],
                        (long long)job->truth.count);
    if (trn_params_given(run->params, "skip")) skip(job, trn_params_int(run->params, "skip"));
    if (job->found.count == 0)
        return trn_fail(TRN_INPUT, "%s: no labels %s; there is nothing to compare", run->files[0],
                        job->left_out > 0 ? "are left" : "in it");
    return TRN_OK;
}

/* Both lists lie on every rank, and each compares them for itself. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    int64_t count = job->found.count + job->left_out;
    (void)ranks, (void)rank;
    trn_ledger_take(ledger, "labels", 2 * count, (int64_t)sizeof(int64_t));
    trn_clusters_eval_plan(ledger, job->found.count);
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    return trn_agree(
        run->comm, trn_clusters_eval(job->found.count, job->found.id, job->truth.id, &job->score));
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    const trn_clusters_score_t *s = &job->score;
    TRN_TRY(
        trn_run_note(run, json_pack("{s:I, s:I, s:I, s:I}", "things", (json_int_t)s->items,
                                    "left_out", (json_int_t)job->left_out, "clusters",
                                    (json_int_t)s->found, "true_clusters", (json_int_t)s->truth)));
    return trn_run_note(run, json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "nmi", s->nmi, "ari",
                                       s->ari, "nf1", s->nf1, "f1", s->f1, "coverage", s->coverage,
                                       "redundancy", s->redundancy));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_ids_free(&job->found);
    trn_ids_free(&job->truth);
}

const trn_command_t trn_command_clusters_eval = {
    .name = "clusters-eval",
    .summary = "how far two labelings agree: NMI, ARI, NF1",
    .files = "FOUND TRUE",
    .description =
        "Both files have a whole number for each thing, in the same order: a line of .npy, text "
        "with a number a line, a dataset such as C.h5:/labels. What the numbers are does not "
        "matter, only which things have the same one. nmi is 2 I / (H1 + H2) of mutual information "
        "and entropies, ari the Rand index adjusted for chance, both as scikit-learn has them. nf1 "
        "is the normalized F1 of Rossetti, Pappalardo and Rinzivillo (2016): each found cluster is "
        "held against the true one that has most of it; f1 is the mean of their F1, coverage the "
        "share of true clusters so met, redundancy the found clusters for each of those, and nf1 = "
        "f1 coverage / redundancy.",
    .examples = "clusters against the truth\ttrunnion clusters-eval labels.txt truth.txt\n"
                "without things that nobody has labeled\ttrunnion clusters-eval labels.txt "
                "truth.txt --skip -1",
    .min_files = 2,
    .max_files = 2,
    .operands = TRN_OPERANDS(TRN_READS("FOUND"), TRN_READS("TRUE")),
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .plan = plan,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
