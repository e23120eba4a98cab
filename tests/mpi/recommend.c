/* algo/graph/recommend: lists and metrics of ten users and twelve items worked out by hand, filters
 * against their definitions, and the bits of one rank at any number of them. */
#include "algo/graph/recommend/lowpass.h"
#include "algo/graph/recommend/serve.h"
#include "algo/matrix/tall.h"
#include "harness.h"
#include "kern/dense/lapack.h"
#include "mpi/agree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pairs (user, item) one after another; -1 ends them. */
static const int TRAIN[] = {0, 0,  0, 1,  0, 2, 1, 0, 1, 1, 1, 3, 2, 2, 2, 3, 4, 0,
                            4, 1,  4, 2,  4, 3, 4, 4, 4, 5, 4, 6, 4, 7, 4, 8, 4, 9,
                            4, 10, 4, 11, 5, 5, 6, 6, 6, 5, 7, 7, 9, 0, 9, 0, -1}; /* the last one
                                                                                      twice */
static const int TEST[] = {0,  5, 0,  4, 2, 0, 3, 3, 3, 8, 3,  9, 3,
                           10, 3, 11, 7, 8, 7, 9, 4, 3, 8, -1, -1};
enum { USERS = 10, ITEMS = 12 };

/* This rank's even part of pairs. */
static void give(trn_edges_file_t *file, MPI_Comm on, const int *pair) {
    int at, of;
    MPI_Comm_rank(on, &at);
    MPI_Comm_size(on, &of);
    *file = (trn_edges_file_t){.path = "pairs"};
    while (pair[2 * file->all] >= 0 && pair[2 * file->all + 1] >= 0)
        file->all++;
    CHECK_OK(trn_alloc(&file->from, file->all, sizeof(int32_t), "a test"));
    CHECK_OK(trn_alloc(&file->to, file->all, sizeof(int32_t), "a test"));
    for (int64_t e = at; e < file->all; e += of) {
        file->from[file->count] = pair[2 * e];
        file->to[file->count++] = pair[2 * e + 1];
    }
}

/* Interactions as after reading. */
static void begin(trn_interactions_t *in, MPI_Comm on, int64_t users, int64_t items,
                  const int *train, const int *test) {
    *in = (trn_interactions_t){.edges = {.comm = on, .files = test ? 2 : 1}};
    CHECK_OK(trn_alloc_zero(&in->edges.file, 2, sizeof *in->edges.file, "a test"));
    give(&in->edges.file[0], on, train);
    if (test) give(&in->edges.file[1], on, test);
    in->edges.side[0].count = users;
    in->edges.side[1].count = items;
    CHECK_OK(trn_interactions_survey(in));
}

static void sample(trn_interactions_t *in, int64_t items) {
    begin(in, comm, USERS, items, TRAIN, TEST);
    CHECK_OK(trn_interactions_load(in));
}

static void near(double got, double wanted, double tolerance) {
    if (!CHECK(fabs(got - wanted) <= tolerance)) printf("%.17g is not %.17g\n", got, wanted);
}

/* Popularity: users of items 0, 1, ... are 4 3 3 3 1 3 2 2 1 1 1 1. */
static void by_hand(void) {
    static const int lists[USERS][4] = {{3, 5, 6, 7},     {2, 5, 6, 7}, {0, 1, 5, 6}, {0, 1, 2, 3},
                                        {-1, -1, -1, -1}, {0, 1, 2, 3}, {0, 1, 2, 3}, {0, 1, 2, 3},
                                        {0, 1, 2, 3},     {1, 2, 3, 5}};
    trn_interactions_t in;
    trn_served_t out;
    trn_scores_t popularity = {0};
    trn_serve_options_t o = {.k = 4, .threads = 2};
    sample(&in, ITEMS);
    CHECK_EQUAL(in.counts.entries[0], 25);
    CHECK_EQUAL(in.counts.entries[1], 11);
    CHECK_EQUAL(in.counts.repeated, 1);
    CHECK_EQUAL(in.counts.users_unknown, 2);
    CHECK_EQUAL(in.counts.users_asked, 5);
    CHECK_EQUAL(in.counts.users_asked_unknown, 1);
    CHECK_EQUAL(in.counts.items_unknown, 0);
    CHECK_EQUAL(in.counts.overlap, 1);
    CHECK_OK(trn_serve(&out, &in, &popularity, &o));
    for (int64_t i = 0; i < out.count; i++)
        for (int j = 0; j < 4; j++)
            CHECK_EQUAL(out.item[i * 4 + j], lists[out.user[i]][j]);
    /* hits: user 0 of two at place 2, user 2 of one at place 1, user 3 of five at place 4, none of
     * users 4 and 7 */
    double second = 1 / log2(3), fourth = 1 / log2(5);
    CHECK_EQUAL(out.asked, 5);
    near(out.mean.recall, (0.5 + 1 + 0.2) / 5, 1e-15);
    near(out.mean.precision, 0.75 / 5, 1e-15);
    near(out.mean.ndcg, (second / (1 + second) + 1 + fourth / (1 + second + 0.5 + fourth)) / 5,
         1e-15);
    near(out.mean.ndcg_ngcf, (second + 1 + fourth) / 5, 1e-15);
    CHECK_EQUAL(out.unknown, 2);
    CHECK_EQUAL(out.covered, 7);
    CHECK_EQUAL(out.all, USERS);
    trn_served_free(&out);
    trn_interactions_free(&in);
}

