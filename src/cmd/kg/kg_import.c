/* kg_import.c: the verb `kg-import`: files of facts to the store of a knowledge graph. */
#include "algo/kg/import/kg_import.h"

#include "base/mem.h"
#include "cli/command.h"

#include <stdlib.h>
#include <string.h>

static const trn_param_t params[] = {
    {"output", 'o', TRN_PARAM_TEXT, .metavar = "G.h5", .required = true, .file = TRN_STORE_WRITTEN,
     .help = "graph store to write"},
    {"train", 0, TRN_PARAM_LIST, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "triples to train on, a line each: head, relation, tail (this or --wordnet is "
             "required); several files are read in their order, as one"},
    {"valid", 0, TRN_PARAM_LIST, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "triples to choose settings by"},
    {"test", 0, TRN_PARAM_LIST, .metavar = "FILE", .file.use = TRN_FILE_READ,
     .help = "triples to score by at the end"},
    {"wordnet", 0, TRN_PARAM_TEXT, .metavar = "DIR", .excludes = "valid test",
     .file = {TRN_FILE_READ, .also = "/data.noun /data.verb /data.adj /data.adv"},
     .help = "instead of files: WordNet's data.noun, data.verb, data.adj and data.adv in DIR "
             "(Debian's package wordnet-base: /usr/share/wordnet)"},
    {"inverses", 0, TRN_PARAM_BOOL, "false", .needs = "wordnet",
     .help = "of --wordnet: keep pointers that only turn others round (hyponym beside hypernym), "
             "as WN18 does; test triples can then be read off train"},
    {"separator", 0, TRN_PARAM_TEXT, "tab", .metavar = "TEXT", .needs = "train",
     .help = "what stands between the columns: tab, comma (columns may then be in quotes), space, "
             "or any text"},
    {"order", 0, TRN_PARAM_CHOICE, "hrt", .choices = "hrt|htr|rht|rth|thr|trh", .needs = "train",
     .help = "order of the columns: head, relation, tail"},
    {"header", 0, TRN_PARAM_BOOL, "false", .needs = "train", .group = "Lines",
     .help = "the first line of each file names the columns and is no triple; without this a "
             "first line is a triple, with a warning if its three words are usual headings (head, "
             "relation, tail; subject, predicate, object; source, edge, target ...) or are in no "
             "other line"},
    {"keep-blanks", 0, TRN_PARAM_BOOL, "false", .needs = "train",
     .help = "spaces and tabs at the ends of a name are part of it; else names that differ by "
             "these alone are one"},
    {"split", 0, TRN_PARAM_LIST, .metavar = "SHARE", .excludes = "valid test",
     .help = "instead of --valid and --test: two shares (0.1 0.1) of all triples, drawn at "
             "random; a triple stays in train if it is the last there of an entity or relation"},
    {"allow-unseen", 0, TRN_PARAM_BOOL, "false", .needs = "split",
     .help = "of --split: draw any triples, also the last ones of an entity or relation"},
    {"seed", 0, TRN_PARAM_INT, "1", 0, 9e18, .needs = "split", .help = "of --split"},
    {0}};

static const char *separator_of(const char *text) {
    static const char *const names[][2] = {
        {"tab", "\t"}, {"\\t", "\t"}, {"comma", ","}, {"space", " "}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i][0]) == 0) return names[i][1];
    return text;
}

/* The shares of --split, if it is given. */
static trn_status_t read_shares(const trn_run_t *run, trn_kg_import_options_t *options) {
    char *const *words;
    int count = trn_params_list(run->params, "split", &words);
    if (count == 0) return TRN_OK;
    if (count != 2)
        return trn_fail(TRN_USAGE, "--split: two shares wanted, for valid and test: 0.1 0.1");
    for (int i = 0; i < 2; i++) {
        char *end;
        double share = strtod(words[i], &end);
        if (end == words[i] || *end || !(share >= 0 && share < 1))
            return trn_fail(TRN_USAGE, "--split: '%s' is no share from 0 to 1; give 0.1 0.1",
                            words[i]);
        options->share[TRN_VALID + i] = share;
    }
    if (options->share[TRN_VALID] + options->share[TRN_TEST] >= 1)
        return trn_fail(TRN_USAGE, "--split: the shares leave nothing for train; give 0.1 0.1");
    return TRN_OK;
}

