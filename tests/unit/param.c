/* Parameter tables: flags, config files, JSON, help, and what is refused with which words. */
#define _GNU_SOURCE
#include "cli/param/param.h"

#include "base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const trn_param_t own[] = {
    {"min-count", 'm', TRN_PARAM_INT, "5", 1, 100, .help = "drop rarer words"},
    {"rate", 0, TRN_PARAM_REAL, "0.05", 0, 10, .help = "learning rate"},
    {"block", 0, TRN_PARAM_SIZE, "64K", 4096, 1073741824, .help = "bytes of a block"},
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "FILE", .help = "where the result goes"},
    {"mode", 0, TRN_PARAM_CHOICE, "fast", .choices = "fast|exact|fa", .help = "how to do it"},
    {"models", 0, TRN_PARAM_LIST, "a b", .help = "what to compare"},
    {"seed", 's', TRN_PARAM_INT, NULL, 0, INFINITY, .help = "seed of all random numbers"},
    {0}};
static const trn_param_t common[] = {
    {"config", 0, TRN_PARAM_TEXT, .metavar = "FILE", .help = "read options from FILE"},
    {"shuffle", 'x', TRN_PARAM_BOOL, "true", .help = "mix the order"},
    {"quiet", 'q', TRN_PARAM_BOOL, "false", .help = "say less"},
    {0}};
static const trn_param_t *const tables[] = {own, common};

enum { ARGUMENTS = 16 };

typedef struct fixture {
    trn_params_t *params;
    int nfiles;
    char **files;
} fixture_t;

static int setup(void **state) {
    fixture_t *fixture = calloc(1, sizeof *fixture);
    *state = fixture;
    return trn_params_create(&fixture->params, tables, 2);
}

static int teardown(void **state) {
    fixture_t *fixture = *state;
    trn_params_destroy(&fixture->params);
    assert_null(fixture->params);
    free(fixture);
    return trn_mem_now() != 0; /* a leak fails the test */
}

/* Parse a line of words separated by single blanks. */
static trn_status_t parse(fixture_t *fixture, const char *line) {
    static char copy[512];
    char *argv[ARGUMENTS + 1];
    int argc = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word && argc < ARGUMENTS; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return trn_params_parse(fixture->params, argc, argv, &fixture->nfiles, &fixture->files);
}

static void refused(fixture_t *fixture, const char *line, const char *message) {
    assert_int_equal(parse(fixture, line), TRN_USAGE);
    assert_string_equal(trn_message(), message);
}

static void test_defaults(void **state) {
    fixture_t *f = *state;
    char *const *words;
    assert_int_equal(trn_params_int(f->params, "min-count"), 5);
    assert_true(trn_params_real(f->params, "rate") == 0.05);
    assert_int_equal(trn_params_size(f->params, "block"), 65536);
    assert_null(trn_params_text(f->params, "output"));
    assert_string_equal(trn_params_text(f->params, "mode"), "fast");
    assert_int_equal(trn_params_list(f->params, "models", &words), 2);
    assert_string_equal(words[1], "b");
    assert_true(trn_params_bool(f->params, "shuffle"));
    assert_false(trn_params_bool(f->params, "quiet"));
    assert_false(trn_params_given(f->params, "min-count"));
}

static void test_flags(void **state) {
    fixture_t *f = *state;
    assert_int_equal(parse(f, "one -m 7 --rate=0.5 two --block 2M -oout.h5 --mode exact "
                              "--no-shuffle -q -- --seed three"),
                     TRN_OK);
    assert_int_equal(f->nfiles, 4);
    assert_string_equal(f->files[0], "one");
    assert_string_equal(f->files[1], "two");
    assert_string_equal(f->files[2], "--seed");
    assert_string_equal(f->files[3], "three");
    assert_int_equal(trn_params_int(f->params, "min-count"), 7);
    assert_true(trn_params_real(f->params, "rate") == 0.5);
    assert_int_equal(trn_params_size(f->params, "block"), 2 << 20);
    assert_string_equal(trn_params_text(f->params, "output"), "out.h5");
    assert_string_equal(trn_params_text(f->params, "mode"), "exact");
    assert_false(trn_params_bool(f->params, "shuffle"));
    assert_true(trn_params_bool(f->params, "quiet"));
    assert_true(trn_params_given(f->params, "shuffle"));
    assert_false(trn_params_given(f->params, "seed"));
}

