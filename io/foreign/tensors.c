/* tensors.c: heads of safetensors files and of their indices (tensors.h). */
#define _POSIX_C_SOURCE 200809L
#include "io/foreign/tensors.h"

#include "base/mem.h"
#include "io/bytes.h"
#include "io/foreign/json_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LENGTH = 8 /* bytes that say how long the head is */, MOST_NAMED = 255, DEEPEST = 8 };

/* All element types of the format; `type` TRN_OTHER: listed, not read. */
static const struct kind {
    const char *name;
    int bits;
    trn_dtype_t type;
} kinds[] = {
    {"F64", 64, TRN_F64},          {"F32", 32, TRN_F32},      {"F16", 16, TRN_F16},
    {"BF16", 16, TRN_BF16},        {"I64", 64, TRN_I64},      {"I32", 32, TRN_I32},
    {"I16", 16, TRN_I16},          {"I8", 8, TRN_I8},         {"U64", 64, TRN_U64},
    {"U32", 32, TRN_U32},          {"U16", 16, TRN_U16},      {"U8", 8, TRN_U8},
    {"BOOL", 8, TRN_BOOL},         {"C64", 64, TRN_OTHER},    {"F8_E5M2", 8, TRN_OTHER},
    {"F8_E4M3", 8, TRN_OTHER},     {"F8_E8M0", 8, TRN_OTHER}, {"F8_E4M3FNUZ", 8, TRN_OTHER},
    {"F8_E5M2FNUZ", 8, TRN_OTHER}, {"F6_E2M3", 6, TRN_OTHER}, {"F6_E3M2", 6, TRN_OTHER},
    {"F4", 4, TRN_OTHER}};

enum { KINDS = sizeof kinds / sizeof *kinds };

const char *trn_tensor_kind_of(trn_dtype_t type) {
    for (int i = 0; i < KINDS; i++)
        if (kinds[i].type == type) return kinds[i].name;
    return "";
}

/* One tensor ----------------------------------------------------------------------------------- */

/* The sides of a shape; *elements is their product. */
static trn_status_t take_shape(trn_json_scan_t *scan, trn_tensor_t *tensor, int64_t *elements) {
    bool more, huge = false;
    int64_t side;
    int rank = 0;
    TRN_TRY(trn_json_scan_take(scan, '['));
    tensor->shape = (uint32_t)(scan->at - scan->begin);
    *elements = 1;
    for (bool first = true;; first = false) {
        TRN_TRY(trn_json_scan_next(scan, first, ']', &more));
        if (!more) break;
        TRN_TRY(trn_json_scan_natural(scan, &side));
        /* In the order in which they stand: a 0 behind a product that is too large saves nothing.
         */
        huge = huge || __builtin_mul_overflow(*elements, side, elements);
        if (++rank > UINT8_MAX) return trn_json_scan_fail(scan, "more than 255 sides of a tensor");
    }
    tensor->rank = (uint8_t)rank;
    return huge ? trn_json_scan_fail(scan, "a shape of 2^63 numbers or more") : TRN_OK;
}

static trn_status_t take_kind(trn_json_scan_t *scan, trn_tensor_t *tensor) {
    char *name;
    TRN_TRY(trn_json_scan_string(scan, &name));
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(name, kinds[i].name) != 0) continue;
        tensor->kind = (uint8_t)i;
        return TRN_OK;
    }
    return trn_json_scan_fail(scan, "an unknown element type");
}

static trn_status_t take_offsets(trn_json_scan_t *scan, trn_tensor_t *tensor) {
    TRN_TRY(trn_json_scan_take(scan, '['));
    TRN_TRY(trn_json_scan_natural(scan, &tensor->begin));
    TRN_TRY(trn_json_scan_take(scan, ','));
    TRN_TRY(trn_json_scan_natural(scan, &tensor->end));
    return trn_json_scan_take(scan, ']');
}

static trn_status_t check_size(const trn_json_scan_t *scan, const trn_tensor_t *tensor,
                               int64_t elements) {
    int64_t bits;
    if (tensor->end < tensor->begin)
        return trn_json_scan_fail(scan, "a tensor that ends before it begins");
    if (__builtin_mul_overflow(elements, kinds[tensor->kind].bits, &bits))
        return trn_json_scan_fail(scan, "a tensor of 2^63 bits or more");
    if (bits % 8 != 0) return trn_json_scan_fail(scan, "a tensor that ends inside a byte");
    if (tensor->end - tensor->begin != bits / 8)
        return trn_json_scan_fail(scan, "a shape of other size than the bytes it is given");
    return TRN_OK;
}

