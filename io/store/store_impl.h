/* store_impl.h: what the files of the store share; private to io/store*.c.
 *
 * store.c        the layout and attributes of an HDF5 file (rank 0 only)
 * store_layout.c making one (rank 0 only)
 * store_hdf.c    what these two share
 * store_driver.c the file that HDF5 sees
 * store_heap.c   its strings
 * store_header.c its attributes, where HDF5 would believe anything
 * store_handle.c a store made, given up, freed
 * store_queue.c  rows kept for a thread that writes them
 * store_table.c  the table of datasets and attributes, equal on all ranks
 * store_bytes.c  bytes at offsets, hashed
 * store_trailer.c the checksum of what is HDF5's own
 * store_write.c  create ... write
 * store_commit.c commit
 * store_behind.c the same in the background
 * store_read.c   open ... close */
#ifndef TRN_IO_STORE_STORE_IMPL_H
#define TRN_IO_STORE_STORE_IMPL_H

#include "io/bytes.h"
#include "io/store/store.h"

#define XXH_STATIC_LINKING_ONLY /* the state lies inside our structures */
#include <xxhash.h>
#ifdef TRN_XXH_DISPATCH
#include <xxh_x86dispatch.h> /* redirects XXH3_... to the best the processor has; same values */
#endif

enum {
    TRN_BLOCK_BYTES = 1 << 20,  /* a checksummed block holds at most so much, but at least a row */
    TRN_TEXT_BLOCK_ROWS = 4096, /* strings in a checksummed block */
    TRN_HEAP_ELEMENT =
        16 /* bytes that stand for a string: u32 length, u64 collection, u32 object */
};

/* One dataset. Plain data, so that a table travels by MPI_Bcast; text lies in the table's heap. */
typedef struct trn_entry {
    int64_t name;       /* "/row/values" */
    int64_t flaw;       /* why its data cannot be read; "" when it can */
    int64_t type;       /* trn_dtype_t */
    int64_t rows, cols; /* cols 0: one-dimensional */
    int64_t row_bytes;  /* 0 for strings */
    int64_t block_rows; /* rows of a checksummed block; the last may have fewer */
    int64_t blocks;
    int64_t offset; /* of the first byte in the file */
    int64_t sums;   /* offset of its checksums in the file, -1: it has none */
} trn_entry_t;

typedef enum trn_attribute_type {
    TRN_ATTRIBUTE_INT,
    TRN_ATTRIBUTE_UNSIGNED,
    TRN_ATTRIBUTE_REAL,
    TRN_ATTRIBUTE_TEXT
} trn_attribute_type_t;

typedef struct trn_attribute {
    int64_t object, name, text; /* in the heap */
    int64_t type;               /* trn_attribute_type_t */
    int64_t integer;
    double real;
} trn_attribute_t;

typedef struct trn_table {
    trn_entry_t *entries;
    trn_attribute_t *attributes;
    char *heap; /* NUL-terminated texts; offset 0 is "" */
    int64_t nentries, nattributes, nheap;
    int64_t entry_capacity, attribute_capacity, heap_capacity;
} trn_table_t;

/* What this rank has written of one dataset. A piece is what its band has of one block. */
typedef struct trn_band {
    XXH3_state_t state;    /* of the piece being written */
    int64_t first, next;   /* rows [first, next) are written */
    uint64_t *sums;        /* one a piece */
    int64_t capacity;      /* of sums */
    char *head;            /* copy of the first piece if its block begins on another rank */
    trn_strings_t strings; /* where strings come from in trn_store_begin ... */
    void *self;            /* ... and of how many bytes (rank 0) */
    int64_t text_bytes;
} trn_band_t;

/* store_queue.c: rows that wait for the thread which writes them. */
typedef struct trn_queue trn_queue_t;

