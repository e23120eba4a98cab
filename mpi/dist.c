/* dist.c: which rank holds what of a matrix. Rows and columns are cut into parts, parts have
 * classes, and a table says which rank owns (row class, column class). Classes let many parts be
 * dealt out like cards without a table entry each. All of it is arithmetic on tables that every
 * rank has. */
#include "mpi/dist_impl.h"

#include "base/mem.h"

#include <limits.h>
#include <string.h>

/* By 128 bits: items x part may overflow 64. */
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

/* in_class lists the parts class by class, ascending in each: a counting sort. */
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

/* Copy a cut and check it. Boundaries may repeat: a part may be empty. */
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

/* A rank that owns some (i, j) must own all pairs of its row classes with its column classes: each
 * rank's count is then the product, and all products together are all pairs. */
static trn_status_t check_products(const trn_dist_t *dist) {
    int64_t entries = 0;
    for (int r = 0; r < dist->ranks; r++)
        entries += held(&dist->row, r) * held(&dist->col, r);
    if (entries == dist->row.classes * dist->col.classes) return TRN_OK;
    return trn_fail(TRN_USAGE, "a rank's share of a matrix must be rows x columns");
}

/* The number of ranks is what the table names; further ranks hold nothing. */
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

/* How one direction is cut: every `block` items, or with a block of 0 into `parts` even parts;
 * classes in turn among `deal` ranks, or with 0 one for each part. */
typedef struct even {
    int64_t items, parts, block, deal;
} even_t;

/* Allocates start and class_of in one piece, *memory. */
static trn_status_t even_cut(trn_cut_t *cut, even_t how, int64_t **memory) {
    int64_t items = how.items, parts = how.parts;
    *memory = NULL;
    if (items < 0 || (how.block < 1 && parts < 1) || how.deal < 0)
        return trn_fail(TRN_USAGE, "cannot cut %lld rows or columns into %lld parts",
                        (long long)items, (long long)parts);
    if (how.block > 0) parts = items > 0 ? (items - 1) / how.block + 1 : 1;
    TRN_TRY(trn_alloc(memory, 2 * parts + 1, sizeof **memory, "block boundaries"));
    int64_t *start = *memory, *class_of = start + parts + 1;
    for (int64_t p = 0; p <= parts; p++) {
        start[p] = how.block > 0 ? p * how.block : trn_part_start(items, parts, p);
        if (start[p] > items) start[p] = items;
        if (p < parts) class_of[p] = how.deal > 0 ? p % how.deal : p;
    }
    *cut = (trn_cut_t){parts, start, how.deal > 0 ? how.deal : parts, class_of};
    return TRN_OK;
}

/* Both directions by even_cut, owners as a grid. */
static trn_status_t create_even(trn_dist_t **dist, even_t rows, even_t cols) {
    trn_cut_t row, col;
    int64_t *memory[2] = {NULL, NULL};
    *dist = NULL;
    trn_status_t status = even_cut(&row, rows, &memory[0]);
    if (status == TRN_OK) status = even_cut(&col, cols, &memory[1]);
    if (status == TRN_OK) status = create_grid(dist, &row, &col);
    trn_free(&memory[0]);
    trn_free(&memory[1]);
    return status;
}

trn_status_t trn_dist_create(trn_dist_t **dist, int64_t rows, int64_t cols, int64_t row_parts,
                             int64_t col_parts) {
    return create_even(dist, (even_t){.items = rows, .parts = row_parts},
                       (even_t){.items = cols, .parts = col_parts});
}

trn_status_t trn_dist_create_cyclic(trn_dist_t **dist, int64_t rows, int64_t cols,
                                    int64_t row_block, int64_t col_block, int grid_rows,
                                    int grid_cols) {
    *dist = NULL;
    if (row_block < 1 || col_block < 1 || grid_rows < 1 || grid_cols < 1)
        return trn_fail(TRN_USAGE, "blocks of %lld x %lld on a %d x %d grid; all must be 1 or more",
                        (long long)row_block, (long long)col_block, grid_rows, grid_cols);
    return create_even(dist, (even_t){.items = rows, .block = row_block, .deal = grid_rows},
                       (even_t){.items = cols, .block = col_block, .deal = grid_cols});
}

/* Deriving ------------------------------------------------------------------------------------- */

/* A view of a side as a cut; borrowed. */
static trn_cut_t cut_of(const side_t *side) {
    return (trn_cut_t){side->parts, side->start, side->classes, side->class_of};
}

/* Sides change places and the table of owners is transposed; every rank holds the same numbers. */
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

/* Parts outside become empty, so that classes and owners stay as they are. */
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

/* Each rank of a group holds all classes that any of them holds. Two passes: count, then list. */
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

/* Several ranks may hold the same numbers afterwards, so there is no table of owners: `owner` stays
 * NULL. */
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
