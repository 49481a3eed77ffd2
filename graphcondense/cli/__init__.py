"""The command line.

Torch and PyG take seconds to import, so every command imports what it needs when it is called.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
from collections.abc import Callable, Sequence

from graphcondense.cli.bench import command_bench
from graphcondense.cli.condense import command_condense
from graphcondense.cli.continual import command_continual
from graphcondense.cli.demo import command_demo
from graphcondense.cli.evaluate import command_evaluate
from graphcondense.cli.flags import summary_of
from graphcondense.cli.listing import command_datasets, command_methods, command_show
from graphcondense.cli.nas import command_nas
from graphcondense.cli.privacy import command_privacy
from graphcondense.cli.properties import command_properties
from graphcondense.cli.report import command_report
from graphcondense.cli.robustness import command_robustness
from graphcondense.cli.serve import command_serve
from graphcondense.cli.text import note
from graphcondense.cli.tune import command_tune

INTERRUPTED = 130  # what a shell reports after Ctrl-C: 128 + SIGINT
UNREAD = 141  # and where nobody reads what is printed any more: 128 + SIGPIPE

COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "demo": command_demo,
    "condense": command_condense,
    "evaluate": command_evaluate,
    "bench": command_bench,
    "properties": command_properties,
    "privacy": command_privacy,
    "robustness": command_robustness,
    "serve": command_serve,
    "nas": command_nas,
    "tune": command_tune,
    "continual": command_continual,
    "report": command_report,
    "methods": command_methods,
    "datasets": command_datasets,
    "show": command_show,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after ``graphcondense``; by default those of this process.

    Returns:
        0; 2 for what a user can put right, said on stderr; 130 after Ctrl-C; 141 where the reader
        of what is printed has gone, as ``| head`` does.
    """
    words = [_dashed(word) for word in (sys.argv[1:] if argv is None else argv)]
    try:
        try:
            _dispatch(words)
        finally:
            sys.stdout.flush()  # what cannot be written is to be known here, not at the exit
    except SystemExit as end:  # --help
        return int(end.code or 0)
    except BrokenPipeError:
        _unread()
        return UNREAD
    except KeyboardInterrupt:
        note("interrupted")
        return INTERRUPTED
    except (ValueError, FloatingPointError, OSError) as error:
        note(f"error: {error}")
        return 2
    return 0


def _unread() -> None:
    """Let the interpreter's own flush at its exit go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
    elif words[0] == "--version":
        from graphcondense.version import __version__

        print(f"graphcondense {__version__}")
    elif words[0] in COMMANDS:
        COMMANDS[words[0]](words[1:])
    else:
        near = difflib.get_close_matches(words[0], COMMANDS, n=3, cutoff=0.4) or list(COMMANDS)
        raise ValueError(f"unknown command {words[0]!r}; did you mean {', '.join(near)}?")


def overview() -> str:
    """What ``graphcondense --help`` prints; the commands' own docstrings."""
    lines = [
        "usage: graphcondense COMMAND ...",
        "",
        "Condense a large data set into a tiny synthetic one that trains the same models.",
        "",
        "commands:",
        *(f"  {name:<10} {summary_of(command)}" for name, command in COMMANDS.items()),
        "",
        "graphcondense COMMAND --help says more. Start with: graphcondense demo",
    ]
    return "\n".join(lines)


def _dashed(word: str) -> str:
    """
    >>> _dashed("--lr_x=a_b"), _dashed("a_b")
    ('--lr-x=a_b', 'a_b')
    """
    flag, equals, value = word.partition("=")
    return flag.replace("_", "-") + equals + value if word.startswith("--") else word
