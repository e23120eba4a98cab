"""Given candidates, types, scores, thresholds and probabilities by brute force, for kg_judge.sh.

kg_judge_model.py make DIR        write what kg_eval_model.py makes, candidates.tsv, whole.tsv, false.tsv
kg_judge_model.py types|candidates|score|classify DIR NAME FILE    compare what the program printed
"""
import json
import math
import sys

import numpy as np

from kg_eval_model import (ENTITIES, RELATIONS, TRAIN, VALID, case_named, figures, make, same, score,
                           triples, values)

SPLIT = TRAIN + VALID
T = triples(3)
FACTS = {tuple(x) for x in T.tolist()}
NAMES = ("entity %d", "relation/%d", "entity %d")
COMMON, CONSTANTS = (0x9E3779B9, 0xBB67AE85), (0xD2511F53, 0xCD9E8D57)


def philox(seed, row, column, step, stream):
    """Philox4x32-10 (Salmon et al. 2011), the counter laid out as base/rng.h says."""
    c = [row & 0xFFFFFFFF, column, step, (row >> 32) << 16 | stream]
    k = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        p0, p1 = CONSTANTS[0] * c[0], CONSTANTS[1] * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(x + y) & 0xFFFFFFFF for x, y in zip(k, COMMON)]
    return c


class Model:
    def __init__(self, name):
        self.case = case_named(name)
        self.e, self.r, self.second = (None if x is None else x.astype("f8")
                                       for x in values(self.case))

    def scores(self, head, rel, tail, head_asked=False):
        """Of triples whose head or tail may be arrays of entities."""
        two = lambda row: None if self.second is None else self.second[row]
        e = self.e
        if head_asked and self.case[2]:
            row = rel + RELATIONS
            return score(self.case, e[tail], self.r[row], two(row), e[head])
        return score(self.case, e[head], self.r[rel], two(rel), e[tail])


def queries(rows):
    """Both questions of each triple: (entity, relation, answer, head asked for)."""
    for h, r, t in rows:
        yield h, r, t, False
        yield t, r, h, True


def place(model, known, rel, answer, head_asked, candidates):
    """Candidates better than the answer and equal to it; copies of its row tie."""
    everyone = np.array([answer] + list(candidates))
    s = (model.scores(everyone, rel, known, True) if head_asked
         else model.scores(known, rel, everyone))
    near = np.abs(s - s[0]) <= 1e-12 * np.abs(s).max()
    return ((s > s[0]) & ~near)[1:].sum(), near[1:].sum()


def check_figures(name, got, places):
    want = figures(*np.array(places, dtype="f8").T)
    for key, value in want.items():
        same(name + " " + key, got[key], value)
    assert got["queries"] == len(places)


def check_types(name, got):
    model, train = Model(name), T[:TRAIN]
    places = []
    for known, rel, answer, head in queries(T[SPLIT:].tolist()):
        seen = set(train[train[:, 1] == rel][:, 0 if head else 2].tolist()) - {answer}
        fact = (lambda x: (x, rel, known)) if head else (lambda x: (known, rel, x))
        places.append(place(model, known, rel, answer, head,
                            [x for x in seen if fact(x) not in FACTS]))
    check_figures(name, got, places)


def candidate_lists():
    rng = np.random.default_rng(5)
    for n, (known, rel, answer, head) in enumerate(queries(T[SPLIT:SPLIT + 150].tolist())):
        chosen = rng.integers(ENTITIES, size=n % 40 + 1).tolist()
        if n % 3 == 0:
            chosen += [answer, (answer + 600) % 800]  # itself does not count, a copy ties
        yield known, rel, answer, head, chosen


def check_candidates(name, got):
    model = Model(name)
    places = [place(model, known, rel, answer, head, [c for c in chosen if c != answer])
              for known, rel, answer, head, chosen in candidate_lists()]
    check_figures(name, got, places)
    assert got["queries_with_ties"] > 0


def drawn_falses(seed):
    known = {tuple(x) for x in T[:SPLIT].tolist()}
    out = []
    for i, (h, r, t) in enumerate(T[TRAIN:SPLIT].tolist()):
        for draw in range(100):
            words = philox(seed, i, draw, 0, 46)
            entity = words[0] * ENTITIES >> 32
            other = (entity, r, t) if words[1] >> 31 else (h, r, entity)
            if other not in known:
                out.append(other)
                break
    return out


def threshold(pairs):
    """Every threshold half way between two scores, and the lowest score, tried one by one."""
    s = sorted({x for x, _ in pairs})
    best = None
    for t in [s[0]] + [a + (b - a) / 2 for a, b in zip(s, s[1:])]:
        right = sum((x >= t) == fact for x, fact in pairs)
        if best is None or right > best[0]:
            best = (right, t)
    return best[1]


