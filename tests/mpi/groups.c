/* algo/rows: groups brought together from anywhere, their measures, LiDAR and cross-correlations:
 * no rank loses a row, and a rank without memory stops all. */
#include "algo/rows/groups.h"
#include "algo/rows/lidar.h"
#include "algo/rows/measures.h"

#include "mpi/agree.h"

#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 2600, COLS = 5, GROUPS = 37 };

/* Labels that go round, some rows in none; rows that tell their own numbers. */
static trn_groups_t groups_of(int64_t kinds) {
    static int64_t label[ROWS];
    trn_groups_t g;
    for (int64_t i = 0; i < ROWS; i++)
        label[i] = i % 11 == 10 ? -1 : (i * i + i / 50) % kinds * 1000003;
    trn_ids_t ids = {"labels", ROWS, label};
    CHECK_OK(trn_groups_create(&g, &ids));
    return g;
}

static trn_tall_t numbered(void) {
    trn_tall_t x;
    CHECK_OK(trn_tall_create(&x, comm, ROWS, COLS));
    int64_t first = trn_tall_start(comm, ROWS, rank);
    for (int64_t i = 0; i < x.block.rows; i++)
        for (int64_t j = 0; j < COLS; j++)
            ((double *)x.block.data)[i * COLS + j] = (double)((first + i) * COLS + j);
    return x;
}

typedef struct seen {
    const trn_groups_t *groups;
    int64_t next, rows;
} seen_t;

static void see(void *user, int64_t group, trn_view_t rows) {
    seen_t *s = user;
    const trn_groups_t *g = s->groups;
    CHECK_EQUAL(group, s->next);
    CHECK_EQUAL(rows.rows, g->start[group + 1] - g->start[group]);
    for (int64_t i = 0; i < rows.rows; i++) {
        int64_t row = g->member[g->start[group] + i];
        CHECK_EQUAL(g->group_of[row], group);
        CHECK(i == 0 || row > g->member[g->start[group] + i - 1]);
        for (int64_t j = 0; j < COLS; j++)
            CHECK(((double *)rows.data)[i * COLS + j] == (double)(row * COLS + j));
    }
    s->next++;
    s->rows += rows.rows;
}

static void shows_every_row_once(void) {
    int64_t kinds[] = {1, GROUPS, ROWS};
    trn_tall_t x = numbered();
    for (int k = 0; k < 3; k++) {
        trn_groups_t g = groups_of(kinds[k]);
        seen_t s = {&g, trn_groups_first(&g, ranks, rank), 0};
        int64_t rows;
        CHECK_OK(trn_groups_each(&g, x, "x", see, &s));
        CHECK_EQUAL(s.next, trn_groups_first(&g, ranks, rank + 1));
        MPI_Allreduce(&s.rows, &rows, 1, MPI_INT64_T, MPI_SUM, comm);
        CHECK_EQUAL(rows, ROWS - ROWS / 11);
        for (int64_t i = 1; i < g.count; i++) /* by their first rows */
            CHECK(g.member[g.start[i]] > g.member[g.start[i - 1]]);
        trn_groups_free(&g);
    }
    trn_tall_free(&x);
}

static void ignore(void *user, int64_t group, trn_view_t rows) {
    (void)user, (void)group, (void)rows;
}

static void names_the_first_row_that_is_not_finite(void) {
    trn_tall_t x = numbered();
    trn_groups_t g = groups_of(GROUPS);
    int64_t first = trn_tall_start(comm, ROWS, rank);
    int64_t bad[] = {2500, 1207, 21}; /* the last one is in no group */
    for (int k = 0; k < 3; k++)
        if (bad[k] >= first && bad[k] < first + x.block.rows)
            ((double *)x.block.data)[(bad[k] - first) * COLS + 3] = INFINITY;
    CHECK_EQUAL(trn_groups_each(&g, x, "x", ignore, NULL), TRN_INPUT);
    CHECK(strstr(trn_message(), "x: row 1207, column 3 (from 0) is inf") != NULL);
    trn_groups_free(&g);
    trn_tall_free(&x);
}

