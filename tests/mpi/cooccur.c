/* Counts of small corpora made here: equal to the slow count, cell for cell and bit for bit, on any
 * number of ranks, out of any mixture of files, held in memory or counted part by part. */
#define _GNU_SOURCE
#include "algo/words/cooccur.h"

#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS = 60, LINES = 400, FILES = 5, MOST = 20000, MIN_COUNT = 12 };

static char folder[64];
static char *files[FILES];
static int32_t ids[MOST]; /* the corpus: numbers of words in the order of the vocabulary */
static int64_t used;
static char names[WORDS][16]; /* in the order of the vocabulary */
static int64_t tally[WORDS], vocabulary;

static const trn_cooccur_options_t defaults = {
    .tokens = {.max_line = 1 << 20},
    .window = {.size = 10, .harmonic = true, .symmetric = true, .diagonal = true},
    .min_count = MIN_COUNT,
};

/* Word `w` has w's rank in a Zipf-like draw; names are not in the order of counts. */
static void name_of(int w, char name[16]) {
    snprintf(name, 16, "%s%d", w % 7 == 3 ? "\xc3\xa9" : "w", w * 37 % 101);
}

static int by_count(const void *left, const void *right) {
    int a = *(const int *)left, b = *(const int *)right;
    if (tally[a] != tally[b]) return tally[a] < tally[b] ? 1 : -1;
    char x[16], y[16];
    name_of(a, x);
    name_of(b, y);
    return strcmp(x, y);
}

/* Draw the corpus, the same on all ranks, write it on rank 0, and sort the vocabulary. */
static void make_corpus(void) {
    static int lines[LINES][60], length[LINES], order[WORDS], place[WORDS];
    uint32_t random = 99;
    memset(tally, 0, sizeof tally);
    for (int line = 0; line < LINES; line++) {
        length[line] = (int)((random = random * 1664525 + 1013904223) >> 16) % 50;
        if (line == 7) length[line] = 0;
        for (int i = 0; i < length[line]; i++) {
            random = random * 1664525 + 1013904223;
            uint32_t high = random >> 8;
            lines[line][i] = (int)(high % (1 + high / 64 % WORDS));
            tally[lines[line][i]]++;
        }
    }
    for (int w = 0; w < WORDS; w++)
        order[w] = w;
    qsort(order, WORDS, sizeof *order, by_count);
    int64_t counts[WORDS];
    vocabulary = 0;
    for (int i = 0; i < WORDS; i++) {
        place[order[i]] = tally[order[i]] >= MIN_COUNT ? i : -2;
        counts[i] = tally[order[i]];
        name_of(order[i], names[i]);
        vocabulary += place[order[i]] >= 0;
    }
    memcpy(tally, counts, sizeof tally);
    used = 0;
    for (int line = 0; line < LINES; line++) {
        for (int i = 0; i < length[line]; i++)
            if (place[lines[line][i]] >= 0) ids[used++] = place[lines[line][i]];
        ids[used++] = -1;
    }
    for (int f = 0; f < FILES && rank == 0; f++) {
        FILE *file = fopen(files[f], "w");
        for (int line = LINES * f / FILES; line < LINES * (f + 1) / FILES; line++) {
            for (int i = 0; i < length[line]; i++) {
                char name[16];
                name_of(lines[line][i], name);
                fprintf(file, "%s%s", i ? (i % 5 ? " " : "\t ") : "", name);
            }
            /* The last line of a file may lack its newline; some have CRLF. */
            bool last = line + 1 == LINES * (f + 1) / FILES;
            if (!last || f % 2) fputs(line % 3 ? "\n" : "\r\n", file);
        }
        fclose(file);
    }
    MPI_Barrier(comm);
}

/* Replace a file by what `tool -c` makes of it. */
static bool pack_file(const char *tool, const char *file) {
    char command[512];
    snprintf(command, sizeof command, "%s -c <%s >%s.c && mv %s.c %s", tool, file, file, file,
             file);
    return system(command) == 0;
}

static void begin(void) {
    static char paths[FILES][96];
    strcpy(folder, "/tmp/trn_cooccur_XXXXXX");
    if (rank == 0 && !mkdtemp(folder)) abort();
    MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, comm);
    for (int f = 0; f < FILES; f++) {
        snprintf(paths[f], sizeof paths[f], "%s/part%d", folder, f);
        files[f] = paths[f];
    }
    make_corpus();
}

static void finish(void) {
    MPI_Barrier(comm);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    if (rank == 0) CHECK(system(command) == 0);
}

