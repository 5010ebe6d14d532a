"""The desktop: real numbers, real tensors, and the same text on the screen as in the values."""

from __future__ import annotations

import dataclasses
import itertools
import re
import time

import numpy as np
import psutil
import pytest
import torch

from engine.borders.tick import Tick
from engine.stage.desktop import chrome, monitor, terminal
from engine.stage.desktop.desktop import scrolled
from engine.stage.desktop.glyphs import GREEN, INK, Atlas, Grid
from engine.stage.desktop.overlay import Overlay, Scene
from engine.stage.desktop.places import lay_out
from engine.stage.passes.compositor import Compositor
from engine.system.telemetry import Gpu, Machine, Telemetry
from tests.builders.params import Params
from tests.builders.pictures import RED, assert_golden, flat, still_life
from tests.builders.screenshot import alike, read_text, sheet

GIB = 2**30
MACHINE = Machine(
    clock="Sat 21 Nov  20:15", cpu_name="Known Processor 9000", cpu=42.0, cores=(30.0, 54.0), load=(1.25, 0.5, 0.25),
    memory_used=6 * GIB, memory_total=16 * GIB, swap=3.0, processes=((4321, 87.5, 512 * 2**20, 75.0, "vj"),),
    gpus=(), driver="", cpu_history=tuple(float(i) for i in range(60)), gpu_history=(),
    memory_history=(37.5,) * 20,
)  # fmt: skip
GPU = Gpu(0, "NVIDIA Test", 3 * GIB, 24 * GIB, 37, 61, 212.4, 450.0, None)
ON = {"desktop.mode": 2.0}
GREEN_FRAME = (0, 200, 0)


def text(line):
    return "".join(part for part, _ in line)


def some_ws(seed=1, shape=(12, 128)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def tick(index, fps=30):
    return Tick(index, index / fps, 1 / fps if index else 0.0)


# The left terminal


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (12, 128), (18, 512)])
@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_ws_are_printed_as_torch_prints_them(shape, scale):
    ws = some_ws(shape=shape) * np.float32(scale)
    session = terminal.Session()
    session.see(ws, 0.0, 0, 4.0)
    shown = "\n".join(text(line) for line in session.lines(60)[3:-1])
    assert shown == str(torch.tensor(ws))
    assert max(len(line) for line in shown.splitlines()) <= terminal.WIDTH


def test_the_printed_numbers_are_the_frames_own():
    ws = some_ws()
    session = terminal.Session()
    session.see(ws, 1.5, 45, 4.0, t=0.25)
    lines = [text(line) for line in session.lines(60)]
    assert lines[1] == ">>> ws = path(params, tick)  # frame 45, t=0.25"
    first = re.findall(r"-?\d+\.\d+(?:e[+-]\d+)?", " ".join(lines[3:]).partition("]")[0])
    assert [float(x) for x in first] == pytest.approx([*ws[0, :3], *ws[0, -3:]], rel=6e-5, abs=6e-5)


def test_it_prints_as_often_as_it_should():
    session = terminal.Session(1000)
    for index in range(90):
        session.see(some_ws(index), index / 30, index, 4.0)
    prints = [text(line) for line in session.lines(1000) if "print(ws)" in text(line)]
    assert len(prints) == 12
    session.see(some_ws(), 0.0, 0, 4.0)  # the song begins anew: prints go on
    session.see(some_ws(), 0.1, 3, 0.0)
    assert len([line for line in session.lines(1000) if "print(ws)" in text(line)]) in (12, 13)


def test_a_knob_types_the_code_and_enter_prints_that_frames_ws():
    session = terminal.Session()
    for index, typing in enumerate((0.0, 0.3, 0.7, 0.95)):
        session.see(some_ws(index), index / 30, index, 4.0, typing)
        shown = [text(line) for line in session.lines(60)]
        assert "tensor" not in "".join(shown)
    assert shown[-2:] == [">>> ws = path(params, tick)", ">>> print(w█"]
    session.see(some_ws(2), 0.1, 3, 4.0, 0.3)
    assert text(session.lines(60)[-1]) == ">>> ws = path(█"
    session.see(some_ws(9), 0.2, 4, 0.0, 1.0)  # Enter prints whatever the rate
    session.see(some_ws(8), 0.3, 5, 0.0, 1.0)
    shown = "\n".join(text(line) for line in session.lines(60)[3:-1])
    assert shown == str(torch.tensor(some_ws(9)))


