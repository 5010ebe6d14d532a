"""The key "keep this" in a running show: a file of w that makes the same picture again, and the show goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.borders.tick import Tick
from engine.cli.rehearse import RehearseOptions, open_rehearsal
from engine.control.hands.commands import COMMANDS, KEYS
from engine.generator import points as latents
from engine.latent.crossing import Crossing
from engine.latent.path import Path as LatentPath
from engine.loop import perform
from engine.show.clock import FixedClock
from engine.show.keep_point import PointKeeper
from engine.stage.windows.headless import HeadlessWindow
from tests.builders.params import Params
from tests.builders.short_song import beginning
from tests.parts import need

LOOK = 'name = "look"\nmodel = "fruit"\n[latent]\nseeds = {}\ntruncation_psi = 0.6\n[params]\nspeed = 0.3\n'


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "latentvj" / "kept"


def play(preset: Path, said: list[str], frames: int) -> list[np.ndarray]:
    """Rehearse in silence, in the frames' own time; return every frame's ws."""
    seen = []
    options = RehearseOptions(
        song=beginning(preset.parent), preset=str(preset), headless=True, mute=True, size=(64, 64), fps=20.0
    )
    with open_rehearsal(options, said.append) as rig:
        rig.clock = FixedClock(20.0, frames / 20.0)
        rig.service.watch(lambda moment: seen.append(moment.ws))
        perform(rig)
    return seen


def test_k_keeps_the_point_and_it_can_be_travelled_again(
    tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("EGL")
    pressed: Iterator[int] = iter(range(1000))
    monkeypatch.setattr(
        HeadlessWindow, "keys", lambda self: (("K", "press"),) if next(pressed) in (5, 6, 9) else (("K", "release"),)
    )
    look, again, said = tmp_path / "look.toml", tmp_path / "again.toml", []
    look.write_text(LOOK.format("[1, 2, 3]"))
    seen = play(look, said, 14)
    wanted = [f"keep-00{i}.{kind}" for i in (1, 2, 3) for kind in ("npy", "png")]
    assert sorted(p.name for p in kept.iterdir()) == wanted
    assert f"kept: {kept / 'keep-001.npy'}" in said
    with Image.open(kept / "keep-001.png") as thumbnail:
        assert thumbnail.size == (256, 256)
        assert np.asarray(thumbnail).std() > 10.0
    again.write_text(LOOK.format('["keep-002.npy"]'))
    back = play(again, said, 2)
    # Keys are read more than once a frame: which one was shown when the second press came is not told.
    assert min(np.abs(back[1] - shown).max() for shown in seen[2:7]) < 1e-5
    assert np.abs(seen[3] - seen[2]).max() > 1e-2


def test_keeping_never_holds_up_the_loop_and_tells_of_a_full_disk(tmp_path: Path) -> None:
    """The point is asked for at once, everything else happens while the loop goes on."""
    gate, told = threading.Event(), []

    class Slow(torch.Tensor):
        """A frame that takes long to come from its device."""

        def cpu(self, *args: object) -> torch.Tensor:  # type: ignore[override]
            gate.wait(10)
            return super().cpu()

    class Moment:
        frame = torch.zeros(16, 16, 4, dtype=torch.uint8).as_subclass(Slow)

    points = iter([np.zeros((4, 8), np.float32), np.ones((4, 8), np.float32)])

    class Travelled:
        t = 0.0

        @property
        def point(self) -> np.ndarray:
            return next(points, np.zeros((4, 8), np.float32))

        def __call__(self, params: Params, tick: Tick) -> np.ndarray:
            return self.point

    keeper = PointKeeper(tmp_path / "kept", Travelled(), told.append)
    keeper.keep(Moment())  # type: ignore[arg-type]
    keeper.keep(Moment())  # type: ignore[arg-type]
    assert not told
    assert not (tmp_path / "kept").exists()
    gate.set()
    keeper.close()
    assert [latents.load(tmp_path / "kept" / f"keep-00{i}.npy", (4, 8))[0, 0, 0] for i in (1, 2)] == [0.0, 1.0]
    (tmp_path / "file").write_text("")
    broken = PointKeeper(tmp_path / "file", Travelled(), told.append)
    broken.keep(Moment())  # type: ignore[arg-type]
    broken.close()
    assert "cannot keep" in told[-1]


def test_many_at_once_lose_nothing(tmp_path: Path) -> None:
    """Two shows share a folder: every point finds a name of its own."""

    def work(mark: int) -> None:
        for _ in range(10):
            latents.keep(tmp_path, np.full((1, 4), mark, np.float32))

    threads = [threading.Thread(target=work, args=(mark,)) for mark in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files = sorted(tmp_path.glob("keep-*.npy"))
    assert len(files) == len(list(tmp_path.iterdir())) == 40
    assert sorted(int(np.load(file)[0, 0]) for file in files) == sorted([0, 1, 2, 3] * 10)


def test_in_a_morph_the_point_is_between(kept: Path) -> None:
    rng = np.random.default_rng(0)
    w_avg = rng.normal(size=8)
    first, second = (LatentPath(rng.normal(size=(3, 10, 8)), w_avg) for _ in range(2))
    crossing = Crossing(first, lambda: 0.4)
    crossing.take(second, cut=False)
    params = Params({"truncation_psi": 0.5, "truncation.fine": 0.8})
    ws = crossing.travel(params, Tick(0, 0.0, 0.1))
    psi = 0.5 * np.where(np.arange(10) < 8, 1.0, 0.8)[:, None]
    np.testing.assert_allclose(w_avg + psi * (crossing.point - w_avg), ws, atol=1e-5)


def test_it_has_a_key_and_a_command() -> None:
    assert KEYS["K"] == "keep"
    assert "keep" in COMMANDS
