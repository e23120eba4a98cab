/* Swivel's promise: the same bits on any number of ranks and threads, and after any stop. */
#include "algo/words/swivel_state.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/signal.h"
#include "harness.h"
#include "mpi/dist.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS = 101, DIM = 10 };

static char counts_path[96], output_path[96], checkpoint_path[96];

/* A symmetric matrix of counts, about half of it observed; `bad` spoils one value. */
static double count_of(int64_t i, int64_t j) {
    uint32_t words[4];
    int64_t low = i < j ? i : j, high = i < j ? j : i;
    trn_rng_words(5, (uint64_t)low, (uint32_t)high, 0, TRN_RNG_TEST, words);
    if (i != j && words[0] % 2) return 0;
    return 0.1 + (double)(words[1] % 1000) / (double)(1 + low + high);
}

static trn_status_t write_counts(MPI_Comm on, double spoil) {
    static double value[WORDS * WORDS], sums[WORDS];
    static int32_t col[WORDS * WORDS];
    static int64_t row_ptr[WORDS + 1];
    static char names[WORDS][8];
    const char *vocabulary[WORDS];
    int64_t n = 0;
    int here;
    for (int64_t i = 0; i < WORDS; i++) {
        sums[i] = 0;
        for (int64_t j = 0; j < WORDS; j++) {
            double x = count_of(i, j);
            if (x == 0) continue;
            col[n] = (int32_t)j;
            sums[i] += value[n++] = x;
        }
        row_ptr[i + 1] = n;
        snprintf(names[i], sizeof names[i], "w%d", (int)i);
        vocabulary[i] = names[i];
    }
    if (spoil != 0) value[n / 2] = spoil;
    trn_store_t *store;
    TRN_TRY(trn_store_create(&store, on, counts_path, "cooccurrence", "test", NULL, 0));
    trn_store_strings(store, "/vocab", WORDS, vocabulary);
    trn_store_dataset(store, "/row_sums", TRN_F64, WORDS, 0);
    trn_store_dataset(store, "/col_sums", TRN_F64, WORDS, 0);
    trn_store_dataset(store, "/row_ptr", TRN_I64, WORDS + 1, 0);
    trn_store_dataset(store, "/col", TRN_I32, n, 0);
    trn_store_dataset(store, "/value", TRN_F64, n, 0);
    trn_status_t status = trn_store_begin(store);
    MPI_Comm_rank(on, &here);
    if (here == 0 && status == TRN_OK) {
        trn_store_write(store, "/row_sums", 0, WORDS, sums);
        trn_store_write(store, "/col_sums", 0, WORDS, sums);
        trn_store_write(store, "/row_ptr", 0, WORDS + 1, row_ptr);
        trn_store_write(store, "/col", 0, n, col);
        trn_store_write(store, "/value", 0, n, value);
    }
    return trn_store_commit_replace(&store, status);
}

static trn_swivel_options_t options(int64_t shard, trn_optimizer_t optimiser) {
    return (trn_swivel_options_t){.dim = DIM,
                                  .epochs = 2,
                                  .shard = shard,
                                  .optimiser = optimiser,
                                  .rate = 0.3,
                                  .final_rate = 0.1,
                                  .decay = 0.1,
                                  .accumulator = 0.1,
                                  .base = 0.1,
                                  .scale = 0.25,
                                  .exponent = 0.5,
                                  .seed = 9};
}

static trn_status_t train(MPI_Comm on, const trn_swivel_options_t *o, int threads,
                          trn_swivel_report_t *report) {
    trn_trainer_run_t run = {
        .checkpoint = checkpoint_path, .resume = TRN_RESUME_AUTO, .created_by = "test"};
    trn_store_t *counts;
    TRN_TRY(trn_store_open(&counts, on, counts_path, "cooccurrence"));
    trn_status_t status = trn_swivel_train(on, counts, o, &run, threads, output_path, report);
    trn_store_close(&counts);
    return status;
}

/* Ranks [0, size) of the tests' communicator; MPI_COMM_NULL elsewhere. */
static MPI_Comm part(int size) {
    MPI_Comm on;
    MPI_Comm_split(comm, rank < size ? 0 : MPI_UNDEFINED, rank, &on);
    return on;
}

