# No verb writes what it reads, and none takes the first of two values: every verb and benchmark, with
# each option or argument that names a file to be written set to each file that it reads, by several
# names; and with each option given twice. The tables of the program say which (`list --tables`), so a
# new verb is covered by its small job in lib_verbs.sh. All of it is refused before MPI starts.
. "$(dirname "$0")/lib_verbs.sh" || exit 1
unset OMPI_COMM_WORLD_RANK PMIX_RANK PMI_RANK MV2_COMM_WORLD_RANK SLURM_PROCID
"$TRUNNION" list --tables >"$scratch/tables" || fail "no tables"

# Rows of a verb: NAME TYPE USE SAMPLE LETTER.
rows() { # VERB
    awk -F '\t' -v OFS='\t' -v verb="$1" '$1 == verb { print $2, $3, $4, $5, $6 }' "$scratch/tables"
}

# Sort a job's words: inputs[], where its outputs stand in words[], and the options that it gives.
look() {
    local i place=0 name type use list=
    inputs=() outputs=() given=" "
    for ((i = start; i < ${#words[@]}; i++)); do
        case ${words[i]} in
        --*) name=${words[i]} ;;
        -?) name=$(awk -F '\t' -v letter="${words[i]}" '$5 == letter { print $1 }' <<<"$table") ;;
        *)
            if [ -n "$list" ]; then
                [ "$list" = read ] && inputs+=("${words[i]}")
                continue
            fi
            place=$((place + 1))
            use=$(awk -F '\t' -v at=$place '$1 ~ /^[0-9]+$/ && $1 <= at { use = $3 } END { print use }' <<<"$table")
            case $use in
            read) inputs+=("${words[i]}") ;;
            written) outputs+=("$i") ;;
            esac
            continue
            ;;
        esac
        list=
        given+="$name "
        IFS=$'\t' read -r _ type use _ < <(grep -e "^$name	" <<<"$table")
        case $type in
        bool | '') continue ;;
        list) list=$use && continue ;;
        esac
        i=$((i + 1))
        case $use:${words[i]} in
        read:*/*) inputs+=("${words[i]}") ;; # words such as "self" are no files
        written:*) outputs+=("$i") ;;
        esac
    done
}

refused() { # WHAT PATTERN ARGUMENT...
    expect 2 "$1" "$TRUNNION" "${@:3}" && expect_message "$1" "$2"
}

# Every name by which something could be written over FILE.
names_of() { # FILE
    local file=$1 name
    name=$(basename "$file")
    ln -s "$file" "$scratch/names/link-$name"
    ln "$file" "$scratch/names/hard-$name"
    printf '%s\n' "$file" "$(dirname "$file")/./$(basename "$file")" \
        "$scratch/names/link-$name" "$scratch/names/hard-$name"
}

all_outputs() { # each output of this verb as each of its inputs
    local file name i other option use
    for file in "${inputs[@]}"; do
        while read -r name; do
            for i in "${outputs[@]}"; do
                changed=("${words[@]}")
                changed[i]=$name
                refused "$verb with $name as its output" "would be written" "${changed[@]}"
            done
            while IFS=$'\t' read -r option _ use _ _; do
                case $option:$use in
                --*:written | --*:appended | --*:either) ;;
                *) continue ;;
                esac
                [[ $given == *" $option "* ]] ||
                    refused "$verb $option $name" "would be written|cannot open|ending|effect" \
                        "${words[@]}" "$option" "$name"
            done <<<"$table"
        done < <(names_of "$file")
        rm "$scratch"/names/*
    done
    # Other files that it could read, and two outputs with one name.
    while IFS=$'\t' read -r option _ use _ _; do
        case $option:$use in
        --*:read | --*:either) echo "# nothing" >"$scratch/names/other" ;;
        *) continue ;;
        esac
        [[ $given == *" $option "* ]] && continue
        refused "$verb $option with a trace there" "would be written|effect|either|only one of" "${words[@]}" \
            "$option" "$scratch/names/other" --trace "$scratch/names/other"
        expect_equal "$verb $option: the file" "$(cat "$scratch/names/other")" "# nothing"
    done <<<"$table"
    for other in --output --checkpoint --log-json; do
        grep -q -e "^$other	" <<<"$table" || continue
        [[ $given == *" $other "* ]] && continue
        refused "$verb $other and --trace as one" "would be written|effect" "${words[@]}" \
            "$other" "$scratch/names/new" --trace "$scratch/names/new"
    done
    for i in "${outputs[@]}"; do
        refused "$verb with its output as trace" "would be written|ending" "${words[@]}" \
            --trace "${words[i]}"
        refused "$verb with its lock as log" "would be written" "${words[@]}" \
            --log-json "${words[i]}.lock"
    done
    rm -f "$scratch"/names/*
}

twice() {
    local option type sample
    while IFS=$'\t' read -r option type _ sample _; do
        case $option:$type in
        --*:list | [0-9]*) continue ;;
        --*:bool) refused "$verb $option twice" "$option: given twice" "${words[@]}" "$option" "$option" ;;
        *)
            refused "$verb $option twice" "$option: given twice, as" "${words[@]}" \
                "$option" "$sample" "$option" "$sample"
            ;;
        esac
    done <<<"$table"
}

try() { # ARGUMENT...
    local i before
    words=("$@") verb=$1 start=1
    [ "$1" = bench ] && verb="$1 $2" start=2
    table=$(rows "$verb")
    look
    [ ${#inputs[@]} -gt 0 ] || [ "${verb%% *}" = bench ] || fail "$verb: its job reads no file"
    for file in "${inputs[@]}"; do
        [ -e "$file" ] || echo "not read: $file" >"$file"
    done
    rm -f "$work"/*
    before=$(sha256sum "${inputs[@]}" </dev/null)
    all_outputs
    twice
    expect_equal "$verb: its inputs" "$(sha256sum "${inputs[@]}" </dev/null)" "$before"
    expect_equal "$verb: files left in its folder" "$(ls -A "$work")" ""
    for i in "${outputs[@]}"; do
        echo "by $verb" >"${words[i]}" # for `keep`, and the jobs that read it
    done
}

# What every_verb itself runs, to make a log.
ranks() {
    echo '{}' >"$scratch/log.jsonl"
}

mkdir "$scratch/names"
every_verb try

# By names made of the output's -----------------------------------------------------------------------
cd "$scratch" || exit 1
mkdir derived
for name in M.h5.lock M.h5.prev M.h5.best M.h5.checkpoint M.h5.checkpoint.prev; do
    echo graph >"derived/$name"
    refused "a graph called $name" "derived/$name would be written, but it is G.h5, derived/$name" \
        kg-train "derived/$name" -o derived/M.h5
    expect_equal "the graph $name" "$(cat "derived/$name")" graph
    rm "derived/$name"
done
echo log >derived/x.checkpoint.prev
refused "a log where the checkpoint goes" "would be written" kg-train g.h5 -o m.h5 \
    --checkpoint derived/x.checkpoint --log-json derived/x.checkpoint.prev
refused "words of a .npy file" "OUT: derived/e.npy.vocab would be written" convert derived/e.npy \
    derived/e.npy.vocab --to glove
mkdir derived/wordnet
for file in noun verb adj adv; do echo x >derived/wordnet/data.$file; done
refused "a file of WordNet" "data.verb would be written, but it is --wordnet" kg-import \
    --wordnet derived/wordnet -o derived/g.h5 --log-json derived/wordnet/data.verb
# A file and its .prev are one for a moment when a job is killed while it renames.
echo old >derived/r.h5 && ln derived/r.h5 derived/r.h5.prev
expect 0 "an output that is its own .prev" "$TRUNNION" cooccur "$scratch/corpus.txt" -o derived/r.h5 \
    --min-count 1 --quiet

# A link as output: what it leads to is written -------------------------------------------------------
mkdir links links/there
ln -s there/s.h5 links/s.h5
ln -s ../links/s.h5 links/again.h5
printf '%%%%MatrixMarket matrix array real general\n2 2\n1\n0\n0\n2\n' >links/a.mtx
expect 0 "an output through two links" "$TRUNNION" eig links/a.mtx -o links/again.h5 --json --quiet
expect_equal "what is printed" "$(grep -o '"output": "[^"]*"' "$scratch/out")" '"output": "links/again.h5"'
expect_equal "the link" "$(readlink links/again.h5)" ../links/s.h5
expect 0 "the file" "$TRUNNION" info links/there/s.h5
expect_only "the folder of the file" links/there s.h5
expect 0 "again, over the file" "$TRUNNION" eig links/a.mtx -o links/s.h5 --quiet
expect_equal "the link still" "$(readlink links/s.h5)" there/s.h5
ln -s loop.h5 links/pool.h5 && ln -s pool.h5 links/loop.h5
expect 5 "links in a circle" "$TRUNNION" eig links/a.mtx -o links/loop.h5
ln -s there/s.h5 links/s.npy
refused "a link by another ending" "whose ending is another" gram links/a.mtx -o links/s.npy

# Ending and content ----------------------------------------------------------------------------------
refused "a store called .npy" "output: s.npy: the ending promises .* end the name in .h5 .hdf5" \
    svd links/a.mtx -o s.npy
refused "a store called .TXT" "the ending promises" cooccur corpus.txt -o counts.TXT
refused "a store called .gz" "the ending promises" nodepiece g.h5 -o n.h5.gz
refused "a trace called .h5" "trace: t.h5: the ending promises" eig links/a.mtx -o e.h5 --trace t.h5
refused "a page called .json" "the ending promises" report log.jsonl -o page.json
# Options that only the file shows to have no effect ---------------------------------------------------
printf 'a 1 2\nb 2 1\n' >links/v.glove
printf 'a\nb\n' >links/list
refused "a tolerance where auto takes Gram" "--tolerance: has no effect on the Gram method" \
    svd links/a.mtx -o links/t.h5 --method auto --tolerance 1e-3 --quiet
expect 0 "a dense matrix" "$TRUNNION" gram links/a.mtx -o links/a.npy --quiet
refused "the same of a dense one" "--max-steps: has no effect" svd links/a.npy -o links/t.h5 \
    --max-steps 9 --quiet
refused "words for GloVe" "--vocab: has no effect on a file that has its words" neighbors \
    links/v.glove a --vocab links/list --quiet
refused "words to evaluate GloVe by" "--vocab: has no effect" words-eval links/v.glove \
    --similarity "$scratch/pairs.ws.tsv" --vocab links/list --quiet
refused "words between GloVe and word2vec" "--vocab: has no effect where both files have" convert \
    links/v.glove links/v.txt --vocab links/list --quiet
refused "misfits of vectors" "--misfits: has no effect on vectors" convert links/v.glove links/v.h5 \
    --misfits warn --quiet
expect 0 "a type of vectors" "$TRUNNION" convert links/v.glove links/v.h5 --type f64 --quiet
refused "words of a matrix" "--long-words: has no effect on a matrix" convert links/a.mtx \
    links/b.mtx --long-words cut --quiet
expect 0 "an ending that means nothing" "$TRUNNION" eig links/a.mtx -o links/plain.result --quiet
finish
