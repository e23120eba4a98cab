/* fit_sample.h: matrices by a rule, in files, and maps fitted to them, for tests. */
#ifndef TESTS_MPI_FIT_SAMPLE_H
#define TESTS_MPI_FIT_SAMPLE_H

#include "algo/map/fit.h"

#include "directory.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Numbers that any language can make. */
static inline double mixed(int64_t i, int64_t j, int64_t s) {
    return (double)((2654435761 * i + 40503 * j + 97 * s + 69069 * i * j) % 65537) / 65537;
}

static inline double turned(int64_t i, int64_t j, int64_t s) {
    return (double)((7919 * i + 104729 * j + 15485863 * s) % 1009) / 1009;
}

/* [rows x cols], a row at a time, equal on all ranks. */
typedef struct sample {
    int64_t rows, cols;
    double *x;
    const char *path;
} sample_t;

static inline sample_t sample_create(int64_t rows, int64_t cols) {
    return (sample_t){rows, cols, calloc((size_t)(rows * cols + 1), sizeof(double)), NULL};
}

static inline sample_t sample_mixed(int64_t rows, int64_t cols, int64_t s, double shift) {
    sample_t made = sample_create(rows, cols);
    for (int64_t i = 0; i < rows * cols; i++)
        made.x[i] = mixed(i / cols, i % cols, s) + shift;
    return made;
}

/* Into a file, from the ranks that have parts of it. */
static inline void save(sample_t *s, const char *name, trn_dtype_t type) {
    int64_t first = trn_part_start(s->rows, ranks, rank);
    int64_t end = trn_part_start(s->rows, ranks, rank + 1);
    trn_rows_make_t make = {.rows = s->rows,
                            .cols = s->cols,
                            .own_first = first,
                            .own_rows = end - first,
                            .type = type,
                            .lossy = true,
                            .created_by = "a test"};
    trn_rows_out_t *out = NULL;
    s->path = strdup(in_directory(name));
    CHECK_OK(trn_rows_create(&out, comm, s->path, &make));
    CHECK_OK(trn_rows_commit(
        &out, trn_rows_write(out, first, end - first, TRN_F64, s->x + first * s->cols)));
}

static inline void sample_free(sample_t *s) {
    free(s->x);
    free((void *)s->path);
}

enum { MOST = 3 /* matrices of a fit */ };

/* A fit of samples, and how it is run. */
typedef struct trial {
    const char *kind;
    trn_fit_options_t options;
    int count;
    const sample_t *sample[MOST];
    int64_t *labels, *subclasses;
    MPI_Comm on;
    int threads;
    bool streams;
    trn_fit_t fit;
    trn_tall_in_t in[MOST];
    trn_tall_in_t *at[MOST];
} trial_t;

static inline trn_status_t open_all(trial_t *t) {
    int size;
    MPI_Comm_size(t->on, &size);
    for (int i = 0; i < t->count; i++) {
        t->at[i] = &t->in[i];
        TRN_TRY(trn_matrix_in_look(&t->in[i].in, t->on, t->sample[i]->path));
        TRN_TRY(trn_matrix_in_cut(&t->in[i].in, t->on, size));
        TRN_TRY(trn_tall_in_open(&t->in[i], t->on, t->streams));
    }
    return TRN_OK;
}

/* The whole of it, from files; the map stays in t->fit.map until trial_free. Collective. */
static inline trn_status_t fit(trial_t *t) {
    int64_t rows = t->sample[0]->rows;
    t->fit = (trn_fit_t){.kind = trn_fit_kind(t->kind),
                         .options = t->options,
                         .comm = t->on,
                         .threads = t->threads,
                         .count = t->count,
                         .in = t->at,
                         .labels = {"labels", t->labels ? rows : 0, t->labels},
                         .subclasses = {"subclasses", t->subclasses ? rows : 0, t->subclasses}};
    trn_status_t status = open_all(t);
    if (status == TRN_OK) status = trn_agree(t->on, trn_fit_check(&t->fit));
    if (status == TRN_OK) status = trn_fit(&t->fit);
    if (status == TRN_OK) status = trn_map_share(&t->fit.map, t->on);
    for (int i = 0; i < t->count; i++)
        trn_tall_in_free(&t->in[i]);
    return status;
}

static inline void trial_free(trial_t *t) {
    trn_fit_free(&t->fit);
}

/* Rank 0's, on every rank. Collective. */
static inline double figure(const trial_t *t, const char *name) {
    double value = NAN;
    for (int i = 0; i < t->fit.figures; i++)
        if (strcmp(t->fit.figure[i].name, name) == 0) value = t->fit.figure[i].value;
    MPI_Bcast(&value, 1, MPI_DOUBLE, 0, comm);
    return value;
}

/* One fit on all ranks, whose map must come out. */
static inline trial_t fitted(const char *kind, trn_fit_options_t options, const sample_t *a,
                             const sample_t *b) {
    trial_t t = {.kind = kind,
                 .options = options,
                 .count = b ? 2 : 1,
                 .sample = {a, b},
                 .on = comm,
                 .threads = 1};
    CHECK_OK(fit(&t));
    return t;
}

/* Rows through the map: free it. */
static inline double *images(const trn_map_t *map, const sample_t *s) {
    double *y = calloc((size_t)(s->rows * map->out + 1), sizeof *y);
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t j = 0; j < map->out; j++) {
            double sum = map->bias ? map->bias[j] : 0;
            for (int64_t k = 0; k < map->in; k++)
                sum += (s->x[i * s->cols + k] - (map->mean ? map->mean[k] : 0)) *
                       map->matrix[k * map->out + j];
            y[i * map->out + j] = sum;
        }
    return y;
}

/* Rows of independent columns with values from 1 down to `least`, turned a little, far from 0. */
static inline sample_t spread_rows(int64_t rows, int64_t cols, double least) {
    sample_t s = sample_mixed(rows, cols, 3, -0.5);
    for (int64_t i = 0; i < rows; i++) {
        double *row = s.x + i * cols;
        for (int64_t j = 0; j < cols; j++)
            row[j] *= pow(least, (double)j / (double)(cols - 1));
        for (int64_t j = 0; j + 1 < cols; j++) { /* plane rotations keep lengths */
            double a = row[j], b = row[j + 1];
            row[j] = 0.6 * a - 0.8 * b;
            row[j + 1] = 0.8 * a + 0.6 * b;
        }
        for (int64_t j = 0; j < cols; j++)
            row[j] += 3;
    }
    return s;
}

#endif
