/* h5_foreign.c: HDF5 of others: which of its matrices is meant, and its rows (h5_foreign.h).
 *
 * Rank 0 asks for a list and chooses; then every rank has a child of its own read its rows
 * (io/foreign). Columns of a compressed matrix are checked as they pass, for nothing in the file
 * says that they are in range or in order. */
#include "io/formats/h5_foreign.h"

#include "base/mem.h"
#include "base/strings.h"
#include "io/foreign/foreign.h"
#include "io/formats/h5_sparse.h"
#include "io/share.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>

enum { PIECE_BYTES = 1 << 20 /* of numbers that are converted at a time */ };

struct trn_h5_foreign {
    trn_foreign_t *file;
    trn_h5_place_t place;
    char *names; /* dataset with the names of the rows; NULL: none */
    char *piece; /* [piece_bytes] */
    int64_t piece_bytes;
};

/* Choosing: rank 0 ------------------------------------------------------------------------------
 */

/* What rank 0 finds out, to be told to all. */
typedef struct found {
    trn_h5_place_t place;
    int64_t rows, cols, entries;
    char *member, *names;
} found_t;

static bool is_sparse(const trn_foreign_item_t *item) {
    return item->kind == TRN_FOREIGN_CSR || item->kind == TRN_FOREIGN_CSC;
}

static bool is_number(const trn_foreign_item_t *item) {
    return !item->flawed && item->type < TRN_NUMBER_TYPES;
}

/* Whether a dataset is a part of the group of a compressed matrix. */
static bool is_part(const trn_foreign_t *file, const trn_foreign_item_t *part) {
    const trn_foreign_item_t *item = trn_foreign_first(file);
    for (; item; item = trn_foreign_next(file, item)) {
        size_t length = strlen(item->name);
        if (is_sparse(item) && strncmp(part->name, item->name, length) == 0 &&
            (part->name[length] == '/' || length == 1))
            return true;
    }
    return false;
}

/* The thing of that name, a group before a dataset. */
static const trn_foreign_item_t *find(const trn_foreign_t *file, const char *name) {
    const trn_foreign_item_t *item = trn_foreign_first(file);
    while (item && (item->kind == TRN_FOREIGN_INDEX || strcmp(item->name, name) != 0))
        item = trn_foreign_next(file, item);
    return item;
}

/* The only matrix, or the only list of numbers where there is no matrix. Checksums of ours are
 * none. *count: how many there are to choose from; text[] names some. */
static const trn_foreign_item_t *only_one(const trn_foreign_t *file, int rank, int64_t *count,
                                          char text[256]) {
    const trn_foreign_item_t *found = NULL, *item = trn_foreign_first(file);
    size_t used = 0;
    *count = 0;
    text[0] = '\0';
    for (; item; item = trn_foreign_next(file, item)) {
        bool fits = item->kind == TRN_FOREIGN_ARRAY && is_number(item) && item->rank == rank &&
                    strncmp(item->name, "/checksum/", 10) != 0 && !is_part(file, item);
        if (!fits && !(rank == 2 && is_sparse(item))) continue;
        if (++*count <= 4 && strlen(item->name) < 60)
            used += (size_t)snprintf(text + used, 256 - used, "%s%s", used ? ", " : "", item->name);
        found = item;
    }
    return *count == 1 ? found : NULL;
}

static trn_status_t choose(const trn_foreign_t *file, const char *path, const char *member,
                           const trn_foreign_item_t **item) {
    int64_t matrices, lists;
    char text[256], other[256];
    *item = *member ? find(file, member) : only_one(file, 2, &matrices, text);
    if (!*item && !*member && matrices == 0) *item = only_one(file, 1, &lists, other);
    if (*item) return TRN_OK;
    if (*member)
        return trn_fail(TRN_INPUT, "%s: has no dataset %s; `trunnion info` lists what it has", path,
                        member);
    if (matrices == 0)
        return trn_fail(TRN_INPUT,
                        "%s: is HDF5, but holds no matrix of numbers; `trunnion info` lists what "
                        "it has, and a part of it is named as %s:/DATASET",
                        path, path);
    return trn_fail(TRN_INPUT,
                    "%s: holds %lld matrices (%s%s); name one, as %s:/DATASET (`trunnion info` "
                    "lists them)",
                    path, (long long)matrices, text, matrices > 4 ? ", ..." : "", path);
}

