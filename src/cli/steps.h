/* steps.h: a verb told by its steps, between which the program does what is the same for all. */
#ifndef TRN_CLI_STEPS_H
#define TRN_CLI_STEPS_H

#include "algo/common/cost.h"
#include "algo/common/estimate.h"
#include "base/status.h"
#include "io/store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct trn_run trn_run_t;

/* Steps in the order in which they are taken, all on a struct of the verb's own (`job`). Those that
 * are NULL are left out. Collective ones return the same status on every rank; look and report may
 * end with what one rank alone fails at, such as a figure of the result. */
typedef struct trn_steps {
    size_t size; /* of the job, which starts as zeros */
    /* The job begins with a trn_matrix_in_t (algo/matrix/matrix_file_plan.h): the program looks at
     * the first argument as a matrix before `look`, cuts it into tall bands before `cut`, and frees
     * it after `free`. */
    bool matrix;
    /* It begins with a trn_tall_in_t (algo/matrix/tall_in.h) instead: the same, and after `cut` the
     * program sees by the plan whether its rows stay in memory under --memory, or stream. */
    bool rows;
    /* *path = the file of that matrix, where it is not the first argument. Collective. */
    trn_status_t (*first)(trn_run_t *run, void *job, const char **path);
    /* Options into the job; open the inputs and look at them, at no number. Tells in the result
     * what a dry run may know. Collective. */
    trn_status_t (*look)(trn_run_t *run, void *job);
    /* What depends on the number of ranks, such as bands of rows, for `ranks` of them, which may be
     * others than there are: a dry run tries several. Replaces what it made before. Collective;
     * what one rank alone fails at, the program makes all fail at. */
    trn_status_t (*cut)(trn_run_t *run, void *job, int ranks);
    trn_estimator_t *plan;                           /* what the steps below take */
    bool (*planned)(const void *job);                /* whether it is known; NULL: it is. Local */
    void (*cost)(const void *job, trn_cost_t *cost); /* what they do. Local */
    trn_status_t (*work)(trn_run_t *run, void *job); /* Collective */
    const char *kind; /* of the store that --output is; NULL: the verb writes by itself */
    bool seeded;      /* the store tells --seed */
    trn_status_t (*declare)(void *job, trn_store_t *store); /* its datasets. Collective */
    /* This rank's part. Local; or Collective, for all ranks are there, and then agreed. */
    trn_status_t (*write)(const void *job, trn_store_t *store);
    /* Figures into the result, beside the "seconds" from work to write, unless these tell others.
     * Collective. */
    trn_status_t (*report)(trn_run_t *run, void *job);
    void (*free)(void *job); /* after any failure, too. Local */
} trn_steps_t;

/* Run a verb: look, cut, see that memory suffices and that the store can be written; work, write,
 * report. A dry run ends after the plan, for each number of ranks in --ranks. Collective. Fails
 * (agreed) as the steps do, with TRN_MEMORY, TRN_USAGE (--ranks), TRN_IO. */
trn_status_t trn_steps_run(trn_run_t *run, const trn_steps_t *steps);

/* Call see(user, ranks) for each number in a list such as "1-16,64"; stops at the first failure and
 * returns it. Fails with TRN_USAGE. Local if `see` is. */
trn_status_t trn_ranks_each(const char *list, trn_status_t (*see)(void *user, int ranks),
                            void *user);

#endif
