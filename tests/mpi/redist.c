/* Every number arrives, bit for bit, and those that move travel just once. */
#include "mpi/dense/redist.h"

#include "harness.h"
#include "mpi/trace.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PARTS = 64 };

/* All ranks draw the same. */
static uint64_t state;
static int64_t draw(int64_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)(state >> 33) % below;
}

/* Layouts -------------------------------------------------------------------------------------- */

enum kind { BANDS, COLUMNS, GRID, UNEVEN, LONER, CYCLIC, COLUMN_MAJOR, SKEWED, REVERSED, KINDS };

/* Ascending boundaries, some parts empty. */
static void uneven(int64_t *start, int64_t parts, int64_t items) {
    start[0] = 0;
    for (int64_t p = 1; p < parts; p++) {
        int64_t step = draw(2) ? draw(2 * items / parts + 1) : 0;
        start[p] = start[p - 1] + step < items ? start[p - 1] + step : items;
    }
    start[parts] = items;
}

/* Blocks in turn of `classes` classes, as a list of boundaries and classes. */
static trn_cut_t dealt(int64_t items, int64_t block, int64_t classes, int64_t *start,
                       int64_t *class_of) {
    int64_t parts = 0;
    for (start[0] = 0; parts == 0 || start[parts] < items; parts++) {
        start[parts + 1] = start[parts] + block < items ? start[parts] + block : items;
        class_of[parts] = parts % classes;
    }
    return (trn_cut_t){parts, start, classes, class_of};
}

/* Owners that no plain grid has: column-major ranks, Cannon's skew, or the last rank first. */
static trn_status_t mapped(trn_dist_t **dist, enum kind kind, int64_t rows, int64_t cols, int pr,
                           int pc) {
    int64_t start[2][1024], class_of[2][1024];
    int *owner = malloc(sizeof(int) * (size_t)(pr * pc));
    int64_t row_block = 1 + draw(5), col_block = 1 + draw(5);
    trn_cut_t row = dealt(rows, row_block, pr, start[0], class_of[0]);
    trn_cut_t col = dealt(cols, col_block, pc, start[1], class_of[1]);
    for (int i = 0; i < pr; i++)
        for (int j = 0; j < pc; j++)
            owner[i * pc + j] = kind == SKEWED     ? i * pc + ((j - i) % pc + pc) % pc
                                : kind == REVERSED ? ranks - 1 - (i * pc + j)
                                                   : j * pr + i;
    trn_status_t status = trn_dist_create_mapped(dist, &row, &col, owner);
    free(owner);
    return status;
}

/* A layout of a kind on a random grid, which may leave ranks idle. */
static trn_dist_t *layout(enum kind kind, int64_t rows, int64_t cols) {
    int pr = 1 + (int)draw(ranks), pc = 1 + (int)draw(ranks / pr);
    int64_t row_start[MOST_PARTS + 1], col_start[MOST_PARTS + 1];
    trn_dist_t *dist = NULL;
    switch (kind) {
    case BANDS:
        CHECK_OK(trn_dist_create(&dist, rows, cols, ranks, 1));
        break;
    case COLUMNS:
        CHECK_OK(trn_dist_create(&dist, rows, cols, 1, ranks));
        break;
    case GRID:
        CHECK_OK(trn_dist_create(&dist, rows, cols, pr, pc));
        break;
    case UNEVEN:
        uneven(row_start, pr, rows);
        uneven(col_start, pc, cols);
        CHECK_OK(trn_dist_create_at(&dist, pr, row_start, pc, col_start));
        break;
    case LONER: /* all on one rank, be it the last */
        memset(row_start, 0, sizeof row_start);
        for (int p = (int)draw(ranks) + 1; p <= ranks; p++)
            row_start[p] = rows;
        col_start[0] = 0;
        col_start[1] = cols;
        CHECK_OK(trn_dist_create_at(&dist, ranks, row_start, 1, col_start));
        break;
    case CYCLIC: {
        int64_t row_block = 1 + draw(9), col_block = 1 + draw(9);
        CHECK_OK(trn_dist_create_cyclic(&dist, rows, cols, row_block, col_block, pr, pc));
        break;
    }
    default:
        CHECK_OK(mapped(&dist, kind, rows, cols, pr, pc));
    }
    return dist;
}

/* Blocks --------------------------------------------------------------------------------------- */

/* Number (i, j) as bits: all kinds of floating-point numbers, NaN with payloads too. */
static uint64_t bits(int64_t i, int64_t j) {
    uint64_t x = (uint64_t)(i * 1000003 + j + 1) * 0x9e3779b97f4a7c15u;
    return (i + j) % 5 == 0 ? 0x7ff0000000000001u | x >> 20 : x;
}

/* One number of a view: f32 holds the upper half. */
static bool number_is(trn_view_t view, int64_t i, int64_t j, uint64_t wanted) {
    uint32_t half = (uint32_t)(wanted >> 32);
    if (view.type == TRN_MATRIX_F32)
        return !memcmp((float *)view.data + i * view.stride + j, &half, sizeof half);
    return !memcmp((double *)view.data + i * view.stride + j, &wanted, sizeof wanted);
}

