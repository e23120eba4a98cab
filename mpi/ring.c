/* ring.c: blocks that travel round the ranks, one place a round, beside the work on them. Ranks own
 * consecutive blocks, so only the lowest slot of each goes to the neighbor below, and one comes
 * from above. */
#include "mpi/ring.h"

#include "base/clock.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/watch.h"

#include <assert.h>
#include <stdbool.h>

/* A message is cut into pieces well below the 2^31 bytes that an MPI count can name. */
static const int64_t PIECE_BYTES = (int64_t)1 << 28;

/* Tags of rings lie in [TAG_FIRST, TAG_FIRST + TAG_COUNT), within what every MPI allows. */
enum { TAG_FIRST = 0x4000, TAG_COUNT = 0x3000 };

/* The buffers form a circle. Slot s lies `turn + s` places along it and the spare, into which the
 * next block arrives, just behind the last slot; slot 0 is just behind the spare. So one step of
 * `turn` makes slot 1 slot 0, the arrival the last slot, and the departed block's memory the new
 * spare: nothing is ever copied. */
struct trn_ring {
    MPI_Comm comm; /* borrowed */
    int64_t blocks, block_bytes;
    int64_t first, slots;
    int64_t round;
    int64_t buffers; /* slots + 1; or just slots when this rank owns every block */
    int64_t stride;  /* bytes from buffer to buffer */
    int64_t turn;
    char *memory; /* [buffers x stride] */
    int below, above, tag;
    int pieces;            /* messages a block */
    MPI_Request *requests; /* [2 x pieces]: arrival, then departure; null when not under way */
    bool open, departed;
    double waited;
};

static bool alone(const trn_ring_t *ring) { /* no message ever */
    return ring->slots == ring->blocks;
}

static char *buffer(const trn_ring_t *ring, int64_t slot) {
    return ring->memory + (ring->turn + slot) % ring->buffers * ring->stride;
}

/* The rank that begins with a block; block -1 is the last one. */
static int owner(const trn_ring_t *ring, int ranks, int64_t block) {
    int64_t wrapped = (block + ring->blocks) % ring->blocks;
    return (int)trn_part_of(ring->blocks, ranks, wrapped);
}

/* Rings on one communicator must not catch each other's blocks, whatever the order in which ranks
 * use them: each gets a tag that no rank of `comm` has used before (until they wrap). */
static int fresh_tag(MPI_Comm comm) {
    static int used;
    MPI_Allreduce(MPI_IN_PLACE, &used, 1, MPI_INT, MPI_MAX, comm);
    return TAG_FIRST + used++ % TAG_COUNT;
}

/* What may fail of a ring: all memory is had here, none later. */
static trn_status_t plan(trn_ring_t **out, MPI_Comm comm, int64_t blocks, int64_t block_bytes) {
    if (blocks < 1 || block_bytes < 0)
        return trn_fail(TRN_USAGE, "blocks: a ring of %lld blocks of %lld bytes; give 1 or more",
                        (long long)blocks, (long long)block_bytes);
    int rank, ranks;
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &ranks);
    TRN_TRY(trn_alloc_zero(out, 1, sizeof **out, "a ring"));
    trn_ring_t *ring = *out;
    ring->comm = comm;
    ring->blocks = blocks;
    ring->block_bytes = block_bytes;
    ring->first = trn_part_start(blocks, ranks, rank);
    ring->slots = trn_part_start(blocks, ranks, rank + 1) - ring->first;
    ring->stride = (block_bytes + TRN_ALIGNMENT - 1) / TRN_ALIGNMENT * TRN_ALIGNMENT;
    ring->buffers = ring->slots == 0 || alone(ring) ? ring->slots : ring->slots + 1;
    ring->below = owner(ring, ranks, ring->first - 1);
    ring->above = owner(ring, ranks, ring->first + ring->slots);
    ring->pieces = (int)((block_bytes + PIECE_BYTES - 1) / PIECE_BYTES);
    TRN_TRY(trn_alloc(&ring->requests, 2 * ring->pieces, sizeof *ring->requests, "ring requests"));
    for (int i = 0; i < 2 * ring->pieces; i++)
        ring->requests[i] = MPI_REQUEST_NULL;
    return trn_alloc(&ring->memory, ring->buffers, (size_t)ring->stride, "traveling blocks");
}