struct trn_store {
    MPI_Comm comm;
    int rank, ranks;
    char *path;
    trn_table_t table;
    int fd;
    /* writing */
    char *temporary; /* name of the file until it is renamed to `path` */
    bool created;    /* the temporary file may exist: remove it on failure */
    bool sync;
    trn_band_t *bands;
    int64_t band_capacity;
    int64_t blocks_left; /* of strings, which the layout has yet to ask for */
    trn_queue_t *queue;  /* or NULL: rows are written at once */
    /* reading */
    const char **names;
    int nnames;
    char **some; /* strings that were copied last */
    char *block; /* the block read last when it was not wanted whole */
    const trn_entry_t *block_entry;
    int64_t block_number;
};

/* store_table.c. All Local but the last. ------------------------------------------------------- */

/* Text at `offset` of the heap; valid until the next text is added. */
const char *trn_table_text(const trn_table_t *table, int64_t offset);

/* Append a text, an empty entry or an empty attribute. Fail with TRN_MEMORY. */
trn_status_t trn_table_add_text(trn_table_t *table, const char *text, int64_t *offset);
trn_status_t trn_table_add_entry(trn_table_t *table, const char *name, trn_entry_t **entry);
trn_status_t trn_table_add_attribute(trn_table_t *table, const char *object, const char *name,
                                     trn_attribute_type_t type, trn_attribute_t **attribute);

/* Set what follows from type, rows and cols. Fails with TRN_INPUT when the bytes overflow. */
trn_status_t trn_entry_shape(trn_entry_t *entry, trn_dtype_t type, int64_t rows, int64_t cols);

/* The entry or attribute of that name; NULL if there is none. */
trn_entry_t *trn_table_entry(const trn_table_t *table, const char *name);
trn_attribute_t *trn_table_attribute(const trn_table_t *table, const char *object,
                                     const char *name);

void trn_table_free(trn_table_t *table);

/* Copy rank 0's table to all. Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_table_broadcast(trn_table_t *table, MPI_Comm comm);

/* MPI_Bcast from rank 0 of any number of bytes. Collective. */
void trn_broadcast_bytes(void *data, int64_t bytes, MPI_Comm comm);

/* store_handle.c: a store with communicator and path; trn_store_close frees it. Collective. Fails
 * (agreed) with TRN_MEMORY. */
trn_status_t trn_store_new(trn_store_t **store, MPI_Comm comm, const char *path);

/* store_bytes.c. All Local. `path` is for messages. -------------------------------------------- */

/* Read `bytes` at `offset` in steps small enough to be hashed while in cache; *sum is their
 * XXH3-64. `keep`: data[bytes] receives them all; else `data` has room for one block and is used
 * over and over. */
trn_status_t trn_bytes_hash(int fd, const char *path, int64_t offset, int64_t bytes, char *data,
                            bool keep, uint64_t *sum);

/* A window on a file through which bytes are hashed in place, which spares the copy of a read. */
typedef struct trn_window {
    int fd;
    const char *path;
    char *map; /* NULL: none now */
    int64_t offset, bytes;
    bool refused; /* this file system does not map files */
} trn_window_t;

/* *sum = XXH3-64 of `bytes` at `offset`, by the window, moved there when needed, or by
 * trn_bytes_hash through block[TRN_BLOCK_BYTES]. Fails with TRN_IO, TRN_INPUT. */
trn_status_t trn_window_hash(trn_window_t *window, int64_t offset, int64_t bytes, char *block,
                             uint64_t *sum);
void trn_window_close(trn_window_t *window);

/* store_trailer.c: rank 0 only, Local. --------------------------------------------------------- */

/* Append the trailer to a file that is complete but for it. Fails with TRN_IO, TRN_MEMORY. */
trn_status_t trn_trailer_write(int fd, const char *path, const trn_table_t *table);

/* Check the trailer if there is one. Fails with TRN_INPUT, TRN_IO, TRN_MEMORY. Cost: one read of
 * what is not numbers: names, attributes, strings. */
trn_status_t trn_trailer_check(int fd, const char *path);

/* store.c, store_layout.c: rank 0 only, Local, one file at a time. ----------------------------- */

/* Lay out the store's empty temporary file: all datasets (space allocated, not written), strings,
 * their checksums and attributes; fills in the entries' offsets. Fails with TRN_IO, TRN_MEMORY, and
 * as the sources of the strings, of which it asks every block in order, while the others follow. */
