/* digraph.c: graphs turned round, components by depth-first search, paths by breadth-first
 * search. All walks keep stacks of their own: a path of ten million nodes is legal input. */
#include "graph/digraph.h"

#include "base/mem.h"

#include <string.h>

/* Graphs --------------------------------------------------------------------------------------- */

trn_status_t trn_digraph_turn(trn_digraph_t *turned, const trn_digraph_t *graph) {
    int64_t nodes = graph->nodes, edges = graph->start[nodes];
    *turned = (trn_digraph_t){.nodes = nodes};
    TRN_TRY(trn_alloc_zero(&turned->start, nodes + 2, sizeof *turned->start, "rows of a graph"));
    TRN_TRY(trn_alloc(&turned->to, edges, sizeof *turned->to, "edges"));
    /* Row u is counted at u + 2, so that u + 1 is where it goes on while it is filled. */
    for (int64_t e = 0; e < edges; e++)
        turned->start[graph->to[e] + 2]++;
    for (int64_t u = 2; u <= nodes + 1; u++)
        turned->start[u] += turned->start[u - 1];
    for (int64_t v = 0; v < nodes; v++)
        for (int64_t e = graph->start[v]; e < graph->start[v + 1]; e++)
            turned->to[turned->start[graph->to[e] + 1]++] = (int32_t)v;
    return TRN_OK;
}

bool trn_digraph_has(const trn_digraph_t *graph, int32_t v, int32_t u) {
    int64_t low = graph->start[v], high = graph->start[v + 1];
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (graph->to[middle] < u)
            low = middle + 1;
        else
            high = middle;
    }
    return low < graph->start[v + 1] && graph->to[low] == u;
}

void trn_digraph_free(trn_digraph_t *graph) {
    trn_free(&graph->start);
    trn_free(&graph->to);
    graph->nodes = 0;
}

/* Components ----------------------------------------------------------------------------------- */

/* A depth-first walk. low[v]: 0 before v is seen; then the lowest number, in the order of the walk,
 * known to be in one component with v; DONE when its component is complete. */
enum { DONE = INT32_MAX };
typedef struct walk {
    const trn_digraph_t *graph;
    int32_t *part;         /* [nodes] the result */
    int32_t *low;          /* [nodes] */
    int32_t *waits;        /* [nodes] left already, their component still open */
    int32_t *node, *began; /* [nodes] the path that is being walked, and their numbers */
    int64_t *next;         /* [nodes] the edge that comes next there */
    int64_t waiting, depth;
    int32_t number, parts;
} walk_t;

static trn_status_t begin_walk(walk_t *w) {
    int64_t n = w->graph->nodes;
    TRN_TRY(trn_alloc_zero(&w->low, n, sizeof *w->low, "a walk"));
    TRN_TRY(trn_alloc(&w->waits, n, sizeof *w->waits, "a walk"));
    TRN_TRY(trn_alloc(&w->node, n, sizeof *w->node, "a walk"));
    TRN_TRY(trn_alloc(&w->began, n, sizeof *w->began, "a walk"));
    return trn_alloc(&w->next, n, sizeof *w->next, "a walk");
}

static void end_walk(walk_t *w) {
    trn_free(&w->low);
    trn_free(&w->waits);
    trn_free(&w->node);
    trn_free(&w->began);
    trn_free(&w->next);
}

static void enter(walk_t *w, int32_t v) {
    w->low[v] = w->began[w->depth] = ++w->number;
    w->next[w->depth] = w->graph->start[v];
    w->node[w->depth++] = v;
}

/* All edges of the last node of the path are walked: it waits for one before it, or it is the first
 * of a component, which takes those that waited. */
static void leave(walk_t *w) {
    int32_t v = w->node[--w->depth], began = w->began[w->depth];
    if (w->depth > 0 && w->low[v] < w->low[w->node[w->depth - 1]])
        w->low[w->node[w->depth - 1]] = w->low[v];
    if (w->low[v] < began) {
        w->waits[w->waiting++] = v;
        return;
    }
    while (w->waiting > 0 && w->low[w->waits[w->waiting - 1]] >= began) {
        int32_t u = w->waits[--w->waiting];
        w->part[u] = w->parts;
        w->low[u] = DONE;
    }
    w->part[v] = w->parts++;
    w->low[v] = DONE;
}

static void walk_from(walk_t *w, int32_t root) {
    enter(w, root);
    while (w->depth > 0) {
        int32_t v = w->node[w->depth - 1];
        int64_t e = w->next[w->depth - 1]++;
        if (e == w->graph->start[v + 1]) {
            leave(w);
            continue;
        }
        int32_t u = w->graph->to[e];
        if (w->low[u] == 0)
            enter(w, u);
        else if (w->low[u] < w->low[v])
            w->low[v] = w->low[u];
    }
}

/* Nodes by part. */
static trn_status_t list_members(trn_condensed_t *c) {
    TRN_TRY(trn_alloc_zero(&c->first, c->parts + 2, sizeof *c->first, "components"));
    TRN_TRY(trn_alloc(&c->member, c->nodes, sizeof *c->member, "components"));
    for (int64_t v = 0; v < c->nodes; v++)
        c->first[c->part[v] + 2]++;
    for (int64_t p = 2; p <= c->parts + 1; p++)
        c->first[p] += c->first[p - 1];
    for (int64_t v = 0; v < c->nodes; v++)
        c->member[c->first[c->part[v] + 1]++] = (int32_t)v;
    return TRN_OK;
}

/* The edges of part p to others, each part once, to `out` unless that is NULL: how many.
 * seen[parts] tells who has met a part last. Also whether p is cyclic. */
