/* spmm.c: the plan of C = alpha S B + beta C with S sparse, and its execution. A rank owns a band
 * of rows of S, B and C; rows of B that its entries meet on other ranks (the halo) are fetched,
 * slab of columns by slab, the next slab on its way while this one is computed. A product from the
 * right is the same of transposes. Each row of C is summed in the order of S's columns, on one
 * rank: bits do not depend on the number of ranks, threads or slabs. */
#include "mpi/sparse/spmm.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/sparse/sparse_ops.h"
#include "mpi/sparse/spmm_impl.h"
#include "mpi/trace.h"

#include <math.h>

enum {
    STEPS = 16,     /* parts of a slab's work; the message layer gets a look-in after each */
    STEP = 1 << 20, /* multiply-adds that make a part worth while */
    GRAIN = 16      /* slabs are multiples of it if they can: a cache line of float */
};

/* Distributions -------------------------------------------------------------------------------- */

/* Bands must follow each other in rank order without gaps and have all columns; a rank beyond the
 * rows has none. */
trn_status_t trn_spmm_starts(const trn_dist_t *dist, int ranks, const char *what, int64_t *start) {
    int64_t next = 0;
    for (int r = 0; r < ranks; r++) {
        trn_spans_t spans = trn_dist_row_spans(dist, r);
        trn_span_t span;
        start[r] = next;
        bool band = true;
        for (bool first = true; trn_spans_next(&spans, &span); first = false) {
            band = band && first && span.first == next;
            next += span.count;
        }
        band = band && (next == start[r] || trn_dist_local_cols(dist, r) == trn_dist_cols(dist));
        if (!band)
            return trn_fail(TRN_USAGE,
                            "spmm: rank %d has no band of whole rows of %s behind those "
                            "of the ranks before it; redistribute it",
                            r, what);
    }
    start[ranks] = next;
    if (next == trn_dist_rows(dist)) return TRN_OK;
    return trn_fail(TRN_USAGE, "spmm: %d ranks hold %lld of %lld rows of %s; redistribute it",
                    ranks, (long long)next, (long long)trn_dist_rows(dist), what);
}

static void even_starts(int64_t items, int ranks, int64_t *start) {
    for (int r = 0; r <= ranks; r++)
        start[r] = trn_part_start(items, ranks, r);
}

/* What create is given. */
typedef struct given {
    const trn_sparse_t *sparse;
    const trn_dist_t *s, *b, *c;
} given_t;

/* What was given makes a product, and the block is the rank's band of S. */
static trn_status_t check_sizes(const trn_spmm_plan_t *plan, const given_t *x) {
    bool flipped = plan->options.transpose;
    int64_t rows = flipped ? trn_dist_cols(x->s) : trn_dist_rows(x->s);
    int64_t cols = flipped ? trn_dist_rows(x->s) : trn_dist_cols(x->s);
    bool fits = plan->options.right ? trn_dist_cols(x->b) == rows && trn_dist_cols(x->c) == cols &&
                                          trn_dist_rows(x->b) == trn_dist_rows(x->c)
                                    : trn_dist_rows(x->b) == cols && trn_dist_rows(x->c) == rows &&
                                          trn_dist_cols(x->b) == trn_dist_cols(x->c);
    if (!fits)
        return trn_fail(TRN_USAGE,
                        "spmm: op(S) is %lld x %lld, B %lld x %lld, C %lld x %lld; these make no "
                        "product",
                        (long long)rows, (long long)cols, (long long)trn_dist_rows(x->b),
                        (long long)trn_dist_cols(x->b), (long long)trn_dist_rows(x->c),
                        (long long)trn_dist_cols(x->c));
    trn_extent_t have = trn_sparse_extent(x->sparse);
    int64_t first = plan->s_start[plan->rank], count = plan->s_start[plan->rank + 1] - first;
    if (have.rows != count || (count > 0 && (have.first_row != first || have.first_col != 0 ||
                                             have.cols != trn_dist_cols(x->s))))
        return trn_fail(TRN_USAGE,
                        "spmm: the block of S is not the one that its distribution names");
    return TRN_OK;
}

/* The product as it is computed is S' B' with B' = B or B^T, S' = S or S^T. */
static bool transposed(const trn_spmm_plan_t *plan) {
    return plan->options.transpose != plan->options.right;
}

/* in_start cuts the rows of B', out_start those of C' (and S'). From the right, B and C are
 * transposed, and bands of their columns are ours to choose: even, or where S has them. */
