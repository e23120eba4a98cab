/* graph/triple_line: columns, quotes, blanks at the ends of names, headings. */
#include "graph/triple_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const trn_triple_format_t tabs = {"\t", false}, kept = {"\t", true}, commas = {",", false},
                                 kept_commas = {",", true}, spaces = {" ", false};

/* The names of a line as "<a><b><c>", or the message. */
static const char *cut(const trn_triple_format_t *format, const char *text) {
    static char line[200], result[300];
    trn_triple_row_t row;
    strcpy(line, text);
    if (trn_triple_line(line, (int64_t)strlen(line), format, &row) != TRN_OK) return trn_message();
    snprintf(result, sizeof result, "<%.*s><%.*s><%.*s>", (int)row.bytes[0], row.column[0],
             (int)row.bytes[1], row.column[1], (int)row.bytes[2], row.column[2]);
    return result;
}

static void trims_blanks(void **state) {
    (void)state;
    assert_string_equal(cut(&tabs, "a a\tr\tb"), "<a a><r><b>");
    assert_string_equal(cut(&tabs, " a a \t\vr\f\t  b\r"), "<a a><r><b>");
    assert_string_equal(cut(&kept, " a \tr\tb \r"), "< a ><r><b >");
    assert_string_equal(cut(&commas, "a , r,\tb"), "<a><r><b>");
    assert_string_equal(cut(&spaces, "a r b\t"), "<a><r><b>");
}

static void refuses_nameless(void **state) {
    (void)state;
    assert_non_null(strstr(cut(&tabs, "a\t\tb"), "column 2 is empty"));
    assert_non_null(strstr(cut(&tabs, "a\tr\t \v"), "column 3 is of blanks alone"));
    assert_non_null(strstr(cut(&kept, "  \tr\tb"), "column 1 is of blanks alone"));
    assert_non_null(strstr(cut(&commas, "a,\" \",b"), "column 2 is of blanks alone"));
    assert_non_null(strstr(cut(&spaces, "a  b"), "column 2 is empty"));
    assert_non_null(strstr(cut(&tabs, "a\tb"), "2 columns, 3 wanted"));
    assert_non_null(strstr(cut(&tabs, "a\tb\tc\t"), "4 columns, 3 wanted"));
    trn_triple_row_t row;
    char nul[] = "a\tr\tb\0c";
    assert_int_equal(trn_triple_line(nul, sizeof nul - 1, &tabs, &row), TRN_INPUT);
}

static void reads_quotes(void **state) {
    (void)state;
    assert_string_equal(cut(&commas, "\"a, \"\"b\"\"\",r,\"c\""), "<a, \"b\"><r><c>");
    assert_string_equal(cut(&commas, " \"a\" , \"r\",\" c \" "), "<a><r><c>");
    assert_string_equal(cut(&kept_commas, "\" a\",r,c "), "< a><r><c >");
    assert_string_equal(cut(&kept_commas, " \"a\",r,c"), "< \"a\"><r><c>");
    assert_non_null(strstr(cut(&commas, "\"a,r,b"), "column 1: its quote"));
    assert_non_null(strstr(cut(&commas, "a,\"r\"s,b"), "column 2: its quote"));
    assert_non_null(strstr(cut(&kept_commas, "\"a\" ,r,b"), "column 1: its quote"));
    assert_non_null(strstr(cut(&commas, "\"a\",\"\",b"), "column 2 is empty"));
}

static void knows_blank_lines(void **state) {
    (void)state;
    assert_true(trn_triple_blank("", 0, &tabs));
    assert_true(trn_triple_blank("  \r", 3, &tabs));
    assert_false(trn_triple_blank("\t\t", 2, &tabs));
    assert_true(trn_triple_blank("\t\t", 2, &commas));
    assert_false(trn_triple_blank(" a", 2, &tabs));
}

static bool heading(const char *text, const char *order) {
    char line[100];
    trn_triple_row_t row;
    strcpy(line, text);
    assert_int_equal(trn_triple_line(line, (int64_t)strlen(line), &tabs, &row), TRN_OK);
    return trn_triple_is_heading(&row, order);
}

static void knows_headings(void **state) {
    (void)state;
    assert_true(heading("head\trelation\ttail", "hrt"));
    assert_true(heading("Subject\tPREDICATE\tObject", "hrt"));
    assert_true(heading("source\ttarget\tedge_type", "htr"));
    assert_false(heading("head\trelation\ttail", "trh"));
    assert_false(heading("head\tof\ttail", "hrt"));
    assert_false(heading("heads\trelation\ttail", "hrt"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trims_blanks),   cmocka_unit_test(refuses_nameless),
        cmocka_unit_test(reads_quotes),   cmocka_unit_test(knows_blank_lines),
        cmocka_unit_test(knows_headings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
