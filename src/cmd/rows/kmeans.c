/* kmeans.c: the verb `kmeans`: clusters of the rows of a matrix. */
#include "algo/cluster/two_level.h"
#include "base/mem.h"
#include "cli/rows/clustering.h"
#include "mpi/agree.h"

#include <stdlib.h>
#include <string.h>

static const trn_param_t params[] = {
    {"k", 'k', TRN_PARAM_TEXT, .metavar = "K[,K...]",
     .help = "how many clusters; several numbers: one after the other, the objective of each is "
             "told, and the last is kept"},
    {"two-level", 0, TRN_PARAM_TEXT, .metavar = "K1xK2", .excludes = "k assign",
     .help = "K1 cells, and K2 clusters within each: for very many clusters"},
    {"assign", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .excludes = "k start starts steps tolerance empty",
     .help = "no clustering: the nearest of the centers in FILE for each row"},
    {"reassign", 0, TRN_PARAM_BOOL, "true", .needs = "two-level",
     .help = "in the end give every row the nearest of all centers, not of its cell's only: one "
             "pass that costs as much as a step of one level"},
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "C.h5", .required = true, .file = TRN_STORE_WRITTEN,
     .help = "store to write"},
    {"labels", 0, TRN_PARAM_TEXT, .metavar = "L.npy", .file.use = TRN_FILE_WRITTEN,
     .help = "a file for the labels alone, one a row"},
    {"dtype", 0, TRN_PARAM_CHOICE, "f32", .choices = "f32|f64",
     .help = "numbers of /codebook; labels are those of the float64 centers"},
    TRN_CLUSTERING_PARAMS(NULL),
    {0}};

enum { LISTED = 64 /* numbers of clusters, at most */ };

/* Rows, options and what came out. */
typedef struct job {
    trn_tall_in_t a; /* first: the program looks at it */
    trn_kmeans_options_t options;
    trn_two_level_options_t two; /* k1 0: one level */
    trn_codebook_t book;         /* given centers */
    int64_t k[LISTED];           /* [count] */
    int count;
    const char *labels;
    trn_dtype_t type;
    trn_kmeans_t found;
    trn_two_level_t cells;
    json_t *elbow; /* a row for each k */
    bool first;    /* rank 0 */
    int64_t first_row;
} job_t;

static trn_status_t parse_list(const trn_run_t *run, job_t *job) {
    static const trn_numbers_rule_t rule = {LISTED, 1, 9e15, true, "8,16,32"};
    double k[LISTED];
    TRN_TRY(trn_params_numbers(run->params, "k", &rule, k, &job->count));
    for (int i = 0; i < job->count; i++)
        job->k[i] = (int64_t)k[i];
    return TRN_OK;
}

/* "1000x1000". */
static trn_status_t parse_levels(job_t *job, const char *text) {
    char *end;
    long long k1 = strtoll(text, &end, 10), k2 = *end == 'x' ? strtoll(end + 1, &end, 10) : 0;
    if (k1 < 1 || k2 < 1 || *end || k1 > INT32_MAX || k2 > INT32_MAX)
        return trn_fail(TRN_USAGE, "--two-level: %s; write two numbers from 1: 1000x1000", text);
    job->two.k1 = k1;
    job->two.k2 = k2;
    return TRN_OK;
}

/* How many clusters, by options or by the centers that are given. */
static trn_status_t count_clusters(const trn_run_t *run, job_t *job) {
    const char *list = trn_params_text(run->params, "k");
    const char *levels = trn_params_text(run->params, "two-level");
    if (levels) return parse_levels(job, levels);
    if (list) TRN_TRY(parse_list(run, job));
    if (!job->book.center)
        return list ? TRN_OK : trn_fail(TRN_USAGE, "-k, --two-level or --assign must be given");
    if (!list) {
        job->k[job->count++] = job->book.k;
    }
    if (job->count == 1 && job->k[0] == job->book.k) return TRN_OK;
    return trn_fail(TRN_USAGE, "-k %s: %s has %lld centers", list, job->book.path,
                    (long long)job->book.k);
}

/* Nothing but labels: no step from the centers of a file. Collective. */
static trn_status_t take_centers(trn_run_t *run, job_t *job) {
    const char *assign = trn_params_text(run->params, "assign");
    int64_t cols = job->a.in.info.cols;
    if (!assign) return trn_clustering_of(run, cols, &job->options, &job->book);
    TRN_TRY(trn_codebook_read(&job->book, run->comm, assign, false));
    job->options = (trn_kmeans_options_t){.start = TRN_KMEANS_GIVEN,
                                          .starts = 1,
                                          .given = job->book.center,
                                          .unit = trn_params_bool(run->params, "spherical"),
                                          .threads = run->threads};
    return trn_clustering_fits(&job->book, cols);
}

