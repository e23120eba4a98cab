/* store_read.c: a store opened, asked, read and verified. */
#define _DEFAULT_SOURCE /* flock */
#include "base/mem.h"
#include "io/store/store_impl.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Open ----------------------------------------------------------------------------------------- */

/* Every rank has a descriptor of its own. That rank 0 has seen the file and another does not is
 * told apart, as it is a fault of the nodes and not of the name. */
static trn_status_t open_file(trn_store_t *store) {
    struct stat info;
    store->fd = open(store->path, O_RDONLY | O_CLOEXEC);
    if (store->fd >= 0 && fstat(store->fd, &info) == 0 && !S_ISREG(info.st_mode))
        return trn_fail(TRN_INPUT, "%s: is no regular file; give another file", store->path);
    if (store->fd >= 0) return TRN_OK;
    if (errno == ENOENT && store->rank > 0)
        return trn_fail(TRN_INPUT,
                        "%s: rank 0 sees this file, but this rank does not; use a "
                        "directory that all nodes share",
                        store->path);
    return trn_fail(errno == ENOENT ? TRN_INPUT : TRN_IO, "%s: cannot open: %s; check the name",
                    store->path, strerror(errno));
}

/* Ours, of a format we know, of the wanted kind and complete. */
static trn_status_t check_root(const trn_store_t *store, const char *kind) {
    const trn_table_t *table = &store->table;
    const trn_attribute_t *format = trn_table_attribute(table, "/", "trunnion_format");
    const trn_attribute_t *complete = trn_table_attribute(table, "/", "complete");
    if (!format)
        return trn_fail(TRN_INPUT,
                        "%s: is HDF5, but no Trunnion store (no attribute "
                        "trunnion_format); read its dataset with h5py and save it as .npy",
                        store->path);
    if (format->integer > TRN_STORE_FORMAT)
        return trn_fail(TRN_INPUT,
                        "%s: has format %lld, this program reads up to %d; use a newer "
                        "Trunnion",
                        store->path, (long long)format->integer, TRN_STORE_FORMAT);
    if (!complete || complete->integer == 0)
        return trn_fail(TRN_INPUT,
                        "%s: is not complete, the job that wrote it did not finish; use "
                        "another copy",
                        store->path);
    if (!kind) return TRN_OK;
    const char *found;
    TRN_TRY(trn_store_get_text(store, "/", "kind", &found));
    if (strcmp(found, kind) == 0) return TRN_OK;
    return trn_fail(TRN_INPUT,
                    "%s: is of kind \"%s\", wanted is \"%s\"; give another file, or one of its "
                    "datasets to a verb on matrices, as %s:/DATASET (`trunnion info` lists them)",
                    store->path, found, kind, store->path);
}

/* The datasets lie inside the file. A flaw in one is told when it is read, not here. */
static trn_status_t check_extent(const trn_store_t *store) {
    int64_t size = (int64_t)lseek(store->fd, 0, SEEK_END);
    for (int64_t i = 0; i < store->table.nentries; i++) {
        const trn_entry_t *entry = &store->table.entries[i];
        if (!entry->flaw && (entry->offset > size - entry->rows * entry->row_bytes ||
                             entry->sums > size - 8 * entry->blocks))
            return trn_fail(TRN_INPUT,
                            "%s:%s: lies beyond the end of the file; it was cut short, "
                            "use another copy",
                            store->path, trn_table_text(&store->table, entry->name));
    }
    return TRN_OK;
}

/* Whether another program has the file open for writing, so that what it says of itself may not be
 * true yet: HDF5 holds a lock then, and a file of its newest format says so in byte 11 too. A file
 * system without locks knows nothing of it. Rank 0. */
