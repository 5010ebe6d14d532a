"""Where everything on one MIDI controller stands, from its messages."""

from __future__ import annotations

from engine.control.hands.midi_messages import Message

PAIR_SECONDS = 0.005  # s; a fine byte follows its coarse one within this time, a later one is another knob


class Controller:
    """Values 0..1 by address (``cc.1.21``, ``note.10.36``, ``bend.1``), channels counted from 1.

    CC n (0..31) followed at once by CC n + 32 is one 14-bit control, read as ``cc.CHANNEL.n``.
    """

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self._coarse: tuple[int, int, int, float] | None = None  # channel, control, value, when

    def hear(self, message: Message, time: float) -> tuple[str, float] | None:
        """Take a message that came at ``time`` (seconds); return what it moved and where to, or None."""
        moved = self._moved(message, time)
        if moved is not None:
            self.values[moved[0]] = moved[1]
        return moved

    def release(self) -> tuple[str, ...]:
        """Release every held note, because the controller cannot any more; knobs stay. Return what was released."""
        held = tuple(name for name, value in self.values.items() if value > 0.0 and name.startswith("note."))
        self.values |= dict.fromkeys(held, 0.0)
        self._coarse = None
        return held

    def _moved(self, message: Message, time: float) -> tuple[str, float] | None:
        kind, channel, data = message.kind, message.channel, message.data
        if kind == "cc":
            return self._turned(channel, data[0], data[1], time)
        if kind in ("note_on", "note_off"):
            return f"note.{channel}.{data[0]}", data[1] / 127 if kind == "note_on" else 0.0
        if kind == "aftertouch":
            return f"aftertouch.{channel}.{data[0]}", data[1] / 127
        if kind == "bend":
            bend = data[0] | data[1] << 7
            # The centre, 8192, is a little off the middle of 0..16383; a bender at rest must read one half.
            return f"bend.{channel}", bend / 16384 if bend <= 8192 else 0.5 + (bend - 8192) / 16382
        if kind in ("program", "pressure"):
            return f"{kind}.{channel}", data[0] / 127
        return None

    def _turned(self, channel: int, control: int, value: int, time: float) -> tuple[str, float]:
        coarse, self._coarse = self._coarse, None
        if coarse is not None and coarse[:2] == (channel, control - 32) and time - coarse[3] <= PAIR_SECONDS:
            # A knob may have the fine byte's number as well: it keeps its own value.
            self.values[f"cc.{channel}.{control}"] = value / 127
            return f"cc.{channel}.{control - 32}", (coarse[2] << 7 | value) / 16383
        if control < 32:
            self._coarse = (channel, control, value, time)
        return f"cc.{channel}.{control}", value / 127


def is_momentary(address: str) -> bool:
    """Return whether ``address`` is pressed rather than turned."""
    return address.startswith("note.")
