#include "mpi/dist.h"

#include "base/mem.h"

#include <limits.h>
#include <string.h>

/* One direction of the cut, and which classes each rank holds. */
typedef struct side {
    int64_t parts, classes;
    int64_t *start;                   /* [parts + 1] */
    int64_t *class_of;                /* [parts] */
    int64_t *class_start, *in_class;  /* parts of class c: in_class[class_start[c] ...] */
    int64_t *held_start, *held_class; /* classes of rank r: held_class[held_start[r] ...] */
} side_t;

struct trn_dist {
    int ranks;
    side_t row, col;
    int *owner; /* [row classes x column classes]; NULL where numbers have several holders */
};

int64_t trn_part_start(int64_t items, int64_t parts, int64_t part) {
    return (int64_t)((__int128)items * part / parts);
}

int64_t trn_part_of(int64_t items, int64_t parts, int64_t item) {
    int64_t part = (int64_t)(((__int128)item * parts) / items);
    while (trn_part_start(items, parts, part + 1) <= item)
        part++;
    return part;
}

/* Making --------------------------------------------------------------------------------------- */

static trn_status_t list_classes(side_t *side) {
    TRN_TRY(trn_alloc_zero(&side->class_start, side->classes + 1, sizeof(int64_t), "classes"));
    TRN_TRY(trn_alloc(&side->in_class, side->parts, sizeof(int64_t), "parts by class"));
    for (int64_t p = 0; p < side->parts; p++)
        side->class_start[side->class_of[p] + 1]++;
    for (int64_t c = 0; c < side->classes; c++)
        side->class_start[c + 1] += side->class_start[c];
    for (int64_t p = side->parts; p-- > 0;) /* backwards, each class filled from its end */
        side->in_class[--side->class_start[side->class_of[p] + 1]] = p;
    /* Each entry c + 1 went down from the end of class c to its start: shift back by one. */
    memmove(side->class_start, side->class_start + 1, (size_t)side->classes * sizeof(int64_t));
    side->class_start[side->classes] = side->parts;
    return TRN_OK;
}

static trn_status_t cut_side(side_t *side, const trn_cut_t *cut) {
    if (cut->parts < 1 || cut->classes < 1)
        return trn_fail(TRN_USAGE, "cannot cut a matrix into %lld parts", (long long)cut->parts);
    side->parts = cut->parts;
    side->classes = cut->classes;
    TRN_TRY(trn_alloc(&side->start, cut->parts + 1, sizeof(int64_t), "block boundaries"));
    TRN_TRY(trn_alloc(&side->class_of, cut->parts, sizeof(int64_t), "block classes"));
    for (int64_t p = 0; p <= cut->parts; p++) {
        side->start[p] = cut->start[p];
        if (p < cut->parts) side->class_of[p] = cut->class_of ? cut->class_of[p] : p;
        if (p < cut->parts && (side->class_of[p] < 0 || side->class_of[p] >= cut->classes))
            return trn_fail(TRN_USAGE, "block %lld is of no class", (long long)p);
        if (cut->start[p] < (p ? cut->start[p - 1] : 0) || cut->start[0] != 0)
            return trn_fail(TRN_USAGE, "block boundaries must ascend from 0; boundary %lld is %lld",
                            (long long)p, (long long)cut->start[p]);
    }
    return list_classes(side);
}

/* Note which classes of one side each rank holds: `step` and `other_step` say how the table of
 * owners is walked, so that one function does for rows and columns. */
static trn_status_t list_holders(side_t *side, int ranks, const int *owner, int64_t step,
                                 int64_t others, int64_t other_step) {
    int64_t *last;
    TRN_TRY(trn_alloc_zero(&side->held_start, ranks + 2, sizeof(int64_t), "shares of ranks"));
    TRN_TRY(trn_alloc(&last, ranks, sizeof *last, "shares of ranks"));
    trn_status_t status = TRN_OK;
    for (int pass = 0; pass < 2 && status == TRN_OK; pass++) {
        for (int r = 0; r < ranks; r++)
            last[r] = -1;
        for (int64_t c = 0; c < side->classes; c++)
            for (int64_t other = 0; other < others; other++) {
                int rank = owner[c * step + other * other_step];
                if (last[rank] == c) continue;
                last[rank] = c;
                int64_t *cursor = &side->held_start[rank + 1 + !pass];
                if (pass) side->held_class[*cursor] = c;
                ++*cursor;
            }
        if (pass == 0) {
            for (int r = 0; r <= ranks; r++)
                side->held_start[r + 1] += side->held_start[r];
            status = trn_alloc(&side->held_class, side->held_start[ranks + 1], sizeof(int64_t),
                               "shares of ranks");
        }
    }
    trn_free(&last);
    return status;
}