class Judge:
    def __init__(self, model, seed):
        facts = [tuple(x) for x in T[TRAIN:SPLIT].tolist()]
        falses = drawn_falses(seed)
        self.pairs = [(float(model.scores(h, r, t)), r, True) for h, r, t in facts]
        self.pairs += [(float(model.scores(h, r, t)), r, False) for h, r, t in falses]
        common = threshold([(s, fact) for s, _, fact in self.pairs])
        self.threshold = [common] * RELATIONS
        for rel in range(RELATIONS):
            mine = [(s, fact) for s, r, fact in self.pairs if r == rel]
            if mine:
                self.threshold[rel] = threshold(mine)
        self.accuracy = sum((s >= self.threshold[r]) == fact for s, r, fact in self.pairs) / len(
            self.pairs)
        self.fit(len(facts), len(falses))

    def fit(self, facts, falses):
        """Plain Newton steps from 0; the program's own halve theirs."""
        x = np.array([s - self.threshold[r] for s, r, _ in self.pairs])
        target = np.array([(facts + 1) / (facts + 2) if f else 1 / (falses + 2)
                           for _, _, f in self.pairs])
        w = np.zeros(2)
        design = np.c_[x, np.ones(len(x))]
        for _ in range(50):
            p = 1 / (1 + np.exp(-design @ w))
            w -= np.linalg.solve(design.T @ (design * (p * (1 - p))[:, None]), design.T @ (p - target))
        assert np.abs(design.T @ (1 / (1 + np.exp(-design @ w)) - target)).max() < 1e-8
        self.slope, self.offset = w

    def probability(self, s, rel):
        return 1 / (1 + math.exp(-(self.slope * (s - self.threshold[rel]) + self.offset)))


def whole_triples():
    rng = np.random.default_rng(11)
    other = np.c_[rng.integers(ENTITIES, size=300), rng.integers(RELATIONS, size=300),
                  rng.integers(ENTITIES, size=300)]
    return T[::5].tolist() + other.tolist()


def false_triples():
    rng = np.random.default_rng(12)
    rows = np.c_[T[SPLIT:, 0], T[SPLIT:, 1], rng.integers(ENTITIES, size=len(T) - SPLIT)].tolist()
    return [x for x in rows if tuple(x) not in FACTS]


def check_score(name, got, seed=7):
    model = Model(name)
    judge = Judge(model, seed)
    rows, lines = whole_triples(), got["triples"]
    assert len(lines) == len(rows)
    for (h, r, t), line in zip(rows, lines):
        s = float(model.scores(h, r, t))
        assert [line["head"], line["relation"], line["tail"]] == [k % x for k, x in
                                                                  zip(NAMES, (h, r, t))]
        same("score", line["score"], s)
        same("threshold", line["threshold"], judge.threshold[r])
        assert line["known"] == ((h, r, t) in FACTS)
        assert line["holds"] == (s >= judge.threshold[r])
        assert abs(line["probability"] - judge.probability(s, r)) < 1e-6, (line, s)
    assert {line["holds"] for line in lines} == {True, False}


def check_classify(name, got, seed=7):
    model = Model(name)
    judge = Judge(model, seed)
    holds = lambda x: model.scores(x[0], x[1], x[2]) >= judge.threshold[x[1]]
    facts, falses = T[SPLIT:].tolist(), false_triples()
    held, wrong = sum(map(holds, facts)), sum(map(holds, falses))
    precision, recall = held / (held + wrong), held / len(facts)
    want = dict(accuracy=(held + len(falses) - wrong) / (len(facts) + len(falses)),
                precision=precision, recall=recall, f1=2 * precision * recall / (precision + recall),
                accuracy_valid=judge.accuracy, positives=len(facts), negatives=len(falses))
    for key, value in want.items():
        same(key, got[key], value)
    for line in got["relations"]:
        rel = int(line["relation"].split("/")[1])
        same("threshold", line["threshold"], judge.threshold[rel])
        mine = [(x, True) for x in facts if x[1] == rel] + [(x, False) for x in falses if x[1] == rel]
        same("accuracy", line["accuracy"], sum(holds(x) == f for x, f in mine) / len(mine))
        assert line["fitted_alone"] == any(r == rel for _, r, _ in judge.pairs)


def write(path, rows):
    with open(path, "w", encoding="utf-8") as f:
        for row in rows:
            f.write("\t".join(row) + "\n")


def named(row):
    return [k % x for k, x in zip(NAMES, row)]


if __name__ == "__main__":
    what, folder = sys.argv[1:3]
    if what == "make":
        make(folder)
        write(folder + "/whole.tsv", map(named, whole_triples()))
        write(folder + "/false.tsv", map(named, false_triples()))
        write(folder + "/candidates.tsv",
              (["?" if head else "entity %d" % known, "relation/%d" % rel,
                "entity %d " % known if head else "?"] +  # a blank at the end counts for nothing
               ["entity %d" % x for x in [answer] + chosen]
               for known, rel, answer, head, chosen in candidate_lists()))
    else:
        with open(sys.argv[4], encoding="utf-8") as f:
            answer = json.load(f)
        dict(types=check_types, candidates=check_candidates, score=check_score,
             classify=check_classify)[what](sys.argv[3], answer)
