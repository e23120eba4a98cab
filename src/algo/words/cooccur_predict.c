/* cooccur_predict.c: what counting would take, from a sample. Words and cells grow with the text as
 * a power that falls slowly: their numbers in a quarter, a half and all of the sample's lines give
 * a parabola in log-log scale (lines dealt in turn, so that all three are of the same kind). */
#include "algo/words/cooccur_impl.h"
#include "base/clock.h"
#include "base/mem.h"
#include "io/text/text.h"
#include "text/row.h"

#include <math.h>
#include <stdlib.h>

enum { SAMPLE = 16 << 20, CHUNK = 64 << 10, STRETCHES = 8, HALVES = 3 };

typedef struct sample {
    trn_words_t *words;
    trn_tokens_t *tokens;
    int32_t *ids;
    int64_t used, room;
    char *text;          /* [CHUNK] */
    double read, stands; /* bytes of text read, and for how many they stand */
    double largest;      /* bytes of text that the rank with most reads */
    int64_t *counts;     /* [words] */
    int32_t *rank;       /* [words]: place in the vocabulary, or -2 */
} sample_t;

static void end(sample_t *s) {
    trn_tokens_destroy(&s->tokens);
    trn_words_destroy(&s->words);
    trn_free(&s->ids);
    trn_free(&s->text);
    trn_free(&s->counts);
    trn_free(&s->rank);
}

static trn_status_t begin(sample_t *s, const trn_cooccur_options_t *options) {
    TRN_TRY(trn_words_create(&s->words));
    TRN_TRY(trn_tokens_create(&s->tokens, s->words, &options->tokens));
    TRN_TRY(trn_alloc(&s->text, CHUNK, 1, "sample text"));
    s->room = 1 << 20;
    return trn_alloc(&s->ids, s->room, sizeof *s->ids, "sample words");
}

/* Add `quota` bytes of text; what a stretch begins or ends in the middle of counts as a line. */
static trn_status_t take_stretch(sample_t *s, trn_text_t *text, const char *path, int64_t quota,
                                 int64_t *taken) {
    int64_t got = 1, count;
    *taken = 0;
    trn_tokens_begin(s->tokens);
    while (*taken < quota && got > 0) {
        int64_t most = quota - *taken < CHUNK ? quota - *taken : CHUNK;
        TRN_TRY(trn_text_read(text, s->text, most, &got));
        if (s->used + CHUNK + 4 > s->room) {
            TRN_TRY(trn_realloc(&s->ids, 2 * s->room, sizeof *s->ids, "sample words"));
            s->room *= 2;
        }
        const char *from = s->text;
        /* A stretch may start inside a character. */
        while (*taken == 0 && from < s->text + got && (*from & 0xc0) == 0x80)
            from++;
        trn_status_t status =
            trn_tokens_feed(s->tokens, from, s->text + got - from, s->ids + s->used, &count);
        if (status != TRN_OK) return trn_fail_prefix(status, "%s: ", path);
        s->used += count;
        *taken += got;
    }
    if (got > 0) return TRN_OK; /* the last word may be cut: let it go */
    TRN_TRY(trn_tokens_finish(s->tokens, s->ids + s->used, &count));
    s->used += count;
    return TRN_OK;
}

/* A sample of one file: a compressed one from its start, a plain one at even distances. */
static trn_status_t take_file(sample_t *s, const trn_input_t *input, int64_t quota) {
    bool compressed = trn_input_whole(input);
    int64_t bytes = input->bytes;
    int64_t stretches = compressed || bytes <= quota ? 1 : STRETCHES, read = 0, consumed = 0;
    for (int64_t i = 0; i < stretches; i++) {
        trn_text_t *text;
        int64_t taken;
        TRN_TRY(trn_text_open(&text, input, bytes / stretches * i * (stretches > 1)));
        trn_status_t status = take_stretch(s, text, input->path, quota / stretches + 1, &taken);
        read += taken;
        consumed += compressed ? trn_text_consumed(text) : taken;
        TRN_TRY(trn_text_end(&text, status));
        s->ids[s->used++] = TRN_BREAK;
    }
    double stands = consumed ? (double)read / (double)consumed * (double)bytes : 0.0;
    s->read += (double)read;
    s->stands += stands;
    if (compressed && stands > s->largest) s->largest = stands;
    return TRN_OK;
}

