/* cannon_run.c: the run of a planned product, piece by piece: relayouts in, rotation, the sum over
 * layers, relayout out. Nothing here can fail or allocate: all ranks go through the same messages.
 */
#include "mpi/dense/cannon_impl.h"

#include "mpi/trace.h"

/* A scale of 0 does not read what is there, which may be NaN. */
static void add_f32(int64_t count, float scale, float *into, const float *from) {
    for (int64_t i = 0; i < count; i++)
        into[i] = (scale == 0 ? 0 : scale * into[i]) + from[i];
}

static void add_f64(int64_t count, double scale, double *into, const double *from) {
    for (int64_t i = 0; i < count; i++)
        into[i] = (scale == 0 ? 0 : scale * into[i]) + from[i];
}

/* into = scale into + from, whose rows touch; a scale of 0 reads nothing. */
static void add(trn_view_t into, double scale, const void *from) {
    int64_t size = trn_matrix_type_size(into.type);
    for (int64_t i = 0; i < into.rows; i++) {
        char *row = (char *)into.data + size * i * into.stride;
        const char *other = (const char *)from + size * i * into.cols;
        if (into.type == TRN_F32)
            add_f32(into.cols, (float)scale, (float *)row, (const float *)other);
        else
            add_f64(into.cols, scale, (double *)row, (const double *)other);
    }
}

/* A walk over the rows of a block of C that end up on one layer, in pieces that lie together both
 * in the sums of the block and in that layer's share. */
typedef struct share {
    trn_spans_t spans;
    trn_span_t span; /* count: rows that are still to come */
    int64_t base;    /* global number of the block's first row, if it has one */
} share_t;

/* The rank at the same row and column of the grid, on another layer. */
static int rank_of_layer(const trn_frame_t *frame, trn_place_t place, int layer) {
    return frame->rank_at[(layer * frame->shape.rows + place.row) * frame->shape.cols + place.col];
}

/* The block's first row is the least of all layers', as each holds some of its rows. */
static share_t share_of(const trn_frame_t *frame, trn_place_t place, int layer) {
    share_t share = {.base = INT64_MAX};
    trn_span_t span;
    for (int l = 0; l < frame->shape.layers; l++) {
        int rank = rank_of_layer(frame, place, l);
        trn_spans_t spans = trn_dist_row_spans(frame->c.wanted, rank);
        if (trn_spans_next(&spans, &span) && span.first < share.base) share.base = span.first;
    }
    share.spans = trn_dist_row_spans(frame->c.wanted, rank_of_layer(frame, place, layer));
    return share;
}

/* The next rows, at most `most`, or none; *first within the block, *local within the share. */
static int64_t next_rows(share_t *share, int64_t most, int64_t *first, int64_t *local) {
    if (share->span.count == 0 && !trn_spans_next(&share->spans, &share->span)) return 0;
    int64_t rows = share->span.count < most ? share->span.count : most;
    *first = share->span.first - share->base;
    *local = share->span.local;
    share->span.first += rows;
    share->span.local += rows;
    share->span.count -= rows;
    return rows;
}

/* c = beta c + the sums of all layers: each layer receives the others' sums of its own rows. The
 * rows of a block are consecutive in C where there are layers. */
static void reduce(const trn_plan_t *plan, const stage_t *stage, double beta, trn_view_t c) {
    const trn_frame_t *frame = stage->frame;
    trn_place_t place = trn_frame_place(frame, plan->rank);
    int layers = frame->shape.layers, me = place.layer;
    int64_t size = trn_matrix_type_size(c.type), cols = frame->cols[place.col];
    int64_t step = trn_frame_reduction_rows(frame, place), rows, first, local, at, unused;
    const char *sums = plan->pool + stage->partial;
    char *incoming = plan->pool + stage->scratch;
    MPI_Datatype number = c.type == TRN_F32 ? MPI_FLOAT : MPI_DOUBLE;
    share_t own = share_of(frame, place, me);
    if (cols == 0) return;
    while ((rows = next_rows(&own, INT64_MAX, &first, &local)) > 0)
        add(trn_view_part(c, local, rows, 0, cols), beta, sums + size * first * cols);
    for (int d = 1; d < layers; d++) {
        int to = (me + d) % layers, from = (me - d + layers) % layers;
        share_t theirs = share_of(frame, place, to);
        own = share_of(frame, place, me);
        for (;;) {
            int64_t out = next_rows(&theirs, step, &at, &unused);
            int64_t in = next_rows(&own, step, &first, &local);
            if (out == 0 && in == 0) break;
            MPI_Sendrecv(out > 0 ? sums + size * at * cols : NULL, (int)(out * cols), number,
                         out > 0 ? to : MPI_PROC_NULL, 0, incoming, (int)(in * cols), number,
                         in > 0 ? from : MPI_PROC_NULL, 0, trn_grid_fiber_comm(plan->grid),
                         MPI_STATUS_IGNORE);
            if (in > 0) add(trn_view_part(c, local, in, 0, cols), 1, incoming);
        }
    }
}

