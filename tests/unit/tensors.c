/* io/foreign/tensors: every kind of head that is not as it should be is refused, whatever else is
 * done to one it neither crashes nor is believed, and jansson agrees on what is JSON. */
#define _GNU_SOURCE
#include "io/foreign/tensors.h"

#include "base/mem.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static trn_status_t parse(trn_tensors_t *all, const char *head, int64_t bytes, int64_t data) {
    char *text;
    *all = (trn_tensors_t){0};
    assert_int_equal(trn_alloc(&text, bytes, 1, "a head"), TRN_OK);
    memcpy(text, head, (size_t)bytes);
    return trn_tensors_parse(all, "x.safetensors", text, bytes, data);
}

#define T(name, type, shape, from, to)                                                             \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" #from "," #to  \
    "]}"

static void reads_good_heads(void **state) {
    (void)state;
    static const char head[] = "{\"__metadata__\":{\"k\":\"v\"}," T(
        "b", "BF16", "", 60, 62) ", "
                                 "\"a\\u00e9\\ud83d\\ude00\\n\" : { \"shape\" : [ 5 , 3 ] ,"
                                 "\"data_offsets\":[0,60],\"dtype\":\"F32\"}," T("e", "I64", "0,4",
                                                                                 62, 62) "}   ";
    trn_tensors_t all;
    int64_t extent[8];
    assert_int_equal(parse(&all, head, sizeof head - 1, 62), TRN_OK);
    assert_int_equal(all.count, 3);
    const trn_tensor_t *found = trn_tensors_find(&all, "a\xc3\xa9\xf0\x9f\x98\x80\n");
    assert_non_null(found);
    trn_tensor_extent(&all, found, extent);
    assert_true(found->rank == 2 && extent[0] == 5 && extent[1] == 3 && found->end == 60);
    assert_int_equal(trn_tensor_type(found), TRN_F32);
    found = trn_tensors_find(&all, "b");
    assert_true(found && found->rank == 0 && found->begin == 60);
    assert_string_equal(trn_tensor_kind(found), "BF16");
    assert_null(trn_tensors_find(&all, "c"));
    trn_tensors_free(&all);
    assert_int_equal(parse(&all, "{}", 2, 0), TRN_OK);
    trn_tensors_free(&all);
}

static void refuses_bad_heads(void **state) {
    (void)state;
    static const struct {
        const char *head;
        int64_t data;
        const char *what;
    } cases[] = {
        {" {}", 0, "does not begin with '{'"},
        {"[]", 0, "does not begin with '{'"},
        {"", 0, "does not begin with '{'"},
        {"{a", 0, "no '\"'"},
        {"{\"\xff\":1}", 0, "not valid UTF-8"},
        {"{}{", 0, "more behind the end"},
        {"{" T("a", "F32", "4", 0, 16) "," T("a", "F32", "4", 16, 32) "}", 32, "says 'a' twice"},
        {"{" T("a", "F32", "4", 0, 16) ",}", 16, "no '\"'"},
        {"{" T("a", "F32", "4", 0, 16) "," T("b", "F32", "4", 0, 16) "}", 16, "begins at 0"},
        {"{" T("a", "F32", "2", 8, 16) "}", 16, "begins at 8"},
        {"{" T("a", "F32", "2", 0, 8) "}", 16, "take 8 bytes, but 16 follow"},
        {"{" T("a", "F32", "8", 0, 32) "}", 16, "take 32 bytes, but 16 follow"},
        {"{" T("a", "F32", "3", 0, 16) "}", 16, "of other size"},
        {"{" T("a", "F32", "0", 16, 0) "}", 16, "ends before it begins"},
        {"{" T("a", "F32", "4294967296,4294967296,4294967296", 0, 16) "}", 16, "2^63 numbers"},
        {"{" T("a", "F32", "4294967296,4294967296,0", 0, 0) "}", 0, "2^63 numbers"},
        {"{" T("a", "F32", "2000000000000000000", 0, 16) "}", 16, "2^63 bits"},
        {"{" T("a", "F32", "99999999999999999999", 0, 16) "}", 16, "too large"},
        {"{" T("a", "F32", "-4", 0, 16) "}", 16, "no whole number"},
        {"{" T("a", "F32", "4.0", 0, 16) "}", 16, "no whole number"},
        {"{" T("a", "F32", "04", 0, 16) "}", 16, "no whole number"},
        {"{" T("a", "F32", "4", 0, 1.6e1) "}", 16, "no whole number"},
        {"{" T("a", "F32", "true", 0, 4) "}", 4, "no whole number"},
        {"{" T("a", "F33", "4", 0, 16) "}", 16, "unknown element type"},
        {"{" T("a", "F4", "3", 0, 2) "}", 2, "inside a byte"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "no '\"'"},
        {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "says 'a' twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ twice"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4]}}", 16, "without dtype, shape or data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 16, "said twice"},
        {"{\"a\":{\"kind\":\"F32\"}}", 16, "something unknown"},
        {"{\"a\\u0000\":{}}", 0, "NUL"},
        {"{\"a\\ud800\":{}}", 0, "names no character"},
        {"{\"a\\x\":{}}", 0, "no such form"},
        {"{\"a\n\":{}}", 0, "control character"},
        {"{\"a", 0, "without an end"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trn_tensors_t all;
        int64_t before = trn_mem_now();
        trn_status_t status =
            parse(&all, cases[i].head, (int64_t)strlen(cases[i].head), cases[i].data);
        trn_tensors_free(&all);
        if (status != TRN_INPUT) fail_msg("taken: %s", cases[i].head);
        if (!strstr(trn_message(), cases[i].what) || !strstr(trn_message(), "x.safetensors: "))
            fail_msg("'%s' does not say '%s'", trn_message(), cases[i].what);
        assert_int_equal(trn_mem_now(), before);
    }
}