/* Each file its share of the sample by its bytes. */
static trn_status_t take_files(sample_t *s, int nfiles, trn_input_t *inputs) {
    int64_t total = 0;
    for (int i = 0; i < nfiles; i++) {
        TRN_TRY(trn_input_look(&inputs[i]));
        TRN_TRY(trn_input_reread(&inputs[i], "a dry run goes by the sizes of files"));
        total += inputs[i].bytes;
    }
    for (int i = 0; i < nfiles; i++) {
        double quota = (double)SAMPLE * (double)inputs[i].bytes / (double)(total ? total : 1);
        TRN_TRY(take_file(s, &inputs[i], (int64_t)quota + 1));
    }
    if (trn_words_size(s->words) > 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: no words in the sample; give text", inputs[0].path);
}

static trn_status_t take_sample(sample_t *s, int nfiles, char *const *files) {
    trn_input_t *inputs;
    TRN_TRY(trn_alloc_zero(&inputs, nfiles, sizeof *inputs, "the list of files"));
    for (int i = 0; i < nfiles; i++)
        inputs[i].path = files[i];
    trn_status_t status = take_files(s, nfiles, inputs);
    trn_free(&inputs);
    return status;
}

/* Value at 2^steps times the size of y[2], given those at 1/4, 1/2 and 1. */
static double extrapolate(const double y[HALVES], double steps) {
    double a = log2(y[0] + 1), b = log2(y[1] + 1), c = log2(y[2] + 1);
    return exp2(c + (c - b) * steps + (c - 2 * b + a) * steps * (steps + 1) / 2) - 1;
}

/* The lines of the sample that belong to part 0 (every fourth), 1 (every second) or 2 (all). */
static int64_t part_of_sample(const sample_t *s, int part, int32_t *ids) {
    int64_t used = 0, line = 0, step = 4 >> part;
    for (int64_t i = 0; i < s->used; i++) {
        if (line % step == 0) ids[used++] = s->ids[i];
        line += s->ids[i] < 0;
    }
    return used;
}

static _Thread_local const int64_t *sort_counts;
/* qsort has no argument of the caller's; the pointer is this thread's own. Ties by number, so that
 * a dry run says the same each time. */
static int by_count(const void *left, const void *right) {
    int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    if (sort_counts[a] != sort_counts[b]) return sort_counts[a] < sort_counts[b] ? 1 : -1;
    return (a > b) - (a < b);
}

/* Replace the sample's numbers by places in a vocabulary of its `size` most frequent words. */
static trn_status_t restrict_words(sample_t *s, int64_t size) {
    int64_t words = trn_words_size(s->words);
    int32_t *order;
    TRN_TRY(trn_alloc(&order, words, sizeof *order, "sample words"));
    for (int64_t id = 0; id < words; id++)
        order[id] = (int32_t)id;
    sort_counts = s->counts;
    qsort(order, (size_t)words, sizeof *order, by_count);
    for (int64_t i = 0; i < words; i++)
        s->rank[order[i]] = i < size ? (int32_t)i : -2;
    trn_free(&order);
    int64_t used = 0;
    for (int64_t i = 0; i < s->used; i++) {
        int32_t id = s->ids[i] < 0 ? TRN_BREAK : s->rank[s->ids[i]];
        if (id >= TRN_BREAK) s->ids[used++] = id;
    }
    s->used = used;
    return TRN_OK;
}

/* Distinct words, and those frequent enough, in the three parts. */
static trn_status_t grow_words(sample_t *s, int64_t min_count, int32_t *ids,
                               double distinct[HALVES], double frequent[HALVES]) {
    int64_t words = trn_words_size(s->words);
    TRN_TRY(trn_alloc(&s->counts, words, sizeof *s->counts, "sample counts"));
    TRN_TRY(trn_alloc(&s->rank, words, sizeof *s->rank, "sample words"));
    for (int part = 0; part < HALVES; part++) {
        int64_t used = part_of_sample(s, part, ids);
        for (int64_t id = 0; id < words; id++)
            s->counts[id] = 0;
        for (int64_t i = 0; i < used; i++)
            if (ids[i] >= 0) s->counts[ids[i]]++;
        distinct[part] = frequent[part] = 0;
        for (int64_t id = 0; id < words; id++) {
            distinct[part] += s->counts[id] > 0;
            frequent[part] += s->counts[id] >= min_count;
        }
    }
    return TRN_OK;
}

/* Nonzeros of one part's matrix. */
static trn_status_t count_cells(const trn_window_t *window, int64_t words, const int32_t *ids,
                                int64_t used, double *cells) {
    trn_segment_t *segment;
    trn_row_t *row = NULL;
    const int32_t *cols;
    const int64_t *units;
    *cells = 0;
    TRN_TRY(trn_segment_create(&segment, words, used + 1));
    trn_status_t status = trn_segment_add(segment, ids, used, 0, 0);
    if (status == TRN_OK) status = trn_segment_index(segment);
    if (status == TRN_OK) status = trn_row_create(&row, words);
    for (int64_t word = 0; word < words && status == TRN_OK; word++) {
        trn_row_count(row, window, segment, word);
        *cells += (double)trn_row_drain(row, &cols, &units);
    }
    trn_segment_destroy(&segment);
    trn_row_destroy(&row);
    return status;
}

/* Peak memory of a rank: reading, or counting, whichever takes more. */
static double peak(const trn_cooccur_options_t *options, const trn_cooccur_forecast_t *f,
                   double ranks, double share, double distinct) {
    double base = (double)(trn_peak_rss() - trn_mem_peak());
    /* A word of the table takes its record, three slots on average and some 16 bytes of text;
     * twice, for it grows by doubling. The stream has 4 bytes a word and 2 % of breaks. */
    double table = distinct * (32 + 3 * 8 + 16);
    double reading = 4 * 1.02 * f->corpus_tokens * share + 2 * table + (6 << 20);
    double messages = ranks > 1 ? 48 << 20 : 0;
    /* A word of the corpus and its place in the index; a column and a value of each cell. */
    double counting = (8 * f->tokens + 12 * f->nonzeros) / ranks + f->vocabulary * 96 + messages;
    double most = base + (reading > counting ? reading : counting);
    return options->memory > 0 && most > (double)options->memory ? (double)options->memory : most;
}

/* Everything that a run's size is made of, from the sample's; the memory last. */
static trn_status_t predict(sample_t *s, int32_t *ids, int ranks,
                            const trn_cooccur_options_t *options, trn_cooccur_forecast_t *f) {
    double distinct[HALVES], frequent[HALVES], cells[HALVES];
    double ratio = s->stands / s->read, steps = log2(ratio);
    f->text_bytes = s->stands;
    f->corpus_tokens = ratio * (double)trn_tokens_total(s->tokens);
    TRN_TRY(grow_words(s, options->min_count, ids, distinct, frequent));
    double words = extrapolate(frequent, steps), all = extrapolate(distinct, steps);
    if (options->vocab_size > 0 && words > (double)options->vocab_size)
        words = (double)options->vocab_size;
    if (words < 2) words = 2;
    f->vocabulary = words;
    int64_t known = words < distinct[2] ? (int64_t)words : (int64_t)distinct[2];
    TRN_TRY(restrict_words(s, known));
    trn_window_t window;
    TRN_TRY(trn_window_init(&window, &options->window, s->used));
    int64_t used = 0, tokens = 0;
    for (int part = 0; part < HALVES; part++) {
        used = part_of_sample(s, part, ids);
        TRN_TRY(count_cells(&window, known, ids, used, &cells[part]));
    }
    for (int64_t i = 0; i < used; i++)
        tokens += ids[i] >= 0;
    f->tokens = ratio * (double)tokens;
    f->nonzeros = extrapolate(cells, steps);
    f->increments = f->tokens * (double)options->window.size * (options->window.symmetric ? 2 : 1);
    f->output_bytes = 12 * f->nonzeros + 64 * f->vocabulary;
    double share = s->largest / s->stands;
    if (share < 1.0 / ranks) share = 1.0 / ranks;
    f->bytes_per_rank = peak(options, f, ranks, share, all);
    return TRN_OK;
}

trn_status_t trn_cooccur_predict(int nfiles, char *const *files, int ranks,
                                 const trn_cooccur_options_t *options,
                                 trn_cooccur_forecast_t *forecast) {
    sample_t sample = {0};
    int32_t *ids = NULL;
    *forecast = (trn_cooccur_forecast_t){0};
    trn_status_t status = begin(&sample, options);
    if (status == TRN_OK) status = take_sample(&sample, nfiles, files);
    if (status == TRN_OK) status = trn_alloc(&ids, sample.used, sizeof *ids, "sample words");
    if (status == TRN_OK) status = predict(&sample, ids, ranks, options, forecast);
    end(&sample);
    trn_free(&ids);
    return status;
}
