"""What breaks in the middle of a show: its pictures keep coming, the performer is told, and it mends by itself."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from engine.borders.cue import Cue
from engine.borders.faults import Faults
from engine.borders.preset import Preset, Styling
from engine.borders.tick import REST, Tick
from engine.cli.rehearse import RehearseOptions, open_rehearsal
from engine.cli.render import RenderOptions, open_heard, open_render
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.prepare import prepare
from engine.generator.incremental import IncrementalPlayer
from engine.generator.networks.stylegan2 import StyleGAN2
from engine.loop import perform
from engine.rig import Rig
from engine.show.clock import FixedClock
from engine.show.cue_loader import CueLoader
from engine.stage.desktop.overlay import Overlay
from engine.stage.passes.source import read
from engine.system.telemetry import Machine
from tests.builders.blocks import Broken
from tests.builders.model_file import CONFIG, save
from tests.builders.params import Params
from tests.builders.short_song import beginning
from tests.builders.show import trace
from tests.builders.style import JOHNSON
from tests.parts import need

FPS = 30.0
SMALL = dataclasses.replace(CONFIG, img_resolution=64, channels=CONFIG.channels[:5])


class Show:
    """A rehearsal of ``frames`` frames, and what was on the wall: ``at(rig, index)`` is called before each.

    Its time is that of its frames, for what fails and rests as well; in ``real`` time it is the wall's.
    """

    def __init__(
        self, folder: Path, at: Callable[[Rig, int], None], frames: int, real: bool = False, **more: Any
    ) -> None:
        need("EGL")
        model, self.trace = save(folder / "model.safetensors", CONFIG if real else SMALL), folder / "t.jsonl"
        self.said: list[str] = []
        self.notices: list[tuple[str, ...]] = []
        self.pictures: list[Any] = []
        self.frames: list[Any] = []
        self.ws: list[Any] = []
        options = RehearseOptions(
            song="demo" if real else beginning(folder),
            model=str(model),
            headless=True,
            mute=True,
            trace=self.trace,
            **{"size": (96, 96), "fps": FPS, "interpolation": False, "governor": False, "notices": True, **more},
        )
        with pytest.MonkeyPatch.context() as patch, open_rehearsal(options, self.said.append) as rig:
            rig.parts.model.settle()
            rig.clock = self._ticks(rig.clock if real else FixedClock(FPS), rig, at, frames)
            self.now = 0.0
            if not real:
                patch.setattr("engine.borders.faults.time", SimpleNamespace(monotonic=lambda: self.now))
            overlay = rig.overlay

            def written(*args: Any) -> Any:
                scene = overlay(*args)
                self.notices.append(scene.notices)
                return scene

            rig.overlay = written
            rig.service.watch(lambda moment: self.pictures.append(rig.window.read()))
            rig.service.watch(lambda moment: self.frames.append(moment.frame.clone()))
            rig.service.watch(lambda moment: self.ws.append(moment.ws))
            perform(rig)
        self.rig = rig
        self.events = [event for line in trace(self.trace) for event in line["events"]]

    def _ticks(self, clock: Iterable[Tick], rig: Rig, at: Callable[[Rig, int], None], frames: int) -> Iterator[Tick]:
        for index, tick in enumerate(clock):
            if index >= frames:
                return
            self.now = tick.time
            at(rig, index)
            yield tick

    def told(self, part: str) -> int:
        """Return how often the trace tells ``part``; the overlay and the performer were told as well."""
        assert any(part in line for line in self.said)
        assert any(part in line for lines in self.notices for line in lines)
        return sum(part in event for event in self.events)

    def states(self, word: str) -> list[int]:
        """Return the frames whose overlay had ``word`` as a line."""
        return [index for index, lines in enumerate(self.notices) if word in lines]

    def moved(self, begin: int, end: int) -> list[bool]:
        """Return for each of these frames whether the top of the wall, free of text, differs from before."""
        return [not np.array_equal(a[:48], b[:48]) for a, b in itertools.pairwise(self.pictures[begin - 1 : end])]


class Damage:
    """A weight of the model that loses a channel, and gets it back: the convolution itself fails then."""

    def __init__(self, rig: Rig) -> None:
        self.layer = rig.parts.model.blocks.convs[-1][1]
        self._whole = self.layer.weight, self.layer.weight_low

    def do(self) -> None:
        self.layer.weight, self.layer.weight_low = (weight[:, :-1] for weight in self._whole)

    def mend(self) -> None:
        self.layer.weight, self.layer.weight_low = self._whole


def damaged(begin: int, end: int) -> Callable[[Rig, int], None]:
    """Return what damages the model's weights from frame ``begin`` to ``end``."""
    damage: list[Damage] = []

    def at(rig: Rig, index: int) -> None:
        if index == begin:
            damage.append(Damage(rig))
            damage[0].do()
        elif index == end:
            damage[0].mend()

    return at


