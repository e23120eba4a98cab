/* nearest_files.c: files looked at, searched, and answers into a store or a sparse matrix. */
#include "algo/vectors/nearest_files.h"

#include "algo/common/estimate.h"
#include "base/clock.h"
#include "base/emit.h"
#include "base/mem.h"
#include "io/formats/format.h"
#include "mpi/agree.h"
#include "mpi/best.h"

#include <string.h>

/* Inputs --------------------------------------------------------------------------------------- */

static const trn_matrix_info_t *among_of(const trn_nearest_files_t *f) {
    return &f->among.in.info;
}

static trn_matrix_in_t *queries_in(trn_nearest_files_t *f) {
    return f->same ? &f->among.in : &f->queries.in;
}

static const trn_matrix_info_t *queries_of(const trn_nearest_files_t *f) {
    return f->same ? &f->among.in.info : &f->queries.in.info;
}

static trn_status_t check_sizes(const trn_nearest_files_t *f) {
    const trn_matrix_info_t *e = among_of(f), *q = queries_of(f);
    if (q->cols != e->cols)
        return trn_fail(TRN_INPUT,
                        "%s: rows of %lld numbers, but those of %s have %lld; only rows "
                        "of one length can be compared",
                        f->path.queries, (long long)q->cols, f->path.among, (long long)e->cols);
    if (e->cols == 0)
        return trn_fail(TRN_INPUT, "%s: rows of no numbers cannot be compared", f->path.among);
    if (e->rows > INT32_MAX)
        return trn_fail(TRN_INPUT, "%s: %lld rows; at most 2^31 - 1 are searched", f->path.among,
                        (long long)e->rows);
    return TRN_OK;
}

/* Text with a number a line, which has any ending, is no matrix for trn_matrix_in_look. */
static bool may_be_sparse(const char *path) {
    bool packed;
    const trn_file_format_t *format = trn_format_by_ending(path, &packed);
    return trn_path_has_member(path) || (format && format->holds & TRN_HOLDS_SPARSE);
}

/* Pairs in a sparse matrix, or a row for each query. Collective. */
static trn_status_t look_at_pairs(trn_nearest_files_t *f) {
    MPI_Comm comm = f->comm;
    int64_t queries = queries_of(f)->rows, rows = among_of(f)->rows;
    if (!f->path.exclude) return TRN_OK;
    if (strcmp(f->path.exclude, "self") == 0) {
        f->how.self = true;
        if (queries == rows) return TRN_OK;
        return trn_fail(TRN_INPUT,
                        "--exclude self: %s has %lld rows and %s %lld; row i is left out "
                        "for query i only where they are as many",
                        f->path.queries, (long long)queries, f->path.among, (long long)rows);
    }
    const trn_matrix_info_t *pairs = &f->pairs.info;
    if (may_be_sparse(f->path.exclude))
        TRN_TRY(trn_matrix_in_look(&f->pairs, comm, f->path.exclude));
    if (!pairs->sparse) {
        TRN_TRY(trn_ids_read(&f->one, comm, f->path.exclude));
        TRN_TRY(trn_ids_of_rows(&f->one, queries, f->path.queries));
        return trn_ids_within(&f->one, -1, rows, "rows");
    }
    if (pairs->rows == queries && pairs->cols == rows) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: is %lld x %lld, but there are %lld queries and %lld rows",
                    f->path.exclude, (long long)pairs->rows, (long long)pairs->cols,
                    (long long)queries, (long long)rows);
}

/* Collective. */
static trn_status_t look_at_groups(trn_nearest_files_t *f) {
    MPI_Comm comm = f->comm;
    if (!f->path.groups) return TRN_OK;
    const char *of_queries = f->path.query_groups ? f->path.query_groups : f->path.groups;
    if (!f->path.query_groups && !f->same)
        return trn_fail(TRN_USAGE, "--exclude-groups: give --query-groups, too, for queries of a "
                                   "file of their own");
    TRN_TRY(trn_ids_read(&f->group, comm, f->path.groups));
    TRN_TRY(trn_ids_of_rows(&f->group, among_of(f)->rows, f->path.among));
    TRN_TRY(trn_ids_read(&f->query_group, comm, of_queries));
    return trn_ids_of_rows(&f->query_group, queries_of(f)->rows, f->path.queries);
}

