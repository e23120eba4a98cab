/* foreign_list.c: everything in the child's file, as records. Links to elsewhere are not followed:
 * only what hangs on hard links is in the file. */
#include "io/foreign/foreign_hdf_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The records so far. */
typedef struct list {
    const trn_foreign_file_t *file;
    char *bytes;
    int64_t used, capacity, count;
    bool full;
} list_t;

/* Append a record for the object /`name`; NULL: there is no room. */
static trn_foreign_item_t *add(list_t *list, const char *name) {
    int64_t size = (int64_t)(sizeof(trn_foreign_item_t) + strlen(name) + 2 + 7) / 8 * 8;
    list->full = list->full || list->count == TRN_FOREIGN_ITEMS ||
                 strlen(name) + 2 > TRN_FOREIGN_NAME || size > TRN_FOREIGN_LIST_BYTES - list->used;
    if (list->full) return NULL;
    if (list->used + size > list->capacity) {
        int64_t capacity = 2 * list->capacity + size;
        char *more = realloc(list->bytes, (size_t)capacity);
        list->full = !more;
        if (!more) return NULL;
        list->bytes = more;
        list->capacity = capacity;
    }
    trn_foreign_item_t *item = (trn_foreign_item_t *)(void *)(list->bytes + list->used);
    memset(item, 0, (size_t)size);
    item->size = size;
    item->type = TRN_OTHER;
    snprintf(item->name, (size_t)size - sizeof *item, "/%s", name);
    list->used += size;
    list->count++;
    return item;
}

/* Datasets ------------------------------------------------------------------------------------- */

static void describe_array(hid_t dataset, trn_foreign_item_t *item) {
    hsize_t extent[H5S_MAX_RANK] = {0};
    char flaw[TRN_FOREIGN_WHAT];
    bool swapped = false;
    hid_t type = H5Dget_type(dataset);
    item->type = (int32_t)trn_foreign_type_of(type, &swapped, item->what);
    item->swapped = swapped;
    H5Tclose(type);
    item->flawed = trn_foreign_flawed(dataset, flaw);
    if (item->flawed) memcpy(item->what, flaw, sizeof flaw);
    if (item->flawed) return; /* HDF5 would open other files to tell what a virtual one has */
    hid_t space = H5Dget_space(dataset);
    item->rank = (int32_t)H5Sget_simple_extent_ndims(space);
    if (item->rank > 0) H5Sget_simple_extent_dims(space, extent, NULL);
    for (int i = 0; i < item->rank && i < TRN_FOREIGN_SIDES; i++)
        item->extent[i] = extent[i] > INT64_MAX ? INT64_MAX : (int64_t)extent[i];
    H5Sclose(space);
    item->bytes = (int64_t)H5Dget_storage_size(dataset);
}

/* Groups --------------------------------------------------------------------------------------- */

/* A short text attribute of an object; "" without one. */
static void get_text(hid_t object, const char *name, char *text, size_t room) {
    text[0] = '\0';
    if (H5Aexists(object, name) <= 0) return;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT), type = H5Aget_type(attribute);
    hid_t space = H5Aget_space(attribute);
    size_t size = H5Tget_size(type);
    char *variable = NULL;
    if (H5Sget_simple_extent_npoints(space) != 1 || H5Tget_class(type) != H5T_STRING) {
        /* no text */
    } else if (H5Tis_variable_str(type) > 0) {
        if (H5Aread(attribute, type, &variable) >= 0 && variable)
            snprintf(text, room, "%s", variable);
        H5free_memory(variable);
    } else if (size < room && H5Aread(attribute, type, text) >= 0) {
        text[size] = '\0';
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
}

/* Two whole numbers out of an attribute. */
static bool get_pair(hid_t object, const char *name, int64_t pair[2]) {
    if (H5Aexists(object, name) <= 0) return false;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT), space = H5Aget_space(attribute);
    bool good =
        H5Sget_simple_extent_npoints(space) == 2 && H5Aread(attribute, H5T_NATIVE_INT64, pair) >= 0;
    H5Sclose(space);
    H5Aclose(attribute);
    return good;
}

/* The length of a list of numbers in a group; -1: there is none. */
static int64_t length_of(hid_t group, const char *name) {
    hsize_t extent = 0;
    if (H5Lexists(group, name, H5P_DEFAULT) <= 0) return -1;
    H5O_info_t info;
    if (H5Oget_info_by_name2(group, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0 ||
        info.type != H5O_TYPE_DATASET)
        return -1;
    hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
    char flaw[TRN_FOREIGN_WHAT];
    bool good = dataset >= 0 && !trn_foreign_flawed(dataset, flaw);
    hid_t space = good ? H5Dget_space(dataset) : H5I_INVALID_HID;
    good = good && H5Sget_simple_extent_ndims(space) == 1 &&
           H5Sget_simple_extent_dims(space, &extent, NULL) == 1 && extent <= INT64_MAX;
    if (space >= 0) H5Sclose(space);
    H5Dclose(dataset);
    return good ? (int64_t)extent : -1;
}

/* The sides of a compressed matrix: as an attribute, or as a list beside its numbers (10x). */
static bool get_shape(hid_t group, int64_t shape[2]) {
    if (get_pair(group, "shape", shape) || get_pair(group, "h5sparse_shape", shape)) return true;
    if (length_of(group, "shape") != 2) return false;
    hid_t dataset = H5Dopen2(group, "shape", H5P_DEFAULT);
    bool good = H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, shape) >= 0;
    H5Dclose(dataset);
    return good;
}

