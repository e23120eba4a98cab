/* cannon.c: a plan of a product made ready to run (cannon_run.c). Planning is Local up to the
 * agreement in trn_plan_create_shared and decides everything; then communicators and buffers are
 * made together. One pool of memory serves all pieces, one after the other. */
#include "mpi/dense/cannon_impl.h"

#include "base/mem.h"
#include "mpi/agree.h"

static int64_t aligned(int64_t bytes) {
    return (bytes + TRN_ALIGNMENT - 1) / TRN_ALIGNMENT * TRN_ALIGNMENT;
}

/* Planning: local ------------------------------------------------------------------------------ */

/* A, B or C of a frame. */
static trn_operand_t *operand_of(trn_frame_t *frame, int which) {
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

/* Items of a walk that lie before `end`. */
static int64_t before(trn_spans_t spans, int64_t end) {
    trn_span_t span;
    int64_t count = 0;
    while (trn_spans_next(&spans, &span) && span.first < end)
        count += span.first + span.count < end ? span.count : end - span.first;
    return count;
}

/* Where the part of a matrix lies within a rank's block of the whole. */
static trn_part_t localize(const trn_dist_t *whole, int rank, trn_part_t part) {
    trn_spans_t rows = trn_dist_row_spans(whole, rank), cols = trn_dist_col_spans(whole, rank);
    trn_part_t local = {.row = before(rows, part.row), .col = before(cols, part.col)};
    local.rows = before(rows, part.row + part.rows) - local.row;
    local.cols = before(cols, part.col + part.cols) - local.col;
    return local;
}

/* Where the frame wants a matrix other than where it lies, note the distribution that it is to
 * have, in stored orientation. */
static trn_status_t plan_wanted(trn_plan_t *plan, stage_t *stage, const trn_layouts_t *layouts,
                                int which) {
    const trn_dist_t *whole = which == A ? layouts->a : which == B ? layouts->b : layouts->c;
    const trn_part_t *part = &stage->piece.part[which];
    trn_operand_t *operand = operand_of(stage->frame, which);
    relayout_t *relayout = &stage->relayout[which];
    bool transpose =
        (which == A && plan->product.transpose_a) || (which == B && plan->product.transpose_b);
    relayout->local = localize(whole, plan->rank, *part);
    relayout->rows = relayout->local.rows;
    relayout->cols = relayout->local.cols;
    if (operand->stays && !operand->gathered) return TRN_OK;
    trn_dist_t *stored = NULL;
    trn_status_t status =
        transpose ? trn_dist_transpose(&stored, operand->wanted)
                  : trn_dist_slice(&stored, operand->wanted, 0, part->rows, 0, part->cols);
    if (status == TRN_OK && operand->gathered) {
        status = gather(&relayout->wanted, stage->frame, stored, which);
    } else {
        relayout->wanted = stored;
        stored = NULL;
    }
    trn_dist_destroy(&stored);
    if (status != TRN_OK) return status;
    relayout->rows = trn_dist_local_rows(relayout->wanted, plan->rank);
    relayout->cols = trn_dist_local_cols(relayout->wanted, plan->rank);
    return TRN_OK;
}

/* One piece: cut it, lay its frame, plan the way of its three matrices. */
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
        TRN_TRY(plan_wanted(plan, stage, layouts, which));
    return TRN_OK;
}

/* All that is Local. The choice must be for this number of ranks. */
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

/* Planning: together --------------------------------------------------------------------------- */

/* The ranks in the order of the grid, those that stand aside behind. */
static trn_status_t form_grid(trn_plan_t *plan) {
    const trn_frame_t *frame = plan->stages[0].frame;
    int place = frame->place[plan->rank];
    MPI_Comm_split(plan->comm, 0, place >= 0 ? place : plan->ranks + plan->rank, &plan->ordered);
    return trn_grid_create(&plan->grid, plan->ordered, frame->shape);
}

/* In and, for C, out again. C comes in only when the product adds to it. */
static trn_status_t plan_relayouts(trn_plan_t *plan, stage_t *stage) {
    trn_dtype_t type = plan->product.type;
    for (int which = 0; which < 3; which++) {
        relayout_t *relayout = &stage->relayout[which];
        const trn_dist_t *given = stage->piece.dist[which];
        if (!relayout->wanted) continue;
        if (which != C || stage->piece.product.accumulate)
            TRN_TRY(
                trn_redist_create_bare(&relayout->in, plan->comm, type, given, relayout->wanted));
        if (which == C)
            TRN_TRY(
                trn_redist_create_bare(&relayout->out, plan->comm, type, relayout->wanted, given));
    }
    return TRN_OK;
}

