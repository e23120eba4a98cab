/* kg_nodepiece_save.c: the encoder's part of results and checkpoints. */
#include "algo/kg/nodepiece/kg_nodepiece.h"

#include "algo/common/settings.h"
#include "algo/kg/nodepiece/kg_nodepiece_impl.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/watch.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { SETTINGS_BYTES = 256 };

static const char *const part_names[TRN_ENCODER_PARTS] = {"pieces", "first", "second", "bias"};

/* Vectors of all entities into the state, batch by batch. Collective. */
static trn_status_t refresh(void *self) {
    learner_t *l = self;
    trn_encoder_t *e = l->encoder;
    trn_kg_state_t *s = l->state;
    for (int64_t first = 0; first < e->entities; first += e->most) {
        int64_t n = e->entities - first < e->most ? e->entities - first : e->most;
        for (int64_t i = 0; i < n; i++)
            l->ids[i] = (int32_t)(first + i);
        TRN_TRY(trn_encoder_forward(e, n, l->ids, false, 0));
        for (int64_t i = 0; i < n; i++) {
            float *own = trn_kg_own_row(s, s->entity, l->dim, first + i);
            if (own) memcpy(own, e->out + i * l->dim, (size_t)l->dim * sizeof *own);
        }
        trn_watch_tick();
    }
    return TRN_OK;
}

uint64_t trn_kg_nodepiece_digest(const trn_nodepiece_hash_t *h) {
    const int32_t *data[3] = {h->near, h->distance, h->relation};
    int64_t cols[3] = {h->nearest, h->nearest, h->context};
    uint64_t sum = 0;
    for (int i = 0; i < 3; i++)
        for (int64_t j = 0; j < h->count * cols[i]; j++) {
            uint64_t at = (uint64_t)(h->first * cols[i] + j);
            uint64_t x = at * 0x9E3779B97F4A7C15u + (uint64_t)data[i][j] + ((uint64_t)i << 32);
            x = (x ^ x >> 31) * 0xBF58476D1CE4E5B9u;
            sum += x ^ x >> 29;
        }
    return sum;
}

/* What an encoder's part of a checkpoint depends on. */
typedef struct settings {
    int64_t anchors, nearest, context, piece, hidden;
    double dropout;
    const char *candidates;
    uint64_t hashes;
} settings_t;

#define AT(field) offsetof(settings_t, field)
static const trn_setting_t table[] = {
    {"anchors", "--anchors of nodepiece", TRN_SETTING_INT, AT(anchors), NULL, NULL},
    {"nearest", "--nearest of nodepiece", TRN_SETTING_INT, AT(nearest), NULL, NULL},
    {"context", "--relations of nodepiece", TRN_SETTING_INT, AT(context), NULL, NULL},
    {"piece", "--piece-dim", TRN_SETTING_INT, AT(piece), NULL, NULL},
    {"hidden", "--hidden", TRN_SETTING_INT, AT(hidden), NULL, NULL},
    {"dropout", "--encoder-dropout", TRN_SETTING_REAL, AT(dropout), NULL, NULL},
    {"candidates", "the encoder's candidates", TRN_SETTING_TEXT, AT(candidates), NULL, "chunk"},
    {"hashes", "the hashes' digest", TRN_SETTING_HASH, AT(hashes), NULL, NULL},
    {0}};

static settings_t settings_of(const learner_t *l) {
    const trn_nodepiece_hash_t *h = l->options->hash;
    return (settings_t){.anchors = h->anchors,
                        .nearest = h->nearest,
                        .context = h->context,
                        .piece = l->options->piece,
                        .hidden = l->options->hidden,
                        .dropout = l->options->dropout,
                        .candidates = "batch", /* a former program met those of a chunk */
                        .hashes = l->hashes};
}

/* One array of the encoder or of its optimiser's state. */
typedef struct array {
    char name[48];
    float *values;
    int64_t first, own, rows, width; /* this rank's rows; all rows */
} array_t;

/* which = -1: the values, else a moment. False if there is no such array. Rows of FIRST lie on the
 * ranks that own their slots; the others are everywhere, and ranks take even parts of them. */
