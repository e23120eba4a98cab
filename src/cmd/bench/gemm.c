/* bench gemm: distributed dense products beside ScaLAPACK's and beside BLAS alone. */
#define _POSIX_C_SOURCE 200809L
#include "base/mem.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "cmd/bench/contest/gemm_arm.h"
#include "io/share.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHAPES = 256, MOST_ARMS = 3 };
static const int64_t LARGEST = 1000000000000; /* of one dimension */

/* A number such as 4000 or 1e5, where strtod would take the "0x" of 0x4x5 for hexadecimal. */
static int64_t parse_number(const char *text, char **end) {
    int64_t value = strtoll(text, end, 10);
    if (*end == text || value < 0 || **end != 'e') return *end == text ? -1 : value;
    for (long zeros = strtol(*end + 1, end, 10); zeros > 0 && value < INT64_MAX / 10; zeros--)
        value *= 10;
    return value;
}

/* "4000x4000x128": m, n and k. */
static trn_status_t parse_shape(const char *text, int64_t shape[3]) {
    const char *at = text;
    for (int i = 0; i < 3; i++) {
        char *end;
        shape[i] = parse_number(at, &end);
        if (shape[i] < 0 || shape[i] > LARGEST || *end != (i < 2 ? 'x' : '\0'))
            return trn_fail(TRN_USAGE, "%s: not a shape; write MxNxK, such as 4000x4000x4000",
                            text);
        at = end + 1;
    }
    return TRN_OK;
}

/* Shapes from the arguments and, blank-separated, from the file --shapes. */
static trn_status_t parse_shapes(trn_run_t *run, char *file, int64_t (*shapes)[3], int *count) {
    *count = 0;
    for (int i = 0; i < run->nfiles && *count < MOST_SHAPES; i++)
        TRN_TRY(parse_shape(run->files[i], shapes[(*count)++]));
    char *rest = NULL;
    for (char *word = file ? strtok_r(file, " \t\r\n", &rest) : NULL; word && *count < MOST_SHAPES;
         word = strtok_r(NULL, " \t\r\n", &rest))
        TRN_TRY(parse_shape(word, shapes[(*count)++]));
    if (*count > 0) return TRN_OK;
    return trn_fail(TRN_USAGE, "SHAPE: none given; write MxNxK, such as 4000x4000x4000");
}

/* The case without its sizes, which are the arguments. */
static trn_status_t options_of(const trn_run_t *run, trn_gemm_case_t *c) {
    const char *ops = trn_params_text(run->params, "ops");
    const char *grid = trn_params_text(run->params, "grid");
    *c = (trn_gemm_case_t){
        .type = strcmp(trn_params_text(run->params, "dtype"), "f32") == 0 ? TRN_MATRIX_F32
                                                                          : TRN_MATRIX_F64,
        .transpose_a = ops[0] == 'T',
        .transpose_b = ops[1] == 'T',
        .layout = trn_gemm_layout_named(trn_params_text(run->params, "layout")),
        .algorithm = trn_algorithm_named(trn_params_text(run->params, "algorithm")),
        .memory = trn_params_size(run->params, "memory"),
        .shared = trn_params_bool(run->params, "shared"),
        .block = trn_params_int(run->params, "block"),
        .threads = run->threads,
    };
    if (grid && (sscanf(grid, "%dx%d", &c->grid_rows, &c->grid_cols) != 2 || c->grid_rows < 1 ||
                 c->grid_cols < 1 || c->grid_rows > run->ranks / c->grid_cols))
        return trn_fail(TRN_USAGE, "--grid: %s does not fit %d ranks; write ROWSxCOLS", grid,
                        run->ranks);
    return TRN_OK;
}

