/* foreign_hdf.c: datasets of the child's file, read and made. Memory here is the child's own, which
 * has a limit by itself, and is not counted. */
#include "io/foreign/foreign_hdf_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LZF = 32000, CACHE = 64 << 20 /* bytes of chunks that are kept */ };

/* Types ---------------------------------------------------------------------------------------- */

/* The floats of 16 bits, which HDF5 1.10 has no name for: digits and exponent as they lie. */
static hid_t make_half(size_t exponent, size_t digits, size_t bias) {
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, digits, exponent, 0, digits);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, bias);
    return type;
}

hid_t trn_foreign_type(trn_dtype_t type, bool swapped) {
    static const struct { size_t exponent, digits, bias; } half = {5, 10, 15}, brain = {8, 7, 127};
    hid_t made = type == TRN_F16    ? make_half(half.exponent, half.digits, half.bias)
                 : type == TRN_BF16 ? make_half(brain.exponent, brain.digits, brain.bias)
                                    : H5Tcopy(trn_hdf_type(type));
    if (swapped && made >= 0) H5Tset_order(made, H5T_ORDER_BE);
    return made;
}

/* h5py's bool: an enumeration of two on one byte. */
static bool is_bool(hid_t type) {
    if (H5Tget_class(type) != H5T_ENUM || H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2)
        return false;
    char *first = H5Tget_member_name(type, 0);
    bool found = first && (strcmp(first, "FALSE") == 0 || strcmp(first, "TRUE") == 0);
    H5free_memory(first);
    return found;
}

static void describe(hid_t type, char what[TRN_FOREIGN_WHAT]) {
    static const char *const classes[] = {"int",  "float",           "time",     "text",
                                          "bits", "opaque bytes",    "compound", "references",
                                          "enum", "variable-length", "array"};
    H5T_class_t class = H5Tget_class(type);
    const char *kind = class >= 0 && class < H5T_NCLASSES ? classes[class] : "unknown";
    if (class == H5T_INTEGER || class == H5T_FLOAT)
        snprintf(what, TRN_FOREIGN_WHAT, "%s of %zu bytes", kind, H5Tget_size(type));
    else
        snprintf(what, TRN_FOREIGN_WHAT, "%s", kind);
}

trn_dtype_t trn_foreign_type_of(hid_t type, bool *swapped, char what[TRN_FOREIGN_WHAT]) {
    *swapped = false;
    if (is_bool(type)) {
        snprintf(what, TRN_FOREIGN_WHAT, "bool");
        return TRN_BOOL;
    }
    H5T_class_t class = H5Tget_class(type);
    if (class == H5T_STRING) {
        snprintf(what, TRN_FOREIGN_WHAT, "string");
        return TRN_STRING;
    }
    for (trn_dtype_t ours = 0; ours < TRN_NUMBER_TYPES; ours++)
        for (int turned = 0; turned < 2; turned++) {
            if (ours == TRN_BOOL || (turned && trn_dtype_size(ours) == 1)) continue;
            hid_t like = trn_foreign_type(ours, turned);
            bool equal = H5Tequal(type, like) > 0;
            H5Tclose(like);
            if (!equal) continue;
            *swapped = turned;
            snprintf(what, TRN_FOREIGN_WHAT, "%s%s", turned ? "big-endian " : "",
                     trn_dtype_name(ours));
            return ours;
        }
    describe(type, what);
    return TRN_OTHER;
}

/* Filters -------------------------------------------------------------------------------------- */

/* HDF5 hands over a chunk and takes another buffer back; its unpacked size is in values[2]. */
static size_t filter_lzf(unsigned flags, size_t count, const unsigned values[], size_t bytes,
                         size_t *room, void **buffer) {
    if (!(flags & H5Z_FLAG_REVERSE) || count < 3 || values[2] == 0) return 0;
    unsigned char *out = malloc(values[2]);
    size_t got = out ? trn_lzf_decode(*buffer, bytes, out, values[2]) : 0;
    if (got == 0) {
        free(out);
        return 0;
    }
    free(*buffer);
    *buffer = out;
    *room = values[2];
    return got;
}

