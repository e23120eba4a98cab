/* best.c: lists of the best as a type and an operation of MPI. */
#include "mpi/best.h"

/* MPI calls this with whole lists; their length is in the type's size. */
static void merge_lists(void *from, void *into, int *count, MPI_Datatype *type) {
    int bytes;
    MPI_Type_size(*type, &bytes);
    int64_t k = bytes / (int)sizeof(trn_best_t);
    for (int i = 0; i < *count; i++)
        trn_topk_merge(k, (trn_best_t *)from + i * k, (trn_best_t *)into + i * k);
}

trn_best_lists_t trn_best_lists(int64_t k) {
    trn_best_lists_t lists;
    MPI_Type_contiguous((int)(k * (int64_t)sizeof(trn_best_t)), MPI_BYTE, &lists.type);
    MPI_Type_commit(&lists.type);
    MPI_Op_create(merge_lists, 1, &lists.merge);
    return lists;
}

void trn_best_lists_free(trn_best_lists_t *lists) {
    MPI_Op_free(&lists->merge);
    MPI_Type_free(&lists->type);
}
