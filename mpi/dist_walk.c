/* dist_walk.c: what a rank holds of a matrix, as spans of rows and of columns in ascending order;
 * and what two ranks have in common, by walking both. A walk is a value, so that it needs no
 * memory. */
#include "mpi/dist_impl.h"

/* A walk over what a rank holds of one side. A rank beyond those of the distribution has an empty
 * one. */
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

/* By bisection: held classes are listed in ascending order. */
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

/* Parts that touch, though of different classes, are one span: fewer and longer copies. */
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

/* Items in both walks: the two are merged, as each is ascending. */
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