static int64_t held(const side_t *side, int rank) {
    return side->held_start[rank + 1] - side->held_start[rank];
}

static trn_status_t check_products(const trn_dist_t *dist) {
    int64_t entries = 0;
    for (int r = 0; r < dist->ranks; r++)
        entries += held(&dist->row, r) * held(&dist->col, r);
    if (entries == dist->row.classes * dist->col.classes) return TRN_OK;
    return trn_fail(TRN_USAGE, "a rank's share of a matrix must be rows x columns");
}

static trn_status_t take_owners(trn_dist_t *dist, const int *owner) {
    int64_t rows = dist->row.classes, cols = dist->col.classes;
    TRN_TRY(trn_alloc(&dist->owner, rows * cols, sizeof *dist->owner, "block owners"));
    for (int64_t i = 0; i < rows * cols; i++) {
        if (owner[i] < 0) return trn_fail(TRN_USAGE, "block %lld has no owner", (long long)i);
        dist->owner[i] = owner[i];
        if (owner[i] >= dist->ranks) dist->ranks = owner[i] + 1;
    }
    TRN_TRY(list_holders(&dist->row, dist->ranks, owner, cols, cols, 1));
    TRN_TRY(list_holders(&dist->col, dist->ranks, owner, 1, rows, cols));
    return check_products(dist);
}

trn_status_t trn_dist_create_mapped(trn_dist_t **dist, const trn_cut_t *rows, const trn_cut_t *cols,
                                    const int *owner) {
    *dist = NULL;
    TRN_TRY(trn_alloc_zero(dist, 1, sizeof **dist, "a distribution"));
    trn_status_t status = cut_side(&(*dist)->row, rows);
    if (status == TRN_OK) status = cut_side(&(*dist)->col, cols);
    if (status == TRN_OK) status = take_owners(*dist, owner);
    if (status != TRN_OK) trn_dist_destroy(dist);
    return status;
}

/* Blocks (i, j) of a grid of classes on rank i x columns + j. */
static trn_status_t create_grid(trn_dist_t **dist, const trn_cut_t *rows, const trn_cut_t *cols) {
    int *owner = NULL;
    *dist = NULL;
    if (rows->classes < 1 || cols->classes < 1 || rows->classes > INT_MAX / cols->classes)
        return trn_fail(TRN_USAGE, "cannot cut a matrix into %lld x %lld blocks",
                        (long long)rows->classes, (long long)cols->classes);
    TRN_TRY(trn_alloc(&owner, rows->classes * cols->classes, sizeof *owner, "block owners"));
    for (int i = 0; i < rows->classes * cols->classes; i++)
        owner[i] = i;
    trn_status_t status = trn_dist_create_mapped(dist, rows, cols, owner);
    trn_free(&owner);
    return status;
}

trn_status_t trn_dist_create_at(trn_dist_t **dist, int64_t row_parts, const int64_t *row_start,
                                int64_t col_parts, const int64_t *col_start) {
    return create_grid(dist, &(trn_cut_t){row_parts, row_start, row_parts, NULL},
                       &(trn_cut_t){col_parts, col_start, col_parts, NULL});
}

/* Boundaries every `block` items (0: `parts` even parts), and classes in turn where `deal` > 0.
 * Allocates start and class_of. */
static trn_status_t even_cut(trn_cut_t *cut, int64_t items, int64_t parts, int64_t block,
                             int64_t deal, int64_t **memory) {
    *memory = NULL;
    if (items < 0 || (block < 1 && parts < 1) || deal < 0)
        return trn_fail(TRN_USAGE, "cannot cut %lld rows or columns into %lld parts",
                        (long long)items, (long long)parts);
    if (block > 0) parts = items > 0 ? (items - 1) / block + 1 : 1;
    TRN_TRY(trn_alloc(memory, 2 * parts + 1, sizeof **memory, "block boundaries"));
    int64_t *start = *memory, *class_of = start + parts + 1;
    for (int64_t p = 0; p <= parts; p++) {
        start[p] = block > 0 ? p * block : trn_part_start(items, parts, p);
        if (start[p] > items) start[p] = items;
        if (p < parts) class_of[p] = deal > 0 ? p % deal : p;
    }
    *cut = (trn_cut_t){parts, start, deal > 0 ? deal : parts, class_of};
    return TRN_OK;
}

