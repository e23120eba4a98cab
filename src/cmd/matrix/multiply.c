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

static trn_status_t run(trn_run_t *run) {
    const char *output = trn_params_text(run->params, "output");
    const char *dtype = trn_params_text(run->params, "dtype");
    bool dry = trn_params_bool(run->params, "dry-run");
    json_t *made_with = trn_params_json(run->params);
    trn_multiply_options_t options = {
        .a = run->files[0],
        .b = run->files[1],
        .output = output,
        .add = trn_params_text(run->params, "add"),
        .transpose_a = trn_params_bool(run->params, "transpose-a"),
        .transpose_b = trn_params_bool(run->params, "transpose-b"),
        .boolean = trn_params_bool(run->params, "boolean"),
        .alpha = trn_params_real(run->params, "alpha"),
        .beta = trn_params_real(run->params, "beta"),
        .algorithm = trn_algorithm_named(trn_params_text(run->params, "algorithm")),
        .typed = strcmp(dtype, "auto") != 0,
        .type = strcmp(dtype, "f32") == 0 ? TRN_MATRIX_F32 : TRN_MATRIX_F64,
        .memory = trn_params_size(run->params, "memory"),
        .threads = run->threads,
        .dry = dry,
        .created_by = run->command,
        .params = made_with,
    };
    trn_status_t status = trn_multiply(run->comm, &options, run->result);
    json_decref(made_with);
    return status;
}

const trn_command_t trn_command_multiply = {
    .name = "multiply",
    .summary = "multiply two matrices, dense or sparse",
    .files = "A B -o C",
    .description =
        "C = alpha op(A) op(B) + beta C0. Files are .npy, Matrix Market (.mtx, read also as "
        ".mtx.gz, "
        ".mtx.bz2, .mtx.xz, .mtx.zst) or HDF5 stores (.h5: matrices, embeddings, co-occurrence "
        "counts); the "
        "endings tell. Dense operands are multiplied by Cannon's algorithm on the grid of ranks "
        "that moves fewest words; two sparse operands give a sparse C. --memory bounds a rank: "
        "dense products are cut into pieces that fit, or refused with the amount that would do.",
    .min_files = 2,
    .max_files = 2,
    .operands = TRN_OPERANDS(TRN_READS("A"), TRN_READS("B")),
    .blas = true,
    .params = params,
    .run = run,
};
