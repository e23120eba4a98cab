/* cooccur_plan.c: the memory of a count, phase by phase as its modules allocate: reading
 * (corpus.c), one vocabulary (vocabulary.c), spreading (cooccur_spread.c), counting
 * (cooccur_rows.c), writing (cooccur_save.c); and the cut of rows into bands, which decides how
 * large messages are. */
#include "algo/words/cooccur_plan.h"

#include "algo/common/estimate.h"
#include "base/mem.h"
#include "io/store/store.h"
#include "mpi/dist.h"
#include "text/row.h"

#include <math.h>

enum {
    CHUNK = 4 << 20,           /* bytes of a spool in memory, taken at a time */
    SPOOL = (256 << 10) + 512, /* of a spool that writes to a file */
    CELL = sizeof(trn_cell_t),
};

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Bands of rows -------------------------------------------------------------------------------- */

/* Columns that the occurrences of `word` can touch at most. */
static int64_t reach(const trn_row_cut_t *cut, int64_t word) {
    return cut->neighbors * cut->counts[word] + 1;
}

void trn_row_bands_free(trn_row_bands_t *bands) {
    trn_free(&bands->row);
    trn_free(&bands->owner);
}

/* Of a row on all ranks and in all parts together: the cells that travel. */
static int64_t cells_of_parts(const trn_row_cut_t *cut, int64_t word) {
    return least(cut->words * cut->parts, reach(cut, word) + cut->parts);
}

/* Ranks own rows in ascending order, each about the same number of cells by the bound of `reach`,
 * for frequent words come first and have long rows; a rank's rows are cut into bands so small that
 * a round of them fits into a batch. All of that depends on the vocabulary and the number of ranks,
 * and no sum depends on it. */
static void cut_rows(trn_row_bands_t *bands, const trn_row_cut_t *cut) {
    int64_t total = 0, before = 0, cells = 0, owner = -1;
    for (int64_t word = 0; word < cut->words; word++)
        total += least(cut->words, reach(cut, word));
    /* All bands of a round together have about a batch of cells in messages. */
    int64_t largest = cut->batch / cut->ranks;
    for (int64_t word = 0; word < cut->words; word++) {
        int64_t belongs = trn_part_of(total, cut->ranks, before);
        int64_t more = cells_of_parts(cut, word);
        bool next = belongs > owner;
        while (owner < belongs)
            bands->owner[++owner] = bands->count;
        if (next || cells + more > largest) {
            bands->row[bands->count++] = word;
            cells = 0;
        }
        cells += more;
        before += least(cut->words, reach(cut, word));
    }
    while (owner < cut->ranks)
        bands->owner[++owner] = bands->count;
    bands->row[bands->count] = cut->words;
}

trn_status_t trn_row_bands_create(trn_row_bands_t *bands, const trn_row_cut_t *cut) {
    *bands = (trn_row_bands_t){0};
    trn_status_t status =
        trn_alloc(&bands->row, cut->words + 1, sizeof *bands->row, "bands of rows");
    if (status == TRN_OK)
        status = trn_alloc(&bands->owner, cut->ranks + 1, sizeof *bands->owner, "bands of rows");
    if (status != TRN_OK) {
        trn_row_bands_free(bands);
        return status;
    }
    cut_rows(bands, cut);
    for (int64_t r = 0; r < cut->ranks; r++)
        bands->rounds = most(bands->rounds, bands->owner[r + 1] - bands->owner[r]);
    return TRN_OK;
}

/* Cells of a band that one rank has, and that all have in all their parts. */
static void cells_of_band(const trn_row_bands_t *bands, const trn_row_cut_t *cut, double fill,
                          int64_t band, int64_t *one, int64_t *all) {
    *one = *all = 0;
    for (int64_t word = bands->row[band]; word < bands->row[band + 1]; word++) {
        /* Usually every rank has its even share of the occurrences; it may have them all. */
        double usual = (double)reach(cut, word) / (double)cut->ranks + 1;
        *one += fill > 0 ? (int64_t)(fill * fmin((double)cut->words, usual))
                         : least(cut->words, reach(cut, word));
        *all += cells_of_parts(cut, word);
    }
}

