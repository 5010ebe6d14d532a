"""Opens late latching: who reads the ears and the hands, and when."""

from __future__ import annotations

from engine.borders.contracts import Ears, Hands
from engine.show.latch import Latch, LiveLatch, LoggedLatch, NoLatch, SharedEars, SharedHands
from engine.show.parts import Parts


def open_latch(parts: Parts) -> tuple[Ears, Hands, Latch]:
    """Return the ears and the hands as the loop reads them, and what reads them again for every picture."""
    if parts.desk.late is not None and parts.now is not None:
        ears, hands = SharedEars(parts.ears), SharedHands(parts.hands)
        return ears, hands, LiveLatch(ears, hands, parts.desk.late, parts.now, parts.log, parts.arrivals)
    if parts.desk.late is not None and parts.logged:
        return parts.ears, parts.hands, LoggedLatch(parts.logged, parts.desk.late)
    return parts.ears, parts.hands, NoLatch()
