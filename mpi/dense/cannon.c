#include "mpi/dense/cannon.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dense/frame.h"
#include "mpi/dense/piece.h"
#include "mpi/dense/redist.h"
#include "mpi/dense/rotate.h"
#include "mpi/dense/scalapack.h"
#include "mpi/trace.h"

#include <string.h>

enum { A, B, C };

/* How one of the three matrices of a piece comes to where the frame wants it. */
typedef struct journey {
    trn_dist_t *wanted; /* stored orientation; NULL where it stays */
    trn_redist_t *in, *out;
    trn_part_t local;   /* the piece within this rank's block, in local rows and columns */
    int64_t rows, cols; /* of the block that is wanted here */
    int64_t offset;     /* of its buffer in the pool */
} journey_t;

/* One piece of a product: without a memory limit there is just one. */
typedef struct stage {
    trn_piece_t piece;
    trn_frame_t *frame;
    journey_t journey[3];
    trn_rotation_t *rotation;
    trn_scalapack_gemm_t *pgemm; /* instead of the rotation */
    int64_t partial, scratch;    /* offsets in the pool: this layer's sums; messages of all steps */
} stage_t;

struct trn_plan {
    MPI_Comm comm;
    int rank, ranks;
    trn_product_t product;
    trn_grid_t *grid;
    MPI_Comm ordered; /* the ranks in the order of the grid */
    stage_t *stages;
    int64_t count;
    char *pool;
    int64_t bytes;
};

static int64_t aligned(int64_t bytes) {
    return (bytes + TRN_ALIGNMENT - 1) / TRN_ALIGNMENT * TRN_ALIGNMENT;
}

/* Planning: local -------------------------------------------------------------------------------
 */

static trn_role_t *role_of(trn_frame_t *frame, int which) {
    return which == A ? &frame->a : which == B ? &frame->b : &frame->c;
}

/* Ranks of one ring of an operand are a group: together they hold what each of them needs. */
static trn_status_t gather(trn_dist_t **to, const trn_frame_t *frame, const trn_dist_t *wanted,
                           int which) {
    int *group;
    TRN_TRY(trn_alloc(&group, frame->ranks, sizeof *group, "rings"));
    for (int r = 0; r < frame->ranks; r++) {
        group[r] = -1;
        if (frame->place[r] < 0) continue;
        trn_place_t p = trn_frame_place(frame, r);
        group[r] =
            which == A ? p.layer * frame->shape.rows + p.row : p.layer * frame->shape.cols + p.col;
    }
    trn_status_t status = trn_dist_gathered(to, wanted, frame->ranks, group);
    trn_free(&group);
    return status;
}

static int64_t before(trn_spans_t spans, int64_t end) {
    trn_span_t span;
    int64_t count = 0;
    while (trn_spans_next(&spans, &span) && span.first < end)
        count += span.first + span.count < end ? span.count : end - span.first;
    return count;
}

/* Where the part of a matrix lies within a rank's block of the whole. */
static trn_part_t localise(const trn_dist_t *whole, int rank, trn_part_t part) {
    trn_spans_t rows = trn_dist_row_spans(whole, rank), cols = trn_dist_col_spans(whole, rank);
    trn_part_t local = {.row = before(rows, part.row), .col = before(cols, part.col)};
    local.rows = before(rows, part.row + part.rows) - local.row;
    local.cols = before(cols, part.col + part.cols) - local.col;
    return local;
}

