"""The card of a set in a zoo."""

from __future__ import annotations

from graphcondense.data.hub_card import LIMITS
from graphcondense.ops.markdown import code, escaped
from graphcondense.ops.sizes import said
from graphcondense.ops.tables import Table
from graphcondense.ops.types import Record
from graphcondense.saved.card import settings
from graphcondense.saved.checks import Tensors, label_kind_of
from graphcondense.saved.forms import GRAPH, Contents
from graphcondense.saved.snippet import snippet
from graphcondense.zoo.entry import Entry, score_text


def card_of(
    entry: Entry, contents: Contents, stored: Tensors, record: Record, built_in: bool = False
) -> str:
    """Markdown: what a set is, how it opens with and without this package, its scores, its making.

    Args:
        entry: what the index has of it.
        contents: what its file opens as.
        stored: the tensors as the file has them.
        record: of its making.
        built_in: whether it comes with the package.
    """
    file = f"{entry.name}.safetensors"
    what = contents.form.stands[0].format(entry.nodes)
    shapes = [
        (name, f"{str(t.dtype).removeprefix('torch.')} {list(t.shape)}")
        for name, t in stored.items()
    ]
    scores = [(m, score_text(row)) for m, row in entry.scores.items()]
    measured = (
        [escaped(entry.protocol) + ".", "", Table(("model", "score"), scores).markdown()]
        if scores
        else ["No model was measured on this set."]
    )
    by = f", by {code(entry.command)}" if entry.command else ""
    made = f"Made by graphcondense {escaped(entry.made_with)}, method {code(entry.method)}{by}."
    size = f" to {entry.nodes:,} nodes and {entry.edges:,} edges" if contents.form is GRAPH else ""
    if contents.form.size is not None:
        nodes, edges = contents.form.size(contents.tensors)
        size = f" to {nodes:,} nodes and {edges:,} edges of all types"
    where = ")" if built_in else ', folder=".")  # the folder of this card'
    lines = [
        f"# {escaped(entry.name)}",
        "",
        f"{what}: {escaped(entry.data or 'data without a name')}, condensed by "
        f"{code(entry.method)}{size}. {said(entry.bytes)}, features in {entry.dtype}.",
        "",
        "With PyG and safetensors alone:",
        "",
        "```python",
        *snippet(contents, stored, file),
        "```",
        "",
        *_label_lines(contents, record),
        "With graphcondense:",
        "",
        "```python",
        "from graphcondense import zoo",
        "",
        f'data = zoo.load("{entry.name}"{where}',
        "```",
        "",
        "## Scores",
        "",
        *measured,
        "",
        *(line for note in entry.notes for line in (escaped(note), "")),
        "## Making",
        "",
        made,
        "",
        f"Source of the real data: {escaped(entry.source)}.",
        "",
        "Licence of the real data, which holds for what is made of them: "
        f"{escaped(entry.licence)}.",
        "",
        escaped(LIMITS),
        "",
        "## File",
        "",
        Table(("tensor", "type and shape"), shapes).markdown(),
        "",
        Table(("record", "value"), [(k, str(v)) for k, v in settings(record).items()]).markdown(),
        "",
        f"SHA-256 of {code(file)}: `{entry.sha256}`",
        "",
    ]
    return "\n".join(lines)


def _label_lines(contents: Contents, record: Record) -> list[str]:
    """What labels are, where they are no classes, and the loss that takes them."""
    y = contents.tensors.get("y")
    if contents.form is not GRAPH or y is None or y.dim() != 2:
        return []
    what, loss = _LABELS[label_kind_of(record)]
    holes = " NaN where there is none, which no loss may see." if bool(y.isnan().any()) else ""
    return [
        f"`data.y` has {what.format(y.shape[1])}, as `torch.nn.functional.{loss}` takes "
        f"them.{holes}",
        "",
    ]


_LABELS = {
    "classes": ("a probability for each of {} classes", "cross_entropy"),
    "soft": ("a probability for each of {} classes", "cross_entropy"),
    "binary": (
        "several labels a node, {} of them, each 0, 1 or what is between",
        "binary_cross_entropy_with_logits",
    ),
    "regression": ("numbers to be predicted, {} a node", "mse_loss"),
}
"""By :func:`~graphcondense.saved.checks.label_kind_of`: what a row has, and the loss."""
