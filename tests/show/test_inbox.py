"""The inbox: every file is taken once it no longer grows; what is none, or is empty, costs one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.borders.errors import Trouble
from engine.show import inbox as module
from engine.show.inbox import EMPTY_SECONDS, STILL_SECONDS, Inbox


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Inbox, list[str]]]:
    """An inbox that the test looks into itself, with a file from before."""
    monkeypatch.setattr(module, "LOOK_PERIOD", 3600.0)
    folder, told = tmp_path / "in", list[str]()
    folder.mkdir()
    (folder / "before.png").write_bytes(b"x")
    inbox = Inbox(folder, told.append)
    yield folder, inbox, told
    inbox.close()


def test_a_file_is_taken_once_when_it_no_longer_grows(watched: tuple[Path, Inbox, list[str]]) -> None:
    folder, inbox, told = watched
    (folder / "a.png").write_bytes(b"half")
    inbox.look(0.0)
    inbox.look(STILL_SECONDS - 0.1)
    (folder / "a.png").write_bytes(b"half and more")
    inbox.look(STILL_SECONDS + 0.1)
    inbox.look(2 * STILL_SECONDS)
    assert inbox.arrived() == ()
    inbox.look(2 * STILL_SECONDS + 0.2)
    inbox.look(99.0)
    assert inbox.arrived() == (folder / "a.png",)
    (folder / "a.png").write_bytes(b"another picture of that name")
    inbox.look(100.0)
    inbox.look(100.0 + STILL_SECONDS)
    assert inbox.arrived() == (folder / "a.png",)
    (folder / "a.png").unlink()
    inbox.look(110.0)
    (folder / "before.png").rename(folder / "b.png")
    inbox.look(111.0)
    inbox.look(111.0 + STILL_SECONDS)
    assert inbox.arrived() == (folder / "b.png",)
    assert told == []


def test_a_link_that_leads_round_in_a_circle_hides_nothing(watched: tuple[Path, Inbox, list[str]]) -> None:
    folder, inbox, told = watched
    (folder / "a.jpg").symlink_to(folder / "b.jpg")
    (folder / "b.jpg").symlink_to(folder / "a.jpg")
    (folder / "c.jpg").write_bytes(b"a picture")
    for now in (0.0, STILL_SECONDS):
        inbox.look(now)
    assert inbox.arrived() == (folder / "c.jpg",)
    assert told == []


def test_what_is_no_file_or_stays_empty_costs_one_line_each(watched: tuple[Path, Inbox, list[str]]) -> None:
    folder, inbox, told = watched
    (folder / "album").mkdir()
    (folder / "empty.jpg").touch()
    (folder / ".hidden.jpg").write_bytes(b"x")
    (folder / "film.jpg.crdownload").write_bytes(b"x")
    (folder / "lost.jpg").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.png")
    inbox.look(0.0)
    inbox.look(STILL_SECONDS)
    assert sorted(Path(line.split(": ")[0]).name for line in told) == ["album", "pipe.png"]
    (folder / "album" / "one.jpg").write_bytes(b"x")  # its folder changes
    for now in (5.0, 5.0 + STILL_SECONDS, EMPTY_SECONDS, EMPTY_SECONDS + 30.0):
        inbox.look(now)
    assert [line.split(": ")[1] for line in told] == [
        "this is a folder",
        "this is no file",
        "this file is empty",
    ]
    assert all(isinstance(line, Trouble) for line in told)
    assert inbox.arrived() == ()


def test_a_folder_that_goes_and_comes_back_stops_nothing(watched: tuple[Path, Inbox, list[str]]) -> None:
    folder, inbox, told = watched
    away = folder.with_name("away")
    folder.rename(away)
    inbox.look(0.0)
    folder.mkdir()
    (folder / "a.png").write_bytes(b"x")
    inbox.look(1.0)
    inbox.look(1.0 + STILL_SECONDS)
    assert inbox.arrived() == (folder / "a.png",)
    assert told == []
