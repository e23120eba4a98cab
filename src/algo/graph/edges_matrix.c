/* edges_matrix.c: edges out of sparse matrices of any format, and out of the store of a knowledge
 * graph, whose relations are dropped but for the one that is asked for. */
#include "algo/common/names.h"
#include "algo/graph/edges_impl.h"
#include "algo/kg/kg.h"
#include "algo/matrix/tall.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dist.h"

#include <math.h>
#include <string.h>

/* Sparse matrices ------------------------------------------------------------------------------ */

/* That it is one of edges. Local, equal on all ranks. */
static trn_status_t check(const trn_edges_t *edges, const trn_rows_about_t *about) {
    const char *path = edges->file[0].path;
    if (!about->sparse)
        return trn_fail(TRN_INPUT,
                        "%s: is a dense matrix; a graph is a sparse one (.mtx, a sparse store, "
                        "compressed rows in HDF5) or text with a line an edge",
                        path);
    if (!edges->how.bipartite && about->rows != about->cols)
        return trn_fail(TRN_INPUT, "%s: is %lld x %lld; the matrix of a graph is square", path,
                        (long long)about->rows, (long long)about->cols);
    if (about->rows < INT32_MAX && about->cols < INT32_MAX) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: is %lld x %lld; a graph has less than 2^31 - 1 %ss", path,
                    (long long)about->rows, (long long)about->cols, trn_edges_thing(edges, 0));
}

/* The entries of this rank's rows; those that are 0 are no edges. Local. */
static trn_status_t take_entries(trn_edges_t *edges, const trn_sparse_t *block) {
    trn_extent_t at = trn_sparse_extent(block);
    const int64_t *start = trn_sparse_start(block);
    const int32_t *column = trn_sparse_column(block);
    for (int64_t i = 0; i < at.rows; i++)
        for (int64_t e = start[i]; e < start[i + 1]; e++) {
            double value = trn_sparse_value(block, e);
            if (isnan(value) || (edges->how.weighted && (value < 0 || isinf(value))))
                return trn_fail(TRN_INPUT,
                                "%s: entry (%lld, %lld), counted from 0, is %g; weights must be "
                                "finite and from 0",
                                edges->file[0].path, (long long)(at.first_row + i),
                                (long long)(at.first_col + column[e]), value);
            edges->file[0].zero += value == 0;
            if (value != 0)
                TRN_TRY(trn_edges_add(edges, 0, (int32_t)(at.first_row + i),
                                      (int32_t)(at.first_col + column[e]), value));
        }
    return TRN_OK;
}

/* Collective. */
static trn_status_t read_sparse(trn_edges_t *edges) {
    trn_rows_t *rows = NULL;
    trn_sparse_t *block = NULL;
    trn_dist_t *dist = NULL;
    TRN_TRY(trn_rows_open(&rows, edges->comm, edges->file[0].path, &(trn_rows_how_t){0}));
    edges->side[0].rows.rows = rows;
    const trn_rows_about_t *about = trn_rows_about(rows);
    trn_status_t status = check(edges, about);
    if (status == TRN_OK) status = trn_tall_dist(&dist, edges->comm, about->rows, about->cols);
    TRN_OR(done, trn_agree(edges->comm, status));
    TRN_OR(done, trn_rows_load_sparse(rows, TRN_SPARSE_F64, dist, &block));
    TRN_OR(done, trn_agree(edges->comm, take_entries(edges, block)));
    edges->side[0].count = about->rows;
    edges->side[1].count = about->cols;
    edges->side[0].named = about->named;
    if (!about->named) trn_rows_close(&edges->side[0].rows.rows);
done:
    trn_sparse_destroy(&block);
    trn_dist_destroy(&dist);
    return status;
}

/* Knowledge graphs ----------------------------------------------------------------------------- */

