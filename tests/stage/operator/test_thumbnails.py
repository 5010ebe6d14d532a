"""Thumbnails: saved beside a preset, read a few at a time, drawn where their number says."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from engine.control.presets.listing import thumbnail_of
from engine.stage.operator.panel import Panel
from engine.stage.operator.sheet import Sheet
from engine.stage.operator.thumbnails import AT_ONCE, DARK, SIDE, Thumbnails, save_thumbnail
from engine.system.resources import names, resource
from tests.builders.pictures import BLUE, RED, quadrants


def test_a_frame_becomes_a_square_beside_its_preset(tmp_path: Path) -> None:
    wide = np.concatenate([quadrants(64).numpy()] * 2, axis=1)
    save_thumbnail(tmp_path / "mine-1.jpg", wide)
    with Image.open(tmp_path / "mine-1.jpg") as opened:
        assert opened.size == (SIDE, SIDE)
    assert thumbnail_of(tmp_path / "mine-1.toml") == tmp_path / "mine-1.jpg"
    assert thumbnail_of(tmp_path / "mine-2.toml") is None
    save_thumbnail(tmp_path / "no" / "folder.jpg", wide)  # a preset without a thumbnail is a preset


def test_every_shipped_preset_has_one() -> None:
    for name in names("presets", ".toml"):
        assert thumbnail_of(resource("presets", f"{name}.toml")) is not None, name


def test_they_come_a_few_at_a_time_to_their_places(open_window, tmp_path: Path) -> None:
    paths: list[Path | bytes | None] = []
    for at in range(10):
        path = tmp_path / f"{at}.jpg"
        Image.new("RGB", (SIDE, SIDE), RED if at % 2 else BLUE).save(path, quality=95)
        paths.append(path)
    paths[3] = None
    paths[5] = tmp_path / "gone.jpg"
    (tmp_path / "7.jpg").write_bytes(b"half a picture")
    window = open_window(200, 100)
    thumbnails, panel = Thumbnails(window.ctx), Panel(window.ctx)

    def draw() -> list[tuple[int, ...]]:
        sheet = Sheet(window.size, 10)
        for at in range(10):
            sheet.thumb(at * 20, 10, 20, at)
        window.target.clear()
        panel.draw(sheet, window.target, None, thumbnails.texture(tuple(paths)))
        return [tuple(int(part) for part in window.read()[20, at * 20 + 10]) for at in range(10)]

    first = draw()
    assert sum(ink != DARK for ink in first) == AT_ONCE
    for _ in range(4):
        seen = draw()
    red = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), RED).save(red, format="JPEG", quality=95)
    wanted = [DARK if at in (3, 5, 7) else RED if at % 2 else BLUE for at in range(10)]
    assert np.abs(np.array(seen) - np.array(wanted)).max() <= 4
    held = thumbnails.texture(tuple(paths))
    paths[2] = red.getvalue()  # a photograph that has come: the others stay
    seen, wanted[2] = draw(), RED
    assert np.abs(np.array(seen) - np.array(wanted)).max() <= 4
    assert thumbnails.texture(tuple(paths)) is held
    paths[2] = None
    assert draw()[2] == DARK
