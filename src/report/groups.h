/* groups.h: runs that have something in common, found in one pass over all of them. */
#ifndef TRN_REPORT_GROUPS_H
#define TRN_REPORT_GROUPS_H

#include "base/status.h"

#include <jansson.h>

/* What a run is told from others by: *key is freed by free(), NULL leaves the run out. Fails with
 * TRN_MEMORY. */
typedef trn_status_t (*trn_group_key_t)(const json_t *run, char **key);

/* *groups = an array with one array of runs (borrowed from `runs`, in their order) a key, in order
 * of their first runs; json_decref it. Local. Fails with TRN_MEMORY, or as `key` does. Cost: one
 * key and one look at a hash table a run. */
trn_status_t trn_groups(const json_t *runs, trn_group_key_t key, json_t **groups);

#endif