static trn_status_t plan_journey(trn_plan_t *plan, stage_t *stage, const trn_layouts_t *layouts,
                                 int which) {
    const trn_dist_t *whole = which == A ? layouts->a : which == B ? layouts->b : layouts->c;
    const trn_part_t *part = &stage->piece.part[which];
    trn_role_t *role = role_of(stage->frame, which);
    journey_t *journey = &stage->journey[which];
    bool transpose =
        (which == A && plan->product.transpose_a) || (which == B && plan->product.transpose_b);
    journey->local = localise(whole, plan->rank, *part);
    journey->rows = journey->local.rows;
    journey->cols = journey->local.cols;
    if (role->stays && !role->gathered) return TRN_OK;
    trn_dist_t *stored = NULL;
    trn_status_t status = transpose
                              ? trn_dist_transpose(&stored, role->wanted)
                              : trn_dist_slice(&stored, role->wanted, 0, part->rows, 0, part->cols);
    if (status == TRN_OK && role->gathered) {
        status = gather(&journey->wanted, stage->frame, stored, which);
    } else {
        journey->wanted = stored;
        stored = NULL;
    }
    trn_dist_destroy(&stored);
    if (status != TRN_OK) return status;
    journey->rows = trn_dist_local_rows(journey->wanted, plan->rank);
    journey->cols = trn_dist_local_cols(journey->wanted, plan->rank);
    return TRN_OK;
}

static trn_status_t plan_stage(trn_plan_t *plan, const trn_layouts_t *layouts,
                               const trn_choice_t *choice, int64_t index) {
    stage_t *stage = &plan->stages[index];
    TRN_TRY(trn_piece_cut(&stage->piece, &plan->product, layouts, choice->n_splits,
                          choice->k_splits, index));
    TRN_TRY(trn_frame_create(&stage->frame, &stage->piece.product, &stage->piece.layouts,
                             plan->ranks, choice->kind, choice->shape));
    if (!stage->frame)
        return trn_fail(TRN_INTERNAL, "product: the choice was made for other layouts");
    trn_piece_mark(stage->frame, &stage->piece.layouts, layouts);
    for (int which = 0; which < 3; which++)
        TRN_TRY(plan_journey(plan, stage, layouts, which));
    return TRN_OK;
}

static trn_status_t plan_all(trn_plan_t **out, MPI_Comm comm, const trn_product_t *product,
                             const trn_layouts_t *layouts, const trn_choice_t *choice) {
    TRN_TRY(trn_alloc_zero(out, 1, sizeof **out, "a plan"));
    trn_plan_t *plan = *out;
    plan->comm = comm;
    plan->product = *product;
    plan->ordered = MPI_COMM_NULL;
    MPI_Comm_rank(comm, &plan->rank);
    MPI_Comm_size(comm, &plan->ranks);
    if (choice->ranks != plan->ranks)
        return trn_fail(TRN_USAGE, "product: planned for %d ranks, there are %d", choice->ranks,
                        plan->ranks);
    TRN_TRY(trn_alloc_zero(&plan->stages, choice->n_splits * choice->k_splits, sizeof *plan->stages,
                           "pieces of a product"));
    plan->count = choice->n_splits * choice->k_splits;
    for (int64_t i = 0; i < plan->count; i++)
        TRN_TRY(plan_stage(plan, layouts, choice, i));
    return TRN_OK;
}

/* Planning: together ----------------------------------------------------------------------------
 */

/* The ranks in the order of the grid, those that stand aside behind. */
static trn_status_t form_grid(trn_plan_t *plan) {
    const trn_frame_t *frame = plan->stages[0].frame;
    int place = frame->place[plan->rank];
    MPI_Comm_split(plan->comm, 0, place >= 0 ? place : plan->ranks + plan->rank, &plan->ordered);
    return trn_grid_create(&plan->grid, plan->ordered, frame->shape);
}

static trn_status_t plan_relayouts(trn_plan_t *plan, stage_t *stage) {
    trn_matrix_type_t type = plan->product.type;
    for (int which = 0; which < 3; which++) {
        journey_t *journey = &stage->journey[which];
        const trn_dist_t *given = stage->piece.dist[which];
        if (!journey->wanted) continue;
        if (which != C || stage->piece.product.accumulate)
            TRN_TRY(trn_redist_create_bare(&journey->in, plan->comm, type, given, journey->wanted));
        if (which == C)
            TRN_TRY(
                trn_redist_create_bare(&journey->out, plan->comm, type, journey->wanted, given));
    }
    return TRN_OK;
}

