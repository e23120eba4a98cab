/* store.h: one HDF5 file written by all ranks: whole or not at all, every block checksummed.
 *
 * Writing: rank 0 lays the file out under a temporary name with plain HDF5 (contiguous datasets,
 * space allocated), closes it and reserves the disk space; then every rank writes its bands of rows
 * straight to their byte offsets (pwrite), so that errors are errno values of the rank that has
 * them and nothing collective can hang or swallow them. Commit reads everything back, checks it,
 * adds checksums and the attribute `complete`, syncs and renames; the file that had the name
 * before becomes NAME.prev. Reading: rank 0 reads the layout and broadcasts it; every rank reads
 * bytes at offsets and checks each block it touches.
 *
 * Blocks: about 1 MiB of whole rows, fixed by the row size, never by the number of ranks (strings:
 * 4096 rows); /checksum/NAME holds one XXH3-64 a block, of the rows' bytes, or of the strings with
 * their NULs. A trailer behind HDF5's end holds one of everything else. Equal content gives equal
 * files, byte for byte. One store is used by one thread at a time.
 *
 * HDF5: what we write, HDF5 1.8 and later read (object headers with checksums, no filters). What we
 * read may have any superblock from 0 to 3, hence come from any HDF5 up to 1.14 or from h5py by
 * their defaults: offsets and lengths of 8 bytes, no user block, no links to other files. The
 * library that we are built with is 1.10.2 or later; 1.13 and 1.14 differ in the interface of
 * drivers only. That strings, old headers and lists of names are read without it (store_heap.c,
 * store_header.c), and names sorted without it, is for what hostile files do to 1.10.8. It may go
 * when the oldest HDF5 to be supported passes tests/fuzz/regression without it. */
#ifndef TRN_IO_STORE_STORE_H
#define TRN_IO_STORE_STORE_H

#include "base/dtype.h"
#include "base/status.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

enum { TRN_STORE_FORMAT = 1 /* value of the attribute trunnion_format */ };

/* An open store, for writing or for reading. Opaque. */
typedef struct trn_store trn_store_t;

/* Whether a store could be written to `path`: its directory exists and takes files, and nothing but
 * a regular file has the name. trn_store_create asks the same; ask earlier when there is much work
 * before it. Collective, equal arguments. Fails (agreed) with TRN_IO, TRN_MEMORY. */
trn_status_t trn_store_place(MPI_Comm comm, const char *path);

/* Whether a store may take the place of what has a name that the user did not give, such as
 * NAME.prev: nothing, or a store, even a damaged one, that is a regular file of this user with one
 * name. Local. Fails with TRN_IO (what it is instead), TRN_MEMORY. Cost: 64 KiB read. */
trn_status_t trn_store_replaceable(const char *path);

/* *ours: whether the first or last bytes of `path` are those of a store, even a damaged one; HDF5
 * is not asked. Local. Fails with TRN_IO, TRN_MEMORY. Cost: 128 KiB read. */
trn_status_t trn_store_recognized(const char *path, bool *ours);

/* Remove such a file; what is none stays. Local. */
void trn_store_remove(const char *path);

/* Begin to write `path` with root attributes trunnion_format, kind, created_by, params (JSON, may
 * be NULL) and seed. Only declarations follow until trn_store_begin. Checks here: the directory
 * exists and is writable, RLIMIT_FSIZE is looked at when the size is known. Collective, equal
 * arguments. Fails (agreed) with TRN_IO, TRN_MEMORY. */
trn_status_t trn_store_create(trn_store_t **store, MPI_Comm comm, const char *path,
                              const char *kind, const char *created_by, const json_t *params,
                              uint64_t seed);

/* Declare dataset `name` ("/row/values"; groups are made) of rows x cols elements (cols 0: one-
 * dimensional, [rows]). Collective, equal arguments. Fails with TRN_MEMORY, TRN_INTERNAL. */
trn_status_t trn_store_dataset(trn_store_t *store, const char *name, trn_dtype_t type, int64_t rows,
                               int64_t cols);

/* Declare dataset `name` of `count` UTF-8 strings, read from rank 0's `strings` (borrowed until
 * trn_store_begin; ignored elsewhere). Collective. Fails with TRN_MEMORY. */
