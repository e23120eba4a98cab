/* text/pairs: similarity sets in the forms in which they are published, and what is none. */
#include "text/pairs.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char text[4096], found[4096];

static trn_status_t parse(trn_pairs_t *pairs, const char *content, const char *column) {
    snprintf(text, sizeof text, "%s", content);
    *pairs = (trn_pairs_t){0};
    return trn_pairs_parse(pairs, "set.txt", text, column);
}

/* What is found, as "word word score / ..." and where the score stands. */
static void expect(const char *content, const char *column, const char *wanted, int64_t at,
                   const char *header) {
    trn_pairs_t pairs;
    if (parse(&pairs, content, column) != TRN_OK) fail_msg("%s", trn_message());
    *found = '\0';
    for (int64_t i = 0; i < pairs.count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%s|%s|%g", i ? "/" : "",
                 pairs.pair[i].word[0], pairs.pair[i].word[1], pairs.pair[i].score);
    assert_string_equal(found, wanted);
    assert_int_equal(pairs.column, at);
    if (header)
        assert_string_equal(pairs.header, header);
    else
        assert_null(pairs.header);
    trn_pairs_free(&pairs);
    assert_int_equal(trn_mem_now(), 0);
}

static void plain_sets(void **state) {
    (void)state;
    expect("love\tsex\t6.77\ntiger\tcat\t7.35\n", NULL, "love|sex|6.77/tiger|cat|7.35", 3, NULL);
    expect("sun-n  sunlight-n 50.0\r\n\r\n car-n automobile-n\v49", NULL,
           "sun-n|sunlight-n|50/car-n|automobile-n|49", 3, NULL);    /* MEN */
    expect("a\t\tb \t3\nc d 1e2\n", NULL, "a|b|3/c|d|100", 3, NULL); /* blanks of any kind */
    expect("one two -1", NULL, "one|two|-1", 3, NULL);
    expect("#metoo women 5\n# a comment\n#\n## b c 3\n", NULL, "#metoo|women|5", 3, NULL);
}

static void published_sets(void **state) {
    (void)state;
    /* WordSim-353, as gensim ships it, as combined.csv, and set1.csv with the thirteen subjects */
    expect("# The set\n# by them\nWord 1\tWord 2\tHuman (mean)\nlove\tsex\t6.77\n", NULL,
           "love|sex|6.77", 3, "Human (mean)");
    expect("Word 1,Word 2,Human (mean)\nlove,sex,6.77\nmoney,cash, 9.08\n", NULL,
           "love|sex|6.77/money|cash|9.08", 3, "Human (mean)");
    expect("Word 1,Word 2,Human (mean),1,2\nlove,sex,6.77,9,6\nbook,paper,7.46,8,8\n", NULL,
           "love|sex|6.77/book|paper|7.46", 3, "Human (mean)");
    /* SimLex-999 and SimVerb-3500: part of speech first */
    const char *simlex = "word1\tword2\tPOS\tSimLex999\tconc(w1)\tAssoc(USF)\n"
                         "old\tnew\tA\t1.58\t2.72\t7.25\nsmart\tbright\tA\t9.2\t1.75\t7.11\n";
    expect(simlex, NULL, "old|new|1.58/smart|bright|9.2", 4, "SimLex999");
    expect(simlex, "conc(W1)", "old|new|2.72/smart|bright|1.75", 5, "conc(w1)");
    expect(simlex, "6", "old|new|7.25/smart|bright|7.11", 6, "Assoc(USF)");
    expect("take\tremove\tV\t6.81\tSYNONYMS\nwalk\ttrail\tV\t4.81\tCOHYPONYM\n", NULL,
           "take|remove|6.81/walk|trail|4.81", 4, NULL);
    /* RW: the mean, then ten ratings; MTurk-771; RG-65 */
    expect("squishing\tsquirt\t5.88\t5\t7\t\nundated\tundatable\t5.83\t10\t7\t9\n", NULL,
           "squishing|squirt|5.88/undated|undatable|5.83", 3, NULL);
    expect("access,gateway,3.79166666666667\naccount,explanation,2.0\n", NULL,
           "access|gateway|3.79167/account|explanation|2", 3, NULL);
    expect("cord;smile;0.02\ngem;jewel;3.94\n", NULL, "cord|smile|0.02/gem|jewel|3.94", 3, NULL);
    /* Names of several words, where a tab parts them from the rest. */
    expect("new york\tboston\t5\nparis\tsan francisco\t4\n", NULL,
           "new york|boston|5/paris|san francisco|4", 3, NULL);
    expect("word1 word2 POS score\na b N 1\nc d V 2\n", "score", "a|b|1/c|d|2", 4, "score");
}

static void bad_sets(void **state) {
    (void)state;
    static const struct {
        const char *content, *column, *message;
    } cases[] = {
        {"", NULL, "set.txt: holds no word pairs"},
        {"# nothing\n\n", NULL, "set.txt: holds no word pairs"},
        {"man king 3\nman king\n", NULL, "set.txt:2: 2 fields; a line must be WORD WORD SCORE"},
        {"man king\ndog cat 3\nman dog 2\n", NULL, "set.txt:1: 2 fields"},
        {"man king high\n", NULL, "set.txt:1: the score 'high' is not a number"},
        {"a b 1\na c 2\na d x\na e 4\n", NULL, "set.txt:3: the score 'x' is not a number"},
        {"a b 1\na c nan\n", NULL, "set.txt:2: the score 'nan' is not a number"},
        {"a b 1\na c 2,5\n", NULL, "set.txt:2: the score '2,5' is not a number"},
        {"a,,1\nb,c,2\n", NULL, "set.txt:1: a word is empty"},
        {"a b 1\n", "score", "set.txt:1: no column 'score'"},
        {"w1 w2 s\na b 1\n", "S2", "set.txt:1: no column 'S2'; the first line has: w1 w2 s"},
        {"a b 1\n", "4", "set.txt:1: 3 fields, but the score is wanted from column 4"},
        {"a b 1\n", "2", "--score-column: 2: a word stands there"},
    };
    trn_pairs_t pairs;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trn_status_t status = parse(&pairs, cases[i].content, cases[i].column);
        assert_true(status == TRN_INPUT || status == TRN_USAGE);
        if (!strstr(trn_message(), cases[i].message)) fail_msg("%zu: %s", i, trn_message());
        trn_pairs_free(&pairs);
        assert_int_equal(trn_mem_now(), 0);
    }
}

static void memory_may_end(void **state) {
    (void)state;
    trn_status_t status = TRN_MEMORY;
    for (int n = 1; status != TRN_OK; n++) {
        trn_pairs_t pairs;
        trn_mem_fail_at(n);
        status = parse(&pairs, "a b 1\nc d 2\n", NULL);
        trn_mem_fail_at(0);
        assert_true(status == TRN_OK || status == TRN_MEMORY);
        trn_pairs_free(&pairs);
        assert_int_equal(trn_mem_now(), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_sets),
        cmocka_unit_test(published_sets),
        cmocka_unit_test(bad_sets),
        cmocka_unit_test(memory_may_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
