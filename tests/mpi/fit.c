/* Maps fitted to rows: golden values of references that stand apart, and what must hold exactly of
 * each kind. */
#define _GNU_SOURCE
#include "fit_sample.h"

/* The largest |covariance - wanted| of rows whose means are 0. */
static double covariance_off(int64_t rows, int64_t cols, const double *y, double wanted) {
    double worst = 0;
    for (int64_t a = 0; a < cols; a++)
        for (int64_t b = 0; b <= a; b++) {
            double sum = 0;
            for (int64_t i = 0; i < rows; i++)
                sum += y[i * cols + a] * y[i * cols + b];
            worst = fmax(worst, fabs(sum / (double)(rows - 1) - (a == b ? wanted : 0)));
        }
    return worst;
}

/* Golden values: NumPy, by the definitions ------------------------------------------------------
 */

/* O of B = 1.7 A O + noise, the best O, W of a ridge, W W^T of two discriminants. */
static const double made_with[16] = {
    -0.2375408201178315, -0.10133874544537798, 0.3540860210127779,  0.8988481001663425,
    0.12052563779377669, -0.43215872531275124, 0.8256328002232411,  -0.34211531092015035,
    0.4785920957053849,  -0.7629787051801246,  -0.3889710759674884, 0.1936868695360704,
    0.8366585536169932,  0.4699284948258358,   0.20409573973888503, 0.19368686953607017};
static const double procrustes_o[16] = {
    -0.2358813276315105, -0.10208888435754707, 0.35436059221550864,  0.8990920028840772,
    0.12044214703405415, -0.427581020279206,   0.8276024355191407,   -0.34313607947519514,
    0.4794898008661697,  -0.7647522969130117,  -0.38570687570728107, 0.19098078768221874,
    0.8366260929220082,  0.4710692678936879,   0.20182414483800015,  0.19343613945840119};
static const double ridge_w[10] = {
    0.02106289293398921,  0.010044834040158069,  0.04636507171600936,   -0.004050249355014418,
    0.017832112907413388, -0.012621872284828008, -0.004866892820342282, 0.050887233334652275,
    0.06573107849986837,  -0.02819129459200796};
static const double lda_square[25] = {
    0.008898690714655997,  0.0054404750718680065, -0.006345346123769961,  -0.004253356084220034,
    -0.002550444348813799, 0.0054404750718680065, 0.01018453453690925,    -0.00016225468244493807,
    0.0035429554796611263, -0.006888997913717727, -0.006345346123769961,  -0.00016225468244493807,
    0.0065393112078231215, 0.006362570258583936,  -0.0010700209602349383, -0.004253356084220034,
    0.0035429554796611263, 0.006362570258583936,  0.00753593231096958,    -0.0035550451365975377,
    -0.002550444348813799, -0.006888997913717727, -0.0010700209602349383, -0.0035550451365975377,
    0.004872768934720843};
static const double subclass_square[25] = {
    0.015736641128551564,   -0.0022095845968553482, -0.0020696310442341547, -0.0006802639706025849,
    -0.0002532031284571316, -0.0022095845968553482, 0.022958586886668596,   -0.003182857624545114,
    -0.0029043400084143452, -0.0015217108744632049, -0.0020696310442341547, -0.003182857624545114,
    0.01899723475790931,    -0.0016292250831337006, 4.3730334464775106e-05, -0.0006802639706025849,
    -0.0029043400084143452, -0.0016292250831337006, 0.020185272009940223,   -0.0032632348449894016,
    -0.0002532031284571316, -0.0015217108744632049, 4.3730334464775106e-05, -0.0032632348449894016,
    0.022056260470516707};

static void near_all(const double *got, const double *wanted, int64_t count, double most) {
    for (int64_t i = 0; i < count; i++)
        CHECK(fabs(got[i] - wanted[i]) <= most);
}

static void procrustes_as_numpy(void) {
    sample_t a = sample_mixed(50, 4, 8, -0.5), b = sample_create(50, 4);
    for (int64_t i = 0; i < 50; i++)
        for (int64_t j = 0; j < 4; j++) {
            b.x[i * 4 + j] = 0.01 * (mixed(i, j, 10) - 0.5);
            for (int64_t k = 0; k < 4; k++)
                b.x[i * 4 + j] += 1.7 * a.x[i * 4 + k] * made_with[k * 4 + j];
        }
    save(&a, "pa.npy", TRN_F64);
    save(&b, "pb.npy", TRN_F64);
    trial_t t = fitted("procrustes", (trn_fit_options_t){0}, &a, &b);
    near_all(t.fit.map.matrix, procrustes_o, 16, 1e-13);
    CHECK(fabs(figure(&t, "residual") - 2.8730181056423603) < 1e-12);
    if (rank == 0) CHECK(fabs(t.fit.map.values[3] - 3.809250603803045) < 1e-12);
    CHECK(figure(&t, "determinant") == -1);
    trial_free(&t);
    t = fitted("procrustes", (trn_fit_options_t){.scale = true}, &a, &b);
    CHECK(fabs(figure(&t, "scale") - 1.6973018608514998) < 1e-13);
    CHECK(fabs(figure(&t, "residual") - 0.02743656740079843) < 1e-13);
    trial_free(&t);
    t = fitted("procrustes", (trn_fit_options_t){.rotation = true}, &a, &b);
    CHECK(figure(&t, "determinant") == 1);
    trial_free(&t);
    sample_free(&a), sample_free(&b);
}

