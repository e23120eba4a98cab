/* io/text/input and the streams over it: a file is read as it was when it was looked at, or
 * refused; pipes are read once; what is no text is refused at its first block. */
#define _GNU_SOURCE
#include "io/text/input.h"
#include "base/mem.h"
#include "io/text/scan.h"
#include "io/text/text.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/trn_input_XXXXXX";
static char path[64], other[64];

static int make_folder(void **state) {
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/text", folder);
    snprintf(other, sizeof other, "%s/other", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    unlink(path);
    unlink(other);
    return rmdir(folder);
}

static void put(const char *name, const char *bytes, size_t length) {
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void says(const char *pattern) {
    if (!strstr(trn_message(), pattern)) fail_msg("'%s' does not say '%s'", trn_message(), pattern);
}

/* A megabyte of lines, and what changes it. The clock of file systems ticks every few ms. */
enum { BYTES = 1 << 20 };

static void put_lines(const char *name) {
    static char lines[BYTES];
    for (size_t i = 0; i < BYTES; i++)
        lines[i] = i % 16 == 15 ? '\n' : 'x';
    put(name, lines, BYTES);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}
static void cut(void) {
    assert_int_equal(truncate(path, BYTES / 20), 0);
}
static void empty(void) {
    assert_int_equal(truncate(path, 0), 0);
}
static void append(void) {
    FILE *file = fopen(path, "ab");
    fputs("more\n", file);
    fclose(file);
}
static void overwrite(void) {
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "y", 1, BYTES - 2), 1);
    close(fd);
}
static void replace(void) {
    put_lines(other);
    assert_int_equal(rename(other, path), 0);
}
static void rewrite(void) {
    put_lines(path);
}

static const struct {
    void (*change)(void);
    const char *message;
} changes[] = {{cut, "from 1048576 to 52428 bytes"},      {empty, "from 1048576 to 0 bytes"},
               {append, "from 1048576 to 1048581 bytes"}, {overwrite, "its size the same"},
               {replace, "another file has its place"},   {rewrite, "its size the same"}};
enum { CHANGES = sizeof changes / sizeof *changes };

/* Read some of [first, BYTES), let the change happen, read the rest; a change before the first byte
 * if `some` is 0. */
static trn_status_t read_changed(int64_t first, int64_t some, int change) {
    static char buffer[BYTES];
    put_lines(path);
    trn_input_t input = {.path = path};
    trn_text_t *text;
    int64_t got = 1, total = 0;
    assert_int_equal(trn_input_look(&input), TRN_OK);
    if (some == 0) changes[change].change();
    TRN_TRY(trn_text_open(&text, &input, first));
    trn_status_t status = TRN_OK;
    while (status == TRN_OK && got > 0) {
        status = trn_text_read(text, buffer, 4096, &got);
        if (some > 0 && total < some && total + got >= some) changes[change].change();
        total += got;
    }
    return trn_text_end(&text, status);
}

static void a_change_is_told(void **state) {
    (void)state;
    static const int64_t some[] = {0, 1, BYTES / 2};
    for (int change = 0; change < CHANGES; change++)
        for (int s = 0; s < 3; s++)
            for (int64_t first = 0; first < BYTES / 2; first += BYTES / 4) {
                /* A file that was open keeps its content when another gets its name. */
                bool safe = changes[change].change == replace && some[s] > 0;
                trn_status_t status = read_changed(first, some[s], change);
                if (status != TRN_INPUT)
                    fail_msg("change %d, some %d, first %d: status %d", change, s, (int)first,
                             (int)status);
                says("changed while it was read");
                if (!safe) says(changes[change].message);
                assert_int_equal(trn_mem_now(), 0);
            }
}

/* The last byte is read before the change: the end of reading sees it. */
static void a_change_behind_the_last_byte_is_told(void **state) {
    (void)state;
    static char buffer[BYTES];
    put_lines(path);
    trn_input_t input = {.path = path};
    trn_text_t *text;
    int64_t got;
    assert_int_equal(trn_input_look(&input), TRN_OK);
    assert_int_equal(trn_text_open(&text, &input, 0), TRN_OK);
    assert_int_equal(trn_text_read(text, buffer, BYTES, &got), TRN_OK);
    assert_int_equal(got, BYTES);
    cut();
    assert_int_equal(trn_text_end(&text, TRN_OK), TRN_INPUT);
    says("changed while it was read");
    /* Bad text may come of it; but no disk's failure does. */
    put_lines(path);
    assert_int_equal(trn_input_look(&input), TRN_OK);
    assert_int_equal(trn_text_open(&text, &input, 0), TRN_OK);
    cut();
    assert_int_equal(trn_text_end(&text, trn_fail(TRN_INPUT, "no number")), TRN_INPUT);
    says("changed while it was read");
    assert_int_equal(trn_input_look(&input), TRN_OK);
    assert_int_equal(trn_text_open(&text, &input, 0), TRN_OK);
    empty();
    assert_int_equal(trn_text_end(&text, trn_fail(TRN_IO, "no disk")), TRN_IO);
    says("no disk");
}

