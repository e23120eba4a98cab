/* The counter must be exact, or tests of words moved mean nothing. */
#include "mpi/trace.h"

#include "harness.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int64_t sent_before, received_before;

static void start_counting(void) {
    trn_trace_bytes(&sent_before, &received_before, NULL);
}

/* What was counted since must be this, and over all ranks sent must equal received. */
static void expect(int64_t sent, int64_t received, int line) {
    int64_t now[2], both[2];
    trn_trace_bytes(&now[0], &now[1], NULL);
    both[0] = now[0] -= sent_before;
    both[1] = now[1] -= received_before;
    char text[128];
    snprintf(text, sizeof text, "sent %lld (not %lld), received %lld (not %lld)", (long long)now[0],
             (long long)sent, (long long)now[1], (long long)received);
    harness_check(now[0] == sent && now[1] == received, __FILE__, line, text);
    PMPI_Allreduce(MPI_IN_PLACE, both, 2, MPI_INT64_T, MPI_SUM, comm);
    harness_check(both[0] == both[1], __FILE__, line, "sent differs from received over all ranks");
}

#define EXPECT(sent, received) expect(sent, received, __LINE__)

static double out[1000], in[1000];

static void messages(void) {
    int next = (rank + 1) % ranks, before = (rank + ranks - 1) % ranks;
    start_counting();
    MPI_Request requests[2];
    MPI_Irecv(in, 10, MPI_DOUBLE, before, 1, comm, &requests[0]);
    MPI_Isend(out, 10, MPI_DOUBLE, next, 1, comm, &requests[1]);
    int flag;
    MPI_Testall(2, requests, &flag, MPI_STATUSES_IGNORE);
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    EXPECT(80, 80);

    start_counting(); /* received is what came, not the room for it; nobody gets nothing */
    int to = rank + 1 < ranks ? rank + 1 : MPI_PROC_NULL, from = rank ? rank - 1 : MPI_PROC_NULL;
    MPI_Sendrecv(out, 3, MPI_FLOAT, to, 2, in, 900, MPI_FLOAT, from, 2, comm, MPI_STATUS_IGNORE);
    EXPECT(rank + 1 < ranks ? 12 : 0, rank ? 12 : 0);

    start_counting();
    if (rank > 0)
        MPI_Send(out, rank, MPI_CHAR, 0, 3, comm);
    else
        for (int r = 1; r < ranks; r++)
            MPI_Recv(in, 1000, MPI_CHAR, MPI_ANY_SOURCE, 3, comm, MPI_STATUS_IGNORE);
    EXPECT(rank, rank ? 0 : ranks * (ranks - 1) / 2);
}

static void equal_collectives(void) {
    int root = ranks - 1, others = ranks - 1;
    bool rooted = rank == root;
    start_counting();
    MPI_Bcast(out, 5, MPI_DOUBLE, root, comm);
    EXPECT(rooted ? 40 * others : 0, rooted ? 0 : 40);
    start_counting();
    MPI_Reduce(out, in, 5, MPI_DOUBLE, MPI_SUM, root, comm);
    EXPECT(rooted ? 0 : 40, rooted ? 40 * others : 0);
    start_counting();
    MPI_Allreduce(out, in, 5 * ranks, MPI_DOUBLE, MPI_SUM, comm);
    EXPECT(80 * others, 80 * others);
    start_counting();
    MPI_Allgather(out, 2, MPI_INT, in, 2, MPI_INT, comm);
    MPI_Alltoall(out, 1, MPI_INT, in, 1, MPI_INT, comm);
    MPI_Reduce_scatter_block(out, in, 1, MPI_INT, MPI_SUM, comm);
    EXPECT(16 * others, 16 * others);
    start_counting();
    MPI_Gather(out, 2, MPI_INT, in, 2, MPI_INT, root, comm);
    EXPECT(rooted ? 0 : 8, rooted ? 8 * others : 0);
    start_counting();
    MPI_Scatter(out, 2, MPI_INT, in, 2, MPI_INT, root, comm);
    EXPECT(rooted ? 8 * others : 0, rooted ? 0 : 8);
    start_counting();
    MPI_Scan(out, in, 1, MPI_DOUBLE, MPI_SUM, comm);
    MPI_Exscan(out, in, 1, MPI_DOUBLE, MPI_SUM, comm);
    EXPECT(rank < others ? 16 : 0, rank ? 16 : 0);
    start_counting();
    MPI_Barrier(comm);
    EXPECT(0, 0);
}

