/* algo/cluster: k-means against the figures of a float64 reference (NumPy), at any number of ranks
 * with the bits of one; starts, empty clusters, two levels; memory that fails. */
#include "algo/cluster/kmeans.h"

#include "algo/cluster/hashed.h"
#include "algo/cluster/pq.h"
#include "algo/cluster/two_level.h"
#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Row i, column j of the reference's inputs. */
static double hashed(int64_t i, int64_t j, int64_t s) {
    int64_t n = 2654435761 * i + 40503 * j + 97 * s + 69069 * i * j;
    return (double)(n % 65537) / 65537;
}

static double whole(int64_t i, int64_t j) { /* with ties and rows that come again */
    return floor(16 * hashed(i, j, 5)) - 8;
}

static double smooth(int64_t i, int64_t j) {
    return hashed(i, j, 7) + 3;
}

/* This rank's rows of a made-up matrix. */
typedef struct sample {
    trn_cluster_rows_t rows;
    void *data;
} sample_t;

static sample_t sample_of(MPI_Comm on, int64_t rows, int64_t cols, trn_dtype_t type,
                          double (*number)(int64_t, int64_t)) {
    int place;
    MPI_Comm_rank(on, &place);
    int64_t first = trn_tall_start(on, rows, place);
    int64_t own = trn_tall_start(on, rows, place + 1) - first;
    sample_t s = {.data = malloc(sizeof(double) * (size_t)(own * cols + 1))};
    for (int64_t i = 0; i < own; i++)
        for (int64_t j = 0; j < cols; j++) {
            double x = number(first + i, j);
            if (type == TRN_F32)
                ((float *)s.data)[i * cols + j] = (float)x;
            else
                ((double *)s.data)[i * cols + j] = x;
        }
    s.rows = (trn_cluster_rows_t){
        .tall = {on, rows, {type, own, cols, cols, s.data}, NULL}, .cols = cols, .name = "sample"};
    return s;
}

static void close_to(double got, double wanted) {
    if (!CHECK(fabs(got - wanted) <= 1e-10 * (1 + fabs(wanted))))
        printf("%.17g is not %.17g\n", got, wanted);
}

static void goldens(void) {
    static const double objective[] = {115189,
                                       81638.24371018965,
                                       76782.83710897615,
                                       75019.2205560499,
                                       73641.40438860367,
                                       72938.86267749991,
                                       72418.87354882367,
                                       71826.52594835742,
                                       71488.36256176163,
                                       71027.44216333918,
                                       70476.35341045324};
    static const int64_t sizes[] = {114, 109, 48,  31,  81,  133, 107, 108, 115, 105,
                                    118, 21,  136, 166, 130, 113, 81,  61,  170, 53};
    static const double first[] = {-4.407079646017699, 0.7699115044247787, 1.0,
                                   6.176991150442478,  -4.575221238938053, -4.3628318584070795};
    for (int type = 0; type < 2; type++) {
        sample_t s = sample_of(comm, 2000, 6, type ? TRN_F64 : TRN_F32, whole);
        trn_kmeans_t found;
        trn_kmeans_options_t o = {.k = 20, .starts = 1, .steps = 10, .threads = 1 + type};
        CHECK_OK(trn_kmeans(&found, &s.rows, &o));
        CHECK_EQUAL(found.steps, 10);
        for (int64_t i = 0; i <= found.steps; i++)
            close_to(found.objective[i], objective[i]);
        for (int64_t c = 0; c < 20; c++)
            CHECK_EQUAL(found.size[c], sizes[c]);
        for (int64_t j = 0; j < 6; j++)
            close_to(found.center[j], first[j]);
        CHECK_EQUAL(found.start[3], 300);
        trn_kmeans_free(&found);
        free(s.data);
    }
}