static trn_status_t check_use(const trn_store_t *store) {
    enum { SUPERBLOCK = 12, NEWEST = 3, WRITING = 1 };
    unsigned char block[SUPERBLOCK] = {0};
    bool locked = flock(store->fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    (void)flock(store->fd, LOCK_UN);
    bool read = lseek(store->fd, 0, SEEK_END) >= SUPERBLOCK;
    if (read) TRN_TRY(trn_bytes_read(store->fd, store->path, 0, block, SUPERBLOCK));
    bool marked = read && memcmp(block, "\211HDF\r\n\032\n", 8) == 0 && block[8] == NEWEST &&
                  (block[11] & WRITING);
    if (!locked && !marked) return TRN_OK;
    return trn_fail(TRN_IO, "%s: is in use, another program has it open for writing; %s",
                    store->path,
                    locked ? "wait until it has closed it"
                           : "wait until it has closed it or, if it died, run `h5clear -s` on it");
}

/* Rank 0. The order matters: nothing is believed of a file that is being written, and HDF5 sees one
 * that we wrote only after its trailer is found sound. */
static trn_status_t read_table(trn_store_t *store) {
    TRN_TRY(open_file(store));
    TRN_TRY(check_use(store));
    TRN_TRY(trn_trailer_check(store->fd, store->path));
    TRN_TRY(trn_hdf_read_table(store->fd, store->path, &store->table));
    return check_extent(store);
}

/* What every rank has to make for itself. */
static trn_status_t settle(trn_store_t *store) {
    if (store->rank > 0) TRN_TRY(open_file(store)); /* rank 0 has done so to read the table */
    TRN_TRY(trn_alloc(&store->names, store->table.nentries, sizeof *store->names, "names"));
    store->nnames = (int)store->table.nentries;
    for (int i = 0; i < store->nnames; i++)
        store->names[i] = trn_table_text(&store->table, store->table.entries[i].name);
    return trn_alloc(&store->block, TRN_BLOCK_BYTES, 1, "a block of a store");
}

/* Rank 0 alone looks into the file; what it finds is agreed on before the table travels. */
trn_status_t trn_store_open(trn_store_t **store, MPI_Comm comm, const char *path,
                            const char *kind) {
    TRN_TRY(trn_store_new(store, comm, path));
    trn_status_t status = trn_agree(comm, (*store)->rank == 0 ? read_table(*store) : TRN_OK);
    if (status == TRN_OK) status = trn_table_broadcast(&(*store)->table, comm);
    if (status == TRN_OK) status = check_root(*store, kind); /* equal on all ranks */
    if (status == TRN_OK) status = trn_agree(comm, settle(*store));
    if (status != TRN_OK) trn_store_close(store);
    return status;
}

/* Ask ------------------------------------------------------------------------------------------ */

bool trn_store_has(const trn_store_t *store, const char *name, trn_dtype_t *type, int64_t *rows,
                   int64_t *cols) {
    const trn_entry_t *entry = trn_table_entry(&store->table, name);
    if (!entry) return false;
    if (type) *type = (trn_dtype_t)entry->type;
    if (rows) *rows = entry->rows;
    if (cols) *cols = entry->cols;
    return true;
}

/* The entry, if it is there and can be read. */
static trn_status_t readable(const trn_store_t *store, const char *name,
                             const trn_entry_t **entry) {
    *entry = trn_table_entry(&store->table, name);
    if (!*entry)
        return trn_fail(TRN_INPUT, "%s: has no dataset %s; give another file", store->path, name);
    if ((*entry)->flaw)
        return trn_fail(TRN_INPUT, "%s:%s: %s", store->path, name,
                        trn_table_text(&store->table, (*entry)->flaw));
    return TRN_OK;
}

trn_status_t trn_store_readable(const trn_store_t *store, const char *name) {
    const trn_entry_t *entry;
    return readable(store, name, &entry);
}

/* The message names both what is there and what was wanted. */
trn_status_t trn_store_need(const trn_store_t *store, const char *name, trn_dtype_t type,
                            int64_t *rows, int64_t cols) {
    const trn_entry_t *entry;
    TRN_TRY(readable(store, name, &entry));
    if (entry->type != (int64_t)type || entry->cols != cols)
        return trn_fail(TRN_INPUT,
                        "%s:%s: is %s with %lld columns, wanted is %s with %lld; give "
                        "another file",
                        store->path, name, trn_dtype_name((trn_dtype_t)entry->type),
                        (long long)entry->cols, trn_dtype_name(type), (long long)cols);
    if (rows) *rows = entry->rows;
    return TRN_OK;
}

/* The attribute if it is there and of a type that `fits`; else the message says which was
 * `wanted`. */
static trn_status_t attribute_of(const trn_store_t *store, const char *object, const char *name,
                                 const char *wanted, bool (*fits)(int64_t type),
                                 const trn_attribute_t **attribute) {
    *attribute = trn_table_attribute(&store->table, object, name);
    if (*attribute && fits((*attribute)->type)) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:%s: has no attribute \"%s\" that is %s; give another file",
                    store->path, object, name, wanted);
}

