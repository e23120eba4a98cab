/* trace.c: counts of this rank by phase, events, and how they come together on rank 0. */
#include "mpi/trace.h"

#include "base/clock.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/trace_count.h"
#include "mpi/watch.h"

#include <stdio.h>
#include <string.h>

enum {
    PHASES = 64, /* the first is "(none)", the last "other" */
    DEPTH = 16,
    NAME_BYTES = 32,
    EVENTS_FIRST = 1024,
    EVENTS_MOST = 1 << 20
};

typedef struct total {
    char name[NAME_BYTES]; /* a copy: totals travel between ranks */
    int64_t calls, sent, received;
    double seconds, mpi_seconds;
} total_t;

/* A phase that has ended. */
typedef struct event {
    int64_t phase;         /* index of its total */
    double start, seconds; /* clock of this rank */
} event_t;

static struct {
    bool keep;
    int phases;
    total_t total[PHASES];
    const char *key[PHASES]; /* the literal: comparing pointers is enough nearly always */
    int depth;               /* open phases, which may be more than `open` holds */
    struct {
        int phase;
        double start;
        const char *before; /* the watchdog's name of what this phase is part of */
    } open[DEPTH + 1];      /* [0] is "(none)" */
    event_t *events;
    int64_t nevents, room, lost;
} trace = {.phases = 1, .total[0].name = "(none)", .key[0] = "(none)"};

bool trn_trace_clocks;

/* What is nested deeper than DEPTH counts for the innermost that was noted. */
static int innermost(void) {
    return trace.open[trace.depth < DEPTH ? trace.depth : DEPTH].phase;
}

/* Called by the wrappers of MPI functions: bytes always, seconds only when clocks are read. */
void trn_trace_count(double start, int64_t sent, int64_t received) {
    total_t *total = &trace.total[innermost()];
    total->calls++;
    total->sent += sent;
    total->received += received;
    if (trn_trace_clocks) total->mpi_seconds += trn_seconds() - start;
}

/* Over all phases of this rank. */
void trn_trace_bytes(int64_t *sent, int64_t *received, int64_t *calls) {
    int64_t sum[3] = {0};
    for (int i = 0; i < trace.phases; i++) {
        sum[0] += trace.total[i].sent;
        sum[1] += trace.total[i].received;
        sum[2] += trace.total[i].calls;
    }
    if (sent) *sent = sum[0];
    if (received) *received = sum[1];
    if (calls) *calls = sum[2];
}

/* From here on clocks are read; counts so far are forgotten. */
void trn_trace_enable(bool keep_events) {
    trn_free(&trace.events);
    memset(&trace, 0, sizeof trace);
    trn_trace_clocks = true;
    trace.keep = keep_events;
    trace.phases = 1;
    trace.key[0] = "(none)";
    snprintf(trace.total[0].name, NAME_BYTES, "(none)");
    trace.open[0].start = trn_seconds();
}

/* Number of a phase, made when it is new. When the table is full, all further ones are "other". */
static int find(const char *name) {
    for (int i = 0; i < trace.phases; i++)
        if (trace.key[i] == name) return i;
    for (int i = 0; i < trace.phases; i++)
        if (strncmp(trace.total[i].name, name, NAME_BYTES - 1) == 0) return i;
    if (trace.phases == PHASES) return PHASES - 1;
    if (trace.phases == PHASES - 1) name = "other";
    trace.key[trace.phases] = name;
    snprintf(trace.total[trace.phases].name, NAME_BYTES, "%s", name);
    return trace.phases++;
}

/* Phases nest. The watchdog is told the name as well, for its message. */
void trn_trace_begin(const char *phase) {
    const char *before = trn_watch_phase(phase);
    trace.depth++;
    if (trace.depth > DEPTH) return;
    trace.open[trace.depth].before = before;
    trace.open[trace.depth].phase = find(phase);
    trace.open[trace.depth].start = trn_trace_clocks ? trn_seconds() : 0;
}

