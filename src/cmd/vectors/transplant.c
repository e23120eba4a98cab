/* transplant.c: the verb `transplant`: rows for a new vocabulary out of an old embedding matrix. */
#include "algo/vectors/transplant.h"

#include "algo/rows/out_type.h"
#include "algo/vectors/nearest_rows.h"
#include "algo/vectors/transplant_grow.h"
#include "algo/vectors/transplant_lists.h"
#include "base/mem.h"
#include "cli/command.h"
#include "mpi/agree.h"

#include <math.h>
#include <string.h>

static const trn_param_t params[] = {
    {"source", 0, TRN_PARAM_TEXT, .metavar = "E", .required = true,
     .file = {TRN_FILE_READ, .also = ".vocab"},
     .help = "the embedding matrix that there is, any file that convert reads"},
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "T", .required = true, .file.use = TRN_FILE_WRITTEN,
     .help = "file to write, of any format"},
    {"aux-source", 0, TRN_PARAM_TEXT, .metavar = "A", .needs = "aux-target",
     .file = {TRN_FILE_READ, .also = ".vocab"}, .group = "By similar rows",
     .help = "auxiliary vectors of the rows of E, such as means of word vectors"},
    {"aux-target", 0, TRN_PARAM_TEXT, .metavar = "A", .needs = "aux-source",
     .file = {TRN_FILE_READ, .also = ".vocab"}, .excludes = "names pieces mean-cov",
     .help = "those of the new rows, in the same space; rows are mixed of the rows of E whose "
             "auxiliary vectors are nearest, and drawn where theirs is all zeros"},
    {"k", 'k', TRN_PARAM_INT, "10", 1, 100000, .needs = "aux-target",
     .help = "so many rows are mixed"},
    {"temperature", 0, TRN_PARAM_REAL, "0.1", 1e-6, INFINITY, .needs = "aux-target",
     .help = "weights are exp(cosine / temperature), scaled to sum to 1"},
    {"zero-sources", 0, TRN_PARAM_BOOL, "false", .needs = "aux-target",
     .help = "rows of E whose auxiliary vectors are all zeros take part, with cosine 0"},
    {"names", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .excludes = "pieces mean-cov", .group = "By names",
     .help = "names of the new rows, one a line: those that E has too are copied (or as --overlap "
             "says), all others are drawn"},
    {"overlap", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .needs = "aux-target,names",
     .help = "rows that are copied, lines NEW<tab>OLD of names, or of numbers where rows have no "
             "names"},
    {"same-names", 0, TRN_PARAM_BOOL, "false", .needs = "aux-target", .excludes = "overlap",
     .help = "rows of equal names are copied"},
    {"pieces", 0, TRN_PARAM_TEXT, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .excludes = "mean-cov", .group = "By pieces",
     .help = "lines NEW<tab>PIECE PIECE ...: each new row is the mean of these rows of E, by names "
             "or numbers"},
    {"mean-cov", 0, TRN_PARAM_INT, "0", 0, 1e9, .metavar = "N", .group = "By distribution",
     .help = "E, and so many further rows, drawn from the normal distribution with the mean of its "
             "rows and --epsilon times their covariance"},
    {"epsilon", 0, TRN_PARAM_REAL, "1e-9", 1e-300, INFINITY, .needs = "mean-cov",
     .help = "how far they spread"},
    {"why", 0, TRN_PARAM_TEXT, .metavar = "WHY.npy", .group = "Output",
     .file = {TRN_FILE_WRITTEN, .endings = ".npy"}, .excludes = "mean-cov",
     .help = "write how each row came about: 1 copied, 2 mixed, 3 drawn, 4 out of pieces"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e15, .help = "of numbers that are drawn"},
    {"type", 0, TRN_PARAM_CHOICE, "same", .choices = "same|f64|f32|f16|bf16",
     .help = "numbers in T; same: as in E, or where T has no such numbers, float32 or float64"},
    {"to", 0, TRN_PARAM_CHOICE, "auto", .choices = TRN_FORMAT_CHOICES,
     .help = "format of T; auto goes by its ending"},
    {0}};

typedef enum route { SIMILAR, NAMES, PIECES, GROWN } route_t;
enum { OLD, NEW };

