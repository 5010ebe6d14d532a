"""The evening: cuts, morphs, beats, and edits that may be wrong."""

import itertools
import os
from pathlib import Path

import pytest

from engine.borders.cue import Cue
from engine.borders.errors import UserError
from engine.borders.tick import Tick
from engine.borders.timecode import RATES, Rate, Timecode, parse_mark
from engine.control.presets.setlist import Entry, Setlist, load, parse
from engine.control.routing.beat import Beat
from engine.show.clock import FixedClock
from tests.builders.params import TABLE

FPS = 60


class Evening:
    def __init__(self, folder: Path, *entries: Entry, rate: Rate = RATES[1]) -> None:
        for name in ("one", "two"):
            (folder / f"{name}.toml").write_text(f'name = "{name}"\n[params]\nspeed = 0.1\n', encoding="utf-8")
        self.told: list[str] = []
        self.beat = Beat()
        self.setlist = Setlist(entries or (Entry("one"), Entry("two")), (folder,), TABLE, self.told.append, self.beat,
                               timecode=self.timecode)  # fmt: skip
        self.index, self.code, self.rate = 0, None, rate

    def timecode(self, tick: Tick) -> Timecode | None:
        """Return the sender's clock, which ``code`` says the seconds of at the show's begin."""
        return None if self.code is None else Timecode(self.code + tick.time, self.rate, "runs")

    def run(self, seconds: float) -> list[tuple[float, Cue]]:
        """Play on; return when which cue began."""
        found = []
        for _ in range(round(seconds * FPS)):
            tick = Tick(self.index, self.index / FPS, 1 / FPS if self.index else 0.0)
            cue = self.setlist.poll(tick)
            if cue:
                found.append((tick.time, cue))
            self.beat.position, self.index = tick.time * 2.0, self.index + 1  # 120 bpm
        return found


def edit(path: Path, text: str, age: int = 5) -> None:
    """Save a file a while ago, so that it has come to rest; a later edit has a larger ``age``."""
    path.write_text(text, encoding="utf-8")
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns - (100 - age) * 10**9))


def friday(folder: Path) -> tuple[Evening, Path]:
    """Return an evening that plays a setlist's file, of one cue, and that file."""
    evening, path = Evening(folder), folder / "friday.toml"
    path.write_text('[[cues]]\npreset = "one"\n', encoding="utf-8")
    evening.setlist = Setlist(load(path), (folder,), TABLE, evening.told.append, evening.beat, path)
    evening.run(0.3)
    return evening, path


def test_cuts_go_at_once_and_round(tmp_path: Path) -> None:
    evening = Evening(tmp_path)
    assert evening.run(0.5) == []
    evening.setlist.next()
    ((_, cue),) = evening.run(0.1)
    assert (cue.preset.name, cue.seconds) == ("two", 0.0)
    evening.setlist.next()
    assert evening.run(0.1)[0][1].preset.name == "one"
    evening.setlist.previous()
    assert evening.run(0.1)[0][1].preset.name == "two"
    evening.setlist.go("one")
    assert evening.run(0.1)[0][1].preset.name == "one"
    evening.setlist.go("three")
    assert evening.run(0.1) == []
    evening.setlist.go(2)
    assert evening.run(0.1) == []
    assert "'three'" in evening.told[0]
    assert "no cue 2" in evening.told[1]


def test_morphs_are_seconds_or_beats_and_wait_for_their_beat(tmp_path: Path) -> None:
    evening = Evening(tmp_path, Entry("one", morph=3.0), Entry("two", morph_beats=8.0, quantise=4.0))
    evening.run(0.3)
    evening.setlist.next()
    ((time, cue),) = evening.run(3.0)
    assert cue.seconds == pytest.approx(4.0)
    assert time == pytest.approx(2.0, abs=2 / FPS)
    evening.setlist.next()
    assert evening.run(0.1)[0][1].seconds == 3.0


