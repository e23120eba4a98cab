/* matrix_file_plan.c: see matrix_file_plan.h. Plans stand here in the order of the files they are
 * of: io/rows/rows_read.c, rows_route.c, rows_write.c. */
#include "algo/matrix/matrix_file_plan.h"

#include "algo/matrix/tall.h"
#include "base/mem.h"
#include "io/formats/format.h"
#include "io/formats/mtx.h"
#include "io/store/store.h"
#include "io/text/decode.h"
#include "mpi/agree.h"

#include <string.h>

enum { PIECE = 1 << 17 /* row pointers read at a time */ };

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Bands ---------------------------------------------------------------------------------------- */

/* Arrays for so many ranks, which need not be there. */
static trn_status_t create(trn_bands_t *bands, int ranks) {
    *bands = (trn_bands_t){.ranks = ranks};
    TRN_TRY(trn_alloc_zero(&bands->start, bands->ranks + 1, sizeof *bands->start, "bands"));
    return trn_alloc_zero(&bands->entries, bands->ranks, sizeof *bands->entries, "bands");
}

void trn_bands_free(trn_bands_t *bands) {
    trn_free(&bands->start);
    trn_free(&bands->entries);
}

/* Numbers of the whole file, with images. */
static int64_t all_entries(const trn_matrix_info_t *info) {
    return info->sparse && info->mirrored ? 2 * info->entries : info->entries;
}

static void spread_evenly(trn_bands_t *bands, const trn_matrix_info_t *info) {
    double each = info->rows > 0 ? (double)all_entries(info) / (double)info->rows : 0;
    for (int r = 0; r < bands->ranks; r++)
        bands->entries[r] = (int64_t)(each * (double)(bands->start[r + 1] - bands->start[r]) + 0.5);
    if (!info->sparse || bands->ranks == 1) return;
    /* Lines are dealt by rows: of rows drawn at random a rank may have a few per cent more. */
    for (int r = 0; r < bands->ranks; r++)
        bands->entries[r] = least(all_entries(info), bands->entries[r] / 100 * 103);
}

/* Rank 0 of a sparse store: a walk over its row pointers, which ascend if it is sound. */
typedef struct walk {
    trn_store_t *store;
    int64_t *piece; /* [PIECE] those from `first` on */
    int64_t rows, first, end;
} walk_t;

/* Entries before a row; rows must ascend from call to call. */
static trn_status_t entries_before(walk_t *walk, int64_t row, int64_t *entries) {
    if (row >= walk->end) {
        walk->first = row;
        walk->end = least(row + PIECE, walk->rows + 1);
        TRN_TRY(trn_store_read(walk->store, "/row_ptr", row, walk->end - row, walk->piece));
    }
    *entries = walk->piece[row - walk->first];
    return TRN_OK;
}

/* A damaged store may have row pointers that descend: a plan counts none then, the load will
 * tell. */
static trn_status_t count_entries(walk_t *walk, trn_bands_t *bands) {
    int64_t before = 0, behind;
    for (int r = 0; r < bands->ranks; r++) {
        TRN_TRY(entries_before(walk, bands->start[r + 1], &behind));
        bands->entries[r] = behind > before ? behind - before : 0;
        before = behind;
    }
    return TRN_OK;
}

/* What the cut goes by. */
typedef struct weights {
    int64_t block, row, entry, all_entries;
} weights_t;

/* Each band begins at the border of blocks that is nearest to its share of the weight. */
static trn_status_t balance(walk_t *walk, const weights_t *w, trn_bands_t *bands) {
    double all = (double)w->row * (double)walk->rows + (double)w->entry * (double)w->all_entries;
    double before = 0;
    int64_t last = 0;
    int next = 1;
    for (int64_t row = least(w->block, walk->rows); next < bands->ranks; row += w->block) {
        int64_t entries, at = least(row, walk->rows);
        TRN_TRY(entries_before(walk, at, &entries));
        double weight = (double)w->row * (double)at + (double)w->entry * (double)entries;
        for (; next < bands->ranks && (at == walk->rows || all * next / bands->ranks <= weight);
             next++) {
            double wanted = all * next / bands->ranks;
            bands->start[next] = wanted - before < weight - wanted ? last : at;
        }
        before = weight;
        last = at;
    }
    return TRN_OK;
}

