/* plan.c: the choice among ways to compute a product: each is laid out as a frame, counted, and
 * weighed by a model of a machine. Pure arithmetic on any number of ranks, so that all ranks find
 * the same, and a laptop can plan for thousands. */
#include "mpi/dense/plan.h"

#include "base/mem.h"
#include "mpi/dense/frame.h"
#include "mpi/dense/piece.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The model's machine: one rank's arithmetic and links. Only the ratio matters, and that within a
 * factor of two: it weighs idle ranks against words. */
static const double FLOPS[2] = {100e9, 50e9}; /* a second, f32 and f64 */
static const double LINK = 4e9;               /* bytes a second into a rank */
static const double LATENCY = 1e-6;           /* seconds of one step of a ring */

enum {
    EXACT = 64,      /* grids that are counted exactly; the others cannot win */
    SPLITS_MOST = 64 /* pieces, at most, that a product is cut into to save memory */
};

static const char *const names[] = {"auto", "cannon", "cannon3d", "summa", "scalapack"};

trn_algorithm_t trn_algorithm_named(const char *name) {
    for (int i = 0; i < 5; i++)
        if (strcmp(name, names[i]) == 0) return (trn_algorithm_t)i;
    return TRN_ALGORITHM_AUTO;
}

const char *trn_algorithm_name(trn_algorithm_t algorithm) {
    return names[algorithm];
}

/* Words that some rank must receive at least: of all boxes with 1/ranks of the volume, one as near
 * to a cube as the sides allow has the least surface, and of that a rank may hold its even share
 * already. */
double trn_product_bound(int64_t m, int64_t n, int64_t k, int ranks) {
    double side[3] = {(double)m, (double)n, (double)k}, volume, own;
    for (int pass = 0; pass < 2; pass++) /* ascending */
        for (int i = 0; i < 2; i++)
            if (side[i] > side[i + 1]) {
                double larger = side[i];
                side[i] = side[i + 1];
                side[i + 1] = larger;
            }
    volume = side[0] * side[1] * side[2] / ranks;
    own = (side[0] * side[1] + side[1] * side[2] + side[2] * side[0]) / ranks;
    if (volume == 0) return 0;
    double x = fmin(side[0], cbrt(volume)), y = fmin(side[1], sqrt(volume / x));
    double surface = x * y + (x + y) * (volume / (x * y));
    return surface > own ? surface - own : 0;
}

/* Grids ---------------------------------------------------------------------------------------- */

typedef struct candidate {
    trn_grid_shape_t shape;
    double least; /* seconds that it takes at least, by the formula of volumes */
} candidate_t;

static double model(const trn_product_t *p, trn_grid_shape_t shape, double flops, double words) {
    return flops / FLOPS[p->type] + words * (double)trn_matrix_type_size(p->type) / LINK +
           LATENCY * (shape.rows + shape.cols + shape.layers - 3);
}

/* No more ranks along a side than it has items; layers only where they were asked for or may be
 * chosen. */
static bool allowed(const trn_product_t *p, trn_algorithm_t algorithm, trn_grid_shape_t shape,
                    int ranks) {
    if (shape.rows > 1 && shape.rows > p->m) return false;
    if (shape.cols > 1 && shape.cols > p->n) return false;
    if (shape.layers > 1 && shape.layers > p->k) return false;
    if (algorithm == TRN_ALGORITHM_CANNON3D) return shape.layers > 1 || p->k < 2 || ranks < 2;
    return algorithm == TRN_ALGORITHM_AUTO || shape.layers == 1;
}

static double longest(int64_t items, int parts) { /* of even parts: rounded up */
    return (double)(items / parts + (items % parts != 0));
}

/* Least time by volumes alone: no relayout, even blocks. */
static candidate_t estimate(const trn_product_t *p, trn_grid_shape_t shape) {
    double flops =
        2 * longest(p->m, shape.rows) * longest(p->n, shape.cols) * longest(p->k, shape.layers);
    return (candidate_t){shape, model(p, shape, flops, trn_grid_words(shape, p->m, p->n, p->k))};
}

/* Ties: fewer layers, then the operand whose blocks are contiguous moves. */
static int by_time(const void *x, const void *y) {
    const candidate_t *a = x, *b = y;
    if (fabs(a->least - b->least) > 1e-9 * a->least) return a->least < b->least ? -1 : 1;
    if (a->shape.layers != b->shape.layers) return a->shape.layers - b->shape.layers;
    return b->shape.rows - a->shape.rows;
}

