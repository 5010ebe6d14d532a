"""A film in parts: every picture is that of the whole film, and the joined film is as long, as loud and as whole."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from engine.borders.errors import UserError
from engine.cli import join
from engine.stage.recording import joined, part
from tests.builders.short_song import beginning
from tests.builders.show import trace, traced, vj_here

PRESET = """
name = "all"
passes = ["trails", "grade"]
[latent]
seeds = [17, 204, 88]
[params]
speed = 0.3
[params.noise]
drift = 1.0
[params.slitscan]
layer = 8
seconds = 0.4
strength = 0.7
[params.freeze]
layer = 4
[params.trails]
seconds = 0.2
[[routes]]
source = "lfo.square.0.5s"
target = "freeze.strength"
[[routes]]
source = "lfo.square.0.4s"
target = "trails.amount"
"""
ASKED = ("--seconds", "1", "--fps", "12", "--size", "32x32", "--resolution", "8", "--backend", "plain")
CUTS = (0, 3, 7, 12)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a film, its parts, and the traces of all."""
    folder = tmp_path_factory.mktemp("parts")
    (folder / "all.toml").write_text(PRESET)
    song = beginning(folder, 1.5)

    def render(name: str, *more: object) -> None:
        traced(song, "--preset", folder / "all.toml", *ASKED, *more, output=folder / name)

    render("whole.mp4")
    for begin, end in reversed([*pairwise(CUTS)]):
        render(f"{begin}.mkv", "--frames", f"{begin}:{end}")
    return folder


def test_every_frame_of_a_part_is_that_of_the_film(made: Path) -> None:
    whole = trace(made / "whole.mp4.jsonl")
    assert len({row["picture_hash"] for row in whole}) == 12
    rows = [row for begin in CUTS[:-1] for row in trace(made / f"{begin}.mkv.jsonl")]
    for one, other in zip(whole, rows, strict=True):
        assert one["picture_hash"] == other["picture_hash"], one["index"]
        assert (one["index"], one["time"], one["ws_hash"]) == (other["index"], other["time"], other["ws_hash"])
        assert (one["features"], one["params"]) == (other["features"], other["params"])


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_joined_film_is_like_the_whole_one(made: Path, suffix: str) -> None:
    film = made / f"film.{suffix}"
    done = vj_here("join", *(made / f"{begin}.mkv" for begin in (3, 0, 7)), "-o", film)
    assert done.returncode == 0, done.stderr
    with av.open(str(made / "whole.mp4")) as a, av.open(str(film)) as b:
        assert abs((a.duration or 0) - (b.duration or 0)) <= 1e6 / 12 / 2
        ours, theirs = ([*each.decode(video=0)] for each in (b, a))
    assert len(ours) == len(theirs) == 12
    for one, other in zip(ours, theirs, strict=True):
        assert abs(float(one.time or 0.0) - float(other.time or 0.0)) < 2e-3
        shown = [each.to_ndarray(format="gray").astype(float) for each in (one, other)]
        assert np.abs(shown[0] - shown[1]).mean() < 6.0  # both are encoded; another frame differs by more
    heard = []
    for path in (made / "whole.mp4", film):
        with av.open(str(path)) as file:
            heard.append(np.concatenate([each.to_ndarray() for each in file.decode(audio=0)], axis=1))
    assert heard[0].shape == heard[1].shape
    np.testing.assert_array_equal(*heard)


def test_a_joined_film_is_sought_in_at_its_seams(made: Path) -> None:
    film = made / "sought.mp4"
    assert vj_here("join", *(made / f"{begin}.mkv" for begin in CUTS[:-1]), "-o", film).returncode == 0
    with av.open(str(film)) as file:
        stream = file.streams.video[0]
        keys = [
            round(float(p.pts * p.time_base) * 12) for p in file.demux(stream) if p.is_keyframe and p.pts is not None
        ]
        assert set(CUTS[:-1]) <= set(keys)
        assert stream.time_base is not None
        file.seek(round(7 / 12 / stream.time_base), stream=stream)
        assert round(float(next(file.decode(video=0)).time or 0.0) * 12) == 7


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (("0.mkv", "7.mkv"), "frames 3:7 are missing before "),
        (("0.mkv", "3.mkv"), "frames 7:12 are missing after "),
        (("3.mkv", "7.mkv"), "frames 0:3 are missing before "),
        (("0.mkv", "3.mkv", "3.mkv", "7.mkv"), "frames 3:7 are in "),
        (("whole.mp4",), "is no part of a film"),
        (("all.toml",), "cannot be read as a part"),
    ],
)
def test_what_makes_no_film_is_refused(made: Path, files: tuple[str, ...], says: str) -> None:
    done = vj_here("join", *(made / file for file in files), "-o", made / "none.mp4")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert says in done.stderr
    assert not (made / "none.mp4").exists()