/* Events are a luxury: without memory for more they are lost, and counted as lost. */
static void keep_event(int phase, double start, double seconds) {
    if (trace.nevents == trace.room) {
        int64_t room = trace.room ? 2 * trace.room : EVENTS_FIRST;
        if (room > EVENTS_MOST ||
            trn_realloc(&trace.events, room, sizeof *trace.events, "trace events") != TRN_OK) {
            trace.lost++;
            return;
        }
        trace.room = room;
    }
    trace.events[trace.nevents++] = (event_t){.phase = phase, .start = start, .seconds = seconds};
}

/* The name of the outer phase goes back to the watchdog. */
void trn_trace_end(void) {
    if (trace.depth == 0) return;
    if (trace.depth <= DEPTH && trn_trace_clocks) {
        int phase = trace.open[trace.depth].phase;
        double start = trace.open[trace.depth].start, seconds = trn_seconds() - start;
        trace.total[phase].seconds += seconds;
        if (trace.keep) keep_event(phase, start, seconds);
    }
    if (trace.depth <= DEPTH) trn_watch_phase(trace.open[trace.depth].before);
    trace.depth--;
}

/* Totals over ranks -------------------------------------------------------------------------- */

/* One line of the report: a phase over all ranks. */
typedef struct merged {
    total_t sum;
    int64_t received_most;
    double seconds_most;
} merged_t;

static merged_t *merged_named(merged_t *merged, int *count, const char *name) {
    for (int i = 0; i < *count; i++)
        if (strcmp(merged[i].sum.name, name) == 0) return &merged[i];
    if (*count == PHASES) return &merged[PHASES - 1]; /* ranks with very different phases */
    merged_t *fresh = &merged[(*count)++];
    *fresh = (merged_t){0};
    memcpy(fresh->sum.name, name, NAME_BYTES);
    return fresh;
}

static void merge(merged_t *merged, int *count, const total_t *total) {
    if (total->name[0] == 0) return;
    merged_t *into = merged_named(merged, count, total->name);
    into->sum.calls += total->calls;
    into->sum.sent += total->sent;
    into->sum.received += total->received;
    into->sum.seconds += total->seconds;
    into->sum.mpi_seconds += total->mpi_seconds;
    if (total->received > into->received_most) into->received_most = total->received;
    if (total->seconds > into->seconds_most) into->seconds_most = total->seconds;
}

static trn_status_t report(const total_t *totals, int ranks, json_t *into) {
    merged_t merged[PHASES];
    int count = 0;
    for (int i = 0; i < ranks * PHASES; i++)
        merge(merged, &count, &totals[i]);
    json_t *phases = json_array();
    for (int i = 0; i < count; i++) {
        const total_t *sum = &merged[i].sum;
        json_array_append_new(
            phases, json_pack("{s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "phase", sum->name,
                              "calls", (json_int_t)sum->calls, "sent", (json_int_t)sum->sent,
                              "received", (json_int_t)sum->received, "received_most",
                              (json_int_t)merged[i].received_most, "seconds_most",
                              merged[i].seconds_most, "seconds_mean", sum->seconds / ranks,
                              "mpi_seconds_mean", sum->mpi_seconds / ranks));
    }
    if (json_array_size(phases) == (size_t)count &&
        json_object_set_new(into, "phases", phases) == 0)
        return TRN_OK;
    return trn_fail(TRN_MEMORY, "phases: no memory for the trace's totals; trace fewer phases");
}

/* Every rank's totals to rank 0, which merges them by name: ranks may have met phases in another
 * order. */
trn_status_t trn_trace_totals(MPI_Comm comm, json_t *into) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    total_t mine[PHASES], *all = NULL;
    memcpy(mine, trace.total, sizeof mine); /* before the agreement below is counted */
    if (trn_trace_clocks) mine[0].seconds = trn_seconds() - trace.open[0].start;
    trn_status_t status = TRN_OK;
    if (rank == 0) status = trn_alloc(&all, (int64_t)ranks * PHASES, sizeof *all, "trace totals");
    TRN_AGREE(comm, status);
    MPI_Gather(mine, (int)sizeof mine, MPI_BYTE, all, (int)sizeof mine, MPI_BYTE, 0, comm);
    if (rank == 0) status = report(all, ranks, into);
    trn_free(&all);
    return trn_agree(comm, status);
}

/* The trace file ----------------------------------------------------------------------------- */

