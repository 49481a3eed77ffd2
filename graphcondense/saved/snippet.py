"""Lines that open a file of :func:`~graphcondense.saved.condensed.save` without this package."""

from __future__ import annotations

import torch

from graphcondense.saved.checks import Tensors
from graphcondense.saved.compact import pack
from graphcondense.saved.forms import GRAPH, LINKS, Contents


def stored_parts(contents: Contents, width: int = 4) -> dict[str, torch.Tensor]:
    """The tensors of a set, each in its smaller form; ``width`` is that of a value in bytes."""
    packed = contents.form.packed
    return {
        part: tensor
        for name, whole in contents.tensors.items()
        for part, tensor in (pack(name, whole, width) if name in packed else {name: whole}).items()
    }


def snippet(contents: Contents, stored: Tensors, file: str) -> list[str]:
    """Python that opens ``file`` with PyTorch, safetensors and PyG alone.

    Args:
        contents: what the file opens as.
        stored: its tensors as they are stored: dense or by row, whole or at half the width.
        file: its name.
    """
    lines = ["from safetensors.torch import load_file"]
    opened = f't = load_file("{file}")'
    if contents.form not in (GRAPH, LINKS) or contents.tensors["x"].dim() == 4:
        return [*lines, "", f"{opened}  # tensors by name"]

    def read(name: str) -> str:
        back = {torch.bfloat16: ".float()", torch.int32: ".long()"}
        return f't["{name}"]{back.get(stored[name].dtype, "")}'

    lines += ["from torch_geometric.data import Data", "", opened]
    x = read("x") if "x" in stored else "x.to_dense()"
    if "x" not in stored:
        rows, width = contents.tensors["x"].shape
        lines[:0] = ["import torch"]
        parts = ", ".join(('t["x_crow"]', 't["x_col"]', read("x_value")))
        lines += [f"x = torch.sparse_csr_tensor({parts}, ({rows}, {width}))"]
    y = ', y=t["y"]' if "y" in stored else ""
    lines += [f"data = Data(x={x}, edge_index={read('edge_index')}{y})"]
    if "edge_weight" in stored:
        lines += [f"data.edge_weight = {read('edge_weight')}"]
    if "train_mask" in stored and not bool(contents.tensors["train_mask"].all()):
        lines += ['data.train_mask = t["train_mask"]']
    return lines
