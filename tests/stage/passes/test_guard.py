"""The photosensitivity guard, against a checker of its own on the pictures that were really shown."""

from __future__ import annotations

import os

import numpy as np
import pytest

from engine.bench.opening import BenchOptions, open_bench
from engine.borders.tick import Tick
from engine.loop import perform
from engine.stage.passes.compositor import Compositor
from engine.stage.passes.flashes import Flashes
from engine.system.resources import names
from tests.builders.params import Params
from tests.builders.pictures import flat, still_life
from tests.builders.sound_server import MODEL

FPS = 60


def luminance(picture):
    """WCAG's relative luminance, 0..1."""
    coded = np.asarray(picture, float) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def changes(levels, fps):
    """The most opposing changes by a tenth (darker side below 0.8) in any second."""
    turns, extreme, direction = [], levels[0], 0
    for index, level in enumerate(levels):
        if direction * (level - extreme) > 0:
            extreme = level
        elif abs(level - extreme) >= 0.1 and min(level, extreme) < 0.8:
            direction, extreme = np.sign(level - extreme), level
            turns.append(index)
    return max((sum(start <= turn < start + fps for turn in turns) for start in turns), default=0)


def square(hertz, seconds, fps=FPS, low=0, high=255, duty=0.5):
    return [high if (i * hertz / fps) % 1.0 < duty else low for i in range(round(seconds * fps))]


def show(window, levels, fps=FPS, guard=True, colour=(1.0, 1.0, 1.0)):
    """Show flat pictures of these levels; return the luminance of what was on the window."""
    compositor = Compositor(window, guard=guard)
    shown = []
    for index, level in enumerate(levels):
        frame = flat(tuple(round(level * c) for c in colour))
        compositor(frame, Params(), (), Tick(index, index / fps, 1 / fps if index else 0.0))
        shown.append(float(luminance(window.read()).mean()))
    compositor.close()
    return shown


def test_a_gpu_judges_before_its_generator_begins_and_reads_nothing_while_it_works(open_window):
    """What is read waits for all that was started before: in the frame's own order that was the generator."""
    compositor, order = Compositor(open_window(64, 64)), []
    compositor.guard._in_software = False
    see = compositor.guard._see
    compositor.guard._see = lambda: (order.append("read"), see())[1]
    for index in range(3):
        compositor.judge()
        order.append("generator")
        compositor(flat((index * 99,) * 3), Params(), (), Tick(index, index / 60, 1 / 60))
        compositor.look()
    compositor.close()
    assert order == ["generator", "read", "generator", "read", "generator"]


@pytest.mark.parametrize("passes", [("grade",), ("grade", "crossfade", "grain")])
def test_what_is_looked_at_later_is_the_picture_without_what_is_written_over_it(open_window, passes):
    cells = []
    for lines, first in (((), True), (("a line", "and another"), False)):
        compositor = Compositor(open_window(96, 64), passes)
        compositor(still_life(), Params(), lines)
        if first:
            compositor.look()
        compositor.upload(flat((255, 255, 255)))  # looks first, at what is about to go
        compositor.look()  # which is not seen twice
        cells.append(np.frombuffer(compositor.guard._thumb.texture.read(level=0), np.uint8).astype(int))
        compositor.close()
    assert cells[0].reshape(-1, 4)[:, :3].std() > 20
    assert np.abs(cells[0] - cells[1]).max() <= 1


@pytest.mark.parametrize("fps", [30, 60])
@pytest.mark.parametrize(("hertz", "duty"), [(3.6, 0.5), (5.0, 0.3), (8.0, 0.5), (15.0, 0.5), (5.0, 0.8)])
def test_a_strobe_is_shown_three_times_at_most(open_window, fps, hertz, duty):
    levels = square(hertz, 4.0, fps, duty=duty)
    assert changes(luminance([[level] * 3 for level in levels]), fps) > 7
    shown = show(open_window(32, 32), levels, fps)
    assert changes(shown, fps) <= 7  # three pairs, and one change that is not undone


def test_a_dim_strobe_counts_too(open_window):
    assert changes(show(open_window(32, 32), square(10.0, 3.0, low=60, high=140)), FPS) <= 7


@pytest.mark.parametrize("hertz", [1.0, 2.0, 2.4])
def test_flashes_on_the_beat_are_left_alone(open_window, hertz):
    levels = square(hertz, 3.0)
    assert show(open_window(16, 16), levels) == show(open_window(16, 16), levels, guard=False)


def test_a_performer_can_turn_it_off(open_window):
    assert changes(show(open_window(16, 16), square(10.0, 1.5), guard=False), FPS) > 7


