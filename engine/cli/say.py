"""What commands say to the performer, apart from what they output."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, TextIO

from engine.system.voice import Voice

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

voice = Voice()


def say(line: str) -> None:
    """Print one line for the performer on stderr; a show does not wait for its reader."""
    voice.say(line)


def drawing() -> TextIO:
    """Return a stream for what is drawn in the terminal, such as a progress bar; nothing written to it waits."""
    encoding = sys.stderr.encoding
    raw = io.BufferedWriter(_Drawing(sys.stderr.isatty(), encoding))
    return io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", write_through=True)


class _Drawing(io.RawIOBase):
    """Hands what is written to the voice."""

    def __init__(self, terminal: bool, encoding: str) -> None:
        super().__init__()
        self._terminal, self._encoding = terminal, encoding

    def isatty(self) -> bool:
        """Return whether it is a terminal that is drawn on."""
        return self._terminal

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Buffer) -> int:
        """Print bytes of text, soon."""
        text = bytes(data)
        voice.write(text.decode(self._encoding, errors="replace"))
        return len(text)
