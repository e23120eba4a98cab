/* store.c: the layout and the attributes of a file, which may come from anywhere: nothing in it
 * leads HDF5 to another file or to code that is not its own, and no size is believed that the file
 * is too small for. Nothing here moves data: the ranks read bytes at offsets. */
#define _POSIX_C_SOURCE 200809L /* pread */
#include "base/mem.h"
#include "io/store/store_hdf_impl.h"
#include "io/text/magic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLAW_BYTES = 160 /* longest reason why a dataset cannot be read */ };

/* What the walk through a file carries along. */
typedef struct visit {
    int fd;
    const char *path;
    trn_table_t *table;
    trn_status_t status;
    char object[TRN_HDF_NAME_BYTES]; /* the one being visited */
} visit_t;

/* Our name for an HDF5 type, or TRN_OTHER and its description. */
static trn_dtype_t type_of(hid_t type, char other[64]) {
    for (trn_dtype_t ours = 0; ours < TRN_NUMBER_TYPES; ours++)
        if (trn_hdf_type(ours) >= 0 && H5Tequal(type, trn_hdf_type(ours)) > 0) return ours;
    static const char *const classes[] = {
        "int",      "float",     "time", "fixed-length string", "opaque bits", "opaque",
        "compound", "reference", "enum", "variable-length",     "array"};
    H5T_class_t class = H5Tget_class(type);
    if (class == H5T_STRING && H5Tis_variable_str(type) > 0) return TRN_STRING;
    const char *kind = class >= 0 && class < H5T_NCLASSES ? classes[class] : "unknown";
    if (class == H5T_INTEGER || class == H5T_FLOAT)
        snprintf(other, 64, "%s%s%s%zu", H5Tget_order(type) == H5T_ORDER_BE ? "big-endian " : "",
                 class == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_NONE ? "u" : "", kind,
                 8 * H5Tget_size(type));
    else
        snprintf(other, 64, "%s", kind);
    return TRN_OTHER;
}

/* Bytes of the file that an object is in. */
static int64_t file_bytes(hid_t object) {
    hid_t file = H5Iget_file_id(object);
    hsize_t bytes = 0;
    H5Fget_filesize(file, &bytes);
    H5Fclose(file);
    return (int64_t)bytes;
}

/* Number of dimensions, and the extent of 1 or 2. HDF5 would open other files to tell the extent of
 * a virtual dataset, which has none here. */
static int shape_of(hid_t dataset, H5D_layout_t layout, hsize_t extent[2]) {
    if (layout == H5D_VIRTUAL) return 1;
    hid_t space = H5Dget_space(dataset);
    int rank = H5Sget_simple_extent_ndims(space);
    if (rank == 1 || rank == 2) H5Sget_simple_extent_dims(space, extent, NULL);
    H5Sclose(space);
    return rank;
}

/* Type, shape and place of an open dataset; a flaw that keeps us from reading it goes to `flaw`. */
static trn_status_t describe(hid_t dataset, trn_entry_t *entry, char flaw[FLAW_BYTES]) {
    hid_t type = H5Dget_type(dataset), how = H5Dget_create_plist(dataset);
    H5D_layout_t layout = H5Pget_layout(how);
    bool contiguous = layout == H5D_CONTIGUOUS && H5Pget_external_count(how) == 0;
    char other[64];
    hsize_t extent[2] = {0, 0};
    trn_dtype_t ours = type_of(type, other);
    int rank = shape_of(dataset, layout, extent);
    H5Pclose(how);
    H5Tclose(type);
    if (extent[0] > INT64_MAX || extent[1] > INT64_MAX)
        return trn_fail(TRN_INPUT, "its extent is impossible; use another copy");
    TRN_TRY(trn_entry_shape(entry, ours, (int64_t)extent[0], (int64_t)extent[1]));
    if (contiguous && ours != TRN_OTHER)
        entry->offset = trn_hdf_offset(
            dataset, ours == TRN_STRING ? entry->rows : entry->rows * entry->row_bytes);
    if (ours == TRN_OTHER)
        snprintf(flaw, FLAW_BYTES,
                 "its elements are %s, not little-endian float32/64, int32/64 or uint16/64", other);
    else if (rank != 1 && rank != 2)
        snprintf(flaw, FLAW_BYTES, "it has %d dimensions, not 1 or 2", rank);
    else if (!contiguous || entry->offset < 0)
        snprintf(flaw, FLAW_BYTES,
                 "it is chunked, compact, external or virtual; `h5repack -l CONTI -f NONE IN OUT` "
                 "makes it contiguous");
    return TRN_OK;
}

