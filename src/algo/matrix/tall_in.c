/* tall_in.c: rows that pass by, from memory or out of their file. */
#include "algo/matrix/tall_in.h"

#include "algo/matrix/scale.h"
#include "base/mem.h"
#include "io/text/decode.h"
#include "kern/dense/finite.h"
#include "mpi/agree.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The source behind the view, and the first number that is not finite among those that passed. */
typedef struct trn_tall_reader {
    trn_tall_source_t source; /* of the view */
    trn_rows_t *rows;
    const trn_tall_in_t *in;
    void *wide;     /* [block x cols] rows on their way from memory, to be changed at will; NULL:
                     * they come into a buffer of their own anyway */
    int64_t sound;  /* blocks below this number have been looked at: passes ascend */
    int64_t bad[2]; /* row and column; row -1: none */
    double value;
} trn_tall_reader_t;

bool trn_tall_in_can_stream(const trn_tall_in_t *in) {
    return !in->in.info.sparse && !in->in.info.routed;
}

/* Numbers in memory, and those that blocks have. */
static trn_matrix_type_t held_type(const trn_tall_in_t *in, bool streams) {
    if (in->single) return TRN_MATRIX_F32;
    return streams ? TRN_MATRIX_F64 : in->in.info.type;
}

static trn_matrix_type_t block_type(const trn_tall_in_t *in) {
    return in->single ? TRN_MATRIX_F32 : TRN_MATRIX_F64;
}

static int64_t block_rows(const trn_matrix_info_t *info) {
    int64_t block = trn_tall_block(info->rows);
    return block < info->rows ? block : info->rows;
}

void trn_tall_in_plan(trn_ledger_t *ledger, const trn_tall_in_t *in, bool streams, int ranks,
                      int rank) {
    const trn_matrix_info_t *info = &in->in.info;
    int64_t rows = trn_tall_rows(info->rows, ranks, rank) * info->cols;
    streams = streams && trn_tall_in_can_stream(in);
    trn_matrix_type_t type = held_type(in, streams);
    if (streams) {
        trn_rows_stream_plan(ledger, info, trn_tall_block(info->rows), type);
        return;
    }
    trn_ledger_take(ledger, "matrix", rows, trn_matrix_type_size(type));
    if (info->store) trn_ledger_take(ledger, "matrix", trn_store_open_bytes(), 1);
    if (info->sparse && in->in.bands.entries)
        trn_sparse_load_plan(ledger, info, TRN_SPARSE_F64, &in->in.bands, rank);
    if (!in->single)
        trn_ledger_take(ledger, "matrix", block_rows(info) * info->cols, sizeof(double));
    enum { PIECE_BYTES = 2 << 20 /* of numbers that are converted, at most */ };
    trn_ledger_pass(ledger, "loading", PIECE_BYTES + trn_decoder_bytes(info->coding), 1);
}

/* Looked at once, in the first pass; zeros in the place of such a number keep it from spreading. */
static void check(trn_tall_reader_t *r, int64_t block, trn_view_t view) {
    if (r->in->spared || block < r->sound) return;
    r->sound = block + 1;
    int64_t n = view.rows * view.cols, at;
    bool single = view.type == TRN_MATRIX_F32;
    at = single ? trn_not_finite_f32(n, view.data) : trn_not_finite_f64(n, view.data);
    if (at < 0 || r->bad[0] >= 0) return;
    r->bad[0] = block * trn_tall_block(trn_rows_about(r->rows)->rows) + at / view.cols;
    r->bad[1] = at % view.cols;
    r->value = single ? (double)((float *)view.data)[at] : ((double *)view.data)[at];
}

static trn_view_t read_block(void *user, int64_t block) {
    trn_tall_reader_t *r = user;
    trn_view_t view = trn_rows_block(r->rows, block);
    check(r, block, view);
    if (r->in->still && view.type == TRN_MATRIX_F64 && r->bad[0] < 0) return view;
    if (r->wide && view.type == TRN_MATRIX_F32) {
        const float *from = view.data;
        double *to = r->wide;
        for (int64_t i = 0; i < view.rows * view.cols; i++)
            to[i] = from[i];
    } else if (r->wide) {
        memcpy(r->wide, view.data, (size_t)(view.rows * view.cols) * sizeof(double));
    }
    if (r->wide) view = (trn_view_t){TRN_MATRIX_F64, view.rows, view.cols, view.cols, r->wide};
    if (r->bad[0] >= 0) /* the pass goes on for the others' sake */
        memset(view.data, 0, (size_t)(view.rows * view.cols * trn_matrix_type_size(view.type)));
    return view;
}

