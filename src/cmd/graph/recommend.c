/* recommend.c: the verb `recommend`: the best items for users, learned from which user met which
 * item. */
#include "algo/graph/lightgcn/embed.h"
#include "algo/graph/lightgcn/ngcf.h"
#include "algo/graph/recommend/lowpass.h"
#include "algo/graph/recommend/serve.h"
#include "algo/graph/recommend/users.h"
#include "base/mem.h"
#include "base/signal.h"
#include "cli/command.h"
#include "cli/graph/gcn_options.h"
#include "cli/graph/graph_options.h"
#include "cli/training.h"
#include "mpi/agree.h"

#include <string.h>

static const trn_param_t params[] = {
    {"train", 0, TRN_PARAM_TEXT, .metavar = "FILE", .required = true, .file.use = TRN_FILE_READ,
     .help = "who met what, to learn from: lines 'user item item ...', or of pairs"},
    {"test", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "the same, held out: the result tells how many of these are recommended"},
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "R.h5", .required = true, .file = TRN_STORE_WRITTEN,
     .help = "store to write"},
    {"method", 0, TRN_PARAM_CHOICE, "gfcf",
     .choices = "gfcf|linear|lowpass|popularity|lightgcn|ngcf",
     .help =
         "linear: items of those who share items; lowpass: the largest singular vectors of "
         "the normalized matrix; gfcf: both (GF-CF); popularity: items with most users; lightgcn "
         "and ngcf: trained embeddings, which R.h5 then has, too; ngcf has weights in every layer"},
    {"k", 'k', TRN_PARAM_INT, "20", 1, 1000000, .help = "items for each user"},
    {"users", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ, .excludes = "user",
     .help = "only for the users in FILE, a name or number a line; default: for all"},
    {"user", 0, TRN_PARAM_LIST, .metavar = "NAME", .help = "only for these users"},
    {"rank", 0, TRN_PARAM_INT, "320", 1, 1e6, .needs = "method=gfcf|lowpass",
     .help = "singular vectors of lowpass; by default fewer where there are fewer"},
    {"mix", 0, TRN_PARAM_REAL, "0.3", 0, 1e6, .needs = "method=gfcf",
     .help = "gfcf: weight of lowpass beside linear"},
    {"tolerance", 0, TRN_PARAM_REAL, "1e-7", 1e-14, 1, .needs = "method=gfcf|lowpass",
     .help = "largest residual of a singular vector"},
    {"max-steps", 0, TRN_PARAM_INT, "1000", 1, 1e9, .needs = "method=gfcf|lowpass",
     .help = "give up their search after so many blocks"},
    {"ngcf-ndcg", 0, TRN_PARAM_BOOL, "false", .needs = "test",
     .help = "also tell the ndcg of NGCF's own program, whose ideal list has the same hits: larger "
             "numbers, for comparison with papers that took it"},
    TRN_EDGES_PARAMS,
    {"layout", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|pairs|lists",
     .help = "lists: user item item ...; pairs: user item; auto: lists, unless all lines have the "
             "same three or more fields: then say which"},
    {"weighted", 0, TRN_PARAM_BOOL, "false",
     .help = "pairs have a third column, such as ratings, or the numbers of a matrix are taken for "
             "that: interactions of 0 or below --least are left out, all others count alike"},
    {"least", 0, TRN_PARAM_REAL, "0", 0, 1e300, .needs = "weighted",
     .help = "least weight of an interaction that counts"},
    TRN_GCN_PARAMS,
    TRN_CHECKPOINT_PARAMS,
    {0}};

typedef enum method { GFCF, LINEAR, LOWPASS, POPULARITY, LIGHTGCN, NGCF } method_t;

