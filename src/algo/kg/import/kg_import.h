/* kg_import.h: files of facts to the store of a knowledge graph (algo/kg.h). */
#ifndef TRN_ALGO_KG_IMPORT_KG_IMPORT_H
#define TRN_ALGO_KG_IMPORT_KG_IMPORT_H

#include "algo/common/estimate.h"
#include "algo/kg/kg.h"
#include "base/status.h"
#include "graph/triple_line.h"

#include <jansson.h>
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

/* Files that are read in their order as if they were one. */
typedef struct trn_kg_import_files {
    int64_t count;     /* 0: an empty split */
    char *const *path; /* [count] */
} trn_kg_import_files_t;

enum { TRN_KG_IMPORT_FILES = (1 << 14) - 1 /* most in a split */ };

typedef struct trn_kg_import_options {
    trn_kg_import_files_t files[TRN_SPLITS];
    const char *wordnet;        /* or NULL: instead of files, a folder with data.noun ... */
    bool inverses;              /* of wordnet: keep hyponym beside hypernym and so on */
    trn_triple_format_t format; /* of the files' lines */
    bool header;                /* the first line of each file is no fact */
    const char *order;          /* of the columns: "hrt", "htr", ... */
    double share[TRN_SPLITS];   /* valid's and test's share of train's facts; 0: files */
    uint64_t seed;              /* of the shares */
    bool allow_unseen;          /* shares may leave entities and relations without train facts */
} trn_kg_import_options_t;

typedef struct trn_kg_import_report {
    int64_t entities, relations;
    int64_t triples[TRN_SPLITS];
    int64_t duplicates;       /* facts that stood in their split before: dropped */
    int64_t leaked;           /* facts of valid and test that train has too: kept */
    int64_t unseen;           /* entities of no train fact: kept */
    int64_t unseen_relations; /* the same */
    int64_t held;    /* facts that a split passed by: the last of an entity or relation in train */
    int64_t missing; /* facts that valid and test lack of their shares for that reason */
} trn_kg_import_report_t;

/* Names of a sort, with a standard error of 0.8 %. */
typedef struct trn_kg_import_names {
    int64_t here, all; /* distinct ones of the rank that has most, and of all */
    int64_t bytes;     /* of one, on average */
} trn_kg_import_names_t;

/* What files come to. */
typedef struct trn_kg_import_size {
    trn_kg_import_names_t entities, relations;
    int64_t triples[TRN_SPLITS]; /* as they stand in the files */
    int64_t facts, train;        /* of the rank that has most: of all splits, and of train */
    int64_t decoder, wordnet;    /* bytes: of decoders, and of WordNet's files in memory */
    bool dealt, judged;          /* shares go to valid and test; not the last of an entity */
    int ranks;                   /* that read */
} trn_kg_import_size_t;

/* Read the files and write the store `output`. Names are numbered by their first appearance in the
 * files in the order train, valid, test; facts keep the order of the files; of equal facts in a
 * split the first stays. Plain files are read by byte ranges on all ranks, a compressed one by a
 * single rank. With shares, facts go to valid and test in an order drawn by the seed, each unless
 * it is the last fact in train of one of its entities or of its relation (allow_unseen: in any
 * case). WordNet's synsets are named WORD.POS.OFFSET, "dog.n.02084071", and related by all its
 * pointers, lexical ones (from word to word, such as derivationally_related) as well as semantic
 * ones, as in WN18 (Bordes et al. 2013, NIPS, section 4.1). Collective, equal arguments. Fails
 * (agreed) with TRN_INPUT as FILE:LINE (missing, empty, wrong columns, empty name, NUL, no UTF-8),
 * TRN_MEMORY, TRN_IO; no output is then left. Memory: a rank holds its facts and their names, an
 * even part of all names and 40 bytes an entity. Cost: every distinct name of a rank travels once
 * to the rank that its hash names, from there to that of its number, and at last to rank 0, which
 * writes 4096 at a time; a fact travels once. */
trn_status_t trn_kg_import(MPI_Comm comm, const trn_kg_import_options_t *options,
                           const char *output, const char *created_by, const json_t *params,
                           trn_kg_import_report_t *report);

/* *twice: whether all files can be read twice, as pipes cannot. For an import whose memory is
 * limited. Collective, equal arguments. Fails (agreed) with TRN_INPUT (a missing file), TRN_IO,
 * TRN_MEMORY (WordNet's files do not fit). */
trn_status_t trn_kg_import_look(MPI_Comm comm, const trn_kg_import_options_t *options, bool *twice);

/* What they come to. Reads all files, as an import does, but keeps nothing of them. Collective,
 * equal arguments. Fails (agreed) as an import does while it reads. Memory: 32 KB. */
trn_status_t trn_kg_import_measure(MPI_Comm comm, const trn_kg_import_options_t *options,
                                   trn_kg_import_size_t *size);

/* Plan of an import of a trn_kg_import_size_t. Local. */
trn_estimator_t trn_kg_import_plan;

#endif