static void fetches_rows_of_groups(void) {
    trn_groups_t g = groups_of(GROUPS);
    int64_t first = trn_groups_first(&g, ranks, rank), end = trn_groups_first(&g, ranks, rank + 1);
    double own[2 * GROUPS], *rows = NULL;
    int64_t wanted[GROUPS], count = 0;
    for (int64_t k = first; k < end; k++)
        for (int j = 0; j < 2; j++)
            own[2 * (k - first) + j] = (double)(10 * k + j);
    for (int64_t k = 0; k < g.count; k++)
        if (k % (rank + 1) == 0) wanted[count++] = k;
    CHECK_OK(trn_groups_fetch(&g, comm, own, 2, wanted, count, &rows));
    for (int64_t i = 0; i < count && harness_failures == 0; i++)
        for (int j = 0; j < 2; j++)
            CHECK(rows[2 * i + j] == (double)(10 * wanted[i] + j));
    trn_free(&rows);
    trn_groups_free(&g);
}

/* As LiDAR's sum of a few classes in a plane, by hand: classes at the corners of a square, two rows
 * each side by side: Sb = 4/3 I, Sw = diag(1, 0) / 2 before delta. */
static void compares_classes(void) {
    enum { CLASSES = 4 };
    trn_tall_t x;
    int64_t label[2 * CLASSES];
    CHECK_OK(trn_tall_create(&x, comm, 2 * CLASSES, 2));
    int64_t top = trn_tall_start(comm, 2 * CLASSES, rank);
    for (int64_t i = 0; i < 2 * CLASSES; i++) {
        label[i] = i % CLASSES;
        if (i < top || i >= top + x.block.rows) continue;
        double *row = (double *)x.block.data + 2 * (i - top);
        row[0] = (i % 4 < 2 ? 1 : -1) + (i < CLASSES ? 0.5 : -0.5);
        row[1] = i % 2 == 0 ? 1 : -1;
    }
    trn_ids_t ids = {"labels", 2 * CLASSES, label};
    trn_groups_t g;
    CHECK_OK(trn_groups_create(&g, &ids));
    trn_lidar_how_t how = {.delta = 0.5, .threads = 1};
    double means[2 * CLASSES], lidar = 0;
    int64_t first = trn_groups_first(&g, ranks, rank);
    for (int64_t k = first; k < trn_groups_first(&g, ranks, rank + 1); k++) {
        means[2 * (k - first)] = k < 2 ? 1 : -1;
        means[2 * (k - first) + 1] = k % 2 == 0 ? 1 : -1;
    }
    CHECK_OK(trn_lidar_check(&g, 2, &how, "x"));
    CHECK_OK(trn_lidar(&g, x, means, &how, &lidar));
    /* Sw = diag(0.5 + 0.5, 0.5): eigenvalues 4/3 and 8/3, parts 1/3 and 2/3 */
    CHECK(fabs(lidar - exp(log(3) - 2.0 / 3 * log(2))) < 1e-12);
    trn_groups_free(&g);
    trn_tall_free(&x);
}

static trn_status_t once(void *user) {
    const trn_groups_t *g = user;
    trn_tall_t x;
    double lidar;
    static double means[GROUPS * COLS];
    trn_lidar_how_t how = {.delta = 1, .unequal = true, .threads = 1};
    trn_status_t status = trn_agree(comm, trn_tall_create(&x, comm, ROWS, COLS));
    if (status == TRN_OK) {
        trn_tall_random(x, 1);
        status = trn_groups_each(g, x, "x", ignore, NULL);
    }
    if (status == TRN_OK) status = trn_lidar(g, x, means, &how, &lidar);
    trn_tall_free(&x);
    return status;
}

static void survives_a_lack_of_memory(void) {
    trn_groups_t g = groups_of(GROUPS);
    harness_inject(once, &g);
    trn_groups_free(&g);
}

HARNESS_MAIN({"shows every row once", shows_every_row_once},
             {"names the first row that is not finite", names_the_first_row_that_is_not_finite},
             {"fetches rows of groups", fetches_rows_of_groups},
             {"compares classes", compares_classes},
             {"survives a lack of memory", survives_a_lack_of_memory})
