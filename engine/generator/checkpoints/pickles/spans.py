"""Spans: parts of a file that are read on demand, and never beyond their ends."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO

from engine.generator.checkpoints.refusals import AGAIN, Refused

TRUNCATED = f"the file ends too early, an unfinished download: {AGAIN}"


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes `start` to `start + length` of a file; the file stays open while the span is in use."""

    file: BinaryIO
    start: int
    length: int

    @classmethod
    def of(cls, data: bytes) -> Span:
        """Return a span over bytes in memory."""
        return cls(io.BytesIO(data), 0, len(data))

    def sub(self, offset: int, length: int) -> Span:
        """Return a part of this span. Raises Refused when it reaches beyond the end."""
        if offset < 0 or length < 0 or offset + length > self.length:
            raise Refused(TRUNCATED)
        return Span(self.file, self.start + offset, length)

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return bytes of the span. Raises Refused when some of them are missing."""
        part = self.sub(offset, self.length - offset if length is None else length)
        self.file.seek(part.start)
        data = self.file.read(part.length)
        if len(data) != part.length:  # the file shrank while it was read
            raise Refused(TRUNCATED)
        return data

    def read_into(self, target: memoryview) -> None:
        """Fill `target`, which is as long as the span, directly from the file. Raises Refused when bytes miss."""
        self.file.seek(self.start)
        done = 0
        while done < self.length:
            count = self.file.readinto(target[done : self.length])  # type: ignore[attr-defined]
            if not count:
                raise Refused(TRUNCATED)
            done += count

    def head(self, length: int) -> bytes:
        """Return the first `length` bytes, or all of a shorter span."""
        return self.read(0, min(length, self.length))


class Cursor:
    """Reads a span from front to back through a buffer, as bytes, lines, or spans that stay in the file."""

    CHUNK = 1 << 16

    def __init__(self, span: Span) -> None:
        self.span = span
        self.buffer, self.at = b"", 0  # the bytes that were read, and the number that is used
        self.filled = 0  # offset in the span of the buffer's end

    @property
    def position(self) -> int:
        """Return the offset of the next byte in the span."""
        return self.filled - len(self.buffer) + self.at

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes. Raises Refused at the end."""
        end = self.at + count
        if end > len(self.buffer):
            self._fill(count)
            end = count
        data = self.buffer[self.at : end]
        self.at = end
        return data

    def line(self, limit: int = 4096) -> bytes:
        """Return the bytes up to the next newline, and skip that. Raises Refused without one within `limit` bytes."""
        end = self.buffer.find(b"\n", self.at)
        if end < 0:
            self._fill(min(limit, self.span.length - self.position))
            end = self.buffer.find(b"\n")
        if end < 0:
            raise Refused(TRUNCATED)
        data = self.buffer[self.at : end]
        self.at = end + 1
        return data

    def leave(self, count: int) -> Span:
        """Return the next `count` bytes as a span, and skip them unread."""
        part = self.span.sub(self.position, count)
        if self.at + count <= len(self.buffer):
            self.at += count
        else:
            self.filled = self.position + count
            self.buffer, self.at = b"", 0
        return part

    def _fill(self, wanted: int) -> None:
        position = self.position
        count = max(wanted, min(self.CHUNK, self.span.length - position))
        self.buffer = self.span.read(position, count)
        self.at, self.filled = 0, position + count
