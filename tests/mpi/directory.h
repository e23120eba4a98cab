/* directory.h: a directory for the files of one test run, made and removed as its first and last
 * test. */
#ifndef TESTS_MPI_DIRECTORY_H
#define TESTS_MPI_DIRECTORY_H

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

static char directory[256]; /* of this test run; rank 0 makes and removes it */

static const char *in_directory(const char *name) {
    static char path[8][512];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s", directory, name);
    return path[turn];
}

static void make_directory(void) {
    const char *above = getenv("TMPDIR");
    if (rank == 0) {
        snprintf(directory, sizeof directory, "%.200s/trunnion-store-XXXXXX",
                 above ? above : "/tmp");
        CHECK(mkdtemp(directory) != NULL);
    }
    MPI_Bcast(directory, sizeof directory, MPI_CHAR, 0, comm);
}

static void remove_directory(void) {
    MPI_Barrier(comm);
    if (rank > 0) return;
    char line[512];
    snprintf(line, sizeof line, "rm -r '%s'", directory);
    CHECK_EQUAL(system(line), 0);
}

#endif
