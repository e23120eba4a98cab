/* io/text/text: plain, gzip, bzip2, xz and zstd give the same bytes; damage is told, never passed
 * on. */
#define _GNU_SOURCE
#include "io/text/text.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/trn_text_XXXXXX";
static const char *const tools[] = {NULL, "gzip", "xz", "zstd -q", "bzip2"};
enum { TOOLS = 5, LINES = 60000 };

static void shell(const char *format, ...) {
    char command[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    if (system(command) != 0) fail_msg("failed: %s", command);
}

static void path_of(char path[256], int tool, const char *suffix) {
    snprintf(path, 256, "%s/t%d%s", folder, tool, suffix);
}

/* Two pieces, so that concatenated members and frames are covered too. */
static int make_files(void **state) {
    (void)state;
    assert_non_null(mkdtemp(folder));
    shell("cd %s; seq 1 %d | sed 's/$/ line of words/' >a; seq %d -1 1 >b; cat a b >t0", folder,
          LINES, LINES);
    for (int tool = 1; tool < TOOLS; tool++)
        shell("cd %s; (%s -c a; %s -c b) >t%d", folder, tools[tool], tools[tool], tool);
    return 0;
}

static int remove_files(void **state) {
    (void)state;
    shell("rm -r %s", folder);
    return 0;
}

/* Read all of a file in pieces of `piece` bytes; the caller frees *data. */
static trn_status_t slurp(const char *path, int64_t offset, int64_t piece, char **data,
                          int64_t *bytes) {
    trn_text_t *text;
    trn_input_t input = {.path = path};
    *data = malloc(8 << 20);
    *bytes = 0;
    TRN_TRY(trn_input_look(&input));
    TRN_TRY(trn_text_open(&text, &input, offset));
    trn_status_t status;
    int64_t got;
    do {
        status = trn_text_read(text, *data + *bytes, piece, &got);
        *bytes += got;
    } while (status == TRN_OK && got > 0);
    if (status == TRN_OK && input.coding != TRN_CODING_NONE)
        assert_int_equal(trn_text_consumed(text), input.stamp.bytes);
    status = trn_text_end(&text, status);
    assert_null(text);
    return status;
}

static void same_bytes_from_every_format(void **state) {
    (void)state;
    char path[256], *plain, *data;
    int64_t plain_bytes, bytes;
    path_of(path, 0, "");
    assert_int_equal(slurp(path, 0, 1 << 20, &plain, &plain_bytes), TRN_OK);
    assert_true(plain_bytes > 1000000);
    for (int tool = 0; tool < TOOLS; tool++) {
        static const int64_t pieces[] = {997, 4096, 1 << 20};
        for (int i = 0; i < 3; i++) {
            path_of(path, tool, "");
            assert_int_equal(slurp(path, 0, pieces[i], &data, &bytes), TRN_OK);
            assert_int_equal(bytes, plain_bytes);
            assert_memory_equal(data, plain, (size_t)bytes);
            free(data);
        }
    }
    path_of(path, 0, "");
    assert_int_equal(slurp(path, 1234, 1 << 20, &data, &bytes), TRN_OK);
    assert_int_equal(bytes, plain_bytes - 1234);
    assert_memory_equal(data, plain + 1234, (size_t)bytes);
    free(data);
    free(plain);
    assert_int_equal(trn_mem_now(), 0);
}

static void a_look_tells_size_and_kind(void **state) {
    (void)state;
    static const trn_coding_t codings[TOOLS] = {TRN_CODING_NONE, TRN_CODING_GZIP, TRN_CODING_XZ,
                                                TRN_CODING_ZSTD, TRN_CODING_BZIP2};
    char path[256];
    for (int tool = 0; tool < TOOLS; tool++) {
        trn_input_t input = {.path = path};
        path_of(path, tool, "");
        assert_int_equal(trn_input_look(&input), TRN_OK);
        assert_true(input.bytes > 1000);
        assert_int_equal(input.coding, codings[tool]);
        assert_int_equal(trn_input_whole(&input), tool > 0);
    }
    path_of(path, 0, ".missing");
    assert_int_equal(trn_input_look(&(trn_input_t){.path = path}), TRN_INPUT);
    assert_non_null(strstr(trn_message(), path));
    assert_int_equal(trn_input_look(&(trn_input_t){.path = folder}), TRN_INPUT);
    assert_non_null(strstr(trn_message(), "directory"));
}

/* What a shell command makes reads as this text. */
static void reads_as(const char *command, const char *wanted) {
    char path[256], *data;
    int64_t bytes;
    path_of(path, 0, ".made");
    shell("cd %s && (%s) >t0.made", folder, command);
    trn_status_t status = slurp(path, 0, 1000, &data, &bytes);
    if (status != TRN_OK) fail_msg("%s: %s", command, trn_message());
    if (bytes != (int64_t)strlen(wanted) || memcmp(data, wanted, (size_t)bytes) != 0)
        fail_msg("%s: read as '%.*s'", command, (int)bytes, data);
    free(data);
    assert_int_equal(trn_mem_now(), 0);
}

static void forms_that_others_write(void **state) {
    (void)state;
    reads_as("echo a | gzip; head -c 3000 /dev/zero", "a\n"); /* a tape's padding */
    reads_as("echo a | gzip; head -c 300000 /dev/zero; echo b | gzip", "a\nb\n");
    reads_as("echo a | bzip2; head -c 512 /dev/zero; echo b | bzip2", "a\nb\n");
    reads_as("printf '' | bzip2", "");
    /* Skippable frames: pzstd puts one before, a seekable file has one behind. */
    reads_as("printf '\\120\\052\\115\\030\\004\\0\\0\\0abcd'; echo a | zstd -q; "
             "printf '\\136\\052\\115\\030\\0\\0\\0\\0'; echo b | zstd -q",
             "a\nb\n");
    reads_as("echo a | zstd -q --long=31 --ultra -22", "a\n"); /* a window of 2 GiB */
    reads_as("echo a | xz; head -c 8 /dev/zero; echo b | xz", "a\nb\n");
}

static void a_byte_order_mark_is_no_text(void **state) {
    (void)state;
    reads_as("printf '\\357\\273\\277a b\\nc\\n'", "a b\nc\n");
    reads_as("printf '\\357\\273\\277'", "");
    reads_as("printf '\\357\\273\\277a\\n' | gzip", "a\n");
    reads_as("printf '\\357\\273\\277a\\n' | zstd -q", "a\n");
    reads_as("printf 'a\\n\\357\\273\\277b\\n'", "a\n\xef\xbb\xbf"
                                                 "b\n"); /* inside it is a letter */
    /* Offsets count from behind it. */
    char path[256], *data;
    int64_t bytes;
    path_of(path, 0, ".made");
    shell("printf '\\357\\273\\277one\\ntwo\\nthree\\n' >%s", path);
    trn_input_t input = {.path = path};
    assert_int_equal(trn_input_look(&input), TRN_OK);
    assert_int_equal(input.bytes, 14);
    assert_int_equal(slurp(path, 4, 1000, &data, &bytes), TRN_OK);
    assert_int_equal(bytes, 10);
    assert_memory_equal(data, "two\nthree\n", 10);
    free(data);
    assert_int_equal(trn_text_lines(&input, 8), 2);
}

static void truncation_and_flips_are_bad_input(void **state) {
    (void)state;
    char path[256], *data;
    int64_t bytes;
    for (int tool = 1; tool < TOOLS; tool++) {
        static const int cut[] = {7, 3000, -1};
        for (int i = 0; i < 3; i++) {
            shell("cd %s; head -c %d t%d >t%d.cut", folder, cut[i], tool, tool);
            path_of(path, tool, ".cut");
            assert_int_equal(slurp(path, 0, 1 << 16, &data, &bytes), TRN_INPUT);
            assert_non_null(strstr(trn_message(), "truncated"));
            assert_non_null(strstr(trn_message(), path));
            free(data);
        }
        /* zstd's command line adds a content checksum; gzip and xz always have one. */
        shell("cd %s; cp t%d t%d.bad; printf '\\125\\252\\125\\252' | "
              "dd of=t%d.bad bs=1 seek=3000 conv=notrunc 2>/dev/null",
              folder, tool, tool, tool);
        path_of(path, tool, ".bad");
        assert_int_equal(slurp(path, 0, 1 << 16, &data, &bytes), TRN_INPUT);
        free(data);
    }
    assert_int_equal(trn_mem_now(), 0);
}

/* A window is counted before it is taken, and the number that the refusal names will do. */
static void a_window_above_the_limit_is_refused(void **state) {
    (void)state;
    static const char *const packers[] = {"zstd -q --long=27 -3",
                                          "xz --lzma2=preset=0,dict=128MiB"};
    char path[256], *data;
    int64_t bytes;
    for (int i = 0; i < 2; i++) {
        path_of(path, 0, ".made");
        shell("cd %s && yes 'words of a line' | head -c 4000000 | (%s) >t0.made", folder,
              packers[i]);
        int64_t before = trn_mem_now();
        trn_mem_limit(before + (64 << 20));
        trn_mem_reset_peak();
        trn_status_t status = slurp(path, 0, 4096, &data, &bytes);
        trn_mem_limit(0);
        free(data);
        assert_int_equal(status, TRN_MEMORY);
        assert_true(trn_mem_peak() - before < 2 << 20);
        const char *number = strstr(trn_message(), "--memory ");
        assert_non_null(number);
        int64_t megabytes = atoll(number + strlen("--memory "));
        assert_true(megabytes >= 128 && megabytes <= 140);
        trn_mem_limit(before + (megabytes << 20));
        status = slurp(path, 0, 4096, &data, &bytes);
        trn_mem_limit(0);
        free(data);
        assert_int_equal(status, TRN_OK);
        assert_int_equal(bytes, 4000000);
    }
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    char path[256], *data;
    int64_t bytes;
    for (int tool = 0; tool < TOOLS; tool++) {
        path_of(path, tool, "");
        trn_status_t status = TRN_MEMORY;
        for (int n = 1; status != TRN_OK; n++) {
            assert_true(n < 100);
            trn_mem_fail_at(n);
            status = slurp(path, 0, 1 << 16, &data, &bytes);
            trn_mem_fail_at(0);
            free(data);
            assert_true(status == TRN_OK || status == TRN_MEMORY);
            assert_int_equal(trn_mem_now(), 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes_from_every_format),
        cmocka_unit_test(a_look_tells_size_and_kind),
        cmocka_unit_test(forms_that_others_write),
        cmocka_unit_test(a_byte_order_mark_is_no_text),
        cmocka_unit_test(truncation_and_flips_are_bad_input),
        cmocka_unit_test(a_window_above_the_limit_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