static int64_t edges_of(trn_condensed_t *c, const trn_digraph_t *graph, int32_t p, int32_t *seen,
                        int32_t *out) {
    int64_t count = 0;
    c->cyclic[p] = c->first[p + 1] - c->first[p] > 1;
    for (int64_t m = c->first[p]; m < c->first[p + 1]; m++)
        for (int64_t e = graph->start[c->member[m]]; e < graph->start[c->member[m] + 1]; e++) {
            int32_t q = c->part[graph->to[e]];
            if (q == p) c->cyclic[p] = true;
            if (q == p || seen[q] == p) continue;
            seen[q] = p;
            if (out) out[count] = q;
            count++;
        }
    return count;
}

static void forget(int32_t *seen, int64_t parts) {
    for (int64_t p = 0; p < parts; p++)
        seen[p] = -1;
}

static trn_status_t join_edges(trn_condensed_t *c, const trn_digraph_t *graph, int32_t *seen) {
    trn_digraph_t *to = &c->to;
    to->nodes = c->parts;
    TRN_TRY(trn_alloc(&c->cyclic, c->parts, sizeof *c->cyclic, "components"));
    TRN_TRY(trn_alloc(&to->start, c->parts + 1, sizeof *to->start, "components"));
    forget(seen, c->parts);
    to->start[0] = 0;
    for (int64_t p = 0; p < c->parts; p++)
        to->start[p + 1] = to->start[p] + edges_of(c, graph, (int32_t)p, seen, NULL);
    TRN_TRY(trn_alloc(&to->to, to->start[c->parts], sizeof *to->to, "edges of components"));
    forget(seen, c->parts);
    for (int64_t p = 0; p < c->parts; p++)
        (void)edges_of(c, graph, (int32_t)p, seen, to->to + to->start[p]);
    return TRN_OK;
}

trn_status_t trn_condensed_create(trn_condensed_t *c, const trn_digraph_t *graph) {
    int32_t *seen = NULL;
    *c = (trn_condensed_t){.nodes = graph->nodes};
    TRN_TRY(trn_alloc(&c->part, c->nodes, sizeof *c->part, "components"));
    walk_t w = {.graph = graph, .part = c->part};
    trn_status_t status = begin_walk(&w);
    for (int64_t v = 0; v < c->nodes && status == TRN_OK; v++)
        if (w.low[v] == 0) walk_from(&w, (int32_t)v);
    end_walk(&w);
    TRN_TRY(status);
    c->parts = w.parts;
    TRN_TRY(list_members(c));
    TRN_TRY(trn_alloc(&seen, c->parts, sizeof *seen, "components"));
    status = join_edges(c, graph, seen);
    trn_free(&seen);
    return status;
}

void trn_condensed_plan(trn_ledger_t *ledger, const char *name, int64_t nodes, int64_t edges) {
    trn_ledger_take(ledger, name, nodes, sizeof(int32_t));
    trn_ledger_pass(ledger, name, nodes, 4 * sizeof(int32_t) + sizeof(int64_t));
    trn_ledger_take(ledger, name, nodes, 2 * sizeof(int32_t) + sizeof(bool) + sizeof(int64_t));
    trn_ledger_take(ledger, name, edges, sizeof(int32_t));
    trn_ledger_pass(ledger, name, nodes, sizeof(int32_t));
}

void trn_condensed_free(trn_condensed_t *c) {
    trn_free(&c->part);
    trn_free(&c->first);
    trn_free(&c->member);
    trn_free(&c->cyclic);
    trn_digraph_free(&c->to);
    c->parts = 0;
}

/* Paths ---------------------------------------------------------------------------------------- */

trn_status_t trn_search_create(trn_search_t *search, int64_t nodes) {
    *search = (trn_search_t){.nodes = nodes};
    TRN_TRY(trn_alloc(&search->before, nodes, sizeof *search->before, "a search"));
    memset(search->before, -1, (size_t)nodes * sizeof *search->before);
    return trn_alloc(&search->queue, nodes + 1, sizeof *search->queue, "a search");
}

void trn_search_free(trn_search_t *search) {
    trn_free(&search->before);
    trn_free(&search->queue);
}

/* The queue holds the source, then all that is reached, the source itself once more if it is. Nodes
 * of one distance stand in it by their paths, which makes the first path to a node the lowest. */
void trn_search_run(trn_search_t *search, const trn_digraph_t *graph, int32_t source,
                    int32_t target) {
    for (int64_t i = 1; i < search->seen; i++) /* of the search before */
        search->before[search->queue[i]] = -1;
    search->queue[0] = source;
    search->seen = 1;
    for (int64_t at = 0; at < search->seen; at++) {
        int32_t v = search->queue[at];
        if (at > 0 && v == source) continue; /* its edges are walked */
        for (int64_t e = graph->start[v]; e < graph->start[v + 1]; e++) {
            int32_t u = graph->to[e];
            if (search->before[u] >= 0) continue;
            search->before[u] = v;
            search->queue[search->seen++] = u;
            if (u == target) return;
        }
    }
}

int64_t trn_search_path(const trn_search_t *search, int32_t source, int32_t target, int32_t *path) {
    int64_t length = 0;
    if (search->before[target] < 0) return -1;
    int32_t v = target;
    do {
        v = search->before[v];
        length++;
    } while (v != source);
    if (!path) return length;
    v = target;
    for (int64_t i = length; i > 0; i--, v = search->before[v])
        path[i] = v;
    path[0] = source;
    return length;
}
