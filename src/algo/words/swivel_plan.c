/* swivel_plan.c: the memory of a training, as its modules allocate: the state (swivel_state.c), the
 * counts (swivel_load.c), results and checkpoints (swivel_save.c). */
#include "algo/common/estimate.h"
#include "algo/words/swivel_state.h"
#include "base/mem.h"
#include "kern/dense/blas.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

enum { VECTOR = sizeof(float), CELL = sizeof(trn_swivel_cell_t) };

typedef struct job {
    const trn_swivel_options_t *options;
    trn_swivel_use_t use;
    int64_t words, nonzeros, blocks, shard;
    int64_t *cells; /* [blocks]: counts of the rows of a block */
} job_t;

/* Words are rows of block (word mod blocks). A file that lies about them is refused when it is
 * loaded. */
static trn_status_t count_cells(trn_store_t *counts, job_t *job) {
    enum { PIECE = 1 << 15 };
    int64_t *starts, most = job->words;
    TRN_TRY(trn_alloc_zero(&job->cells, job->blocks, sizeof *job->cells, "counts of blocks"));
    TRN_TRY(trn_alloc(&starts, PIECE + 1, sizeof *starts, "row pointers"));
    trn_status_t status = TRN_OK;
    for (int64_t first = 0; first < most && status == TRN_OK; first += PIECE) {
        int64_t rows = most - first < PIECE ? most - first : PIECE;
        status = trn_store_read(counts, "/row_ptr", first, rows + 1, starts);
        for (int64_t i = 0; i < rows && status == TRN_OK; i++) {
            int64_t cells = starts[i + 1] - starts[i];
            if (cells > 0 && cells <= job->nonzeros) job->cells[(first + i) % job->blocks] += cells;
        }
    }
    trn_free(&starts);
    return status;
}

/* Bytes of `rows` vectors. */
static int64_t vectors(const job_t *job, int64_t rows) {
    return trn_ledger_bytes(trn_ledger_bytes(rows, job->options->dim), VECTOR);
}

/* Values and accumulators of rows and columns; a column block more, which is on its way; biases. */
static void take_state(trn_ledger_t *ledger, const job_t *job, int64_t own) {
    int64_t travelling = own == 0 || own == job->blocks ? own : own + 1;
    trn_ledger_take(ledger, "vectors", 2 * (own + travelling), vectors(job, job->shard));
    trn_ledger_take(ledger, "vectors", (own + job->blocks) * job->shard, sizeof(float));
    trn_ledger_take(ledger, "cells", own * job->blocks + 1, sizeof(int64_t));
    trn_ledger_take(ledger, "scratch",
                    job->use.threads * trn_swivel_scratch(job->shard, job->options->dim),
                    sizeof(float));
}

/* All pieces of the ranks reach one together at most once over; a quarter is to spare. */
static void load_plan(trn_ledger_t *ledger, const job_t *job, int ranks, int64_t first,
                      int64_t own) {
    enum { COUNT = 8, READ = 4 + 8 + COUNT /* column, value, as sent */, QUARTER = 4 };
    int64_t share = (job->nonzeros + ranks - 1) / ranks, cells = 0, largest = 0;
    int64_t piece = share < TRN_SWIVEL_PIECE ? share : TRN_SWIVEL_PIECE;
    int64_t came = (int64_t)((double)piece * (double)own / (double)job->blocks * ranks) + 1;
    for (int64_t block = first; block < first + own; block++) {
        cells += job->cells[block];
        if (job->cells[block] > largest) largest = job->cells[block];
    }
    trn_ledger_pass(ledger, "loading", job->words, sizeof(double)); /* marginals */
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "loading", job->words + own * job->shard + 2, sizeof(int64_t));
    trn_ledger_take(ledger, "loading", piece, READ);
    trn_ledger_take(ledger, "loading", came + came / QUARTER, COUNT);
    trn_ledger_take(ledger, "loading", trn_store_open_bytes(), 1);
    trn_ledger_take(ledger, "cells", cells, CELL);
    trn_ledger_pass(ledger, "loading", largest, CELL);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "cells", cells, CELL);
}

/* How fast BLAS is, and what it packs (kern/dense/blas.c). */
static void train_plan(trn_ledger_t *ledger, const job_t *job) {
    enum { N = 1024 /* trn_blas_ceiling */ };
    int64_t terms = job->options->dim > N ? job->options->dim : N;
    trn_ledger_take(ledger, "libraries", job->use.threads, trn_blas_bytes(VECTOR, N, terms));
    trn_ledger_pass(ledger, "scratch", 3 * N * N, sizeof(float));
}

/* A batch of words: R and C as sent and as received, and R + C. A checkpoint that is written behind
 * holds a copy of what this rank writes of it. */
static void save_plan(trn_ledger_t *ledger, const job_t *job, int ranks, int rank, int64_t own) {
    enum { STRING = 128 /* as HDF5 holds a word while it is written */ };
    int64_t groups = TRN_SWIVEL_BATCH_BYTES / vectors(job, job->blocks);
    if (groups > job->shard) groups = job->shard;
    if (groups < 1) groups = 1;
    int64_t band =
        trn_part_start(job->words, ranks, rank + 1) - trn_part_start(job->words, ranks, rank);
    int64_t heaps = job->words * STRING;
    if (heaps > trn_store_strings_bytes()) heaps = trn_store_strings_bytes();
    int64_t mine = band < groups * job->blocks ? band : groups * job->blocks;
    int64_t state = vectors(job, 4 * own * job->shard), embedding = vectors(job, band);
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "saving", vectors(job, 2 * groups * own + 3 * mine), 1);
    if (!job->use.save_behind) state = 0; /* written from where it is */
    trn_ledger_take(ledger, "saving", trn_store_write_bytes(embedding + state), 1);
    trn_ledger_take(ledger, "saving", trn_store_open_bytes(), 1);
    if (rank == 0) trn_ledger_take(ledger, "saving", heaps, 1);
    if (job->use.save_behind) trn_ledger_take(ledger, "saving", embedding + state, 1);
    trn_ledger_back(ledger, &before);
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    int64_t first = trn_part_start(job->blocks, ranks, rank);
    int64_t own = trn_part_start(job->blocks, ranks, rank + 1) - first;
    take_state(ledger, job, own);
    load_plan(ledger, job, ranks, first, own);
    train_plan(ledger, job);
    save_plan(ledger, job, ranks, rank, own);
}

trn_status_t trn_swivel_estimate(MPI_Comm comm, trn_store_t *counts,
                                 const trn_swivel_options_t *options, const trn_swivel_use_t *use,
                                 json_t *result) {
    job_t job = {.options = options, .use = *use};
    int ranks;
    MPI_Comm_size(comm, &ranks);
    trn_store_has(counts, "/row_sums", NULL, &job.words, NULL);
    trn_store_has(counts, "/col", NULL, &job.nonzeros, NULL);
    job.blocks = (job.words + options->shard - 1) / options->shard;
    if (job.blocks < 1) return TRN_OK; /* no words: training says so */
    job.shard = (job.words + job.blocks - 1) / job.blocks;
    trn_status_t status = trn_agree(comm, count_cells(counts, &job));
    if (status == TRN_OK) status = trn_estimate(ranks, use->dry, plan, &job, result);
    trn_free(&job.cells);
    return status;
}