/* Of two values nobody could tell which was meant. */
static void test_given_twice(void **state) {
    fixture_t *f = *state;
    refused(f, "-m 3 --min-count 4", "--min-count: given twice, as '3' and as '4'; give it once");
    refused(f, "--rate=2 --rate 2", "--rate: given twice, as '2' and as '2'; give it once");
    refused(f, "--mode fast --mode exact",
            "--mode: given twice, as 'fast' and as 'exact'; give it once");
    refused(f, "-oa -ob", "--output: given twice, as 'a' and as 'b'; give it once");
    refused(f, "-qx --no-quiet",
            "--quiet: given twice, as '-qx' and as '--no-quiet'; give it once");
    assert_int_equal(parse(f, "-q"), TRN_OK); /* a new command line */
}

static void test_list_takes_words(void **state) {
    fixture_t *f = *state;
    char *const *words;
    assert_int_equal(parse(f, "file --models p q -q other --models r -- last"), TRN_OK);
    assert_int_equal(trn_params_list(f->params, "models", &words), 3);
    assert_string_equal(words[0], "p");
    assert_string_equal(words[1], "q");
    assert_string_equal(words[2], "r");
    assert_int_equal(f->nfiles, 3); /* -q ends the list, -- ends the options */
    assert_string_equal(f->files[1], "other");
    assert_string_equal(f->files[2], "last");
}

static void test_sizes(void **state) {
    fixture_t *f = *state;
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"4096", 4096}, {"4k", 4096}, {"512M", 512 << 20}, {"1G", 1 << 30}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(trn_params_set(f->params, "block", good[i].text), TRN_OK);
        assert_int_equal(trn_params_size(f->params, "block"), good[i].bytes);
    }
    static const char *const bad[] = {"",
                                      "K",
                                      "-4K",
                                      "4KB",
                                      "4.5K",
                                      "2G",
                                      "4095",
                                      "1P",
                                      "9000000000000T",
                                      "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(trn_params_set(f->params, "block", bad[i]), TRN_USAGE);
    assert_int_equal(trn_params_size(f->params, "block"), 1 << 30); /* the last good one stays */
}

static void test_refusals(void **state) {
    fixture_t *f = *state;
    refused(f, "--min-count 0", "--min-count: bad value '0'; give an integer from 1 to 100");
    refused(f, "--min-count 101", "--min-count: bad value '101'; give an integer from 1 to 100");
    refused(f, "--min-count 5x", "--min-count: bad value '5x'; give an integer from 1 to 100");
    refused(f, "--seed -1", "--seed: bad value '-1'; give an integer at least 0");
    refused(f, "--seed 9223372036854775808",
            "--seed: bad value '9223372036854775808'; give an integer at least 0");
    refused(f, "--rate nan", "--rate: bad value 'nan'; give a number from 0 to 10");
    refused(f, "--rate 1e999", "--rate: bad value '1e999'; give a number from 0 to 10");
    refused(f, "--block 1",
            "--block: bad value '1'; give bytes such as 512, 64K, 200M or 4G from "
            "4K to 1G");
    refused(f, "--mode f", "--mode: bad value 'f'; give one of fast|exact|fa");
    refused(f, "--mode fast|exact", "--mode: bad value 'fast|exact'; give one of fast|exact|fa");
    refused(f, "--min-cuont 3", "--min-cuont: no such option; did you mean --min-count?");
    refused(f, "--no-shufle", "--no-shufle: no such option; did you mean --no-shuffle?");
    refused(f, "--zzzzzz=4", "--zzzzzz: no such option; see --help");
    refused(f, "-Z", "-Z: no such option; see --help");
    refused(f, "-qZ", "-Z: no such option; see --help");
    refused(f, "--output", "--output: the value is missing; see --help");
    refused(f, "-o", "--output: the value is missing; see --help");
    refused(f, "--models", "--models: the value is missing; see --help");
    refused(f, "--output --quiet",
            "--output: the value is missing before '--quiet'; if that is "
            "it, write --output=--quiet");
    refused(f, "--quiet=yes", "--quiet: takes no value; write --quiet or --no-quiet");
    refused(f, "--no-min-count", "--no-min-count: no such option; did you mean --min-count?");
}

static void test_no_abbreviations(void **state) {
    fixture_t *f = *state;
    refused(f, "--min 3", "--min: no such option; did you mean --min-count?");
    refused(f, "--qui", "--qui: no such option; did you mean --quiet?");
    refused(f, "--mo fast", "--mo: no such option; did you mean --mode?");
}

