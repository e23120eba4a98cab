/* strings.c: strings that reach a store without any rank holding all of them. */
#define _GNU_SOURCE

#include "directory.h"
#include "harness.h"

#include "io/store/store.h"
#include "mpi/agree.h"

#include <string.h>
#include <unistd.h>

enum { WORDS = 9000 /* two blocks and a part of one */ };

static const char *const *words(void) {
    static char text[WORDS][16];
    static const char *list[WORDS];
    for (int i = 0; i < WORDS && !list[i]; i++) {
        snprintf(text[i], sizeof text[i], i % 5 ? "word-%d" : "\xc3\xa9%d", i * 7);
        list[i] = i == 4096 ? "" : text[i];
    }
    return list;
}

typedef struct giver {
    int64_t fails_at, asked; /* first string of the block that fails, -1: none; of all blocks */
    bool done;
} giver_t;

/* words(), as a source. */
static trn_status_t give(void *self, const char *name, int64_t first, int64_t count,
                         const char *const **strings) {
    giver_t *giver = self;
    giver->done = count == 0;
    if (count == 0) return TRN_OK;
    CHECK(strcmp(name, "/given") == 0 && first == giver->asked && count <= 4096);
    giver->asked += count;
    *strings = rank == 0 ? words() + first : NULL;
    bool fails = giver->fails_at == first && rank == ranks - 1;
    return trn_agree(comm, fails ? trn_fail(TRN_MEMORY, "no memory for names") : TRN_OK);
}

static trn_status_t write_words(const char *path) {
    trn_store_t *store;
    TRN_TRY(trn_store_create(&store, comm, path, "words", "test", NULL, 0));
    trn_status_t status = trn_store_strings(store, "/vocab", WORDS, rank == 0 ? words() : NULL);
    if (status == TRN_OK) status = trn_store_begin(store);
    return trn_store_commit_replace(&store, status);
}

/* A store of the words twice: as `from` has them, and given block by block. */
static trn_status_t pass_strings(trn_store_t *from, const char *path, giver_t *giver) {
    trn_store_t *store;
    int64_t bytes = 0;
    for (int i = 0; i < WORDS; i++)
        bytes += (int64_t)strlen(words()[i]) + 1;
    TRN_TRY(trn_store_create(&store, comm, path, "strings", "test", NULL, 0));
    trn_status_t status = trn_store_copy_strings(store, "/vocab", from);
    if (status == TRN_OK)
        status = trn_store_strings_from(store, "/given", WORDS, bytes, give, giver);
    if (status == TRN_OK) status = trn_store_begin(store);
    if (status == TRN_OK) return trn_store_commit_replace(&store, TRN_OK);
    trn_store_abandon(&store);
    return status;
}

static void check_strings(const char *path) {
    trn_store_t *store;
    CHECK_OK(trn_store_open(&store, comm, path, "strings"));
    if (!harness_well()) return;
    char **all[2] = {NULL, NULL}, **last = NULL;
    int64_t count[2] = {0, 0};
    CHECK_OK(trn_store_read_strings(store, "/vocab", &count[0], &all[0]));
    CHECK_OK(trn_store_read_strings(store, "/given", &count[1], &all[1]));
    CHECK(count[0] == WORDS && count[1] == WORDS);
    for (int64_t i = 0; harness_well() && i < WORDS; i += i % 4096 == 4095 ? 1 : 7)
        CHECK(strcmp(all[0][i], words()[i]) == 0 && strcmp(all[1][i], words()[i]) == 0);
    CHECK_OK(trn_store_read_some_strings(store, "/vocab", 8192, WORDS - 8192, &last));
    CHECK((last != NULL) == (rank == 0));
    CHECK(!last || strcmp(last[WORDS - 8193], words()[WORDS - 1]) == 0);
    trn_free(&last);
    CHECK_EQUAL(trn_store_read_some_strings(store, "/vocab", 0, 100, &last), TRN_INTERNAL);
    trn_free(&all[0]);
    trn_free(&all[1]);
    trn_store_close(&store);
}

static void strings_pass_in_blocks(void) {
    const char *path = in_directory("words.h5"), *passed = in_directory("passed.h5");
    trn_store_t *from;
    CHECK_OK(write_words(path));
    CHECK_OK(trn_store_open(&from, comm, path, "words"));
    if (!harness_well()) return;
    int64_t before = trn_mem_now();
    for (int64_t fails_at = 8192; fails_at >= -4096; fails_at -= 4096) {
        giver_t giver = {.fails_at = fails_at};
        CHECK_EQUAL(pass_strings(from, passed, &giver), fails_at < 0 ? TRN_OK : TRN_MEMORY);
        CHECK_EQUAL(giver.asked, fails_at < 0 ? WORDS : fails_at < 8192 ? fails_at + 4096 : WORDS);
        CHECK(giver.done);
        CHECK_EQUAL(access(passed, F_OK), fails_at < 0 ? 0 : -1);
        CHECK_EQUAL(trn_mem_now(), before);
    }
    trn_store_close(&from);
    check_strings(passed);
}

HARNESS_MAIN({"make_directory", make_directory}, {"strings_pass_in_blocks", strings_pass_in_blocks},
             {"remove_directory", remove_directory})