trn_status_t trn_store_strings(trn_store_t *store, const char *name, int64_t count,
                               const char *const *strings);

/* Where strings come from that no rank needs to hold at once: *strings = those of dataset `name`
 * from `first` to first + count on rank 0, borrowed until the next call; nothing elsewhere.
 * Collective. Fails (agreed). The last call has count 0: free what you hold; it cannot fail. */
typedef trn_status_t (*trn_strings_t)(void *self, const char *name, int64_t first, int64_t count,
                                      const char *const **strings);

/* As trn_store_strings, but trn_store_begin gets them from `source`, in order, at most 4096 at a
 * time; `self` is borrowed until then. bytes: of all of them with their NULs; rank 0's counts.
 * Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_store_strings_from(trn_store_t *store, const char *name, int64_t count,
                                    int64_t bytes, trn_strings_t source, void *self);

/* Declare dataset `name` with the strings that `from`, open until trn_store_begin, has under this
 * name. Collective. Fails (agreed) with TRN_MEMORY, TRN_INPUT, TRN_IO. Memory: 4096 strings. */
trn_status_t trn_store_copy_strings(trn_store_t *store, const char *name, trn_store_t *from);

/* Set an attribute of the root (object "/") or of a declared dataset: an int64, float64 or
 * string. Collective, equal arguments; before begin. Fails with TRN_MEMORY. */
trn_status_t trn_store_set_int(trn_store_t *store, const char *object, const char *name,
                               int64_t value);
trn_status_t trn_store_set_real(trn_store_t *store, const char *object, const char *name,
                                double value);
trn_status_t trn_store_set_text(trn_store_t *store, const char *object, const char *name,
                                const char *value);

/* Do (the default) or do not wait for the disk in commit: without it a power cut can cost the file.
 * For scratch results and benchmarks. Collective, equal arguments; cannot fail. */
void trn_store_set_sync(trn_store_t *store, bool sync);

/* Lay the file out and reserve its space. Collective. Fails (agreed) with TRN_IO: no space, file
 * size limit. */
trn_status_t trn_store_begin(trn_store_t *store);

/* Write rows [first, first + rows) of `name` from `data` (row-major, contiguous). A rank's pieces
 * of a dataset must follow each other in ascending order without gaps; the bands of all ranks
 * together cover every row exactly once, in rank order. Local. Fails with TRN_IO, TRN_MEMORY; the
 * failure must still be brought to trn_store_commit or trn_store_abandon. */
trn_status_t trn_store_write(trn_store_t *store, const char *name, int64_t first, int64_t rows,
                             const void *data);

/* `status` is this rank's outcome of its writes. If all are well: exchange the checksums' border
 * pieces, verify by reading back, write checksums and `complete`, fsync, keep the former file as
 * NAME.prev, rename, fsync the directory. Neither NAME nor NAME.prev is replaced unless it is
 * trn_store_replaceable. Else remove the temporary file and return the agreed
 * failure. Frees the store either way. Collective.
 * Cost: one read of every byte from the page cache, one fsync. */
trn_status_t trn_store_commit(trn_store_t **store, trn_status_t status);

/* Let trn_store_write copy its rows, so that they may change at once, and a thread write them
 * behind: after trn_store_begin, and then commit in two steps. Memory: what the rank writes, until
 * it is written. Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_store_write_behind(trn_store_t *store);

/* In place of trn_store_commit: `status` is this rank's outcome so far; if all are well a thread
 * begins to write, verify and sync, else the store is abandoned and *store NULL. Collective. Fails
 * (agreed) as given, or with TRN_MEMORY (no thread). */
trn_status_t trn_store_commit_start(trn_store_t **store, trn_status_t status);

/* Whether this rank's thread is done, so that trn_store_commit_finish does not wait. Local. */
bool trn_store_commit_ready(const trn_store_t *store);

/* Wait for the threads and do what else trn_store_commit does, with its failures; frees the store.
 * Collective. Cost: one small fsync. */
trn_status_t trn_store_commit_finish(trn_store_t **store);