/* Rows of three classes of two subclasses each. */
enum { F_ROWS = 120, F_COLS = 5 };

static sample_t classes(int64_t y[F_ROWS], int64_t z[F_ROWS]) {
    sample_t f = sample_mixed(F_ROWS, F_COLS, 11, 0);
    for (int64_t i = 0; i < F_ROWS; i++) {
        y[i] = i / 40;
        z[i] = 2 * y[i] + i % 2;
        if (z[i] < F_COLS) f.x[i * F_COLS + z[i]] += 0.8;
        f.x[i * F_COLS + y[i]] += 0.5;
    }
    return f;
}

static void ridge_as_numpy(void) {
    int64_t y[F_ROWS], z[F_ROWS];
    sample_t f = classes(y, z), targets = sample_create(F_ROWS, 2);
    for (int64_t i = 0; i < F_ROWS * 2; i++)
        targets.x[i] = turned(i / 2, i % 2, 12);
    save(&f, "f.npy", TRN_F64);
    save(&targets, "t.npy", TRN_F64);
    trial_t t = fitted("ridge", (trn_fit_options_t){.lambda = 0.5}, &f, &targets);
    near_all(t.fit.map.matrix, ridge_w, 10, 1e-15);
    trial_free(&t);
    t = fitted("ridge", (trn_fit_options_t){.lambda = 1e300}, &f, &targets);
    for (int i = 0; i < 10; i++)
        CHECK(fabs(t.fit.map.matrix[i]) < 1e-290);
    trial_free(&t);
    /* Without a penalty residuals are orthogonal to rows: the normal equations. */
    t = fitted("ridge", (trn_fit_options_t){0}, &f, &targets);
    double *image = images(&t.fit.map, &f);
    for (int64_t j = 0; j < F_COLS; j++) {
        double sum = 0;
        for (int64_t i = 0; i < F_ROWS; i++)
            sum += (f.x[i * F_COLS + j] - t.fit.map.mean[j]) * (image[2 * i] - targets.x[2 * i]);
        CHECK(fabs(sum) < 1e-12);
    }
    free(image);
    trial_free(&t);
    sample_free(&f), sample_free(&targets);
}

/* w w^T [d x d] against what is wanted: values are degenerate, so no column alone is a fact. */
static void check_square(const trn_map_t *map, const double *wanted) {
    int64_t r = map->out;
    for (int64_t a = 0; a < F_COLS; a++)
        for (int64_t b = 0; b < F_COLS; b++) {
            double sum = 0;
            for (int64_t j = 0; j < r; j++)
                sum += map->matrix[a * r + j] * map->matrix[b * r + j];
            CHECK(fabs(sum - wanted[a * F_COLS + b]) < 1e-15);
        }
}

static void discriminants_as_numpy(void) {
    int64_t y[F_ROWS], z[F_ROWS], within[F_ROWS];
    sample_t f = classes(y, z), left = sample_create(F_ROWS, 2), right = sample_create(F_ROWS, 3);
    for (int64_t i = 0; i < F_ROWS; i++) {
        within[i] = -7 + 9 * (i % 2); /* any numbers, counted anew in each class */
        memcpy(left.x + 2 * i, f.x + F_COLS * i, 2 * sizeof(double));
        memcpy(right.x + 3 * i, f.x + F_COLS * i + 2, 3 * sizeof(double));
    }
    save(&f, "f.npy", TRN_F64);
    save(&left, "left.npy", TRN_F64);
    save(&right, "right.npy", TRN_F64);
    trial_t t = {.kind = "discriminant",
                 .options = {.lambda = 1e-3},
                 .count = 1,
                 .sample = {&f},
                 .labels = y,
                 .on = comm,
                 .threads = 1};
    trial_t more = t, views = t;
    CHECK_OK(fit(&t));
    check_square(&t.fit.map, lda_square);
    CHECK_EQUAL(t.fit.map.out, 2);
    more.subclasses = within;
    CHECK_OK(fit(&more));
    check_square(&more.fit.map, subclass_square);
    if (rank == 0) CHECK(fabs(more.fit.map.values[2] - 1.0 / 180) < 1e-17);
    views.subclasses = z;
    views.count = 2;
    views.sample[0] = &left;
    views.sample[1] = &right;
    CHECK_OK(fit(&views));
    check_square(&views.fit.map, subclass_square);
    CHECK(views.fit.map.views == 2 && views.fit.map.view[1] == 3);
    trial_free(&t), trial_free(&more), trial_free(&views);
    sample_free(&f), sample_free(&left), sample_free(&right);
}

