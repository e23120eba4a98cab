/* cooccur_spread.c: from the streams as they were read to even parts of the corpus. */
#include "algo/words/cooccur_impl.h"

#include "base/log.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"
#include "mpi/watch.h"

#include <string.h>

/* A piece of corpus in a message; its ids follow, filled up to 8 bytes. */
typedef struct piece {
    int64_t count, before, after; /* as trn_segment_add takes them */
} piece_t;

typedef struct spread {
    trn_cooccur_t *counts;
    trn_spool_t *stream;
    const int32_t *map;
    int64_t window;
    /* ids[used]: `done` that are counted already, then `ready` to be counted now, then context. */
    int32_t *ids; /* [batch + 2 window] */
    int64_t used, done, ready;
    int32_t *fresh;      /* [batch] numbers out of the stream */
    char *send;          /* room for all pieces of a round */
    int64_t *send_bytes; /* [ranks] */
    int64_t *all_ready;  /* [ranks] */
    trn_parcels_t parcels;
} spread_t;

/* A whole multiple of 8, so that the head of the next piece is aligned. */
static int64_t piece_bytes(int64_t count) {
    return (int64_t)sizeof(piece_t) + (count * (int64_t)sizeof(int32_t) + 7) / 8 * 8;
}

/* All that the rounds need: none of them allocates but for what the exchange receives. */
static trn_status_t begin(spread_t *s, trn_cooccur_t *counts, trn_spool_t *stream,
                          const int32_t *map) {
    int ranks = counts->ranks;
    *s = (spread_t){.counts = counts, .stream = stream, .map = map};
    s->window = counts->window.options.size;
    int64_t room = counts->batch + 2 * s->window;
    TRN_TRY(trn_alloc(&s->ids, room, sizeof *s->ids, "word numbers"));
    TRN_TRY(trn_alloc(&s->fresh, counts->batch, sizeof *s->fresh, "word numbers"));
    /* Every piece may repeat a window on both sides. */
    TRN_TRY(trn_alloc(&s->send, piece_bytes(room) + ranks * piece_bytes(2 * s->window), 1,
                      "corpus pieces to send"));
    TRN_TRY(trn_alloc(&s->send_bytes, ranks, sizeof *s->send_bytes, "message sizes"));
    return trn_alloc(&s->all_ready, ranks, sizeof *s->all_ready, "message sizes");
}

static void end(spread_t *s) {
    trn_free(&s->ids);
    trn_free(&s->fresh);
    trn_free(&s->send);
    trn_free(&s->send_bytes);
    trn_free(&s->all_ready);
    trn_parcels_free(&s->parcels);
}

/* Take the next numbers, without unknown words and without breaks that part nothing. */
static trn_status_t refill(spread_t *s) {
    int64_t got;
    /* Forget what no window reaches any more. */
    int64_t drop = s->done > s->window ? s->done - s->window : 0;
    memmove(s->ids, s->ids + drop, (size_t)(s->used - drop) * sizeof *s->ids);
    s->used -= drop;
    s->done -= drop;
    TRN_TRY(
        trn_spool_take(s->stream, s->fresh, s->counts->batch * (int64_t)sizeof *s->fresh, &got));
    for (int64_t i = 0; i < got / (int64_t)sizeof *s->fresh; i++) {
        int32_t id = s->fresh[i] < 0 ? TRN_BREAK : s->map[s->fresh[i]];
        if (id < TRN_BREAK) continue;
        if (id == TRN_BREAK && (s->used == 0 || s->ids[s->used - 1] == TRN_BREAK)) continue;
        s->ids[s->used++] = id;
    }
    /* A number is ready when all that its window may reach is here. At the end no context is left
     * to come. */
    int64_t known = got ? s->used - s->window : s->used;
    s->ready = known > s->done ? known - s->done : 0;
    return TRN_OK;
}

/* Cut the numbers that are ready on all ranks together evenly, and pack the pieces of mine. */
static void pack(spread_t *s, int64_t before, int64_t total) {
    int ranks = s->counts->ranks;
    char *to = s->send;
    for (int r = 0; r < ranks; r++) {
        int64_t first = trn_part_start(total, ranks, r) - before;
        int64_t last = trn_part_start(total, ranks, r + 1) - before;
        if (first < 0) first = 0;
        if (last > s->ready) last = s->ready;
        s->send_bytes[r] = 0;
        if (first >= last) continue;
        first += s->done;
        last += s->done;
        /* Context to both sides, which the receiver sees but does not count. */
        int64_t from = first > s->window ? first - s->window : 0;
        int64_t until = last + s->window < s->used ? last + s->window : s->used;
        piece_t piece = {until - from, first - from, until - last};
        memcpy(to, &piece, sizeof piece);
        memcpy(to + sizeof piece, s->ids + from, (size_t)piece.count * sizeof *s->ids);
        s->send_bytes[r] = piece_bytes(piece.count);
        to += s->send_bytes[r];
    }
    s->done += s->ready;
}

/* Into the segment; when that is full, what it has is counted into a file first. */
static trn_status_t store_pieces(spread_t *s) {
    const char *data = s->parcels.data, *stop = data + s->parcels.start[s->counts->ranks];
    while (data < stop) {
        piece_t piece;
        memcpy(&piece, data, sizeof piece);
        if (!trn_segment_fits(s->counts->segment, piece.count))
            TRN_TRY(trn_cooccur_spill(s->counts));
        TRN_TRY(trn_segment_add(s->counts->segment, (const int32_t *)(data + sizeof piece),
                                piece.count, piece.before, piece.after));
        data += piece_bytes(piece.count);
    }
    return TRN_OK;
}

/* One round; *more tells whether anything was there to spread. */
static trn_status_t spread_round(spread_t *s, bool *more) {
    MPI_Comm comm = s->counts->comm;
    TRN_AGREE(comm, refill(s));
    int64_t before = 0, total = 0;
    MPI_Allgather(&s->ready, 1, MPI_INT64_T, s->all_ready, 1, MPI_INT64_T, comm);
    for (int r = 0; r < s->counts->ranks; r++) {
        before += r < s->counts->rank ? s->all_ready[r] : 0;
        total += s->all_ready[r];
    }
    /* All go on until the last has nothing left: the exchange needs everybody. */
    *more = trn_any(comm, s->used > s->done || trn_spool_left(s->stream) > 0);
    if (!*more) return TRN_OK;
    pack(s, before, total);
    TRN_TRY(trn_exchange(comm, s->send, s->send_bytes, &s->parcels));
    trn_watch_tick();
    return trn_agree(comm, store_pieces(s));
}

/* Compressed files make some ranks read more than others; the rounds even that out, as many numbers
 * to everybody in each. Windows do not see it: every piece brings the words around it along. */
trn_status_t trn_cooccur_spread(trn_cooccur_t *counts, trn_spool_t *stream, const int32_t *map) {
    spread_t s;
    bool more = true;
    trn_status_t status = trn_agree(counts->comm, begin(&s, counts, stream, map));
    while (status == TRN_OK && more)
        status = spread_round(&s, &more);
    end(&s);
    return status;
}
