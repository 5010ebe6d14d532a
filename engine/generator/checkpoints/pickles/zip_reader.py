"""The entries of a ZIP archive that torch writes: stored, never compressed, each a span of the file.

Layout: APPNOTE.TXT 6.3, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16 (its end).
"""

from __future__ import annotations

import struct

from engine.generator.checkpoints.pickles.pickle_names import Budget
from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.refusals import AGAIN, EXHAUSTS, Refused

LOCAL = struct.Struct("<4s5H3L2H")
CENTRAL = struct.Struct("<4s6H3L5H2L")
END = struct.Struct("<4s4H2LH")
LOCATOR = struct.Struct("<4sLQL")
END64 = struct.Struct("<4sQ2H2L4Q")

MOST_ENTRIES = 50_000  # entries; an archive with more is refused
ENTRY_COST = 500  # bytes of Budget.text; an entry takes them
DAMAGED_ZIP = f"the archive is damaged: {AGAIN}"


def entries(span: Span, budget: Budget) -> dict[str, Span]:
    """Return every entry's content by name. Raises Refused when the archive is damaged, compressed or too large."""
    count, size, offset = directory(span)
    budget.text -= size + ENTRY_COST * count  # the cost per entry limits archives that are read many times, too
    if count > MOST_ENTRIES or budget.text < 0:
        raise Refused(f"the archive lists more entries than any checkpoint: {EXHAUSTS}")
    listing, at = span.sub(offset, size).read(), 0
    found: dict[str, Span] = {}
    for _ in range(count):
        if at + CENTRAL.size > len(listing):
            raise Refused(DAMAGED_ZIP)
        fields = CENTRAL.unpack_from(listing, at)
        name_end = at + CENTRAL.size + fields[10]
        name = listing[at + CENTRAL.size : name_end].decode("utf-8", "replace")
        extra = listing[name_end : name_end + fields[11]]
        if fields[0] != b"PK\x01\x02" or name in found:
            raise Refused(DAMAGED_ZIP)
        found[name] = content(span, fields, extra)
        at = name_end + fields[11] + fields[12]
    return found


def directory(span: Span) -> tuple[int, int, int]:
    """Return the number of entries, the size and the offset of the central directory. Raises Refused without one."""
    tail_start = max(0, span.length - END.size - 0xFFFF)
    tail = span.read(tail_start)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + END.size > len(tail):
        raise Refused(f"the archive has no end, an unfinished download: {AGAIN}")
    _, _, _, _, count, size, offset, _ = END.unpack_from(tail, at)
    if count == 0xFFFF or size == 0xFFFFFFFF or offset == 0xFFFFFFFF:
        locator = LOCATOR.unpack(span.read(tail_start + at - LOCATOR.size, LOCATOR.size))
        if locator[0] != b"PK\x06\x07":
            raise Refused(DAMAGED_ZIP)
        end = END64.unpack(span.read(locator[2], END64.size))
        if end[0] != b"PK\x06\x06":
            raise Refused(DAMAGED_ZIP)
        count, size, offset = end[7], end[8], end[9]
    return count, size, offset


def content(span: Span, fields: tuple[int, ...], extra: bytes) -> Span:
    """Return an entry's bytes; `fields` and `extra` are its row in the directory."""
    flags, method = fields[3], fields[4]
    if method != 0 or flags & 1:
        raise Refused("the archive is compressed or encrypted, as no checkpoint is: unpack it and give what is inside")
    packed, size, offset = wide(fields[8], fields[9], fields[16], extra)
    if packed != size:
        raise Refused(DAMAGED_ZIP)
    local = LOCAL.unpack(span.read(offset, LOCAL.size))
    if local[0] != b"PK\x03\x04":
        raise Refused(DAMAGED_ZIP)
    return span.sub(offset + LOCAL.size + local[9] + local[10], size)


def wide(packed: int, size: int, offset: int, extra: bytes) -> tuple[int, int, int]:
    """Return packed size, size and offset; values beyond 32 bits come from the ZIP64 extra field."""
    at, values = 0, [size, packed, offset]
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            numbers = extra[at + 4 : at + 4 + length]
            used = 0
            for i, value in enumerate(values):
                if value == 0xFFFFFFFF and used + 8 <= len(numbers):
                    (values[i],) = struct.unpack_from("<Q", numbers, used)
                    used += 8
        at += 4 + length
    return values[1], values[0], values[2]
