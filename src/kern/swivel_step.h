/* swivel_step.h: the step of swivel.h, written once for float32 and float64.
 *
 * The including file defines REAL, SIDE, CELL (types), GEMM (a cblas function), EPILOGUE and
 * OPTIMISE (as in trn_swivel_kernels_t), and STEP (the function's name). Tiles of TRN_SWIVEL_TILE
 * rows keep the errors in the second-level cache between the three products. */
double STEP(const trn_swivel_rule_t *rule, int64_t dim, const SIDE *row, const SIDE *col,
            int64_t cell_count, const CELL *cells, REAL *scratch) {
    const CELL *end = cells + cell_count;
    REAL *errors = scratch;                                     /* [tile x cols] */
    REAL *row_gradient = errors + TRN_SWIVEL_TILE * col->count; /* [tile x d] */
    REAL *col_gradient = row_gradient + TRN_SWIVEL_TILE * dim;  /* [cols x d] */
    REAL *observed = col_gradient + col->count * dim;           /* [cols] */
    const int d = (int)dim, cols = (int)col->count;
    double loss = 0;
    for (int64_t first = 0; first < row->count; first += TRN_SWIVEL_TILE) {
        int64_t left = row->count - first;
        const int rows = (int)(left < TRN_SWIVEL_TILE ? left : TRN_SWIVEL_TILE);
        REAL *values = row->values + first * dim;
        GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, rows, cols, d, 1, values, d, col->values, d,
             0, errors, cols);
        loss += EPILOGUE(first, rows, cols, errors, row->bias + first, col->bias,
                         (REAL)rule->multiplier, &cells, end, observed);
        GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, d, cols, 1, errors, cols, col->values,
             d, 0, row_gradient, d);
        GEMM(CblasRowMajor, CblasTrans, CblasNoTrans, cols, d, rows, 1, errors, cols, values, d,
             first > 0, col_gradient, d);
        OPTIMISE(rule, rows * dim, values, row->accumulator + first * dim, row_gradient);
    }
    OPTIMISE(rule, col->count * dim, col->values, col->accumulator, col_gradient);
    return rule->multiplier * loss;
}