static trn_status_t set_bands(trn_spmm_plan_t *plan, const given_t *x) {
    int ranks = plan->ranks;
    transpose_t *transpose = &plan->transpose;
    TRN_TRY(trn_alloc(&plan->in_start, ranks + 1, sizeof(int64_t), "row bands"));
    TRN_TRY(trn_alloc(&plan->out_start, ranks + 1, sizeof(int64_t), "row bands"));
    TRN_TRY(trn_alloc(&plan->s_start, ranks + 1, sizeof(int64_t), "row bands"));
    TRN_TRY(trn_alloc(&plan->requests, 2 * ranks, sizeof(MPI_Request), "requests"));
    TRN_TRY(trn_spmm_starts(x->s, ranks, "S", plan->s_start));
    TRN_TRY(check_sizes(plan, x));
    plan->cols = plan->options.right ? trn_dist_rows(x->b) : trn_dist_cols(x->b);
    if (!plan->options.right) {
        TRN_TRY(trn_spmm_starts(x->b, ranks, "B", plan->in_start));
        return trn_spmm_starts(x->c, ranks, "C", plan->out_start);
    }
    TRN_TRY(trn_alloc(&transpose->b_start, ranks + 1, sizeof(int64_t), "row bands"));
    TRN_TRY(trn_alloc(&transpose->c_start, ranks + 1, sizeof(int64_t), "row bands"));
    TRN_TRY(trn_spmm_starts(x->b, ranks, "B", transpose->b_start));
    TRN_TRY(trn_spmm_starts(x->c, ranks, "C", transpose->c_start));
    transpose->m = plan->cols;
    even_starts(trn_dist_cols(x->b), ranks, plan->in_start);
    even_starts(trn_dist_cols(x->c), ranks, plan->out_start);
    for (int r = 0; r <= ranks && !transposed(plan); r++)
        plan->out_start[r] = plan->s_start[r];
    return TRN_OK;
}

/* What this rank's block of a matrix must be at execution. */
static trn_view_t shape(trn_dtype_t type, const trn_dist_t *dist, int rank) {
    int64_t cols = trn_dist_local_cols(dist, rank);
    return (trn_view_t){type, trn_dist_local_rows(dist, rank), cols, cols, NULL};
}

/* All that is Local and checks arguments. */
static trn_status_t begin(trn_spmm_plan_t **out, MPI_Comm comm, const trn_spmm_options_t *options,
                          trn_dtype_t type, const given_t *x) {
    if (options->memory < 0 || options->width < 0 || options->threads < 0)
        return trn_fail(TRN_USAGE, "spmm: negative memory, width or threads; give 0 or more");
    TRN_TRY(trn_alloc_zero(out, 1, sizeof **out, "the plan of a product"));
    trn_spmm_plan_t *plan = *out;
    plan->comm = comm;
    MPI_Comm_rank(comm, &plan->rank);
    MPI_Comm_size(comm, &plan->ranks);
    plan->options = *options;
    if (plan->options.threads == 0) plan->options.threads = 1;
    plan->type = type;
    TRN_TRY(set_bands(plan, x));
    plan->b_shape = shape(type, x->b, plan->rank);
    plan->c_shape = shape(type, x->c, plan->rank);
    return TRN_OK;
}

/* This rank's rows of S' into plan->routed, unless they are the block as given. Collective. */
static trn_status_t route(trn_spmm_plan_t *plan, const trn_sparse_t *from) {
    bool there = !transposed(plan);
    for (int r = 0; r <= plan->ranks; r++)
        there = there && plan->out_start[r] == plan->s_start[r];
    if (there) return TRN_OK;
    trn_dist_t *dist = NULL;
    int64_t whole[] = {0, plan->in_start[plan->ranks]};
    trn_status_t status = trn_dist_create_at(&dist, plan->ranks, plan->out_start, 1, whole);
    status = trn_agree(plan->comm, status);
    if (status == TRN_OK)
        status = transposed(plan) ? trn_sparse_transpose_all(plan->comm, from, dist, &plan->routed)
                                  : trn_sparse_regroup(plan->comm, from, dist, &plan->routed);
    trn_dist_destroy(&dist);
    return status;
}

/* Memory --------------------------------------------------------------------------------------- */