/* The blocks of an operand's ring, where it is in shared memory and all of the ring on one node;
 * *blocks is NULL otherwise. */
static trn_status_t see_ring(const trn_plan_t *plan, const stage_t *stage, int which,
                             const trn_matrix_t *matrix, trn_view_t **blocks) {
    trn_frame_t *frame = stage->frame;
    const trn_operand_t *operand = operand_of(frame, which);
    const trn_shared_t *shared = matrix ? trn_matrix_shared(matrix) : NULL;
    trn_place_t place = trn_frame_place(frame, plan->rank);
    int ranks = which == A ? frame->shape.cols : frame->shape.rows;
    *blocks = NULL;
    if (!shared || !operand->moves || !operand->stays || plan->count > 1) return TRN_OK;
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

/* Some rank lies on another node than this one. */
static bool spans_nodes(const trn_plan_t *plan) {
    int here;
    MPI_Comm_size(trn_grid_node_comm(plan->grid), &here);
    return here < plan->ranks;
}

/* Only members of the grid rotate; the others go on to the agreement. */
static trn_status_t plan_rotation(trn_plan_t *plan, stage_t *stage, const trn_choice_t *choice,
                                  int threads, const trn_matrix_t *a, const trn_matrix_t *b) {
    trn_view_t *a_blocks = NULL, *b_blocks = NULL;
    if (!trn_grid_member(plan->grid)) return TRN_OK;
    trn_status_t status = see_ring(plan, stage, A, a, &a_blocks);
    if (status == TRN_OK) status = see_ring(plan, stage, B, b, &b_blocks);
    if (status == TRN_OK)
        status = trn_rotation_create(
            &stage->rotation, stage->frame, plan->rank,
            &(trn_rotation_way_t){.row = trn_grid_row_comm(plan->grid),
                                  .col = trn_grid_col_comm(plan->grid),
                                  .a_blocks = a_blocks,
                                  .b_blocks = b_blocks,
                                  .broadcast = choice->algorithm == TRN_ALGORITHM_SUMMA,
                                  .off_node = spans_nodes(plan),
                                  .threads = threads});
    trn_free(&a_blocks);
    trn_free(&b_blocks);
    return status;
}

/* ScaLAPACK's PBLAS where that was chosen, else a rotation. */
static trn_status_t plan_product(trn_plan_t *plan, stage_t *stage, const trn_choice_t *choice,
                                 int threads, const trn_matrix_t *a, const trn_matrix_t *b) {
    const trn_product_t *p = &stage->piece.product;
    if (choice->kind == TRN_FRAME_CYCLIC)
        return trn_scalapack_gemm_create(
            &stage->pgemm, plan->comm, p,
            (trn_scalapack_grid_t){TRN_CYCLIC_BLOCK, choice->shape.rows, choice->shape.cols});
    return trn_agree(plan->comm, plan_rotation(plan, stage, choice, threads, a, b));
}

void trn_plan_block(const trn_plan_t *plan, const stage_t *stage, int64_t *rows, int64_t *cols) {
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
        const relayout_t *j = &stage->relayout[which];
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
        relayout_t *relayout = &stage->relayout[which];
        relayout->offset = used;
        if (relayout->wanted) used += aligned(size * relayout->rows * relayout->cols);
    }
    stage->partial = stage->scratch = used;
    int64_t scratch = relayout_bytes(plan, stage);
    if (stage->rotation) {
        scratch = larger(scratch, trn_rotation_scratch(stage->rotation));
        trn_plan_block(plan, stage, &rows, &cols);
        if (stage->frame->shape.layers > 1) stage->scratch += aligned(size * rows * cols);
        scratch = larger(scratch, trn_frame_reduction(stage->frame, plan->rank));
    }
    return stage->scratch + scratch;
}

/* The largest piece decides. Zeroed, so that the pages exist before the first message. */
static trn_status_t fill_pool(trn_plan_t *plan) {
    for (int64_t i = 0; i < plan->count; i++) {
        int64_t bytes = lay_out(plan, &plan->stages[i]);
        if (bytes > plan->bytes) plan->bytes = bytes;
    }
    return trn_alloc_zero(&plan->pool, plan->bytes, 1, "buffers of a product"); /* touches it */
}

/* The order is that of all ranks: each step that sends is reached by all or by none. */
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
        trn_redist_destroy(&stage->relayout[which].in);
        trn_redist_destroy(&stage->relayout[which].out);
        trn_dist_destroy(&stage->relayout[which].wanted);
    }
    trn_rotation_destroy(&stage->rotation);
    trn_scalapack_gemm_destroy(&stage->pgemm);
    trn_frame_destroy(&stage->frame);
    trn_piece_free(&stage->piece);
}

/* Collective, as communicators are freed. */
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