static void test_odd_values(void **state) {
    fixture_t *f = *state;
    assert_int_equal(parse(f, "--output=--quiet --rate 1e-3 -m +7 -"), TRN_OK);
    assert_string_equal(trn_params_text(f->params, "output"), "--quiet");
    assert_true(trn_params_real(f->params, "rate") == 1e-3);
    assert_int_equal(trn_params_int(f->params, "min-count"), 7);
    assert_int_equal(f->nfiles, 1);
    assert_string_equal(f->files[0], "-");
    assert_int_equal(parse(f, "again"), TRN_OK); /* getopt starts anew */
    assert_int_equal(f->nfiles, 1);
    assert_string_equal(f->files[0], "again");
}

static char path[] = "param_test_XXXXXX";

static void write_config(const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_config(void **state) {
    fixture_t *f = *state;
    char *const *words;
    char line[64];
    write_config("# a comment\n\n  min-count = 9   # another\r\nmodels = x  y\tz\nquiet=true\n"
                 "output = a#b = c\nmodels = v\nrate = 3");
    snprintf(line, sizeof line, "-m 8 --config %s --models w", path);
    assert_int_equal(parse(f, line), TRN_OK);
    assert_int_equal(trn_params_int(f->params, "min-count"), 8); /* the flag wins */
    assert_int_equal(trn_params_list(f->params, "models", &words), 1);
    assert_string_equal(words[0], "w");
    assert_true(trn_params_bool(f->params, "quiet"));
    assert_string_equal(trn_params_text(f->params, "output"), "a#b = c");
    assert_true(trn_params_real(f->params, "rate") == 3);
    assert_true(trn_params_given(f->params, "rate"));
    assert_int_equal(trn_params_read(f->params, path), TRN_OK);
    assert_int_equal(trn_params_list(f->params, "models", &words), 1);
}

/* A list may come in pieces, and an editor may have put a byte order mark. */
static void test_config_list(void **state) {
    fixture_t *f = *state;
    char *const *words;
    write_config("\xef\xbb\xbfmodels = x y\nrate = 3\nmodels = z\n");
    assert_int_equal(trn_params_read(f->params, path), TRN_OK);
    assert_int_equal(trn_params_list(f->params, "models", &words), 3);
    assert_string_equal(words[2], "z");
}

static void test_bad_config(void **state) {
    fixture_t *f = *state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"\nmin-count = many\n", ":2: min-count: bad value 'many'; give an integer from 1 to 100"},
        {"min-cuont = 1\n", ":1: min-cuont: no such option; did you mean --min-count?"},
        {"quiet\n", ":1: quiet: no '='; write name = value"},
        {"quiet = on\n", ":1: quiet: bad value 'on'; give true or false"},
        {"rate = 2\n\nrate = 3\n",
         ":3: rate: given twice, in line 1 and here as '3'; give it once"},
        {"config = x\n", ":1: config: a config file cannot name another; copy its lines"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char wanted[256];
        write_config(bad[i].text);
        snprintf(wanted, sizeof wanted, "%s%s", path, bad[i].message);
        assert_int_equal(trn_params_read(f->params, path), TRN_INPUT);
        assert_string_equal(trn_message(), wanted);
    }
    char *longest = malloc(10000);
    memset(longest, 'x', 9999);
    longest[9999] = '\0';
    write_config(longest);
    free(longest);
    assert_int_equal(trn_params_read(f->params, path), TRN_INPUT);
    assert_non_null(strstr(trn_message(), ":1: longer than"));
    assert_int_equal(trn_params_read(f->params, "no/such/file"), TRN_INPUT);
    assert_int_equal(trn_params_read(f->params, "."), TRN_INPUT);
    assert_int_equal(parse(f, "--config no/such/file"), TRN_INPUT);
}

static void test_json(void **state) {
    fixture_t *f = *state;
    assert_int_equal(trn_params_set(f->params, "output", "r\xe9sum\xe9"), TRN_OK); /* Latin-1 */
    json_t *all = trn_params_json(f->params);
    char *text = json_dumps(all, JSON_COMPACT);
    assert_string_equal(
        text, "{\"min-count\":5,\"rate\":0.050000000000000003,\"block\":65536,"
              "\"output\":\"r\\\\xe9sum\\\\xe9\",\"mode\":\"fast\",\"models\":[\"a\",\"b\"],"
              "\"seed\":null,\"config\":null,\"shuffle\":true,\"quiet\":false}");
    free(text);
    json_decref(all);
}

static char *printed(void (*print)(const trn_param_t *, FILE *), const trn_param_t *table) {
    char *text;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    print(table, to);
    fclose(to);
    return text;
}

