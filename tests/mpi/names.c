/* names.c: names and numbers of a list that is longer than what rank 0 holds at a time. */
#define _GNU_SOURCE

#include "directory.h"
#include "harness.h"

#include "algo/common/names.h"

#include <string.h>

enum { NAMES = 70000, WANTED = 6 };

static trn_store_t *store;

static void opens(void) {
    static char text[NAMES][24];
    static const char *names[NAMES];
    trn_store_t *to;
    for (int i = 0; i < NAMES; i++) {
        snprintf(text[i], sizeof text[i], "name %d", i);
        names[i] = text[i];
    }
    CHECK_OK(trn_store_create(&to, comm, in_directory("names.h5"), "names", "test", NULL, 0));
    CHECK_OK(trn_store_strings(to, "/names", NAMES, rank == 0 ? names : NULL));
    CHECK_OK(trn_store_begin(to));
    CHECK_OK(trn_store_commit_replace(&to, TRN_OK));
    CHECK_OK(trn_store_open(&store, comm, in_directory("names.h5"), "names"));
}

static trn_status_t find(void *unused) {
    static char *const wanted[WANTED] = {"name 69999", "name 0",     "name 70000",
                                         "name 65536", "name 69999", "name 70000"};
    static const int32_t numbers[WANTED] = {69999, 0, -1, 65536, 69999, -1};
    int32_t found[WANTED];
    (void)unused;
    trn_status_t status = trn_names_find(store, comm, "/names", WANTED, wanted, found);
    if (status == TRN_OK) CHECK(memcmp(found, numbers, sizeof found) == 0);
    return status;
}

static void finds(void) {
    CHECK_OK(find(NULL));
    harness_inject(find, NULL);
    CHECK_OK(trn_names_find(store, comm, "/names", 0, NULL, NULL));
    CHECK_EQUAL(trn_names_find(store, comm, "/absent", 0, NULL, NULL), TRN_INPUT);
}

static trn_status_t read_some(void *unused) {
    static const int64_t numbers[WANTED] = {69999, 3, -1, 65535, 3, 65536};
    trn_labels_t labels;
    (void)unused;
    trn_status_t status = trn_names_read(store, comm, "/names", WANTED, numbers, &labels);
    for (int i = 0; i < WANTED && status == TRN_OK && rank == 0; i++) {
        char name[16];
        const char *read = trn_labels_name(&labels, numbers[i]);
        snprintf(name, sizeof name, "name %d", (int)numbers[i]);
        CHECK(numbers[i] < 0 ? read == NULL : read && strcmp(read, name) == 0);
    }
    if (status == TRN_OK) CHECK_EQUAL(labels.count, rank == 0 ? 4 : 0);
    trn_labels_free(&labels);
    return status;
}

static void reads(void) {
    trn_labels_t labels;
    CHECK_OK(read_some(NULL));
    harness_inject(read_some, NULL);
    CHECK_OK(trn_names_read(store, comm, "/names", 0, NULL, &labels));
    trn_labels_free(&labels);
}

static void expect_message(const char *name, int64_t count, char *const *more, const char *wanted) {
    CHECK_EQUAL(trn_names_unknown(store, comm, "/names", "f:2", name, "thing", count, more),
                TRN_INPUT);
    CHECK(strcmp(trn_message(), wanted) == 0);
}

static void suggests(void) {
    static char *const more[] = {"mane 70001", "nothing like it"};
    expect_message("nmae 69998", 0, NULL,
                   "f:2: nmae 69998: no such thing in the graph; did you mean 'name 69998'?");
    expect_message("mane 70001x", 2, more,
                   "f:2: mane 70001x: no such thing in the graph; did you mean 'mane 70001'?");
    expect_message("a quite different word", 2, more,
                   "f:2: a quite different word: no such thing in the graph");
}

static void closes(void) {
    trn_store_close(&store);
}

HARNESS_MAIN({"make_directory", make_directory}, {"opens", opens}, {"finds", finds},
             {"reads", reads}, {"suggests", suggests}, {"closes", closes},
             {"remove_directory", remove_directory})
