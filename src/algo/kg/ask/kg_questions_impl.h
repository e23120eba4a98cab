/* kg_questions_impl.h: what the files of kg_questions share. */
#ifndef TRN_ALGO_KG_ASK_KG_QUESTIONS_IMPL_H
#define TRN_ALGO_KG_ASK_KG_QUESTIONS_IMPL_H

#include "algo/kg/ask/kg_questions.h"

/* Read the questions by numbers; the graph and the unseen entities are there. Collective. */
trn_status_t trn_kg_questions_read(trn_kg_questions_t *q, MPI_Comm comm);

#endif