/* Rank r's share is r + 1 elements. */
static void uneven_collectives(void) {
    int counts[64], places[64], ones[64], total = 0, others = ranks - 1, mine = rank + 1;
    for (int r = 0; r < ranks; r++) {
        counts[r] = r + 1;
        places[r] = total;
        ones[r] = mine;
        total += r + 1;
    }
    start_counting();
    MPI_Allgatherv(out, mine, MPI_INT, in, counts, places, MPI_INT, comm);
    EXPECT(4 * mine * others, 4 * (total - mine));
    start_counting();
    MPI_Reduce_scatter(out, in, counts, MPI_INT, MPI_SUM, comm);
    EXPECT(4 * (total - mine), 4 * mine * others);
    start_counting();
    MPI_Gatherv(out, mine, MPI_INT, in, counts, places, MPI_INT, 0, comm);
    EXPECT(rank ? 4 * mine : 0, rank ? 0 : 4 * (total - mine));
    start_counting();
    MPI_Scatterv(out, counts, places, MPI_INT, in, mine, MPI_INT, 0, comm);
    EXPECT(rank ? 0 : 4 * (total - mine), rank ? 4 * mine : 0);
    start_counting(); /* to every rank as much as it is used to give */
    MPI_Alltoallv(out, counts, places, MPI_INT, in, ones, places, MPI_INT, comm);
    EXPECT(4 * (total - mine), 4 * mine * others);
}

static json_t *phase_named(const json_t *totals, const char *name) {
    size_t i;
    json_t *phase;
    json_array_foreach(json_object_get(totals, "phases"), i, phase) {
        if (strcmp(json_string_value(json_object_get(phase, "phase")), name) == 0) return phase;
    }
    return NULL;
}

static int64_t number(const json_t *phase, const char *key) {
    return json_integer_value(json_object_get(phase, key));
}

/* Phases nest; what is inside counts for the innermost; ranks may have different phases. */
static void work(void) {
    trn_trace_enable(true);
    trn_trace_begin("outer");
    MPI_Allreduce(out, in, ranks, MPI_DOUBLE, MPI_SUM, comm);
    for (int i = 0; i < 3; i++) {
        trn_trace_begin("inner");
        MPI_Bcast(out, 1, MPI_DOUBLE, 0, comm);
        trn_trace_end();
    }
    if (rank == ranks - 1) {
        trn_trace_begin("last rank only");
        trn_trace_end();
    }
    trn_trace_end();
}

static void check_totals(const json_t *totals) {
    json_t *outer = phase_named(totals, "outer"), *inner = phase_named(totals, "inner");
    CHECK_EQUAL(number(outer, "calls"), ranks);
    CHECK_EQUAL(number(outer, "sent"), 16 * (ranks - 1) * ranks);
    CHECK_EQUAL(number(inner, "calls"), 3 * ranks);
    CHECK_EQUAL(number(inner, "sent"), 24 * (ranks - 1));
    CHECK_EQUAL(number(inner, "received_most"), ranks > 1 ? 24 : 0);
    CHECK(phase_named(totals, "last rank only") != NULL);
    double seconds = json_real_value(json_object_get(outer, "seconds_most"));
    CHECK(seconds > 0);
    CHECK(seconds >= json_real_value(json_object_get(inner, "seconds_most")));
    CHECK(seconds >= json_real_value(json_object_get(outer, "mpi_seconds_mean")));
}

