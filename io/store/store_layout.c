/* store_layout.c: laying a file out. Nothing here moves the data: HDF5 allocates and describes, the
 * ranks write bytes at offsets. */
#include "base/mem.h"
#include "io/store/store_hdf_impl.h"

#include <stdio.h>
#include <string.h>

static trn_status_t lay_out_fail(const char *path) {
    return trn_hdf_fail(TRN_IO, path, "cannot lay the file out", "check disk space and quota");
}

/* Make the groups above `name`. Without times, so that equal content gives equal files. */
static void make_groups(hid_t file, const char *name) {
    hid_t plain = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_obj_track_times(plain, 0);
    char group[TRN_HDF_NAME_BYTES];
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

/* All of them, in the order of their declaration, which gives equal files for equal content. */
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
            hid_t type = trn_hdf_text_type(*text ? strlen(text) : 1);
            H5Tset_strpad(type, H5T_STR_NULLPAD);
            fine = put_attribute(object, name, type, type, text);
            H5Tclose(type);
        }
        H5Oclose(object);
    }
    return fine;
}

/* Strings come to rank 0 block by block while it lays the file out, and all ranks take part in
 * that: before each block rank 0 says that it goes on, or once that it does not. */

/* A block of strings on its way to rank 0; all ranks at the same. */
static trn_status_t get_block(trn_store_t *store, const trn_entry_t *entry, int64_t block,
                              const char *const **strings) {
    const trn_band_t *band = &store->bands[entry - store->table.entries];
    int64_t first = block * entry->block_rows, rows = entry->rows - first;
    if (rows > entry->block_rows) rows = entry->block_rows;
    store->blocks_left--;
    const char *name = trn_table_text(&store->table, entry->name);
    trn_status_t status = band->strings(band->self, name, first, rows, strings);
    if (status != TRN_OK) store->blocks_left = 0;
    return status;
}

/* Rank 0: call the others to the next block, and get it. */
static trn_status_t feed(trn_store_t *store, const trn_entry_t *entry, int64_t block,
                         const char *const **strings) {
    int go_on = true; /* the word that trn_layout_follow waits for */
    MPI_Bcast(&go_on, 1, MPI_INT, 0, store->comm);
    return get_block(store, entry, block, strings);
}

/* The other ranks: help to bring the strings to rank 0, as long as it goes on. */
trn_status_t trn_layout_follow(trn_store_t *store) {
    for (int64_t i = 0; i < store->table.nentries; i++) {
        const trn_entry_t *entry = &store->table.entries[i];
        for (int64_t block = 0; entry->type == TRN_STRING && block < entry->blocks; block++) {
            int go_on;
            const char *const *nothing;
            MPI_Bcast(&go_on, 1, MPI_INT, 0, store->comm);
            if (!go_on) return TRN_OK;
            TRN_TRY(get_block(store, entry, block, &nothing));
        }
    }
    return TRN_OK;
}

void trn_layout_dismiss(trn_store_t *store) {
    int go_on = false;
    if (store->blocks_left > 0) MPI_Bcast(&go_on, 1, MPI_INT, 0, store->comm);
    store->blocks_left = 0;
}

/* Write rows [first, first + rows) of a dataset of strings. */
static bool put_rows(hid_t dataset, hid_t type, int64_t first, int64_t rows,
                     const char *const *text) {
    hsize_t from = (hsize_t)first, count = (hsize_t)rows;
    hid_t in_memory = H5Screate_simple(1, &count, NULL), in_file = H5Dget_space(dataset);
    bool fine = H5Sselect_hyperslab(in_file, H5S_SELECT_SET, &from, NULL, &count, NULL) >= 0 &&
                H5Dwrite(dataset, type, in_memory, in_file, H5P_DEFAULT, text) >= 0;
    H5Sclose(in_file);
    H5Sclose(in_memory);
    return fine;
}

/* Checksum of strings with their NULs. */
static uint64_t sum_of(int64_t rows, const char *const *text) {
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    for (int64_t row = 0; row < rows; row++)
        XXH3_64bits_update(&state, text[row], strlen(text[row]) + 1);
    return XXH3_64bits_digest(&state);
}

