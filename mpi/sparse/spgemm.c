/* spgemm.c: see spgemm.h. */
#include "mpi/sparse/spgemm.h"

#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/sparse/spgemm_impl.h"
#include "mpi/trace.h"
#include "mpi/watch.h"

#include <math.h>
#include <string.h>

/* Rows are counted, and computed, in batches of so many terms, so that the watchdog does not take a
 * large product for a hang. */
static const int64_t BATCH_TERMS = INT64_C(1) << 30;

/* Entries of C over their bound from which on room for the bound is taken and C made in one go, the
 * rest of the room staying unused; below, C is counted first. */
static const double ONE_GO = 0.8;

/* One product on one rank. */
typedef struct product {
    MPI_Comm comm;
    const trn_sparse_t *a, *b;
    const trn_spgemm_options_t *options;
    int threads;
    int64_t before; /* bytes in use when it began */
    fetch_t fetch;
    trn_spgemm_t local; /* needed rows of B times this band of A */
    int64_t slabs;
    slab_t slab[TRN_SPGEMM_BUCKETS];
    slab_t present;    /* the slab that b_start belongs to */
    int32_t *count;    /* [needed] entries of each needed row in the slab */
    int64_t *b_start;  /* [needed + 1] rows of B in the slab, */
    int32_t *b_column; /* as far as needed */
    void *b_values;
    int64_t *terms; /* [rows] */
    int64_t all_terms;
    void *scratch;       /* of all threads */
    int64_t *cut;        /* [threads + 1] */
    int64_t *start, *at; /* [rows + 1] of C; at: where a row goes on */
    int32_t *column;
    void *values;
} product_t;

/* Types ---------------------------------------------------------------------------------------- */

/* float64 if either has it, or if both are patterns, whose entries count as 1 and are counted
 * exactly; else float32. */
static trn_sparse_type_t type_of_c(const trn_sparse_t *a, const trn_sparse_t *b, bool boolean) {
    trn_sparse_type_t x = trn_sparse_type(a), y = trn_sparse_type(b);
    if (boolean) return TRN_SPARSE_PATTERN;
    if (x == TRN_SPARSE_F64 || y == TRN_SPARSE_F64) return TRN_SPARSE_F64;
    return x == TRN_SPARSE_PATTERN && y == TRN_SPARSE_PATTERN ? TRN_SPARSE_F64 : TRN_SPARSE_F32;
}

/* Bytes of an entry of C. */
static int64_t entry_bytes(const product_t *p) {
    static const int64_t bytes[] = {
        [TRN_SPARSE_PATTERN] = 4, [TRN_SPARSE_F32] = 8, [TRN_SPARSE_F64] = 12};
    return bytes[p->local.type];
}

/* Planning ------------------------------------------------------------------------------------- */

/* What does not depend on slabs. */
static trn_status_t allocate(product_t *p) {
    int64_t needed = p->fetch.needed[p->fetch.ranks], rows = p->local.a.rows;
    TRN_TRY(trn_alloc(&p->count, needed, sizeof *p->count, "lengths of rows"));
    TRN_TRY(trn_alloc(&p->b_start, needed + 1, sizeof *p->b_start, "row pointers of B"));
    TRN_TRY(trn_alloc(&p->terms, rows, sizeof *p->terms, "terms of rows"));
    TRN_TRY(trn_alloc(&p->cut, p->threads + 1, sizeof *p->cut, "shares of threads"));
    TRN_TRY(trn_alloc_zero(&p->start, rows + 1, sizeof *p->start, "row pointers of C"));
    return trn_alloc(&p->at, rows + 1, sizeof *p->at, "places of rows");
}

/* The row pointers of B in the slab, by counts that travel. Collective. */
static void fetch_starts(product_t *p, slab_t slab) {
    int64_t needed = p->fetch.needed[p->fetch.ranks];
    trn_spgemm_fetch(&p->fetch, slab, ITEM_COUNT, p->count);
    p->b_start[0] = 0;
    for (int64_t i = 0; i < needed; i++)
        p->b_start[i + 1] = p->b_start[i] + p->count[i];
    p->local.b.cols = slab.end_col - slab.first_col;
    p->local.first_col = (int32_t)slab.first_col;
    p->present = slab;
}

