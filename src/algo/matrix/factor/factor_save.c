/* factor_save.c: factors into stores, results and checkpoints alike, and back at any number of
 * ranks.
 */
#include "algo/common/settings.h"
#include "algo/matrix/factor/factor_state.h"
#include "algo/matrix/tall_file.h"
#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "text/words.h"

#include <stddef.h>

enum { SETTINGS_BYTES = 512, PIECE_ROWS = 512 };

/* What the state depends on but the number of steps and the tolerance, which may be changed. */
typedef struct settings {
    int64_t rows, cols, rank, method, moving;
    uint64_t seed;
    double total;
    bool keep_primitive, started;
} settings_t;

#define AT(field) offsetof(settings_t, field)
static const trn_setting_t table[] = {
    {"rows", "the rows of the matrix", TRN_SETTING_INT, AT(rows), NULL, NULL},
    {"cols", "the columns of the matrix", TRN_SETTING_INT, AT(cols), NULL, NULL},
    {"rank", "--rank", TRN_SETTING_INT, AT(rank), NULL, NULL},
    {"method", "--nmf or --snmf", TRN_SETTING_INT, AT(method), NULL, NULL},
    {"moving", "the rows of --only", TRN_SETTING_INT, AT(moving), NULL, NULL},
    {"seed", "--seed", TRN_SETTING_SEED, AT(seed), NULL, NULL},
    {"total", "the sum of squares of the matrix", TRN_SETTING_REAL, AT(total), NULL, NULL},
    {"keep_primitive", "--keep-primitive", TRN_SETTING_FLAG, AT(keep_primitive), NULL, NULL},
    {"started", "--start", TRN_SETTING_FLAG, AT(started), NULL, NULL},
    {0}};

/* A hash of the rows that move, of which only these 63 bits are kept; -1: all do. */
static int64_t moving_of(const trn_ids_t *only) {
    if (!only) return -1;
    int64_t bytes = only->count * (int64_t)sizeof *only->id;
    return (int64_t)(trn_words_hash((const char *)only->id, bytes) >> 1);
}

static settings_t settings_of(const trn_factor_state_t *s) {
    const trn_factor_options_t *o = &s->f->options;
    return (settings_t){.rows = s->f->x.rows,
                        .cols = s->f->x.cols,
                        .rank = o->rank,
                        .method = o->method,
                        .moving = moving_of(o->only),
                        .seed = o->seed,
                        .total = s->total,
                        .keep_primitive = o->keep_primitive,
                        .started = o->start != NULL};
}

/* Writing ---------------------------------------------------------------------------------------*/

trn_status_t trn_factors_primitive(const trn_factors_t *f, double **primitive) {
    int64_t r = f->ht.block.cols, d = f->ht.rows;
    double *whole = NULL;
    trn_status_t status = trn_alloc(primitive, r * d, sizeof(double), "a factor");
    if (status == TRN_OK) status = trn_alloc(&whole, r * d, sizeof *whole, "a factor");
    status = trn_agree(f->x.comm, status);
    if (status == TRN_OK) status = trn_tall_gather(f->ht, whole);
    if (status == TRN_OK)
        trn_view_transpose((trn_view_t){TRN_F64, d, r, r, whole},
                           (trn_view_t){TRN_F64, r, d, d, *primitive});
    trn_free(&whole);
    if (status != TRN_OK) trn_free(primitive);
    return status;
}

static trn_status_t declare(const trn_factors_t *f, trn_store_t *store, trn_dtype_t type,
                            trn_matrix_in_t *names) {
    int64_t r = f->w.block.cols;
    TRN_TRY(trn_store_dataset(store, "/coordinates", type, f->w.rows, r));
    TRN_TRY(trn_store_dataset(store, "/primitive", TRN_F64, r, f->ht.rows));
    TRN_TRY(trn_store_dataset(store, "/objective", TRN_F64, f->done + 1, 0));
    TRN_TRY(trn_store_set_text(store, "/", "method",
                               f->options.method == TRN_FACTOR_NMF ? "nmf" : "snmf"));
    TRN_TRY(trn_store_set_int(store, "/", "steps", f->done));
    return names ? trn_matrix_in_declare(names, store) : TRN_OK;
}

/* Rows of W as float32. Local. */
static trn_status_t write_narrow(trn_store_t *store, trn_tall_t w, int64_t first) {
    float *piece;
    int64_t r = w.block.cols;
    trn_status_t status = trn_alloc(&piece, PIECE_ROWS * r, sizeof *piece, "rows to write");
    for (int64_t at = 0; at < w.block.rows && status == TRN_OK; at += PIECE_ROWS) {
        int64_t n = w.block.rows - at < PIECE_ROWS ? w.block.rows - at : PIECE_ROWS;
        for (int64_t i = 0; i < n * r; i++)
            piece[i] = (float)((double *)w.block.data)[at * r + i];
        status = trn_store_write(store, "/coordinates", first + at, n, piece);
    }
    trn_free(&piece);
    return status;
}

