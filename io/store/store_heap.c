/* store_heap.c: the strings of a dataset out of HDF5's global heap, without HDF5.
 *
 * The heap is the part of an HDF5 file that carries no checksums, and HDF5 believes all that stands
 * there. Here every place and size is checked against the file first. An element of the dataset
 * says how long its string is, in which collection it lies (byte of the file) and which object of
 * it; collections are "GCOL", version, size, then objects, each an index, a size and its bytes
 * (HDF5 File Format Specification 3.0, sections III.E and IV.A.2.d; all numbers little-endian). */
#include "base/mem.h"
#include "io/store/store_impl.h"

#include <string.h>
#include <unistd.h>

enum {
    ELEMENT = TRN_HEAP_ELEMENT,
    HEAD = 16,         /* of a collection, and of an object in it */
    OBJECTS = 1 << 16, /* an index has two bytes */
    COLLECTION = 4096, /* usual size of a collection */
    ROWS = 1 << 12,    /* elements read at a time */
    MOST_READS = 16    /* times that a file as a whole may be read in passing */
};

typedef struct heap {
    int fd;
    const char *path;
    int64_t bytes;    /* of the file */
    int64_t budget;   /* bytes of collections that may yet be read */
    int64_t at, size; /* the collection at hand; at 0: none */
    char *data;       /* [capacity] its bytes */
    int64_t capacity;
    int64_t *object;      /* [OBJECTS] where in data an object's bytes begin, 0: nowhere */
    int64_t *object_size; /* [OBJECTS] */
    int64_t most;         /* greatest index of an object */
} heap_t;

uint64_t trn_little(const char *at, int bytes) {
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | (unsigned char)at[i];
    return value;
}

static trn_status_t damaged(const heap_t *heap, int64_t at, const char *what) {
    return trn_fail(TRN_INPUT, "%s: the strings at byte %lld are damaged (%s); use another copy",
                    heap->path, (long long)at, what);
}

/* Note where the objects of the collection at hand lie. */
static trn_status_t list_objects(heap_t *heap) {
    memset(heap->object, 0, (size_t)(heap->most + 1) * sizeof *heap->object);
    heap->most = 0;
    for (int64_t at = HEAD; at <= heap->size - HEAD;) {
        int64_t index = (int64_t)trn_little(heap->data + at, 2);
        uint64_t size = trn_little(heap->data + at + 8, 8);
        if (index == 0) break; /* free space to the end */
        if (size > (uint64_t)(heap->size - at - HEAD))
            return damaged(heap, heap->at + at, "an object's size");
        heap->object[index] = at + HEAD;
        heap->object_size[index] = (int64_t)size;
        if (index > heap->most) heap->most = index;
        at += HEAD + ((int64_t)size + 7) / 8 * 8;
    }
    return TRN_OK;
}

/* Read a collection and list its objects. The budget bounds the work of a forged file whose
 * elements jump to and fro between collections. */
static trn_status_t load(heap_t *heap, uint64_t at) {
    char head[HEAD];
    heap->at = 0;
    if (at == 0 || at > (uint64_t)(heap->bytes - HEAD))
        return damaged(heap, (int64_t)(at & INT64_MAX), "beyond the end of the file");
    TRN_TRY(trn_bytes_read(heap->fd, heap->path, (int64_t)at, head, HEAD));
    uint64_t size = trn_little(head + 8, 8);
    if (memcmp(head, "GCOL\1", 5) != 0 || size < HEAD || size > (uint64_t)heap->bytes - at)
        return damaged(heap, (int64_t)at, "no collection");
    heap->size = (int64_t)size;
    if ((heap->budget -= heap->size) < 0) return damaged(heap, (int64_t)at, "out of order");
    TRN_TRY(trn_grow(&heap->data, &heap->capacity, heap->size, 1, "strings of a store"));
    TRN_TRY(trn_bytes_read(heap->fd, heap->path, (int64_t)at, heap->data, heap->size));
    TRN_TRY(list_objects(heap));
    heap->at = (int64_t)at;
    return TRN_OK;
}