/* This rank's view of a matrix where the frame wants it. */
static trn_view_t at_work(const trn_plan_t *plan, const relayout_t *relayout, trn_view_t given) {
    if (!relayout->wanted) return given;
    return (trn_view_t){plan->product.type, relayout->rows, relayout->cols, relayout->cols,
                        plan->pool + relayout->offset};
}

/* With one layer the rotation writes C itself; with several each layer sums up in memory of its own
 * first, and beta comes in with the reduction. */
static void rotate(const trn_plan_t *plan, const stage_t *stage, double alpha, trn_view_t a,
                   trn_view_t b, double beta, trn_view_t c) {
    char *scratch = plan->pool + stage->scratch;
    trn_trace_begin("rotate");
    if (stage->frame->shape.layers == 1) {
        trn_rotation_run(stage->rotation, alpha, a, b, beta, c, scratch);
    } else {
        int64_t rows, cols;
        trn_plan_block(plan, stage, &rows, &cols);
        trn_view_t sums = {c.type, rows, cols, cols, plan->pool + stage->partial};
        trn_rotation_run(stage->rotation, alpha, a, b, 0, sums, scratch);
    }
    trn_trace_end();
    if (stage->frame->shape.layers == 1) return;
    trn_trace_begin("reduce layers");
    reduce(plan, stage, beta, c);
    trn_trace_end();
}

/* A, B and C come to where the frame wants them, are multiplied, and C goes back. The relayouts
 * borrow the scratch memory that the rotation uses later. */
static void run_stage(const trn_plan_t *plan, const stage_t *stage, double alpha,
                      const trn_view_t whole[3], double beta) {
    trn_view_t given[3], work[3];
    trn_trace_begin("relayout");
    for (int which = 0; which < 3; which++) {
        const relayout_t *relayout = &stage->relayout[which];
        trn_part_t part = relayout->local;
        given[which] = trn_view_part(whole[which], part.row, part.rows, part.col, part.cols);
        work[which] = at_work(plan, relayout, given[which]);
        if (relayout->in && (which != C || beta != 0)) {
            trn_redist_lend(relayout->in, plan->pool + stage->scratch);
            trn_redist_run(relayout->in, given[which], work[which]);
        }
    }
    trn_trace_end();
    if (stage->pgemm)
        trn_scalapack_gemm_run(stage->pgemm, alpha, work[A], work[B], beta, work[C]);
    else if (stage->rotation)
        rotate(plan, stage, alpha, work[A], work[B], beta, work[C]);
    if (!stage->relayout[C].out) return;
    trn_trace_begin("relayout");
    trn_redist_lend(stage->relayout[C].out, plan->pool + stage->scratch);
    trn_redist_run(stage->relayout[C].out, work[C], given[C]);
    trn_trace_end();
}

/* Pieces of k after the first add to what is there: their beta is 1. The order of pieces is the
 * plan's, so sums do not depend on timing. */
void trn_plan_run(trn_plan_t *plan, double alpha, trn_view_t a, trn_view_t b, double beta,
                  trn_view_t c) {
    trn_view_t whole[3] = {a, b, c};
    for (int64_t i = 0; i < plan->count; i++) {
        const stage_t *stage = &plan->stages[i];
        run_stage(plan, stage, alpha, whole, stage->piece.adds ? 1 : beta);
    }
}