/* Two walks: the cut, if there are weights, then what is in each band. */
static trn_status_t walk_store(walk_t *walk, const weights_t *w, trn_bands_t *bands) {
    TRN_TRY(trn_alloc(&walk->piece, PIECE, sizeof *walk->piece, "row pointers"));
    trn_status_t status = TRN_OK;
    if (w) status = balance(walk, w, bands);
    walk->end = 0; /* from the start again */
    if (status == TRN_OK) status = count_entries(walk, bands);
    trn_free(&walk->piece);
    return status;
}

/* Collective. */
static trn_status_t read_store(trn_bands_t *bands, MPI_Comm comm, const char *path,
                               const trn_matrix_info_t *info, const weights_t *w) {
    walk_t walk = {.rows = info->rows};
    int rank;
    MPI_Comm_rank(comm, &rank);
    trn_status_t status = trn_store_open(&walk.store, comm, path, NULL);
    if (status == TRN_INPUT) return TRN_OK; /* FILE:MEMBER, or another's file: an even share */
    TRN_TRY(status);
    bool pointers = trn_store_has(walk.store, "/row_ptr", NULL, NULL, NULL);
    if (pointers) status = trn_agree(comm, rank == 0 ? walk_store(&walk, w, bands) : TRN_OK);
    trn_store_close(&walk.store);
    if (status != TRN_OK) return status;
    MPI_Bcast(bands->start, bands->ranks + 1, MPI_INT64_T, 0, comm);
    MPI_Bcast(bands->entries, bands->ranks, MPI_INT64_T, 0, comm);
    return TRN_OK;
}

/* The entries of bands whose starts are there, and better starts if there are weights. */
static trn_status_t look(trn_bands_t *bands, MPI_Comm comm, const char *path,
                         const trn_matrix_info_t *info, const weights_t *w) {
    bands->start[bands->ranks] = info->rows;
    spread_evenly(bands, info);
    if (!info->sparse || !info->store || info->routed || bands->ranks == 1) return TRN_OK;
    return read_store(bands, comm, path, info, w);
}

/* Whole blocks of `block` rows, as many to each rank, or, with weights, as weigh the same. */
static trn_status_t cut(trn_bands_t *bands, MPI_Comm comm, int ranks, const char *path,
                        const trn_matrix_info_t *info, int64_t block, const weights_t *weights) {
    int64_t blocks = (info->rows + block - 1) / block;
    trn_status_t status = trn_agree(comm, create(bands, ranks));
    for (int r = 0; r < ranks && status == TRN_OK; r++)
        bands->start[r] = least(trn_part_start(blocks, ranks, r) * block, info->rows);
    if (status == TRN_OK) status = look(bands, comm, path, info, weights);
    if (status != TRN_OK) trn_bands_free(bands);
    return status;
}

trn_status_t trn_bands_cut(trn_bands_t *bands, MPI_Comm comm, int ranks, const char *path,
                           const trn_matrix_info_t *info, int64_t block, int64_t row,
                           int64_t entry) {
    weights_t weights = {block, row, entry, info->entries};
    return cut(bands, comm, ranks, path, info, block, &weights);
}

trn_status_t trn_bands_tall(trn_bands_t *bands, MPI_Comm comm, int ranks, const char *path,
                            const trn_matrix_info_t *info) {
    return cut(bands, comm, ranks, path, info, trn_tall_block(info->rows), NULL);
}

trn_status_t trn_bands_of(trn_bands_t *bands, MPI_Comm comm, int ranks, const char *path,
                          const trn_matrix_info_t *info, const trn_dist_t *dist) {
    trn_status_t status = trn_agree(comm, create(bands, ranks));
    for (int r = 0; r < ranks && status == TRN_OK; r++)
        bands->start[r] = trn_dist_row_start(dist, least(r, trn_dist_row_parts(dist)));
    if (status == TRN_OK) status = look(bands, comm, path, info, NULL);
    if (status != TRN_OK) trn_bands_free(bands);
    return status;
}