/* As trn_store_commit, but the former file is not kept: for results, where --force or a new name
 * was chosen. Collective. */
trn_status_t trn_store_commit_replace(trn_store_t **store, trn_status_t status);

/* Give up: remove the temporary file, free. Collective. NULL is fine. */
void trn_store_abandon(trn_store_t **store);

/* Open `path` for reading; `kind` NULL takes any. Collective, equal arguments. Fails (agreed) with
 * TRN_INPUT: missing, not HDF5, damaged metadata, not a Trunnion store, another kind (says which),
 * newer format, not complete; TRN_IO: unreadable, or in use: open for writing in another program.
 */
trn_status_t trn_store_open(trn_store_t **store, MPI_Comm comm, const char *path, const char *kind);

/* Close and set the pointer to NULL. Local. NULL is fine. */
void trn_store_close(trn_store_t **store);

/* True if the dataset exists; its type, rows and cols (0 if one-dimensional); each may be NULL.
 * Strings report rows only. Local. */
bool trn_store_has(const trn_store_t *store, const char *name, trn_dtype_t *type, int64_t *rows,
                   int64_t *cols);

/* TRN_INPUT naming file and dataset unless it is there and can be read. Local. */
trn_status_t trn_store_readable(const trn_store_t *store, const char *name);

/* As trn_store_has, but TRN_INPUT naming file and dataset unless type and cols are as wanted.
 * Local. */
trn_status_t trn_store_need(const trn_store_t *store, const char *name, trn_dtype_t type,
                            int64_t *rows, int64_t cols);

/* Read and verify rows [first, first + rows) into `data`. Local: any rank, any rows, any time.
 * Fails with TRN_INPUT (checksum, range), TRN_IO. Cost: rounds up to whole blocks. */
trn_status_t trn_store_read(trn_store_t *store, const char *name, int64_t first, int64_t rows,
                            void *data);

/* Read and verify strings [first, first + count) of `name` on rank 0 alone: *strings, as of
 * trn_store_read_strings, NULL elsewhere. `first` is a multiple of 4096, and so is count unless the
 * dataset ends there. Collective. Fails (agreed) with TRN_INPUT, TRN_IO, TRN_MEMORY. */
trn_status_t trn_store_read_some_strings(trn_store_t *store, const char *name, int64_t first,
                                         int64_t count, char ***strings);

/* Read and verify all strings of `name` on every rank: *strings is one allocation holding the
 * pointers and the text; free it with trn_free. Collective. Fails (agreed) with TRN_INPUT,
 * TRN_MEMORY. */
trn_status_t trn_store_read_strings(trn_store_t *store, const char *name, int64_t *count,
                                    char ***strings);

/* Attributes of "/" or a dataset; text is borrowed from the store. Fail with TRN_INPUT if absent
 * or of another type. Local. */
trn_status_t trn_store_get_int(const trn_store_t *store, const char *object, const char *name,
                               int64_t *value);
trn_status_t trn_store_get_real(const trn_store_t *store, const char *object, const char *name,
                                double *value);
trn_status_t trn_store_get_text(const trn_store_t *store, const char *object, const char *name,
                                const char **value);

/* Verify every block of every dataset, shared out over the ranks. Collective. Fails (agreed) with
 * TRN_INPUT naming dataset and rows. Cost: one read of the file. */
trn_status_t trn_store_verify(trn_store_t *store);

/* Blocks of all datasets that carry a checksum; 0 in a file that others wrote. Local. */
int64_t trn_store_blocks(const trn_store_t *store);

/* Names of all datasets but the checksums, in alphabetical order; borrowed. Local. */
int trn_store_names(const trn_store_t *store, const char *const **names);

/* Path as given. Local. */
const char *trn_store_path(const trn_store_t *store);

/* For plans, bytes that base/mem counts: what writing and committing a store takes beside the
 * caller's data, of which `bytes` lie in this rank's bands; what a store open for reading holds.
 * Local. */
int64_t trn_store_write_bytes(int64_t bytes);
int64_t trn_store_open_bytes(void);

/* For plans: what HDF5 takes from the system on rank 0 while it lays strings out. Local. */
int64_t trn_store_strings_bytes(void);

#endif
