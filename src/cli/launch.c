/* launch.c: from a command line to an exit code: options and files are checked, MPI is started, and
 * around the verb stand what every verb has: locks, log, trace, limits, result. */
#define _GNU_SOURCE
#include "cli/launch.h"

#include "base/clock.h"
#include "base/emit.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/signal.h"
#include "base/space.h"
#include "cli/bench.h"
#include "cli/files.h"
#include "cli/job.h"
#include "cli/sink.h"
#include "cli/verbs.h"
#include "io/bytes.h"
#include "io/lock.h"
#include "io/manifest.h"
#include "io/output.h"
#include "kern/dense/blas.h"
#include "mpi/agree.h"
#include "mpi/plugins.h"
#include "mpi/trace.h"
#include "mpi/watch.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <xxhash.h>

enum {
    LOCKS = 4,             /* files that a verb writes at most */
    LOOK_BYTES = 12 << 20, /* buffers of readers, before a verb has a plan */
    MPI_SPACE = 72 << 20   /* bytes that Open MPI 4 takes as it starts, measured */
};

typedef struct job {
    const trn_command_t *verb;
    trn_params_t *params;
    trn_files_t *files;       /* that the command line names */
    char *line;               /* the whole command line */
    trn_run_t run;            /* what the verb sees */
    json_t *answer;           /* to be printed instead of running the verb, if it holds anything */
    trn_lock_t *locks[LOCKS]; /* of the files that the verb writes */
    double start;             /* seconds when the program began */
    int argc;
    char **argv;
} job_t;

/* Before MPI --------------------------------------------------------------------------------- */

/* "trunnion VERB ...": without the path that the program happened to be called by. */
static trn_status_t join(char **line, int argc, char **argv) {
    int64_t bytes = sizeof "trunnion";
    for (int i = 1; i < argc; i++)
        bytes += 1 + (int64_t)strlen(argv[i]);
    TRN_TRY(trn_alloc(line, bytes, 1, "the command line"));
    char *end = stpcpy(*line, "trunnion");
    for (int i = 1; i < argc; i++)
        end = stpcpy(stpcpy(end, " "), argv[i]);
    return TRN_OK;
}

static trn_status_t check_count(const trn_command_t *verb, int count, char **files) {
    if (count < verb->min_files)
        return trn_fail(TRN_USAGE, "FILES: %d given, at least %d wanted; usage: trunnion %s %s",
                        count, verb->min_files, verb->name, verb->files);
    if (count > verb->max_files)
        return trn_fail(TRN_USAGE, "%s: one argument too many; usage: trunnion %s %s",
                        files[verb->max_files], verb->name, verb->files);
    return TRN_OK;
}

/* Everything that can be told without the other ranks. */
static trn_status_t prepare(job_t *job, int skip) {
    const trn_command_t *verb = job->verb;
    trn_run_t *run = &job->run;
    TRN_TRY(join(&job->line, job->argc, job->argv));
    TRN_TRY(trn_params_create(&job->params,
                              (const trn_param_t *const[]){verb->params, trn_common_params}, 2));
    TRN_TRY(trn_params_parse(job->params, job->argc - skip, job->argv + skip, &run->nfiles,
                             &run->files));
    if (verb->settle) TRN_TRY(verb->settle(job->params, job->answer));
    if (json_object_size(job->answer) > 0) return TRN_OK;
    TRN_TRY(check_count(verb, run->nfiles, run->files));
    if (verb->one_of) TRN_TRY(trn_params_one_of(job->params, verb->one_of, false));
    if (verb->some_of) TRN_TRY(trn_params_one_of(job->params, verb->some_of, true));
    TRN_TRY(trn_params_check(job->params));
    if (trn_params_text(job->params, "ranks") && !verb->steps && !verb->plans)
        return trn_fail(TRN_USAGE,
                        "--ranks: %s plans for the ranks that it is started with only; "
                        "start as many with mpirun",
                        verb->name);
    TRN_TRY(trn_files_create(&job->files, verb, job->params, run->nfiles, run->files));
    /* One rank looks, for all of a thousand looking at a thousand files would take its time. */
    return trn_launched_rank() <= 0 ? trn_files_check(job->files) : TRN_OK;
}

/* With MPI ----------------------------------------------------------------------------------- */

