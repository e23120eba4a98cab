/* text/tokens: the same numbers whatever pieces the text comes in; every bad byte is found. */
#include "text/tokens.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LONG_LINE = 1 << 27 };
static const trn_token_options_t plain = {.max_line = LONG_LINE};

/* What a text comes to: its words with '|' between, "/" for a break. */
typedef struct result {
    char text[1 << 15];
    trn_status_t status;
    int64_t line, lines, total;
    trn_word_counts_t malformed;
} result_t;

/* Tokenise text[bytes], cut at byte `cut` (and, if `step`, every `step` bytes after). */
static void run(const char *text, int64_t bytes, int64_t cut, int64_t step,
                const trn_token_options_t *options, result_t *result) {
    trn_words_t *words;
    trn_tokens_t *tokens;
    int32_t *ids = malloc(((size_t)bytes + 4) * 2 * sizeof *ids);
    int64_t used = 0, count;
    *result = (result_t){0};
    assert_int_equal(trn_words_create(&words), TRN_OK);
    assert_int_equal(trn_tokens_create(&tokens, words, options), TRN_OK);
    for (int64_t at = 0; at < bytes && result->status == TRN_OK; at = cut, cut += step) {
        if (cut > bytes || cut <= at) cut = bytes;
        /* A piece of its own, so that a sanitizer sees a read beyond its end. */
        char *piece = malloc((size_t)(cut - at));
        memcpy(piece, text + at, (size_t)(cut - at));
        result->status = trn_tokens_feed(tokens, piece, cut - at, ids + used, &count);
        assert_true(result->status != TRN_OK || count <= cut - at + 2);
        if (result->status == TRN_OK) used += count;
        free(piece);
    }
    if (result->status == TRN_OK) {
        result->status = trn_tokens_finish(tokens, ids + used, &count);
        used += count;
    }
    for (int64_t i = 0; i < used; i++) {
        int64_t length = 1;
        const char *word = ids[i] < 0 ? "/" : trn_words_bytes(words, ids[i], &length);
        snprintf(result->text + strlen(result->text), sizeof result->text - strlen(result->text),
                 "%s%.*s", i && ids[i] >= 0 && ids[i - 1] >= 0 ? "|" : "", (int)length, word);
    }
    result->line = trn_tokens_line(tokens);
    result->lines = trn_tokens_lines(tokens);
    result->total = trn_tokens_total(tokens);
    result->malformed = trn_tokens_malformed(tokens);
    trn_tokens_destroy(&tokens);
    trn_words_destroy(&words);
    free(ids);
    assert_int_equal(trn_mem_now(), 0);
}

static void expect(const char *text, const trn_token_options_t *options, const char *wanted) {
    result_t result;
    int64_t bytes = (int64_t)strlen(text);
    for (int64_t cut = 0; cut <= bytes; cut++) {
        for (int64_t step = 0; step < 4; step++) {
            run(text, bytes, cut, step, options, &result);
            assert_int_equal(result.status, TRN_OK);
            assert_string_equal(result.text, wanted);
        }
    }
}

static void words_are_parted_by_white_space(void **state) {
    (void)state;
    expect("", &plain, "");
    expect("\n\n \n", &plain, "");
    expect("one two\nthree\n", &plain, "one|two/three/");
    expect("no newline at the end", &plain, "no|newline|at|the|end/");
    expect("  tabs\tand\vmore\f \r\n\n\r\n x", &plain, "tabs|and|more/x/");
    expect("Case Stays\n", &plain, "Case|Stays/");
    expect("caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80\n", &plain,
           "caf\xc3\xa9|\xe6\x97\xa5\xe6\x9c\xac|\xf0\x9f\x98\x80/");
    /* All blanks are ASCII: neither U+0085, U+00A0, U+2028 nor U+3000 parts words. */
    expect("a\u00a0z c\u3000d\ve\n\u2028 x\xc2\x85\n", &plain,
           "a\u00a0z|c\u3000d|e/\u2028|x\xc2\x85/");
}