trn_status_t trn_bands_like(trn_bands_t *bands, MPI_Comm comm, const char *path,
                            const trn_matrix_info_t *info, const trn_bands_t *first) {
    trn_status_t status = trn_agree(comm, create(bands, first->ranks));
    if (status == TRN_OK) {
        memcpy(bands->start, first->start, sizeof *first->start * (size_t)(first->ranks + 1));
        status = look(bands, comm, path, info, NULL);
    }
    if (status != TRN_OK) trn_bands_free(bands);
    return status;
}

trn_status_t trn_bands_dist(trn_dist_t **dist, const trn_bands_t *bands, int64_t cols) {
    const int64_t whole[2] = {0, cols};
    return trn_dist_create_at(dist, bands->ranks, bands->start, 1, whole);
}

trn_status_t trn_matrix_in_look(trn_matrix_in_t *in, MPI_Comm comm, const char *path) {
    in->path = path;
    return trn_matrix_file_probe(comm, path, &in->info);
}

trn_status_t trn_matrix_in_cut(trn_matrix_in_t *in, MPI_Comm comm, int ranks) {
    trn_bands_free(&in->bands);
    return trn_bands_tall(&in->bands, comm, ranks, in->path, &in->info);
}

trn_status_t trn_matrix_in_names(trn_matrix_in_t *in, MPI_Comm comm) {
    return trn_rows_open(&in->names.rows, comm, in->path, &(trn_rows_how_t){0});
}

trn_status_t trn_matrix_in_declare(trn_matrix_in_t *in, trn_store_t *store) {
    int64_t bytes;
    if (!trn_rows_about(in->names.rows)->named) return TRN_OK;
    TRN_TRY(trn_names_bytes(trn_rows_feed, &in->names, in->info.rows, &bytes));
    return trn_store_strings_from(store, "/vocab", in->info.rows, bytes, trn_rows_feed, &in->names);
}

void trn_matrix_in_free(trn_matrix_in_t *in) {
    trn_bands_free(&in->bands);
    trn_rows_close(&in->names.rows);
    trn_free(&in->names.block);
}

/* Loading -------------------------------------------------------------------------------------- */

static int64_t rows_of(const trn_bands_t *bands, int rank) {
    return bands->start[rank + 1] - bands->start[rank];
}

int64_t trn_sparse_entry_bytes(trn_sparse_type_t type) {
    return type == TRN_SPARSE_PATTERN ? 4 : type == TRN_SPARSE_F32 ? 8 : 12;
}

/* What is under way while lines of a file go to their owners, and one read buffer. */
static void take_route(trn_ledger_t *ledger, const trn_matrix_info_t *info) {
    enum { SCAN = 1 << 20, RAW = 256 << 10, TRIPLETS = 3 /* in the pool, out and in */ };
    int64_t batch = trn_mtx_batch(info->entries);
    trn_ledger_take(ledger, "loading", TRIPLETS * batch, sizeof(trn_triplet_t));
    trn_ledger_take(ledger, "loading", batch, sizeof(int));
    trn_ledger_take(ledger, "loading", SCAN, 1);
    if (info->coding != TRN_CODING_NONE)
        trn_ledger_take(ledger, "loading", RAW + trn_decoder_bytes(info->coding), 1);
}

static void load_routed(trn_ledger_t *ledger, const trn_matrix_info_t *info, trn_sparse_type_t type,
                        int64_t rows, int64_t entries) {
    enum { ENTRY = 16, SPARE = 16 /* a sixteenth more, as trn_grow gives */ };
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "loading", entries + entries / SPARE, sizeof(trn_triplet_t));
    trn_ledger_t gathered = *ledger;
    take_route(ledger, info);
    trn_ledger_back(ledger, &gathered);
    trn_ledger_take(ledger, "matrix", rows + 1, sizeof(int64_t));
    trn_ledger_take(ledger, "loading", entries, ENTRY);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "loading", entries, ENTRY);
    trn_ledger_take(ledger, "matrix", rows + 1, sizeof(int64_t));
    trn_ledger_take(ledger, "matrix", entries, trn_sparse_entry_bytes(type));
    trn_ledger_give(ledger, "loading", entries, ENTRY);
}

