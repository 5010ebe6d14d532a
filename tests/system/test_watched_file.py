"""A watched file is read when it is whole: not while it changes, is open for writing, is empty, or has just shrunk."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from engine.system.watched_file import REST_SECONDS, SHORT_SECONDS, WatchedFile, is_open_for_writing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "look.toml"
    path.write_text("as it was read")
    return path


def test_a_change_counts_once_and_after_its_rest(path: Path) -> None:
    file = WatchedFile(path)
    assert not file.saved(0.0)
    path.write_text("as it is now, longer")
    assert not file.saved(10.0)
    assert not file.saved(10.0 + 0.8 * REST_SECONDS)
    path.write_text("as it is now, longer still")
    assert not file.saved(10.0 + REST_SECONDS)
    assert file.saved(10.0 + 2.1 * REST_SECONDS)
    file.take()
    assert not file.saved(100.0)


def test_one_that_was_written_long_ago_has_rested(path: Path) -> None:
    file = WatchedFile(path)
    path.write_text("as it is now, longer")
    os.utime(path, (time.time() - 60.0,) * 2)
    assert file.saved(0.0)


def test_one_that_is_shorter_than_it_was_rests_longer_and_an_empty_one_never_counts(path: Path) -> None:
    file = WatchedFile(path)
    path.write_text("short")
    assert not file.saved(0.0)
    assert not file.saved(0.9 * SHORT_SECONDS)
    assert file.saved(SHORT_SECONDS)
    path.write_text("")
    assert not file.saved(10.0)
    assert not file.saved(1000.0)


def test_one_that_is_replaced_is_gone_for_a_moment(path: Path) -> None:
    file = WatchedFile(path)
    path.unlink()
    assert not file.saved(0.0)
    assert file.gone
    path.write_text("another file, longer")
    os.utime(path, (time.time() - 60.0,) * 2)
    assert file.saved(1.0)
    assert not WatchedFile(None).saved(0.0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems do not tell")
def test_one_that_a_program_still_writes_does_not_count(path: Path) -> None:
    file = WatchedFile(path)
    with path.open("a") as editor:
        editor.write(" and more")
        editor.flush()
        assert not file.saved(0.0)
        assert not file.saved(1000.0)
        assert is_open_for_writing(path)
    assert file.saved(1000.0)
    with path.open() as reader:
        assert not is_open_for_writing(path)
        assert reader.read() == "as it was read and more"
