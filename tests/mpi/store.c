/* Stores: what is written comes back, the same bytes at any cut, and every failure is agreed on and
 * leaves the former files alone. */
#define _DEFAULT_SOURCE
#include "directory.h"
#include "harness.h"
#include "store_sample.h"

#include "mpi/agree.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 777 };

/* Store ---------------------------------------------------------------------------------------- */

typedef struct sample {
    const char *path, *kind;
    cut_t cut;
    int64_t generation;
    bool replace, behind;
} sample_t;

static trn_status_t declare(trn_store_t *store, int64_t generation) {
    for (int d = 0; d < DATASETS; d++)
        TRN_TRY(trn_store_dataset(store, datasets[d].name, datasets[d].type, datasets[d].rows,
                                  datasets[d].cols));
    TRN_TRY(trn_store_strings(store, "/vocab", WORDS, words()));
    TRN_TRY(trn_store_set_int(store, "/", "generation", generation));
    TRN_TRY(trn_store_set_real(store, "/row/values", "loss", 0.1));
    TRN_TRY(trn_store_set_text(store, "/row/values", "unit", "µm"));
    return trn_store_set_text(store, "/", "nothing", "");
}

static trn_status_t write_rows(trn_store_t *store, int d, cut_t cut, int r, int p) {
    int64_t first, end;
    band(cut, datasets[d].rows, r, p, &first, &end);
    for (int64_t row = first; row < end || row == first; row += PIECE) {
        int64_t rows = end - row < PIECE ? end - row : PIECE;
        char *data = rows_of(d, row, rows);
        trn_status_t status = trn_store_write(store, datasets[d].name, row, rows, data);
        free(data);
        TRN_TRY(status);
    }
    return TRN_OK;
}

static trn_status_t begin_sample(trn_store_t **store, MPI_Comm on, const sample_t *sample) {
    json_t *params = json_pack("{s:i,s:s}", "dim", 100, "name", "x");
    trn_status_t status =
        trn_store_create(store, on, sample->path, sample->kind ? sample->kind : "sample",
                         "tests/mpi/store", params, UINT64_MAX - 1);
    json_decref(params);
    if (status == TRN_OK) status = declare(*store, sample->generation);
    if (status == TRN_OK) status = trn_store_begin(*store);
    if (status == TRN_OK && sample->behind) status = trn_store_write_behind(*store);
    return status;
}

static trn_status_t write_on(MPI_Comm on, const sample_t *sample) {
    int r, p;
    MPI_Comm_rank(on, &r);
    MPI_Comm_size(on, &p);
    trn_store_t *store = NULL;
    trn_status_t status = begin_sample(&store, on, sample);
    if (status != TRN_OK) {
        trn_store_abandon(&store);
        return status;
    }
    for (int d = 0; d < DATASETS && status == TRN_OK; d++)
        status = write_rows(store, d, sample->cut, r, p);
    if (sample->behind) {
        TRN_TRY(trn_store_commit_start(&store, status));
        return trn_store_commit_finish(&store);
    }
    return sample->replace ? trn_store_commit_replace(&store, status)
                           : trn_store_commit(&store, status);
}

static trn_status_t write_sample(void *sample) {
    return write_on(comm, sample);
}

/* Any rows at all come back right: whole, across blocks, single, none. */
static void check_rows(trn_store_t *store, int d) {
    int64_t rows = datasets[d].rows;
    const int64_t pieces[][2] = {
        {0, rows}, {rows / 3, rows / 2}, {rows - 1, 1},       {rows / 2, 1},
        {0, 0},    {rows / 7, rows / 7}, {rank % 3, rows / 2}};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        int64_t first = pieces[i][0], count = pieces[i][1];
        if (first < 0 || first + count > rows) continue;
        char *wanted = rows_of(d, first, count), *got = malloc((size_t)(count * row_bytes(d) + 1));
        CHECK_OK(trn_store_read(store, datasets[d].name, first, count, got));
        CHECK(memcmp(got, wanted, (size_t)(count * row_bytes(d))) == 0);
        free(wanted), free(got);
    }
}