/* One line of the result. */
static trn_status_t note(trn_run_t *run, const trn_gemm_case_t *c, const trn_gemm_arm_t *arm,
                         const trn_bench_entry_t *entry, double yardstick) {
    const trn_gemm_figures_t *f = trn_gemm_arm_figures(arm);
    double flops = 2.0 * (double)c->m * (double)c->n * (double)c->k;
    char ops[3] = {c->transpose_a ? 'T' : 'N', c->transpose_b ? 'T' : 'N', 0};
    return trn_bench_case(
        run->result,
        "{s:s,s:I,s:I,s:I,s:i,s:i,s:i,s:i,s:s,s:f,s:f,s:f,s:f,s:s,s:s,s:s,s:f,s:f,s:I,s:I,s:f}",
        "type", c->type == TRN_MATRIX_F32 ? "f32" : "f64", "m", (json_int_t)c->m, "n",
        (json_int_t)c->n, "k", (json_int_t)c->k, "P", run->ranks, "p", f->shape.rows, "q",
        f->shape.cols, "c", f->shape.layers, "alg", f->name, "seconds_min", entry->shortest,
        "seconds_med", entry->median, "gflops",
        entry->median > 0 ? flops / entry->median * 1e-9 : 0.0, "resid", f->residual, "verdict",
        f->residual <= 10 ? "PASSED" : "FAILED", "ops", ops, "layout",
        trn_gemm_layout_name(c->layout), "util", entry->busy, "words", f->words, "peak_bytes",
        (json_int_t)f->peak_bytes, "planned_bytes", (json_int_t)f->planned_bytes, "of_ceiling",
        yardstick > 0 && entry->median > 0 ? yardstick / entry->median : 0.0);
}

static bool wants(const char *against, const char *rival) {
    return strcmp(against, rival) == 0 || strcmp(against, "all") == 0;
}

/* Time one shape: ours, and the rivals asked for, in turn. Collective. */
static trn_status_t run_case(trn_run_t *run, const trn_gemm_case_t *c) {
    const char *against = trn_params_text(run->params, "against");
    trn_gemm_arm_t *arms[MOST_ARMS] = {NULL};
    trn_bench_entry_t entries[MOST_ARMS];
    int count = 0;
    trn_status_t status = trn_gemm_arm_create(&arms[count++], run->comm, c, TRN_GEMM_OURS);
    if (status == TRN_OK && wants(against, "scalapack"))
        status = trn_gemm_arm_create(&arms[count++], run->comm, c, TRN_GEMM_SCALAPACK);
    if (status == TRN_OK && wants(against, "ceiling"))
        status = trn_gemm_arm_create(&arms[count++], run->comm, c, TRN_GEMM_CEILING);
    for (int i = 0; i < count; i++)
        entries[i] = (trn_bench_entry_t){.body = trn_gemm_arm_run, .data = arms[i]};
    int64_t repeats = trn_params_int(run->params, "repeat");
    if (status == TRN_OK) status = trn_bench_race(run->comm, repeats, count, entries);
    for (int i = 0; i < count && status == TRN_OK; i++)
        status = trn_gemm_arm_check(arms[i]);
    double yardstick = wants(against, "ceiling") ? entries[count - 1].median : 0;
    if (run->rank == 0)
        for (int i = 0; i < count && status == TRN_OK; i++)
            status = note(run, c, arms[i], &entries[i], yardstick);
    for (int i = 0; i < count; i++)
        trn_gemm_arm_destroy(&arms[i]);
    return trn_agree(run->comm, status);
}

/* A case, and whose result its plans go into. */
typedef struct planned {
    trn_run_t *run;
    const trn_gemm_case_t *c;
} planned_t;

static trn_status_t predict_on(void *user, int ranks) {
    const planned_t *planned = user;
    return trn_gemm_predict(planned->c, ranks, planned->run->result);
}

/* What each number of ranks of --ranks would do. Rank 0. */
static trn_status_t predict(trn_run_t *run, const trn_gemm_case_t *c) {
    const char *list = trn_params_text(run->params, "ranks");
    planned_t planned = {run, c};
    return list ? trn_ranks_each(list, predict_on, &planned) : predict_on(&planned, run->ranks);
}

