/* spgemm.c: rows of C = A B, all sparse. A row is gathered either in a dense array of B's columns
 * with a bitmap of those in use, or in a hash table, whichever is cheaper for its number of terms;
 * it comes out sorted by column. Terms are added in the order of A's entries in both ways: same
 * bits. */
#include "kern/sparse/spgemm.h"

#include <stddef.h>
#include <string.h>

/* With so many columns or fewer a term, a row is gathered densely: its array stays in the caches
 * and a bitmap yields the columns in order for less than sorting them costs. Beyond NEAR columns
 * each term is likely to miss the caches, and only rows that fill the array well are worth it. */
enum { NEAR = 1 << 19, COLS_A_TERM_NEAR = 4096, COLS_A_TERM_FAR = 64 };

enum {
    AHEAD = 8,       /* rows of B asked for before they are needed */
    AHEAD_MOST = 64, /* entries of such a row; the processor follows by itself */
    FEW = 32,        /* keys sorted by insertion; more: by digits */
    DIGIT = 8,       /* bits */
    SAMPLE = 64,     /* every so-manieth row is in the sample */
    LINE = 64,       /* bytes of a cache line */
    /* Scratch memory that is hit all over in more than so many bytes is rounded up to what base/mem
     * gives huge pages: a fifth of the time otherwise goes into looking up addresses. */
    SCATTERED = 1 << 19,
    HUGE_BYTES = 4 << 20
};

/* A place of the hash table. */
typedef struct slot {
    double sum;
    int64_t column; /* -1: free */
} slot_t;

/* One thread's scratch memory. */
typedef struct scratch {
    double *sum;      /* [columns] dense sums, 0 but while a row is gathered */
    uint64_t *in_use; /* [columns / 64 + 1] a bit a column */
    uint64_t *top;    /* [columns / 4096 + 1] a bit a word of in_use */
    slot_t *table;    /* [mask + 1], free but while a row is gathered */
    uint64_t *key;    /* [hashed_most] column << 32 | slot, of the present row */
    uint64_t *spare;  /* [hashed_most] */
    uint32_t mask;    /* of the whole table */
    int digits;       /* of a column number */
} scratch_t;

/* What a row's terms are worth. */
typedef enum use { MARK, ADD_ONES, ADD_F32, ADD_F64 } use_t;