def test_a_transition_is_a_file_beside_the_setlist_or_a_name(tmp_path: Path) -> None:
    (tmp_path / "mine.fs").write_text("")
    text = "".join(f'[[cues]]\npreset = "one"\nmorph = 1\ntransition = "isf:{n}.fs"\n' for n in ("mine", "Slats"))
    entries = parse(text, tmp_path / "s.toml")
    assert [entry.transition for entry in entries] == [f"isf:{tmp_path / 'mine.fs'}", "isf:Slats.fs"]
    evening = Evening(tmp_path, Entry("two"), *entries, entries[1])
    assert evening.setlist.transitions == (f"isf:{tmp_path / 'mine.fs'}", "isf:Slats.fs")
    evening.setlist.next()
    ((_, cue),) = evening.run(0.1)
    assert (cue.seconds, cue.transition) == (1.0, f"isf:{tmp_path / 'mine.fs'}")


def test_an_entry_goes_on_by_itself(tmp_path: Path) -> None:
    evening = Evening(tmp_path, Entry("one", after=1.0), Entry("two"))
    ((time, cue),) = evening.run(5.0)
    assert (time, cue.preset.name) == (pytest.approx(1.0, abs=0.02), "two")


def test_an_edit_is_taken_and_a_broken_one_is_told_by_file_line_and_key(tmp_path: Path) -> None:
    evening = Evening(tmp_path)
    evening.run(0.3)
    edit(tmp_path / "one.toml", 'name = "one"\n[params]\nspeed = 0.7\n', 5)
    ((_, cue),) = evening.run(0.5)
    assert cue.preset.params["speed"] == 0.7
    evening.told.clear()
    edit(tmp_path / "one.toml", 'name = "one"\n[params]\nsped = 0.7\n', 10)
    assert evening.run(0.5) == []
    (line,) = evening.told
    assert f"{tmp_path / 'one.toml'}:3:" in line
    assert "'sped'" in line
    assert evening.setlist.preset.params["speed"] == 0.7
    edit(tmp_path / "one.toml", 'name = "one"\n[params\n', 15)
    assert evening.run(0.5) == []
    assert "line 2" in evening.told[-1]
    (tmp_path / "one.toml").unlink()
    assert evening.run(0.5) == []
    edit(tmp_path / "one.toml", 'name = "one"\n[params]\nspeed = 0.2\n', 20)
    assert evening.run(0.5)[0][1].preset.params["speed"] == 0.2


IMPOSSIBLE = [
    ("[params]\nspeed = " + "9" * 5000, "a number in it is too long"),
    ("[params]\nspeed = 1" + "0" * 400, "'speed' must be a finite number"),
    ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
    ('model = "a\\u0000b"', "the character \\u0000"),
    ('[latent]\nseeds = ["a\\u0000.npy"]', "the character \\u0000"),
]


@pytest.mark.parametrize(("text", "why"), IMPOSSIBLE)
def test_what_no_reader_of_toml_takes_is_told_in_a_show_and_refused_before_it(
    text: str, why: str, tmp_path: Path
) -> None:
    evening = Evening(tmp_path)
    evening.run(0.3)
    edit(tmp_path / "one.toml", text)
    assert evening.run(0.5) == []
    (line,) = evening.told
    assert why in line
    assert "the last good one plays on" in line
    with pytest.raises(UserError, match="friday"):
        parse(text, Path("friday.toml"))


@pytest.mark.parametrize("text", ['model = "{}"', 'passes = ["{}"]', 'passes = ["./{}"]', '[style]\nweights = "{}"',
                                  '[background]\nsource = "./{}"', '[background]\nsource = "isf:{}"',
                                  '[latent]\nseeds = ["{}"]'])  # fmt: skip
def test_a_name_that_no_file_can_have_ends_no_show(text: str, tmp_path: Path) -> None:
    """What is wrong with the name says the part that opens it; to read the preset is no trouble."""
    evening = Evening(tmp_path)
    evening.run(0.3)
    edit(tmp_path / "one.toml", f'name = "one"\n{text.format("m" * 5000)}\n')
    assert len(evening.run(0.5)) + sum("the last good one plays on" in line for line in evening.told) == 1


