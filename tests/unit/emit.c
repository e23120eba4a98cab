/* What results look like to people and to programs, and what happens when nobody can be told. */
#define _GNU_SOURCE
#include "base/emit.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *emitted(const json_t *result, bool as_json) {
    char *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_int_equal(trn_emit(to, result, as_json), TRN_OK);
    fclose(to);
    return text;
}

static json_t *sample(void) {
    return json_pack("{s:s, s:i, s:{s:f, s:b, s:n}, s:[{s:s, s:i, s:f}, {s:s, s:i, s:f}], s:[s, s],"
                     " s:[]}",
                     "store", "x.h5", "words", 1234, "loss", "final", 0.125, "finite", 1, "bound",
                     "cases", "name", "na\xc3\xafve", "n", 5, "score", 1.5, "name", "b", "n", 12345,
                     "score", 0.1234567, "notes", "one", "two", "nothing");
}

static void test_people(void **state) {
    (void)state;
    json_t *result = sample();
    char *text = emitted(result, false);
    assert_string_equal(text, "store  x.h5\n"
                              "words  1234\n"
                              "loss\n"
                              "  final   0.125\n"
                              "  finite  yes\n"
                              "  bound   -\n"
                              "cases\n"
                              "  name       n     score\n"
                              "  na\xc3\xafve      5       1.5\n"
                              "  b      12345  0.123457\n"
                              "notes\n"
                              "  one\n"
                              "  two\n"
                              "nothing\n");
    free(text);
    json_decref(result);
    assert_int_equal(trn_mem_now(), 0);
}

static void test_programs(void **state) {
    (void)state;
    json_t *result = sample();
    char *text = emitted(result, true);
    json_t *back = json_loads(text, 0, NULL);
    assert_true(json_equal(result, back));
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(text);
    json_decref(back);
    json_decref(result);
}

/* Lines carry no blanks at their ends. */
static void test_text_last(void **state) {
    (void)state;
    json_t *table =
        json_pack("[{s:i,s:s},{s:i,s:s}]", "n", 1, "verdict", "PASSED", "n", 20, "verdict", "no");
    char *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    assert_int_equal(trn_emit_table(to, table, "# ", "T "), TRN_OK);
    fclose(to);
    assert_string_equal(text, "#  n  verdict\nT  1  PASSED\nT 20  no\n");
    free(text);
    json_decref(table);
}

/* Rows with other keys are no table, and no value of theirs may be lost. */
static void test_unequal_rows(void **state) {
    (void)state;
    json_t *result = json_pack("{s:[{s:i}, {s:i}, [i]]}", "rows", "a", 1, "b", 2, 3);
    char *text = emitted(result, false);
    assert_string_equal(text, "rows\n  -\n    a  1\n  -\n    b  2\n  -\n    3\n");
    free(text);
    json_decref(result);
}

static void test_full_disk(void **state) {
    (void)state;
    json_t *result = sample();
    for (int as_json = 0; as_json < 2; as_json++) {
        FILE *full = fopen("/dev/full", "w");
        if (!full) skip();
        assert_int_equal(trn_emit(full, result, as_json), TRN_IO);
        assert_non_null(strstr(trn_message(), "No space left"));
        fclose(full);
    }
    json_decref(result);
}

static void test_memory(void **state) {
    (void)state;
    json_t *result = sample();
    for (int64_t n = 1; n <= 2; n++) {
        FILE *null = fopen("/dev/null", "w");
        trn_mem_fail_at(n);
        assert_int_equal(trn_emit(null, result, false), TRN_MEMORY);
        trn_mem_fail_at(0);
        fclose(null);
        assert_int_equal(trn_mem_now(), 0);
    }
    json_decref(result);
}

static void test_any_bytes(void **state) {
    (void)state;
    json_t *good = trn_json_text("na\xc3\xafve"), *bad = trn_json_text("na\xefve \xc3");
    assert_string_equal(json_string_value(good), "na\xc3\xafve");
    assert_string_equal(json_string_value(bad), "na\\xefve \\xc3");
    assert_null(trn_json_text(NULL));
    json_decref(good);
    json_decref(bad);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_people),       cmocka_unit_test(test_programs),
        cmocka_unit_test(test_unequal_rows), cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_memory),       cmocka_unit_test(test_text_last),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests_name("emit", tests, NULL, NULL);
}
