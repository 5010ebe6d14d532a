"""Leaving: a signal that asks the program to end lets it end in order. Standard library only.

Outside a show SIGTERM and SIGHUP raise `Left`, as Ctrl+C raises KeyboardInterrupt: files are finished or removed on the
way out. A show plays its frame to the end first, and closes everything then: see ``calmly``.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

AGAIN_SECONDS = 2.0  # s; a second Ctrl+C later than this breaks off what still closes
WORDS = {"SIGTERM": "it was asked to (SIGTERM)", "SIGHUP": "its terminal was closed (SIGHUP)", "SIGINT": "Ctrl+C"}


class Left(KeyboardInterrupt):
    """The program was asked to end by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(why(number))
        self.number = number


class _State:
    """What the signals have asked for."""

    asked: int | None = None  # a signal's number
    at = 0.0  # monotonic seconds
    calm = False
    lost = ""
    broken_off = signal.SIGINT.value  # by that signal, where one raises something: Ctrl+C has Python's own handler


def asked() -> int | None:
    """Return the signal that asked a show to end, None while none has."""
    return _State.asked


def with_others() -> bool:
    """Return whether a show was asked to end by another than Ctrl+C: where a session ends, its servers end, too."""
    return _State.asked not in (None, signal.SIGINT)


def lose(what: str) -> None:
    """Note that ``what``, without which no show can go on, is gone."""
    _State.lost = what


def lost() -> str:
    """Return what is gone without which no show can go on, empty while nothing is."""
    return _State.lost


def code() -> int:
    """Return the exit code of a command that a signal broke off, and that has kept what it had."""
    return 128 + _State.broken_off


def why(number: int) -> str:
    """Return why the program ends, in a few words."""
    name = signal.Signals(number).name
    return f"ended: {WORDS.get(name, name)}"


@contextlib.contextmanager
def signals() -> Iterator[None]:
    """Hear SIGTERM and SIGHUP while the block runs; one that the program was started to ignore stays ignored."""
    _State.broken_off = signal.SIGINT.value
    with _heard("SIGTERM", "SIGHUP"):
        yield


@contextlib.contextmanager
def calmly() -> Iterator[None]:
    """Let signals, Ctrl+C among them, only be noted while the block runs: ``asked`` returns the first."""
    with _heard("SIGINT", "SIGTERM", "SIGHUP"):
        _State.asked, _State.calm = None, True
        try:
            yield
        finally:
            _State.calm = False


@contextlib.contextmanager
def _heard(*names: str) -> Iterator[None]:
    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in names:
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, _hear)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _hear(number: int, _frame: FrameType | None) -> None:
    now = time.monotonic()
    again = _State.asked is not None and number == signal.SIGINT and now - _State.at > AGAIN_SECONDS
    if _State.calm and not again:
        if _State.asked is None:
            _State.asked, _State.at = number, now
        return
    _State.broken_off = number
    raise KeyboardInterrupt if number == signal.SIGINT else Left(number)
