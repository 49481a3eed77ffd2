"""``--plugin FILE``: a method in a Python file of the user's."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path


def load_plugin(text: str) -> None:
    """Run a file, whose methods are then found by their names like any other.

    The file is code that the user names: it is run as it is, with no check of what it does.

    Raises:
        ValueError: no file, a file that fails, or one that defines no method.
    """
    from graphcondense.core.method import REGISTRY
    from graphcondense.methods import all_methods

    path = Path(text)
    if not text or path.suffix != ".py" or not path.is_file():
        what = f"there is no file {path}" if path.suffix == ".py" else f"{text!r} is no Python file"
        raise ValueError(f"--plugin: {what}; give a file that ends in .py and defines a method")
    if module_name(path) in sys.modules:
        return
    before = set(all_methods())
    name = module_name(path)
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None, "of a file that ends in .py there is one"
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a user's code raises
        del sys.modules[name]
        for key in REGISTRY.keys() - before:
            del REGISTRY[key]
        line = _line_in(error, path)
        raise ValueError(f"--plugin {path}{line}: {type(error).__name__}: {error}") from error
    if not REGISTRY.keys() - before:
        raise ValueError(
            f"--plugin {path} defines no method: a method is a dataclass that inherits from "
            "graphcondense.Method and has a name and a kind"
        )


def module_name(path: Path) -> str:
    """What a plug-in's module is called, one for each file."""
    return f"graphcondense_plugin:{path.resolve()}"


def _line_in(error: BaseException, path: Path) -> str:
    """Where in the file an error came up."""
    if isinstance(error, SyntaxError):
        return f":{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path.resolve())]
    return f":{lines[-1]}" if lines else ""