/* Where the checksums of an entry lie; -1 if it never had any. */
static trn_status_t find_sums(hid_t file, const char *name, trn_entry_t *entry) {
    char sums_name[TRN_HDF_NAME_BYTES], flaw[FLAW_BYTES] = "";
    if (snprintf(sums_name, sizeof sums_name, TRN_CHECKSUM_GROUP "%s", name) >= TRN_HDF_NAME_BYTES)
        return TRN_OK;                                  /* longer than we ever write */
    if (H5Lexists(file, sums_name, H5P_DEFAULT) <= 0) { /* it or a group above it is absent */
        trn_hdf_forgive();
        return TRN_OK;
    }
    trn_entry_t sums = {0};
    hid_t dataset = H5Dopen2(file, sums_name, H5P_DEFAULT);
    bool fits = dataset >= 0 && describe(dataset, &sums, flaw) == TRN_OK && !*flaw &&
                sums.type == TRN_U64 && sums.cols == 0 && sums.rows == entry->blocks;
    H5Dclose(dataset);
    entry->sums = sums.offset;
    return fits ? TRN_OK : trn_fail(TRN_INPUT, "its checksums are damaged; use another copy");
}

/* A text of fixed length. Its size comes from the file, so it is held against the file's before
 * memory is taken. */
static trn_status_t get_text(hid_t attribute, hid_t type, trn_table_t *table, int64_t *text) {
    char *value;
    int64_t bytes = (int64_t)H5Tget_size(type);
    if (bytes > file_bytes(attribute))
        return trn_fail(TRN_INPUT, "an attribute is longer than the file; use another copy");
    TRN_TRY(trn_alloc_zero(&value, bytes + 1, 1, "an attribute"));
    trn_status_t status = TRN_OK;
    if (H5Aread(attribute, type, value) >= 0) status = trn_table_add_text(table, value, text);
    trn_free(&value);
    return status;
}

/* One attribute into the table. Types that we have no use for are passed over. */
static trn_status_t get_attribute(hid_t attribute, const char *object, const char *name,
                                  trn_table_t *table) {
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    H5T_class_t class = H5Tget_class(type);
    bool is_signed = H5Tget_sign(type) != H5T_SGN_NONE;
    trn_attribute_t *to;
    trn_status_t status = TRN_OK;
    if (H5Sget_simple_extent_npoints(space) != 1) {
        /* an array */
    } else if (class == H5T_INTEGER) {
        status = trn_table_add_attribute(
            table, object, name, is_signed ? TRN_ATTRIBUTE_INT : TRN_ATTRIBUTE_UNSIGNED, &to);
        if (status == TRN_OK)
            H5Aread(attribute, is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64, &to->integer);
    } else if (class == H5T_FLOAT) {
        status = trn_table_add_attribute(table, object, name, TRN_ATTRIBUTE_REAL, &to);
        if (status == TRN_OK) H5Aread(attribute, H5T_NATIVE_DOUBLE, &to->real);
    } else if (class == H5T_STRING && H5Tis_variable_str(type) == 0) {
        status = trn_table_add_attribute(table, object, name, TRN_ATTRIBUTE_TEXT, &to);
        if (status == TRN_OK) status = get_text(attribute, type, table, &to->text);
    }
    H5Sclose(space);
    H5Tclose(type);
    return status;
}

/* For HDF5's iteration over the attributes of an object. */
static herr_t visit_attribute(hid_t object, const char *name, const H5A_info_t *info, void *user) {
    (void)info;
    visit_t *visit = user;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    visit->status = get_attribute(attribute, visit->object, name, visit->table);
    H5Aclose(attribute);
    return visit->status == TRN_OK ? 0 : -1;
}

/* A dataset that we cannot read is listed too, with its flaw: `info` shows it, and other datasets
 * of the file stay of use. */
static trn_status_t get_entry(hid_t file, hid_t dataset, const char *name, trn_table_t *table) {
    trn_entry_t *entry;
    char flaw[FLAW_BYTES] = "";
    TRN_TRY(trn_table_add_entry(table, name, &entry));
    TRN_TRY(describe(dataset, entry, flaw));
    TRN_TRY(find_sums(file, name, entry));
    return trn_table_add_text(table, flaw, &entry->flaw);
}

/* One object of the file: the root, or a dataset that holds no checksums, goes into the table. */
static herr_t visit_object(hid_t file, const char *name, const H5O_info_t *info, void *user) {
    visit_t *visit = user;
    bool root = strcmp(name, ".") == 0;
    snprintf(visit->object, sizeof visit->object, "/%s", root ? "" : name);
    bool checksum = strncmp(visit->object, TRN_CHECKSUM_GROUP, strlen(TRN_CHECKSUM_GROUP)) == 0;
    if (checksum || (!root && info->type != H5O_TYPE_DATASET)) return 0;
    hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    if (!root && object >= 0) visit->status = get_entry(file, object, visit->object, visit->table);
    hsize_t position = 0;
    bool plain = false;
    if (visit->status == TRN_OK)
        visit->status = trn_header_attributes(visit->fd, visit->path, info->addr, visit->object,
                                              visit->table, &plain);
    /* H5Aiterate2 of HDF5 1.10 frees what it never made if an attribute cannot be decoded; looking
     * for a name decodes them all first. */
    bool fine =
        visit->status == TRN_OK && (plain || (H5Aexists(object, "no such attribute") >= 0 &&
                                              H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE,
                                                          &position, visit_attribute, visit) >= 0));
    H5Oclose(object);
    return fine ? 0 : -1;
}

/* A hard link is a name of something in this file; soft, external and user-defined ones are not
 * followed. */