static void check_attributes(const trn_store_t *store) {
    int64_t integer = 0;
    double real = 0;
    const char *text = "";
    CHECK_OK(trn_store_get_int(store, "/", "generation", &integer));
    CHECK_EQUAL(integer, 3);
    CHECK_OK(trn_store_get_int(store, "/", "seed", &integer));
    CHECK((uint64_t)integer == UINT64_MAX - 1);
    CHECK_OK(trn_store_get_real(store, "/row/values", "loss", &real));
    CHECK(real == 0.1);
    CHECK_OK(trn_store_get_text(store, "/row/values", "unit", &text));
    CHECK(strcmp(text, "µm") == 0);
    CHECK_OK(trn_store_get_text(store, "/", "nothing", &text));
    CHECK(!*text);
    CHECK_OK(trn_store_get_text(store, "/", "params", &text));
    CHECK(strcmp(text, "{\"dim\":100,\"name\":\"x\"}") == 0);
    CHECK_EQUAL(trn_store_get_int(store, "/", "unit", &integer), TRN_INPUT);
    CHECK_EQUAL(trn_store_get_real(store, "/", "generation", &real), TRN_INPUT);
}

static trn_status_t read_sample(void *path) {
    trn_store_t *store;
    char **strings = NULL;
    int64_t count = 0;
    trn_status_t status = trn_store_open(&store, comm, path, "sample");
    if (status == TRN_OK) status = trn_store_read_strings(store, "/vocab", &count, &strings);
    for (int64_t i = 0; i < count; i++)
        CHECK(strcmp(strings[i], words()[i]) == 0);
    trn_free(&strings);
    trn_store_close(&store);
    return status;
}

static void round_trip(void) {
    const char *path = in_directory("trip.h5");
    for (cut_t cut = EVEN; cut < CUTS; cut++) {
        sample_t sample = {.path = path, .cut = cut, .generation = 3, .replace = true};
        CHECK_OK(write_sample(&sample));
        trn_store_t *store;
        CHECK_OK(trn_store_open(&store, comm, path, "sample"));
        if (!harness_well()) return;
        const char *const *names;
        CHECK_EQUAL(trn_store_names(store, &names), DATASETS + 1);
        CHECK(strcmp(names[0], "/col/values") == 0 && strcmp(names[DATASETS], "/wide") == 0);
        CHECK_EQUAL(trn_store_blocks(store), 2 + 1 + 3 + 3 + 0 + 1 + 1 + 3);
        for (int d = 0; d < DATASETS; d++) {
            int64_t rows;
            CHECK_OK(
                trn_store_need(store, datasets[d].name, datasets[d].type, &rows, datasets[d].cols));
            CHECK_EQUAL(rows, datasets[d].rows);
            check_rows(store, d);
        }
        check_attributes(store);
        CHECK_OK(trn_store_verify(store));
        trn_store_close(&store);
        CHECK_OK(read_sample((void *)(intptr_t)path));
    }
    CHECK_EQUAL(access(in_directory("trip.h5.prev"), F_OK), -1);
}

/* Files ---------------------------------------------------------------------------------------- */

static char *slurp(const char *path, long *bytes) {
    FILE *file = fopen(path, "rb");
    *bytes = -1;
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *bytes = ftell(file);
    rewind(file);
    char *data = malloc((size_t)*bytes);
    if (fread(data, 1, (size_t)*bytes, file) != (size_t)*bytes) *bytes = -1;
    fclose(file);
    return data;
}

/* Neither the cut and with it the number of ranks nor a thread that writes leaves a trace in any
 * byte of the file. */
