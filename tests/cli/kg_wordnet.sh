# kg-import --wordnet: a hand-made WordNet fact by fact, the same file on any number of ranks, damaged
# files, and Debian's wordnet-base against a reader of its own in Python where it is installed.
. "$(dirname "$0")/lib_program.sh" || exit 1
need kg-import
need_python
work=$scratch/work
mkdir "$work" "$scratch/wn"
cd "$scratch" || exit 1

# Synsets as FILE KEY TYPE WORDS POINTERS [FRAMES], pointers as SYMBOL KEY; offsets are made here.
cat >make.py <<'END'
licence = "  1 This stands for the licence.  \n"
synsets = [
    ("noun", "entity", "n", ["entity"], [("~", "dog"), ("~", "cat")]),
    ("noun", "dog", "n", ["dog", "domestic_dog"], [("@", "entity"), ("%p", "tail"), ("+", "bark"),
                                                   ("+", "bark"), ("#m", "pack")]),
    ("noun", "cat", "n", ["cat"], [("@", "entity"), ("!", "dog")]),
    ("noun", "tail", "n", ["tail"], [("#p", "dog")]),
    ("noun", "pack", "n", ["pack"], [("%m", "dog"), ("@i", "entity")]),
    ("noun", "lonely", "n", ["lonely"], []),
    ("verb", "bark", "v", ["bark"], [("+", "dog"), ("*", "sound"), ("$", "sound")]),
    ("verb", "sound", "v", ["sound"], [("$", "bark")]),
    ("adj", "loud", "a", ["loud(p)"], [("&", "noisy"), ("=", "dog")]),
    ("adj", "noisy", "s", ["noisy(a)"], [("&", "loud")]),
    ("adv", "loudly", "r", ["loudly"], [("\\", "loud"), (";c", "dog")]),
]
letter = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}
file_of = {key: file for file, key, *_ in synsets}

def line(offset, synset):
    file, key, kind, words, pointers = synset
    text = "%08d 03 %s %02x %s %03d " % (offset[key], kind, len(words),
                                         " ".join(w + " 0" for w in words), len(pointers))
    for symbol, to in pointers:
        text += "%s %08d %s 0000 " % (symbol, offset[to], letter[file_of[to]])
    return text + ("02 + 02 00 + 08 01 " if file == "verb" else "") + "| what it means  \n"

offset = dict.fromkeys(file_of, 0)
for file in letter:
    at = len(licence)
    for synset in synsets:
        if synset[0] == file:
            offset[synset[1]] = at
            at += len(line(offset, synset))
for file in letter:
    with open("wn/data." + file, "w") as out:
        out.write(licence + "".join(line(offset, s) for s in synsets if s[0] == file))
END
# The facts of a graph, one line each, numbers of places left out of the names.
cat >show.py <<'END'
import re, sys, h5py
f = h5py.File(sys.argv[1])
e, r = ([n.decode() for n in f[k + "/names"][:]] for k in ("entity", "relation"))
bare = (lambda name: name) if len(sys.argv) > 2 else lambda name: re.sub(r"\.\d{8}$", "", name)
for split in ("train", "valid", "test"):
    for h, k, t in f[split][:].tolist():
        print(split, bare(e[h]), r[k], bare(e[t]))
END
"$python" make.py || finish
cat >wanted <<'END'
train dog.n hypernym entity.n
train dog.n part_meronym tail.n
train dog.n derivationally_related bark.v
train cat.n hypernym entity.n
train cat.n antonym dog.n
train pack.n member_meronym dog.n
train pack.n instance_hypernym entity.n
train bark.v derivationally_related dog.n
train bark.v entailment sound.v
train bark.v verb_group sound.v
train sound.v verb_group bark.v
train loud.a similar_to noisy.a
train loud.a attribute dog.n
train noisy.a similar_to loud.a
train loudly.r derived_from_adjective loud.a
train loudly.r domain_topic dog.n
END
for n in 1 2 3 4 7; do
    expect 0 "small WordNet, $n ranks" ranks $n kg-import --wordnet wn -o small.h5 || continue
    expect_equal "facts, $n ranks" "$("$python" show.py small.h5)" "$(cat wanted)"
    sha256sum small.h5 >>sums
done
expect_equal "the same file on 1 2 3 4 7 ranks" "$(sort -u sums | wc -l)" 1
expect_equal "a name" "$("$python" show.py small.h5 whole | sed -n 1p)" \
    "train dog.n.$(grep domestic_dog wn/data.noun | cut -c 1-8) hypernym entity.n.$(grep " entity " wn/data.noun | cut -c 1-8)"
expect 0 "with inverses" ranks 2 kg-import --wordnet wn --inverses -o more.h5
expect_equal "with inverses" "$("$python" show.py more.h5 | grep -vxFf wanted)" \
    "train entity.n hyponym dog.n
train entity.n hyponym cat.n
train dog.n member_holonym pack.n
train tail.n part_holonym dog.n"
expect 0 "a split" ranks 3 kg-import --wordnet wn --split 0.25 0.125 \
    --allow-unseen -o split.h5
