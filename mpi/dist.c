#include "mpi/dist.h"

#include "base/mem.h"

struct trn_dist {
    int64_t row_parts, col_parts;
    int64_t *row_start; /* [row_parts + 1] */
    int64_t *col_start; /* [col_parts + 1] */
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

static trn_status_t boundaries(int64_t **start, int64_t parts, int64_t extent, const int64_t *at) {
    TRN_TRY(trn_alloc(start, parts + 1, sizeof **start, "block boundaries"));
    for (int64_t part = 0; part <= parts; part++) {
        (*start)[part] = at ? at[part] : trn_part_start(extent, parts, part);
        int64_t before = part ? (*start)[part - 1] : 0;
        if ((*start)[part] < before || (part == 0 && (*start)[part] != 0))
            return trn_fail(TRN_USAGE, "block boundaries must ascend from 0; boundary %lld is %lld",
                            (long long)part, (long long)(*start)[part]);
    }
    return TRN_OK;
}

static trn_status_t create(trn_dist_t **dist, int64_t row_parts, int64_t rows,
                           const int64_t *row_at, int64_t col_parts, int64_t cols,
                           const int64_t *col_at) {
    *dist = NULL;
    if (rows < 0 || cols < 0 || row_parts < 1 || col_parts < 1)
        return trn_fail(TRN_USAGE, "cannot cut %lld x %lld into %lld x %lld blocks",
                        (long long)rows, (long long)cols, (long long)row_parts,
                        (long long)col_parts);
    TRN_TRY(trn_alloc_zero(dist, 1, sizeof **dist, "a distribution"));
    (*dist)->row_parts = row_parts;
    (*dist)->col_parts = col_parts;
    trn_status_t status = boundaries(&(*dist)->row_start, row_parts, rows, row_at);
    if (status == TRN_OK) status = boundaries(&(*dist)->col_start, col_parts, cols, col_at);
    if (status != TRN_OK) trn_dist_destroy(dist);
    return status;
}

trn_status_t trn_dist_create(trn_dist_t **dist, int64_t rows, int64_t cols, int64_t row_parts,
                             int64_t col_parts) {
    return create(dist, row_parts, rows, NULL, col_parts, cols, NULL);
}

trn_status_t trn_dist_create_at(trn_dist_t **dist, int64_t row_parts, const int64_t *row_start,
                                int64_t col_parts, const int64_t *col_start) {
    return create(dist, row_parts, 0, row_start, col_parts, 0, col_start);
}

void trn_dist_destroy(trn_dist_t **dist) {
    if (!*dist) return;
    trn_free(&(*dist)->row_start);
    trn_free(&(*dist)->col_start);
    trn_free(dist);
}

/* Largest part with start[part] <= item: empty parts before it are skipped. */
static int64_t owner(const int64_t *start, int64_t parts, int64_t item) {
    int64_t low = 0, high = parts;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (start[middle] <= item)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t trn_dist_rows(const trn_dist_t *dist) {
    return dist->row_start[dist->row_parts];
}
int64_t trn_dist_cols(const trn_dist_t *dist) {
    return dist->col_start[dist->col_parts];
}
int64_t trn_dist_row_parts(const trn_dist_t *dist) {
    return dist->row_parts;
}
int64_t trn_dist_col_parts(const trn_dist_t *dist) {
    return dist->col_parts;
}
int64_t trn_dist_row_start(const trn_dist_t *dist, int64_t part) {
    return dist->row_start[part];
}
int64_t trn_dist_col_start(const trn_dist_t *dist, int64_t part) {
    return dist->col_start[part];
}

int64_t trn_dist_row_owner(const trn_dist_t *dist, int64_t row) {
    return owner(dist->row_start, dist->row_parts, row);
}

int64_t trn_dist_col_owner(const trn_dist_t *dist, int64_t col) {
    return owner(dist->col_start, dist->col_parts, col);
}
