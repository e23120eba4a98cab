/* kg_state.h: the numbers that training changes, and how they lie on the ranks.
 *
 * Entities are dealt to `blocks` blocks of `rows` rows: entity e is row e / blocks of block e mod
 * blocks, so that every block has its share of frequent ones (rows beyond the last entity are
 * padding and stay 0). Rank r owns blocks [blocks r / P, blocks (r + 1) / P) with the state of
 * their optimiser. Relations and theirs are on every rank, equal; but second rows, which may be
 * matrices, are dealt to the ranks in an even cut. Nothing here depends on P but who owns what. */
#ifndef TRN_ALGO_KG_TRAIN_KG_STATE_H
#define TRN_ALGO_KG_TRAIN_KG_STATE_H

#include "algo/common/trainer.h"
#include "algo/kg/kg_model.h"
#include "base/ledger.h"
#include "base/status.h"
#include "io/store/store.h"
#include "kern/train/loss.h"

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum trn_kg_optimizer {
    TRN_KG_ADAGRAD,     /* a sum of squares for every number */
    TRN_KG_ADAGRAD_ROW, /* one for every row: the mean of its squares */
    TRN_KG_ADAM         /* sparse: rows without a gradient rest */
} trn_kg_optimizer_t;

/* Everything that decides the result. */
typedef struct trn_kg_options {
    int64_t epochs, batch, blocks;
    int64_t negatives;  /* drawn for each batch; 0: all entities */
    bool self_negative; /* beside them each question meets its known entity as a candidate */
    bool filtered;      /* other known answers of a question are none of its negatives */
    trn_loss_t loss;
    bool all_answers; /* a question is asked once, with all its answers (KvsAll); else once each */
    double smoothing; /* part of the answers' weight that is spread over all entities */
    double entity_dropout, relation_dropout; /* of the numbers that queries are made of */
    trn_kg_optimizer_t optimiser;
    double rate, final_rate; /* at the start; at the end as a fraction, linearly */
    double l2, n3, dura;     /* weights of the regularisers, on the rows of each batch's triples */
    double scale;            /* of starting values */
    const char *start; /* file of a model whose vectors training starts from, borrowed; or NULL */
    bool unit_entities;
    const struct trn_nodepiece_options *nodepiece; /* of trn_kg_nodepiece; else NULL; borrowed */
    int64_t valid_every, patience; /* epochs between looks at the valid split, 0: none; looks in
                                    * vain before training ends, 0: any number */
    bool bucketed;                 /* trained by trn_kg_bucketed, not the others; and then: */
    int64_t sweeps; /* times that an epoch goes round all pairs, with a part of their triples */
    uint64_t seed;
} trn_kg_options_t;

/* What a regime trains beside the state's numbers, for results and checkpoints (kg_save.c). */
typedef struct trn_kg_extra {
    /* Bring state->entity up to date before it is written. Collective. Fails (agreed). */
    trn_status_t (*refresh)(void *self);
    /* Declare datasets and attributes; write them (local); read them (local). */
    trn_status_t (*declare)(void *self, trn_store_t *store, bool training);
    trn_status_t (*write)(void *self, trn_store_t *store, bool training);
    trn_status_t (*read)(void *self, trn_store_t *store);
} trn_kg_extra_t;

typedef struct trn_kg_state {
    MPI_Comm comm;
    int rank, ranks;
    trn_kg_header_t header;
    trn_kg_options_t options;
    int64_t blocks, rows; /* of all; of each block */
    int64_t first_block, own_blocks;
    float *entity;   /* [own_blocks x rows x dim] */
    float *relation; /* [relation rows x width] */
    int64_t first_second, own_second;
    float *second;          /* [own_second x width]: of relation rows from first_second on */
    float *moments[3][2];   /* of entity, relation, second: squares, Adam's mean; or NULL */
    int64_t epoch, step;    /* done */
    int64_t position;       /* of the epoch at work: how far a regime has come; 0: at its start */
    int64_t span;           /* where it ends; set by the regime's create */
    double loss;            /* summed up in it so far */
    trn_trainer_t *trainer; /* whose votes trn_kg_pause takes, or NULL; borrowed */
    int64_t best_epoch;     /* with the best MRR of the valid split; 0: none yet */
    double best_mrr;
    int *owner;                  /* [blocks]: its rank */
    const trn_kg_extra_t *extra; /* set by the regime's create, or NULL */
    void *extra_self;
} trn_kg_state_t;

/* Make the starting state: standard normal numbers times scale by (seed, entity), never by rank.
 * Collective, equal arguments. Fails (agreed) with TRN_MEMORY, TRN_USAGE. */
trn_status_t trn_kg_state_create(trn_kg_state_t **state, MPI_Comm comm,
                                 const trn_kg_header_t *header, const trn_kg_options_t *options);

/* The sizes of a state on rank `rank` of `ranks`, without its numbers: for plans. Local. */
trn_kg_state_t trn_kg_state_shape(const trn_kg_header_t *header, const trn_kg_options_t *options,
                                  int ranks, int rank);