static trn_status_t create_reader(trn_tall_in_t *in) {
    trn_tall_reader_t *r;
    TRN_TRY(trn_alloc_zero(&in->reader, 1, sizeof *in->reader, "a matrix that passes by"));
    r = in->reader;
    r->in = in;
    r->bad[0] = -1;
    r->source = (trn_tall_source_t){.rows = read_block, .user = r};
    return TRN_OK;
}

/* With all memory in reserve the rows do not stay there. */
static trn_status_t hold(trn_tall_in_t *in, MPI_Comm comm, bool streams) {
    const trn_matrix_info_t *info = &in->in.info;
    trn_tall_reader_t *r = in->reader;
    TRN_TRY(trn_rows_open(&r->rows, comm, in->in.path, &(trn_rows_how_t){.lossy = info->lossy}));
    trn_dtype_t type = held_type(in, streams) == TRN_MATRIX_F32 ? TRN_F32 : TRN_F64;
    int64_t block = trn_tall_block(info->rows);
    TRN_TRY(trn_rows_hold(r->rows, block, type, streams ? INT64_MAX : 0));
    trn_status_t status = TRN_OK; /* a rank without rows holds all of them either way */
    if (!in->single && trn_rows_resident(r->rows))
        status = trn_alloc(&r->wide, block_rows(info) * info->cols, sizeof(double), "rows");
    return trn_agree(comm, status);
}

trn_status_t trn_tall_in_open(trn_tall_in_t *in, MPI_Comm comm, bool streams) {
    const trn_matrix_info_t *info = &in->in.info;
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    trn_status_t status = trn_agree(comm, create_reader(in));
    if (status == TRN_OK) status = hold(in, comm, streams && trn_tall_in_can_stream(in));
    if (status != TRN_OK) {
        trn_tall_in_close(in);
        return status;
    }
    trn_view_t none = {block_type(in), trn_tall_rows(info->rows, ranks, rank), info->cols,
                       info->cols, NULL};
    in->tall = (trn_tall_t){comm, info->rows, none, &in->reader->source};
    return TRN_OK;
}

/* On a failure the message that came with it is kept, unless reading explains it. */
trn_status_t trn_tall_in_outcome(trn_tall_in_t *in, trn_status_t status) {
    char message[1024];
    const trn_tall_reader_t *r = in->reader;
    int rank = trn_message_rank();
    if (!r) return status;
    snprintf(message, sizeof message, "%s", trn_message());
    TRN_TRY(trn_rows_outcome(r->rows));
    trn_status_t finite = TRN_OK;
    if (r->bad[0] >= 0)
        finite = trn_fail(TRN_INPUT,
                          "%s: row %lld, column %lld (from 0) is %g; only finite "
                          "numbers are taken",
                          in->in.path, (long long)r->bad[0], (long long)r->bad[1], r->value);
    TRN_AGREE(in->tall.comm, finite);
    if (status == TRN_OK) return TRN_OK;
    (void)trn_fail(status, "%s", message);
    trn_message_set_rank(rank);
    return status;
}

void trn_tall_in_scale(trn_tall_in_t *in, int *exponent) {
    trn_tall_t x = in->tall;
    double largest = 0;
    *exponent = 0;
    if (in->in.info.type != TRN_MATRIX_F64) return;
    int64_t block = trn_tall_first_block(x);
    trn_view_t rows;
    for (int64_t at = 0; at < x.block.rows; at += rows.rows) {
        rows = trn_tall_block_rows(x, block++);
        for (int64_t i = 0; i < rows.rows * rows.cols; i++)
            largest = fmax(largest, fabs(((const double *)rows.data)[i]));
    }
    MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, x.comm);
    *exponent = trn_scale_exponent(largest);
    x.source->exponent = -*exponent;
}

void trn_tall_in_close(trn_tall_in_t *in) {
    if (in->reader) {
        trn_rows_close(&in->reader->rows);
        trn_free(&in->reader->wide);
        trn_free(&in->reader->source.mean);
        trn_free(&in->reader);
    }
    in->tall = (trn_tall_t){0};
}

void trn_tall_in_free(trn_tall_in_t *in) {
    trn_tall_in_close(in);
    trn_matrix_in_free(&in->in);
}
