#!/usr/bin/python3
"""A training step of each model in torch on one CPU thread, as a yardstick for `trunnion bench kg`
with the same mathematics: batches of both questions of uniform triples, reciprocal relations, the
answer against NEGATIVES entities that the batch shares, softmax, Adagrad on the rows that are used.

  kg_rival.py MODEL ENTITIES RELATIONS DIM BATCH NEGATIVES STEPS

Scores of products and of Euclidean distances are matrix products (torch.cdist), as anybody would
write them; TransH and TransR project the candidates once for each relation of a batch. Prints: model
cpu_seconds_a_step triples_a_cpu_second peak_rss_mb last_loss."""
import resource
import sys
import time

import torch
from torch.nn.functional import embedding, normalize

model = sys.argv[1]
entities, relations, dim, batch, negatives, steps = map(int, sys.argv[2:8])
torch.set_num_threads(1)
torch.manual_seed(1)
half = dim // 2
E = torch.randn(entities, dim) * 0.05
R = torch.randn(2 * relations, dim) * 0.05
tables = [E, R]
if model == "transh":
    tables.append(normalize(torch.randn(2 * relations, dim)))
elif model == "transr":
    tables.append((torch.eye(dim) + 0.01 * torch.randn(2 * relations, dim, dim)).reshape(-1, dim * dim))
elif model == "rotate":
    tables[1] = (torch.rand(2 * relations, half) * 2 - 1) * torch.pi
for t in tables:
    t.requires_grad_()
optimiser = torch.optim.Adagrad(tables, lr=0.1)


def rows(table, index):
    return embedding(index, tables[table], sparse=True)


def turned(x, c0, c1):
    x0, x1 = x[:, :half], x[:, half:]
    return torch.cat([x0 * c0 - x1 * c1, x0 * c1 + x1 * c0], 1)


def query(x, r):
    """Of known entities x, projected where the model does that, and relations r."""
    if model in ("transe", "transh", "transr", "toruse"):
        return x + rows(1, r)
    c = rows(1, r)
    if model == "distmult":
        return x * c
    if model == "complex":
        return turned(x, c[:, :half], c[:, half:])
    return turned(x, torch.cos(c), torch.sin(c))


def compare(q, c):
    """Scores of queries [m x d] with candidates [n x d], or of rows with rows [m x 1 x d]."""
    if model in ("distmult", "complex"):
        return q @ c.T if c.dim() == 2 else (q * c[:, 0]).sum(1, keepdim=True)
    if model != "toruse":
        x = torch.cdist(q, c) if c.dim() == 2 else (q - c[:, 0]).norm(dim=1, keepdim=True)
        return -x
    out = []
    for part in range(0, len(q), 64):  # m x n x d numbers need room
        x = q[part:part + 64, None] - (c[None] if c.dim() == 2 else c[part:part + 64])
        x = x - x.round()
        out.append(-4 * (x * x).sum(2))
    return torch.cat(out)


def project(second, x):
    if model == "transh":
        w = normalize(second, dim=0)
        return x - (x @ w)[:, None] * w
    return x @ second.reshape(dim, dim).T


def loss_of(known, r, answer, candidates):
    if model in ("transh", "transr"):
        total = 0
        for relation in r.unique():
            mine = r == relation
            map_of = lambda x: project(rows(2, relation), x)
            total = total + cross(query(map_of(known[mine]), r[mine]), map_of(answer[mine]),
                                  map_of(candidates))
        return total / len(r)
    return cross(query(known, r), answer, candidates) / len(r)


def cross(q, answer, candidates):
    own = compare(q, answer[:, None])
    return (torch.logsumexp(torch.cat([own, compare(q, candidates)], 1), 1) - own[:, 0]).sum()


def step():
    n = batch // 2
    h, t = torch.randint(entities, (n,)), torch.randint(entities, (n,))
    r = torch.randint(relations, (n,))
    optimiser.zero_grad()
    loss = loss_of(rows(0, torch.cat([h, t])), torch.cat([r, r + relations]),
                   rows(0, torch.cat([t, h])), rows(0, torch.randint(entities, (negatives,))))
    loss.backward()
    optimiser.step()
    return loss


step()
start = time.process_time()
for _ in range(steps):
    last = step()
cpu = (time.process_time() - start) / steps
rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
print("%s %.4f %.0f %.0f %.4f" % (model, cpu, batch / 2 / cpu, rss, last.item()))
