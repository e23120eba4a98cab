/* Fits give the same bits on any number of ranks and threads, from memory or out of files; what
 * cannot be fitted is refused by name; memory may fail anywhere. */
#define _GNU_SOURCE
#include "fit_sample.h"

/* Refused -------------------------------------------------------------------------------------- */

static void refused(trial_t t, trn_status_t code, const char *what) {
    t.on = comm;
    CHECK_EQUAL(fit(&t), code);
    if (!CHECK(strstr(trn_message(), what) != NULL) && rank == 0) puts(trn_message());
    trial_free(&t);
}

static void refuses(void) {
    int64_t same[6] = {4, 4, 4, 4, 4, 4};
    sample_t s = sample_mixed(6, 4, 2, 0), wide = sample_mixed(6, 5, 2, 0);
    sample_t other = sample_mixed(7, 4, 2, 0), zero = sample_create(2, 4),
             flat = sample_create(6, 4);
    for (int64_t i = 0; i < 24; i++) /* few rows by the rule depend on each other */
        s.x[i] = mixed(i * i * 37 + 5, i * 11 + 3, 1);
    for (int64_t i = 0; i < 6; i++)
        s.x[i * 4 + 3] = s.x[i * 4 + 1] - 2 * s.x[i * 4 + 2];
    for (int64_t i = 0; i < 24; i++)
        flat.x[i] = 0.1;
    save(&s, "1.npy", TRN_F64), save(&wide, "2.npy", TRN_F64), save(&other, "3.npy", TRN_F64);
    save(&zero, "4.npy", TRN_F64), save(&flat, "5.npy", TRN_F64);
    refused((trial_t){.kind = "whiten", .count = 1, .sample = {&s}}, TRN_INPUT, "has rank 3");
    refused((trial_t){.kind = "zca", .count = 1, .sample = {&s}}, TRN_INPUT, "has rank 3");
    refused((trial_t){.kind = "whiten", .count = 1, .sample = {&flat}}, TRN_INPUT, "has rank 0");
    refused((trial_t){.kind = "ridge", .count = 2, .sample = {&s, &wide}}, TRN_INPUT, "of rank 3");
    refused((trial_t){.kind = "ridge", .count = 2, .sample = {&s, &other}}, TRN_INPUT, "7 rows");
    refused((trial_t){.kind = "procrustes", .count = 2, .sample = {&s, &wide}}, TRN_INPUT,
            "has 5 columns, but");
    refused((trial_t){.kind = "pca", .options = {.rank = 5}, .count = 1, .sample = {&s}}, TRN_INPUT,
            "4 components at most");
    refused((trial_t){.kind = "remove", .options = {.alpha = 1}, .count = 1, .sample = {&zero}},
            TRN_INPUT, "all rows are zero");
    refused((trial_t){.kind = "discriminant", .count = 1, .sample = {&s}, .labels = same},
            TRN_INPUT, "all labels are 4");
    for (int64_t i = 0; i < 24; i++) {
        s.x[i] *= 1e-170;
        wide.x[i] *= 1e200;
    }
    save(&s, "6.npy", TRN_F64), save(&wide, "7.npy", TRN_F64);
    refused((trial_t){.kind = "pca", .count = 1, .sample = {&s}}, TRN_NUMERIC, "too small");
    refused((trial_t){.kind = "ridge", .count = 2, .sample = {&wide, &flat}}, TRN_NUMERIC,
            "too large");
    refused((trial_t){.kind = "procrustes",
                      .options = {.scale = true, .center = true},
                      .count = 2,
                      .sample = {&flat, &flat}},
            TRN_INPUT, "all rows are equal");
    trial_t whole = fitted("whiten", (trn_fit_options_t){.epsilon = 1e-9}, &flat, NULL);
    trial_free(&whole);
    sample_free(&s), sample_free(&wide), sample_free(&other), sample_free(&zero);
    sample_free(&flat);
}

/* The same bits -------------------------------------------------------------------------------- */

enum { B_ROWS = 2700, B_COLS = 11 };

