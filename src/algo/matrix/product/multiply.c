/* multiply.c: a product of two files from end to end: look at them, cut rows into bands, plan,
 * load, multiply by one of three ways, check what came out, save. */
#include "algo/matrix/product/multiply.h"

#include "algo/common/estimate.h"
#include "algo/matrix/product/multiply_impl.h"
#include "base/clock.h"
#include "base/mem.h"
#include "mpi/agree.h"
#include "mpi/dense/cannon.h"
#include "mpi/dense/piece.h"
#include "mpi/dense/redist.h"
#include "mpi/sparse/sparse_ops.h"
#include "mpi/sparse/spgemm.h"
#include "mpi/sparse/spmm.h"

/* Looking -------------------------------------------------------------------------------------- */

static trn_status_t check_shapes(trn_multiply_t *job) {
    for (int i = A; i <= B; i++) {
        job->rows[i] = job->transpose[i] ? job->info[i].cols : job->info[i].rows;
        job->cols[i] = job->transpose[i] ? job->info[i].rows : job->info[i].cols;
    }
    if (job->cols[A] != job->rows[B])
        return trn_fail(TRN_USAGE,
                        "%s: %lld x %lld%s cannot be multiplied by %s, %lld x %lld%s; columns of "
                        "the first must be rows of the second",
                        job->path[A], (long long)job->info[A].rows, (long long)job->info[A].cols,
                        job->transpose[A] ? " transposed" : "", job->path[B],
                        (long long)job->info[B].rows, (long long)job->info[B].cols,
                        job->transpose[B] ? " transposed" : "");
    job->rows[C] = job->rows[A];
    job->cols[C] = job->cols[B];
    if (job->path[C] && (job->info[C].rows != job->rows[C] || job->info[C].cols != job->cols[C]))
        return trn_fail(TRN_USAGE, "--add: %s is %lld x %lld, the product %lld x %lld",
                        job->path[C], (long long)job->info[C].rows, (long long)job->info[C].cols,
                        (long long)job->rows[C], (long long)job->cols[C]);
    return TRN_OK;
}

/* What only the files show to be without effect is refused here. */
static trn_status_t check_options(const trn_multiply_t *job) {
    const trn_multiply_options_t *w = job->want;
    bool any = job->info[A].sparse || job->info[B].sparse;
    bool both = job->info[A].sparse && job->info[B].sparse;
    if (w->boolean && !any)
        return trn_fail(TRN_USAGE, "--boolean: both operands are dense; one must be sparse");
    if (both && (job->path[C] || w->alpha != 1))
        return trn_fail(TRN_USAGE, "--%s: not for two sparse operands; see `transform`",
                        job->path[C] ? "add" : "alpha");
    if (any && w->algorithm != TRN_ALGORITHM_AUTO)
        return trn_fail(TRN_USAGE, "--algorithm: for dense operands only");
    return TRN_OK;
}

/* Rows to ranks ----------------------------------------------------------------------------------
 */

/* Then C is sparse, too. */
static bool both_sparse(const trn_multiply_t *job) {
    return job->info[A].sparse && job->info[B].sparse;
}

/* A sparse operand whose rows are those of the product, or one of two sparse ones: its rows may lie
 * in any bands, for sums run along them. */
static bool freely_cut(const trn_multiply_t *job, int which) {
    if (!job->info[which].sparse || job->transpose[which]) return false;
    return which == A || both_sparse(job);
}

/* Even bands, or by what the rows weigh: entries, with what is made of them, and rows of C. */
static trn_status_t cut_file(trn_multiply_t *job, int which) {
    const trn_matrix_info_t *info = &job->info[which];
    const char *path = job->path[which];
    if (!freely_cut(job, which)) {
        TRN_AGREE(job->comm,
                  trn_dist_create(&job->stored[which], info->rows, info->cols, job->ranks, 1));
        return trn_bands_of(&job->bands[which], job->comm, job->ranks, path, info,
                            job->stored[which]);
    }
    enum { ENTRY = 16, ROW = 32 };
    int64_t row = ROW, entry = ENTRY;
    if (both_sparse(job) && which == A)
        entry += ENTRY * (job->info[B].entries / (job->info[B].rows + 1));
    else if (!both_sparse(job))
        row += job->cols[C] * trn_matrix_type_size(job->type);
    TRN_TRY(trn_bands_cut(&job->bands[which], job->comm, job->ranks, path, info, 1, row, entry));
    return trn_agree(job->comm,
                     trn_bands_dist(&job->stored[which], &job->bands[which], info->cols));
}

