/* spectrum.c: the verb `spectrum`: effective ranks, norms and scores of a matrix, or of groups of
 * its rows. */
#include "algo/rows/spectrum.h"

#include "algo/rows/lidar.h"
#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "GROUPS.h5", .file = TRN_STORE_WRITTEN,
     .needs = "groups", .help = "store to write: /group, /size and each measure, a group a row"},
    {"groups", 'g', TRN_PARAM_TEXT, .metavar = "LABELS", .file.use = TRN_FILE_READ,
     .help =
         "a whole number for each row, such as a line of .npy: measure every group of rows with "
         "the same; those with a negative one are left out"},
    {"center", 0, TRN_PARAM_BOOL, "false",
     .help = "take column means off first, those of the matrix or of each group"},
    {"top", 0, TRN_PARAM_INT, NULL, 1, 1e9, .metavar = "R",
     .help = "also dope: the entropy rank of the R largest squared singular values"},
    {"epsilon", 0, TRN_PARAM_REAL, "0", 0, 1,
     .help = "added to each part before the entropy of rankme and lidar; the paper on RankMe adds "
             "1e-7"},
    {"kurtosis", 0, TRN_PARAM_BOOL, "false",
     .help = "mean excess kurtosis of the rows, and kurtosis_osp, not centered and clipped at 0"},
    {"eigenscore", 0, TRN_PARAM_BOOL, "false",
     .help = "mean log10 eigenvalue of the covariance between rows, of each group or all rows"},
    {"alpha", 0, TRN_PARAM_REAL, "1e-3", 0, 1e300, .needs = "eigenscore",
     .help = "added to these eigenvalues"},
    {"volume", 0, TRN_PARAM_BOOL, "false",
     .help = "log determinant of the products of rows of length 1, of each group or all rows"},
    {"volume-epsilon", 0, TRN_PARAM_REAL, "1e-10", 0, 1e300, .needs = "volume",
     .help = "added to the diagonal of these products"},
    {"lidar", 0, TRN_PARAM_BOOL, "false", .needs = "groups",
     .help = "effective rank of what tells the groups, as classes of one size, apart"},
    {"delta", 0, TRN_PARAM_REAL, "1e-4", 0, 1e300, .needs = "lidar",
     .help = "added to the diagonal of the covariance within classes"},
    {"unequal", 0, TRN_PARAM_BOOL, "false", .needs = "lidar",
     .help = "take classes of other sizes, weighted by their rows"},
    {0}};

/* Measures of all rows come from one Gram matrix, those of groups from the rows of each; all rows
 * are one group where a measure is of pairs of rows. */
typedef struct job {
    trn_tall_in_t a; /* first: the program looks at it */
    trn_measures_how_t how;
    trn_lidar_how_t lidar_how;
    bool grouped, lidar; /* grouped: by --groups, or all rows as one group */
    trn_groups_t groups;
    int64_t first, own;  /* groups of this rank */
    double *out, *means; /* of this rank's groups: [groups x TRN_MEASURES], [groups x cols] */
    double value[TRN_MEASURES]; /* of the matrix, or means over groups */
    double lidar_value;
    int64_t flat;
} job_t;

static void parse(const trn_run_t *run, job_t *job) {
    const trn_params_t *p = run->params;
    trn_measures_how_t *how = &job->how;
    for (int i = TRN_RANKME; i <= TRN_STABLE_RANK; i++)
        how->want[i] = i != TRN_DOPE || trn_params_given(p, "top");
    how->want[TRN_KURTOSIS] = how->want[TRN_KURTOSIS_OSP] = trn_params_bool(p, "kurtosis");
    how->want[TRN_EIGENSCORE] = trn_params_bool(p, "eigenscore");
    how->want[TRN_VOLUME] = trn_params_bool(p, "volume");
    how->center = trn_params_bool(p, "center");
    if (how->want[TRN_DOPE]) how->top = trn_params_int(p, "top");
    how->epsilon = trn_params_real(p, "epsilon");
    how->alpha = trn_params_real(p, "alpha");
    how->volume_epsilon = trn_params_real(p, "volume-epsilon");
    job->lidar = trn_params_bool(p, "lidar");
    job->lidar_how = (trn_lidar_how_t){trn_params_real(p, "delta"), how->epsilon,
                                       trn_params_bool(p, "unequal"), run->threads};
    job->grouped = trn_params_given(p, "groups") || trn_measures_of_pairs(how);
    job->a.spared = job->grouped; /* rows are looked at where they are asked for */
}