typedef struct job {
    trn_run_t *run;
    json_t *made_with;
    route_t route;
    trn_tall_in_t source; /* for passes over all rows */
    trn_rows_t *rows;     /* the same file, for some of them */
    trn_tall_in_t aux[2]; /* OLD, NEW */
    trn_target_t target;
    int64_t *overlap; /* [target.count] */
    trn_piece_list_t pieces;
    trn_transplant_how_t how;
    trn_transplant_t made;
    int64_t count[5]; /* rows by how they came about */
    trn_rows_make_t make;
    int64_t further; /* rows, of GROWN */
    double *root;    /* mean and deviation, or mean and root of the covariance */
    trn_held_t held;
} job_t;

static const char *text(const job_t *job, const char *name) {
    return trn_params_text(job->run->params, name);
}

/* Looking -------------------------------------------------------------------------------------- */

static trn_status_t choose_route(job_t *job) {
    job->further = trn_params_int(job->run->params, "mean-cov");
    job->route = text(job, "aux-target") ? SIMILAR
                 : text(job, "names")    ? NAMES
                 : text(job, "pieces")   ? PIECES
                                         : GROWN;
    if (job->route != GROWN || job->further > 0) return TRN_OK;
    return trn_fail(TRN_USAGE, "transplant: say how rows come about: --aux-source with "
                               "--aux-target, --names, --pieces or --mean-cov");
}

/* Collective. */
static trn_status_t open_source(job_t *job) {
    MPI_Comm comm = job->run->comm;
    const char *path = text(job, "source");
    TRN_TRY(trn_matrix_in_look(&job->source.in, comm, path));
    TRN_TRY(trn_rows_open(&job->rows, comm, path, &(trn_rows_how_t){0}));
    if (trn_rows_about(job->rows)->routed)
        return trn_fail(TRN_INPUT, "%s: its rows have no order; convert it to .npy first", path);
    if (trn_rows_about(job->rows)->rows > 0) return TRN_OK;
    return trn_fail(TRN_INPUT, "%s: has no rows to make others of", path);
}

/* Auxiliary vectors and the names of the new rows. Collective. */
static trn_status_t open_aux(job_t *job) {
    static const char *const names[] = {"aux-source", "aux-target"};
    MPI_Comm comm = job->run->comm;
    for (int i = OLD; i <= NEW; i++)
        TRN_TRY(trn_matrix_in_look(&job->aux[i].in, comm, text(job, names[i])));
    const trn_matrix_info_t *a = &job->aux[OLD].in.info, *b = &job->aux[NEW].in.info;
    if (a->rows != trn_rows_about(job->rows)->rows)
        return trn_fail(TRN_INPUT, "%s: has %lld rows, but %s has %lld", job->aux[OLD].in.path,
                        (long long)a->rows, trn_rows_path(job->rows),
                        (long long)trn_rows_about(job->rows)->rows);
    if (a->cols != b->cols)
        return trn_fail(TRN_INPUT, "%s: has %lld columns, but %s has %lld", job->aux[NEW].in.path,
                        (long long)b->cols, job->aux[OLD].in.path, (long long)a->cols);
    TRN_TRY(trn_rows_open(&job->target.rows, comm, job->aux[NEW].in.path, &(trn_rows_how_t){0}));
    job->target.count = b->rows;
    job->how =
        (trn_transplant_how_t){.temperature = trn_params_real(job->run->params, "temperature"),
                               .zero_sources = trn_params_bool(job->run->params, "zero-sources"),
                               .threads = job->run->threads};
    return trn_params_of_those(job->run->params, "k", a->rows, job->aux[OLD].in.path, a->rows,
                               "rows", &job->how.k);
}

/* Collective. */
static trn_status_t read_overlap(job_t *job) {
    MPI_Comm comm = job->run->comm;
    const char *path = text(job, "overlap");
    int64_t count = job->target.count;
    TRN_AGREE(comm, trn_alloc(&job->overlap, count, sizeof *job->overlap, "rows that are copied"));
    for (int64_t i = 0; i < count; i++)
        job->overlap[i] = -1;
    if (!path && job->route == SIMILAR && !trn_params_bool(job->run->params, "same-names"))
        return TRN_OK;
    return trn_overlap_read(job->overlap, comm, path, &job->target, job->rows);
}