static const H5Z_class2_t lzf = {H5Z_CLASS_T_VERS, LZF, 1, 1, "lzf", NULL, NULL, filter_lzf};

static bool known_filter(H5Z_filter_t filter) {
    return filter == H5Z_FILTER_DEFLATE || filter == H5Z_FILTER_SHUFFLE ||
           filter == H5Z_FILTER_FLETCHER32 || filter == LZF;
}

bool trn_foreign_flawed(hid_t dataset, char what[TRN_FOREIGN_WHAT]) {
    hid_t how = H5Dget_create_plist(dataset);
    H5D_layout_t layout = H5Pget_layout(how);
    bool flawed = true;
    what[0] = '\0';
    if (layout == H5D_VIRTUAL)
        snprintf(what, TRN_FOREIGN_WHAT, "is virtual: its numbers are in other files");
    else if (layout < 0 || H5Pget_external_count(how) != 0)
        snprintf(what, TRN_FOREIGN_WHAT, "has its numbers in another file");
    else
        flawed = false;
    for (int i = 0; !flawed && i < H5Pget_nfilters(how); i++) {
        unsigned flags, config;
        size_t count = 0;
        char name[64] = "";
        H5Z_filter_t filter =
            H5Pget_filter2(how, (unsigned)i, &flags, &count, NULL, sizeof name, name, &config);
        if (known_filter(filter)) continue;
        flawed = true;
        snprintf(what, TRN_FOREIGN_WHAT, "is packed by filter %d (%.40s); `h5repack -f GZIP=4` it",
                 (int)filter, name);
    }
    H5Pclose(how);
    return flawed;
}

/* The file ------------------------------------------------------------------------------------- */

static trn_status_t no_memory(void) {
    return trn_fail(TRN_INPUT, "needs more memory than a file of its size should; damaged?");
}

trn_status_t trn_foreign_file_open(trn_foreign_file_t **file, int fd, const char *path, char mode) {
    trn_foreign_file_t *f = calloc(1, sizeof *f);
    if (!f) return no_memory();
    *file = f;
    f->path = path;
    f->access = trn_hdf_access(fd, path);
    f->dataset = f->type = H5I_INVALID_HID;
    H5Zregister(&lzf);
    if (mode == 'c')
        f->file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, f->access);
    else
        f->file = H5Fopen(path, mode == 'w' ? H5F_ACC_RDWR : H5F_ACC_RDONLY, f->access);
    if (f->file >= 0) return TRN_OK;
    return trn_hdf_fail(TRN_INPUT, path, "is no HDF5 file, or cut short or damaged",
                        "use another copy");
}

/* As many chunks are kept as a band of rows has, if that is not too much. */
static hid_t open_dataset(hid_t file, const char *name) {
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk_cache(access, 12421, CACHE, 1.0);
    hid_t dataset = H5Dopen2(file, name, access);
    H5Pclose(access);
    return dataset;
}

static void let_go(trn_foreign_file_t *f) {
    if (f->dataset >= 0) H5Dclose(f->dataset);
    if (f->type >= 0) H5Tclose(f->type);
    f->dataset = f->type = H5I_INVALID_HID;
}

