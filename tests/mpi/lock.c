/* A lock is held by one job, says by which, and dies with it. */
#define _GNU_SOURCE
#include "harness.h"

#include "base/mem.h"
#include "io/lock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64], path[128], file[160];

static void name_files(void) {
    snprintf(directory, sizeof directory, "/tmp/trunnion-lock-XXXXXX");
    if (rank == 0) CHECK(mkdtemp(directory) != NULL);
    MPI_Bcast(directory, sizeof directory, MPI_CHAR, 0, comm);
    snprintf(path, sizeof path, "%s/out.h5", directory);
    snprintf(file, sizeof file, "%s.lock", path);
}

static void remove_files(void) {
    MPI_Barrier(comm);
    if (rank == 0) CHECK(rmdir(directory) == 0); /* empty, that is */
}

static void takes(void) {
    trn_lock_t *lock;
    name_files();
    for (int turn = 0; turn < 2; turn++) {
        CHECK_OK(trn_lock_take(&lock, comm, path));
        CHECK(access(file, F_OK) == 0);
        MPI_Barrier(comm);
        trn_lock_release(&lock);
        CHECK(lock == NULL);
        trn_lock_release(&lock);
        MPI_Barrier(comm);
        CHECK(access(file, F_OK) != 0);
    }
    remove_files();
    CHECK_EQUAL(trn_mem_now(), 0);
}

/* Another process that holds the lock until it is killed. */
static pid_t other_job(void) {
    static const char text[] = "job 17, process 4 on far since then #0123456789abcdef\n";
    int ready[2];
    char byte;
    CHECK(pipe(ready) == 0);
    pid_t process = fork();
    if (process == 0) {
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(file, O_RDWR | O_CREAT, 0666);
        bool fine = fcntl(fd, F_SETLK, &whole) == 0 && write(fd, text, sizeof text - 1) > 0;
        if (fine && write(ready[1], "", 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    close(ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    return process;
}

static void is_held(void) {
    trn_lock_t *lock;
    pid_t process = 0;
    name_files();
    if (rank == 0) process = other_job();
    CHECK_EQUAL(trn_lock_take(&lock, comm, path), TRN_IO);
    CHECK(strstr(trn_message(), "held by job 17, process 4 on far since then;") != NULL);
    CHECK(lock == NULL);
    if (rank == 0) CHECK(access(file, F_OK) == 0); /* not ours to remove */
    if (rank == 0) {
        CHECK(kill(process, SIGKILL) == 0);
        waitpid(process, NULL, 0);
    }
    MPI_Barrier(comm);
    CHECK_OK(trn_lock_take(&lock, comm, path)); /* of what a dead job left */
    trn_lock_release(&lock);
    remove_files();
}

static void no_directory(void) {
    trn_lock_t *lock;
    CHECK_EQUAL(trn_lock_take(&lock, comm, "/nowhere/out.h5"), TRN_IO);
    CHECK(strstr(trn_message(), "/nowhere does not exist") != NULL);
    CHECK(lock == NULL);
}

/* What is no lock of ours is left as it was. `make` puts something at the lock's name. */
static void refuses(bool (*make)(void), const char *why) {
    trn_lock_t *lock;
    struct stat before = {0}, after = {0};
    name_files();
    if (rank == 0) CHECK(make() && lstat(file, &before) == 0);
    MPI_Barrier(comm);
    CHECK_EQUAL(trn_lock_take(&lock, comm, path), TRN_IO);
    if (!CHECK(strstr(trn_message(), why) != NULL)) puts(trn_message());
    if (rank == 0) CHECK(lstat(file, &after) == 0 && after.st_ino == before.st_ino);
    if (rank == 0) CHECK(after.st_size == before.st_size && after.st_mtime == before.st_mtime);
    if (rank == 0) CHECK(remove(file) == 0);
    char other[sizeof path + 8];
    snprintf(other, sizeof other, "%s.other", path);
    if (rank == 0) (void)unlink(other);
    remove_files();
}

static bool write_file(const char *name, const char *text) {
    FILE *f = fopen(name, "w");
    return f && fputs(text, f) >= 0 && fclose(f) == 0;
}

static const char signed_text[] = "process 4 on far since then #0123456789abcdef\n";

static bool make_other_text(void) {
    return write_file(file, "mine\n");
}
static bool make_nearly(void) { /* somebody's words that begin like ours */
    return write_file(file, "process 4 on far since then #0123456789\n");
}
static bool make_empty(void) {
    return write_file(file, "");
}
static bool make_directory(void) {
    return mkdir(file, 0777) == 0;
}
static bool make_fifo(void) {
    return mkfifo(file, 0666) == 0;
}
static bool make_link(void) {
    char other[sizeof path + 8];
    snprintf(other, sizeof other, "%s.other", path);
    return write_file(other, signed_text) && symlink(other, file) == 0;
}
static bool make_dangling(void) {
    return symlink("nothing-there", file) == 0;
}
static bool make_second_name(void) {
    char other[sizeof path + 8];
    snprintf(other, sizeof other, "%s.other", path);
    return write_file(other, signed_text) && link(other, file) == 0;
}

static void foreign(void) {
    refuses(make_other_text, "out.h5.lock: is no lock of ours but a file that says something else");
    refuses(make_nearly, "is no lock of ours");
    refuses(make_empty, "is no lock of ours");
    refuses(make_directory, "out.h5.lock: is no lock of ours but a directory; move it away");
    refuses(make_fifo, "is no lock of ours but no regular file");
    refuses(make_link, "is no lock of ours but a symbolic link");
    refuses(make_dangling, "is no lock of ours but a symbolic link");
    refuses(make_second_name, "several names");
}

/* A job that dies while it takes a dead one's lock over leaves a whole line, and maybe a tail. */
static void adopts(void) {
    trn_lock_t *lock;
    name_files();
    if (rank == 0)
        CHECK(write_file(file, "job 1, process 4 on far since then #0123456789abcdef\nabcdef\n"));
    MPI_Barrier(comm);
    CHECK_OK(trn_lock_take(&lock, comm, path));
    trn_lock_release(&lock);
    remove_files();
}

/* Whoever has put another file in place of the lock keeps it. */
static void replaced(void) {
    trn_lock_t *lock;
    name_files();
    CHECK_OK(trn_lock_take(&lock, comm, path));
    MPI_Barrier(comm);
    if (rank == 0) CHECK(unlink(file) == 0 && write_file(file, "another's\n"));
    MPI_Barrier(comm);
    trn_lock_release(&lock);
    MPI_Barrier(comm);
    if (rank == 0) CHECK(unlink(file) == 0);
    remove_files();
}

static trn_status_t take_and_release(void *unused) {
    (void)unused;
    trn_lock_t *lock;
    trn_status_t status = trn_lock_take(&lock, comm, path);
    trn_lock_release(&lock);
    return status;
}

static void no_memory(void) {
    name_files();
    harness_inject(take_and_release, NULL);
    remove_files();
}

HARNESS_MAIN({"takes", takes}, {"is held", is_held}, {"no directory", no_directory},
             {"foreign", foreign}, {"adopts", adopts}, {"replaced", replaced},
             {"no memory", no_memory})