def test_a_cue_whose_name_no_file_can_have_is_told(tmp_path: Path) -> None:
    evening, path = friday(tmp_path)
    edit(path, f'[[cues]]\npreset = "{"m" * 5000}"\n')
    assert evening.run(0.6) == []
    (line,) = evening.told
    assert "unknown preset" in line
    assert "the setlist before goes on" in line


def test_one_that_was_edited_while_it_was_not_playing_is_read_when_it_is(tmp_path: Path) -> None:
    evening = Evening(tmp_path)
    evening.run(0.3)
    edit(tmp_path / "two.toml", 'name = "two"\n[params]\nspeed = 0.9\n')
    assert evening.run(0.5) == []
    evening.setlist.next()
    assert evening.run(0.1)[0][1].preset.params["speed"] == 0.9


def test_an_edited_setlist_is_taken_and_a_broken_one_is_not(tmp_path: Path) -> None:
    evening, path = friday(tmp_path)
    edit(path, '[[cues]]\npreset = "two"\n[[cues]]\npreset = "one"\n', 5)
    assert evening.run(0.5) == []
    assert (evening.setlist.names, evening.setlist.index) == (("two", "one"), 1)
    edit(path, '[[cues]]\npreset = "three"\n', 10)
    assert evening.run(0.5) == []
    assert "'three'" in evening.told[-1]
    evening.setlist.next()
    assert evening.run(0.1)[0][1].preset.name == "two"


def test_a_preset_that_was_edited_with_its_setlist_is_played_as_edited(tmp_path: Path) -> None:
    evening, path = friday(tmp_path)
    edit(path, '[[cues]]\npreset = "two"\n[[cues]]\npreset = "one"\n')
    edit(tmp_path / "one.toml", 'name = "one"\n[params]\nspeed = 0.3\n')
    ((_, cue),) = evening.run(0.6)
    assert cue.preset.params["speed"] == 0.3
    assert evening.setlist.index == 1


