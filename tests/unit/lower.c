/* text/lower and text/utf8: lower case as Unicode has it, look-ups that ignore case, and bytes that
 * are no character. */
#include "text/lower.h"
#include "base/mem.h"
#include "text/lookup.h"
#include "text/normalize.h"
#include "text/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#include <cmocka.h>

static void expect_lower(const char *text, const char *wanted) {
    char *lower;
    assert_int_equal(trn_lower(text, &lower), TRN_OK);
    assert_string_equal(lower, wanted);
    trn_free(&lower);
}

static void lower_case_is_not_case_folding(void **state) {
    (void)state;
    expect_lower("", "");
    expect_lower("The STRASSE @[`{", "the strasse @[`{");
    expect_lower("Straße", "straße");
    expect_lower("GROẞ", "groß");
    expect_lower("Ǆ ǅ ǆ", "ǆ ǆ ǆ");       /* a digraph in upper case, title case and lower case */
    expect_lower("Iı iİ", "iı ii\u0307"); /* the dot stays, as SpecialCasing.txt says */
    expect_lower("K Å Ω", "k å ω");       /* signs that are letters */
    expect_lower("ÀÉ ЖЯ ԱՖ ႠჅ", "àé жя աֆ ⴀⴥ");
    expect_lower("ȺȺȺȺȺȺ", "ⱥⱥⱥⱥⱥⱥ"); /* two bytes become three */
    expect_lower("A\xffÄ\xe2\x82", "a\xffä\xe2\x82");
}

/* Greek sigma at the end of a word: a cased letter before, none behind, marks between do not count
 * (Unicode 15, table 3-17). */
static void final_sigma(void **state) {
    (void)state;
    expect_lower("Λόγος ΛΌΓΟΣ ΘΕΟΎ", "λόγος λόγος θεού");
    expect_lower("ΣΊΣΥΦΟΣ", "σίσυφος");
    expect_lower("Σ ΣΑ ΑΣ", "σ σα ας");
    expect_lower("ΑΣ. ΑΣ.Α ΑΣ-Α",
                 "ας. ασ.α ας-α"); /* a point may stand inside a word, a dash not */
    expect_lower("Α'Σ' Α\u0301Σ\u0301", "α'ς' α\u0301ς\u0301");
    expect_lower("1Σ ª\u0301Σ", "1σ ª\u0301ς"); /* a digit is not cased, an ordinal is */
    expect_lower("ΑΣ\xff ΑΣ\xff\xce\x91", "ας\xff ας\xff\xce\xb1");
}

/* Every code point: lowered twice is lowered once, room for it is as promised, and a word and its
 * lower case are one to a look-up. */
static void all_code_points(void **state) {
    (void)state;
    for (int32_t point = 1; point < 0x110000; point++) {
        if (point >= 0xd800 && point < 0xe000) continue;
        char text[16] = "", once[32] = "", twice[64] = "";
        int64_t bytes = utf8proc_encode_char(point, (utf8proc_uint8_t *)text);
        int64_t length = trn_lower_bytes(text, bytes, once);
        assert_true(length <= trn_lower_room(bytes));
        assert_int_equal(trn_lower_bytes(once, length, twice), length);
        assert_memory_equal(once, twice, (size_t)length);
        const char *a = text, *b = once;
        int32_t key;
        do {
            key = trn_lower_key(&a);
            assert_int_equal(key, trn_lower_key(&b));
        } while (key != 0);
    }
}

/* Row of `word` in a list whose case is ignored. */
static int64_t find(int64_t count, char *const *words, const char *word) {
    trn_lookup_t *lookup;
    assert_int_equal(trn_lookup_create(&lookup, count, words, true, NULL), TRN_OK);
    int64_t row = trn_lookup_find(lookup, word);
    trn_lookup_destroy(&lookup);
    return row;
}

