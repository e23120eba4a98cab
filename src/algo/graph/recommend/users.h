/* users.h: users by their names or numbers. */
#ifndef TRN_ALGO_GRAPH_RECOMMEND_USERS_H
#define TRN_ALGO_GRAPH_RECOMMEND_USERS_H

#include "algo/graph/recommend/interactions.h"
#include "algo/rows/row_names.h"

#include <stdint.h>

/* The users of a list, of rank 0 alone: names, or numbers where users have none. wanted[*count] =
 * their numbers on every rank, ascending and each once, to be freed with trn_free. Collective.
 * Fails (agreed) with TRN_INPUT (no such user: file, line and name), TRN_MEMORY, TRN_IO. Cost: one
 * pass over the names of all users. */
trn_status_t trn_users_find(trn_interactions_t *in, const trn_name_list_t *list, int64_t **wanted,
                            int64_t *count);

#endif
