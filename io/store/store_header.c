/* store_header.c: the attributes of an object out of its header, without HDF5, and the lists of a
 * group that HDF5 would follow for ever.
 *
 * Object headers of version 1, as h5py writes them, carry no checksum, and HDF5 1.10 reads beyond a
 * damaged attribute while it decodes it. Here every size is checked against what it lies in. A
 * header is a run of messages, each a type, a size and its bytes, and goes on where one of them
 * says (HDF5 File Format Specification 3.0, sections II.A, III.D, IV.A.1.a and IV.A.2.b, d, m, q,
 * r; all numbers of the format are little-endian). */
#include "base/mem.h"
#include "io/store/store_impl.h"

#include <string.h>
#include <unistd.h>

enum {
    PREFIX = 16, /* of a header */
    HEAD = 8,    /* of a message */
    ATTRIBUTE = 0x0c,
    CONTINUATION = 0x10,
    SYMBOL_TABLE = 0x11, /* of a group: where its names lie */
    LOCAL_HEAP = 32,     /* bytes of a head of names */
    FREE = 16,           /* of a free piece among names: next one, size */
    NO_MORE = 1,         /* after the last of them */
    SHARED = 2,          /* flag: the message lies elsewhere */
    CLASS_INTEGER = 0,
    CLASS_REAL = 1,
    CLASS_TEXT = 3,
    CLASS_VARIABLE = 9 /* of any length: its element says where in the heap it lies */
};

/* Bytes of the file, or of what lies around them. */
typedef struct span {
    const char *at;
    int64_t bytes;
} span_t;

typedef struct place {
    int64_t at, bytes;
} place_t;

typedef struct header {
    int fd;
    const char *path, *object;
    trn_table_t *table;
    int64_t file_bytes;
    int64_t budget;   /* bytes that its pieces may yet have */
    int64_t messages; /* yet to come */
    place_t *piece;   /* [pieces] */
    int64_t pieces, piece_capacity;
    char *data;      /* of the piece at hand */
    int64_t data_at; /* where in the file that begins */
    int64_t data_capacity;
} header_t;

static trn_status_t damaged(const char *what) {
    return trn_fail(TRN_INPUT, "is cut short or damaged (%s); use another copy", what);
}

/* Take `bytes` off the front, and what fills them up to a multiple of `unit`. */
static bool take(span_t *from, uint64_t bytes, int64_t unit, span_t *part) {
    if (bytes > (uint64_t)from->bytes) return false;
    int64_t all = ((int64_t)bytes + unit - 1) / unit * unit;
    if (all > from->bytes) return false;
    *part = (span_t){from->at, (int64_t)bytes};
    *from = (span_t){from->at + all, from->bytes - all};
    return true;
}

/* Whether a dataspace is one element. */
static bool is_single(span_t space) {
    if (space.bytes < 4) return false;
    int version = space.at[0], rank = space.at[1], head = version == 1 ? 8 : 4;
    if (version == 2 && space.at[3] == 2) return false; /* a null space */
    if (rank < 0 || head + 8 * rank > space.bytes) return false;
    for (int i = 0; i < rank; i++)
        if (trn_little(space.at + head + 8 * i, 8) != 1) return false;
    return true;
}

/* A number of `size` bytes, which stand the other way round if its type says so. */
static uint64_t number_of(span_t type, span_t data, int64_t size) {
    char turned[8];
    for (int64_t i = 0; i < size; i++)
        turned[i] = data.at[type.at[1] & 1 ? size - 1 - i : i];
    return trn_little(turned, (int)size);
}

/* Integers of 1 to 8 bytes become an int64, sign extended; one with padding bits is passed over. */
static trn_status_t add_integer(header_t *h, const char *name, span_t type, span_t data,
                                int64_t size) {
    bool is_signed = type.at[1] & 8;
    trn_attribute_t *to;
    if (type.bytes < 12 || size < 1 || size > 8 ||
        trn_little(type.at + 8, 4) != (uint64_t)size << 19) /* its bits: from 0, all */
        return TRN_OK;
    uint64_t value = number_of(type, data, size), top = (uint64_t)1 << (8 * size - 1);
    if (is_signed && (value & top)) value |= ~(top | (top - 1));
    TRN_TRY(trn_table_add_attribute(h->table, h->object, name,
                                    is_signed ? TRN_ATTRIBUTE_INT : TRN_ATTRIBUTE_UNSIGNED, &to));
    to->integer = (int64_t)value;
    return TRN_OK;
}

