/* numbering.c: names are numbered at the ranks that their hashes name, and dealt out in the order
 * of their numbers. */
#define _POSIX_C_SOURCE 200809L
#include "algo/common/numbering.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"
#include "mpi/exchange.h"
#include "text/tokens.h"
#include "text/vocab.h"

#include <stdlib.h>
#include <string.h>

trn_status_t trn_numbering_create(trn_numbering_t *names, MPI_Comm comm) {
    *names = (trn_numbering_t){.comm = comm};
    MPI_Comm_rank(comm, &names->rank);
    MPI_Comm_size(comm, &names->ranks);
    return trn_words_create(&names->words);
}

void trn_numbering_forget(trn_numbering_t *names) {
    trn_words_destroy(&names->words);
    trn_free(&names->place);
    trn_free(&names->number);
}

void trn_numbering_free(trn_numbering_t *names) {
    trn_numbering_forget(names);
    trn_free(&names->text);
    trn_free(&names->list);
}

trn_status_t trn_numbering_add(trn_numbering_t *names, const char *bytes, int64_t length,
                               int64_t place, int32_t *id) {
    TRN_TRY(trn_token_check(bytes, length));
    int64_t before = trn_words_size(names->words);
    TRN_TRY(
        trn_grow(&names->place, &names->room, before + 1, sizeof *names->place, "places of names"));
    TRN_TRY(trn_words_add(names->words, bytes, length, trn_words_hash(bytes, length), 1, id));
    if (*id == before) names->place[*id] = place;
    return TRN_OK;
}

/* Numbers -------------------------------------------------------------------------------------- */

/* The names that this rank numbers for all. */
typedef struct home {
    trn_words_t *words;
    int64_t *place; /* [words] the first anywhere */
    int32_t *id;    /* [requests] which of the words each request was for */
    int64_t requests;
    trn_parcels_t asked; /* records as of text/vocab.h, with the place for the count */
    int64_t *count;      /* [ranks] requests of each rank */
} home_t;

static int ascending(const void *left, const void *right) {
    int64_t a, b;
    memcpy(&a, left, sizeof a);
    memcpy(&b, right, sizeof b);
    return (a > b) - (a < b);
}

/* Records for rank `part`, or their size if `to` is NULL. */
static int64_t pack(const trn_numbering_t *names, int part, int parts, char *to) {
    int64_t bytes = 0, length;
    for (int64_t id = 0; id < trn_words_size(names->words); id++) {
        if (trn_words_hash_of(names->words, id) % (uint64_t)parts != (uint64_t)part) continue;
        const char *word = trn_words_bytes(names->words, id, &length);
        bytes += trn_vocab_record_bytes(length);
        if (to) to = trn_vocab_pack(to, word, length, names->place[id]);
    }
    return bytes;
}

/* Bring every name to its home. Collective. */
static trn_status_t ask(const trn_numbering_t *names, home_t *home) {
    int64_t *bytes = NULL, total = 0;
    char *send = NULL;
    trn_status_t status = trn_alloc(&bytes, names->ranks, sizeof *bytes, "message sizes");
    for (int r = 0; r < names->ranks && status == TRN_OK; r++)
        total += bytes[r] = pack(names, r, names->ranks, NULL);
    if (status == TRN_OK) status = trn_alloc(&send, total, 1, "names for other ranks");
    TRN_OR(done, trn_agree(names->comm, status));
    char *to = send;
    for (int r = 0; r < names->ranks; r++)
        to += pack(names, r, names->ranks, to);
    status = trn_exchange(names->comm, send, bytes, &home->asked);
done:
    trn_free(&bytes);
    trn_free(&send);
    return status;
}

/* Merge what was asked for, keeping the first place. Local. */
static trn_status_t merge(int ranks, home_t *home) {
    int64_t most = home->asked.start[ranks] / 24; /* the shortest record: 16 bytes and a name */
    TRN_TRY(trn_words_create(&home->words));
    TRN_TRY(trn_alloc(&home->place, most, sizeof *home->place, "places of names"));
    TRN_TRY(trn_alloc(&home->id, most, sizeof *home->id, "names asked for"));
    TRN_TRY(trn_alloc_zero(&home->count, ranks, sizeof *home->count, "message sizes"));
    const char *data = home->asked.data;
    for (int r = 0; r < ranks; r++) {
        for (int64_t at = home->asked.start[r]; at < home->asked.start[r + 1];) {
            int64_t head[2]; /* place, length */
            memcpy(head, data + at, sizeof head);
            const char *name = data + at + sizeof head;
            int64_t before = trn_words_size(home->words);
            int32_t id;
            TRN_TRY(
                trn_words_add(home->words, name, head[1], trn_words_hash(name, head[1]), 1, &id));
            if (id == before || head[0] < home->place[id]) home->place[id] = head[0];
            home->id[home->requests++] = id;
            home->count[r]++;
            at += trn_vocab_record_bytes(head[1]);
        }
    }
    trn_parcels_free(&home->asked);
    return TRN_OK;
}

