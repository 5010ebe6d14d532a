"""Two bytes that are one control: coarse and fine, in either order, with bytes missing and gestures in between."""

from __future__ import annotations

PAIR_SECONDS = 0.02  # s; the second byte of a pair comes within this time, or not at all
ORDERS = {"14-bit-coarse-first": "coarse", "14-bit-fine-first": "fine"}


class Pair:
    """Joins the two bytes of a control that is known to have two. Values are 0..1."""

    def __init__(self, kind: str) -> None:
        """``kind`` says which byte comes first; where it does not, that is the first byte after a rest."""
        self._first = ORDERS.get(kind)
        self._lead = self._first
        self._coarse: int | None = None
        self._fine: int | None = None
        self._waits: str | None = None  # the byte whose other half has not come
        self._heard = float("-inf")  # s

    def take(self, part: str, value: int, time: float) -> float | None:
        """Take one byte, "coarse" or "fine"; return where the control is, None until its other half has come."""
        rested = time - self._heard > PAIR_SECONDS
        waits, self._waits, self._heard = self._waits, None, time
        if waits is not None and waits != part and not rested:
            self._set(part, value)
            return self._whole()
        if self._lead is None or (rested and self._first is None):
            self._lead = part
        before = self._alone(waits) if waits is not None else None  # it has no other half
        self._set(part, value)
        if part != self._lead:
            return self._whole()  # only this half has changed
        self._waits = part
        return before

    def settle(self, time: float) -> float | None:
        """Return where the control is if a byte has waited for its other half in vain."""
        if self._waits is None or time - self._heard <= PAIR_SECONDS:
            return None
        waits, self._waits = self._waits, None
        return self._alone(waits)

    def _set(self, part: str, value: int) -> None:
        if part == "coarse":
            self._coarse = value
        else:
            self._fine = value

    def _alone(self, part: str) -> float | None:
        """Return what one byte means without the other: a coarse one has its own ends, 0 and 127."""
        if part == "coarse" and self._coarse is not None:
            return self._coarse / 127
        return self._whole()

    def _whole(self) -> float | None:
        if self._coarse is None:
            return None
        return self._coarse / 127 if self._fine is None else (self._coarse << 7 | self._fine) / 16383