static void case_and_form_change_on_request(void **state) {
    (void)state;
    static const trn_token_options_t lower = {.lowercase = true, .max_line = LONG_LINE};
    static const trn_token_options_t nfc = {.nfc = true, .max_line = LONG_LINE};
    static const trn_token_options_t both = {.lowercase = true, .nfc = true, .max_line = LONG_LINE};
    expect("ABC abc Zebra\n", &lower, "abc|abc|zebra/");
    expect("Ärger STRASSE Straße\n", &lower, "ärger|strasse|straße/");
    expect("ο Λόγος του ΘΕΟΎ\nΛΌΓΟΣ", &lower, "ο|λόγος|του|θεού/λόγος/");
    expect("ǅ İ\n", &lower, "ǆ|i\u0307/");
    expect("cafe\u0301 CAFE\u0301\n", &nfc, "café|CAFÉ/");
    expect("CAFE\u0301 x\n", &both, "café|x/");
    expect("J\u030c İ I\u0307\n", &both, "ǰ|i\u0307|i\u0307/"); /* composed after lowering */
}

/* As `expect`, and the words that were not as they should be. */
static void expect_malformed(const char *text, const trn_token_options_t *options,
                             const char *wanted, int64_t invalid, int64_t overlong) {
    expect(text, options, wanted);
    result_t result;
    run(text, (int64_t)strlen(text), 3, 5, options, &result);
    assert_int_equal(result.malformed.invalid, invalid);
    assert_int_equal(result.malformed.overlong, overlong);
}

static void invalid_words_go_by_the_rules(void **state) {
    (void)state;
    static const trn_token_options_t replace = {.max_line = LONG_LINE,
                                                .rules = {.invalid = TRN_INVALID_REPLACE}};
    static const trn_token_options_t skip = {
        .lowercase = true, .max_line = LONG_LINE, .rules = {.invalid = TRN_INVALID_SKIP}};
    expect_malformed("the cat\nna\xefve dog\n", &replace, "the|cat/na\ufffdve|dog/", 1, 0);
    expect_malformed("\xff\xff \xe6\x97\n\x80", &replace, "\ufffd\ufffd|\ufffd/\ufffd/", 3, 0);
    expect_malformed("The cat\nNa\xefve Dog \xff\n\xff\nx", &skip, "the|cat/dog/x/", 3, 0);
}

/* The longest word, and the same with more behind it: x...xé, whose é may be parted. */
static void overlong_words_go_by_the_rules(void **state) {
    (void)state;
    static const trn_token_options_t skip = {.max_line = LONG_LINE,
                                             .rules = {.overlong = TRN_OVERLONG_SKIP}};
    static const trn_token_options_t cut = {
        .max_line = LONG_LINE,
        .rules = {.invalid = TRN_INVALID_SKIP, .overlong = TRN_OVERLONG_CUT}};
    static char text[3 * TRN_TOKEN_BYTES];
    for (int64_t bytes = TRN_TOKEN_BYTES - 2; bytes < TRN_TOKEN_BYTES + 3; bytes++)
        for (int64_t step = 0; step < 3000; step += 999) {
            result_t result;
            memset(text, 'x', (size_t)bytes);
            strcpy(text + bytes, "\u00e9\xff y\n"); /* the bad byte goes with the rest */
            bool over = bytes + 3 > TRN_TOKEN_BYTES;
            if (!over) strcpy(text + bytes, "\u00e9 y\n");
            run(text, (int64_t)strlen(text), 1, step, &skip, &result);
            assert_int_equal(result.status, TRN_OK);
            assert_int_equal(result.total, over ? 1 : 2);
            assert_int_equal(result.malformed.overlong, over);
            run(text, (int64_t)strlen(text), 4097, step, &cut, &result);
            assert_int_equal(result.status, TRN_OK);
            assert_int_equal(result.total, 2);
            assert_int_equal(result.malformed.overlong, over);
            assert_int_equal(result.malformed.invalid, 0);
            int64_t kept = bytes + 2 <= TRN_TOKEN_BYTES ? bytes + 2
                           : bytes <= TRN_TOKEN_BYTES   ? bytes
                                                        : TRN_TOKEN_BYTES;
            assert_int_equal(strlen(result.text), kept + 3);
            assert_string_equal(result.text + kept, "|y/");
        }
    memset(text, 'x', sizeof text - 1);
    result_t result; /* an endless word takes no memory, and a NUL in it is found */
    run(text, (int64_t)sizeof text, 100, 0, &cut, &result);
    assert_int_equal(result.status, TRN_INPUT);
    assert_non_null(strstr(trn_message(), "NUL"));
    strcpy(text + TRN_TOKEN_BYTES, "\n");
    run(text, (int64_t)strlen(text), 1, 5, &plain, &result);
    assert_int_equal(result.status, TRN_OK);
    run(text, (int64_t)strlen(text), LONG_LINE, 0, &plain, &result);
    assert_int_equal(result.status, TRN_OK);
}

