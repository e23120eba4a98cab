/* factor_state.c: memory of a factorization, a first look at X, and where W and H begin. */
#include "algo/matrix/factor/factor_state.h"
#include "algo/matrix/gram.h"
#include "algo/matrix/spectral/tall_orthonormal.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kern/dense/blas.h"
#include "mpi/agree.h"
#include "mpi/reduce.h"

#include <math.h>
#include <string.h>

/* Memory ----------------------------------------------------------------------------------------*/

/* What steps use beside factors, of all threads. */
static int64_t scratch_numbers(const trn_factor_size_t *size) {
    return (size->threads > 1 ? size->threads : 1) * trn_factor_scratch(size->rank);
}

static trn_factor_size_t size_of(const trn_factors_t *f) {
    return (trn_factor_size_t){.rows = f->x.rows,
                               .cols = f->x.cols,
                               .rank = f->options.rank,
                               .steps = f->options.steps,
                               .threads = f->options.threads,
                               .sparse = f->x.sparse != NULL};
}

/* All rows move, or those that are named. */
static trn_status_t mark_moving(trn_factor_state_t *s) {
    const trn_ids_t *only = s->f->options.only;
    int rank;
    if (!only) return TRN_OK;
    MPI_Comm_rank(s->f->x.comm, &rank);
    int64_t first = trn_tall_start(s->f->x.comm, s->f->x.rows, rank), own = s->f->w.block.rows;
    TRN_TRY(trn_alloc_zero(&s->moves, own, 1, "rows that move"));
    for (int64_t i = 0; i < only->count; i++)
        if (only->id[i] >= first && only->id[i] < first + own) s->moves[only->id[i] - first] = 1;
    return TRN_OK;
}

static trn_status_t allocate(trn_factor_state_t *s) {
    trn_factors_t *f = s->f;
    trn_factor_size_t size = size_of(f);
    int64_t r = size.rank, d = size.cols;
    bool dense = !size.sparse;
    MPI_Comm comm = f->x.comm;
    TRN_TRY(trn_tall_create(&f->w, comm, size.rows, r));
    TRN_TRY(trn_tall_create(&f->ht, comm, d, r));
    TRN_TRY(trn_alloc_zero(&f->objective, size.steps + 1, sizeof(double), "objectives"));
    TRN_TRY(trn_tall_create(&s->xw, comm, d, r));
    TRN_TRY(trn_alloc(&s->ww, r * r, sizeof(double), "products of factors"));
    TRN_TRY(trn_alloc(&s->hh, r * r, sizeof(double), "products of factors"));
    TRN_TRY(trn_alloc(&s->whole, dense ? d * r : 0, sizeof(double), "a factor"));
    TRN_TRY(trn_alloc(&s->sums, dense ? (d + r) * r : 0, sizeof(double), "sums"));
    TRN_TRY(trn_alloc(&s->scratch, scratch_numbers(&size), sizeof(double), "rows at work"));
    if (!dense) TRN_TRY(trn_tall_create(&s->xh, comm, size.rows, r));
    return mark_moving(s);
}

trn_status_t trn_factor_state_create(trn_factor_state_t *s, trn_factors_t *factors) {
    const trn_factor_matrix_t *x = &factors->x;
    *s = (trn_factor_state_t){.f = factors};
    s->threads = factors->options.threads > 1 ? factors->options.threads : 1;
    trn_blas_single();
    return trn_agree(x->comm, allocate(s));
}

void trn_factor_state_free(trn_factor_state_t *s) {
    trn_operator_destroy(&s->op);
    trn_tall_free(&s->xw);
    trn_tall_free(&s->xh);
    trn_free(&s->moves);
    trn_free(&s->ww);
    trn_free(&s->hh);
    trn_free(&s->whole);
    trn_free(&s->sums);
    trn_free(&s->scratch);
}

void trn_factors_free(trn_factors_t *f) {
    trn_tall_free(&f->w);
    trn_tall_free(&f->ht);
    trn_free(&f->objective);
}

void trn_factor_plan(trn_ledger_t *ledger, const trn_factor_size_t *size, int ranks, int at) {
    int64_t r = size->rank, d = size->cols, number = (int64_t)sizeof(double);
    int64_t rows = trn_tall_rows(size->rows, ranks, at), cols = trn_tall_rows(d, ranks, at);
    trn_ledger_take(ledger, "factors", (rows + cols) * r + size->steps + 1, number);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "work", cols * r + 2 * r * r + scratch_numbers(size), number);
    trn_ledger_take(ledger, "work", size->sparse ? rows * r : 2 * d * r + r * r, number);
    trn_ledger_t between_steps = *ledger;
    if (size->sparse) {
        trn_operator_size_t op = {size->rows, d, true, false, size->entries, size->back};
        trn_operator_plan(ledger, &op, ranks, at);
        trn_operator_routes_plan(ledger, &op, r, ranks, at); /* open from the first step on */
    } else {
        int64_t block = trn_tall_block(size->rows);
        trn_blocks_t blocks = {.blocks = (size->rows + block - 1) / block};
        trn_ledger_take(ledger, "sums", trn_reduce_bytes(blocks, (d + r) * r, ranks, at), 1);
        trn_ledger_take(ledger, "libraries", trn_blas_bytes(number, block, d), 1);
    }
    trn_tall_eig_plan(ledger, r, at);
    trn_ledger_back(ledger, &between_steps);
    /* A checkpoint: H and its transpose whole, and what a store takes; behind: a copy of all. */
    trn_ledger_take(ledger, "saving", 2 * d * r, number);
    trn_ledger_take(ledger, "saving", trn_store_write_bytes((rows * r + d * r) * number), 1);
    if (size->save_behind) trn_ledger_take(ledger, "saving", rows * r + d * r, number);
    trn_ledger_back(ledger, &before);
}

