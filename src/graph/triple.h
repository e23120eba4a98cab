/* triple.h: facts of a knowledge graph by numbers. */
#ifndef TRN_GRAPH_TRIPLE_H
#define TRN_GRAPH_TRIPLE_H

#include <stdint.h>

typedef struct trn_triple {
    int32_t head, relation, tail;
} trn_triple_t;

#endif