static void put(trn_view_t view, int64_t i, int64_t j, uint64_t number) {
    uint32_t half = (uint32_t)(number >> 32);
    if (view.type == TRN_MATRIX_F32)
        memcpy((float *)view.data + i * view.stride + j, &half, sizeof half);
    else
        memcpy((double *)view.data + i * view.stride + j, &number, sizeof number);
}

static const uint64_t GUARD = 0xabcdefabcdefabcdu;

/* This rank's block of a distribution with `pad` unused columns at the end of each row. */
static trn_view_t block(trn_matrix_type_t type, const trn_dist_t *dist, int64_t pad) {
    trn_view_t view = {type, trn_dist_local_rows(dist, rank), trn_dist_local_cols(dist, rank), 0,
                       NULL};
    view.stride = view.cols + pad;
    view.data = malloc((size_t)(view.rows * view.stride * trn_matrix_type_size(type)) + 1);
    for (int64_t i = 0; i < view.rows; i++)
        for (int64_t j = 0; j < view.stride; j++)
            put(view, i, j, GUARD);
    return view;
}

/* Visit the numbers of a block: put them, or count those that are wrong. */
static int64_t visit(trn_view_t view, const trn_dist_t *dist, bool fill) {
    int64_t wrong = 0;
    trn_spans_t rows = trn_dist_row_spans(dist, rank);
    for (trn_span_t row; trn_spans_next(&rows, &row);) {
        trn_spans_t cols = trn_dist_col_spans(dist, rank);
        for (trn_span_t col; trn_spans_next(&cols, &col);)
            for (int64_t i = 0; i < row.count; i++)
                for (int64_t j = 0; j < col.count; j++)
                    if (fill)
                        put(view, row.local + i, col.local + j, bits(row.first + i, col.first + j));
                    else
                        wrong += !number_is(view, row.local + i, col.local + j,
                                            bits(row.first + i, col.first + j));
    }
    for (int64_t i = 0; i < view.rows; i++)
        for (int64_t j = view.cols; j < view.stride; j++)
            wrong += !number_is(view, i, j, GUARD);
    return wrong;
}

/* Numbers of this rank's block that lay elsewhere, one by one. */
static int64_t moved(const trn_dist_t *from, const trn_dist_t *to) {
    int64_t count = 0;
    trn_spans_t rows = trn_dist_row_spans(to, rank);
    for (trn_span_t row; trn_spans_next(&rows, &row);) {
        trn_spans_t cols = trn_dist_col_spans(to, rank);
        for (trn_span_t col; trn_spans_next(&cols, &col);)
            for (int64_t i = 0; i < row.count; i++)
                for (int64_t j = 0; j < col.count; j++)
                    count += trn_dist_owner(from, row.first + i, col.first + j) != rank;
    }
    return count;
}

static void bring(trn_matrix_type_t type, const trn_dist_t *from, const trn_dist_t *to,
                  int64_t from_pad, int64_t to_pad) {
    trn_redist_t *redist;
    int64_t before, after;
    int64_t memory = trn_mem_now();
    CHECK_OK(trn_redist_create(&redist, comm, type, from, to));
    if (!harness_well()) return;
    CHECK(trn_mem_now() - memory <= trn_redist_bytes(type, from, to, rank) + 2048);
    trn_view_t source = block(type, from, from_pad);
    visit(source, from, true);
    for (int time = 0; time < 2; time++) { /* a plan runs as often as one likes */
        trn_view_t target = block(type, to, to_pad);
        trn_trace_bytes(NULL, &before, NULL);
        trn_redist_run(redist, source, target);
        trn_trace_bytes(NULL, &after, NULL);
        CHECK_EQUAL(after - before, moved(from, to) * trn_matrix_type_size(type));
        CHECK_EQUAL(trn_dist_missing(from, to, rank), moved(from, to));
        CHECK_EQUAL(visit(target, to, false), 0);
        free(target.data);
    }
    CHECK_EQUAL(visit(source, from, false), 0);
    free(source.data);
    trn_redist_destroy(&redist);
    CHECK(redist == NULL);
}

static void bring_once(enum kind a, enum kind b, int64_t rows, int64_t cols) {
    trn_dist_t *from = layout(a, rows, cols), *to = layout(b, rows, cols);
    trn_matrix_type_t type = draw(2) ? TRN_MATRIX_F32 : TRN_MATRIX_F64;
    int64_t from_pad = draw(2) * draw(4), to_pad = draw(2) * draw(4);
    if (harness_well()) bring(type, from, to, from_pad, to_pad);
    trn_dist_destroy(&from);
    trn_dist_destroy(&to);
}

/* Tests ---------------------------------------------------------------------------------------- */

static void every_pair(void) {
    state = 1;
    for (int time = 0; time < 4; time++)
        for (int a = 0; a < KINDS; a++)
            for (int b = 0; b < KINDS; b++) {
                int64_t rows = 1 + draw(60), cols = 1 + draw(60);
                bring_once((enum kind)a, (enum kind)b, rows, cols);
            }
}