def test_a_generator_that_fails_leaves_the_last_picture_and_comes_back(tmp_path: Path) -> None:
    show = Show(tmp_path, damaged(8, 14), 80, backend="eager", precision="fp32")
    assert len(show.pictures) == len(trace(show.trace)) == 80, "the show stopped"
    assert show.told("the generator failed, is tried again: ") == 1
    assert all(torch.equal(frame, show.frames[7]) for frame in show.frames[8:14]), "not the last good picture"
    assert all(show.moved(1, 8)), "the picture stood still before"
    assert not torch.equal(show.frames[29], show.frames[7]), "it did not come back"
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(show.frames[30:])), "it did not play on"
    failing = show.states("the generator fails")
    assert failing[0] in (8, 9)
    assert set(range(9, 14)) <= set(failing)
    assert failing[-1] < 79, "it is never said to be well again"
    assert len({line["ws_hash"] for line in trace(show.trace)}) == 80, "the way through the latents stood still"
    assert min(picture.mean() for picture in show.pictures) > 10, "a black picture"


def test_a_generator_that_never_works_again_costs_ever_fewer_tries(tmp_path: Path) -> None:
    tries: list[int] = []
    now = [0]

    def at(rig: Rig, index: int) -> None:
        now[0] = index
        if index == 8:
            Damage(rig).do()
            advance = rig.parts.model.noise.advance  # what every frame begins with
            rig.parts.model.noise.advance = lambda *args: (tries.append(now[0]), advance(*args))

    show = Show(tmp_path, at, 80, backend="eager")
    assert len(show.pictures) == 80
    assert tries[:2] == [8, 9], "the next frame did not try again"
    assert 5 <= len(tries) <= 8, tries  # after 0, 50, 100, 200, 400 and 800 ms: 72 frames are 2.4 s
    assert show.told("the generator failed") == 1
    assert show.states("the generator fails")[-1] == 79


def test_a_backend_that_fails_and_plain_pytorch_that_fails_after_it(tmp_path: Path) -> None:
    def at(rig: Rig, index: int) -> None:
        if index == 8:
            last = rig.parts.model.blocks.prepared.blocks[-1].convs[1]
            object.__setattr__(last, "weight", last.weight[:, :-1])  # of which plain PyTorch's layer will be made
            rig.parts.model.adopt(Broken(rig.parts.model.blocks, 32))

    show = Show(tmp_path, at, 30)
    assert len(show.pictures) == 30
    assert show.told("failed, plays on with eager: the driver is gone") == 1
    assert show.told("the generator failed, is tried again: ") == 1


@pytest.mark.alone
def test_a_generator_that_fails_beside_the_display_does_not_stop_it(tmp_path: Path) -> None:
    damage: list[Damage] = []

    def at(rig: Rig, index: int) -> None:
        if index == 20:
            damage.append(Damage(rig))
            damage[0].do()
        elif index >= 26 and damage and rig.picture.faults.failing:
            # Not before: after a slow first frame the song's time stands still for a while, and nothing is painted.
            damage.pop().mend()

    show = Show(tmp_path, at, 60, backend="eager", interpolation=True, fps=240.0, real=True)
    lines = trace(show.trace)
    assert not all(line["generated"] for line in lines), "nothing was shown in between"
    assert sum(line["generated"] for line in lines) == 60
    assert show.told("the generator failed, is tried again: ") == 1


