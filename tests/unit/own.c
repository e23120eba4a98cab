/* base/own, io/output: only what is ours is opened, written and removed, and a file that is written
 * appears whole or not at all. */
#define _GNU_SOURCE
#include "base/own.h"
#include "base/signal.h"
#include "io/output.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64], path[128], other[128];

static int enter(void **state) {
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/trunnion-own-XXXXXX");
    if (!mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s/x", directory);
    snprintf(other, sizeof other, "%s/y", directory);
    return 0;
}

static int leave(void **state) { /* fails if a test left something */
    (void)state;
    return rmdir(directory);
}

static void write_file(const char *name, const char *text) {
    FILE *f = fopen(name, "w");
    assert_true(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void expect_text(const char *name, const char *text) {
    char found[64] = "";
    FILE *f = fopen(name, "r");
    assert_non_null(f);
    size_t bytes = fread(found, 1, sizeof found - 1, f);
    fclose(f);
    found[bytes] = '\0';
    assert_string_equal(found, text);
}

static void expect_flaw(const char *why) {
    const char *flaw;
    assert_int_equal(trn_own_open(path, O_RDWR, geteuid(), &flaw), -1);
    assert_non_null(flaw);
    assert_non_null(strstr(flaw, why));
    assert_int_equal(remove(path), 0);
}

static void test_open(void **state) {
    (void)state;
    const char *flaw;
    assert_int_equal(trn_own_open(path, O_RDWR, geteuid(), &flaw), -1);
    assert_null(flaw);
    assert_int_equal(errno, ENOENT);
    write_file(path, "mine");
    int fd = trn_own_open(path, O_RDWR, geteuid(), &flaw);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(trn_own_open(path, O_RDWR, geteuid() + 1, &flaw), -1);
    assert_string_equal(flaw, "of another user");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    expect_flaw("a directory");
    assert_int_equal(mkfifo(path, 0666), 0);
    expect_flaw("no regular file");
    write_file(other, "mine");
    assert_int_equal(symlink(other, path), 0);
    expect_flaw("a symbolic link");
    assert_int_equal(link(other, path), 0);
    expect_flaw("several names");
    expect_text(other, "mine");
    assert_int_equal(unlink(other), 0);
}

static void append(const char *text) {
    const char *flaw;
    int fd = trn_own_append(path, &flaw);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void test_append(void **state) { /* of other users' files: fault/planted.sh */
    (void)state;
    const char *flaw;
    char target[TRN_OWN_PATH];
    append("a");
    append("b");
    expect_text(path, "ab");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("y", path), 0); /* ours, to what is not there yet */
    append("c");
    expect_text(other, "c");
    assert_true(trn_own_target(path, target, &flaw));
    assert_string_equal(target, other);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(link(other, path), 0); /* two names do no harm where only we write ... */
    append("d");
    expect_text(other, "cd");
    assert_int_equal(chmod(directory, 0777), 0); /* ... but they may elsewhere */
    assert_int_equal(trn_own_append(path, &flaw), -1);
    assert_non_null(strstr(flaw, "several names"));
    expect_text(other, "cd");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(symlink("x", path), 0);
    assert_int_equal(trn_own_append(path, &flaw), -1);
    assert_non_null(strstr(flaw, "circle"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/proc/self/fd/1", path), 0); /* a name that says "pipe:[123]" */
    int fd = trn_own_append(path, &flaw);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(unlink(path), 0);
}

static void test_create(void **state) {
    (void)state;
    char name[160];
    snprintf(name, sizeof name, "%s.tmp.0123456789abcdef", path);
    assert_int_equal(symlink(other, name), 0); /* a trap: it would make `other` */
    assert_int_equal(trn_own_create(name), -1);
    assert_int_equal(errno, EEXIST);
    trn_signal_release(name);
    assert_int_equal(access(other, F_OK), -1);
    assert_int_equal(unlink(name), 0);
    int fd = trn_own_create(name);
    assert_true(fd >= 0);
    trn_signal_release(name);
    assert_true(trn_own_named(name, fd));
    trn_own_clean(path); /* it is held, by this very process */
    assert_true(trn_own_named(name, fd));
    assert_int_equal(rename(name, other), 0);
    write_file(name, "another's");
    assert_false(trn_own_named(name, fd));
    trn_own_unlink(name, fd);
    expect_text(name, "another's");
    assert_int_equal(unlink(name), 0);
    assert_int_equal(unlink(other), 0);
    close(fd);
}

static void test_rename(void **state) {
    (void)state;
    write_file(path, "new");
    write_file(other, "old");
    assert_int_equal(trn_own_rename(path, other), -1);
    assert_int_equal(errno, EEXIST);
    expect_text(other, "old");
    assert_int_equal(unlink(other), 0);
    assert_int_equal(trn_own_rename(path, other), 0);
    expect_text(other, "new");
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(unlink(other), 0);
}

/* Every name but those of the pattern stays, and so does what is no regular file. */
static void test_clean(void **state) {
    (void)state;
    static const char *const names[] = {
        "x.tmp.0123456789abcdef",                      /* left behind */
        "x.tmp.0123456789abcdef.prev",                 /* the same, of the former file */
        "x.tmp.0123456789abcdef.tmp.00112233445566ff", /* of a file of that name */
        "x.tmp.0123456789abcde",                       /* short */
        "x.tmp.0123456789abcdeff",                     /* long */
        "x.tmp.0123456789ABCDEF",                      /* not our digits */
        "x.tmp.0123456789abcdef.mine",
        "xx.tmp.0123456789abcdef",
        "x.tmp.",
        "x",
    };
    enum { COUNT = sizeof names / sizeof *names, GONE = 3 };
    char name[256], trap[256];
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "%s/%s", directory, names[i]);
        write_file(name, "left");
    }
    write_file(other, "precious");
    snprintf(trap, sizeof trap, "%s.tmp.fedcba9876543210", path);
    assert_int_equal(symlink(other, trap), 0);
    trn_own_clean(path);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "%s/%s", directory, names[i]);
        assert_int_equal(access(name, F_OK), i < GONE ? -1 : 0);
        if (i >= GONE) assert_int_equal(unlink(name), 0);
    }
    expect_text(other, "precious");
    assert_int_equal(unlink(trap), 0);
    assert_int_equal(unlink(other), 0);
}

static void test_clean_here(void **state) { /* a name without a directory */
    (void)state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(directory), 0);
    write_file("x.tmp.0123456789abcdef", "left");
    trn_own_clean("x");
    assert_int_equal(access("x.tmp.0123456789abcdef", F_OK), -1);
    assert_int_equal(chdir(before), 0);
}