/* Before any work: a file that cannot be written is refused at once. */
static trn_status_t place_labels(const trn_run_t *run, job_t *job) {
    job->labels = trn_params_text(run->params, "labels");
    trn_rows_make_t make = {.rows = job->a.in.info.rows, .cols = 1, .type = TRN_I32};
    return job->labels ? trn_rows_place(run->comm, job->labels, &make, false) : TRN_OK;
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    job->first = run->rank == 0;
    job->first_row = trn_tall_start(run->comm, job->a.in.info.rows, run->rank);
    job->a.single = job->a.in.info.type == TRN_MATRIX_F32;
    job->type = trn_dtype_named(trn_params_text(run->params, "dtype"));
    TRN_TRY(take_centers(run, job));
    TRN_AGREE(run->comm, count_clusters(run, job));
    int64_t most = job->two.k1 ? job->two.k1 : 0;
    for (int i = 0; i < job->count; i++)
        if (job->k[i] > most) most = job->k[i];
    if (!job->options.given && most > job->a.in.info.rows)
        return trn_fail(TRN_INPUT, "%s: %lld clusters of %lld rows; ask for no more than there are",
                        job->a.in.path, (long long)most, (long long)job->a.in.info.rows);
    if (job->two.k1 && job->options.given && job->two.k1 != job->book.k)
        return trn_fail(TRN_USAGE, "--two-level: %lld cells, but %s has %lld centers",
                        (long long)job->two.k1, job->book.path, (long long)job->book.k);
    job->two.coarse = job->options;
    job->two.reassign = trn_params_bool(run->params, "reassign");
    return place_labels(run, job);
}

/* Several numbers of clusters come one after the other, and only the last result stays. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    int64_t own = trn_tall_rows(info->rows, ranks, rank);
    trn_ledger_take(ledger, "centers", job->book.k * job->book.width, sizeof(double));
    trn_ledger_t before = *ledger;
    trn_tall_in_plan(ledger, &job->a, job->a.streams, ranks, rank);
    trn_dtype_t type = job->a.single ? TRN_F32 : TRN_F64;
    if (job->two.k1)
        trn_two_level_plan(ledger, info->rows, own, info->cols, type, &job->two, ranks);
    for (int i = 0; i < job->count; i++) {
        trn_ledger_t each = *ledger;
        trn_kmeans_options_t options = job->options;
        options.k = job->k[i];
        trn_kmeans_plan(ledger, own, info->cols, &options);
        if (i + 1 < job->count) trn_ledger_back(ledger, &each);
    }
    trn_ledger_back(ledger, &before);
    int64_t k = job->two.k1 ? job->two.k1 * job->two.k2 : job->count ? job->k[job->count - 1] : 0;
    int64_t bytes = own * 4 + (rank == 0 ? k * (info->cols * 4 + 24) : 0);
    trn_ledger_take(ledger, "labels", own, 12);
    trn_ledger_take(ledger, "centers", k / (job->two.k1 ? ranks : 1) * info->cols, 8);
    trn_ledger_take(ledger, "saving", trn_store_write_bytes(bytes), 1);
    trn_ledger_back(ledger, &before);
}

/* Cells take their rows along in as many rounds as memory asks for. */
static trn_status_t cut(trn_run_t *run, void *user, int ranks) {
    job_t *job = user;
    int64_t limit = trn_params_size(run->params, "memory");
    job->two.rounds = 1;
    job->a.streams = limit > 0 && job->two.k1 > 0; /* rows are held once, sorted by cell */
    while (job->two.k1 && limit > 0 && job->two.rounds < job->two.k1 &&
           trn_estimate_bytes(ranks, plan, job) > limit)
        job->two.rounds *= 2;
    return TRN_OK;
}

/* A step is a product of rows with centers; passes over the file count once, for memory holds most.
 */
static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    double cells = (double)job->two.k1, within = (double)job->two.k2, all = 0;
    double passes = (double)job->options.steps + 1,
           numbers = (double)info->rows * (double)info->cols;
    for (int i = 0; i < job->count; i++)
        all += (double)job->k[i] * passes * job->options.starts;
    if (job->two.k1) all = (cells + within) * passes + (job->two.reassign ? cells * within : 0);
    *cost = (trn_cost_t){.flops = 2 * numbers * all, .file_bytes = 4 * numbers};
}

/* Collective. */
static trn_status_t save_labels(const trn_run_t *run, const job_t *job) {
    const int32_t *label = job->two.k1 ? job->cells.label : job->found.label;
    trn_rows_out_t *out = NULL;
    int64_t rows = job->a.in.info.rows;
    trn_rows_make_t make = {.rows = rows,
                            .cols = 1,
                            .own_first = trn_tall_start(run->comm, rows, run->rank),
                            .own_rows = trn_tall_rows(rows, run->ranks, run->rank),
                            .type = TRN_I32,
                            .created_by = run->command};
    if (!job->labels) return TRN_OK;
    trn_status_t status = trn_rows_create(&out, run->comm, job->labels, &make);
    if (status == TRN_OK)
        status = trn_rows_write(out, make.own_first, make.own_rows, TRN_I32, label);
    return trn_rows_commit(&out, status);
}

