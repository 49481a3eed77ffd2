"""Clients that keep their part of a graph: each sends a condensed one, once; against FedAvg."""

import argparse
import os
import subprocess
import sys
import tempfile

import torch
import torch.distributed as dist
from torch_geometric.data import Batch
from torch_geometric.nn.models import GCN

import graphcondense

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--root", help="folder that has Cora; without it, scikit-learn's digits")
parser.add_argument("--rounds", type=int, default=5, help="of FedAvg, 20 epochs each")
args, clients = parser.parse_args(), 3
if "CLIENT" not in os.environ:  # start the clients; the first is the server, too
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "MEET": f"file://{folder}/meet"}
        command = [sys.executable, __file__, *sys.argv[1:]]
        ranks = [{**env, "CLIENT": str(rank)} for rank in range(clients)]
        started = [subprocess.Popen(command, env=e, stdout=subprocess.PIPE) for e in ranks]
        print("".join(process.communicate()[0].decode() for process in started))
    sys.exit(any(process.returncode for process in started))
rank = int(os.environ["CLIENT"])
whole = graphcondense.data.load("cora" if args.root else "digits", args.root)
own = whole.subgraph(torch.arange(whole.num_nodes) % clients == rank)  # edges between are lost


def train(model, data, epochs):
    optimizer, rows = torch.optim.Adam(model.parameters(), lr=0.01), data.train_mask
    for _ in range(epochs):
        optimizer.zero_grad()
        out = model(data.x, data.edge_index)[rows]
        torch.nn.functional.cross_entropy(out, data.y[rows]).backward()
        optimizer.step()
    right = model(whole.x, whole.edge_index).argmax(1) == whole.y
    return f"{100 * right[whole.test_mask].float().mean():.1f} %"


# Alone, before the clients meet: processes that have met share one run.
small, sent = graphcondense.condense(own, "gecc", ratio=0.3, progress=False), [None] * clients
dist.init_process_group("gloo", init_method=os.environ["MEET"], rank=rank, world_size=clients)
dist.gather_object(small, None if rank else sent)
torch.manual_seed(0)  # all start alike
average, once, pooled = (GCN(own.num_features, 64, 2, int(own.y.max()) + 1) for _ in range(3))
for _ in range(args.rounds):
    found = train(average, own, 20)
    for weight in average.parameters():
        dist.all_reduce(weight.data.div_(clients))
sizes = [small.condensed["bytes"], 2 * args.rounds * sum(w.nbytes for w in average.parameters())]
if rank == 0:
    union, epochs = Batch.from_data_list(sent), 20 * args.rounds
    print(f"condensed, sent once {train(once, union, epochs)} {sizes[0]:>10,} bytes a client")
    print(f"FedAvg               {train(average, own, 0)} {sizes[1]:>10,}")
    print(f"pooled               {train(pooled, whole, epochs)} {own.x.nbytes:>10,} and edges")
