/* mtx_format.c: Matrix Market's row in the table of formats. Its entries have no order by rows, so
 * that reading one row means to read all: it is routed. */
#include "base/ledger.h"
#include "base/mem.h"
#include "io/formats/format.h"
#include "io/formats/mtx.h"
#include "mpi/agree.h"

#include <string.h>
#include <strings.h>

typedef struct mtx {
    trn_mtx_t head;
    int64_t before; /* numbers of an array in the parts of the ranks before this one; -1: unknown */
} mtx_t;

static bool begins(const char *head, int64_t bytes) {
    static const char banner[] = "%MatrixMarket";
    const char *at = head;
    if (bytes >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) at += 3; /* a byte order mark */
    at += strncmp(at, "%%", 2) == 0;
    return strncasecmp(at, banner, sizeof banner - 1) == 0;
}

static trn_status_t open_mtx(trn_source_t *source) {
    int rank;
    MPI_Comm_rank(source->comm, &rank);
    TRN_AGREE(source->comm, trn_alloc_zero(&source->self, 1, sizeof(mtx_t), "a .mtx file"));
    trn_mtx_t *mtx = &((mtx_t *)source->self)->head;
    ((mtx_t *)source->self)->before = -1;
    trn_input_t here = {.path = source->path, .content = TRN_CONTENT_TEXT};
    TRN_TRY(trn_inputs_look(source->comm, 1, &here));
    TRN_AGREE(source->comm, rank == 0 ? trn_mtx_open(mtx, source->path) : TRN_OK);
    MPI_Bcast(mtx, (int)sizeof *mtx, MPI_BYTE, 0, source->comm);
    mtx->input = here; /* each rank holds to what it saw itself */
    source->rows = mtx->rows;
    source->cols = mtx->cols;
    source->entries = mtx->entries;
    source->sparse = !mtx->array;
    source->routed = true;
    source->mirrored = mtx->symmetry != TRN_MTX_GENERAL;
    source->type = TRN_F64;
    return TRN_OK;
}

static void close_mtx(trn_source_t *source) {
    trn_free(&source->self);
}

static trn_status_t count_mtx(trn_source_t *source) {
    mtx_t *mtx = source->self;
    if (mtx->before >= 0) return TRN_OK;
    return trn_mtx_count(source->comm, &mtx->head, source->path, &mtx->before);
}

int64_t trn_mtx_batch(int64_t entries) {
    enum { BATCH = 1 << 18 /* 20 MB */ };
    return entries < BATCH / 2 ? 2 * entries + 2 : BATCH; /* images are under way, too */
}

static trn_status_t route_mtx(trn_source_t *source, trn_dtype_t type, const trn_route_t *to) {
    TRN_TRY(count_mtx(source));
    trn_mtx_t mtx = ((const mtx_t *)source->self)->head;
    mtx.lossy = source->lossy;
    mtx.digits = type == TRN_F32 ? 24 : 53;
    return trn_mtx_route(source->comm, &mtx, source->path, ((mtx_t *)source->self)->before, to,
                         trn_mtx_batch(mtx.entries));
}

static trn_status_t verify_mtx(trn_source_t *source) {
    return trn_mtx_verify(source->comm, &((mtx_t *)source->self)->head, source->path);
}

static void tell(trn_source_t *source, json_t *into) {
    static const char *const fields[] = {"real", "integer", "pattern"};
    static const char *const symmetries[] = {"general", "symmetric", "skew-symmetric"};
    const trn_mtx_t *mtx = &((const mtx_t *)source->self)->head;
    json_object_set_new(into, "entries", json_integer(mtx->entries));
    json_object_set_new(into, "layout", json_string(mtx->array ? "array" : "coordinate"));
    json_object_set_new(into, "field", json_string(fields[mtx->field]));
    json_object_set_new(into, "symmetry", json_string(symmetries[mtx->symmetry]));
}

/* Writing: columns lie together in the file, so that all rows are kept until the end. ---------- */

typedef struct band {
    char *values; /* [own_rows x cols] */
} band_t;

static trn_status_t make_band(trn_sink_t *sink) {
    TRN_TRY(trn_alloc_zero(&sink->self, 1, sizeof(band_t), "rows to write"));
    return trn_alloc(&((band_t *)sink->self)->values, sink->own_rows * sink->cols,
                     (size_t)trn_dtype_size(sink->type), "rows to write as columns");
}

static trn_status_t begin_mtx(trn_sink_t *sink) {
    trn_status_t status = trn_agree(sink->comm, make_band(sink));
    band_t *band = sink->self;
    if (status == TRN_OK) return status;
    if (band) trn_free(&band->values);
    trn_free(&sink->self);
    return status;
}

static trn_status_t put_mtx(trn_sink_t *sink, int64_t first, int64_t rows, const void *values) {
    band_t *band = sink->self;
    int64_t row = sink->cols * trn_dtype_size(sink->type);
    memcpy(band->values + (first - sink->own_first) * row, values, (size_t)(rows * row));
    return TRN_OK;
}

static trn_status_t finish_mtx(trn_sink_t *sink, trn_status_t status) {
    band_t *band = sink->self;
    if (status == TRN_OK)
        status = trn_mtx_write_dense(sink->comm, sink->path, sink->rows, sink->cols, sink->type,
                                     sink->own_rows, band->values);
    trn_free(&band->values);
    trn_free(&band);
    sink->self = NULL;
    return status;
}

static int64_t write_bytes(const trn_sink_t *sink, bool first) {
    enum { BUFFER = 1 << 20, PLACES = 2 * sizeof(int64_t) };
    (void)first;
    return BUFFER + PLACES * sink->cols +
           trn_ledger_bytes(sink->own_rows * sink->cols, trn_dtype_size(sink->type));
}

static trn_status_t save_sparse(const trn_sink_t *sink, const trn_sparse_t *sparse) {
    return trn_mtx_write_sparse(sink->comm, sink->path, sparse, sink->rows, sink->cols);
}

const trn_file_format_t trn_format_mtx = {
    .name = "mtx",
    .title = "Matrix Market file",
    .endings = {".mtx"},
    .holds = TRN_HOLDS_SPARSE | TRN_MAY_BE_PACKED,
    .types = 1 << TRN_F32 | 1 << TRN_F64 | 1 << TRN_I8 | 1 << TRN_I16 | 1 << TRN_I32 |
             1 << TRN_I64 | 1 << TRN_U8 | 1 << TRN_U16 | 1 << TRN_U32 | 1 << TRN_U64,
    .begins = begins,
    .open = open_mtx,
    .close = close_mtx,
    .count = count_mtx,
    .route = route_mtx,
    .verify = verify_mtx,
    .tell = tell,
    .begin = begin_mtx,
    .put = put_mtx,
    .finish = finish_mtx,
    .write_bytes = write_bytes,
    .save_sparse = save_sparse,
};