/* Count the allowed shapes of at most `ranks` ranks, and note them unless `into` is NULL. */
static int64_t list_grids(const trn_product_t *p, trn_algorithm_t algorithm, int ranks,
                          candidate_t *into) {
    int64_t count = 0;
    for (int rows = 1; rows <= ranks; rows++)
        for (int cols = 1; cols <= ranks / rows; cols++)
            for (int layers = 1; layers <= ranks / rows / cols; layers++) {
                trn_grid_shape_t shape = {rows, cols, layers};
                if (!allowed(p, algorithm, shape, ranks)) continue;
                if (into) into[count] = estimate(p, shape);
                count++;
            }
    return count;
}

/* Weighing ------------------------------------------------------------------------------------- */

/* The search: what was asked, the best so far, and the least bytes that anything would need. */
typedef struct search {
    const trn_product_t *product;
    const trn_layouts_t *layouts;
    int ranks;
    int64_t memory;
    trn_algorithm_t algorithm;
    trn_choice_t best; /* ranks == 0: none yet */
    int64_t least_bytes;
} search_t;

/* Whether an algorithm may take the data where it lies. */
static bool suits(const search_t *s, trn_frame_kind_t kind) {
    if (kind == TRN_FRAME_GRID || kind == TRN_FRAME_CYCLIC) return true; /* chosen to fit */
    return s->algorithm == TRN_ALGORITHM_AUTO ||
           (s->algorithm == TRN_ALGORITHM_CANNON3D) == (kind == TRN_FRAME_OF_K);
}

/* Add to a choice what one frame's ranks have to receive, hold and do. */
static void add_frame(const search_t *s, const trn_frame_t *frame, trn_choice_t *c) {
    double words = 0, relayout_words = 0, flops = 0;
    bool whole = c->n_splits * c->k_splits == 1;
    for (int r = 0; r < s->ranks; r++) {
        trn_load_t load = trn_frame_load(frame, r);
        int64_t bytes = load.buffers;
        bytes += whole ? load.shares : trn_layouts_bytes(s->product, s->layouts, r);
        words = fmax(words, load.words);
        relayout_words = fmax(relayout_words, load.relayout_words);
        flops = fmax(flops, load.flops);
        if (bytes > c->bytes) c->bytes = bytes;
    }
    c->shape = frame->shape;
    c->words += words;
    c->relayout_words += relayout_words;
    c->flops += flops;
}

/* Add one piece; *fits becomes false where its data does not lie as the kind wants it. */
static trn_status_t add_piece(const search_t *s, int64_t index, trn_choice_t *c, bool *fits) {
    trn_piece_t piece = {.product = *s->product, .layouts = *s->layouts};
    trn_frame_t *frame = NULL;
    trn_status_t status = TRN_OK;
    if (c->n_splits * c->k_splits > 1)
        status = trn_piece_cut(&piece, s->product, s->layouts, c->n_splits, c->k_splits, index);
    if (status == TRN_OK)
        status =
            trn_frame_create(&frame, &piece.product, &piece.layouts, s->ranks, c->kind, c->shape);
    *fits = frame != NULL;
    if (frame) {
        trn_piece_mark(frame, &piece.layouts, s->layouts);
        add_frame(s, frame, c);
    }
    trn_frame_destroy(&frame);
    trn_piece_free(&piece);
    return status;
}

/* Weigh one way to compute all pieces, which may lie differently; in vain where one needs more
 * memory than there is and than another way needs. */
static trn_status_t weigh(search_t *s, trn_frame_kind_t kind, trn_grid_shape_t shape,
                          int64_t n_splits, int64_t k_splits) {
    trn_choice_t c = {.algorithm = s->algorithm,
                      .kind = kind,
                      .shape = shape,
                      .ranks = s->ranks,
                      .n_splits = n_splits,
                      .k_splits = k_splits};
    int64_t pieces = n_splits * k_splits;
    bool fits = suits(s, kind);
    for (int64_t i = pieces; i-- > 0 && fits;) {
        TRN_TRY(add_piece(s, i, &c, &fits));
        if (s->memory > 0 && c.bytes > s->memory && s->least_bytes > 0 && c.bytes >= s->least_bytes)
            return TRN_OK;
    }
    if (!fits) return TRN_OK;
    /* Relayouts are packed and unpacked: their words cost twice. */
    c.seconds = model(s->product, c.shape, c.flops, c.words + c.relayout_words) +
                LATENCY * (double)(pieces - 1) * 10;
    if (s->algorithm == TRN_ALGORITHM_AUTO)
        c.algorithm = c.shape.layers > 1 ? TRN_ALGORITHM_CANNON3D : TRN_ALGORITHM_CANNON;
    if (s->least_bytes == 0 || c.bytes < s->least_bytes) s->least_bytes = c.bytes;
    if (s->memory > 0 && c.bytes > s->memory) return TRN_OK;
    if (s->best.ranks == 0 || c.seconds < s->best.seconds * (1 - 1e-9)) s->best = c;
    return TRN_OK;
}

