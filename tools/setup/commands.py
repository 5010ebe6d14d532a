"""Runs the set-up's commands: their words go to .venv-setup.log, a line of progress to the terminal."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]


def place(root: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for .venv: the checkout, or one of the user's own where the checkout cannot be written to."""
    if (root / ".venv").exists() or os.access(root, os.W_OK):
        return root
    own = {"nt": environ.get("LOCALAPPDATA"), "posix": environ.get("XDG_DATA_HOME")}.get(os.name)
    mac = "Library/Application Support" if sys.platform == "darwin" else ".local/share"
    number = hashlib.sha256(str(root).encode()).hexdigest()[:12]
    return Path(own or Path.home() / mac) / "latentvj" / f"checkout-{number}"


PLACE = place(ROOT)
VENV = PLACE / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOG = PLACE / ".venv-setup.log"
BEGAN = time.monotonic()
NOT_FOUND = 127  # a shell's exit code of a command that does not start


def say(text: str) -> None:
    """Print one line of progress, with the seconds since the start."""
    print(f"[{time.monotonic() - BEGAN:6.1f} s] {text}", file=sys.stderr, flush=True)


def stop(text: str) -> NoReturn:
    """End with one line that says what to do, exit code 2."""
    print(text, file=sys.stderr, flush=True)
    raise SystemExit(2)


def variables() -> dict[str, str]:
    """Return the variables of a process that runs inside .venv."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    env["VIRTUAL_ENV"] = str(VENV)
    env["PATH"] = str(PYTHON.parent) + os.pathsep + env.get("PATH", "")
    return env


def writing(env: dict[str, str]) -> dict[str, str]:
    """Return ``env`` for a process that may keep what it compiles: all that start later load it."""
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def run(command: Sequence[str], progress: bool = False) -> int:
    """Run ``command`` with its words in the log; with ``progress`` show what is fetched and built."""
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        try:
            process = subprocess.Popen(
                list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                text=True, errors="replace", env=writing(variables()), cwd=ROOT,
            )  # fmt: skip
        except OSError as error:
            log.write(f"{error}\n")
            return NOT_FOUND
        with process:  # waits, also when Ctrl-C comes
            for line in process.stdout or ():
                log.write(line)
                if progress and (news := news_of(line)):
                    say(f"  {news}")
        return process.returncode


def news_of(line: str) -> str:
    """Return what a line of pip's or uv's means, if it is worth telling: what is fetched, built, unpacked."""
    if found := re.match(r"\s*Downloading (?:\S*/)?(\S+?)(?:-\d\S*)? (\(.*\))", line):
        return f"fetching {found[1]} {found[2]}"
    if found := re.match(r"\s*Building wheel for (\S+) .*started|\s*Building ([\w.-]+)(?:==\S+)?\s*$", line):
        return f"building {found[1] or found[2]}"
    return "unpacking them all" if line.startswith(("Installing collected", "Prepared ")) else ""


def last_words() -> str:
    """Return the last line of the log that says something: usually the error."""
    try:
        text = LOG.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(ERROR|E:|error|fatal|×)|\w*Error:", line)]
    return (errors or lines or ["no output"])[-1]