static trn_status_t run_all(trn_run_t *run, int64_t (*shapes)[3], int count) {
    bool dry = trn_params_bool(run->params, "dry-run");
    trn_gemm_case_t c;
    TRN_TRY(options_of(run, &c));
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    for (int i = 0; i < count; i++) {
        c.m = shapes[i][0];
        c.n = shapes[i][1];
        c.k = shapes[i][2];
        if (dry)
            TRN_TRY(trn_agree(run->comm, run->rank == 0 ? predict(run, &c) : TRN_OK));
        else
            TRN_TRY(run_case(run, &c));
    }
    return trn_agree(run->comm, run->rank == 0 ? trn_bench_verdict(run->result) : TRN_OK);
}

static trn_status_t run(trn_run_t *run) {
    int64_t shapes[MOST_SHAPES][3] = {{0}};
    int count;
    char *text = NULL;
    const char *file = trn_params_text(run->params, "shapes");
    if (file) TRN_TRY(trn_share_file(run->comm, file, &text));
    trn_status_t status = parse_shapes(run, text, shapes, &count);
    trn_free(&text);
    if (status == TRN_OK) status = run_all(run, shapes, count);
    return status;
}

static const trn_param_t params[] = {
    {"shapes", 0, TRN_PARAM_TEXT, .metavar = "FILE", .help = "more shapes, separated by blanks"},
    {"dtype", 0, TRN_PARAM_CHOICE, "f64", .choices = "f32|f64", .help = "type of the numbers"},
    {"ops", 0, TRN_PARAM_CHOICE, "NN", .choices = "NN|NT|TN|TT",
     .help = "N: as it is, T: transposed; first A, then B"},
    {"layout", 0, TRN_PARAM_CHOICE, "native", .choices = TRN_GEMM_LAYOUT_NAMES,
     .help = "how A, B and C lie before and after: as the plan likes it, bands of rows, or "
             "ScaLAPACK's blocks; relayouts count into the time"},
    {"algorithm", 0, TRN_PARAM_CHOICE, "auto", .choices = TRN_ALGORITHM_NAMES,
     .help = "how to multiply"},
    {"shared", 0, TRN_PARAM_BOOL, "false",
     .help = "keep A and B in memory that the ranks of a node share: a shift is then a pointer"},
    {"block", 0, TRN_PARAM_INT, "128", 1, 65536,
     .needs = "layout=blockcyclic,against=scalapack|all",
     .help = "side of the blocks of layout blockcyclic, and of the rival's"},
    {"grid", 0, TRN_PARAM_TEXT, .metavar = "ROWSxCOLS",
     .needs = "layout=blockcyclic,against=scalapack|all",
     .help =
         "grid of layout blockcyclic, and of the rival; default the one that moves fewest words"},
    {"repeat", 0, TRN_PARAM_INT, "5", 1, 1000000,
     .help = "timed runs of each case, after one to warm up"},
    {"against", 0, TRN_PARAM_CHOICE, "none", .choices = "none|scalapack|ceiling|all",
     .help = "time rivals in turn with ours: p?gemm on the same data (or the same shape, "
             "block-cyclic), and the local BLAS on a rank's part of the work without any message"},
    {0}};

const trn_command_t trn_bench_gemm = {
    .name = "bench gemm",
    .summary = "time distributed matrix products, beside ScaLAPACK and bare BLAS",
    .files = "MxNxK...",
    .description =
        "Multiplies random matrices, C[m x n] = op(A) op(B), and checks C by Freivalds' method: "
        "resid is the largest |C x - A (B x)| for x of random signs over eps sqrt(k) |A| |B| |x|, "
        "and passes up to 10. Columns: P ranks as p x q x c; seconds shortest and median; gflops "
        "by "
        "the median; util, CPU seconds a second of the idlest rank; words received by the rank "
        "that "
        "receives most; peak_bytes of matrices and buffers per rank as the system counts them, and "
        "what was planned; of_ceiling, the ceiling's time over this one.",
    .max_files = MOST_SHAPES,
    .params = params,
    .plans = true,
    .run = run,
};
