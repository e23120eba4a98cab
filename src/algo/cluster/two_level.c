/* two_level.c: cells, and clusters in them. Cells are dealt in order: rank r has those whose middle
 * row, counted over all cells, falls into its part of all rows; of its part each round takes an
 * equal share. So a rank's centers follow each other. */
#include "algo/cluster/two_level.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

typedef struct cells {
    const trn_cluster_rows_t *rows;
    const trn_two_level_options_t *options;
    trn_two_level_t *result;
    int rank, ranks, rounds;
    int64_t size; /* bytes of a row */
    trn_kmeans_t coarse;
    int *bin;          /* [k1] rank x rounds + round */
    int64_t *centers;  /* [k1] of each cell */
    double *objective; /* [k1] */
    /* Of a round. */
    int *count, *from;     /* [4 x ranks] rows to send and to receive, and where they begin */
    char *out, *in;        /* rows to send; those received, then sorted by cell */
    int32_t *cell, *order; /* cell of each row received; where it stands among the sorted ones */
    int64_t *start;        /* [k1 + 1] first sorted row of a cell */
    int64_t sent, got;
} cells_t;

void trn_two_level_free(trn_two_level_t *result) {
    trn_free(&result->center);
    trn_free(&result->size);
    trn_free(&result->label);
}

static void free_round(cells_t *s) {
    trn_free(&s->out);
    trn_free(&s->in);
    trn_free(&s->cell);
    trn_free(&s->order);
}

/* By the middle of each cell, counted in rows: a rank has about an even share, and cells stay in
 * order. */
static void deal(cells_t *s) {
    const int64_t *size = s->coarse.size;
    double bins = (double)s->ranks * s->rounds, all = (double)s->rows->tall.rows;
    double before = 0;
    s->result->smallest = s->result->largest = size[0];
    for (int64_t c = 0; c < s->options->k1; c++) {
        int bin = (int)((before + (double)size[c] / 2) * bins / all);
        s->bin[c] = bin < (int)bins ? bin : (int)bins - 1;
        before += (double)size[c];
        if (size[c] < s->result->smallest) s->result->smallest = size[c];
        if (size[c] > s->result->largest) s->result->largest = size[c];
    }
}

/* Rows that the fullest rank takes in its fullest round. */
static int64_t fullest(const cells_t *s) {
    int64_t most = 0, sum = 0;
    for (int64_t c = 0; c < s->options->k1; c++) {
        sum = c > 0 && s->bin[c] == s->bin[c - 1] ? sum + s->coarse.size[c] : s->coarse.size[c];
        if (sum > most) most = sum;
    }
    return most;
}

/* Cells turn out as unequal as the rows are: more rounds where memory is too short for the fullest,
 * which lies there twice while it is sorted, and has as many rows to send. Collective. */
static void choose_rounds(cells_t *s) {
    int64_t left = trn_mem_left();
    MPI_Allreduce(MPI_IN_PLACE, &left, 1, MPI_INT64_T, MPI_MIN, s->rows->tall.comm);
    s->rounds = s->options->rounds;
    for (deal(s); s->rounds < s->options->k1 && fullest(s) > left / 9 * 4 / (s->size + 8); deal(s))
        s->rounds *= 2;
}

/* Bins of a rank are its rounds, one after the other. */
static bool in_round(const cells_t *s, int64_t cell, int round) {
    return s->bin[cell] % s->rounds == round;
}

static int owner(const cells_t *s, int64_t cell) {
    return s->bin[cell] / s->rounds;
}

/* Rows to each rank, and from each. Collective. */
static trn_status_t count_rows(cells_t *s, int round) {
    int *to = s->count, *of = s->count + s->ranks;
    memset(to, 0, sizeof *to * (size_t)s->ranks);
    for (int64_t i = 0; i < s->coarse.rows; i++)
        if (in_round(s, s->coarse.label[i], round)) to[owner(s, s->coarse.label[i])]++;
    MPI_Alltoall(to, 1, MPI_INT, of, 1, MPI_INT, s->rows->tall.comm);
    s->sent = s->got = 0;
    for (int r = 0; r < s->ranks; r++) {
        s->from[r] = (int)s->sent;
        s->from[s->ranks + r] = (int)s->got;
        s->sent += to[r];
        s->got += of[r];
    }
    if (s->sent <= INT32_MAX && s->got <= INT32_MAX) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: more than %d rows of cells on a rank; take more ranks",
                    s->rows->name, INT32_MAX);
}

