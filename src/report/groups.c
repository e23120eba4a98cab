/* groups.c: a table of keys that says which group has a run, and the groups themselves. */
#include "report/groups.h"

#include <stdlib.h>

/* The array of `key`, made if it is new; NULL without memory. */
static json_t *group_of(json_t *table, json_t *groups, const char *key) {
    json_t *found = json_object_get(table, key);
    if (found) return found;
    json_t *fresh = json_array();
    if (json_object_set_new(table, key, fresh) != 0) return NULL; /* which has freed it */
    return json_array_append(groups, fresh) == 0 ? fresh : NULL;
}

/* A key of NULL leaves the run out. */
static trn_status_t put(json_t *table, json_t *groups, json_t *run, trn_group_key_t key_of) {
    char *key;
    TRN_TRY(key_of(run, &key));
    if (!key) return TRN_OK;
    json_t *group = group_of(table, groups, key);
    free(key);
    if (group && json_array_append(group, run) == 0) return TRN_OK;
    return trn_fail(TRN_MEMORY, "no memory to group runs");
}

/* The table borrows the arrays that `groups` owns: it is only to find them again. */
trn_status_t trn_groups(const json_t *runs, trn_group_key_t key, json_t **groups) {
    size_t i;
    json_t *run, *table = json_object();
    *groups = json_array();
    trn_status_t status =
        table && *groups ? TRN_OK : trn_fail(TRN_MEMORY, "no memory to group runs");
    json_array_foreach(runs, i, run) {
        if (status == TRN_OK) status = put(table, *groups, run, key);
    }
    json_decref(table);
    if (status == TRN_OK) return TRN_OK;
    json_decref(*groups);
    *groups = NULL;
    return status;
}