/* float32 and float64 of IEEE, by the 12 bytes that describe their bits; others are passed over. */
static trn_status_t add_real(header_t *h, const char *name, span_t type, span_t data,
                             int64_t size) {
    static const char single[12] = {0, 0, 32, 0, 23, 8, 0, 23, 127};
    static const char twice[12] = {0, 0, 64, 0, 52, 11, 0, 52, (char)0xff, 3};
    trn_attribute_t *to;
    if (type.bytes < 20 || (size != 4 && size != 8) || type.at[1] & 0x40 ||
        memcmp(type.at + 8, size == 4 ? single : twice, 12) != 0)
        return TRN_OK;
    uint64_t bits = number_of(type, data, size);
    float narrow;
    TRN_TRY(trn_table_add_attribute(h->table, h->object, name, TRN_ATTRIBUTE_REAL, &to));
    memcpy(&narrow, &(uint32_t){(uint32_t)bits}, sizeof narrow);
    memcpy(&to->real, &bits, sizeof to->real);
    if (size == 4) to->real = (double)narrow;
    return TRN_OK;
}

/* A text of fixed length, which may lack its NUL: a byte more is taken for it. */
static trn_status_t add_text(header_t *h, const char *name, span_t data, int64_t size) {
    trn_attribute_t *to;
    char *value;
    TRN_TRY(trn_alloc_zero(&value, size + 1, 1, "an attribute"));
    memcpy(value, data.at, (size_t)size);
    trn_status_t status =
        trn_table_add_attribute(h->table, h->object, name, TRN_ATTRIBUTE_TEXT, &to);
    int64_t text = 0;
    if (status == TRN_OK) status = trn_table_add_text(h->table, value, &text);
    if (status == TRN_OK) to->text = text;
    trn_free(&value);
    return status;
}

/* As h5py writes a text: an element that names a string in the global heap. */
static trn_status_t add_variable(header_t *h, const char *name, span_t type, span_t data,
                                 int64_t size) {
    char *text;
    int64_t bytes, at = h->data_at + (data.at - h->data);
    if ((type.at[1] & 15) != 1 || size != TRN_HEAP_ELEMENT) return TRN_OK; /* no text */
    TRN_TRY(trn_heap_strings(h->fd, h->path, at, 1, &text, &bytes));
    trn_status_t status = add_text(h, name, (span_t){text, bytes}, bytes);
    trn_free(&text);
    return status;
}

/* Types that we have no use for are passed over. */
static trn_status_t read_attribute(header_t *h, span_t message) {
    span_t head, name, type, space;
    int version = message.bytes > 0 ? message.at[0] : 0;
    int64_t unit = version == 1 ? 8 : 1;
    if (version < 1 || version > 3 || !take(&message, version == 3 ? 9 : 8, 1, &head))
        return damaged("an attribute's version");
    if (version > 1 && head.at[1] & 3) return TRN_OK; /* its type or space lies elsewhere */
    if (!take(&message, trn_little(head.at + 2, 2), unit, &name) ||
        !take(&message, trn_little(head.at + 4, 2), unit, &type) ||
        !take(&message, trn_little(head.at + 6, 2), unit, &space))
        return damaged("the size of an attribute or a part of it");
    if (!memchr(name.at, '\0', (size_t)name.bytes)) return damaged("an attribute's name");
    if (type.bytes < 8) return damaged("an attribute's type");
    int class = type.at[0] & 15;
    int64_t size = (int64_t)trn_little(type.at + 4, 4);
    bool known = class == CLASS_INTEGER || class == CLASS_REAL || class == CLASS_TEXT ||
                 class == CLASS_VARIABLE;
    if (!known || !is_single(space)) return TRN_OK;
    if (size > message.bytes) return damaged("an attribute longer than its place");
    return class == CLASS_INTEGER ? add_integer(h, name.at, type, message, size)
           : class == CLASS_REAL  ? add_real(h, name.at, type, message, size)
           : class == CLASS_TEXT  ? add_text(h, name.at, message, size)
                                  : add_variable(h, name.at, type, message, size);
}

/* The free pieces of a group's names form a list, which must end. */
static trn_status_t check_names(int fd, const char *path, int64_t file_bytes, uint64_t at) {
    char head[LOCAL_HEAP], piece[FREE];
    if (at > (uint64_t)file_bytes || file_bytes - (int64_t)at < LOCAL_HEAP) return TRN_OK;
    TRN_TRY(trn_bytes_read(fd, path, (int64_t)at, head, LOCAL_HEAP));
    uint64_t bytes = trn_little(head + 8, 8), next = trn_little(head + 16, 8);
    uint64_t data = trn_little(head + 24, 8), most = (uint64_t)file_bytes / FREE;
    if (data > (uint64_t)file_bytes || bytes > (uint64_t)file_bytes - data)
        return trn_fail(TRN_INPUT, "a group's names are beyond the end of the file; use another "
                                   "copy");
    for (uint64_t i = 0; next != NO_MORE; i++) { /* what is out of place HDF5 finds itself */
        if (next > bytes || bytes - next < FREE) return TRN_OK;
        if (i > most)
            return trn_fail(TRN_INPUT, "a group's names are damaged (a list without an end); use "
                                       "another copy");
        TRN_TRY(trn_bytes_read(fd, path, (int64_t)(data + next), piece, FREE));
        next = trn_little(piece, 8);
    }
    return TRN_OK;
}

