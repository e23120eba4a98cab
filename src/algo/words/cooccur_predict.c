/* cooccur_predict.c: what counting would take, from a sample. Words and cells grow with the text as
 * a power that falls slowly: their numbers in a quarter, a half and all of the sample's lines give
 * a parabola in log-log scale (lines dealt in turn, so that all three are of the same kind). */
#include "algo/words/cooccur_impl.h"
#include "base/mem.h"
#include "io/share.h"
#include "io/text/decode.h"
#include "io/text/text.h"
#include "text/row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAMPLE = 16 << 20,
    LEAST_SAMPLE = 1 << 20,
    SAMPLED_PART = 16, /* of the memory that is allowed: the sample takes several times its text */
    CHUNK = 64 << 10,
    STRETCHES = 8,
    HALVES = 3
};

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
    int32_t *part;       /* [used]: scratch for a part of the sample */
    int64_t quota;       /* bytes of text to read */
    int64_t decoder;     /* bytes of a decompressor */
    int64_t ranks, list; /* list: bytes of --vocab */
    int64_t *whole;      /* [vocabulary]: counts in the whole text */
    int64_t seen;        /* words of the vocabulary that the sample has */
    double *cells;       /* [HALVES x ranks] */
    trn_row_bands_t bands;
} sample_t;

static void end(sample_t *s) {
    trn_tokens_destroy(&s->tokens);
    trn_words_destroy(&s->words);
    trn_free(&s->ids);
    trn_free(&s->text);
    trn_free(&s->counts);
    trn_free(&s->rank);
    trn_free(&s->part);
    trn_free(&s->whole);
    trn_free(&s->cells);
    trn_row_bands_free(&s->bands);
}