/* `order` serves first for the cells of rows that are sent, then for places, then for labels that
 * return. */
static trn_status_t take_round(cells_t *s) {
    TRN_TRY(trn_alloc(&s->out, s->sent, (size_t)s->size, "rows of cells to send"));
    TRN_TRY(trn_alloc(&s->in, s->got, (size_t)s->size, "rows of cells"));
    TRN_TRY(trn_alloc(&s->order, s->sent > s->got ? s->sent : s->got, sizeof *s->order,
                      "cells of rows"));
    return trn_alloc(&s->cell, s->got, sizeof *s->cell, "cells of rows");
}

/* Put the rows of the round into `out`, by rank and then in their order, with their cells in
 * `order`. A pass. Collective. */
static trn_status_t pack(cells_t *s, int round) {
    trn_cluster_span_t span = trn_cluster_span(s->rows);
    for (int64_t b = span.first; b < span.first + span.count; b++) {
        trn_view_t view = trn_cluster_block(s->rows, b);
        const int32_t *label = s->coarse.label + (b * span.block - span.first_row);
        for (int64_t i = 0; i < view.rows; i++) {
            if (!in_round(s, label[i], round)) continue;
            int64_t at = s->from[owner(s, label[i])]++;
            memcpy(s->out + at * s->size,
                   (const char *)view.data + i * view.stride * trn_matrix_type_size(view.type),
                   (size_t)s->size);
            s->order[at] = label[i];
        }
    }
    for (int r = 0; r < s->ranks; r++)
        s->from[r] -= s->count[r];
    return trn_cluster_outcome(s->rows, TRN_OK);
}

/* Collective. */
static void send(cells_t *s) {
    MPI_Datatype row;
    const int *to = s->count, *of = s->count + s->ranks;
    const int *at = s->from, *into = s->from + s->ranks;
    MPI_Type_contiguous((int)s->size, MPI_BYTE, &row);
    MPI_Type_commit(&row);
    MPI_Alltoallv(s->out, to, at, row, s->in, of, into, row, s->rows->tall.comm);
    MPI_Type_free(&row);
    MPI_Alltoallv(s->order, to, at, MPI_INT32_T, s->cell, of, into, MPI_INT32_T,
                  s->rows->tall.comm);
}

/* order[i] = the place of received row i when rows are sorted by cell, in their order: they came so
 * from each rank, and ranks follow each other. `out` becomes the sorted rows. Local. */
static trn_status_t sort_rows(cells_t *s) {
    trn_free(&s->out);
    TRN_TRY(trn_alloc(&s->out, s->got, (size_t)s->size, "rows of cells"));
    memset(s->start, 0, sizeof *s->start * (size_t)(s->options->k1 + 1));
    for (int64_t i = 0; i < s->got; i++)
        s->start[s->cell[i] + 1]++;
    for (int64_t c = 0; c < s->options->k1; c++)
        s->start[c + 1] += s->start[c];
    for (int64_t i = 0; i < s->got; i++) {
        s->order[i] = (int32_t)s->start[s->cell[i]]++;
        memcpy(s->out + s->order[i] * s->size, s->in + i * s->size, (size_t)s->size);
    }
    for (int64_t c = s->options->k1; c > 0; c--)
        s->start[c] = s->start[c - 1];
    s->start[0] = 0;
    trn_free(&s->in);
    return TRN_OK;
}

/* center[most x cols] = the first `most` different rows of a cell; returns how many there are. Rows
 * are told apart by their bytes, and found by a hash of them in table[2^bits]. */