@pytest.mark.parametrize(
    ("text", "culprits"),
    [
        ("", ["[[cues]]"]),
        ("[[cues]]\nmorph = 3", ["number 1", "'preset'"]),
        ('[[cues]]\npreset = "a"\n[[cues]]\npreset = "b"\nmorf = 3', [":5:", "number 2", "'morf'", "'morph'"]),
        ('[[cues]]\npreset = "a"\nmorph = -1', [":3:", "morph"]),
        ('[[cues]]\npreset = "a"\nmorph = nan', ["morph", "finite"]),
        ('[[cues]]\npreset = "a"\nmorph = 1\ntransition = "Slats"', [":4:", "'Slats' is no ISF file", "isf:NAME.fs"]),
        ('[[cues]]\npreset = "a"\ntransition = "isf:Slats"', [":3:", "morph_beats"]),
    ],
)
def test_a_mistake_in_a_setlist_is_named(text: str, culprits: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        parse(text, Path("friday.toml"))
    for culprit in ["friday.toml", *culprits]:
        assert culprit in str(refused.value)


def test_a_missing_preset_is_told_before_the_show(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'three'"):
        Evening(tmp_path, Entry("three"))


def test_the_clock_of_renders_never_needs_a_setlist() -> None:
    from engine.show.cue_loader import NoCues

    assert [NoCues().poll(tick) for tick in FixedClock(60, 0.1)] == [None] * 6


@pytest.mark.parametrize("pieces", [2, 12, 40])
@pytest.mark.parametrize("closed", [False, True])
def test_a_file_that_is_saved_in_pieces_is_read_when_it_is_whole(tmp_path: Path, pieces: int, closed: bool) -> None:
    """``closed``: the editor opens and closes the file for every piece; else it stands still with the file open."""
    evening = Evening(tmp_path)
    evening.run(0.3)
    path, text = (
        tmp_path / "one.toml",
        'name = "one"\nmodel = "fruit"\n[latent]\nseeds = [1, 2]\n[params]\nspeed = 0.7\n',
    )
    cuts = [round(len(text) * i / pieces) for i in range(pieces + 1)]
    with path.open("w") as file:
        for begin, end in itertools.pairwise(cuts):
            if closed:
                with path.open("a") as again:
                    again.write(text[begin:end])
            else:
                file.write(text[begin:end])
                file.flush()
            assert evening.run(0.4 if closed else 3.0) == []
    ((_, cue),) = evening.run(3.0)
    assert cue.preset.params["speed"] == 0.7
    assert not [line for line in evening.told if "read again" not in line]


def test_an_empty_file_is_no_preset_however_long_it_lies_there(tmp_path: Path) -> None:
    evening = Evening(tmp_path)
    evening.run(0.3)
    edit(tmp_path / "one.toml", "")
    edit(tmp_path / "two.toml", " \n# nothing\n")
    assert evening.run(5.0) == []
    evening.setlist.next()
    ((_, cue),) = evening.run(0.1)  # the last good one plays
    assert cue.preset.params["speed"] == 0.1
    assert "holds nothing" in evening.told[-1]


def test_cues_stand_at_times_of_timecode(tmp_path: Path) -> None:
    """They begin at their frame, after a jump the one whose time it is, and hands go elsewhere until the next time."""
    evening = Evening(
        tmp_path, Entry("one"), Entry("two", at=parse_mark("01:00:01:12")), Entry("one", 2.0, at=parse_mark("1:00:04"))
    )
    assert evening.run(1.0) == [], "no timecode yet"
    evening.code = 3600.0 - 1.0  # 01:00:00:00 now
    (time, cue), *more = evening.run(2.0)
    assert (cue.preset.name, more) == ("two", [])
    assert 0.0 <= time - 2.48 < 1 / FPS
    assert evening.setlist.goes_on_in(evening.index / FPS) == pytest.approx(2.0, abs=0.1)
    evening.setlist.previous()
    assert [cue.preset.name for _, cue in evening.run(0.5)] == ["one"]
    ((time, cue),) = evening.run(2.0)
    assert (cue.preset.name, cue.seconds) == ("one", 2.0)
    assert 0.0 <= time - 5.0 < 2 / FPS
    evening.code -= 2.0
    assert [cue.preset.name for _, cue in evening.run(0.1)] == ["two"], "a jump back"
    evening.code += 60.0
    assert [cue.preset.name for _, cue in evening.run(0.1)] == ["one"], "a jump on"
    evening.code = 0.0
    assert evening.run(0.1) == [], "before the first time nothing begins"


def test_times_in_a_setlist_are_read_and_refused_with_their_line(tmp_path: Path) -> None:
    text = '[[cues]]\npreset = "one"\nat = "01:00:00:12"\n[[cues]]\npreset = "two"\nat = 90.5\n'
    first, second = parse(text, tmp_path / "set.toml")
    assert (first.at, second.at) == (parse_mark("01:00:00:12"), parse_mark("1:30.5"))
    for wrong in ('"1:60"', "-1", '"soon"', "true", "1e9"):
        with pytest.raises(UserError, match=r"set\.toml:3: in \[\[cues\]\] number 1: (at = |)"):
            parse(f'[[cues]]\npreset = "one"\nat = {wrong}\n', tmp_path / "set.toml")


def test_a_count_of_beats_that_begins_anew_does_not_hold_up_a_cue(tmp_path: Path) -> None:
    """A MIDI clock's start, or a Link session that is joined while a cue waits."""
    evening = Evening(tmp_path, Entry("one"), Entry("two", quantise=4.0))
    evening.beat.position = 1001.0
    evening.setlist.next()
    assert evening.setlist.poll(Tick(0, 0.0, 0.0)) is None
    begun = []
    for index, position in enumerate((1.0, 2.0, 3.5, 4.1)):
        evening.beat.position = position
        begun.append(evening.setlist.poll(Tick(index + 1, (index + 1) / FPS, 1 / FPS)))
    assert [cue is not None for cue in begun] == [False, False, False, True]
