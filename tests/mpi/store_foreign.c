/* Stores that another program has written through HDF5, in its oldest format, where nothing has a
 * checksum: attributes of every type are read as HDF5 would read them, and damage ends in a refusal
 * or in other values, never in a crash. */
#define _DEFAULT_SOURCE
#define H5_USE_110_API
#include "directory.h"

#include "io/store/store.h"

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 40 };

static const char *path;

static void put(hid_t object, const char *name, hid_t in_file, hid_t in_memory, hsize_t count,
                const void *value) {
    hid_t space = count ? H5Screate_simple(1, &count, NULL) : H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(object, name, in_file, space, H5P_DEFAULT, H5P_DEFAULT);
    CHECK(H5Awrite(attribute, in_memory, value) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
}

static void put_text(hid_t object, const char *name, size_t size, const char *value) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    put(object, name, type, type, 0, value);
    H5Tclose(type);
}

static hid_t variable(void) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    return type;
}

static const struct {
    const char *name;
    hid_t *type;
    int64_t value;
} integers[] = {{"i8le", &H5T_STD_I8LE_g, -5},          {"i16be", &H5T_STD_I16BE_g, -300},
                {"i32le", &H5T_STD_I32LE_g, INT32_MIN}, {"i64be", &H5T_STD_I64BE_g, INT64_MIN + 1},
                {"i64le", &H5T_STD_I64LE_g, INT64_MAX}, {"u8le", &H5T_STD_U8LE_g, 200},
                {"u16be", &H5T_STD_U16BE_g, 60000},     {"u32le", &H5T_STD_U32LE_g, 4000000000},
                {"u64be", &H5T_STD_U64BE_g, INT64_MAX}};
enum { INTEGERS = sizeof integers / sizeof *integers };

/* On rank 0. */
static void write_file(void) {
    float data[6] = {0, 1, 2, 3, 4, 5};
    const hsize_t extent[2] = {2, 3};
    const double real = -2.5;
    const char *word = "variable";
    char name[20], longer[900];
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), text = variable();
    hid_t space = H5Screate_simple(2, extent, NULL);
    hid_t matrix =
        H5Dcreate2(file, "matrix", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(matrix, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
    put_text(file, "kind", 7, "foreign"); /* no NUL */
    put(file, "complete", H5T_STD_I64LE, H5T_NATIVE_INT64, 0, &(int64_t){1});
    put(file, "trunnion_format", H5T_STD_I64LE, H5T_NATIVE_INT64, 0, &(int64_t){1});
    for (int i = 0; i < INTEGERS; i++)
        put(file, integers[i].name, *integers[i].type, H5T_NATIVE_INT64, 0, &integers[i].value);
    put(matrix, "f32be", H5T_IEEE_F32BE, H5T_NATIVE_DOUBLE, 0, &real);
    put(matrix, "f64le", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 1, &real);
    put(matrix, "f64be", H5T_IEEE_F64BE, H5T_NATIVE_DOUBLE, 0, &real);
    put(file, "several", H5T_STD_I32LE, H5T_NATIVE_INT64, 3, (int64_t[]){1, 2, 3});
    put(file, "word", text, text, 0, &word);
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    put_text(file, "longer", sizeof longer, longer);
    for (int i = 0; i < MANY; i++) { /* so that the header goes on elsewhere */
        snprintf(name, sizeof name, "number %d", i);
        put(matrix, name, H5T_STD_I16LE, H5T_NATIVE_INT, 0, &i);
    }
    H5Tclose(text);
    H5Sclose(space);
    H5Dclose(matrix);
    CHECK(H5Fclose(file) >= 0);
}

static void begins(void) {
    make_directory();
    path = in_directory("foreign.h5");
    if (rank == 0) write_file();
    MPI_Barrier(comm);
}

static void reads_attributes(void) {
    trn_store_t *store;
    int64_t integer;
    double real;
    const char *text;
    char name[20];
    CHECK_OK(trn_store_open(&store, comm, path, "foreign"));
    if (!harness_well()) return;
    for (int i = 0; i < INTEGERS; i++) {
        CHECK_OK(trn_store_get_int(store, "/", integers[i].name, &integer));
        CHECK(integer == integers[i].value);
    }
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "number %d", i);
        CHECK_OK(trn_store_get_int(store, "/matrix", name, &integer));
        CHECK_EQUAL(integer, i);
    }
    const char *const reals[] = {"f32be", "f64le", "f64be"};
    for (int i = 0; i < 3; i++) {
        CHECK_OK(trn_store_get_real(store, "/matrix", reals[i], &real));
        CHECK(real == -2.5);
    }
    CHECK_OK(trn_store_get_text(store, "/", "longer", &text));
    CHECK_EQUAL(strlen(text), 899);
    CHECK_EQUAL(trn_store_get_int(store, "/", "several", &integer), TRN_INPUT);
    CHECK_OK(trn_store_get_text(store, "/", "word", &text));
    CHECK(strcmp(text, "variable") == 0);
    trn_store_close(&store);
}