static bool is_int(int64_t type) {
    return type == TRN_ATTRIBUTE_INT || type == TRN_ATTRIBUTE_UNSIGNED;
}
static bool is_real(int64_t type) {
    return type == TRN_ATTRIBUTE_REAL;
}
static bool is_text(int64_t type) {
    return type == TRN_ATTRIBUTE_TEXT;
}

trn_status_t trn_store_get_int(const trn_store_t *store, const char *object, const char *name,
                               int64_t *value) {
    const trn_attribute_t *attribute;
    TRN_TRY(attribute_of(store, object, name, "an integer", is_int, &attribute));
    *value = attribute->integer;
    return TRN_OK;
}

trn_status_t trn_store_get_real(const trn_store_t *store, const char *object, const char *name,
                                double *value) {
    const trn_attribute_t *attribute;
    TRN_TRY(attribute_of(store, object, name, "a real number", is_real, &attribute));
    *value = attribute->real;
    return TRN_OK;
}

trn_status_t trn_store_get_text(const trn_store_t *store, const char *object, const char *name,
                                const char **value) {
    const trn_attribute_t *attribute;
    TRN_TRY(attribute_of(store, object, name, "a text", is_text, &attribute));
    *value = trn_table_text(&store->table, attribute->text);
    return TRN_OK;
}

int trn_store_names(const trn_store_t *store, const char *const **names) {
    *names = store->names;
    return store->nnames;
}

const char *trn_store_path(const trn_store_t *store) {
    return store->path;
}

int64_t trn_store_blocks(const trn_store_t *store) {
    int64_t blocks = 0;
    for (int64_t i = 0; i < store->table.nentries; i++)
        if (store->table.entries[i].sums >= 0) blocks += store->table.entries[i].blocks;
    return blocks;
}

/* Read ----------------------------------------------------------------------------------------- */

/* Compare with the checksum in the file, of which a dataset that others wrote has none. */
static trn_status_t check_sum(const trn_store_t *store, const trn_entry_t *entry, int64_t block,
                              uint64_t sum) {
    if (entry->sums < 0) return TRN_OK;
    uint64_t wanted;
    TRN_TRY(trn_bytes_read(store->fd, store->path, entry->sums + 8 * block, &wanted, 8));
    if (sum == wanted) return TRN_OK;
    int64_t first = block * entry->block_rows, end = first + entry->block_rows;
    return trn_fail(TRN_INPUT, "%s:%s: rows %lld to %lld are damaged (checksum); use another copy",
                    store->path, trn_table_text(&store->table, entry->name), (long long)first,
                    (long long)(end < entry->rows ? end : entry->rows) - 1);
}

/* Read a whole block into data (`keep`), or through data[TRN_BLOCK_BYTES], and verify it. */
static trn_status_t read_block(trn_store_t *store, const trn_entry_t *entry, int64_t block,
                               char *data, bool keep) {
    int64_t first = block * entry->block_rows, rows = entry->rows - first;
    if (rows > entry->block_rows) rows = entry->block_rows;
    uint64_t sum;
    TRN_TRY(trn_bytes_hash(store->fd, store->path, entry->offset + first * entry->row_bytes,
                           rows * entry->row_bytes, data, keep, &sum));
    return check_sum(store, entry, block, sum);
}

/* Part of a block: by way of store->block, which keeps it for the rows that are wanted next. */
static trn_status_t read_part(trn_store_t *store, const trn_entry_t *entry, int64_t row,
                              int64_t end, char *data) {
    int64_t block = row / entry->block_rows;
    if (store->block_entry != entry || store->block_number != block) {
        store->block_entry = NULL;
        TRN_TRY(read_block(store, entry, block, store->block, true));
        store->block_entry = entry;
        store->block_number = block;
    }
    memcpy(data, store->block + (row - block * entry->block_rows) * entry->row_bytes,
           (size_t)((end - row) * entry->row_bytes));
    return TRN_OK;
}