expect_equal "a split" "$("$python" show.py split.h5 | cut -d ' ' -f 1 | uniq -c | tr -s ' \n' ' ')" \
    " 10 train 4 valid 2 test "

# Damaged files ---------------------------------------------------------------------------------------
bad() { # CODE WHAT PATTERN EDIT-OF-data.noun ARGUMENT...
    rm -rf "$scratch/bad"
    cp -r "$scratch/wn" "$scratch/bad"
    sed -i "$4" bad/data.noun
    for n in ${counts:-3}; do
        expect "$1" "$2, $n ranks" ranks "$n" kg-import --wordnet bad -o "$work/g.h5" "${@:5}" &&
            expect_message "$2, $n ranks" "$3"
        expect_only "$2, $n ranks" "$work"
    done
}
counts="1 3 7"
bad 3 "a line cut short" 'bad/data.noun:4: the line ends before' '4s/ n 0000 |.*//'
counts=3
bad 3 "a line cut in a number" "bad/data.noun:7: '00' stands where the number of pointers" '7s/000 | .*/00/'
bad 3 "too few pointers counted" 'bad/data.noun:6: .*gloss was expected; a count is wrong' \
    '6s/ 002 / 001 /'
bad 3 "too many pointers counted" 'bad/data.noun:4: .*a pointer.s offset' '4s/ 002 / 003 /'
bad 3 "too many words counted" "bad/data.noun:3: '@' stands where a word's sense" '3s/ n 02 / n 03 /'
bad 3 "an unknown symbol" "bad/data.noun:6: unknown pointer symbol '%q'" '6s/%m/%q/'
bad 3 "a pointer to nowhere" 'bad/data.noun:6: a pointer leads to byte 99999999' \
    '6s/@i [0-9]*/@i 99999999/'
bad 3 "another part of speech" "bad/data.noun:4: unknown part of speech 'x'" '4s/ n 0000 |/ x 0000 |/'
bad 3 "a letter more before" 'bad/data.noun:2: the synset calls itself 00000035 but stands at byte 36' \
    '1s/^/ /'
bad 3 "an empty line" 'bad/data.noun:3: the line ends before' '3s/.*//'
mkdir none
for file in noun verb adj adv; do
    head -n 1 wn/data.noun >none/data.$file
done
expect 3 "no synsets" ranks 3 kg-import --wordnet none -o "$work/g.h5"
expect_message "no synsets" 'none: no pointers in data.noun'
bad 2 "WordNet and a file" 'only one of --train --wordnet' '' --train wanted
rm bad/data.adj
expect 3 "a missing file" ranks 2 kg-import --wordnet bad -o "$work/g.h5"
expect_message "a missing file" 'bad/data.adj'
expect 3 "no such folder" ranks 2 kg-import --wordnet absent -o "$work/g.h5"
expect_message "no such folder" 'absent/data.noun'
expect 2 "--inverses alone" ranks 1 kg-import --train wanted --inverses -o "$work/g.h5"
expect_only "nothing left" "$work"

# The real one, read once more by other means --------------------------------------------------------
real=/usr/share/wordnet
if [ ! -f "$real/data.noun" ]; then
    echo "not checked: WordNet itself, because Debian's wordnet-base is not installed"
    finish
fi
cat >read.py <<'END'
import sys
inverse = {"~", "~i", "#m", "#s", "#p", "-c", "-r", "-u"}
facts, name = [], {}
for file, letter in (("noun", "n"), ("verb", "v"), ("adj", "a"), ("adv", "r")):
    for line in open(sys.argv[1] + "/data." + file):
        f = line.split()
        if line[0] == " ":
            continue
        name[f[0] + letter] = "%s.%s.%s" % (f[4].split("(")[0], letter, f[0])
        at = 4 + 2 * int(f[3], 16)
        for i in range(int(f[at])):
            symbol, offset, to = f[at + 1 + 4 * i:at + 4 + 4 * i]
            if symbol not in inverse:
                facts.append((f[0] + letter, symbol, offset + to))
seen = {}
for h, s, t in facts:
    key = name[h], "\\r" if s == "\\" and h[-1] == "r" else s, name[t]
    seen.setdefault(key, None)
for key in seen:
    print(key[0], key[2], key[1])
END
for n in 1 3; do
    expect 0 "WordNet, $n ranks" ranks $n kg-import --wordnet "$real" -o real.h5
    sha256sum real.h5 >>real_sums
done
expect_equal "WordNet: the same on 1 and 3 ranks" "$(sort -u real_sums | wc -l)" 1
"$python" read.py "$real" >expected
"$python" show.py real.h5 whole >got
expect 0 "WordNet: heads and tails, in order" cmp <(cut -d ' ' -f 1,2 expected) \
    <(cut -d ' ' -f 2,4 got)
expect_equal "WordNet: a relation for each symbol" \
    "$(paste -d ' ' expected got | awk '{print $3, $6}' | sort | uniq | awk '{a[$1]++; b[$2]++}
        END {for (k in a) if (a[k] > 1) print k; for (k in b) if (b[k] > 1) print k; print NR}')" 19
finish
