# Every function of a public header has a comment directly above its group of declarations, and that
# comment (or the one at the head of the file: "All functions Local") says Local or Collective. A
# header named x_impl.h is private to its module and left out.
. "$(dirname "$0")/lib.sh" || exit 1

# A group is what no blank line divides.
check() {
    (cd "$1" && find src/*/ mpi io -name '*.h' ! -name '*_impl.h' | sort | while read -r file; do
        awk -v file="$file" '
            /^\/\*/ { comment = ""; inside = 1 }
            inside {
                comment = comment $0 " "
                if (/\*\//) inside = 0
                if (FNR < 25 && comment ~ /All functions (are )?(Local|Collective)/) whole = 1
                next
            }
            /^[[:space:]]*$/ { comment = ""; next }
            /^(typedef|struct|enum|union|extern|#|\}|static inline)/ { next }
            /^[a-z].*\(/ && !/\\$/ {
                split($0, words, "("); count = split(words[1], parts, /[ *]+/)
                name = parts[count]
                if (comment == "") print file ":" FNR ": " name " has no comment above it"
                else if (!whole && comment !~ /(Local|Collective)/)
                    print file ":" FNR ": the comment of " name " says neither Local nor Collective"
            }' "$file"
    done)
}

plant_no_comment() {
    sed -i 's|^double trn_seconds|\n&|' "$1/src/base/clock.h"
}
plant_no_collectivity() {
    printf '\n/* Adds. */\nint trn_planted(int a,\n                int b);\n' >>"$1/mpi/dist.h"
}

form_test