static trn_status_t options_of(const trn_run_t *run, trn_kg_import_options_t *options) {
    *options = (trn_kg_import_options_t){
        .wordnet = trn_params_text(run->params, "wordnet"),
        .inverses = trn_params_bool(run->params, "inverses"),
        .format = {separator_of(trn_params_text(run->params, "separator")),
                   trn_params_bool(run->params, "keep-blanks")},
        .header = trn_params_bool(run->params, "header"),
        .allow_unseen = trn_params_bool(run->params, "allow-unseen"),
        .order = trn_params_text(run->params, "order"),
        .seed = (uint64_t)trn_params_int(run->params, "seed"),
    };
    for (int split = 0; split < TRN_SPLITS; split++) {
        const char *name = trn_split_name((trn_split_t)split);
        trn_kg_import_files_t *list = &options->files[split];
        list->count = trn_params_list(run->params, name, &list->path);
        if (list->count > TRN_KG_IMPORT_FILES)
            return trn_fail(TRN_USAGE, "--%s: %lld files; at most %d, so put some together", name,
                            (long long)list->count, TRN_KG_IMPORT_FILES);
    }
    if (!*options->format.separator)
        return trn_fail(TRN_USAGE, "--separator: is empty; give tab, comma, space or any text");
    return read_shares(run, options);
}

/* An import, and what came of it. */
typedef struct job {
    trn_kg_import_options_t options;
    bool measured;             /* whether the files were read to see what they come to */
    trn_kg_import_size_t size; /* that */
    trn_kg_import_report_t report;
} job_t;

/* What an import takes only the files tell: they are read before one whose memory is limited. */
static trn_status_t look(trn_run_t *run, void *user) {
    job_t *job = user;
    trn_kg_import_size_t *size = &job->size;
    bool twice = true;
    TRN_TRY(options_of(run, &job->options));
    if (!run->dry && trn_mem_limit_now() == 0) return TRN_OK;
    if (!run->dry) TRN_TRY(trn_kg_import_look(run->comm, &job->options, &twice));
    if (!twice) return TRN_OK;
    TRN_TRY(trn_kg_import_measure(run->comm, &job->options, size));
    job->measured = true;
    if (!run->dry) return TRN_OK;
    return trn_run_note(run, json_pack("{s:I, s:I, s:I, s:I, s:I}", "entities",
                                       (json_int_t)size->entities.all, "relations",
                                       (json_int_t)size->relations.all, "train",
                                       (json_int_t)size->triples[TRN_TRAIN], "valid",
                                       (json_int_t)size->triples[TRN_VALID], "test",
                                       (json_int_t)size->triples[TRN_TEST]));
}

static bool planned(const void *user) {
    return ((const job_t *)user)->measured;
}

static void plan(const void *user, int ranks, int rank, trn_ledger_t *ledger) {
    trn_kg_import_plan(&((const job_t *)user)->size, ranks, rank, ledger);
}

static trn_status_t work(trn_run_t *run, void *user) {
    job_t *job = user;
    json_t *given = trn_params_json(run->params);
    trn_status_t status =
        trn_kg_import(run->comm, &job->options, trn_params_text(run->params, "output"),
                      run->command, given, &job->report);
    json_decref(given);
    return status;
}

static trn_status_t report(trn_run_t *run, void *user) {
    const job_t *job = user;
    const trn_kg_import_report_t *r = &job->report;
    const double *share = job->options.share;
    TRN_TRY(trn_run_note(
        run,
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "entities",
                  (json_int_t)r->entities, "relations", (json_int_t)r->relations, "train",
                  (json_int_t)r->triples[TRN_TRAIN], "valid", (json_int_t)r->triples[TRN_VALID],
                  "test", (json_int_t)r->triples[TRN_TEST], "duplicates", (json_int_t)r->duplicates,
                  "also_in_train", (json_int_t)r->leaked, "unseen_entities", (json_int_t)r->unseen,
                  "unseen_relations", (json_int_t)r->unseen_relations)));
    if (share[TRN_VALID] + share[TRN_TEST] == 0) return TRN_OK;
    return trn_run_note(run, json_pack("{s:I}", "held_in_train", (json_int_t)r->held));
}

const trn_command_t trn_command_kg_import = {
    .name = "kg-import",
    .summary = "make the store of a knowledge graph from files of triples",
    .files = "--train F... [--valid F... --test F...] | --wordnet DIR, -o G.h5",
    .description =
        "Reads triples of names or numbers, plain or compressed (.gz, .bz2, .xz, .zst), from files "
        "or "
        "pipes (- is standard input), in UTF-8. Names "
        "are numbered by first appearance in train, valid, test; triples keep their order. Of "
        "equal triples in a split the first stays; entities that train lacks, and triples of "
        "valid and test that train has too, are kept and counted. Empty lines are skipped, blanks "
        "at the ends of names cut off. Several files of a split count as one (--train A --train "
        "B, or --train A B). The number of ranks does not change a bit of the result.",
    .examples = "three files of facts\ttrunnion kg-import --train train.tsv --valid valid.tsv "
                "--test test.tsv -o G.h5\n"
                "one file, a tenth of it kept apart twice\ttrunnion kg-import --train facts.tsv "
                "--split 0.1 0.1 -o G.h5",
    .min_files = 0,
    .max_files = 0,
    .params = params,
    .one_of = "train wordnet",
    .steps = &(const trn_steps_t){.size = sizeof(job_t),
                                  .look = look,
                                  .plan = plan,
                                  .planned = planned,
                                  .work = work,
                                  .report = report},
};
