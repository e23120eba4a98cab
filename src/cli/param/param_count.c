/* param_count.c: counts that must not exceed what there is, which is known only when inputs have
 * been looked at. */
#include "base/log.h"
#include "cli/param/param.h"

#include <stdio.h>

trn_status_t trn_params_at_most(const trn_params_t *params, const char *name, int64_t most,
                                const char *has, int64_t *value) {
    *value = trn_params_int(params, name);
    if (*value <= most) return TRN_OK;
    if (trn_params_given(params, name))
        return trn_fail(TRN_USAGE, "--%s: %lld is too many: %s; give at most %lld", name,
                        (long long)*value, has, (long long)most);
    trn_log(TRN_LOG_INFO, name, "%lld instead of the default %lld: %s", (long long)most,
            (long long)*value, has);
    *value = most;
    return TRN_OK;
}

trn_status_t trn_params_of_those(const trn_params_t *params, const char *name, int64_t most,
                                 const char *path, int64_t there, const char *noun,
                                 int64_t *value) {
    char has[256];
    snprintf(has, sizeof has, "%.180s has %lld %s", path, (long long)there, noun);
    return trn_params_at_most(params, name, most > 1 ? most : 1, has, value);
}
