#!/bin/sh
# Which lines of src, mpi and io the tests reach: runs them on the preset coverage (an hour and more on
# two cores), then prints one line a file, worst first, and one a directory. Arguments go to ctest,
# such as -L unit; without any: all but those of form and Slurm, at no more than 3 ranks.
# The missing lines themselves: gcovr --root . --object-directory build/coverage --filter FILE
set -eu
cd "$(dirname "$0")/../.."
command -v gcovr >/dev/null || { echo "skipped: gcovr is not installed"; exit 77; }
[ $# -gt 0 ] || set -- -E '^form_|^slurm_|_([4-9]|1[0-9])$'
cmake --preset coverage >/dev/null
cmake --build build/coverage -j "$(nproc)" >/dev/null
find build/coverage -name '*.gcda' -delete
(cd build/coverage && ctest --output-on-failure "$@") || echo "some tests failed; what they reached counts"
gcovr --root . --object-directory build/coverage --filter 'src/' --filter 'mpi/' --filter 'io/' \
    --gcov-ignore-parse-errors --csv >build/coverage/lines.csv
awk -F, 'NR > 1 && $2 {
    printf "%6.1f %% of %5d lines  %s\n", 100 * $3 / $2, $2, $1 | "sort -n"
    place = $1
    sub("/[^/]*$", "", place)
    split("all " place, places, " ")
    for (i in places) lines[places[i]] += $2, reached[places[i]] += $3
}
END {
    close("sort -n")
    for (place in lines)
        printf "%6.1f %% of %5d lines  %s/\n", 100 * reached[place] / lines[place], lines[place], place
}' build/coverage/lines.csv