/* What holds exactly --------------------------------------------------------------------------- */

static void whitens(void) {
    static const double least[] = {0.1, 1e-2, 1e-5}; /* condition of the covariance: its square */
    for (int turn = 0; turn < 6; turn++) {
        sample_t s = spread_rows(2500, 12, least[turn / 2]);
        save(&s, "w.npy", TRN_F64);
        trial_t t = fitted(turn % 2 ? "zca" : "whiten", (trn_fit_options_t){0}, &s, NULL);
        double *y = images(&t.fit.map, &s), squares = 0;
        CHECK(covariance_off(s.rows, 12, y, 1) < 1e-10);
        for (int64_t i = 0; i < s.rows * 12; i++)
            squares += y[i] * y[i];
        CHECK(fabs(squares / (2499.0 * 12) - 1) < 1e-11);
        for (int64_t i = 0; i < 144 && turn % 2; i++)
            CHECK(fabs(t.fit.map.matrix[i] - t.fit.map.matrix[i % 12 * 12 + i / 12]) <
                  1e-10 / least[turn / 2]);
        free(y);
        trial_free(&t);
        sample_free(&s);
    }
}

/* Scores do not correlate, and have the values as variances; what slice leaves out is the tail. */
static void principal(void) {
    sample_t s = spread_rows(1500, 9, 0.05);
    double squares = 0, left = 0, kept = 0;
    save(&s, "p.npy", TRN_F64);
    trial_t t = fitted("pca", (trn_fit_options_t){.rank = 3}, &s, NULL);
    double *y = images(&t.fit.map, &s);
    for (int64_t a = 0; a < 3 && rank == 0; a++)
        for (int64_t b = 0; b < 3; b++) {
            double sum = 0;
            for (int64_t i = 0; i < s.rows; i++)
                sum += y[i * 3 + a] * y[i * 3 + b];
            CHECK(fabs(sum / 1499 - (a == b ? t.fit.map.values[a] : 0)) < 1e-14);
        }
    free(y);
    trial_free(&t);
    t = fitted("slice", (trn_fit_options_t){.rank = 4, .damp = 0.01}, &s, NULL);
    y = images(&t.fit.map, &s);
    for (int64_t i = 0; i < s.rows * 9; i++)
        squares += s.x[i] * s.x[i];
    for (int64_t i = 0; i < s.rows * 4; i++)
        left += y[i] * y[i];
    for (int64_t j = 0; j < 4 && rank == 0; j++)
        kept += t.fit.map.values[j];
    if (rank == 0) CHECK(fabs(left - kept) < 1e-11 * squares);
    CHECK(fabs(figure(&t, "explained_total") - left / squares) < 1e-13);
    free(y);
    trial_free(&t);
    sample_free(&s);
}

/* u P of rows u [d]: the length that is left. */
static double length_left(const trn_map_t *map, const double *u) {
    double squares = 0;
    for (int64_t j = 0; j < map->out; j++) {
        double sum = 0;
        for (int64_t k = 0; k < map->in; k++)
            sum += u[k] * map->matrix[k * map->out + j];
        squares += sum * sum;
    }
    return sqrt(squares);
}

/* Dependent rows count once, also where there are more rows than columns. */
static void removes(void) {
    for (int turn = 0; turn < 2; turn++) {
        int64_t rows = turn ? 600 : 5;
        sample_t u = sample_mixed(rows, 8, 4, -0.5);
        for (int64_t i = 2; i < rows; i++)
            for (int64_t j = 0; j < 8; j++)
                u.x[i * 8 + j] = (double)(i % 7) * u.x[j] - 2 * u.x[8 + j];
        save(&u, "u.npy", TRN_F64);
        trial_t t = fitted("remove", (trn_fit_options_t){.alpha = 1}, &u, NULL);
        const double *p = t.fit.map.matrix;
        double trace = 0;
        for (int64_t i = 0; i < rows; i += turn ? 97 : 1)
            CHECK(length_left(&t.fit.map, u.x + i * 8) < 1e-13);
        for (int64_t i = 0; i < 8; i++) {
            trace += p[9 * i];
            for (int64_t j = 0; j < 8; j++) {
                double square = 0;
                for (int64_t k = 0; k < 8; k++)
                    square += p[i * 8 + k] * p[k * 8 + j];
                CHECK(p[i * 8 + j] == p[j * 8 + i] && fabs(square - p[i * 8 + j]) < 1e-14);
            }
        }
        CHECK(fabs(trace - 6) < 1e-13);
        trial_free(&t);
        sample_free(&u);
    }
}