/* Bands of A and B as they lie in their files, of C as it is saved, and what the product takes them
 * as. */
static trn_status_t cut(trn_multiply_t *job) {
    for (int i = A; i <= B; i++)
        TRN_TRY(cut_file(job, i));
    trn_status_t status = TRN_OK;
    for (int i = A; i <= C && status == TRN_OK; i++) {
        int like = i == C && freely_cut(job, A) ? A : i; /* C has the bands of A */
        if (freely_cut(job, like))
            status = trn_bands_dist(&job->dist[i], &job->bands[like], job->cols[i]);
        else
            status = trn_dist_create(&job->dist[i], job->rows[i], job->cols[i], job->ranks, 1);
    }
    TRN_AGREE(job->comm, status);
    if (freely_cut(job, A))
        status = trn_bands_dist(&job->stored[C], &job->bands[A], job->cols[C]);
    else
        status = trn_dist_create(&job->stored[C], job->rows[C], job->cols[C], job->ranks, 1);
    TRN_AGREE(job->comm, status);
    if (!job->path[C]) return TRN_OK;
    return trn_bands_of(&job->bands[C], job->comm, job->ranks, job->path[C], &job->info[C],
                        job->stored[C]);
}

/* All that can be refused before memory is taken; the type is float32 only if both files have it or
 * it is asked. */
static trn_status_t look(trn_multiply_t *job) {
    for (int i = A; i <= C; i++)
        if (job->path[i]) TRN_TRY(trn_matrix_file_probe(job->comm, job->path[i], &job->info[i]));
    TRN_TRY(check_shapes(job)); /* the same on every rank */
    TRN_TRY(check_options(job));
    job->type = job->want->typed ? job->want->type
                : job->info[A].type == TRN_MATRIX_F32 && job->info[B].type == TRN_MATRIX_F32
                    ? TRN_MATRIX_F32
                    : TRN_MATRIX_F64;
    TRN_TRY(cut(job));
    if (job->want->dry) return TRN_OK;
    return trn_matrix_file_place(job->comm, job->want->output,
                                 job->info[A].sparse && job->info[B].sparse);
}

/* Loading -------------------------------------------------------------------------------------- */

/* In the bands of its file. */
static trn_status_t load_dense(trn_multiply_t *job, int which, trn_matrix_t **out) {
    return trn_matrix_file_load(job->comm, job->path[which], &job->info[which], job->type,
                                job->stored[which], out);
}

/* The transpose, in bands of its rows: columns go to their owners, who transpose their strips. */
static trn_status_t transpose(trn_multiply_t *job, int which, trn_matrix_t *from) {
    const trn_dist_t *stored = trn_matrix_dist(from);
    trn_dist_t *columns = NULL;
    trn_matrix_t *strip = NULL;
    trn_status_t status =
        trn_dist_create(&columns, trn_dist_rows(stored), trn_dist_cols(stored), 1, job->ranks);
    TRN_OR(done, trn_agree(job->comm, status));
    TRN_OR(done, trn_matrix_create(&strip, job->comm, job->type, columns));
    TRN_OR(done, trn_matrix_redistribute(from, strip));
    TRN_OR(done, trn_matrix_create(&job->dense[which], job->comm, job->type, job->dist[which]));
    trn_view_transpose(trn_matrix_block(strip), trn_matrix_block(job->dense[which]));
done:
    trn_matrix_destroy(&strip);
    trn_dist_destroy(&columns);
    return status;
}

/* The dense operand of a sparse product, which takes no transposes of it. */
static trn_status_t load_transposed(trn_multiply_t *job, int which) {
    if (!job->transpose[which]) return load_dense(job, which, &job->dense[which]);
    trn_matrix_t *from;
    TRN_TRY(load_dense(job, which, &from));
    trn_status_t status = transpose(job, which, from);
    trn_matrix_destroy(&from);
    return status;
}

