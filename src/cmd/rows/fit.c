/* fit.c: the verb `fit`: an affine map of rows, fitted to the rows of one or several matrices. */
#include "algo/map/fit.h"

#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "MAP.h5", .required = true,
     .file = TRN_STORE_WRITTEN, .help = "store to write"},
    {"rank", 'k', TRN_PARAM_INT, NULL, 1, 1e9,
     .help = "pca, whiten, slice, discriminant: columns to keep, the strongest; default all"},
    {"zca", 0, TRN_PARAM_BOOL, "false",
     .help = "whiten: turn rows back to where they were, the least change (kind zca is the same)"},
    {"epsilon", 0, TRN_PARAM_REAL, "0", 0, 1e300,
     .help = "whiten, zca: added to every eigenvalue of the covariance"},
    {"damp", 0, TRN_PARAM_REAL, "0.01", 0, 1e6,
     .help = "slice: times the mean of the diagonal of E^T E, added to it"},
    {"alpha", 0, TRN_PARAM_REAL, "1", 0, 1e300,
     .help = "remove: how much of the directions goes, 1 is all; soft: s becomes s exp(-ALPHA s)"},
    {"lambda", 0, TRN_PARAM_REAL, "0", 0, 1e300,
     .help = "ridge, discriminant: added to the diagonal of X^T X; calibrate, which must have it: "
             "weight of the pairs, 500 is usual"},
    {"pairs", 0, TRN_PARAM_LIST, .metavar = "A B", .file.use = TRN_FILE_READ,
     .help = "calibrate: two files, rows of which are to become alike, pair by pair"},
    {"remove", 0, TRN_PARAM_TEXT, .metavar = "S", .file.use = TRN_FILE_READ,
     .help = "calibrate: what the rows of S span is removed, too"},
    {"scale", 0, TRN_PARAM_BOOL, "false", .help = "procrustes: a factor, too"},
    {"center", 0, TRN_PARAM_BOOL, "false", .help = "procrustes: bring means onto each other, too"},
    {"rotation", 0, TRN_PARAM_BOOL, "false", .help = "procrustes: no reflection"},
    {"labels", 0, TRN_PARAM_TEXT, .metavar = "Y", .file.use = TRN_FILE_READ,
     .help = "discriminant, which must have it: class of each row, a list of whole numbers"},
    {"subclasses", 0, TRN_PARAM_TEXT, .metavar = "Z", .file.use = TRN_FILE_READ,
     .help = "discriminant: subclass of each row within its class, likewise"},
    {0}};

/* Matrices and what is fitted to them. */
typedef struct job {
    trn_tall_in_t a;       /* first: the program looks at it */
    trn_tall_in_t *others; /* [fit.count - 1] */
    const char **path;     /* [fit.count] */
    trn_fit_t fit;
    bool passes_by; /* rows need not stay in memory, for they are read two or three times only, and
                     * out of the system's cache */
} job_t;

/* Options that the kind has not. */
static trn_status_t check_options(const trn_params_t *p, const trn_fit_kind_t *kind) {
    char where[64];
    const char *has = trn_fit_has(kind);
    snprintf(where, sizeof where, "on kind %s", trn_fit_name(kind));
    for (const trn_param_t *row = params + 1; row->name; row++) {
        const char *at = strstr(has, row->name);
        size_t length = strlen(row->name);
        bool listed = at && (at == has || at[-1] == ' ') && (at[length] == ' ' || !at[length]);
        if (!listed) TRN_TRY(trn_params_idle(p, row->name, where));
    }
    return TRN_OK;
}

/* An option without which the kind has nothing to do. */
static trn_status_t need(const trn_params_t *p, const trn_fit_kind_t *kind, const char *option) {
    if (!strstr(trn_fit_has(kind), option) || trn_params_given(p, option)) return TRN_OK;
    return trn_fail(TRN_USAGE, "fit %s: give --%s", trn_fit_name(kind), option);
}

static trn_status_t check_kind(const trn_run_t *run, job_t *job) {
    const trn_params_t *p = run->params;
    const trn_fit_kind_t *kind = job->fit.kind = trn_fit_kind(run->files[0]);
    if (!kind)
        return trn_fail(TRN_USAGE, "%s: no such kind of map; there are %s", run->files[0],
                        trn_fit_kinds());
    TRN_TRY(check_options(p, kind));
    TRN_TRY(need(p, kind, "pairs"));
    TRN_TRY(need(p, kind, "labels"));
    return strcmp(trn_fit_name(kind), "calibrate") == 0 ? need(p, kind, "lambda") : TRN_OK;
}

