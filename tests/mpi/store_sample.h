/* store_sample.h: what the test of stores writes, and ways to spread it over ranks. */
#ifndef TESTS_MPI_STORE_SAMPLE_H
#define TESTS_MPI_STORE_SAMPLE_H

#include "io/store/store.h"
#include "mpi/dist.h"

#include <stdio.h>
#include <stdlib.h>

enum { WORDS = 9000 };

static const struct {
    const char *name;
    trn_dtype_t type;
    int64_t rows, cols;
} datasets[] = {
    {"/row/values", TRN_F32, 5000, 100}, /* two blocks */
    {"/col/values", TRN_F64, 10, 3},     /* a part of one */
    {"/wide", TRN_F32, 3, 300000},       /* a row is more than a block */
    {"/counts", TRN_I64, 300000, 0},     /* three blocks, one-dimensional */
    {"/empty", TRN_U16, 0, 4},           {"/keys", TRN_U64, 7, 0}, {"/ids", TRN_I32, 4097, 5},
};
enum { DATASETS = sizeof datasets / sizeof *datasets };

static int64_t row_bytes(int d) {
    return (datasets[d].cols ? datasets[d].cols : 1) * trn_dtype_size(datasets[d].type);
}

/* Byte `at` of a row: any pattern in which no two rows are alike. */
static char content(int d, int64_t row, int64_t at) {
    uint64_t mixed = (uint64_t)(row * 512 + at % 512 + 1) * 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9u;
    return (char)((mixed >> 40) + (uint64_t)d);
}

/* Memory for rows of dataset d, filled with what belongs there. */
static char *rows_of(int d, int64_t first, int64_t rows) {
    int64_t width = row_bytes(d);
    char *data = malloc((size_t)(rows * width + 1));
    for (int64_t row = 0; row < rows; row++)
        for (int64_t at = 0; at < width; at++)
            data[row * width + at] = content(d, first + row, at);
    return data;
}

static const char *const *words(void) {
    static char text[WORDS][24];
    static const char *list[WORDS];
    for (int i = 0; i < WORDS && !list[i]; i++) {
        snprintf(text[i], sizeof text[i], i % 3 ? "w%d" : "wört-%d-äöü", i);
        list[i] = i == 5 ? "" : text[i];
    }
    return list;
}

/* Ways to spread rows over ranks. */
typedef enum cut { EVEN, LAST_RANK, ODD_RANKS, FIRST_HEAVY, CUTS } cut_t;

static void band(cut_t cut, int64_t rows, int r, int p, int64_t *first, int64_t *end) {
    if (cut == EVEN || p == 1) {
        *first = trn_part_start(rows, p, r), *end = trn_part_start(rows, p, r + 1);
    } else if (cut == LAST_RANK) {
        *first = r == p - 1 ? 0 : rows, *end = rows;
    } else if (cut == ODD_RANKS) { /* the even ones own nothing */
        *first = trn_part_start(rows, p / 2, r / 2);
        *end = r % 2 ? trn_part_start(rows, p / 2, r / 2 + 1) : *first;
    } else { /* one row each but for the first */
        int64_t left = rows - (p - 1) > 0 ? rows - (p - 1) : 0;
        *first = r == 0 ? 0 : left + r - 1, *end = left + r;
        if (*first > rows) *first = rows;
        if (*end > rows) *end = rows;
    }
}

#endif
