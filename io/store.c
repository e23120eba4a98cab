/* The HDF5 file as such. Nothing here moves the data: HDF5 lays out and describes, the ranks write
 * and read bytes at offsets. HDF5 calls with a bad identifier fail without harm, so a run of calls
 * is written straight down and looked at once at its end. */
#define H5_USE_110_API
#include <hdf5.h>

#include "base/mem.h"
#include "io/store_impl.h"

#include <stdio.h>
#include <string.h>

enum {
    PAGE = 4096,
    NAME_BYTES = 512, /* longest path of a dataset inside a file */
    FLAW_BYTES = 160  /* longest reason why a dataset cannot be read */
};

static const char checksum_group[] = "/checksum";

/* HDF5's innermost reason of the first call that failed since the file was opened, such as
 * "truncated file"; later calls, which fail for it or succeed, clear HDF5's own record. */
static char reason[128];

static herr_t take_innermost(unsigned n, const H5E_error2_t *error, void *unused) {
    (void)unused;
    if (n == 0 && error->desc) snprintf(reason, sizeof reason, "%s", error->desc);
    return 0;
}

static herr_t on_error(hid_t stack, void *unused) {
    if (!reason[0]) H5Ewalk2(stack, H5E_WALK_UPWARD, take_innermost, unused);
    return 0;
}

static trn_status_t hdf_fail(trn_status_t status, const char *path, const char *what,
                             const char *advice) {
    return trn_fail(status, "%s: %s (HDF5: %s); %s", path, what,
                    reason[0] ? reason : "no reason given", advice);
}

static trn_status_t lay_out_fail(const char *path) {
    return hdf_fail(TRN_IO, path, "cannot lay the file out", "check disk space and quota");
}

/* How files are opened: errors come to us, metadata carries checksums (format 1.8 and later), big
 * datasets begin on pages. No file locks: a file is private until its rename, and constant after;
 * many parallel file systems have no locks. */
static hid_t file_access(void) {
    reason[0] = '\0';
    H5Eset_auto2(H5E_DEFAULT, on_error, NULL);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V110);
    H5Pset_alignment(access, PAGE, PAGE);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
#if H5_VERSION_GE(1, 10, 7)
    H5Pset_file_locking(access, 0, 1);
#endif
    return access;
}

/* The other end of file_access. Without our handler HDF5 is silent at exit too; otherwise it prints
 * an alarm there when damaged metadata have made it leak. */
static void file_done(hid_t access) {
    H5Pclose(access);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* Laying out ----------------------------------------------------------------------------------- */

static hid_t file_type(trn_dtype_t type) {
    switch (type) {
    case TRN_F32:
        return H5T_IEEE_F32LE;
    case TRN_F64:
        return H5T_IEEE_F64LE;
    case TRN_I32:
        return H5T_STD_I32LE;
    case TRN_I64:
        return H5T_STD_I64LE;
    case TRN_U16:
        return H5T_STD_U16LE;
    case TRN_U64:
        return H5T_STD_U64LE;
    case TRN_STRING:
    case TRN_OTHER:
        break;
    }
    return H5I_INVALID_HID;
}

/* A UTF-8 string type of `bytes`, or of variable length. */
static hid_t text_type(size_t bytes) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, bytes);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

/* Make the groups above `name`. Without times, so that equal content gives equal files. */
static void make_groups(hid_t file, const char *name) {
    hid_t plain = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_obj_track_times(plain, 0);
    char group[NAME_BYTES];
    for (const char *slash = strchr(name + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(group, sizeof group, "%.*s", (int)(slash - name), name);
        if (H5Lexists(file, group, H5P_DEFAULT) == 0)
            H5Gclose(H5Gcreate2(file, group, H5P_DEFAULT, plain, H5P_DEFAULT));
    }
    H5Pclose(plain);
}

/* A dataset with its space allocated and never filled; the caller closes it. */
static hid_t make_dataset(hid_t file, const char *name, hid_t type, int64_t rows, int64_t cols) {
    make_groups(file, name);
    hsize_t extent[2] = {(hsize_t)rows, (hsize_t)cols};
    hid_t space = H5Screate_simple(cols ? 2 : 1, extent, NULL);
    hid_t how = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_layout(how, H5D_CONTIGUOUS);
    H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY);
    if (H5Tis_variable_str(type) <= 0) /* which HDF5 refuses to leave unfilled */
        H5Pset_fill_time(how, H5D_FILL_TIME_NEVER);
    H5Pset_obj_track_times(how, 0);
    hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT);
    H5Pclose(how);
    H5Sclose(space);
    return dataset;
}