/* Try all ways of a product cut into pieces. */
static trn_status_t try_all(search_t *s, const candidate_t *grids, int64_t count, int64_t n_splits,
                            int64_t k_splits) {
    static const trn_grid_shape_t any = {1, 1, 1};
    if (s->algorithm == TRN_ALGORITHM_SCALAPACK)
        return weigh(s, TRN_FRAME_CYCLIC, grids[0].shape, n_splits, k_splits);
    TRN_TRY(weigh(s, TRN_FRAME_OF_C, any, n_splits, k_splits));
    TRN_TRY(weigh(s, TRN_FRAME_OF_K, any, n_splits, k_splits));
    for (int64_t i = 0; i < count && i < EXACT; i++)
        if (s->best.ranks == 0 || grids[i].least < s->best.seconds)
            TRN_TRY(weigh(s, TRN_FRAME_GRID, grids[i].shape, n_splits, k_splits));
    return TRN_OK;
}

/* Whole first; if nothing fits the memory, in ever more pieces of columns, of terms, or of both. */
static trn_status_t search(search_t *s, const candidate_t *grids, int64_t count) {
    const trn_product_t *p = s->product;
    TRN_TRY(try_all(s, grids, count, 1, 1));
    bool whole = s->layouts->a && s->layouts->b && s->layouts->c;
    if (count > 8) count = 8;
    for (int64_t h = 2; whole && s->best.ranks == 0 && h <= SPLITS_MOST; h += h < 4 ? 1 : h / 2) {
        if (h <= p->n) TRN_TRY(try_all(s, grids, count, h, 1));
        if (h <= p->k) TRN_TRY(try_all(s, grids, count, 1, h));
        if (h <= p->n && h <= p->k && h * h <= SPLITS_MOST) TRN_TRY(try_all(s, grids, count, h, h));
    }
    if (s->best.ranks > 0) return TRN_OK;
    return trn_fail(TRN_MEMORY,
                    "--memory: %lld bytes a rank are too few for this product on %d ranks; %lld "
                    "are enough",
                    (long long)s->memory, s->ranks, (long long)s->least_bytes);
}

/* Grids are sorted by the least time that they can take, so that the search may end as soon as the
 * best found beats all that are left. */
trn_status_t trn_product_choose(const trn_product_t *product, const trn_layouts_t *layouts,
                                int ranks, trn_algorithm_t algorithm, int64_t memory,
                                trn_choice_t *choice) {
    const trn_product_t *p = product;
    candidate_t *grids;
    if (p->m < 0 || p->n < 0 || p->k < 0 || ranks < 1 || memory < 0)
        return trn_fail(TRN_USAGE, "product: %lld x %lld x %lld on %d ranks; sizes are 0 or more",
                        (long long)p->m, (long long)p->n, (long long)p->k, ranks);
    int64_t count = list_grids(p, algorithm, ranks, NULL);
    TRN_TRY(trn_alloc(&grids, count, sizeof *grids, "grids to choose from"));
    list_grids(p, algorithm, ranks, grids);
    qsort(grids, (size_t)count, sizeof *grids, by_time);
    search_t s = {product, layouts, ranks, memory, algorithm, {0}, 0};
    trn_status_t status = search(&s, grids, count);
    trn_free(&grids);
    *choice = s.best;
    if (status == TRN_MEMORY) choice->bytes = s.least_bytes;
    if (status == TRN_OK) choice->bound = trn_product_bound(p->m, p->n, p->k, ranks);
    return status;
}

/* Turn one distribution of a frame to its stored orientation and hand it over. */
static trn_status_t hand_over(trn_dist_t **to, trn_dist_t **wanted, bool transpose) {
    if (!to) return TRN_OK;
    if (transpose) return trn_dist_transpose(to, *wanted);
    *to = *wanted;
    *wanted = NULL;
    return TRN_OK;
}

/* By the same frame that the plan will lay, so that nothing has to move then. */
trn_status_t trn_choice_native(const trn_product_t *product, const trn_choice_t *choice,
                               trn_dist_t **a, trn_dist_t **b, trn_dist_t **c) {
    trn_frame_t *frame;
    static const trn_layouts_t none = {0};
    trn_dist_t **made[] = {a, b, c};
    for (int i = 0; i < 3; i++)
        if (made[i]) *made[i] = NULL;
    TRN_TRY(trn_frame_create(&frame, product, &none, choice->ranks, TRN_FRAME_GRID, choice->shape));
    trn_status_t status = hand_over(a, &frame->a.wanted, product->transpose_a);
    if (status == TRN_OK) status = hand_over(b, &frame->b.wanted, product->transpose_b);
    if (status == TRN_OK) status = hand_over(c, &frame->c.wanted, false);
    for (int i = 0; i < 3 && status != TRN_OK; i++)
        if (made[i]) trn_dist_destroy(made[i]);
    trn_frame_destroy(&frame);
    return status;
}
