#!/bin/sh
# English text out of Debian itself: the definitions of the Collaborative International Dictionary
# of English (package dict-gcide) and of WordNet (wordnet-base), to stdout, one definition a line,
# each led by the word that it defines; lower case, tokens [a-z]+ and [0-9]+.
#   dictionary-text.sh DIR     DIR keeps the downloaded packages; nothing is installed
set -eu
export LC_ALL=C
mkdir -p "$1"
cd "$1"

# Unpack a package here unless the machine has it installed; print where its files begin.
unpack() { # PACKAGE FILE
    if [ -f "$2" ]; then return; fi
    if [ ! -f ".$2" ]; then
        apt-get -qq download "$1" 2>/dev/null ||
            { echo "dictionary-text.sh: cannot download $1; run apt-get update" >&2; exit 1; }
        dpkg-deb -x "$1"_*.deb .
    fi
    pwd
}

gcide=/usr/share/dictd/gcide.dict.dz
wordnet=/usr/share/wordnet/data
gcide_root=$(unpack dict-gcide $gcide)
wordnet_root=$(unpack wordnet-base $wordnet.noun)

# Entries begin in the first column, their definitions are indented paragraphs. In brackets stand
# accents ([=a], [ae]) and sources ([1913 Webster]), between backslashes the pronunciation, behind
# two dashes the author of a quotation.
gzip -dc <"$gcide_root$gcide" | awk '
    function flush() {
        if (text != "" && word != "") print lead text
        text = ""
        lead = word " " # the first paragraph names it already
    }
    /^00-database/ { word = ""; text = ""; next }
    /^[A-Za-z]/ {
        flush()
        word = $0
        sub(/ *(\\|\[|\(|,).*/, "", word)
        lead = ""
    }
    /^$/ { flush(); next }
    { sub(/^ +/, ""); text = text " " $0 }
    END { flush() }' |
    sed -E 's/\\[^\\]*\\//g; s/\[[^][a-zA-Z]?([a-zA-Z]{1,2})[^][a-zA-Z]?\]/\1/g
            s/\[[^][]*\]//g; s/\[[^][]*\]//g; s/--[A-Z][^.]*\.?//g; s/ [0-9]+\. / /' >gcide.raw

# offset file type COUNT (word number)... relations | definition; COUNT is hexadecimal
for part in noun verb adj adv; do cat "$wordnet_root$wordnet.$part"; done | awk '
    BEGIN { digits = "0123456789abcdef" }
    !/^ / {
        count = 16 * (index(digits, substr($4, 1, 1)) - 1) + index(digits, substr($4, 2, 1)) - 1
        words = ""
        for (i = 0; i < count; i++) words = words " " $(5 + 2 * i)
        gsub(/_/, " ", words)
        print words " " substr($0, index($0, "|") + 1)
    }' >wordnet.raw

# Tokens; single letters other than "a" and "i" are abbreviations ("n.", "v. t.").
cat gcide.raw wordnet.raw | tr '[:upper:]' '[:lower:]' | sed -E "s/([a-z])'s /\\1 s /g; s/'//g" |
    tr -c 'a-z0-9\n' ' ' | awk '
    {
        line = ""; count = 0
        for (i = 1; i <= NF; i++)
            if (length($i) > 1 || $i ~ /[ai0-9]/) { line = line " " $i; count++ }
        if (count >= 5) print substr(line, 2)
    }'
rm gcide.raw wordnet.raw