/* Byte offset of a contiguous dataset; 0 when it is empty, -1 when it has none. */
static int64_t offset_of(hid_t dataset, int64_t bytes) {
    if (bytes == 0) return 0;
    haddr_t offset = H5Dget_offset(dataset);
    return offset == HADDR_UNDEF ? -1 : (int64_t)offset;
}

/* Write one attribute of any kind to an open object. */
static bool put_attribute(hid_t object, const char *name, hid_t in_file, hid_t in_memory,
                          const void *value) {
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, in_file, space, H5P_DEFAULT, H5P_DEFAULT);
    bool fine = H5Awrite(attribute, in_memory, value) >= 0;
    H5Aclose(attribute);
    H5Sclose(space);
    return fine;
}

static bool put_attributes(hid_t file, const trn_table_t *table) {
    bool fine = true;
    for (int64_t i = 0; i < table->nattributes && fine; i++) {
        const trn_attribute_t *attribute = &table->attributes[i];
        const char *name = trn_table_text(table, attribute->name);
        hid_t object = H5Oopen(file, trn_table_text(table, attribute->object), H5P_DEFAULT);
        if (attribute->type == TRN_ATTRIBUTE_INT) {
            fine =
                put_attribute(object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &attribute->integer);
        } else if (attribute->type == TRN_ATTRIBUTE_UNSIGNED) {
            fine =
                put_attribute(object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &attribute->integer);
        } else if (attribute->type == TRN_ATTRIBUTE_REAL) {
            fine = put_attribute(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &attribute->real);
        } else {
            /* Of fixed length, because that lies in the object header, which HDF5 checksums;
             * its heap of variable-length data is not. */
            const char *text = trn_table_text(table, attribute->text);
            hid_t type = text_type(*text ? strlen(text) : 1);
            H5Tset_strpad(type, H5T_STR_NULLPAD);
            fine = put_attribute(object, name, type, type, text);
            H5Tclose(type);
        }
        H5Oclose(object);
    }
    return fine;
}

/* Write all strings and one checksum a block, over the text with its NULs. */
static trn_status_t put_strings(hid_t strings, hid_t sums, const char *path,
                                const trn_entry_t *entry, const char *const *text) {
    if (entry->rows == 0) return TRN_OK;
    uint64_t *sum;
    TRN_TRY(trn_alloc(&sum, entry->blocks, sizeof *sum, "checksums"));
    for (int64_t block = 0; block < entry->blocks; block++) {
        XXH3_state_t state;
        XXH3_64bits_reset(&state);
        for (int64_t row = block * entry->block_rows;
             row < (block + 1) * entry->block_rows && row < entry->rows; row++)
            XXH3_64bits_update(&state, text[row], strlen(text[row]) + 1);
        sum[block] = XXH3_64bits_digest(&state);
    }
    hid_t type = text_type(H5T_VARIABLE);
    bool fine = H5Dwrite(strings, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0 &&
                H5Dwrite(sums, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, sum) >= 0;
    H5Tclose(type);
    trn_free(&sum);
    return fine ? TRN_OK : lay_out_fail(path);
}

/* One declared dataset and its checksums. */
static trn_status_t put_entry(hid_t file, const char *path, const trn_table_t *table,
                              trn_entry_t *entry, const char *const *strings) {
    const char *name = trn_table_text(table, entry->name);
    char sums_name[NAME_BYTES];
    snprintf(sums_name, sizeof sums_name, "%s%s", checksum_group, name);
    bool is_text = entry->type == TRN_STRING;
    hid_t type = is_text ? text_type(H5T_VARIABLE) : H5Tcopy(file_type((trn_dtype_t)entry->type));
    hid_t dataset = make_dataset(file, name, type, entry->rows, entry->cols);
    hid_t sums = make_dataset(file, sums_name, H5T_STD_U64LE, entry->blocks, 0);
    entry->offset = offset_of(dataset, entry->rows * entry->row_bytes);
    entry->sums = offset_of(sums, entry->blocks);
    trn_status_t status = TRN_OK;
    if (dataset < 0 || sums < 0 || entry->offset < 0 || entry->sums < 0)
        status = lay_out_fail(path);
    else if (is_text)
        status = put_strings(dataset, sums, path, entry, strings);
    H5Dclose(sums);
    H5Dclose(dataset);
    H5Tclose(type);
    return status;
}

trn_status_t trn_hdf_lay_out(const char *path, trn_table_t *table, const trn_band_t *bands) {
    hid_t access = file_access();
    hid_t plain = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_obj_track_times(plain, 0);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, plain, access);
    trn_status_t status = file >= 0 ? TRN_OK : lay_out_fail(path);
    for (int64_t i = 0; i < table->nentries && status == TRN_OK; i++)
        status = put_entry(file, path, table, &table->entries[i], bands[i].strings);
    if (status == TRN_OK && !put_attributes(file, table)) status = lay_out_fail(path);
    if (H5Fclose(file) < 0 && status == TRN_OK) status = lay_out_fail(path);
    H5Pclose(plain);
    file_done(access);
    return status;
}

