/* nodes_fit.c: training: groups of labels as tasks, dealt to ranks by what they cost and to threads
 * as these come free. */
#include "algo/graph/eval/nodes_eval_impl.h"

#include "base/mem.h"
#include "kern/train/logistic.h"
#include "mpi/agree.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 200 /* of Newton, where 5 to 15 are usual */ };

int64_t trn_nodes_train(const trn_node_labels_t *labels, double percent) {
    return (int64_t)(percent / 100 * (double)labels->nodes);
}

int64_t trn_nodes_group_first(const trn_nodes_run_t *run, int64_t group) {
    return run->labels->labels * group / run->groups;
}

static int64_t train_of(const trn_nodes_run_t *run, int64_t item) {
    return trn_nodes_train(run->labels, run->how->percent[item % run->how->percents]);
}

void trn_nodes_present(const trn_nodes_run_t *run, int64_t item, uint8_t *present) {
    const trn_node_labels_t *l = run->labels;
    const int32_t *order = run->order + item / run->how->percents * l->nodes;
    int64_t train = train_of(run, item);
    memset(present, 0, (size_t)l->labels);
    for (int64_t i = 0; i < train; i++)
        for (int64_t k = l->start[order[i]]; k < l->start[order[i] + 1]; k++)
            present[l->label[k]] = 1;
}

/* Dealing: every task, the longest first, to the rank that has least so far ----------------------
 */

typedef struct weighed {
    int64_t task, cost;
} weighed_t;

static int longest_first(const void *a, const void *b) {
    const weighed_t *x = a, *y = b;
    if (x->cost != y->cost) return x->cost < y->cost ? 1 : -1;
    return (x->task > y->task) - (x->task < y->task);
}

/* The same on every rank. */
static void deal_out(trn_nodes_run_t *run, weighed_t *task, int64_t *load) {
    for (int64_t i = 0; i < run->tasks; i++) {
        int64_t group = i % run->groups, item = i / run->groups;
        int64_t labels = trn_nodes_group_first(run, group + 1) - trn_nodes_group_first(run, group);
        task[i] = (weighed_t){i, train_of(run, item) * labels};
    }
    qsort(task, (size_t)run->tasks, sizeof *task, longest_first);
    for (int64_t i = 0; i < run->tasks; i++) {
        int least = 0;
        for (int r = 1; r < run->ranks; r++)
            if (load[r] < load[least]) least = r;
        load[least] += task[i].cost;
        if (least == run->rank) run->own[run->count++] = task[i].task;
    }
}

static trn_status_t deal(trn_nodes_run_t *run) {
    weighed_t *task = NULL;
    int64_t *load = NULL;
    trn_status_t status = trn_alloc(&task, run->tasks, sizeof *task, "tasks");
    if (status == TRN_OK) status = trn_alloc_zero(&load, run->ranks, sizeof *load, "tasks");
    if (status == TRN_OK) status = trn_alloc(&run->own, run->tasks, sizeof *run->own, "tasks");
    if (status == TRN_OK) {
        deal_out(run, task, load);
        status = trn_alloc_zero(&run->w, run->count * TRN_LOGISTIC_LABELS * run->d, sizeof *run->w,
                                "weights of labels");
    }
    trn_free(&task);
    trn_free(&load);
    return status;
}

/* Training --------------------------------------------------------------------------------------
 */

/* Of one thread. */
typedef struct desk {
    double *space;  /* trn_logistic_space of the largest task */
    double *w;      /* [TRN_LOGISTIC_LABELS x D] */
    uint8_t *label; /* [TRN_LOGISTIC_LABELS x nodes] */
    trn_nodes_fits_t fits;
    bool infinite;
} desk_t;

static trn_status_t furnish(const trn_nodes_run_t *run, desk_t *desk) {
    int64_t nodes = run->labels->nodes, most = TRN_LOGISTIC_LABELS;
    TRN_TRY(trn_alloc(&desk->space, trn_logistic_space(nodes, run->cols, (int)most),
                      sizeof *desk->space, "space for training"));
    TRN_TRY(trn_alloc(&desk->w, most * run->d, sizeof *desk->w, "space for training"));
    return trn_alloc(&desk->label, most * nodes, sizeof *desk->label, "space for training");
}

/* at[label - first] = where a label of [first, end) lies among those with an example, or -1;
 * label[.. x train] = who has it. Returns how many. */