/* Plan of trn_kg_state_create, all of which stays. Local. */
void trn_kg_state_plan(trn_ledger_t *ledger, const trn_kg_state_t *shape);

/* Free and set to NULL; NULL is fine. Local. */
void trn_kg_state_destroy(trn_kg_state_t **state);

/* Floats of optimiser state that go with a row of `width` numbers, in moment 0 and moment 1.
 * Local. */
int64_t trn_kg_moment_width(trn_kg_optimizer_t optimiser, int which, int64_t width);

/* One step of the optimiser on `count` rows of `width` numbers, whose gradients are g: values and
 * moments change. `step` counts from 1 (Adam's correction). Local. */
void trn_kg_step(const trn_kg_options_t *options, double rate, int64_t step, int64_t count,
                 int64_t width, float *values, float *moment0, float *moment1, const float *g);

/* Rows of a question, or their gradients. */
typedef struct trn_kg_rows {
    float *known, *relation, *answer; /* answer may be NULL */
} trn_kg_rows_t;

/* g += the gradient, a question's share of a batch of `questions`, of n3 / 3 sum |v|^3 (of moduli
 * where v is complex), l2 / 2 sum v^2, and dura times the sum over both entities e of |e|^2 / 2 +
 * 3 |e r|^2 / 2 (elementwise product with the relation). Local. Sources: Lacroix, Usunier,
 * Obozinski: Canonical tensor decomposition (ICML 2018); Zhang, Cai, Wang: Duality-induced
 * regularizer (NeurIPS 2020), with the weights of its authors' program. */
void trn_kg_regularise(const trn_kg_state_t *state, int64_t questions, const trn_kg_rows_t *v,
                       const trn_kg_rows_t *g);

/* The learning rate of an epoch. Local. */
double trn_kg_rate(const trn_kg_options_t *options, int64_t epoch);

/* The row of `entity` in values[own_blocks x rows x width], or NULL on ranks that do not own it.
 * Local. */
float *trn_kg_own_row(const trn_kg_state_t *state, float *values, int64_t width, int64_t entity);

/* This rank's row of second rows, or of their moments, `values`, or NULL if another owns it.
 * Local. */
float *trn_kg_own_second(const trn_kg_state_t *state, float *values, int64_t width,
                         int64_t relation);

/* The rank that owns the second row of a relation row. Local. */
int trn_kg_second_owner(const trn_kg_state_t *state, int64_t relation);

/* rows[count x dim] = the vectors of these entities, on every rank. Collective, equal arguments.
 * Cost: of trn_gather_rows (mpi/gather.h). */
void trn_kg_gather(const trn_kg_state_t *state, int64_t count, const int32_t *entity, float *rows);

/* Candidate j that is drawn for the batch of state->step; words[4] carry over from j to j + 1, and
 * are set where j is a multiple of 4. Local. */
int32_t trn_kg_negative(const trn_kg_state_t *state, int64_t j, uint32_t words[4]);

/* True on all ranks if there is reason to leave the epoch for a while: any was asked to stop or
 * finds a checkpoint due, or all have written theirs behind. values[count] (count <= 16) are summed
 * over ranks on the way, and the progress of the epoch is logged. Collective. Cost: one Allreduce
 * of 16 numbers. */
bool trn_kg_pause(trn_kg_state_t *state, int count, double *values);

/* If the epoch at work has come to its end: count it, *loss is the mean of so many questions.
 * Local.
 */
void trn_kg_close_epoch(trn_kg_state_t *state, int64_t questions, double *loss);

/* The failure of an epoch whose loss is not finite. Local. */
trn_status_t trn_kg_not_finite(const trn_kg_state_t *state);

/* The score given to a candidate that must not count, as it is an answer: no loss minds it. */
#define TRN_KG_MASKED (-1e30f)

/* One way of going through the training triples. */
typedef struct trn_kg_regime {
    const char *name;
    /* Read the train split, allocate everything. Collective. Fails (agreed). */
    trn_status_t (*create)(void **self, trn_kg_state_t *state, const trn_kg_t *kg);
    void (*destroy)(void **self);
    /* Train epoch state->epoch from state->position on. At its end it is counted up, position is 0
     * and *loss the mean per question, equal on all ranks; where trn_kg_pause says so it may return
     * before, with position above 0. Collective. Fails (agreed) with TRN_NUMERIC. */
    trn_status_t (*epoch)(void *self, double *loss);
    /* Plan of create and epoch beside the state of that shape: what create makes stays. Local. */
    void (*plan)(trn_ledger_t *ledger, const trn_kg_state_t *shape, int64_t triples);
} trn_kg_regime_t;

/* Against all entities; against some drawn for each batch. */
extern const trn_kg_regime_t trn_kg_full, trn_kg_negatives;

/* Batches out of pairs of entity blocks, against entities drawn from the pair and some others: for
 * graphs whose entities or triples are too many for one rank (kg_sampled.c). */
extern const trn_kg_regime_t trn_kg_bucketed;

#endif
