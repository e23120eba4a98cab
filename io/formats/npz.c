/* npz.c: arrays in NumPy's archives (.npz: a ZIP archive of .npy files), in the table of formats.
 * Rank 0 reads the directory; all ranks read their rows of the one array, as of a .npy file that
 * begins inside another. */
#include "base/mem.h"
#include "io/foreign/zip.h"
#include "io/formats/format.h"
#include "io/formats/npy.h"
#include "mpi/agree.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 512 /* longest name of an array */ };

/* What rank 0 finds out, to be told to all. */
typedef struct found {
    trn_npy_t npy;
    trn_extract_t part;
    trn_coding_t coding;
    char member[NAME_BYTES];
} found_t;

static bool begins(const char *head, int64_t bytes) {
    enum { NAME = 30, LENGTH = 26 };
    if (bytes < NAME || memcmp(head, "PK\3\4", 4) != 0) return false;
    int64_t length = (unsigned char)head[LENGTH] | (int64_t)(unsigned char)head[LENGTH + 1] << 8;
    return length > 4 && length <= bytes - NAME && memcmp(head + NAME + length - 4, ".npy", 4) == 0;
}

/* Bytes of a member's name without .npy; 0: it is no array. */
static size_t array_name(const trn_zip_member_t *member) {
    size_t length = strlen(member->name);
    return length > 4 && strcmp(member->name + length - 4, ".npy") == 0 ? length - 4 : 0;
}

/* The array of that name, with or without .npy; NULL: there is none. */
static trn_zip_member_t *find(const trn_zip_t *zip, const char *name) {
    for (int64_t i = 0; i < zip->count; i++) {
        size_t length = array_name(&zip->member[i]);
        if (length == 0) continue;
        bool same = strncmp(zip->member[i].name, name, length) == 0 &&
                    (name[length] == '\0' || strcmp(name + length, ".npy") == 0);
        if (same) return &zip->member[i];
    }
    return NULL;
}

/* Look at the .npy that a member is. */
static trn_status_t look_at(const trn_zip_t *zip, const char *path, trn_zip_member_t *member,
                            found_t *found) {
    int length = (int)array_name(member);
    if (length >= NAME_BYTES)
        return trn_fail(TRN_INPUT, "%s: an array's name has %d bytes; at most %d are read", path,
                        length, NAME_BYTES - 1);
    snprintf(found->member, sizeof found->member, "%.*s", length, member->name);
    if (member->other)
        return trn_fail(TRN_INPUT,
                        "%s:%s: is encrypted, or packed in another way than numpy does; save it "
                        "with numpy.savez",
                        path, found->member);
    TRN_TRY(trn_zip_find(zip, path, member));
    found->part = (trn_extract_t){member->begin, member->bytes, member->unpacked, member->crc};
    found->coding = member->packed ? TRN_CODING_DEFLATE : TRN_CODING_NONE;
    trn_status_t status = trn_npy_open_part(&found->npy, path, &found->part, found->coding);
    return status == TRN_INPUT ? trn_fail_prefix(status, "%s:%s: in ", path, found->member)
                               : status;
}

/* The only array of two dimensions, or where there is none the only one of one, such as labels. */
static trn_status_t only_one(const trn_zip_t *zip, const char *path, found_t *found,
                             int64_t *matrices, int64_t *arrays) {
    int64_t lines = 0;
    *matrices = *arrays = 0;
    for (int64_t i = 0; i < zip->count; i++) {
        if (array_name(&zip->member[i]) == 0) continue;
        found_t now = {0};
        ++*arrays;
        trn_zip_member_t member = zip->member[i];
        trn_status_t status = look_at(zip, path, &member, &now);
        /* Whose head was not even read is damaged; others are just no matrices. */
        if (status != TRN_OK && (status != TRN_INPUT || now.npy.offset == 0)) return status;
        if (status != TRN_OK) continue;
        bool better = now.npy.flat ? ++lines == 1 && *matrices == 0 : ++*matrices == 1;
        if (better) *found = now;
    }
    if (*matrices == 0) *matrices = lines;
    return TRN_OK;
}

