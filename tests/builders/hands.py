"""What hands reach for: cues that note what is asked, MIDI ports and OSC packets that the test writes."""

from __future__ import annotations

from pythonosc.osc_message_builder import OscMessageBuilder

from engine.control.hands.midi_messages import Received


class Cues:
    def __init__(self) -> None:
        self.asked: list[object] = []

    def next(self) -> None:
        self.asked.append("next")

    def previous(self) -> None:
        self.asked.append("previous")

    def go(self, cue: int | str) -> None:
        self.asked.append(cue)


class Ports:
    """MIDI ports whose messages the test writes."""

    def __init__(self) -> None:
        self.waiting: list[Received] = []
        self.went: list[str] = []
        self.sent: list[tuple[str, tuple[int, ...]]] = []
        self.ports = ("MIDI Mix",)

    def say(self, *octets: int, port: str = "MIDI Mix", time: float = 0.0) -> None:
        self.waiting.append(Received(port, octets, time))

    def poll(self) -> list[Received]:
        waiting, self.waiting = self.waiting, []
        return waiting

    def gone(self) -> list[str]:
        went, self.went = self.went, []
        return went

    def dropped(self) -> int:
        return 0

    def send(self, port: str, octets: tuple[int, ...]) -> None:
        self.sent.append((port, octets))


def packet(address: str, *values: float | str) -> bytes:
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return bytes(builder.build().dgram)
