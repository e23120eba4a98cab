/* Two generations: the newest good one is loaded, and nothing is ever restarted in silence. */
#define _DEFAULT_SOURCE
#include "harness.h"

#include "algo/common/checkpoint.h"
#include "base/log.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 400000 };

static char directory[256], path[300], former[320], aside[320];
static int warnings;

static void count_warnings(void *user, trn_log_level_t level, const char *topic, const char *text) {
    (void)user, (void)topic, (void)text;
    warnings += level == TRN_LOG_WARN;
}

/* Every number of generation g is g. */
static trn_status_t save(int64_t generation) {
    trn_store_t *store = NULL;
    int64_t first = trn_part_start(ROWS, ranks, rank), end = trn_part_start(ROWS, ranks, rank + 1);
    int64_t *numbers = malloc(sizeof *numbers * (size_t)(end - first + 1));
    for (int64_t i = 0; i < end - first; i++)
        numbers[i] = generation;
    trn_status_t status = trn_store_create(&store, comm, path, "state", "test", NULL, 1);
    if (status == TRN_OK) status = trn_store_dataset(store, "/numbers", TRN_I64, ROWS, 0);
    if (status == TRN_OK) status = trn_store_begin(store);
    if (status == TRN_OK) {
        status = trn_store_write(store, "/numbers", first, end - first, numbers);
        status = trn_store_commit(&store, status);
    } else {
        trn_store_abandon(&store);
    }
    free(numbers);
    return status;
}

typedef struct state {
    int64_t generation; /* what was found, the same in all rows of this rank */
    trn_status_t refuse;
    int calls;
} state_t;

static trn_status_t load(trn_store_t *store, void *user) {
    state_t *state = user;
    state->calls++;
    if (state->refuse != TRN_OK) return trn_fail(state->refuse, "refused");
    int64_t first = trn_part_start(ROWS, ranks, rank), end = trn_part_start(ROWS, ranks, rank + 1);
    int64_t *numbers = calloc((size_t)(end - first + 1), sizeof *numbers);
    trn_status_t status =
        trn_agree(comm, trn_store_read(store, "/numbers", first, end - first, numbers));
    state->generation = numbers[0];
    for (int64_t i = 1; i < end - first; i++)
        CHECK(status != TRN_OK || numbers[i] == numbers[0]);
    free(numbers);
    return status;
}

static trn_status_t resume(trn_resume_t policy, state_t *state, bool *loaded) {
    *loaded = true;
    warnings = 0;
    return trn_checkpoint_load(comm, path, "state", policy, load, state, loaded);
}

static void expect(trn_resume_t policy, trn_status_t wanted, int64_t generation) {
    state_t state = {.generation = -1};
    bool loaded;
    trn_status_t status = resume(policy, &state, &loaded);
    CHECK_EQUAL(status, wanted);
    CHECK_EQUAL(loaded, generation >= 0);
    if (wanted == TRN_OK) CHECK_EQUAL(state.generation, generation);
}

static void damage(const char *file) {
    MPI_Barrier(comm);
    if (rank == 0) {
        FILE *stream = fopen(file, "r+b");
        fseek(stream, 1000000, SEEK_SET);
        fputc(77, stream);
        fclose(stream);
    }
    MPI_Barrier(comm);
}

/* Remove all generations. */
static void clear(void) {
    MPI_Barrier(comm);
    if (rank == 0) {
        unlink(path);
        unlink(former);
        unlink(aside);
    }
    MPI_Barrier(comm);
}

static bool there(const char *file) {
    MPI_Barrier(comm);
    return access(file, F_OK) == 0;
}

static void set_up(void) {
    static const trn_log_sink_t sink = {.line = count_warnings};
    const char *above = getenv("TMPDIR");
    if (rank == 0) {
        snprintf(directory, sizeof directory, "%.200s/trunnion-ckpt-XXXXXX",
                 above ? above : "/tmp");
        CHECK(mkdtemp(directory) != NULL);
    }
    MPI_Bcast(directory, sizeof directory, MPI_CHAR, 0, comm);
    snprintf(path, sizeof path, "%s/state.h5", directory);
    snprintf(former, sizeof former, "%s.prev", path);
    snprintf(aside, sizeof aside, "%s.damaged", path);
    trn_log_to(&sink);
}

static void none(void) {
    expect(TRN_RESUME_AUTO, TRN_OK, -1);
    expect(TRN_RESUME_NEVER, TRN_OK, -1);
    expect(TRN_RESUME_MUST, TRN_INPUT, -1);
    CHECK(strstr(trn_message(), "--resume must") != NULL);
}

static void newest(void) {
    CHECK_OK(save(1));
    CHECK(!there(former));
    CHECK_OK(save(2));
    CHECK(there(former));
    CHECK_OK(save(3));
    expect(TRN_RESUME_AUTO, TRN_OK, 3);
    expect(TRN_RESUME_MUST, TRN_OK, 3);
    CHECK_EQUAL(warnings, 0);
    expect(TRN_RESUME_NEVER, TRN_OK, -1);
    trn_checkpoint_remove(comm, path);
    CHECK(!there(path) && !there(former));
}