/* Replace the first places at home by their ranks among all of them. Collective. */
static trn_status_t rank_places(trn_numbering_t *names, home_t *home) {
    int64_t mine = trn_words_size(home->words);
    trn_parcels_t all = {0};
    trn_status_t status = trn_gather_all(names->comm, home->place, 8 * mine, &all);
    if (status == TRN_OK) {
        names->total = all.start[names->ranks] / 8;
        if (names->total > 0) qsort(all.data, (size_t)names->total, 8, ascending);
        for (int64_t i = 0; i < mine; i++) {
            const char *found =
                bsearch(&home->place[i], all.data, (size_t)names->total, 8, ascending);
            home->place[i] = (found - (const char *)all.data) / 8;
        }
        if (names->total >= INT32_MAX)
            status = trn_fail(TRN_INPUT, "the files have 2^31 names or more; give a smaller graph");
    }
    trn_parcels_free(&all);
    return status;
}

/* Tell every rank the numbers of the names it asked for. Collective. */
static trn_status_t answer(trn_numbering_t *names, home_t *home) {
    int64_t *reply = NULL, *bytes = NULL, *next = NULL, size = trn_words_size(names->words);
    trn_parcels_t told = {0};
    int ranks = names->ranks;
    trn_status_t status = trn_alloc(&reply, home->requests, sizeof *reply, "numbers of names");
    if (status == TRN_OK) status = trn_alloc(&bytes, ranks, sizeof *bytes, "message sizes");
    if (status == TRN_OK) status = trn_alloc(&next, ranks, sizeof *next, "message places");
    if (status == TRN_OK)
        status = trn_alloc(&names->number, size, sizeof *names->number, "numbers of names");
    TRN_OR(done, trn_agree(names->comm, status));
    for (int64_t i = 0; i < home->requests; i++)
        reply[i] = home->place[home->id[i]];
    for (int r = 0; r < ranks; r++)
        bytes[r] = 8 * home->count[r];
    TRN_OR(done, trn_exchange(names->comm, reply, bytes, &told));
    for (int r = 0; r < ranks; r++)
        next[r] = told.start[r] / 8;
    for (int64_t id = 0; id < size; id++) /* each home's names were asked for in this order */
        names->number[id] =
            ((const int64_t *)
                 told.data)[next[trn_words_hash_of(names->words, id) % (uint64_t)ranks]++];
done:
    trn_free(&reply);
    trn_free(&bytes);
    trn_free(&next);
    trn_parcels_free(&told);
    return status;
}

/* This rank's part of the names, in the order of their numbers, from records number, length,
 * bytes. Local. */
static trn_status_t list_names(trn_numbering_t *names, const char *data, int64_t bytes) {
    names->first = trn_part_start(names->total, names->ranks, names->rank);
    int64_t part = trn_part_start(names->total, names->ranks, names->rank + 1) - names->first;
    TRN_TRY(trn_alloc(&names->list, part, sizeof *names->list, "the list of names"));
    TRN_TRY(trn_alloc(&names->text, bytes, 1, "the text of names"));
    char *to = names->text;
    for (int64_t at = 0; at < bytes;) {
        int64_t head[2];
        memcpy(head, data + at, sizeof head);
        memcpy(to, data + at + sizeof head, (size_t)head[1]);
        to[head[1]] = '\0';
        names->list[head[0] - names->first] = to;
        to += head[1] + 1; /* fits: a record has 16 bytes before the name */
        at += trn_vocab_record_bytes(head[1]);
    }
    names->bytes = to - names->text;
    return TRN_OK;
}

/* Records for the rank whose part has their numbers; if `to` is NULL, their sizes into bytes[].
 * Local. */
static void pack_numbered(const trn_numbering_t *names, const home_t *home, int64_t *bytes,
                          char **to) {
    int64_t length;
    for (int64_t id = 0; id < trn_words_size(home->words); id++) {
        const char *word = trn_words_bytes(home->words, id, &length);
        int64_t part = trn_part_of(names->total, names->ranks, home->place[id]);
        if (to)
            to[part] = trn_vocab_pack(to[part], word, length, home->place[id]);
        else
            bytes[part] += trn_vocab_record_bytes(length);
    }
}

