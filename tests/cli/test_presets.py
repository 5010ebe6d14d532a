"""``vj presets``: lines in a pipe, pictures where the terminal can, as each protocol says."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.cli import terminal_pictures
from engine.show.opening import preset_folders
from engine.system.resources import names
from tests.builders.show import vj_here


def listed_names() -> list[str]:
    """Return the shipped presets, and behind them those of packages that are installed here."""
    folders = preset_folders()[1:-1]
    return [*names("presets", ".toml"), *(path.stem for folder in folders for path in sorted(folder.glob("*.toml")))]


class Out(io.StringIO):
    """A terminal."""

    encoding = "UTF-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def picture() -> Image.Image:
    rgb = np.zeros((96, 96, 3), np.uint8)
    rgb[:48, :48], rgb[:48, 48:], rgb[48:, :48] = (200, 40, 30), (40, 160, 60), (30, 60, 200)
    return Image.fromarray(rgb)


def test_a_pipe_gets_a_plain_line_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    own = tmp_path / "latentvj" / "presets"
    own.mkdir(parents=True)
    (own / "tidal-1.toml").write_text('name = "tidal-1"\ndescription = "more tide"\n')
    (own / "broken.toml").write_text("sped = 1\n")
    done = vj_here("presets")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert [line.split()[0] for line in lines] == [*listed_names(), "broken", "tidal-1"]
    assert "\x1b" not in done.stdout
    assert [f"F{key}" in lines[key - 2].split() for key in range(2, 10)] == [True] * 8
    assert lines[-1].endswith("more tide (yours)")
    assert "broken.toml:1" in lines[-2]
    assert all(len(line.split()) > 4 for line in lines[:12])


@pytest.mark.parametrize("kind", terminal_pictures.KINDS)
def test_every_preset_has_its_picture(kind: str) -> None:
    done = vj_here("presets", "--pictures", kind)
    assert done.returncode == 0
    begins = {"kitty": "\x1b_Ga=T", "iterm": "\x1b]1337;File=", "sixel": "\x1bPq", "blocks": "\x1b[1m", "none": "F2 "}
    assert done.stdout.count(begins[kind]) == (1 if kind == "none" else len(listed_names()))


def test_kitty_and_iterm_carry_the_whole_picture(picture: Image.Image) -> None:
    parts = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", terminal_pictures.kitty(picture))
    assert all(len(data) <= 4096 for _, data in parts)
    assert [head[-3:] for head, _ in parts] == ["m=1"] * (len(parts) - 1) + ["m=0"]
    inline = terminal_pictures.iterm(picture)
    for data in ("".join(data for _, data in parts), inline[inline.index(":") + 1 : -1]):
        seen = Image.open(io.BytesIO(base64.b64decode(data)))
        assert np.array_equal(np.asarray(seen), np.asarray(picture))


def test_sixels_are_the_picture(picture: Image.Image) -> None:
    text = terminal_pictures.sixel(picture)
    body = text[text.index("#") : -2]
    palette = {int(i): [int(v) for v in rgb.split(";")] for i, rgb in re.findall(r"#(\d+);2;([\d;]+)", body)}
    seen = np.full((96, 96, 3), -1)
    for band, row in enumerate(re.sub(r"#\d+;2;\d+;\d+;\d+", "", body).split("-")[:-1]):
        for index, run in re.findall(r"#(\d+)([^#$]*)", row):
            x = 0
            for count, character in re.findall(r"(?:!(\d+))?([?-~])", run):
                for _ in range(int(count or 1)):
                    for bit in range(6):
                        if (ord(character) - 63) >> bit & 1:
                            seen[band * 6 + bit, x] = palette[int(index)]
                    x += 1
            assert x == 96
    assert np.abs(seen * 2.55 - np.asarray(picture)).max() < 4


def test_half_blocks_have_the_colours(picture: Image.Image) -> None:
    rows = terminal_pictures.blocks(picture)
    assert len(rows) == terminal_pictures.ROWS
    assert all(row.count("▀") == terminal_pictures.COLUMNS for row in rows)
    assert "38;2;200;40;30" in rows[0]
    assert "48;5;" in terminal_pictures.blocks(picture, 256)[0]


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "iterm"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color"}, "blocks"),
        ({"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "xterm", "NO_COLOR": "1"}, "none"),
        ({"TERM": "dumb"}, "none"),
        ({}, "none"),
    ],
)
def test_what_a_terminal_can(environ: dict[str, str], kind: str) -> None:
    assert terminal_pictures.kind_of(Out(), environ) == kind
    assert terminal_pictures.kind_of(io.StringIO(), environ) == "none"