/* Config files are read by every rank for itself: refuse to go on if they said different things. */
static trn_status_t check_same(const job_t *job) {
    json_t *values = trn_params_json(job->params);
    char *text = values ? json_dumps(values, JSON_COMPACT) : NULL;
    uint64_t hash = text ? XXH3_64bits(text, strlen(text)) : 0, least[2] = {hash, ~hash};
    free(text); /* jansson allocated it */
    json_decref(values);
    MPI_Allreduce(MPI_IN_PLACE, least, 2, MPI_UINT64_T, MPI_MIN, job->run.comm);
    if (least[0] == ~least[1]) return TRN_OK;
    return trn_fail(TRN_USAGE, "--config: the ranks read different values; put the file where all "
                               "nodes see the same one");
}

static int count_threads(const trn_params_t *params) {
    int64_t threads = trn_params_int(params, "threads");
    const char *preset = getenv("OMP_NUM_THREADS");
    if (threads == 0 && preset) threads = atoi(preset);
    return threads < 1 ? 1 : (int)threads;
}

/* Tests let the n-th allocation of a verb fail, on one rank or on all. */
static void arm_failure(int rank) {
    const char *n = getenv("TRUNNION_FAIL_ALLOC"), *where = getenv("TRUNNION_FAIL_RANK");
    if (n && (!where || atoi(where) == rank)) trn_mem_fail_at(atoll(n));
}

static json_t *json_of_words(int count, char **words) {
    json_t *array = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(array, trn_json_text(words[i]));
    return array;
}

/* The first event: everything that was given and found. Collective. */
static trn_status_t log_manifest(const job_t *job) {
    if (!trn_params_text(job->params, "log-json")) return TRN_OK;
    json_t *fields = json_object();
    trn_status_t status = trn_manifest(job->run.comm, fields);
    if (status == TRN_OK && job->run.rank == 0) {
        json_object_set_new(fields, "verb", json_string(job->verb->name));
        json_object_set_new(fields, "argv", json_of_words(job->argc, job->argv));
        json_object_set_new(fields, "threads", json_integer(job->run.threads));
        json_object_set_new(fields, "parameters", trn_params_json(job->params));
        trn_event("manifest", "O", fields);
    }
    json_decref(fields);
    return status;
}

/* What the log keeps of a result: its scalars, and a benchmark's cases. */
static json_t *brief(const json_t *result) {
    json_t *kept = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)result, key, value) {
        bool nested = json_is_object(value) || json_is_array(value);
        if (!nested || strcmp(key, "cases") == 0) json_object_set(kept, key, value);
    }
    return kept;
}

/* The last event, with what each phase cost. Collective; what goes wrong here is not worth failing
 * a run for. */
static void log_summary(const job_t *job, trn_status_t status) {
    if (!trn_params_text(job->params, "log-json")) return;
    int64_t peaks[2] = {trn_mem_peak(), trn_peak_rss()};
    double cpu = trn_cpu_seconds();
    MPI_Allreduce(MPI_IN_PLACE, peaks, 2, MPI_INT64_T, MPI_MAX, job->run.comm);
    MPI_Allreduce(MPI_IN_PLACE, &cpu, 1, MPI_DOUBLE, MPI_SUM, job->run.comm);
    json_t *fields =
        json_pack("{s:s, s:i, s:s*, s:f, s:f, s:I, s:I}", "status", trn_status_name(status), "exit",
                  (int)status, "message", status == TRN_OK ? NULL : trn_message(), "total_seconds",
                  trn_seconds() - job->start, "cpu_seconds", cpu, "peak_allocated",
                  (json_int_t)peaks[0], "peak_resident", (json_int_t)peaks[1]);
    (void)trn_trace_totals(job->run.comm, fields);
    if (fields) json_object_set_new(fields, "result", brief(job->run.result));
    if (fields) trn_event("summary", "O", fields);
    json_decref(fields);
}

/* The most that a rank took, as the system counts it: the program itself and all its data.
 * Collective. */
static void note_peak(const trn_run_t *run) {
    int64_t peak = trn_peak_rss();
    MPI_Allreduce(MPI_IN_PLACE, &peak, 1, MPI_INT64_T, MPI_MAX, run->comm);
    json_object_set_new(run->result, "peak_rss", json_integer(peak));
}

/* People are told of a plan's parts by a dry run only; else its sum will do. */
static void shorten_plan(json_t *result) {
    json_t *total = json_object_get(json_object_get(result, "bytes_per_rank"), "total");
    if (total) json_object_set(result, "bytes_per_rank", total);
}

