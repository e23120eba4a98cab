/* rotate_impl.h: what planning (rotate.c) and running (rotate_run.c) of a rotation share. Private.
 */
#ifndef TRN_MPI_DENSE_ROTATE_IMPL_H
#define TRN_MPI_DENSE_ROTATE_IMPL_H

#include "mpi/dense/rotate.h"

/* Terms that lie together in both operands: in the blocks of the ranks that hold them for this one.
 */
typedef struct run {
    int64_t count, local[2];
} run_t;

typedef struct panel {
    int64_t key[2]; /* classes of the terms in op(A) and op(B) */
    int owner[2];   /* position of the rank that lends it, in the row and in the column */
    int64_t width;  /* terms */
    int64_t first, runs;
} panel_t;

/* One operand as one rank sees it. */
typedef struct operand {
    bool moves;
    bool spread;     /* the block is a view whose rows do not touch */
    bool term_rows;  /* a term is a row of the stored matrix: chunks are contiguous */
    int64_t breadth; /* numbers of a term in this rank's block */
    MPI_Comm ring;
    int me, ranks;
    int others;       /* position in the other ring: panels are offset by it */
    bool in_place;    /* panels are read where they lie: nothing is sent */
    int64_t *passed;  /* [ranks]: terms of each rank's block that planning has passed */
    trn_view_t *home; /* [ranks]: the blocks that can be read here, its own at least */
    /* Of this step and the two after it, by their number modulo TRN_ROTATION_SLOTS: */
    char *slot[TRN_ROTATION_SLOTS];  /* the chunk, received or packed */
    char *start[TRN_ROTATION_SLOTS]; /* chunks packed for ranks that begin with them */
    int starts;                      /* such chunks a step */
    MPI_Request receive[TRN_ROTATION_SLOTS], *sends[TRN_ROTATION_SLOTS]; /* [ranks] each */
} operand_t;

struct trn_rotation {
    trn_dtype_t type;
    bool transposed[2], broadcast, off_node;
    int64_t size; /* bytes of a number */
    int threads;
    int64_t rows, cols;
    operand_t operand[2];
    panel_t *panels;
    run_t *runs;
    int64_t panel_count, run_count, run_room;
    int64_t pieces; /* chunks of a panel */
    int64_t chunk;  /* terms of the widest */
};

/* Steps of a run: chunks that each rank multiplies. Local. */
int64_t trn_rotation_steps(const trn_rotation_t *r);

/* The panel that position `x` of a ring uses at step t. Local. */
int64_t trn_rotation_panel(const trn_rotation_t *r, const operand_t *o, int x, int64_t t);

/* Who passes position x its chunk of step t: the neighbor who has just used it, or its owner, who
 * may be x itself. Local. */
int trn_rotation_source(const trn_rotation_t *r, int which, int x, int64_t t);

/* Whether any panel is in several runs, so that its chunks may have to be packed. Local. */
bool trn_rotation_scattered(const trn_rotation_t *r);

#endif