/* Deal the names to the ranks in the order of their numbers. Collective. */
static trn_status_t deal(trn_numbering_t *names, const home_t *home) {
    int64_t *bytes = NULL, total = 0;
    char *send = NULL, **to = NULL;
    trn_parcels_t come = {0};
    trn_status_t status = trn_alloc_zero(&bytes, names->ranks, sizeof *bytes, "message sizes");
    if (status == TRN_OK) status = trn_alloc(&to, names->ranks, sizeof *to, "message places");
    if (status == TRN_OK) {
        pack_numbered(names, home, bytes, NULL);
        for (int r = 0; r < names->ranks; r++)
            total += bytes[r];
        status = trn_alloc(&send, total, 1, "names for other ranks");
    }
    TRN_OR(done, trn_agree(names->comm, status));
    to[0] = send;
    for (int r = 1; r < names->ranks; r++)
        to[r] = to[r - 1] + bytes[r - 1];
    pack_numbered(names, home, bytes, to);
    TRN_OR(done, trn_exchange(names->comm, send, bytes, &come));
    trn_free(&send);
    status = list_names(names, come.data, come.start[names->ranks]);
    status = trn_agree(names->comm, status);
    MPI_Allreduce(MPI_IN_PLACE, &names->bytes, 1, MPI_INT64_T, MPI_SUM, names->comm);
done:
    trn_free(&bytes);
    trn_free(&to);
    trn_free(&send);
    trn_parcels_free(&come);
    return status;
}

trn_status_t trn_numbering_settle(trn_numbering_t *names) {
    home_t home = {0};
    trn_status_t status = ask(names, &home);
    if (status == TRN_OK) status = trn_agree(names->comm, merge(names->ranks, &home));
    if (status == TRN_OK) status = rank_places(names, &home);
    if (status == TRN_OK) status = answer(names, &home);
    if (status == TRN_OK) status = deal(names, &home);
    trn_words_destroy(&home.words);
    trn_free(&home.place);
    trn_free(&home.id);
    trn_free(&home.count);
    trn_parcels_free(&home.asked);
    return status;
}

/* Names on their way to rank 0 -------------------------------------------------------------------
 */

/* Those of [first, end) that are of rank r: their number, and the first in *from. */
static int64_t common(const trn_numbering_t *names, int r, int64_t first, int64_t end,
                      int64_t *from) {
    int64_t start = trn_part_start(names->total, names->ranks, r);
    int64_t stop = trn_part_start(names->total, names->ranks, r + 1);
    *from = start > first ? start : first;
    int64_t to = stop < end ? stop : end;
    return to > *from ? to - *from : 0;
}

void trn_numbering_feed_free(trn_numbering_feed_t *feed) {
    trn_free(&feed->bytes);
    trn_free(&feed->send);
    trn_free(&feed->list);
    trn_parcels_free(&feed->come);
}

/* This rank's names of [first, end), packed for rank 0. Local. */
static trn_status_t pack_part(trn_numbering_feed_t *feed, int64_t first, int64_t end) {
    const trn_numbering_t *names = feed->names;
    int64_t from, count = common(names, names->rank, first, end, &from), bytes = 0;
    int64_t at = from - names->first, stop = at + count;
    for (int64_t i = at; i < stop; i++)
        bytes += (int64_t)strlen(names->list[i]) + 1;
    bytes = (bytes + 7) / 8 * 8;
    TRN_TRY(trn_alloc_zero(&feed->bytes, names->ranks, sizeof *feed->bytes, "message sizes"));
    TRN_TRY(trn_alloc_zero(&feed->send, bytes, 1, "names for rank 0"));
    TRN_TRY(trn_alloc(&feed->list, end - first, sizeof *feed->list, "a list of names"));
    feed->bytes[0] = bytes;
    char *to = feed->send;
    for (int64_t i = at; i < stop; i++)
        to = stpcpy(to, names->list[i]) + 1;
    return TRN_OK;
}

trn_status_t trn_numbering_feed(void *self, const char *name, int64_t first, int64_t count,
                                const char *const **strings) {
    trn_numbering_feed_t *feed = self;
    const trn_numbering_t *names = feed->names;
    int64_t end = first + count, listed = 0, from;
    (void)name;
    trn_numbering_feed_free(feed);
    if (count == 0) return TRN_OK;
    TRN_AGREE(names->comm, pack_part(feed, first, end));
    TRN_TRY(trn_exchange(names->comm, feed->send, feed->bytes, &feed->come));
    for (int r = 0; r < names->ranks && names->rank == 0; r++) {
        const char *at = (const char *)feed->come.data + feed->come.start[r];
        for (int64_t i = common(names, r, first, end, &from); i > 0; i--, at += strlen(at) + 1)
            feed->list[listed++] = at;
    }
    *strings = names->rank == 0 ? feed->list : NULL; /* as readers of names tell the ranks apart */
    return TRN_OK;
}
