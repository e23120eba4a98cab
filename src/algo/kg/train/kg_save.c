/* kg_save.c: results and checkpoints of knowledge-graph training, written and read at any number of
 * ranks. */
#include "algo/kg/train/kg_train.h"

#include "algo/kg/kg_score.h"
#include "algo/kg/train/kg_settings.h"
#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BATCH_BYTES = 4 << 20 };

static const char *const part_names[3] = {"entity", "relation", "second"};

/* One of the six arrays of the optimiser's state. */
typedef struct moment {
    char name[40];
    float *values;
    int64_t first, own, rows, width; /* this rank's rows; all rows */
} moment_t;

/* False if the state has no such array. Relations' first rows are the same on every rank, and the
 * ranks take even parts of them to the file, as of second rows, which are dealt like that. */
static bool moment_at(const trn_kg_state_t *s, int part, int which, moment_t *m) {
    const trn_kg_header_t *h = &s->header;
    int64_t widths[3] = {h->shape.dim, h->model->relation_width(&h->shape),
                         h->model->second_width(&h->shape)};
    m->values = s->moments[part][which];
    m->width = trn_kg_moment_width(s->options.optimiser, which, widths[part]);
    if (!m->values || m->width == 0) return false;
    snprintf(m->name, sizeof m->name, "/train/%s/moment%d", part_names[part], which);
    if (part == 0) {
        m->first = s->first_block * s->rows;
        m->own = s->own_blocks * s->rows;
        m->rows = s->blocks * s->rows;
        return true;
    }
    m->rows = trn_kg_relation_rows(h);
    m->first = trn_part_start(m->rows, s->ranks, s->rank);
    m->own = trn_part_start(m->rows, s->ranks, s->rank + 1) - m->first;
    return true;
}

static trn_status_t declare_training(const trn_kg_state_t *s, const trn_kg_t *kg,
                                     trn_store_t *store) {
    char settings[TRN_KG_SETTINGS_BYTES];
    trn_kg_settings_t values = trn_kg_settings(&s->header, &s->options, kg->triples[TRN_TRAIN]);
    moment_t m;
    for (int i = 0; i < 6; i++)
        if (moment_at(s, i / 2, i % 2, &m))
            TRN_TRY(trn_store_dataset(store, m.name, TRN_F32, m.rows, m.width));
    TRN_TRY(trn_settings_text(trn_kg_setting_table, &values, settings, sizeof settings));
    TRN_TRY(trn_store_set_int(store, "/", "epoch", s->epoch));
    TRN_TRY(trn_store_set_int(store, "/", "step", s->step));
    TRN_TRY(trn_store_set_int(store, "/", "position", s->position));
    TRN_TRY(trn_store_set_real(store, "/", "loss", s->loss));
    TRN_TRY(trn_store_set_int(store, "/", "best_epoch", s->best_epoch));
    TRN_TRY(trn_store_set_real(store, "/", "best_mrr", s->best_mrr));
    return trn_store_set_text(store, "/", "settings", settings);
}

/* Local: what a rank writes of an array is all that it has, but of relations. */
static trn_status_t write_training(const trn_kg_state_t *s, trn_store_t *store) {
    moment_t m;
    for (int i = 0; i < 6; i++)
        if (moment_at(s, i / 2, i % 2, &m))
            TRN_TRY(trn_store_write(store, m.name, m.first, m.own,
                                    m.values + (i / 2 == 1 ? m.first * m.width : 0)));
    return TRN_OK;
}

/* Entities in their order, a batch at a time. Returns this rank's outcome. Collective. */
static trn_status_t write_entities(trn_kg_state_t *s, trn_store_t *store, int64_t batch,
                                   int32_t *ids, float *rows) {
    int64_t n = s->header.entities, d = s->header.shape.dim;
    int64_t low = trn_part_start(n, s->ranks, s->rank);
    int64_t high = trn_part_start(n, s->ranks, s->rank + 1);
    trn_status_t status = TRN_OK;
    for (int64_t from = 0; from < n; from += batch) {
        int64_t to = from + batch < n ? from + batch : n;
        for (int64_t e = from; e < to; e++)
            ids[e - from] = (int32_t)e;
        trn_kg_gather(s, to - from, ids, rows);
        trn_watch_tick();
        int64_t mine = from > low ? from : low, end = to < high ? to : high;
        if (mine < end && status == TRN_OK)
            status = trn_store_write(store, "/entity/values", mine, end - mine,
                                     rows + (mine - from) * d);
    }
    return status;
}

