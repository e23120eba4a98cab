/* bench comm: what the message layer does at the sizes the engine uses. */
#include "algo/common/estimate.h"
#include "base/mem.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "mpi/agree.h"

enum { SMALLEST = 8, STEP = 16, BATCH_BYTES = 1 << 20, LONGEST_BATCH = 100 };

/* One case being timed. */
typedef struct exchange {
    MPI_Comm comm;
    int rank, ranks;
    int64_t batch;    /* operations between two looks at the clock */
    int count;        /* numbers in a message */
    double *out, *in; /* [count] */
} exchange_t;

/* Rank 0 and the last one throw a message to and fro; the others look on. */
static trn_status_t ping_pong(void *data) {
    exchange_t *x = data;
    int peer = x->rank == 0 ? x->ranks - 1 : 0;
    if (x->rank != 0 && x->rank != x->ranks - 1) return TRN_OK;
    for (int64_t i = 0; i < x->batch; i++) {
        if (x->rank == 0) MPI_Send(x->out, x->count, MPI_DOUBLE, peer, 0, x->comm);
        MPI_Recv(x->in, x->count, MPI_DOUBLE, peer, 0, x->comm, MPI_STATUS_IGNORE);
        if (x->rank != 0) MPI_Send(x->out, x->count, MPI_DOUBLE, peer, 0, x->comm);
    }
    return TRN_OK;
}

/* Every rank passes a block to the rank below, as the rings of the engine do. */
static trn_status_t shift(void *data) {
    exchange_t *x = data;
    int below = (x->rank + x->ranks - 1) % x->ranks, above = (x->rank + 1) % x->ranks;
    for (int64_t i = 0; i < x->batch; i++) {
        MPI_Request requests[2];
        MPI_Irecv(x->in, x->count, MPI_DOUBLE, above, 0, x->comm, &requests[0]);
        MPI_Isend(x->out, x->count, MPI_DOUBLE, below, 0, x->comm, &requests[1]);
        MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    }
    return TRN_OK;
}

/* Of whole numbers in float64: exact in any order. */
static trn_status_t allreduce(void *data) {
    exchange_t *x = data;
    for (int64_t i = 0; i < x->batch; i++)
        MPI_Allreduce(x->out, x->in, x->count, MPI_DOUBLE, MPI_SUM, x->comm);
    return TRN_OK;
}

/* What number i of the incoming message must be when rank r sends r + i. */
static double expected(const exchange_t *x, trn_status_t (*body)(void *), int i) {
    if (body == ping_pong) return (x->rank == 0 ? x->ranks - 1 : 0) + i;
    if (body == shift) return (x->rank + 1) % x->ranks + i;
    return 0.5 * x->ranks * (x->ranks - 1) + (double)x->ranks * i;
}

static const struct {
    const char *name;
    trn_status_t (*body)(void *data);
    double messages; /* one after the other in one operation */
} operations[] = {{"pingpong", ping_pong, 2}, {"shift", shift, 1}, {"allreduce", allreduce, 1}};
enum { OPERATIONS = sizeof operations / sizeof *operations };

/* Time operation `op` with messages of `bytes`, check what arrived and note the case. Collective.
 */
static trn_status_t run_case(trn_run_t *run, exchange_t *x, int op, int64_t bytes) {
    x->count = (int)(bytes / (int64_t)sizeof *x->out);
    x->batch = BATCH_BYTES / bytes < 1 ? 1 : BATCH_BYTES / bytes;
    if (x->batch > LONGEST_BATCH) x->batch = LONGEST_BATCH;
    for (int i = 0; i < x->count; i++) {
        x->out[i] = x->rank + i;
        x->in[i] = -1;
    }
    double shortest, median;
    TRN_TRY(trn_bench_time(x->comm, trn_params_int(run->params, "repeats"), operations[op].body, x,
                           &shortest, &median));
    bool idle = operations[op].body == ping_pong && x->rank != 0 && x->rank != x->ranks - 1;
    bool wrong = false;
    for (int i = 0; i < x->count && !idle; i++)
        wrong |= x->in[i] != expected(x, operations[op].body, i);
    wrong = trn_any(x->comm, wrong);
    if (run->rank != 0) return trn_agree(x->comm, TRN_OK);
    double per = 1 / ((double)x->batch * operations[op].messages);
    return trn_agree(x->comm,
                     trn_bench_case(run->result, "{s:s,s:I,s:i,s:f,s:f,s:f,s:s}", "operation",
                                    operations[op].name, "bytes", (json_int_t)bytes, "P", x->ranks,
                                    "seconds_min", shortest * per, "seconds_med", median * per,
                                    "MB/s", 1e-6 * (double)bytes / (shortest * per), "verdict",
                                    wrong ? "FAILED" : "PASSED"));
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    (void)ranks, (void)rank;
    trn_ledger_take(ledger, "messages", 2, *(const int64_t *)user); /* out and in */
}

static trn_status_t run(trn_run_t *run) {
    int64_t largest = trn_params_size(run->params, "max-bytes");
    exchange_t x = {.comm = run->comm, .rank = run->rank, .ranks = run->ranks};
    bool dry = trn_params_bool(run->params, "dry-run");
    TRN_TRY(trn_estimate(run->ranks, dry, plan, &largest, run->result));
    if (dry) return TRN_OK;
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    trn_status_t status = trn_alloc(&x.out, largest, 1, "outgoing messages");
    if (status == TRN_OK) status = trn_alloc(&x.in, largest, 1, "incoming messages");
    status = trn_agree(run->comm, status);
    for (int op = 0; op < OPERATIONS; op++) {
        if (operations[op].body == ping_pong && run->ranks == 1) continue; /* nobody to play with */
        for (int64_t bytes = SMALLEST; bytes <= largest && status == TRN_OK; bytes *= STEP)
            status = run_case(run, &x, op, bytes);
    }
    trn_free(&x.out);
    trn_free(&x.in);
    TRN_TRY(status);
    return trn_agree(run->comm, run->rank == 0 ? trn_bench_verdict(run->result) : TRN_OK);
}

static const trn_param_t params[] = {
    {"max-bytes", 0, TRN_PARAM_SIZE, "8M", SMALLEST, 1 << 30,
     .help = "largest message; sizes start at 8 bytes and grow by 16"},
    {"repeats", 0, TRN_PARAM_INT, "20", 1, 1000000,
     .help = "timed runs of each case, after one to warm up"},
    {0}};

const trn_command_t trn_bench_comm = {
    .name = "bench comm",
    .summary = "time messages between ranks: ping-pong, ring shift, allreduce",
    .files = "",
    .description = "Measures the three patterns that the engine's time goes to, checks what "
                   "arrived, and prints one line a case: seconds of one message (ping-pong: one "
                   "way, between the first and the last rank), shortest and median, and the rate "
                   "at which one rank receives.",
    .params = params,
    .run = run,
};