static trn_status_t begin(sample_t *s, const trn_cooccur_options_t *options) {
    TRN_TRY(trn_words_create(&s->words));
    TRN_TRY(trn_tokens_create(&s->tokens, s->words, &options->tokens));
    TRN_TRY(trn_alloc(&s->text, CHUNK, 1, "sample text"));
    TRN_TRY(trn_alloc(&s->cells, HALVES * s->ranks, sizeof *s->cells, "sample cells"));
    s->room = s->quota / 4 + CHUNK + 4;
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
            TRN_TRY(
                trn_grow(&s->ids, &s->room, s->used + CHUNK + 4, sizeof *s->ids, "sample words"));
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
    int64_t bytes = input->bytes, decoder = trn_decoder_bytes(input->coding);
    if (decoder > s->decoder) s->decoder = decoder;
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
        double quota = (double)s->quota * (double)inputs[i].bytes / (double)(total ? total : 1);
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
static trn_status_t grow_words(sample_t *s, int64_t min_count, double distinct[HALVES],
                               double frequent[HALVES]) {
    int64_t words = trn_words_size(s->words);
    TRN_TRY(trn_alloc(&s->counts, words, sizeof *s->counts, "sample counts"));
    TRN_TRY(trn_alloc(&s->rank, words, sizeof *s->rank, "sample words"));
    for (int part = 0; part < HALVES; part++) {
        int64_t used = part_of_sample(s, part, s->part);
        for (int64_t id = 0; id < words; id++)
            s->counts[id] = 0;
        for (int64_t i = 0; i < used; i++)
            if (s->part[i] >= 0) s->counts[s->part[i]]++;
        distinct[part] = frequent[part] = 0;
        for (int64_t id = 0; id < words; id++) {
            distinct[part] += s->counts[id] > 0;
            frequent[part] += s->counts[id] >= min_count;
        }
    }
    return TRN_OK;
}

/* Cells of one part's matrix, by the ranks that will own its rows. */
static trn_status_t count_cells(const sample_t *s, const trn_window_t *window, int64_t words,
                                int part, double *cells) {
    trn_segment_t *segment;
    trn_row_t *row = NULL;
    const int32_t *cols;
    const int64_t *units;
    int64_t used = part_of_sample(s, part, s->part), owner = 0, band = 0;
    TRN_TRY(trn_segment_create(&segment, words, used + 1));
    trn_status_t status = trn_segment_add(segment, s->part, used, 0, 0);
    if (status == TRN_OK) status = trn_segment_index(segment);
    if (status == TRN_OK) status = trn_row_create(&row, words);
    for (int64_t word = 0; word < words && status == TRN_OK; word++) {
        while (word >= s->bands.row[band + 1])
            band++;
        while (band >= s->bands.owner[owner + 1])
            owner++;
        trn_row_count(row, window, segment, word);
        cells[owner] += (double)trn_row_drain(row, &cols, &units);
    }
    trn_segment_destroy(&segment);
    trn_row_destroy(&row);
    return status;
}

/* Words in proportion to the text -------------------------------------------------------------- */

/* With --vocab, its words are the vocabulary: all others of the sample have never been there. */
static trn_status_t keep_listed(sample_t *s, const trn_cooccur_options_t *options, int64_t *listed,
                                int64_t *known) {
    char *text;
    trn_vocab_t *vocab = NULL;
    trn_vocab_report_t report = {0};
    int32_t id;
    TRN_TRY(trn_share_file(MPI_COMM_SELF, options->vocab, &text));
    s->list = (int64_t)strlen(text);
    trn_status_t status =
        trn_vocab_parse(&vocab, options->vocab, text, s->list, &options->tokens, &report);
    trn_free(&text);
    TRN_TRY(status);
    for (int64_t i = 0; i < trn_words_size(s->words); i++)
        s->counts[i] = -s->counts[i];
    *known = 0;
    for (int64_t i = 0; i < vocab->size; i++) {
        int64_t length = (int64_t)strlen(vocab->words[i]);
        id = trn_words_find(s->words, vocab->words[i], length,
                            trn_words_hash(vocab->words[i], length));
        if (id < 0) continue;
        s->counts[id] = -s->counts[id];
        ++*known;
    }
    *listed = vocab->size;
    trn_vocab_destroy(&vocab);
    return TRN_OK;
}

/* How often the vocabulary's words are in the whole text: those of the sample as many times more as
 * the text is larger, others as rarely as may be. */
static trn_status_t scale_counts(sample_t *s, int64_t words, double ratio, int64_t rare) {
    TRN_TRY(trn_alloc(&s->whole, words, sizeof *s->whole, "sample counts"));
    for (int64_t i = 0; i < words; i++)
        s->whole[i] = rare;
    for (int64_t id = 0; id < trn_words_size(s->words); id++)
        if (s->rank[id] >= 0) s->whole[s->rank[id]] = (int64_t)(ratio * (double)s->counts[id]) + 1;
    return TRN_OK;
}

static trn_row_cut_t cut_of(const sample_t *s, const trn_cooccur_options_t *options, int64_t words,
                            int64_t parts, int64_t batch) {
    return (trn_row_cut_t){.counts = s->whole,
                           .words = words,
                           .neighbors = options->window.size * (options->window.symmetric ? 2 : 1),
                           .ranks = s->ranks,
                           .parts = s->ranks * parts,
                           .batch = batch};
}

/* Nonzeros of the matrix, and of the rows of the rank that has most of them. */
static double count_nonzeros(const sample_t *s, double steps, int64_t *most) {
    double total[HALVES] = {0}, each[HALVES], sum = 0, largest = 0;
    for (int64_t r = 0; r < s->ranks; r++) {
        for (int part = 0; part < HALVES; part++) {
            each[part] = s->cells[part * s->ranks + r];
            total[part] += each[part];
        }
        double cells = extrapolate(each, steps);
        sum += cells;
        if (cells > largest) largest = cells;
    }
    double all = extrapolate(total, steps);
    *most = sum > 0 ? (int64_t)(all * (largest / sum)) + 1 : 1;
    return all;
}

/* Of the cells that a rank could have at most in its part of the text, those that it has. */
static double fill_of(const sample_t *s, const trn_row_cut_t *cut, double steps) {
    double total[HALVES] = {0}, possible = 0;
    for (int64_t i = 0; i < HALVES * s->ranks; i++)
        total[i / s->ranks] += s->cells[i];
    double there = extrapolate(total, steps - log2((double)s->ranks));
    for (int64_t word = 0; word < cut->words; word++) {
        double reach = (double)(cut->neighbors * cut->counts[word] + 1) / (double)s->ranks + 1;
        possible += fmin((double)cut->words, reach);
    }
    double fill = possible > 0 ? there / possible : 1;
    return fill < 1 ? fill : 1;
}

/* Mean bytes of a word, rounded up. */
static int64_t length_of_words(const sample_t *s) {
    int64_t bytes = 0, words = trn_words_size(s->words), length;
    for (int64_t id = 0; id < words; id++) {
        trn_words_bytes(s->words, id, &length);
        bytes += length;
    }
    return (bytes + words - 1) / words;
}

/* All that memory depends on. */
static trn_status_t measure(sample_t *s, const trn_cooccur_options_t *options, double steps,
                            trn_cooccur_forecast_t *f) {
    trn_cooccur_sizes_t *sizes = &f->sizes;
    trn_window_t window;
    int64_t known = sizes->words;
    for (int64_t i = 0; i < HALVES * s->ranks; i++)
        s->cells[i] = 0;
    for (int64_t id = 0; id < trn_words_size(s->words); id++)
        s->seen += s->rank[id] >= 0;
    if (known > s->seen) known = s->seen;
    trn_row_cut_t cut = cut_of(s, options, sizes->words, 1, TRN_COOCCUR_BATCH);
    TRN_TRY(trn_row_bands_create(&s->bands, &cut));
    TRN_TRY(trn_window_init(&window, &options->window, s->used));
    for (int part = 0; part < HALVES; part++)
        TRN_TRY(count_cells(s, &window, known, part, s->cells + part * s->ranks));
    f->nonzeros = count_nonzeros(s, steps, &sizes->nonzeros);
    sizes->usual = trn_round_cells(&s->bands, &cut, fill_of(s, &cut, steps));
    trn_row_bands_free(&s->bands);
    trn_cooccur_way_t way = trn_cooccur_through_files(sizes, 0);
    int64_t parts = (sizes->share + way.room - 1) / way.room;
    cut = cut_of(s, options, sizes->words, parts, way.batch);
    TRN_TRY(trn_row_bands_create(&s->bands, &cut));
    sizes->least = trn_round_cells(&s->bands, &cut, 0);
    return TRN_OK;
}

/* The vocabulary, and the sample in its numbers. */
static trn_status_t choose_words(sample_t *s, const trn_cooccur_options_t *options, double ratio,
                                 trn_cooccur_sizes_t *sizes) {
    double distinct[HALVES], frequent[HALVES], steps = log2(ratio);
    int64_t rare = options->min_count, known;
    TRN_TRY(grow_words(s, rare, distinct, frequent));
    sizes->frequent = (int64_t)fmax(extrapolate(frequent, steps), 2);
    sizes->words = sizes->frequent;
    if (options->vocab_size > 0 && sizes->words > options->vocab_size)
        sizes->words = options->vocab_size;
    known = sizes->words < trn_words_size(s->words) ? sizes->words : trn_words_size(s->words);
    if (options->vocab) {
        TRN_TRY(keep_listed(s, options, &sizes->words, &known));
        rare = 1;
    }
    TRN_TRY(restrict_words(s, known));
    sizes->all_words = (int64_t)extrapolate(distinct, steps) + 1;
    /* A compressed file is read by one rank. */
    double share = fmax(s->largest / s->stands, 1.0 / (double)s->ranks);
    sizes->read_words = (int64_t)extrapolate(distinct, steps + log2(share)) + 1;
    return scale_counts(s, sizes->words, ratio, rare);
}

/* Everything that a run's size is made of, from the sample's. */
static trn_status_t predict(sample_t *s, const trn_cooccur_options_t *options,
                            trn_cooccur_forecast_t *f) {
    trn_cooccur_sizes_t *sizes = &f->sizes;
    double ratio = s->stands / s->read,
           share = fmax(s->largest / s->stands, 1.0 / (double)s->ranks);
    int64_t tokens = 0;
    f->text_bytes = s->stands;
    f->corpus_tokens = ratio * (double)trn_tokens_total(s->tokens);
    *sizes = (trn_cooccur_sizes_t){
        .ranks = s->ranks,
        .window = options->window.size,
        .decoder = s->decoder,
        .stream = (int64_t)(ratio * share * (double)s->used) + 1,
        .length = length_of_words(s),
        .sampled = ratio > 1,
    };
    TRN_TRY(choose_words(s, options, ratio, sizes));
    for (int64_t i = 0; i < s->used; i++)
        tokens += s->ids[i] >= 0;
    sizes->list = s->list;
    sizes->share = (int64_t)(ratio * (double)s->used / (double)s->ranks) + 1;
    TRN_TRY(measure(s, options, log2(ratio), f));
    f->vocabulary = (double)sizes->words;
    f->tokens = ratio * (double)tokens;
    f->increments = f->tokens * (double)options->window.size * (options->window.symmetric ? 2 : 1);
    f->output_bytes = 12 * f->nonzeros + 64 * f->vocabulary;
    return TRN_OK;
}

trn_status_t trn_cooccur_predict(int nfiles, char *const *files, int ranks,
                                 const trn_cooccur_options_t *options,
                                 trn_cooccur_forecast_t *forecast) {
    sample_t sample = {.ranks = ranks, .quota = SAMPLE};
    /* The sample takes a fraction of what the count may; or, so that a refusal has a number to
     * name, the few megabytes that the least of samples needs. */
    int64_t limit = trn_mem_limit_now();
    if (options->memory > 0 && options->memory / SAMPLED_PART < SAMPLE)
        sample.quota = options->memory / SAMPLED_PART;
    if (sample.quota < LEAST_SAMPLE) sample.quota = LEAST_SAMPLE;
    trn_mem_limit(0);
    *forecast = (trn_cooccur_forecast_t){0};
    trn_status_t status = begin(&sample, options);
    if (status == TRN_OK) status = take_sample(&sample, nfiles, files);
    if (status == TRN_OK)
        status = trn_alloc(&sample.part, sample.used, sizeof *sample.part, "sample words");
    if (status == TRN_OK) status = predict(&sample, options, forecast);
    end(&sample);
    trn_mem_limit(limit);
    return status;
}
