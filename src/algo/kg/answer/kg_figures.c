/* kg_figures.c: sums over ranks of true answers. */
#include "algo/kg/answer/kg_figures.h"

#include <stdio.h>

void trn_kg_figures_add(trn_kg_figures_t *f, int64_t better, int64_t equal) {
    static const double at[3] = {1, 3, 10};
    double rank = 1 + (double)better + (double)equal / 2;
    f->queries++;
    f->ties += equal > 0;
    f->reciprocal += 1 / rank;
    f->optimistic += 1 / (1 + (double)better);
    f->pessimistic += 1 / (1 + (double)better + (double)equal);
    f->rank += rank;
    for (int i = 0; i < 3; i++)
        f->hits[i] += rank <= at[i];
}

double trn_kg_figures_mean(const trn_kg_figures_t *f, double sum) {
    return f->queries > 0 ? sum / (double)f->queries : 0;
}

void trn_kg_figures_put(const trn_kg_figures_t *f, const char *prefix, json_t *to) {
    char name[64];
    const struct {
        const char *name;
        double sum;
    } figures[] = {{"mrr", f->reciprocal},
                   {"hits1", (double)f->hits[0]},
                   {"hits3", (double)f->hits[1]},
                   {"hits10", (double)f->hits[2]},
                   {"mean_rank", f->rank}};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        snprintf(name, sizeof name, "%s%s", prefix, figures[i].name);
        json_object_set_new(to, name, json_real(trn_kg_figures_mean(f, figures[i].sum)));
    }
}