void trn_sparse_load_plan(trn_ledger_t *ledger, const trn_matrix_info_t *info,
                          trn_sparse_type_t type, const trn_bands_t *bands, int rank) {
    int64_t rows = rows_of(bands, rank), entries = bands->entries[rank];
    if (info->routed) {
        load_routed(ledger, info, type, rows, entries);
        return;
    }
    trn_ledger_take(ledger, "matrix", rows + 1, sizeof(int64_t));
    trn_ledger_take(ledger, "matrix", entries, trn_sparse_entry_bytes(type));
    trn_matrix_type_t wanted = type == TRN_SPARSE_F32 ? TRN_MATRIX_F32 : TRN_MATRIX_F64;
    int64_t piece = wanted == info->type ? 0 : trn_matrix_type_size(info->type) * PIECE;
    trn_ledger_pass(ledger, "loading", trn_store_open_bytes() + piece, 1);
}

void trn_matrix_load_plan(trn_ledger_t *ledger, const trn_matrix_info_t *info,
                          trn_matrix_type_t type, const trn_bands_t *bands, int rank) {
    enum { PIECE_BYTES = 2 << 20 /* of numbers that are converted, at most */ };
    int64_t numbers = rows_of(bands, rank) * info->cols;
    trn_ledger_t before = *ledger;
    if (info->sparse) {
        trn_sparse_load_plan(ledger, info, TRN_SPARSE_F64, bands, rank);
        trn_ledger_take(ledger, "matrix", numbers, trn_matrix_type_size(type));
        trn_ledger_back(ledger, &before);
        trn_ledger_take(ledger, "matrix", numbers, trn_matrix_type_size(type));
        return;
    }
    trn_ledger_take(ledger, "matrix", numbers, trn_matrix_type_size(type));
    before = *ledger;
    if (info->store) trn_ledger_take(ledger, "loading", trn_store_open_bytes(), 1);
    if (info->routed) take_route(ledger, info);
    trn_ledger_take(ledger, "loading", PIECE_BYTES, 1);
    if (!info->routed) trn_ledger_take(ledger, "loading", trn_decoder_bytes(info->coding), 1);
    trn_ledger_back(ledger, &before);
}

void trn_rows_stream_plan(trn_ledger_t *ledger, const trn_matrix_info_t *info, int64_t block,
                          trn_matrix_type_t type) {
    enum { PIECE_BYTES = 2 << 20 /* of numbers that are converted, at most */ };
    int64_t rows = least(block, info->rows);
    trn_ledger_take(ledger, "matrix", rows * info->cols, trn_matrix_type_size(type));
    trn_ledger_take(ledger, "matrix", PIECE_BYTES + trn_decoder_bytes(info->coding), 1);
    if (info->store) trn_ledger_take(ledger, "matrix", trn_store_open_bytes(), 1);
}

/* Saving --------------------------------------------------------------------------------------- */

static bool writes(const char *path, const char *format) {
    bool packed;
    const trn_file_format_t *found = trn_format_by_ending(path, &packed);
    return found && strcmp(found->name, format) == 0;
}

/* A dense .mtx file has its columns one after the other: all rows are kept until the end. */
void trn_matrix_save_plan(trn_ledger_t *ledger, const char *path, int64_t rows, int64_t cols,
                          trn_matrix_type_t type) {
    enum { BUFFER = 2 << 20 };
    int64_t bytes = trn_ledger_bytes(rows * cols, trn_matrix_type_size(type));
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "saving", BUFFER, 1);
    if (writes(path, "mtx")) {
        trn_ledger_take(ledger, "saving", 2 * cols, sizeof(int64_t));
        trn_ledger_take(ledger, "saving", bytes, 1);
    } else if (writes(path, "h5")) {
        trn_ledger_take(ledger, "saving", trn_store_write_bytes(bytes), 1);
    }
    trn_ledger_back(ledger, &before);
}

void trn_sparse_save_plan(trn_ledger_t *ledger, const char *path, int64_t rows, int64_t entries,
                          trn_sparse_type_t type) {
    enum { BUFFER = 1 << 20 };
    int64_t start = (rows + 1) * (int64_t)sizeof(int64_t);
    int64_t bytes = start + trn_ledger_bytes(entries, trn_sparse_entry_bytes(type));
    trn_ledger_pass(ledger, "saving", BUFFER, 1);
    if (writes(path, "h5")) trn_ledger_pass(ledger, "saving", trn_store_write_bytes(bytes), 1);
}