/* What a process that is still at work writes stays; when it is killed, it goes. */
static void test_clean_living(void **state) {
    (void)state;
    char name[160], byte;
    int ready[2];
    snprintf(name, sizeof name, "%s.tmp.0123456789abcdef", path);
    assert_int_equal(pipe(ready), 0);
    pid_t process = fork();
    if (process == 0) {
        bool fine = trn_own_create(name) >= 0 && write(ready[1], "", 1) == 1;
        while (fine)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    trn_own_clean(path);
    assert_int_equal(access(name, F_OK), 0);
    kill(process, SIGKILL);
    waitpid(process, NULL, 0);
    trn_own_clean(path);
    assert_int_equal(access(name, F_OK), -1);
    close(ready[0]);
    close(ready[1]);
}

static int files(void) { /* in the directory */
    char command[128];
    snprintf(command, sizeof command, "exit $(ls -A %s | wc -l)", directory);
    int status = system(command);
    return WEXITSTATUS(status);
}

static void test_output(void **state) {
    (void)state;
    trn_output_t *output;
    write_file(path, "old");
    assert_int_equal(trn_output_create(&output, path), TRN_OK);
    assert_int_equal(trn_output_write(output, "ne", 2), TRN_OK);
    assert_int_equal(fputs("w", trn_output_stream(output)) >= 0, 1);
    expect_text(path, "old");
    assert_int_equal(trn_output_close(&output, TRN_OK), TRN_OK);
    assert_null(output);
    expect_text(path, "new");
    assert_int_equal(files(), 1);
    assert_int_equal(trn_output_create(&output, path), TRN_OK);
    assert_int_equal(trn_output_close(&output, TRN_INPUT), TRN_INPUT); /* given up */
    expect_text(path, "new");
    assert_int_equal(files(), 1);
    assert_int_equal(unlink(path), 0);
}

static void test_output_no_room(void **state) {
    (void)state;
    struct rlimit before, limit;
    trn_output_t *output;
    char block[4096] = "";
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){.rlim_cur = 10000, .rlim_max = before.rlim_max};
    write_file(path, "old");
    assert_int_equal(trn_output_create(&output, path), TRN_OK);
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 4; i++) /* the stream keeps its error, whether we look or not */
        (void)fwrite(block, 1, sizeof block, trn_output_stream(output));
    assert_int_equal(trn_output_close(&output, TRN_OK), TRN_IO);
    setrlimit(RLIMIT_FSIZE, &before);
    expect_text(path, "old");
    assert_int_equal(files(), 1);
    assert_int_equal(unlink(path), 0);
}

/* Somebody takes the temporary file away while it is written: told, and theirs is left. */
static void test_output_taken(void **state) {
    (void)state;
    trn_output_t *output;
    char command[256];
    assert_int_equal(trn_output_create(&output, path), TRN_OK);
    snprintf(command, sizeof command, "rm %s.tmp.*", path);
    assert_int_equal(system(command), 0);
    assert_int_equal(trn_output_close(&output, TRN_OK), TRN_IO);
    assert_non_null(strstr(trn_message(), "was removed or replaced"));
    assert_int_equal(files(), 0);
    assert_int_equal(trn_output_create(&output, "/nowhere/x"), TRN_IO);
    assert_non_null(strstr(trn_message(), "/nowhere does not exist"));
}

int main(void) {
#define TEST(test) cmocka_unit_test_setup_teardown(test, enter, leave)
    const struct CMUnitTest tests[] = {
        TEST(test_open),         TEST(test_append), TEST(test_create),
        TEST(test_rename),       TEST(test_clean),  TEST(test_clean_here),
        TEST(test_clean_living), TEST(test_output), TEST(test_output_no_room),
        TEST(test_output_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