def lost(rig: Rig, name: str) -> Callable[[], None]:
    """Let the driver lose the programs of a pass; return what brings them back."""
    library = rig.picture._compositor._library
    good = {key: step for key, step in library.compiled.items() if key[0] == name}
    for key in good:
        step = library._link(read(f"{name}.frag"), key[1], library._loaded[name])
        step.quad.release()
        step.program.release()
        library.compiled[key] = step
    return lambda: library.compiled.update(good)


def losing(name: str, begin: int, end: int) -> Callable[[Rig, int], None]:
    back: list[Callable[[], None]] = []

    def at(rig: Rig, index: int) -> None:
        if index == begin:
            back.append(lost(rig, name))
        elif index == end:
            back[0]()

    return at


def graded(tmp_path: Path) -> str:
    """Return a preset whose one pass is to be seen: it takes all colours away."""
    (tmp_path / "look.toml").write_text(
        'name = "look"\n[latent]\nseeds = [1, 2]\n'
        "[params]\nspeed = 0.2\n[params.picture]\nsaturation = 0.0\nfit = 1.0\n"
    )
    return str(tmp_path / "look.toml")


def test_a_pass_that_fails_is_left_out_until_it_works_again(tmp_path: Path) -> None:
    show = Show(tmp_path, losing("grade", 8, 14), 80, preset=graded(tmp_path))
    assert len(show.pictures) == len(trace(show.trace)) == 80, "the show stopped"
    assert show.told("grade failed, is tried again: ") == 1
    colours = [bool(np.ptp(picture[:48].astype(int), axis=2).max() > 8) for picture in show.pictures]
    assert colours[:8] == [False] * 8, "grade did not take the colours away"
    assert colours[8:14] == [True] * 6, "the picture was not drawn without it"
    assert colours[30:] == [False] * 50, "it did not come back"
    assert all(show.moved(1, 80)), "the picture stood still"
    assert show.states("grade fails")[-1] < 79


def test_where_nothing_can_be_drawn_the_last_picture_stays(tmp_path: Path) -> None:
    at = losing("place", 8, 14)
    tall = {"size": (96, 320), "preset": graded(tmp_path)}
    show = Show(tmp_path, lambda rig, index: (at(rig, index), breaks(rig, index)), 60, **tall)
    assert len(show.pictures) == 60
    assert show.told("the picture failed, is tried again: ") == 1
    assert show.moved(8, 14) == [False] * 6, "not the last good picture"
    assert all(show.moved(35, 60)), "it did not come back"
    assert not np.array_equal(show.pictures[7][160:], show.pictures[13][160:]), "nothing was written on it"


def breaks(rig: Rig, index: int) -> None:
    """Lose the only pass as well, so that ``place`` must stand in for it."""
    if index == 8:
        lost(rig, "grade")


def test_lines_that_cannot_be_drawn_do_not_stop_the_picture(tmp_path: Path) -> None:
    def at(rig: Rig, index: int) -> None:
        if index == 8:
            rig.picture._notify("a line to be drawn")
            rig.picture._compositor._text._quad.release()

    show = Show(tmp_path, at, 30)
    assert len(show.pictures) == 30
    assert show.told("the overlay failed, is tried again: ") == 1
    assert all(show.moved(1, 30))


def test_a_look_at_the_machine_that_fails_leaves_the_rest_of_the_overlay() -> None:
    bad = [False]

    def machine() -> Machine | None:
        if bad[0]:
            raise OSError("the driver is gone")
        return None

    told: list[str] = []
    overlay = Overlay(machine, lambda tick: (f"at {tick.index}", *told), faults=Faults(told.append, on_stage=True))
    ws, params = np.zeros((4, 8), np.float32), Params({"desktop.mode": 1.0})
    scenes = []
    for index in range(4):
        bad[0] = index in (1, 2)
        scenes.append(overlay(Tick(index, index / 30, 1 / 30), ws, params))
    assert [scene.notices[0] for scene in scenes] == ["at 0", "at 1", "at 2", "at 3"]
    assert told == ["the desktop's text failed, is tried again: the driver is gone"]
    assert told[0] in scenes[1].notices
    assert scenes[1].terminal == scenes[2].terminal == scenes[0].terminal != ()


