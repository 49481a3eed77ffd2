"""What a model that was trained on a condensed graph gives away of the real training nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcondense.data.node_reading import as_task
from graphcondense.data.small_graph import read_labelled
from graphcondense.data.task import NodeTask, classified
from graphcondense.evaluate.cost import graph_hash
from graphcondense.evaluate.floors import random_subgraph
from graphcondense.evaluate.nodes import NodeEvaluator
from graphcondense.evaluate.result import Column, percent, points
from graphcondense.evaluate.stacked import model_of
from graphcondense.evaluate.trainings import seeds_of
from graphcondense.ops.fields import Natural, Seed, Several, check_each
from graphcondense.ops.figures import bars
from graphcondense.ops.names import with_article
from graphcondense.ops.progress import tqdm
from graphcondense.ops.types import Bools, Floats
from graphcondense.saved.attack import beside
from graphcondense.saved.condensed import file_of, load, renew_card
from graphcondense.uses import results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Attack = Literal["logistic", "forest"]
ATTACKS = ("logistic", "forest")


@dataclass(frozen=True)
class PrivacyRow(results.Trainings):
    """One set, attacked; an area in ``[0, 1]``, where 0.5 is a guess.

    Attributes:
        members: number of members, and of non-members.
        auc: area under the ROC curve of the learnt attack, mean over its folds and all trainings;
            as of the other, the standard deviation beside it is ``None`` for a single training.
        loss_auc: of the attack that learns nothing and calls nodes of low cross-entropy members
            (Yeom et al., CSF 2018).
        member_accuracy: of the attacked model on the members.
        hashes: of the condensed graphs; none of what stands beside them.
    """

    members: int
    auc: float
    auc_std: float | None
    loss_auc: float
    loss_auc_std: float | None
    member_accuracy: float
    hashes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Privacy(results.OnGraph):
    """What :func:`membership_inference` found.

    Attributes:
        model: the attacked model.
        attack: the attacker's own model.
        folds: of its cross-validation.
        rows: one a set.
        control: whether there were enough validation nodes for the control.
    """

    model: str
    attack: str
    folds: int
    rows: tuple[PrivacyRow, ...]
    control: bool

    columns: ClassVar[tuple[Column, ...]] = (
        *(results.LABEL, *results.COUNTS),
        Column("members", lambda row: f"{row.members}"),
        Column("attack AUC %", lambda row: percent(row.auc, row.auc_std)),
        Column("loss AUC %", lambda row: percent(row.loss_auc, row.loss_auc_std)),
        Column("accuracy on members", lambda row: percent(row.member_accuracy)),
        Column("test accuracy", lambda row: percent(row.test, row.test_std)),
    )

    def title(self) -> str:
        return (
            f"{self.subject}, membership inference on {with_article(self.model)}, "
            f"{self.attack} attack in {self.folds} folds; AUC 50 % is a guess; "
            f"test accuracy{self.on_test}"
        )

    def notes(self) -> list[str]:
        notes = [
            *self.about_test,
            "members: the real training nodes; of random: those selected, the only ones trained on",
            "non-members: as many test nodes of each class; the attacker knows the model's "
            "predictions on the real graph and the true labels",
        ]
        if self.control:
            notes.append(
                "control: trained on validation nodes instead, so that no member was: what it "
                "shows above 50 % is that training and test nodes differ, not that a model leaks"
            )
        else:
            notes.append("control: left out, there are too few validation nodes in some class")
        return notes

    def keep(self, path: str | Path) -> Path:
        """Write the numbers beside a saved graph, and its card anew, which then has them.

        They go into the ``privacy.json`` of its folder, of a file of another name than
        ``condensed.safetensors`` into ``NAME.privacy.json``.

        Args:
            path: of the ``.safetensors`` file that :func:`graphcondense.save` wrote, or its folder.

        Returns:
            The file of the numbers.

        Raises:
            ValueError: no row is of that graph alone.
        """
        small = load(path)
        own = graph_hash(small)
        if not self.is_of(own):
            attacked = [f"{row.label} ({', '.join(row.hashes)})" for row in self.rows if row.hashes]
            raise ValueError(
                f"{path} has the graph {own}, and what was attacked is {'; '.join(attacked)}: "
                "attack the saved graph, alone under its name"
            )
        file = beside(file_of(path))
        self.to_json(file)
        renew_card(path, small)
        return file

    def is_of(self, own: str) -> bool:
        """Whether a row is of the graph of this hash alone, and not a mean over several."""
        return any(row.hashes == (own,) for row in self.rows)

    def draw(self, axes: Axes) -> None:
        for i, row in enumerate(self.rows):
            x, y = [100 * row.test], [100 * row.auc]
            width, height = bars([row.test_std]), bars([row.auc_std])
            points(axes, i, x, y, height, xerr=width, label=row.label)
        axes.axhline(50, color="grey", linewidth=1, linestyle="--")
        axes.set_ylim(min(40, axes.get_ylim()[0]), max(70, axes.get_ylim()[1]))
        axes.set_xlabel("test accuracy, %")
        axes.set_ylabel("attack AUC, % (50: a guess)")
        axes.set_title(f"{self.data}, {self.model}")
        results.legend_beside(axes)


def membership_inference(
    small: object,
    data: object,
    *,
    model: str = "GCN",
    seeds: int | Sequence[int] = 10,
    attack: Attack = "logistic",
    folds: int = 5,
    random_draws: int = 3,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool = False,
    **options: object,
) -> Privacy:
    """Can one tell from a model's predictions which real nodes it was trained on?

    A black-box attack (Shokri et al., S&P 2017; of GNNs: He et al., arXiv 2102.05429). A trained
    model is asked for members and non-members on the real graph. An attacker learns to tell them
    apart (:func:`attack_features`), knowing which is which for all folds but the one it is scored
    on; that is more than a real attacker knows.

    Args:
        small: a condensed graph; a list of them (several condensation seeds); or a mapping from
            names to either.
        data: the real graph, anything :func:`~graphcondense.data.as_task` takes.
        model: the attacked model.
        seeds: its training seeds, or how many.
        attack: the attacker's model, of scikit-learn: ``"logistic"`` regression on standardised
            features or a ``"forest"`` of 200 trees.
        folds: of the attacker's cross-validation.
        random_draws: how many random subgraphs stand beside; 0 leaves them out.
        seed: of the drawn nodes, the folds and the forest.
        device: where to train the model; default the CPU.
        progress: show a progress bar.
        **options: fields of :class:`~graphcondense.evaluate.node_training.Training`.

    Raises:
        ValueError: no graph, or one that does not match; unknown model or attack; no validation
            nodes; fewer members or test nodes than folds.
        TypeError: for an option that does not exist.
    """
    named, kind = results.named_graphs(small), model_of(model)
    for name in named:
        results.check_label(name, ("control",))
    if attack not in ATTACKS:
        raise ValueError(f"unknown attack {attack!r}; known are {', '.join(ATTACKS)}")
    folds, random_draws, seed, progress = check_each(
        folds=(folds, Several),
        random_draws=(random_draws, Natural),
        seed=(seed, Seed),
        progress=(progress, bool),
    )
    evaluator = NodeEvaluator(
        classified(as_task(data, need_test=True), "membership inference"), device=device, **options
    )
    real = evaluator.real
    results.check_named(named, real)
    first = next(iter(named.values()))[0]
    draws = [_random_nodes(real, first, seed + i) for i in range(random_draws)]
    everyone = pair_up(real, real.train, seed)
    parts = [everyone, *(pair_up(real, nodes, seed) for nodes in draws)]
    if (fewest := min(len(members) for members, _ in parts)) < folds:
        raise ValueError(
            f"{fewest} members that have a test node of their class are too few for {folds} folds: "
            "give fewer folds or a larger condensed graph"
        )
    # What to train on, with which evaluator, and whom to look for.
    jobs: dict[str, list[tuple[NodeEvaluator, object, tuple[Tensor, Tensor]]]] = {
        label: [(evaluator, graph, everyone) for graph in graphs] for label, graphs in named.items()
    }
    if draws:
        jobs["random"] = [
            (evaluator, real.subgraph(nodes, name="random"), part)
            for nodes, part in zip(draws, parts[1:], strict=True)
        ]
    jobs["whole"] = [(evaluator, real, everyone)]
    swapped = _swapped(real, seed)
    if swapped is not None:
        control = NodeEvaluator(swapped, device=device, **options)
        jobs["control"] = [(control, swapped, everyone)]
    bar = tqdm(total=sum(map(len, jobs.values())), desc="attacks", disable=not progress)
    rows = []
    with bar:
        for label, work in jobs.items():
            found = []
            for trainer, graph, (members, others) in work:
                nodes = torch.cat([members, others, real.test])
                # Non-members are test nodes, too: each is asked for once.
                asked, place = torch.unique(nodes, return_inverse=True)
                logits = trainer.predict(model, graph, asked, seeds=seeds)[:, place]
                found.append(_attacked(logits, real.y[nodes], len(members), attack, folds, seed))
                bar.update()
            hashes = tuple(map(graph_hash, named.get(label, ())))
            rows.append(_row(label, [len(part[0]) for _, _, part in work], found, hashes))
    return Privacy(
        **results.facts_of(real),
        model=kind.__name__,
        attack=attack,
        folds=folds,
        seeds=seeds_of(seeds),
        settings=asdict(evaluator.training.of(kind)),
        rows=tuple(rows),
        control=swapped is not None,
    )


def attack_features(logits: Tensor, y: Tensor) -> Floats:
    """What an attacker sees of nodes: ``[n, C + 2]`` float64.

    The class probabilities in descending order (Salem et al., NDSS 2019), their entropy, and the
    cross-entropy at the true label, from logits ``[n, C]`` and true classes ``[n]``.

    Examples:
        >>> attack_features(torch.zeros(1, 2), torch.tensor([1])).round(3).tolist()
        [[0.5, 0.5, 0.693, 0.693]]
    """
    log = logits.double().log_softmax(1)
    p = log.exp()
    ordered = p.sort(1, descending=True).values
    entropy = -(p * log).sum(1, keepdim=True)
    loss = -log.gather(1, y.unsqueeze(1))
    out: Floats = torch.cat([ordered, entropy, loss], 1).numpy()
    return out


def attack_auc(
    logits: Tensor,
    y: Tensor,
    member: Bools,
    *,
    attack: Attack = "logistic",
    folds: int = 5,
    seed: int = 0,
) -> tuple[float, float]:
    """How well members can be told apart: area of the learnt attack, and of the loss alone.

    Args:
        logits, y, member: of each node, ``[n, C]``, its true class ``[n]`` and whether it is one.
        attack: the attacker's model.
        folds: of its stratified cross-validation; the area is the mean over folds.
        seed: of the folds and the forest.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = attack_features(logits, y)
    seed %= 2**32  # what scikit-learn takes
    attacker = (
        RandomForestClassifier(200, random_state=seed)
        if attack == "forest"
        else make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    )
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
    learnt = cross_val_score(attacker, features, member, cv=parts, scoring="roc_auc")
    return float(learnt.mean()), float(roc_auc_score(member, -features[:, -1]))


