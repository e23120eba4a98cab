/* What a frame asks of each rank: words, bytes, flops. */
#include "mpi/dense/frame.h"

#include "base/mem.h"
#include "mpi/dense/redist.h"
#include "mpi/dense/rotate.h"

enum {
    BUFFERS = 12,          /* at most, each of which is aligned */
    REDUCE_BYTES = 1 << 20 /* of the sums that travel between layers at a time */
};

static int rank_at(const trn_frame_t *frame, int row, int col, int layer) {
    return frame->rank_at[(layer * frame->shape.rows + row) * frame->shape.cols + col];
}

/* Numbers of a rank's share. */
static int64_t held(const trn_dist_t *dist, int rank) {
    return trn_dist_local_rows(dist, rank) * trn_dist_local_cols(dist, rank);
}

/* Whether the terms of an operand lie apart in memory, so that a chunk of them is no stretch. */
bool trn_frame_strided(const trn_frame_t *frame, const trn_operand_t *operand) {
    return operand == &frame->a ? !frame->product.transpose_a : frame->product.transpose_b;
}

/* Numbers of a gathered operand that a rank of the frame has already. */
static int64_t already(const trn_frame_t *frame, const trn_operand_t *operand, int rank) {
    const trn_dist_t *from = operand->given ? operand->given : operand->wanted;
    trn_place_t p = trn_frame_place(frame, rank);
    int64_t count = 0;
    if (operand == &frame->a) {
        for (int j = 0; j < frame->shape.cols; j++)
            count += trn_dist_common_cols(from, rank, operand->wanted,
                                          rank_at(frame, p.row, j, p.layer));
        return count * trn_dist_common_rows(from, rank, operand->wanted, rank);
    }
    for (int i = 0; i < frame->shape.rows; i++)
        count +=
            trn_dist_common_rows(from, rank, operand->wanted, rank_at(frame, i, p.col, p.layer));
    return count * trn_dist_common_cols(from, rank, operand->wanted, rank);
}

/* Rows of C that travel between layers at a time; one at least, however long it is. */
int64_t trn_frame_reduction_rows(const trn_frame_t *frame, trn_place_t place) {
    int64_t row = trn_matrix_type_size(frame->product.type) * frame->cols[place.col];
    return row > 0 && row < REDUCE_BYTES ? REDUCE_BYTES / row : 1;
}

