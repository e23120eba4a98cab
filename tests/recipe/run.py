#!/usr/bin/python3
"""Run every command of a recipe page and compare what it prints with what the page says.

  run.py PAGE.md...     exit 0 all as written, 1 something else came out, 77 a thing the page needs is missing
  run.py --self-test    the comparison can fail

A page holds blocks fenced as ```console: a line "$ COMMAND" (a backslash carries it on, and a
here-document, <<'END', goes to its END), then the lines that it prints to stdout. Blocks run in order, in one empty folder of the page's own. "..." alone stands
for any lines, inside a line for any text. Other numbers agree when they differ by at most the page's
tolerance (<!-- tolerance: 0.05 -->, relative; without one they are equal); runs of blanks are one blank. A
command has to end with exit code 0 unless "[exit N]" follows its output.
<!-- needs: PATH... --> names files without which the page cannot run; a bare word is a program.
"""
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
SECONDS = 240  # of one command: pages are small


class Step:
    """One command with the lines that should follow it."""

    def __init__(self, command, line):
        self.command, self.line, self.expected, self.code = command, line, [], 0


def steps_of(text):
    steps, inside, more, until = [], False, False, None
    for number, line in enumerate(text.splitlines(), 1):
        if until:
            steps[-1].command += "\n" + line
            until = None if line == until else until
        elif line.startswith("```"):
            inside = not inside and line.strip() == "```console"
        elif inside and more:
            steps[-1].command += "\n" + line
            more = line.endswith("\\")
        elif inside and line.startswith("$ "):
            steps.append(Step(line[2:], number))
            more = line.endswith("\\")
            here = re.search(r"<<'(\w+)'", line)
            until = here and here.group(1)
        elif inside and re.fullmatch(r"\[exit \d+\]", line):
            steps[-1].code = int(line[6:-1])
        elif inside:
            steps[-1].expected.append(line)
    return steps


def close(said, got, tolerance):
    if said == got:
        return True
    a, b = float(said), float(got)
    return tolerance > 0 and math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance * 1e-3)


def same_line(said, got, tolerance):
    """Whether `got` is what the page says: word by word, numbers within the tolerance."""
    said, got = " ".join(said.split()), " ".join(got.split())
    pattern = ""
    numbers = []
    for part in re.split(r"(\.\.\.|(?<![\w.])" + NUMBER + r"(?![\w]))", said):
        if part == "...":
            pattern += ".*?"
        elif re.fullmatch(NUMBER, part or ""):
            pattern += "(" + NUMBER + ")"
            numbers.append(part)
        else:
            pattern += re.escape(part)
    match = re.fullmatch(pattern, got)
    return bool(match) and all(close(s, g, tolerance) for s, g in zip(numbers, match.groups()))


def same_output(said, got, tolerance):
    """Whether all lines agree; a line "..." takes any number of lines."""
    if not said:
        return not got
    if said[0].strip() == "...":
        return any(same_output(said[1:], got[i:], tolerance) for i in range(len(got) + 1))
    return bool(got) and same_line(said[0], got[0], tolerance) and \
        same_output(said[1:], got[1:], tolerance)


def missing(text):
    for names in re.findall(r"<!-- needs: (.*?) -->", text):
        for name in names.split():
            if not (os.path.exists(name) if "/" in name else shutil.which(name)):
                return name
    return None


def run_step(page, step, folder, tolerance):
    done = subprocess.run(["bash", "-c", "set -o pipefail\n" + step.command], cwd=folder,
                          capture_output=True, timeout=SECONDS, check=False)
    got = done.stdout.decode(errors="replace").splitlines()
    if done.returncode == step.code and same_output(step.expected, got, tolerance):
        return True
    print(f"{page}:{step.line}: $ {step.command}\n  exit code {done.returncode}, "
          f"the page says {step.code}; the page says:")
    print("\n".join("    " + line for line in step.expected), "\n  and there came:")
    print("\n".join("    " + line for line in got))
    print("\n".join("    stderr: " + line
                    for line in done.stderr.decode(errors="replace").splitlines()[-15:]))
    return False


def run_page(page):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    lacks = missing(text)
    if lacks:
        print(f"skipped: {page} needs {lacks}")
        return 77
    tolerance = float((re.findall(r"<!-- tolerance: (\S+) -->", text) or ["0"])[0])
    steps = steps_of(text)
    if not steps:
        print(f"{page}: no command block")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        for step in steps:
            if not run_step(page, step, folder, tolerance):
                return 1
    print(f"ok: {page}: {len(steps)} commands")
    return 0


def self_test():
    assert same_line("mrr  0.2165", "mrr 0.2170", 0.01) and not same_line("mrr 0.2165", "mrr 0.25", 0.01)
    assert same_line("seconds ...", "seconds 1.5", 0) and not same_line("hits 1", "hits1", 0)
    assert not same_line("a 1", "a 1 2", 0) and same_line("w2v e1", "w2v e1", 0)
    assert not same_line("e12", "e13", 0.5)  # a number inside a word is a word
    assert same_output(["a", "...", "b"], ["a", "x", "y", "b"], 0)
    assert not same_output(["a", "b"], ["a"], 0) and not same_output(["a"], ["a", "b"], 0)
    with tempfile.TemporaryDirectory() as folder:
        def page(text):
            name = os.path.join(folder, "page.md")
            with open(name, "w", encoding="utf-8") as file:
                file.write(text)
            return run_page(name)
        assert page("```console\n$ echo 1 \\\n  2\n1 2\n$ false\n[exit 1]\n```\n") == 0
        assert page("```console\n$ cat <<'END'\n$ x\nEND\n...\n$ true\n```\n") == 0
        assert page("```console\n$ echo 1\n2\n```\n") == 1 and page("```console\n$ false\n```\n") == 1
        assert page("<!-- needs: /no/such -->\n```console\n$ true\n```\n") == 77
        assert page("no block\n") == 1
    print("ok: the comparison notices what differs")
    return 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    # The program under test first; quick starts, as in tests/cli/lib_program.sh.
    program = os.environ.get("TRUNNION")
    if program:
        os.environ["PATH"] = os.path.dirname(program) + ":" + os.environ["PATH"]
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                      OMPI_MCA_mpi_yield_when_idle="1", OMP_NUM_THREADS="1", LC_ALL="C.UTF-8")
    return max((run_page(page) for page in sys.argv[1:]), default=1)


if __name__ == "__main__":
    sys.exit(main())
