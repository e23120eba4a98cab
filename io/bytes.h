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

/* *temporary = "PATH.tmp.16 hex digits" for the file before it is renamed to `path`: rank 0's draw,
 * so that two jobs never share one; freed with trn_free. Fails with TRN_MEMORY (not agreed).
 * Collective. Cost: one Bcast. */
trn_status_t trn_path_temporary(MPI_Comm comm, const char *path, char **temporary);

#endif
