/* dist_impl.h: a distribution from within; private to dist.c, which makes it, and dist_walk.c. */
#ifndef TRN_MPI_DIST_IMPL_H
#define TRN_MPI_DIST_IMPL_H

#include "mpi/dist.h"

/* One direction of the cut, and which classes each rank holds. */
typedef struct side {
    int64_t parts, classes;
    int64_t *start;                   /* [parts + 1] */
    int64_t *class_of;                /* [parts] */
    int64_t *class_start, *in_class;  /* parts of class c: in_class[class_start[c] ...] */
    int64_t *held_start, *held_class; /* classes of rank r: held_class[held_start[r] ...] */
} side_t;

struct trn_dist {
    int ranks;
    side_t row, col;
    int *owner; /* [row classes x column classes]; NULL where numbers have several holders */
};

/* Classes of one side that a rank holds. */
static inline int64_t held(const side_t *side, int rank) {
    return side->held_start[rank + 1] - side->held_start[rank];
}

#endif