/* What is written, once the rows are known. Collective. */
static trn_status_t set_make(job_t *job, int64_t rows) {
    const char *to = text(job, "output") ? text(job, "output") : "transplanted.h5"; /* a dry run */
    job->make =
        (trn_rows_make_t){.format = text(job, "to"),
                          .rows = rows,
                          .cols = trn_rows_about(job->rows)->cols,
                          .names_of = job->target.rows,
                          .names = job->route == PIECES ? job->pieces.names : job->target.names,
                          .created_by = job->run->command,
                          .params = job->made_with,
                          .seed = (uint64_t)trn_params_int(job->run->params, "seed")};
    TRN_AGREE(job->run->comm, trn_out_type(trn_rows_about(job->rows), to, job->make.format,
                                           text(job, "type"), &job->make.type, NULL));
    if (trn_dtype_whole(job->make.type)) job->make.type = TRN_F64; /* means are no whole numbers */
    return text(job, "output") ? trn_rows_place(job->run->comm, to, &job->make, false) : TRN_OK;
}

static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    job->run = run;
    job->made_with = trn_params_json(run->params);
    TRN_TRY(choose_route(job));
    TRN_TRY(open_source(job));
    if (job->route == SIMILAR) TRN_TRY(open_aux(job));
    if (job->route == NAMES) TRN_TRY(trn_target_read(&job->target, run->comm, text(job, "names")));
    if (job->route == PIECES)
        TRN_TRY(trn_pieces_read(&job->pieces, run->comm, text(job, "pieces"), job->rows));
    if (job->route <= NAMES) TRN_TRY(read_overlap(job));
    int64_t rows = job->route == GROWN    ? trn_rows_about(job->rows)->rows + job->further
                   : job->route == PIECES ? job->pieces.count
                                          : job->target.count;
    TRN_TRY(set_make(job, rows));
    job->held = trn_held_now(run->comm);
    return trn_run_note(
        run, json_pack("{s:I, s:I}", "rows", (json_int_t)rows, "cols", (json_int_t)job->make.cols));
}

/* Planning ------------------------------------------------------------------------------------- */

static trn_nearest_rows_size_t search_size(const job_t *job) {
    return (trn_nearest_rows_size_t){.queries = job->aux[NEW].in.info.rows,
                                     .rows = job->aux[OLD].in.info.rows,
                                     .cols = job->aux[OLD].in.info.cols,
                                     .listed = job->how.k,
                                     .threads = job->how.threads};
}

static void set_band(trn_rows_make_t *make, route_t route, int ranks, int rank) {
    if (route == GROWN) {
        make->own_first = trn_part_start(make->rows, ranks, rank);
        make->own_rows = trn_part_start(make->rows, ranks, rank + 1) - make->own_first;
        return;
    }
    make->own_rows = trn_tall_rows(make->rows, ranks, rank);
    make->own_first = 0;
    for (int r = 0; r < rank; r++)
        make->own_first += trn_tall_rows(make->rows, ranks, r);
}

static void plan_parts(const job_t *job, int ranks, int rank, trn_ledger_t *ledger) {
    int64_t rows = job->make.rows, parts = 1;
    if (job->route == PIECES) parts = rows > 0 ? (job->pieces.start[rows] + rows - 1) / rows : 0;
    if (job->route != SIMILAR) {
        trn_transplant_plan(ledger, rows, parts, ranks, rank);
        return;
    }
    trn_nearest_rows_size_t size = search_size(job);
    trn_transplant_plan(ledger, rows, job->how.k, ranks, rank);
    trn_ledger_t before = *ledger;
    for (int i = OLD; i <= NEW; i++)
        trn_tall_in_plan(ledger, &job->aux[i], job->aux[i].streams, ranks, rank);
    trn_ledger_take(ledger, "parts", trn_tall_rows(rows, ranks, rank),
                    job->how.k * (int64_t)sizeof(trn_best_t) + 1);
    trn_nearest_rows_plan(ledger, &size, ranks);
    trn_ledger_back(ledger, &before);
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    const job_t *job = user;
    const trn_rows_about_t *about = trn_rows_about(job->rows);
    trn_rows_make_t make = job->make;
    const char *to = text(job, "output"), *why = text(job, "why");
    trn_rows_make_t column = {.rows = make.rows, .cols = 1, .type = TRN_I8};
    set_band(&make, job->route, ranks, rank);
    trn_held_take(ledger, &job->held);
    if (why) trn_ledger_take(ledger, "writing", trn_rows_write_bytes(why, &column, rank == 0), 1);
    if (job->route != GROWN) plan_parts(job, ranks, rank, ledger);
    trn_ledger_t before = *ledger;
    bool streams = job->route != GROWN || job->source.streams;
    trn_tall_in_plan(ledger, &job->source, streams, ranks, rank);
    if (job->route == GROWN) trn_grow_root_plan(ledger, about->rows, about->cols, ranks, rank);
    trn_ledger_back(ledger, &before);
    trn_ledger_take(ledger, "covariance", (job->route == GROWN ? about->cols + 1 : 2) * about->cols,
                    sizeof(double));
    if (job->route == GROWN)
        trn_grow_write_plan(ledger, about, make.type);
    else
        trn_transplant_write_plan(ledger, about);
    trn_ledger_take(ledger, "writing",
                    trn_rows_write_bytes(to ? to : "transplanted.h5", &make, rank == 0), 1);
}

