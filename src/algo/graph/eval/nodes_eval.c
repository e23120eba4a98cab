/* nodes_eval.c: orders of nodes and a basis for training, then all items. */
#include "algo/graph/eval/nodes_eval_impl.h"

#include "base/mem.h"
#include "base/rng.h"
#include "kern/dense/lapack.h"
#include "kern/dense/syrk.h"
#include "kern/train/logistic.h"
#include "mpi/agree.h"
#include "mpi/large.h"

#include <math.h>

/* That every percentage leaves nodes on either side. */
static trn_status_t check(const trn_node_labels_t *labels, const trn_nodes_how_t *how) {
    for (int i = 0; i < how->percents; i++) {
        int64_t train = trn_nodes_train(labels, how->percent[i]);
        if (train < 1 || train >= labels->nodes)
            return trn_fail(TRN_INPUT,
                            "--percent %g: of %lld nodes with labels that leaves %lld to "
                            "train on and %lld to test; both must be some",
                            how->percent[i], (long long)labels->nodes, (long long)train,
                            (long long)(labels->nodes - train));
    }
    return TRN_OK;
}

/* Splits of neighboring seeds have nothing in common: each is a permutation of its own key. */
static void make_order(trn_nodes_run_t *run) {
    int64_t nodes = run->labels->nodes;
    for (int split = 0; split < run->how->splits; split++) {
        int32_t *order = run->order + split * nodes;
        uint32_t key[4];
        trn_rng_words(run->how->seed, (uint64_t)split, 0, 0, TRN_RNG_SPLIT, key);
        uint64_t seed = (uint64_t)key[0] << 32 | key[1];
        for (int64_t i = 0; i < nodes; i++)
            order[i] = (int32_t)(run->how->order ? run->how->order[split * nodes + i]
                                                 : trn_rng_permuted(seed, nodes, i));
    }
}

/* Rank 0: basis = (x, 1)^T (x, 1), whole. */
static void multiply(const trn_nodes_run_t *run) {
    int64_t d = run->d, nodes = run->labels->nodes;
    double *last = run->basis + run->cols * d;
    trn_syrk(&(trn_syrk_t){.type = TRN_F64,
                           .n = run->cols,
                           .cols = run->cols,
                           .k = nodes,
                           .alpha = 1,
                           .a = run->x,
                           .lda = run->cols,
                           .c = run->basis,
                           .ldc = d,
                           .threads = run->how->threads});
    for (int64_t k = 0; k < run->cols; k++)
        last[k] = 0;
    for (int64_t i = 0; i < nodes; i++)
        for (int64_t k = 0; k < run->cols; k++)
            last[k] += run->x[i * run->cols + k];
    last[run->cols] = (double)nodes;
    trn_mirror(TRN_F64, d, run->basis, d);
}

static bool finite(const double *values, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

/* Eigenvectors on rank 0, for all. Training does without them if there are none. Collective. */
static trn_status_t find_basis(trn_nodes_run_t *run) {
    int64_t d = run->d;
    double *work = NULL;
    int found = 0;
    if (d > TRN_NODES_BASIS) return TRN_OK;
    trn_status_t status = trn_alloc(&run->basis, d * d, sizeof *run->basis, "eigenvectors");
    if (status == TRN_OK) status = trn_alloc(&run->values, d, sizeof *run->values, "eigenvalues");
    if (status == TRN_OK && run->rank == 0)
        status = trn_alloc(&work, trn_lapack_eig_work(d), sizeof *work, "eigenvectors");
    status = trn_agree(run->comm, status);
    if (status == TRN_OK && run->rank == 0) {
        multiply(run);
        found = finite(run->basis, d * d) && trn_lapack_eig(d, run->basis, run->values, work);
    }
    trn_free(&work);
    if (status != TRN_OK) return status;
    MPI_Bcast(&found, 1, MPI_INT, 0, run->comm);
    if (!found) {
        trn_free(&run->basis);
        return TRN_OK;
    }
    trn_bcast_large(run->comm, d * d, MPI_DOUBLE, run->basis);
    trn_bcast_large(run->comm, d, MPI_DOUBLE, run->values);
    return TRN_OK;
}

/* How many tasks there are. */
static void number(trn_nodes_run_t *run) {
    run->groups = (run->labels->labels + TRN_LOGISTIC_LABELS - 1) / TRN_LOGISTIC_LABELS;
    run->items = (int64_t)run->how->splits * run->how->percents;
    run->tasks = run->items * run->groups;
}

trn_status_t trn_nodes_eval(const trn_node_labels_t *labels, MPI_Comm comm, const double *x,
                            int64_t cols, const trn_nodes_how_t *how, const char *name,
                            trn_nodes_score_t *score, trn_nodes_fits_t *fits) {
    trn_nodes_run_t run = {
        .labels = labels, .how = how, .x = x, .cols = cols, .d = cols + 1, .comm = comm};
    TRN_TRY(check(labels, how));
    MPI_Comm_rank(comm, &run.rank);
    MPI_Comm_size(comm, &run.ranks);
    number(&run);
    trn_status_t status = trn_agree(comm, trn_alloc(&run.order, how->splits * labels->nodes,
                                                    sizeof *run.order, "orders of nodes"));
    TRN_OR(done, status);
    make_order(&run);
    TRN_OR(done, find_basis(&run));
    TRN_OR(done, trn_nodes_fit_all(&run, name, fits));
    for (int64_t i = 0; i < run.items && status == TRN_OK; i++)
        status = trn_nodes_count(&run, i, &score[i]);
done:
    trn_free(&run.order);
    trn_free(&run.basis);
    trn_free(&run.values);
    trn_free(&run.own);
    trn_free(&run.w);
    return status;
}

void trn_nodes_eval_plan(trn_ledger_t *ledger, const trn_node_labels_t *labels, int64_t cols,
                         const trn_nodes_how_t *how, int ranks, int rank) {
    trn_nodes_run_t run = {.labels = labels, .how = how};
    trn_ledger_t before = *ledger;
    int64_t d = cols + 1, most = TRN_LOGISTIC_LABELS, nodes = labels->nodes;
    number(&run);
    trn_ledger_take(ledger, "orders", how->splits * nodes, sizeof(int32_t));
    if (d <= TRN_NODES_BASIS) {
        trn_ledger_take(ledger, "eigenvectors", (d + 1) * d, sizeof(double));
        if (rank == 0) trn_ledger_pass(ledger, "eigenvectors", trn_lapack_eig_work(d), 8);
    }
    /* Tasks are dealt by what they cost, which their percentages decide. */
    int64_t own = how->percents > 1 ? run.tasks : (run.tasks + ranks - 1) / ranks;
    trn_ledger_take(ledger, "weights", own * most * d, sizeof(double));
    trn_ledger_t trained = *ledger;
    trn_ledger_take(ledger, "training",
                    how->threads * (trn_logistic_space(nodes, cols, (int)most) + most * d), 8);
    trn_ledger_take(ledger, "training", how->threads * most * nodes, 1);
    trn_ledger_back(ledger, &trained);
    trn_ledger_take(ledger, "scores", labels->labels * d, sizeof(double));
    trn_ledger_take(ledger, "scores", how->threads * (labels->labels + d) * 128, sizeof(double));
    trn_ledger_back(ledger, &before);
}