/* The figures of the reference for a center that no row is near; and what a split does to it. */
static void empty_clusters(void) {
    static const double objective[] = {388458, 205935.7215738974, 205143.08312506822,
                                       204900.28147362964};
    static const int64_t sizes[] = {725, 606, 669, 0};
    double given[24];
    sample_t s = sample_of(comm, 2000, 6, TRN_F64, whole);
    for (int64_t i = 0; i < 24; i++)
        given[i] = i < 18 ? whole(i / 6, i % 6) : 100;
    trn_kmeans_t found;
    trn_kmeans_options_t o = {
        .k = 4, .starts = 1, .steps = 3, .threads = 1, .start = TRN_KMEANS_GIVEN, .given = given};
    CHECK_OK(trn_kmeans(&found, &s.rows, &o));
    for (int64_t i = 0; i < 4; i++) {
        close_to(found.objective[i], objective[i]);
        CHECK_EQUAL(found.size[i], sizes[i]);
    }
    CHECK_EQUAL(found.empty, 1);
    CHECK(found.center[18] == 100);
    trn_kmeans_free(&found);
    o.split = true;
    CHECK_OK(trn_kmeans(&found, &s.rows, &o));
    CHECK_EQUAL(found.moved, 1);
    CHECK_EQUAL(found.empty, 0);
    CHECK(found.objective[3] < objective[3]);
    trn_kmeans_free(&found);
    free(s.data);
}

static double constant(int64_t i, int64_t j) {
    return 3 + 0 * (double)(i + j);
}

static double two_rows(int64_t i, int64_t j) {
    return i % 2 ? 1e30 : -1e30 * (double)(j + 1);
}

/* Rows that are all equal, fewer different ones than clusters, one cluster, a cluster a row. */
static void few_different(void) {
    trn_kmeans_t found;
    trn_kmeans_options_t o = {.k = 5, .starts = 1, .steps = 9, .threads = 2, .split = true};
    sample_t s = sample_of(comm, 1300, 3, TRN_F32, constant);
    for (int start = TRN_KMEANS_ROWS; start <= TRN_KMEANS_RANDOM; start++) {
        o.start = (trn_kmeans_start_t)start;
        CHECK_OK(trn_kmeans(&found, &s.rows, &o));
        CHECK(found.objective[found.steps] == 0);
        CHECK_EQUAL(found.size[0], 1300);
        CHECK_EQUAL(found.empty, 4);
        trn_kmeans_free(&found);
    }
    free(s.data);
    s = sample_of(comm, 1300, 3, TRN_F64, two_rows); /* too large for products in float32 */
    o.start = TRN_KMEANS_PLUS;
    CHECK_OK(trn_kmeans(&found, &s.rows, &o));
    CHECK(found.objective[found.steps] <= 1e-20 * found.objective[0] || found.steps == 0);
    CHECK_EQUAL(found.empty, 3); /* two clusters have the two different rows */
    trn_kmeans_free(&found);
    free(s.data);
    s = sample_of(comm, 7, 3, TRN_F64, smooth);
    o.start = TRN_KMEANS_RANDOM;
    o.k = 7;
    CHECK_OK(trn_kmeans(&found, &s.rows, &o));
    CHECK(found.objective[found.steps] < 1e-20); /* means of one row */
    trn_kmeans_free(&found);
    o.k = 8;
    CHECK_EQUAL(trn_kmeans(&found, &s.rows, &o), TRN_INPUT);
    trn_kmeans_free(&found);
    free(s.data);
}

static double huge(int64_t i, int64_t j) {
    return i == 900 && j == 1 ? 1e200 : 1;
}

static void too_large(void) {
    trn_kmeans_t found;
    trn_kmeans_options_t o = {.k = 2, .starts = 1, .steps = 2, .threads = 1};
    sample_t s = sample_of(comm, 1300, 3, TRN_F64, huge);
    CHECK_EQUAL(trn_kmeans(&found, &s.rows, &o), TRN_NUMERIC);
    trn_kmeans_free(&found);
    o.steps = 0;
    CHECK_EQUAL(trn_kmeans(&found, &s.rows, &o), TRN_NUMERIC);
    trn_kmeans_free(&found);
    free(s.data);
}