static void a_compressed_file_that_changes_is_told(void **state) {
    (void)state;
    char command[256], buffer[4096];
    snprintf(command, sizeof command, "seq 200000 | gzip >%s", path);
    assert_int_equal(system(command), 0);
    trn_input_t input = {.path = path};
    trn_text_t *text;
    int64_t got = 1;
    assert_int_equal(trn_input_look(&input), TRN_OK);
    assert_int_equal(trn_text_open(&text, &input, 0), TRN_OK);
    assert_int_equal(trn_text_read(text, buffer, sizeof buffer, &got), TRN_OK);
    assert_int_equal(truncate(path, 300000), 0);
    trn_status_t status = TRN_OK;
    while (status == TRN_OK && got > 0)
        status = trn_text_read(text, buffer, sizeof buffer, &got);
    assert_int_equal(trn_text_end(&text, status), TRN_INPUT);
    says("changed while it was read"); /* and not "truncated; fetch it again" */
}

static void a_log_may_grow(void **state) {
    (void)state;
    put_lines(path);
    trn_input_t input = {.path = path, .grows = true};
    trn_scan_t *scan;
    char *line;
    int64_t bytes, lines = 0;
    assert_int_equal(trn_input_look(&input), TRN_OK);
    assert_int_equal(trn_scan_open(&scan, &input, 0), TRN_OK);
    append();
    while (trn_scan_until(scan, '\n', 1000, &line, &bytes) == TRN_OK && line)
        lines++;
    assert_int_equal(trn_scan_end(&scan, TRN_OK), TRN_OK);
    assert_int_equal(lines, BYTES / 16); /* not what was appended */
    assert_int_equal(trn_scan_open(&scan, &input, 0), TRN_OK);
    cut();
    assert_int_equal(trn_scan_end(&scan, TRN_OK), TRN_INPUT);
}

/* Pipes ---------------------------------------------------------------------------------------- */

static trn_status_t slurp(const trn_input_t *input, char *to, int64_t *total) {
    trn_text_t *text;
    int64_t got = 1;
    *total = 0;
    TRN_TRY(trn_text_open(&text, input, 0));
    trn_status_t status = TRN_OK;
    while (status == TRN_OK && got > 0) {
        status = trn_text_read(text, to + *total, 5000, &got);
        *total += got;
    }
    return trn_text_end(&text, status);
}

/* What `command` writes into a FIFO, by and by. */
static trn_status_t read_fifo(const char *command, char *to, int64_t *total) {
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    trn_input_t input = {.path = path};
    assert_int_equal(trn_input_look(&input), TRN_OK); /* and does not wait */
    assert_true(input.stream && trn_input_whole(&input));
    pid_t child = fork();
    if (child == 0) {
        char all[512];
        snprintf(all, sizeof all, "(%s) >%s", command, path);
        execl("/bin/sh", "sh", "-c", all, (char *)NULL);
        _exit(1);
    }
    trn_status_t status = slurp(&input, to, total);
    waitpid(child, NULL, 0);
    unlink(path);
    return status;
}

static void a_fifo_is_read_once(void **state) {
    (void)state;
    static char text[BYTES];
    int64_t bytes;
    assert_int_equal(read_fifo("printf '\\357\\273\\277one\\n'; sleep 0.1; echo two", text, &bytes),
                     TRN_OK);
    assert_int_equal(bytes, 8);
    assert_memory_equal(text, "one\ntwo\n", 8);
    assert_int_equal(read_fifo("seq 30000 | gzip", text, &bytes), TRN_OK);
    assert_int_equal(bytes, 168894);
    assert_int_equal(read_fifo("seq 100; printf 'a\\0'", text, &bytes), TRN_INPUT);
    says(":101: holds a NUL byte");
    assert_int_equal(read_fifo("seq 30000 | gzip | head -c 9000", text, &bytes), TRN_INPUT);
    says("truncated");
    assert_int_equal(read_fifo("printf 'PK\\005\\006'; head -c 600 /dev/zero", text, &bytes),
                     TRN_INPUT);
    says("zip archive");
    trn_input_t input = {.path = path, .stream = true};
    assert_int_equal(trn_input_reread(&input, "it is read twice"), TRN_INPUT);
    says("can be read only once, but it is read twice");
    assert_int_equal(trn_mem_now(), 0);
}

static void standard_input_is_read_once(void **state) {
    (void)state;
    char text[64];
    int64_t bytes;
    put(path, "one two\n", 8);
    assert_non_null(freopen(path, "rb", stdin));
    trn_input_t input = {.path = "-"};
    assert_int_equal(trn_input_look(&input), TRN_OK);
    assert_int_equal(slurp(&input, text, &bytes), TRN_OK);
    assert_int_equal(bytes, 8);
    assert_int_equal(slurp(&input, text, &bytes), TRN_USAGE);
    says("standard input can be read only once");
    assert_int_equal(trn_mem_now(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_told),
        cmocka_unit_test(a_change_behind_the_last_byte_is_told),
        cmocka_unit_test(a_compressed_file_that_changes_is_told),
        cmocka_unit_test(a_log_may_grow),
        cmocka_unit_test(a_fifo_is_read_once),
        cmocka_unit_test(standard_input_is_read_once),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