static void look_ups_find_what_was_lowered(void **state) {
    (void)state;
    char *const ours[] = {"straße", "strasse", "λόγος", "i\u0307stanbul", "ǆ"};
    assert_int_equal(find(5, ours, "STRAẞE"), 0);
    assert_int_equal(find(5, ours, "STRASSE"), 1);
    assert_int_equal(find(5, ours, "ΛΌΓΟΣ"), 2);
    assert_int_equal(find(5, ours, "Λόγοσ"), 2);
    assert_int_equal(find(5, ours, "İstanbul"), 3);
    assert_int_equal(find(5, ours, "ISTANBUL"), 3);
    assert_int_equal(find(5, ours, "ǅ"), 4);
    /* Lists of others, lowered letter by letter or by folding. */
    char *const others[] = {"λόγοσ", "istanbul", "İZMİR"};
    assert_int_equal(find(3, others, "λόγος"), 0);
    assert_int_equal(find(3, others, "ΛΌΓΟΣ"), 0);
    assert_int_equal(find(3, others, "İstanbul"), 1);
    assert_int_equal(find(3, others, "izmir"), 2);
    assert_int_equal(find(3, others, "İZMI\u0307R"), 2); /* one letter, or two code points */
    assert_int_equal(find(3, others, "ızmır"), -1);      /* without a dot it is another letter */
}

/* Ill-formed bytes are replaced piece by piece as in table 3-8 of the standard. */
static void maximal_subparts(void **state) {
    (void)state;
    static const struct {
        const char *text, *replaced;
        int64_t well; /* bytes before the first ill-formed one */
    } cases[] = {
        {"", "", 0},
        {"plain", "plain", 5},
        {"é日\xf0\x9f\x98\x80", "é日\xf0\x9f\x98\x80", 9},
        {"na\xefve", "na\ufffdve", 2},
        {"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41",
         "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd"
         "A",
         0},
        {"\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41",
         "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd"
         "A",
         0},
        {"\xf4\x91\x92\x93\xff\x41\x80\xbf\x42",
         "\ufffd\ufffd\ufffd\ufffd\ufffd"
         "A\ufffd\ufffd"
         "B",
         0},
        {"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", "\ufffd\ufffd\ufffd\ufffdA", 0},
        {"x\xe6\x97", "x\ufffd", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char to[64] = "";
        int64_t bytes = (int64_t)strlen(cases[i].text);
        assert_int_equal(trn_utf8_well(cases[i].text, bytes), cases[i].well);
        assert_int_equal(trn_utf8_valid(cases[i].text), cases[i].well == bytes);
        int64_t length = trn_utf8_replace(cases[i].text, bytes, to);
        assert_true(length <= 3 * bytes);
        assert_int_equal(length, strlen(cases[i].replaced));
        assert_string_equal(to, cases[i].replaced);
    }
}

static void normal_forms(void **state) {
    (void)state;
    static const struct {
        const char *text, *composed, *decomposed; /* NULL: as it is */
    } cases[] = {
        {"plain", NULL, NULL},
        {"café", NULL, "cafe\u0301"},
        {"cafe\u0301", "café", NULL},
        {"\u212b", "\u00c5", "A\u030a"},
        {"i\u0307", NULL, NULL},
        {"ΐΐΐ", NULL, "ι\u0308\u0301ι\u0308\u0301ι\u0308\u0301"},
        {"한국", NULL, "\u1112\u1161\u11ab\u1100\u116e\u11a8"},
        {"bad\xff", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int compose = 0; compose < 2; compose++) {
            const char *wanted = compose ? cases[i].composed : cases[i].decomposed;
            char *normal;
            assert_int_equal(trn_normalize(cases[i].text, compose, &normal), TRN_OK);
            if (wanted)
                assert_string_equal(normal, wanted);
            else
                assert_null(normal);
            trn_free(&normal);
        }
    assert_int_equal(trn_mem_now(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lower_case_is_not_case_folding),
        cmocka_unit_test(final_sigma),
        cmocka_unit_test(all_code_points),
        cmocka_unit_test(look_ups_find_what_was_lowered),
        cmocka_unit_test(maximal_subparts),
        cmocka_unit_test(normal_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