/* The blocks of an operand's ring, where it is in shared memory and all of the ring on one node;
 * *blocks is NULL otherwise. */
static trn_status_t see_ring(const trn_plan_t *plan, const stage_t *stage, int which,
                             const trn_matrix_t *matrix, trn_view_t **blocks) {
    trn_frame_t *frame = stage->frame;
    const trn_role_t *role = role_of(frame, which);
    const trn_shared_t *shared = matrix ? trn_matrix_shared(matrix) : NULL;
    trn_place_t place = trn_frame_place(frame, plan->rank);
    int ranks = which == A ? frame->shape.cols : frame->shape.rows;
    *blocks = NULL;
    if (!shared || !role->moves || !role->stays || plan->count > 1) return TRN_OK;
    TRN_TRY(trn_alloc(blocks, ranks, sizeof **blocks, "blocks of a ring"));
    for (int x = 0; x < ranks; x++) {
        int row = which == A ? place.row : x, col = which == A ? x : place.col;
        int rank =
            frame->rank_at[(place.layer * frame->shape.rows + row) * frame->shape.cols + col];
        const trn_dist_t *dist = trn_matrix_dist(matrix);
        int64_t cols = trn_dist_local_cols(dist, rank);
        (*blocks)[x] = (trn_view_t){plan->product.type, trn_dist_local_rows(dist, rank), cols, cols,
                                    trn_shared_block(shared, rank)};
        if ((*blocks)[x].data) continue;
        trn_free(blocks);
        return TRN_OK;
    }
    return TRN_OK;
}

static bool spans_nodes(const trn_plan_t *plan) {
    int here;
    MPI_Comm_size(trn_grid_node_comm(plan->grid), &here);
    return here < plan->ranks;
}

static trn_status_t plan_rotation(trn_plan_t *plan, stage_t *stage, const trn_choice_t *choice,
                                  int threads, const trn_matrix_t *a, const trn_matrix_t *b) {
    trn_view_t *a_blocks = NULL, *b_blocks = NULL;
    if (!trn_grid_member(plan->grid)) return TRN_OK;
    trn_status_t status = see_ring(plan, stage, A, a, &a_blocks);
    if (status == TRN_OK) status = see_ring(plan, stage, B, b, &b_blocks);
    if (status == TRN_OK)
        status = trn_rotation_create(&stage->rotation, stage->frame, plan->rank,
                                     trn_grid_row_comm(plan->grid), trn_grid_col_comm(plan->grid),
                                     a_blocks, b_blocks, choice->algorithm == TRN_ALGORITHM_SUMMA,
                                     spans_nodes(plan), threads);
    trn_free(&a_blocks);
    trn_free(&b_blocks);
    return status;
}

static trn_status_t plan_product(trn_plan_t *plan, stage_t *stage, const trn_choice_t *choice,
                                 int threads, const trn_matrix_t *a, const trn_matrix_t *b) {
    const trn_product_t *p = &stage->piece.product;
    if (choice->kind == TRN_FRAME_CYCLIC)
        return trn_scalapack_gemm_create(
            &stage->pgemm, plan->comm, p->type, p->transpose_a, p->transpose_b, p->m, p->n, p->k,
            (trn_scalapack_grid_t){TRN_CYCLIC_BLOCK, choice->shape.rows, choice->shape.cols});
    return trn_agree(plan->comm, plan_rotation(plan, stage, choice, threads, a, b));
}