/* *relation = the number of the one that is asked for, -1: all are. Collective. */
static trn_status_t find_relation(const trn_edges_t *edges, const trn_kg_t *kg, int32_t *relation) {
    char *name = (char *)edges->how.relation;
    *relation = -1;
    if (!name) return TRN_OK;
    TRN_TRY(trn_names_find(kg->store, edges->comm, "/relation/names", 1, &name, relation));
    if (*relation >= 0) return TRN_OK;
    return trn_names_unknown(kg->store, edges->comm, "/relation/names", edges->file[0].path, name,
                             "relation", 0, NULL);
}

/* This rank's even part of the train triples. Local. */
static trn_status_t take_triples(trn_edges_t *edges, const trn_kg_t *kg, int32_t relation) {
    enum { PIECE = 1 << 14 };
    trn_triple_t *triples = NULL;
    int rank, ranks;
    MPI_Comm_rank(edges->comm, &rank);
    MPI_Comm_size(edges->comm, &ranks);
    int64_t all = kg->triples[TRN_TRAIN], end = trn_part_start(all, ranks, rank + 1);
    trn_status_t status = trn_alloc(&triples, PIECE, sizeof *triples, "triples");
    for (int64_t at = trn_part_start(all, ranks, rank), n; at < end && status == TRN_OK; at += n) {
        n = end - at < PIECE ? end - at : PIECE;
        status = trn_kg_read(kg, TRN_TRAIN, at, n, triples);
        for (int64_t i = 0; i < n && status == TRN_OK; i++)
            if (relation < 0 || triples[i].relation == relation)
                status = trn_edges_add(edges, 0, triples[i].head, triples[i].tail, 1);
    }
    trn_free(&triples);
    return status;
}

/* Collective. */
static trn_status_t read_kg(trn_edges_t *edges) {
    trn_kg_t kg = {0};
    int32_t relation;
    TRN_TRY(trn_kg_open(&kg, edges->comm, edges->file[0].path));
    trn_edges_side_t *side = &edges->side[0];
    side->graph = kg.store;
    side->named = true;
    side->count = kg.entities;
    if (edges->how.bipartite || edges->how.weighted)
        return trn_fail(TRN_USAGE, "%s: a knowledge graph has %s", edges->file[0].path,
                        edges->how.weighted ? "no weights; leave --weighted out"
                                            : "nodes of one sort; give lines of edges");
    TRN_TRY(find_relation(edges, &kg, &relation));
    return trn_agree(edges->comm, take_triples(edges, &kg, relation));
}

/* Whether the file is the store of a knowledge graph. Collective. */
static trn_status_t is_kg(const trn_edges_t *edges, bool *kg) {
    trn_store_t *store = NULL;
    const char *kind = "";
    int rank;
    *kg = false;
    MPI_Comm_rank(edges->comm, &rank);
    if (rank == 0 && trn_store_open(&store, MPI_COMM_SELF, edges->file[0].path, NULL) == TRN_OK) {
        (void)trn_store_get_text(store, "/", "kind", &kind);
        *kg = strcmp(kind, "kg") == 0;
    }
    trn_store_close(&store);
    MPI_Bcast(kg, 1, MPI_C_BOOL, 0, edges->comm);
    return TRN_OK;
}

trn_status_t trn_edges_read_matrix(trn_edges_t *edges) {
    bool kg;
    trn_edges_file_t *file = &edges->file[0];
    TRN_TRY(is_kg(edges, &kg));
    if (edges->how.relation && !kg)
        return trn_fail(TRN_USAGE, "--relation: %s is no knowledge graph", file->path);
    TRN_TRY(kg ? read_kg(edges) : read_sparse(edges));
    int64_t sums[2] = {file->count, file->zero};
    MPI_Allreduce(MPI_IN_PLACE, sums, 2, MPI_INT64_T, MPI_SUM, edges->comm);
    file->all = sums[0];
    file->zero = sums[1];
    if (file->all > 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: holds no edges", file->path);
}