/* Make `name` the dataset at hand, its type and rows known. */
static trn_status_t choose(trn_foreign_file_t *f, const char *name) {
    char what[TRN_FOREIGN_WHAT];
    hsize_t extent[H5S_MAX_RANK] = {0};
    trn_hdf_forgive();
    if (f->dataset >= 0 && strcmp(f->name, name) == 0) return TRN_OK;
    let_go(f);
    snprintf(f->name, sizeof f->name, "%s", name);
    f->dataset = open_dataset(f->file, name);
    if (f->dataset < 0) return trn_hdf_fail(TRN_INPUT, f->path, name, "is no dataset, or damaged");
    if (trn_foreign_flawed(f->dataset, what))
        return trn_fail(TRN_INPUT, "%s:%s: %s", f->path, name, what);
    f->type = H5Dget_type(f->dataset);
    hid_t space = H5Dget_space(f->dataset);
    int rank = H5Sget_simple_extent_ndims(space);
    if (rank > 0) H5Sget_simple_extent_dims(space, extent, NULL);
    H5Sclose(space);
    if (rank < 1 || rank > 2 || extent[0] > INT64_MAX)
        return trn_fail(TRN_INPUT, "%s:%s: has %d dimensions, not 1 or 2", f->path, name, rank);
    f->rows = (int64_t)extent[0];
    int64_t cols = rank == 2 ? (int64_t)extent[1] : 1;
    if (cols < 0 || __builtin_mul_overflow(cols, (int64_t)H5Tget_size(f->type), &f->row_bytes))
        return trn_fail(TRN_INPUT, "%s:%s: its extent is impossible", f->path, name);
    return TRN_OK;
}

static trn_status_t check_rows(const trn_foreign_file_t *f, int64_t first, int64_t rows) {
    if (first >= 0 && rows >= 0 && first <= f->rows && rows <= f->rows - first) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s:%s: rows %lld to %lld of %lld are asked for; damaged?", f->path,
                    f->name, (long long)first, (long long)(first + rows), (long long)f->rows);
}

/* values = rows [first, first + rows), as `type`. */
static bool transfer(hid_t dataset, hid_t type, int64_t first, int64_t rows, void *values,
                     bool write) {
    hid_t space = H5Dget_space(dataset);
    hsize_t extent[2] = {0, 0}, from[2] = {(hsize_t)first, 0}, count[2];
    int rank = H5Sget_simple_extent_dims(space, extent, NULL);
    count[0] = (hsize_t)rows;
    count[1] = extent[1];
    hid_t memory = H5Screate_simple(rank, count, NULL);
    bool fine = H5Sselect_hyperslab(space, H5S_SELECT_SET, from, NULL, count, NULL) >= 0;
    if (fine)
        fine = (write ? H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, values)
                      : H5Dread(dataset, type, memory, space, H5P_DEFAULT, values)) >= 0;
    H5Sclose(memory);
    H5Sclose(space);
    return fine;
}

static trn_status_t make_room(trn_foreign_file_t *f, int64_t bytes) {
    if (bytes <= f->piece_bytes) return TRN_OK;
    free(f->piece);
    f->piece = malloc((size_t)bytes);
    f->piece_bytes = f->piece ? bytes : 0;
    return f->piece ? TRN_OK : no_memory();
}

static trn_status_t unreadable(const trn_foreign_file_t *f, int64_t first) {
    char what[64];
    snprintf(what, sizeof what, "row %lld cannot be read", (long long)first + 1);
    return trn_fail_prefix(trn_hdf_fail(TRN_INPUT, f->name, what, "damaged; use another copy"),
                           "%s:", f->path);
}

trn_status_t trn_foreign_file_read(trn_foreign_file_t *f, int fd, const char *name, int64_t first,
                                   int64_t rows) {
    TRN_TRY(choose(f, name));
    TRN_TRY(check_rows(f, first, rows));
    int64_t step = f->row_bytes > 0 ? TRN_FOREIGN_PIECE / f->row_bytes : rows;
    if (step < 1) step = 1;
    TRN_TRY(make_room(f, (rows < step ? rows : step) * f->row_bytes));
    for (int64_t done = 0, some; done < rows && f->row_bytes > 0; done += some) {
        some = rows - done < step ? rows - done : step;
        if (!transfer(f->dataset, f->type, first + done, some, f->piece, false))
            return unreadable(f, first + done);
        if (!trn_foreign_send(fd, TRN_OK, f->piece, some * f->row_bytes))
            return trn_fail(TRN_INTERNAL, "nobody reads");
    }
    return TRN_OK;
}

/* Strings -------------------------------------------------------------------------------------- */