static trn_status_t choose(const trn_zip_t *zip, const char *path, const char *name,
                           found_t *found) {
    int64_t matrices, arrays;
    trn_zip_member_t *member = *name ? find(zip, name) : NULL;
    if (*name && !member)
        return trn_fail(TRN_INPUT, "%s: has no array '%.200s'; `trunnion info` lists them", path,
                        name);
    if (member) return look_at(zip, path, member, found);
    TRN_TRY(only_one(zip, path, found, &matrices, &arrays));
    if (matrices == 1) return TRN_OK;
    if (matrices == 0)
        return trn_fail(
            TRN_INPUT,
            "%s: holds no array of two dimensions among %lld; save one with numpy.savez "
            "and .reshape(rows, columns)",
            path, (long long)arrays);
    return trn_fail(TRN_INPUT,
                    "%s: holds %lld matrices; name one, as in %s:%s (`trunnion info` lists them)",
                    path, (long long)matrices, path, found->member);
}

static trn_status_t look(const trn_source_t *source, found_t *found) {
    trn_zip_t zip;
    TRN_TRY(trn_zip_read(&zip, source->path));
    trn_status_t status = choose(&zip, source->path, source->member, found);
    trn_zip_free(&zip);
    return status;
}

static trn_status_t settle(trn_source_t *source, found_t *found) {
    trn_free(&source->member);
    TRN_TRY(trn_strdup(&source->member, found->member));
    source->input.part = found->part;
    source->input.coding = found->coding;
    source->input.bytes =
        found->coding == TRN_CODING_NONE ? found->part.bytes : source->input.bytes;
    return trn_npy_adopt(source, &found->npy);
}

static trn_status_t open_npz(trn_source_t *source) {
    found_t found = {0};
    int rank;
    MPI_Comm_rank(source->comm, &rank);
    TRN_AGREE(source->comm, rank == 0 ? look(source, &found) : TRN_OK);
    MPI_Bcast(&found, (int)sizeof found, MPI_BYTE, 0, source->comm);
    return trn_agree(source->comm, settle(source, &found));
}

/* Listing, on rank 0 ----------------------------------------------------------------------------
 */

static trn_status_t list_file(const char *path, void (*visit)(void *user, const trn_item_t *item),
                              void *user) {
    trn_zip_t zip;
    TRN_TRY(trn_zip_read(&zip, path));
    trn_status_t status = TRN_OK;
    for (int64_t i = 0; i < zip.count && status == TRN_OK; i++) {
        found_t found = {0};
        trn_zip_member_t member = zip.member[i];
        trn_item_t item = {.name = member.name, .type = "other", .bytes = member.bytes};
        status = array_name(&member) > 0 ? look_at(&zip, path, &member, &found) : TRN_INPUT;
        if (status == TRN_OK) {
            item.name = found.member;
            item.type = trn_dtype_name(found.npy.type);
            item.rank = 2;
            item.extent[0] = found.npy.rows;
            item.extent[1] = found.npy.cols;
        }
        if (status == TRN_INPUT) status = TRN_OK; /* no matrix, but a thing in the file */
        if (status == TRN_OK) visit(user, &item);
    }
    trn_zip_free(&zip);
    return status;
}

static trn_status_t list_npz(MPI_Comm comm, const char *path,
                             void (*visit)(void *user, const trn_item_t *item), void *user) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    return trn_agree(comm, rank == 0 ? list_file(path, visit, user) : TRN_OK);
}

const trn_file_format_t trn_format_npz = {
    .name = "npz",
    .title = "NumPy archive",
    .endings = {".npz"},
    .holds = TRN_HOLDS_MEMBERS,
    .begins = begins,
    .open = open_npz,
    .close = trn_npy_close,
    .read = trn_npy_read_source,
    .list = list_npz,
};
