/* matrix_sample.h: a folder for files, and cuts into bands of rows, for tests of matrix files. */
#ifndef TESTS_MPI_MATRIX_SAMPLE_H
#define TESTS_MPI_MATRIX_SAMPLE_H

#include "harness.h"
#include "io/rows/rows.h"
#include "mpi/dist.h"

#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/trn_matrix_XXXXXX"; /* made by rank 0 before the first test */

static inline void make_folder(void) {
    if (rank == 0) CHECK(mkdtemp(folder) != NULL);
    MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, comm);
}

static inline void remove_folder(void) {
    MPI_Barrier(comm);
    if (rank == 0) CHECK_EQUAL(rmdir(folder), 0); /* nothing was left behind */
}

static inline const char *in_folder(const char *name) {
    static char path[8][64];
    static int turn;
    char *to = path[turn++ % 8];
    snprintf(to, sizeof path[0], "%s/%s", folder, name);
    return to;
}

static inline void erase(const char *path) {
    MPI_Barrier(comm);
    if (rank == 0) CHECK_EQUAL(unlink(path), 0);
    MPI_Barrier(comm);
}

static inline void put(const char *path, const char *content) {
    MPI_Barrier(comm);
    if (rank == 0) {
        FILE *file = fopen(path, "wb");
        CHECK(file && fputs(content, file) >= 0);
        if (file) fclose(file);
    }
    MPI_Barrier(comm);
}

/* Read all of a file and judge it. */
static inline trn_status_t verify_file(const char *path) {
    trn_rows_t *rows;
    TRN_TRY(trn_rows_open(&rows, comm, path, &(trn_rows_how_t){0}));
    trn_status_t status = trn_rows_verify(rows);
    trn_rows_close(&rows);
    return status;
}

/* Even bands; all on rank 0; uneven ones, some of them empty. */
static inline trn_dist_t *bands(int way, int64_t rows, int64_t cols) {
    trn_dist_t *dist;
    int64_t row[64], col[2] = {0, cols};
    if (way < 2) {
        CHECK_OK(trn_dist_create(&dist, rows, cols, way ? 1 : ranks, 1));
        return dist;
    }
    for (int r = 0; r <= ranks; r++)
        row[r] = r == 0 ? 0 : r == ranks ? rows : r == 1 ? rows / 5 : rows / 2;
    CHECK_OK(trn_dist_create_at(&dist, ranks, row, 1, col));
    return dist;
}

#endif
