"""Bounded reading: a window on part of a file that never yields more than is there, and copies on demand."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO

from engine.generator.checkpoints.refusals import AGAIN, Refused

TRUNCATED = f"the file ends too early, an unfinished download: {AGAIN}"


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start` .. `start + length` of a file that stays open while the span is in use."""

    file: BinaryIO
    start: int
    length: int

    @classmethod
    def of(cls, data: bytes) -> Span:
        """A span over bytes in memory."""
        return cls(io.BytesIO(data), 0, len(data))

    def sub(self, offset: int, length: int) -> Span:
        """A part of this span. Raises Refused when it reaches beyond the end."""
        if offset < 0 or length < 0 or offset + length > self.length:
            raise Refused(TRUNCATED)
        return Span(self.file, self.start + offset, length)

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """The bytes themselves. Raises Refused when they are not all there."""
        part = self.sub(offset, self.length - offset if length is None else length)
        self.file.seek(part.start)
        data = self.file.read(part.length)
        if len(data) != part.length:  # it shrank while it was read
            raise Refused(TRUNCATED)
        return data

    def read_into(self, target: memoryview) -> None:
        """Fill `target`, which is as long as the span, without a copy between. Raises Refused when short."""
        self.file.seek(self.start)
        done = 0
        while done < self.length:
            count = self.file.readinto(target[done : self.length])  # type: ignore[attr-defined]
            if not count:
                raise Refused(TRUNCATED)
            done += count

    def head(self, length: int) -> bytes:
        """The first `length` bytes, or as many as there are."""
        return self.read(0, min(length, self.length))


class Cursor:
    """Reads a span front to back through a buffer; the caller takes bytes, lines, or spans left in place."""

    CHUNK = 1 << 16

    def __init__(self, span: Span) -> None:
        self.span = span
        self.buffer, self.at = b"", 0  # the bytes at hand, and how many of them are used
        self.filled = 0  # how far into the span the buffer reaches

    @property
    def position(self) -> int:
        """Offset of the next byte in the span."""
        return self.filled - len(self.buffer) + self.at

    def take(self, count: int) -> bytes:
        """The next `count` bytes. Raises Refused at the end."""
        end = self.at + count
        if end > len(self.buffer):
            self._fill(count)
            end = count
        data = self.buffer[self.at : end]
        self.at = end
        return data

    def line(self, limit: int = 4096) -> bytes:
        """The next bytes up to a newline, which is passed over. Raises Refused when there is none soon."""
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
        """The next `count` bytes as a span, passed over unread."""
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
