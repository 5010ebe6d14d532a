"""What stands on the wall is what made the picture: a screenshot of a whole show, against its trace."""

from __future__ import annotations

import re
import subprocess
import time

import numpy as np
import pytest
import torch

from engine.borders.options import ShowOptions
from engine.borders.tick import Tick
from engine.control.presets import preset as presets
from engine.latent.path import digest
from engine.show.opening import make_path, open_model
from engine.stage.desktop.glyphs import cell
from engine.stage.desktop.places import COLUMNS, lay_out
from tests.builders.params import TABLE, Params
from tests.builders.screenshot import drawn_sheet, read_text
from tests.builders.show import ROOT, command, screen, trace
from tests.parts import need

SIZE = (1280, 720)
ENOUGH = 3  # prints; then the show may end
PRESET = """
name = "printed"
model = "fruit"
[latent]
seeds = [17, 204, 88, 5]
[params]
speed = 0.05
truncation_psi = 0.8
[params.desktop]
mode = 2
rate = 2.0
opacity = 1.0
picture_x = 0.2
"""
BLOCK = re.compile(r">>> ws = path\(params, tick\)  # frame (\d+), t=\S+\n>>> print\(ws\)\n(tensor\(.*?\]\]\))", re.S)


def read_terminal(pixels):
    """Return {frame: what was printed for it}, of every print that is whole on the screen."""
    layout = lay_out(SIZE)
    sheet, cell = drawn_sheet(layout.points)
    left, bottom, _, high = layout.terminal
    rows = high // cell[1]
    columns = min(COLUMNS["terminal"], (layout.monitor[0] - left) // cell[0])
    lines = read_text(pixels, sheet, cell, left, SIZE[1] - bottom - rows * cell[1], columns, rows)
    return {int(index): text for index, text in BLOCK.findall("\n".join(line[1:] for line in lines))}


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Play a show on a virtual display until prints were read off it; return them, the preset, the trace.

    A print counts once two screenshots in a row show it alike: one may have been taken in the middle of a frame.
    """
    need("Xvfb", "xdotool")
    folder = tmp_path_factory.mktemp("printed")
    preset, path = folder / "printed.toml", folder / "t.jsonl"
    preset.write_text(PRESET)
    with screen(folder, "1280x720x24") as display:
        show = subprocess.Popen(
            command(
                "rehearse",
                "demo",
                "--mute",
                "--seconds",
                "60",
                "--display",
                "0",
                "--size",
                "640x360",
                "--fps",
                "15",
                "--resolution",
                "64",
                "--preset",
                preset,
                "--trace",
                path,
            ),
            cwd=ROOT,
            env=display.env,
            stderr=subprocess.PIPE,
            text=True,
        )
        prints: dict[int, str] = {}
        before: set[tuple[int, str]] = set()
        while show.poll() is None:
            time.sleep(0.2)
            if len(prints) >= ENOUGH:
                subprocess.run(["xdotool", "key", "Escape"], env=display.env, check=True, timeout=30)
                continue
            pixels = display.pixels()
            seen = set(read_terminal(pixels).items()) if pixels.mean() > 5.0 else set()  # before the show, it is black
            prints |= dict(before & seen)
            before = seen
        _, said = show.communicate()
    assert show.returncode == 0, said
    return prints, presets.load(preset, TABLE), trace(path)


def test_the_printed_tensors_are_the_ws_of_their_frames(played):
    prints, preset, lines = played
    assert len(prints) >= 2, "no print could be read off the screenshots"
    model = open_model(ShowOptions(backend="plain", device="cpu"), preset)
    for index, text in prints.items():
        line = lines[index]
        assert line["index"] == index
        path = make_path(ShowOptions(), preset, model, line["t"])
        # The model's own sliders are rows of its own; the default preset leaves them at rest.
        params = Params({name: value for name, value in line["params"].items() if name in TABLE})
        ws = path(params, Tick(0, 0.0, 0.0))
        assert digest(ws) == line["ws_hash"]  # these are that frame's ws, to the last bit
        assert text == str(torch.tensor(ws))
        numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", text)]
        assert numbers == pytest.approx([*np.r_[ws[:3], ws[-3:]][:, [0, 1, 2, -3, -2, -1]].ravel()], abs=5.1e-5)


@pytest.mark.parametrize("size", [(268, 140), (140, 268), (200, 200), (320, 240), (1280, 720)])
def test_no_terminal_is_wider_than_its_wall(size: tuple[int, int]) -> None:
    layout = lay_out(size)
    for left, _, width, _ in (layout.terminal, layout.monitor):
        assert layout.dock <= left
        assert left + width <= size[0]
        assert width % cell(layout.points)[0] == 0, "no letter is cut in two"