/* Of variable length: HDF5 allocates each. */
static trn_status_t read_long_strings(trn_foreign_file_t *f, int64_t first, int64_t count,
                                      char ***list) {
    hid_t type = H5Tcopy(f->type); /* of the file's own character set */
    *list = calloc((size_t)count + 1, sizeof **list);
    if (!*list) return no_memory();
    bool fine = transfer(f->dataset, type, first, count, *list, false);
    H5Tclose(type);
    return fine ? TRN_OK : unreadable(f, first);
}

static trn_status_t send_list(int fd, int64_t count, char *const *list) {
    int64_t bytes = 0, used = 0;
    for (int64_t i = 0; i < count; i++)
        bytes += (int64_t)strlen(list[i] ? list[i] : "") + 1;
    if (bytes > TRN_FOREIGN_TEXT) return no_memory();
    char *text = malloc((size_t)bytes + 1);
    if (!text) return no_memory();
    for (int64_t i = 0; i < count; i++) {
        size_t length = strlen(list[i] ? list[i] : "") + 1;
        memcpy(text + used, list[i] ? list[i] : "", length);
        used += (int64_t)length;
    }
    bool sent = trn_foreign_send(fd, TRN_OK, text, bytes);
    free(text);
    return sent ? TRN_OK : trn_fail(TRN_INTERNAL, "nobody reads");
}

/* Of fixed length, padded with NULs or blanks. */
static trn_status_t read_short_strings(trn_foreign_file_t *f, int64_t first, int64_t count,
                                       char ***list) {
    int64_t size = (int64_t)H5Tget_size(f->type), bytes;
    bool blanks = H5Tget_strpad(f->type) == H5T_STR_SPACEPAD;
    if (__builtin_mul_overflow(count, size + 1, &bytes) || bytes > TRN_FOREIGN_TEXT)
        return no_memory();
    TRN_TRY(make_room(f, bytes + 1));
    *list = calloc((size_t)count + 1, sizeof **list);
    if (!*list) return no_memory();
    if (!transfer(f->dataset, f->type, first, count, f->piece, false)) return unreadable(f, first);
    for (int64_t i = count - 1; i >= 0; i--) { /* from the end, for each moves up by its NUL */
        char *to = f->piece + i * (size + 1);
        memmove(to, f->piece + i * size, (size_t)size);
        to[size] = '\0';
        (*list)[i] = to;
        for (int64_t j = (int64_t)strlen(to); blanks && j > 0 && to[j - 1] == ' ';)
            to[--j] = '\0';
    }
    return TRN_OK;
}

trn_status_t trn_foreign_file_strings(trn_foreign_file_t *f, int fd, const char *name,
                                      int64_t first, int64_t count) {
    TRN_TRY(choose(f, name));
    TRN_TRY(check_rows(f, first, count));
    if (H5Tget_class(f->type) != H5T_STRING)
        return trn_fail(TRN_INPUT, "%s:%s: is no list of names", f->path, name);
    char **list = NULL;
    bool longer = H5Tis_variable_str(f->type) > 0;
    trn_status_t status = (longer ? read_long_strings : read_short_strings)(f, first, count, &list);
    if (status == TRN_OK) status = list ? send_list(fd, count, list) : no_memory();
    for (int64_t i = 0; longer && list && i < count; i++)
        H5free_memory(list[i]);
    free(list);
    return status;
}

/* Making --------------------------------------------------------------------------------------- */

