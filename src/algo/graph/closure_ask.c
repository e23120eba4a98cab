/* closure_ask.c: see closure_ask.h. */
#include "algo/graph/closure_ask.h"

#include "algo/rows/ids.h"
#include "base/emit.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/exchange.h"
#include "mpi/watch.h"

#include <stdio.h>
#include <string.h>

/* What a rank has found: for each answer the number of its question, its length, and its nodes. */
typedef struct found {
    int64_t *words;
    int64_t count, room;
} found_t;

static trn_status_t add(found_t *found, int64_t question, int64_t length, const int32_t *path) {
    int64_t nodes = length + 1, need = found->count + 2 + nodes;
    TRN_TRY(trn_grow(&found->words, &found->room, need, sizeof *found->words, "answers"));
    int64_t *to = found->words + found->count;
    *to++ = question;
    *to++ = length;
    for (int64_t i = 0; i < nodes; i++)
        *to++ = path[i];
    found->count = need;
    return TRN_OK;
}

/* How to search. */
typedef struct job {
    const trn_digraph_t *graph;
    const trn_asked_t *asked;
    int64_t hops;
    bool reflexive;
    int rank, ranks;
    trn_search_t search;
    int32_t *path; /* [nodes + 1] */
    int64_t *from; /* [count] the questions' sources, and their order by these */
    int64_t *order;
} job_t;

static trn_status_t answer_one(job_t *job, int64_t q, found_t *found) {
    const int32_t *node = job->asked->list.node + 2 * q;
    int64_t length = trn_search_path(&job->search, node[0], node[1], job->path);
    if (job->reflexive && node[0] == node[1]) length = 0;
    if (job->hops > 0 && length > job->hops) length = -1;
    job->path[0] = node[0];
    return add(found, q, length, job->path);
}

/* Sources go round the ranks; questions of one are one after the other. */
static trn_status_t answer_own(job_t *job, found_t *found) {
    int64_t count = job->asked->count, source = -1;
    for (int64_t i = 0; i < count; i++) {
        int64_t q = job->order[i];
        bool fresh = i == 0 || job->from[q] != job->from[job->order[i - 1]];
        source += fresh;
        if (source % job->ranks != job->rank) continue;
        bool alone = i + 1 == count || job->from[q] != job->from[job->order[i + 1]];
        int32_t target = fresh && alone ? job->asked->list.node[2 * q + 1] : -1;
        if (fresh) trn_search_run(&job->search, job->graph, (int32_t)job->from[q], target);
        TRN_TRY(answer_one(job, q, found));
        trn_watch_tick();
    }
    return TRN_OK;
}

static trn_status_t begin(job_t *job) {
    int64_t count = job->asked->count;
    TRN_TRY(trn_search_create(&job->search, job->graph->nodes));
    TRN_TRY(trn_alloc(&job->path, job->graph->nodes + 1, sizeof *job->path, "a path"));
    TRN_TRY(trn_alloc(&job->from, count, sizeof *job->from, "questions"));
    TRN_TRY(trn_alloc(&job->order, count, sizeof *job->order, "questions"));
    for (int64_t q = 0; q < count; q++)
        job->from[q] = job->asked->list.node[2 * q];
    trn_ids_order(count, job->from, job->order);
    return TRN_OK;
}

/* Answers by question, on rank 0. Local. */
static trn_status_t sort_out(trn_asked_t *a, const int64_t *words, int64_t count) {
    TRN_TRY(trn_alloc(&a->length, a->count, sizeof *a->length, "answers"));
    TRN_TRY(trn_alloc_zero(&a->start, a->count + 1, sizeof *a->start, "answers"));
    for (int64_t at = 0; at < count; at += 3 + words[at + 1]) {
        a->length[words[at]] = words[at + 1];
        a->start[words[at] + 1] = words[at + 1] + 1;
    }
    for (int64_t q = 0; q < a->count; q++)
        a->start[q + 1] += a->start[q];
    TRN_TRY(trn_alloc(&a->path, a->start[a->count], sizeof *a->path, "answers"));
    for (int64_t at = 0; at < count; at += 3 + words[at + 1])
        for (int64_t i = 0; i <= words[at + 1]; i++)
            a->path[a->start[words[at]] + i] = (int32_t)words[at + 2 + i];
    return TRN_OK;
}

/* All ranks' answers on rank 0. Collective. */
static trn_status_t collect(trn_asked_t *a, const job_t *job, MPI_Comm comm, const found_t *found) {
    trn_parcels_t come = {0};
    int64_t *bytes = NULL;
    trn_status_t status =
        trn_agree(comm, trn_alloc_zero(&bytes, job->ranks, sizeof *bytes, "answers"));
    if (status == TRN_OK) {
        bytes[0] = found->count * (int64_t)sizeof *found->words;
        status = trn_exchange(comm, found->words, bytes, &come);
    }
    if (status == TRN_OK && job->rank == 0)
        status = sort_out(a, come.data, come.start[job->ranks] / (int64_t)sizeof(int64_t));
    trn_free(&bytes);
    trn_parcels_free(&come);
    return trn_agree(comm, status);
}