/* What does not fit passes by. */
static trn_status_t cut(trn_run_t *run, void *user, int ranks) {
    job_t *job = user;
    trn_tall_in_t *in[] = {&job->source, &job->aux[OLD], &job->aux[NEW]};
    int64_t limit = trn_params_size(run->params, "memory");
    for (int i = 0; i < (job->route == SIMILAR ? 3 : 1); i++) {
        TRN_TRY(trn_matrix_in_cut(&in[i]->in, run->comm, ranks));
        in[i]->streams = false;
    }
    bool tight = limit > 0 && trn_estimate_bytes(ranks, plan, job) > limit;
    for (int i = 0; i < 3 && tight; i++)
        in[i]->streams = trn_tall_in_can_stream(in[i]);
    return TRN_OK;
}

static void cost(const void *user, trn_cost_t *cost) {
    const job_t *job = user;
    const trn_rows_about_t *about = trn_rows_about(job->rows);
    double cols = (double)about->cols, rows = (double)job->make.rows;
    cost->file_bytes = 16 * rows * cols;
    if (job->route == SIMILAR)
        cost->flops = 2 * rows * (double)about->rows * (double)job->aux[OLD].in.info.cols;
    if (job->route == GROWN)
        cost->flops = ((double)about->rows + 2 * (double)job->further) * cols * cols;
}

/* Working -------------------------------------------------------------------------------------- */

/* Collective. */
static trn_status_t settle_similar(job_t *job) {
    MPI_Comm comm = job->run->comm;
    trn_tall_in_t *aux = job->aux;
    job->how.overlap = job->overlap;
    trn_status_t status = trn_tall_in_open(&aux[OLD], comm, aux[OLD].streams);
    if (status == TRN_OK) status = trn_tall_in_open(&aux[NEW], comm, aux[NEW].streams);
    if (status == TRN_OK) {
        status = trn_transplant_similar(&job->made, aux[OLD].tall, aux[NEW].tall, &job->how);
        status = trn_tall_in_outcome(&aux[OLD], status);
        status = trn_tall_in_outcome(&aux[NEW], status);
    }
    trn_tall_in_close(&aux[OLD]);
    trn_tall_in_close(&aux[NEW]);
    return status;
}

/* Mean and what else is needed to draw rows, out of passes over the source. Collective. */
static trn_status_t prepare(job_t *job, bool drawn) {
    const trn_run_t *run = job->run;
    int64_t cols = job->make.cols, rows = job->route == GROWN ? cols + 1 : 2;
    TRN_AGREE(run->comm, trn_alloc(&job->root, rows * cols, sizeof *job->root, "a covariance"));
    if (!drawn) return TRN_OK;
    trn_status_t status =
        trn_tall_in_open(&job->source, run->comm, job->route != GROWN || job->source.streams);
    if (status == TRN_OK)
        status = job->route == GROWN
                     ? trn_grow_root(&job->source, trn_params_real(run->params, "epsilon"),
                                     job->root, job->root + cols)
                     : trn_transplant_moments(&job->source, job->root, job->root + cols);
    trn_tall_in_close(&job->source);
    return status;
}

static trn_status_t write_rows(job_t *job, trn_rows_out_t *out) {
    int64_t cols = job->make.cols;
    trn_transplant_draw_t draw = {job->root, job->root + cols, job->make.seed};
    trn_grow_t grow = {job->root,           job->root + cols,   job->make.seed,
                       job->make.own_first, job->make.own_rows, job->make.type};
    return job->route == GROWN ? trn_grow_write(&grow, job->rows, out)
                               : trn_transplant_write(&job->made, job->rows, &draw, out);
}

