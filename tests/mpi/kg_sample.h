/* kg_sample.h: a small graph, and training on it, on all ranks and on each alone. */
#ifndef TRN_TESTS_KG_SAMPLE_H
#define TRN_TESTS_KG_SAMPLE_H

#define _DEFAULT_SOURCE
#include "harness.h"

#include "algo/kg/import/kg_import.h"
#include "algo/kg/train/kg_train.h"
#include "mpi/agree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENTITIES = 61, RELATIONS = 3, DIM = 16 };

static char directory[256];
static trn_kg_t shared, mine; /* the graph, opened by all ranks and by this one alone */

static const char *in_directory(const char *name) {
    static char path[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", directory, name);
    return path[turn];
}

/* Facts that follow a rule, relation r leading from e to e + 7 r + 1; and `popular` ones of entity
 * 5, so that it has many more than others. */
static trn_status_t write_facts(const char *path, int popular) {
    FILE *file = fopen(path, "w");
    if (!file) return trn_fail(TRN_IO, "%s: cannot be written", path);
    for (int e = 0; e < ENTITIES; e++)
        for (int r = 0; r < RELATIONS; r++)
            fprintf(file, "e%d\tr%d\te%d\n", e, r, (e + 7 * r + 1) % ENTITIES);
    for (int e = 0; e < popular; e++)
        fprintf(file, "e5\tr0\te%d\n", 2 * e);
    fclose(file);
    return TRN_OK;
}

static void open_graph(int popular) {
    trn_status_t status = TRN_OK;
    trn_kg_import_report_t report;
    if (rank == 0) {
        snprintf(directory, sizeof directory, "%s/kg_sampleXXXXXX",
                 getenv("TMPDIR") ? getenv("TMPDIR") : P_tmpdir);
        if (!mkdtemp(directory)) status = trn_fail(TRN_IO, "%s: cannot be made", directory);
        if (status == TRN_OK) status = write_facts(in_directory("g.tsv"), popular);
    }
    MPI_Bcast(directory, sizeof directory, MPI_CHAR, 0, comm);
    CHECK_OK(trn_agree(comm, status));
    char *file = (char *)in_directory("g.tsv");
    trn_kg_import_options_t options = {
        .files = {{1, &file}}, .format = {"\t", false}, .order = "hrt"};
    CHECK_OK(trn_kg_import(comm, &options, in_directory("g.h5"), "test", NULL, &report));
    CHECK_OK(trn_kg_open(&shared, comm, in_directory("g.h5")));
    CHECK_OK(trn_kg_open(&mine, MPI_COMM_SELF, in_directory("g.h5")));
}

static void closes(void) {
    trn_kg_close(&shared);
    trn_kg_close(&mine);
    CHECK_EQUAL(trn_mem_now(), 0);
    MPI_Barrier(comm);
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (rank == 0) CHECK_EQUAL(system(command), 0);
}

static trn_kg_header_t header_of(const char *model, bool reciprocal) {
    const trn_model_t *found = trn_model_find(model);
    return (trn_kg_header_t){found,
                             {.dim = DIM, .relation_dim = 6, .norm = found->norms[0]},
                             ENTITIES,
                             RELATIONS,
                             reciprocal};
}

/* Train on `on` into NAME of the directory (each rank its own on MPI_COMM_SELF). */
static trn_status_t train(MPI_Comm on, const trn_kg_header_t *header,
                          const trn_kg_options_t *options, const char *name, double *loss) {
    char output[512], checkpoint[600];
    trn_kg_report_t report;
    bool alone = on == MPI_COMM_SELF;
    snprintf(output, sizeof output, "%s.%d", in_directory(name), alone ? rank : -1);
    snprintf(checkpoint, sizeof checkpoint, "%s.checkpoint", in_directory(name));
    trn_trainer_run_t run = {.checkpoint = checkpoint, .created_by = "test"};
    if (alone) run.resume = TRN_RESUME_NEVER;
    const trn_kg_regime_t *regime = options->bucketed        ? &trn_kg_bucketed
                                    : options->negatives > 0 ? &trn_kg_negatives
                                                             : &trn_kg_full;
    trn_status_t status =
        trn_kg_train(on, alone ? &mine : &shared, header, options, regime, &run, output, &report);
    *loss = report.loss;
    return status;
}

/* The model in NAME is the same, bit for bit, as this rank's own in OTHER. */
static bool same(const char *name, const char *other) {
    char path[2][512];
    trn_kg_model_t model[2] = {{0}, {0}};
    snprintf(path[0], sizeof path[0], "%s.%d", in_directory(name), -1);
    snprintf(path[1], sizeof path[1], "%s.%d", in_directory(other), rank);
    bool equal = true;
    for (int i = 0; i < 2; i++)
        equal = equal && trn_kg_model_open(&model[i], MPI_COMM_SELF, path[i], &mine) == TRN_OK;
    if (equal) {
        const trn_kg_header_t *h = &model[0].header;
        size_t rows = (size_t)trn_kg_relation_rows(h) * sizeof(float);
        size_t width = (size_t)h->model->relation_width(&h->shape);
        size_t second = (size_t)h->model->second_width(&h->shape);
        equal = memcmp(model[0].entity, model[1].entity, ENTITIES * DIM * sizeof(float)) == 0 &&
                memcmp(model[0].relation, model[1].relation, rows * width) == 0 &&
                (second == 0 || memcmp(model[0].second, model[1].second, rows * second) == 0);
    }
    for (int i = 0; i < 2; i++)
        trn_kg_model_close(&model[i]);
    return equal;
}

/* All ranks together learn what one alone does. */
static void compare_options(const char *model, bool reciprocal, trn_kg_options_t options) {
    trn_kg_header_t header = header_of(model, reciprocal);
    double loss = 0, alone = 0, first = 0;
    CHECK_OK(train(comm, &header, &options, "a", &loss));
    CHECK_OK(train(MPI_COMM_SELF, &header, &options, "b", &alone));
    CHECK(loss == alone);
    CHECK(same("a", "b"));
    options.epochs = 1;
    CHECK_OK(train(MPI_COMM_SELF, &header, &options, "b", &first));
    CHECK(isfinite(loss) && loss < first); /* it learns */
    CHECK(!same("a", "b"));                /* the comparison sees a difference */
}

#endif