/* Learn who needs what and how many terms that makes. Collective. */
static trn_status_t plan(product_t *p) {
    const trn_spgemm_options_t *o = p->options;
    TRN_TRY(trn_spgemm_fetch_plan(&p->fetch, p->comm, p->a, p->b, !o->boolean,
                                  o->memory > 0 || o->phases > 1, o->message));
    int64_t needed = p->fetch.needed[p->fetch.ranks];
    trn_sparse_type_t of_b =
        o->boolean ? TRN_SPARSE_PATTERN : trn_sparse_type(p->b); /* as fetched */
    p->local =
        (trn_spgemm_t){.a = {trn_sparse_extent(p->a).rows, needed, trn_sparse_start(p->a),
                             p->fetch.column, trn_sparse_values(p->a), trn_sparse_type(p->a)},
                       .b = {.rows = needed, .type = of_b},
                       .type = type_of_c(p->a, p->b, o->boolean),
                       .gather = o->gather};
    TRN_AGREE(p->comm, allocate(p));
    p->local.b.start = p->b_start;
    p->slab[0] = trn_spgemm_slab(&p->fetch, 0, p->fetch.buckets);
    p->slabs = 1;
    fetch_starts(p, p->slab[0]);
    return TRN_OK;
}

/* Bytes of the part of the needed rows that lies in a slab. */
static int64_t fetched_bytes(const product_t *p, slab_t slab, bool values) {
    return trn_spgemm_fetch_entries(&p->fetch, slab) * (4 + (values ? p->fetch.value_bytes : 0));
}

/* The most scratch memory that a thread may need for a slab. */
static int64_t scratch_most(const product_t *p, slab_t slab) {
    trn_spgemm_t narrow = p->local;
    narrow.b.cols = slab.end_col - slab.first_col;
    return trn_spgemm_scratch_most(&narrow);
}

/* Bytes on top of those in use now that a slab takes at most. */
static int64_t slab_bytes(const product_t *p, slab_t slab, bool values) {
    return fetched_bytes(p, slab, values) + p->threads * scratch_most(p, slab);
}

/* Bytes that would do if C had `entries` entries here. */
static int64_t least_memory(const product_t *p, int64_t entries) {
    int64_t most = 0;
    for (int64_t i = 0; i < p->fetch.buckets; i++) {
        int64_t bytes = slab_bytes(p, trn_spgemm_slab(&p->fetch, i, i + 1), true);
        if (bytes > most) most = bytes;
    }
    return trn_mem_now() - p->before + entries * entry_bytes(p) + most;
}

/* Cut the columns into the fewest slabs that leave room on every rank for C's `entries` entries, or
 * say what room would do: that for `bound` entries. Collective. */
static trn_status_t cut_slabs(product_t *p, bool values, int64_t entries, int64_t bound) {
    int64_t buckets = p->fetch.buckets, phases = p->options->phases;
    int64_t room = INT64_MAX;
    if (p->options->memory > 0)
        room = p->options->memory - (trn_mem_now() - p->before) - entries * entry_bytes(p);
    if (phases < 1) phases = 1;
    p->slabs = 0;
    for (int64_t first = 0; first < buckets; p->slabs++) {
        int64_t left = phases > p->slabs ? phases - p->slabs : 1;
        int64_t end = first + (buckets - first + left - 1) / left;
        while (end > first && slab_bytes(p, trn_spgemm_slab(&p->fetch, first, end), values) > room)
            end--;
        MPI_Allreduce(MPI_IN_PLACE, &end, 1, MPI_INT64_T, MPI_MIN, p->comm);
        if (end == first) {
            enum { NUMBER = 4 << 10 /* what is beside may hold the number, in its command line */ };
            int64_t beside = p->options->beside, least = least_memory(p, bound);
            MPI_Allreduce(MPI_IN_PLACE, &least, 1, MPI_INT64_T, MPI_MAX, p->comm);
            return trn_agree(p->comm,
                             trn_fail(TRN_MEMORY,
                                      "memory: this product does not fit into %lld bytes a rank; "
                                      "%lld will do, or use more ranks",
                                      (long long)(p->options->memory + beside),
                                      (long long)(least + beside + (beside ? NUMBER : 0))));
        }
        p->slab[p->slabs] = trn_spgemm_slab(&p->fetch, first, end);
        first = end;
    }
    return TRN_OK;
}