static void phases(void) {
    work();
    json_t *totals = rank == 0 ? json_object() : NULL;
    CHECK_OK(trn_trace_totals(comm, totals));
    if (rank == 0) check_totals(totals);
    json_decref(totals);
}

static void check_events(const json_t *trace) {
    int outer = 0, inner = 0;
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(trace, "traceEvents"), i, event) {
        const char *name = json_string_value(json_object_get(event, "name"));
        int64_t pid = json_integer_value(json_object_get(event, "pid"));
        CHECK(name && pid >= 0 && pid < ranks);
        outer += strcmp(name, "outer") == 0;
        inner += strcmp(name, "inner") == 0;
    }
    CHECK_EQUAL(outer, ranks);
    CHECK_EQUAL(inner, 3 * ranks);
    check_totals(json_object_get(trace, "otherData"));
}

static void file(void) {
    FILE *stream = rank == 0 ? tmpfile() : NULL;
    if (rank == 0 && !CHECK(stream != NULL)) return;
    work();
    CHECK_OK(trn_trace_write(comm, stream));
    if (rank > 0) return;
    rewind(stream);
    json_t *trace = json_loadf(stream, 0, NULL);
    if (CHECK(trace != NULL)) check_events(trace);
    json_decref(trace);
    fclose(stream);
}

/* What cannot be written shows in the stream's flag, and hinders no rank. */
static void full_disk(void) {
    FILE *stream = rank == 0 ? fopen("/dev/full", "w") : NULL;
    if (rank == 0 && !CHECK(stream != NULL)) return;
    work();
    CHECK_OK(trn_trace_write(comm, stream));
    if (rank == 0) CHECK(fflush(stream) != 0 || ferror(stream));
    if (rank == 0) fclose(stream);
}

static trn_status_t write_once(void *stream) {
    return trn_trace_write(comm, stream);
}

static void memory_failure(void) {
    FILE *stream = rank == 0 ? tmpfile() : NULL;
    work();
    harness_inject(write_once, stream);
    if (rank == 0) fclose(stream);
}

/* Events without memory are lost, never an error. */
static void lost_events(void) {
    trn_mem_fail_at(1);
    work();
    trn_mem_fail_at(0);
    json_t *totals = rank == 0 ? json_object() : NULL;
    CHECK_OK(trn_trace_totals(comm, totals));
    if (rank == 0) check_totals(totals);
    json_decref(totals);
}

static void many_phases(void) {
    static char names[200][24];
    trn_trace_enable(false);
    for (int i = 0; i < 200; i++) {
        snprintf(names[i], sizeof names[i], "phase %d", i);
        trn_trace_begin(names[i]); /* 200 deep, 200 names */
    }
    MPI_Barrier(comm);
    for (int i = 0; i < 200; i++)
        trn_trace_end();
    for (int i = 0; i < 200; i++) {
        trn_trace_begin(names[i]);
        MPI_Barrier(comm);
        trn_trace_end();
    }
    trn_trace_end(); /* one too many: nothing happens */
    json_t *totals = rank == 0 ? json_object() : NULL;
    CHECK_OK(trn_trace_totals(comm, totals));
    if (rank == 0) {
        int64_t calls = 0;
        size_t i;
        json_t *phase;
        json_array_foreach(json_object_get(totals, "phases"), i, phase) {
            calls += number(phase, "calls");
        }
        CHECK_EQUAL(calls, 201 * ranks);
        CHECK(number(phase_named(totals, "other"), "calls") > 100 * ranks);
    }
    json_decref(totals);
}

HARNESS_MAIN({"messages", messages}, {"equal collectives", equal_collectives},
             {"uneven collectives", uneven_collectives}, {"phases", phases}, {"trace file", file},
             {"full disk", full_disk}, {"memory failure", memory_failure},
             {"events lost without memory", lost_events}, {"many phases", many_phases})