/* What the plan holds whatever the width of its slabs. */
static int64_t fixed_bytes(const trn_spmm_plan_t *plan) {
    int64_t word = sizeof(int64_t), bytes = (int64_t)sizeof *plan;
    bytes += 3 * (plan->ranks + 1) * word + 2 * plan->ranks * (int64_t)sizeof(MPI_Request);
    if (plan->routed) {
        int64_t entry = trn_sparse_type(plan->routed) == TRN_SPARSE_PATTERN ? 4
                        : trn_sparse_type(plan->routed) == TRN_SPARSE_F32   ? 8
                                                                            : 12;
        bytes += trn_sparse_count(plan->routed) * entry;
        bytes += (trn_sparse_extent(plan->routed).rows + 1) * word;
    }
    if (plan->column) bytes += 4 * plan->product.start[plan->product.rows];
    if (plan->ranks > 1) bytes += trn_spmm_halo_fixed(plan);
    return bytes + trn_spmm_transpose_bytes(plan);
}

/* Columns that keep rows of other ranks within options.halo, GRAIN at least; 0: all. Collective. */
static int64_t halo_width(const trn_spmm_plan_t *plan) {
    int64_t halo = plan->options.halo, once = trn_spmm_halo_column(plan, false);
    int64_t width = plan->cols;
    if (halo > 0 && once * plan->cols > halo) width = halo / trn_spmm_halo_column(plan, true);
    MPI_Allreduce(MPI_IN_PLACE, &width, 1, MPI_INT64_T, MPI_MIN, plan->comm);
    if (width >= plan->cols) return 0;
    return width < GRAIN ? GRAIN : width;
}

/* Choose plan->width, the same everywhere: all columns at once if that fits all ranks, else the
 * widest slabs that fit, of which two are held. Collective. */
static trn_status_t choose_width(trn_spmm_plan_t *plan) {
    int64_t cols = plan->cols, memory = plan->options.memory, wanted = plan->options.width;
    int64_t fixed = fixed_bytes(plan), once = fixed + cols * trn_spmm_halo_column(plan, false);
    int64_t column = trn_spmm_halo_column(plan, true), room = memory > fixed ? memory - fixed : 0;
    int64_t fitting = memory == 0 || column == 0 ? cols - 1 : room / column;
    if (memory > 0 && memory < fixed) fitting = 0;
    int64_t least[] = {memory == 0 || once <= memory, fitting, -once, -(fixed + column)};
    MPI_Allreduce(MPI_IN_PLACE, least, 4, MPI_INT64_T, MPI_MIN, plan->comm);
    int64_t width = least[1] < cols - 1 ? least[1] : cols - 1;
    if (wanted == 0 && memory == 0) wanted = halo_width(plan);
    if (wanted > 0 && wanted < width) width = wanted;
    if (least[0] && (wanted == 0 || wanted >= cols || width < 1)) width = cols;
    if (width < 1 && cols > 0) {
        int64_t needed = cols > 1 && least[3] > least[2] ? -least[3] : -least[2];
        return trn_fail(
            TRN_MEMORY,
            "memory: a product needs %lld bytes a rank, %lld are allowed; allow more or "
            "use more ranks",
            (long long)(needed + plan->options.beside), (long long)(memory + plan->options.beside));
    }
    if (width > GRAIN && width < cols) { /* slabs of about one size */
        width = width / GRAIN * GRAIN;
        int64_t slabs = (cols + width - 1) / width, even = (cols + slabs - 1) / slabs;
        width = (even + GRAIN - 1) / GRAIN * GRAIN;
    }
    plan->width = width;
    plan->bytes = fixed + width * trn_spmm_halo_column(plan, width < cols);
    return TRN_OK;
}

/* Planning ------------------------------------------------------------------------------------- */

/* The block as the kernel takes it; its arrays are borrowed. */
static void set_product(trn_spmm_plan_t *plan, const trn_sparse_t *block) {
    plan->product = (trn_spmm_t){.rows = trn_sparse_extent(block).rows,
                                 .start = trn_sparse_start(block),
                                 .column = plan->column ? plan->column : trn_sparse_column(block),
                                 .entries = trn_sparse_type(block),
                                 .values = trn_sparse_values(block),
                                 .wide = plan->type == TRN_F64,
                                 .wide_sums = plan->options.wide_sums};
}

/* Collective steps in their order; each agrees by itself. */
static trn_status_t make_plan(trn_spmm_plan_t *plan, const trn_sparse_t *sparse) {
    TRN_TRY(route(plan, sparse));
    const trn_sparse_t *block = plan->routed ? plan->routed : sparse;
    if (plan->ranks > 1) TRN_TRY(trn_spmm_halo_plan(plan, block));
    set_product(plan, block);
    TRN_TRY(choose_width(plan));
    trn_status_t status = plan->ranks > 1 ? trn_spmm_halo_buffers(plan) : TRN_OK;
    if (status == TRN_OK) status = trn_spmm_transpose_buffers(plan);
    return trn_agree(plan->comm, status);
}

