# report: a page out of event logs: curves, scaling, phases, benchmarks; cut-off and wrong logs.
. "$(dirname "$0")/lib_program.sh" || exit 1
need report kg-import kg-train
work=$scratch/work
mkdir "$work"
log=$scratch/runs.jsonl page=$work/page.html
awk 'BEGIN {for (i = 0; i < 60; i++) print "e" i "\tr\te" (i + 7) % 60}' >"$scratch/train.tsv"
expect 0 "a graph" ranks 1 kg-import --train "$scratch/train.tsv" -o "$scratch/g.h5"
for n in 1 3; do
    expect 0 "training on $n ranks" ranks $n kg-train "$scratch/g.h5" -o "$scratch/m$n.h5" --dim 8 \
        --epochs 5 --negatives 10 --log-json "$log"
    expect 0 "a benchmark on $n ranks" ranks $n bench gemm 40x50x60 --repeat 1 --log-json "$log"
done

shows() { # NAME TEXT TIMES
    expect_equal "$1" "$(grep -c -F -- "$2" "$page" || true)" "$3"
}
expect 0 "report" ranks 2 report "$log" -o "$page" || finish
expect_only "report" "$work" page.html
shows "learning curve" '<title>kg-train: loss</title>' 1
shows "scaling" '<title>Speed-up of runs alike' 1
shows "both kinds scale" ' as #' 2
shows "phases" ': kg-train</title>' 2
shows "cases" '<th>gflops</th>' 2
shows "runs" '<td class="text">ok</td>' 4
expect_equal "no other file is needed" "$(grep -c 'http\|src=\|@import' "$page" || true)" 0
expect 0 "the page is well-formed" python3 - "$page" <<'END'
import html.parser, sys
class Check(html.parser.HTMLParser):
    stack = []
    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "path", "rect", "circle"): self.stack.append(tag)
    def handle_endtag(self, tag):
        if tag not in ("path", "rect", "circle"): assert self.stack.pop() == tag, tag
check = Check()
check.feed(open(sys.argv[1]).read())
assert not check.stack
END

head -c -40 "$log" >"$scratch/cut.jsonl" # as a killed job leaves it
expect 0 "a log that is cut off" ranks 1 report "$scratch/cut.jsonl" -o "$page"
shows "a run without its end" 'no end' 1
rm "$page"
printf '%s\nhello\n' "$(head -n 1 "$log")" | cat - "$log" >"$scratch/mixed.jsonl"
echo '{"event": "epoch", "epoch": 1}' >"$scratch/headless.jsonl"
: >"$scratch/empty.jsonl"
bad() { # NAME FILE MESSAGE
    expect 3 "$1" ranks 2 report "$scratch/$2" -o "$page" && expect_message "$1" "$3"
    expect_only "$1" "$work"
}
bad "text in a log" mixed.jsonl 'mixed.jsonl:2: no JSON object'
bad "an event of no run" headless.jsonl 'headless.jsonl:1: an event before any manifest'
bad "an empty log" empty.jsonl 'empty.jsonl: holds no run'
bad "a binary file" g.h5 'g.h5: is an HDF5 file, not text'
# The work grows with the runs as they do, however many kinds there are: calls of the JSON library,
# counted by one loaded before it.
cc=$(command -v cc || command -v gcc) || skip "there is no compiler to count calls with"
cat >"$scratch/count.c" <<'COUNT'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
static long calls;
#define COUNT(type, name, parameters, ...)                                                         \
    type name parameters {                                                                         \
        static type(*real) parameters;                                                             \
        if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name);                                      \
        calls++;                                                                                   \
        return real(__VA_ARGS__);                                                                  \
    }
COUNT(void *, json_object_get, (const void *object, const char *key), object, key)
COUNT(void *, json_array_get, (const void *array, size_t i), array, i)
COUNT(int, json_equal, (const void *a, const void *b), a, b)
COUNT(void *, json_copy, (void *value), value)
__attribute__((destructor)) static void tell(void) { fprintf(stderr, "calls %ld\n", calls); }
COUNT
"$cc" -shared -fPIC -o "$scratch/count.so" "$scratch/count.c" -ldl || fail "cannot compile the counter"
many_runs() { # COUNT: each of a verb and of parameters that few others have
    awk -v count="$1" 'BEGIN {
        for (i = 0; i < count; i++) {
            printf "{\"event\":\"manifest\",\"verb\":\"v%d\",\"ranks\":%d,\"threads\":1,", i % (count / 4), i % 3 + 1
            printf "\"parameters\":{\"k\":%d,\"output\":\"o%d\"}}\n", i % (count / 2), i
            for (e = 0; e < 3; e++) printf "{\"event\":\"epoch\",\"epoch\":%d,\"loss\":%d}\n", e, 9 - e
            print "{\"event\":\"summary\",\"exit\":0,\"total_seconds\":" i % 7 + 1 "}"
        }
    }'
}
calls_for() { # COUNT
    many_runs "$1" >"$scratch/many.jsonl"
    LD_PRELOAD=$scratch/count.so "$TRUNNION" report "$scratch/many.jsonl" -o "$page" 2>&1 >/dev/null |
        awk '$1 == "calls" { sum += $2 } END { print sum }' # processes that MPI starts count too
}
few=$(calls_for 400) many=$(calls_for 1600)
checks=$((checks + 1))
if [ "$few" -lt 1000 ] || [ "$many" -gt $((few * 5)) ]; then
    fail "report makes $few calls for 400 runs, $many for 1600: that is not in proportion"
fi
shows "a line for each kind that scales" ' as #' 800
rm "$page"
expect 2 "no output" ranks 1 report "$log"
finish