/* Lists longer than there are items, an item that is only tested, users who were asked for. */
static void edges_of_lists(void) {
    static const int64_t wanted[] = {3, 4, 7};
    trn_interactions_t in;
    trn_served_t out;
    trn_scores_t popularity = {0};
    trn_serve_options_t o = {.k = 15, .threads = 1, .count = 3, .wanted = wanted};
    sample(&in, ITEMS + 1);
    CHECK_EQUAL(in.counts.items_unknown, 1);
    CHECK_OK(trn_serve(&out, &in, &popularity, &o));
    CHECK_EQUAL(out.all, 3);
    for (int64_t i = 0; i < out.count; i++) {
        const int32_t *item = out.item + i * 15;
        const float *score = out.score + i * 15;
        int64_t full = out.user[i] == 3 ? 13 : out.user[i] == 4 ? 1 : 12;
        CHECK_EQUAL(item[full - 1], 12); /* which nobody has comes last, after those with one */
        CHECK(score[full - 1] == 0);
        CHECK_EQUAL(item[full], -1);
        CHECK(score[full] == -INFINITY);
        CHECK_EQUAL(item[14], -1);
    }
    CHECK_EQUAL(out.asked, 3);
    near(out.mean.recall, (1 + 0 + 1) / 3.0, 1e-15); /* users 3 and 7 get all that there is */
    near(out.mean.precision, (5 + 2) / 15.0 / 3, 1e-15);
    trn_served_free(&out);
    o.wanted = (const int64_t[]){8};
    o.count = 1;
    CHECK_OK(trn_serve(&out, &in, &popularity, &o)); /* has nothing to test */
    CHECK_EQUAL(out.asked, 0);
    CHECK(out.mean.recall == 0 && out.mean.ndcg == 0);
    trn_served_free(&out);
    trn_interactions_free(&in);
}

/* R, and Rn = Du^-1/2 R Di^-1/2, dense. */
static void dense(double r[USERS][ITEMS], double rn[USERS][ITEMS], double *du, double *di) {
    memset(r, 0, sizeof(double) * USERS * ITEMS);
    for (int e = 0; TRAIN[e] >= 0; e += 2)
        r[TRAIN[e]][TRAIN[e + 1]] = 1;
    for (int u = 0; u < USERS; u++)
        for (int j = 0; j < ITEMS; j++) {
            du[u] += r[u][j];
            di[j] += r[u][j];
        }
    for (int u = 0; u < USERS; u++)
        for (int j = 0; j < ITEMS; j++)
            rn[u][j] = r[u][j] > 0 ? 1 / sqrt(du[u] * di[j]) : 0;
}

/* R Rn^T Rn by the definition. */
static void linear(void) {
    double r[USERS][ITEMS], rn[USERS][ITEMS], du[USERS] = {0}, di[ITEMS] = {0};
    trn_interactions_t in;
    trn_linear_t all;
    trn_served_t out;
    trn_serve_options_t o = {.k = ITEMS, .threads = 2};
    dense(r, rn, du, di);
    sample(&in, ITEMS);
    CHECK_OK(trn_linear_create(&all, &in));
    trn_scores_t scores = {.linear = &all};
    CHECK_OK(trn_serve(&out, &in, &scores, &o));
    for (int64_t i = 0; i < out.count; i++) {
        int u = out.user[i];
        if (du[u] == 0) continue;
        double last = INFINITY;
        int there = 0;
        for (int k = 0; k < ITEMS && out.item[i * ITEMS + k] >= 0; k++, there++) {
            int j = out.item[i * ITEMS + k];
            double wanted = 0;
            for (int w = 0; w < USERS; w++)
                for (int item = 0; item < ITEMS; item++)
                    wanted += r[u][item] * rn[w][item] * rn[w][j];
            near(out.score[i * ITEMS + k], wanted, 1e-7);
            CHECK(r[u][j] == 0);
            CHECK(out.score[i * ITEMS + k] <= last);
            last = out.score[i * ITEMS + k];
        }
        CHECK_EQUAL(there, ITEMS - (int)du[u]);
    }
    trn_served_free(&out);
    trn_linear_free(&all);
    trn_interactions_free(&in);
}