/* The same where the file itself is not as its first eight bytes say. */
static void refuses_bad_files(void **state) {
    (void)state;
    static const struct {
        unsigned char bytes[10];
        size_t count;
        const char *what;
    } cases[] = {
        {{1, 0}, 2, "is too short for a safetensors file"},
        {{232, 3, 0, 0, 0, 0, 0, 0, '{', '}'},
         10,
         "a head of 1000 bytes is more than the file has"},
        {{0, 0, 0, 0, 0, 0, 0, 128, '{', '}'}, 10, "a head of 9223372036854775808 bytes"},
        {{1, 225, 245, 5, 0, 0, 0, 0, '{', '}'}, 10, "a head of 100000001 bytes"},
        {{2, 0, 0, 0, 0, 0, 0, 0, '{', '}'}, 10, NULL},
    };
    char path[] = "/tmp/trn_tensors_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        trn_tensors_t all = {0};
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, cases[i].bytes, cases[i].count, 0), cases[i].count);
        trn_status_t status = trn_tensors_read(&all, path);
        assert_int_equal(status, cases[i].what ? TRN_INPUT : TRN_OK);
        if (cases[i].what && !strstr(trn_message(), cases[i].what))
            fail_msg("'%s' does not say '%s'", trn_message(), cases[i].what);
        trn_tensors_free(&all);
    }
    close(fd);
    unlink(path);
}

/* What jansson refuses, with duplicates refused too, is never taken; changes of one byte. */
static void agrees_with_jansson(void **state) {
    (void)state;
    static const char head[] =
        "{" T("a\\u00e9", "F32", "2, 3", 0, 24) "," T("b", "U8", "3", 24, 27) ",\"__metadata__\":"
                                                                              "{\"x\":\"y\\n\"}}";
    static const char bytes[] = "\"{}[],:0159aF\\ \x01\xc3.-e/";
    int taken = 0;
    for (size_t at = 0; at < sizeof head - 1; at++)
        for (size_t b = 0; b < sizeof bytes - 1; b++) {
            char changed[sizeof head];
            memcpy(changed, head, sizeof head);
            changed[at] = bytes[b];
            trn_tensors_t all;
            trn_status_t status = parse(&all, changed, sizeof head - 1, 27);
            trn_tensors_free(&all);
            json_t *tree = json_loadb(changed, sizeof head - 1, JSON_REJECT_DUPLICATES, NULL);
            if (status == TRN_OK && !tree) fail_msg("taken: %s", changed);
            taken += status == TRN_OK;
            json_decref(tree);
        }
    assert_true(taken > 100);
}

/* Ten thousand changes by a fixed generator: no crash, no memory left, no size believed. */
static void survives_damage(void **state) {
    (void)state;
    static const char head[] =
        "{" T("one", "F16", "7,2", 0, 28) "," T("two", "I64", "1", 28, 36) "}";
    uint32_t random = 1;
    for (int turn = 0; turn < 10000; turn++) {
        char changed[sizeof head];
        memcpy(changed, head, sizeof head);
        for (int k = 0; k < 1 + turn % 4; k++) {
            random = random * 1664525 + 1013904223;
            changed[(random >> 8) % (sizeof head - 1)] = (char)(random >> 24);
        }
        trn_tensors_t all;
        int64_t before = trn_mem_now(), bytes = (int64_t)((random >> 4) % sizeof head);
        trn_status_t status = parse(&all, changed, turn % 3 ? (int64_t)sizeof head - 1 : bytes, 36);
        for (int64_t i = 0; i < all.count && status == TRN_OK; i++)
            assert_true(all.tensor[i].end <= 36);
        trn_tensors_free(&all);
        assert_int_equal(trn_mem_now(), before);
        assert_true(status == TRN_OK || status == TRN_INPUT);
    }
}

static void needs_little_memory(void **state) {
    (void)state;
    enum { TENSORS = 20000, ROOM = 80 };
    char *text, *to;
    assert_int_equal(trn_alloc(&text, TENSORS * ROOM, 1, "a head"), TRN_OK);
    to = text;
    *to++ = '{';
    for (int i = 0; i < TENSORS; i++)
        to += sprintf(to, "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                      i ? "," : "", i, i, i + 1);
    *to++ = '}';
    trn_tensors_t all = {0};
    int64_t before = trn_mem_now(), bytes = to - text;
    trn_mem_reset_peak();
    assert_int_equal(trn_tensors_parse(&all, "x", text, bytes, TENSORS), TRN_OK);
    assert_int_equal(all.count, TENSORS);
    assert_true(trn_mem_peak() - before <= bytes); /* with the text itself: twice the head */
    trn_tensors_free(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_good_heads),  cmocka_unit_test(refuses_bad_heads),
        cmocka_unit_test(refuses_bad_files), cmocka_unit_test(agrees_with_jansson),
        cmocka_unit_test(survives_damage),   cmocka_unit_test(needs_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
