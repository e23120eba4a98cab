/* bench rows: a made-up matrix of any size, in a file of any format, for runs that no data at hand
 * is large enough for. */
#include "io/rows/rows.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/watch.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 4096 /* rows written at a time */, DRAWN = 4 /* numbers of one draw */ };

typedef struct made {
    int64_t rows, cols, clusters;
    double noise;
    uint64_t seed;
    float *center; /* [clusters x cols] */
    float *scale;  /* [cols] of the noise, falling as 1 / sqrt(1 + column): a spectrum to find */
} made_t;

static void draw(uint64_t seed, uint64_t row, uint32_t step, int64_t cols, float *to) {
    double u[DRAWN];
    for (int64_t j = 0; j < cols; j++) {
        if (j % DRAWN == 0)
            trn_rng_uniform(seed, row, (uint32_t)(j / DRAWN), step, TRN_RNG_GRAPH, u);
        to[j] = (float)(u[j % DRAWN] - 0.5);
    }
}

static trn_status_t prepare(made_t *m) {
    TRN_TRY(trn_alloc(&m->center, m->clusters * m->cols, sizeof *m->center, "centers"));
    TRN_TRY(trn_alloc(&m->scale, m->cols, sizeof *m->scale, "scales"));
    for (int64_t k = 0; k < m->clusters; k++)
        draw(m->seed, (uint64_t)k, 1, m->cols, m->center + k * m->cols);
    for (int64_t j = 0; j < m->cols; j++)
        m->scale[j] = (float)(m->noise / sqrt(1 + (double)j));
    return TRN_OK;
}

static void make_row(const made_t *m, int64_t i, float *row) {
    double u[DRAWN];
    trn_rng_uniform(m->seed, (uint64_t)i, 0, 2, TRN_RNG_GRAPH, u);
    int64_t k = (int64_t)(u[0] * (double)m->clusters);
    const float *center = m->center + (k < m->clusters ? k : m->clusters - 1) * m->cols;
    draw(m->seed, (uint64_t)i, 0, m->cols, row);
    for (int64_t j = 0; j < m->cols; j++)
        row[j] = center[j] + m->scale[j] * row[j];
}

/* This rank's rows, a block at a time. Local. */
static trn_status_t write_rows(const made_t *m, trn_rows_out_t *out, int64_t first, int64_t end) {
    float *block;
    trn_status_t status = trn_alloc(&block, BLOCK * m->cols, sizeof *block, "rows");
    for (; first < end && status == TRN_OK; first += BLOCK) {
        int64_t count = end - first < BLOCK ? end - first : BLOCK;
        for (int64_t i = 0; i < count; i++)
            make_row(m, first + i, block + i * m->cols);
        status = trn_rows_write(out, first, count, TRN_F32, block);
        trn_watch_tick();
    }
    trn_free(&block);
    return status;
}

static trn_dtype_t type_named(const char *name) {
    return strcmp(name, "f64") == 0    ? TRN_F64
           : strcmp(name, "bf16") == 0 ? TRN_BF16
           : strcmp(name, "f16") == 0  ? TRN_F16
                                       : TRN_F32;
}

static trn_status_t write_file(const trn_run_t *run, const made_t *m, const char *path,
                               trn_dtype_t type) {
    int64_t first = trn_part_start(m->rows, run->ranks, run->rank);
    int64_t end = trn_part_start(m->rows, run->ranks, run->rank + 1);
    trn_rows_out_t *out;
    trn_rows_make_t make = {.rows = m->rows,
                            .cols = m->cols,
                            .own_first = first,
                            .own_rows = end - first,
                            .type = type,
                            .lossy = true,
                            .created_by = run->command};
    TRN_TRY(trn_rows_create(&out, run->comm, path, &make));
    return trn_rows_commit(&out, write_rows(m, out, first, end));
}

static trn_status_t run(trn_run_t *run) {
    const trn_params_t *p = run->params;
    made_t m = {.rows = trn_params_int(p, "rows"),
                .cols = trn_params_int(p, "cols"),
                .clusters = trn_params_int(p, "clusters"),
                .noise = trn_params_real(p, "noise"),
                .seed = (uint64_t)trn_params_int(p, "seed")};
    trn_dtype_t type = type_named(trn_params_text(p, "dtype"));
    double start = trn_seconds();
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    trn_status_t status = trn_agree(run->comm, prepare(&m));
    if (status == TRN_OK) status = write_file(run, &m, trn_params_text(p, "output"), type);
    double seconds = trn_seconds() - start;
    if (status == TRN_OK && run->rank == 0)
        status = trn_bench_case(run->result, "{s:I, s:I, s:s, s:i, s:f, s:f, s:s}", "rows",
                                (json_int_t)m.rows, "cols", (json_int_t)m.cols, "dtype",
                                trn_params_text(p, "dtype"), "P", run->ranks, "seconds", seconds,
                                "Mnumbers/s", 1e-6 * (double)m.rows * (double)m.cols / seconds,
                                "verdict", "PASSED");
    trn_free(&m.center);
    trn_free(&m.scale);
    return trn_agree(run->comm, status);
}

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "E", .required = true, .file.use = TRN_FILE_WRITTEN,
     .help = "file to write, of any format that convert writes"},
    {"rows", 0, TRN_PARAM_INT, "250000", 1, 1e12, .help = "rows"},
    {"cols", 0, TRN_PARAM_INT, "256", 1, 1 << 20, .help = "columns"},
    {"dtype", 0, TRN_PARAM_CHOICE, "f32", .choices = "f64|f32|f16|bf16", .help = "numbers"},
    {"clusters", 0, TRN_PARAM_INT, "100", 1, 1 << 24, .help = "centers that rows lie around"},
    {"noise", 0, TRN_PARAM_REAL, "2", 0, 1e6,
     .help = "spread of the first column around a center; that of column j is 1/sqrt(1 + j) of it"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .help = "of the numbers"},
    {0},
};

const trn_command_t trn_bench_rows = {
    .name = "bench rows",
    .summary = "write a made-up matrix of any size, as a file of any format",
    .files = "-o E",
    .description = "Each row is one of the centers, drawn for it, and noise whose spread falls "
                   "along the columns: clusters and a spectrum to find. It is written in pieces, "
                   "so that it may be larger than memory. The number of ranks changes nothing.",
    .max_files = 0,
    .params = params,
    .run = run,
};