static int mark(const trn_nodes_run_t *run, int64_t first, int64_t end, const int32_t *order,
                int64_t train, int *at, uint8_t *label) {
    const trn_node_labels_t *l = run->labels;
    int count = 0;
    for (int64_t i = 0; i < end - first; i++)
        at[i] = -1;
    for (int64_t i = 0; i < train; i++)
        for (int64_t k = l->start[order[i]]; k < l->start[order[i] + 1]; k++)
            if (l->label[k] >= first && l->label[k] < end) at[l->label[k] - first] = 0;
    for (int64_t i = 0; i < end - first; i++)
        if (at[i] == 0) at[i] = count++;
    memset(label, 0, (size_t)(count * train));
    for (int64_t i = 0; i < train; i++)
        for (int64_t k = l->start[order[i]]; k < l->start[order[i] + 1]; k++)
            if (l->label[k] >= first && l->label[k] < end)
                label[at[l->label[k] - first] * train + i] = 1;
    return count;
}

/* Weights of labels without an example stay 0, and are not asked for. */
static void fit_task(const trn_nodes_run_t *run, int64_t task, desk_t *desk, double *w) {
    int64_t item = task / run->groups, group = task % run->groups, train = train_of(run, item);
    int64_t first = trn_nodes_group_first(run, group), end = trn_nodes_group_first(run, group + 1);
    const int32_t *order = run->order + item / run->how->percents * run->labels->nodes;
    int at[TRN_LOGISTIC_LABELS];
    int count = mark(run, first, end, order, train, at, desk->label);
    trn_logistic_t l = {.x = run->x,
                        .cols = run->cols,
                        .row = order,
                        .rows = train,
                        .labels = count,
                        .label = desk->label,
                        .c = run->how->c,
                        .tolerance = run->how->tolerance,
                        .steps = STEPS,
                        .basis = run->basis,
                        .values = run->values,
                        .share = (double)train / (double)run->labels->nodes};
    if (count == 0) return;
    trn_logistic_end_t end_of = trn_logistic_fit(&l, desk->space, desk->w);
    for (int64_t i = 0; i < end - first; i++)
        if (at[i] >= 0)
            memcpy(w + i * run->d, desk->w + at[i] * run->d, (size_t)run->d * sizeof *w);
    desk->fits.fits += count;
    desk->fits.products += end_of.products;
    desk->fits.unsettled += end_of.unsettled;
    if (end_of.steps > desk->fits.steps) desk->fits.steps = end_of.steps;
    if (!end_of.finite) desk->infinite = true;
}

/* Every task is one thread's from first to last. */
static void fit_own(const trn_nodes_run_t *run, desk_t *desk, int threads) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (int64_t i = 0; i < run->count; i++) {
        desk_t *mine = &desk[omp_get_thread_num()];
        fit_task(run, run->own[i], mine, run->w + i * TRN_LOGISTIC_LABELS * run->d);
    }
}

static void add_up(MPI_Comm comm, const desk_t *desk, int threads, trn_nodes_fits_t *fits,
                   bool *infinite) {
    for (int t = 0; t < threads; t++) {
        fits->fits += desk[t].fits.fits;
        fits->products += desk[t].fits.products;
        fits->unsettled += desk[t].fits.unsettled;
        if (desk[t].fits.steps > fits->steps) fits->steps = desk[t].fits.steps;
        *infinite = *infinite || desk[t].infinite;
    }
    MPI_Allreduce(MPI_IN_PLACE, fits, 3, MPI_INT64_T, MPI_SUM, comm); /* but steps */
    MPI_Allreduce(MPI_IN_PLACE, &fits->steps, 1, MPI_INT64_T, MPI_MAX, comm);
}

trn_status_t trn_nodes_fit_all(trn_nodes_run_t *run, const char *name, trn_nodes_fits_t *fits) {
    int threads = run->how->threads;
    desk_t *desk = NULL;
    bool infinite = false;
    trn_status_t status = deal(run);
    if (status == TRN_OK) status = trn_alloc_zero(&desk, threads, sizeof *desk, "threads");
    for (int t = 0; t < threads && status == TRN_OK; t++)
        status = furnish(run, &desk[t]);
    status = trn_agree(run->comm, status);
    *fits = (trn_nodes_fits_t){0};
    if (status == TRN_OK) {
        fit_own(run, desk, threads);
        add_up(run->comm, desk, threads, fits, &infinite);
        status =
            trn_agree(run->comm, !infinite ? TRN_OK
                                           : trn_fail(TRN_NUMERIC,
                                                      "%s: numbers too large to train on; scale "
                                                      "its rows or columns (transform --scale)",
                                                      name));
    }
    for (int t = 0; t < threads && desk; t++) {
        trn_free(&desk[t].space);
        trn_free(&desk[t].w);
        trn_free(&desk[t].label);
    }
    trn_free(&desk);
    return status;
}
