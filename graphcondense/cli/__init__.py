"""The command line.

Torch and PyG take seconds to import, so every command imports what it needs when it is called, and
what help needs is in an index (:mod:`graphcondense.cli.help`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType

from graphcondense.cli.help import (
    COMMANDS,
    asks_help,
    find_command,
    glance,
    has_plugins,
    overview,
    page_of,
)
from graphcondense.cli.text import CONSOLE, is_main, note, speaking, warn
from graphcondense.ops.names import near

INTERRUPTED = 130  # what a shell reports after Ctrl-C: 128 + SIGINT
TERMINATED = 143  # 128 + SIGTERM, with which schedulers end what they run
UNREAD = 141  # and where nobody reads what is printed any more: 128 + SIGPIPE
LIGHT = ("methods", "completion")
"""Commands that import nothing heavy."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the words after ``graphcondense``; by default those of this process.

    Returns:
        0; 2 for what a user can put right, said on stderr; 130 after Ctrl-C, 143 after SIGTERM,
        which is taken as Ctrl-C is; 141 where the reader of what is printed has gone, as ``| head``
        does.
    """
    with _terminable() as terminated:
        end = _main(argv)
        return TERMINATED if terminated and end == INTERRUPTED else end


@contextlib.contextmanager
def _terminable() -> Iterator[list[int]]:
    """Take SIGTERM as Ctrl-C inside a ``with`` block: a run then says how to go on.

    Yields:
        The signals of that kind that have come.
    """
    came: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.append(number)
        raise KeyboardInterrupt

    # Only the main thread may have it another way, and one that is ignored stays so.
    usual = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not usual or threading.current_thread() is not threading.main_thread():
        yield came
        return
    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield came
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _main(argv: Sequence[str] | None) -> int:
    words = _bare_json(
        [_at_home(_dashed(word)) for word in (sys.argv[1:] if argv is None else argv)]
    )
    try:
        try:
            _dispatch(words)
        finally:
            sys.stdout.flush()  # what cannot be written is to be known here, not at the exit
    except SystemExit as end:
        return int(end.code or 0)
    except BrokenPipeError:
        _unread()
        return UNREAD
    except KeyboardInterrupt:
        warn("interrupted")
        return INTERRUPTED
    except (ValueError, OSError) as error:
        warn(f"error: {error}")
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
        _command(words[0], words[1:])
    else:
        alike = near(words[0], COMMANDS, like=0.4) or list(COMMANDS)
        raise ValueError(f"unknown command {words[0]!r}; did you mean {', '.join(alike)}?")


def _command(name: str, argv: list[str]) -> None:
    """Run a command and print what it is asked to give."""
    common = glance(argv, "--plugin", "--json", "--quiet", "--plot")
    if asks_help(argv) and common.plugin is None and not has_plugins():
        page = page_of([name, *argv])
        if page is not None:
            print(page)
            return
    _check_targets(common.json, common.plot)
    with speaking(common.quiet is not None, common.json == "-"):
        heavy = name not in LIGHT or common.plugin is not None
        if heavy and "torch" not in sys.modules:
            note("loading torch ...")
        if common.plugin is not None:
            from graphcondense.cli.plugin import load_plugin

            load_plugin(common.plugin)
        from graphcondense.cli.flags import HelpAsked

        aside = contextlib.redirect_stdout(sys.stderr) if common.json == "-" else None
        try:
            with aside or contextlib.nullcontext():
                found = find_command(name)(argv)
        except HelpAsked as help_asked:
            from graphcondense.cli.index import shown

            print(shown(help_asked.parsers))
            return
        written = CONSOLE.written
    if common.json and found is not None and is_main():
        text = json.dumps(found, indent=2)
        if common.json == "-":
            print(text)
        elif not written:
            from graphcondense.ops.files import write_whole

            write_whole(common.json, f"{text}\n")
            note(f"written: {common.json}")


def _check_targets(numbers: str | None, picture: str | None) -> None:
    """Raise a ValueError for a file that could not be written once the work is done."""
    from graphcondense.ops.figures import ended, refuse_format
    from graphcondense.ops.files import refuse_target

    if numbers and numbers != "-":
        refuse_target(numbers, f"--json {numbers}")
    if picture:
        refuse_target(ended(picture), f"--plot {picture}")
        refuse_format(ended(picture), "--plot")


def _at_home(word: str) -> str:
    """``~/`` at the start of a word or of a flag's value as the home folder: shells leave the
    latter as it is, and some places of a command would make a folder of that name.

    >>> _at_home("~/run") == os.path.expanduser("~/run"), _at_home("a~/run")
    (True, 'a~/run')
    """
    flag, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return f"{flag}{equals}{os.path.expanduser(value)}" if value.startswith("~/") else word


def _bare_json(words: list[str]) -> list[str]:
    """``--json`` without a file is ``--json=-``, whatever word comes next.

    >>> _bare_json(["--json", "run"]), _bare_json(["--json", "out.json"])
    (['--json=-', 'run'], ['--json', 'out.json'])
    """
    following = [*words[1:], ""]
    return [
        "--json=-" if word == "--json" and not after.endswith(".json") else word
        for word, after in zip(words, following, strict=True)
    ]


def _dashed(word: str) -> str:
    """
    >>> _dashed("--lr_x=a_b"), _dashed("a_b")
    ('--lr-x=a_b', 'a_b')
    """
    flag, equals, value = word.partition("=")
    return flag.replace("_", "-") + equals + value if word.startswith("--") else word