/* Multiplying ---------------------------------------------------------------------------------- */

/* Room for the largest slab, and for scratch memory of so many bytes a thread. */
static trn_status_t allocate_slab(product_t *p, bool values, int64_t scratch) {
    int64_t entries = 0;
    for (int64_t i = 0; i < p->slabs; i++) {
        int64_t here = trn_spgemm_fetch_entries(&p->fetch, p->slab[i]);
        if (here > entries) entries = here;
    }
    TRN_TRY(trn_alloc(&p->b_column, entries, sizeof *p->b_column, "rows of B"));
    if (values && p->fetch.value_bytes > 0)
        TRN_TRY(trn_alloc(&p->b_values, entries, (size_t)p->fetch.value_bytes, "rows of B"));
    p->local.b.column = p->b_column;
    p->local.b.values = p->b_values;
    return trn_alloc(&p->scratch, p->threads, (size_t)scratch, "scratch memory of a product");
}

/* NULL is fine: slabs may not have been made. */
static void free_slab(product_t *p) {
    trn_free(&p->b_column);
    trn_free(&p->b_values);
    trn_free(&p->scratch);
}

/* C's arrays; a pattern has no values. */
static trn_status_t allocate_entries(product_t *p, int64_t entries) {
    TRN_TRY(trn_alloc(&p->column, entries, sizeof *p->column, "columns of a product"));
    if (p->local.type == TRN_SPARSE_PATTERN) return TRN_OK;
    return trn_alloc(&p->values, entries, (size_t)(entry_bytes(p) - 4), "values of a product");
}

/* Bring the slab's part of the needed rows. Collective; does not fail. */
static void fetch_slab(product_t *p, slab_t slab, bool values) {
    trn_trace_begin("spgemm fetch");
    if (slab.first != p->present.first || slab.end != p->present.end) fetch_starts(p, slab);
    trn_spgemm_fetch(&p->fetch, slab, ITEM_COLUMN, p->b_column);
    if (values && p->fetch.value_bytes > 0)
        trn_spgemm_fetch(&p->fetch, slab, ITEM_VALUE, p->b_values);
    trn_trace_end();
}

/* What the threads do with some rows of the slab that has been fetched. */
typedef void work_on(product_t *p, const trn_spgemm_t *rows, const trn_spgemm_work_t *work,
                     const trn_spgemm_team_t *team, int64_t first);

/* Sizes of C's rows: a first pass over the slab, without values. */
static void count_rows(product_t *p, const trn_spgemm_t *rows, const trn_spgemm_work_t *work,
                       const trn_spgemm_team_t *team, int64_t first) {
    trn_spgemm_count(rows, work, team, p->start + 1 + first);
}

/* Entries of C where `at` says, which moves on with each slab: rows fill up from left to right. */
static void fill_rows(product_t *p, const trn_spgemm_t *rows, const trn_spgemm_work_t *work,
                      const trn_spgemm_team_t *team, int64_t first) {
    trn_spgemm_fill(rows, work, team, p->at + first, p->column, p->values);
}

/* Both in one go, by one thread, behind each other. */
static void pack_rows(product_t *p, const trn_spgemm_t *rows, const trn_spgemm_work_t *work,
                      const trn_spgemm_team_t *team, int64_t first) {
    trn_spgemm_pack(rows, work, team->scratch, 0, rows->a.rows, p->start + first, p->column,
                    p->values);
}

/* Let the threads do it batch by batch. */
static void all_rows(product_t *p, const trn_spgemm_work_t *work, work_on *step) {
    trn_trace_begin("spgemm multiply");
    for (int64_t first = 0, end; first < p->local.a.rows; first = end) {
        int64_t terms = 0;
        for (end = first; end < p->local.a.rows && terms < BATCH_TERMS; end++)
            terms += p->terms[end];
        trn_spgemm_t rows = p->local;
        rows.a.start += first;
        rows.a.rows = end - first;
        trn_spgemm_cut(rows.a.rows, p->terms + first, p->threads, p->cut);
        step(p, &rows, work, &(trn_spgemm_team_t){p->threads, p->cut, p->scratch}, first);
        trn_watch_tick();
    }
    trn_trace_end();
}

