"""Does everything run on a GPU, with the same answers, and how much faster?

Four tables, each printed as it grows:

* a graph of ogbn-arxiv's size, simulated (``--scale``): propagation, one match, evaluation and a
  method of every family on both devices, seconds and their ratio, and how far the results are
  apart; then matching with float32 products as TF32 and as bf16;
* every method on small data on both devices: whether two runs on the GPU give the same bits, and
  how far its condensed set is from the CPU's (weights are drawn on the CPU, so a short run differs
  by rounding alone);
* every model and every kind of evaluator on both devices, on the same condensed set;
* real data: condensing and evaluating by ten trainings on both devices, seconds and scores.

    python benchmarks/gpu.py --root DATA --out gpu.json

It ends within ``--minutes``, 12 by default: what is left then is not begun, and is named. Run it
from the root of the repository: the small data are those of the tests. Real data need ``--root``.
``--device cpu --scale 0.01 --tables scale`` goes through the first table without a GPU.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

import graphcondense
from graphcondense.data import NodeTask
from graphcondense.evaluate import evaluate
from graphcondense.objectives.gradient import ClassRows
from graphcondense.ops.adjacency import csr_tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


class Limits:
    """Which two devices are compared, and until when.

    Args:
        device: the other one than the CPU.
        minutes: from now on.
    """

    def __init__(self, device: str, minutes: float) -> None:
        self.device = device
        self.end = time.monotonic() + 60 * minutes
        self.left: list[str] = []

    @property
    def devices(self) -> dict[str, str]:
        """The name of each side in a row, and its device."""
        return {"cpu": "cpu", "gpu": self.device}

    def over(self, name: str) -> bool:
        """Whether there is no time for this; it is remembered as left out."""
        if time.monotonic() < self.end:
            return False
        self.left.append(name)
        return True


def timed(job: Callable[..., Any], *args: Any, device: str, **options: Any) -> tuple[Any, float]:
    """What the job gives on the device, and its seconds, the GPU's queue waited for."""
    wait(device)
    began = time.perf_counter()
    result = job(*args, device=device, **options)
    wait(device)
    return result, time.perf_counter() - began


@contextmanager
def told(rows: list[dict[str, Any]], table: str, name: str) -> Iterator[None]:
    """An error becomes a row, and the tables go on."""
    try:
        yield
    except Exception as error:
        rows.append(line(table, name, error=f"{type(error).__name__}: {error!s:.200}"))


def wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def line(table: str, name: str, **values: Any) -> dict[str, Any]:
    """A row, printed at once: a run may be cut off."""
    print(table, name, " ".join(f"{k}={v}" for k, v in values.items()), flush=True)
    return {"table": table, "name": name, **values}


LARGE: dict[str, dict[str, Any]] = {
    "random": {},
    "averaging": {},
    "gecc": {"restarts": 2},
    "cgc": {},
    "quotient": {"steps": 20},
    "doscond-x": {"epochs": 10, "validations": 0},
    "doscond": {"epochs": 10, "validations": 0},
    "gcond-x": {"epochs": 1, "validations": 0},
    "gcond": {"epochs": 1, "validations": 0},
    "gcdm-x": {"epochs": 1, "validations": 0},
    "simgc-x": {"epochs": 10, "validations": 0},
    "gc-sntk-x": {"epochs": 5, "validations": 0},
    "gdem": {"steps": 5, "validations": 0},
    "gcsr-x": {"num_experts": 1, "expert_epochs": 10, "steps": 3, "validations": 0},
}
"""Methods at a large size, at least one of every family, with few steps: ratios need no more."""

PRECISIONS = {"highest": "float32", "high": "TF32", "medium": "bf16"}
"""What ``torch.set_float32_matmul_precision`` calls a GPU's ways to multiply float32."""


def apart(a: torch.Tensor, b: torch.Tensor) -> str:
    """The relative difference of two results, as text."""
    if a.shape != b.shape:
        return f"{tuple(a.shape)} against {tuple(b.shape)}"
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    return f"{float((a - b).norm() / a.norm().clamp_min(1e-30)):.2e}"


def ratio(rows: list[dict[str, Any]], name: str, found: dict[str, tuple[Any, float]]) -> None:
    """A row of what one job gave on both devices, as tensors, and its seconds."""
    (cpu, cpu_s), (gpu, gpu_s) = found["cpu"], found["gpu"]
    values = {"cpu_s": f"{cpu_s:.3f}", "gpu_s": f"{gpu_s:.3f}", "ratio": f"{cpu_s / gpu_s:.1f}"}
    rows.append(line("scale", name, **values, apart=apart(cpu, gpu)))