/* One number of clusters after the other; the last stays. Collective. */
static trn_status_t cluster_all(trn_run_t *run, job_t *job, const trn_cluster_rows_t *rows) {
    job->elbow = json_array();
    for (int i = 0; i < job->count; i++) {
        trn_kmeans_free(&job->found);
        job->options.k = job->k[i];
        TRN_TRY(trn_kmeans(&job->found, rows, &job->options));
        json_array_append_new(job->elbow, trn_clustering_figures(&job->found));
    }
    TRN_AGREE(run->comm, json_array_size(job->elbow) == (size_t)job->count
                             ? TRN_OK
                             : trn_fail(TRN_MEMORY, "no memory for a result"));
    return TRN_OK;
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    TRN_TRY(trn_tall_in_open(&job->a, run->comm, job->a.streams));
    trn_cluster_rows_t rows = trn_cluster_rows_of(&job->a);
    trn_status_t status =
        job->two.k1 ? trn_two_level(&job->cells, &rows, &job->two) : cluster_all(run, job, &rows);
    trn_tall_in_close(&job->a); /* what rows hold goes before anything is written */
    return status == TRN_OK ? save_labels(run, job) : status;
}

static trn_status_t declare(void *user, trn_store_t *store) {
    const job_t *job = user;
    int64_t rows = job->a.in.info.rows;
    if (!job->two.k1) return trn_clustering_declare(store, &job->found, rows, job->type);
    TRN_TRY(trn_codebook_declare(store, 1, job->cells.k, job->cells.cols, job->type));
    TRN_TRY(trn_store_dataset(store, "/labels", TRN_I32, rows, 0));
    TRN_TRY(trn_store_dataset(store, "/sizes", TRN_I64, job->cells.k, 0));
    return trn_store_dataset(store, "/objective", TRN_F64, job->two.reassign ? 2 : 1, 0);
}

/* Labels by every rank, what all have by the first; of cells each rank has centers of its own. */
static trn_status_t write(const void *user, trn_store_t *store) {
    const job_t *job = user;
    const trn_two_level_t *cells = &job->cells;
    if (!job->two.k1)
        return trn_clustering_write(store, job->first, &job->found, job->first_row, job->type);
    trn_view_t center = {TRN_F64, cells->count, cells->cols, cells->cols, cells->center};
    const double objective[2] = {cells->within, cells->reassigned};
    TRN_TRY(trn_codebook_write(store, cells->first, center, job->type));
    TRN_TRY(trn_store_write(store, "/labels", job->first_row, cells->rows, cells->label));
    if (!job->first) return TRN_OK;
    TRN_TRY(trn_store_write(store, "/sizes", 0, cells->k, cells->size));
    return trn_store_write(store, "/objective", 0, job->two.reassign ? 2 : 1, objective);
}

static trn_status_t report(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_two_level_t *cells = &job->cells;
    json_t *figures = json_pack("{s:I, s:I}", "rows", (json_int_t)job->a.in.info.rows, "cols",
                                (json_int_t)job->a.in.info.cols);
    if (job->two.k1) {
        json_object_update_new(
            figures, json_pack("{s:I, s:f, s:I, s:I, s:I, s:I}", "clusters", (json_int_t)cells->k,
                               "objective_within", cells->within, "empty", (json_int_t)cells->empty,
                               "smallest_cell", (json_int_t)cells->smallest, "largest_cell",
                               (json_int_t)cells->largest, "rounds", (json_int_t)cells->rounds));
        if (job->two.reassign)
            json_object_set_new(figures, "objective", json_real(cells->reassigned));
    } else {
        json_object_update(figures, json_array_get(job->elbow, (size_t)job->count - 1));
    }
    if (job->count > 1) json_object_set(figures, "elbow", job->elbow);
    return trn_run_note(run, figures);
}

static void job_free(void *user) {
    job_t *job = user;
    trn_codebook_free(&job->book);
    trn_kmeans_free(&job->found);
    trn_two_level_free(&job->cells);
    json_decref(job->elbow);
}

const trn_command_t trn_command_kmeans = {
    .name = "kmeans",
    .summary = "find clusters of the rows of a matrix, or the nearest of given centers",
    .files = "E -o C.h5",
    .description =
        "Lloyd's k-means over all rows of E, which is any file that convert reads and may be "
        "larger than --memory: nothing is sampled. A row belongs to the nearest center by float64 "
        "distance, of equals the first. C.h5 is of kind codebook: /codebook, a center a row; "
        "/labels of the rows, /sizes of the clusters, /objective (the sum of squared distances) "
        "before each step and at the end, and the rows of /start. Neither ranks nor threads nor "
        "--memory change a bit. With --two-level the objective is that within the cells, and, "
        "after "
        "--reassign, that of the nearest of all centers.",
    .examples = "clusters of rows, and labels of their own\ttrunnion kmeans A.npy -k 5 -o C.h5 "
                "--labels L.npy\n"
                "how many are enough?\ttrunnion kmeans A.npy -k 2,4,8 --start kmeans++ --starts 3 "
                "-o C.h5",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("E")),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .rows = true,
                                  .look = look,
                                  .cut = cut,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .kind = "codebook",
                                  .seeded = true,
                                  .declare = declare,
                                  .write = write,
                                  .report = report,
                                  .free = job_free},
};