static void test_choice(void **state) {
    fixture_t *f = *state;
    assert_int_equal(trn_params_choice(f->params, "mode"), 0);
    assert_int_equal(parse(f, "--mode fa"), TRN_OK); /* not the first that begins so */
    assert_int_equal(trn_params_choice(f->params, "mode"), 2);
}

static void test_numbers(void **state) {
    fixture_t *f = *state;
    double v[3];
    int count;
    trn_numbers_rule_t rule = {3, 0, 10, false, "1,2"}, whole = {3, 1, 10, true, "1,2"};
    static const char *const bad[] = {"",    ",",  "1,", "1,,2", "x",
                                      "1 2", "11", "-1", "nan",  "1,2,3,4"};
    assert_int_equal(parse(f, "--output 1,2.5,10"), TRN_OK);
    assert_int_equal(trn_params_numbers(f->params, "output", &rule, v, &count), TRN_OK);
    assert_true(count == 3 && v[0] == 1 && v[1] == 2.5 && v[2] == 10);
    assert_int_equal(trn_params_numbers(f->params, "output", &whole, v, &count), TRN_USAGE);
    assert_string_equal(trn_message(),
                        "--output 1,2.5,10: write whole numbers from 1 to 10 between "
                        "commas, at most 3: 1,2");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(trn_params_set(f->params, "output", bad[i]), TRN_OK);
        assert_int_equal(trn_params_numbers(f->params, "output", &rule, v, &count), TRN_USAGE);
    }
}

static void test_help(void **state) {
    (void)state;
    const trn_param_t table[] = {
        own[0],
        {"shuffle", 0, TRN_PARAM_BOOL, "true",
         .help = "mix the order of the rounds in every epoch, so that no block comes first twice"},
        {"a-rather-long-name", 0, TRN_PARAM_SIZE, "0", 0, INFINITY, .group = "Others",
         .help = "bytes"},
        {0}};
    char *text = printed(trn_params_help, table);
    assert_string_equal(
        text, "  -m, --min-count N       drop rarer words (from 1 to 100; default 5)\n"
              "      --[no-]shuffle      mix the order of the rounds in every epoch, so that\n"
              "                          no block comes first twice (default true)\n"
              "\nOthers:\n"
              "      --a-rather-long-name SIZE\n"
              "                          bytes (at least 0; default 0)\n");
    free(text);
    text = printed(trn_params_man, table);
    assert_non_null(strstr(text, ".TP\n\\fB\\-m\\fR, \\fB\\-\\-min\\-count\\fR \\fIN\\fR\n"));
    free(text);
    text = printed(trn_params_words, common);
    assert_string_equal(text, "--config\n--shuffle\n--no-shuffle\n--quiet\n");
    free(text);
}

static void test_bad_tables(void **state) {
    (void)state;
    static const trn_param_t again[] = {{"quiet", 0, TRN_PARAM_BOOL, .help = "x"}, {0}};
    static const trn_param_t letter[] = {{"other", 'q', TRN_PARAM_BOOL, .help = "x"}, {0}};
    static const trn_param_t fallback[] = {{"n", 0, TRN_PARAM_INT, "0", 1, 2, .help = "x"}, {0}};
    const trn_param_t *bad[] = {again, letter, fallback};
    for (int i = 0; i < 3; i++) {
        trn_params_t *params;
        assert_int_equal(
            trn_params_create(&params, (const trn_param_t *const[]){common, bad[i]}, 2),
            TRN_INTERNAL);
        assert_null(params);
        assert_int_equal(trn_mem_now(), 0);
    }
}

/* Every allocation fails once: the right status, no leak, no crash. */
static void test_memory(void **state) {
    (void)state;
    for (int64_t n = 1;; n++) {
        char *argv[] = {"--models", "p", "q", "-o", "out", "file"};
        trn_params_t *params;
        int nfiles;
        char **files;
        trn_mem_fail_at(n);
        trn_status_t status = trn_params_create(&params, tables, 2);
        if (status == TRN_OK) status = trn_params_parse(params, 6, argv, &nfiles, &files);
        trn_mem_fail_at(0);
        trn_params_destroy(&params);
        assert_int_equal(trn_mem_now(), 0);
        if (status == TRN_OK) break;
        assert_int_equal(status, TRN_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest with_params[] = {
        cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_given_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_list_takes_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_choice, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_abbreviations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_odd_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_config, setup, teardown),
        cmocka_unit_test_setup_teardown(test_config_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_config, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json, setup, teardown),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_bad_tables),
        cmocka_unit_test(test_memory),
    };
    if (mkstemp(path) < 0) return 1;
    int failed = cmocka_run_group_tests_name("param", with_params, NULL, NULL);
    remove(path);
    return failed;
}