/* In debug builds the options that all ranks must share are compared. */
trn_status_t trn_spmm_plan_create(trn_spmm_plan_t **plan, MPI_Comm comm,
                                  const trn_spmm_options_t *options, const trn_sparse_t *sparse,
                                  const trn_dist_t *s, trn_dtype_t type, const trn_dist_t *b,
                                  const trn_dist_t *c) {
    *plan = NULL;
    given_t given = {sparse, s, b, c};
    TRN_TRY(trn_check_equal(comm, options->memory, "memory of a product"));
    TRN_TRY(trn_check_equal(comm, options->width, "width of a product"));
    TRN_TRY(trn_check_equal(comm, 2 * options->transpose + options->right, "sides of a product"));
    trn_status_t status = trn_agree(comm, begin(plan, comm, options, type, &given));
    if (status == TRN_OK) status = make_plan(*plan, sparse);
    if (status != TRN_OK) trn_spmm_plan_destroy(plan);
    return status;
}

void trn_spmm_plan_destroy(trn_spmm_plan_t **plan) {
    if (!*plan) return;
    trn_spmm_halo_free(&(*plan)->halo);
    trn_spmm_transpose_free(&(*plan)->transpose);
    trn_sparse_destroy(&(*plan)->routed);
    trn_free(&(*plan)->column);
    trn_free(&(*plan)->in_start);
    trn_free(&(*plan)->out_start);
    trn_free(&(*plan)->s_start);
    trn_free(&(*plan)->requests);
    trn_free(plan);
}

/* Execution ------------------------------------------------------------------------------------ */

/* Where a column of a view begins. */
static char *column_of(trn_view_t view, int64_t col) {
    return (char *)view.data + col * trn_matrix_type_size(view.type);
}

/* Columns [first, first + cols) of C, from B and the far rows in far[which]. */
static void compute(trn_spmm_plan_t *plan, trn_view_t b, trn_view_t c, int64_t first, int64_t cols,
                    int which) {
    trn_spmm_t p = plan->product;
    p.b[0] = (trn_spmm_source_t){column_of(b, first), b.stride};
    p.b[1] = (trn_spmm_source_t){plan->halo.far[which], cols};
    p.c = column_of(c, first);
    p.c_stride = c.stride;
    p.cols = cols;
    int64_t work = p.start[p.rows] * cols / STEP, steps = work < STEPS ? work + 1 : STEPS;
    for (int64_t step = 0; step < steps; step++) {
        trn_spmm_threads(&p, trn_spmm_cut(p.start, 0, p.rows, steps, step),
                         trn_spmm_cut(p.start, 0, p.rows, steps, step + 1), plan->options.threads);
        trn_spmm_halo_progress(plan);
    }
}

/* C = S' B, slab by slab, each slab's far rows on their way during the work on the one before. */
static void multiply(trn_spmm_plan_t *plan, trn_view_t b, trn_view_t c) {
    int64_t width = plan->width, cols = plan->cols;
    int which = 0;
    if (cols > 0 && plan->ranks > 1) {
        trn_spmm_halo_post(plan, b, 0, width, which);
        trn_spmm_wait(plan);
    }
    for (int64_t first = 0; first < cols; first += width, which ^= 1) {
        int64_t next = first + width, left = cols - next;
        if (left > 0 && plan->ranks > 1)
            trn_spmm_halo_post(plan, b, next, left < width ? left : width, which ^ 1);
        compute(plan, b, c, first, left < 0 ? width + left : width, which);
        trn_spmm_wait(plan);
    }
}

/* The block must be what the plan was made for. */
static trn_status_t check_view(trn_view_t view, trn_view_t wanted, const char *what) {
    if (view.type == wanted.type && view.rows == wanted.rows &&
        (view.cols == wanted.cols || view.rows == 0))
        return TRN_OK;
    return trn_fail(TRN_USAGE,
                    "spmm: a block of %s is %lld x %lld, planned for %lld x %lld; plan "
                    "anew",
                    what, (long long)view.rows, (long long)view.cols, (long long)wanted.rows,
                    (long long)wanted.cols);
}

/* After the agreement nothing fails. From the right beta comes in when C is transposed back, not in
 * the kernel. */
