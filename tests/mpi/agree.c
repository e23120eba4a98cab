/* One outcome for all ranks, with the words of the rank that is worst off. */
#include "mpi/agree.h"

#include "harness.h"

#include <string.h>

static void all_well(void) {
    CHECK_EQUAL(trn_agree(comm, TRN_OK), TRN_OK);
}

/* Any one rank's failure becomes everyone's, with its message and rank. */
static void one_fails(void) {
    static const trn_status_t kinds[] = {TRN_USAGE,   TRN_INPUT, TRN_MEMORY,   TRN_IO,
                                         TRN_NUMERIC, TRN_MPI,   TRN_INTERNAL, TRN_STOPPED};
    for (int who = 0; who < ranks; who++)
        for (int i = 0; i < 8; i++) {
            trn_status_t mine = TRN_OK;
            if (rank == who) mine = trn_fail(kinds[i], "file %d: line %d", who, i);
            CHECK_EQUAL(trn_agree(comm, mine), kinds[i]);
            char wanted[64];
            snprintf(wanted, sizeof wanted, "file %d: line %d", who, i);
            CHECK(strcmp(trn_message(), wanted) == 0);
            CHECK_EQUAL(trn_message_rank(), who);
        }
}

static void all_fail(void) {
    trn_status_t mine = trn_fail(TRN_INPUT, "from %d", rank);
    CHECK_EQUAL(trn_agree(comm, mine), TRN_INPUT);
    CHECK_EQUAL(trn_message_rank(), 0);
    CHECK(strcmp(trn_message(), "from 0") == 0);
}

/* A wish to stop is milder than any error, though its number is the highest. */
static void error_beats_stop(void) {
    bool guilty = rank == ranks - 1;
    trn_status_t mine = guilty ? trn_fail(TRN_USAGE, "wrong") : trn_fail(TRN_STOPPED, "stop");
    CHECK_EQUAL(trn_agree(comm, mine), TRN_USAGE);
    CHECK_EQUAL(trn_message_rank(), ranks - 1);
}

/* Who it came from survives being agreed on again, also within a part of the ranks. */
static void twice(void) {
    MPI_Comm half;
    MPI_Comm_split(comm, rank % 2, rank, &half);
    trn_status_t mine = rank == ranks - 1 ? trn_fail(TRN_IO, "disk") : TRN_OK;
    trn_status_t first = trn_agree(comm, mine);
    CHECK_EQUAL(trn_agree(half, first), TRN_IO);
    CHECK_EQUAL(trn_message_rank(), ranks - 1);
    CHECK(strcmp(trn_message(), "disk") == 0);
    MPI_Comm_free(&half);
}

static void any(void) {
    CHECK(!trn_any(comm, false));
    for (int who = 0; who < ranks; who++)
        CHECK(trn_any(comm, rank == who));
}

static void equal(void) {
    CHECK_OK(trn_check_equal(comm, -7, "seven"));
#ifndef NDEBUG
    if (ranks == 1) return;
    CHECK_EQUAL(trn_check_equal(comm, rank, "the rank"), TRN_INTERNAL);
    CHECK(strstr(trn_message(), "the rank") != NULL);
#endif
}

HARNESS_MAIN({"all well", all_well}, {"one fails", one_fails}, {"all fail", all_fail},
             {"an error beats a stop", error_beats_stop}, {"agreed twice", twice}, {"any", any},
             {"equal arguments", equal})