static trn_status_t create_even(trn_dist_t **dist, int64_t rows, int64_t cols, int64_t row_parts,
                                int64_t col_parts, int64_t row_block, int64_t col_block,
                                int64_t row_deal, int64_t col_deal) {
    trn_cut_t row, col;
    int64_t *memory[2] = {NULL, NULL};
    *dist = NULL;
    trn_status_t status = even_cut(&row, rows, row_parts, row_block, row_deal, &memory[0]);
    if (status == TRN_OK) status = even_cut(&col, cols, col_parts, col_block, col_deal, &memory[1]);
    if (status == TRN_OK) status = create_grid(dist, &row, &col);
    trn_free(&memory[0]);
    trn_free(&memory[1]);
    return status;
}

trn_status_t trn_dist_create(trn_dist_t **dist, int64_t rows, int64_t cols, int64_t row_parts,
                             int64_t col_parts) {
    return create_even(dist, rows, cols, row_parts, col_parts, 0, 0, 0, 0);
}

trn_status_t trn_dist_create_cyclic(trn_dist_t **dist, int64_t rows, int64_t cols,
                                    int64_t row_block, int64_t col_block, int grid_rows,
                                    int grid_cols) {
    *dist = NULL;
    if (row_block < 1 || col_block < 1 || grid_rows < 1 || grid_cols < 1)
        return trn_fail(TRN_USAGE, "blocks of %lld x %lld on a %d x %d grid; all must be 1 or more",
                        (long long)row_block, (long long)col_block, grid_rows, grid_cols);
    return create_even(dist, rows, cols, 0, 0, row_block, col_block, grid_rows, grid_cols);
}

/* Deriving ------------------------------------------------------------------------------------- */

static trn_cut_t cut_of(const side_t *side) {
    return (trn_cut_t){side->parts, side->start, side->classes, side->class_of};
}

trn_status_t trn_dist_transpose(trn_dist_t **transpose, const trn_dist_t *dist) {
    int64_t rows = dist->row.classes, cols = dist->col.classes;
    trn_cut_t row = cut_of(&dist->row), col = cut_of(&dist->col);
    int *owner;
    *transpose = NULL;
    TRN_TRY(trn_alloc(&owner, rows * cols, sizeof *owner, "block owners"));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            owner[j * rows + i] = dist->owner[i * cols + j];
    trn_status_t status = trn_dist_create_mapped(transpose, &col, &row, owner);
    trn_free(&owner);
    return status;
}

/* The same parts, moved down by `first` and kept within [0, items); memory for the boundaries. */
static trn_status_t slice_cut(trn_cut_t *cut, const side_t *side, int64_t first, int64_t items,
                              int64_t **start) {
    TRN_TRY(trn_alloc(start, side->parts + 1, sizeof **start, "block boundaries"));
    for (int64_t p = 0; p <= side->parts; p++) {
        int64_t at = side->start[p] - first;
        (*start)[p] = at < 0 ? 0 : at > items ? items : at;
    }
    *cut = cut_of(side);
    cut->start = *start;
    return TRN_OK;
}

trn_status_t trn_dist_slice(trn_dist_t **slice, const trn_dist_t *dist, int64_t first_row,
                            int64_t rows, int64_t first_col, int64_t cols) {
    trn_cut_t row, col;
    int64_t *start[2] = {NULL, NULL};
    *slice = NULL;
    trn_status_t status = slice_cut(&row, &dist->row, first_row, rows, &start[0]);
    if (status == TRN_OK) status = slice_cut(&col, &dist->col, first_col, cols, &start[1]);
    if (status == TRN_OK) status = trn_dist_create_mapped(slice, &row, &col, dist->owner);
    trn_free(&start[0]);
    trn_free(&start[1]);
    return status;
}

/* mark[class] = 1 for what any rank of `group` holds; returns how many. */
static int64_t mark_group(const trn_dist_t *dist, const side_t *side, int ranks, const int *group,
                          int wanted, char *mark) {
    int64_t count = 0;
    memset(mark, 0, (size_t)side->classes);
    for (int r = 0; r < ranks && r < dist->ranks; r++) {
        if (group[r] != wanted) continue;
        for (int64_t i = side->held_start[r]; i < side->held_start[r + 1]; i++) {
            count += !mark[side->held_class[i]];
            mark[side->held_class[i]] = 1;
        }
    }
    return count;
}

