/* embedding_impl.h: the inside of an embedding, for embedding.c and embedding_write.c only. */
#ifndef TRN_ALGO_VECTORS_EMBEDDING_IMPL_H
#define TRN_ALGO_VECTORS_EMBEDDING_IMPL_H

#include "algo/vectors/embedding.h"

#include "io/npy.h"
#include "io/store/store.h"
#include "text/lookup.h"

struct trn_embedding {
    MPI_Comm comm; /* borrowed */
    int rank, ranks;
    char *path;
    int64_t rows, dim;
    char **words;                /* [rows], one allocation */
    int64_t first_block, blocks; /* of this rank */
    float *values;               /* [blocks x TRN_EMBEDDING_BLOCK x dim] */
    trn_lookup_t *exact, *folded;
    /* Where the rows come from; only one is in use, until they are loaded. */
    trn_format_t format;
    trn_store_t *store;
    trn_vectors_t *vectors;
    trn_npy_t npy;
};

/* Name of the file with the words of a .npy file, to be freed with trn_free: `names`, else
 * PATH.vocab. Fails with TRN_MEMORY. Local. */
trn_status_t trn_embedding_names_file(const char *path, const char *names, char **file);

#endif