/* mix R Di^-1/2 V V^T Di^1/2 with V out of eigenvectors of Rn^T Rn; `width` as it should come. */
static void one_lowpass(const trn_interactions_t *in, int64_t asked, int64_t width) {
    double r[USERS][ITEMS], rn[USERS][ITEMS], du[USERS] = {0}, di[ITEMS] = {0};
    double gram[ITEMS * ITEMS] = {0}, value[ITEMS], mix = 0.25;
    trn_lowpass_t low;
    dense(r, rn, du, di);
    for (int i = 0; i < ITEMS; i++)
        for (int j = 0; j < ITEMS; j++)
            for (int u = 0; u < USERS; u++)
                gram[i * ITEMS + j] += rn[u][i] * rn[u][j];
    double *work = malloc(sizeof(double) * (size_t)trn_lapack_eig_work(ITEMS));
    CHECK(trn_lapack_eig(ITEMS, gram, value, work)); /* ascending, vectors are rows */
    free(work);
    CHECK_OK(trn_lowpass_create(&low, in, asked, mix, (trn_svd_stop_t){1e-12, 1000}));
    CHECK_EQUAL(low.width, width);
    for (int64_t k = 0; k < low.width; k++)
        near(low.values[k], sqrt(value[ITEMS - 1 - k]), 1e-7);
    int64_t first = trn_tall_start(comm, USERS, rank);
    for (int64_t u = first; u < trn_tall_start(comm, USERS, rank + 1); u++)
        for (int j = 0; j < ITEMS; j++) {
            double wanted = 0, got = 0;
            for (int64_t k = 0; k < width; k++) {
                const double *v = gram + (ITEMS - 1 - k) * ITEMS;
                double along = 0;
                for (int i = 0; i < ITEMS; i++)
                    along += r[u][i] / sqrt(di[i]) * v[i];
                wanted += mix * along * v[j] * sqrt(di[j]);
                got += (double)low.user[(u - first) * width + k] * low.item[j * width + k];
            }
            near(got, wanted, 1e-6);
            if (asked == USERS) near(got, mix * r[u][j], 1e-6); /* all there is: R itself */
        }
    trn_lowpass_free(&low);
}

static void lowpass(void) {
    trn_interactions_t in;
    sample(&in, ITEMS);
    one_lowpass(&in, 2, 2);
    one_lowpass(&in, 4, 4);
    one_lowpass(&in, USERS, 8); /* two users have nothing */
    trn_interactions_free(&in);
}

/* Made-up interactions: `each` items of every user, some of them alike. */
static int *made_up(int users, int items, int each, int salt) {
    int *pair = malloc(sizeof(int) * (size_t)(2 * users * each + 2)), n = 0;
    for (int u = 0; u < users; u++)
        for (int e = 0; e < each && u % 97 != salt % 97; e++) {
            int64_t x =
                ((int64_t)u * u % 1009 * 7919 + (int64_t)e * e * 104729 + salt * e) % 1000003;
            pair[n++] = u;
            pair[n++] = (int)(x * x % 1000003 * (x % 7 + 1) / 7 % items);
        }
    pair[n] = pair[n + 1] = -1;
    return pair;
}

typedef struct whole {
    trn_interactions_t in;
    trn_linear_t linear;
    trn_lowpass_t low;
    trn_served_t out;
} whole_t;

static void whole_free(whole_t *w) {
    trn_served_free(&w->out);
    trn_lowpass_free(&w->low);
    trn_linear_free(&w->linear);
    trn_interactions_free(&w->in);
}

enum { MANY_USERS = 1300, MANY_ITEMS = 1100 };

static void make(whole_t *w, MPI_Comm on, int threads, int64_t count, const int64_t *wanted) {
    int *train = made_up(MANY_USERS, MANY_ITEMS, 12, 5);
    int *test = made_up(MANY_USERS, MANY_ITEMS, 3, 11);
    trn_serve_options_t o = {.k = 10, .threads = threads, .count = count, .wanted = wanted};
    memset(w, 0, sizeof *w);
    begin(&w->in, on, MANY_USERS, MANY_ITEMS, train, test);
    CHECK_OK(trn_interactions_load(&w->in));
    CHECK_OK(trn_lowpass_create(&w->low, &w->in, 8, 0.3, (trn_svd_stop_t){1e-6, 1000}));
    CHECK_OK(trn_linear_create(&w->linear, &w->in));
    trn_scores_t scores = {w->low.width, w->low.user, w->low.item, &w->linear};
    CHECK_OK(trn_serve(&w->out, &w->in, &scores, &o));
    free(train);
    free(test);
}