trn_status_t trn_hdf_lay_out(trn_store_t *store);

/* The other ranks, meanwhile: help to bring the strings to rank 0, as long as it goes on.
 * Collective with trn_hdf_lay_out. Fails as the sources of the strings, or not at all when it is
 * rank 0 that fails. */
trn_status_t trn_layout_follow(trn_store_t *store);

/* Rank 0, after its last try to lay out: if the others still wait for strings, let them go. */
void trn_layout_dismiss(trn_store_t *store);

/* Set the attribute `complete`. Fails with TRN_IO. */
trn_status_t trn_hdf_seal(int fd, const char *path);

/* Fill an empty table from a file. Fails with TRN_INPUT, TRN_IO, TRN_MEMORY. */
trn_status_t trn_hdf_read_table(int fd, const char *path, trn_table_t *table);

/* store_heap.c: rank 0 only, Local. ------------------------------------------------------------ */

/* The `rows` strings whose elements begin at `offset`, each with its NUL, one after the other in
 * *text (trn_free) of *bytes. Fails with TRN_INPUT, TRN_IO, TRN_MEMORY. */
trn_status_t trn_heap_strings(int fd, const char *path, int64_t offset, int64_t rows, char **text,
                              int64_t *bytes);

/* *bytes of these strings with their NULs, by what their elements say. Cost: 16 bytes read each. */
trn_status_t trn_heap_bytes(int fd, const char *path, int64_t offset, int64_t rows, int64_t *bytes);

/* The number in `bytes` (<= 8) bytes, the lowest first. */
uint64_t trn_little(const char *at, int bytes);

/* store_header.c: rank 0 only, Local. ---------------------------------------------------------- */

/* Add the attributes of the object whose header is at `address` to the table (NULL: to nothing), if
 * it is *plain: of the version that carries no checksum. Else HDF5 is to be asked. Fails with
 * TRN_INPUT, TRN_IO, TRN_MEMORY. */
trn_status_t trn_header_attributes(int fd, const char *path, uint64_t address, const char *object,
                                   trn_table_t *table, bool *plain);

/* Look at the root group of a file of old format before HDF5 does. Fails as above. */
trn_status_t trn_header_root(int fd, const char *path);

/* store_write.c, store_commit.c: what trn_store_write and the first part of commit do. Fail with
 * TRN_IO, TRN_MEMORY, the first with TRN_INTERNAL too. Local; any one thread. */
trn_status_t trn_store_put(trn_store_t *store, const trn_entry_t *entry, int64_t first,
                           int64_t rows, const void *data);
trn_status_t trn_store_check_written(const trn_store_t *store);

/* store_queue.c. All Local. -------------------------------------------------------------------- */

/* Rows [first, first + rows) of the table's entry number `entry`. */
typedef struct trn_kept {
    int entry;
    int64_t first, rows;
    char *data;
} trn_kept_t;

/* What the thread does with each of the rows, in the order in which they came, and after the last
 * of them (kept NULL). It sends no messages. */
typedef trn_status_t (*trn_queue_work_t)(void *self, const trn_kept_t *kept);

/* An empty queue; trn_queue_free frees it. Fails with TRN_MEMORY. */
trn_status_t trn_queue_create(trn_queue_t **queue);

/* Copy rows of `row_bytes` each, to be worked on later. Fails with TRN_MEMORY. */
trn_status_t trn_queue_keep(trn_queue_t *queue, int entry, int64_t first, int64_t rows,
                            int64_t row_bytes, const void *data);

/* Start the thread, which frees rows as they are done with. Nothing is kept after this. Fails with
 * TRN_MEMORY (no thread). */
trn_status_t trn_queue_start(trn_queue_t *queue, trn_queue_work_t work, void *self);

/* Whether the thread is done; the outcome of its work, for which this waits. */
bool trn_queue_ready(const trn_queue_t *queue);
trn_status_t trn_queue_join(trn_queue_t *queue);

/* Wait for the thread, free; NULL is fine. */
void trn_queue_free(trn_queue_t **queue);

#endif
