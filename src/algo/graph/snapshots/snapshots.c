/* snapshots.c: one snapshot after the other: who is solved, against what, and what comes of it. */
#include "algo/graph/snapshots/snapshots.h"

#include "algo/graph/snapshots/landmarks.h"
#include "algo/graph/snapshots/nonneg.h"
#include "algo/graph/snapshots/rows.h"
#include "base/clock.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <string.h>

enum { SWEEPS = 10 /* over rows and columns of landmarks that changed */ };

/* A snapshot while it is worked on. */
typedef struct turn {
    trn_snapshots_t *s;
    trn_snapshot_t *out;
    const trn_sparse_t *a;
    double *degree;        /* [n] */
    unsigned char *wanted; /* [own], NULL: all rows are solved */
    int64_t count;         /* landmarks that are solved: places place[count] */
    int64_t *place;
    trn_windows_t windows;
    trn_pmi_rows_t m;
} turn_t;

/* Begin and end ---------------------------------------------------------------------------------
 */

trn_status_t trn_snapshots_begin(trn_snapshots_t *s, MPI_Comm comm, int64_t n,
                                 const trn_snapshots_options_t *options) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    *s = (trn_snapshots_t){.comm = comm, .n = n, .options = *options};
    s->first = trn_tall_start(comm, n, rank);
    s->own = trn_tall_start(comm, n, rank + 1) - s->first;
    s->communities = (trn_communities_t){.k = options->k,
                                         .starts = options->starts,
                                         .seed = options->seed,
                                         .threads = options->threads};
    if (options->alpha > 0) s->options.rounds = 0;
    return trn_agree(comm, trn_tall_create(&s->w, comm, n, options->dim));
}

void trn_snapshots_end(trn_snapshots_t *s) {
    trn_sparse_destroy(&s->before);
    trn_tall_free(&s->w);
    trn_separated_free(&s->block);
    trn_communities_free(&s->communities);
    trn_free(&s->h);
    trn_free(&s->gram);
}

void trn_snapshots_free(trn_snapshots_t *s) {
    trn_snapshots_end(s);
    for (int64_t t = 0; t < s->count; t++) {
        trn_free(&s->at[t].course);
        trn_free(&s->at[t].falls);
        trn_free(&s->at[t].label);
        trn_free(&s->at[t].w);
        trn_free(&s->at[t].h);
    }
    trn_free(&s->at);
    trn_free(&s->landmark);
    s->count = 0;
}

/* The landmarks' factor -------------------------------------------------------------------------
 */

/* At the first snapshot: who the landmarks are, and room for their factors. Collective. */
static trn_status_t choose_landmarks(turn_t *t) {
    trn_snapshots_t *s = t->s;
    const trn_snapshots_options_t *o = &s->options;
    int rank;
    MPI_Comm_rank(s->comm, &rank);
    TRN_TRY(trn_landmarks_pick(s->comm, t->a, t->degree, o->window, o->landmarks, o->threads,
                               &s->landmark, &s->landmarks));
    if (s->landmarks == 0)
        return trn_fail(TRN_INPUT, "the first snapshot has no edges; leave it out");
    s->block = (trn_separated_t){.l = s->landmarks,
                                 .r = o->dim,
                                 .k = o->k,
                                 .alpha = o->alpha,
                                 .steps = o->steps,
                                 .tolerance = o->tolerance,
                                 .starts = o->starts,
                                 .seed = o->seed};
    trn_status_t status =
        trn_alloc_zero(&s->h, o->dim * s->landmarks, sizeof *s->h, "factors of landmarks");
    if (status == TRN_OK)
        status = trn_alloc_zero(&s->gram, o->dim * o->dim, sizeof *s->gram, "products of factors");
    if (status == TRN_OK && rank == 0) status = trn_separated_create(&s->block);
    return trn_agree(s->comm, status);
}

/* place[count] of the landmarks that are solved, on every rank. Collective. */
static trn_status_t list_landmarks(turn_t *t) {
    trn_snapshots_t *s = t->s;
    TRN_AGREE(s->comm, trn_alloc_zero(&t->place, s->landmarks, sizeof *t->place, "landmarks"));
    for (int64_t c = 0; c < s->landmarks; c++) {
        int64_t row = s->landmark[c] - s->first;
        bool own = row >= 0 && row < s->own;
        t->place[c] = own && (!t->wanted || t->wanted[row]);
        t->out->bare += !(t->degree[s->landmark[c]] > 0);
    }
    trn_sum_large(s->comm, s->landmarks, MPI_INT64_T, t->place);
    for (int64_t c = 0; c < s->landmarks; c++)
        if (t->place[c]) t->place[t->count++] = c;
    t->out->landmarks_solved = t->count;
    return TRN_OK;
}