typedef struct job {
    trn_interactions_t in;
    trn_held_t held; /* by what was read */
    method_t method;
    trn_serve_options_t serve;
    int64_t *wanted; /* [serve.count] users, NULL: all */
    int64_t rank;    /* of lowpass */
    trn_svd_stop_t stop;
    trn_linear_t linear;
    trn_lowpass_t lowpass;
    trn_gcn_options_t training;
    bool behind; /* checkpoints are written while it goes on */
    trn_embedded_t embedded;
    trn_served_t served;
    bool first; /* rank 0 */
} job_t;

static bool has_linear(const job_t *job) {
    return job->method == GFCF || job->method == LINEAR;
}

static bool has_lowpass(const job_t *job) {
    return job->method == GFCF || job->method == LOWPASS;
}

static bool has_training(const job_t *job) {
    return job->method == LIGHTGCN || job->method == NGCF;
}

/* Numbers of a factor. */
static int64_t width_of(const job_t *job) {
    return has_training(job) ? trn_embedded_width(&job->training) : job->rank;
}

/* Whom lists are for: of --users or --user. Collective. */
static trn_status_t look_users(trn_run_t *run, job_t *job) {
    char *const *words;
    const char *path = trn_params_text(run->params, "users");
    int count = trn_params_list(run->params, "user", &words);
    trn_name_list_t list = {.path = "--user", .count = count, .name = (char **)words};
    trn_status_t status = TRN_OK;
    if (!path && count == 0) return TRN_OK;
    if (path) {
        status = run->rank == 0 ? trn_name_list_read(&list, path) : TRN_OK;
        if (status == TRN_OK && run->rank == 0 && list.count == 0)
            status = trn_fail(TRN_INPUT, "%s: no users", path);
        status = trn_agree(run->comm, status);
    }
    if (status == TRN_OK) status = trn_users_find(&job->in, &list, &job->wanted, &job->serve.count);
    if (path) trn_name_list_free(&list);
    job->serve.wanted = job->wanted;
    return status;
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_params_t *p = run->params;
    job->method = (method_t)trn_params_choice(p, "method");
    job->first = run->rank == 0;
    job->training = trn_gcn_options(p);
    if (job->method == NGCF && (job->training.layers < 1 || job->training.layers > TRN_NGCF_LAYERS))
        return trn_fail(TRN_USAGE, "--layers: ngcf has 1 to %d", TRN_NGCF_LAYERS);
    job->behind = trn_params_bool(p, "save-behind");
    if (!has_training(job)) {
        TRN_TRY(trn_params_idle(p, "checkpoint checkpoint-every save-behind time-limit resume",
                                "with a method that is not trained"));
        trn_signal_saves_nothing();
    }
    job->serve.k = trn_params_int(p, "k");
    job->serve.threads = run->threads;
    job->stop = (trn_svd_stop_t){trn_params_real(p, "tolerance"), trn_params_int(p, "max-steps")};
    trn_edges_how_t how = trn_edges_options(p);
    how.layout = (trn_edges_layout_t)trn_params_choice(p, "layout");
    how.weighted = trn_params_bool(p, "weighted");
    job->in.least = trn_params_real(p, "least");
    if (how.weighted && how.layout == TRN_EDGES_AUTO) how.layout = TRN_EDGES_PAIRS;
    TRN_TRY(trn_interactions_look(&job->in, run->comm, &how, trn_params_text(p, "train"),
                                  trn_params_text(p, "test")));
    trn_gcn_defaults(&job->training, trn_interactions_share(&job->in, TRN_TO_TRAIN, 1, 0),
                     job->in.items);
    TRN_TRY(look_users(run, job));
    job->held = trn_held_now(run->comm);
    if (!has_lowpass(job)) return TRN_OK;
    char has[128];
    int64_t users = job->in.users, items = job->in.items;
    snprintf(has, sizeof has, "there are %lld users and %lld items", (long long)users,
             (long long)items);
    return trn_params_at_most(p, "rank", users < items ? users : items, has, &job->rank);
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const trn_interactions_t *in = &job->in;
    trn_held_take(ledger, &job->held);
    trn_interactions_plan(ledger, in, ranks, rank);
    if (has_lowpass(job)) trn_lowpass_plan(ledger, in, job->rank, ranks, rank);
    if (has_training(job)) trn_embed_plan(ledger, in, &job->training, job->behind, ranks, rank);
    trn_ledger_t before = *ledger;
    if (has_linear(job)) trn_linear_plan(ledger, in, ranks, rank);
    trn_serve_plan(ledger, in, width_of(job), has_linear(job), &job->serve, ranks, rank);
    trn_ledger_back(ledger, &before);
}