static int64_t different(const cells_t *s, const char *row, int64_t rows, int64_t most,
                         int32_t *table, int bits, double *center) {
    int64_t found = 0, cols = s->result->cols, mask = ((int64_t)1 << bits) - 1;
    memset(table, -1, sizeof *table << bits);
    for (int64_t i = 0; i < rows && found < most; i++) {
        const char *x = row + i * s->size;
        int64_t at = (int64_t)(XXH3_64bits(x, (size_t)s->size) >> (64 - bits));
        while (table[at] >= 0 && memcmp(row + table[at] * s->size, x, (size_t)s->size) != 0)
            at = (at + 1) & mask;
        if (table[at] >= 0) continue;
        table[at] = (int32_t)i;
        for (int64_t j = 0; j < cols; j++)
            center[found * cols + j] = s->size == cols * (int64_t)sizeof(float)
                                           ? (double)((const float *)(const void *)x)[j]
                                           : ((const double *)(const void *)x)[j];
        found++;
    }
    return found;
}

/* The clusters of cell `c`, whose centers go behind those that the rank has. Local. */
static trn_status_t cluster_cell(cells_t *s, int64_t c, double *given, int32_t *table, int bits) {
    trn_two_level_t *result = s->result;
    int64_t cols = result->cols, first = s->start[c], rows = s->start[c + 1] - first;
    const char *data = s->out + first * s->size;
    trn_kmeans_options_t o = s->options->coarse;
    trn_view_t view = {s->size == cols * (int64_t)sizeof(float) ? TRN_F32 : TRN_F64, rows, cols,
                       cols, s->out + first * s->size};
    trn_cluster_rows_t cell = {{MPI_COMM_SELF, rows, view, NULL}, 0, cols, NULL, s->rows->name};
    trn_kmeans_t found;
    if (rows == 0) return TRN_OK;
    o.k = different(s, data, rows, s->options->k2, table, bits, given);
    o.start = TRN_KMEANS_GIVEN;
    o.given = given;
    o.starts = 1;
    o.quiet = true;
    trn_status_t status = trn_kmeans(&found, &cell, &o);
    if (status != TRN_OK) trn_message_set_rank(s->rank); /* there it was rank 0, and alone */
    if (status == TRN_OK)
        status =
            trn_realloc(&result->center, (result->count + o.k) * cols, sizeof(double), "centers");
    if (status == TRN_OK) {
        memcpy(result->center + result->count * cols, found.center,
               sizeof(double) * (size_t)(o.k * cols));
        result->count += o.k;
        s->centers[c] = o.k;
        s->objective[c] = found.objective[found.steps];
        /* Labels in the order of the sorted rows, over what is no more needed: the row itself. */
        for (int64_t i = 0; i < rows; i++)
            memcpy(s->out + (first + i) * s->size, &found.label[i], sizeof(int32_t));
    }
    trn_kmeans_free(&found);
    return status;
}

/* All cells of this rank in the round. Local. */
static trn_status_t cluster_cells(cells_t *s, int round) {
    double *given = NULL;
    int32_t *table = NULL;
    int bits = 1;
    while ((int64_t)1 << bits < 2 * s->options->k2)
        bits++;
    trn_status_t status = sort_rows(s);
    if (status == TRN_OK)
        status = trn_alloc(&given, s->options->k2 * s->result->cols, sizeof *given, "first rows");
    if (status == TRN_OK)
        status = trn_alloc(&table, (int64_t)1 << bits, sizeof *table, "a table of rows");
    for (int64_t c = 0; c < s->options->k1 && status == TRN_OK; c++)
        if (owner(s, c) == s->rank && in_round(s, c, round))
            status = cluster_cell(s, c, given, table, bits);
    trn_free(&given);
    trn_free(&table);
    return status;
}

