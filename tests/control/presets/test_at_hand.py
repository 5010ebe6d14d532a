"""Presets at hand: without a setlist all of them are one; any can be asked for by name, and found by typing."""

from __future__ import annotations

import os
import time
from pathlib import Path

from engine.borders.cue import Cue
from engine.borders.tick import Tick
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.hands.search import Search, ranked
from engine.control.presets import preset as presets
from engine.control.presets.listing import listed, whole_evening
from engine.control.presets.setlist import Entry, Setlist, load
from engine.control.routing.beat import Beat
from tests.builders.params import TABLE

LOOK = 'name = "{}"\n[latent]\nseeds = [1, 2]\n'


class Evening:
    """Folders of presets, and the setlist through them, played a tenth of a second at a time."""

    def __init__(self, folder: Path, preset: str = "pond", setlist: str = "") -> None:
        self.own, self.shipped, self.told = folder / "own", folder / "shipped", list[str]()
        for where, names in (
            (self.shipped, ("market", "pond", "default")),
            (self.own, ("pond-10", "pond-9", "market")),
        ):
            where.mkdir()
            for name in names:
                self.save(where, name)
        folders = (self.own, self.shipped)
        if setlist:
            path = folder / "friday.toml"
            path.write_text(setlist, encoding="utf-8")
            self.list = Setlist(load(path), folders, TABLE, self.told.append, Beat(), path)
        else:
            names, begin = whole_evening(preset, folders)
            entries = tuple(Entry(name) for name in names)
            self.list = Setlist(entries, folders, TABLE, self.told.append, Beat(), begin=begin)
        self.index = 0

    def save(self, where: Path, name: str, text: str = LOOK) -> None:
        path = where / f"{name}.toml"
        path.write_text(text.format(name), encoding="utf-8")
        os.utime(path, (time.time() - 60.0,) * 2)  # it has come to rest

    def play(self, frames: int = 4) -> list[str]:
        """Return the names of the presets that began."""
        began = []
        for _ in range(frames):
            cue: Cue | None = self.list.poll(Tick(self.index, self.index * 0.1, 0.1))
            self.index += 1
            began += [cue.preset.name] if cue else []
        return began


def test_shipped_ones_come_first_and_numbers_count(tmp_path: Path) -> None:
    evening = Evening(tmp_path)
    assert evening.list.names == ("default", "market", "pond", "pond-9", "pond-10")
    assert listed((evening.own, evening.shipped))["market"].parent == evening.own
    assert evening.list.preset.name == "pond"


def test_only_the_first_is_read_before_the_show(tmp_path: Path, monkeypatch) -> None:
    read = []
    real = presets.load
    monkeypatch.setattr(presets, "load", lambda path, rows: read.append(path.stem) or real(path, rows))
    evening = Evening(tmp_path)
    assert read == ["pond"]
    evening.list.next()
    assert evening.play() == ["pond-9"]
    assert read == ["pond", "pond-9"]


def test_next_goes_round_and_previous_comes_back(tmp_path: Path) -> None:
    evening = Evening(tmp_path)
    began = []
    for _ in range(5):
        evening.list.next()
        began += evening.play()
    assert began == ["pond-9", "pond-10", "default", "market", "pond"]
    evening.list.previous()
    assert evening.play() == ["market"]


def test_a_broken_or_lost_preset_is_told_and_the_one_before_plays_on(tmp_path: Path) -> None:
    evening = Evening(tmp_path)
    evening.save(evening.own, "pond-9", "sped = 1")
    (evening.own / "pond-10.toml").unlink()
    for name in ("pond-9", "pond-10"):
        evening.list.go(name)
        assert evening.play() == []
        assert name in evening.told[-1]
        assert evening.list.preset.name == "pond"
    evening.save(evening.own, "pond-9")
    evening.list.go("pond-9")
    assert evening.play() == ["pond-9"]
    evening.list.go("pond-11")
    assert "no preset 'pond-11'; did you mean 'pond-10'?" in evening.told[-1] or "pond-1" in evening.told[-1]


def test_what_is_saved_in_the_show_comes_last(tmp_path: Path) -> None:
    evening = Evening(tmp_path)
    evening.play()
    evening.save(evening.own, "a-new-one")
    evening.play(10)
    assert evening.list.names[-1] == "a-new-one"
    evening.list.go(len(evening.list.names) - 1)
    assert evening.play() == ["a-new-one"]