static trn_status_t make_dataset(trn_foreign_file_t *f, const char *name, hid_t type, int rank,
                                 const hsize_t *extent, hid_t *dataset) {
    trn_hdf_forgive();
    if (H5Aexists(f->file, "trunnion_format") > 0)
        return trn_fail(TRN_INPUT,
                        "%s: is a store of ours, whose checksums cover all of it; write the "
                        "dataset into another file",
                        f->path);
    hid_t links = H5Pcreate(H5P_LINK_CREATE), how = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(rank, extent, NULL);
    H5Pset_create_intermediate_group(links, 1);
    H5Pset_alloc_time(how, H5D_ALLOC_TIME_EARLY);
    if (H5Tis_variable_str(type) <= 0) H5Pset_fill_time(how, H5D_FILL_TIME_NEVER);
    H5Pset_obj_track_times(how, 0);
    bool there = H5Oexists_by_name(f->file, name, H5P_DEFAULT) > 0;
    trn_hdf_forgive();
    *dataset =
        there ? H5I_INVALID_HID : H5Dcreate2(f->file, name, type, space, links, how, H5P_DEFAULT);
    H5Sclose(space);
    H5Pclose(how);
    H5Pclose(links);
    if (there)
        return trn_fail(TRN_INPUT, "%s:%s: is there already; name another dataset", f->path, name);
    if (*dataset >= 0) return TRN_OK;
    return trn_fail_prefix(
        trn_hdf_fail(TRN_INPUT, name, "cannot be made in this file", "name another dataset"),
        "%s:", f->path);
}

trn_status_t trn_foreign_file_make(trn_foreign_file_t *f, int fd, const char *name,
                                   trn_dtype_t type, int64_t rows, int64_t cols) {
    hsize_t extent[2] = {(hsize_t)rows, (hsize_t)cols};
    hid_t made = trn_foreign_type(type, false), dataset;
    trn_status_t status = made >= 0 ? TRN_OK : trn_fail(TRN_INTERNAL, "no such type of numbers");
    if (status == TRN_OK) status = make_dataset(f, name, made, 2, extent, &dataset);
    H5Tclose(made);
    TRN_TRY(status);
    int64_t offset = trn_hdf_offset(dataset, rows * cols);
    H5Dclose(dataset);
    if (rows * cols > 0 && offset <= 0)
        return trn_fail(TRN_IO, "%s:%s: no space for it; check disk space", f->path, name);
    return trn_foreign_send(fd, TRN_OK, &offset, sizeof offset)
               ? TRN_OK
               : trn_fail(TRN_INTERNAL, "nobody reads");
}

trn_status_t trn_foreign_file_make_strings(trn_foreign_file_t *f, int fd, const char *name,
                                           int64_t count) {
    hsize_t extent[1] = {(hsize_t)count};
    hid_t type = trn_hdf_text_type(H5T_VARIABLE), dataset;
    trn_status_t status = make_dataset(f, name, type, 1, extent, &dataset);
    H5Tclose(type);
    TRN_TRY(status);
    H5Dclose(dataset);
    return trn_foreign_send(fd, TRN_OK, "", 0) ? TRN_OK : trn_fail(TRN_INTERNAL, "nobody reads");
}

trn_status_t trn_foreign_file_put_strings(trn_foreign_file_t *f, int fd, const char *name,
                                          int64_t first, int64_t count, const char *text,
                                          int64_t bytes) {
    TRN_TRY(choose(f, name));
    TRN_TRY(check_rows(f, first, count));
    const char **list = calloc((size_t)count + 1, sizeof *list);
    if (!list) return no_memory();
    const char *at = text;
    for (int64_t i = 0; i < count && at < text + bytes; i++) {
        list[i] = at;
        at += strlen(at) + 1;
    }
    bool fine = transfer(f->dataset, f->type, first, count, list, true);
    free(list);
    if (!fine) return trn_hdf_fail(TRN_IO, f->path, "cannot write names", "check the disk");
    return trn_foreign_send(fd, TRN_OK, "", 0) ? TRN_OK : trn_fail(TRN_INTERNAL, "nobody reads");
}

trn_status_t trn_foreign_file_end(trn_foreign_file_t *f, int fd) {
    let_go(f);
    bool fine = H5Fclose(f->file) >= 0;
    TRN_TRY(trn_hdf_done(f->access, TRN_OK));
    if (!fine) return trn_fail(TRN_IO, "%s: cannot be closed; check the disk", f->path);
    return trn_foreign_send(fd, TRN_OK, "", 0) ? TRN_OK : trn_fail(TRN_INTERNAL, "nobody reads");
}
