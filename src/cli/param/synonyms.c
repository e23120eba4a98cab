/* synonyms.c: nobody knows our names beforehand. What a word is near to by its letters is found
 * elsewhere (base/nearest.h); here is what it is near to by its meaning. */
#include "cli/param/synonyms.h"

#include <stddef.h>
#include <string.h>

typedef struct synonym {
    const char *words; /* elsewhere, between blanks */
    const char *here;  /* options: names between blanks; verbs: what to write */
} synonym_t;

/* clang-format off */
static const synonym_t options[] = {
    {"lr rate alpha eta step-size", "learning-rate"},
    {"dims dimension dimensions size vector-size embedding-dim hidden-size d", "dim"},
    {"epoch iter iters iterations num-epochs", "epochs"},
    {"out outfile output-file save-to dest", "output"},
    {"batch bs minibatch", "batch-size"},
    {"components n-components num-components ncomp", "rank"},
    {"num topk top-k neighbors n-neighbors limit", "k top"},
    {"neg num-negatives negative negative-samples", "negatives"},
    {"mem max-memory memory-limit max-mem", "memory"},
    {"jobs nthreads num-threads workers cores cpus", "threads"},
    {"random-state random-seed rng", "seed"},
    {"min-freq mincount minimum-count", "min-count"},
    {"window-size context", "window"},
    {"max-vocab vocabulary-size max-features", "vocab-size"},
    {"lower uncased ignore-case", "lowercase"},
    {"gamma", "margin"},
    {"reg regularisation regularization lambda l2 weight-decay penalty", "regularizer"},
    {"opt optim optimiser", "optimizer"},
    {"precision float type numbers", "dtype type"},
    {"tol eps epsilon", "tolerance"},
    {"max-iter maxiter max-iterations", "max-steps"},
    {"centre mean-center demean", "center"},
    {"early-stopping", "patience"},
    {"eval-every validate-every", "valid-every"},
    {"init initialize pretrained", "start-from"},
    {"continue restart", "resume"},
    {"save-every ckpt-every", "checkpoint-every"},
    {"sep delimiter delim", "separator"},
    {"simulate plan estimate check", "dry-run"},
    {"silent", "quiet"},
    {"timeout", "hang-timeout"},
    {"profile", "trace"},
    {NULL, NULL}};

static const synonym_t verbs[] = {
    {"pca", "svd --center"},
    {"lsa truncated-svd decompose", "svd"},
    {"train fit learn", "swivel for words, kg-train for graphs"},
    {"word2vec glove fasttext", "cooccur, then swivel"},
    {"cooc cooccurrence count counts", "cooccur"},
    {"similar nearest knn most-similar search", "neighbors"},
    {"matmul mm gemm spmm dot product", "multiply"},
    {"eigh eigen spectrum", "eig"},
    {"covariance cov syrk", "gram"},
    {"pmi ppmi normalize scale log binarize add norms", "transform with --pmi, --scale-rows, --log ..."},
    {"eval evaluate test", "words-eval for words, kg-eval for graphs"},
    {"predict answer ask", "kg-predict"},
    {"import load", "kg-import for graphs, convert for vectors and matrices"},
    {"export save cast", "convert"},
    {"describe inspect show verify head cat", "info"},
    {"rules mine amie", "kg-rules"},
    {"transe transh transr distmult complex rotate toruse", "kg-train --model"},
    {"benchmark perf", "bench"},
    {"plot chart dashboard", "report"},
    {NULL, NULL}};
/* clang-format on */

/* Whether one of the words between blanks is `word`. */
static int among(const char *words, const char *word) {
    size_t length = strlen(word);
    for (const char *at = words; *at; at += strspn(at, " ")) {
        size_t span = strcspn(at, " ");
        if (span == length && memcmp(at, word, length) == 0) return 1;
        at += span;
    }
    return 0;
}

static const char *find(const synonym_t *table, const char *word) {
    for (; table->words; table++)
        if (among(table->words, word)) return table->here;
    return NULL;
}

const char *trn_verb_synonym(const char *word) {
    return find(verbs, word);
}

const char *trn_option_synonym(const char *word, int i) {
    static _Thread_local char name[32];
    const char *here = find(options, word);
    for (; here && i > 0; i--) {
        here += strcspn(here, " ");
        here += strspn(here, " ");
    }
    size_t length = here ? strcspn(here, " ") : 0;
    if (length == 0 || length >= sizeof name) return NULL;
    memcpy(name, here, length);
    name[length] = '\0';
    return name;
}