/* Every label by the definition, where clusters are many and near, and bits as of one rank. */
static void as_alone(const trn_kmeans_options_t *options, int64_t rows, int64_t cols,
                     double (*number)(int64_t, int64_t)) {
    sample_t all = sample_of(MPI_COMM_SELF, rows, cols, TRN_F32, number);
    sample_t own = sample_of(comm, rows, cols, TRN_F32, number);
    trn_kmeans_options_t o = *options;
    trn_kmeans_t one, here;
    CHECK_OK(trn_kmeans(&one, &all.rows, &o));
    o.threads = 2;
    CHECK_OK(trn_kmeans(&here, &own.rows, &o));
    int64_t first = trn_tall_start(comm, rows, rank);
    CHECK_EQUAL(one.steps, here.steps);
    CHECK_EQUAL(one.chosen, here.chosen);
    CHECK(memcmp(one.center, here.center, sizeof(double) * (size_t)(o.k * cols)) == 0);
    CHECK(memcmp(one.size, here.size, sizeof(int64_t) * (size_t)o.k) == 0);
    CHECK(memcmp(one.start, here.start, sizeof(int64_t) * (size_t)o.k) == 0);
    CHECK(memcmp(one.objective, here.objective, sizeof(double) * (size_t)(one.steps + 1)) == 0);
    CHECK(memcmp(one.label + first, here.label, sizeof(int32_t) * (size_t)here.rows) == 0);
    for (int64_t i = 0; i < here.rows && !o.unit; i += 7) {
        int32_t best = -1;
        double least = INFINITY;
        for (int64_t c = 0; c < o.k; c++) {
            double d = 0;
            for (int64_t j = 0; j < cols; j++) {
                double x = (double)((float *)own.data)[i * cols + j] - here.center[c * cols + j];
                d += x * x;
            }
            if (d < least * (1 - 1e-12)) least = d, best = (int32_t)c;
        }
        CHECK_EQUAL(here.label[i], best);
    }
    trn_kmeans_free(&one);
    trn_kmeans_free(&here);
    free(all.data);
    free(own.data);
}

static double alike(int64_t i, int64_t j) { /* differences in the last digits of float32 */
    return 1000 + hashed(i, j, 3) / 512;
}

static void same_bits(void) {
    trn_kmeans_options_t o = {.k = 40, .starts = 2, .steps = 4, .threads = 1, .seed = 3};
    for (int start = TRN_KMEANS_ROWS; start <= TRN_KMEANS_RANDOM; start++) {
        o.start = (trn_kmeans_start_t)start;
        as_alone(&o, 3000, 9, smooth);
    }
    o.split = true;
    as_alone(&o, 3000, 9, alike);
    o.unit = true;
    as_alone(&o, 3000, 9, smooth);
    o = (trn_kmeans_options_t){.k = 1100, .starts = 1, .steps = 2, .threads = 1}; /* three panels */
    as_alone(&o, 1500, 4, smooth);
}

/* Directions: centers of length 1, and the objective 2 rows - 2 sum of cosines. */
static void spherical(void) {
    sample_t s = sample_of(comm, 2000, 6, TRN_F64, whole);
    trn_kmeans_t found;
    trn_kmeans_options_t o = {.k = 12, .starts = 1, .steps = 30, .threads = 1, .unit = true};
    CHECK_OK(trn_kmeans(&found, &s.rows, &o));
    double cosines = 0, zeros = 0, sums[2];
    for (int64_t c = 0; c < o.k; c++) {
        double square = 0;
        for (int64_t j = 0; j < 6; j++)
            square += found.center[c * 6 + j] * found.center[c * 6 + j];
        close_to(square, 1);
    }
    for (int64_t i = 0; i < found.rows; i++) {
        const double *x = (double *)s.data + i * 6, *c = found.center + found.label[i] * 6;
        double square = 0, product = 0;
        for (int64_t j = 0; j < 6; j++) {
            square += x[j] * x[j];
            product += x[j] * c[j];
        }
        if (square > 0) cosines += product / sqrt(square);
        zeros += square == 0;
    }
    double own[2] = {cosines, zeros};
    MPI_Allreduce(own, sums, 2, MPI_DOUBLE, MPI_SUM, comm);
    close_to(found.objective[found.steps], 2 * (2000 - sums[1]) + sums[1] - 2 * sums[0]);
    for (int64_t i = 1; i <= found.steps; i++)
        CHECK(found.objective[i] <= found.objective[i - 1] * (1 + 1e-12));
    trn_kmeans_free(&found);
    free(s.data);
}

