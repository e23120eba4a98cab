/* Which options go with which: what is required, what has no effect, what excludes what, and what a
 * preset may say. */
#define _GNU_SOURCE
#include "base/mem.h"
#include "cli/param/param.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const trn_param_t table[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "M.h5", .required = true,
     .file.use = TRN_FILE_WRITTEN, .help = "x"},
    {"train", 0, TRN_PARAM_LIST, .metavar = "FILE", .help = "x"},
    {"wordnet", 0, TRN_PARAM_TEXT, .excludes = "valid train", .help = "x"},
    {"valid", 0, TRN_PARAM_TEXT, .help = "x"},
    {"loss", 0, TRN_PARAM_CHOICE, "softmax", .choices = "softmax|bce|margin", .help = "x"},
    {"margin", 0, TRN_PARAM_REAL, "1", -10, 10, .needs = "loss=bce|margin", .help = "x"},
    {"valid-every", 0, TRN_PARAM_INT, "0", 0, 100, .help = "x"},
    {"patience", 0, TRN_PARAM_INT, "0", 0, 100, .needs = "valid-every", .help = "x"},
    {"negatives", 0, TRN_PARAM_INT, "64", 0, 100, .help = "x"},
    {"smoothing", 0, TRN_PARAM_REAL, "0", 0, 1, .needs = "negatives=0 loss=softmax", .help = "x"},
    {"pmi", 0, TRN_PARAM_BOOL, "false", .help = "x"},
    {"ppmi", 0, TRN_PARAM_BOOL, "false", .help = "x"},
    {"scale", 0, TRN_PARAM_REAL, .help = "x"},
    {"shift", 0, TRN_PARAM_REAL, "1", 0, 10, .needs = "pmi,ppmi", .help = "x"},
    {"cut", 0, TRN_PARAM_BOOL, "false", .needs = "shift=2.5,valid", .help = "x"},
    {"dry-run", 0, TRN_PARAM_BOOL, "false", .help = "x"},
    {0}};
static const trn_param_t *const tables[] = {table};

/* Values after a line of words; freed by the caller. */
static trn_params_t *parsed(const char *line) {
    static char copy[512];
    char *argv[32], **files;
    int argc = 0, nfiles;
    trn_params_t *params;
    assert_int_equal(trn_params_create(&params, tables, 1), TRN_OK);
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    assert_int_equal(trn_params_parse(params, argc, argv, &nfiles, &files), TRN_OK);
    return params;
}

static void accepted(const char *line) {
    trn_params_t *params = parsed(line);
    assert_int_equal(trn_params_check(params), TRN_OK);
    trn_params_destroy(&params);
    assert_int_equal(trn_mem_now(), 0);
}

static void refused(const char *line, const char *message) {
    trn_params_t *params = parsed(line);
    assert_int_equal(trn_params_check(params), TRN_USAGE);
    assert_string_equal(trn_message(), message);
    trn_params_destroy(&params);
}

static void test_required(void **state) {
    (void)state;
    refused("", "--output: missing; give -o M.h5");
    accepted("-o x");
    accepted("--dry-run");
}

static void test_needs(void **state) {
    (void)state;
    refused("-o x --patience 2",
            "--patience: has no effect without --valid-every; give that too, or leave it out");
    accepted("-o x --patience 2 --valid-every 3");
    refused("-o x --patience 2 --valid-every 0",
            "--patience: has no effect without --valid-every; give that too, or leave it out");
    accepted("-o x --patience 0");
    refused("-o x --margin 1",
            "--margin: has no effect without --loss bce|margin; give that too, or leave it out");
    accepted("-o x --margin 1 --loss margin");
    accepted("-o x --margin 1 --loss bce");
    refused("-o x --shift 1",
            "--shift: has no effect without --pmi or --ppmi; give that too, or leave it out");
    accepted("-o x --shift 1 --ppmi");
}

static void test_needs_all(void **state) {
    (void)state;
    refused("-o x --smoothing .1",
            "--smoothing: has no effect without --negatives 0; give that too, or leave it out");
    refused("-o x --smoothing .1 --negatives 0 --loss bce",
            "--smoothing: has no effect without --loss softmax; give that too, or leave it out");
    accepted("-o x --smoothing .1 --negatives 0");
    accepted("-o x --cut --pmi --shift 2.50");
    accepted("-o x --cut --valid v");
    refused("-o x --cut", "--cut: has no effect without --shift 2.5 or --valid; give that too, or "
                          "leave it out");
    accepted("-o x --no-cut");
}