static void same_bytes(void) {
    const char *alone = in_directory("alone.h5"), *together = in_directory("together.h5");
    if (rank == 0) CHECK_OK(write_on(MPI_COMM_SELF, &(sample_t){.path = alone}));
    for (int i = 0; i < 2 * CUTS; i++) {
        CHECK_OK(write_sample(&(sample_t){.path = together, .cut = i / 2, .behind = i % 2}));
        if (rank > 0) continue;
        long bytes[2];
        char *data[2] = {slurp(alone, &bytes[0]), slurp(together, &bytes[1])};
        CHECK(bytes[0] > 0);
        CHECK_EQUAL(bytes[1], bytes[0]);
        CHECK(bytes[0] > 0 && bytes[0] == bytes[1] &&
              memcmp(data[0], data[1], (size_t)bytes[0]) == 0);
        free(data[0]), free(data[1]);
    }
}

/* Files of the test directory whose name holds `part`; on rank 0, after all are done. */
static int files_with(const char *part) {
    int found = 0;
    MPI_Barrier(comm);
    if (rank > 0) return 0;
    DIR *list = opendir(directory);
    for (struct dirent *entry; (entry = readdir(list));)
        found += strstr(entry->d_name, part) != NULL;
    closedir(list);
    return found;
}

/* Exclusive-or one byte of a file; `at` < 0 counts from the end. On rank 0. */
static void flip(const char *path, long at) {
    MPI_Barrier(comm);
    if (rank == 0) {
        FILE *file = fopen(path, "r+b");
        fseek(file, at, at < 0 ? SEEK_END : SEEK_SET);
        int byte = fgetc(file);
        fseek(file, at, at < 0 ? SEEK_END : SEEK_SET);
        fputc(byte ^ 0x10, file);
        fclose(file);
    }
    MPI_Barrier(comm);
}

/* Where `size` bytes lie in a file; -1: nowhere. */
static long find(const char *path, const void *wanted, size_t size) {
    long bytes, at = 0;
    char *data = slurp(path, &bytes);
    while (at + (long)size <= bytes && memcmp(data + at, wanted, size) != 0)
        at++;
    free(data);
    return at + (long)size <= bytes ? at : -1;
}

/* Failures ------------------------------------------------------------------------------------- */

#define CHECK_SAYS(part) CHECK(strstr(trn_message(), part) != NULL)

static void bad_places(void) {
    if (rank == 0) fclose(fopen(in_directory("plain"), "w"));
    MPI_Barrier(comm);
    CHECK_EQUAL(write_sample(&(sample_t){.path = in_directory("no/such/x.h5")}), TRN_IO);
    CHECK_SAYS("does not exist");
    CHECK_EQUAL(write_sample(&(sample_t){.path = in_directory("plain/x.h5")}), TRN_IO);
    CHECK_EQUAL(write_sample(&(sample_t){.path = directory}), TRN_IO);
    CHECK_EQUAL(write_sample(&(sample_t){.path = "/proc/x.h5"}), TRN_IO); /* even for root */
    CHECK_SAYS("/proc");
    if (rank == 0) mkdir(in_directory("locked"), 0555);
    MPI_Barrier(comm);
    if (geteuid() != 0) /* root writes anywhere */
        CHECK_EQUAL(write_sample(&(sample_t){.path = in_directory("locked/x.h5")}), TRN_IO);
    CHECK_EQUAL(files_with(".tmp."), 0);
}

/* One rank alone may write small files only. */
static void size_limit(void) {
    const int victims[3] = {0, ranks / 2, ranks - 1};
    const char *path = in_directory("limited.h5");
    for (int v = 0; v < 3; v++) {
        struct rlimit before, small;
        getrlimit(RLIMIT_FSIZE, &before);
        small = before;
        small.rlim_cur = 1 << 20;
        if (rank == victims[v]) setrlimit(RLIMIT_FSIZE, &small);
        trn_status_t status = write_sample(&(sample_t){.path = path});
        setrlimit(RLIMIT_FSIZE, &before);
        CHECK_EQUAL(status, TRN_IO);
        CHECK_EQUAL(trn_message_rank(), victims[v]);
        CHECK_SAYS("ulimit -f");
    }
    CHECK_EQUAL(files_with("limited"), 0);
}

