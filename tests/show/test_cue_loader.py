"""What a cue needs is loaded beside the show, and taken whole or not at all."""

from __future__ import annotations

import threading
import time

import pytest

from engine.borders.cue import Cue, Ready
from engine.borders.errors import UserError
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.show.cue_loader import CueLoader

pytestmark = pytest.mark.alone

PLAIN, HEAVY, WRONG, BROKEN = (Cue(Preset(name)) for name in ("plain", "heavy", "wrong", "broken"))


class Cues:
    def __init__(self) -> None:
        self.coming: list[Cue] = []

    def poll(self, tick: Tick) -> Cue | None:
        return self.coming.pop(0) if self.coming else None


class House:
    def __init__(self) -> None:
        self.cues, self.told, self.door = Cues(), [], threading.Event()
        self.loader = CueLoader(self.cues, self.needs, self.prepare, self.told.append)

    def needs(self, preset: Preset) -> bool:
        if preset.name == "wrong":
            raise UserError("wrong.toml: does not fit")
        return preset.name != "plain"

    def prepare(self, preset: Preset) -> str:
        self.door.wait(5.0)
        if preset.name == "broken":
            raise UserError("broken.pt: cannot read it")
        return f"parts of {preset.name}"

    def poll(self, seconds: float = 0.0) -> list[Ready]:
        end, found = time.monotonic() + seconds, []
        while True:
            ready = self.loader.poll(Tick(0, 0.0, 0.0))
            found += [ready] if ready else []
            if time.monotonic() >= end:
                return found
            time.sleep(0.005)


def test_what_needs_nothing_begins_at_once() -> None:
    house = House()
    house.cues.coming = [PLAIN]
    assert house.poll() == [Ready(PLAIN)]


def test_the_loop_never_waits_and_the_last_of_several_counts() -> None:
    house = House()
    house.cues.coming = [HEAVY]
    assert house.poll(0.05) == []
    house.cues.coming = [Cue(Preset("heavy"), 2.0)]
    assert house.poll(0.05) == []
    house.door.set()
    (ready,) = house.poll(0.3)
    assert (ready.cue.seconds, ready.parts) == (2.0, "parts of heavy")
    assert house.poll(0.05) == []


def test_a_cut_to_something_plain_does_not_wait_for_what_is_still_loading() -> None:
    house = House()
    house.cues.coming = [HEAVY, PLAIN]
    assert house.poll(0.1) == [Ready(PLAIN)]
    house.door.set()
    assert house.poll(0.2) == []


def test_what_is_wrong_is_told_and_the_show_goes_on() -> None:
    house = House()
    house.door.set()
    house.cues.coming = [WRONG, BROKEN]
    assert house.poll(0.3) == []
    assert [line.partition(":")[0] for line in house.told] == ["wrong.toml", "broken.pt"]
    house.cues.coming = [PLAIN]
    assert house.poll(0.05) == [Ready(PLAIN)]


def test_whatever_a_model_fails_with_is_told_once_and_the_show_goes_on() -> None:
    house = House()
    house.door.set()
    tried: list[str] = []

    def prepare(preset: Preset) -> str:
        tried.append(preset.name)
        raise RuntimeError("the driver is gone\nand says so at length")

    loader = CueLoader(house.cues, house.needs, prepare, house.told.append)
    house.cues.coming = [HEAVY]
    for _ in range(20):
        assert loader.poll(Tick(0, 0.0, 0.0)) is None
        time.sleep(0.005)
    assert house.told == ["the driver is gone; the preset before plays on"]
    assert tried == ["heavy"]