static void read_vectors(float *vectors) {
    trn_store_t *store = NULL;
    CHECK_OK(trn_store_open(&store, MPI_COMM_SELF, output_path, "embedding"));
    if (!store) return;
    CHECK_OK(trn_store_read(store, "/embedding", 0, WORDS, vectors));
    trn_store_close(&store);
}

static void name_files(void) {
    /* Memory, where there is some: hundreds of small stores, each synced to disk. */
    const char *directory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : ".";
    int pid = (int)getpid();
    MPI_Bcast(&pid, 1, MPI_INT, 0, comm);
    snprintf(counts_path, sizeof counts_path, "%s/swivel-%d-x.h5", directory, pid);
    snprintf(output_path, sizeof output_path, "%s/swivel-%d-e.h5", directory, pid);
    snprintf(checkpoint_path, sizeof checkpoint_path, "%s/swivel-%d-c.h5", directory, pid);
}

static void remove_files(void) {
    MPI_Barrier(comm);
    if (rank > 0) return;
    remove(counts_path);
    remove(output_path);
    trn_checkpoint_remove(MPI_COMM_SELF, checkpoint_path);
}

/* Train on `size` ranks and compare with `wanted`, bit for bit; size 0 fills `wanted`. */
static void train_and_compare(int size, const trn_swivel_options_t *o, int threads, float *wanted) {
    static float got[WORDS * DIM];
    trn_swivel_report_t report = {0};
    MPI_Comm on = part(size ? size : 1);
    if (on != MPI_COMM_NULL) {
        CHECK_OK(train(on, o, threads, &report));
        CHECK(isfinite(report.loss) && report.loss > 0);
        MPI_Comm_free(&on);
    }
    if (rank == 0) read_vectors(size ? got : wanted);
    if (rank == 0 && size) CHECK(memcmp(got, wanted, sizeof got) == 0);
    MPI_Barrier(comm);
}

static void same_bits(void) {
    static float wanted[WORDS * DIM];
    static const int64_t shards[] = {WORDS, 50, 13, 4, 1};
    name_files();
    CHECK_OK(write_counts(comm, 0));
    for (int s = 0; s < 5; s++) {
        trn_swivel_options_t o = options(shards[s], s == 2 ? TRN_RMSPROP : TRN_ADAGRAD);
        train_and_compare(0, &o, 1, wanted);
        train_and_compare(1, &o, 3, wanted);
        if (ranks > 1) train_and_compare(ranks, &o, 1 + s % 2, wanted);
    }
    remove_files();
}

/* Stop after every single round, each time on another number of ranks. */
/* Cells lie by row and column within their shard, however many ranks read them in however many
 * pieces: rows that two ranks share, or two pieces, included. */
static void cells_are_in_order(void) {
    trn_store_t *store = NULL;
    trn_swivel_state_t *state = NULL;
    trn_swivel_options_t o = options(23, TRN_ADAGRAD);
    CHECK_OK(write_counts(comm, 0));
    CHECK_OK(trn_store_open(&store, comm, counts_path, "cooccurrence"));
    if (!harness_well()) return;
    for (int64_t piece = 1; piece < 5000; piece *= 17) {
        CHECK_OK(trn_swivel_state_create(&state, comm, WORDS, &o, 1));
        if (!harness_well()) return;
        trn_store_has(store, "/col", NULL, &state->nonzeros, NULL);
        CHECK_OK(trn_swivel_load(state, store, piece));
        if (!harness_well()) return;
        const trn_swivel_cell_t *cell = state->cells;
        int64_t k = state->blocks, wrong = 0;
        for (int64_t shard = 0; shard < state->own * k; shard++) {
            wrong += state->shard_start[shard] != cell - state->cells;
            for (int64_t i = 0; i < state->shard; i++)
                for (int64_t j = 0; j < state->shard; j++) {
                    int64_t row = i * k + state->first + shard / k, col = j * k + shard % k;
                    double x = row < WORDS && col < WORDS ? count_of(row, col) : 0;
                    if (x == 0) continue;
                    wrong += cell->row != i || cell->col != j ||
                             cell->log_count != logf((float)x) ||
                             cell->weight != 0.1F + 0.25F * sqrtf((float)x);
                    cell++;
                }
        }
        CHECK_EQUAL(wrong, 0);
        CHECK_EQUAL(state->shard_start[state->own * k], cell - state->cells);
        trn_swivel_state_destroy(&state);
    }
    trn_store_close(&store);
    CHECK_EQUAL(trn_mem_now(), 0);
}