/* Counts of rows in start[1...] become row pointers; returns the entries. */
static int64_t add_up(product_t *p) {
    for (int64_t i = 0; i < p->local.a.rows; i++)
        p->start[i + 1] += p->start[i];
    memcpy(p->at, p->start, (size_t)(p->local.a.rows + 1) * sizeof *p->at);
    return p->start[p->local.a.rows];
}

/* All columns at once. Collective. */
static trn_status_t multiply_whole(product_t *p, const trn_spgemm_work_t *work) {
    TRN_AGREE(p->comm, allocate_slab(p, true, trn_spgemm_scratch(&p->local, work)));
    fetch_slab(p, p->slab[0], true);
    if (p->threads == 1 && trn_spgemm_density(&p->local, work, p->terms, p->scratch) >= ONE_GO) {
        TRN_AGREE(p->comm, allocate_entries(p, work->bound));
        all_rows(p, work, pack_rows);
        return TRN_OK;
    }
    all_rows(p, work, count_rows);
    TRN_AGREE(p->comm, allocate_entries(p, add_up(p)));
    all_rows(p, work, fill_rows);
    return TRN_OK;
}

/* Fetch slab after slab and take one step with each. Collective. */
static trn_status_t all_slabs(product_t *p, bool values, work_on *step) {
    int64_t scratch = 0;
    for (int64_t i = 0; i < p->slabs; i++)
        if (scratch_most(p, p->slab[i]) > scratch) scratch = scratch_most(p, p->slab[i]);
    TRN_AGREE(p->comm, allocate_slab(p, values, scratch));
    for (int64_t i = 0; i < p->slabs; i++) {
        fetch_slab(p, p->slab[i], values);
        trn_spgemm_work_t work = trn_spgemm_measure(&p->local, p->terms);
        all_rows(p, &work, step);
    }
    free_slab(p);
    return TRN_OK;
}

/* Count C slab by slab, then compute it. Collective. */
static trn_status_t multiply_slabs(product_t *p, int64_t bound) {
    TRN_TRY(cut_slabs(p, false, 0, bound));
    TRN_TRY(all_slabs(p, false, count_rows));
    int64_t entries = add_up(p);
    TRN_TRY(cut_slabs(p, true, entries, entries));
    TRN_AGREE(p->comm, allocate_entries(p, entries));
    return all_slabs(p, true, fill_rows);
}

/* In one go if the bound fits the memory on all ranks, else slab by slab. */
static trn_status_t multiply(product_t *p, trn_spgemm_report_t *report) {
    trn_spgemm_work_t work = trn_spgemm_measure(&p->local, p->terms);
    int64_t whole = trn_mem_now() - p->before + fetched_bytes(p, p->slab[0], true) +
                    p->threads * trn_spgemm_scratch(&p->local, &work) + work.bound * entry_bytes(p);
    bool tight = p->options->memory > 0 && whole > p->options->memory;
    report->terms = work.terms;
    if (trn_any(p->comm, tight || p->options->phases > 1)) return multiply_slabs(p, work.bound);
    return multiply_whole(p, &work);
}

/* Give C its arrays. Collective. */
static trn_status_t hand_over(product_t *p, trn_sparse_t **c) {
    trn_extent_t a = trn_sparse_extent(p->a);
    trn_extent_t extent = {a.first_row, a.rows, 0, p->fetch.cols};
    trn_status_t status = trn_sparse_adopt(c, type_of_c(p->a, p->b, p->options->boolean), extent,
                                           p->start, p->column, p->values);
    if (status == TRN_OK) {
        p->start = NULL;
        p->column = NULL;
        p->values = NULL;
    }
    status = trn_agree(p->comm, status);
    if (status != TRN_OK) trn_sparse_destroy(c);
    return status;
}

/* What hand_over has given away is NULL by now. */
static void free_product(product_t *p) {
    trn_spgemm_fetch_free(&p->fetch);
    free_slab(p);
    trn_free(&p->count);
    trn_free(&p->b_start);
    trn_free(&p->terms);
    trn_free(&p->cut);
    trn_free(&p->start);
    trn_free(&p->at);
    trn_free(&p->column);
    trn_free(&p->values);
}

/* Memory is counted from here on. */
static product_t begin(MPI_Comm comm, const trn_sparse_t *a, const trn_sparse_t *b,
                       const trn_spgemm_options_t *options) {
    return (product_t){.comm = comm,
                       .a = a,
                       .b = b,
                       .options = options,
                       .threads = options->threads > 1 ? options->threads : 1,
                       .before = trn_mem_now()};
}

