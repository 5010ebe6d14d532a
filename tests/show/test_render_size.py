"""Another render size in mid-show: by hand, by the governor, for want of memory; the loop never stops."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.borders.moment import Moment
from engine.borders.tick import Tick
from engine.cli.rehearse import RehearseOptions, open_rehearsal
from engine.loop import perform
from engine.rig import Rig
from engine.show.clock import FixedClock
from tests.builders.blocks import Broken, Full
from tests.builders.model_file import CONFIG, save
from tests.builders.short_song import beginning
from tests.builders.show import trace
from tests.parts import need

Levels = tuple[float, float]  # of the generator's frame and of the window


def levels(rig: Rig, moment: Moment) -> Levels:
    return float(moment.frame.float().mean()), float(rig.window.read().mean())


@pytest.fixture
def show(tmp_path: Path) -> Callable[..., tuple[Rig, list[str], list[tuple[int, Levels]]]]:
    """Perform ``frames`` frames of a rehearsal; ``at(rig, index)`` is called before each of them.

    A governor measures real time; without one the frames come as fast as they are made.
    """
    need("EGL")
    model = save(tmp_path / "model.safetensors", CONFIG)

    def run(at: Callable[[Rig, int], None], frames: int, **more: Any) -> Any:
        said: list[str] = []
        seen: list[tuple[int, Levels]] = []
        options = RehearseOptions(
            song="demo" if more.get("governor", True) else beginning(tmp_path),
            model=str(model),
            headless=True,
            mute=True,
            size=(64, 64),
            trace=tmp_path / "t.jsonl",
            **{"fps": 30.0, "interpolation": False, **more},
        )
        with open_rehearsal(options, said.append) as rig:
            rig.parts.model.settle()

            def ticks(clock: Iterable[Tick]) -> Iterator[Tick]:
                for index, tick in enumerate(clock):
                    if index >= frames:
                        return
                    at(rig, index)
                    yield tick

            rig.clock = ticks(rig.clock if options.governor else FixedClock(30.0))
            rig.service.watch(lambda moment: seen.append((moment.frame.shape[0], levels(rig, moment))))
            perform(rig)
            return rig, said, seen

    return run


def test_the_size_steps_between_two_frames_and_the_picture_stays(show: Any) -> None:
    def at(rig: Rig, index: int) -> None:
        if index in (5, 10):
            rig.service._actions["resolution.down"](None)  # what the key [ asks for
        elif index == 15:
            rig.service._actions["resolution.up"](None)

    _, said, seen = show(at, 25, governor=False)
    assert [size for size, _ in seen] == [128] * 5 + [64] * 5 + [32] * 5 + [64] * 10
    assert any("renders 32 px now" in line for line in said)
    assert min(window for _, (_, window) in seen) > 10, "a black picture at a step"


@pytest.mark.alone
def test_a_slow_show_renders_smaller_and_stays_there(show: Any, tmp_path: Path) -> None:
    def at(rig: Rig, index: int) -> None:
        if index == 0:
            slow_down(rig)

    rig, said, seen = show(at, 150, fps=50.0)
    sizes = [size for size, _ in seen]
    assert sizes[0] == 128
    assert sizes[-1] == 64, said
    assert sum(a != b for a, b in itertools.pairwise(sizes)) == 1
    assert any(
        "renders 64 px now: frames came late" in event
        for line in trace(tmp_path / "t.jsonl")
        for event in line["events"]
    )
    assert rig.parts.model.sizes[-1] == 128


def test_no_governor_leaves_the_size_alone(show: Any) -> None:
    def at(rig: Rig, index: int) -> None:
        if index == 0:
            slow_down(rig)

    _, _, seen = show(at, 60, fps=50.0, governor=False)
    assert {size for size, _ in seen} == {128}


def slow_down(rig: Rig) -> None:
    """Let a frame of 128 px take too long for 50 fps, and none of the smaller ones."""
    own = type(rig.parts.model)

    class Slow(own):  # type: ignore[misc, valid-type]
        def __call__(self, ws: Any, params: Any, tick: Any) -> Any:
            time.sleep(0.05 if self.resolution == 128 else 0.001)
            return super().__call__(ws, params, tick)

    rig.parts.model.__class__ = Slow


def test_memory_that_runs_out_in_the_show_costs_a_size_and_not_the_show(show: Any, tmp_path: Path) -> None:
    def at(rig: Rig, index: int) -> None:
        if index == 8:
            rig.parts.model.adopt(Full(rig.parts.model.blocks, 32))

    _, said, seen = show(at, 20, governor=False)
    sizes = [size for size, _ in seen]
    assert len(sizes) == 20, "the show stopped"
    assert sizes[:8] == [128] * 8
    assert sizes[8:10] == [128, 128], "the last picture was not held"
    assert sizes[10:] == [32] * 10
    assert seen[7][1][0] == seen[8][1][0] == seen[9][1][0], "the held frame is not the last one"
    assert min(window for _, (_, window) in seen) > 10, "a black picture"
    assert sum("memory ran out" in line for line in said) == 2
    assert len(trace(tmp_path / "t.jsonl")) == 20


def test_a_backend_that_fails_in_the_show_costs_a_line_and_not_the_show(show: Any) -> None:
    def at(rig: Rig, index: int) -> None:
        if index == 8:
            rig.parts.model.adopt(Broken(rig.parts.model.blocks, 32))

    rig, said, seen = show(at, 20, governor=False)
    assert [size for size, _ in seen] == [128] * 20
    assert min(window for _, (_, window) in seen) > 10, "a black picture"
    assert rig.parts.model.backend == "eager"
    assert sum("failed, plays on with eager: the driver is gone" in line for line in said) == 1
    assert not any("at length" in line for line in said)


def test_every_size_is_the_pictures_own(tmp_path: Path) -> None:
    """A size that is stepped to paints what a generator opened at that size paints, and back."""
    from engine.borders.tick import REST
    from engine.generator.incremental import open_player
    from engine.generator.networks.stylegan2 import StyleGAN2
    from tests.builders.params import Params

    network = StyleGAN2.random(CONFIG, 3).eval().requires_grad_(False)
    moving, params = open_player(network, "fp32"), Params()
    ws = moving.map(np.random.default_rng(0).standard_normal((4, 16)).astype(np.float32))
    for index, size in enumerate((128, 32, 64, 128)):
        moving.set_resolution(size)
        if index == 2:
            moving.relieve()
        fixed = open_player(network, "fp32", size)
        assert torch.equal(moving(ws[index // 2], params, REST), fixed(ws[index // 2], params, REST))