def test_a_preset_whose_pass_is_not_there_leaves_the_one_before(tmp_path: Path) -> None:
    class Cues:
        def poll(self, tick: Tick) -> Cue | None:
            preset = Preset("late", passes=("grade", "sparkle"))
            return Cue(preset) if tick.index == 8 else None

    def at(rig: Rig, index: int) -> None:
        if index == 0:
            rig.cues = CueLoader(Cues(), rig.take.__self__.needs, rig.take.__self__.prepare, rig.cues._notify)

    show = Show(tmp_path, at, 20)
    assert len(show.pictures) == 20
    assert show.told("unknown pass 'sparkle'") == 1


@pytest.mark.parametrize("what", ["broken", "missing"])
def test_a_style_that_cannot_be_had_leaves_the_last_good_one(tmp_path: Path, what: str) -> None:
    preset, bad = tmp_path / "night.toml", tmp_path / "bad.pth"
    preset.write_text(f'name = "night"\n[style]\nweights = "{JOHNSON}"\nsize = 48\n', encoding="utf-8")
    if what == "broken":
        bad.write_bytes(JOHNSON.read_bytes()[:20000])
    looks = []

    class Cues:
        def poll(self, tick: Tick) -> Cue | None:
            return Cue(Preset("late", style=Styling(str(bad), (), 48))) if tick.index == 4 else None

    def at(rig: Rig, index: int) -> None:
        changes = rig.take.__self__
        if index == 0:
            rig.cues = CueLoader(Cues(), changes.needs, changes.prepare, rig.cues._notify)
        if index == 8 and rig.cues._thread is not None:
            rig.cues._thread.join(60.0)
        looks.append(changes._picture.style.look)

    show = Show(tmp_path, at, 12, preset=str(preset))
    assert len(show.pictures) == 12
    assert looks[0] is not None
    assert all(look is looks[0] for look in looks)
    assert show.told("bad.pth") == 1
    assert show.told("the preset before plays on") == 1


@pytest.mark.parametrize("what", ["generator", "pass"])
def test_a_render_fails_loudly(tmp_path: Path, what: str) -> None:
    need("EGL")
    model = save(tmp_path / "model.safetensors", SMALL)
    options = RenderOptions(
        song=beginning(tmp_path),
        model=str(model),
        size=(64, 64),
        seconds=2.0,
        fps=10.0,
        backend="eager",
        output=tmp_path / "o.mp4",
    )

    def ticks(clock: Iterable[Tick], frames: int | None) -> Iterator[Tick]:
        for tick in clock:
            if tick.index == 8 and what == "generator":
                Damage(rig).do()
            elif tick.index == 8:
                lost(rig, "grade")
            yield tick

    rig = open_render(options, ticks, lambda: open_heard(options)).rig
    with pytest.raises((RuntimeError, AttributeError)), rig:
        perform(rig)
    assert rig.meter.frames == 8
    assert not (tmp_path / "o.mp4").exists()


def test_what_was_done_halfway_is_not_taken_for_done() -> None:
    network = StyleGAN2.random(CONFIG, 3).eval().requires_grad_(False)

    def generator() -> IncrementalPlayer:
        return IncrementalPlayer(network, EagerBlocks(prepare(network), torch.float32))

    playing, params = generator(), Params()
    first, second = playing.map(np.random.default_rng(0).standard_normal((2, 16)).astype(np.float32))
    playing(first, params, REST)
    modulation = playing.blocks.prepared.modulation
    whole = {name: value for name, value in vars(modulation).items() if torch.is_tensor(value) and value.ndim == 2}
    for name, value in whole.items():
        setattr(modulation, name, value[:, :-1])
    with pytest.raises(RuntimeError):
        playing(second, params, REST)
    for name, value in whole.items():
        setattr(modulation, name, value)
    assert torch.equal(playing(second, params, REST), generator()(second, params, REST))