def large_data(rows: list[dict[str, Any]], scale: float, limits: Limits) -> None:
    """A simulated graph: parts of a run, methods of every family, an evaluation."""
    families = {row["name"]: row["family"] for row in graphcondense.methods("node")}
    done = {family for name, family in families.items() if {name, f"{name}-x"} & LARGE.keys()}
    if missing := set(families.values()) - done - {"coreset"}:
        sys.exit(f"no method of {', '.join(sorted(missing))} is in LARGE")
    data = graphcondense.data.simulate("arxiv-like", scale=scale)
    task = graphcondense.data.as_task(data)
    nodes = max(2 * task.num_classes, round(454 * scale))
    print(f"scale {scale:g}: {task}, condensed to {nodes}", flush=True)
    parts(rows, task, limits)
    for method, options in LARGE.items():
        if limits.over(f"scale/{method}"):
            continue
        with told(rows, "scale", method):
            found = {}
            for side, device in limits.devices.items():
                small, seconds = timed(
                    graphcondense.condense,
                    *(data, method),
                    nodes=nodes,
                    device=device,
                    progress=False,
                    **options,
                )
                found[side] = small.x, seconds
            ratio(rows, method, found)
    if limits.over("scale/evaluate"):
        return
    small = graphcondense.condense(data, "averaging", nodes=nodes, progress=False)
    with told(rows, "scale", "evaluate GCN"):
        found = {}
        for side, device in limits.devices.items():
            report, seconds = timed(
                evaluate,
                *(small, data),
                models=["GCN"],
                seeds=3,
                epochs=20,
                baselines=(),
                plain_epochs=0,
                device=device,
                progress=False,
            )
            found[side] = torch.tensor([row.test_selected for row in report.rows]), seconds
        ratio(rows, "evaluate GCN, 20 epochs", found)


def parts(rows: list[dict[str, Any]], task: NodeTask, limits: Limits) -> None:
    """One hop of propagation, and one match in each precision."""
    adj = csr_tensor(task.gcn_adj)
    x = torch.from_numpy(task.x_array)
    y = task.y[task.train]
    rng = torch.Generator().manual_seed(0)
    sizes = (x.shape[1], 256, task.num_classes)
    weights = [torch.randn(o, i, generator=rng) / i**0.5 for i, o in pairwise(sizes)]

    def propagate(device: str) -> Callable[..., torch.Tensor]:
        operator, features = adj.to(device), x.to(device)
        return lambda device: operator @ features

    def match(device: str) -> Callable[..., torch.Tensor]:
        real = ClassRows(x[task.train].to(device), y.to(device), task.num_classes)
        moved = [weight.to(device) for weight in weights]
        return lambda device: torch.cat(
            [g.flatten() for g in real.layer_gradients(moved, [None] * len(moved))]
        )

    for name, job, precisions in (
        ("a hop of propagation", propagate, ["highest"]),
        ("a match", match, list(PRECISIONS)),
    ):
        for precision in precisions:
            label = f"{name}, {PRECISIONS[precision]}"
            with told(rows, "scale", label):
                found = {}
                for side, device in limits.devices.items():
                    # The CPU is what the other device is held to, always in float32.
                    with multiplying("highest" if side == "cpu" else precision):
                        ready = job(device)
                        ready(device)  # the first call makes what is made once
                        times = [timed(ready, device=device) for _ in range(3)]
                        found[side] = min(times, key=lambda pair: pair[1])
                ratio(rows, label, found)