/* Terms of a row of C are summed in the order of A's columns, whichever rank brings the rows of B,
 * so that bits depend on neither ranks nor slabs. */
trn_status_t trn_spgemm(MPI_Comm comm, const trn_sparse_t *a, const trn_sparse_t *b,
                        const trn_spgemm_options_t *options, trn_sparse_t **c,
                        trn_spgemm_report_t *report) {
    product_t p = begin(comm, a, b, options);
    trn_spgemm_report_t mine = {0};
    *c = NULL;
    TRN_TRY(trn_check_equal(comm, options->memory, "memory"));
    TRN_TRY(trn_check_equal(comm, options->phases, "phases"));
    TRN_TRY(trn_check_equal(comm, options->message, "message"));
    trn_status_t status = plan(&p);
    if (status == TRN_OK) status = multiply(&p, &mine);
    if (status == TRN_OK) status = hand_over(&p, c);
    if (status == TRN_OK && report) {
        mine.entries = trn_sparse_count(*c);
        MPI_Allreduce(MPI_IN_PLACE, &mine, 2, MPI_INT64_T, MPI_SUM, comm);
        mine.phases = p.slabs;
        *report = mine;
    }
    free_product(&p);
    return status;
}

/* Entries of C here, for plans: columns are taken to be drawn at random, which collide least. */
int64_t trn_spgemm_guess(const trn_spgemm_size_t *s) {
    if (s->rows == 0 || s->inner == 0 || s->cols == 0) return 0;
    double terms = (double)s->a * (double)s->all_b / (double)s->inner / (double)s->rows;
    double bound = terms < (double)s->cols ? terms : (double)s->cols; /* of a row */
    double there = (double)s->cols * (1 - exp(-terms / (double)s->cols));
    bool one_go = s->threads <= 1 && there >= ONE_GO * bound;
    double entries = (double)s->rows * (one_go ? bound : there);
    return entries < 9e18 ? (int64_t)entries : INT64_MAX;
}

/* For plans, in the order in which trn_spgemm takes memory. */
void trn_spgemm_take(trn_ledger_t *ledger, const trn_spgemm_size_t *s) {
    int64_t value = s->type == TRN_SPARSE_PATTERN ? 0 : s->type == TRN_SPARSE_F32 ? 4 : 8;
    double met = s->inner > 0 ? 1 - exp(-(double)s->a / (double)s->inner) : 0;
    int64_t needed = (int64_t)(met * (double)s->inner);
    int64_t fetched = (int64_t)(met * (double)s->all_b);
    trn_spgemm_t shape = {.b = {.cols = s->cols}};
    trn_ledger_t before = *ledger;
    trn_ledger_take(ledger, "product", s->a, sizeof(int32_t));           /* columns of A */
    trn_ledger_take(ledger, "product", needed, 5 * sizeof(int32_t) / 4); /* what others ask for */
    if (s->ranks > 1) trn_ledger_take(ledger, "product", 2, TRN_SPGEMM_MESSAGE);
    trn_ledger_pass(ledger, "product", s->inner / 64 + 1, sizeof(int64_t) + sizeof(int32_t));
    trn_ledger_take(ledger, "product", needed, sizeof(int32_t) + sizeof(int64_t));
    trn_ledger_take(ledger, "product", 3 * s->rows, sizeof(int64_t));
    trn_ledger_take(ledger, "product", fetched, (int64_t)sizeof(int32_t) + value);
    trn_ledger_take(ledger, "product", s->threads > 1 ? s->threads : 1,
                    trn_spgemm_scratch_most(&shape));
    trn_ledger_take(ledger, "result", trn_spgemm_guess(s), (int64_t)sizeof(int32_t) + value);
    trn_ledger_back(ledger, &before);
}

trn_status_t trn_spgemm_terms(MPI_Comm comm, const trn_sparse_t *a, const trn_sparse_t *b,
                              int64_t *terms) {
    product_t p = begin(comm, a, b, &(trn_spgemm_options_t){.boolean = true});
    trn_status_t status = plan(&p);
    if (status == TRN_OK) trn_spgemm_measure(&p.local, terms);
    free_product(&p);
    return status;
}
