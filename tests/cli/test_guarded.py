"""A range whose flash guard has to see more than a calm one: no more is drawn than that, and every picture is right."""

from __future__ import annotations

import re
from pathlib import Path

from tests.builders.short_song import beginning
from tests.builders.show import trace, traced

PRESET = """
name = "flashes"
passes = ["flash"]
[latent]
seeds = [17, 204]
[params.flash]
amount = 0.0
[[routes]]
source = "lfo.square.0.25s"
target = "flash.amount"
amount = 0.9
"""
ASKED = ("--seconds", "2.2", "--fps", "12", "--size", "32x32", "--resolution", "8", "--backend", "plain")


def test_a_range_before_which_it_flashes_too_often_is_right_and_tries_once_more(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(PRESET)
    song = beginning(tmp_path, 3.0)

    def render(name: str, *more: object) -> str:
        return traced(song, "--preset", tmp_path / "p.toml", *ASKED, *more, output=tmp_path / name)

    render("whole.mp4")
    said = render("part.mkv", "--frames", "24:26")
    whole = trace(tmp_path / "whole.mp4.jsonl")[24:26]
    part = trace(tmp_path / "part.mkv.jsonl")
    assert [row["picture_hash"] for row in part] == [row["picture_hash"] for row in whole]
    made = int(re.findall(r"(\d+) before them are made too", said)[-1])
    assert 22 <= made <= 50