/* Names of the nodes in questions and paths, on rank 0. Collective. */
static trn_status_t name_nodes(trn_asked_t *a, int rank, MPI_Comm comm, trn_edges_side_t *side) {
    int64_t asked = a->list.count, nodes = rank == 0 ? a->start[a->count] : 0;
    int32_t *all = NULL;
    trn_status_t status =
        trn_agree(comm, trn_alloc(&all, asked + nodes, sizeof *all, "nodes of answers"));
    if (status == TRN_OK) {
        memcpy(all, a->list.node, (size_t)asked * sizeof *all);
        if (nodes > 0) memcpy(all + asked, a->path, (size_t)nodes * sizeof *all);
        status = trn_node_names(side, comm, asked + nodes, all, &a->labels);
    }
    trn_free(&all);
    return status;
}

trn_status_t trn_asked_answer(trn_asked_t *a, MPI_Comm comm, const trn_digraph_t *graph,
                              int64_t hops, bool reflexive, trn_edges_side_t *side) {
    job_t job = {.graph = graph, .asked = a, .hops = hops, .reflexive = reflexive};
    found_t found = {0};
    MPI_Comm_rank(comm, &job.rank);
    MPI_Comm_size(comm, &job.ranks);
    a->count = a->list.count / 2;
    trn_status_t status = begin(&job);
    if (status == TRN_OK) status = answer_own(&job, &found);
    status = trn_agree(comm, status);
    trn_search_free(&job.search);
    trn_free(&job.path);
    trn_free(&job.from);
    trn_free(&job.order);
    if (status == TRN_OK) status = collect(a, &job, comm, &found);
    trn_free(&found.words);
    return status == TRN_OK ? name_nodes(a, job.rank, comm, side) : status;
}

void trn_asked_plan(trn_ledger_t *ledger, int64_t nodes, int64_t questions) {
    enum { USUAL = 16 /* nodes of a path */ };
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "questions", nodes + 1, 3 * sizeof(int32_t));
    trn_ledger_take(ledger, "questions", questions, 2 * sizeof(int64_t));
    trn_ledger_take(ledger, "questions", questions * USUAL, 2 * sizeof(int64_t));
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "questions", questions * USUAL, sizeof(int32_t));
    trn_ledger_take(ledger, "questions", questions * 2, sizeof(int64_t));
}

void trn_asked_free(trn_asked_t *a) {
    trn_node_list_free(&a->list);
    trn_labels_free(&a->labels);
    trn_free(&a->length);
    trn_free(&a->start);
    trn_free(&a->path);
    a->count = 0;
}

/* Telling -------------------------------------------------------------------------------------- */

static json_t *node_json(const trn_asked_t *a, int32_t node) {
    return a->labels.name ? trn_json_text(trn_labels_name(&a->labels, node)) : json_integer(node);
}

static json_t *path_array(const trn_asked_t *a, int64_t q) {
    json_t *array = json_array();
    for (int64_t i = a->start[q]; i < a->start[q + 1]; i++)
        json_array_append_new(array, node_json(a, a->path[i]));
    return array;
}

/* "a > b > c", the middle left out where the line would be too long. */
static json_t *path_text(const trn_asked_t *a, int64_t q) {
    enum { WIDE = 400, ONE = 80 };
    char text[WIDE + ONE + 16];
    size_t used = 0;
    for (int64_t i = a->start[q]; i < a->start[q + 1]; i++) {
        char node[32];
        const char *name = a->labels.name ? trn_labels_name(&a->labels, a->path[i]) : node;
        if (!a->labels.name) snprintf(node, sizeof node, "%d", a->path[i]);
        if (used > WIDE - 2 * ONE && i + 1 < a->start[q + 1]) {
            used += (size_t)snprintf(text + used, sizeof text - used, " > ...");
            i = a->start[q + 1] - 2;
            continue;
        }
        int wrote = snprintf(text + used, sizeof text - used, "%s%.*s",
                             i > a->start[q] ? " > " : "", ONE, name);
        used += (size_t)wrote;
    }
    text[used] = '\0';
    return trn_json_text(text);
}

json_t *trn_asked_table(const trn_asked_t *a, bool flat) {
    json_t *table = json_array();
    for (int64_t q = 0; q < a->count; q++) {
        bool there = a->length[q] >= 0;
        json_t *path = there ? (flat ? path_text(a, q) : path_array(a, q)) : json_null();
        json_t *row =
            json_pack("{s:o, s:o, s:b, s:o, s:o}", "from", node_json(a, a->list.node[2 * q]), "to",
                      node_json(a, a->list.node[2 * q + 1]), "reachable", there, "length",
                      there ? json_integer(a->length[q]) : json_null(), "path", path);
        json_array_append_new(table, row);
    }
    return table;
}
