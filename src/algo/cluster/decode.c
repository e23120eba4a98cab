/* decode.c: codes read block by block, rows written. */
#include "algo/cluster/decode.h"

#include "algo/matrix/tall.h"
#include "base/mem.h"
#include "base/strings.h"
#include "mpi/agree.h"

#include <string.h>

void trn_codes_close(trn_codes_t *codes) {
    trn_store_close(&codes->store);
    trn_codebook_free(&codes->book);
    trn_free(&codes->names);
}

/* The form of block codes, all of which the store must tell and keep to. Local. */
static trn_status_t block_form(trn_codes_t *c, const char *path) {
    trn_block_form_t *form = &c->coder.block;
    trn_dtype_t scale;
    int64_t bits, rows, cols;
    TRN_TRY(trn_store_get_int(c->store, "/", "block", &form->block));
    TRN_TRY(trn_store_get_int(c->store, "/", "bits", &bits));
    if (!trn_store_has(c->store, "/scales", &scale, &rows, &cols))
        return trn_fail(TRN_INPUT, "%s: has no /scales", path);
    form->cols = c->coder.cols;
    form->bits = (int)bits;
    form->power = scale == TRN_I8;
    form->scale = scale;
    bool known = scale == TRN_I8 || scale == TRN_F32 || scale == TRN_F64;
    if (form->block >= 1 && form->cols >= 1 && (bits == 8 || bits == 4) && known &&
        rows == c->rows && cols == trn_block_scales(form))
        return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: /scales of %lld x %lld do not fit its codes", path,
                    (long long)rows, (long long)cols);
}

/* How rows are coded, by what is in the store; labels of kmeans need no word about it. Local. */
static trn_status_t look(trn_codes_t *c, const char *path, const char *book) {
    const char *coding = "vector";
    bool labels = trn_store_has(c->store, "/labels", NULL, &c->rows, NULL);
    if (!labels && !trn_store_has(c->store, "/codes", NULL, &c->rows, NULL))
        return trn_fail(TRN_INPUT, "%s: holds no codes; quantize and kmeans write them", path);
    if (!labels) TRN_TRY(trn_store_get_text(c->store, "/", "coding", &coding));
    c->coder.kind = labels                         ? TRN_CODES_VECTOR
                    : strcmp(coding, "block") == 0 ? TRN_CODES_BLOCK
                                                   : TRN_CODES_PRODUCT;
    if (c->coder.kind == TRN_CODES_BLOCK && book)
        return trn_fail(TRN_USAGE, "--codebook: %s has scales, and needs none", path);
    if (c->coder.kind != TRN_CODES_BLOCK) return TRN_OK;
    TRN_TRY(trn_store_get_int(c->store, "/", "cols", &c->coder.cols));
    return block_form(c, path);
}

/* That codes are of the shape that their codebook asks for. Local. */
static trn_status_t check_shape(const trn_codes_t *c, const char *path) {
    trn_code_shape_t shape = trn_coder_shape(&c->coder);
    trn_dtype_t type;
    int64_t cols;
    trn_store_has(c->store, shape.codes, &type, NULL, &cols);
    if (c->coder.kind == TRN_CODES_VECTOR) cols = cols == 0;
    bool parts = c->coder.kind != TRN_CODES_VECTOR || c->book.parts == 1;
    if (type == shape.type && cols == shape.cols && parts)
        return trn_store_readable(c->store, shape.codes);
    return trn_fail(TRN_INPUT, "%s: %s are not of the shape that %s asks for", path, shape.codes,
                    c->book.path ? c->book.path : "its scales");
}

/* The codebook before the shape: the codes depend on how many centers there are. */
trn_status_t trn_codes_open(trn_codes_t *codes, MPI_Comm comm, const char *path, const char *book) {
    int64_t count = 0;
    *codes = (trn_codes_t){0};
    TRN_TRY(trn_store_open(&codes->store, comm, path, NULL));
    TRN_TRY(trn_agree(comm, look(codes, path, book)));
    if (codes->coder.kind != TRN_CODES_BLOCK) {
        if (!book && !trn_store_has(codes->store, "/codebook", NULL, NULL, NULL))
            return trn_agree(comm,
                             trn_fail(TRN_USAGE, "--codebook must be given: %s has none", path));
        TRN_TRY(trn_codebook_read(&codes->book, comm, book ? book : path, false));
        codes->coder.book = &codes->book;
        codes->coder.cols = codes->book.parts * codes->book.width;
    }
    TRN_TRY(trn_agree(comm, check_shape(codes, path)));
    if (!trn_store_has(codes->store, "/vocab", NULL, &count, NULL) || count != codes->rows)
        return TRN_OK;
    return trn_store_read_strings(codes->store, "/vocab", &count, &codes->names);
}