/* Rounded up, so that arrays of one thread's scratch share no cache line. */
static int64_t lines(int64_t bytes) {
    return (bytes + LINE - 1) / LINE * LINE;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Terms from which on a row is gathered densely. */
static int64_t dense_from(const trn_spgemm_t *p) {
    return p->b.cols / (p->b.cols <= NEAR ? COLS_A_TERM_NEAR : COLS_A_TERM_FAR);
}

/* By the number of terms alone, so that counting and filling decide alike. */
static bool is_dense(const trn_spgemm_t *p, int64_t terms) {
    if (p->gather != TRN_SPGEMM_AUTO) return p->gather == TRN_SPGEMM_DENSE;
    return terms >= dense_from(p);
}

/* Multiplications that a row of C takes. */
static int64_t terms_of(const trn_spgemm_t *p, int64_t row) {
    const int64_t *start = p->b.start;
    int64_t terms = 0;
    for (int64_t e = p->a.start[row]; e < p->a.start[row + 1]; e++)
        terms += start[p->a.column[e] + 1] - start[p->a.column[e]];
    return terms;
}

/* Terms of all rows, and what scratch memory they will want. A row has at most as many entries as
 * terms, and as columns. */
trn_spgemm_work_t trn_spgemm_measure(const trn_spgemm_t *product, int64_t *terms) {
    trn_spgemm_work_t work = {.hashed_most = -1};
    for (int64_t i = 0; i < product->a.rows; i++) {
        terms[i] = terms_of(product, i);
        work.terms += terms[i];
        work.bound += least(terms[i], product->b.cols);
        if (is_dense(product, terms[i]))
            work.dense = true;
        else if (terms[i] > work.hashed_most)
            work.hashed_most = terms[i];
    }
    return work;
}

/* Places of a table for so many terms: at most half of them come to be used. */
static int64_t table_size(const trn_spgemm_t *p, int64_t terms) {
    int64_t size = 16;
    while (size < 2 * least(terms, p->b.cols))
        size *= 2;
    return size;
}

/* As lay_out cuts it. See SCATTERED for the rounding. */
int64_t trn_spgemm_scratch(const trn_spgemm_t *product, const trn_spgemm_work_t *work) {
    int64_t cols = product->b.cols, bytes = 0;
    if (work->dense) bytes += lines(cols * 8) + lines((cols / 64 + 1) * 8) + lines(cols / 512 + 8);
    if (work->hashed_most >= 0)
        bytes += table_size(product, work->hashed_most) * (int64_t)sizeof(slot_t) +
                 2 * lines(least(work->hashed_most, cols) * 8);
    return bytes < SCATTERED ? lines(bytes) : (bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;
}

/* Whatever the rows turn out to be: known before B's rows have come. */
int64_t trn_spgemm_scratch_most(const trn_spgemm_t *product) {
    bool hash = product->gather == TRN_SPGEMM_HASH;
    trn_spgemm_work_t worst = {.dense = !hash,
                               .hashed_most = hash ? product->b.cols : dense_from(product)};
    return trn_spgemm_scratch(product, &worst);
}

/* Clean at the start; each row cleans up behind itself. */
static scratch_t lay_out(const trn_spgemm_t *p, const trn_spgemm_work_t *work, void *memory) {
    scratch_t s = {0};
    int64_t cols = p->b.cols;
    char *at = memory;
    if (work->dense) {
        s.sum = (double *)at;
        s.in_use = (uint64_t *)(at += lines(cols * 8));
        s.top = (uint64_t *)(at += lines((cols / 64 + 1) * 8));
        at += lines(cols / 512 + 8);
        memset(memory, 0, (size_t)(at - (char *)memory));
    }
    if (work->hashed_most >= 0) {
        int64_t size = table_size(p, work->hashed_most);
        s.table = (slot_t *)at;
        s.key = (uint64_t *)(at += size * (int64_t)sizeof(slot_t));
        s.spare = (uint64_t *)(at + lines(least(work->hashed_most, cols) * 8));
        for (int64_t i = 0; i < size; i++)
            s.table[i].column = -1;
    }
    while (s.digits * DIGIT < 32 && cols > (int64_t)1 << (s.digits * DIGIT))
        s.digits++;
    return s;
}

/* Shares of rows with about the same number of terms, 1 added for each row. */
void trn_spgemm_cut(int64_t rows, const int64_t *terms, int parts, int64_t *cut) {
    double all = (double)rows, seen = 0;
    for (int64_t i = 0; i < rows; i++)
        all += (double)terms[i];
    int part = 0;
    cut[0] = 0;
    for (int64_t i = 0; i < rows; i++) {
        while (part + 1 < parts && seen >= all * (part + 1) / parts)
            cut[++part] = i;
        seen += (double)terms[i] + 1;
    }
    while (part < parts)
        cut[++part] = rows;
}

/* Gathering ------------------------------------------------------------------------------------ */

/* The rows of B that A's entries name lie anywhere: ask for that of entry e + AHEAD now. */
static inline void fetch_ahead(const trn_spgemm_t *p, int64_t e, int64_t entries, use_t use) {
    if (e + AHEAD >= entries) return;
    int64_t k = p->a.column[e + AHEAD], first = p->b.start[k];
    int64_t end = least(p->b.start[k + 1], first + AHEAD_MOST);
    for (int64_t f = first; f < end; f += 16)
        __builtin_prefetch(p->b.column + f);
    if (use == ADD_F64)
        for (int64_t f = first; f < end; f += 8)
            __builtin_prefetch((const double *)p->b.values + f);
    if (use == ADD_F32)
        for (int64_t f = first; f < end; f += 16)
            __builtin_prefetch((const float *)p->b.values + f);
}

static inline double value_of(const void *values, use_t use, int64_t e) {
    if (use == ADD_F64) return ((const double *)values)[e];
    if (use == ADD_F32) return (double)((const float *)values)[e];
    return 1;
}

static inline double a_value(const trn_spgemm_factor_t *a, int64_t e) {
    if (a->type == TRN_SPARSE_F64) return ((const double *)a->values)[e];
    if (a->type == TRN_SPARSE_F32) return (double)((const float *)a->values)[e];
    return 1;
}

/* Gather a row densely; `use` is a constant wherever this is called. Returns how many columns have
 * come into use. */
static inline __attribute__((always_inline)) int64_t
gather_dense(const trn_spgemm_t *p, const scratch_t *s, int64_t row, use_t use) {
    const trn_spgemm_factor_t *a = &p->a, *b = &p->b;
    int64_t entries = a->start[a->rows], fresh = 0;
    for (int64_t e = a->start[row]; e < a->start[row + 1]; e++) {
        fetch_ahead(p, e, entries, use);
        int64_t k = a->column[e], end = b->start[k + 1];
        double factor = use == MARK ? 1 : a_value(a, e);
        for (int64_t f = b->start[k]; f < end; f++) {
            uint32_t j = (uint32_t)b->column[f];
            uint64_t word = s->in_use[j / 64], bit = (uint64_t)1 << j % 64;
            if (use == MARK)
                fresh += !(word & bit);
            else
                s->sum[j] += factor * value_of(b->values, use, f);
            s->in_use[j / 64] = word | bit;
            s->top[j / 4096] |= (uint64_t)1 << j / 64 % 64;
        }
    }
    return fresh;
}

/* The same by hashing: key[] gets the columns as they come. Multiplying by the golden ratio's bits
 * scatters neighboring columns (Knuth, The Art of Computer Programming 3, 6.4). */
static inline __attribute__((always_inline)) int64_t
gather_hashed(const trn_spgemm_t *p, const scratch_t *s, int64_t row, use_t use) {
    const trn_spgemm_factor_t *a = &p->a, *b = &p->b;
    int64_t entries = a->start[a->rows], fresh = 0;
    slot_t *table = s->table;
    uint32_t mask = s->mask;
    for (int64_t e = a->start[row]; e < a->start[row + 1]; e++) {
        fetch_ahead(p, e, entries, use);
        int64_t k = a->column[e], end = b->start[k + 1];
        double factor = use == MARK ? 1 : a_value(a, e);
        for (int64_t f = b->start[k]; f < end; f++) {
            uint32_t j = (uint32_t)b->column[f];
            uint32_t at = (uint32_t)((j * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & mask;
            while (table[at].column != j && table[at].column >= 0)
                at = (at + 1) & mask;
            if (table[at].column < 0) {
                table[at] = (slot_t){.sum = 0, .column = j};
                s->key[fresh++] = (uint64_t)j << 32 | at;
            }
            if (use != MARK) table[at].sum += factor * value_of(b->values, use, f);
        }
    }
    return fresh;
}

/* The switch makes `use` a constant of each copy of the inlined loops. */
static int64_t gather(const trn_spgemm_t *p, const scratch_t *s, int64_t row, bool dense,
                      use_t use) {
    switch (use) {
    case MARK:
        return dense ? gather_dense(p, s, row, MARK) : gather_hashed(p, s, row, MARK);
    case ADD_ONES:
        return dense ? gather_dense(p, s, row, ADD_ONES) : gather_hashed(p, s, row, ADD_ONES);
    case ADD_F32:
        return dense ? gather_dense(p, s, row, ADD_F32) : gather_hashed(p, s, row, ADD_F32);
    default:
        return dense ? gather_dense(p, s, row, ADD_F64) : gather_hashed(p, s, row, ADD_F64);
    }
}

/* Giving back: entries in order, scratch memory clean ------------------------------------------ */

/* Sums are float64 whatever C holds: one rounding an entry. */
static inline void put(const trn_spgemm_t *p, int64_t at, double sum, void *values) {
    if (p->type == TRN_SPARSE_F64)
        ((double *)values)[at] = sum;
    else if (p->type == TRN_SPARSE_F32)
        ((float *)values)[at] = (float)sum;
}

/* Where column and values are NULL, only clean. */
static inline __attribute__((always_inline)) int64_t
yield_dense(const trn_spgemm_t *p, const scratch_t *s, int64_t at, int32_t *column, void *values) {
    for (int64_t t = 0; t <= p->b.cols / 4096; t++) {
        uint64_t words = s->top[t];
        s->top[t] = 0;
        for (; words; words &= words - 1) {
            int64_t w = 64 * t + __builtin_ctzll(words);
            uint64_t bits = s->in_use[w];
            s->in_use[w] = 0;
            for (; column && bits; bits &= bits - 1) {
                int64_t j = 64 * w + __builtin_ctzll(bits);
                column[at] = p->first_col + (int32_t)j;
                if (values) {
                    put(p, at, s->sum[j], values);
                    s->sum[j] = 0;
                }
                at++;
            }
        }
    }
    return at;
}

/* Insertion: few keys, and nearly in order where B's rows are alike. */
static void sort_few(int64_t n, uint64_t *key) {
    for (int64_t i = 1; i < n; i++) {
        uint64_t x = key[i];
        int64_t j = i;
        for (; j > 0 && key[j - 1] > x; j--)
            key[j] = key[j - 1];
        key[j] = x;
    }
}

/* Sort keys by column, from the lowest digit up; returns where they are. */
static uint64_t *sort_digits(int64_t n, uint64_t *key, uint64_t *spare, int digits) {
    for (int d = 0; d < digits; d++) {
        int shift = 32 + d * DIGIT;
        uint32_t count[1 << DIGIT] = {0}, at = 0;
        for (int64_t i = 0; i < n; i++)
            count[key[i] >> shift & ((1 << DIGIT) - 1)]++;
        for (int v = 0; v < 1 << DIGIT; v++) {
            uint32_t here = count[v];
            count[v] = at;
            at += here;
        }
        for (int64_t i = 0; i < n; i++)
            spare[count[key[i] >> shift & ((1 << DIGIT) - 1)]++] = key[i];
        uint64_t *swap = key;
        key = spare;
        spare = swap;
    }
    return key;
}

/* Keys sorted by column lead to the slots, which are freed on the way. */
static int64_t yield_hashed(const trn_spgemm_t *p, const scratch_t *s, int64_t n, int64_t at,
                            int32_t *column, void *values) {
    uint64_t *key = s->key;
    if (n <= FEW)
        sort_few(n, key);
    else
        key = sort_digits(n, key, s->spare, s->digits);
    for (int64_t i = 0; i < n; i++, at++) {
        slot_t *slot = s->table + (uint32_t)key[i];
        column[at] = p->first_col + (int32_t)slot->column;
        put(p, at, slot->sum, values);
        slot->column = -1;
    }
    return at;
}

/* Rows ----------------------------------------------------------------------------------------- */

/* Entries of a row of C, which is gathered without sums. */
static int64_t count_row(const trn_spgemm_t *p, scratch_t *s, int64_t row) {
    int64_t terms = terms_of(p, row);
    if (terms == 0) return 0;
    if (p->a.start[row + 1] - p->a.start[row] == 1) return terms;
    bool dense = is_dense(p, terms);
    s->mask = dense ? 0 : (uint32_t)(table_size(p, terms) - 1);
    int64_t n = gather(p, s, row, dense, MARK);
    if (dense)
        yield_dense(p, s, 0, NULL, NULL);
    else
        for (int64_t i = 0; i < n; i++)
            s->table[(uint32_t)s->key[i]].column = -1;
    return n;
}

/* A row of A with one entry makes a multiple of a row of B, in order as it is. */
static int64_t scale_row(const trn_spgemm_t *p, int64_t row, int64_t at, int32_t *column,
                         void *values) {
    const trn_spgemm_factor_t *b = &p->b;
    int64_t e = p->a.start[row], k = p->a.column[e];
    double factor = a_value(&p->a, e);
    for (int64_t f = b->start[k]; f < b->start[k + 1]; f++, at++) {
        column[at] = p->first_col + b->column[f];
        put(p, at, 0 + factor * a_value(b, f), values);
    }
    return at;
}

/* Write a row from place `at` on; returns the place behind it. */
static int64_t fill_row(const trn_spgemm_t *p, scratch_t *s, int64_t row, int64_t at,
                        int32_t *column, void *values) {
    static const use_t uses[] = {
        [TRN_SPARSE_PATTERN] = ADD_ONES, [TRN_SPARSE_F32] = ADD_F32, [TRN_SPARSE_F64] = ADD_F64};
    int64_t terms = terms_of(p, row);
    if (terms == 0) return at;
    if (p->a.start[row + 1] - p->a.start[row] == 1) return scale_row(p, row, at, column, values);
    use_t use = p->type == TRN_SPARSE_PATTERN ? MARK : uses[p->b.type];
    bool dense = is_dense(p, terms);
    s->mask = dense ? 0 : (uint32_t)(table_size(p, terms) - 1);
    int64_t n = gather(p, s, row, dense, use);
    if (!dense) return yield_hashed(p, s, n, at, column, values);
    return use == MARK ? yield_dense(p, s, at, column, NULL)
                       : yield_dense(p, s, at, column, values);
}

/* Of thread t: pieces of one allocation. */
static void *scratch_of(const trn_spgemm_t *p, const trn_spgemm_work_t *work,
                        const trn_spgemm_team_t *team, int t) {
    return (char *)team->scratch + t * trn_spgemm_scratch(p, work);
}

void trn_spgemm_count(const trn_spgemm_t *product, const trn_spgemm_work_t *work,
                      const trn_spgemm_team_t *team, int64_t *count) {
#pragma omp parallel for num_threads(team->threads) schedule(static, 1)
    for (int t = 0; t < team->threads; t++) {
        scratch_t s = lay_out(product, work, scratch_of(product, work, team, t));
        for (int64_t i = team->cut[t]; i < team->cut[t + 1]; i++)
            count[i] += count_row(product, &s, i);
    }
}

void trn_spgemm_fill(const trn_spgemm_t *product, const trn_spgemm_work_t *work,
                     const trn_spgemm_team_t *team, int64_t *at, int32_t *column, void *values) {
#pragma omp parallel for num_threads(team->threads) schedule(static, 1)
    for (int t = 0; t < team->threads; t++) {
        scratch_t s = lay_out(product, work, scratch_of(product, work, team, t));
        for (int64_t i = team->cut[t]; i < team->cut[t + 1]; i++)
            at[i] = fill_row(product, &s, i, at[i], column, values);
    }
}

void trn_spgemm_pack(const trn_spgemm_t *product, const trn_spgemm_work_t *work, void *scratch,
                     int64_t first, int64_t end, int64_t *start, int32_t *column, void *values) {
    scratch_t s = lay_out(product, work, scratch);
    for (int64_t i = first; i < end; i++)
        start[i + 1] = fill_row(product, &s, i, start[i], column, values);
}

/* Entries over their bound in a sample of rows: is C worth counting before it is made? */
double trn_spgemm_density(const trn_spgemm_t *product, const trn_spgemm_work_t *work,
                          const int64_t *terms, void *scratch) {
    scratch_t s = lay_out(product, work, scratch);
    int64_t entries = 0, bound = 0;
    for (int64_t i = 0; i < product->a.rows; i += SAMPLE) {
        entries += count_row(product, &s, i);
        bound += least(terms[i], product->b.cols);
    }
    return bound > 0 ? (double)entries / (double)bound : 1;
}
