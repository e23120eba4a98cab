/* steps.c: what every verb does alike, in one order: look, plan, refuse or go on, work, store,
 * report. */
#include "cli/steps.h"

#include "algo/matrix/tall_in.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <stdlib.h>

/* A verb that is being run. */
typedef struct taken {
    trn_run_t *run;
    const trn_steps_t *steps;
    void *job;
    json_t *plans; /* of a dry run: a row for each number of ranks */
} taken_t;

trn_status_t trn_ranks_each(const char *list, trn_status_t (*see)(void *user, int ranks),
                            void *user) {
    enum { MOST = 1 << 20 };
    for (const char *at = list; *at;) {
        char *end;
        long first = strtol(at, &end, 10), last = first;
        if (*end == '-') last = strtol(end + 1, &end, 10);
        if (first < 1 || last < first || last > MOST || (*end && *end != ','))
            return trn_fail(TRN_USAGE, "--ranks: %s; write numbers and ranges: 1-16,64", at);
        for (long ranks = first; ranks <= last; ranks++)
            TRN_TRY(see(user, (int)ranks));
        at = *end ? end + 1 : end;
    }
    return TRN_OK;
}

trn_status_t trn_run_note(trn_run_t *run, json_t *figures) {
    int failed = json_object_update(run->result, figures);
    json_decref(figures);
    return failed ? trn_fail(TRN_MEMORY, "no memory for a result") : TRN_OK;
}

/* The first two steps, with what is done for a job that begins with a matrix. Collective. */
static trn_status_t look(const taken_t *taken) {
    const trn_steps_t *steps = taken->steps;
    trn_run_t *run = taken->run;
    const char *path = run->nfiles > 0 ? run->files[0] : NULL;
    if (steps->first) TRN_TRY(steps->first(run, taken->job, &path));
    if (steps->matrix || steps->rows) TRN_TRY(trn_matrix_in_look(taken->job, run->comm, path));
    /* A figure for which one rank has no memory is noted last. */
    return trn_agree(run->comm, steps->look ? steps->look(run, taken->job) : TRN_OK);
}

/* Rows that memory does not hold pass by, if they can. Local. */
static void choose_rows(const taken_t *taken, int ranks) {
    trn_tall_in_t *in = taken->job;
    int64_t limit = trn_params_size(taken->run->params, "memory");
    in->streams = false;
    in->streams = limit > 0 && trn_tall_in_can_stream(in) &&
                  trn_estimate_bytes(ranks, taken->steps->plan, taken->job) > limit;
}

static trn_status_t cut(const taken_t *taken, int ranks) {
    const trn_steps_t *steps = taken->steps;
    if (steps->matrix || steps->rows)
        TRN_TRY(trn_matrix_in_cut(taken->job, taken->run->comm, ranks));
    if (steps->cut) TRN_AGREE(taken->run->comm, steps->cut(taken->run, taken->job, ranks));
    if (steps->rows) choose_rows(taken, ranks);
    return TRN_OK;
}

/* Dry runs ------------------------------------------------------------------------------------- */

static json_t *seconds_on(const taken_t *taken, int ranks) {
    trn_cost_t cost = {0};
    taken->steps->cost(taken->job, &cost);
    return json_real(trn_cost_seconds(&cost, ranks, taken->run->threads));
}

/* One row of the table. Collective. */
static trn_status_t foretell(void *user, int ranks) {
    const taken_t *taken = user;
    const trn_steps_t *steps = taken->steps;
    TRN_TRY(cut(taken, ranks));
    json_t *row = json_pack("{s:i}", "ranks", ranks);
    if (steps->plan)
        json_object_set_new(row, "bytes_per_rank",
                            json_integer(trn_estimate_bytes(ranks, steps->plan, taken->job)));
    if (steps->cost) json_object_set_new(row, "seconds", seconds_on(taken, ranks));
    json_array_append_new(taken->plans, row);
    return TRN_OK;
}

static trn_status_t foretell_all(taken_t *taken, const char *list) {
    taken->plans = json_array();
    trn_status_t status = trn_ranks_each(list, foretell, taken);
    json_object_set_new(taken->run->result, "plans", taken->plans);
    return status;
}

/* For the ranks that there are; unless it is a dry run, that memory suffices. Collective. */
static trn_status_t estimate(const taken_t *taken) {
    const trn_run_t *run = taken->run;
    const trn_steps_t *steps = taken->steps;
    TRN_TRY(cut(taken, run->ranks));
    if (steps->cost && run->dry)
        json_object_set_new(run->result, "seconds", seconds_on(taken, run->ranks));
    if (!steps->plan || (steps->planned && !steps->planned(taken->job))) return TRN_OK;
    return trn_estimate(run->ranks, run->dry, steps->plan, taken->job, run->result);
}

/* The store ------------------------------------------------------------------------------------ */

static trn_status_t fill(const taken_t *taken, trn_store_t **store) {
    TRN_TRY(taken->steps->declare(taken->job, *store));
    TRN_TRY(trn_store_begin(*store));
    return trn_store_commit_replace(store, taken->steps->write(taken->job, *store));
}

static trn_status_t save(const taken_t *taken, const char *output) {
    const trn_run_t *run = taken->run;
    trn_store_t *store;
    json_t *given = trn_params_json(run->params);
    uint64_t seed = taken->steps->seeded ? (uint64_t)trn_params_int(run->params, "seed") : 0;
    trn_status_t status =
        trn_store_create(&store, run->comm, output, taken->steps->kind, run->command, given, seed);
    if (status == TRN_OK) {
        status = fill(taken, &store);
        trn_store_abandon(&store);
    }
    json_decref(given);
    return status;
}

/* All together --------------------------------------------------------------------------------- */

static trn_status_t execute(const taken_t *taken) {
    const trn_steps_t *steps = taken->steps;
    trn_run_t *run = taken->run;
    const char *output = steps->kind ? trn_params_text(run->params, "output") : NULL;
    double start = trn_seconds();
    if (output) TRN_TRY(trn_store_place(run->comm, output));
    TRN_TRY(steps->work(run, taken->job));
    if (output) TRN_TRY(save(taken, output));
    double seconds = trn_seconds() - start;
    if (steps->report) TRN_AGREE(run->comm, steps->report(run, taken->job));
    if (!json_object_get(run->result, "seconds"))
        json_object_set_new(run->result, "seconds", json_real(seconds));
    return TRN_OK;
}

static trn_status_t take(taken_t *taken) {
    trn_run_t *run = taken->run;
    const char *list = trn_params_text(run->params, "ranks");
    TRN_TRY(look(taken));
    if (list) return foretell_all(taken, list);
    TRN_TRY(estimate(taken));
    return run->dry ? TRN_OK : execute(taken);
}

trn_status_t trn_steps_run(trn_run_t *run, const trn_steps_t *steps) {
    taken_t taken = {run, steps, NULL, NULL};
    trn_status_t status = trn_agree(run->comm, trn_alloc_zero(&taken.job, 1, steps->size, "a job"));
    if (status == TRN_OK) status = take(&taken);
    if (taken.job && steps->free) steps->free(taken.job);
    if (taken.job && steps->matrix) trn_matrix_in_free(taken.job);
    if (taken.job && steps->rows) trn_tall_in_free(taken.job);
    trn_free(&taken.job);
    return status;
}
