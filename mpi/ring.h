/* ring.h: block rotation: traveling blocks pass by stationary ones, hidden behind compute.
 *
 * `blocks` stationary and as many traveling blocks of equal size, numbered 0..k-1, are spread
 * over P ranks: rank r owns the stationary blocks [kr/P, k(r+1)/P), its slots. In round t the slot
 * of stationary block i holds traveling block (i + t) mod k. Between rounds exactly one traveling
 * block crosses each border between ranks that own something; ranks without blocks stand aside.
 *
 *   for each round:  trn_ring_begin(ring);                 // posts the receive
 *                    use slot 0; trn_ring_depart(ring);    // its block leaves for the rank below
 *                    use slots 1..n-1, calling trn_ring_progress(ring) now and then;
 *                    trn_ring_shift(ring);                 // completes; slots are those of t + 1
 */
#ifndef TRN_MPI_RING_H
#define TRN_MPI_RING_H

#include "base/status.h"

#include <mpi.h>
#include <stdint.h>

typedef struct trn_ring trn_ring_t;

/* Plan a ring of `blocks` traveling blocks of `block_bytes` each over `comm` (borrowed), round 0;
 * the buffers, uninitialized, are allocated here: one a slot and a spare. Collective, equal
 * arguments. Fails (agreed) with TRN_MEMORY, TRN_USAGE (no blocks). Memory: (slots + 1) x
 * block_bytes. */
trn_status_t trn_ring_create(trn_ring_t **ring, MPI_Comm comm, int64_t blocks, int64_t block_bytes);

/* Free and set the pointer to NULL. No round may be open. Local. */
void trn_ring_destroy(trn_ring_t **ring);

/* First stationary block of this rank, and how many (its slots). Local. */
int64_t trn_ring_first(const trn_ring_t *ring);
int64_t trn_ring_slots(const trn_ring_t *ring);

/* The round number t, 0..k-1. Local. */
int64_t trn_ring_round(const trn_ring_t *ring);

/* Go to round `round` (0..k-1) between rounds; the caller then fills the slots' memory with the
 * blocks that trn_ring_block names. Local. */
void trn_ring_set_round(trn_ring_t *ring, int64_t round);

/* Number and memory (block_bytes, 64-byte aligned) of the traveling block now at `slot`. Local. */
int64_t trn_ring_block(const trn_ring_t *ring, int64_t slot);
void *trn_ring_data(const trn_ring_t *ring, int64_t slot);

/* Open a round: post the receive of the block that comes next. Local; never fails. */
void trn_ring_begin(trn_ring_t *ring);

/* Slot 0 is done with: start sending its block on. To be called by the thread that initialized
 * MPI, once a round, by every rank that has slots. Local. */
void trn_ring_depart(trn_ring_t *ring);

/* Let the message layer work; call it between pieces of compute. Local. Cost: one MPI_Testall. */
void trn_ring_progress(trn_ring_t *ring);

/* Close the round: wait for both messages and turn the slots to the next round; after round k-1
 * comes round 0 and every block is home. Local in calls, but waits for the neighbors.
 * Cost: block_bytes sent and received per rank and round. */
void trn_ring_shift(trn_ring_t *ring);

/* Seconds spent waiting inside trn_ring_shift since creation. Local. */
double trn_ring_waited(const trn_ring_t *ring);

#endif