/* Rows left out, written twice, out of order, or not declared. */
static void bad_rows(void) {
    const char *path = in_directory("rows.h5");
    char *data = rows_of(3, 0, 10);
    for (int way = 0; way < 4; way++) {
        trn_store_t *store = NULL;
        CHECK_OK(begin_sample(&store, comm, &(sample_t){.path = path}));
        if (!harness_well()) break;
        trn_status_t status = TRN_OK;
        if (way == 1 && rank == ranks - 1) {
            CHECK_OK(trn_store_write(store, "/counts", 0, 10, data));
            status = trn_store_write(store, "/counts", 5, 5, data);
        } else if (way == 2 && rank == 0) {
            status = trn_store_write(store, "/counts", 299999, 2, data);
        } else if (way == 3 && rank == ranks / 2) {
            status = trn_store_write(store, "/nowhere", 0, 1, data);
        }
        CHECK_EQUAL(trn_store_commit(&store, status), TRN_INTERNAL);
        CHECK(store == NULL);
        CHECK_SAYS(way == 3 ? "/nowhere" : way == 0 ? "was not written" : "/counts");
    }
    free(data);
    CHECK_EQUAL(files_with("rows.h5"), 0);
}

/* A failure of any rank's writes keeps the former file. */
static void failed_write(void) {
    const char *path = in_directory("kept.h5");
    const int victims[3] = {0, ranks / 2, ranks - 1};
    CHECK_OK(write_sample(&(sample_t){.path = path, .generation = 3}));
    for (int v = 0; v < 3; v++) {
        trn_store_t *store = NULL;
        CHECK_OK(begin_sample(&store, comm, &(sample_t){.path = path}));
        trn_status_t mine = rank == victims[v] ? trn_fail(TRN_IO, "planted") : TRN_OK;
        CHECK_EQUAL(trn_store_commit(&store, mine), TRN_IO);
        CHECK_EQUAL(trn_message_rank(), victims[v]);
        CHECK_OK(begin_sample(&store, comm, &(sample_t){.path = path, .behind = true}));
        CHECK_EQUAL(trn_store_commit_start(&store, mine), TRN_IO);
        CHECK(store == NULL);
        CHECK_OK(begin_sample(&store, comm, &(sample_t){.path = path, .behind = true}));
        CHECK_OK(trn_store_commit_start(&store, TRN_OK)); /* rows are missing */
        CHECK_EQUAL(trn_store_commit_finish(&store), TRN_INTERNAL);
    }
    CHECK_OK(read_sample((void *)(intptr_t)path));
    CHECK_EQUAL(files_with("kept.h5."), 0);
}

static void no_memory(void) {
    sample_t sample = {.path = in_directory("memory.h5"), .replace = true};
    harness_inject(write_sample, &sample);
    CHECK_EQUAL(files_with("memory.h5."), 0);
    sample.behind = true;
    harness_inject(write_sample, &sample);
    CHECK_EQUAL(files_with("memory.h5.tmp"), 0);
    harness_inject(read_sample, (void *)(intptr_t)sample.path);
}

static trn_status_t open_only(const char *path, const char *kind) {
    trn_store_t *store;
    trn_status_t status = trn_store_open(&store, comm, path, kind);
    CHECK((status == TRN_OK) == (store != NULL));
    trn_store_close(&store);
    return status;
}

static void damaged_data(void) {
    const char *path = in_directory("damaged.h5");
    CHECK_OK(write_sample(&(sample_t){.path = path}));
    char *row = rows_of(0, 3000, 1);
    flip(path, rank == 0 ? find(path, row, 16) + 5 : 0);
    free(row);
    trn_store_t *store;
    CHECK_OK(trn_store_open(&store, comm, path, NULL));
    if (!harness_well()) return;
    CHECK_EQUAL(trn_store_verify(store), TRN_INPUT);
    CHECK_SAYS("/row/values: rows 2621 to 4999");
    char *data = malloc(5000 * 400);
    CHECK_EQUAL(trn_store_read(store, "/row/values", 0, 5000, data), TRN_INPUT);
    CHECK_EQUAL(trn_store_read(store, "/row/values", 4998, 1, data), TRN_INPUT);
    CHECK_EQUAL(trn_store_read(store, "/row/values", 4998, 1, data),
                TRN_INPUT); /* nothing cached */
    CHECK_OK(trn_store_read(store, "/row/values", 0, 2621, data));
    free(data);
    trn_store_close(&store);
}