static trn_status_t check(const char *path, const trn_foreign_item_t *item) {
    if (item->flawed) return trn_fail(TRN_INPUT, "%s:%s: %s", path, item->name, item->what);
    if (item->type >= TRN_NUMBER_TYPES)
        return trn_fail(TRN_INPUT, "%s:%s: holds elements of type %s, not numbers; name another",
                        path, item->name, item->what);
    if (item->rank < 1 || item->rank > 2)
        return trn_fail(TRN_INPUT, "%s:%s: has %d dimensions, not 1 or 2; reshape it", path,
                        item->name, item->rank);
    int64_t rows = item->extent[0], cols = item->rank == 2 ? item->extent[1] : 1, numbers;
    if (!__builtin_mul_overflow(rows, cols > 0 ? cols : 1, &numbers) && rows >= 0 &&
        numbers <= INT64_MAX / 8)
        return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:%s: %lld x %lld is too large", path, item->name, (long long)rows,
                    (long long)cols);
}

/* Names -----------------------------------------------------------------------------------------
 */

static bool names_rows(const trn_foreign_t *file, const char *name, int64_t rows) {
    const trn_foreign_item_t *item = find(file, name);
    return item && item->kind == TRN_FOREIGN_ARRAY && !item->flawed && item->type == TRN_STRING &&
           item->rank == 1 && item->extent[0] == rows;
}

/* The dataset with the names of a matrix's rows: MEMBER_names; `names` or `vocab` beside it; the
 * index of observations in a file of AnnData. */
static trn_status_t find_names(const trn_foreign_t *file, found_t *found) {
    char name[4096];
    const char *member = found->member, *slash = strrchr(member, '/');
    int folder = slash ? (int)(slash - member) : 0;
    static const char *const beside[] = {"names", "vocab"};
    int length = snprintf(name, sizeof name, "%s_names", member);
    bool there = length < (int)sizeof name && names_rows(file, name, found->rows);
    for (int i = 0; i < 2 && !there; i++) {
        length = snprintf(name, sizeof name, "%.*s/%s", folder, member, beside[i]);
        there = length < (int)sizeof name && names_rows(file, name, found->rows);
    }
    const trn_foreign_item_t *item = trn_foreign_first(file);
    for (; item && !there; item = trn_foreign_next(file, item)) {
        if (item->kind != TRN_FOREIGN_INDEX || strcmp(item->name, "/obs") != 0) continue;
        length = snprintf(name, sizeof name, "/obs/%s", item->what);
        there = length < (int)sizeof name && names_rows(file, name, found->rows);
    }
    return there ? trn_strdup(&found->names, name) : TRN_OK;
}

static trn_status_t look_into(trn_h5_foreign_t *h5, const char *path, const char *member,
                              found_t *found) {
    const trn_foreign_item_t *item;
    TRN_TRY(trn_foreign_list(h5->file));
    TRN_TRY(choose(h5->file, path, member, &item));
    TRN_TRY(check(path, item));
    found->rows = item->extent[0];
    found->cols = item->rank == 2 ? item->extent[1] : 1;
    found->entries = item->entries;
    found->place = (trn_h5_place_t){.kind = (trn_foreign_kind_t)item->kind,
                                    .type = (trn_dtype_t)item->type,
                                    .swapped = item->swapped != 0};
    if (is_sparse(item))
        TRN_TRY(trn_h5_sparse_look(h5->file, item, &found->place, &found->rows, &found->cols));
    TRN_TRY(trn_strdup(&found->member, item->name));
    return find_names(h5->file, found);
}