/* Rows and columns of this rank's block of C while it is summed up. */
static void block_size(const trn_plan_t *plan, const stage_t *stage, int64_t *rows, int64_t *cols) {
    trn_place_t place = trn_frame_place(stage->frame, plan->rank);
    *rows = stage->frame->rows[place.row];
    *cols = stage->frame->cols[place.col];
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* What relayouts need, one after the other. */
static int64_t relayout_bytes(const trn_plan_t *plan, const stage_t *stage) {
    int64_t most = 0;
    for (int which = 0; which < 3; which++) {
        const journey_t *j = &stage->journey[which];
        const trn_dist_t *given = stage->piece.dist[which];
        if (j->in)
            most = larger(most, trn_redist_bytes(plan->product.type, given, j->wanted, plan->rank));
        if (j->out)
            most = larger(most, trn_redist_bytes(plan->product.type, j->wanted, given, plan->rank));
    }
    return most;
}

/* Offsets of a stage's buffers in the pool; returns the bytes. Relayouts, rotation and reduction
 * use the same scratch memory. */
static int64_t lay_out(const trn_plan_t *plan, stage_t *stage) {
    int64_t size = trn_matrix_type_size(plan->product.type), used = 0, rows, cols;
    for (int which = 0; which < 3; which++) {
        journey_t *journey = &stage->journey[which];
        journey->offset = used;
        if (journey->wanted) used += aligned(size * journey->rows * journey->cols);
    }
    stage->partial = stage->scratch = used;
    int64_t scratch = relayout_bytes(plan, stage);
    if (stage->rotation) {
        scratch = larger(scratch, trn_rotation_scratch(stage->rotation));
        block_size(plan, stage, &rows, &cols);
        if (stage->frame->shape.layers > 1) stage->scratch += aligned(size * rows * cols);
        scratch = larger(scratch, trn_frame_reduction(stage->frame, plan->rank));
    }
    return stage->scratch + scratch;
}

static trn_status_t fill_pool(trn_plan_t *plan) {
    for (int64_t i = 0; i < plan->count; i++) {
        int64_t bytes = lay_out(plan, &plan->stages[i]);
        if (bytes > plan->bytes) plan->bytes = bytes;
    }
    return trn_alloc_zero(&plan->pool, plan->bytes, 1, "buffers of a product"); /* touches it */
}

trn_status_t trn_plan_create_shared(trn_plan_t **plan, MPI_Comm comm, const trn_product_t *product,
                                    const trn_layouts_t *layouts, const trn_choice_t *choice,
                                    int threads, const trn_matrix_t *a, const trn_matrix_t *b) {
    *plan = NULL;
    trn_status_t status;
    TRN_OR(failed, trn_agree(comm, plan_all(plan, comm, product, layouts, choice)));
    TRN_OR(failed, form_grid(*plan));
    for (int64_t i = 0; i < (*plan)->count; i++) {
        TRN_OR(failed, plan_relayouts(*plan, &(*plan)->stages[i]));
        TRN_OR(failed, plan_product(*plan, &(*plan)->stages[i], choice, threads, a, b));
    }
    TRN_OR(failed, trn_agree(comm, fill_pool(*plan)));
    return TRN_OK;
failed:
    trn_plan_destroy(plan);
    return status;
}

trn_status_t trn_plan_create(trn_plan_t **plan, MPI_Comm comm, const trn_product_t *product,
                             const trn_layouts_t *layouts, const trn_choice_t *choice,
                             int threads) {
    return trn_plan_create_shared(plan, comm, product, layouts, choice, threads, NULL, NULL);
}

static void free_stage(stage_t *stage) {
    for (int which = 0; which < 3; which++) {
        trn_redist_destroy(&stage->journey[which].in);
        trn_redist_destroy(&stage->journey[which].out);
        trn_dist_destroy(&stage->journey[which].wanted);
    }
    trn_rotation_destroy(&stage->rotation);
    trn_scalapack_gemm_destroy(&stage->pgemm);
    trn_frame_destroy(&stage->frame);
    trn_piece_free(&stage->piece);
}

void trn_plan_destroy(trn_plan_t **plan) {
    if (!*plan) return;
    for (int64_t i = 0; i < (*plan)->count; i++)
        free_stage(&(*plan)->stages[i]);
    trn_free(&(*plan)->stages);
    trn_free(&(*plan)->pool);
    trn_grid_destroy(&(*plan)->grid);
    if ((*plan)->ordered != MPI_COMM_NULL) MPI_Comm_free(&(*plan)->ordered);
    trn_free(plan);
}

int64_t trn_plan_bytes(const trn_plan_t *plan) {
    return plan->bytes;
}

/* Running ---------------------------------------------------------------------------------------
 */

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
        if (into.type == TRN_MATRIX_F32)
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

static int rank_of_layer(const trn_frame_t *frame, trn_place_t place, int layer) {
    return frame->rank_at[(layer * frame->shape.rows + place.row) * frame->shape.cols + place.col];
}

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
    MPI_Datatype number = c.type == TRN_MATRIX_F32 ? MPI_FLOAT : MPI_DOUBLE;
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
                         in > 0 ? from : MPI_PROC_NULL, 0, trn_grid_fibre_comm(plan->grid),
                         MPI_STATUS_IGNORE);
            if (in > 0) add(trn_view_part(c, local, in, 0, cols), 1, incoming);
        }
    }
}