/* The singular vectors as `svd` has it; two hops over the graph; scores of all items. */
static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    const trn_interactions_t *in = &job->in;
    double users = job->wanted ? (double)job->serve.count : (double)in->users;
    double items = (double)in->items, k = (double)width_of(job), entries = 0;
    for (int f = 0; f < in->edges.files; f++)
        entries += (double)in->edges.file[f].all;
    if (has_lowpass(job)) cost->bytes = 10 * 2 * entries * (12 + 8 * 3 * k);
    cost->flops = 2 * users * items * k;
    if (has_training(job)) {
        const trn_gcn_options_t *o = &job->training;
        double steps = (entries / (double)o->batch + 1) * (double)o->epochs;
        cost->bytes = steps * 2 * (double)o->layers * 2 * entries * (4 + 4 * k);
    }
    if (has_linear(job)) cost->bytes += 8 * users * items;
    cost->file_bytes = 8 * users * (double)job->serve.k;
}

/* The checkpoint stays until the store is there: report removes it. Collective. */
static trn_status_t train(trn_run_t *run, job_t *job, trn_scores_t *scores) {
    trn_trainer_run_t training;
    trn_embedded_t *e = &job->embedded;
    trn_status_t status = trn_training_read(&training, run);
    if (status == TRN_OK) status = trn_embed(e, &job->in, &job->training, &training, run->threads);
    trn_training_free(&training);
    *scores = (trn_scores_t){.width = e->width, .user = e->user, .item = e->item};
    return status;
}

/* Scores as the method has them; what made them goes before anything is written. Collective. */
static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    trn_scores_t scores = {0};
    trn_lowpass_t *low = &job->lowpass;
    double mix = job->method == GFCF ? trn_params_real(run->params, "mix") : 1;
    trn_status_t status = trn_interactions_load(&job->in);
    if (status == TRN_OK && has_lowpass(job))
        status = trn_lowpass_create(low, &job->in, job->rank, mix, job->stop);
    if (status == TRN_OK && has_linear(job)) {
        status = trn_linear_create(&job->linear, &job->in);
        scores.linear = &job->linear;
    }
    if (status == TRN_OK && has_training(job)) status = train(run, job, &scores);
    if (status == TRN_OK) {
        if (has_lowpass(job)) {
            scores.width = low->width;
            scores.user = low->user;
            scores.item = low->item;
        }
        status = trn_serve(&job->served, &job->in, &scores, &job->serve);
    }
    trn_linear_free(&job->linear);
    trn_free(&low->user);
    trn_free(&low->item);
    return status;
}

static trn_status_t declare(void *user, trn_store_t *store) {
    job_t *job = user;
    if (has_lowpass(job))
        TRN_TRY(trn_store_dataset(store, "/singular_values", TRN_F64, job->lowpass.width, 0));
    if (has_training(job)) TRN_TRY(trn_embedded_declare(&job->embedded, &job->in, store));
    return trn_served_declare(&job->served, &job->in, store);
}

static trn_status_t write(const void *user, trn_store_t *store) {
    const job_t *job = user;
    const trn_lowpass_t *low = &job->lowpass;
    if (has_lowpass(job) && job->first)
        TRN_TRY(trn_store_write(store, "/singular_values", 0, low->width, low->values));
    if (has_training(job)) TRN_TRY(trn_embedded_write(&job->embedded, &job->in, store));
    return trn_served_write(&job->served, store);
}