/* Nothing, one number, fewer rows or columns than ranks. */
static void small(void) {
    state = 2;
    for (int64_t rows = 0; rows < 4; rows++)
        for (int64_t cols = 0; cols < 4; cols++)
            for (int time = 0; time < 10; time++) {
                enum kind a = (enum kind)draw(KINDS), b = (enum kind)draw(KINDS);
                bring_once(a, b, rows, cols);
            }
}

/* More than one message for a pair of ranks, of whole rows and of parts of a row. */
static void many_messages(void) {
    static const struct {
        enum kind from, to;
        int64_t rows, cols;
    } cases[] = {{BANDS, COLUMNS, 2600, 1000}, {LONER, BANDS, 2600, 1000},
                 {COLUMNS, BANDS, 3, 1500000}, {UNEVEN, LONER, 1500000, 2},
                 {CYCLIC, GRID, 2000, 1300},   {BANDS, LONER, 2, 2100001}};
    state = 3;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trn_dist_t *from = layout(cases[i].from, cases[i].rows, cases[i].cols);
        trn_dist_t *to = layout(cases[i].to, cases[i].rows, cases[i].cols);
        if (harness_well()) bring(TRN_MATRIX_F64, from, to, 0, 0);
        trn_dist_destroy(&from);
        trn_dist_destroy(&to);
    }
}

/* Groups of ranks that get what their members hold, all of it, or nothing. */
static void copies(void) {
    int group[3][MOST_PARTS];
    state = 4;
    for (int r = 0; r < ranks; r++) {
        group[0][r] = 0;
        group[1][r] = r % 2;
        group[2][r] = r == ranks / 2 ? -1 : r / 2;
    }
    for (int time = 0; time < 54; time++) {
        trn_dist_t *base = layout(draw(2) ? BANDS : COLUMNS, 23, 31), *to = NULL;
        trn_dist_t *from = layout((enum kind)(time % KINDS), 23, 31);
        CHECK_OK(trn_dist_gathered(&to, base, ranks, group[time % 3]));
        trn_matrix_type_t type = time % 2 ? TRN_MATRIX_F32 : TRN_MATRIX_F64;
        if (harness_well()) bring(type, from, to, 0, draw(3));
        trn_dist_destroy(&base);
        trn_dist_destroy(&from);
        trn_dist_destroy(&to);
    }
}

static void refused(void) {
    trn_dist_t *five, *six, *many;
    trn_redist_t *redist;
    trn_matrix_t *single, *real;
    CHECK_OK(trn_dist_create(&five, 5, 5, 1, 1));
    CHECK_OK(trn_dist_create(&six, 5, 6, 1, 1));
    CHECK_OK(trn_dist_create(&many, 5, 5, ranks, 2));
    CHECK_EQUAL(trn_redist_create(&redist, comm, TRN_MATRIX_F32, five, six), TRN_USAGE);
    CHECK(redist == NULL);
    CHECK_EQUAL(trn_redist_create(&redist, comm, TRN_MATRIX_F32, five, many), TRN_USAGE);
    CHECK_EQUAL(trn_redist_create(&redist, comm, TRN_MATRIX_F32, many, five), TRN_USAGE);
    CHECK_OK(trn_matrix_create(&single, comm, TRN_MATRIX_F32, five));
    CHECK_OK(trn_matrix_create(&real, comm, TRN_MATRIX_F64, five));
    CHECK_EQUAL(trn_matrix_redistribute(single, real), TRN_USAGE);
    trn_matrix_destroy(&single);
    trn_matrix_destroy(&real);
    trn_dist_destroy(&five);
    trn_dist_destroy(&six);
    trn_dist_destroy(&many);
}

static trn_status_t whole_life(void *dists) {
    trn_dist_t **dist = dists;
    trn_matrix_t *from, *to;
    TRN_TRY(trn_matrix_create(&from, comm, TRN_MATRIX_F32, dist[0]));
    trn_status_t status = trn_matrix_create(&to, comm, TRN_MATRIX_F32, dist[1]);
    if (status == TRN_OK) {
        visit(trn_matrix_block(from), dist[0], true);
        status = trn_matrix_redistribute(from, to);
        if (status == TRN_OK) CHECK_EQUAL(visit(trn_matrix_block(to), dist[1], false), 0);
        trn_matrix_destroy(&to);
    }
    trn_matrix_destroy(&from);
    return status;
}

static void memory_failure(void) {
    trn_dist_t *dist[2];
    CHECK_OK(trn_dist_create(&dist[0], 37, 22, ranks, 1));
    CHECK_OK(trn_dist_create_cyclic(&dist[1], 37, 22, 3, 4, 1, ranks));
    harness_inject(whole_life, dist);
    trn_dist_destroy(&dist[0]);
    trn_dist_destroy(&dist[1]);
}

HARNESS_MAIN({"every pair of layouts", every_pair}, {"small", small},
             {"many messages", many_messages}, {"copies", copies}, {"misuse", refused},
             {"memory failure", memory_failure})