static herr_t inspect_link(hid_t group, const char *name, const H5L_info_t *info, void *user) {
    (void)group;
    visit_t *visit = user;
    if (info->type == H5L_TYPE_HARD) return 0;
    visit->status = trn_fail(
        TRN_INPUT, "'%.100s' is a link to elsewhere; put what it leads to in its place", name);
    return -1;
}

/* Nothing in a group leads elsewhere, nor needs a filter to be read. HDF5 calls this before it goes
 * through the group, and follows no such links before. */
static herr_t inspect_object(hid_t file, const char *name, const H5O_info_t *info, void *user) {
    visit_t *visit = user;
    snprintf(visit->object, sizeof visit->object, "/%s", strcmp(name, ".") ? name : "");
    bool plain;
    if (info->type != H5O_TYPE_GROUP) return 0;
    visit->status =
        trn_header_attributes(visit->fd, visit->path, info->addr, visit->object, NULL, &plain);
    if (visit->status != TRN_OK) return -1;
    hid_t group = H5Gopen2(file, name, H5P_DEFAULT), how = H5Gget_create_plist(group);
    bool filtered = H5Pget_nfilters(how) > 0;
    if (filtered)
        visit->status = trn_fail(TRN_INPUT, "the group's list is compressed; write it plainly");
    bool fine = !filtered &&
                H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, inspect_link, visit) >= 0;
    H5Pclose(how);
    H5Gclose(group);
    return fine ? 0 : -1;
}

/* An entry beside its name, which lies in the table's heap, where a comparison cannot look. */
typedef struct named {
    const char *name;
    trn_entry_t entry;
} named_t;

static int by_name(const void *a, const void *b) {
    return strcmp(((const named_t *)a)->name, ((const named_t *)b)->name);
}

/* By name, so that the list is the same whatever order the file has them in. Names stay where they
 * are in the heap. */
static trn_status_t sort_entries(trn_table_t *table) {
    named_t *named;
    if (table->nentries == 0) return TRN_OK;
    TRN_TRY(trn_alloc(&named, table->nentries, sizeof *named, "names of a store"));
    for (int64_t i = 0; i < table->nentries; i++)
        named[i] = (named_t){trn_table_text(table, table->entries[i].name), table->entries[i]};
    qsort(named, (size_t)table->nentries, sizeof *named, by_name);
    for (int64_t i = 0; i < table->nentries; i++)
        table->entries[i] = named[i].entry;
    trn_free(&named);
    return TRN_OK;
}

/* Offsets count from the start of the file and have 8 bytes, as store_heap.c reads them. */
static bool usual_numbers(hid_t file) {
    hid_t how = H5Fget_create_plist(file);
    size_t offset = 0, length = 0;
    hsize_t before = 1;
    H5Pget_sizes(how, &offset, &length);
    H5Pget_userblock(how, &before);
    H5Pclose(how);
    return offset == 8 && length == 8 && before == 0;
}

/* What HDF5 cannot open is of another format, or damaged. */
static trn_status_t refuse(int fd, const char *path) {
    char head[TRN_MAGIC_BYTES];
    int64_t end = (int64_t)lseek(fd, 0, SEEK_END);
    int64_t got = end < (int64_t)sizeof head ? end : (int64_t)sizeof head;
    TRN_TRY(trn_bytes_read(fd, path, 0, head, got));
    bool other = got > 0 && memcmp(head, "\x89HDF", got < 4 ? (size_t)got : 4) != 0;
    if (other) TRN_TRY(trn_magic_refuse(path, "an HDF5 file", head, (size_t)got));
    return trn_hdf_fail(TRN_INPUT, path, "is no HDF5 file, or cut short or damaged",
                        "use another copy");
}

/* Two walks: the first one makes sure that groups lead nowhere else and need no filter, which the
 * second, which opens objects, relies on. */
trn_status_t trn_hdf_read_table(int fd, const char *path, trn_table_t *table) {
    TRN_TRY(trn_header_root(fd, path));
    hid_t access = trn_hdf_access(fd, path);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
    visit_t visit = {.fd = fd, .path = path, .table = table, .status = TRN_OK};
    trn_status_t status = TRN_OK;
    if (file < 0)
        status = refuse(fd, path);
    else if (!usual_numbers(file))
        status = trn_fail(
            TRN_INPUT,
            "%s: has a user block or offsets of other than 8 bytes; copy it with h5repack", path);
    else if (H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_NATIVE, inspect_object, &visit,
                       H5O_INFO_BASIC) < 0 ||
             H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_NATIVE, visit_object, &visit, H5O_INFO_BASIC) <
                 0)
        status = visit.status != TRN_OK
                     ? trn_fail_prefix(visit.status, "%s:%s: ", path, visit.object)
                     : trn_hdf_fail(TRN_INPUT, path, "the list of datasets is damaged",
                                    "use another copy");
    H5Fclose(file);
    /* HDF5 could sort while it goes, but comes to grief over the list when a name is damaged. */
    if (status == TRN_OK) status = sort_entries(table);
    return trn_hdf_done(access, status);
}
