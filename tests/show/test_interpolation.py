"""Pictures in between: only beside a slow generator and cheap drawing, fading one way, counted apart."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from engine.audio.songs.song import load
from engine.audio.songs.song_ears import SongEars
from engine.borders.tick import Tick
from engine.cli.rehearse import RehearseOptions, open_rehearsal
from engine.generator.networks.stylegan2 import Config
from engine.loop import perform
from engine.show.interpolation import RECENT, Interpolation
from engine.show.opening import find_song
from tests.builders.model_file import save
from tests.builders.show import trace
from tests.parts import need

pytestmark = pytest.mark.alone

PERIOD = 0.01


def slowly(seconds: float, made: list[str] | None = None) -> object:
    time.sleep(seconds)
    if made is not None:
        made.append(threading.current_thread().name)
    return object()


def generate(between: Interpolation, show: Callable[[float], None], make: Callable[..., object], *args: object) -> None:
    """Make a frame as the picture does: beside the display where that is wanted."""
    start = time.perf_counter()
    if between.begins():
        between.run(show, False, make, *args)
    else:
        make(*args)
    now = time.perf_counter()
    between.arrived(now, now - start)


def unseen(share: float) -> None:
    """Show a picture to nobody."""


def run(between: Interpolation, seconds: float, frames: int = 2 * RECENT, drawing: float = 0.0) -> list[list[float]]:
    """Generate frames that take ``seconds``; return what was shown in between, frame by frame."""
    shown: list[list[float]] = []

    def show(share: float) -> None:
        shown[-1].append(share)

    for _ in range(frames):
        shown.append([])
        generate(between, show, slowly, seconds)
        between.drawn(drawing)
    between.close()
    return shown


def test_a_slow_generator_has_pictures_in_between_that_fade_one_way() -> None:
    shown = run(Interpolation(PERIOD), 6 * PERIOD)
    assert not any(shown[: RECENT // 2]), "before it can know how slow the generator is"
    late = shown[-RECENT // 2 :]
    assert sum(map(len, late)) >= 2 * len(late), "the display waited for the generator"
    for shares in late:
        assert shares == sorted(shares)
        assert all(0.0 < share <= 1.0 for share in shares)


def test_a_fast_generator_and_dear_drawing_have_none() -> None:
    assert not any(run(Interpolation(PERIOD), 0.2 * PERIOD))
    with ThreadPoolExecutor(2) as both:  # they sleep most of the time
        dear = both.submit(run, Interpolation(PERIOD), 4 * PERIOD, drawing=PERIOD)
        always = both.submit(run, Interpolation(PERIOD, always=True), 4 * PERIOD, drawing=PERIOD)
    assert not any(dear.result())
    assert any(always.result())


def test_something_that_comes_is_drawn_at_once_and_what_answers_it_does_not_fade_in() -> None:
    came = threading.Event()
    between = Interpolation(1.0, have_come=came.is_set)  # whose pictures are a second apart by themselves
    now = time.perf_counter()
    for number in range(RECENT):
        between.arrived(now - 30.0 * (RECENT - 1 - number), 30.0)
    shown: list[float] = []

    def show(share: float) -> None:
        shown.append(share)
        came.clear()
        seen.set()

    seen, done = threading.Event(), threading.Event()
    between.begins()
    threading.Thread(target=lambda: (came.set(), seen.wait(60.0), done.set())).start()
    between.run(show, False, done.wait, 60.0)
    assert len(shown) == 1
    assert shown[0] < 1.0, "it fades while nothing new has been generated"
    between.arrived(time.perf_counter(), 30.0, fresh=True)
    assert between.share == 1.0
    between.arrived(time.perf_counter(), 30.0)
    assert between.share < 1.0
    between.close()


def test_what_goes_wrong_in_the_other_thread_is_raised_in_this_one() -> None:
    between, made = Interpolation(PERIOD), []
    for _ in range(RECENT):
        generate(between, unseen, slowly, 3 * PERIOD, made)
    assert made[0] == threading.current_thread().name
    assert made[-1] != made[0], "a slow generator has a thread of its own"

    def fail() -> object:
        raise RuntimeError("not enough memory")

    with pytest.raises(RuntimeError, match="not enough"):
        generate(between, unseen, fail)
    between.close()


def test_a_show_counts_generated_and_shown_apart_and_its_latents_do_not_change(tmp_path: Path) -> None:
    need("EGL")
    config = Config(img_resolution=16, z_dim=16, w_dim=16, channels=(8,) * 3, mapping_features=(16,) * 2)
    model = save(tmp_path / "small.safetensors", config)
    options = RehearseOptions(
        song="demo",
        model=str(model),
        headless=True,
        mute=True,
        size=(32, 32),
        fps=50.0,
        seconds=2.8,
        trace=tmp_path / "t.jsonl",
        interpolation=True,
        governor=False,
    )
    with open_rehearsal(options, lambda line: None) as rig:
        call = type(rig.parts.model).__call__

        class Slow(type(rig.parts.model)):  # type: ignore[misc]
            def __call__(self, ws: object, params: object, tick: object) -> object:
                time.sleep(0.1)
                return call(self, ws, params, tick)

        rig.parts.model.__class__ = Slow
        perform(rig)
        frames, between = rig.meter.frames, rig.meter.between
        shown, generated = rig.meter.fps()["median"], rig.meter.generated_fps()["median"]
    lines = trace(tmp_path / "t.jsonl")
    assert between > frames
    assert generated < 11 < shown
    assert [line["index"] for line in lines] == list(range(frames + between))
    assert sum(line["generated"] for line in lines) == frames
    heard = SongEars(load(find_song("demo"))).latest(Tick(0, lines[-1]["features"]["time"], 0.0))
    assert sum(line["features"]["onsets"] for line in lines) == len(heard.onsets), "each is in one picture"
    newest = ""
    for line in lines:  # a picture in between is made of what was generated, nothing else
        newest = line["ws_hash"] if line["generated"] else newest
        assert line["ws_hash"] == newest
    offsets = np.asarray([line["time"] - line["playback"] for line in lines[len(lines) // 2 :]])
    assert abs(np.median(offsets)) < 0.1, "what is seen is not what is heard"
    assert json.dumps(lines[-1])