@contextmanager
def multiplying(precision: str) -> Iterator[None]:
    """Multiply float32 in this way."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def small_data(rows: list[dict[str, Any]], limits: Limits) -> None:
    """Every method by the shared test cases."""
    tests = importlib.import_module("tests.methods")
    for module in pkgutil.iter_modules(tests.__path__, "tests.methods."):
        importlib.import_module(module.name)
    cases = importlib.import_module("tests.cases")
    for (name, kind), case in sorted(cases.CASES.items()):
        label = f"{name}/{kind}"
        if limits.over(f"methods/{label}"):
            continue
        try:
            found = {}
            other = limits.device
            for run, device in (("cpu", "cpu"), ("first", other), ("second", other)):
                found[run] = timed(case().condense, device=device)
            lists = {run: cases.tensors(small) for run, (small, _) in found.items()}
            cpu, first, second = lists.values()
            same = all(map(torch.equal, first, second))
            shapes = [t.shape for t in cpu] == [t.shape for t in first]
            finite = all(bool(torch.isfinite(t).all()) for t in first)
            difference = [
                float((a.double() - b.double()).abs().max())
                for a, b in zip(cpu, first, strict=True)
                if shapes and a.numel()
            ]
            rows.append(
                line(
                    "methods",
                    label,
                    same_bits=same,
                    same_shapes=shapes,
                    finite=finite,
                    apart=f"{max(difference, default=float('nan')):.2e}",
                    device=str(first[0].device),
                    cpu_s=f"{found['cpu'][1]:.2f}",
                    gpu_s=f"{found['second'][1]:.2f}",
                )
            )
        except Exception as error:
            rows.append(line("methods", label, error=f"{type(error).__name__}: {error!s:.200}"))
        if limits.device == "cuda":
            torch.cuda.empty_cache()


def evaluators(rows: list[dict[str, Any]], limits: Limits) -> None:
    """Every model on the small data of the tests, on both devices."""
    cases = importlib.import_module("tests.cases")
    images = graphcondense.data.as_images(cases.toy_images(), test=cases.toy_images(1))
    jobs: dict[str, tuple[Any, dict[str, Any]]] = {
        "node": (cases.toy_graph(), {"models": "all", "epochs": 30}),
        "graph": (cases.toy_graphs(), {"models": "all", "steps": 30}),
        "image": (images, {"models": "all", "epochs": 20}),
        "rows": (cases.toy_rows(), {"models": "all"}),
    }
    for kind, (data, options) in jobs.items():
        if limits.over(f"evaluators/{kind}"):
            continue
        small = graphcondense.condense(data, "random", nodes=12, progress=False)
        try:
            tables = {}
            for side, device in limits.devices.items():
                tables[side] = timed(
                    evaluate, small, data, seeds=2, device=device, progress=False, **options
                )
            for cpu, gpu in zip(tables["cpu"][0].rows, tables["gpu"][0].rows, strict=True):
                rows.append(
                    line(
                        "evaluators",
                        f"{kind}/{cpu.label}/{cpu.model}",
                        cpu=f"{100 * cpu.test_selected:.1f}",
                        gpu=f"{100 * gpu.test_selected:.1f}",
                    )
                )
            rows.append(
                line(
                    "evaluators",
                    f"{kind}/all",
                    cpu_s=f"{tables['cpu'][1]:.1f}",
                    gpu_s=f"{tables['cuda'][1]:.1f}",
                )
            )
        except Exception as error:
            rows.append(line("evaluators", kind, error=f"{type(error).__name__}: {error!s:.300}"))


REAL = (
    ("cora", "gcond", {"nodes": 70}),
    ("cora", "gcond-x", {"nodes": 70}),
    ("cora", "doscond", {"nodes": 70}),
    ("cora", "gcdm", {"nodes": 70}),
    ("cora", "simgc", {"nodes": 70}),
    ("cora", "gecc", {"nodes": 70}),
    ("ogbg-molbace", "doscond", {"per_class": 1}),
    ("ogbg-molbace", "kidd", {"per_class": 1}),
    ("fashion-mnist", "dm", {"per_class": 1}),
    ("fashion-mnist", "dc", {"per_class": 1}),
    ("ml-1m", "distill-cf", {"nodes": 50}),
)

MODELS = {"ogbg-molbace": ["GIN"], "fashion-mnist": ["ConvNet"], "ml-1m": ["∞-AE"]}


def real_data(
    rows: list[dict[str, Any]], root: Path | None, names: list[str], limits: Limits
) -> None:
    """Real data sets, as a user would run them."""
    for name, method, options in REAL:
        if name not in names or limits.over(f"real/{name}/{method}"):
            continue
        try:
            data = graphcondense.data.load(name, root)
            models = MODELS.get(name, ["GCN"])
            for device in limits.devices.values():
                if device == "cuda":
                    torch.cuda.reset_peak_memory_stats()
                small, seconds = timed(
                    graphcondense.condense, data, method, device=device, progress=False, **options
                )
                report, spent = timed(
                    evaluate, small, data, models=models, seeds=10, device=device, progress=False
                )
                score = 100 * next(r for r in report.rows if r.label == "condensed").test_selected
                peak = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else 0
                rows.append(
                    line(
                        "real",
                        f"{name}/{method}/{device}",
                        condense_s=f"{seconds:.1f}",
                        evaluate_s=f"{spent:.1f}",
                        score=f"{score:.1f}",
                        gpu_mib=f"{peak:.0f}",
                    )
                )
        except Exception as error:
            rows.append(
                line("real", f"{name}/{method}", error=f"{type(error).__name__}: {error!s:.300}")
            )


TABLES = ("scale", "methods", "evaluators", "real")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, help="folder of the data sets")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--sets", default="cora,ogbg-molbace,fashion-mnist,ml-1m")
    parser.add_argument("--scale", type=float, default=0.3, help="of arxiv-like, 0.01 to 1")
    parser.add_argument("--minutes", type=float, default=12, help="begin nothing after so many")
    parser.add_argument(
        "--device", default="cuda", help="what is compared with the CPU; cpu: a dry run"
    )
    args = parser.parse_args()
    tables = args.tables.split(",")
    if wrong := [table for table in tables if table not in TABLES]:
        parser.error(f"unknown table {wrong[0]!r}: there are {', '.join(TABLES)}")
    if torch.device(args.device).type == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device here; --device cpu goes through the tables without one")
    cuda = torch.device(args.device).type == "cuda"
    name = torch.cuda.get_device_name() if cuda else "the CPU, twice"
    where = name, torch.__version__, graphcondense.__version__
    print(*where, flush=True)
    rows: list[dict[str, Any]] = []
    limits = Limits(args.device, args.minutes)
    try:
        if "scale" in tables:
            large_data(rows, args.scale, limits)
        if "methods" in tables:
            small_data(rows, limits)
        if "evaluators" in tables:
            evaluators(rows, limits)
        if "real" in tables:
            real_data(rows, args.root, args.sets.split(","), limits)
    finally:
        found = {"where": where, "scale": args.scale, "rows": rows, "left": limits.left}
        args.out.write_text(json.dumps(found, indent=1))
    if limits.left:
        print(f"no time was left for {', '.join(limits.left)}", flush=True)


if __name__ == "__main__":
    main()
