/* harness.h: collective tests. A failed CHECK is noted and the test goes on, so that no rank ever
 * skips a message; after each test the ranks compare notes and rank 0 prints one line.
 *
 *   static void adds(void) { CHECK(1 + 1 == 2); }
 *   HARNESS_MAIN({"adds", adds}) */
#ifndef TESTS_MPI_HARNESS_H
#define TESTS_MPI_HARNESS_H

#include "base/mem.h"
#include "base/status.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static MPI_Comm comm; /* MPI_Comm_split of the world with plain keys */
static int rank, ranks;

static int harness_failures;
static char harness_note[512]; /* this rank's first failure in the present test */

static inline bool harness_check(bool good, const char *file, int line, const char *text) {
    if (!good && harness_failures++ == 0)
        snprintf(harness_note, sizeof harness_note, "%s:%d: %s", file, line, text);
    return good;
}

/* Note a failure unless `condition` holds; its value is the condition. */
#define CHECK(condition) harness_check(condition, __FILE__, __LINE__, #condition)

/* Note a failure unless two integers are equal, and show them. */
#define CHECK_EQUAL(got, wanted)                                                                   \
    do {                                                                                           \
        long long got_ = (long long)(got), wanted_ = (long long)(wanted);                          \
        char text_[200];                                                                           \
        snprintf(text_, sizeof text_, "%s is %lld, not %lld", #got, got_, wanted_);                \
        harness_check(got_ == wanted_, __FILE__, __LINE__, text_);                                 \
    } while (0)

/* Note a failure unless the call returns TRN_OK, and show its message. */
#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        trn_status_t status_ = (call);                                                             \
        char text_[400];                                                                           \
        snprintf(text_, sizeof text_, "%s: %s", #call, status_ ? trn_message() : "");              \
        harness_check(status_ == TRN_OK, __FILE__, __LINE__, text_);                               \
    } while (0)

/* True on all ranks if no rank has failed in this test so far; for what cannot go on otherwise. */
static inline bool harness_well(void) {
    int failed = harness_failures;
    MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, comm);
    return failed == 0;
}

/* Collective. Run `run(argument)`, a collective that cleans up after itself, once undisturbed, then
 * with the n-th allocation failing on the first, middle and last rank alone, for every n that rank
 * reaches (for every fourth on more than 4 ranks, where each try is slow and the code the same as
 * on fewer): every rank must return TRN_MEMORY and hold no more memory than before. */
static inline void harness_inject(trn_status_t (*run)(void *), void *argument) {
    int64_t before = trn_mem_now(), calls = trn_mem_calls();
    CHECK_OK(run(argument));
    CHECK_EQUAL(trn_mem_now(), before);
    calls = trn_mem_calls() - calls;
    CHECK(ranks > 1 || calls > 0); /* else nothing is tested */
    int victims[3] = {0, ranks / 2, ranks - 1};
    for (int v = 0; v < 3; v++) {
        if (v > 0 && victims[v] == victims[v - 1]) continue;
        int64_t reached = calls;
        MPI_Bcast(&reached, 1, MPI_INT64_T, victims[v], comm);
        for (int64_t n = 1 + v; n <= reached; n += ranks > 4 ? 4 : 1) {
            if (rank == victims[v]) trn_mem_fail_at(n);
            trn_status_t status = run(argument);
            trn_mem_fail_at(0);
            CHECK_EQUAL(status, TRN_MEMORY);
            CHECK_EQUAL(trn_message_rank(), victims[v]);
            CHECK_EQUAL(trn_mem_now(), before);
        }
    }
}

typedef struct harness_test {
    const char *name;
    void (*run)(void);
} harness_test_t;

/* Run one test and print its line; 1 if any rank failed. */
static inline int harness_run(const harness_test_t *test) {
    harness_failures = 0;
    harness_note[0] = 0;
    test->run();
    struct {
        int failures, rank;
    } mine = {harness_failures, rank}, worst;
    MPI_Allreduce(&mine, &worst, 1, MPI_2INT, MPI_MAXLOC, comm);
    if (worst.failures == 0) {
        if (rank == 0) printf("ok %s\n", test->name);
        return 0;
    }
    MPI_Bcast(harness_note, sizeof harness_note, MPI_CHAR, worst.rank, comm);
    if (rank == 0) printf("not ok %s [rank %d: %s]\n", test->name, worst.rank, harness_note);
    return 1;
}

static inline int harness_main(const harness_test_t *tests, int count) {
    int provided, failed = 0;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm_split(MPI_COMM_WORLD, 0, rank, &comm);
    for (int i = 0; i < count; i++) {
        failed += harness_run(&tests[i]);
        fflush(stdout);
    }
    MPI_Comm_free(&comm);
    MPI_Finalize();
    return failed > 0;
}

#define HARNESS_MAIN(...)                                                                          \
    int main(void) {                                                                               \
        static const harness_test_t tests[] = {__VA_ARGS__};                                       \
        return harness_main(tests, (int)(sizeof tests / sizeof *tests));                           \
    }

#endif