/* One more piece of the header. All pieces together may have no more bytes than the file, so that
 * pieces which name each other come to an end. */
static trn_status_t add_piece(header_t *h, uint64_t at, uint64_t bytes) {
    if (at > (uint64_t)h->file_bytes || bytes > (uint64_t)h->file_bytes - at ||
        bytes > (uint64_t)h->budget)
        return damaged("a header beyond the end of the file");
    h->budget -= (int64_t)bytes;
    TRN_TRY(trn_grow(&h->piece, &h->piece_capacity, h->pieces + 1, sizeof *h->piece,
                     "a header of a store"));
    h->piece[h->pieces++] = (place_t){(int64_t)at, (int64_t)bytes};
    return TRN_OK;
}

/* Take the messages of a piece one by one. What names a further piece puts it on the list; the
 * number of messages in the prefix bounds them all. */
static trn_status_t read_piece(header_t *h, place_t place) {
    TRN_TRY(trn_grow(&h->data, &h->data_capacity, place.bytes, 1, "a header of a store"));
    TRN_TRY(trn_bytes_read(h->fd, h->path, place.at, h->data, place.bytes));
    h->data_at = place.at;
    span_t rest = {h->data, place.bytes}, head, message;
    while (h->messages > 0 && take(&rest, HEAD, 1, &head)) {
        uint64_t type = trn_little(head.at, 2);
        if (!take(&rest, trn_little(head.at + 2, 2), 1, &message))
            return damaged("the size of an attribute or a part of it");
        h->messages--;
        if (type == CONTINUATION) {
            if (message.bytes < 16) return damaged("where its header goes on");
            TRN_TRY(add_piece(h, trn_little(message.at, 8), trn_little(message.at + 8, 8)));
        } else if (type == SYMBOL_TABLE && message.bytes >= 16) {
            TRN_TRY(check_names(h->fd, h->path, h->file_bytes, trn_little(message.at + 8, 8)));
        } else if (type == ATTRIBUTE && h->table && !(head.at[4] & SHARED)) {
            TRN_TRY(read_attribute(h, message));
        }
    }
    return TRN_OK;
}

/* The list of pieces grows while it is walked; add_piece's budget makes it end. */
trn_status_t trn_header_attributes(int fd, const char *path, uint64_t address, const char *object,
                                   trn_table_t *table, bool *plain) {
    int64_t bytes = (int64_t)lseek(fd, 0, SEEK_END);
    header_t h = {.fd = fd, .path = path, .object = object, .table = table};
    char prefix[PREFIX];
    h.file_bytes = h.budget = bytes;
    *plain = false;
    if (address > (uint64_t)bytes || bytes - (int64_t)address < PREFIX)
        return damaged("a header beyond the end of the file");
    TRN_TRY(trn_bytes_read(fd, path, (int64_t)address, prefix, PREFIX));
    *plain = prefix[0] == 1;
    if (!*plain) return TRN_OK;
    h.messages = (int64_t)trn_little(prefix + 2, 2);
    trn_status_t status = add_piece(&h, address + PREFIX, trn_little(prefix + 8, 4));
    for (int64_t i = 0; i < h.pieces && status == TRN_OK; i++)
        status = read_piece(&h, h.piece[i]);
    trn_free(&h.piece);
    trn_free(&h.data);
    return status;
}

/* In the old format the superblock itself names the root's header and, perhaps, its names; newer
 * ones carry checksums, and are left to HDF5. */
trn_status_t trn_header_root(int fd, const char *path) {
    enum { SUPERBLOCK = 100, ENTRY = 56 /* of the root, in version 0 */ };
    char block[SUPERBLOCK];
    int64_t bytes = (int64_t)lseek(fd, 0, SEEK_END);
    bool plain;
    if (bytes < SUPERBLOCK) return TRN_OK;
    TRN_TRY(trn_bytes_read(fd, path, 0, block, SUPERBLOCK));
    if (memcmp(block, "\211HDF\r\n\032\n", 8) != 0 || (block[8] != 0 && block[8] != 1))
        return TRN_OK;
    const char *root = block + ENTRY + (block[8] == 1 ? 4 : 0);
    uint64_t address = trn_little(root + 8, 8);
    trn_status_t status = TRN_OK;
    if (trn_little(root + 16, 4) == 1) /* it says again where the names lie */
        status = check_names(fd, path, bytes, trn_little(root + 32, 8));
    if (status == TRN_OK && address < (uint64_t)(bytes - PREFIX))
        status = trn_header_attributes(fd, path, address, "/", NULL, &plain);
    return status == TRN_OK ? status : trn_fail_prefix(status, "%s: ", path);
}