trn_status_t trn_hdf_seal(const char *path) {
    hid_t access = file_access();
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, access);
    hid_t complete = H5Aopen(file, "complete", H5P_DEFAULT);
    bool fine = H5Awrite(complete, H5T_NATIVE_INT64, &(int64_t){1}) >= 0;
    H5Aclose(complete);
    fine = H5Fclose(file) >= 0 && fine;
    file_done(access);
    return fine ? TRN_OK
                : hdf_fail(TRN_IO, path, "cannot mark the file complete", "check the disk");
}

/* Reading the layout --------------------------------------------------------------------------- */

/* What the walk through a file carries along. */
typedef struct visit {
    trn_table_t *table;
    trn_status_t status;
    char object[NAME_BYTES]; /* the one being visited */
} visit_t;

/* Our name for an HDF5 type, or TRN_OTHER and its description. */
static trn_dtype_t type_of(hid_t type, char other[64]) {
    for (trn_dtype_t ours = TRN_F32; ours <= TRN_U64; ours++)
        if (H5Tequal(type, file_type(ours)) > 0) return ours;
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

/* Type, shape and place of an open dataset; a flaw that keeps us from reading it goes to `flaw`. */
static trn_status_t describe(hid_t dataset, trn_entry_t *entry, char flaw[FLAW_BYTES]) {
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    hid_t how = H5Dget_create_plist(dataset);
    char other[64];
    hsize_t extent[2] = {0, 0};
    trn_dtype_t ours = type_of(type, other);
    int rank = H5Sget_simple_extent_ndims(space);
    if (rank == 1 || rank == 2) H5Sget_simple_extent_dims(space, extent, NULL);
    bool contiguous = H5Pget_layout(how) == H5D_CONTIGUOUS && H5Pget_external_count(how) == 0;
    H5Pclose(how);
    H5Sclose(space);
    H5Tclose(type);
    if (extent[0] > INT64_MAX || extent[1] > INT64_MAX)
        return trn_fail(TRN_INPUT, "its extent is impossible; use another copy");
    TRN_TRY(trn_entry_shape(entry, ours, (int64_t)extent[0], (int64_t)extent[1]));
    if (ours != TRN_STRING) entry->offset = offset_of(dataset, entry->rows * entry->row_bytes);
    if (ours == TRN_OTHER)
        snprintf(flaw, FLAW_BYTES,
                 "its elements are %s, not little-endian float32/64, int32/64 or uint16/64", other);
    else if (rank != 1 && rank != 2)
        snprintf(flaw, FLAW_BYTES, "it has %d dimensions, not 1 or 2", rank);
    else if (ours != TRN_STRING && (!contiguous || entry->offset < 0))
        snprintf(flaw, FLAW_BYTES, "it is chunked, compact or external, not contiguous");
    return TRN_OK;
}

/* Where the checksums of an entry lie; -1 if it never had any. */
static trn_status_t find_sums(hid_t file, const char *name, trn_entry_t *entry) {
    char sums_name[NAME_BYTES], flaw[FLAW_BYTES] = "";
    if (snprintf(sums_name, sizeof sums_name, "%s%s", checksum_group, name) >= NAME_BYTES)
        return TRN_OK;                                  /* longer than we ever write */
    if (H5Lexists(file, sums_name, H5P_DEFAULT) <= 0) { /* it or a group above it is absent */
        reason[0] = '\0';
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

static trn_status_t get_text(hid_t attribute, hid_t type, trn_table_t *table, int64_t *text) {
    char *value;
    TRN_TRY(trn_alloc_zero(&value, (int64_t)H5Tget_size(type) + 1, 1, "an attribute"));
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

static herr_t visit_attribute(hid_t object, const char *name, const H5A_info_t *info, void *user) {
    (void)info;
    visit_t *visit = user;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    visit->status = get_attribute(attribute, visit->object, name, visit->table);
    H5Aclose(attribute);
    return visit->status == TRN_OK ? 0 : -1;
}

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
    bool checksum = strncmp(visit->object, checksum_group, strlen(checksum_group)) == 0;
    if (checksum || (!root && info->type != H5O_TYPE_DATASET)) return 0;
    hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    if (!root && object >= 0) visit->status = get_entry(file, object, visit->object, visit->table);
    hsize_t position = 0;
    bool fine = visit->status == TRN_OK && H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC,
                                                       &position, visit_attribute, visit) >= 0;
    H5Oclose(object);
    return fine ? 0 : -1;
}

trn_status_t trn_hdf_read_table(const char *path, trn_table_t *table) {
    hid_t access = file_access();
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
    visit_t visit = {.table = table, .status = TRN_OK};
    trn_status_t status = TRN_OK;
    if (file < 0)
        status = hdf_fail(TRN_INPUT, path, "is no HDF5 file, or cut short or damaged",
                          "use another copy");
    else if (H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, visit_object, &visit) < 0)
        status =
            visit.status != TRN_OK
                ? trn_fail(visit.status, "%s:%s: %s", path, visit.object, trn_message())
                : hdf_fail(TRN_INPUT, path, "the list of datasets is damaged", "use another copy");
    H5Fclose(file);
    file_done(access);
    return status;
}

/* Strings -------------------------------------------------------------------------------------- */

/* Append `count` strings with their NULs; HDF5 gives no pointer for one that was never written. */
static trn_status_t append(char **text, int64_t *bytes, int64_t *capacity, int64_t count,
                           char *const *strings) {
    for (int64_t i = 0; i < count; i++) {
        const char *string = strings[i] ? strings[i] : "";
        int64_t length = (int64_t)strlen(string) + 1;
        TRN_TRY(trn_grow(text, capacity, *bytes + length, 1, "strings of a store"));
        memcpy(*text + *bytes, string, (size_t)length);
        *bytes += length;
    }
    return TRN_OK;
}

trn_status_t trn_hdf_read_strings(const char *path, const char *name, int64_t rows, char **text,
                                  int64_t *bytes) {
    int64_t capacity = 0;
    *text = NULL;
    *bytes = 0;
    hid_t access = file_access();
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(dataset);
    hid_t type = text_type(H5T_VARIABLE);
    trn_status_t status = TRN_OK;
    /* In slices, because HDF5 allocates each string by itself. */
    for (int64_t row = 0; row < rows && status == TRN_OK; row += TRN_TEXT_BLOCK_ROWS) {
        char *strings[TRN_TEXT_BLOCK_ROWS] = {0};
        hsize_t first = (hsize_t)row, count = (hsize_t)(rows - row);
        if (count > TRN_TEXT_BLOCK_ROWS) count = TRN_TEXT_BLOCK_ROWS;
        hid_t slice = H5Screate_simple(1, &count, NULL);
        H5Sselect_hyperslab(space, H5S_SELECT_SET, &first, NULL, &count, NULL);
        if (H5Dread(dataset, type, slice, space, H5P_DEFAULT, strings) < 0)
            status = hdf_fail(TRN_INPUT, path, "cannot read strings", "use another copy");
        else
            status = append(text, bytes, &capacity, (int64_t)count, strings);
        H5Dvlen_reclaim(type, slice, H5P_DEFAULT, strings);
        H5Sclose(slice);
    }
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(dataset);
    H5Fclose(file);
    file_done(access);
    if (status != TRN_OK) trn_free(text);
    return status;
}