static void stop_and_resume(void) {
    static float wanted[WORDS * DIM], got[WORDS * DIM];
    name_files();
    CHECK_OK(write_counts(comm, 0));
    trn_swivel_options_t o = options(13, TRN_ADAGRAD);
    train_and_compare(0, &o, 1, wanted);
    int stops = 0, finished = 0;
    while (!finished && stops < 100) {
        MPI_Comm on = part(1 + stops % ranks);
        trn_status_t status = TRN_OK;
        if (on != MPI_COMM_NULL) {
            trn_swivel_report_t report;
            trn_signal_set_stop(rank == 0 ? SIGUSR1 : 0); /* one rank's wish is enough */
            status = train(on, &o, 1, &report);
            trn_signal_set_stop(0);
            MPI_Comm_free(&on);
        }
        MPI_Bcast(&status, 1, MPI_INT, 0, comm);
        CHECK(status == TRN_OK || status == TRN_STOPPED);
        finished = status != TRN_STOPPED;
        stops++;
    }
    CHECK_EQUAL(stops, 2 * ((WORDS + 12) / 13)); /* rounds of two epochs; the last is no stop */
    if (rank == 0) read_vectors(got);
    if (rank == 0) CHECK(memcmp(got, wanted, sizeof got) == 0);
    if (rank == 0) CHECK(access(checkpoint_path, F_OK) != 0); /* removed after success */
    remove_files();
}

static void other_settings(void) {
    trn_swivel_report_t report;
    name_files();
    CHECK_OK(write_counts(comm, 0));
    trn_swivel_options_t o = options(13, TRN_ADAGRAD);
    trn_signal_set_stop(SIGUSR1);
    CHECK_EQUAL(train(comm, &o, 1, &report), TRN_STOPPED);
    trn_signal_set_stop(0);
    o.seed++;
    CHECK_EQUAL(train(comm, &o, 1, &report), TRN_USAGE);
    CHECK(strstr(trn_message(), "other settings") != NULL);
    remove_files();
}

static void diverges(void) {
    trn_swivel_report_t report;
    name_files();
    CHECK_OK(write_counts(comm, 0));
    trn_swivel_options_t o = options(13, TRN_ADAGRAD);
    o.rate = 1e30;
    CHECK_EQUAL(train(comm, &o, 1, &report), TRN_NUMERIC);
    if (rank == 0) CHECK(access(output_path, F_OK) != 0);
    remove_files();
}

static void bad_counts(void) {
    static const double spoils[] = {-1, NAN, INFINITY};
    trn_swivel_report_t report;
    name_files();
    trn_swivel_options_t o = options(13, TRN_ADAGRAD);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(write_counts(comm, spoils[i]));
        CHECK_EQUAL(train(comm, &o, 1, &report), TRN_INPUT);
    }
    remove_files();
}

static trn_status_t train_once(void *options) {
    trn_swivel_report_t report;
    return train(comm, options, 2, &report);
}

static void no_memory(void) {
    if (ranks > 3) return; /* first, middle and last rank are there; more ranks take minutes */
    name_files();
    CHECK_OK(write_counts(comm, 0));
    trn_swivel_options_t o = options(40, TRN_ADAGRAD);
    o.epochs = 1;
    harness_inject(train_once, &o);
    remove_files();
}

HARNESS_MAIN({"same bits", same_bits}, {"cells are in order", cells_are_in_order},
             {"stop and resume", stop_and_resume}, {"other settings", other_settings},
             {"diverges", diverges}, {"bad counts", bad_counts}, {"no memory", no_memory})