/* The string that an element names, *length bytes; borrowed until the next. */
static trn_status_t find(heap_t *heap, const char *element, const char **string, int64_t *length) {
    uint64_t at = trn_little(element + 4, 8), index = trn_little(element + 12, 4);
    *length = (int64_t)trn_little(element, 4);
    *string = "";
    if (*length == 0) return TRN_OK;
    if (heap->at == 0 || at != (uint64_t)heap->at) TRN_TRY(load(heap, at));
    if (index >= OBJECTS || heap->object[index] == 0 || heap->object_size[index] < *length)
        return damaged(heap, heap->at, "no such object");
    *string = heap->data + heap->object[index];
    if (memchr(*string, '\0', (size_t)*length)) return damaged(heap, heap->at, "a NUL byte");
    return TRN_OK;
}

/* Strings of `rows` elements, one after the other, each with its NUL. A sound file cannot hold more
 * bytes of text than it has, which bounds the memory. */
static trn_status_t read_all(heap_t *heap, int64_t offset, int64_t rows, char *elements,
                             char **text, int64_t *bytes) {
    int64_t capacity = 0, length;
    const char *string;
    for (int64_t row = 0; row < rows; row++) {
        int64_t some = rows - row < ROWS ? rows - row : ROWS;
        if (row % ROWS == 0)
            TRN_TRY(trn_bytes_read(heap->fd, heap->path, offset + row * ELEMENT, elements,
                                   some * ELEMENT));
        TRN_TRY(find(heap, elements + row % ROWS * ELEMENT, &string, &length));
        if (*bytes + length - row > heap->bytes)
            return damaged(heap, heap->at, "longer than the file");
        TRN_TRY(trn_grow(text, &capacity, *bytes + length + 1, 1, "strings of a store"));
        memcpy(*text + *bytes, string, (size_t)length);
        *bytes += length + 1;
        (*text)[*bytes - 1] = '\0';
    }
    return TRN_OK;
}

/* The elements alone are read: they say how long their strings are, for a bound that is checked
 * when they come. */
trn_status_t trn_heap_bytes(int fd, const char *path, int64_t offset, int64_t rows,
                            int64_t *bytes) {
    char *elements;
    trn_status_t status = TRN_OK;
    *bytes = rows;
    TRN_TRY(trn_alloc(&elements, ROWS, ELEMENT, "strings of a store"));
    for (int64_t row = 0, some; row < rows && status == TRN_OK; row += some) {
        some = rows - row < ROWS ? rows - row : ROWS;
        status = trn_bytes_read(fd, path, offset + row * ELEMENT, elements, some * ELEMENT);
        for (int64_t i = 0; i < some && status == TRN_OK; i++)
            *bytes += (int64_t)trn_little(elements + i * ELEMENT, 4);
    }
    trn_free(&elements);
    return status;
}

/* The table of objects is as large as an index can be, so that no index of a forged file lies
 * outside it. */
trn_status_t trn_heap_strings(int fd, const char *path, int64_t offset, int64_t rows, char **text,
                              int64_t *bytes) {
    heap_t heap = {.fd = fd, .path = path, .bytes = (int64_t)lseek(fd, 0, SEEK_END)};
    char *elements = NULL;
    *text = NULL;
    *bytes = 0;
    if (offset < 0 || rows > (heap.bytes - offset) / ELEMENT)
        return damaged(&heap, offset, "beyond the end of the file");
    /* Our own files name a collection once; those of others may share one between datasets. */
    heap.budget = MOST_READS * heap.bytes + 2 * COLLECTION * rows;
    trn_status_t status;
    TRN_OR(done, trn_alloc_zero(&heap.object, OBJECTS, sizeof *heap.object, "strings of a store"));
    TRN_OR(done, trn_alloc(&heap.object_size, OBJECTS, sizeof *heap.object, "strings of a store"));
    TRN_OR(done, trn_alloc(&elements, ROWS, ELEMENT, "strings of a store"));
    status = read_all(&heap, offset, rows, elements, text, bytes);
done:
    trn_free(&heap.object);
    trn_free(&heap.object_size);
    trn_free(&heap.data);
    trn_free(&elements);
    if (status != TRN_OK) trn_free(text);
    return status;
}