/* Whole blocks go straight to where they are wanted; of a first or last block that is wanted in
 * part, the rest is kept for the next call, which mostly goes on there. */
trn_status_t trn_store_read(trn_store_t *store, const char *name, int64_t first, int64_t rows,
                            void *data) {
    const trn_entry_t *entry;
    TRN_TRY(readable(store, name, &entry));
    if (first < 0 || rows < 0 || first > entry->rows - rows || !entry->row_bytes)
        return trn_fail(TRN_INPUT, "%s:%s: rows %lld to %lld are not there, it has %lld",
                        store->path, name, (long long)first, (long long)(first + rows),
                        (long long)entry->rows);
    char *to = data;
    for (int64_t row = first, end; row < first + rows; row = end) {
        int64_t begin = row - row % entry->block_rows, limit = begin + entry->block_rows;
        if (limit > entry->rows) limit = entry->rows;
        end = limit < first + rows ? limit : first + rows;
        if (row == begin && end == limit)
            TRN_TRY(read_block(store, entry, row / entry->block_rows, to, true));
        else
            TRN_TRY(read_part(store, entry, row, end, to));
        to += (end - row) * entry->row_bytes;
    }
    return TRN_OK;
}

/* Rank 0: the text of strings [first, first + rows), which are whole blocks, checked. */
static trn_status_t load_text(const trn_store_t *store, const trn_entry_t *entry, int64_t first,
                              int64_t rows, char **text, int64_t *bytes) {
    int64_t offset = entry->offset + TRN_HEAP_ELEMENT * first;
    TRN_TRY(trn_heap_strings(store->fd, store->path, offset, rows, text, bytes));
    trn_status_t status = TRN_OK;
    const char *at = *text;
    for (int64_t row = first; row < first + rows && status == TRN_OK;) {
        const char *begin = at;
        int64_t block = row / entry->block_rows;
        for (; row < (block + 1) * entry->block_rows && row < first + rows; row++)
            at += strlen(at) + 1;
        status = check_sum(store, entry, block, XXH3_64bits(begin, (size_t)(at - begin)));
    }
    if (status != TRN_OK) trn_free(text);
    return status;
}

/* Pointers to `rows` strings, followed by their text: from `text`, or if NULL to be filled in. */
static trn_status_t list_text(int64_t rows, const char *text, int64_t bytes, char ***strings) {
    int64_t pointers = rows * (int64_t)sizeof **strings;
    TRN_TRY(trn_alloc(strings, pointers + bytes, 1, "strings"));
    if (text && bytes) memcpy((char *)*strings + pointers, text, (size_t)bytes);
    return TRN_OK;
}

/* The pointers are set last, on each rank for itself: they are not what travels. */
static void point_to_text(int64_t rows, char **strings) {
    char *at = (char *)(strings + rows);
    for (int64_t row = 0; row < rows; row++, at += strlen(at) + 1)
        strings[row] = at;
}

/* The entry, if it is there, can be read and holds strings. */
static trn_status_t strings_entry(const trn_store_t *store, const char *name,
                                  const trn_entry_t **entry) {
    TRN_TRY(readable(store, name, entry)); /* equal on all ranks */
    if ((*entry)->type == TRN_STRING) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:%s: holds no strings; give another file", store->path, name);
}

/* Rank 0 reads and checks; one broadcast of the text, and each rank points into its own copy. */
trn_status_t trn_store_read_strings(trn_store_t *store, const char *name, int64_t *count,
                                    char ***strings) {
    *strings = NULL;
    const trn_entry_t *entry;
    TRN_TRY(strings_entry(store, name, &entry));
    char *text = NULL;
    int64_t bytes = 0;
    TRN_AGREE(store->comm,
              store->rank == 0 ? load_text(store, entry, 0, entry->rows, &text, &bytes) : TRN_OK);
    MPI_Bcast(&bytes, 1, MPI_INT64_T, 0, store->comm);
    trn_status_t status = trn_agree(store->comm, list_text(entry->rows, text, bytes, strings));
    if (status == TRN_OK) {
        trn_broadcast_bytes(*strings + entry->rows, bytes, store->comm);
        point_to_text(entry->rows, *strings);
        *count = entry->rows;
    } else {
        trn_free(strings);
    }
    trn_free(&text);
    return status;
}