/* {"dtype": ..., "shape": ..., "data_offsets": ...}, each once, in any order. */
static trn_status_t take_tensor(trn_json_scan_t *scan, trn_tensor_t *tensor) {
    enum { KIND = 1, SHAPE = 2, OFFSETS = 4 };
    int seen = 0, now;
    int64_t elements = 0;
    bool more;
    TRN_TRY(trn_json_scan_take(scan, '{'));
    for (bool first = true;; first = false) {
        char *key;
        TRN_TRY(trn_json_scan_next(scan, first, '}', &more));
        if (!more) break;
        TRN_TRY(trn_json_scan_string(scan, &key));
        TRN_TRY(trn_json_scan_take(scan, ':'));
        now = strcmp(key, "dtype") == 0          ? KIND
              : strcmp(key, "shape") == 0        ? SHAPE
              : strcmp(key, "data_offsets") == 0 ? OFFSETS
                                                 : 0;
        if (!now || seen & now)
            return trn_json_scan_fail(scan, now ? "one thing about a tensor said twice"
                                                : "something unknown said about a tensor");
        seen |= now;
        TRN_TRY(now == KIND    ? take_kind(scan, tensor)
                : now == SHAPE ? take_shape(scan, tensor, &elements)
                               : take_offsets(scan, tensor));
    }
    if (seen != (KIND | SHAPE | OFFSETS))
        return trn_json_scan_fail(scan, "a tensor without dtype, shape or data_offsets");
    return check_size(scan, tensor, elements);
}

/* All of them ---------------------------------------------------------------------------------- */

/* Places of names in a text, to see that they differ. */
typedef struct names {
    const char **name;
    int64_t count, capacity;
} names_t;