trn_round_cells_t trn_round_cells(const trn_row_bands_t *bands, const trn_row_cut_t *cut,
                                  double fill) {
    trn_round_cells_t fullest = {0};
    int64_t before = cut->parts / cut->ranks - 1; /* parts that were counted to files */
    for (int64_t round = 0; round < bands->rounds; round++) {
        int64_t sent = 0, own = INT64_MAX, one, all;
        for (int64_t r = 0; r < cut->ranks; r++) {
            one = 0;
            if (bands->owner[r] + round < bands->owner[r + 1]) {
                cells_of_band(bands, cut, fill, bands->owner[r] + round, &one, &all);
                fullest.received = most(fullest.received, least((cut->ranks - 1) * one, all));
                fullest.spilled = most(fullest.spilled, least(before * one, all));
            }
            sent += one;
            own = least(own, one); /* what it does not send: its own band */
        }
        fullest.sent = most(fullest.sent, sent - own);
    }
    return fullest;
}

/* Phases --------------------------------------------------------------------------------------- */

static int64_t record(const trn_cooccur_sizes_t *s) {
    return 16 + (s->length + 7) / 8 * 8; /* trn_vocab_record_bytes */
}

/* A table of words (text/words.c); returns what it holds in the end. Its slots, at most half of
 * them taken, move into twice as many when the table has a quarter of the words that those are for.
 */
static int64_t take_table(trn_ledger_t *ledger, const char *name, int64_t words, int64_t length) {
    enum { WORD = 32, SLOT = 8, FIRST_WORDS = 1 << 14, FIRST_SLOTS = 1 << 16, FIRST = 1 << 18 };
    int64_t slots = FIRST_SLOTS;
    while (slots < 2 * words)
        slots *= 2;
    int64_t held = slots * SLOT + most(trn_grown_bytes(words, WORD), FIRST_WORDS * WORD) +
                   most(trn_grown_bytes(words, length), FIRST);
    int64_t moving = slots * SLOT + slots / 2 * SLOT + slots / 4 * (WORD + length);
    trn_ledger_take(ledger, name, held, 1);
    if (slots > FIRST_SLOTS && moving > held) trn_ledger_pass(ledger, name, moving - held, 1);
    return held;
}

/* The text, as long as it is read. */
static void take_text(trn_ledger_t *ledger, const trn_cooccur_sizes_t *s) {
    enum { TEXT = 256 << 10, IDS = 4 * TEXT, RAW = TEXT };
    trn_ledger_pass(ledger, "text", TEXT + IDS + RAW + s->decoder, 1);
}

/* The words of other ranks that this one merges, and those of all ranks that stay. */
static void merge_plan(trn_ledger_t *ledger, const trn_cooccur_sizes_t *s) {
    trn_ledger_t before = *ledger;
    int64_t mine = s->read_words / s->ranks + 1, quarter = 4; /* spare room of messages */
    if (s->ranks > 1) {
        int64_t sent = s->read_words * record(s), came = s->ranks * mine * record(s);
        trn_ledger_take(ledger, "messages", came + came / quarter, 1);
        trn_ledger_pass(ledger, "messages", sent, 1);
        (void)take_table(ledger, "words", s->all_words / s->ranks + 1, s->length);
        trn_ledger_give(ledger, "messages", came + came / quarter, 1);
    }
    int64_t bytes = s->frequent * record(s);
    trn_ledger_take(ledger, "messages", bytes / s->ranks, 1);
    trn_ledger_take(ledger, "messages", bytes + bytes / quarter, 1);
    trn_ledger_take(ledger, "messages", s->frequent, sizeof(char *));
    trn_ledger_pass(ledger, "vocabulary", s->words, 16 + s->length + 1);
    trn_ledger_back(ledger, &before);
}

