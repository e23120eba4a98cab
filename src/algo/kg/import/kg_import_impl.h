/* kg_import_impl.h: what the files of kg-import share. */
#ifndef TRN_ALGO_KG_IMPORT_KG_IMPORT_IMPL_H
#define TRN_ALGO_KG_IMPORT_KG_IMPORT_IMPL_H

#include "algo/common/numbering.h"
#include "algo/kg/import/kg_import.h"

/* Places order everything: split, number of the file, four times the byte of the line in its
 * (uncompressed) file, column. They do not depend on who reads. */
enum {
    TRN_PLACE_SPLIT_SHIFT = 60,
    TRN_PLACE_FILE_SHIFT = 46, /* 14 bits for TRN_KG_IMPORT_FILES */
    TRN_PLACE_COLUMNS = 4      /* a file has at most 2^44 bytes, 16 TB */
};

/* Facts of this rank, in the order of places. */
typedef struct trn_kg_facts {
    trn_triple_t *triples; /* [room] of local, later of global numbers */
    int64_t *place;        /* [places], until they are dealt */
    int64_t count, room, places;
} trn_kg_facts_t;

/* What is left of names that are counted and not kept; [0] of entities, [1] of relations. */
enum { TRN_KG_STRETCH = 1 << 20 /* turns of a split that rank 0 judges at a time */ };
enum { TRN_KG_SKETCH_BITS = 14, TRN_KG_SKETCH = 1 << TRN_KG_SKETCH_BITS };
typedef struct trn_kg_sketch {
    uint8_t most[2][TRN_KG_SKETCH];
    int64_t names[2], bytes[2]; /* of names as often as they come */
} trn_kg_sketch_t;

/* The first line of a file, where this rank has taken it for a fact. */
typedef struct trn_kg_first {
    int split;
    int64_t file;
    int32_t id[TRN_TRIPLE_COLUMNS]; /* head, relation, tail by this rank's numbers */
    bool heading;                   /* the words are usual headings */
} trn_kg_first_t;

typedef struct trn_kg_import {
    MPI_Comm comm;
    int rank, ranks;
    const trn_kg_import_options_t *options;
    trn_numbering_t entities, relations;
    trn_kg_facts_t facts[TRN_SPLITS];
    trn_kg_first_t *first; /* [firsts] */
    int64_t firsts, first_room;
    int64_t decoder, wordnet; /* bytes that reading takes beside: of a decoder, of WordNet */
    trn_kg_sketch_t *sketch;  /* or NULL: where nothing is to be kept */
    trn_kg_import_report_t *report;
} trn_kg_import_t;

/* Note a fact that stands at `place` (its three names at place .. place + 2); columns as named by
 * `order`. Local. Fails with TRN_INPUT (a name that is no UTF-8), TRN_MEMORY. */
trn_status_t trn_kg_import_fact(trn_kg_import_t *import, int split, int64_t place,
                                const char *order, const trn_triple_row_t *row);

/* Count a name in a sketch. Local. Fails with TRN_INPUT (no UTF-8). */
trn_status_t trn_kg_import_sketch(trn_kg_sketch_t *sketch, bool relation, const char *name,
                                  int64_t bytes);

/* Read this rank's lines of WordNet's files as facts to train. Collective. Fails as
 * trn_kg_import_read. */
trn_status_t trn_kg_import_wordnet(trn_kg_import_t *import);

/* Refuse WordNet's files where the limit of base/mem does not even hold them, with what would be
 * enough. Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_kg_import_check_wordnet(MPI_Comm comm, const char *folder);

/* Read this rank's lines of all files. Collective. Fails (agreed) with TRN_INPUT, TRN_MEMORY,
 * TRN_IO. */
trn_status_t trn_kg_import_read(trn_kg_import_t *import);

/* Warn of files whose first line looks like headings but was taken for a fact: its three names are
 * usual headings of their columns, or none of them is in any line but first ones while there are
 * other lines. Collective. Fails (agreed) with TRN_MEMORY. */
trn_status_t trn_kg_import_check_first(const trn_kg_import_t *import);

/* Deal the facts of train to the splits as the shares in the options say. Collective. Fails
 * (agreed) with TRN_USAGE (nothing left for train), TRN_MEMORY. Memory: 24 bytes a fact of this
 * rank, 8 an entity; on rank 0 also up to 60 MB for a stretch of facts. */
trn_status_t trn_kg_import_deal(trn_kg_import_t *import);

/* Write the store. Collective. Fails (agreed) with TRN_MEMORY, TRN_IO. */
trn_status_t trn_kg_import_save(trn_kg_import_t *import, const char *output, const char *created_by,
                                const json_t *params);

#endif
