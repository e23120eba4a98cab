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
    static const char text[] = "job 17, process 4 on far since then #1\n";
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
    CHECK_OK(trn_lock_take(&lock, comm, "/nowhere/out.h5")); /* whoever writes there will tell */
    trn_lock_release(&lock);
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
             {"no memory", no_memory})
