/* nodepiece.c: the verb `nodepiece`: hashes of a graph's entities, for kg-train --encoder
 * nodepiece. */
#include "algo/kg/nodepiece/nodepiece_hash.h"

#include "cli/command.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "N.h5", .help = "store to write", .required = true,
     .file = TRN_STORE_WRITTEN},
    {"anchors", 0, TRN_PARAM_INT, "1000", 1, 1000000, .metavar = "K",
     .help = "entities that describe the others: 40 % of most links, 40 % of greatest PageRank, 20 "
             "% drawn"},
    {"nearest", 0, TRN_PARAM_INT, "12", 1, 10000, .metavar = "K",
     .help = "anchors in the hash of an entity, the nearest first, of equals the earlier chosen"},
    {"relations", 0, TRN_PARAM_INT, "12", 0, 10000, .metavar = "M",
     .help = "relation types in the hash of an entity; of more, so many are drawn"},
    {"mode", 0, TRN_PARAM_CHOICE, "bfs", .choices = "bfs|path",
     .help = "bfs: anchors within 50 links; path: at any distance"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .help = "of anchors and relation types drawn"},
    {0},
};

/* Defaults shrink to what the graph has; what is given must fit. */
static trn_status_t config_of(const trn_params_t *p, const trn_kg_t *kg,
                              trn_nodepiece_config_t *config) {
    enum { HOPS = 50 };
    char has[96];
    bool bfs = strcmp(trn_params_text(p, "mode"), "bfs") == 0;
    *config = (trn_nodepiece_config_t){.hops = bfs ? HOPS : INT_MAX,
                                       .seed = (uint64_t)trn_params_int(p, "seed")};
    snprintf(has, sizeof has, "the graph has %lld entities", (long long)kg->entities);
    TRN_TRY(trn_params_at_most(p, "anchors", kg->entities, has, &config->anchors));
    snprintf(has, sizeof has, "there are %lld anchors", (long long)config->anchors);
    TRN_TRY(trn_params_at_most(p, "nearest", config->anchors, has, &config->nearest));
    snprintf(has, sizeof has, "%lld relations, each in two directions", (long long)kg->relations);
    return trn_params_at_most(p, "relations", 2 * kg->relations, has, &config->context);
}

/* A graph, and the hashes of its entities. */
typedef struct job {
    MPI_Comm comm;
    trn_kg_t kg;
    trn_nodepiece_config_t config;
    trn_nodepiece_hash_t hash;
} job_t;

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    job->comm = run->comm;
    TRN_TRY(trn_kg_open(&job->kg, run->comm, run->files[0]));
    return config_of(run->params, &job->kg, &job->config);
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    int64_t own = trn_kg_own(job->kg.entities, ranks, rank);
    trn_ledger_take(ledger, "stores", trn_store_open_bytes(), 1);
    trn_nodepiece_hash_plan(ledger, &job->kg, &job->config, ranks, rank);
    int64_t bytes =
        own * (2 * job->config.nearest + job->config.context) * (int64_t)sizeof(int32_t);
    trn_ledger_take(ledger, "stores", trn_store_write_bytes(bytes), 1);
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    return trn_nodepiece_hash_create(&job->hash, run->comm, &job->kg, &job->config);
}

static trn_status_t declare(void *user, trn_store_t *store) {
    return trn_nodepiece_hash_declare(&((job_t *)user)->hash, store, "");
}

static trn_status_t write(const void *user, trn_store_t *store) {
    const job_t *job = user;
    return trn_nodepiece_hash_write(&job->hash, job->comm, store, "");
}

static trn_status_t report(trn_run_t *run, void *user) {
    const trn_nodepiece_hash_t *hash = &((const job_t *)user)->hash;
    int64_t full = 0;
    for (int64_t i = 0; i < hash->count; i++)
        full += hash->near[(i + 1) * hash->nearest - 1] < hash->anchors;
    MPI_Allreduce(MPI_IN_PLACE, &full, 1, MPI_INT64_T, MPI_SUM, run->comm);
    return trn_run_note(
        run, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "entities", (json_int_t)hash->entities,
                       "anchors", (json_int_t)hash->anchors, "nearest", (json_int_t)hash->nearest,
                       "relations", (json_int_t)hash->context, "farthest",
                       (json_int_t)hash->farthest, "with_all_anchors", (json_int_t)full));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_nodepiece_hash_free(&job->hash);
    trn_kg_close(&job->kg);
}

const trn_command_t trn_command_nodepiece = {
    .name = "nodepiece",
    .summary = "describe each entity of a graph by near anchors and relation types",
    .files = "G.h5 -o N.h5",
    .description =
        "Chooses anchors among the entities of the training graph, read both ways, and writes for "
        "every entity its nearest anchors, their distances and types of its relations: its hash, "
        "in place of a vector of its own. kg-train --encoder nodepiece --hash N.h5 learns vectors "
        "of anchors, distances and relation types and how to make an entity's vector of them. "
        "Anchors are dealt to the ranks; the result is the same on any number of them. Every rank "
        "holds all links.",
    .examples = "20 anchors, the 3 nearest of each entity\ttrunnion nodepiece G.h5 --anchors 20 "
                "--nearest 3 -o N.h5\n"
                "train with them\ttrunnion kg-train G.h5 --encoder nodepiece --hash N.h5 --dim "
                "16 --epochs 1 -o M2.h5",
    .min_files = 1,
    .max_files = 1,
    .operands = TRN_OPERANDS(TRN_READS("G.h5")),
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .plan = plan,
                                  .work = work,
                                  .kind = "nodepiece",
                                  .seeded = true,
                                  .declare = declare,
                                  .write = write,
                                  .report = report,
                                  .free = job_free},
};