static void falls_back(void) {
    CHECK_OK(save(1));
    CHECK_OK(save(2));
    damage(path);
    expect(TRN_RESUME_AUTO, TRN_OK, 1);
    CHECK(rank > 0 || warnings == 2);
    CHECK(!there(path) && there(former) && there(aside));
    expect(TRN_RESUME_AUTO, TRN_OK, 1); /* only the former one is left: enough */
    CHECK_OK(save(3));                  /* and the good one is still the former */
    damage(path);
    expect(TRN_RESUME_MUST, TRN_OK, 1);
    clear();
}

static void all_damaged(void) {
    CHECK_OK(save(1));
    damage(path);
    expect(TRN_RESUME_AUTO, TRN_INPUT, -1); /* the only one */
    CHECK(there(path) && strstr(trn_message(), "/numbers: rows") != NULL);
    CHECK_OK(save(2));
    damage(path);
    expect(TRN_RESUME_AUTO, TRN_INPUT, -1);
    CHECK(strstr(trn_message(), ".prev") != NULL);
    CHECK(there(path) && there(former) && !there(aside));
    clear();
}

/* What is the user's mistake, or no damage, is told and not worked around. */
static void refused(void) {
    state_t state = {.refuse = TRN_USAGE};
    bool loaded;
    CHECK_OK(save(1));
    CHECK_OK(save(2));
    CHECK_EQUAL(resume(TRN_RESUME_AUTO, &state, &loaded), TRN_USAGE);
    CHECK_EQUAL(state.calls, 1);
    CHECK_EQUAL(trn_checkpoint_load(comm, path, "other", TRN_RESUME_AUTO, load, &state, &loaded),
                TRN_INPUT);
    CHECK_EQUAL(state.calls, 1);
    CHECK(strstr(trn_message(), "kind \"state\"") != NULL && there(path));
    clear();
}

/* What is no checkpoint of ours is not replaced, whichever name of ours it has. */
static void foreign(void) {
    const char *const names[] = {path, former};
    for (int i = 0; i < 2; i++) {
        MPI_Barrier(comm);
        if (rank == 0) {
            FILE *stream = fopen(names[i], "w");
            CHECK(stream && fputs("mine", stream) >= 0 && fclose(stream) == 0);
        }
        MPI_Barrier(comm);
        expect(TRN_RESUME_NEVER, TRN_IO, -1);
        CHECK(strstr(trn_message(), "is no file of ours but one with other content") != NULL);
        if (i == 1) CHECK_OK(save(1)); /* there is nothing to keep as the former yet */
        CHECK_EQUAL(save(2), TRN_IO);
        trn_checkpoint_remove(comm, path);
        CHECK(there(names[i]));
        clear();
    }
    CHECK_OK(save(1));
    CHECK_OK(save(2));
    damage(path);
    MPI_Barrier(comm);
    if (rank == 0) CHECK(mkdir(aside, 0777) == 0);
    expect(TRN_RESUME_AUTO, TRN_IO, -1);
    CHECK(there(path) && there(former));
    MPI_Barrier(comm);
    if (rank == 0) CHECK(rmdir(aside) == 0);
    clear();
}

/* Damage of any kind leaves enough to know ours by. */
static void recognized(void) {
    for (int kind = 0; kind < 4; kind++) {
        CHECK_OK(save(1));
        MPI_Barrier(comm);
        if (rank == 0) {
            static const char zeros[4096];
            FILE *stream = fopen(path, "r+b");
            if (kind == 0) fwrite(zeros, 1, sizeof zeros, stream); /* a lost page */
            if (kind == 1) fseek(stream, -64, SEEK_END);
            if (kind == 1) fwrite(zeros, 1, 64, stream);
            if (kind >= 2) CHECK(ftruncate(fileno(stream), kind == 2 ? 500000 : 0) == 0);
            fclose(stream);
        }
        MPI_Barrier(comm);
        expect(TRN_RESUME_NEVER, TRN_OK, -1);
        clear();
    }
}

static void parses(void) {
    trn_resume_t policy;
    CHECK_OK(trn_resume_parse("must", &policy));
    CHECK_EQUAL(policy, TRN_RESUME_MUST);
    CHECK_OK(trn_resume_parse("auto", &policy));
    CHECK_EQUAL(policy, TRN_RESUME_AUTO);
    CHECK_EQUAL(trn_resume_parse("maybe", &policy), TRN_USAGE);
}

static void tear_down(void) {
    clear();
    if (rank == 0) CHECK_EQUAL(rmdir(directory), 0);
    trn_log_to(NULL);
}

HARNESS_MAIN({"set_up", set_up}, {"none", none}, {"newest", newest}, {"falls_back", falls_back},
             {"all_damaged", all_damaged}, {"refused", refused}, {"foreign", foreign},
             {"recognized", recognized}, {"parses", parses}, {"tear_down", tear_down})
