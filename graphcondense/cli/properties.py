"""graphcondense properties."""

from __future__ import annotations

from dataclasses import dataclass, fields

from graphcondense.cli.flags import add_fields, make_parser, summary_of
from graphcondense.cli.runs import open_runs


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What is compared.

    Attributes:
        random_draws: random subgraphs of the same size; 0 leaves them out.
        dense_nodes: graphs up to this size have their complete spectrum taken.
        steps: nodes of the quadrature that stands for a larger graph's spectrum.
        clustering_nodes: the clustering coefficient is a mean over at most so many nodes.
        seed: of random draws.
    """

    random_draws: int = 3
    dense_nodes: int = 4000
    steps: int = 128
    clustering_nodes: int = 20_000
    seed: int = 0


def command_properties(argv: list[str]) -> None:
    """Compare degrees, spectrum, homophily and more with those of the whole graph."""
    from graphcondense.uses.properties import compare_properties

    parser = make_parser("properties", summary_of(command_properties))
    add_fields(parser, "comparison", Compared)
    run = open_runs(parser, argv)
    if run.args.device is not None:
        raise ValueError("--device: properties are computed on the CPU; leave it out")
    chosen = {f.name: run.args[f.name] for f in fields(Compared)}
    run.write(compare_properties(run.graphs, run.task, **chosen), "properties")