/* This rank's view of a matrix where the frame wants it. */
static trn_view_t at_work(const trn_plan_t *plan, const journey_t *journey, trn_view_t given) {
    if (!journey->wanted) return given;
    return (trn_view_t){plan->product.type, journey->rows, journey->cols, journey->cols,
                        plan->pool + journey->offset};
}

static void rotate(const trn_plan_t *plan, const stage_t *stage, double alpha, trn_view_t a,
                   trn_view_t b, double beta, trn_view_t c) {
    char *scratch = plan->pool + stage->scratch;
    trn_trace_begin("rotate");
    if (stage->frame->shape.layers == 1) {
        trn_rotation_run(stage->rotation, alpha, a, b, beta, c, scratch);
    } else {
        int64_t rows, cols;
        block_size(plan, stage, &rows, &cols);
        trn_view_t sums = {c.type, rows, cols, cols, plan->pool + stage->partial};
        trn_rotation_run(stage->rotation, alpha, a, b, 0, sums, scratch);
    }
    trn_trace_end();
    if (stage->frame->shape.layers == 1) return;
    trn_trace_begin("reduce layers");
    reduce(plan, stage, beta, c);
    trn_trace_end();
}

static void run_stage(const trn_plan_t *plan, const stage_t *stage, double alpha,
                      const trn_view_t whole[3], double beta) {
    trn_view_t given[3], work[3];
    trn_trace_begin("relayout");
    for (int which = 0; which < 3; which++) {
        const journey_t *journey = &stage->journey[which];
        trn_part_t part = journey->local;
        given[which] = trn_view_part(whole[which], part.row, part.rows, part.col, part.cols);
        work[which] = at_work(plan, journey, given[which]);
        if (journey->in && (which != C || beta != 0)) {
            trn_redist_lend(journey->in, plan->pool + stage->scratch);
            trn_redist_run(journey->in, given[which], work[which]);
        }
    }
    trn_trace_end();
    if (stage->pgemm)
        trn_scalapack_gemm_run(stage->pgemm, alpha, work[A], work[B], beta, work[C]);
    else if (stage->rotation)
        rotate(plan, stage, alpha, work[A], work[B], beta, work[C]);
    if (!stage->journey[C].out) return;
    trn_trace_begin("relayout");
    trn_redist_lend(stage->journey[C].out, plan->pool + stage->scratch);
    trn_redist_run(stage->journey[C].out, work[C], given[C]);
    trn_trace_end();
}

void trn_plan_run(trn_plan_t *plan, double alpha, trn_view_t a, trn_view_t b, double beta,
                  trn_view_t c) {
    trn_view_t whole[3] = {a, b, c};
    for (int64_t i = 0; i < plan->count; i++) {
        const stage_t *stage = &plan->stages[i];
        run_stage(plan, stage, alpha, whole, stage->piece.adds ? 1 : beta);
    }
}
