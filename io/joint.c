#define _POSIX_C_SOURCE 200809L
#include "io/joint.h"

#include "base/mem.h"
#include "base/signal.h"
#include "io/bytes.h"
#include "mpi/agree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct trn_joint {
    MPI_Comm comm;
    int rank;
    int fd;
    char *path, *temporary, *directory;
};

static trn_status_t plan(trn_joint_t *j, const char *path, int64_t bytes) {
    TRN_TRY(trn_strdup(&j->path, path));
    TRN_TRY(trn_directory_of(path, &j->directory));
    TRN_TRY(trn_bytes_check_limit(path, bytes));
    return j->rank == 0 ? trn_path_writable(path) : TRN_OK;
}

/* Rank 0. */
static trn_status_t make_file(trn_joint_t *j, int64_t bytes) {
    TRN_TRY(trn_bytes_check_free(j->path, j->directory, bytes));
    trn_signal_guard(j->temporary); /* first, lest a signal in between leave the file */
    j->fd = open(j->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (j->fd < 0)
        return trn_fail(TRN_IO, "%s: cannot create the file: %s; choose another directory",
                        j->temporary, strerror(errno));
    return trn_bytes_reserve(j->fd, j->path, j->directory, bytes);
}

static trn_status_t open_file(trn_joint_t *j) {
    if (j->rank > 0) j->fd = open(j->temporary, O_RDWR | O_CLOEXEC);
    if (j->fd >= 0) return TRN_OK;
    return trn_fail(TRN_IO,
                    "%s: rank 0 made this file, but it cannot be opened here: %s; use a "
                    "directory that all nodes share",
                    j->temporary, strerror(errno));
}

static trn_status_t create(trn_joint_t *j, const char *path, int64_t bytes) {
    trn_status_t status = trn_path_temporary(j->comm, path, &j->temporary);
    if (status == TRN_OK) status = plan(j, path, bytes);
    TRN_AGREE(j->comm, status);
    TRN_AGREE(j->comm, j->rank == 0 ? make_file(j, bytes) : TRN_OK);
    return trn_agree(j->comm, open_file(j));
}

static void release(trn_joint_t **joint, bool keep) {
    trn_joint_t *j = *joint;
    if (!j) return;
    if (j->fd >= 0) close(j->fd);
    if (!keep && j->rank == 0 && j->fd >= 0) (void)unlink(j->temporary);
    trn_signal_release(j->temporary);
    trn_free(&j->path);
    trn_free(&j->temporary);
    trn_free(&j->directory);
    trn_free(joint);
}

trn_status_t trn_joint_create(trn_joint_t **joint, MPI_Comm comm, const char *path, int64_t bytes) {
    trn_status_t status = trn_agree(comm, trn_alloc_zero(joint, 1, sizeof **joint, "a file"));
    if (status != TRN_OK) {
        trn_free(joint);
        return status;
    }
    (*joint)->comm = comm;
    (*joint)->fd = -1;
    MPI_Comm_rank(comm, &(*joint)->rank);
    status = create(*joint, path, bytes);
    if (status != TRN_OK) release(joint, false);
    return status;
}

trn_status_t trn_joint_write(trn_joint_t *j, int64_t offset, const void *data, int64_t bytes) {
    return trn_bytes_write(j->fd, j->path, offset, data, bytes);
}

/* Rank 0, when all data are on disk. */
static trn_status_t rename_file(const trn_joint_t *j) {
    if (rename(j->temporary, j->path) == 0) return TRN_OK;
    return trn_fail(TRN_IO, "%s: cannot rename %s to it: %s; check its permissions", j->path,
                    j->temporary, strerror(errno));
}

trn_status_t trn_joint_close(trn_joint_t **joint, trn_status_t status) {
    trn_joint_t *j = *joint;
    if (!j) return status;
    MPI_Comm comm = j->comm;
    if (status == TRN_OK) status = trn_bytes_sync(j->fd, j->path);
    status = trn_agree(comm, status);
    bool renamed = false;
    if (status == TRN_OK && j->rank == 0) {
        status = rename_file(j);
        renamed = status == TRN_OK;
        if (renamed) status = trn_bytes_sync_directory(j->directory);
    }
    release(joint, renamed || status == TRN_OK);
    return trn_agree(comm, status);
}