@pytest.mark.parametrize("rows", [3, 10, 30])
def test_scrolled_back_it_shows_older_lines_and_a_bar(rows):
    lines = tuple(((f"line {i}", INK),) for i in range(100))
    assert [text(line) for line in scrolled(lines, rows, 0.0, 20)] == [f"line {i}" for i in range(100 - rows, 100)]
    oldest = scrolled(lines, rows, 1.0, 20)
    assert [text(line).split("  ")[0] for line in oldest] == [f"line {i}" for i in range(rows)]
    bars = [[text(line).endswith("▐") for line in scrolled(lines, rows, x, 20)] for x in (1.0, 0.5, 0.01)]
    assert bars[0][0]
    assert bars[2][-1]
    assert all(1 <= sum(bar) <= max(1, rows // 3) for bar in bars)
    assert all(len(text(line)) <= 19 for line in oldest)
    assert [text(line) for line in scrolled(lines[:2], rows, 1.0, 20)] == ["line 0", "line 1"]  # nothing to scroll


# The right terminal


def shown(machine):
    return [text(line) for line in monitor.monitor(machine)]


def test_every_number_on_the_panel_is_the_machines():
    panel = "\n".join(shown(MACHINE))
    wanted = ("Known Processor 9000", "6144MiB/16384MiB", "42%", "37.5%", "1.25 0.50 0.25", "4321", "87.5%", "512MiB")
    for part in (*wanted, "1:15", "No NVIDIA GPU here"):
        assert part in panel, part
    assert "N/A" not in panel


def test_a_gpu_is_shown_as_nvml_has_it_and_what_it_does_not_say_is_na():
    panel = "\n".join(shown(dataclasses.replace(MACHINE, gpus=(GPU,), driver="570.1", gpu_history=(37.0,))))
    for part in ("NVIDIA Test", "3072MiB/24576MiB", "37%", "61°C", "212W/450W", "fan N/A", "Driver Version: 570.1"):
        assert part in panel, part
    unknown = dataclasses.replace(GPU, utilisation=None, temperature=None, power=None, power_limit=None)
    assert "\n".join(shown(dataclasses.replace(MACHINE, gpus=(unknown,)))).count("N/A") == 5


@pytest.mark.parametrize("cores", [1, 2, 7, 64])
def test_the_panel_fits_its_terminal(cores):
    machine = dataclasses.replace(MACHINE, cores=(50.0,) * cores, cpu_name="x" * 200)
    assert max(map(len, shown(machine))) == monitor.WIDTH
    assert max(map(len, shown(dataclasses.replace(machine, gpus=(GPU,) * 4)))) == monitor.WIDTH


def test_telemetry_tells_the_truth_and_stops():
    telemetry = Telemetry(0.1)
    end = time.monotonic() + 10
    while telemetry.latest is None and time.monotonic() < end:
        time.sleep(0.05)
    latest = telemetry.latest
    telemetry.close()
    assert latest is not None
    assert latest.memory_total == psutil.virtual_memory().total
    assert 0 < latest.memory_used < latest.memory_total
    assert len(latest.cores) == psutil.cpu_count()
    assert all(0.0 <= core <= 100.0 for core in latest.cores)
    assert latest.processes[0][0] == psutil.Process().pid
    assert not telemetry._thread.is_alive()


# On the screen


def test_a_grid_shows_its_text_and_sends_only_what_changed(open_window):
    window = open_window(400, 200)
    atlas = Atlas(window.ctx, 14)
    grid = Grid(window.ctx, atlas, 30, 4)
    lines = [
        (("tensor([[ 0.1234,", INK),),
        ((" ..., ", INK), ("-0.5]])", GREEN)),
        (("a line that is much too long for it", INK),),
    ]
    grid.write(lines)
    window.target.use()
    grid.draw((10, 20), 1.0)
    top = 200 - 20 - grid.size[1]
    seen = read_text(window.read(), sheet(atlas), atlas.cell, 10, top, 30, 4)
    assert seen == [" tensor([[ 0.1234,", "  ..., -0.5]])", " a line that is much too long", ""]
    assert grid.sent == 4
    grid.write(list(lines))
    assert grid.sent == 4
    grid.write([lines[0], (("new", INK),), lines[2]])
    assert grid.sent == 5


def test_the_screenshot_shows_the_ws_of_the_frame(open_window):
    size = (1280, 720)
    window = open_window(*size)
    compositor, overlay = Compositor(window), Overlay(lambda: MACHINE)
    params, ws = Params(ON | {"desktop.opacity": 1.0, "desktop.picture_y": -2.0}), some_ws(7)
    compositor(still_life(), params, overlay(tick(0), ws, params), tick(0))
    picture, desktop = window.read(), compositor._desktop
    for name, wanted in (
        ("terminal", ["vj@stage:~$ python3", ">>> ws = path(params, tick)  # frame 0, t=0", ">>> print(ws)",
                      *str(torch.tensor(ws)).splitlines(), ">>> █"]),
        ("monitor", shown(MACHINE)),
    ):  # fmt: skip
        grid, box = desktop._grids[name], getattr(desktop._layout, name)
        top = size[1] - box[1] - grid.size[1]
        seen = read_text(picture, sheet(desktop._atlas), desktop._atlas.cell, box[0], top, grid.columns, grid.rows)
        assert [alike(line[1:]) for line in seen if line] == [alike(line) for line in wanted if line.strip()], name


def test_the_picture_has_its_own_window(open_window):
    window = open_window(640, 360)
    compositor = Compositor(window)
    for moved in (0.0, 0.1):
        params = Params(ON | {"desktop.picture_x": moved, "desktop.picture_y": moved})
        compositor(flat(RED), params, Scene(clock="now"), tick(0))
        left, bottom, width, height = compositor._desktop.area(window.size, params)
        inside = window.read()[360 - bottom - height : 360 - bottom, left : left + width]
        assert (width, height) == (202, 202)
        assert np.abs(inside.astype(int) - RED).max() <= 2
    assert left + width / 2 > 320


def test_off_is_off(open_window):
    window = open_window(320, 180)
    compositor, overlay, params = Compositor(window), Overlay(lambda: MACHINE), Params()
    scene = overlay(tick(0), some_ws(), params)
    assert scene == Scene()
    compositor(still_life(), params, scene, tick(0))
    with_scene = window.read()
    compositor(still_life(), params, (), tick(0))
    assert np.array_equal(with_scene, window.read())


def test_a_minimised_terminal_is_gone(open_window):
    window = open_window(640, 360)
    compositor, overlay = Compositor(window), Overlay(lambda: MACHINE)

    def corner(**knobs):
        params = Params({"desktop.mode": 1.0, **{k.replace("__", "."): v for k, v in knobs.items()}})
        compositor(flat((0, 0, 0)), params, overlay(tick(0), some_ws(), params), tick(0))
        return window.read()[60:-20, 30:300].astype(int).sum()

    assert corner(desktop__terminal=0.0, desktop__monitor=0.0) == 0
    assert corner(desktop__monitor=0.0) > 0


def desktop_pixels(window, compositor, index, dt, **knobs):
    """Draw the desktop over a green picture; return the picture's box and the window's pixels."""
    params = Params({**ON, **{f"desktop.{name}": value for name, value in knobs.items()}})
    now = Tick(index, index / 30, dt)
    compositor(flat(GREEN_FRAME), params, Overlay(lambda: MACHINE)(now, some_ws(), params), now)
    return compositor._area, window.read().astype(int)


def green(pixels):
    return (np.abs(pixels - GREEN_FRAME).max(axis=2) <= 3).sum()


def test_the_pictures_window_has_a_size_and_goes_to_the_dock(open_window):
    window = open_window(1280, 720)
    compositor = Compositor(window)
    usual, pixels = desktop_pixels(window, compositor, 0, 0.0)
    seen = green(pixels)
    large, pixels = desktop_pixels(window, compositor, 1, 0.0, picture_size=1.4)
    assert large[2] == pytest.approx(1.4 * usual[2], abs=2)
    assert large[0] + large[2] / 2 == pytest.approx(usual[0] + usual[2] / 2, abs=2)
    assert green(pixels) == pytest.approx(1.96 * seen, rel=0.02)
    half, pixels = desktop_pixels(window, compositor, 2, 0.0, picture=0.5)
    assert half[2] < 0.6 * usual[2]
    assert half[0] < usual[0]
    assert seen > green(pixels) > 100
    _, pixels = desktop_pixels(window, compositor, 3, 0.0, picture=0.0)
    assert green(pixels) == 0


def test_from_mode_to_mode_the_picture_glides(open_window):
    window = open_window(640, 360)
    compositor = Compositor(window)
    usual, _ = desktop_pixels(window, compositor, 0, 0.0)
    boxes = [desktop_pixels(window, compositor, 1 + i, 0.1, mode=1.0)[0] for i in range(6)]
    widths = [box[2] for box in boxes]
    assert usual[2] < widths[0] < widths[2] < widths[4]
    assert boxes[-1] == (0, 0, 640, 360)
    back = [desktop_pixels(window, compositor, 10 + i, 0.1)[0] for i in range(6)]
    assert back[-1] == usual


def test_a_wallpaper_leaves_no_bars(open_window):
    window = open_window(640, 360)
    _, pixels = desktop_pixels(window, Compositor(window), 0, 0.0, mode=1.0, terminal=0.0, monitor=0.0)
    dock, bar = lay_out((640, 360)).dock, lay_out((640, 360)).bar
    assert green(pixels[bar:, dock:]) == (640 - dock) * (360 - bar)


def test_a_shorter_terminal_keeps_its_title(open_window):
    window = open_window(1280, 720)
    compositor = Compositor(window)
    _, usual = desktop_pixels(window, compositor, 0, 0.0, picture=0.0)
    _, short = desktop_pixels(window, compositor, 1, 0.0, picture=0.0, terminal_size=0.5)
    left, bottom, width, height = lay_out((1280, 720)).terminal
    top = 720 - bottom - height
    title = np.s_[top - 20 : top - 1, left + 4 : left + width - 4]
    assert np.abs(usual[title] - short[title]).mean() < 0.5
    lower = np.s_[top + height - 60 : top + height - 20, left + 20 : left + width - 20]
    bare = chrome.wallpaper((1280, 720)).convert("RGB")
    assert np.abs(short[lower] - np.asarray(bare)[lower]).mean() < 6
    assert np.abs(usual[lower] - np.asarray(bare)[lower]).mean() > 20


@pytest.mark.parametrize(
    "size", [(640, 360), (1280, 720), (1920, 1080), (3840, 2160), (960, 960), (1080, 1920), (2560, 1080)]
)
def test_everything_is_inside_the_window(size):
    layout = lay_out(size)
    for left, bottom, width, height in (layout.picture, layout.terminal, layout.monitor):
        assert left >= layout.dock
        assert bottom >= 0
        assert bottom + height + layout.title <= size[1] - layout.bar
        assert left + width <= size[0] or size[0] < 1200  # small windows overlap rather than be unreadable


@pytest.mark.parametrize("size", [(1280, 720), (1280, 800), (1366, 768), (1920, 1080), (2560, 1440), (3840, 2160)])
def test_side_by_side_no_window_lies_over_another(size):
    layout = lay_out(size)
    row = (layout.terminal, layout.picture, layout.monitor)
    assert all(left[0] + left[2] < right[0] for left, right in itertools.pairwise(row))


def test_the_desktop_has_not_changed(open_window):
    window = open_window(960, 540)
    compositor, overlay, params = Compositor(window), Overlay(lambda: MACHINE), Params(ON)
    for index in range(20):
        compositor(still_life(), params, overlay(tick(index), some_ws(index), params), tick(index))
    assert_golden(window.read(), "desktop")
