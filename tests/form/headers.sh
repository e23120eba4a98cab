# Headers stand alone: each compiles by itself, as C11 and without a warning, so that the umbrella
# header may include them in any order; and all public ones together, in C and in C++, so that no name
# is taken twice. (What includes store_hdf_impl.h, private to two rooms, needs HDF5's flags.)
. "$(dirname "$0")/lib.sh" || exit 1

command -v mpicc >/dev/null || skip "mpicc is not installed"

public() { # an #include of each
    find src/base src/kern src/text src/graph src/model src/algo mpi io -name '*.h' ! -name '*_impl.h' |
        sed -E 's/^src\///; s/.*/#include "&"/'
}

check() {
    local file flags="-Wall -Wextra -Werror -fsyntax-only -Isrc -I." together
    cd "$1" || exit
    # The C++ part of MPI, which few still have, is none of ours.
    together=$({
        # shellcheck disable=SC2086 # words are wanted
        public | mpicc -std=c11 $flags -x c - 2>&1
        # shellcheck disable=SC2086
        ! command -v mpicxx >/dev/null || public |
            mpicxx -std=c++17 $flags -DOMPI_SKIP_MPICXX -DMPICH_SKIP_MPICXX -x c++ - 2>&1
    } | grep -E '(error|warning):' || true)
    [ -z "$together" ] || { echo "$together"; return; }
    find src/*/ mpi io -name '*.h' ! -name '*_hdf_impl.h' | sort | while read -r file; do
        # shellcheck disable=SC2086
        mpicc -std=c11 $flags -x c "$file" 2>&1 |
            grep -E '(error|warning):' | grep -v 'pragma once in main file' || true
    done
}

plant_missing_include() { echo 'int trn_planted(int64_t n);' >"$1/src/cli/planted.h"; }
plant_name_taken_twice() { echo 'typedef int trn_status_t;' >"$1/src/base/planted.h"; }
plant_no_cxx() { echo 'static inline char *trn_planted(void *class) { return class; }' >"$1/src/base/planted.h"; }

form_test