/* Collective. */
static trn_status_t read_groups(const trn_run_t *run, job_t *job) {
    const char *list = trn_params_text(run->params, "groups");
    int64_t rows = job->a.in.info.rows;
    trn_ids_t labels = {0};
    if (!list) return trn_agree(run->comm, trn_groups_whole(&job->groups, rows));
    TRN_TRY(trn_ids_read(&labels, run->comm, list));
    trn_status_t status = trn_ids_of_rows(&labels, rows, job->a.in.path);
    if (status == TRN_OK) status = trn_groups_create(&job->groups, &labels);
    trn_ids_free(&labels);
    return trn_agree(run->comm, status);
}

/* What can be measured of it. Local. */
static trn_status_t check(const job_t *job) {
    const trn_matrix_info_t *info = &job->a.in.info;
    const char *path = job->a.in.path;
    int64_t side = info->rows < info->cols ? info->rows : info->cols;
    if (side == 0) return trn_fail(TRN_INPUT, "%s: an empty matrix has no spectrum", path);
    if (job->how.want[TRN_EIGENSCORE] && info->cols < 2)
        return trn_fail(TRN_INPUT, "%s: one column has no covariance between rows", path);
    if (job->lidar) TRN_TRY(trn_lidar_check(&job->groups, info->cols, &job->lidar_how, path));
    if (job->grouped) return trn_spectrum_groups_check(&job->groups, &job->how, info->cols, path);
    if (side <= TRN_MEASURES_SIDE) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: %lld x %lld; a spectrum takes %d rows or columns at most: take the "
                    "largest values by svd --rank",
                    path, (long long)info->rows, (long long)info->cols, (int)TRN_MEASURES_SIDE);
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    parse(run, job);
    if (job->grouped && info->rows > 0) TRN_TRY(read_groups(run, job));
    TRN_TRY(check(job));
    TRN_TRY(trn_run_note(run, json_pack("{s:I, s:I}", "rows", (json_int_t)info->rows, "cols",
                                        (json_int_t)info->cols)));
    if (!job->grouped) return TRN_OK;
    return trn_run_note(run, json_pack("{s:I, s:I, s:I}", "groups", (json_int_t)job->groups.count,
                                       "smallest_group", (json_int_t)job->groups.smallest,
                                       "largest_group", (json_int_t)job->groups.largest));
}

/* Labels and groups lie on every rank, results of groups on that which has them. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    if (job->grouped) trn_groups_plan(ledger, info->rows);
    trn_tall_in_plan(ledger, &job->a, job->a.streams, ranks, rank);
    if (!job->grouped) {
        trn_spectrum_plan(ledger, info, &job->how, ranks, rank);
        return;
    }
    int64_t own = trn_groups_first(&job->groups, ranks, rank + 1) -
                  trn_groups_first(&job->groups, ranks, rank);
    trn_ledger_take(ledger, "spectra", own * (TRN_MEASURES + (job->lidar ? info->cols : 0)),
                    sizeof(double));
    trn_spectrum_groups_plan(ledger, &job->groups, &job->how, info->cols, ranks);
    if (job->lidar) trn_lidar_plan(ledger, &job->groups, info->cols, ranks, rank);
}

/* Products of the shorter side, of the matrix or of a group, and eigenvalues. */
static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    const trn_matrix_info_t *info = &job->a.in.info;
    double n = (double)(info->rows < info->cols ? info->rows : info->cols);
    if (job->grouped && (double)job->groups.largest < n) n = (double)job->groups.largest;
    double numbers = (double)info->rows * (double)info->cols;
    *cost = (trn_cost_t){.flops = numbers * n + 2 * n * n * n, .file_bytes = 4 * numbers};
    if (job->lidar) cost->flops += numbers * (double)info->cols;
}

/* The measures in one pass; LiDAR, which wants the means of all groups first, in another.
 * Collective. */
static trn_status_t work_in_groups(trn_run_t *run, job_t *job) {
    int64_t cols = job->a.in.info.cols;
    job->first = trn_groups_first(&job->groups, run->ranks, run->rank);
    job->own = trn_groups_first(&job->groups, run->ranks, run->rank + 1) - job->first;
    trn_status_t status = trn_alloc(&job->out, job->own * TRN_MEASURES, sizeof(double), "measures");
    if (status == TRN_OK && job->lidar)
        status = trn_alloc(&job->means, job->own * cols, sizeof(double), "means of groups");
    TRN_AGREE(run->comm, status);
    TRN_TRY(trn_spectrum_groups(&job->a, &job->groups, &job->how, job->out, job->means));
    TRN_TRY(trn_spectrum_means(&job->groups, run->comm, job->out, job->value));
    if (!job->lidar) return TRN_OK;
    status = trn_lidar(&job->groups, job->a.tall, job->means, &job->lidar_how, &job->lidar_value);
    trn_free(&job->means);
    return trn_tall_in_outcome(&job->a, status);
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    TRN_TRY(trn_tall_in_open(&job->a, run->comm, job->a.streams));
    trn_status_t status =
        job->grouped ? work_in_groups(run, job)
                     : trn_spectrum(&job->a, &job->how, run->threads, job->value, &job->flat);
    trn_tall_in_close(&job->a);
    return status;
}