/* Opening ---------------------------------------------------------------------------------------
 */

/* Rank 0's texts and numbers on every rank. Collective. */
static trn_status_t share_found(MPI_Comm comm, found_t *found) {
    int64_t bytes[2] = {0, 0}, numbers[3] = {found->rows, found->cols, found->entries};
    int rank;
    MPI_Comm_rank(comm, &rank);
    if (rank == 0) bytes[0] = (int64_t)strlen(found->member) + 1;
    if (rank == 0 && found->names) bytes[1] = (int64_t)strlen(found->names) + 1;
    TRN_TRY(trn_share(comm, &found->member, &bytes[0], "the name of a dataset"));
    TRN_TRY(trn_share(comm, &found->names, &bytes[1], "the name of a dataset"));
    if (bytes[1] == 0) trn_free(&found->names);
    MPI_Bcast(&found->place, (int)sizeof found->place, MPI_BYTE, 0, comm);
    MPI_Bcast(numbers, 3, MPI_INT64_T, 0, comm);
    found->rows = numbers[0];
    found->cols = numbers[1];
    found->entries = numbers[2];
    return TRN_OK;
}

static void settle(trn_h5_foreign_t *h5, trn_source_t *source, found_t *found) {
    trn_free(&source->member);
    source->member = found->member;
    h5->names = found->names;
    h5->place = found->place;
    found->member = found->names = NULL;
    source->rows = found->rows;
    source->cols = found->cols;
    source->type = found->place.type;
    source->sparse = found->place.kind != TRN_FOREIGN_ARRAY;
    source->routed = found->place.kind == TRN_FOREIGN_CSC;
    source->entries = source->sparse ? found->entries : source->rows * source->cols;
    source->named = h5->names != NULL;
    source->plain = true;
}

trn_status_t trn_h5_foreign_open(trn_h5_foreign_t **foreign, trn_source_t *source) {
    found_t found = {0};
    int rank;
    MPI_Comm_rank(source->comm, &rank);
    trn_status_t status = trn_alloc_zero(foreign, 1, sizeof **foreign, "an HDF5 file");
    if (status == TRN_OK) status = trn_foreign_open(&(*foreign)->file, source->path);
    if (status == TRN_OK && rank == 0)
        status = look_into(*foreign, source->path, source->member, &found);
    status = trn_agree(source->comm, status);
    if (status == TRN_OK) status = share_found(source->comm, &found);
    if (status == TRN_OK) settle(*foreign, source, &found);
    trn_free(&found.member);
    trn_free(&found.names);
    if (status != TRN_OK) trn_h5_foreign_close(foreign);
    return status;
}

void trn_h5_foreign_close(trn_h5_foreign_t **foreign) {
    trn_h5_foreign_t *h5 = *foreign;
    if (!h5) return;
    (void)trn_foreign_close(&h5->file);
    trn_free(&h5->names);
    trn_free(&h5->piece);
    trn_free(foreign);
}

/* Reading ---------------------------------------------------------------------------------------
 */

trn_status_t trn_h5_foreign_read(trn_h5_foreign_t *h5, const trn_source_t *source, int64_t first,
                                 int64_t rows, trn_dtype_t type, void *values,
                                 trn_misfit_t *misfit) {
    const trn_h5_place_t *place = &h5->place;
    int64_t row = source->cols * trn_dtype_size(place->type);
    if (rows == 0 || row == 0) return TRN_OK;
    if (type == place->type && !place->swapped)
        return trn_foreign_read(h5->file, source->member, first, rows, values, rows * row);
    int64_t step = row < PIECE_BYTES ? PIECE_BYTES / row : 1;
    if (!h5->piece) TRN_TRY(trn_alloc(&h5->piece, step * row, 1, "numbers to convert"));
    for (int64_t done = 0, some; done < rows; done += some) {
        some = rows - done < step ? rows - done : step;
        TRN_TRY(
            trn_foreign_read(h5->file, source->member, first + done, some, h5->piece, some * row));
        trn_numbers_t from = {place->type, place->swapped, h5->piece, 1};
        trn_numbers_t to = {type, false,
                            (char *)values + done * source->cols * trn_dtype_size(type), 1};
        trn_convert(from, to, some * source->cols, (first + done) * source->cols, misfit);
    }
    return TRN_OK;
}

