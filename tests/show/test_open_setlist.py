"""The evening as a show opens it: a setlist's cues, or every preset that is shipped."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from engine.borders.errors import UserError
from engine.borders.options import StageOptions
from engine.borders.tick import Tick
from engine.control.routing.beat import Beat
from engine.control.timing.show_timecode import NoTimecode
from engine.control.timing.stage_time import StageTime
from engine.show.open_inputs import open_setlist
from engine.show.opening import preset_folders
from engine.show.table import standard


@pytest.fixture(autouse=True)
def nothing_of_his_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def every_preset() -> set[str]:
    """The shipped presets, and those whose package is installed here."""
    return {path.stem for folder in preset_folders() for path in folder.glob("*.toml")}


def test_without_a_setlist_every_shipped_preset_can_be_played() -> None:
    told: list[str] = []
    setlist = open_setlist(StageOptions(preset="tidal"), standard(), told.append, Beat(), NoTimecode(StageTime()))
    assert set(setlist.names) == every_preset()
    assert setlist.preset.name == "tidal"
    began = []
    for index in range(len(setlist.names)):
        setlist.next()
        cue = setlist.poll(Tick(index, index * 0.1, 0.1))
        assert cue is not None
        began.append(cue.preset.name)
    at = setlist.names.index("tidal") + 1
    assert began == [*setlist.names[at:], *setlist.names[:at]]
    assert told == []


def test_a_preset_that_is_not_there_is_refused_before_the_show() -> None:
    with pytest.raises(UserError, match="unknown preset 'tydal'"):
        open_setlist(StageOptions(preset="tydal"), standard(), print, Beat(), NoTimecode(StageTime()))


def test_with_a_setlist_its_cues_count_and_every_preset_has_a_name(tmp_path: Path) -> None:
    path = tmp_path / "friday.toml"
    path.write_text('[[cues]]\npreset = "pond"\n[[cues]]\npreset = "tidal"\n')
    setlist = open_setlist(StageOptions(setlist=path), standard(), print, Beat(), NoTimecode(StageTime()))
    assert setlist.names == ("pond", "tidal")
    assert set(setlist.at_hand()) == every_preset()
    setlist.go("mandala")
    cue = setlist.poll(Tick(0, 0.0, 0.1))
    assert cue is not None
    assert cue.preset.name == "mandala"


@pytest.mark.parametrize("setlist", [False, True])
def test_the_show_asks_for_its_timecode_in_every_frame(tmp_path: Path, setlist: bool) -> None:
    """With a setlist and without one: the terminal, the trace and a replay know by it where the clock is."""
    path = tmp_path / "set.toml"
    path.write_text('[[cues]]\npreset = "tidal"\n', encoding="utf-8")
    asked: list[Tick] = []
    timecode = NoTimecode(cast(StageTime, SimpleNamespace(at=asked.append)))
    options = StageOptions(preset="tidal", setlist=path if setlist else None)
    open_setlist(options, standard(), print, Beat(), timecode).poll(Tick(0, 0.0, 0.0))
    assert asked == [Tick(0, 0.0, 0.0)]


def test_cues_at_times_without_a_sender_are_told(tmp_path: Path) -> None:
    path, told = tmp_path / "set.toml", []
    path.write_text('[[cues]]\npreset = "tidal"\nat = "1:00"\n', encoding="utf-8")
    open_setlist(StageOptions(setlist=path), standard(), told.append, Beat(), NoTimecode(StageTime()))
    assert len(told) == 1
    assert "give --timecode mtc or --timecode ltc:CHANNEL" in told[0]