/* In bands of whole rows. */
static trn_status_t load_sparse(trn_multiply_t *job, int which) {
    return trn_sparse_file_load(job->comm, job->path[which], &job->info[which],
                                trn_multiply_sparse_type(job), job->stored[which],
                                &job->sparse[which]);
}

static double beta_of(const trn_multiply_t *job) {
    return job->path[C] ? job->want->beta : 0;
}

/* C0, or room for C; it is known then where C0 is not finite. */
static trn_status_t load_sum(trn_multiply_t *job) {
    if (!job->path[C]) return trn_matrix_create(&job->dense[C], job->comm, job->type, job->dist[C]);
    TRN_TRY(load_dense(job, C, &job->dense[C]));
    if (beta_of(job) == 0) return TRN_OK;
    return trn_agree(job->comm, trn_overflow_added(trn_matrix_block(job->dense[C]), &job->added));
}

/* Planning ------------------------------------------------------------------------------------- */

static int rank_of(const trn_multiply_t *job) {
    int rank;
    MPI_Comm_rank(job->comm, &rank);
    return rank;
}

/* Say what the product takes. Refuse it where not even the least that it could do with is allowed,
 * naming what is enough for sure; where slabs may help, `memory` is what is left for them on the
 * rank that has least, 0: any. Local. */
static trn_status_t expect(trn_multiply_t *job, trn_estimator_t *plan) {
    const trn_multiply_options_t *w = job->want;
    TRN_TRY(trn_estimate(job->ranks, true, plan, job, job->result));
    if (w->dry || w->memory == 0) return TRN_OK;
    int64_t enough = trn_estimate_bytes(job->ranks, plan, job);
    job->narrow = true;
    int64_t least = trn_estimate_bytes(job->ranks, plan, job);
    job->narrow = false;
    return least > w->memory ? trn_mem_expect(enough, job->ranks) : TRN_OK;
}

/* What --memory leaves for a product beside what is held now; at least 1, 0: any. Collective. */
static int64_t memory_left(const trn_multiply_t *job, int64_t *beside) {
    int64_t left = job->want->memory - trn_mem_now();
    *beside = 0;
    if (job->want->memory == 0) return 0;
    if (left < 1) left = 1;
    MPI_Allreduce(MPI_IN_PLACE, &left, 1, MPI_INT64_T, MPI_MIN, job->comm);
    *beside = job->want->memory - left;
    return left;
}

/* Multiplying ---------------------------------------------------------------------------------- */

/* A figure for the result; its lack of memory is no failure of the product. */
static void say(trn_multiply_t *job, const char *key, json_t *value) {
    json_object_set_new(job->result, key, value);
}

static void say_plan(trn_multiply_t *job, const trn_choice_t *c) {
    say(job, "algorithm", json_string(trn_algorithm_name(c->algorithm)));
    say(job, "grid", json_sprintf("%d x %d x %d", c->shape.rows, c->shape.cols, c->shape.layers));
    say(job, "pieces", json_integer(c->n_splits * c->k_splits));
    say(job, "words_per_rank", json_real(c->words));
    say(job, "words_bound", json_real(c->bound));
    say(job, "flops_per_rank", json_real(c->flops));
}

/* Choose a way that leaves room for what is needed beside shares and buffers. Local. */
static trn_status_t choose(trn_multiply_t *job, const trn_product_t *product,
                           const trn_layouts_t *layouts) {
    const trn_multiply_options_t *w = job->want;
    int64_t shares = 0, memory = 0, beside;
    for (int r = 0; r < job->ranks; r++) {
        int64_t here = trn_layouts_bytes(product, layouts, r);
        if (here > shares) shares = here;
    }
    beside = trn_estimate_bytes(job->ranks, trn_multiply_plan_dense, job) - shares;
    if (w->memory > 0) memory = w->memory > beside ? w->memory - beside : 1;
    trn_status_t status =
        trn_product_choose(product, layouts, job->ranks, w->algorithm, memory, &job->choice);
    if (status == TRN_MEMORY && w->memory > 0)
        return trn_fail(TRN_MEMORY,
                        "--memory: %lld bytes a rank are too few for this product on %d ranks; "
                        "%lld are enough",
                        (long long)w->memory, job->ranks, (long long)(job->choice.bytes + beside));
    TRN_TRY(status);
    return trn_estimate(job->ranks, w->dry, trn_multiply_plan_dense, job, job->result);
}