/* Whether columns are compressed, not rows. 10x writes no attribute, but the barcodes of cells,
 * which are its columns. */
static bool by_columns(hid_t group) {
    char how[32];
    get_text(group, "encoding-type", how, sizeof how);
    if (!how[0]) get_text(group, "h5sparse_format", how, sizeof how);
    if (!how[0] && H5Lexists(group, "barcodes", H5P_DEFAULT) > 0) return true;
    return strncmp(how, "csc", 3) == 0;
}

static void describe_sparse(hid_t group, trn_foreign_item_t *item) {
    int64_t entries = length_of(group, "data"), columns = length_of(group, "indices");
    int64_t starts = length_of(group, "indptr"), shape[2] = {-1, -1};
    bool by_column = by_columns(group), swapped = false;
    item->kind = by_column ? TRN_FOREIGN_CSC : TRN_FOREIGN_CSR;
    item->rank = 2;
    item->entries = entries;
    bool said = get_shape(group, shape);
    if (!said) shape[by_column] = starts - 1; /* the other side is not known */
    item->extent[0] = shape[0];
    item->extent[1] = shape[1];
    hid_t dataset = H5Dopen2(group, "data", H5P_DEFAULT), type = H5Dget_type(dataset);
    item->type = (int32_t)trn_foreign_type_of(type, &swapped, item->what);
    item->swapped = swapped;
    H5Tclose(type);
    H5Dclose(dataset);
    item->flawed = entries != columns || starts < 1 || shape[by_column] != starts - 1 ||
                   (said && (shape[0] < 0 || shape[1] < 0));
    if (!item->flawed) return;
    snprintf(item->what, sizeof item->what,
             "has %lld data, %lld indices and %lld indptr for %lld x %lld; damaged?",
             (long long)entries, (long long)columns, (long long)starts, (long long)shape[0],
             (long long)shape[1]);
}

static void see_group(list_t *list, hid_t group, const char *name) {
    char index[TRN_FOREIGN_WHAT];
    const char *shown = strcmp(name, ".") == 0 ? "" : name;
    trn_foreign_item_t *item;
    bool sparse = length_of(group, "data") >= 0 && length_of(group, "indices") >= 0 &&
                  length_of(group, "indptr") >= 0;
    if (sparse && (item = add(list, shown))) describe_sparse(group, item);
    get_text(group, "_index", index, sizeof index);
    if (!index[0] || !(item = add(list, shown))) return;
    item->kind = TRN_FOREIGN_INDEX;
    memcpy(item->what, index, sizeof index);
}

static herr_t visit(hid_t file, const char *name, const H5O_info_t *info, void *user) {
    list_t *list = user;
    if (info->type == H5O_TYPE_GROUP) {
        hid_t group = H5Gopen2(file, name, H5P_DEFAULT);
        see_group(list, group, name);
        H5Gclose(group);
    } else if (info->type == H5O_TYPE_DATASET) {
        trn_foreign_item_t *item = add(list, name);
        hid_t dataset = item ? H5Dopen2(file, name, H5P_DEFAULT) : H5I_INVALID_HID;
        if (item) describe_array(dataset, item);
        H5Dclose(dataset);
    }
    return list->full ? -1 : 0;
}

trn_status_t trn_foreign_file_list(trn_foreign_file_t *file, int fd) {
    list_t list = {.file = file};
    trn_hdf_forgive();
    bool fine =
        H5Ovisit2(file->file, H5_INDEX_NAME, H5_ITER_INC, visit, &list, H5O_INFO_BASIC) >= 0;
    trn_status_t status = TRN_OK;
    if (list.full)
        status = trn_fail(TRN_INPUT, "%s: holds more things than %d, or names too long, to list",
                          file->path, TRN_FOREIGN_ITEMS);
    else if (!fine)
        status = trn_hdf_fail(TRN_INPUT, file->path, "the list of datasets is damaged",
                              "use another copy");
    else if (!trn_foreign_send(fd, TRN_OK, list.bytes, list.used))
        status = trn_fail(TRN_INTERNAL, "nobody reads");
    free(list.bytes);
    return status;
}