/* What a rank tells before its events. */
typedef struct preamble {
    int64_t nevents, lost;
    double now; /* this rank's clock at the barrier */
    char name[PHASES][NAME_BYTES];
} preamble_t;

/* One rank as a process of the trace format of Chrome and Perfetto; times in microseconds since
 * rank 0's start. */
static void write_rank(FILE *file, int rank, const preamble_t *head, const event_t *events,
                       double zero) {
    fprintf(file,
            "{\"ph\":\"M\",\"pid\":%d,\"tid\":0,\"name\":\"process_name\",\"args\":{\"name\":"
            "\"rank %d\",\"events_lost\":%lld}},\n",
            rank, rank, (long long)head->lost);
    for (int64_t i = 0; i < head->nevents; i++)
        fprintf(file,
                "{\"ph\":\"X\",\"pid\":%d,\"tid\":0,\"name\":\"%s\",\"ts\":%.3f,\"dur\":%.3f},\n",
                rank, head->name[events[i].phase], (events[i].start - head->now - zero) * 1e6,
                events[i].seconds * 1e6);
}

/* Rank 0 receives one rank's events after another; `room` is what the largest rank needs. */
static void exchange(MPI_Comm comm, const preamble_t *mine, event_t *events, FILE *file) {
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    const int event_bytes = (int)sizeof *events;
    if (rank > 0) {
        MPI_Send(mine, (int)sizeof *mine, MPI_BYTE, 0, 0, comm);
        MPI_Send(trace.events, (int)mine->nevents * event_bytes, MPI_BYTE, 0, 0, comm);
        return;
    }
    double zero = trace.open[0].start - mine->now;
    write_rank(file, 0, mine, trace.events, zero);
    for (int from = 1; from < ranks; from++) {
        preamble_t theirs;
        MPI_Recv(&theirs, (int)sizeof theirs, MPI_BYTE, from, 0, comm, MPI_STATUS_IGNORE);
        MPI_Recv(events, (int)theirs.nevents * event_bytes, MPI_BYTE, from, 0, comm,
                 MPI_STATUS_IGNORE);
        write_rank(file, from, &theirs, events, zero);
    }
}

/* Totals stand at the end, where viewers look for other data. */
static trn_status_t end_trace(FILE *file, json_t *totals) {
    fprintf(file, "{\"ph\":\"M\",\"pid\":0,\"tid\":0,\"name\":\"thread_name\",\"args\":{\"name\":"
                  "\"phases\"}}\n],\n\"otherData\":");
    bool bad = json_dumpf(totals, file, JSON_COMPACT) != 0;
    fprintf(file, "}\n");
    if (bad && !ferror(file))
        return trn_fail(TRN_MEMORY, "phases: no memory for the trace's totals");
    return TRN_OK;
}

/* Clocks of nodes differ: a barrier is the instant that all have in common, and each rank says what
 * its clock showed then. */
trn_status_t trn_trace_write(MPI_Comm comm, FILE *file) {
    int rank;
    MPI_Comm_rank(comm, &rank);
    preamble_t mine = {.nevents = trace.nevents, .lost = trace.lost};
    for (int i = 0; i < PHASES; i++)
        memcpy(mine.name[i], trace.total[i].name, NAME_BYTES);
    event_t *events = NULL;
    json_t *totals = rank == 0 ? json_object() : NULL;
    trn_status_t status = trn_trace_totals(comm, totals);
    if (status != TRN_OK) goto done;
    int64_t room = mine.nevents;
    MPI_Allreduce(MPI_IN_PLACE, &room, 1, MPI_INT64_T, MPI_MAX, comm);
    if (rank == 0) status = trn_alloc(&events, room, sizeof *events, "trace events");
    TRN_OR(done, trn_agree(comm, status));
    if (rank == 0) fprintf(file, "{\"displayTimeUnit\":\"ms\",\n\"traceEvents\":[\n");
    MPI_Barrier(comm);
    mine.now = trn_seconds();
    exchange(comm, &mine, events, file);
    status = trn_agree(comm, rank == 0 ? end_trace(file, totals) : TRN_OK);
done:
    trn_free(&events);
    json_decref(totals);
    return status;
}