static trn_status_t open_only(void) {
    trn_store_t *store;
    trn_status_t status = trn_store_open(&store, comm, path, NULL);
    trn_store_close(&store);
    return status;
}

static void set_byte(FILE *file, long at, int byte) {
    fseek(file, at, SEEK_SET);
    fputc(byte, file);
    fflush(file);
}

/* Every byte of the file in turn but the long text's; on several ranks some, for they say the same
 * by agreement only. */
static void damage(void) {
    FILE *file = rank == 0 ? fopen(path, "r+") : NULL;
    long bytes = 0, refused = 0, tried = 0;
    if (file) {
        fseek(file, 0, SEEK_END);
        bytes = ftell(file);
    }
    MPI_Bcast(&bytes, 1, MPI_LONG, 0, comm);
    for (long at = 0; at < bytes; at += ranks == 1 ? 1 : 61) {
        int byte = 0;
        if (file) {
            fseek(file, at, SEEK_SET);
            byte = fgetc(file);
        }
        MPI_Bcast(&byte, 1, MPI_INT, 0, comm);
        if (byte == 'x' || byte == EOF) continue;
        if (file) set_byte(file, at, byte ^ (at % 2 ? 0xff : 1 << at % 8));
        MPI_Barrier(comm);
        trn_status_t status = open_only();
        CHECK(status == TRN_OK || status == TRN_INPUT || status == TRN_IO);
        if (file) set_byte(file, at, byte);
        MPI_Barrier(comm);
        refused += status != TRN_OK;
        tried++;
    }
    if (file) fclose(file);
    CHECK(tried > (ranks == 1 ? 3000 : 50) && refused > tried / 20);
    CHECK_OK(open_only());
}

static void says_what_is_wrong(void) {
    char *data = NULL;
    long bytes = 0, at = 0;
    FILE *file = rank == 0 ? fopen(path, "r+") : NULL;
    if (file) {
        fseek(file, 0, SEEK_END);
        bytes = ftell(file);
        data = calloc(1, (size_t)bytes);
        rewind(file);
        CHECK_EQUAL(fread(data, 1, (size_t)bytes, file), (size_t)bytes);
        while (at < bytes - 8 && memcmp(data + at, "longer", 7) != 0)
            at++;
        set_byte(file, at - 5, 0x7f); /* the name's size */
        free(data);
        fclose(file);
    }
    MPI_Barrier(comm);
    CHECK_EQUAL(open_only(), TRN_INPUT);
    CHECK(strstr(trn_message(), "damaged (the size of an attribute") != NULL);
}

HARNESS_MAIN({"begins", begins}, {"reads_attributes", reads_attributes}, {"damage", damage},
             {"says_what_is_wrong", says_what_is_wrong}, {"ends", remove_directory})