/* The files that the kind takes, in its order: arguments, or pairs and what is removed. */
static trn_status_t list_files(const trn_run_t *run, job_t *job) {
    const trn_params_t *p = run->params;
    const char *what, *name = trn_fit_name(job->fit.kind), *removed = trn_params_text(p, "remove");
    char *const *pairs;
    int least, most, npairs = trn_params_list(p, "pairs", &pairs), given = run->nfiles - 1;
    trn_fit_takes(job->fit.kind, &least, &most, &what);
    if (npairs && (npairs != 2 || given))
        return trn_fail(TRN_USAGE, "fit %s: takes --pairs A B, two files, and no others", name);
    int count = npairs ? 2 + (removed != NULL) : given;
    if (count < least || count > most)
        return trn_fail(TRN_USAGE, "fit %s: takes %s, not %d files", name, what, count);
    TRN_TRY(trn_alloc(&job->path, count, sizeof *job->path, "names of files"));
    TRN_TRY(trn_alloc_zero(&job->others, count - 1, sizeof *job->others, "matrices"));
    TRN_TRY(trn_alloc(&job->fit.in, count, sizeof *job->fit.in, "matrices"));
    for (int i = 0; i < count; i++) {
        job->path[i] = !npairs ? run->files[1 + i] : i < 2 ? pairs[i] : removed;
        job->fit.in[i] = i ? &job->others[i - 1] : &job->a;
    }
    job->fit.count = count;
    return TRN_OK;
}

static trn_status_t first(trn_run_t *run, void *user, const char **path) {
    job_t *job = user;
    TRN_TRY(check_kind(run, job));
    TRN_AGREE(run->comm, list_files(run, job));
    *path = job->path[0];
    return TRN_OK;
}

/* Sizes, labels and options must fit before a plan is made of them. */
static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    trn_fit_t *fit = &job->fit;
    const trn_params_t *p = run->params;
    const char *labels = trn_params_text(p, "labels"), *more = trn_params_text(p, "subclasses");
    fit->comm = run->comm;
    fit->threads = run->threads;
    fit->options =
        (trn_fit_options_t){.rank = trn_params_given(p, "rank") ? trn_params_int(p, "rank") : 0,
                            .zca = trn_params_bool(p, "zca"),
                            .scale = trn_params_bool(p, "scale"),
                            .center = trn_params_bool(p, "center"),
                            .rotation = trn_params_bool(p, "rotation"),
                            .epsilon = trn_params_real(p, "epsilon"),
                            .damp = trn_params_real(p, "damp"),
                            .alpha = trn_params_real(p, "alpha"),
                            .lambda = trn_params_real(p, "lambda")};
    job->passes_by = trn_fit_brief(fit->kind) && job->a.in.info.plain;
    for (int i = 1; i < fit->count; i++)
        TRN_TRY(trn_matrix_in_look(&job->others[i - 1].in, run->comm, job->path[i]));
    if (labels) TRN_TRY(trn_ids_read(&fit->labels, run->comm, labels));
    if (more) TRN_TRY(trn_ids_read(&fit->subclasses, run->comm, more));
    TRN_AGREE(run->comm, trn_fit_check(fit));
    return trn_run_note(run, json_pack("{s:s, s:I, s:I, s:I}", "kind", trn_fit_name(fit->kind),
                                       "rows", (json_int_t)job->a.in.info.rows, "cols",
                                       (json_int_t)fit->map.in, "rank", (json_int_t)fit->map.out));
}

static trn_status_t cut(trn_run_t *run, void *user, int ranks) {
    job_t *job = user;
    for (int i = 1; i < job->fit.count; i++)
        TRN_TRY(trn_matrix_in_cut(&job->others[i - 1].in, run->comm, ranks));
    return TRN_OK;
}

