/* algo/gram: against the definition, the same bits on any communicator, in bands and in whole. */
#include "algo/matrix/gram.h"

#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A random matrix [rows x cols] on any communicator; float32 if asked, of numbers that float32
 * rounds. */
typedef struct sample {
    trn_tall_t x;
    trn_tall_t owned;
    float *single;
} sample_t;

static sample_t sample_create(MPI_Comm on, int64_t rows, int64_t cols, bool single) {
    sample_t s = {0};
    CHECK_OK(trn_tall_create(&s.owned, on, rows, cols));
    trn_tall_random(s.owned, 7);
    s.x = s.owned;
    if (!single) return s;
    int64_t count = s.x.block.rows * cols;
    s.single = malloc(sizeof(float) * (size_t)(count + 1));
    for (int64_t i = 0; i < count; i++)
        s.single[i] = (float)((double *)s.x.block.data)[i];
    s.x.block.type = TRN_MATRIX_F32;
    s.x.block.data = s.single;
    return s;
}

static void sample_free(sample_t *s) {
    trn_tall_free(&s->owned);
    free(s->single);
}

static double number(trn_view_t view, int64_t i, int64_t j) {
    int64_t at = i * view.stride + j;
    return view.type == TRN_MATRIX_F32 ? (double)((float *)view.data)[at]
                                       : ((double *)view.data)[at];
}

/* The whole result from one rank alone; free it. */
static double *alone(int64_t rows, int64_t cols, bool single) {
    sample_t s = sample_create(MPI_COMM_SELF, rows, cols, single);
    double *g = malloc(sizeof *g * (size_t)(cols * cols));
    trn_view_t view = {TRN_MATRIX_F64, cols, cols, cols, g};
    CHECK_OK(trn_gram(s.x, 0, view, 1));
    for (int64_t i = 0; i < cols; i += cols / 5 + 1) /* some rows by the definition */
        for (int64_t j = 0; j < cols; j++) {
            double sum = 0;
            for (int64_t t = 0; t < rows; t++)
                sum += number(s.x.block, t, i) * number(s.x.block, t, j);
            CHECK(fabs(sum - g[i * cols + j]) <= 1e-13 * (double)rows);
            CHECK(g[i * cols + j] == g[j * cols + i]);
        }
    sample_free(&s);
    return g;
}

/* Bands of float64 and of float32 numbers with room behind each row: as alone, bit for bit. */
static void in_bands(int64_t rows, int64_t cols, bool single, const double *whole) {
    sample_t s = sample_create(comm, rows, cols, single);
    int64_t first = trn_part_start(cols, ranks, rank), stride = cols + 2;
    int64_t own = trn_part_start(cols, ranks, rank + 1) - first;
    double *wide = calloc((size_t)(own * stride + 1), sizeof *wide);
    float *narrow = calloc((size_t)(own * stride + 1), sizeof *narrow);
    CHECK_OK(trn_gram(s.x, first, (trn_view_t){TRN_MATRIX_F64, own, cols, stride, wide}, 1));
    CHECK_OK(trn_gram(s.x, first, (trn_view_t){TRN_MATRIX_F32, own, cols, stride, narrow}, 2));
    for (int64_t i = 0; i < own; i++)
        for (int64_t j = 0; j < stride; j++) {
            double wanted = j < cols ? whole[(first + i) * cols + j] : 0;
            CHECK(wide[i * stride + j] == wanted);
            CHECK(narrow[i * stride + j] == (float)wanted);
        }
    free(wide);
    free(narrow);
    sample_free(&s);
}

static void same_bits(void) {
    static const struct {
        int64_t rows, cols;
    } sizes[] = {{1, 1},
                 {5, 3},
                 {513, 17},
                 {7000, 5},
                 {70000, 3} /* larger blocks */,
                 {1100, 600} /* several strips */,
                 {30, 1500} /* several panels */};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int single = 0; single <= 1; single++) {
            double *whole = alone(sizes[s].rows, sizes[s].cols, single);
            in_bands(sizes[s].rows, sizes[s].cols, single, whole);
            free(whole);
        }
}

