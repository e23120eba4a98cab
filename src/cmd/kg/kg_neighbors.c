/* kg_neighbors.c: the verb `kg-neighbors`: the entities nearest to entities. */
#include "algo/kg/ask/kg_neighborhood.h"
#include "cli/command.h"

static const trn_param_t params[] = {{"top", 'k', TRN_PARAM_INT, "10", 1, 100000, .metavar = "K",
                                      .help = "how many neighbours of each"},
                                     {0}};

static trn_status_t look(trn_run_t *run, void *user) {
    trn_kg_neighborhood_t *n = user;
    *n = (trn_kg_neighborhood_t){.path = run->files[0],
                                 .names = run->files + 1,
                                 .count = run->nfiles - 1,
                                 .threads = run->threads};
    TRN_TRY(trn_kg_header_open(run->comm, n->path, &n->header));
    int64_t entities = n->header.entities;
    return trn_params_of_those(run->params, "top", entities - 1, n->path, entities, "entities",
                               &n->k);
}

/* Two dot products in float64 with every entity, as the vectors pass by. */
static void cost(const void *user, trn_cost_t *cost) {
    const trn_kg_neighborhood_t *n = user;
    double numbers = (double)n->header.entities * (double)n->header.shape.dim;
    *cost = (trn_cost_t){.bytes = 8.0 * numbers * (double)n->count, .file_bytes = 4.0 * numbers};
}

static trn_status_t work(trn_run_t *run, void *user) {
    return trn_kg_neighborhood_find(user, run->comm);
}

static trn_status_t report(trn_run_t *run, void *user) {
    if (run->rank == 0) trn_kg_neighborhood_report(user, run->result);
    return TRN_OK;
}

static void job_free(void *user) {
    trn_kg_neighborhood_free(user);
}

const trn_command_t trn_command_kg_neighbors = {
    .name = "kg-neighbors",
    .summary = "find the entities nearest to entities of a knowledge graph",
    .files = "MODEL.h5 ENTITY...",
    .description = "Prints the entities whose vectors have the greatest cosine with each ENTITY's. "
                   "Complex numbers count as two real ones.",
    .examples = "entities near to one\ttrunnion kg-neighbors M.h5 e1\n"
                "the 3 nearest of two, as JSON\ttrunnion kg-neighbors M.h5 e1 e2 --top 3 --json",
    .min_files = 2,
    .max_files = 1 << 20,
    .operands = TRN_OPERANDS(TRN_READS("MODEL.h5"), {.name = "ENTITY"}),
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(trn_kg_neighborhood_t),
                                  .look = look,
                                  .plan = trn_kg_neighborhood_plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