/* Memory of one such message. */
int64_t trn_frame_reduction(const trn_frame_t *frame, int rank) {
    if (frame->shape.layers == 1) return 0;
    trn_place_t place = trn_frame_place(frame, rank);
    int64_t rows = trn_dist_local_rows(frame->c.wanted, rank);
    int64_t step = trn_frame_reduction_rows(frame, place);
    return trn_matrix_type_size(frame->product.type) * frame->cols[place.col] *
           (rows < step ? rows : step);
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Memory of a relayout that gathers `missing` numbers of an operand. */
static int64_t gathering(const trn_frame_t *frame, const trn_operand_t *operand, int rank,
                         int64_t missing) {
    const trn_dist_t *from = operand->given ? operand->given : operand->wanted,
                     *to = operand->wanted;
    int64_t size = trn_matrix_type_size(frame->product.type);
    int64_t out = size * held(from, rank), in = size * missing, most = TRN_REDIST_MESSAGE;
    int64_t parts = trn_dist_row_parts(from) + trn_dist_row_parts(to) + trn_dist_col_parts(from) +
                    trn_dist_col_parts(to);
    return 2 * ((out < most ? out : most) + (in < most ? in : most)) + TRN_REDIST_PART * parts;
}

/* Whether panels of terms may lie in several stretches, so that both operands must be packed. Where
 * neither moves, there is one panel, and both have its terms in the same order. */
static bool scattered(const trn_frame_t *frame) {
    trn_cut_t a = trn_dist_col_cut(frame->a.wanted), b = trn_dist_row_cut(frame->b.wanted);
    return (frame->a.moves || frame->b.moves) && (a.parts > a.classes || b.parts > b.classes);
}

/* One operand of one rank: `whole` is all that it must see, `width` the numbers of one term. */
static void count_operand(const trn_frame_t *frame, const trn_operand_t *operand, int rank,
                          int64_t whole, int64_t width, trn_load_t *load) {
    int64_t size = trn_matrix_type_size(frame->product.type), want = held(operand->wanted, rank);
    bool member = frame->place[rank] >= 0;
    load->shares += size * (operand->given ? held(operand->given, rank) : want);
    if (operand->gathered && member) {
        int64_t missing = whole - already(frame, operand, rank);
        load->words += (double)missing;
        load->buffers += size * whole;
        load->relayout = larger(load->relayout, gathering(frame, operand, rank, missing));
        return;
    }
    if (!operand->stays) {
        load->relayout_words += (double)trn_dist_missing(operand->given, operand->wanted, rank);
        load->buffers += size * want;
        load->relayout =
            larger(load->relayout,
                   trn_redist_bytes(frame->product.type, operand->given, operand->wanted, rank));
    }
    if (member && frame->kind == TRN_FRAME_CYCLIC) { /* PBLAS: panels of one block */
        load->words += (double)(whole - want);
        load->buffers += 2 * size * TRN_CYCLIC_BLOCK * width;
    }
    if (!member || frame->kind == TRN_FRAME_CYCLIC) return;
    if (operand->moves) load->words += (double)(whole - want);
    bool packs = operand->spread || trn_frame_strided(frame, operand) || scattered(frame);
    int slots = (operand->moves || scattered(frame) ? TRN_ROTATION_SLOTS : 0) +
                (operand->moves && packs ? TRN_ROTATION_SLOTS : 0);
    load->rotation += size * frame->chunk * width * slots;
}

/* C: relayouts there and back, and the sums of other layers. */
static void count_c(const trn_frame_t *frame, int rank, int64_t block, trn_load_t *load) {
    const trn_operand_t *c = &frame->c;
    trn_dtype_t type = frame->product.type;
    int64_t size = trn_matrix_type_size(type);
    load->shares += size * held(c->given ? c->given : c->wanted, rank);
    if (!c->stays) {
        load->relayout_words += (double)trn_dist_missing(c->wanted, c->given, rank);
        load->buffers += size * held(c->wanted, rank);
        load->relayout = larger(load->relayout, trn_redist_bytes(type, c->wanted, c->given, rank));
        if (frame->product.accumulate) {
            load->relayout_words += (double)trn_dist_missing(c->given, c->wanted, rank);
            load->relayout =
                larger(load->relayout, trn_redist_bytes(type, c->given, c->wanted, rank));
        }
    }
    if (frame->shape.layers == 1 || frame->place[rank] < 0) return;
    load->words += (double)(frame->shape.layers - 1) * (double)held(c->wanted, rank);
    load->buffers += size * block;
    load->rotation = larger(load->rotation, trn_frame_reduction(frame, rank));
}

/* Words in, flops and bytes of one rank. Buffers of relayout and rotation are never in use
 * together, so the larger of them counts. */
trn_load_t trn_frame_load(const trn_frame_t *frame, int rank) {
    trn_load_t load = {0};
    int64_t rows = 0, cols = 0, terms = 0;
    if (frame->place[rank] >= 0) {
        trn_place_t place = trn_frame_place(frame, rank);
        rows = frame->rows[place.row];
        cols = frame->cols[place.col];
        terms = frame->terms[place.layer];
    }
    count_operand(frame, &frame->a, rank, rows * terms, rows, &load);
    count_operand(frame, &frame->b, rank, terms * cols, cols, &load);
    load.flops = 2.0 * (double)rows * (double)cols * (double)terms;
    count_c(frame, rank, rows * cols, &load);
    load.buffers += larger(load.relayout, load.rotation) + BUFFERS * TRN_ALIGNMENT;
    load.words += load.relayout_words;
    return load;
}