/* Count, save, and open what was saved. */
static trn_status_t count(const trn_cooccur_options_t *options, int nfiles,
                          trn_cooccur_stats_t *stats, trn_store_t **store) {
    char path[96];
    trn_cooccur_t *counts;
    trn_cooccur_options_t o = *options;
    o.scratch = folder;
    snprintf(path, sizeof path, "%s/out.h5", folder);
    TRN_TRY(trn_cooccur_create(&counts, comm, nfiles, files, &o));
    trn_cooccur_stats(counts, stats);
    trn_status_t status = trn_store_create(store, comm, path, "cooccurrence", "test", NULL, 0);
    if (status == TRN_OK) {
        trn_store_set_sync(*store, false);
        status = trn_cooccur_save(counts, store, 0);
    }
    trn_cooccur_destroy(&counts);
    TRN_TRY(status);
    return trn_store_open(store, comm, path, "cooccurrence");
}

/* The saved matrix must be the slow count of the corpus. */
static void check_matrix(trn_store_t *store, const trn_window_options_t *how) {
    static int64_t cells[WORDS * WORDS], row_ptr[WORDS + 1];
    static int32_t col[WORDS * WORDS];
    static double value[WORDS * WORDS], row_sums[WORDS], col_sums[WORDS];
    trn_window_t window;
    int64_t unit, rows, wrong = 0;
    memset(cells, 0, sizeof cells);
    CHECK_OK(trn_window_init(&window, how, tally[0]));
    CHECK_OK(trn_store_get_int(store, "/", "unit", &unit));
    CHECK_EQUAL(unit, window.unit);
    trn_window_ref(&window, ids, used, vocabulary, cells);
    CHECK_OK(trn_store_need(store, "/row_ptr", TRN_I64, &rows, 0));
    if (!CHECK(rows == vocabulary + 1)) return;
    CHECK_OK(trn_store_read(store, "/row_ptr", 0, rows, row_ptr));
    CHECK_OK(trn_store_read(store, "/row_sums", 0, vocabulary, row_sums));
    CHECK_OK(trn_store_read(store, "/col_sums", 0, vocabulary, col_sums));
    CHECK_OK(trn_store_need(store, "/col", TRN_I32, &rows, 0));
    if (!CHECK(rows == row_ptr[vocabulary] && rows <= WORDS * WORDS)) return;
    CHECK_OK(trn_store_read(store, "/col", 0, rows, col));
    CHECK_OK(trn_store_read(store, "/value", 0, rows, value));
    int64_t e = 0;
    for (int64_t i = 0; i < vocabulary; i++) {
        int64_t across = 0, down = 0;
        wrong += row_ptr[i] != e;
        for (int64_t j = 0; j < vocabulary; j++) {
            int64_t units = cells[i * vocabulary + j];
            across += units;
            down += cells[j * vocabulary + i];
            if (units == 0) continue;
            wrong += e >= rows || col[e] != j || value[e] != trn_window_value(&window, units);
            e++;
        }
        wrong += row_sums[i] != trn_window_value(&window, across);
        wrong += col_sums[i] != trn_window_value(&window, down);
    }
    CHECK_EQUAL(e, rows);
    CHECK_EQUAL(wrong, 0);
}

static void check_vocabulary(trn_store_t *store) {
    int64_t counts[WORDS], number;
    char **words;
    CHECK_OK(trn_store_read_strings(store, "/vocab", &number, &words));
    if (CHECK(number == vocabulary)) {
        CHECK_OK(trn_store_read(store, "/counts", 0, number, counts));
        for (int64_t i = 0; i < number; i++)
            CHECK(strcmp(words[i], names[i]) == 0 && counts[i] == tally[i]);
    }
    trn_free(&words);
}

static void check_all(const trn_cooccur_options_t *options) {
    trn_cooccur_stats_t stats;
    trn_store_t *store = NULL;
    CHECK_OK(count(options, FILES, &stats, &store));
    if (!harness_well()) return;
    CHECK_EQUAL(stats.words, vocabulary);
    CHECK_EQUAL(stats.lines, LINES);
    check_vocabulary(store);
    check_matrix(store, &options->window);
    trn_store_close(&store);
    CHECK_EQUAL(trn_mem_now(), 0);
}

static void counts_equal_the_slow_count(void) {
    begin();
    CHECK(vocabulary > 30 && vocabulary < WORDS); /* else nothing is cut off */
    static const int64_t sizes[] = {1, 10, 25, 60};
    for (int kind = 0; kind < 8; kind++) {
        trn_cooccur_options_t o = defaults;
        o.window = (trn_window_options_t){sizes[kind / 2], kind & 1, kind & 2, kind & 4};
        check_all(&o);
    }
    finish();
}