/* How good the lists are. */
static trn_status_t report_metrics(trn_run_t *run, const job_t *job) {
    const trn_served_t *s = &job->served;
    TRN_TRY(
        trn_run_note(run, json_pack("{s:I, s:I, s:f, s:f, s:f}", "test_interactions",
                                    (json_int_t)job->in.counts.entries[TRN_TO_TEST], "test_users",
                                    (json_int_t)s->asked, "recall", s->mean.recall, "precision",
                                    s->mean.precision, "ndcg", s->mean.ndcg)));
    if (!trn_params_bool(run->params, "ngcf-ndcg")) return TRN_OK;
    return trn_run_note(run, json_pack("{s:f}", "ndcg_ngcf", s->mean.ndcg_ngcf));
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    const trn_served_t *s = &job->served;
    const trn_interactions_counts_t *c = &job->in.counts;
    TRN_TRY(trn_run_note(
        run,
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "users",
                  (json_int_t)job->in.users, "items", (json_int_t)job->in.items, "interactions",
                  (json_int_t)c->entries[TRN_TO_TRAIN], "light", (json_int_t)c->light, "repeated",
                  (json_int_t)c->repeated, "in_both", (json_int_t)c->overlap, "items_without_users",
                  (json_int_t)c->items_unknown, "lists", (json_int_t)s->all, "lists_by_popularity",
                  (json_int_t)s->unknown, "coverage", (double)s->covered / (double)job->in.items)));
    if (has_lowpass(job))
        TRN_TRY(trn_run_note(
            run, json_pack("{s:I, s:I, s:f}", "rank", (json_int_t)job->lowpass.width, "steps",
                           (json_int_t)job->lowpass.steps, "residual", job->lowpass.residual)));
    if (has_training(job)) {
        if (!trn_params_given(run->params, "checkpoint"))
            trn_checkpoint_remove(run->comm, trn_params_text(run->params, "checkpoint"));
        TRN_TRY(trn_gcn_note(run, &job->embedded.report, job->embedded.held));
    }
    return job->in.edges.files > 1 ? report_metrics(run, job) : TRN_OK;
}

static void job_free(void *user) {
    job_t *job = user;
    trn_served_free(&job->served);
    trn_lowpass_free(&job->lowpass);
    trn_embedded_free(&job->embedded);
    trn_linear_free(&job->linear);
    trn_free(&job->wanted);
    trn_interactions_free(&job->in);
}

const trn_command_t trn_command_recommend = {
    .name = "recommend",
    .summary = "recommend items to users, and score recommendations",
    .files = "--train F [--test F] -o R.h5",
    .description =
        "Users and items are numbers from 0 or names, one sort each. R.h5 holds /users, and a row "
        "for each of them in /ids (items, best first, those of --train left out; -1 where items "
        "run out) and /scores; equal scores rank by the smaller item. Where users or items have "
        "names, /user_names and /item_names have them in the order of their numbers. Users "
        "without "
        "train items get the most popular items. With --test: recall (hits / items to test), "
        "precision (hits / k) and the standard ndcg, means over users with items to test. Neither "
        "ranks nor threads change a bit. --method lightgcn or ngcf trains embeddings, /user and "
        "/item of "
        "R.h5, whose inner products are scores; USR1 or TERM saves a checkpoint and ends with exit "
        "code 85, and the same command goes on from there, on any number of ranks.",
    .examples = "lists for all users, and how good they are\ttrunnion recommend --train seen.txt "
                "--test held.txt -o R.h5\n"
                "items for two users by trained embeddings\ttrunnion recommend --train "
                "seen.txt --method lightgcn --dim 16 --epochs 20 --user 3 7 -o R.h5",
    .min_files = 0,
    .max_files = 0,
    .blas = true,
    .saves = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .kind = "recommendation",
                                  .declare = declare,
                                  .write = write,
                                  .report = report,
                                  .free = job_free},
};
