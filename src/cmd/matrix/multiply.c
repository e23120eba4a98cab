/* multiply.c: the verb `multiply`: C = alpha op(A) op(B) + beta C0, matrices in files. */
#include "algo/matrix/product/multiply.h"

#include "cli/command.h"

#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "C", .required = true, .file.use = TRN_FILE_WRITTEN,
     .help = "file to write, .h5, .npy or .mtx"},
    {"transpose-a", 0, TRN_PARAM_BOOL, "false", .help = "multiply by A transposed"},
    {"transpose-b", 0, TRN_PARAM_BOOL, "false", .help = "multiply by B transposed"},
    {"alpha", 0, TRN_PARAM_REAL, "1", -1e300, 1e300, .help = "factor of the product"},
    {"add", 0, TRN_PARAM_TEXT, .metavar = "C0", .file.use = TRN_FILE_READ,
     .help = "matrix to add, of the product's size"},
    {"beta", 0, TRN_PARAM_REAL, "1", -1e300, 1e300, .needs = "add",
     .help = "factor of the matrix to add"},
    {"algorithm", 0, TRN_PARAM_CHOICE, "auto", .choices = TRN_ALGORITHM_NAMES,
     .help = "how dense operands are multiplied; auto takes the grid that moves least"},
    {"boolean", 0, TRN_PARAM_BOOL, "false",
     .help = "or-and instead of plus-times, where an operand is sparse"},
    {"dtype", 0, TRN_PARAM_CHOICE, "auto", .choices = "auto|f32|f64",
     .help = "numbers to compute with and to write; auto: float32 if both operands are float32, "
             "else float64, to which float32 is converted"},
    {0}};

static trn_multiply_options_t options_of(const trn_run_t *run, const json_t *made_with) {
    const trn_params_t *p = run->params;
    const char *dtype = trn_params_text(p, "dtype");
    return (trn_multiply_options_t){
        .a = run->files[0],
        .b = run->files[1],
        .output = trn_params_text(p, "output"),
        .add = trn_params_text(p, "add"),
        .transpose_a = trn_params_bool(p, "transpose-a"),
        .transpose_b = trn_params_bool(p, "transpose-b"),
        .boolean = trn_params_bool(p, "boolean"),
        .alpha = trn_params_real(p, "alpha"),
        .beta = trn_params_real(p, "beta"),
        .algorithm = trn_algorithm_named(trn_params_text(p, "algorithm")),
        .typed = strcmp(dtype, "auto") != 0,
        .type = strcmp(dtype, "f32") == 0 ? TRN_MATRIX_F32 : TRN_MATRIX_F64,
        .memory = trn_params_size(p, "memory"),
        .threads = run->threads,
        .dry = run->dry,
        .created_by = run->command,
        .params = made_with,
    };
}

/* A dry run for several numbers of ranks. */
typedef struct forecast {
    trn_run_t *run;
    trn_multiply_options_t options;
    json_t *plans;
} forecast_t;

/* A row: what is chosen for so many ranks, and what it takes there. Collective. */
static trn_status_t foretell(void *user, int ranks) {
    forecast_t *f = user;
    json_t *plan = json_object();
    f->options.ranks = ranks;
    trn_status_t status = trn_multiply(f->run->comm, &f->options, plan);
    json_t *bytes = json_object_get(json_object_get(plan, "bytes_per_rank"), "total");
    json_t *row = json_pack("{s:i, s:O}", "ranks", ranks, "bytes_per_rank", bytes);
    static const char *const also[] = {"algorithm", "grid", "words_per_rank", "flops_per_rank"};
    for (size_t i = 0; i < sizeof also / sizeof *also; i++)
        if (json_object_get(plan, also[i]))
            json_object_set(row, also[i], json_object_get(plan, also[i]));
    json_array_append_new(f->plans, row);
    json_decref(plan);
    return status;
}

static trn_status_t run(trn_run_t *run) {
    const char *list = trn_params_text(run->params, "ranks");
    json_t *made_with = trn_params_json(run->params);
    forecast_t f = {run, options_of(run, made_with), json_array()};
    trn_status_t status = list ? trn_ranks_each(list, foretell, &f)
                               : trn_multiply(run->comm, &f.options, run->result);
    if (list) json_object_set(run->result, "plans", f.plans);
    json_decref(f.plans);
    json_decref(made_with);
    return status;
}

const trn_command_t trn_command_multiply = {
    .name = "multiply",
    .summary = "multiply two matrices, dense or sparse",
    .files = "A B -o C",
    .description =
        "C = alpha op(A) op(B) + beta C0, of any files that convert reads; C has the names of the "
        "rows of A. Dense operands are multiplied by Cannon's algorithm on the grid of ranks that "
        "moves fewest words; two sparse operands give a sparse C. --memory bounds a rank: dense "
        "products are cut into pieces that fit, or refused with the amount that would do.",
    .examples =
        "multiply two matrices\ttrunnion multiply A.npy B.npy -o C.npy\n"
        "the Gram matrix of sparse counts\ttrunnion multiply X.h5 X.h5 --transpose-a -o C.h5",
    .min_files = 2,
    .max_files = 2,
    .operands = TRN_OPERANDS(TRN_READS("A"), TRN_READS("B")),
    .blas = true,
    .params = params,
    .plans = true,
    .run = run,
};