/* Local. */
static trn_status_t write_all(const trn_factors_t *f, trn_store_t *store, trn_dtype_t type,
                              const double *primitive) {
    int rank;
    MPI_Comm_rank(f->x.comm, &rank);
    if (type == TRN_F32)
        TRN_TRY(write_narrow(store, f->w, trn_tall_start(f->x.comm, f->w.rows, rank)));
    else
        TRN_TRY(trn_tall_write(store, "/coordinates", f->w));
    TRN_TRY(trn_tall_write_whole(store, "/primitive", f->x.comm, f->w.block.cols, primitive));
    return trn_tall_write_whole(store, "/objective", f->x.comm, f->done + 1, f->objective);
}

trn_status_t trn_factors_save(const trn_factors_t *f, const char *path,
                              const trn_trainer_run_t *run, trn_dtype_t type,
                              trn_matrix_in_t *names) {
    double *primitive = NULL;
    trn_store_t *store = NULL;
    trn_status_t status;
    TRN_OR(done, trn_factors_primitive(f, &primitive));
    TRN_OR(done, trn_store_create(&store, f->x.comm, path, "factors", run->created_by, run->params,
                                  f->options.seed));
    status = declare(f, store, type, names);
    if (status == TRN_OK) status = trn_store_begin(store);
    if (status == TRN_OK)
        status = trn_store_commit_replace(&store, write_all(f, store, type, primitive));
    trn_store_abandon(&store);
done:
    trn_free(&primitive);
    return status;
}

/* Checkpoints -----------------------------------------------------------------------------------*/

/* A checkpoint is a store of factors that says what it was made with. */
static trn_status_t declare_state(const trn_factor_state_t *s, trn_store_t *store) {
    char text[SETTINGS_BYTES];
    settings_t values = settings_of(s);
    TRN_TRY(trn_settings_text(table, &values, text, sizeof text));
    TRN_TRY(declare(s->f, store, TRN_F64, NULL));
    TRN_TRY(trn_store_set_text(store, "/", "settings", text));
    return trn_store_begin(store);
}

trn_status_t trn_factor_checkpoint(trn_factor_state_t *s, const trn_trainer_run_t *run,
                                   trn_store_t **behind) {
    const trn_factors_t *f = s->f;
    double *primitive = NULL;
    trn_store_t *store = NULL;
    trn_status_t status;
    trn_operator_destroy(&s->op); /* the next step makes it anew */
    TRN_OR(done, trn_factors_primitive(f, &primitive));
    TRN_OR(done, trn_store_create(&store, f->x.comm, run->checkpoint, "factors", run->created_by,
                                  run->params, f->options.seed));
    status = declare_state(s, store);
    if (status == TRN_OK && behind) status = trn_store_write_behind(store);
    if (status != TRN_OK) {
        trn_store_abandon(&store);
        goto done;
    }
    status = write_all(f, store, TRN_F64, primitive);
    if (behind) {
        status = trn_store_commit_start(&store, status);
        *behind = store;
    } else {
        status = trn_store_commit(&store, status);
    }
done:
    trn_free(&primitive);
    return status;
}

/* Local. More steps than are asked for now cannot be undone. */
static trn_status_t read_state(trn_store_t *store, trn_factor_state_t *s) {
    trn_factors_t *f = s->f;
    const char *then, *path = trn_store_path(store);
    settings_t values = settings_of(s);
    int64_t steps, rows;
    int rank;
    MPI_Comm_rank(f->x.comm, &rank);
    TRN_TRY(trn_store_get_text(store, "/", "settings", &then));
    TRN_TRY(trn_settings_check(table, &values, path, then));
    TRN_TRY(trn_store_get_int(store, "/", "steps", &steps));
    TRN_TRY(trn_store_need(store, "/objective", TRN_F64, &rows, 0));
    if (steps < 0 || rows != steps + 1)
        return trn_fail(TRN_INPUT, "%s: %lld objectives of %lld steps", path, (long long)rows,
                        (long long)steps);
    if (steps > f->options.steps)
        return trn_fail(TRN_USAGE,
                        "%s: has made %lld steps, more than --steps %lld; raise it, or "
                        "begin anew by --resume never",
                        path, (long long)steps, (long long)f->options.steps);
    f->done = steps;
    TRN_TRY(trn_store_read(store, "/objective", 0, rows, f->objective));
    TRN_TRY(trn_store_need(store, "/coordinates", TRN_F64, &rows, f->options.rank));
    TRN_TRY(trn_store_read(store, "/coordinates", trn_tall_start(f->x.comm, f->x.rows, rank),
                           f->w.block.rows, f->w.block.data));
    return trn_factor_read_primitive(store, f->ht);
}

static trn_status_t load_state(trn_store_t *store, void *user) {
    trn_factor_state_t *s = user;
    return trn_agree(s->f->x.comm, read_state(store, s));
}

trn_status_t trn_factor_resume(trn_factor_state_t *s, const trn_trainer_run_t *run, bool *resumed) {
    TRN_TRY(trn_checkpoint_load(s->f->x.comm, run->checkpoint, "factors", run->resume, load_state,
                                s, resumed));
    int rank;
    MPI_Comm_rank(s->f->x.comm, &rank);
    if (*resumed && rank == 0)
        trn_log(TRN_LOG_INFO, "factor", "resumed from %s: step %lld of %lld", run->checkpoint,
                (long long)s->f->done, (long long)s->f->options.steps);
    return TRN_OK;
}