static trn_status_t write_relations(const trn_kg_state_t *s, trn_store_t *store) {
    const trn_kg_header_t *h = &s->header;
    int64_t rows = trn_kg_relation_rows(h), width = h->model->relation_width(&h->shape);
    int64_t second = h->model->second_width(&h->shape);
    int64_t first = trn_part_start(rows, s->ranks, s->rank);
    int64_t own = trn_part_start(rows, s->ranks, s->rank + 1) - first;
    TRN_TRY(trn_store_write(store, "/relation/values", first, own, s->relation + first * width));
    if (second == 0) return TRN_OK;
    return trn_store_write(store, "/relation/values2", s->first_second, s->own_second, s->second);
}

static int64_t batch_rows(const trn_kg_state_t *s) {
    int64_t rows = BATCH_BYTES / (s->header.shape.dim * (int64_t)sizeof(float));
    if (rows > s->header.entities) rows = s->header.entities;
    return rows < 1 ? 1 : rows;
}

/* A store's write window is small; behind, a rank's part of all is copied first. */
void trn_kg_save_plan(trn_ledger_t *ledger, const trn_kg_state_t *s, bool behind) {
    const trn_kg_header_t *h = &s->header;
    int64_t batch = batch_rows(s), dim = h->shape.dim, bytes = 0;
    int64_t rows[3] = {trn_kg_own(h->entities, s->ranks, s->rank),
                       trn_kg_own(trn_kg_relation_rows(h), s->ranks, s->rank), s->own_second};
    int64_t width[3] = {dim, h->model->relation_width(&h->shape),
                        h->model->second_width(&h->shape)};
    for (int i = 0; i < 3; i++) {
        int64_t moments = trn_kg_moment_width(s->options.optimiser, 0, width[i]) +
                          trn_kg_moment_width(s->options.optimiser, 1, width[i]);
        int64_t own = i == 0 ? s->own_blocks * s->rows : rows[i];
        if (i == 0 && s->options.nodepiece) moments = 0;
        bytes += (rows[i] * width[i] + own * moments) * (int64_t)sizeof(float);
    }
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "saving", batch, (int64_t)sizeof(int32_t));
    trn_ledger_take(ledger, "saving", batch * dim, (int64_t)sizeof(float));
    if (s->ranks > 1) trn_ledger_pass(ledger, "messages", batch * dim, (int64_t)sizeof(float));
    if (s->rank == 0) trn_ledger_pass(ledger, "saving", trn_store_strings_bytes(), 1);
    if (behind) trn_ledger_take(ledger, "saving", bytes, 1);
    trn_ledger_take(ledger, "saving", trn_store_write_bytes(bytes), 1);
    trn_ledger_back(ledger, &before);
}

void trn_kg_start_plan(trn_ledger_t *ledger, const trn_kg_state_t *s) {
    if (!s->options.start) return;
    trn_ledger_t before = *ledger;
    trn_kg_model_plan(ledger, &s->header, s->ranks, s->rank);
    trn_ledger_take(ledger, "saving", batch_rows(s) * s->header.shape.dim, (int64_t)sizeof(float));
    trn_kg_model_gather_plan(ledger, &s->header, batch_rows(s), s->ranks);
    trn_ledger_back(ledger, &before);
}