/* Labels go back the way that rows came. Collective. */
static void return_labels(cells_t *s, int round) {
    const int *to = s->count, *of = s->count + s->ranks;
    int *at = s->from;
    const int *into = s->from + s->ranks;
    for (int64_t i = 0; i < s->got; i++)
        memcpy(&s->cell[i], s->out + s->order[i] * s->size, sizeof(int32_t));
    MPI_Alltoallv(s->cell, of, into, MPI_INT32_T, s->order, to, at, MPI_INT32_T,
                  s->rows->tall.comm);
    for (int64_t i = 0; i < s->coarse.rows; i++) {
        int32_t cell = s->coarse.label[i];
        if (in_round(s, cell, round)) s->result->label[i] = s->order[at[owner(s, cell)]++];
    }
}

/* Collective. */
static trn_status_t round_of(cells_t *s, int round) {
    MPI_Comm comm = s->rows->tall.comm;
    TRN_TRY(trn_agree(comm, count_rows(s, round)));
    trn_status_t status = trn_agree(comm, take_round(s));
    if (status == TRN_OK) status = pack(s, round);
    if (status == TRN_OK) {
        send(s);
        status = trn_agree(comm, cluster_cells(s, round));
    }
    if (status == TRN_OK) return_labels(s, round);
    free_round(s);
    return status;
}

/* Numbers of centers over all cells, labels and sizes by them. Collective. */
static trn_status_t number(cells_t *s) {
    trn_two_level_t *result = s->result;
    MPI_Comm comm = s->rows->tall.comm;
    int64_t k1 = s->options->k1;
    trn_sum_large(comm, k1, MPI_INT64_T, s->centers);
    trn_sum_large(comm, k1, MPI_DOUBLE, s->objective);
    result->within = 0;
    result->k = 0;
    for (int64_t c = 0; c < k1; c++) {
        if (owner(s, c) < s->rank) result->first += s->centers[c];
        s->start[c] = result->k;
        result->k += s->centers[c];
        result->within += s->objective[c];
    }
    if (result->k > INT32_MAX)
        return trn_fail(TRN_INPUT, "%s: more than %d clusters", s->rows->name, INT32_MAX);
    TRN_AGREE(comm, trn_alloc_zero(&result->size, result->k, sizeof *result->size, "sizes"));
    for (int64_t i = 0; i < result->rows; i++) {
        result->label[i] += (int32_t)s->start[s->coarse.label[i]];
        result->size[result->label[i]]++;
    }
    trn_sum_large(comm, result->k, MPI_INT64_T, result->size);
    return TRN_OK;
}

/* Every rank gets all centers, and every row the nearest of them. Collective. */
static trn_status_t reassign(cells_t *s) {
    trn_two_level_t *result = s->result;
    MPI_Comm comm = s->rows->tall.comm;
    trn_kmeans_options_t o = s->options->coarse;
    trn_kmeans_t found = {0};
    double *all;
    trn_status_t status =
        trn_agree(comm, trn_alloc_zero(&all, result->k * result->cols, sizeof *all, "all centers"));
    if (status == TRN_OK) {
        memcpy(all + result->first * result->cols, result->center,
               sizeof *all * (size_t)(result->count * result->cols));
        trn_sum_large(comm, result->k * result->cols, MPI_DOUBLE, all);
        o.k = result->k;
        o.start = TRN_KMEANS_GIVEN;
        o.given = all;
        o.starts = 1;
        o.steps = 0;
        status = trn_kmeans(&found, s->rows, &o);
    }
    if (status == TRN_OK) {
        result->reassigned = found.objective[0];
        memcpy(result->label, found.label, sizeof *found.label * (size_t)result->rows);
        memcpy(result->size, found.size, sizeof *found.size * (size_t)result->k);
    }
    trn_kmeans_free(&found);
    trn_free(&all);
    return status;
}