static void vocabulary_plan(trn_ledger_t *ledger, const trn_cooccur_sizes_t *s) {
    if (s->list > 0) {
        trn_ledger_t before = *ledger;
        trn_ledger_take(ledger, "messages", s->list, 1);
        (void)take_table(ledger, "words", s->words, s->length);
        trn_ledger_pass(ledger, "vocabulary", s->words, 16 + s->length + 1);
        trn_ledger_back(ledger, &before);
    } else {
        merge_plan(ledger, s);
    }
    trn_ledger_take(ledger, "vocabulary", s->words, 16 + s->length + 1);
    trn_ledger_take(ledger, "map", s->read_words, sizeof(int32_t));
}

/* A dense row (text/row.c): sums and marks, columns and units as they are read out. */
static void take_row(trn_ledger_t *ledger, int64_t words) {
    trn_ledger_take(ledger, "rows", words + 64, 8 + 4 + 8);
    trn_ledger_take(ledger, "rows", words / 8 + 8, 1);
}

/* The index over a part of the corpus. */
static void take_index(trn_ledger_t *ledger, const trn_cooccur_sizes_t *s, int64_t numbers) {
    trn_ledger_take(ledger, "corpus", s->words + 2, sizeof(int64_t));
    trn_ledger_take(ledger, "corpus", numbers, sizeof(uint32_t));
}

/* While parts of the corpus come in; a full one is counted into a file. */
static void spread_plan(trn_ledger_t *ledger, const trn_cooccur_sizes_t *s,
                        const trn_cooccur_way_t *way) {
    enum { NUMBERS = 4 + 4 + 4 + 5 /* ids, fresh, sent, received with a quarter to spare */ };
    trn_ledger_t before = *ledger;
    int64_t edges = (s->ranks + 1) * (2 * s->window + 8); /* of pieces */
    trn_ledger_take(ledger, "messages", way->batch + edges, NUMBERS);
    trn_ledger_take(ledger, "corpus", least(way->room, CHUNK / 4), 4);
    if (way->room < s->share) {
        trn_ledger_take(ledger, "corpus", way->room, 4);
        take_index(ledger, s, way->room);
        take_row(ledger, s->words);
        trn_ledger_take(ledger, "rows", s->words, CELL);
    }
    trn_ledger_back(ledger, &before);
}

/* The store's mapping of what it wrote is spared when there is no room for it. */
int64_t trn_cooccur_reserve(const trn_round_cells_t *cells) {
    enum { WRITING = 5 << 20 };
    int64_t messages = trn_grown_bytes(cells->sent, CELL) + cells->received * (CELL + CELL / 4) +
                       cells->spilled * (CELL + CELL / 2);
    return most(messages, WRITING);
}

/* Columns and values of finished rows: whole chunks, or what is written to files. */
static int64_t finished(const trn_cooccur_sizes_t *s, const trn_cooccur_way_t *way) {
    if (way->files) return 2 * SPOOL;
    return (s->nonzeros * 4 / CHUNK + s->nonzeros * 8 / CHUNK + 2) * CHUNK;
}

/* What the parts that were counted into files leave in memory. */
static int64_t parts_before(const trn_cooccur_sizes_t *s, const trn_cooccur_way_t *way) {
    return way->room < s->share ? (s->share - 1) / way->room : 0;
}

/* The stream is used up while the part of the corpus grows: what one gives the other takes. */
void trn_cooccur_count_plan(trn_ledger_t *ledger, const trn_cooccur_sizes_t *s,
                            const trn_cooccur_way_t *way) {
    enum { BUFFER = 1 << 20 };
    int64_t numbers = least(way->room, s->share), result = finished(s, way);
    trn_ledger_take(ledger, "rows", s->words + s->ranks + 2, sizeof(int64_t)); /* bands */
    trn_ledger_take(ledger, "rows", parts_before(s, way), SPOOL + (s->words + 1) * 8);
    spread_plan(ledger, s, way);
    trn_ledger_give(ledger, "stream", way->stream, 1);
    trn_ledger_give(ledger, "map", s->read_words, sizeof(int32_t));
    trn_ledger_take(ledger, "rows", s->words + 2 * s->words / s->ranks, sizeof(int64_t)); /* sums */
    trn_ledger_take(ledger, "result", result, 1);
    trn_ledger_pass(ledger, "writing", BUFFER + (way->files ? 0 : trn_store_write_bytes(result)),
                    1);
    trn_ledger_take(ledger, "corpus", numbers + numbers / 16, sizeof(int32_t));
    take_index(ledger, s, numbers);
    take_row(ledger, s->words);
    trn_ledger_take(ledger, "rows", s->words, sizeof(double));
    trn_ledger_pass(ledger, "messages", trn_cooccur_reserve(&way->cells), 1);
}