static bool array_at(trn_encoder_t *e, enum trn_encoder_part part, int which,
                     trn_kg_optimizer_t optimiser, array_t *a) {
    a->width = trn_encoder_width(&e->shape, part);
    a->rows = trn_encoder_rows(&e->shape, part);
    a->values = which < 0 ? e->values[part] : e->moments[part][which];
    if (!a->values) return false;
    snprintf(a->name, sizeof a->name, "%s/nodepiece/%s", which < 0 ? "" : "/train",
             part_names[part]);
    if (which >= 0) {
        size_t length = strlen(a->name);
        snprintf(a->name + length, sizeof a->name - length, "%d", which);
        a->width = trn_kg_moment_width(optimiser, which, a->width);
    }
    a->first = part == TRN_ENCODER_FIRST ? e->first_slot * e->shape.piece
                                         : trn_part_start(a->rows, e->ranks, e->rank);
    a->own = part == TRN_ENCODER_FIRST ? e->own_slots * e->shape.piece
                                       : trn_part_start(a->rows, e->ranks, e->rank + 1) - a->first;
    return true;
}

static trn_status_t declare(void *self, trn_store_t *store, bool training) {
    learner_t *l = self;
    const trn_nodepiece_hash_t *hash = l->options->hash;
    char settings[SETTINGS_BYTES];
    settings_t values = settings_of(l);
    array_t a;
    TRN_TRY(trn_settings_text(table, &values, settings, sizeof settings));
    for (int i = 0; i < TRN_ENCODER_PARTS; i++)
        for (int which = -1; which < (training ? 2 : 0); which++)
            if (array_at(l->encoder, i, which, l->state->options.optimiser, &a))
                TRN_TRY(trn_store_dataset(store, a.name, TRN_F32, a.rows, a.width));
    TRN_TRY(trn_store_set_int(store, "/", "nodepiece_piece", l->options->piece));
    TRN_TRY(trn_store_set_int(store, "/", "nodepiece_hidden", l->options->hidden));
    TRN_TRY(trn_store_set_text(store, "/", "nodepiece_settings", settings));
    return trn_nodepiece_hash_declare(hash, store, "/nodepiece");
}

/* Where a rank's rows begin in memory: FIRST holds only them. */
static float *own_rows(const array_t *a, enum trn_encoder_part part) {
    return a->values + (part == TRN_ENCODER_FIRST ? 0 : a->first * a->width);
}

static trn_status_t write(void *self, trn_store_t *store, bool training) {
    learner_t *l = self;
    array_t a;
    for (int i = 0; i < TRN_ENCODER_PARTS; i++)
        for (int which = -1; which < (training ? 2 : 0); which++)
            if (array_at(l->encoder, i, which, l->state->options.optimiser, &a))
                TRN_TRY(trn_store_write(store, a.name, a.first, a.own, own_rows(&a, i)));
    return trn_nodepiece_hash_write(l->options->hash, l->state->comm, store, "/nodepiece");
}

static trn_status_t read_array(trn_store_t *store, const array_t *a, enum trn_encoder_part part) {
    int64_t rows;
    bool first = part == TRN_ENCODER_FIRST;
    TRN_TRY(trn_store_need(store, a->name, TRN_F32, &rows, a->width));
    if (rows != a->rows)
        return trn_fail(TRN_INPUT, "%s:%s: %" PRId64 " rows, %" PRId64 " wanted",
                        trn_store_path(store), a->name, rows, a->rows);
    return trn_store_read(store, a->name, first ? a->first : 0, first ? a->own : a->rows,
                          a->values);
}

trn_status_t trn_kg_nodepiece_read(trn_store_t *store, trn_encoder_t *encoder) {
    array_t a;
    for (int i = 0; i < TRN_ENCODER_PARTS; i++)
        if (array_at(encoder, i, -1, TRN_KG_ADAM, &a)) TRN_TRY(read_array(store, &a, i));
    return TRN_OK;
}

static trn_status_t read(void *self, trn_store_t *store) {
    learner_t *l = self;
    const char *then;
    settings_t values = settings_of(l);
    array_t a;
    TRN_TRY(trn_store_get_text(store, "/", "nodepiece_settings", &then));
    TRN_TRY(trn_settings_check(table, &values, trn_store_path(store), then));
    TRN_TRY(trn_kg_nodepiece_read(store, l->encoder));
    for (int i = 0; i < TRN_ENCODER_PARTS; i++)
        for (int which = 0; which < 2; which++)
            if (array_at(l->encoder, i, which, l->state->options.optimiser, &a))
                TRN_TRY(read_array(store, &a, i));
    return TRN_OK;
}

const trn_kg_extra_t trn_kg_nodepiece_extra = {refresh, declare, write, read};