/* Rows of M of these landmarks into the block on rank 0. Collective. */
static trn_status_t bring_block(turn_t *t) {
    trn_snapshots_t *s = t->s;
    int64_t l = s->landmarks;
    double *rows = NULL;
    trn_status_t status = trn_alloc_zero(&rows, t->count * l, sizeof *rows, "rows of landmarks");
    TRN_OR(done, trn_agree(s->comm, status));
    for (int64_t i = 0; i < t->count; i++) {
        int64_t row = s->landmark[t->place[i]] - s->first;
        if (row < 0 || row >= s->own) continue;
        for (int64_t e = t->m.start[row]; e < t->m.start[row + 1]; e++)
            rows[i * l + t->m.column[e]] = t->m.value[e];
    }
    trn_sum_large(s->comm, t->count * l, MPI_DOUBLE, rows); /* a row has one owner */
    for (int64_t i = 0; s->block.m && i < t->count; i++)
        for (int64_t j = 0; j < l; j++) /* as a row, and as a column */
            s->block.m[t->place[i] * l + j] = s->block.m[j * l + t->place[i]] = rows[i * l + j];
done:
    trn_free(&rows);
    return status;
}

/* H of rank 0, and H H^T, to every rank. Collective. */
static void spread_h(trn_snapshots_t *s) {
    int64_t r = s->options.dim, l = s->landmarks;
    if (s->block.h) memcpy(s->h, s->block.h, (size_t)(r * l) * sizeof *s->h);
    trn_bcast_large(s->comm, r * l, MPI_DOUBLE, s->h);
    for (int64_t c = 0; c < r; c++)
        for (int64_t d = 0; d <= c; d++) {
            double sum = 0;
            for (int64_t j = 0; j < l; j++)
                sum += s->h[c * l + j] * s->h[d * l + j];
            s->gram[c * r + d] = s->gram[d * r + c] = sum;
        }
    trn_bcast_large(s->comm, r * r, MPI_DOUBLE, s->gram); /* whatever processors there are */
}

/* The course of the steps on rank 0 to every rank. Collective. */
static trn_status_t spread_course(turn_t *t) {
    trn_snapshots_t *s = t->s;
    t->out->done = s->block.done;
    MPI_Bcast(&t->out->done, 1, MPI_INT64_T, 0, s->comm);
    int64_t count = t->out->done + 1;
    TRN_AGREE(s->comm, trn_alloc(&t->out->course, count, sizeof *t->out->course, "objectives"));
    if (s->block.objective)
        memcpy(t->out->course, s->block.objective, (size_t)count * sizeof(double));
    trn_bcast_large(s->comm, count, MPI_DOUBLE, t->out->course);
    return TRN_OK;
}

/* Collective. */
static trn_status_t factor_block(turn_t *t) {
    trn_snapshots_t *s = t->s;
    trn_status_t status = TRN_OK;
    TRN_TRY(bring_block(t));
    if (s->block.m && t->wanted)
        trn_separated_update(&s->block, t->count, t->place, SWEEPS);
    else if (s->block.m)
        status = s->count == 0 ? trn_separated_factor(&s->block) : trn_separated_go_on(&s->block);
    TRN_AGREE(s->comm, status);
    spread_h(s);
    return t->wanted ? TRN_OK : spread_course(t);
}

/* Rows ------------------------------------------------------------------------------------------
 */

static trn_rows_factor_t factor_of(const trn_snapshots_t *s) {
    return (trn_rows_factor_t){s->options.dim, s->landmarks, s->h, s->gram, s->options.threads};
}

/* Columns of H against all rows, on rank 0; sums as of trn_rows_cross. */
static void move_h(trn_snapshots_t *s, const double *sums, double *x) {
    int64_t r = s->options.dim, l = s->landmarks;
    double *h = x + r;
    for (int64_t j = 0; j < l; j++) {
        for (int64_t c = 0; c < r; c++) {
            x[c] = sums[c * l + j];
            h[c] = s->block.h[c * l + j];
        }
        trn_nonneg_solve(r, sums + r * l, x, TRN_NONNEG_SWEEPS, h);
        for (int64_t c = 0; c < r; c++)
            s->block.h[c * l + j] = h[c];
    }
}

/* H by all rows, all rows by H, in turn. Collective. */
static trn_status_t go_round(turn_t *t) {
    trn_snapshots_t *s = t->s;
    trn_snapshot_t *out = t->out;
    trn_rows_factor_t factor = factor_of(s);
    int64_t r = s->options.dim, width = r * (s->landmarks + r);
    double *sums = NULL, error[2] = {0};
    trn_status_t status =
        trn_alloc(&out->falls, s->options.rounds + 1, sizeof *out->falls, "objectives");
    if (status == TRN_OK) status = trn_alloc(&sums, width + 2 * r, sizeof *sums, "sums over rows");
    TRN_OR(done, trn_agree(s->comm, status));
    TRN_OR(done, trn_rows_error(&t->m, &factor, s->w, error));
    out->falls[0] = error[0];
    for (int64_t i = 0; i < s->options.rounds; i++) {
        TRN_OR(done, trn_rows_cross(&t->m, s->w, s->landmarks, sums));
        if (s->block.h) move_h(s, sums, sums + width);
        spread_h(s);
        TRN_OR(done, trn_agree(s->comm, trn_rows_solve(&t->m, &factor, s->w)));
        TRN_OR(done, trn_rows_error(&t->m, &factor, s->w, error));
        out->falls[++out->rounds] = error[0];
        double fall = out->falls[i] - out->falls[i + 1];
        if (fall <= s->options.tolerance * out->falls[0]) break;
    }
    if (s->block.m) trn_separated_settle(&s->block); /* W of landmarks as their owners have it */
done:
    trn_free(&sums);
    return status;
}