static trn_status_t add_name(names_t *names, const char *name) {
    if (names->count == names->capacity) {
        int64_t capacity = 2 * names->capacity + 64;
        TRN_TRY(trn_realloc(&names->name, capacity, sizeof *names->name, "names of tensors"));
        names->capacity = capacity;
    }
    names->name[names->count++] = name;
    return TRN_OK;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Frees the list. */
static trn_status_t check_differ(const char *path, names_t *names) {
    trn_status_t status = TRN_OK;
    if (names->count > 1) qsort(names->name, (size_t)names->count, sizeof *names->name, by_text);
    for (int64_t i = 1; i < names->count && status == TRN_OK; i++)
        if (strcmp(names->name[i - 1], names->name[i]) == 0)
            status = trn_fail(TRN_INPUT, "%s: says '%.100s' twice; damaged?", path, names->name[i]);
    trn_free(&names->name);
    return status;
}

/* Told of a pair of texts. */
typedef trn_status_t (*pair_t)(void *user, const char *key, const char *value);

/* {"key": "value", ...}, whose keys differ. */
static trn_status_t take_pairs(trn_json_scan_t *scan, pair_t visit, void *user) {
    names_t keys = {0};
    trn_status_t status = trn_json_scan_take(scan, '{');
    bool more = true;
    for (bool first = true; status == TRN_OK && more; first = false) {
        char *key, *value;
        TRN_OR(done, trn_json_scan_next(scan, first, '}', &more));
        if (!more) break;
        TRN_OR(done, trn_json_scan_string(scan, &key));
        TRN_OR(done, trn_json_scan_take(scan, ':'));
        TRN_OR(done, trn_json_scan_string(scan, &value));
        TRN_OR(done, add_name(&keys, key));
        TRN_OR(done, visit(user, key, value));
    }
    if (status == TRN_OK) status = check_differ(scan->path, &keys);
done:
    trn_free(&keys.name);
    return status;
}

/* Of metadata, which nobody here asks for. */
static trn_status_t ignore(void *user, const char *key, const char *value) {
    (void)user, (void)key, (void)value;
    return TRN_OK;
}

/* Room for as many tensors as there are, at once: each has two brackets that open, and takes
 * SHORTEST bytes at least, so that the list is smaller than the text. */
static trn_status_t make_room(trn_tensors_t *all, const char *text, int64_t bytes) {
    enum { SHORTEST = 49 };
    int64_t brackets = 0;
    for (int64_t i = 0; i < bytes; i++)
        brackets += text[i] == '[';
    all->capacity = brackets / 2 < bytes / SHORTEST ? brackets / 2 : bytes / SHORTEST;
    return trn_alloc(&all->tensor, all->capacity, sizeof *all->tensor, "a list of tensors");
}

static trn_status_t add_tensor(trn_tensors_t *all, const trn_json_scan_t *scan,
                               const trn_tensor_t *tensor) {
    if (all->count == all->capacity) return trn_json_scan_fail(scan, "more tensors than have room");
    all->tensor[all->count++] = *tensor;
    return TRN_OK;
}

static trn_status_t take_all(trn_tensors_t *all, trn_json_scan_t *scan) {
    bool more, metadata = false;
    if (scan->at == scan->end || *scan->at != '{')
        return trn_json_scan_fail(scan, "the head does not begin with '{'");
    scan->at++;
    for (bool first = true;; first = false) {
        char *name;
        trn_tensor_t tensor = {0};
        TRN_TRY(trn_json_scan_next(scan, first, '}', &more));
        if (!more) return trn_json_scan_end(scan);
        TRN_TRY(trn_json_scan_string(scan, &name));
        TRN_TRY(trn_json_scan_take(scan, ':'));
        tensor.name = (uint32_t)(name - scan->begin);
        bool about = strcmp(name, "__metadata__") == 0;
        if (about && metadata) return trn_json_scan_fail(scan, "__metadata__ twice");
        metadata = metadata || about;
        TRN_TRY(about ? take_pairs(scan, ignore, NULL) : take_tensor(scan, &tensor));
        if (!about) TRN_TRY(add_tensor(all, scan, &tensor));
    }
}

static trn_status_t check_names(const trn_tensors_t *all, const char *path) {
    names_t names = {NULL, 0, all->count};
    TRN_TRY(trn_alloc(&names.name, all->count, sizeof *names.name, "names of tensors"));
    for (int64_t i = 0; i < all->count; i++)
        names.name[names.count++] = all->text + all->tensor[i].name;
    return check_differ(path, &names);
}

static int by_place(const void *a, const void *b) {
    const trn_tensor_t *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* The tensors follow each other and fill `data` bytes. Most files list them in that order. */
static trn_status_t check_places(trn_tensors_t *all, const char *path, int64_t data) {
    bool sorted = true;
    for (int64_t i = 1; i < all->count && sorted; i++)
        sorted = by_place(&all->tensor[i - 1], &all->tensor[i]) <= 0;
    if (!sorted) qsort(all->tensor, (size_t)all->count, sizeof *all->tensor, by_place);
    int64_t at = 0;
    for (int64_t i = 0; i < all->count; i++) {
        const trn_tensor_t *tensor = &all->tensor[i];
        if (tensor->begin != at)
            return trn_fail(TRN_INPUT,
                            "%s: tensor '%.100s' begins at %lld, the one before ends at "
                            "%lld; damaged?",
                            path, trn_tensor_name(all, tensor), (long long)tensor->begin,
                            (long long)at);
        at = tensor->end;
    }
    if (at == data) return TRN_OK;
    return trn_fail(
        TRN_INPUT,
        "%s: its tensors take %lld bytes, but %lld follow the head; cut short or damaged", path,
        (long long)at, (long long)data);
}

trn_status_t trn_tensors_parse(trn_tensors_t *all, const char *path, char *text, int64_t bytes,
                               int64_t data) {
    trn_json_scan_t scan;
    all->text = text;
    all->data = LENGTH + bytes;
    TRN_TRY(trn_json_scan_begin(&scan, path, text, bytes, LENGTH));
    TRN_TRY(make_room(all, text, bytes));
    TRN_TRY(take_all(all, &scan));
    TRN_TRY(check_names(all, path));
    return check_places(all, path, data);
}

void trn_tensors_free(trn_tensors_t *all) {
    trn_free(&all->text);
    trn_free(&all->tensor);
    *all = (trn_tensors_t){0};
}

static trn_status_t read_head(trn_tensors_t *all, int fd, const char *path) {
    unsigned char length[LENGTH];
    struct stat about;
    uint64_t bytes = 0;
    char *text;
    if (fstat(fd, &about) != 0)
        return trn_fail(TRN_IO, "%s: cannot look at it: %s; check the disk", path, strerror(errno));
    if (about.st_size < LENGTH)
        return trn_fail(TRN_INPUT, "%s: is too short for a safetensors file", path);
    TRN_TRY(trn_bytes_read(fd, path, 0, length, LENGTH));
    for (int i = LENGTH - 1; i >= 0; i--)
        bytes = bytes << 8 | length[i];
    if (bytes > TRN_TENSORS_HEAD || (int64_t)bytes > about.st_size - LENGTH)
        return trn_fail(
            TRN_INPUT,
            "%s: a head of %llu bytes is more than the file has, or than the %d that the "
            "format allows; cut short or damaged",
            path, (unsigned long long)bytes, (int)TRN_TENSORS_HEAD);
    TRN_TRY(trn_alloc(&text, (int64_t)bytes, 1, "a head of safetensors"));
    trn_status_t status = trn_bytes_read(fd, path, LENGTH, text, (int64_t)bytes);
    if (status != TRN_OK) trn_free(&text);
    TRN_TRY(status);
    return trn_tensors_parse(all, path, text, (int64_t)bytes,
                             about.st_size - LENGTH - (int64_t)bytes);
}

trn_status_t trn_tensors_read(trn_tensors_t *all, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return trn_fail(TRN_INPUT, "%s: cannot open: %s; check the path", path, strerror(errno));
    trn_status_t status = read_head(all, fd, path);
    close(fd);
    if (status != TRN_OK) trn_tensors_free(all);
    return status;
}

/* Ask ------------------------------------------------------------------------------------------ */

const char *trn_tensor_name(const trn_tensors_t *all, const trn_tensor_t *tensor) {
    return all->text + tensor->name;
}

const char *trn_tensor_kind(const trn_tensor_t *tensor) {
    return kinds[tensor->kind].name;
}

trn_dtype_t trn_tensor_type(const trn_tensor_t *tensor) {
    return kinds[tensor->kind].type;
}

void trn_tensor_extent(const trn_tensors_t *all, const trn_tensor_t *tensor, int64_t extent[8]) {
    const char *at = all->text + tensor->shape;
    for (int i = 0; i < tensor->rank && i < 8;
         i++) { /* it has been read before: it is well formed */
        char *end;
        at += strspn(at, " \t\r\n,");
        extent[i] = strtoll(at, &end, 10);
        at = end;
    }
}

const trn_tensor_t *trn_tensors_find(const trn_tensors_t *all, const char *name) {
    for (int64_t i = 0; i < all->count; i++)
        if (strcmp(trn_tensor_name(all, &all->tensor[i]), name) == 0) return &all->tensor[i];
    return NULL;
}

trn_status_t trn_tensors_is_index(const char *path, bool *index) {
    char head[LENGTH + 1] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return trn_fail(TRN_INPUT, "%s: cannot open: %s; check the path", path, strerror(errno));
    ssize_t got = pread(fd, head, LENGTH, 0);
    close(fd);
    if (got < 0)
        return trn_fail(TRN_IO, "%s: cannot read: %s; check the disk", path, strerror(errno));
    /* The length of a head has zeros in its upper bytes, text has none. */
    *index = head[strspn(head, " \t\r\n")] == '{' && !memchr(head, '\0', (size_t)got);
    return TRN_OK;
}

/* Indices -------------------------------------------------------------------------------------- */

/* Whoever asks for the map of an index. */
typedef struct asker {
    const trn_json_scan_t *scan;
    pair_t visit;
    void *user;
} asker_t;

/* Where a tensor is: a file of the same folder. */
static trn_status_t take_place(void *user, const char *tensor, const char *file) {
    const asker_t *asker = user;
    size_t length = strlen(file);
    if (length > 0 && length <= MOST_NAMED && !strpbrk(file, "/\\") && strcmp(file, ".") != 0 &&
        !strstr(file, ".."))
        return asker->visit(asker->user, tensor, file);
    return trn_json_scan_fail(asker->scan,
                              "the name of a file that is none, or leads to another folder");
}

static trn_status_t take_index(trn_json_scan_t *scan, pair_t visit, void *user) {
    asker_t asker = {scan, visit, user};
    bool more, found = false;
    TRN_TRY(trn_json_scan_take(scan, '{'));
    for (bool first = true;; first = false) {
        char *key;
        TRN_TRY(trn_json_scan_next(scan, first, '}', &more));
        if (!more) break;
        TRN_TRY(trn_json_scan_string(scan, &key));
        TRN_TRY(trn_json_scan_take(scan, ':'));
        bool map = strcmp(key, "weight_map") == 0;
        if (map && found) return trn_json_scan_fail(scan, "weight_map twice");
        found = found || map;
        TRN_TRY(map ? take_pairs(scan, take_place, &asker) : trn_json_scan_skip(scan, DEEPEST));
    }
    TRN_TRY(trn_json_scan_end(scan));
    return found ? TRN_OK : trn_json_scan_fail(scan, "no weight_map in this index");
}

trn_status_t trn_tensors_index(const char *path, pair_t visit, void *user) {
    struct stat about;
    char *text = NULL;
    trn_json_scan_t scan;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) != 0) {
        if (fd >= 0) close(fd);
        return trn_fail(TRN_INPUT, "%s: cannot open: %s; check the path", path, strerror(errno));
    }
    trn_status_t status = TRN_OK;
    if (about.st_size > TRN_TENSORS_HEAD)
        status = trn_fail(TRN_INPUT, "%s: an index of %lld bytes; at most %d are read", path,
                          (long long)about.st_size, (int)TRN_TENSORS_HEAD);
    if (status == TRN_OK) status = trn_alloc(&text, about.st_size, 1, "an index of safetensors");
    if (status == TRN_OK) status = trn_bytes_read(fd, path, 0, text, about.st_size);
    if (status == TRN_OK) status = trn_json_scan_begin(&scan, path, text, about.st_size, 0);
    if (status == TRN_OK) status = take_index(&scan, visit, user);
    close(fd);
    trn_free(&text);
    return status;
}
