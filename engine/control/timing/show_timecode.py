"""The timecode that a show runs by: a sender's, by MIDI or by ear, or in a rehearsal the song's own place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from engine.borders.tick import Tick
from engine.borders.timecode import BY_NAME, Reading, Timecode
from engine.control.timing.chase import Chase
from engine.control.timing.mtc import MtcReader
from engine.control.timing.stage_time import StageTime

CALM_SECONDS = 1.0  # s; a state that is over sooner is not told
SONG_RATE = BY_NAME["30"]  # labels of a song, which has no frames


class ShowTimecode(Protocol):
    """Where the show's clock is."""

    def at(self, tick: Tick) -> Timecode | None:
        """Return where it is at ``tick``, which has just begun; None before anything was understood."""
        ...

    @property
    def now(self) -> Timecode | None:
        """What ``at`` has returned last."""
        ...

    def hear(self, kind: str, data: Sequence[int], time: float) -> None:
        """Take a "time_code" or "sysex" message that came at ``time`` (monotonic seconds)."""
        ...


class SentTimecode:
    """A sender's: readings come from the input's thread, messages from the hands."""

    def __init__(self, midi: bool, notify: Callable[[str], None], stage: StageTime) -> None:
        """``midi``: MIDI timecode counts; without it only what `put` brings."""
        self._midi, self._notify, self._stage = midi, notify, stage
        self._reader, self._chase = MtcReader(), Chase()
        self._told = self._state = ""
        self._changed = 0.0  # monotonic seconds at which the state began
        self.now: Timecode | None = None

    def put(self, reading: Reading) -> None:
        """Take a reading, from any thread."""
        self._chase.put(reading)

    def hear(self, kind: str, data: Sequence[int], time: float) -> None:
        """See ShowTimecode."""
        if not self._midi:
            return
        reading = self._reader.quarter(data[0], time) if kind == "time_code" else self._reader.full(data, time)
        if reading is not None:
            self._chase.put(reading)

    def at(self, tick: Tick) -> Timecode | None:
        """See ShowTimecode. A line tells when the sender begins, is lost and stands."""
        time = self._stage.at(tick)
        self.now = code = self._chase.at(time)
        if code is None:
            return None
        if code.state != self._state:
            self._state, self._changed = code.state, time
        if code.state != self._told and (not self._told or time - self._changed >= CALM_SECONDS):
            self._told = code.state
            self._notify(f"timecode {code.state}: {code.label} ({code.rate.name})")
        return code


class NoTimecode:
    """Nobody's. It is asked all the same, first of all in a frame, which is how the stage's time is known."""

    now: Timecode | None = None

    def __init__(self, stage: StageTime) -> None:
        self._stage = stage

    def hear(self, kind: str, data: Sequence[int], time: float) -> None:
        """Ignore senders."""
        return

    def at(self, tick: Tick) -> Timecode | None:
        """See ShowTimecode."""
        self._stage.at(tick)
        return None


class SongTimecode:
    """A rehearsal's: the place in the song."""

    def __init__(self, place: Callable[[float], float], stage: StageTime) -> None:
        """``place`` returns the seconds of the song at a time of the show."""
        self._place, self._stage = place, stage
        self.now: Timecode | None = None

    def hear(self, kind: str, data: Sequence[int], time: float) -> None:
        """Ignore senders."""
        return

    def at(self, tick: Tick) -> Timecode | None:
        """See ShowTimecode."""
        self._stage.at(tick)
        self.now = Timecode(max(0.0, self._place(tick.time)), SONG_RATE, "runs")
        return self.now
