/* text/vocab: order by count and bytes, the cap, lists, and words that travel unharmed. */
#include "text/vocab.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *word;
    int64_t count;
} sample[] = {{"b", 3}, {"zeta", 9}, {"aa", 3},       {"a", 3},
              {"", 1},  {"b", 1},    {"\xc3\xa9", 4}, {"eight888", 3}};
enum { SAMPLE = sizeof sample / sizeof *sample };

static int64_t pack_sample(char *data) {
    char *to = data;
    for (int i = 0; i < SAMPLE; i++)
        to = trn_vocab_pack(to, sample[i].word, (int64_t)strlen(sample[i].word), sample[i].count);
    int64_t bytes = 0;
    for (int i = 0; i < SAMPLE; i++)
        bytes += trn_vocab_record_bytes((int64_t)strlen(sample[i].word));
    assert_int_equal(to - data, bytes);
    return bytes;
}

static void words_are_in_order_of_count_then_bytes(void **state) {
    (void)state;
    static _Alignas(8) char data[1024];
    static const char *const wanted[] = {"zeta", "\xc3\xa9", "a", "aa", "b", "eight888", "b", ""};
    static const int64_t counts[] = {9, 4, 3, 3, 3, 3, 1, 1};
    int64_t bytes = pack_sample(data);
    for (int64_t cap = 0; cap <= 9; cap++) {
        trn_vocab_t *vocab;
        assert_int_equal(trn_vocab_create(&vocab, data, bytes, cap), TRN_OK);
        assert_int_equal(vocab->size, cap == 0 || cap > SAMPLE ? SAMPLE : cap);
        for (int64_t i = 0; i < vocab->size && counts[i] > 1; i++) {
            assert_string_equal(vocab->words[i], wanted[i]);
            assert_int_equal(vocab->counts[i], counts[i]);
        }
        trn_vocab_destroy(&vocab);
    }
    assert_int_equal(trn_mem_now(), 0);
}

static void records_add_up_in_a_table(void **state) {
    (void)state;
    static _Alignas(8) char data[1024];
    trn_words_t *words;
    assert_int_equal(trn_words_create(&words), TRN_OK);
    assert_int_equal(trn_vocab_unpack(data, pack_sample(data), words), TRN_OK);
    assert_int_equal(trn_words_size(words), SAMPLE - 1);
    int32_t id = trn_words_find(words, "b", 1, trn_words_hash("b", 1));
    assert_int_equal(trn_words_count(words, id), 4);
    trn_words_destroy(&words);
}

static trn_vocab_report_t report;

static trn_status_t parse_as(trn_vocab_t **vocab, const char *text,
                             const trn_token_options_t *options) {
    report = (trn_vocab_report_t){0};
    return trn_vocab_parse(vocab, "list.txt", text, (int64_t)strlen(text), options, &report);
}

static trn_status_t parse(trn_vocab_t **vocab, const char *text) {
    static const trn_token_options_t plain = {0};
    return parse_as(vocab, text, &plain);
}

static void lists_keep_their_order(void **state) {
    (void)state;
    trn_vocab_t *vocab;
    assert_int_equal(parse(&vocab, "the 2259\r\n\n  of\t3 \nAnd\v1.5e3"), TRN_OK);
    assert_int_equal(vocab->size, 3);
    assert_string_equal(vocab->words[0], "the");
    assert_string_equal(vocab->words[1], "of");
    assert_string_equal(vocab->words[2], "And");
    assert_int_equal(vocab->counts[2], 0);
    trn_vocab_destroy(&vocab);
    assert_int_equal(parse(&vocab, ""), TRN_OK);
    assert_int_equal(vocab->size, 0);
    trn_vocab_destroy(&vocab);
    assert_int_equal(trn_mem_now(), 0);
}

/* What training with --lowercase or --nfc stored is found under the words of a list. */
static void lists_are_written_as_the_corpus_is(void **state) {
    (void)state;
    static const trn_token_options_t options = {
        .lowercase = true,
        .nfc = true,
        .rules = {.invalid = TRN_INVALID_REPLACE, .overlong = TRN_OVERLONG_SKIP}};
    trn_vocab_t *vocab;
    assert_int_equal(
        parse_as(&vocab, "The\nStraße\nTHE\nΛΌΓΟΣ\ncafe\u0301\nna\xefve\nstraße\n", &options),
        TRN_OK);
    static const char *const wanted[] = {"the", "straße", "λόγος", "café", "na\ufffdve"};
    assert_int_equal(vocab->size, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(vocab->words[i], wanted[i]);
    assert_int_equal(report.repeated, 2);
    assert_int_equal(report.line, 3);
    assert_int_equal(report.malformed.invalid, 1);
    trn_vocab_destroy(&vocab);
    assert_int_equal(trn_mem_now(), 0);
}

static void bad_lists_are_refused_with_their_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a\nb\xff\n", "list.txt:2: invalid UTF-8"},
        {"Paris\nNew York\n", "list.txt:2: 'York' stands behind the word 'New'"},
        {"Paris\n\nBoeing 747\n", "list.txt:3: 2 fields, but 1 on line 1"},
        {"the 5\nof\n", "list.txt:2: 1 fields, but 2 on line 1"},
        {"the 5-\n", "'5-' stands behind"},
        {"the .\n", "'.' stands behind"},
    };
    trn_vocab_t *vocab;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse(&vocab, cases[i].text), TRN_INPUT);
        if (!strstr(trn_message(), cases[i].message)) fail_msg("%s", trn_message());
        assert_null(vocab);
    }
    static const trn_token_options_t plain = {0};
    assert_int_equal(trn_vocab_parse(&vocab, "list.txt", "a\0b\n", 4, &plain, &report), TRN_INPUT);
    assert_non_null(strstr(trn_message(), "NUL"));
    char *text = malloc(TRN_TOKEN_BYTES + 2);
    memset(text, 'x', TRN_TOKEN_BYTES + 1);
    text[TRN_TOKEN_BYTES + 1] = 0;
    assert_int_equal(parse(&vocab, text), TRN_INPUT);
    free(text);
    assert_int_equal(trn_mem_now(), 0);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    static _Alignas(8) char data[1024];
    int64_t bytes = pack_sample(data);
    for (int list = 0; list < 2; list++) {
        trn_status_t status = TRN_MEMORY;
        for (int n = 1; status != TRN_OK; n++) {
            trn_vocab_t *vocab;
            assert_true(n < 50);
            trn_mem_fail_at(n);
            status = list ? parse(&vocab, "a\nb\n") : trn_vocab_create(&vocab, data, bytes, 0);
            trn_mem_fail_at(0);
            assert_true(status == TRN_OK || status == TRN_MEMORY);
            if (status == TRN_OK) trn_vocab_destroy(&vocab);
            assert_int_equal(trn_mem_now(), 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_in_order_of_count_then_bytes),
        cmocka_unit_test(records_add_up_in_a_table),
        cmocka_unit_test(lists_keep_their_order),
        cmocka_unit_test(lists_are_written_as_the_corpus_is),
        cmocka_unit_test(bad_lists_are_refused_with_their_line),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