/* What lives through all rounds. */
static trn_status_t take(cells_t *s) {
    int64_t k1 = s->options->k1;
    TRN_TRY(trn_alloc(&s->bin, k1, sizeof *s->bin, "cells"));
    TRN_TRY(trn_alloc_zero(&s->centers, k1, sizeof *s->centers, "cells"));
    TRN_TRY(trn_alloc_zero(&s->objective, k1, sizeof *s->objective, "cells"));
    TRN_TRY(trn_alloc(&s->start, k1 + 1, sizeof *s->start, "cells"));
    TRN_TRY(trn_alloc(&s->count, 2 * s->ranks, sizeof *s->count, "rows of cells by rank"));
    TRN_TRY(trn_alloc(&s->from, 2 * s->ranks, sizeof *s->from, "rows of cells by rank"));
    TRN_TRY(trn_alloc(&s->result->label, s->rows->tall.block.rows, sizeof(int32_t), "labels"));
    return trn_alloc(&s->result->center, 0, sizeof(double), "centers");
}

/* Collective. */
static trn_status_t run(cells_t *s) {
    trn_kmeans_options_t coarse = s->options->coarse;
    MPI_Comm comm = s->rows->tall.comm;
    coarse.k = s->options->k1;
    TRN_TRY(trn_kmeans(&s->coarse, s->rows, &coarse));
    TRN_AGREE(comm, take(s));
    choose_rounds(s);
    for (int round = 0; round < s->rounds; round++)
        TRN_TRY(round_of(s, round));
    TRN_TRY(number(s));
    if (s->options->reassign) TRN_TRY(reassign(s));
    for (int64_t c = 0; c < s->result->k; c++)
        s->result->empty += s->result->size[c] == 0;
    return TRN_OK;
}

/* A failure inside a round leaves its buffers, which go here. */
trn_status_t trn_two_level(trn_two_level_t *result, const trn_cluster_rows_t *rows,
                           const trn_two_level_options_t *options) {
    cells_t s = {.rows = rows, .options = options, .result = result};
    trn_dtype_t type = rows->tall.block.type;
    *result =
        (trn_two_level_t){.cols = rows->cols, .rows = rows->tall.block.rows, .reassigned = NAN};
    MPI_Comm_rank(rows->tall.comm, &s.rank);
    MPI_Comm_size(rows->tall.comm, &s.ranks);
    s.size = rows->cols * trn_matrix_type_size(type);
    trn_status_t status = run(&s);
    free_round(&s);
    trn_kmeans_free(&s.coarse);
    trn_free(&s.bin);
    trn_free(&s.centers);
    trn_free(&s.objective);
    trn_free(&s.start);
    trn_free(&s.count);
    trn_free(&s.from);
    result->rounds = s.rounds;
    return status;
}

/* Cells of a bin are a share of the rows, and half a cell more or less. */
void trn_two_level_plan(trn_ledger_t *ledger, int64_t all, int64_t own, int64_t cols,
                        trn_dtype_t type, const trn_two_level_options_t *o, int ranks) {
    trn_kmeans_options_t coarse = o->coarse, fine = o->coarse, last = o->coarse;
    int64_t size = cols * trn_dtype_size(type), bins = (int64_t)ranks * o->rounds;
    int64_t share = all / bins + all / o->k1 / 2 + 1, centers = o->k1 * o->k2;
    if (centers > all) centers = all;
    coarse.k = o->k1;
    fine.k = o->k2;
    last.k = centers;
    last.steps = 0;
    last.starts = 1;
    trn_ledger_take(ledger, "labels", own, sizeof(int32_t));
    trn_ledger_take(ledger, "centers", centers / ranks * cols, sizeof(double));
    trn_ledger_take(ledger, "centers", centers, sizeof(int64_t));
    trn_ledger_t before = *ledger;
    trn_kmeans_plan(ledger, own, cols, &coarse);
    trn_ledger_take(ledger, "cells", o->k1, 4 * sizeof(int64_t));
    trn_ledger_t round = *ledger;
    trn_ledger_take(ledger, "cells", 2 * share, size + (int64_t)sizeof(int32_t));
    trn_kmeans_plan(ledger, all / o->k1, cols, &fine);
    trn_ledger_back(ledger, &round);
    if (o->reassign) {
        trn_ledger_take(ledger, "centers", centers * cols, sizeof(double));
        trn_kmeans_plan(ledger, own, cols, &last);
    }
    trn_ledger_back(ledger, &before);
}