static void test_excludes(void **state) {
    (void)state;
    refused("-o x --wordnet d --valid v", "--wordnet: give either this or --valid");
    refused("-o x --train a b --wordnet d", "--wordnet: give either this or --train");
    accepted("-o x --wordnet d");
}

static void test_one_of(void **state) {
    (void)state;
    static const char names[] = "pmi ppmi scale";
    static const struct {
        const char *line, *message; /* "": accepted */
        bool more;
    } cases[] = {
        {"--pmi", "", false},
        {"--scale 0", "", false},
        {"--no-ppmi", "give one of --pmi --ppmi --scale", false},
        {"", "give some of --pmi --ppmi --scale", true},
        {"--pmi --scale 2", "", true},
        {"--pmi --scale 2", "--pmi --scale: only one of --pmi --ppmi --scale may be given", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trn_params_t *params = parsed(cases[i].line);
        bool good = *cases[i].message == '\0';
        assert_int_equal(trn_params_one_of(params, names, cases[i].more),
                         good ? TRN_OK : TRN_USAGE);
        if (!good) assert_string_equal(trn_message(), cases[i].message);
        trn_params_destroy(&params);
    }
}

/* What a preset says counts less than the user's word, and goes where it does nothing. */
static void test_suggestions(void **state) {
    (void)state;
    trn_params_t *params = parsed("-o x --loss softmax --negatives 0");
    assert_int_equal(trn_params_suggest(params, "loss", "margin"), TRN_OK);
    assert_int_equal(trn_params_suggest(params, "margin", "9"), TRN_OK);
    assert_int_equal(trn_params_suggest(params, "smoothing", "0.2"), TRN_OK);
    assert_int_equal(trn_params_suggest(params, "nothing", "1"), TRN_USAGE);
    assert_false(trn_params_given(params, "margin"));
    assert_int_equal(trn_params_check(params), TRN_OK);
    assert_string_equal(trn_params_text(params, "loss"), "softmax");
    assert_true(trn_params_real(params, "margin") == 1);
    assert_true(trn_params_real(params, "smoothing") == 0.2);
    trn_params_destroy(&params);
}

/* The record has what was typed, the program the file that it leads to. */
static void test_redirect(void **state) {
    (void)state;
    trn_params_t *params = parsed("-o link.h5");
    assert_int_equal(trn_params_redirect(params, "output", "there.h5"), TRN_OK);
    assert_int_equal(trn_params_redirect(params, "valid", "beside"), TRN_OK);
    assert_string_equal(trn_params_text(params, "output"), "there.h5");
    assert_string_equal(trn_params_text(params, "valid"), "beside");
    assert_false(trn_params_given(params, "valid"));
    json_t *all = trn_params_json(params);
    assert_string_equal(json_string_value(json_object_get(all, "output")), "link.h5");
    assert_true(json_is_null(json_object_get(all, "valid")));
    json_decref(all);
    trn_params_destroy(&params);
    assert_int_equal(trn_mem_now(), 0);
}

static trn_status_t note(void *data, const trn_param_t *row, const char *file) {
    strcat(strcat(strcat(data, row->name), file), " ");
    return TRN_OK;
}

static void test_files(void **state) {
    (void)state;
    char seen[64] = "";
    trn_params_t *params = parsed("-o x");
    assert_int_equal(trn_params_files(params, note, seen), TRN_OK);
    assert_string_equal(seen, "outputx ");
    trn_params_destroy(&params);
}

static void test_slips_in_tables(void **state) {
    (void)state;
    static const trn_param_t needs[] = {{"a", 0, TRN_PARAM_BOOL, .needs = "b=1|2", .help = "x"},
                                        {0}};
    static const trn_param_t excludes[] = {{"a", 0, TRN_PARAM_BOOL, .excludes = "a c", .help = "x"},
                                           {0}};
    const trn_param_t *const bad[] = {needs, excludes};
    for (int i = 0; i < 2; i++) {
        trn_params_t *params;
        assert_int_equal(trn_params_create(&params, &bad[i], 1), TRN_INTERNAL);
        assert_string_equal(trn_message(), i == 0
                                               ? "--a: its row speaks of --b, which there is not"
                                               : "--a: its row speaks of --c, which there is not");
        assert_int_equal(trn_mem_now(), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_required),        cmocka_unit_test(test_needs),
        cmocka_unit_test(test_needs_all),       cmocka_unit_test(test_excludes),
        cmocka_unit_test(test_one_of),          cmocka_unit_test(test_suggestions),
        cmocka_unit_test(test_redirect),        cmocka_unit_test(test_files),
        cmocka_unit_test(test_slips_in_tables),
    };
    return cmocka_run_group_tests_name("param_rules", tests, NULL, NULL);
}