static trn_status_t declare(void *user, trn_store_t *store) {
    const job_t *job = user;
    char name[64];
    TRN_TRY(trn_store_dataset(store, "/group", TRN_I64, job->groups.count, 0));
    TRN_TRY(trn_store_dataset(store, "/size", TRN_I64, job->groups.count, 0));
    for (int i = 0; i < TRN_MEASURES; i++) {
        if (!job->how.want[i]) continue;
        snprintf(name, sizeof name, "/%s", trn_measure_names[i]);
        TRN_TRY(trn_store_dataset(store, name, TRN_F64, job->groups.count, 0));
    }
    return job->lidar ? trn_store_set_real(store, "/", "lidar", job->lidar_value) : TRN_OK;
}

/* One column of the measures, through `column`. */
static trn_status_t write_columns(const job_t *job, trn_store_t *store, double *column) {
    char name[64];
    for (int i = 0; i < TRN_MEASURES; i++) {
        if (!job->how.want[i]) continue;
        for (int64_t k = 0; k < job->own; k++)
            column[k] = job->out[k * TRN_MEASURES + i];
        snprintf(name, sizeof name, "/%s", trn_measure_names[i]);
        TRN_TRY(trn_store_write(store, name, job->first, job->own, column));
    }
    return TRN_OK;
}

/* Groups are dealt in ascending order, so a rank's are a band of each dataset. */
static trn_status_t write(const void *user, trn_store_t *store) {
    const job_t *job = user;
    const trn_groups_t *g = &job->groups;
    int64_t *size = NULL, first = job->first, own = job->own;
    double *column = NULL;
    trn_status_t status = trn_alloc(&size, own, sizeof *size, "sizes of groups");
    TRN_OR(done, status);
    TRN_OR(done, trn_alloc(&column, own, sizeof *column, "measures"));
    for (int64_t k = 0; k < own; k++)
        size[k] = g->start[first + k + 1] - g->start[first + k];
    TRN_OR(done, trn_store_write(store, "/group", first, own, g->label + first));
    TRN_OR(done, trn_store_write(store, "/size", first, own, size));
    status = write_columns(job, store, column);
done:
    trn_free(&size);
    trn_free(&column);
    return status;
}

/* JSON has no NaN, which is what a measure that there is not is. */
static json_t *real_or_null(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    json_t *values = json_object();
    for (int i = 0; i < TRN_MEASURES; i++)
        if (job->how.want[i])
            json_object_set_new(values, trn_measure_names[i], real_or_null(job->value[i]));
    if (job->how.epsilon > 0)
        TRN_TRY(trn_run_note(run, json_pack("{s:f}", "epsilon", job->how.epsilon)));
    if (job->flat > 0)
        TRN_TRY(
            trn_run_note(run, json_pack("{s:I}", "rows_without_kurtosis", (json_int_t)job->flat)));
    if (job->lidar) TRN_TRY(trn_run_note(run, json_pack("{s:f}", "lidar", job->lidar_value)));
    bool means = trn_params_given(run->params, "groups");
    return trn_run_note(run, means ? json_pack("{s:o}", "means", values) : values);
}

static void job_free(void *user) {
    job_t *job = user;
    trn_groups_free(&job->groups);
    trn_free(&job->out);
    trn_free(&job->means);
}

const trn_command_t trn_command_spectrum = {
    .name = "spectrum",
    .summary = "measure a matrix by its singular values: effective ranks, norms, scores of groups",
    .files = "A [--groups LABELS -o GROUPS.h5]",
    .description =
        "Of A, or with --groups of every group of its rows: rankme (exp of the entropy of singular "
        "values s, as parts of their sum), entropy_rank (the same of s^2), nuclear (sum s), "
        "frobenius, spectral (the largest s), stable_rank (sum s^2 over the largest), and what is "
        "asked for. A is any file that convert reads, and may be larger than --memory; sums are in "
        "float64, and the number of ranks does not change a bit. Singular values come from "
        "products "
        "of the shorter side, at most 4096 long; those below 1e-8 to 1e-6 of the largest, which "
        "rounding hides there, count as 0. Rows of a group may stand anywhere. A matrix of zeros "
        "has "
        "ranks of 0; a measure that a group does not have is NaN in the store and left out of "
        "means.",
    .examples =
        "effective ranks of vectors\ttrunnion spectrum A.npy --center\n"
        "scores of groups of rows\ttrunnion spectrum A.npy --groups labels.txt --eigenscore -o "
        "groups.h5",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("A")),
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .rows = true,
                                  .look = look,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .kind = "spectrum",
                                  .declare = declare,
                                  .write = write,
                                  .report = report,
                                  .free = job_free},
};
