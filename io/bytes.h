/* bytes.h: bytes at offsets of plain files, and the disk under them. `path` is for messages. */
#ifndef TRN_IO_BYTES_H
#define TRN_IO_BYTES_H

#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

/* Write or read all of `bytes` at `offset`. Fail with TRN_IO; read at the file's end: TRN_INPUT.
 * Local. */
trn_status_t trn_bytes_write(int fd, const char *path, int64_t offset, const void *data,
                             int64_t bytes);
trn_status_t trn_bytes_read(int fd, const char *path, int64_t offset, void *data, int64_t bytes);

/* Ask the kernel to start writing dirty bytes to disk; a hint that cannot fail. Local. */
void trn_bytes_start_writeback(int fd, int64_t offset, int64_t bytes);

/* Refuse `bytes` above this process's file size limit, or above the free space of the file system
 * that holds `directory`. Fail with TRN_IO. Local. */
trn_status_t trn_bytes_check_limit(const char *path, int64_t bytes);
trn_status_t trn_bytes_check_free(const char *path, const char *directory, int64_t bytes);

/* Give the file all its disk blocks now. Fails with TRN_IO when the disk is full. A file system
 * that cannot reserve is no failure. Local. */
trn_status_t trn_bytes_reserve(int fd, const char *path, const char *directory, int64_t bytes);

/* Wait until a file's data, or a directory's names, are on the disk. Fail with TRN_IO. Local. */
trn_status_t trn_bytes_sync(int fd, const char *path);
trn_status_t trn_bytes_sync_directory(const char *directory);

/* The directory part of a path, "." if it has none; freed with trn_free. Fails with TRN_MEMORY.
 * Local. */
trn_status_t trn_directory_of(const char *path, char **directory);

/* Whether a file could be written to `path`: its directory exists and takes files, and nothing but
 * a regular file has the name. Fails with TRN_IO, TRN_MEMORY. Local. */
trn_status_t trn_path_writable(const char *path);

/* *temporary = "PATH.tmp.16 hex digits" for the file before it is renamed to `path`, so that two
 * jobs never share one; freed with trn_free. Fails with TRN_MEMORY. Local: of a given draw. */
trn_status_t trn_path_drawn(const char *path, uint64_t draw, char **temporary);

/* The same of rank 0's draw. Collective; fails not agreed. Cost: one Bcast. */
trn_status_t trn_path_temporary(MPI_Comm comm, const char *path, char **temporary);

/* Make the file of a temporary name on the calling rank: *fd >= 0, held and guarded as
 * trn_own_create says. Fails with TRN_IO. Local. */
trn_status_t trn_path_create(const char *temporary, int *fd);

/* Open on the other ranks what rank 0 has made (its *fd is given): the very file, not what somebody
 * may have put in its place since. Fails with TRN_IO (not agreed): no shared directory. Collective.
 * Cost: one Bcast. */
trn_status_t trn_path_join(MPI_Comm comm, const char *temporary, int *fd);

/* Give the file that is open as `fd` under its temporary name the name `path`, in place of what had
 * it; a link there is replaced, not followed. Fails with TRN_IO. Local. */
trn_status_t trn_path_rename(int fd, const char *temporary, const char *path);

#endif