/* Whole blocks only, because checksums are of blocks. Nothing is sent: rank 0 alone wants them. */
trn_status_t trn_store_read_some_strings(trn_store_t *store, const char *name, int64_t first,
                                         int64_t count, char ***strings) {
    *strings = NULL;
    const trn_entry_t *entry;
    TRN_TRY(strings_entry(store, name, &entry));
    int64_t end = first + count;
    if (first < 0 || count < 0 || end > entry->rows || first % TRN_TEXT_BLOCK_ROWS ||
        (end % TRN_TEXT_BLOCK_ROWS && end < entry->rows))
        return trn_fail(TRN_INTERNAL, "%s:%s: strings %lld to %lld are no whole blocks",
                        store->path, name, (long long)first, (long long)end);
    char *text = NULL;
    int64_t bytes = 0;
    trn_status_t status = TRN_OK;
    if (store->rank == 0) {
        status = load_text(store, entry, first, count, &text, &bytes);
        if (status == TRN_OK) status = list_text(count, text, bytes, strings);
        if (status == TRN_OK) point_to_text(count, *strings);
        trn_free(&text);
    }
    status = trn_agree(store->comm, status);
    if (status != TRN_OK) trn_free(strings);
    return status;
}

/* Copy ----------------------------------------------------------------------------------------- */

/* Strings of an open store. */
static trn_status_t of_store(void *self, const char *name, int64_t first, int64_t count,
                             const char *const **strings) {
    trn_store_t *from = self;
    trn_free(&from->some);
    if (count == 0) return TRN_OK;
    TRN_TRY(trn_store_read_some_strings(from, name, first, count, &from->some));
    *strings = (const char *const *)from->some;
    return TRN_OK;
}

/* Rank 0 counts the bytes from the lengths alone; the text follows later, block by block, when the
 * new file is laid out. */
trn_status_t trn_store_copy_strings(trn_store_t *store, const char *name, trn_store_t *from) {
    const trn_entry_t *entry;
    int64_t bytes = 0;
    TRN_TRY(strings_entry(from, name, &entry));
    TRN_AGREE(from->comm, from->rank == 0 ? trn_heap_bytes(from->fd, from->path, entry->offset,
                                                           entry->rows, &bytes)
                                          : TRN_OK);
    return trn_store_strings_from(store, name, entry->rows, bytes, of_store, from);
}

/* Verify --------------------------------------------------------------------------------------- */

/* This rank's share of one dataset's blocks; strings are rank 0's. */
static trn_status_t verify_entry(trn_store_t *store, const trn_entry_t *entry) {
    if (entry->flaw || entry->sums < 0) return TRN_OK;
    if (entry->type == TRN_STRING) {
        enum { ROWS = 16 * TRN_TEXT_BLOCK_ROWS /* at a time: they are held */ };
        char *text = NULL;
        int64_t bytes, rows = store->rank == 0 ? entry->rows : 0;
        trn_status_t status = TRN_OK;
        for (int64_t row = 0; row < rows && status == TRN_OK; row += ROWS) {
            status =
                load_text(store, entry, row, rows - row < ROWS ? rows - row : ROWS, &text, &bytes);
            trn_free(&text);
        }
        return status;
    }
    int64_t end = trn_part_start(entry->blocks, store->ranks, store->rank + 1);
    for (int64_t block = trn_part_start(entry->blocks, store->ranks, store->rank); block < end;
         block++)
        TRN_TRY(read_block(store, entry, block, store->block, false));
    return TRN_OK;
}

trn_status_t trn_store_verify(trn_store_t *store) {
    store->block_entry = NULL; /* its memory is used here */
    trn_status_t status = TRN_OK;
    for (int64_t i = 0; i < store->table.nentries && status == TRN_OK; i++)
        status = verify_entry(store, &store->table.entries[i]);
    return trn_agree(store->comm, status);
}