trn_status_t trn_spmm_execute(trn_spmm_plan_t *plan, double alpha, const trn_matrix_t *b,
                              double beta, trn_matrix_t *c) {
    trn_view_t from = trn_matrix_block(b), to = trn_matrix_block(c);
    trn_status_t status = check_view(from, plan->b_shape, "B");
    if (status == TRN_OK) status = check_view(to, plan->c_shape, "C");
    TRN_AGREE(plan->comm, status);
    bool right = plan->options.right;
    plan->product.alpha = alpha;
    plan->product.beta = right ? 0 : beta;
    if (plan->options.boolean) trn_spmm_boolean(&plan->product);
    trn_trace_begin("spmm");
    if (right) trn_spmm_transpose_in(plan, from);
    multiply(plan, right ? plan->transpose.b_transposed : from,
             right ? plan->transpose.c_transposed : to);
    if (right) trn_spmm_transpose_out(plan, beta, to);
    trn_trace_end();
    return TRN_OK;
}

/* What it costs -------------------------------------------------------------------------------- */

/* Numbers that go between rows of other ranks here and own rows elsewhere when a matrix is
 * transposed into bands of `to` from bands of `rows`. */
static int64_t transposed_words(const trn_spmm_plan_t *plan, const int64_t *rows,
                                const int64_t *to) {
    int r = plan->rank;
    return (rows[plan->ranks] - (rows[r + 1] - rows[r])) * (to[r + 1] - to[r]);
}

/* Numbers that come from other ranks in one execution; trn_spmm_sent: that go to them. */
int64_t trn_spmm_received(const trn_spmm_plan_t *plan) {
    int64_t words = plan->halo.far_rows * plan->cols;
    if (!plan->options.right) return words;
    return words + transposed_words(plan, plan->transpose.b_start, plan->in_start) +
           transposed_words(plan, plan->out_start, plan->transpose.c_start);
}

int64_t trn_spmm_sent(const trn_spmm_plan_t *plan) {
    int64_t words = plan->halo.sent_rows * plan->cols;
    if (!plan->options.right) return words;
    return words + transposed_words(plan, plan->in_start, plan->transpose.b_start) +
           transposed_words(plan, plan->transpose.c_start, plan->out_start);
}

/* Rows of other ranks that are needed here, and own rows that are packed for others: columns are
 * taken to be drawn at random, which meets the most rows; where nearly all of a band are needed it
 * comes whole, without packing (spmm_halo.c). */
static void guess_rows(const trn_spmm_size_t *s, int64_t *far, int64_t *listed) {
    double met = s->rows > 0 ? 1 - exp(-(double)s->entries / (double)s->rows) : 0;
    int64_t others = s->ranks > 1 ? s->rows - s->own_rows : 0;
    *listed = met < 7.0 / 8 ? (int64_t)(met * (double)s->own_rows * (s->ranks - 1)) : 0;
    *far = met < 7.0 / 8 ? (int64_t)(met * (double)others) : others;
}

int64_t trn_spmm_halo_guess(const trn_spmm_size_t *s) {
    int64_t far, listed;
    guess_rows(s, &far, &listed);
    return trn_ledger_bytes((far + listed) * s->cols, trn_matrix_type_size(s->type));
}

/* For plans, in the order in which create and execute take memory. */
void trn_spmm_take(trn_ledger_t *ledger, const trn_spmm_size_t *s) {
    int64_t size = trn_matrix_type_size(s->type), far, listed;
    if (s->entry > 0) trn_sparse_move_take(ledger, "product", s->entries, s->own_out, s->entry);
    guess_rows(s, &far, &listed);
    if (s->ranks > 1) {
        trn_ledger_take(ledger, "product", s->entries, sizeof(int32_t));
        trn_ledger_t before = *ledger;
        trn_ledger_take(ledger, "moving", s->rows / 64 + 1, sizeof(int64_t) + sizeof(int32_t));
        trn_ledger_take(ledger, "moving", far + listed, sizeof(int64_t));
        trn_ledger_take(ledger, "moving", listed + listed / 4, sizeof(int64_t));
        trn_ledger_back(ledger, &before);
        trn_ledger_take(ledger, "product", listed, sizeof(int32_t));
        trn_ledger_take(ledger, "product", trn_spmm_halo_guess(s), 1);
    }
    if (!s->right) return;
    int64_t b = s->rows * s->own_b, c = s->out * s->own_c, strip = b > c ? b : c;
    trn_ledger_take(ledger, "product", strip + (s->own_rows + s->own_out) * s->cols, size);
}

int64_t trn_spmm_bytes(const trn_spmm_plan_t *plan) {
    return plan->bytes;
}
int64_t trn_spmm_width(const trn_spmm_plan_t *plan) {
    return plan->width;
}