static trn_status_t gather_side(side_t *to, const trn_dist_t *dist, const side_t *from, int ranks,
                                const int *group, char *mark) {
    int64_t total = 0;
    TRN_TRY(trn_alloc(&to->held_start, ranks + 2, sizeof(int64_t), "shares of ranks"));
    for (int pass = 0; pass < 2; pass++) {
        total = 0;
        for (int r = 0; r < ranks; r++) {
            to->held_start[r] = total;
            if (group[r] < 0) continue;
            int64_t count = mark_group(dist, from, ranks, group, group[r], mark);
            for (int64_t c = 0, at = total; pass && c < from->classes; c++)
                if (mark[c]) to->held_class[at++] = c;
            total += count;
        }
        if (pass == 0)
            TRN_TRY(trn_alloc(&to->held_class, total, sizeof(int64_t), "shares of ranks"));
    }
    to->held_start[ranks] = to->held_start[ranks + 1] = total;
    return TRN_OK;
}

/* What a group holds together must be all of its rows in all of its columns. */
static trn_status_t check_unions(const trn_dist_t *gathered, const trn_dist_t *dist,
                                 const int *group) {
    for (int r = 0; r < gathered->ranks; r++) {
        int64_t parts = 0;
        for (int other = 0; other < gathered->ranks && other < dist->ranks; other++)
            if (group[r] >= 0 && group[other] == group[r])
                parts += held(&dist->row, other) * held(&dist->col, other);
        if (parts != held(&gathered->row, r) * held(&gathered->col, r))
            return trn_fail(TRN_USAGE, "the shares of a group of ranks are no rows x columns");
    }
    return TRN_OK;
}

trn_status_t trn_dist_gathered(trn_dist_t **gathered, const trn_dist_t *dist, int ranks,
                               const int *group) {
    char *mark = NULL;
    trn_cut_t row = cut_of(&dist->row), col = cut_of(&dist->col);
    int64_t widest = row.classes > col.classes ? row.classes : col.classes;
    *gathered = NULL;
    TRN_TRY(trn_alloc_zero(gathered, 1, sizeof **gathered, "a distribution"));
    (*gathered)->ranks = ranks;
    trn_status_t status = cut_side(&(*gathered)->row, &row);
    if (status == TRN_OK) status = cut_side(&(*gathered)->col, &col);
    if (status == TRN_OK) status = trn_alloc(&mark, widest, 1, "classes");
    if (status == TRN_OK)
        status = gather_side(&(*gathered)->row, dist, &dist->row, ranks, group, mark);
    if (status == TRN_OK)
        status = gather_side(&(*gathered)->col, dist, &dist->col, ranks, group, mark);
    if (status == TRN_OK) status = check_unions(*gathered, dist, group);
    trn_free(&mark);
    if (status != TRN_OK) trn_dist_destroy(gathered);
    return status;
}

static void free_side(side_t *side) {
    int64_t **made[] = {&side->start,    &side->class_of,   &side->class_start,
                        &side->in_class, &side->held_start, &side->held_class};
    for (int i = 0; i < 6; i++)
        trn_free(made[i]);
}

void trn_dist_destroy(trn_dist_t **dist) {
    if (!*dist) return;
    free_side(&(*dist)->row);
    free_side(&(*dist)->col);
    trn_free(&(*dist)->owner);
    trn_free(dist);
}

/* Asking --------------------------------------------------------------------------------------- */