trn_status_t trn_h5_foreign_read_sparse(trn_h5_foreign_t *h5, const trn_source_t *source,
                                        trn_sparse_type_t type, trn_extent_t place,
                                        trn_sparse_t **out, trn_misfit_t *misfit) {
    return trn_h5_sparse_rows(h5->file, &h5->place, source, type, place, out, misfit);
}

trn_status_t trn_h5_foreign_route(trn_h5_foreign_t *h5, const trn_source_t *source,
                                  trn_dtype_t type, const trn_route_t *to) {
    return trn_h5_sparse_route(h5->file, &h5->place, source, type, to);
}

static trn_status_t read_names(trn_h5_foreign_t *h5, int64_t first, int64_t count, char ***names) {
    char *text;
    int64_t bytes;
    TRN_TRY(trn_foreign_strings(h5->file, h5->names, first, count, &text, &bytes));
    int64_t found = 0;
    for (int64_t i = 0; i < bytes; i++)
        found += text[i] == '\0';
    trn_status_t status = found == count && (bytes == 0 || text[bytes - 1] == '\0')
                              ? trn_strings_make(count, text, bytes, names)
                              : trn_fail(TRN_INPUT, "%s: %lld names where %lld should be",
                                         h5->names, (long long)found, (long long)count);
    trn_free(&text);
    return status;
}

trn_status_t trn_h5_foreign_names(trn_h5_foreign_t *h5, const trn_source_t *source, int64_t first,
                                  int64_t count, char ***names) {
    int rank;
    MPI_Comm_rank(source->comm, &rank);
    *names = NULL;
    return trn_agree(source->comm, rank == 0 ? read_names(h5, first, count, names) : TRN_OK);
}

void trn_h5_foreign_tell(const trn_h5_foreign_t *h5, json_t *into) {
    if (h5->place.kind == TRN_FOREIGN_ARRAY) return;
    json_object_set_new(
        into, "layout",
        json_string(h5->place.kind == TRN_FOREIGN_CSR ? "compressed rows" : "compressed columns"));
    json_object_set_new(into, "entries", json_integer(h5->place.entries));
}

/* Listing ---------------------------------------------------------------------------------------
 */

static trn_status_t list_file(const char *path, void (*visit)(void *user, const trn_item_t *item),
                              void *user) {
    trn_foreign_t *file;
    TRN_TRY(trn_foreign_open(&file, path));
    trn_status_t status = trn_foreign_list(file);
    const trn_foreign_item_t *item = status == TRN_OK ? trn_foreign_first(file) : NULL;
    for (; item; item = trn_foreign_next(file, item)) {
        if (item->kind == TRN_FOREIGN_INDEX) continue;
        char type[TRN_FOREIGN_WHAT + 24];
        bool sparse = is_sparse(item) && !item->flawed;
        snprintf(type, sizeof type, "%s%s",
                 !sparse                         ? ""
                 : item->kind == TRN_FOREIGN_CSR ? "compressed rows of "
                                                 : "compressed columns of ",
                 item->what);
        trn_item_t one = {
            .name = item->name, .type = type, .rank = item->rank, .bytes = item->bytes};
        memcpy(one.extent, item->extent, sizeof one.extent);
        visit(user, &one);
    }
    (void)trn_foreign_close(&file);
    return status;
}

trn_status_t trn_h5_foreign_list(MPI_Comm comm, const char *path,
                                 void (*visit)(void *user, const trn_item_t *item), void *user) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    return trn_agree(comm, rank == 0 ? list_file(path, visit, user) : TRN_OK);
}
