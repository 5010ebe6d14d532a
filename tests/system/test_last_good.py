"""A show that comes back reads what its files held when they were good, until it takes them as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.borders.errors import UserError
from engine.system import watched_file
from engine.system.last_good import LastGood
from engine.system.watch import AS_THEY_ARE, Watch
from engine.system.watched_file import WatchedFile


def died(path: Path, text: str) -> LastGood:
    """Return what a show has that comes back after one that played ``text``."""
    show = LastGood()
    show.begin()
    path.write_text(text)
    show.read(path, "the preset")
    assert show.changed() is None
    show.good(path)
    kept = show.changed()
    assert kept is not None
    assert show.changed() is None
    back = LastGood()
    back.begin(kept)
    return back


def test_a_file_that_broke_is_read_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "look.toml"
    back = died(path, "good\n")
    monkeypatch.setattr(watched_file, "last_good", back)
    path.write_bytes(b"\xff half")
    assert back.read(path, "the preset") == "good\n"
    assert back.proven(path)
    assert back.instead(path)
    file = WatchedFile(path)
    path.write_text("mended\n")
    assert file.saved(0.0) or file.saved(10.0)  # it is another one than what was read
    file.take()
    assert back.read(path, "the preset") == "mended\n"
    assert not back.proven(path)
    assert not back.instead(path)
    assert not file.saved(20.0)


def test_a_file_that_is_gone_is_at_hand_and_one_that_is_as_it_was_counts_as_read(tmp_path: Path) -> None:
    path = tmp_path / "look.toml"
    back = died(path, "good\n")
    assert back.read(path, "the preset") == "good\n"
    assert not back.instead(path)
    path.unlink()
    assert back.at_hand(path)
    assert back.read(path, "the preset") == "good\n"
    back.take(path)
    assert not back.at_hand(path)
    with pytest.raises(UserError, match=r"look\.toml: cannot read the preset"):
        back.read(path, "the preset")


def test_without_a_supervisor_it_reads_files(tmp_path: Path) -> None:
    path = tmp_path / "look.toml"
    alone = LastGood()
    path.write_text("one")
    assert alone.read(path, "the preset") == "one"
    alone.good(path)
    assert alone.changed() is None
    path.write_text("two")
    assert alone.read(path, "the preset") == "two"
    assert not alone.instead(path)


def test_it_outlives_the_show_in_the_memory_that_both_share() -> None:
    watch = Watch.make()
    assert watch.files == ""
    watch.keep_files("a")
    watch.keep("where it stands")
    watch.keep_files("b" * 1_000_000)
    assert watch.files == "b" * 1_000_000
    assert watch.kept == "where it stands"
    watch.set_flag(AS_THEY_ARE, True)
    assert watch.files == ""
    watch.set_flag(AS_THEY_ARE, False)
    watch.keep_files("c" * 10_000_000)  # more than there is room for: nothing rather than what is older
    assert watch.files == ""
    watch.keep_files("d")
    watch.forget()
    assert watch.files == ""


def test_what_is_no_json_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "look.toml"
    path.write_text("good")
    for text in ("", "{", "[1]", '"x"'):
        show = LastGood()
        show.begin(text)
        assert show.read(path, "the preset") == "good"


def test_a_file_that_is_gone_is_found_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "night.frag"
    back = died(path, "good\n")
    assert back.missing(tmp_path, "[!.]*.frag") == ()  # it is there
    path.unlink()
    assert back.missing(tmp_path, "[!.]*.frag") == (path,)
    assert back.missing(tmp_path, "*.toml") == ()
    assert back.missing(tmp_path.parent, "[!.]*.frag") == ()  # of a folder in it
    assert back.missing(tmp_path.parent, "*/night.frag") == (path,)
    assert back.missing(tmp_path / "elsewhere") == ()
    assert back.at_hand(path)
    assert back.read(path, "the shader") == "good\n"
    back.take(path)
    assert back.missing(tmp_path) == ()
