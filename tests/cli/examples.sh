# The examples in the help of every verb work, with files of the names that they use: each command runs
# as it is written, and every verb has two.
. "$(dirname "$0")/lib_program.sh" || exit 1
need cooccur swivel kg-import kg-train gram convert report
export PATH="$scratch/bin:$PATH"
mkdir "$scratch/bin" "$scratch/inputs" && ln -s "$TRUNNION" "$scratch/bin/trunnion"
cd "$scratch/inputs" || exit 1

must() {
    expect 0 "making inputs: $*" trunnion "$@" --quiet
}

# Rows of numbers as an array file of Matrix Market, column by column.
numbers() { # ROWS COLS
    awk -v m="$1" -v n="$2" 'BEGIN {
        print "%%MatrixMarket matrix array real general\n" m, n
        for (i = 1; i <= m * n; i++) print (i * 7919 % 1009) / 100 - 5
    }'
}

words() {
    make_corpus corpus.txt 300
    gzip -k corpus.txt
    printf 'common0 common1 5\ncommon0 common2 3\ncommon1 common2 1\n' >pairs.tsv
    printf ': all\ncommon0 common1 common2 common3\n' >analogies.txt
    printf 'common%d\t%d\n' 0 90 1 80 2 70 >counts.tsv
    printf 'first\tcommon0 common1\nsecond\tcommon2\n' >pieces.tsv
    printf 'common0\tcommon1\ncommon2\tcommon3\n' >antonyms.tsv
    must cooccur corpus.txt -o X.h5 --log-json first.jsonl
    must swivel X.h5 -o E.h5 --dim 8 --epochs 2 --log-json second.jsonl
    must convert E.h5 new.npy
    mkdir logs && cp first.jsonl logs
}

graphs() {
    awk 'BEGIN {
        for (i = 0; i < 60; i++) for (k = 1; k < 3; k++) print "e" i "\tr" k "\te" (i + k) % 60
    }' >facts.tsv
    awk 'NR % 10 > 1' facts.tsv >train.tsv
    awk 'NR % 10 == 0' facts.tsv >valid.tsv
    awk 'NR % 10 == 1' facts.tsv >test.tsv
    printf 'e1\tr1\t?\n?\tr2\te5\n' >questions.tsv
    printf '0 1\n1 2\n2 3\n3 1\n4 0\n' >edges.txt
    awk 'BEGIN { for (i = 0; i < 40; i++) for (k = 4; k < 16; k += 4) print i, (i + k) % 40 }' >monday.edges
    awk 'NR % 7 { print } !(NR % 7) { print $1, ($2 + 1) % 40 }' monday.edges >tuesday.edges
    seq 0 39 | awk '{ print $1 % 4 }' >teams.txt
    must kg-import --train train.tsv --valid valid.tsv --test test.tsv -o G.h5
    must kg-train G.h5 -o M.h5 --model complex --dim 8 --epochs 1
    must nodepiece G.h5 -o N.h5 --anchors 20 --nearest 3
    awk 'BEGIN { for (u = 0; u < 30; u++) { printf "%d", u; for (i = 1; i < 6 + u % 3; i++) printf " %d", (u * i + i * i) % 23; print "" } }' >seen.txt
    awk 'BEGIN { for (u = 0; u < 30; u++) print u, (u * 7 + 49) % 23 }' >held.txt
    must kg-train G.h5 -o D.h5 --model distmult --dim 8 --epochs 1
}

matrices() {
    numbers 90 20 >a.mtx
    numbers 20 15 >b.mtx
    must convert a.mtx A.npy
    must convert b.mtx B.npy
    must gram A.npy -o S.npy
    numbers 90 20 | awk 'NR < 3 { print; next } { print $1 * $1 * $1 % 7 }' >g.mtx # of full rank
    must convert g.mtx gradient.npy
    printf '7\n3\n80\n' >ids.txt
    seq 0 89 | sed 's|.$||; s|^$|0|' >labels.txt
    awk '{ print $1 % 4 }' labels.txt >truth.txt
    awk '{ print NR - 1, $1, 10 + NR % 2 }' labels.txt >groups.txt
    awk 'BEGIN { for (i = 0; i < 90; i++) print i, (i * 7 + 1) % 90 }' >links.txt
    must fit pca A.npy --rank 5 -o P.h5
    must apply P.h5 A.npy -o projected.npy
}

# One after the other in a fresh copy of the inputs, for the names of outputs are those of inputs.
try() { # VERB COMMAND
    local command=$2
    rm -rf "$scratch/work" && cp -r "$scratch/inputs" "$scratch/work" && cd "$scratch/work" || exit 1
    [ "${command#mpirun }" = "$command" ] || command="mpirun --oversubscribe ${command#mpirun }"
    expect 0 "$1: $command" bash "$TRUNNION_SOURCE/tests/limit.sh" "$(seconds)" bash -c "$command --quiet"
}

words
graphs
matrices
trunnion list --examples >"$scratch/examples"
while IFS=$'\t' read -r verb command; do
    try "$verb" "$command"
done <"$scratch/examples"
for verb in $(trunnion list --names | grep -v '^bench'); do
    expect_equal "examples of $verb" "$(cut -f 1 "$scratch/examples" | grep -cxF "$verb")" 2
done
expect 0 "help shows them" trunnion help gram
expect_equal "in help" "$(grep -c '^    trunnion gram' "$scratch/out")" 2
expect 0 "man shows them" trunnion man gram
expect_equal "in the man page" "$(grep -c '^.fBtrunnion gram A' "$scratch/out")" 2
finish