def test_a_moving_picture_is_not_touched(open_window):
    window, frame, pictures = open_window(96, 54), still_life(), []
    for guard in (True, False):
        compositor = Compositor(window, guard=guard)
        for index in range(90):
            knobs = Params({"picture.rotation": index / 200, "picture.zoom": 1 + 0.1 * (index % 30 < 10)})
            compositor(frame, knobs, (), Tick(index, index / FPS, 1 / FPS))
        assert not compositor.guard.holding
        pictures.append(window.read())
        compositor.close()
    assert np.array_equal(*pictures)


def test_the_picture_comes_back_when_the_strobe_stops(open_window):
    window = open_window(48, 27)
    compositor, still = Compositor(window), still_life()
    held = False
    for index in range(240):
        frame = flat((255, 255, 255)) if index < 60 and index % 6 < 3 else still
        compositor(frame, Params(), (), Tick(index, index / FPS, 1 / FPS))
        held |= compositor.guard.holding
    assert held
    assert not compositor.guard.holding
    guarded = window.read()
    Compositor(window, guard=False)(still, Params())
    assert np.array_equal(window.read(), guarded)


def test_the_blackout_knob_is_guarded_too(open_window):
    window = open_window(32, 32)
    compositor, shown = Compositor(window), []
    for index, level in enumerate(square(8.0, 3.0, low=0, high=1)):
        compositor(flat((255, 255, 255)), Params({"picture.blackout": level}), (), Tick(index, index / FPS, 1 / FPS))
        shown.append(float(luminance(window.read()).mean()))
    assert changes(shown, FPS) <= 7


def flashing(picture_at, hertz=8.0, seconds=1.5):
    flashes = Flashes()
    return any(flashes.see(picture_at((i * hertz / FPS) % 1.0 < 0.5), i / FPS) for i in range(round(seconds * FPS)))


def part(width, height, on):
    picture = np.full((36, 48, 3), 20, np.uint8)
    if on:
        picture[4 : 4 + height, 6 : 6 + width] = 255
    return picture


@pytest.mark.parametrize(("width", "height", "large"), [(3, 3, False), (6, 6, False), (8, 6, True), (48, 1, False)])
def test_only_a_large_area_counts(width, height, large):
    assert flashing(lambda on: part(width, height, on)) is large


def test_saturated_red_counts_where_its_luminance_would_not():
    def red(on):
        return np.broadcast_to(np.array([255, 0, 0] if on else [128, 128, 128], np.uint8), (36, 48, 3))

    assert abs(luminance(red(True)[0, 0]) - luminance(red(False)[0, 0])) < 0.1
    assert flashing(red)


def test_bright_flicker_above_the_limit_is_no_flash():
    assert not flashing(lambda on: np.full((36, 48, 3), 255 if on else 245, np.uint8))


def test_a_show_that_begins_anew_is_not_held_back():
    flashes = Flashes()
    for i in range(60):
        late = flashes.see(part(48, 30, i % 6 < 3), i / FPS)
    assert late
    assert not flashes.see(part(48, 30, True), 0.0)


def play(preset, fps, seconds):
    """Play the built-in song; return the pictures, and of each whether it was held back."""
    options = BenchOptions(preset=preset, resolution=64, fps=fps, seconds=seconds, size=(96, 96))
    seen, held = [], []
    with open_bench(options, lambda _, clock: clock) as rig:
        compositor = rig.picture._compositor
        rig.service.watch(lambda moment: (seen.append(rig.window.read()), held.append(compositor.guard.holding)))
        perform(rig)
    return seen, held


@pytest.mark.skipif(not os.environ.get("LATENTVJ_LONG"), reason="a minute a preset: LATENTVJ_LONG=1 runs it")
@pytest.mark.parametrize("preset", names("presets", ".toml"))
def test_a_shipped_preset_is_hardly_ever_softened(preset):
    _, held = play(preset, 30.0, 31.0)
    assert len(held) == 930
    assert np.mean(held) < 0.03


def test_slices_thrown_open_on_the_beat_are_shown_as_they_are():
    """The groove of the built-in song: on every single beat, the guard would soften half of the frames."""
    seen, held = play("shutter", 10.0, 9.0)
    assert not any(held)
    assert np.abs(np.diff(np.array(seen, float)[70:], axis=0)).mean() > 2.0  # once its beat is known


def test_it_is_turned_off_knowingly_only_and_stays_written():
    from engine.cli.main import parser

    assert parser("live").parse_args(["live"]).flash_guard is True
    assert parser("live").parse_args(["live", "--no-flash-guard"]).flash_guard is False
    for on in (True, False):
        options = BenchOptions(frames=2, size=(64, 64), seconds=None, flash_guard=on, model=str(MODEL))
        with open_bench(options, lambda model, clock: clock) as rig:
            scenes = [rig.overlay(Tick(i, 10.0 * i, 0.1), np.zeros((2, 4), np.float32), Params()) for i in range(3)]
        assert all(("flash guard off" in scene.notices) is not on for scene in scenes)
        assert any("seizures" in line for line in scenes[0].notices) is not on
