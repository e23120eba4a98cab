#!/usr/bin/python3
"""One training step of each model in torch on one CPU thread, as a yardstick for `trunnion bench
kg` with the same mathematics: made-up uniform triples, one fresh negative each on either side,
margin 1, mean loss, L2 norm (TorusE: squares), Adagrad (eps 1e-10) over the whole tables.

  kg_rival.py MODEL dense|sparse ENTITIES RELATIONS DIM BATCH STEPS

dense gathers rows; sparse multiplies a COO incidence matrix (+1 at h, -1 at t, +1 at r) with the
stacked tables, as SpTransX does, and is for translational models. What depends on a relation alone
(a normal's length, a cosine) is computed for the table before rows are gathered; complex rows are
[re | im], and their products are written out. Prints: model form cpu_seconds_a_step
positives_a_cpu_second peak_rss_mb last_loss."""
import resource
import sys
import time

import torch

model, form = sys.argv[1:3]
entities, relations, dim, batch, steps = map(int, sys.argv[3:8])
torch.set_num_threads(1)
torch.manual_seed(1)
half = dim // 2
stacked = model in ("transe", "toruse")  # there r may be a column of the incidence matrix
if form == "sparse" and model not in ("transe", "toruse", "transh", "transr"):
    sys.exit("kg_rival.py: %s has no incidence form" % model)
E = torch.randn(entities, dim) * 0.1
R = torch.randn(relations, dim) * 0.1
second = None
if model == "transh":
    second = torch.nn.functional.normalize(torch.randn(relations, dim))
elif model == "transr":
    second = torch.eye(dim).repeat(relations, 1, 1) + 0.01 * torch.randn(relations, dim, dim)
elif model == "rotate":
    R = (torch.rand(relations, half) * 2 - 1) * torch.pi
tables = [torch.cat([E, R])] if form == "sparse" and stacked else [E, R]
tables = [t.requires_grad_() for t in tables + ([second] if second is not None else [])]
optimiser = torch.optim.Adagrad(tables, lr=0.01)
h, t = torch.randint(entities, (batch,)), torch.randint(entities, (batch,))
r = torch.arange(batch) * relations // batch


def translations(h, t):
    """h + r - t row by row; h - t for models that project, which add r afterwards."""
    if form == "dense":
        x = tables[0].index_select(0, h) - tables[0].index_select(0, t)
        return x + tables[1].index_select(0, r) if stacked else x
    columns = [h, t] + ([r + entities] if stacked else [])
    signs = [torch.ones(batch), -torch.ones(batch)] + ([torch.ones(batch)] if stacked else [])
    place = torch.stack([torch.arange(batch).repeat(len(columns)), torch.cat(columns)])
    matrix = torch.sparse_coo_tensor(place, torch.cat(signs), (batch, len(tables[0])))
    return torch.sparse.mm(matrix, tables[0])


def distance(h, t):
    """Of models that translate; of products minus the score."""
    if model == "distmult":
        rows = [tables[0].index_select(0, h), tables[1].index_select(0, r)]
        return -(rows[0] * rows[1] * tables[0].index_select(0, t)).sum(1)
    if model in ("complex", "rotate"):
        a, b = tables[0].index_select(0, h), tables[0].index_select(0, t)
        a0, a1, b0, b1 = a[:, :half], a[:, half:], b[:, :half], b[:, half:]
        if model == "complex":
            turn = tables[1].index_select(0, r)
            r0, r1 = turn[:, :half], turn[:, half:]
            return -((a0 * r0 - a1 * r1) * b0 + (a0 * r1 + a1 * r0) * b1).sum(1)
        r0 = torch.cos(tables[1]).index_select(0, r)
        r1 = torch.sin(tables[1]).index_select(0, r)
        x = torch.cat([a0 * r0 - a1 * r1 - b0, a0 * r1 + a1 * r0 - b1], 1)
        return x.norm(dim=1)
    x = translations(h, t)
    if model == "transh":
        w = torch.nn.functional.normalize(tables[2]).index_select(0, r)
        x = x - (w * x).sum(1, keepdim=True) * w + tables[1].index_select(0, r)
    elif model == "transr":
        x = torch.matmul(tables[2].index_select(0, r), x.unsqueeze(2)).squeeze(2)
        x = x + tables[1].index_select(0, r)
    elif model == "toruse":
        x = x - x.round()
        return (4 * x * x).sum(1)
    return x.norm(dim=1)


def step():
    other, heads = torch.randint(entities, (batch,)), torch.rand(batch) < 0.5
    optimiser.zero_grad()
    bad = distance(torch.where(heads, other, h), torch.where(heads, t, other))
    loss = torch.relu(1 + distance(h, t) - bad).mean()
    loss.backward()
    optimiser.step()
    return loss


step()
start = time.process_time()
for _ in range(steps):
    last = step()
cpu = (time.process_time() - start) / steps
rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
print("%s %s %.4f %.0f %.0f %.4f" % (model, form, cpu, batch / cpu, rss, last.item()))