/* The line on which the error is found must not depend on the pieces. */
static void expect_bad(const char *text, int64_t bytes, int64_t line, const char *what) {
    result_t result;
    for (int64_t cut = 0; cut <= bytes; cut++) {
        run(text, bytes, cut, cut % 3, &plain, &result);
        assert_int_equal(result.status, TRN_INPUT);
        assert_int_equal(result.line, line);
        assert_non_null(strstr(trn_message(), what));
    }
}
#define BAD(text, line, what) expect_bad(text, (int64_t)sizeof text - 1, line, what)

static void bad_bytes_are_found(void **state) {
    (void)state;
    BAD("fine\nbad \0 byte\n", 2, "NUL");
    BAD("\0", 1, "NUL");
    BAD("a\nb\nc \xff d\n", 3, "0xff");
    BAD("\x80\n", 1, "0x80");              /* a continuation without a start */
    BAD("x \xc0\xaf\n", 1, "UTF-8");       /* overlong */
    BAD("x \xed\xa0\x80\n", 1, "UTF-8");   /* a surrogate */
    BAD("x \xe6\x97 y\n", 1, "UTF-8");     /* cut short */
    BAD("x\n\xe6\x97", 2, "UTF-8");        /* cut short by the end */
    BAD("\xf4\x90\x80\x80\n", 1, "UTF-8"); /* beyond U+10FFFF */
}

static void long_tokens_and_lines_are_refused(void **state) {
    (void)state;
    static char text[3 * TRN_TOKEN_BYTES];
    static const trn_token_options_t shorter = {.max_line = 20};
    result_t result;
    memset(text, 'x', sizeof text);
    for (int64_t step = 0; step < 2000; step += 999) {
        run(text, TRN_TOKEN_BYTES, 1, step, &plain, &result);
        assert_int_equal(result.status, TRN_OK);
        assert_int_equal(result.total, 1);
        run(text, TRN_TOKEN_BYTES + 1, 1, step, &plain, &result);
        assert_int_equal(result.status, TRN_INPUT);
        assert_non_null(strstr(trn_message(), "4096"));
    }
    for (int64_t cut = 0; cut < 40; cut++) {
        const char *fits = "short\n0123456789 12345678\nx\n"; /* 20 bytes with its newline */
        const char *not = "short\n0123456789 123456789\nx\n";
        run(fits, (int64_t)strlen(fits), cut, cut % 5, &shorter, &result);
        assert_int_equal(result.status, TRN_OK);
        assert_int_equal(result.lines, 3);
        run(not, (int64_t)strlen(not ), cut, cut % 5, &shorter, &result);
        assert_int_equal(result.status, TRN_INPUT);
        assert_int_equal(result.line, 2);
        assert_non_null(strstr(trn_message(), "--max-line"));
    }
}

/* Enough distinct words to make every part of the table grow. */
static void many_words_keep_their_numbers(void **state) {
    (void)state;
    enum { MANY = 200000 };
    trn_words_t *words;
    char word[16];
    int32_t id;
    assert_int_equal(trn_words_create(&words), TRN_OK);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) {
            int64_t length = snprintf(word, sizeof word, "w%d", i);
            uint64_t hash = trn_words_hash(word, length);
            assert_int_equal(trn_words_add(words, word, length, hash, i, &id), TRN_OK);
            assert_int_equal(id, i);
        }
    }
    assert_int_equal(trn_words_size(words), MANY);
    for (int i = 0; i < MANY; i += 97) {
        int64_t length, wanted = snprintf(word, sizeof word, "w%d", i);
        const char *bytes = trn_words_bytes(words, i, &length);
        assert_int_equal(length, wanted);
        assert_memory_equal(bytes, word, (size_t)length);
        assert_int_equal(trn_words_count(words, i), 2 * i);
        assert_int_equal(trn_words_hash_of(words, i), trn_words_hash(word, length));
    }
    assert_int_equal(trn_words_find(words, "absent", 6, trn_words_hash("absent", 6)), -1);
    trn_words_destroy(&words);
    assert_int_equal(trn_mem_now(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_parted_by_white_space),
        cmocka_unit_test(case_and_form_change_on_request),
        cmocka_unit_test(invalid_words_go_by_the_rules),
        cmocka_unit_test(overlong_words_go_by_the_rules),
        cmocka_unit_test(bad_bytes_are_found),
        cmocka_unit_test(long_tokens_and_lines_are_refused),
        cmocka_unit_test(many_words_keep_their_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