/* (I + l M) P = I; no weight leaves all as it is; any weight ends at removal. */
static void calibrates(void) {
    enum { PAIRS = 4, D = 7 };
    sample_t a = sample_mixed(PAIRS, D, 5, -0.5), b = sample_mixed(PAIRS, D, 6, -0.5);
    double m[D * D] = {0}, differences[PAIRS * D];
    save(&a, "ca.npy", TRN_F64);
    save(&b, "cb.npy", TRN_F64);
    for (int i = 0; i < PAIRS * D; i++)
        differences[i] = a.x[i] - b.x[i];
    for (int i = 0; i < PAIRS * D * D; i++)
        m[i % (D * D)] += differences[i / (D * D) * D + i % (D * D) / D] *
                          differences[i / (D * D) * D + i % D] / PAIRS;
    trial_t t = fitted("calibrate", (trn_fit_options_t){.lambda = 20}, &a, &b);
    for (int i = 0; i < D * D; i++) {
        double sum = t.fit.map.matrix[i];
        for (int k = 0; k < D; k++)
            sum += 20 * m[i / D * D + k] * t.fit.map.matrix[k * D + i % D];
        CHECK(fabs(sum - (i % (D + 1) == 0)) < 1e-13);
    }
    trial_free(&t);
    t = fitted("calibrate", (trn_fit_options_t){.lambda = 0}, &a, &b);
    for (int i = 0; i < D * D; i++)
        CHECK(t.fit.map.matrix[i] == (i % (D + 1) == 0));
    trial_free(&t);
    t = fitted("calibrate", (trn_fit_options_t){.lambda = 1e200}, &a, &b);
    for (int i = 0; i < PAIRS; i++)
        CHECK(length_left(&t.fit.map, differences + i * D) < 1e-13);
    trial_free(&t);
    sample_free(&a), sample_free(&b);
}

/* s becomes s exp(-a s). */
static void softens(void) {
    sample_t s = sample_create(2, 2);
    s.x[0] = 3, s.x[3] = 1;
    save(&s, "s.npy", TRN_F64);
    trial_t t = fitted("soft", (trn_fit_options_t){.alpha = 0.5}, &s, NULL);
    double *y = images(&t.fit.map, &s);
    CHECK(fabs(y[0] - 3 * exp(-1.5)) < 1e-15 && fabs(y[3] - exp(-0.5)) < 1e-15);
    CHECK(fabs(y[1]) < 1e-15 && fabs(y[2]) < 1e-15);
    free(y);
    trial_free(&t);
    sample_free(&s);
}

/* Where rows are independent and nothing is added, every subclass is one point. */
static void subclasses_collapse(void) {
    enum { N = 12, D = 40 };
    int64_t y[N], z[N];
    sample_t s = sample_mixed(N, D, 9, -0.5);
    for (int64_t i = 0; i < N; i++) {
        y[i] = i < 1 ? 5 : i % 2; /* a class of one row is one */
        z[i] = i % 4;
    }
    save(&s, "c.npy", TRN_F64);
    trial_t t = {.kind = "discriminant",
                 .options = {.lambda = 1e-11},
                 .count = 1,
                 .sample = {&s},
                 .labels = y,
                 .subclasses = z,
                 .on = comm,
                 .threads = 1};
    CHECK_OK(fit(&t));
    CHECK(t.fit.map.out == 4);
    double *image = images(&t.fit.map, &s);
    for (int64_t i = 1; i < N; i++)
        for (int64_t k = 1; k < i; k++)
            for (int64_t j = 0; j < 4 && y[i] == y[k] && z[i] == z[k]; j++)
                CHECK(fabs(image[i * 4 + j] - image[k * 4 + j]) < 1e-7);
    free(image);
    trial_free(&t);
    sample_free(&s);
}

HARNESS_MAIN({"a directory", make_directory}, {"procrustes as NumPy", procrustes_as_numpy},
             {"ridge as NumPy", ridge_as_numpy}, {"discriminants as NumPy", discriminants_as_numpy},
             {"whitens", whitens}, {"principal", principal}, {"removes", removes},
             {"calibrates", calibrates}, {"softens", softens},
             {"subclasses collapse", subclasses_collapse}, {"the directory goes", remove_directory})