static void damaged_text(void) {
    const char *path = in_directory("text.h5");
    CHECK_OK(write_sample(&(sample_t){.path = path}));
    long at = rank == 0 ? find(path, "w8000", 5) + 1 : 0;
    flip(path, at);
    CHECK_EQUAL(open_only(path, NULL), TRN_INPUT);
    CHECK_SAYS("strings are damaged");
    flip(path, -1); /* as if there were no trailer: the blocks have checksums too */
    trn_store_t *store;
    char **strings;
    int64_t count;
    CHECK_OK(trn_store_open(&store, comm, path, NULL));
    if (!harness_well()) return;
    CHECK_EQUAL(trn_store_read_strings(store, "/vocab", &count, &strings), TRN_INPUT);
    CHECK_SAYS("/vocab: rows 4096 to 8191");
    CHECK(strings == NULL);
    CHECK_EQUAL(trn_store_verify(store), TRN_INPUT);
    trn_store_close(&store);
}

static void bad_files(void) {
    const char *path = in_directory("bad.h5"), *half = in_directory("half.h5");
    CHECK_EQUAL(open_only(path, NULL), TRN_INPUT);
    CHECK_OK(write_sample(&(sample_t){.path = path}));
    CHECK_EQUAL(open_only(path, "embedding"), TRN_INPUT);
    CHECK_SAYS("kind \"sample\"");
    flip(path, 60); /* in the root's header */
    CHECK_EQUAL(open_only(path, NULL), TRN_INPUT);
    CHECK_SAYS("names, attributes or strings are damaged");
    flip(path, -1); /* no trailer: HDF5 has checksums there too */
    CHECK_EQUAL(open_only(path, NULL), TRN_INPUT);
    CHECK_SAYS("metadata checksum");
    flip(path, -1);
    flip(path, 60);
    CHECK_OK(open_only(path, "sample"));
    if (rank == 0) CHECK_EQUAL(truncate(path, 4 << 20), 0);
    MPI_Barrier(comm);
    CHECK_EQUAL(open_only(path, NULL), TRN_INPUT);
    CHECK_SAYS("trunc");
    CHECK_EQUAL(open_only(in_directory("plain"), NULL), TRN_INPUT); /* empty */
    CHECK_EQUAL(open_only(directory, NULL), TRN_INPUT);

    /* What a job that died in its writes leaves behind. */
    trn_store_t *store = NULL;
    CHECK_OK(begin_sample(&store, comm, &(sample_t){.path = half}));
    if (rank == 0) {
        DIR *list = opendir(directory);
        for (struct dirent *entry; (entry = readdir(list));)
            if (strstr(entry->d_name, "half.h5.tmp."))
                CHECK_EQUAL(rename(in_directory(entry->d_name), half), 0);
        closedir(list);
    }
    trn_store_abandon(&store);
    MPI_Barrier(comm);
    CHECK_EQUAL(open_only(half, NULL), TRN_INPUT);
    CHECK_SAYS("not complete");
}

HARNESS_MAIN({"make_directory", make_directory}, {"round_trip", round_trip},
             {"same_bytes", same_bytes}, {"bad_places", bad_places}, {"size_limit", size_limit},
             {"bad_rows", bad_rows}, {"failed_write", failed_write}, {"no_memory", no_memory},
             {"damaged_data", damaged_data}, {"damaged_text", damaged_text},
             {"bad_files", bad_files}, {"remove_directory", remove_directory})
