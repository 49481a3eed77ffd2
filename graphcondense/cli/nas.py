"""graphcondense nas."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from graphcondense.cli.flags import add_fields, make_parser, numbers, summary_of
from graphcondense.cli.runs import keeping, open_runs

if TYPE_CHECKING:
    from graphcondense.cli.runs import Opened

FIXED = ("epochs", "lr", "weight_decay", "val_every")
"""Training settings that are not searched."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """How architectures are searched.

    Attributes:
        trials: how many different architectures.
        seeds: trainings of every architecture, all at once.
        sampler: how architectures are drawn; "tpe" follows the condensed graph's scores and "grid"
            takes the whole space.
        baselines: of "random" and "whole", with a comma between, or "none".
        random_draws: how many random graphs.
        seed: of the sampler and the random graphs.
        storage: an Optuna URL or a file, with which the same command goes on after an interrupt; by
            default nas.log beside the run; "none" for none.
    """

    trials: int = 40
    seeds: int = 3
    sampler: Literal["random", "tpe", "grid"] = "random"
    baselines: str = "random,whole"
    random_draws: int = 3
    seed: int = 0
    storage: str | None = None


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The architectures to choose among, values with commas between.

    Attributes:
        models: how they propagate.
        layers: depths.
        widths: widths of the hidden layers.
        activations: of the hidden layers.
        dropouts: probabilities.
    """

    models: str = "GCN,SGC,APPNP,Cheb,SAGE,GAT,GIN,GCNII,MLP"
    layers: str = "1,2,3,4"
    widths: str = "16,32,64,128,256,512"
    activations: str = "relu,elu,tanh,gelu"
    dropouts: str = "0,0.5"


def command_nas(argv: list[str]) -> None:
    """Search architectures on a condensed graph, and say if the whole graph agrees."""
    parser = make_parser("nas", summary_of(command_nas))
    add_fields(parser, "search", Search)
    add_fields(parser, "space", Choices)
    from graphcondense.evaluate.nodes import Training

    add_fields(parser, "training (the same on every graph)", Training, only=FIXED)
    run = open_runs(parser, argv)
    from graphcondense.ops.fields import listed
    from graphcondense.uses.search import Space, search_architectures

    args = run.args
    space = Space(
        model=tuple(listed(args.models, "models")),
        num_layers=numbers("layers", args.layers, int),
        hidden=numbers("widths", args.widths, int),
        activation=tuple(listed(args.activations, "activations")),
        dropout=numbers("dropouts", args.dropouts, float),
    )
    options = {f.name: args[f.name] for f in fields(Search)}
    result = resumable(
        search_architectures,
        one_method(run),
        run.task,
        space=space,
        device=args.device,
        progress=sys.stderr.isatty(),
        **{**options, "storage": storage_of(run, "nas"), "baselines": baselines_of(args.baselines)},
        **{name: args[name] for name in FIXED},
    )
    run.write(result, "nas")


def one_method(run: Opened) -> list[Any]:
    """The condensed graphs of a command that compares no methods."""
    if len(run.graphs) > 1:
        raise ValueError(f"a search takes runs of one method, these are of {', '.join(run.graphs)}")
    return next(iter(run.graphs.values()))


def baselines_of(text: str) -> list[str]:
    """
    >>> baselines_of("random,whole"), baselines_of("none")
    (['random', 'whole'], [])
    """
    from graphcondense.ops.fields import listed

    return [] if text == "none" else listed(text, "baselines")


def storage_of(run: Opened, name: str) -> Any:
    """Where trials are kept: as ``--storage`` says, else ``NAME.log`` beside the run."""
    if run.args.storage is None:
        return run.folder and run.folder / f"{name}.log"
    return None if run.args.storage == "none" else run.args.storage


def resumable(search: Any, *positional: Any, **options: Any) -> Any:
    """Call a search; a missing extra is the user's to install, an interrupt loses no trial."""
    try:
        with keeping(options["storage"]):
            return search(*positional, **options)
    except ImportError as error:
        raise ValueError(str(error)) from error