static trn_status_t print_result(const job_t *job) {
    if (job->run.rank != 0) return TRN_OK;
    json_t *result = job->run.result;
    bool as_json = trn_params_bool(job->params, "json");
    /* jansson gives no other sign that memory ran out while the result grew. */
    if (json_object_size(result) == 0) return trn_fail(TRN_MEMORY, "no memory for a result");
    if (!as_json && json_object_get(result, "cases"))
        return trn_bench_print(stdout, job->verb->name, result);
    if (!as_json && !trn_params_bool(job->params, "dry-run")) shorten_plan(result);
    return trn_emit(stdout, result, as_json);
}

/* What will be written can be written, and no other job writes it. Collective. */
static trn_status_t take_outputs(job_t *job) {
    const char *const *paths;
    bool dry = trn_params_bool(job->params, "dry-run");
    int own, count = trn_files_written(job->files, &paths, &own);
    trn_status_t status = TRN_OK;
    for (int i = dry ? own : 0; i < count && status == TRN_OK && job->run.rank == 0; i++)
        status = trn_path_writable(paths[i]);
    TRN_AGREE(job->run.comm, status);
    for (int i = 0; i < own && i < LOCKS && !dry; i++)
        TRN_TRY(trn_lock_take(&job->locks[i], job->run.comm, paths[i]));
    return TRN_OK;
}

/* The name of the output as it was given, with whatever bytes. */
static void note_output(const job_t *job) {
    bool dry = trn_params_bool(job->params, "dry-run");
    json_t *given = dry ? NULL : trn_params_json(job->params), *output;
    output = json_object_get(given, "output");
    if (json_is_string(output)) json_object_set(job->run.result, "output", output);
    json_decref(given);
}

/* The trace is there whole or not at all. Collective. */
static trn_status_t write_trace(const trn_run_t *run, const char *path) {
    trn_output_t *output = NULL;
    trn_status_t status = run->rank == 0 ? trn_output_create(&output, path) : TRN_OK;
    status = trn_agree(run->comm, status);
    if (status == TRN_OK)
        status = trn_trace_write(run->comm, output ? trn_output_stream(output) : NULL);
    return trn_agree(run->comm, trn_output_close(&output, status));
}

/* From the agreed start to the agreed end of the verb. Collective. */
static trn_status_t execute(job_t *job) {
    trn_run_t *run = &job->run;
    TRN_TRY(log_manifest(job));
    trn_log(TRN_LOG_INFO, job->verb->name, "%d rank%s, %d thread%s each", run->ranks,
            run->ranks == 1 ? "" : "s", run->threads, run->threads == 1 ? "" : "s");
    TRN_TRY(trn_watch_start(run->comm, trn_params_real(job->params, "hang-timeout")));
    trn_watch_phase(job->verb->name);
    const char *trace = trn_params_text(job->params, "trace");
    if (trace || trn_params_text(job->params, "log-json")) trn_trace_enable(trace != NULL);
    trn_mem_limit(trn_params_size(job->params, "memory"));
    trn_mem_look(LOOK_BYTES);
    trn_status_t status = take_outputs(job);
    arm_failure(run->rank);
    note_output(job);
    if (status == TRN_OK)
        status = job->verb->steps ? trn_steps_run(run, job->verb->steps) : job->verb->run(run);
    trn_mem_fail_at(0);
    trn_mem_limit(0);
    trn_watch_stop();
    status = trn_agree(run->comm, status);
    if (status == TRN_OK && !trn_params_bool(job->params, "dry-run")) note_peak(run);
    for (int i = 0; i < LOCKS; i++)
        trn_lock_release(&job->locks[i]);
    return status == TRN_OK && trace ? write_trace(run, trace) : status;
}

/* Report a failure as soon as it is known, so that ours is the first line about it. */
static trn_status_t told(const job_t *job, trn_status_t status) {
    if (status != TRN_OK && job->run.rank == 0) trn_complain(job->verb->name, trn_message_rank());
    return status;
}

/* What libraries take without asking us, while a limit of address space can still be named. */
static trn_status_t take_space(const job_t *job) {
    struct rlimit stack;
    int64_t threads = job->run.threads, each = 8 << 20;
    if (getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur != RLIM_INFINITY)
        each = (int64_t)stack.rlim_cur;
    TRN_TRY(trn_space_expect((threads - 1) * each, "the stacks of threads"));
    return job->verb->blas || strncmp(job->verb->name, "bench ", 6) == 0
               ? trn_blas_take(job->run.threads)
               : TRN_OK;
}