/* The reference's figures for 8 cells of 16, whatever the rounds. */
static void two_levels(void) {
    for (int rounds = 1; rounds <= 5; rounds += 2) {
        sample_t s = sample_of(comm, 2000, 6, rounds == 1 ? TRN_F32 : TRN_F64, whole);
        trn_two_level_options_t o = {.k1 = 8,
                                     .k2 = 16,
                                     .rounds = rounds,
                                     .reassign = rounds < 5,
                                     .coarse = {.starts = 1, .steps = 8, .threads = 1}};
        trn_two_level_t found;
        CHECK_OK(trn_two_level(&found, &s.rows, &o));
        CHECK_EQUAL(found.k, 128);
        close_to(found.within, 10326.188418026464);
        if (o.reassign) close_to(found.reassigned, 9988.14334241212);
        int64_t all = 0, centers = found.count;
        MPI_Allreduce(MPI_IN_PLACE, &centers, 1, MPI_INT64_T, MPI_SUM, comm);
        CHECK_EQUAL(centers, 128);
        for (int64_t c = 0; c < found.k; c++)
            all += found.size[c];
        CHECK_EQUAL(all, 2000);
        trn_two_level_free(&found);
        free(s.data);
    }
}

static trn_status_t try_kmeans(void *user) {
    const sample_t *s = user;
    trn_kmeans_t found;
    trn_kmeans_options_t o = {
        .k = 5, .starts = 2, .steps = 2, .threads = 1, .split = true, .start = TRN_KMEANS_PLUS};
    trn_status_t status = trn_kmeans(&found, &s->rows, &o);
    trn_kmeans_free(&found);
    return status;
}

static trn_status_t try_two_level(void *user) {
    const sample_t *s = user;
    trn_two_level_t found;
    trn_two_level_options_t o = {
        .k1 = 3, .k2 = 2, .rounds = 2, .coarse = {.starts = 1, .steps = 1, .threads = 1}};
    trn_status_t status = trn_two_level(&found, &s->rows, &o);
    trn_two_level_free(&found);
    return status;
}

static trn_status_t try_parts(void *user) {
    const sample_t *s = user;
    trn_pq_t found;
    trn_kmeans_options_t o = {.k = 3, .starts = 1, .steps = 1, .threads = 1};
    trn_status_t status = trn_pq(&found, &s->rows, 2, &o);
    trn_pq_free(&found);
    return status;
}

static trn_status_t try_signs(void *user) {
    const sample_t *s = user;
    trn_codebook_t book;
    trn_status_t status = trn_hashed(&book, &s->rows, 2);
    trn_codebook_free(&book);
    return status;
}

static void no_memory(void) {
    sample_t s = sample_of(comm, 4000, 2, TRN_F32, smooth);
    harness_inject(try_kmeans, &s);
    harness_inject(try_two_level, &s);
    harness_inject(try_parts, &s);
    harness_inject(try_signs, &s);
    free(s.data);
}

HARNESS_MAIN({"goldens", goldens}, {"empty clusters", empty_clusters},
             {"few different rows", few_different}, {"too large numbers", too_large},
             {"same bits", same_bits}, {"spherical", spherical}, {"two levels", two_levels},
             {"no memory", no_memory})
