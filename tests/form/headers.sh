# Headers stand alone: each compiles by itself, as C11 and without a warning, so that the umbrella
# header may include them in any order. (store_hdf_impl.h, private to the store, needs HDF5's flags.)
. "$(dirname "$0")/lib.sh" || exit 1

command -v mpicc >/dev/null || skip "mpicc is not installed"

check() {
    local file
    (cd "$1" && find src/*/ mpi io -name '*.h' ! -name store_hdf_impl.h | sort | while read -r file; do
        mpicc -std=c11 -Wall -Wextra -Werror -fsyntax-only -Isrc -I. -x c "$file" 2>&1 |
            grep -E '(error|warning):' | grep -v 'pragma once in main file' || true
    done)
}

plant_missing_include() { echo 'int trn_planted(int64_t n);' >"$1/src/base/planted.h"; }

form_test