/* Largest part with start[part] <= item: empty parts before it are skipped. */
static int64_t part_of(const side_t *side, int64_t item) {
    int64_t low = 0, high = side->parts;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (side->start[middle] <= item)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t trn_dist_rows(const trn_dist_t *dist) {
    return dist->row.start[dist->row.parts];
}
int64_t trn_dist_cols(const trn_dist_t *dist) {
    return dist->col.start[dist->col.parts];
}
int trn_dist_ranks(const trn_dist_t *dist) {
    return dist->ranks;
}
int64_t trn_dist_row_parts(const trn_dist_t *dist) {
    return dist->row.parts;
}
int64_t trn_dist_col_parts(const trn_dist_t *dist) {
    return dist->col.parts;
}
int64_t trn_dist_row_start(const trn_dist_t *dist, int64_t part) {
    return dist->row.start[part];
}
int64_t trn_dist_col_start(const trn_dist_t *dist, int64_t part) {
    return dist->col.start[part];
}

int64_t trn_dist_row_owner(const trn_dist_t *dist, int64_t row) {
    return part_of(&dist->row, row);
}
int64_t trn_dist_col_owner(const trn_dist_t *dist, int64_t col) {
    return part_of(&dist->col, col);
}
trn_cut_t trn_dist_row_cut(const trn_dist_t *dist) {
    return cut_of(&dist->row);
}
trn_cut_t trn_dist_col_cut(const trn_dist_t *dist) {
    return cut_of(&dist->col);
}

int trn_dist_class_owner(const trn_dist_t *dist, int64_t row_class, int64_t col_class) {
    return dist->owner[row_class * dist->col.classes + col_class];
}

int trn_dist_owner(const trn_dist_t *dist, int64_t row, int64_t col) {
    int64_t i = dist->row.class_of[part_of(&dist->row, row)];
    int64_t j = dist->col.class_of[part_of(&dist->col, col)];
    return dist->owner[i * dist->col.classes + j];
}

/* Walking -------------------------------------------------------------------------------------- */

static trn_spans_t walk(const trn_dist_t *dist, const side_t *side, int rank) {
    trn_spans_t spans = {.side = side};
    if (rank < 0 || rank >= dist->ranks) return spans;
    spans.held = side->held_class + side->held_start[rank];
    spans.held_count = held(side, rank);
    spans.end = spans.held_count > 0 ? side->parts : 0;
    if (spans.held_count == 1) { /* the usual case: go from part to part of the one class */
        spans.parts = side->in_class + side->class_start[*spans.held];
        spans.end = side->class_start[*spans.held + 1] - side->class_start[*spans.held];
    }
    return spans;
}

trn_spans_t trn_dist_row_spans(const trn_dist_t *dist, int rank) {
    return walk(dist, &dist->row, rank);
}

trn_spans_t trn_dist_col_spans(const trn_dist_t *dist, int rank) {
    return walk(dist, &dist->col, rank);
}

static bool holds(const trn_spans_t *spans, int64_t class_number) {
    int64_t low = 0, high = spans->held_count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (spans->held[middle] < class_number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < spans->held_count && spans->held[low] == class_number;
}

/* The next non-empty part of the walk that the rank holds, or -1. */
static int64_t next_part(trn_spans_t *spans) {
    const side_t *side = spans->side;
    while (spans->next < spans->end) {
        int64_t part = spans->parts ? spans->parts[spans->next] : spans->next;
        if (side->start[part + 1] > side->start[part] &&
            (spans->parts || holds(spans, side->class_of[part])))
            return part;
        spans->next++;
    }
    return -1;
}

bool trn_spans_next(trn_spans_t *spans, trn_span_t *span) {
    const side_t *side = spans->side;
    int64_t part = next_part(spans);
    if (part < 0) return false;
    *span = (trn_span_t){.first = side->start[part], .local = spans->local};
    do {
        span->count = side->start[part + 1] - span->first;
        spans->next++;
        part = next_part(spans);
    } while (part >= 0 && side->start[part] == span->first + span->count);
    spans->local += span->count;
    return true;
}

static int64_t total(trn_spans_t spans) {
    trn_span_t span;
    while (trn_spans_next(&spans, &span)) {
    }
    return spans.local;
}

int64_t trn_dist_local_rows(const trn_dist_t *dist, int rank) {
    return total(trn_dist_row_spans(dist, rank));
}
int64_t trn_dist_local_cols(const trn_dist_t *dist, int rank) {
    return total(trn_dist_col_spans(dist, rank));
}

static int64_t common(trn_spans_t a, trn_spans_t b) {
    trn_span_t x, y;
    int64_t count = 0;
    bool more = trn_spans_next(&a, &x) && trn_spans_next(&b, &y);
    while (more) {
        int64_t x_end = x.first + x.count, y_end = y.first + y.count;
        int64_t first = x.first > y.first ? x.first : y.first;
        int64_t end = x_end < y_end ? x_end : y_end;
        if (end > first) count += end - first;
        more = x_end < y_end ? trn_spans_next(&a, &x) : trn_spans_next(&b, &y);
    }
    return count;
}

int64_t trn_dist_common_rows(const trn_dist_t *a, int rank_a, const trn_dist_t *b, int rank_b) {
    return common(trn_dist_row_spans(a, rank_a), trn_dist_row_spans(b, rank_b));
}
int64_t trn_dist_common_cols(const trn_dist_t *a, int rank_a, const trn_dist_t *b, int rank_b) {
    return common(trn_dist_col_spans(a, rank_a), trn_dist_col_spans(b, rank_b));
}

int64_t trn_dist_missing(const trn_dist_t *from, const trn_dist_t *to, int rank) {
    return trn_dist_local_rows(to, rank) * trn_dist_local_cols(to, rank) -
           trn_dist_common_rows(from, rank, to, rank) * trn_dist_common_cols(from, rank, to, rank);
}