/* Everything held in memory. */
static trn_cooccur_way_t in_memory(const trn_cooccur_sizes_t *s) {
    int64_t chunks = s->stream * 4 / CHUNK + 1;
    return (trn_cooccur_way_t){.stream = chunks * CHUNK,
                               .batch = least(TRN_COOCCUR_BATCH, s->stream),
                               .room = s->share,
                               .cells = s->usual};
}

trn_cooccur_way_t trn_cooccur_through_files(const trn_cooccur_sizes_t *s, int64_t stream) {
    enum { PARTS = 64, PART = 1 << 20 /* more and smaller ones cost files and time */ };
    int64_t batch = least(TRN_COOCCUR_LEAST_BATCH, s->stream + 1);
    int64_t part = most(most(PART, s->share / PARTS), batch + 2 * s->window + 2);
    return (trn_cooccur_way_t){.stream = stream,
                               .batch = batch,
                               .room = least(part, s->share),
                               .files = true,
                               .cells = s->least};
}

static void count(trn_ledger_t *ledger, const trn_cooccur_sizes_t *s,
                  const trn_cooccur_way_t *way) {
    take_text(ledger, s);
    int64_t table = take_table(ledger, "words", s->read_words, s->length);
    trn_ledger_take(ledger, "stream", way->stream, 1);
    take_text(ledger, s);
    vocabulary_plan(ledger, s);
    trn_ledger_give(ledger, "words", table, 1);
    trn_cooccur_count_plan(ledger, s, way);
}

/* The stream stays in memory until half of that is taken (cooccur.c), or all of it. */
static int64_t least_bytes(const trn_cooccur_sizes_t *s, const trn_ledger_t *small) {
    trn_ledger_t none = *small, all = *small;
    trn_cooccur_way_t way = trn_cooccur_through_files(s, SPOOL);
    count(&none, s, &way);
    way.stream = in_memory(s).stream;
    count(&all, s, &way);
    int64_t bytes = least(2 * none.most, all.most);
    return s->sampled ? bytes + bytes / 20 : bytes; /* the sample may err so much */
}

typedef struct job {
    const trn_cooccur_sizes_t *sizes;
    int64_t memory;
} job_t;

/* In memory if that is allowed; else what must be, and as much more as is allowed. The plan is of
 * the rank that has most of everything. */
static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    (void)ranks, (void)rank;
    const job_t *job = user;
    trn_ledger_t full = *ledger;
    int64_t needed = least_bytes(job->sizes, ledger), memory = job->memory;
    trn_cooccur_way_t way = in_memory(job->sizes);
    count(&full, job->sizes, &way);
    if (memory > 0 && full.most > memory) {
        way = trn_cooccur_through_files(job->sizes, SPOOL);
        full = *ledger;
        count(&full, job->sizes, &way);
        needed = most(needed, memory);
    }
    *ledger = full;
    if (needed > full.most)
        trn_ledger_pass(ledger, "text and rows in memory", needed - full.now, 1);
}

trn_status_t trn_cooccur_estimate(const trn_cooccur_sizes_t *sizes, int64_t memory, bool dry,
                                  json_t *result) {
    job_t job = {sizes, memory};
    return trn_estimate((int)sizes->ranks, dry, plan, &job, result);
}
