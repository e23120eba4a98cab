# Files of at most 500 lines, functions of at most 120: what a reader can hold. clang-format puts the
# brace that ends a function, and no other, into the first column.
. "$(dirname "$0")/lib.sh" || exit 1

max_file=500
max_function=120

check() {
    local file
    (cd "$1" && { c_files .; shell_files .; } | while read -r file; do
        awk -v file="$file" -v most="$max_file" \
            'END { if (NR > most) print file ":" NR ": " NR " lines, at most " most }' "$file"
    done)
    (cd "$1" && c_files . | while read -r file; do
        awk -v file="$file" -v most="$max_function" '
            /^[a-zA-Z].*\(/ { start = FNR; body = 0 }
            start && !body && /;$/ { start = 0 } # only declared
            start && /\{$/ { body = 1 }
            start && body && /^}/ {
                if (FNR - start + 1 > most)
                    print file ":" start ": a function of " FNR - start + 1 " lines, at most " most
                start = 0
            }' "$file"
    done)
}

plant_long_file() {
    for line in $(seq 501); do echo "int planted_$line;"; done >"$1/src/base/planted.c"
}
plant_long_function() {
    {
        echo 'void planted(void) {'
        for _ in $(seq 119); do echo '    ;'; done
        echo '}'
    } >"$1/io/planted.c"
}

form_test