def test_a_part_of_another_render_is_named_with_what_differs(made: Path) -> None:
    first, other = (part.read(made / name) for name in ("0.mkv", "3.mkv"))
    parts = [(Path("a"), first), (Path("b"), replace(other, made_from={**other.made_from, "model": "another"}))]
    with pytest.raises(UserError, match=r"^b: is of another render than a, made from another model: make it again$"):
        join.in_order(parts)


def test_parts_of_different_kinds_are_named(made: Path) -> None:
    first, other = (part.read(made / name) for name in ("0.mkv", "3.mkv"))
    assert join.mixed([(Path("a"), first), (Path("b"), other)]) == []
    (line,) = join.mixed([(Path("a"), first), (Path("b"), replace(other, kind={**other.kind, "precision": "fp16"}))])
    assert line.endswith("precision fp32: a; fp16: b")


def test_a_part_says_what_it_was_made_from(made: Path) -> None:
    said = part.read(made / "3.mkv")
    assert (said.frames, said.of, said.rate) == ((3, 7), 12, Fraction(12))
    assert sorted(said.made_from) == ["engine", "model", "options", "preset", "song"]
    assert (said.kind["precision"], said.kind["backend"]) == ("fp32", "plain")


def test_another_song_is_not_joined_to_the_parts(made: Path) -> None:
    done = vj_here("join", *(made / f"{begin}.mkv" for begin in CUTS[:-1]), "-o", made / "n.mp4", "--song", "demo")
    assert (done.returncode, "another song than the one" in done.stderr) == (2, True)


def test_a_part_of_which_the_end_is_missing_is_named(made: Path, tmp_path: Path) -> None:
    whole = (made / "3.mkv").read_bytes()
    (tmp_path / "3.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    parts = [(path, part.read(path)) for path in (made / "0.mkv", tmp_path / "3.mkv", made / "7.mkv")]
    with pytest.raises(UserError, match=r"holds \d frames of 4"):
        joined.join(parts, tmp_path / "film.mp4", None)
    assert [path.name for path in tmp_path.iterdir()] == ["3.mkv"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)  # what was broken off may not be closed yet


def test_a_full_disk_is_named_and_what_was_done_stays(made: Path, small_disk: Path) -> None:
    whole = (made / "0.mkv").read_bytes()
    (small_disk / "0.mkv").write_bytes(whole)
    with contextlib.suppress(OSError), (small_disk / "full").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    asked = ("render", made / "beginning.wav", "--preset", made / "all.toml", *ASKED, "-o", small_disk / "3.mkv")
    for done in (
        vj_here(*asked, "--frames", "3:7"),
        vj_here("join", *(made / f"{begin}.mkv" for begin in CUTS[:-1]), "-o", small_disk / "film.mp4"),
    ):
        assert done.returncode == 2
        assert "No space left" in done.stderr.splitlines()[-1]
        assert str(small_disk) in done.stderr.splitlines()[-1]
    assert sorted(path.name for path in small_disk.iterdir()) == ["0.mkv", "full"]
    assert (small_disk / "0.mkv").read_bytes() == whole
    (small_disk / "full").unlink()
    done = vj_here("join", *(made / f"{begin}.mkv" for begin in CUTS[:-1]), "-o", small_disk / "film.mp4")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("frames", "output", "says"),
    [
        ("5", "p.mkv", "write it as A:B"),
        ("5:5", "p.mkv", "write it as A:B"),
        ("0:9", "p.mp4", "ends in .mkv"),
        ("0:13", "p.mkv", "the film has 12 frames"),
    ],
)
def test_a_stretch_that_is_none_is_refused(made: Path, frames: str, output: str, says: str) -> None:
    asked = ("render", made / "beginning.wav", *ASKED, "-o", made / output, "--frames", frames)
    done = vj_here(*asked)
    assert (done.returncode, len(done.stderr.split("\n")) <= 3) == (2, True)
    assert says in done.stderr
    assert not (made / output).exists()


def test_the_tag_is_json_with_a_version(made: Path) -> None:
    said = part.read(made / "0.mkv")
    assert json.loads(said.tags()[part.TAG])["version"] == part.VERSION