static void same(const trn_map_t *a, const trn_map_t *b) {
    CHECK_EQUAL(a->out, b->out);
    CHECK(memcmp(a->matrix, b->matrix, sizeof(double) * (size_t)(a->in * a->out)) == 0);
    if (a->mean) CHECK(memcmp(a->mean, b->mean, sizeof(double) * (size_t)a->in) == 0);
    if (a->bias) CHECK(memcmp(a->bias, b->bias, sizeof(double) * (size_t)a->out) == 0);
}

/* One rank alone, all of them, out of the file on two threads. */
static void same_everywhere(trial_t t) {
    t.on = MPI_COMM_SELF;
    t.threads = 1;
    trial_t all = t, streamed = t;
    all.on = streamed.on = comm;
    streamed.threads = 2;
    streamed.streams = true;
    CHECK_OK(fit(&t));
    CHECK_OK(fit(&all));
    CHECK_OK(fit(&streamed));
    if (harness_well()) {
        same(&t.fit.map, &all.fit.map);
        same(&t.fit.map, &streamed.fit.map);
    }
    trial_free(&t), trial_free(&all), trial_free(&streamed);
}

static trn_status_t fit_once(void *user) {
    trial_t t = *(trial_t *)user;
    trn_status_t status = fit(&t);
    trial_free(&t);
    return status;
}

static void same_bits(void) {
    static int64_t y[B_ROWS], z[B_ROWS];
    sample_t a = spread_rows(B_ROWS, B_COLS, 1e-4), b = sample_mixed(B_ROWS, B_COLS, 7, 2);
    sample_t few = sample_mixed(3, B_COLS, 8, 0);
    for (int64_t i = 0; i < B_ROWS; i++) {
        y[i] = i % 5;
        z[i] = i % 3;
    }
    save(&a, "a.npy", TRN_F32), save(&b, "b.h5", TRN_F64), save(&few, "few.npy", TRN_F64);
    static const char *const one[] = {"pca", "whiten", "zca", "slice", "remove", "soft"};
    for (size_t i = 0; i < sizeof one / sizeof *one; i++)
        same_everywhere((trial_t){
            .kind = one[i], .options = {.alpha = 0.01, .damp = 0.01}, .count = 1, .sample = {&a}});
    same_everywhere(
        (trial_t){.kind = "remove", .options = {.alpha = 1}, .count = 1, .sample = {&few}});
    same_everywhere((trial_t){
        .kind = "calibrate", .options = {.lambda = 9}, .count = 3, .sample = {&a, &b, &few}});
    same_everywhere((trial_t){.kind = "procrustes",
                              .options = {.scale = true, .center = true},
                              .count = 2,
                              .sample = {&a, &b}});
    same_everywhere((trial_t){.kind = "ridge", .count = 2, .sample = {&a, &b}});
    same_everywhere((trial_t){
        .kind = "discriminant", .count = 2, .sample = {&a, &b}, .labels = y, .subclasses = z});
    sample_free(&a), sample_free(&b), sample_free(&few);
}

static void memory_fails(void) {
    int64_t y[30];
    sample_t a = spread_rows(30, 4, 1e-4), b = sample_mixed(30, 4, 7, 0);
    for (int64_t i = 0; i < 30; i++)
        y[i] = i % 3;
    save(&a, "ma.npy", TRN_F64), save(&b, "mb.npy", TRN_F64);
    trial_t trials[] = {
        {.kind = "zca", .count = 1, .sample = {&a}},
        {.kind = "calibrate", .options = {.lambda = 9}, .count = 3, .sample = {&a, &b, &b}},
        {.kind = "procrustes", .options = {.center = true}, .count = 2, .sample = {&a, &b}},
        {.kind = "ridge", .count = 2, .sample = {&a, &b}},
        {.kind = "discriminant",
         .count = 2,
         .sample = {&a, &b},
         .labels = y,
         .options = {.lambda = 1}}};
    for (size_t i = 0; i < sizeof trials / sizeof *trials && ranks < 4; i++) {
        trials[i].on = comm;
        harness_inject(fit_once, &trials[i]);
    }
    sample_free(&a), sample_free(&b);
}

HARNESS_MAIN({"a directory", make_directory}, {"refuses", refuses}, {"same bits", same_bits},
             {"memory fails", memory_fails}, {"the directory goes", remove_directory})
