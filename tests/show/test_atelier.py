"""Pictures join a show: by a window or a folder, one after the other, each or a line that says why not."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.borders.controls import Controls
from engine.borders.errors import Trouble
from engine.borders.moment import Moment
from engine.borders.tick import Tick
from engine.generator.checkpoints import checkpoint
from engine.generator.plain import PlainPlayer
from engine.gesture.rows import unpacked
from engine.gesture.writer import GestureLog
from engine.show.atelier import KEYS, Atelier
from engine.show.inbox import Inbox
from engine.show.projector import Placed, Projector, Work
from engine.stage.operator.status import Portrait
from tests.builders.inversion import DATA, png, reference
from tests.builders.params import Params

MODEL = str(DATA / "G_small_state.pt")
PATIENCE = 900  # s for processes on a busy machine


class Wall:
    """A window on which files are dropped."""

    def __init__(self) -> None:
        self.files: deque[tuple[str, ...]] = deque()
        self.wall = self

    def dropped(self) -> tuple[str, ...]:
        return self.files.popleft() if self.files else ()


class Way:
    """A path that notes what joins it."""

    def __init__(self, takes: bool = True) -> None:
        self.joined: list[tuple[float, bool, bool]] = []
        self.takes = takes

    def join(self, point: NDArray[np.floating], *, replace: bool = False, now: bool = False) -> bool:
        self.joined.append((float(point[0, 0]), replace, now))
        return self.takes


class Found:
    """A projector whose work is done at once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.places = folder, list[tuple[Path, str]](), deque[Placed]()
        self.at: Work | None = None

    def take(self, picture: Path, model: str, assume: tuple[str, ...] = (), watched: bool = False) -> None:
        self.asked.append((picture, model))
        path = self.folder / f"{picture.stem}.npy"
        np.save(path, np.full((8, 24), len(self.asked), np.float32))
        self.places.append(Placed(picture, path, path.with_suffix(".png"), model))

    def ready(self) -> Placed | None:
        return self.places.popleft() if self.places else None

    def work(self) -> tuple[Work | None, int]:
        return self.at, 2