trn_status_t trn_nearest_files_look(trn_nearest_files_t *f, MPI_Comm comm) {
    f->comm = comm;
    f->same = strcmp(f->path.queries, f->path.among) == 0;
    TRN_TRY(trn_matrix_in_look(&f->among.in, comm, f->path.among));
    if (!f->same) TRN_TRY(trn_matrix_in_look(&f->queries.in, comm, f->path.queries));
    TRN_TRY(check_sizes(f));
    if (f->path.graph) TRN_TRY(trn_matrix_file_place(comm, f->path.graph, true));
    TRN_TRY(look_at_pairs(f));
    return look_at_groups(f);
}

trn_status_t trn_nearest_files_cut(trn_nearest_files_t *f, int ranks, int64_t memory) {
    MPI_Comm comm = f->comm;
    trn_bands_t *bands = &f->pairs.bands;
    TRN_TRY(trn_matrix_in_cut(&f->among.in, comm, ranks));
    if (!f->same) TRN_TRY(trn_matrix_in_cut(&f->queries.in, comm, ranks));
    trn_bands_free(bands);
    if (f->pairs.info.sparse)
        TRN_TRY(trn_bands_tall(bands, comm, ranks, f->path.exclude, &f->pairs.info));
    f->streams = false;
    f->streams = memory > 0 && trn_tall_in_can_stream(&f->among) &&
                 trn_estimate_bytes(ranks, trn_nearest_files_plan, f) > memory;
    return TRN_OK;
}

/* Memory --------------------------------------------------------------------------------------- */

enum { WRITE_ROWS = 512 /* of answers at a time */ };

void trn_nearest_files_plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const trn_nearest_files_t *f = user;
    const trn_matrix_info_t *e = among_of(f), *q = queries_of(f), *pairs = &f->pairs.info;
    int64_t k = f->how.k, own = trn_tall_rows(q->rows, ranks, rank);
    trn_nearest_rows_size_t size = {.queries = q->rows,
                                    .rows = e->rows,
                                    .cols = e->cols,
                                    .excluded = pairs->sparse ? pairs->entries : 0,
                                    .listed = k + f->how.skip,
                                    .threads = f->how.threads};
    int64_t ids = f->one.count + f->group.count + f->query_group.count;
    trn_ledger_take(ledger, "lists", ids, (int64_t)sizeof(int64_t));
    trn_ledger_take(ledger, "answers", own * k, (int64_t)sizeof(trn_best_t));
    trn_ledger_t before = *ledger;
    trn_tall_in_plan(ledger, &f->among, f->streams, ranks, rank);
    if (!f->same) trn_tall_in_plan(ledger, &f->queries, f->streams, ranks, rank);
    if (pairs->sparse) trn_sparse_load_plan(ledger, pairs, TRN_SPARSE_F32, &f->pairs.bands, rank);
    trn_nearest_rows_plan(ledger, &size, ranks);
    trn_ledger_back(ledger, &before);
    if (f->path.graph) {
        trn_ledger_take(ledger, "saving", own + 1, (int64_t)sizeof(int64_t));
        trn_ledger_take(ledger, "saving", own * k, trn_sparse_entry_bytes(TRN_SPARSE_F32));
        trn_sparse_save_plan(ledger, f->path.graph, own, own * k, TRN_SPARSE_F32);
        trn_ledger_back(ledger, &before);
    }
    int64_t each = (int64_t)(sizeof(int64_t) + sizeof(float));
    trn_ledger_take(ledger, "saving", WRITE_ROWS * k, each);
    trn_ledger_take(ledger, "saving", trn_store_write_bytes(own * k * each), 1);
}

/* The search ----------------------------------------------------------------------------------- */

static trn_tall_t queries_tall(const trn_nearest_files_t *f) {
    return f->same ? f->among.tall : f->queries.tall;
}

