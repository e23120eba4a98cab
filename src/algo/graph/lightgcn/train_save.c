/* train_save.c: checkpoints, by rows and not by ranks, so that any number of ranks goes on. */
#include "algo/common/settings.h"
#include "algo/graph/lightgcn/train_state.h"
#include "base/log.h"
#include "mpi/agree.h"

#include <stddef.h>
#include <stdio.h>

#define KIND "recommender_training"
enum { SETTINGS_BYTES = 512, ENDING = 16 };

/* All that the state follows from, but the number of epochs and patience, which may be raised: a
 * look at a last epoch then counts among the others. `graph` has the numbers of users and items,
 * too. */
#define AT(field)     offsetof(trn_gcn_state_t, field)
#define OPTION(field) offsetof(trn_gcn_state_t, options.field)
static const trn_setting_t table[] = {
    {"likes", "the interactions", TRN_SETTING_INT, AT(likes), NULL, NULL},
    {"graph", "which interactions there are", TRN_SETTING_HASH, AT(graph), NULL, NULL},
    {"valid", "--valid", TRN_SETTING_REAL, OPTION(valid), NULL, NULL},
    {"look", "--look", TRN_SETTING_INT, OPTION(look), NULL, NULL},
    {"dim", "--dim", TRN_SETTING_INT, OPTION(dim), NULL, NULL},
    {"layers", "--layers", TRN_SETTING_INT, OPTION(layers), NULL, NULL},
    {"batch", "--batch", TRN_SETTING_INT, OPTION(batch), NULL, NULL},
    {"others", "--negatives", TRN_SETTING_INT, OPTION(others), NULL, NULL},
    {"rate", "--learning-rate", TRN_SETTING_REAL, OPTION(rate), NULL, NULL},
    {"decay", "--decay", TRN_SETTING_REAL, OPTION(decay), NULL, NULL},
    {"start", "the starting embeddings", TRN_SETTING_REAL, OPTION(start), NULL, NULL},
    {"kind", "--adjacency", TRN_SETTING_CHOICE, OPTION(kind), TRN_BIPARTITE_NAMES, NULL},
    {"ngcf", "--method", TRN_SETTING_FLAG, OPTION(ngcf), NULL, NULL},
    {"drop", "--dropout", TRN_SETTING_REAL, OPTION(drop), NULL, NULL},
    {"seed", "--seed", TRN_SETTING_SEED, OPTION(seed), NULL, NULL},
    {0}};

/* Matrices of a checkpoint; each has the two sides' datasets. */
typedef struct part {
    const char *name;
    size_t at;
} part_t;

static const part_t parts[] = {
    {"values", AT(rows)}, {"mean", AT(mean)}, {"square", AT(square)}, {"best", AT(best)}};
static const char *const side_names[] = {"user", "item"};

static int parts_of(const trn_gcn_state_t *s) {
    return s->options.look > 0 ? 4 : 3;
}

static const trn_sides_t *sides_of(const trn_gcn_state_t *s, int part) {
    return (const trn_sides_t *)(const void *)((const char *)s + parts[part].at);
}

/* Do `each` for all datasets, in the order of the file. */
static trn_status_t for_parts(const trn_gcn_state_t *s, trn_store_t *store,
                              trn_status_t (*each)(trn_store_t *, const char *,
                                                   const trn_matrix_t *)) {
    for (int part = 0; part < parts_of(s); part++)
        for (int side = 0; side < TRN_SIDES; side++) {
            char name[ENDING + ENDING];
            snprintf(name, sizeof name, "/%s/%s", side_names[side], parts[part].name);
            TRN_TRY(each(store, name, sides_of(s, part)->side[side]));
        }
    return TRN_OK;
}

static trn_status_t declare_one(trn_store_t *store, const char *name, const trn_matrix_t *x) {
    const trn_dist_t *dist = trn_matrix_dist(x);
    return trn_store_dataset(store, name, TRN_F32, trn_dist_rows(dist), trn_dist_cols(dist));
}

static trn_status_t write_one(trn_store_t *store, const char *name, const trn_matrix_t *x) {
    trn_view_t v = trn_matrix_block(x);
    return trn_store_write(store, name, trn_matrix_first_row(x), v.rows, v.data);
}

static trn_status_t read_one(trn_store_t *store, const char *name, const trn_matrix_t *x) {
    trn_view_t v = trn_matrix_block(x);
    int64_t rows = trn_dist_rows(trn_matrix_dist(x)), there = 0;
    TRN_TRY(trn_store_need(store, name, TRN_F32, &there, v.cols));
    if (there != rows)
        return trn_fail(TRN_INPUT, "%s: %s has %lld rows, not %lld", trn_store_path(store), name,
                        (long long)there, (long long)rows);
    return trn_store_read(store, name, trn_matrix_first_row(x), v.rows, v.data);
}

/* The four arrays of weights; rank 0 writes them, for all have the same. */
static trn_status_t for_weights(const trn_gcn_state_t *s, trn_store_t *store,
                                trn_status_t (*each)(trn_store_t *, const char *, int64_t,
                                                     float *)) {
    const trn_gcn_weights_t *w = &s->weights;
    if (w->count == 0) return TRN_OK;
    TRN_TRY(each(store, "/weights/values", w->count, w->values));
    TRN_TRY(each(store, "/weights/mean", w->count, w->mean));
    TRN_TRY(each(store, "/weights/square", w->count, w->square));
    return each(store, "/weights/best", w->count, w->best);
}

