"""Does everything run on a GPU, with the same answers, and how much faster?

Three tables, each printed as it grows:

* every method on small data on both devices: whether two runs on the GPU give the same bits, and
  how far its condensed set is from the CPU's (weights are drawn on the CPU, so a short run differs
  by rounding alone);
* every model and every kind of evaluator on both devices, on the same condensed set;
* real data: condensing and evaluating by ten trainings on both devices, seconds and scores.

    python benchmarks/gpu.py --root DATA --out gpu.json

Run it from the root of the repository: the small data are those of the tests.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import graphcondense
from graphcondense.evaluate import evaluate

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def timed(job: Callable[..., Any], *args: Any, device: str, **options: Any) -> tuple[Any, float]:
    """What the job gives on the device, and its seconds, the GPU's queue waited for."""
    began = time.perf_counter()
    result = job(*args, device=device, **options)
    if device == "cuda":
        torch.cuda.synchronize()
    return result, time.perf_counter() - began


def line(table: str, name: str, **values: Any) -> dict[str, Any]:
    """A row, printed at once: a run may be cut off."""
    print(table, name, " ".join(f"{k}={v}" for k, v in values.items()), flush=True)
    return {"table": table, "name": name, **values}


def small_data(rows: list[dict[str, Any]]) -> None:
    """Every method by the shared test cases."""
    tests = importlib.import_module("tests.methods")
    for module in pkgutil.iter_modules(tests.__path__, "tests.methods."):
        importlib.import_module(module.name)
    cases = importlib.import_module("tests.cases")
    for (name, kind), case in sorted(cases.CASES.items()):
        label = f"{name}/{kind}"
        try:
            found = {}
            for run, device in (("cpu", "cpu"), ("first", "cuda"), ("second", "cuda")):
                found[run] = timed(case().condense, device=device)
            lists = {run: cases.tensors(small) for run, (small, _) in found.items()}
            cpu, first, second = lists.values()
            same = all(map(torch.equal, first, second))
            shapes = [t.shape for t in cpu] == [t.shape for t in first]
            finite = all(bool(torch.isfinite(t).all()) for t in first)
            apart = [
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
                    apart=f"{max(apart, default=float('nan')):.2e}",
                    device=str(first[0].device),
                    cpu_s=f"{found['cpu'][1]:.2f}",
                    gpu_s=f"{found['second'][1]:.2f}",
                )
            )
        except Exception as error:
            rows.append(line("methods", label, error=f"{type(error).__name__}: {error!s:.200}"))
        torch.cuda.empty_cache()


def evaluators(rows: list[dict[str, Any]]) -> None:
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
        small = graphcondense.condense(data, "random", nodes=12, progress=False)
        try:
            tables = {}
            for device in ("cpu", "cuda"):
                tables[device] = timed(
                    evaluate, small, data, seeds=2, device=device, progress=False, **options
                )
            for cpu, gpu in zip(tables["cpu"][0].rows, tables["cuda"][0].rows, strict=True):
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


def real_data(rows: list[dict[str, Any]], root: Path, names: list[str]) -> None:
    """Real data sets, as a user would run them."""
    for name, method, options in REAL:
        if name not in names:
            continue
        try:
            data = graphcondense.data.load(name, root)
            models = MODELS.get(name, ["GCN"])
            for device in ("cpu", "cuda"):
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--tables", default="methods,evaluators,real")
    parser.add_argument("--sets", default="cora,ogbg-molbace,fashion-mnist,ml-1m")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("no CUDA device here")
    where = torch.cuda.get_device_name(), torch.__version__, graphcondense.__version__
    print(*where, flush=True)
    rows: list[dict[str, Any]] = []
    try:
        if "methods" in args.tables:
            small_data(rows)
        if "evaluators" in args.tables:
            evaluators(rows)
        if "real" in args.tables:
            real_data(rows, args.root, args.sets.split(","))
    finally:
        args.out.write_text(json.dumps({"where": where, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