def pair_up(task: NodeTask, members: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Members and as many test nodes of each class, ``[m]`` and ``[m]``.

    Where a class has fewer test nodes than members, some members are left out.
    """
    generator = torch.Generator().manual_seed(seed)
    kept: list[list[Tensor]] = [[], []]
    for c in range(task.num_classes):
        sides = [nodes[task.y[nodes] == c] for nodes in (members, task.test)]
        count = min(map(len, sides))
        for side, nodes in zip(kept, sides, strict=True):
            side.append(nodes[torch.randperm(len(nodes), generator=generator)[:count]])
    return torch.cat(kept[0]), torch.cat(kept[1])


def _swapped(task: NodeTask, seed: int) -> NodeTask | None:
    """The task with validation nodes for training, class by class as many; the rest validates.

    ``None`` where a class has too few.
    """
    generator = torch.Generator().manual_seed(seed)
    order = task.val[torch.randperm(len(task.val), generator=generator)]
    chosen = []
    for c in range(task.num_classes):
        nodes, wanted = order[task.y[order] == c], int((task.y[task.train] == c).sum())
        if len(nodes) <= wanted:
            return None
        chosen.append(nodes[:wanted])
    train = torch.cat(chosen)
    return replace(task, train=train, val=order[~torch.isin(order, train)])


def _random_nodes(task: NodeTask, small: object, seed: int) -> Tensor:
    """The nodes that :func:`random_subgraph` takes: each draw is a subgraph of distinct nodes."""
    # The subgraph knows its nodes by a feature: their numbers in the real graph.
    numbers = torch.arange(task.num_nodes, dtype=torch.float64).unsqueeze(1)
    counted = replace(task, x=numbers)
    _, _, _, targets = read_labelled(small, task)
    labels = Data(x=torch.zeros(len(targets), 1), y=targets)
    return random_subgraph(counted, labels, seed).x[:, 0].long()


def _attacked(
    logits: Tensor, y: Tensor, members: int, attack: Attack, folds: int, seed: int
) -> Floats:
    """For each training: both areas, accuracy on members, accuracy on test nodes ``[S, 4]``."""
    both = 2 * members
    member = np.arange(both) < members
    right = (logits.argmax(-1) == y).double()
    return np.array(
        [
            (
                *attack_auc(one[:both], y[:both], member, attack=attack, folds=folds, seed=seed),
                float(hit[:members].mean()),
                float(hit[both:].mean()),
            )
            for one, hit in zip(logits, right, strict=True)
        ]
    )


def _row(
    label: str, members: Sequence[int], found: Sequence[Floats], hashes: tuple[str, ...]
) -> PrivacyRow:
    everything = np.concatenate(found)
    mean = everything.mean(0).tolist()
    spread = everything.std(0, ddof=1).tolist() if len(everything) > 1 else [None] * 4
    return PrivacyRow(
        **results.trainings_of(label, [torch.from_numpy(part[:, 3]) for part in found]),
        members=round(sum(members) / len(members)),
        auc=mean[0],
        auc_std=spread[0],
        loss_auc=mean[1],
        loss_auc_std=spread[1],
        member_accuracy=mean[2],
        hashes=hashes,
    )
