/* joint.c: one temporary file that rank 0 makes and all ranks open, sync and let go of together. */
#define _POSIX_C_SOURCE 200809L
#include "io/joint.h"

#include "base/mem.h"
#include "base/own.h"
#include "base/signal.h"
#include "io/bytes.h"
#include "mpi/agree.h"

#include <stdbool.h>
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
    if (j->rank > 0) return TRN_OK;
    TRN_TRY(trn_path_writable(path));
    trn_own_clean(path);
    return TRN_OK;
}

/* Rank 0. */
static trn_status_t make_file(trn_joint_t *j, int64_t bytes) {
    TRN_TRY(trn_bytes_check_free(j->path, j->directory, bytes));
    TRN_TRY(trn_path_create(j->temporary, &j->fd));
    return trn_bytes_reserve(j->fd, j->path, j->directory, bytes);
}

static trn_status_t create(trn_joint_t *j, const char *path, int64_t bytes) {
    trn_status_t status = trn_path_temporary(j->comm, path, &j->temporary);
    if (status == TRN_OK) status = plan(j, path, bytes);
    TRN_AGREE(j->comm, status);
    TRN_AGREE(j->comm, j->rank == 0 ? make_file(j, bytes) : TRN_OK);
    return trn_agree(j->comm, trn_path_join(j->comm, j->temporary, &j->fd));
}

static void release(trn_joint_t **joint, bool keep) {
    trn_joint_t *j = *joint;
    if (!j) return;
    if (!keep && j->rank == 0 && j->fd >= 0) trn_own_unlink(j->temporary, j->fd);
    if (j->fd >= 0) close(j->fd);
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

const char *trn_joint_temporary(const trn_joint_t *j) {
    return j->temporary;
}

trn_status_t trn_joint_write(trn_joint_t *j, int64_t offset, const void *data, int64_t bytes) {
    return trn_bytes_write(j->fd, j->path, offset, data, bytes);
}

trn_status_t trn_joint_close(trn_joint_t **joint, trn_status_t status) {
    trn_joint_t *j = *joint;
    if (!j) return status;
    MPI_Comm comm = j->comm;
    if (status == TRN_OK) status = trn_bytes_sync(j->fd, j->path);
    status = trn_agree(comm, status);
    bool renamed = false;
    if (status == TRN_OK && j->rank == 0) {
        status = trn_path_rename(j->fd, j->temporary, j->path);
        renamed = status == TRN_OK;
        if (renamed) status = trn_bytes_sync_directory(j->directory);
    }
    release(joint, renamed || status == TRN_OK);
    return trn_agree(comm, status);
}