/* The plan runs on the bands as they were loaded: it brings the operands where it wants them. */
static trn_status_t multiply_dense(trn_multiply_t *job) {
    const trn_multiply_options_t *w = job->want;
    trn_product_t product = {job->type,    job->transpose[A], job->transpose[B], job->rows[C],
                             job->cols[C], job->cols[A],      beta_of(job) != 0};
    trn_layouts_t layouts = {job->stored[A], job->stored[B], job->stored[C]};
    trn_plan_t *plan = NULL;
    TRN_AGREE(job->comm, choose(job, &product, &layouts));
    say_plan(job, &job->choice);
    if (w->dry) return TRN_OK;
    TRN_TRY(load_dense(job, A, &job->dense[A]));
    TRN_TRY(load_dense(job, B, &job->dense[B]));
    TRN_TRY(load_sum(job));
    TRN_TRY(trn_plan_create(&plan, job->comm, &product, &layouts, &job->choice, w->threads));
    double start = trn_seconds();
    trn_plan_run(plan, w->alpha, trn_matrix_block(job->dense[A]), trn_matrix_block(job->dense[B]),
                 beta_of(job), trn_matrix_block(job->dense[C]));
    say(job, "multiply_seconds", json_real(trn_seconds() - start));
    trn_plan_destroy(&plan);
    return TRN_OK;
}

/* One operand sparse, the other dense. */
static trn_status_t multiply_mixed(trn_multiply_t *job) {
    const trn_multiply_options_t *w = job->want;
    int s = job->info[A].sparse ? A : B, d = s == A ? B : A;
    trn_spmm_options_t options = {.transpose = job->transpose[s],
                                  .right = s == B,
                                  .boolean = w->boolean,
                                  .threads = w->threads};
    trn_spmm_plan_t *plan = NULL;
    trn_status_t status;
    say(job, "algorithm", json_string(s == A ? "sparse x dense" : "dense x sparse"));
    TRN_TRY(expect(job, trn_multiply_plan_mixed));
    if (w->dry) return TRN_OK;
    TRN_TRY(load_sparse(job, s));
    TRN_TRY(load_transposed(job, d));
    TRN_TRY(load_sum(job));
    trn_spmm_size_t size = trn_multiply_spmm_size(job, job->ranks, rank_of(job));
    options.memory = memory_left(job, &options.beside);
    options.halo = trn_spmm_halo_guess(&size);
    TRN_TRY(trn_spmm_plan_create(&plan, job->comm, &options, job->sparse[s], job->stored[s],
                                 job->type, job->dist[d], job->dist[C]));
    double start = trn_seconds();
    status = trn_spmm_execute(plan, w->alpha, job->dense[d], beta_of(job), job->dense[C]);
    say(job, "words_received", json_integer(trn_spmm_received(plan)));
    say(job, "multiply_seconds", json_real(trn_seconds() - start));
    trn_spmm_plan_destroy(&plan);
    return status;
}

/* A sparse operand, transposed if that is asked. */
static trn_status_t load_straight(trn_multiply_t *job, int which) {
    TRN_TRY(load_sparse(job, which));
    if (!job->transpose[which]) return TRN_OK;
    trn_sparse_t *transposed;
    TRN_TRY(trn_sparse_transpose_all(job->comm, job->sparse[which], job->dist[which], &transposed));
    trn_sparse_destroy(&job->sparse[which]);
    job->sparse[which] = transposed;
    return TRN_OK;
}

