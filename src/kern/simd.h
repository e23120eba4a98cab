/* simd.h: which of the instruction sets that simd_*.c were compiled for this processor runs.
 *
 * generated/simd_sets.inc lists the sets in ascending order, as TRN_SIMD_SETS(X, name) with an
 * X(name, set) for each. A module's simd_*.c defines a table NAME_SET of type NAME_t for each set;
 * its other file includes that list and makes the choice with TRN_SIMD_CHOICE. */
#ifndef TRN_KERN_SIMD_H
#define TRN_KERN_SIMD_H

/* Place of the best set in the list, from 0. Local. Cost: a few tests of processor flags. */
int trn_simd_best(void);

#define TRN_SIMD_DECLARE(name, set) extern const name##_t name##_##set;
#define TRN_SIMD_ADDRESS(name, set) &name##_##set,

/* Define NAME(), which returns the table for this processor. */
#define TRN_SIMD_CHOICE(name)                                                                      \
    TRN_SIMD_SETS(TRN_SIMD_DECLARE, name)                                                          \
    const name##_t *name(void) {                                                                   \
        static const name##_t *const sets[] = {TRN_SIMD_SETS(TRN_SIMD_ADDRESS, name)};             \
        return sets[trn_simd_best()];                                                              \
    }

#endif