/* Write all strings and one checksum a block. */
static trn_status_t put_strings(trn_store_t *store, hid_t strings, hid_t sums,
                                const trn_entry_t *entry) {
    trn_status_t status = TRN_OK;
    uint64_t *sum;
    if (entry->rows == 0) return TRN_OK;
    TRN_TRY(trn_alloc(&sum, entry->blocks, sizeof *sum, "checksums"));
    hid_t type = trn_hdf_text_type(H5T_VARIABLE);
    for (int64_t block = 0; block < entry->blocks && status == TRN_OK; block++) {
        int64_t first = block * entry->block_rows, rows = entry->rows - first;
        if (rows > entry->block_rows) rows = entry->block_rows;
        const char *const *text;
        status = feed(store, entry, block, &text);
        if (status == TRN_OK && !put_rows(strings, type, first, rows, text))
            status = lay_out_fail(store->temporary);
        if (status == TRN_OK) sum[block] = sum_of(rows, text);
    }
    if (status == TRN_OK &&
        H5Dwrite(sums, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, sum) < 0)
        status = lay_out_fail(store->temporary);
    H5Tclose(type);
    trn_free(&sum);
    return status;
}

/* One declared dataset and its checksums. */
static trn_status_t put_entry(trn_store_t *store, hid_t file, trn_entry_t *entry) {
    const char *name = trn_table_text(&store->table, entry->name);
    char sums_name[TRN_HDF_NAME_BYTES];
    snprintf(sums_name, sizeof sums_name, TRN_CHECKSUM_GROUP "%s", name);
    bool is_text = entry->type == TRN_STRING;
    hid_t type =
        is_text ? trn_hdf_text_type(H5T_VARIABLE) : H5Tcopy(trn_hdf_type((trn_dtype_t)entry->type));
    hid_t dataset = make_dataset(file, name, type, entry->rows, entry->cols);
    hid_t sums = make_dataset(file, sums_name, H5T_STD_U64LE, entry->blocks, 0);
    entry->offset = trn_hdf_offset(dataset, entry->rows * entry->row_bytes);
    entry->sums = trn_hdf_offset(sums, entry->blocks);
    trn_status_t status = TRN_OK;
    if (dataset < 0 || sums < 0 || entry->offset < 0 || entry->sums < 0)
        status = lay_out_fail(store->temporary);
    else if (is_text)
        status = put_strings(store, dataset, sums, entry);
    H5Dclose(sums);
    H5Dclose(dataset);
    H5Tclose(type);
    return status;
}

/* HDF5's calls are not looked at one by one: a bad identifier makes the next call fail, and the
 * last one of a run tells. */
trn_status_t trn_hdf_lay_out(trn_store_t *store) {
    const char *path = store->temporary;
    trn_table_t *table = &store->table;
    hid_t access = trn_hdf_access(store->fd, path);
    hid_t plain = H5Pcreate(H5P_FILE_CREATE);
    H5Pset_obj_track_times(plain, 0);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, plain, access);
    trn_status_t status = file >= 0 ? TRN_OK : lay_out_fail(path);
    for (int64_t i = 0; i < table->nentries && status == TRN_OK; i++)
        status = put_entry(store, file, &table->entries[i]);
    if (status == TRN_OK && !put_attributes(file, table)) status = lay_out_fail(path);
    if (H5Fclose(file) < 0 && status == TRN_OK) status = lay_out_fail(path);
    H5Pclose(plain);
    return trn_hdf_done(access, status);
}

/* HDF5 opens the file once more, for one integer; all else of it is on the disk and verified by
 * now. */
trn_status_t trn_hdf_seal(int fd, const char *path) {
    hid_t access = trn_hdf_access(fd, path);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, access);
    hid_t complete = H5Aopen(file, "complete", H5P_DEFAULT);
    bool fine = H5Awrite(complete, H5T_NATIVE_INT64, &(int64_t){1}) >= 0;
    H5Aclose(complete);
    fine = H5Fclose(file) >= 0 && fine;
    trn_status_t status =
        fine ? TRN_OK
             : trn_hdf_fail(TRN_IO, path, "cannot mark the file complete", "check the disk");
    return trn_hdf_done(access, status);
}
