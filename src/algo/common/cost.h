/* cost.h: how long a job may take, for a dry run: work over the rates of a machine. */
#ifndef TRN_ALGO_COMMON_COST_H
#define TRN_ALGO_COMMON_COST_H

/* Work of all ranks together. */
typedef struct trn_cost {
    double flops;      /* of products in float64; in float32 half of what they are */
    double bytes;      /* of memory that passes by beside products */
    double file_bytes; /* read and written */
} trn_cost_t;

/* Seconds on so many ranks of so many threads each, evenly loaded, a core for each thread. Products
 * go at the rate that BLAS is measured to have here; memory passes at 4 GB/s a thread and files at
 * 1 GB/s in all, which are guesses. What a machine shares (caches, power) and messages are left
 * out: good for telling minutes from hours. Local. Cost: 0.1 s, once in a process. */
double trn_cost_seconds(const trn_cost_t *cost, int ranks, int threads);

#endif