/* Collective; `status` is what this rank's preparation came to. */
static trn_status_t run_all(job_t *job, trn_status_t status) {
    trn_run_t *run = &job->run;
    TRN_TRY(told(job, trn_agree(run->comm, status)));
    TRN_TRY(told(job, trn_agree(run->comm, check_same(job))));
    run->params = job->params;
    run->command = job->line;
    run->dry = trn_params_bool(job->params, "dry-run");
    run->threads = count_threads(job->params);
    omp_set_num_threads(run->threads);
    trn_blas_single();
    TRN_TRY(told(job, trn_agree(run->comm, take_space(job))));
    run->result = json_object();
    status = trn_sink_open(job->params, run->rank, trn_launched_rank() >= 0);
    if (status == TRN_OK && !run->result) status = trn_fail(TRN_MEMORY, "no memory for a result");
    status = told(job, trn_agree(run->comm, status));
    if (status == TRN_OK) {
        status = told(job, execute(job));
        trn_status_t printed = TRN_OK;
        /* A benchmark shows which cases FAILED; other failures leave no half result. */
        bool cases = status == TRN_NUMERIC && json_object_get(run->result, "cases");
        if (status == TRN_OK || cases) printed = print_result(job);
        printed = trn_agree(run->comm, printed);
        if (status == TRN_OK) status = told(job, printed);
        log_summary(job, status);
    }
    trn_status_t closed = trn_agree(run->comm, trn_sink_close());
    json_decref(run->result);
    return status == TRN_OK ? told(job, closed) : status;
}

static trn_status_t with_mpi(job_t *job, trn_status_t status) {
    int rank, provided;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    /* Split with plain keys: files on a cartesian communicator get corrupted (OMPIO). */
    MPI_Comm_split(MPI_COMM_WORLD, 0, rank, &job->run.comm);
    MPI_Comm_rank(job->run.comm, &job->run.rank);
    MPI_Comm_size(job->run.comm, &job->run.ranks);
    trn_signal_install(job->verb->saves);
    if (status == TRN_OK && provided < MPI_THREAD_FUNNELED)
        status = trn_fail(TRN_MPI, "this MPI knows no threads; use one built with them");
    trn_status_t together = trn_job_check();
    if (together != TRN_OK) status = together; /* each says so, for it does not see the others */
    status = run_all(job, status);
    MPI_Comm_free(&job->run.comm);
    trn_plugins_keep();
    MPI_Finalize();
    return status;
}

trn_status_t trn_launch_refuse(const char *verb, trn_status_t status) {
    bool launched = trn_launched_rank() >= 0;
    if (launched) MPI_Init(NULL, NULL);
    int rank = 0;
    if (launched) MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 0) trn_complain(verb, -1);
    if (launched) MPI_Barrier(MPI_COMM_WORLD);
    if (launched) MPI_Finalize();
    return status;
}

/* Print what a verb has to say without running it. */
static trn_status_t print_answer(const job_t *job) {
    if (trn_launched_rank() > 0) return TRN_OK;
    return trn_emit(stdout, job->answer, trn_params_bool(job->params, "json"));
}

trn_status_t trn_launch(const trn_command_t *verb, int argc, char **argv, int skip) {
    job_t job = {.verb = verb, .start = trn_seconds(), .argc = argc, .argv = argv};
    job.answer = json_object();
    trn_status_t status = prepare(&job, skip);
    bool answered = status == TRN_OK && json_object_size(job.answer) > 0;
    if (answered) status = print_answer(&job);
    /* Alone, a wrong command line needs no MPI to be told; else the ranks tell each other what they
     * found, since files may be missing on one node only. A rank without room for MPI cannot. */
    bool alone = answered || (status == TRN_USAGE && trn_launched_rank() < 0);
    if (!alone && trn_space_start(MPI_SPACE, "MPI") != TRN_OK) {
        alone = true;
        status = TRN_MEMORY;
    }
    if (!alone)
        status = with_mpi(&job, status);
    else if (status != TRN_OK)
        trn_complain(verb->name, trn_launched_rank());
    json_decref(job.answer);
    trn_files_destroy(&job.files);
    trn_params_destroy(&job.params);
    trn_free(&job.line);
    return status;
}