def test_a_preset_in_a_file_of_its_own_is_the_first(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(LOOK.format("mine"))
    evening = Evening(tmp_path, str(path))
    assert evening.list.names[:2] == ("mine", "default")
    assert evening.list.preset.path == path


def test_a_guest_beside_the_setlist(tmp_path: Path) -> None:
    cues = '[[cues]]\npreset = "market"\nafter = 2.0\n[[cues]]\npreset = "default"\n'
    evening = Evening(tmp_path, setlist=cues)
    assert evening.list.at_hand() == ("market", "default", "pond", "pond-9", "pond-10")
    evening.list.go("pond-9")
    assert evening.play() == ["pond-9"]
    assert evening.list.names == ("market", "default")
    assert [name for name, _ in evening.list.cues] == ["market", "default", "pond-9"]
    assert 1.5 < (evening.list.goes_on_in(evening.index * 0.1) or 0.0) < 2.0
    evening.save(evening.own, "pond-9", LOOK + "spline = 'centripetal'\n")
    assert evening.play(8) == ["pond-9"]  # edited while it plays
    evening.list.go("pond-10")
    assert evening.play() == ["pond-10"]
    evening.list.next()
    assert evening.play() == ["default"]
    evening.list.go("../own/pond-9")
    assert evening.play() == []
    assert "no preset" in evening.told[-1]


def test_a_show_that_is_taken_up_begins_with_what_played(tmp_path: Path) -> None:
    evening = Evening(tmp_path)
    evening.list.begin_with(4, evening.own / "pond-10.toml")
    assert evening.list.preset.name == "pond-10"
    assert evening.list.preset.text
    evening.list.next()
    assert evening.play() == ["default"]
    names, begin = whole_evening(str(evening.own / "pond-9.toml"), (evening.own, evening.shipped))
    assert (names[begin], len(names)) == ("pond-9", 5)


def test_a_guest_is_taken_up_as_well(tmp_path: Path) -> None:
    evening = Evening(tmp_path, setlist='[[cues]]\npreset = "market"\n[[cues]]\npreset = "default"\n')
    evening.list.begin_with(2, evening.own / "pond-9.toml")
    assert evening.list.preset.name == "pond-9"
    assert evening.list.names == ("market", "default")
    evening.list.next()
    assert evening.play() == ["default"]
    evening.list.begin_with(0, tmp_path / "gone.toml")
    assert evening.list.preset.name == "default"


def keys(*edges: str) -> list[tuple[str, str]]:
    """Return the edges of a keyboard: a character is pressed, typed and released, a name is pressed and released."""
    found = []
    for edge in edges:
        name = {"/": "SLASH", " ": "SPACE"}.get(edge, edge.upper())
        found += [(name, "press"), *([(edge, "type")] if len(edge) == 1 else []), (name, "release")]
    return found


def test_a_slash_and_letters_find_a_preset_and_play_nothing_else(tmp_path: Path) -> None:
    evening, waiting = Evening(tmp_path), list[tuple[str, str]]()

    def pop() -> list[tuple[str, str]]:
        popped, waiting[:] = waiting[:], []
        return popped

    hands = Hands(Keyboard(pop, Search(evening.list.at_hand, evening.list.go)), evening.list, print, TABLE)

    def press(*edges: str):
        waiting.extend(keys(*edges))
        return hands.read(Tick(0, 0.0, 0.0))

    controls = press("/", "b", "9")
    assert hands.searching == ("b9", (), 0)
    assert controls.commands == ()
    assert not controls.blackout
    assert controls.values.get("key.B", 0.0) == 0.0
    press("BACKSPACE", "BACKSPACE", "p", "1")
    assert hands.searching is not None
    assert hands.searching.found == ("pond-10",)
    press("ENTER")
    assert hands.searching is None
    assert evening.play() == ["pond-10"]
    press("/", "P", "DOWN", "DOWN", "ENTER")
    assert evening.play() == ["pond-10"]
    press("/", "m", "ESCAPE")
    assert hands.searching is None
    assert evening.play() == []
    press("/", "ENTER")
    assert evening.play() == []
    assert press("b").blackout  # keys play again
    assert press("F2").commands == ("cue.1",)
    assert evening.play() == ["default"]
    press("F9")
    assert "no cue 7" in evening.told[-1]


def test_what_fits_best_comes_first() -> None:
    names = ("harvest", "market", "tidal", "tide", "art")
    assert ranked("t", names)[:2] == ("tidal", "tide")
    assert ranked("AR", names) == ("art", "harvest", "market")
    assert ranked("td", names) == ("tidal", "tide")
    assert ranked("", names) == names
    assert ranked("zz", names) == ()


def test_what_an_editor_or_a_killed_run_leaves_behind_is_no_preset(tmp_path: Path) -> None:
    evening = Evening(tmp_path)
    for name in (".default.toml.123.vj.part", ".#market", "market.toml~"):
        evening.save(evening.own, name)
    evening.play(10)
    assert not [name for name in evening.list.at_hand() if name.startswith(".")]
