"""YAML as people mean it."""

from __future__ import annotations

import pytest
import yaml

from graphcondense.ops.yaml import read_yaml


def test_a_list_that_claims_to_be_a_mapping() -> None:
    with pytest.raises(yaml.YAMLError, match="expected a mapping node"):
        read_yaml("!!map [1]")


def test_a_name_that_is_there_twice_is_refused() -> None:
    """The last of both counted, whatever the first said."""
    with pytest.raises(yaml.YAMLError, match="'seed' is there twice"):
        read_yaml("seed: 1\nnodes: 3\nseed: 5\n")
    assert read_yaml("a: {seed: 1}\nb: {seed: 2}\n") == {"a": {"seed": 1}, "b": {"seed": 2}}