def moment() -> Moment:
    return Moment(Tick(0, 0.0, 0.0), Controls(), Params({}), np.zeros(0), None, None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def player() -> PlainPlayer:
    return PlainPlayer(checkpoint.build(checkpoint.load(MODEL, cache=False)))


def test_a_dropped_picture_is_the_next_point_and_keys_move_it(tmp_path: Path, player: PlainPlayer) -> None:
    wall, way, told = Wall(), Way(), list[str]()
    found, log = Found(tmp_path), GestureLog(tmp_path / "g.jsonl", told.append)
    log.begin({})
    atelier = Atelier(found, wall, way, lambda: player, lambda: MODEL, told.append, log=log)  # type: ignore[arg-type]
    wall.files.append(("/pictures/singer.jpg",))
    assert atelier.portrait() is None
    atelier.attend(moment())
    assert way.joined == [(1.0, False, False)]
    found.at = Work(Path("/pictures/singer.jpg"), 0.42, 26.1, b"a", b"b")
    assert atelier.states() == ("projecting singer.jpg 42%, 2 more",)
    assert atelier.portrait() == Portrait("singer.jpg", "42%, 26.1 dB", 0.42, 2, b"a", b"b")
    found.at = None
    assert atelier.portrait() == Portrait("singer.jpg", KEYS, 1.0, 0, b"a", b"b")
    atelier.now(moment())
    atelier.next(moment())
    atelier.replace(moment())
    assert way.joined[1:] == [(1.0, False, True), (1.0, False, False), (1.0, True, False)]
    assert told[0] == "singer.jpg: its place is looked for"
    assert told[1] == f"singer.jpg: joins the path, kept as {tmp_path / 'singer.npy'}"
    assert atelier.states() == ()
    log.close()
    rows = [json.loads(line) for line in (tmp_path / "g.jsonl").read_text().splitlines()[1:]]
    assert [(row["replace"], row["now"]) for row in rows] == [(r, n) for _, r, n in way.joined]
    assert (unpacked(rows[0]["join"]) == 1.0).all()


def test_keys_without_a_picture_and_a_path_through_z_cost_a_line(tmp_path: Path, player: PlainPlayer) -> None:
    wall, told = Wall(), list[str]()
    atelier = Atelier(Found(tmp_path), wall, Way(takes=False), lambda: player, lambda: MODEL, told.append)  # type: ignore[arg-type]
    atelier.now(moment())
    assert told == ["no picture was projected in this show: drop one on the window"]
    wall.files.append(("/pictures/singer.jpg",))
    atelier.attend(moment())
    assert 'space = "z"' in told[-1]
    assert isinstance(told[-1], Trouble)


def test_a_picture_of_a_model_that_has_gone_is_kept(tmp_path: Path, player: PlainPlayer) -> None:
    names, way, told = deque([MODEL, "another.pt"]), Way(), list[str]()
    wall = Wall()
    atelier = Atelier(Found(tmp_path), wall, way, lambda: player, names.popleft, told.append)  # type: ignore[arg-type]
    wall.files.append(("/pictures/singer.jpg",))
    atelier.attend(moment())
    assert way.joined == []
    assert "another model plays by now" in told[-1]


class Held(Projector):
    """A projector whose process is a file that is written once `let` is set."""

    def __init__(self, folder: Path, told: list[str]) -> None:
        self.let, self.runs = threading.Event(), list[str]()
        super().__init__(folder, told.append)

    def _run(self, placed: Placed, assume: tuple[str, ...]) -> tuple[int, str]:
        self.let.wait(10.0)
        self.runs.append(placed.picture.name)
        placed.ws.write_bytes(b"ws")
        return 0, ""


def test_a_picture_that_grew_while_it_waited_joins_once(tmp_path: Path) -> None:
    first, grows, last = (tmp_path / f"{name}.png" for name in ("first", "grows", "last"))
    for path in (first, grows, last):
        path.write_bytes(path.name.encode())
    told = list[str]()
    projector = Held(tmp_path / "kept", told)
    try:
        for path in (first, grows):
            projector.take(path, MODEL, watched=True)
        grows.write_bytes(b"the whole of it")
        projector.take(grows, MODEL, watched=True)  # the inbox saw it change
        projector.take(grows, MODEL)  # and dropped by hand: wanted once more
        projector.take(last, MODEL, watched=True)
        projector.let.set()
        placed, until = list[Path](), time.monotonic() + 10.0
        while time.monotonic() < until and last not in placed:
            placed += [one.picture] if (one := projector.ready()) is not None else []
            time.sleep(0.01)
        assert placed == [first, grows, grows, last]
        assert projector.runs == ["first.png", "grows.png", "last.png"]
        assert len(told) == 1
        assert "joins once more" in told[0]
    finally:
        projector.close()


@pytest.mark.skipif("LATENTVJ_LONG" not in os.environ, reason="processes: LATENTVJ_LONG=1 runs it")
def test_whatever_comes_into_the_inbox_joins_or_costs_a_line(tmp_path: Path) -> None:
    inbox, kept, told = tmp_path / "in", tmp_path / "kept", list[str]()
    inbox.mkdir()
    projector, watched = Projector(kept, told.append, share=0.02), Inbox(inbox, told.append)
    try:
        picture = png(tmp_path / "me.png", reference("projector_ada")["target_u8"]).read_bytes()
        files = {"me.png": picture, "again.png": picture, "words.jpg": b"these are words", "paper.pdf": b"%PDF-1.7"}
        files["half.png"] = picture[: len(picture) // 2]
        for name, data in files.items():
            (inbox / name).write_bytes(data)
        until, came, placed = time.monotonic() + PATIENCE, set[str](), list[Placed]()
        while time.monotonic() < until and len(placed) + len(told) < 6:
            for path in watched.arrived():
                came.add(path.name)
                projector.take(path, MODEL, watched=True)
            if (one := projector.ready()) is not None:
                placed.append(one)
            time.sleep(0.1)
    finally:
        projector.close()
        watched.close()
    assert came == set(files)
    assert len(placed) == 2
    assert placed[0].ws == placed[1].ws
    assert np.load(placed[0].ws).shape == (8, 24)
    assert placed[0].thumbnail.stat().st_size > 100
    assert sorted(Path(str(line).split(": ")[0]).name for line in told if isinstance(line, Trouble)) == [
        "half.png",
        "paper.pdf",
        "words.jpg",
    ]
    assert sorted(p.suffix for p in kept.iterdir()) == [".npy", ".png"]
