"""A farm's bookkeeping: every frame once, by who is there, again where it was lost; what a node gets and gives."""

from __future__ import annotations

import importlib.util
import random
from dataclasses import replace
from pathlib import Path

import pytest

from engine.cli import farm_worker
from engine.cli.farm import handed_over, made_before
from engine.cli.farm_worker import Order
from engine.cli.made_from import made_from
from engine.cli.ranges import TRIES, Ranges, Worker
from engine.cli.render import RenderOptions
from engine.cli.render_farm import _forwarded
from engine.control.presets.preset import load
from engine.show.table import standard
from engine.stage.recording.part import Part
from tests.builders.show import vj_here


@pytest.mark.parametrize("seed", range(8))
def test_every_frame_is_made_once_whoever_comes_and_goes(seed: int) -> None:
    dice = random.Random(seed)
    ranges, workers = Ranges(500, least=7), {n: Worker("a", rate=dice.choice([None, 1.0, 5.0])) for n in range(3)}
    for number in range(3, 400):
        if ranges.done == 500:
            break
        for each in [each for each in workers if each not in ranges.under_way]:
            ranges.next(each, list(workers.values()), workers[each])
        ended = dice.choice([*ranges.under_way])
        if dice.random() < 0.2:  # the node is lost, and another comes
            assert ranges.lost(ended, counts=False)
            del workers[ended]
            workers[number] = Worker("b")
        else:
            workers[ended].measured(10, dice.uniform(0.1, 9.0))
            ranges.succeeded(ended)
    assert sorted(frame for begin, end in ranges.made for frame in range(begin, end)) == [*range(500)]
    assert min(end - begin for begin, end in ranges.made) >= 7


def test_a_worker_gets_its_share_by_what_was_measured() -> None:
    fast, slow, ranges = Worker("a", rate=9.0), Worker("b", rate=1.0), Ranges(1000, least=5)
    first, second = ranges.next(0, [fast, slow], fast), ranges.next(1, [fast, slow], slow)
    assert (first, second) == ((0, 450), (450, 478))


def test_what_lies_there_from_before_is_not_made_again() -> None:
    ranges = Ranges(100, least=5, made={(10, 40), (60, 100)})
    assert ranges.left() == [(0, 10), (40, 60)]
    assert ranges.next(0, [Worker("a")], Worker("a")) == (40, 55)
    assert ranges.done == 70


def test_a_range_that_takes_long_is_given_to_an_idle_worker_once() -> None:
    ranges = Ranges(20, least=20)
    given = ranges.next(0, [Worker("a")], Worker("a"))
    assert given is not None
    assert ranges.next(1, [Worker("a")], Worker("a")) is None
    assert ranges.again(1, []) is None
    assert ranges.again(1, [given]) == given
    assert ranges.again(2, [given]) is None
    assert ranges.lost(0)
    assert ranges.left() == []  # the other one is at it
    assert ranges.succeeded(1) == given


def test_a_worker_goes_on_where_a_range_was_handed_over(tmp_path: Path) -> None:
    (tmp_path / "0000000-0000040.state").touch()
    (tmp_path / "torn.state").touch()
    handed = handed_over(tmp_path)
    assert [*handed] == [40]
    ranges = Ranges(200, least=5, made={(0, 40), (60, 100)})
    assert ranges.next(0, [Worker("a")], Worker("a")) == (100, 160)  # the longest that is left
    assert ranges.next(1, [Worker("a")], Worker("a"), handed) == (40, 60)


def test_a_node_without_the_model_says_so_in_a_line(tmp_path: Path) -> None:
    words = ("render", "demo", "--model", str(tmp_path / "mine.pkl"), "--seconds", "0.2", "--size", "16x16")
    made = farm_worker.make(Order(words, (0, 2), False, {}))
    assert (made.code, made.part, made.state) == (2, b"", b"")
    assert "mine.pkl" in made.line


def test_a_range_is_given_up_after_some_tries() -> None:
    ranges, answers = Ranges(10, least=10), []
    for _ in range(TRIES):
        ranges.next(0, [Worker("a")], Worker("a"))
        answers.append(ranges.lost(0))
    assert answers == [*[True] * (TRIES - 1), False]


def test_a_node_gets_the_words_without_where_the_film_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "song.wav").touch()
    words = "render song.wav --ray --ray-address=a:1 -o film.mp4 --trace t.jsonl --trace-pictures --fps 12.5"
    typed = words.split()
    assert _forwarded(typed) == ("render", str(tmp_path / "song.wav"), "--trace-pictures", "--fps", "12.5")


def test_a_node_that_lacks_a_file_or_has_another_is_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "song.wav"
    file.write_bytes(b"sound")
    order = Order(("render",), (0, 1), False, {str(file): farm_worker.digest(file)})
    assert not farm_worker.lacking(order)
    file.write_bytes(b"noise")
    assert farm_worker.lacking(order)
    file.unlink()
    assert farm_worker.lacking(order)


def test_the_digests_do_not_depend_on_where_the_files_lie(tmp_path: Path) -> None:
    found = []
    for name in ("here", "there"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "me.png").write_bytes(b"a picture")
        (folder / "p.toml").write_text('name = "p"\n[style]\nweights = "me.png"\nstyles = ["me.png"]\n')
        options = RenderOptions(output=folder / "film.mp4")
        found.append(made_from(options, [load(folder / "p.toml", standard())], "30", (64, 64), song=folder / "me.png"))
    assert found[0] == found[1]
    (tmp_path / "there/me.png").write_bytes(b"another")
    other = made_from(options, [load(folder / "p.toml", standard())], "30", (64, 64), song=folder / "me.png")
    assert {what for what in other if other[what] != found[0][what]} == {"preset", "song"}
    seeded = made_from(replace(options, seed=3), [load(folder / "p.toml", standard())], "30", (64, 64))
    assert seeded["options"] != other["options"]


def test_parts_of_another_film_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "a.mkv": Part(frames=(0, 5), of=10, fps="10", made_from={"model": "x"}, kind={}),
        "b.mkv": Part(frames=(5, 10), of=10, fps="10", made_from={"model": "y"}, kind={}),
        "c.mkv": Part(frames=(4, 10), of=10, fps="10", made_from={"model": "x"}, kind={}),
    }
    for name in told:
        (tmp_path / name).touch()
    monkeypatch.setattr("engine.cli.farm.parts.read", lambda path: told[path.name])
    assert [path.name for path, _ in made_before(tmp_path, {"model": "x"}, 10)] == ["a.mkv"]


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_the_line_says_how_to_get_it(tmp_path: Path) -> None:
    done = vj_here("render", "demo", "--seconds", "0.2", "--ray", "-o", tmp_path / "film.mp4")
    assert (done.returncode, done.stderr) == (2, "--ray needs Ray: pip install 'latentvj[farm]'\n")


def test_a_farm_makes_the_whole_film(tmp_path: Path) -> None:
    done = vj_here("render", "demo", "--ray", "--frames", "0:5", "-o", tmp_path / "film.mkv")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "leave one of the two out" in done.stderr
