/* Many collective saves of random shapes at random cuts: every byte of every one comes back right,
 * on every rank. TRUNNION_SAVES in the environment says how many (the campaign: 1000 at 3 ranks).
 */
#define _DEFAULT_SOURCE
#include "harness.h"

#include "io/store/store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FEW = 15, DATASETS = 4, WORDS = 50 };

/* One save, drawn from its number alone: equal on all ranks. */
typedef struct save {
    int64_t number;
    int64_t rows[DATASETS], cols[DATASETS];
    trn_dtype_t type[DATASETS];
} save_t;

static const char *const names[DATASETS] = {"/a", "/group/b", "/group/c", "/d"};

static uint64_t draw(int64_t a, int64_t b, int64_t c) {
    uint64_t x = (uint64_t)(a * 1000003 + b * 1009 + c) + 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static save_t draw_save(int64_t number) {
    static const trn_dtype_t types[] = {TRN_F32, TRN_F64, TRN_I32, TRN_I64, TRN_U16, TRN_U64};
    save_t save = {.number = number};
    for (int d = 0; d < DATASETS; d++) {
        uint64_t random = draw(number, d, 0);
        save.type[d] = types[random % 6];
        save.cols[d] = random / 8 % 3 ? (int64_t)(random / 64 % 400) : 0;
        save.rows[d] = (int64_t)(random / 65536 % (random / 16 % 2 ? 9 : 3000));
    }
    return save;
}

/* First row of rank r: at random, so that many a rank has nothing. */
static int64_t start_of(const save_t *save, int d, int r) {
    if (r <= 0) return 0;
    if (r >= ranks) return save->rows[d];
    int64_t mine = (int64_t)(draw(save->number, d, 1 + r) % (uint64_t)(save->rows[d] + 1));
    int64_t before = start_of(save, d, r - 1);
    return mine > before ? mine : before;
}

static int64_t width_of(const save_t *save, int d) {
    return (save->cols[d] ? save->cols[d] : 1) * trn_dtype_size(save->type[d]);
}

/* Rows [first, first + rows) of what belongs there; the caller's to free. */
static char *content(const save_t *save, int d, int64_t first, int64_t rows) {
    int64_t width = width_of(save, d);
    char *data = malloc((size_t)(rows * width + 1));
    for (int64_t i = 0; i < rows * width; i++)
        data[i] = (char)draw(save->number, 100 + d, first * width + i);
    return data;
}

static trn_status_t declare(trn_store_t *store, const save_t *save) {
    static const char *words[WORDS];
    for (int i = 0; i < WORDS; i++)
        words[i] = i % 2 ? "odd" : "even";
    for (int d = 0; d < DATASETS; d++)
        TRN_TRY(trn_store_dataset(store, names[d], save->type[d], save->rows[d], save->cols[d]));
    TRN_TRY(trn_store_strings(store, "/words", save->number % WORDS, words));
    TRN_TRY(trn_store_set_int(store, "/", "number", save->number));
    trn_store_set_sync(store, false); /* of the disk, other tests know */
    return trn_store_begin(store);
}

static trn_status_t write_rows(trn_store_t *store, const save_t *save) {
    for (int d = 0; d < DATASETS; d++) {
        int64_t first = start_of(save, d, rank), rows = start_of(save, d, rank + 1) - first;
        char *data = content(save, d, first, rows);
        trn_status_t status = trn_store_write(store, names[d], first, rows, data);
        free(data);
        TRN_TRY(status);
    }
    return TRN_OK;
}

static trn_status_t write_save(const char *path, const save_t *save) {
    trn_store_t *store;
    TRN_TRY(trn_store_create(&store, comm, path, "sample", "tests/mpi/saves", NULL, 1));
    trn_status_t status = declare(store, save);
    if (status == TRN_OK) return trn_store_commit(&store, write_rows(store, save));
    trn_store_abandon(&store);
    return status;
}

static void check_save(const char *path, const save_t *save) {
    trn_store_t *store;
    int64_t number = -1;
    if (!CHECK(trn_store_open(&store, comm, path, "sample") == TRN_OK)) return;
    CHECK_OK(trn_store_get_int(store, "/", "number", &number));
    CHECK_EQUAL(number, save->number);
    for (int d = 0; d < DATASETS; d++) {
        int64_t bytes = save->rows[d] * width_of(save, d);
        char *wanted = content(save, d, 0, save->rows[d]), *got = malloc((size_t)bytes + 1);
        CHECK_OK(trn_store_read(store, names[d], 0, save->rows[d], got));
        CHECK(memcmp(got, wanted, (size_t)bytes) == 0);
        free(wanted), free(got);
    }
    trn_store_close(&store);
}

/* Each save takes the place of the one before, which stays as .prev. */
static void come_back(void) {
    const char *many = getenv("TRUNNION_SAVES");
    int64_t saves = many ? atoll(many) : FEW;
    char folder[] = "/tmp/trn_saves_XXXXXX", path[64], previous[80];
    if (rank == 0 && !mkdtemp(folder)) folder[0] = '\0';
    MPI_Bcast(folder, (int)sizeof folder, MPI_CHAR, 0, comm);
    snprintf(path, sizeof path, "%s/save.h5", folder);
    snprintf(previous, sizeof previous, "%s.prev", path);
    for (int64_t number = 0; number < saves && harness_well(); number++) {
        save_t save = draw_save(number);
        CHECK_OK(write_save(path, &save));
        check_save(path, &save);
        MPI_Barrier(comm); /* all have read it */
    }
    if (saves > 1 && harness_well()) {
        save_t save = draw_save(saves - 2);
        check_save(previous, &save);
    }
    MPI_Barrier(comm);
    if (rank == 0) unlink(path), unlink(previous), rmdir(folder);
    if (rank == 0) printf("%lld saves\n", (long long)saves);
}

HARNESS_MAIN({"come back", come_back})
