/* cooccur_plan.h: what counting co-occurrences takes of memory, reckoned from sizes.
 *
 * What a rank cannot do without is the words, a few dense rows and the messages; the text as
 * numbers and the finished rows are held as far as --memory allows, the rest goes through files.
 * A plan so has two ends: all in memory, and as little as will do. */
#ifndef TRN_ALGO_WORDS_COOCCUR_PLAN_H
#define TRN_ALGO_WORDS_COOCCUR_PLAN_H

#include "base/ledger.h"
#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Rows cut into bands, bands dealt to ranks in order. */
typedef struct trn_bands_of_rows {
    int64_t *row;          /* [count + 1]: band b is rows row[b] .. row[b + 1] */
    int64_t *owner;        /* [ranks + 1]: rank r owns bands owner[r] .. owner[r + 1] */
    int64_t count, rounds; /* rounds: most bands of any rank */
} trn_row_bands_t;

/* What decides how rows are cut. */
typedef struct trn_row_cut {
    const int64_t *counts;    /* [words] occurrences, borrowed */
    int64_t words, neighbors; /* neighbors: columns that one occurrence touches at most */
    int64_t ranks, parts;     /* parts of the corpus, counted apart: on ranks and one by one */
    int64_t batch;            /* cells that all ranks together send in a round */
} trn_row_cut_t;

/* Cells in messages and buffers of a rank in its fullest round. */
typedef struct trn_round_cells {
    int64_t sent, received, spilled; /* spilled: of parts counted before, read from files */
} trn_round_cells_t;

/* What the memory of a count depends on; of the rank that has most of each. */
typedef struct trn_cooccur_sizes {
    int64_t ranks, window;
    int64_t decoder;                /* bytes of a decompressor */
    int64_t stream;                 /* words and line ends that the rank reads */
    int64_t read_words;             /* distinct ones among them */
    int64_t all_words;              /* distinct ones of all ranks */
    int64_t frequent;               /* of these, often enough for the vocabulary */
    int64_t length;                 /* bytes of a distinct word, mean */
    int64_t list;                   /* bytes of --vocab; 0: none */
    int64_t words;                  /* the vocabulary */
    int64_t share;                  /* words and line ends that the rank counts */
    int64_t nonzeros;               /* of its rows */
    bool sampled;                   /* all that is reckoned from a part of the text */
    trn_round_cells_t usual, least; /* with everything in memory; in the smallest batches */
} trn_cooccur_sizes_t;

/* Which of it is held in memory. */
typedef struct trn_cooccur_way {
    int64_t stream; /* bytes of the text as numbers */
    int64_t batch;  /* numbers spread in a round */
    int64_t room;   /* numbers of the part of the corpus in memory */
    bool files;     /* finished rows go through files, and so do parts counted before */
    trn_round_cells_t cells;
} trn_cooccur_way_t;

enum { TRN_COOCCUR_BATCH = 1 << 20, TRN_COOCCUR_LEAST_BATCH = 1 << 14 };

/* Cut rows; row and owner are allocated here and the caller's to free. Local, equal arguments give
 * equal bands. Fails with TRN_MEMORY. */
trn_status_t trn_row_bands_create(trn_row_bands_t *bands, const trn_row_cut_t *cut);
void trn_row_bands_free(trn_row_bands_t *bands);

/* Cells of the fullest round: at most (fill 0), or if of the cells that a rank may have at most in
 * a row only the share `fill` is there. Local. */
trn_round_cells_t trn_round_cells(const trn_row_bands_t *bands, const trn_row_cut_t *cut,
                                  double fill);

/* What spreading and counting take beside the vocabulary, the stream and its map; bytes of spread
 * numbers and messages for each of a batch. Local. */
void trn_cooccur_count_plan(trn_ledger_t *ledger, const trn_cooccur_sizes_t *sizes,
                            const trn_cooccur_way_t *way);

/* Bytes that must be left when finished rows are put into memory: for messages, or for the store.
 * Local. */
int64_t trn_cooccur_reserve(const trn_round_cells_t *cells);

/* The way with least memory, and the stream's `stream` bytes of it. Local. */
trn_cooccur_way_t trn_cooccur_through_files(const trn_cooccur_sizes_t *sizes, int64_t stream);

/* Say what a count takes under `memory` (0: no limit), and unless `dry` refuse it if even the least
 * is above that: trn_estimate. Local, equal arguments. Fails with TRN_MEMORY. */
trn_status_t trn_cooccur_estimate(const trn_cooccur_sizes_t *sizes, int64_t memory, bool dry,
                                  json_t *result);

#endif