static trn_status_t declare_weights(trn_store_t *store, const char *name, int64_t count,
                                    float *values) {
    (void)values;
    return trn_store_dataset(store, name, TRN_F32, count, 0);
}

static trn_status_t write_weights(trn_store_t *store, const char *name, int64_t count,
                                  float *values) {
    return trn_store_write(store, name, 0, count, values);
}

static trn_status_t read_weights(trn_store_t *store, const char *name, int64_t count,
                                 float *values) {
    int64_t there = 0;
    TRN_TRY(trn_store_need(store, name, TRN_F32, &there, 0));
    if (there == count) return trn_store_read(store, name, 0, count, values);
    return trn_fail(TRN_INPUT, "%s: %s has %lld numbers, not %lld", trn_store_path(store), name,
                    (long long)there, (long long)count);
}

static trn_status_t declare(const trn_gcn_state_t *s, trn_store_t *store) {
    char settings[SETTINGS_BYTES];
    TRN_TRY(trn_settings_text(table, s, settings, sizeof settings));
    TRN_TRY(trn_store_set_text(store, "/", "settings", settings));
    TRN_TRY(trn_store_set_int(store, "/", "epoch", s->epoch));
    TRN_TRY(trn_store_set_int(store, "/", "step", s->step));
    TRN_TRY(trn_store_set_int(store, "/", "best_epoch", s->best_epoch));
    TRN_TRY(trn_store_set_int(store, "/", "worse", s->worse));
    TRN_TRY(trn_store_set_real(store, "/", "score", s->score));
    TRN_TRY(trn_store_set_real(store, "/", "last_loss", s->loss));
    TRN_TRY(for_parts(s, store, declare_one));
    TRN_TRY(for_weights(s, store, declare_weights));
    int64_t users = s->a->start[TRN_USERS][s->a->ranks];
    TRN_TRY(trn_store_dataset(store, "/user/loss", TRN_F64, users, 0));
    return trn_store_begin(store);
}

static trn_status_t write_parts(const trn_gcn_state_t *s, trn_store_t *store) {
    const int64_t *start = s->a->start[TRN_USERS] + s->a->rank;
    TRN_TRY(for_parts(s, store, write_one));
    if (s->a->rank == 0) TRN_TRY(for_weights(s, store, write_weights));
    return trn_store_write(store, "/user/loss", start[0], start[1] - start[0],
                           trn_bpr_losses(s->bpr));
}

trn_status_t trn_gcn_save(const trn_gcn_state_t *s, const trn_trainer_run_t *run,
                          trn_store_t **behind) {
    trn_store_t *store = NULL;
    TRN_TRY(trn_store_create(&store, s->a->of.comm, run->checkpoint, KIND, run->created_by,
                             run->params, s->options.seed));
    trn_status_t status = declare(s, store);
    if (status == TRN_OK && behind) status = trn_store_write_behind(store);
    if (status != TRN_OK) {
        trn_store_abandon(&store);
        return status;
    }
    status = write_parts(s, store); /* a failure of the disk is one rank's own */
    if (!behind) return trn_store_commit(&store, status);
    status = trn_store_commit_start(&store, status);
    *behind = store;
    return status;
}

/* Local. */
static trn_status_t read_parts(trn_gcn_state_t *s, trn_store_t *store) {
    const char *then;
    const int64_t *start = s->a->start[TRN_USERS] + s->a->rank;
    TRN_TRY(trn_store_get_text(store, "/", "settings", &then));
    TRN_TRY(trn_settings_check(table, s, trn_store_path(store), then));
    TRN_TRY(trn_store_get_int(store, "/", "epoch", &s->epoch));
    TRN_TRY(trn_store_get_int(store, "/", "step", &s->step));
    TRN_TRY(trn_store_get_int(store, "/", "best_epoch", &s->best_epoch));
    TRN_TRY(trn_store_get_int(store, "/", "worse", &s->worse));
    TRN_TRY(trn_store_get_real(store, "/", "score", &s->score));
    TRN_TRY(trn_store_get_real(store, "/", "last_loss", &s->loss));
    if (s->epoch < 0 || s->step < 0 || s->step >= trn_gcn_steps(s))
        return trn_fail(TRN_INPUT, "%s: epoch %lld, step %lld cannot be", trn_store_path(store),
                        (long long)s->epoch, (long long)s->step);
    TRN_TRY(for_parts(s, store, read_one));
    TRN_TRY(for_weights(s, store, read_weights));
    return trn_store_read(store, "/user/loss", start[0], start[1] - start[0],
                          trn_bpr_losses(s->bpr));
}

static trn_status_t load(trn_store_t *store, void *user) {
    trn_gcn_state_t *s = user;
    return trn_agree(s->a->of.comm, read_parts(s, store));
}

trn_status_t trn_gcn_resume(trn_gcn_state_t *s, const trn_trainer_run_t *run, bool *resumed) {
    TRN_TRY(
        trn_checkpoint_load(s->a->of.comm, run->checkpoint, KIND, run->resume, load, s, resumed));
    if (*resumed && s->a->rank == 0)
        trn_log(TRN_LOG_INFO, "recommend", "resumed from %s: epoch %lld, step %lld of %lld",
                run->checkpoint, (long long)s->epoch + 1, (long long)s->step + 1,
                (long long)trn_gcn_steps(s));
    return TRN_OK;
}