/* The tag is taken after the agreement: a ring that failed uses none. */
trn_status_t trn_ring_create(trn_ring_t **ring, MPI_Comm comm, int64_t blocks,
                             int64_t block_bytes) {
    *ring = NULL;
    TRN_TRY(trn_check_equal(comm, blocks, "blocks of a ring"));
    TRN_TRY(trn_check_equal(comm, block_bytes, "block_bytes of a ring"));
    trn_status_t status = trn_agree(comm, plan(ring, comm, blocks, block_bytes));
    if (status == TRN_OK)
        (*ring)->tag = fresh_tag(comm);
    else
        trn_ring_destroy(ring);
    return status;
}

void trn_ring_destroy(trn_ring_t **ring) {
    if (!*ring) return;
    assert(!(*ring)->open);
    trn_free(&(*ring)->memory);
    trn_free(&(*ring)->requests);
    trn_free(ring);
}

int64_t trn_ring_first(const trn_ring_t *ring) {
    return ring->first;
}

int64_t trn_ring_slots(const trn_ring_t *ring) {
    return ring->slots;
}

int64_t trn_ring_round(const trn_ring_t *ring) {
    return ring->round;
}

int64_t trn_ring_block(const trn_ring_t *ring, int64_t slot) {
    return (ring->first + slot + ring->round) % ring->blocks;
}

void *trn_ring_data(const trn_ring_t *ring, int64_t slot) {
    return buffer(ring, slot);
}

double trn_ring_waited(const trn_ring_t *ring) {
    return ring->waited;
}

static int piece_bytes(const trn_ring_t *ring, int piece) {
    int64_t left = ring->block_bytes - piece * PIECE_BYTES;
    return (int)(left < PIECE_BYTES ? left : PIECE_BYTES);
}

/* MPI keeps messages of one tag between two ranks in order, so pieces and rounds cannot mix, and
 * two rounds are never under way at once on the same rank. */
void trn_ring_begin(trn_ring_t *ring) {
    assert(!ring->open);
    ring->open = true;
    ring->departed = false;
    if (ring->slots == 0 || alone(ring)) return;
    char *spare = buffer(ring, ring->slots);
    for (int i = 0; i < ring->pieces; i++)
        MPI_Irecv(spare + i * PIECE_BYTES, piece_bytes(ring, i), MPI_BYTE, ring->above, ring->tag,
                  ring->comm, &ring->requests[i]);
}

/* From here on slot 0 may be read but not written until the shift. */
void trn_ring_depart(trn_ring_t *ring) {
    assert(ring->open && !ring->departed && ring->slots > 0);
    ring->departed = true;
    if (alone(ring)) return;
    const char *leaving = buffer(ring, 0);
    for (int i = 0; i < ring->pieces; i++)
        MPI_Isend(leaving + i * PIECE_BYTES, piece_bytes(ring, i), MPI_BYTE, ring->below, ring->tag,
                  ring->comm, &ring->requests[ring->pieces + i]);
}

/* MPI moves large messages on only while somebody calls it. */
void trn_ring_progress(trn_ring_t *ring) {
    int done;
    MPI_Testall(2 * ring->pieces, ring->requests, &done, MPI_STATUSES_IGNORE);
    trn_watch_tick();
}

/* Waits for both directions: the departed block's memory is the next round's spare. */
void trn_ring_shift(trn_ring_t *ring) {
    assert(ring->open && (ring->departed || ring->slots == 0));
    double start = trn_seconds();
    MPI_Waitall(2 * ring->pieces, ring->requests, MPI_STATUSES_IGNORE);
    ring->waited += trn_seconds() - start;
    trn_watch_tick();
    if (ring->slots > 0) ring->turn = (ring->turn + 1) % ring->buffers;
    ring->round = (ring->round + 1) % ring->blocks;
    ring->open = false;
}

void trn_ring_set_round(trn_ring_t *ring, int64_t round) {
    assert(!ring->open && round >= 0 && round < ring->blocks);
    ring->round = round;
}