/* Collective. */
static trn_status_t solve_rows(turn_t *t) {
    trn_snapshots_t *s = t->s;
    trn_rows_factor_t factor = factor_of(s);
    double sums[2];
    TRN_AGREE(s->comm, trn_rows_solve(&t->m, &factor, s->w));
    if (!t->wanted) TRN_TRY(go_round(t));
    TRN_TRY(trn_rows_error(&t->m, &factor, s->w, sums));
    t->out->objective = sums[0];
    t->out->squares = 2 * sums[1];
    return TRN_OK;
}

/* Snapshots -------------------------------------------------------------------------------------
 */

/* Who is solved: all with edges, or those that changed the most. Collective. */
static trn_status_t choose_nodes(turn_t *t) {
    trn_snapshots_t *s = t->s;
    trn_changed_t changed;
    for (int64_t i = 0; i < s->n; i++)
        t->out->active += t->degree[i] > 0;
    t->out->changed = t->out->solved = t->out->active;
    if (!s->options.selective || s->count == 0) return TRN_OK;
    TRN_AGREE(s->comm, trn_alloc(&t->wanted, s->own, sizeof *t->wanted, "nodes to solve"));
    TRN_TRY(trn_change_choose(s->comm, s->before, t->a, &s->options.change, t->wanted, &changed));
    t->out->changed = changed.changed;
    t->out->solved = changed.chosen;
    return TRN_OK;
}

/* Windows, landmarks, rows. Collective. */
static trn_status_t solve(turn_t *t) {
    trn_snapshots_t *s = t->s;
    TRN_TRY(trn_windows_degrees(s->comm, t->a, &t->degree));
    if (s->count == 0) TRN_TRY(choose_landmarks(t));
    TRN_TRY(choose_nodes(t));
    TRN_TRY(list_landmarks(t));
    t->windows = (trn_windows_t){.comm = s->comm,
                                 .window = s->options.window,
                                 .threads = s->options.threads,
                                 .a = t->a,
                                 .degree = t->degree,
                                 .cols = s->landmarks,
                                 .landmark = s->landmark};
    TRN_TRY(trn_windows_open(&t->windows));
    t->m.rows = s->own;
    TRN_TRY(trn_pmi_rows_make(&t->m, &t->windows, t->wanted, s->options.parts));
    trn_windows_close(&t->windows);
    TRN_TRY(factor_block(t));
    return solve_rows(t);
}

/* What stays of the snapshot. Local. */
static trn_status_t keep(turn_t *t) {
    trn_snapshots_t *s = t->s;
    trn_snapshot_t *out = t->out;
    int64_t r = s->options.dim, l = s->landmarks;
    TRN_TRY(trn_alloc(&out->label, s->own, sizeof *out->label, "labels"));
    TRN_TRY(trn_alloc(&out->w, s->own * r, sizeof *out->w, "coordinates"));
    TRN_TRY(trn_alloc(&out->h, r * l, sizeof *out->h, "factors of landmarks"));
    memcpy(out->label, s->communities.label, (size_t)s->own * sizeof *out->label);
    memcpy(out->h, s->h, (size_t)(r * l) * sizeof *out->h);
    for (int64_t i = 0; i < s->own; i++)
        for (int64_t c = 0; c < r; c++)
            out->w[i * r + c] = (float)((const double *)s->w.block.data)[i * s->w.block.stride + c];
    out->found = s->communities.found;
    out->placed = s->communities.placed;
    out->spread = s->communities.objective;
    return TRN_OK;
}

trn_status_t trn_snapshots_add(trn_snapshots_t *s, trn_sparse_t **adjacency) {
    trn_status_t status = trn_grow(&s->at, &s->room, s->count + 1, sizeof *s->at, "snapshots");
    turn_t t = {.s = s, .a = *adjacency};
    double began = trn_cpu_seconds();
    if ((status = trn_agree(s->comm, status)) == TRN_OK) {
        t.out = &s->at[s->count];
        *t.out = (trn_snapshot_t){0};
        status = solve(&t);
    }
    double cpu = trn_cpu_seconds() - began;
    MPI_Allreduce(MPI_IN_PLACE, &cpu, 1, MPI_DOUBLE, MPI_SUM, s->comm);
    if (t.out) t.out->cpu_seconds = cpu;
    trn_windows_close(&t.windows);
    trn_pmi_rows_free(&t.m);
    trn_free(&t.degree);
    trn_free(&t.wanted);
    trn_free(&t.place);
    if (status == TRN_OK) status = trn_communities_find(&s->communities, s->w);
    if (status == TRN_OK) status = trn_agree(s->comm, keep(&t));
    if (t.out) s->count++; /* also a half-made one, to be freed */
    trn_sparse_destroy(&s->before);
    s->before = *adjacency;
    *adjacency = NULL;
    return status;
}
