"""YAML as people mean it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from graphcondense.ops.json import check_nest


class Plain(yaml.SafeLoader):
    """What ``yaml.safe_load`` reads, less the words that YAML 1.1 takes for other things.

    There ``1:30`` is 90 (base 60), ``010``, ``0x10``, ``0b11`` and ``1_000`` are numbers, ``yes``
    and ``off`` are truth values and ``2020-01-01`` is a date: here all are text. What
    ``yaml.safe_dump`` writes is read back as it was.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, form) for tag, form in rules if tag.rpartition(":")[2] in ("null", "merge")]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As YAML has it: a name that stands there twice is a mistake, and not the last of both."""
        seen = set[str]()
        pairs = node.value if isinstance(node, yaml.MappingNode) else []  # YAML refuses others
        for key, _ in pairs:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                text = f"{key.value!r} is there twice: leave one out"
                raise yaml.constructor.ConstructorError(None, None, text, key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


class Typed(Plain):
    """The same for what is typed on a command line, where ``1e-3`` is a number, as in JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: list(rules) for first, rules in Plain.yaml_implicit_resolvers.items()
    }


NUMBER = r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?|[-+]?\.inf|\.nan"
EXPONENT = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+"
for loader, number in ((Plain, NUMBER), (Typed, f"{EXPONENT}|{NUMBER}")):
    for name, form, firsts in (
        ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
        ("float", number, "-+.0123456789"),
        ("int", "[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ):
        loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{name}", re.compile(f"^(?:{form})$"), list(firsts)
        )


def read_yaml(text: str) -> Any:
    """The value of a document.

    Raises:
        yaml.YAMLError: it is none.

    >>> read_yaml("{nodes: 1:30, lr: 1.0e-3, on: yes, seed: 10}")
    {'nodes': '1:30', 'lr': 0.001, 'on': 'yes', 'seed': 10}
    """
    try:
        value = yaml.load(text, Plain)
        check_nest(value)
    except RecursionError:
        raise yaml.YAMLError("lists or mappings are nested too deep") from None
    except (ValueError, TypeError, OverflowError) as error:  # such as a key that is a list
        raise yaml.YAMLError(str(error)[:200]) from error
    return value


def read_yaml_file(path: Path) -> dict[str, Any]:
    """The mapping that a file holds.

    Raises:
        ValueError: the file cannot be read, or holds something else; names it.
    """
    try:
        value = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"cannot read {path}: {str(error)[:200]}") from error
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{path} is not a mapping of names to values")
    return value


def read_typed(text: str) -> object:
    """The value of a word of a command line.

    >>> read_typed("[1e-3, 0x10]")
    [0.001, '0x10']
    """
    return yaml.load(text, Typed)