/* The pairs of this rank's queries. Collective. */
static trn_status_t load_pairs(const trn_nearest_files_t *f, trn_dist_t **dist,
                               trn_sparse_t **pairs) {
    const trn_matrix_info_t *info = &f->pairs.info;
    if (!info->sparse) return TRN_OK;
    TRN_AGREE(f->comm, trn_bands_dist(dist, &f->pairs.bands, info->cols));
    return trn_sparse_file_load(f->comm, f->path.exclude, info, TRN_SPARSE_F32, *dist, pairs);
}

/* Collective. */
static trn_status_t search(trn_nearest_files_t *f) {
    trn_tall_t q = queries_tall(f);
    TRN_AGREE(f->comm, trn_alloc(&f->best, q.block.rows * f->how.k, sizeof *f->best, "answers"));
    f->how.exclude = f->one.id;
    f->how.group = f->group.id;
    f->how.query_group = f->query_group.id;
    double start = trn_seconds();
    trn_status_t status = trn_nearest_rows(q, f->among.tall, &f->how, f->best);
    f->seconds = trn_seconds() - start;
    status = trn_tall_in_outcome(&f->among, status);
    return f->same ? status : trn_tall_in_outcome(&f->queries, status);
}

double trn_nearest_shown(trn_nearness_t metric, double score) {
    return metric == TRN_NEAREST_L2 ? 0 - score : score;
}

static int64_t own_queries(const trn_nearest_files_t *f, int64_t *first) {
    int rank;
    int64_t rows = queries_of(f)->rows;
    MPI_Comm_rank(f->comm, &rank);
    *first = trn_tall_start(f->comm, rows, rank);
    return trn_tall_start(f->comm, rows, rank + 1) - *first;
}

/* The names of rows, opened once. Collective. */
static trn_status_t open_names(trn_matrix_in_t *in, MPI_Comm comm) {
    return in->names.rows ? TRN_OK : trn_matrix_in_names(in, comm);
}

/* The graph ------------------------------------------------------------------------------------ */

/* Answers of a query by number, for a row of a sparse matrix. */
static int64_t add_row(const trn_nearest_files_t *f, const trn_best_t *best, int32_t *column,
                       float *value) {
    int64_t n = 0;
    for (; n < f->how.k && best[n].index >= 0; n++) {
        int64_t at = n;
        for (; at > 0 && column[at - 1] > best[n].index; at--)
            column[at] = column[at - 1], value[at] = value[at - 1];
        column[at] = (int32_t)best[n].index;
        value[at] = (float)trn_nearest_shown(f->how.metric, best[n].score);
    }
    return n;
}

/* This rank's rows. Local. */
static trn_status_t make_graph(const trn_nearest_files_t *f, int64_t first, int64_t own,
                               trn_sparse_t **graph) {
    int64_t k = f->how.k, *start = NULL;
    int32_t *column = NULL;
    float *value = NULL;
    trn_status_t status = trn_alloc(&start, own + 1, sizeof *start, "a graph");
    if (status == TRN_OK) status = trn_alloc(&column, own * k, sizeof *column, "a graph");
    if (status == TRN_OK) status = trn_alloc(&value, own * k, sizeof *value, "a graph");
    if (status == TRN_OK) {
        start[0] = 0;
        for (int64_t i = 0; i < own; i++)
            start[i + 1] =
                start[i] + add_row(f, f->best + i * k, column + start[i], value + start[i]);
        trn_extent_t extent = {first, own, 0, among_of(f)->rows};
        status = trn_sparse_adopt(graph, TRN_SPARSE_F32, extent, start, column, value);
    }
    if (status != TRN_OK) {
        trn_free(&start);
        trn_free(&column);
        trn_free(&value);
    }
    return status;
}

/* Collective. */
static trn_status_t save_graph(trn_nearest_files_t *f, const char *created_by,
                               const json_t *params) {
    trn_sparse_t *graph = NULL;
    int64_t first, own = own_queries(f, &first);
    trn_status_t status = open_names(queries_in(f), f->comm);
    trn_rows_make_t made = {
        .names_of = queries_in(f)->names.rows, .created_by = created_by, .params = params};
    if (status == TRN_OK) status = trn_agree(f->comm, make_graph(f, first, own, &graph));
    if (status == TRN_OK)
        status = trn_sparse_file_save(f->comm, f->path.graph, graph, among_of(f)->rows, &made);
    trn_sparse_destroy(&graph);
    return status;
}