static trn_status_t multiply_sparse(trn_multiply_t *job) {
    const trn_multiply_options_t *w = job->want;
    trn_spgemm_options_t options = {.threads = w->threads, .boolean = w->boolean};
    trn_spgemm_report_t report;
    say(job, "algorithm", json_string("sparse x sparse"));
    TRN_TRY(expect(job, trn_multiply_plan_sparse));
    if (w->dry) return TRN_OK;
    TRN_TRY(load_straight(job, A));
    TRN_TRY(load_straight(job, B));
    options.memory = memory_left(job, &options.beside);
    double start = trn_seconds();
    TRN_TRY(
        trn_spgemm(job->comm, job->sparse[A], job->sparse[B], &options, &job->sparse[C], &report));
    say(job, "multiply_seconds", json_real(trn_seconds() - start));
    say(job, "terms", json_integer(report.terms));
    say(job, "entries", json_integer(report.entries));
    say(job, "phases", json_integer(report.phases));
    return TRN_OK;
}

/* An operand as the search for overflow walks it. */
static trn_share_t share_of(const trn_multiply_t *job, int which) {
    trn_share_t share = {.sparse = job->sparse[which]};
    if (share.sparse) return share;
    share.dense = trn_matrix_block(job->dense[which]);
    share.first_row = trn_matrix_first_row(job->dense[which]);
    return share;
}

/* Whether an operand lies in memory as in its file, to be transposed on the way. */
static bool lies_transposed(const trn_multiply_t *job, int which) {
    bool straight = job->info[which].sparse ? both_sparse(job) : job->info[A + B - which].sparse;
    return job->transpose[which] && !straight;
}

/* That no number of C has become infinite on the way. */
static trn_status_t check(const trn_multiply_t *job) {
    trn_product_parts_t parts = {job->rows[C],
                                 job->cols[C],
                                 share_of(job, A),
                                 share_of(job, B),
                                 lies_transposed(job, A),
                                 lies_transposed(job, B),
                                 job->added};
    trn_share_t result = share_of(job, C);
    return trn_overflow_check(job->comm, &parts, &result, job->want->output);
}

/* A and B go first. */
static trn_status_t save(trn_multiply_t *job) {
    const trn_multiply_options_t *w = job->want;
    for (int i = A; i <= B; i++) { /* writing takes memory, too */
        trn_matrix_destroy(&job->dense[i]);
        trn_sparse_destroy(&job->sparse[i]);
    }
    trn_rows_make_t made = {.created_by = w->created_by, .params = w->params};
    if (!job->transpose[A]) /* rows of C are rows of A, by whatever names */
        TRN_TRY(trn_rows_open(&made.names_of, job->comm, job->path[A], &(trn_rows_how_t){0}));
    trn_status_t status =
        job->sparse[C]
            ? trn_sparse_file_save(job->comm, w->output, job->sparse[C], job->cols[C], &made)
            : trn_matrix_file_save(job->comm, w->output, job->dense[C], &made);
    trn_rows_close(&made.names_of);
    return status;
}

static trn_status_t run(trn_multiply_t *job) {
    TRN_TRY(look(job));
    say(job, "rows", json_integer(job->rows[C]));
    say(job, "cols", json_integer(job->cols[C]));
    say(job, "type", json_string(job->type == TRN_MATRIX_F32 ? "float32" : "float64"));
    if (both_sparse(job))
        TRN_TRY(multiply_sparse(job));
    else if (job->info[A].sparse || job->info[B].sparse)
        TRN_TRY(multiply_mixed(job));
    else
        TRN_TRY(multiply_dense(job));
    if (job->want->dry) return TRN_OK;
    if (!job->want->boolean) TRN_TRY(check(job));
    return save(job);
}

/* Whatever was made is freed here, however far it came. */
trn_status_t trn_multiply(MPI_Comm comm, const trn_multiply_options_t *options, json_t *result) {
    trn_multiply_t job = {.comm = comm,
                          .want = options,
                          .result = result,
                          .ranks = options->ranks,
                          .path = {options->a, options->b, options->add},
                          .transpose = {options->transpose_a, options->transpose_b, false}};
    if (job.ranks == 0) MPI_Comm_size(comm, &job.ranks);
    trn_status_t status = run(&job);
    for (int i = A; i <= C; i++) {
        trn_matrix_destroy(&job.dense[i]);
        trn_sparse_destroy(&job.sparse[i]);
        trn_dist_destroy(&job.stored[i]);
        trn_dist_destroy(&job.dist[i]);
        trn_bands_free(&job.bands[i]);
    }
    trn_marks_free(&job.added);
    return status;
}
