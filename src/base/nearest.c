/* nearest.c: the name that was probably meant. A candidate is near if a third of its letters at
 * most are wrong (swapped neighbors count as one), or if what was typed is its beginning. */
#include "base/nearest.h"

#include <string.h>

static int min(int a, int b) {
    return a < b ? a : b;
}

/* Optimal string alignment distance, three rows of the table at a time. */
static int edits(const char *a, int na, const char *b, int nb) {
    int table[3][TRN_NEAREST_LONGEST + 1];
    int *before = table[0], *above = table[1], *row = table[2];
    for (int j = 0; j <= nb; j++)
        above[j] = j;
    for (int i = 1; i <= na; i++) {
        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            int change = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = min(change, 1 + min(above[j], row[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = min(row[j], 1 + before[j - 2]);
        }
        int *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[nb];
}

/* The first of equally near candidates stays. */
void trn_nearest_try(trn_nearest_t *best, const char *typed, const char *candidate) {
    size_t na = strlen(typed), nb = strlen(candidate);
    if (na == 0 || na > TRN_NEAREST_LONGEST || nb > TRN_NEAREST_LONGEST) return;
    int distance = edits(typed, (int)na, candidate, (int)nb);
    int allowed = (int)(na > nb ? na : nb) / 3;
    /* "--epo" for "--epochs" is many edits away but plainly meant. */
    int start = strncmp(typed, candidate, na) == 0;
    if (distance > (allowed > 0 ? allowed : 1) && !start) return;
    if (!best->name || distance < best->distance)
        *best = (trn_nearest_t){.name = candidate, .distance = distance};
}