trn_status_t trn_nearest_files_run(trn_nearest_files_t *f, const char *created_by,
                                   const json_t *params) {
    trn_dist_t *dist = NULL;
    trn_sparse_t *pairs = NULL;
    f->among.still = f->queries.still = true;
    trn_status_t status = trn_tall_in_open(&f->among, f->comm, f->streams);
    if (status == TRN_OK && !f->same) status = trn_tall_in_open(&f->queries, f->comm, f->streams);
    if (status == TRN_OK) status = load_pairs(f, &dist, &pairs);
    f->how.excluded = pairs;
    if (status == TRN_OK) status = search(f);
    trn_tall_in_close(&f->among);
    trn_tall_in_close(&f->queries);
    trn_sparse_destroy(&pairs);
    trn_dist_destroy(&dist);
    if (status == TRN_OK && f->path.graph) status = save_graph(f, created_by, params);
    return status == TRN_OK ? open_names(queries_in(f), f->comm) : status;
}

/* The store ------------------------------------------------------------------------------------ */

static const char *metric_name(trn_nearness_t metric) {
    static const char *const names[] = {"cosine", "dot", "l2"};
    return names[metric];
}

trn_status_t trn_nearest_files_declare(trn_nearest_files_t *f, trn_store_t *store) {
    int64_t rows = queries_of(f)->rows;
    TRN_TRY(trn_store_dataset(store, "/ids", TRN_I64, rows, f->how.k));
    TRN_TRY(trn_store_dataset(store, "/scores", TRN_F32, rows, f->how.k));
    TRN_TRY(trn_store_set_text(store, "/", "metric", metric_name(f->how.metric)));
    TRN_TRY(trn_store_set_int(store, "/", "among", among_of(f)->rows));
    return trn_matrix_in_declare(queries_in(f), store);
}

/* Rows [at, at + n) of this rank. A place without an answer has id -1 and no score: NaN. */
static trn_status_t write_some(const trn_nearest_files_t *f, trn_store_t *store, int64_t first,
                               const trn_best_t *best, int64_t n, int64_t *ids, float *scores) {
    for (int64_t i = 0; i < n * f->how.k; i++) {
        ids[i] = best[i].index;
        scores[i] = ids[i] < 0 ? NAN : (float)trn_nearest_shown(f->how.metric, best[i].score);
    }
    TRN_TRY(trn_store_write(store, "/ids", first, n, ids));
    return trn_store_write(store, "/scores", first, n, scores);
}

trn_status_t trn_nearest_files_write(const trn_nearest_files_t *f, trn_store_t *store) {
    int64_t k = f->how.k, first, own = own_queries(f, &first), *ids = NULL;
    float *scores = NULL;
    trn_status_t status = trn_alloc(&ids, WRITE_ROWS * k, sizeof *ids, "answers");
    if (status == TRN_OK) status = trn_alloc(&scores, WRITE_ROWS * k, sizeof *scores, "answers");
    for (int64_t at = 0; at < own && status == TRN_OK; at += WRITE_ROWS) {
        int64_t n = own - at < WRITE_ROWS ? own - at : WRITE_ROWS;
        status = write_some(f, store, first + at, f->best + at * k, n, ids, scores);
    }
    trn_free(&ids);
    trn_free(&scores);
    return status;
}

/* The table ------------------------------------------------------------------------------------ */

enum { SHOWN = 10 /* queries, and answers of each */ };

/* name[n] = those of the wanted rows of `in`, which may have names; on rank 0, to be freed one by
 * one. Collective. */
