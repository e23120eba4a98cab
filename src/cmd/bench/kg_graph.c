/* bench kg-graph: a made-up graph as big as wanted, for runs that no benchmark's data is enough
 * for. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "cli/command.h"
#include "io/joint.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/watch.h"

#include <math.h>

enum { PIECE = 1 << 16 /* lines written at a time */ };

typedef struct graph {
    int64_t entities, relations, triples, communities;
    int digits[2]; /* of an entity's number, of a relation's */
    int64_t line;  /* bytes of one: all are as long */
    uint64_t seed;
} graph_t;

/* So that all names of a kind are as long, and a line's place in the file is a product. */
static int digits_of(int64_t count) {
    int digits = 1;
    for (int64_t last = count - 1; last >= 10; last /= 10)
        digits++;
    return digits;
}

/* The k-th most frequent of n is drawn with a chance that falls as k^-3/4, which gives degrees a
 * power law with exponent 2.3. */
static int64_t popular(int64_t n, double uniform) {
    int64_t k = (int64_t)((double)n * uniform * uniform * uniform * uniform);
    return k < n ? k : n - 1;
}

/* Triple `i`: the first ones name every entity as a head once, so that none is missing. Three tails
 * in four lie in a community that head's community and relation decide: something to learn. */
static void make(const graph_t *g, int64_t i, int64_t triple[3]) {
    double u[4];
    trn_rng_uniform(g->seed, (uint64_t)i, 0, 0, TRN_RNG_GRAPH, u);
    int64_t head = i < g->entities ? i : popular(g->entities, u[0]);
    int64_t relation = popular(g->relations, u[1]), tail = popular(g->entities, u[2]);
    if (u[3] < 0.75) {
        int64_t wanted = (head + 7919 * relation) % g->communities;
        tail += wanted - tail % g->communities;
        if (tail >= g->entities) tail -= g->communities;
        if (tail < 0) tail = wanted;
    }
    triple[0] = trn_rng_permuted(g->seed, g->entities, head); /* names do not tell degrees */
    triple[1] = relation;
    triple[2] = trn_rng_permuted(g->seed, g->entities, tail);
}

/* One name and what ends it, without printf: that would take most of the time. */
static void put(char *to, char letter, int digits, int64_t number, char end) {
    to[0] = letter;
    for (int d = digits; d > 0; d--, number /= 10)
        to[d] = (char)('0' + number % 10);
    to[digits + 1] = end;
}

/* Lines [first, end) of the file. Local. */
static trn_status_t write_lines(const graph_t *g, trn_joint_t *joint, int64_t first, int64_t end) {
    char *text;
    trn_status_t status = trn_alloc(&text, PIECE, (size_t)g->line, "lines");
    for (; first < end && status == TRN_OK; first += PIECE) {
        int64_t count = end - first < PIECE ? end - first : PIECE, triple[3];
        char *to = text;
        for (int64_t i = first; i < first + count; i++, to += g->line) {
            make(g, i, triple);
            put(to, 'e', g->digits[0], triple[0], '\t');
            put(to + g->digits[0] + 2, 'r', g->digits[1], triple[1], '\t');
            put(to + g->digits[0] + g->digits[1] + 4, 'e', g->digits[0], triple[2], '\n');
        }
        status = trn_joint_write(joint, first * g->line, text, count * g->line);
        trn_watch_tick();
    }
    trn_free(&text);
    return status;
}

static trn_status_t note_case(trn_run_t *run, const graph_t *g, double seconds) {
    return trn_bench_case(run->result, "{s:I, s:I, s:I, s:i, s:I, s:f, s:f, s:s}", "entities",
                          (json_int_t)g->entities, "relations", (json_int_t)g->relations, "triples",
                          (json_int_t)g->triples, "P", run->ranks, "bytes",
                          (json_int_t)(g->triples * g->line), "seconds", seconds, "Mtriples/s",
                          1e-6 * (double)g->triples / seconds, "verdict", "PASSED");
}

static trn_status_t run(trn_run_t *run) {
    const trn_params_t *p = run->params;
    const char *output = trn_params_text(p, "output");
    graph_t g = {.entities = trn_params_int(p, "entities"),
                 .relations = trn_params_int(p, "relations"),
                 .triples = trn_params_int(p, "triples"),
                 .seed = (uint64_t)trn_params_int(p, "seed")};
    if (g.triples < g.entities)
        return trn_fail(TRN_USAGE, "--triples: fewer than entities, of which each is a head once");
    g.communities = (int64_t)ceil(sqrt((double)g.entities) / 2);
    g.digits[0] = digits_of(g.entities);
    g.digits[1] = digits_of(g.relations);
    g.line = 2 * g.digits[0] + g.digits[1] + 6;
    TRN_TRY(trn_bench_begin(run->comm, run->threads, run->result));
    trn_joint_t *joint;
    double start = trn_seconds();
    TRN_TRY(trn_joint_create(&joint, run->comm, output, g.triples * g.line));
    trn_status_t status = write_lines(&g, joint, trn_part_start(g.triples, run->ranks, run->rank),
                                      trn_part_start(g.triples, run->ranks, run->rank + 1));
    TRN_TRY(trn_joint_close(&joint, status));
    if (run->rank == 0) status = note_case(run, &g, trn_seconds() - start);
    return trn_agree(run->comm, status);
}

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "G.tsv", .required = true,
     .file = {TRN_FILE_WRITTEN, .endings = ".tsv .txt"}, .help = "file to write"},
    {"entities", 0, TRN_PARAM_INT, "5000000", 2, 2147483646, .help = "entities"},
    {"relations", 0, TRN_PARAM_INT, "1000", 1, 1 << 30, .help = "relations"},
    {"triples", 0, TRN_PARAM_INT, "50000000", 2, 1e15, .help = "triples, as many lines"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .help = "of the graph"},
    {0},
};

const trn_command_t trn_bench_kg_graph = {
    .name = "bench kg-graph",
    .summary = "write a made-up knowledge graph of any size, for kg-import",
    .files = "-o G.tsv",
    .description = "A line a triple: head, relation, tail, with tabs. Degrees follow a power law "
                   "(exponent 2.3), every entity is a head at least once, and three tails in four "
                   "lie in a community that relation and head's community decide. A few triples "
                   "come more than once, which kg-import counts and drops. The number of ranks "
                   "changes nothing.",
    .max_files = 0,
    .params = params,
    .run = run,
};