/* Collective. */
static trn_status_t save(job_t *job) {
    trn_rows_out_t *out;
    MPI_Comm comm = job->run->comm;
    set_band(&job->make, job->route, job->run->ranks, job->run->rank);
    TRN_TRY(trn_rows_create(&out, comm, text(job, "output"), &job->make));
    trn_status_t status = trn_agree(comm, write_rows(job, out));
    if (status == TRN_OK) status = trn_rows_outcome(job->rows);
    return trn_rows_commit(&out, status);
}

/* *out is for trn_rows_commit to end. Collective. */
static trn_status_t write_why(const job_t *job, trn_rows_out_t **out) {
    trn_rows_make_t make = {.rows = job->make.rows,
                            .cols = 1,
                            .own_first = job->made.first,
                            .own_rows = job->made.own,
                            .type = TRN_I8,
                            .flat = true};
    TRN_TRY(trn_rows_create(out, job->run->comm, text(job, "why"), &make));
    trn_status_t status =
        trn_rows_write(*out, job->made.first, job->made.own, TRN_I8, job->made.why);
    status = trn_agree(job->run->comm, status);
    return status == TRN_OK ? TRN_OK : trn_rows_commit(out, status);
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    bool drawn = job->route == GROWN;
    trn_rows_out_t *why = NULL;
    if (job->route == SIMILAR) TRN_TRY(settle_similar(job));
    if (job->route == NAMES)
        TRN_TRY(trn_transplant_overlap(&job->made, run->comm, job->make.rows, job->overlap));
    if (job->route == PIECES)
        TRN_TRY(trn_transplant_pieces(&job->made, run->comm, job->make.rows, job->pieces.start,
                                      job->pieces.id));
    if (job->route != GROWN) {
        trn_transplant_count(&job->made, job->count);
        drawn = job->count[TRN_WHY_RANDOM] > 0;
    }
    TRN_TRY(prepare(job, drawn));
    /* Written first and put in place last, so that nothing is there if it cannot be written. */
    if (job->route != GROWN && text(job, "why")) TRN_TRY(write_why(job, &why));
    trn_status_t status = save(job);
    return trn_rows_commit(&why, status);
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    const int64_t *count = job->count;
    if (job->route == GROWN)
        return trn_run_note(run, json_pack("{s:I}", "drawn", (json_int_t)job->further));
    return trn_run_note(
        run, json_pack("{s:I, s:I, s:I, s:I}", "copied", (json_int_t)count[TRN_WHY_COPIED], "mixed",
                       (json_int_t)count[TRN_WHY_MIXED], "drawn", (json_int_t)count[TRN_WHY_RANDOM],
                       "of_pieces", (json_int_t)count[TRN_WHY_PIECES]));
}

static void job_free(void *user) {
    job_t *job = user;
    trn_tall_in_free(&job->source);
    trn_tall_in_free(&job->aux[OLD]);
    trn_tall_in_free(&job->aux[NEW]);
    trn_rows_close(&job->rows);
    trn_rows_close(&job->target.rows);
    trn_free(&job->target.names);
    trn_free(&job->overlap);
    trn_pieces_free(&job->pieces);
    trn_transplant_free(&job->made);
    trn_free(&job->root);
    json_decref(job->made_with);
}

const trn_command_t trn_command_transplant = {
    .name = "transplant",
    .summary = "make rows for a new vocabulary out of an embedding matrix",
    .files = "--source E ... -o T",
    .description =
        "A new row is copied from the row of E that is the same token; mixed of the rows of E "
        "whose "
        "auxiliary vectors are nearest to its own (OFA), by a softmax of their cosines; the mean "
        "of "
        "the rows of its pieces; or drawn, each number from the normal distribution with the mean "
        "and deviation of its column in E. --why tells which. --mean-cov keeps E and draws further "
        "rows close to its mean, as the library transformers does when a vocabulary grows.\n"
        "E stays in its file, of which only the rows that are needed are read.",
    .examples =
        "a new vocabulary by word vectors that both have\ttrunnion transplant --source E.h5 "
        "--aux-source E.h5 --aux-target new.npy -k 3 -o T.h5\n"
        "new words as means of old ones\ttrunnion transplant --source E.h5 --pieces "
        "pieces.tsv -o T.h5",
    .min_files = 0,
    .max_files = 0,
    .blas = true,
    .params = params,
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .cut = cut,
                                  .plan = plan,
                                  .cost = cost,
                                  .work = work,
                                  .report = report,
                                  .free = job_free},
};