static trn_status_t pick_names(trn_matrix_in_t *in, MPI_Comm comm, int n, const int64_t *wanted,
                               char **name) {
    enum { PIECE = 4096 };
    const char *const *some;
    trn_status_t kept = TRN_OK;
    TRN_TRY(open_names(in, comm));
    if (!in->names.rows || !in->info.named) return TRN_OK;
    for (int64_t first = 0; first < in->info.rows; first += PIECE) {
        int64_t left = in->info.rows - first, count = left < PIECE ? left : PIECE;
        TRN_TRY(trn_rows_feed(&in->names, "names", first, count, &some));
        for (int i = 0; i < n && some && kept == TRN_OK; i++)
            if (wanted[i] >= first && wanted[i] < first + count)
                kept = trn_strdup(&name[i], some[wanted[i] - first]);
    }
    TRN_TRY(trn_rows_feed(&in->names, "names", 0, 0, &some));
    return trn_agree(comm, kept);
}

/* The first answers to the first queries, on every rank. Collective. */
static void gather_shown(const trn_nearest_files_t *f, trn_best_t *shown, int64_t *unanswered) {
    int64_t k = f->how.k, first, own = own_queries(f, &first);
    trn_best_lists_t lists = trn_best_lists(SHOWN);
    *unanswered = 0;
    trn_topk_clear((int64_t)SHOWN * SHOWN, shown);
    for (int64_t i = 0; i < own; i++) {
        *unanswered += f->best[i * k + k - 1].index < 0;
        if (first + i < SHOWN)
            memcpy(shown + (first + i) * SHOWN, f->best + i * k,
                   sizeof *shown * (size_t)(k < SHOWN ? k : SHOWN));
    }
    MPI_Allreduce(MPI_IN_PLACE, shown, SHOWN, lists.type, lists.merge, f->comm);
    MPI_Allreduce(MPI_IN_PLACE, unanswered, 1, MPI_INT64_T, MPI_SUM, f->comm);
    trn_best_lists_free(&lists);
}

static json_t *label(const char *name, int64_t number) {
    return name ? trn_json_text(name) : json_integer(number);
}

/* What is shown, and what it is called. */
typedef struct shown {
    trn_best_t best[SHOWN * SHOWN];
    int64_t query[SHOWN], row[SHOWN * SHOWN];
    char *query_name[SHOWN], *row_name[SHOWN * SHOWN];
} shown_t;

static void fill_table(const trn_nearest_files_t *f, const shown_t *s, json_t *table) {
    const char *score = f->how.metric == TRN_NEAREST_L2 ? "distance" : metric_name(f->how.metric);
    for (int i = 0; i < SHOWN && i < queries_of(f)->rows; i++)
        for (int j = 0; j < SHOWN && s->best[i * SHOWN + j].index >= 0; j++) {
            const trn_best_t *best = &s->best[i * SHOWN + j];
            json_array_append_new(table,
                                  json_pack("{s:o, s:i, s:o, s:f}", "query",
                                            label(s->query_name[i], i), "rank", j + 1, "row",
                                            label(s->row_name[i * SHOWN + j], best->index), score,
                                            trn_nearest_shown(f->how.metric, best->score)));
        }
}

trn_status_t trn_nearest_files_tell(trn_nearest_files_t *f, json_t *table, int64_t *unanswered) {
    shown_t *s;
    TRN_AGREE(f->comm, trn_alloc_zero(&s, 1, sizeof *s, "answers to show"));
    gather_shown(f, s->best, unanswered);
    for (int i = 0; i < SHOWN; i++)
        s->query[i] = i;
    for (int i = 0; i < SHOWN * SHOWN; i++)
        s->row[i] = s->best[i].index;
    trn_status_t status = pick_names(queries_in(f), f->comm, SHOWN, s->query, s->query_name);
    if (status == TRN_OK)
        status = pick_names(&f->among.in, f->comm, SHOWN * SHOWN, s->row, s->row_name);
    if (status == TRN_OK) fill_table(f, s, table);
    for (int i = 0; i < SHOWN; i++)
        trn_free(&s->query_name[i]);
    for (int i = 0; i < SHOWN * SHOWN; i++)
        trn_free(&s->row_name[i]);
    trn_free(&s);
    return status;
}

void trn_nearest_files_free(trn_nearest_files_t *f) {
    trn_tall_in_free(&f->among);
    trn_tall_in_free(&f->queries);
    trn_matrix_in_free(&f->pairs);
    trn_ids_free(&f->one);
    trn_ids_free(&f->group);
    trn_ids_free(&f->query_group);
    trn_free(&f->best);
}