/* A block on its way. */
typedef struct desk {
    int64_t block;
    void *codes, *scales;
    double *rows;
} desk_t;

/* Rows that are decoded together: blocks as of a matrix that passes by. */
static int64_t block_of(int64_t rows) {
    int64_t block = trn_tall_block(rows);
    return block < rows ? block : rows;
}

/* Room for one block. */
static trn_status_t create(desk_t *d, const trn_codes_t *c) {
    trn_code_shape_t shape = trn_coder_shape(&c->coder);
    d->block = block_of(c->rows);
    TRN_TRY(
        trn_alloc(&d->codes, d->block * shape.cols, (size_t)trn_dtype_size(shape.type), "codes"));
    TRN_TRY(trn_alloc(&d->scales, d->block * shape.scales,
                      shape.scales ? (size_t)trn_dtype_size(shape.scale) : 1, "scales"));
    return trn_alloc(&d->rows, d->block * c->coder.cols, sizeof *d->rows, "rows to write");
}

/* This rank's rows, in order. Local. */
static trn_status_t decode_rows(trn_codes_t *c, desk_t *d, trn_rows_out_t *out, int64_t first,
                                int64_t count) {
    trn_code_shape_t shape = trn_coder_shape(&c->coder);
    for (int64_t at = 0; at < count; at += d->block) {
        int64_t some = count - at < d->block ? count - at : d->block;
        TRN_TRY(trn_store_read(c->store, shape.codes, first + at, some, d->codes));
        if (shape.scales) TRN_TRY(trn_store_read(c->store, "/scales", first + at, some, d->scales));
        TRN_TRY(trn_coder_check(&c->coder, trn_store_path(c->store), first + at, some, d->codes));
        for (int64_t i = 0; i < some; i++)
            trn_coder_decode(&c->coder, d->codes, d->scales, i, d->rows + i * c->coder.cols);
        TRN_TRY(trn_rows_write(out, first + at, some, TRN_F64, d->rows));
    }
    return TRN_OK;
}

/* The file as a whole, and this rank's band of it: whole blocks, as tall matrices are dealt. */
static trn_rows_make_t whole(const trn_codes_t *c, const trn_rows_make_t *make, int ranks,
                             int rank) {
    trn_rows_make_t all = *make;
    int64_t block = trn_tall_block(c->rows), blocks = (c->rows + block - 1) / block;
    all.rows = c->rows;
    all.cols = c->coder.cols;
    all.own_first = trn_part_start(blocks, ranks, rank) * block;
    if (all.own_first > all.rows) all.own_first = all.rows;
    all.own_rows = trn_tall_rows(c->rows, ranks, rank);
    all.names = c->names;
    all.lossy = true; /* float64 to float32 is what was asked for */
    return all;
}

trn_status_t trn_codes_decode(trn_codes_t *codes, MPI_Comm comm, const char *output,
                              const trn_rows_make_t *make) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    trn_rows_make_t all = whole(codes, make, ranks, rank);
    trn_rows_out_t *out = NULL;
    desk_t desk = {0};
    trn_status_t status = trn_agree(comm, create(&desk, codes));
    if (status == TRN_OK) status = trn_rows_create(&out, comm, output, &all);
    if (status == TRN_OK)
        status = trn_rows_commit(&out, decode_rows(codes, &desk, out, all.own_first, all.own_rows));
    trn_free(&desk.codes);
    trn_free(&desk.scales);
    trn_free(&desk.rows);
    return status;
}

/* Names are on every rank from the start. */
void trn_codes_plan(trn_ledger_t *ledger, const trn_codes_t *codes, const char *output,
                    trn_dtype_t type, int ranks, int rank) {
    trn_code_shape_t shape = trn_coder_shape(&codes->coder);
    const trn_codebook_t *book = &codes->book;
    int64_t block = block_of(codes->rows);
    trn_rows_make_t make = whole(codes, &(trn_rows_make_t){.type = type}, ranks, rank);
    trn_ledger_take(ledger, "codes", trn_store_open_bytes(), 1);
    if (codes->names)
        trn_ledger_take(ledger, "names",
                        trn_strings_bytes(codes->rows, codes->names) +
                            codes->rows * (int64_t)sizeof(char *),
                        1);
    trn_ledger_take(ledger, "codes", block * shape.cols, trn_dtype_size(shape.type));
    trn_ledger_take(ledger, "codes", block * shape.scales, trn_dtype_size(shape.scale));
    trn_ledger_take(ledger, "centers", book->parts * book->k * book->width, sizeof(double));
    trn_ledger_take(ledger, "rows", block * codes->coder.cols, sizeof(double));
    trn_ledger_take(ledger, "saving", trn_rows_write_bytes(output, &make, rank == 0), 1);
}