static bool streams(const job_t *job) {
    return job->a.streams || job->passes_by;
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    trn_ledger_t before = *ledger;
    for (int i = 0; i < job->fit.count; i++)
        trn_tall_in_plan(ledger, job->fit.in[i], streams(job), ranks, rank);
    trn_fit_plan(&job->fit, ranks, rank, ledger);
    trn_ledger_back(ledger, &before);
    int64_t bytes = rank == 0 ? trn_map_numbers(&job->fit.map) * (int64_t)sizeof(double) : 0;
    trn_ledger_take(ledger, "map", bytes, 1);
    trn_ledger_take(ledger, "saving", trn_store_write_bytes(bytes), 1);
}

static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    for (int i = 0; i < job->fit.count; i++)
        cost->file_bytes += 8 * (double)job->fit.in[i]->in.info.entries;
    cost->flops = trn_fit_flops(&job->fit);
}

/* Memory of the matrices goes before anything is written, for that takes memory, too. */
static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    trn_status_t status = TRN_OK;
    for (int i = 0; i < job->fit.count && status == TRN_OK; i++)
        status = trn_tall_in_open(job->fit.in[i], run->comm, streams(job));
    if (status == TRN_OK) status = trn_fit(&job->fit);
    for (int i = 0; i < job->fit.count; i++)
        trn_tall_in_close(job->fit.in[i]);
    return status;
}

static trn_status_t declare(void *user, trn_store_t *store) {
    return trn_map_declare(&((job_t *)user)->fit.map, store);
}

static trn_status_t write(const void *user, trn_store_t *store) {
    const job_t *job = user;
    return trn_map_write(&job->fit.map, job->fit.comm, store);
}

/* The strongest of many are enough to look at; all values are in the store. */
static trn_status_t report(trn_run_t *run, void *user) {
    enum { MOST = 20 };
    const trn_fit_t *fit = &((job_t *)user)->fit;
    for (int i = 0; i < fit->figures; i++)
        json_object_set_new(run->result, fit->figure[i].name, json_real(fit->figure[i].value));
    if (run->rank != 0 || !(fit->total > 0)) return TRN_OK;
    json_t *shares = json_array();
    for (int64_t i = 0; i < fit->map.count && i < MOST; i++)
        json_array_append_new(shares, json_real(fit->map.values[i] / fit->total));
    return trn_run_note(run, json_pack("{s:o}", "explained", shares));
}

static void job_free(void *user) {
    job_t *job = user;
    for (int i = 1; i < job->fit.count; i++)
        trn_tall_in_free(&job->others[i - 1]);
    trn_ids_free(&job->fit.labels);
    trn_ids_free(&job->fit.subclasses);
    trn_fit_free(&job->fit);
    trn_free(&job->fit.in);
    trn_free(&job->others);
    trn_free(&job->path);
}

const trn_command_t trn_command_fit = {
    .name = "fit",
    .summary = "fit a map of rows: pca, whitening, removal of directions, ridge, discriminants",
    .files = "KIND E... -o MAP.h5",
    .description =
        "y = (x - mean) matrix + bias for every row x; `apply` does it. Kinds, by what they are "
        "fitted to:\n"
        "pca E: principal components; whiten E: covariance I (with n - 1), --zca turned back; "
        "slice E: eigenvectors of E^T E, not centered (SliceGPT); soft E: V exp(-alpha s) V^T.\n"
        "remove U: takes off what the rows of U span; calibrate --pairs A B --lambda L: "
        "(I + L M)^-1, M the mean of (a - b)(a - b)^T.\n"
        "procrustes A B: the orthogonal map of A nearest to B; ridge X T: X to T by least squares; "
        "discriminant X... --labels Y: (subclass) discriminant analysis, several X being views of "
        "the same rows.\n"
        "The store has /matrix, /mean, /bias and /values (eigenvalues, or singular values), all "
        "float64; so are all sums, whatever the files hold. The entry of largest size of every "
        "vector is positive.",
    .examples = "whiten the rows of a matrix\ttrunnion fit whiten A.npy --epsilon 0.01 -o W.h5\n"
                "its five principal components\ttrunnion fit pca A.npy --rank 5 -o P.h5",
    .min_files = 1,
    .max_files = 1 + TRN_MAP_VIEWS,
    .operands = TRN_OPERANDS({.name = "KIND"}, TRN_READS("E")),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .rows = true,
                                  .first = first,
                                  .look = look,
                                  .cut = cut,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .kind = "map",
                                  .declare = declare,
                                  .write = write,
                                  .report = report,
                                  .free = job_free},
};
