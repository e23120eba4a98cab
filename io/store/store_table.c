/* store_table.c: what is in a store, as one table that each rank has: written by declarations that
 * are equal everywhere, or read by rank 0 and broadcast. Entries and attributes refer to their
 * texts by offsets into one heap of bytes, not by pointers, so that three broadcasts carry all of
 * it. Look-ups go through the whole table: it has tens of rows. */
#include "base/mem.h"
#include "io/store/store_impl.h"
#include "mpi/agree.h"

#include <string.h>

const char *trn_table_text(const trn_table_t *table, int64_t offset) {
    return offset ? table->heap + offset : "";
}

/* The heap may move: callers keep offsets, not addresses. */
trn_status_t trn_table_add_text(trn_table_t *table, const char *text, int64_t *offset) {
    *offset = 0;
    if (!*text) return TRN_OK;
    int64_t bytes = (int64_t)strlen(text) + 1;
    int64_t at = table->nheap ? table->nheap : 1; /* byte 0 is the empty text */
    TRN_TRY(trn_grow(&table->heap, &table->heap_capacity, at + bytes, 1, "names in a store"));
    table->heap[0] = '\0';
    memcpy(table->heap + at, text, (size_t)bytes);
    table->nheap = at + bytes;
    *offset = at;
    return TRN_OK;
}

/* The caller fills the rest in; *entry is good until the next is added, which may move them all. */
trn_status_t trn_table_add_entry(trn_table_t *table, const char *name, trn_entry_t **entry) {
    trn_entry_t fresh = {.sums = -1};
    TRN_TRY(trn_table_add_text(table, name, &fresh.name));
    TRN_TRY(trn_grow(&table->entries, &table->entry_capacity, table->nentries + 1,
                     sizeof *table->entries, "datasets of a store"));
    *entry = &table->entries[table->nentries++];
    **entry = fresh;
    return TRN_OK;
}

trn_status_t trn_table_add_attribute(trn_table_t *table, const char *object, const char *name,
                                     trn_attribute_type_t type, trn_attribute_t **attribute) {
    trn_attribute_t fresh = {.type = type};
    TRN_TRY(trn_table_add_text(table, object, &fresh.object));
    TRN_TRY(trn_table_add_text(table, name, &fresh.name));
    TRN_TRY(trn_grow(&table->attributes, &table->attribute_capacity, table->nattributes + 1,
                     sizeof *table->attributes, "attributes of a store"));
    *attribute = &table->attributes[table->nattributes++];
    **attribute = fresh;
    return TRN_OK;
}

/* A quarter of what an int64 can count is the limit, so that sums over offsets, sizes and checksums
 * of one entry need no check of their own. */
trn_status_t trn_entry_shape(trn_entry_t *entry, trn_dtype_t type, int64_t rows, int64_t cols) {
    entry->type = type;
    entry->rows = rows;
    entry->cols = cols;
    int64_t total;
    if (rows < 0 || cols < 0 ||
        __builtin_mul_overflow(cols ? cols : 1, trn_dtype_size(type), &entry->row_bytes) ||
        __builtin_mul_overflow(rows, entry->row_bytes, &total) || total > INT64_MAX / 4)
        return trn_fail(TRN_INPUT, "no file can hold %lld x %lld elements", (long long)rows,
                        (long long)cols);
    /* Strings have no size to go by; and a row longer than a block is one of its own. */
    entry->block_rows = entry->row_bytes ? TRN_BLOCK_BYTES / entry->row_bytes : TRN_TEXT_BLOCK_ROWS;
    if (entry->block_rows < 1) entry->block_rows = 1;
    entry->blocks = rows / entry->block_rows + (rows % entry->block_rows != 0);
    return TRN_OK;
}

/* The first of that name; declare() lets no second one in, and HDF5 has none. */
trn_entry_t *trn_table_entry(const trn_table_t *table, const char *name) {
    for (int64_t i = 0; i < table->nentries; i++)
        if (strcmp(trn_table_text(table, table->entries[i].name), name) == 0)
            return &table->entries[i];
    return NULL;
}

trn_attribute_t *trn_table_attribute(const trn_table_t *table, const char *object,
                                     const char *name) {
    for (int64_t i = 0; i < table->nattributes; i++) {
        trn_attribute_t *attribute = &table->attributes[i];
        if (strcmp(trn_table_text(table, attribute->object), object) == 0 &&
            strcmp(trn_table_text(table, attribute->name), name) == 0)
            return attribute;
    }
    return NULL;
}

void trn_table_free(trn_table_t *table) {
    trn_free(&table->entries);
    trn_free(&table->attributes);
    trn_free(&table->heap);
    *table = (trn_table_t){0};
}

void trn_broadcast_bytes(void *data, int64_t bytes, MPI_Comm comm) {
    enum { STEP = 1 << 30 }; /* MPI counts are ints */
    char *at = data;
    for (; bytes > 0; bytes -= STEP, at += STEP)
        MPI_Bcast(at, bytes < STEP ? (int)bytes : STEP, MPI_BYTE, 0, comm);
}

/* Sizes go first, then all ranks make room and agree that they could, and only then the bytes:
 * nothing fails between the messages. */
trn_status_t trn_table_broadcast(trn_table_t *table, MPI_Comm comm) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    int64_t counts[3] = {table->nentries, table->nattributes, table->nheap};
    MPI_Bcast(counts, 3, MPI_INT64_T, 0, comm);
    trn_status_t status = TRN_OK;
    if (rank) {
        status = trn_grow(&table->entries, &table->entry_capacity, counts[0],
                          sizeof *table->entries, "datasets of a store");
        if (status == TRN_OK)
            status = trn_grow(&table->attributes, &table->attribute_capacity, counts[1],
                              sizeof *table->attributes, "attributes of a store");
        if (status == TRN_OK)
            status =
                trn_grow(&table->heap, &table->heap_capacity, counts[2], 1, "names in a store");
    }
    TRN_AGREE(comm, status);
    table->nentries = counts[0];
    table->nattributes = counts[1];
    table->nheap = counts[2];
    trn_broadcast_bytes(table->entries, counts[0] * (int64_t)sizeof *table->entries, comm);
    trn_broadcast_bytes(table->attributes, counts[1] * (int64_t)sizeof *table->attributes, comm);
    trn_broadcast_bytes(table->heap, counts[2], comm);
    return TRN_OK;
}