static void as_alone(void) {
    whole_t one, here;
    make(&one, MPI_COMM_SELF, 1, 0, NULL);
    make(&here, comm, 2, 0, NULL);
    int64_t first = here.out.first, count = here.out.count;
    CHECK_EQUAL(first, trn_tall_start(comm, MANY_USERS, rank));
    CHECK(memcmp(one.out.item + first * 10, here.out.item, sizeof(int32_t) * (size_t)count * 10) ==
          0);
    CHECK(memcmp(one.out.score + first * 10, here.out.score, sizeof(float) * (size_t)count * 10) ==
          0);
    CHECK(memcmp(&one.out.mean, &here.out.mean, sizeof one.out.mean) == 0);
    CHECK(memcmp(&one.in.counts, &here.in.counts, sizeof one.in.counts) == 0);
    CHECK_EQUAL(one.out.covered, here.out.covered);
    CHECK_EQUAL(one.out.asked, here.out.asked);
    CHECK_EQUAL(one.out.unknown, here.out.unknown);
    CHECK(here.out.mean.recall > 0 && here.out.unknown > 0 && here.in.counts.repeated > 0);
    whole_free(&here);
    /* users in the middle of a tile and alone in theirs have lists as among all */
    static const int64_t wanted[] = {3, 4, 100, 511, 700, 1299};
    make(&here, comm, 1, 6, wanted);
    for (int64_t i = 0; i < here.out.count; i++)
        for (int j = 0; j < 10; j++) {
            int64_t at = here.out.user[i] * 10 + j;
            CHECK(fabsf(here.out.score[i * 10 + j] - one.out.score[at]) <=
                  1e-5F * fabsf(one.out.score[at]));
        }
    whole_free(&here);
    whole_free(&one);
}

static void nothing(void) {
    static const int none[] = {-1, -1};
    trn_interactions_t in = {.edges = {.comm = comm, .files = 1}};
    CHECK_OK(trn_alloc_zero(&in.edges.file, 1, sizeof *in.edges.file, "a test"));
    give(&in.edges.file[0], comm, none);
    CHECK_EQUAL(trn_interactions_survey(&in), TRN_INPUT);
    trn_interactions_free(&in);
}

/* From dealt interactions to lists. */
static trn_status_t all_of(void *user) {
    const trn_interactions_t *in = user;
    trn_linear_t linear = {0};
    trn_lowpass_t low = {0};
    trn_served_t out = {0};
    trn_serve_options_t o = {.k = 3, .threads = 2};
    trn_status_t status = trn_linear_create(&linear, in);
    if (status == TRN_OK) status = trn_lowpass_create(&low, in, 2, 1, (trn_svd_stop_t){1e-3, 100});
    trn_scores_t scores = {low.width, low.user, low.item, &linear};
    if (status == TRN_OK) status = trn_serve(&out, in, &scores, &o);
    trn_served_free(&out);
    trn_lowpass_free(&low);
    trn_linear_free(&linear);
    return status;
}

/* From pairs that were read to dealt interactions: what was read is taken anew each time. */
static trn_status_t dealt(void *user) {
    (void)user;
    trn_interactions_t in = {.edges = {.comm = comm, .files = 2, .side = {{USERS}, {ITEMS}}}};
    trn_edges_file_t file[2];
    in.edges.file = file;
    trn_status_t status = TRN_OK;
    for (int f = 0; f < 2; f++) {
        const int *pair = f ? TEST : TRAIN;
        file[f] = (trn_edges_file_t){.all = 1, .path = "pairs"};
        if (status == TRN_OK) status = trn_alloc(&file[f].from, 1, sizeof(int32_t), "a test");
        if (status == TRN_OK) status = trn_alloc(&file[f].to, 1, sizeof(int32_t), "a test");
        if (status != TRN_OK || rank > 0) continue;
        file[f].count = 1;
        file[f].from[0] = pair[0];
        file[f].to[0] = pair[1];
    }
    status = trn_agree(comm, status);
    if (status == TRN_OK) status = trn_interactions_survey(&in);
    if (status == TRN_OK) status = trn_interactions_load(&in);
    for (int f = 0; f < 2; f++)
        trn_edges_file_free(&file[f]);
    in.edges.files = 0;
    in.edges.file = NULL;
    trn_interactions_free(&in);
    return status;
}

static void memory(void) {
    trn_interactions_t in;
    sample(&in, ITEMS);
    harness_inject(all_of, &in);
    harness_inject(dealt, NULL);
    trn_interactions_free(&in);
}

HARNESS_MAIN({"metrics by hand", by_hand}, {"edges of lists", edges_of_lists}, {"linear", linear},
             {"lowpass", lowpass}, {"bits of one rank", as_alone}, {"nothing to learn", nothing},
             {"memory that fails", memory})
