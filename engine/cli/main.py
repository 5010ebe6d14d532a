"""The command line: one row a command, one file of the same name beside this one."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn, Protocol, cast

from engine import __version__
from engine.borders.errors import UserError, out_of_memory
from engine.cli.arguments import Parser
from engine.cli.say import say, voice
from engine.system import leaving, user_folders
from engine.system.allocator import tune_allocator
from engine.system.foreign import open_standard
from engine.system.resources import resource
from engine.system.watch import attached

# A command and its line of help. Its module is engine/cli/NAME.py, a `Command`.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "live": "the show: live input, MIDI, window",
        "soundcheck": "half a minute that answers whether tonight will work",
        "rehearse": "play a song file with the picture in sync",
        "render": "render a song to a video, frame-exact",
        "join": "the parts of a film to the film",
        "bench": "measure the loop without window or devices",
        "image": "render one still, or a sheet of them",
        "project": "a photograph's place in a model",
        "stylize": "repaint a picture, a folder or a film in a style",
        "analyze": "what the ears hear in a song",
        "presets": "every preset, with its picture where the terminal can",
        "devices": "audio inputs, MIDI ports, displays, GPU",
        "model": "describe, convert or compile a checkpoint",
        "attributes": "named sliders of a model: list, import, ask, train, measure",
        "edit": "move a point along what its picture shows",
    }
)
SHOWN = ("live", "rehearse", "render", "bench")  # commands with a first picture to wait for
TOLD = 8  # commands with a line each where `vj` alone says in ten lines what it can do; the rest share one
OF_NAMES = (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ELOOP)  # what is wrong with a file's name or place
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)  # on the disk of what is printed; files that are named have their own line
PIPE = 13  # the number of the signal of a pipe that nobody reads
FIRST_STEPS = ("vj rehearse demo", "vj devices", "vj live --windowed")


class Command(Protocol):
    """What a command's module has. It is imported only when that command is asked for."""

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Add what the command takes."""
        ...

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """Do it; return the exit code. UserError on bad input."""
        ...


def command(name: str) -> Command:
    """Return the module of a command."""
    return cast(Command, importlib.import_module(f"engine.cli.{name}"))


def parser(asked: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of the whole command line, with the arguments of the command ``asked`` for."""
    top = Parser(prog="vj", description="Play a StyleGAN model like an instrument.")
    top.add_argument("--version", action="version", version=f"latentvj {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, does in COMMANDS.items():
        sub = commands.add_parser(name, help=does, description=does)
        if name == asked:
            command(name).add_arguments(sub)
    return top


def recall(args: argparse.Namespace) -> None:
    """Complete the arguments of a command that shows by what earlier shows have chosen."""
    if "preset" in vars(args):
        from engine.cli import remembered

        remembered.recall(args)


def prepare_files(args: argparse.Namespace) -> None:
    """Check the files of the run, where it writes any; what does so imports more than a command without them needs."""
    if "preset" in vars(args) or any(isinstance(value, Path) for value in vars(args).values()):
        from engine.cli import own_files

        own_files.prepare(args)


def starting() -> contextlib.AbstractContextManager[None]:
    """Return what to import a command within that has a first picture to wait for."""
    from engine.system import start_ahead

    return start_ahead.importing()


def presets_at_hand() -> list[str]:
    """Return the presets by name, the shipped ones and the user's own."""
    from engine.control.presets.listing import listed

    return list(listed((user_folders.data("presets"), resource("presets"))))


def introduce() -> int:
    """Say what vj can do and what to try first; return 2, for nothing was asked."""
    say("latentvj plays a StyleGAN model like an instrument:")
    every = list(COMMANDS)
    for name in every[:TOLD]:
        say(f"  vj {name:<11} {COMMANDS[name]}")
    say(f"  also {', '.join(f'vj {name}' for name in every[TOLD:])}; vj COMMAND --help says what a command takes")
    say(f"presets: {', '.join(presets_at_hand())}")
    say("try first:")
    for line in FIRST_STEPS:
        say(f"  {line}")
    return 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code, or 2 with one line on bad input, or 130 when interrupted."""
    open_standard()
    tune_allocator()  # before anything loads torch
    voice.begin()
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        code = _command(words) if words else introduce()
        sys.stdout.flush()  # here what cannot be written is still told
        return code
    except leaving.Left as left:
        _say_last(str(left))
        return 128 + left.number
    except UserError as error:
        _say_last(" ".join(str(error).split()))
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of the output has gone: `vj presets | head`
        _print_no_more()
        return 128 + PIPE
    except (MemoryError, RuntimeError, OSError) as error:
        if (line := _told_of(error)) is None:
            raise
        _say_last(line)
        return 2
    finally:
        voice.end()


def _told_of(error: Exception) -> str | None:
    """Return the line about an error of the system that no part has told; None where it is this program's."""
    if isinstance(error, OSError) and error.errno in OF_NAMES and error.filename:
        return f"{error.filename}: {error.strerror}: name another file or folder"
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        if error.filename is None:
            _print_no_more()
        return f"{error.filename or 'standard output'}: {error.strerror}: make room, or write to another disk"
    if out_of_memory(error):
        return "out of memory: choose a smaller --resolution or --size, or close other programs"
    return None


def _say_last(line: str) -> None:
    """Say why the program ends, after what libraries still had to say: the reason is looked for in the last line."""
    voice.foreign.end()
    say(line)


def _command(words: list[str]) -> int:
    asked = next((word for word in words if word in COMMANDS), None)
    with starting() if asked in SHOWN and not {"-h", "--help"} & set(words) else contextlib.nullcontext():
        refuse_empty(words)
        args = parser(asked).parse_args(words)
        recall(args)
        prepare_files(args)
    args.words = words
    try:
        with leaving.signals():
            return command(args.command).run(args)
    except UserError as error:
        if not vars(args).get("recalled"):
            raise
        from engine.cli import remembered

        raise remembered.explained(args, error) from error


def refuse_empty(words: Sequence[str]) -> None:
    """Raise UserError where an argument is empty: a variable of the shell is not set, and something else would play."""
    for before, word in zip(("vj", *words), words, strict=False):
        flag, equals, behind = word.partition("=")
        if not word or (word.startswith("--") and equals and not behind):
            raise UserError(f"{flag or before}: is followed by nothing; is a variable of the shell empty?")


def _print_no_more() -> None:
    """Let what is still to be printed go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


def run() -> NoReturn:
    """Run the command line, and end with all that matters closed and written.

    The exit handlers of libraries do not run: torch's take longer than all else, and one that waits for a thread
    of a dead sound server, or of a backend that is still being built, may never return.
    """
    code = main()
    if (watch := attached()) is not None:
        watch.end(code)
    for out in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or nobody reads it
            out.flush()
    os._exit(code)
