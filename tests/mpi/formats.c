/* Through every pair of formats and back: what one writes the other reads and writes again, with
 * the same bits wherever both hold numbers of the type, and with the names of the rows. */
#define _GNU_SOURCE
#include "harness.h"
#include "io/formats/format.h"
#include "io/rows/rows.h"
#include "kern/dense/convert.h"
#include "matrix_sample.h"
#include "mpi/agree.h"

#include <ctype.h>
#include <string.h>

enum { ROWS = 53, COLS = 3, MOST = 16 };

/* A way of writing: a format, and perhaps a member of a file. */
typedef struct way {
    const trn_file_format_t *format;
    const char *member;
    unsigned types;
} way_t;

static way_t ways[MOST];
static int nways;

static void find_ways(void) {
    nways = 0;
    for (int i = 0; trn_formats[i] && nways < MOST - 1; i++) {
        const trn_file_format_t *format = trn_formats[i];
        if (format->begin) ways[nways++] = (way_t){format, "", format->types};
        if (format->begin && format->holds & TRN_HOLDS_MEMBERS)
            ways[nways++] = (way_t){format, strcmp(format->name, "h5") == 0 ? ":/a/b" : ":a b",
                                    format->member ? format->member : format->types};
    }
}

static void path_of(const way_t *way, const char *stem, char path[300]) {
    snprintf(path, 300, "%s/%s%s%s", folder, stem, way->format->endings[0], way->member);
}

/* Bits of a number of a type, none of them infinite or NaN, whole ones within 2^53. */
static void number_at(trn_dtype_t type, int64_t i, void *to) {
    uint64_t bits = (uint64_t)(i + 1) * 0x9e3779b97f4a7c15ULL;
    double real = (double)(int64_t)(bits >> 12) / 7e9 - 1e5, small = (double)(i % 200 - 100) / 16;
    int64_t whole = (int64_t)(bits >> 12) - (trn_dtype_signed(type) ? (int64_t)1 << 51 : 0);
    if (trn_dtype_size(type) < 8) whole = i % 100;
    bool half = type == TRN_F16 || type == TRN_BF16;
    trn_misfit_t misfit = {0};
    trn_numbers_t from = {TRN_F64, false, half ? &small : &real, 1}, into = {type, false, to, 1};
    if (trn_dtype_whole(type)) from = (trn_numbers_t){TRN_I64, false, &whole, 1};
    trn_convert(from, into, 1, 0, &misfit);
}

static void make_names(char names[ROWS][24], char *list[ROWS]) {
    for (int i = 0; i < ROWS; i++) {
        snprintf(names[i], 24, i % 5 ? "n%d" : "\xc3\xa9%d", i);
        list[i] = names[i];
    }
}

static trn_rows_make_t band(trn_dtype_t type) {
    int64_t first = trn_part_start(ROWS, ranks, rank), end = trn_part_start(ROWS, ranks, rank + 1);
    return (trn_rows_make_t){.rows = ROWS,
                             .cols = COLS,
                             .own_first = first,
                             .own_rows = end - first,
                             .type = type,
                             .created_by = "a test"};
}

static trn_status_t write_sample(const char *path, trn_dtype_t type) {
    char names[ROWS][24], *list[ROWS], values[ROWS * COLS * 8];
    trn_rows_make_t make = band(type);
    make_names(names, list);
    make.names = list;
    int64_t size = trn_dtype_size(type);
    for (int64_t i = 0; i < make.own_rows * COLS; i++)
        number_at(type, make.own_first * COLS + i, values + i * size);
    trn_rows_out_t *out;
    TRN_TRY(trn_rows_create(&out, comm, path, &make));
    return trn_rows_commit(&out, trn_rows_write(out, make.own_first, make.own_rows, type, values));
}

/* This rank's rows; what has no order comes by way of memory, and as float64. */
static trn_status_t read_own(trn_rows_t *rows, trn_dtype_t type, char *values) {
    trn_rows_make_t own = band(type);
    trn_status_t status;
    if (!trn_rows_about(rows)->routed) {
        status = trn_rows_read(rows, own.own_first, own.own_rows, type, values);
    } else {
        double *wide;
        TRN_TRY(trn_rows_hold(rows, ROWS, TRN_F64, 0)); /* one block: all of it on the last rank */
        TRN_TRY(trn_alloc_zero(&wide, ROWS * COLS, sizeof *wide, "rows"));
        if (trn_rows_own_blocks(rows) > 0)
            memcpy(wide, trn_rows_block(rows, 0).data, ROWS * COLS * sizeof *wide);
        MPI_Allreduce(MPI_IN_PLACE, wide, ROWS * COLS, MPI_DOUBLE, MPI_SUM, comm);
        trn_misfit_t misfit = {0};
        trn_convert((trn_numbers_t){TRN_F64, false, wide + own.own_first * COLS, 1},
                    (trn_numbers_t){type, false, values, 1}, own.own_rows * COLS, 0, &misfit);
        CHECK_EQUAL(misfit.count, 0);
        trn_free(&wide);
        status = TRN_OK;
    }
    status = trn_agree(comm, status);
    return status == TRN_OK ? trn_rows_outcome(rows) : status;
}

static trn_status_t copy(const char *from, const char *to, trn_dtype_t type) {
    trn_rows_t *rows;
    trn_rows_out_t *out;
    char values[ROWS * COLS * 8];
    trn_rows_make_t make = band(type);
    TRN_TRY(trn_rows_open(&rows, comm, from, &(trn_rows_how_t){0}));
    make.names_of = rows;
    trn_status_t status = read_own(rows, type, values);
    if (status == TRN_OK) status = trn_rows_create(&out, comm, to, &make);
    if (status == TRN_OK)
        status =
            trn_rows_commit(&out, trn_rows_write(out, make.own_first, make.own_rows, type, values));
    trn_rows_close(&rows);
    return status;
}