trn_status_t trn_kg_save(trn_kg_state_t *state, const trn_kg_t *kg, const trn_trainer_run_t *run,
                         const char *path, bool training, trn_store_t **behind) {
    int64_t batch = batch_rows(state);
    int32_t *ids = NULL;
    float *rows = NULL;
    trn_store_t *store = NULL;
    const trn_kg_extra_t *extra = state->extra;
    if (extra) TRN_TRY(extra->refresh(state->extra_self));
    trn_status_t status = trn_alloc(&ids, batch, sizeof *ids, "entities to write");
    if (status == TRN_OK)
        status = trn_alloc(&rows, batch * state->header.shape.dim, sizeof *rows, "rows to write");
    TRN_OR(done, trn_agree(state->comm, status));
    TRN_OR(done, trn_store_create(&store, state->comm, path, "kg-model", run->created_by,
                                  run->params, state->options.seed));
    status = trn_kg_header_write(store, &state->header, kg);
    if (status == TRN_OK && training) status = declare_training(state, kg, store);
    if (status == TRN_OK && extra) status = extra->declare(state->extra_self, store, training);
    if (status == TRN_OK) status = trn_store_begin(store);
    if (status == TRN_OK && behind) status = trn_store_write_behind(store);
    if (status != TRN_OK) {
        trn_store_abandon(&store);
        goto done;
    }
    status = write_entities(state, store, batch, ids, rows);
    if (status == TRN_OK) status = write_relations(state, store);
    if (status == TRN_OK && training) status = write_training(state, store);
    if (status == TRN_OK && extra) status = extra->write(state->extra_self, store, training);
    if (behind) {
        status = trn_store_commit_start(&store, status);
        *behind = store;
    } else {
        status =
            training ? trn_store_commit(&store, status) : trn_store_commit_replace(&store, status);
    }
done:
    trn_free(&ids);
    trn_free(&rows);
    return status;
}

static trn_status_t read_entities(trn_kg_state_t *s, trn_store_t *store) {
    int64_t n = s->header.entities, d = s->header.shape.dim, batch = batch_rows(s);
    float *rows = NULL;
    TRN_TRY(trn_alloc(&rows, batch * d, sizeof *rows, "rows to read"));
    trn_status_t status = TRN_OK;
    for (int64_t from = 0; from < n && status == TRN_OK; from += batch) {
        int64_t count = from + batch < n ? batch : n - from;
        status = trn_store_read(store, "/entity/values", from, count, rows);
        for (int64_t i = 0; i < count && status == TRN_OK; i++) {
            float *own = trn_kg_own_row(s, s->entity, d, from + i);
            if (own) memcpy(own, rows + i * d, (size_t)d * sizeof *own);
        }
    }
    trn_free(&rows);
    return status;
}

/* What trn_checkpoint_load passes on. */
typedef struct loading {
    trn_kg_state_t *state;
    const trn_kg_t *kg;
} loading_t;

static trn_status_t read_training(trn_store_t *store, const loading_t *loading) {
    trn_kg_state_t *s = loading->state;
    const char *then;
    trn_kg_settings_t values =
        trn_kg_settings(&s->header, &s->options, loading->kg->triples[TRN_TRAIN]);
    moment_t m;
    TRN_TRY(trn_store_get_text(store, "/", "settings", &then));
    TRN_TRY(trn_settings_check(trn_kg_setting_table, &values, trn_store_path(store), then));
    TRN_TRY(trn_store_get_int(store, "/", "epoch", &s->epoch));
    TRN_TRY(trn_store_get_int(store, "/", "step", &s->step));
    TRN_TRY(trn_store_get_int(store, "/", "position", &s->position));
    TRN_TRY(trn_store_get_real(store, "/", "loss", &s->loss));
    TRN_TRY(trn_store_get_int(store, "/", "best_epoch", &s->best_epoch));
    TRN_TRY(trn_store_get_real(store, "/", "best_mrr", &s->best_mrr));
    int64_t rows = trn_kg_relation_rows(&s->header);
    TRN_TRY(read_entities(s, store));
    TRN_TRY(trn_store_read(store, "/relation/values", 0, rows, s->relation));
    if (s->second)
        TRN_TRY(
            trn_store_read(store, "/relation/values2", s->first_second, s->own_second, s->second));
    for (int i = 0; i < 6; i++)
        if (moment_at(s, i / 2, i % 2, &m))
            TRN_TRY(trn_store_read(store, m.name, i / 2 == 1 ? 0 : m.first,
                                   i / 2 == 1 ? m.rows : m.own, m.values));
    return s->extra ? s->extra->read(s->extra_self, store) : TRN_OK;
}