/* Some ranks want all of it, some nothing. */
static void any_share(void) {
    enum { ROWS = 3000, COLS = 20 };
    double *whole = alone(ROWS, COLS, false), *mine = calloc(COLS * COLS, sizeof *mine);
    sample_t s = sample_create(comm, ROWS, COLS, false);
    int64_t own = rank % 2 ? COLS : 0;
    CHECK_OK(trn_gram(s.x, 0, (trn_view_t){TRN_MATRIX_F64, own, COLS, COLS, mine}, 1));
    CHECK(memcmp(mine, whole, sizeof *mine * (size_t)(own * COLS)) == 0);
    CHECK_OK(trn_tall_gram(s.x, mine));
    CHECK(memcmp(mine, whole, sizeof *mine * COLS * COLS) == 0);
    sample_free(&s);
    free(whole);
    free(mine);
}

/* No rows give zeros. */
static void empty(void) {
    sample_t s = sample_create(comm, 0, 4, false);
    double g[16];
    memset(g, -1, sizeof g);
    CHECK_OK(trn_tall_gram(s.x, g));
    for (int i = 0; i < 16; i++)
        CHECK(g[i] == 0);
    sample_free(&s);
}

static void spreads_nan(void) {
    enum { ROWS = 2000, COLS = 9, BAD = 4 };
    sample_t s = sample_create(comm, ROWS, COLS, false);
    if (rank == ranks - 1) ((double *)s.x.block.data)[COLS + BAD] = NAN;
    double g[COLS * COLS];
    CHECK_OK(trn_tall_gram(s.x, g));
    for (int i = 0; i < COLS; i++)
        for (int j = 0; j < COLS; j++)
            CHECK((isnan(g[i * COLS + j]) != 0) == (i == BAD || j == BAD));
    sample_free(&s);
}

static void refuses(void) {
    sample_t s = sample_create(comm, 100, 4, false);
    double g[20];
    trn_view_t wrong = {TRN_MATRIX_F64, rank == 0 ? 4 : 0, 5, 5, g};
    CHECK_EQUAL(trn_gram(s.x, 0, wrong, 1), TRN_USAGE);
    sample_free(&s);
}

static trn_status_t small(void *user) {
    (void)user;
    double g[36];
    float rows[12] = {0};
    int64_t own = trn_tall_start(comm, 2, rank + 1) - trn_tall_start(comm, 2, rank);
    trn_tall_t x = {comm, 2, {TRN_MATRIX_F32, own, 6, 6, rows}, NULL};
    return trn_gram(x, 0, (trn_view_t){TRN_MATRIX_F64, 6, 6, 6, g}, 1);
}

static void survives(void) {
    harness_inject(small, NULL);
}

/* What is planned is what is taken, but for what BLAS takes. */
static void predicts(void) {
    static const int64_t sizes[][2] = {{100, 5}, {70000, 3}, {40, 1500}, {3000, 300}};
    for (int s = 0; s < 4; s++)
        for (int single = 0; single <= 1; single++) {
            int64_t rows = sizes[s][0], cols = sizes[s][1];
            sample_t x = sample_create(comm, rows, cols, single);
            int64_t before = trn_mem_now();
            trn_mem_reset_peak();
            CHECK_OK(trn_gram(x.x, 0, (trn_view_t){TRN_MATRIX_F64, 0, cols, cols, NULL}, 1));
            int64_t taken = trn_mem_peak() - before;
            trn_ledger_t ledger = {0};
            trn_gram_plan(&ledger, rows, cols, x.x.block.type, ranks, rank);
            CHECK_EQUAL(ledger.now, 0);
            CHECK_EQUAL(ledger.part[0].then, taken);
            sample_free(&x);
        }
}

HARNESS_MAIN({"same_bits", same_bits}, {"any_share", any_share}, {"empty", empty},
             {"spreads_nan", spreads_nan}, {"refuses", refuses}, {"survives", survives},
             {"predicts", predicts})