/* That a file holds the sample; `what` says how it was made. */
static void check_file(const char *path, trn_dtype_t type, const char *what) {
    trn_rows_t *rows;
    char values[ROWS * COLS * 8], names[ROWS][24], *list[ROWS], **found = NULL;
    char note[300];
    trn_rows_make_t own = band(type);
    trn_status_t status = trn_rows_open(&rows, comm, path, &(trn_rows_how_t){0});
    if (status == TRN_OK) status = read_own(rows, type, values);
    if (status == TRN_OK) status = trn_rows_names(rows, &found);
    snprintf(note, sizeof note, "%s, %s: %.180s", what, trn_dtype_short(type),
             status == TRN_OK ? "" : trn_message());
    harness_check(status == TRN_OK, __FILE__, __LINE__, note);
    make_names(names, list);
    int64_t size = trn_dtype_size(type), wrong = 0;
    for (int64_t i = 0; i < own.own_rows * COLS && status == TRN_OK; i++) {
        char wanted[8];
        number_at(type, own.own_first * COLS + i, wanted);
        wrong += memcmp(values + i * size, wanted, (size_t)size) != 0;
    }
    snprintf(note, sizeof note, "%s, %s: %lld numbers differ", what, trn_dtype_short(type),
             (long long)wrong);
    harness_check(wrong == 0, __FILE__, __LINE__, note);
    for (int i = 0; i < ROWS && status == TRN_OK; i++)
        wrong += strcmp(found[i], names[i]) != 0;
    snprintf(note, sizeof note, "%s: names differ", what);
    harness_check(wrong == 0, __FILE__, __LINE__, note);
    trn_free(&found);
    trn_rows_close(&rows);
}

static void remove_files(const char *path) {
    char name[320];
    MPI_Barrier(comm);
    snprintf(name, sizeof name, "%s", path);
    char *member = strstr(name, ":");
    if (member) *member = '\0';
    if (rank == 0) unlink(name);
    strcat(name, ".vocab");
    if (rank == 0) unlink(name);
    MPI_Barrier(comm);
}

static void every_pair(void) {
    static const trn_dtype_t types[] = {TRN_F32, TRN_F64, TRN_F16, TRN_BF16, TRN_I64, TRN_U8};
    char from[300], to[300], what[64];
    int pairs = 0;
    find_ways();
    CHECK(nways >= 9);
    /* On many ranks, where each file takes long and the code is the same, two types. */
    for (size_t t = 0; t<sizeof types / sizeof *types; t += ranks> 3 ? 4 : 1)
        for (int a = 0; a < nways; a++) {
            if (!(ways[a].types >> types[t] & 1)) continue;
            path_of(&ways[a], "a", from);
            CHECK_OK(write_sample(from, types[t]));
            snprintf(what, sizeof what, "%s%s", ways[a].format->name, ways[a].member);
            check_file(from, types[t], what);
            for (int b = 0; b < nways; b++) {
                if (!(ways[b].types >> types[t] & 1)) continue;
                path_of(&ways[b], "b", to);
                CHECK_OK(copy(from, to, types[t]));
                snprintf(what, sizeof what, "%s%s to %s%s", ways[a].format->name, ways[a].member,
                         ways[b].format->name, ways[b].member);
                check_file(to, types[t], what);
                remove_files(to);
                pairs++;
            }
            remove_files(from);
        }
    CHECK(pairs > (ranks > 3 ? 80 : 150));
}

static trn_status_t copy_once(void *argument) {
    const char *const *paths = argument;
    remove_files(paths[1]); /* a dataset may not be there already */
    return copy(paths[0], paths[1], TRN_F32);
}

/* Any allocation may fail on any rank, and all of them say so. On few ranks, for it takes long. */
static void without_memory(void) {
    static const char *const files[] = {"a.h5:/a/b", "a.safetensors", "a.tsv"};
    char from[300], to[300];
    const char *paths[2] = {from, to};
    for (int i = 0; i < 3 && ranks <= 2; i++) {
        snprintf(from, sizeof from, "%s/%s", folder, files[i]);
        snprintf(to, sizeof to, "%s/b%s", folder, files[i] + 1);
        CHECK_OK(write_sample(from, TRN_F32));
        if (!harness_well()) return;
        harness_inject(copy_once, paths);
        remove_files(from);
        remove_files(to);
    }
}

/* Every name, every ending in any case, and what --from and --to offer, are of the table. */
static void table_is_sound(void) {
    char choices[256] = "auto", path[64];
    for (int i = 0; trn_formats[i]; i++) {
        const trn_file_format_t *format = trn_formats[i];
        strcat(strcat(choices, "|"), format->name);
        CHECK(trn_format_by_name(format->name) == format);
        for (int e = 0; e < TRN_FORMAT_ENDINGS && format->endings[e]; e++) {
            bool packed;
            snprintf(path, sizeof path, "Some%s", format->endings[e]);
            CHECK(trn_format_by_ending(path, &packed) == format && !packed);
            for (char *at = path; *at; at++)
                *at = (char)toupper((unsigned char)*at);
            strcat(path, ".Gz");
            CHECK(trn_format_by_ending(path, &packed) == format && packed);
        }
    }
    CHECK(strcmp(choices, TRN_FORMAT_CHOICES) == 0);
}

HARNESS_MAIN({"make_folder", make_folder}, {"every_pair", every_pair},
             {"without_memory", without_memory}, {"table_is_sound", table_is_sound},
             {"remove_folder", remove_folder})