static trn_status_t load(trn_store_t *store, void *user) {
    loading_t *loading = user;
    return trn_agree(loading->state->comm, read_training(store, loading));
}

trn_status_t trn_kg_resume(trn_kg_state_t *state, const trn_kg_t *kg, const trn_trainer_run_t *run,
                           bool *resumed) {
    loading_t loading = {state, kg};
    TRN_TRY(trn_checkpoint_load(state->comm, run->checkpoint, "kg-model", run->resume, load,
                                &loading, resumed));
    if (*resumed && state->rank == 0)
        trn_log(TRN_LOG_INFO, "kg-train", "resumed from %s: %lld of %lld epochs are done",
                run->checkpoint, (long long)state->epoch, (long long)state->options.epochs);
    return TRN_OK;
}

static trn_status_t check_start(const trn_kg_state_t *s, const trn_kg_header_t *from) {
    const trn_kg_header_t *h = &s->header;
    if (from->shape.dim == h->shape.dim && from->reciprocal == h->reciprocal) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: has vectors of %" PRId64 " numbers%s, this training has %" PRId64
                    "%s; give the same --dim and --reciprocal",
                    s->options.start, from->shape.dim, from->reciprocal ? ", reciprocal" : "",
                    h->shape.dim, h->reciprocal ? ", reciprocal" : "");
}

/* The model has all relations on every rank. */
static void start_relations(trn_kg_state_t *s, const trn_kg_model_t *from) {
    const trn_kg_header_t *h[2] = {&s->header, &from->header};
    int64_t rows = trn_kg_relation_rows(h[0]), width[2], second[2];
    for (int i = 0; i < 2; i++) {
        width[i] = h[i]->model->relation_width(&h[i]->shape);
        second[i] = h[i]->model->second_width(&h[i]->shape);
    }
    if (width[0] == width[1])
        memcpy(s->relation, from->relation, (size_t)(rows * width[0]) * sizeof(float));
    if (second[0] == second[1] && second[0] > 0)
        memcpy(s->second, from->second + s->first_second * second[0],
               (size_t)(s->own_second * second[0]) * sizeof(float));
}

trn_status_t trn_kg_start_from(trn_kg_state_t *s, const trn_kg_t *kg) {
    int64_t n = s->header.entities, d = s->header.shape.dim, batch = batch_rows(s);
    trn_kg_model_t from = {0};
    int32_t *ids = NULL;
    float *rows = NULL;
    trn_status_t status;
    if (!s->options.start) return TRN_OK;
    TRN_TRY(trn_kg_model_open(&from, s->comm, s->options.start, kg));
    TRN_OR(done, check_start(s, &from.header));
    status = trn_alloc(&ids, batch, sizeof *ids, "entities to start from");
    if (status == TRN_OK) status = trn_alloc(&rows, batch * d, sizeof *rows, "rows to start from");
    TRN_OR(done, trn_agree(s->comm, status));
    for (int64_t first = 0; first < n; first += batch) {
        int64_t count = first + batch < n ? batch : n - first;
        for (int64_t i = 0; i < count; i++)
            ids[i] = (int32_t)(first + i);
        trn_kg_model_gather(&from, s->comm, count, ids, rows);
        for (int64_t i = 0; i < count; i++) {
            float *own = trn_kg_own_row(s, s->entity, d, first + i);
            if (own) memcpy(own, rows + i * d, (size_t)d * sizeof *own);
        }
    }
    start_relations(s, &from);
done:
    trn_free(&ids);
    trn_free(&rows);
    trn_kg_model_close(&from);
    return status;
}
