/* embedding_write.c: an embedding into a file of any format. */
#include "algo/vectors/embedding_impl.h"

trn_rows_make_t trn_embedding_make(const trn_embedding_t *e, const char *format) {
    return (trn_rows_make_t){
        .format = format, .rows = e->rows, .cols = e->dim, .type = TRN_F32, .names = e->words};
}

trn_status_t trn_embedding_write(const trn_embedding_t *e, const char *path, const char *format,
                                 const char *names, const char *created_by, const json_t *params) {
    /* This rank's blocks are consecutive; it may have none, and the last of all may be short. */
    int64_t first = e->first_block * TRN_EMBEDDING_BLOCK;
    int64_t end = first + e->blocks * TRN_EMBEDDING_BLOCK;
    trn_rows_make_t make = trn_embedding_make(e, format);
    make.own_first = first < e->rows ? first : e->rows;
    make.own_rows = (end < e->rows ? end : e->rows) - make.own_first;
    make.names_file = names;
    make.created_by = created_by;
    make.params = params;
    trn_rows_out_t *out;
    TRN_TRY(trn_rows_create(&out, e->comm, path, &make));
    return trn_rows_commit(&out,
                           trn_rows_write(out, make.own_first, make.own_rows, TRN_F32, e->values));
}