trn_status_t trn_factor_scan(trn_factor_state_t *s) {
    double sums[2];
    const trn_factor_matrix_t *x = &s->f->x;
    TRN_TRY(trn_factor_look(x, s->f->options.method == TRN_FACTOR_NMF, sums));
    s->total = s->f->squares = sums[0];
    s->mean = sums[1] / ((double)x->rows * (double)x->cols);
    return TRN_OK;
}

/* Starts ----------------------------------------------------------------------------------------*/

/* Numbers of (0.1, 1.1) x scale that depend on row and column alone. */
static void fill_random(trn_tall_t x, uint64_t seed, uint32_t step, double scale) {
    int rank;
    MPI_Comm_rank(x.comm, &rank);
    int64_t first = trn_tall_start(x.comm, x.rows, rank), r = x.block.cols;
    double *to = x.block.data, draw[4] = {0};
    for (int64_t i = 0; i < x.block.rows; i++)
        for (int64_t k = 0; k < r; k++) {
            if (k % 4 == 0)
                trn_rng_uniform(seed, (uint64_t)(first + i), (uint32_t)(k / 4), step,
                                TRN_RNG_FACTOR, draw);
            to[i * r + k] = (draw[k % 4] + 0.1) * scale;
        }
}

/* This rank's columns of the store's /primitive, which is read whole. */
trn_status_t trn_factor_read_primitive(trn_store_t *store, trn_tall_t ht) {
    int rank;
    int64_t r = ht.block.cols, d = ht.rows, rows;
    double *whole;
    MPI_Comm_rank(ht.comm, &rank);
    int64_t first = trn_tall_start(ht.comm, d, rank);
    TRN_TRY(trn_store_need(store, "/primitive", TRN_F64, &rows, d));
    TRN_TRY(trn_alloc(&whole, r * d, sizeof *whole, "a factor"));
    trn_status_t status = trn_store_read(store, "/primitive", 0, r, whole);
    for (int64_t j = 0; j < ht.block.rows && status == TRN_OK; j++)
        for (int64_t k = 0; k < r; k++)
            ((double *)ht.block.data)[j * r + k] = whole[k * d + first + j];
    trn_free(&whole);
    return status;
}

/* Coordinates of float32 come widened. */
static trn_status_t read_coordinates(trn_store_t *store, trn_tall_t w, trn_dtype_t type) {
    int rank;
    MPI_Comm_rank(w.comm, &rank);
    int64_t first = trn_tall_start(w.comm, w.rows, rank), n = w.block.rows * w.block.cols;
    double *to = w.block.data;
    if (type == TRN_F64) return trn_store_read(store, "/coordinates", first, w.block.rows, to);
    float *from = (float *)to + n; /* the upper half, which is overwritten behind the reading */
    TRN_TRY(trn_store_read(store, "/coordinates", first, w.block.rows, from));
    for (int64_t i = 0; i < n; i++) {
        float value;
        memcpy(&value, from + i, sizeof value);
        to[i] = value;
    }
    return TRN_OK;
}

static trn_status_t check_start(const trn_factors_t *f, const trn_store_t *store,
                                trn_dtype_t *type) {
    int64_t rows = 0, cols = 0;
    const char *path = f->options.start;
    if (!trn_store_has(store, "/coordinates", type, &rows, &cols) ||
        (*type != TRN_F32 && *type != TRN_F64))
        return trn_fail(TRN_INPUT,
                        "%s: /coordinates: no floating-point numbers there; give a "
                        "store that factor has written",
                        path);
    if (rows == f->x.rows && cols == f->options.rank) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: /coordinates is %lld x %lld, but %s asks for %lld x %lld", path,
                    (long long)rows, (long long)cols, f->x.name, (long long)f->x.rows,
                    (long long)f->options.rank);
}

static bool sound(trn_tall_t x, bool nonnegative) {
    const double *value = x.block.data;
    bool good = true;
    for (int64_t i = 0; i < x.block.rows * x.block.cols; i++)
        good &= isfinite(value[i]) && (!nonnegative || value[i] >= 0);
    return good;
}

/* Local, of an open store. */
static trn_status_t read_start(trn_factors_t *f, trn_store_t *store) {
    bool nmf = f->options.method == TRN_FACTOR_NMF, needed = nmf || f->options.keep_primitive;
    trn_dtype_t type;
    TRN_TRY(check_start(f, store, &type));
    TRN_TRY(read_coordinates(store, f->w, type));
    if (needed || trn_store_has(store, "/primitive", NULL, NULL, NULL))
        TRN_TRY(trn_factor_read_primitive(store, f->ht));
    if (sound(f->w, true) && sound(f->ht, nmf)) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: a factor to begin with has a number that is negative or not "
                    "finite",
                    f->options.start);
}

trn_status_t trn_factor_start(trn_factor_state_t *s) {
    trn_factors_t *f = s->f;
    const trn_factor_options_t *o = &f->options;
    trn_store_t *store = NULL;
    f->done = 0;
    if (!o->start) {
        double scale = sqrt(s->mean / (double)o->rank);
        fill_random(f->w, o->seed, 0, scale);
        fill_random(f->ht, o->seed, 1, scale);
        return TRN_OK;
    }
    TRN_TRY(trn_store_open(&store, f->x.comm, o->start, NULL));
    trn_status_t status = trn_agree(f->x.comm, read_start(f, store));
    trn_store_close(&store);
    return status;
}