/* Small batches and parts force many rounds, many bands and many runs. */
static void parts_and_batches_change_nothing(void) {
    begin();
    static const int64_t batches[] = {1, 7, 100, 3000}, parts[] = {0, 30, 500};
    for (int b = 0; b < 4; b++) {
        for (int p = 0; p < 3; p++) {
            if (batches[b] == 1 && p == 1) continue; /* thousands of files */
            trn_cooccur_options_t o = defaults;
            o.batch = batches[b];
            o.part = batches[b] == 1 && p == 2 ? 4000 : parts[p];
            o.window.symmetric = p != 2;
            check_all(&o);
        }
    }
    finish();
}

static void compressed_files_are_dealt_out(void) {
    begin();
    static const char *const pack[] = {"gzip", "xz", "zstd -q"};
    bool fine = true;
    for (int f = 0; f < 3 && rank == 0; f++)
        fine = fine && pack_file(pack[f], files[f]);
    MPI_Barrier(comm);
    CHECK(fine);
    if (harness_well()) check_all(&defaults);
    finish();
}

static void list_gives_order(void) {
    begin();
    char path[96];
    snprintf(path, sizeof path, "%s/list", folder);
    if (rank == 0) {
        FILE *list = fopen(path, "w");
        for (int64_t i = vocabulary - 1; i >= 0; i -= 2) /* every other word, rare ones first */
            fprintf(list, "%s %d\n", names[i], 1);
        fputs("absent 0\n", list);
        fclose(list);
    }
    MPI_Barrier(comm);
    trn_cooccur_options_t o = defaults;
    trn_cooccur_stats_t stats;
    trn_store_t *store = NULL;
    o.vocab = path;
    CHECK_OK(count(&o, FILES, &stats, &store));
    if (harness_well()) {
        int64_t number, counts[WORDS + 1], n = 0;
        char **words;
        CHECK_OK(trn_store_read_strings(store, "/vocab", &number, &words));
        CHECK_OK(trn_store_read(store, "/counts", 0, number, counts));
        for (int64_t i = vocabulary - 1; i >= 0; i -= 2, n++)
            CHECK(strcmp(words[n], names[i]) == 0 && counts[n] == tally[i]);
        CHECK(number == n + 1 && strcmp(words[n], "absent") == 0 && counts[n] == 0);
        trn_free(&words);
        trn_store_close(&store);
    }
    finish();
}

/* Each must fail the same way on all ranks, with the words of `what`. */
static void expect_bad(const char *text, const char *what) {
    char path[96];
    snprintf(path, sizeof path, "%s/bad", folder);
    if (rank == 0 && text) {
        FILE *file = fopen(path, "w");
        fputs(text, file);
        fclose(file);
    }
    MPI_Barrier(comm);
    char *kept = files[0];
    files[0] = path;
    trn_cooccur_stats_t stats;
    trn_store_t *store = NULL;
    trn_status_t status = count(&defaults, 1, &stats, &store);
    files[0] = kept;
    CHECK_EQUAL(status, TRN_INPUT);
    if (!CHECK(strstr(trn_message(), what) != NULL) && rank == 0)
        printf("# \"%s\" instead of \"%s\"\n", trn_message(), what);
    CHECK_EQUAL(trn_mem_now(), 0);
    MPI_Barrier(comm);
    if (rank == 0 && text) remove(path);
    MPI_Barrier(comm);
}

static void bad_corpora_fail_everywhere(void) {
    begin();
    expect_bad(NULL, "bad: cannot open");
    expect_bad("", "no words");
    expect_bad("  \n\n \t\n", "no words");
    expect_bad("rare words only\n", "vocabulary of 0 words");
    expect_bad("x x x x x x x\nx x x x x x x\n", "vocabulary of 1 word");
    /* The bad line is the seventh, on whatever rank it is read. */
    expect_bad("a b\nc d\ne f\ng h\ni j\nk l\nm \xff n\no p\nq r\ns t\n", "bad:7: invalid UTF-8");
    finish();
}

static trn_status_t count_once(void *options) {
    trn_cooccur_stats_t stats;
    trn_store_t *store = NULL;
    TRN_TRY(count(options, 2, &stats, &store));
    trn_store_close(&store);
    return TRN_OK;
}

static void allocations_may_fail(void) {
    begin();
    trn_cooccur_options_t o = defaults;
    o.batch = 3000;
    o.part = 3000; /* with a run or two on few ranks */
    harness_inject(count_once, &o);
    finish();
}

HARNESS_MAIN({"counts_equal_the_slow_count", counts_equal_the_slow_count},
             {"parts_and_batches_change_nothing", parts_and_batches_change_nothing},
             {"compressed_files_are_dealt_out", compressed_files_are_dealt_out},
             {"list_gives_order", list_gives_order},
             {"bad_corpora_fail_everywhere", bad_corpora_fail_everywhere},
             {"allocations_may_fail", allocations_may_fail})
