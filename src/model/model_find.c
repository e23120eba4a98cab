/* model_find.c: a model by its name, out of the table that the build makes of the files in this
 * room. */
#include "model/model.h"

#include <string.h>

const trn_model_t *trn_model_find(const char *name) {
    for (const trn_model_t *const *m = trn_models; *m; m++)
        if (strcmp((*m)->name, name) == 0) return *m;
    return NULL;
}
