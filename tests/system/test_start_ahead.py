"""What a start-up does beside its imports: in which order, and that it leaves the process as it was."""

from __future__ import annotations

import contextlib
import gc
import sys
import threading
from types import SimpleNamespace

import pytest

from engine.cli import main
from engine.system import start_ahead


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    monkeypatch.setattr(start_ahead, "_mapping", None)
    monkeypatch.setattr(start_ahead, "_map_torch", lambda: done.append("map"))
    return done


def process(monkeypatch: pytest.MonkeyPatch, **modules: object) -> None:
    """Let the process have imported these modules, as far as a start-up looks."""
    here = {"getswitchinterval": sys.getswitchinterval, "setswitchinterval": sys.setswitchinterval}
    monkeypatch.setattr(start_ahead, "sys", SimpleNamespace(modules=modules, **here))


def test_in_a_new_process_the_collector_never_looks_at_what_was_loaded(log, monkeypatch):
    """The first collection took a tenth of a second, right before the first picture, and found nothing."""
    gc.unfreeze()  # the process of the tests has frozen what it collected
    process(monkeypatch, torch=None)
    with start_ahead.importing():
        pass
    assert gc.get_freeze_count() == 0, "there is more than a start to collect"
    process(monkeypatch)
    try:
        with start_ahead.importing(), start_ahead.fetching():
            joined()
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()


def joined() -> None:
    for thread in threading.enumerate():
        if thread.name == "fetch ahead":
            thread.join(60.0)


def test_the_song_is_read_before_torch_is_mapped(log, monkeypatch):
    """While a library is mapped no thread can be started, nor another library be loaded: the song waited for it."""
    started, start = [], start_ahead._start
    monkeypatch.setattr(start_ahead, "_start", lambda load: started.append(load) or start(load))

    def song() -> None:
        log.append("song")

    with start_ahead.fetching(song):
        assert started == [song, start_ahead._import_torch]
        joined()
    assert sorted(log) == ["map", "song"]


def test_torch_is_mapped_once_from_the_first_import_on(log, monkeypatch):
    """As in a process that has not imported torch: this one has."""
    process(monkeypatch)
    with start_ahead.importing():
        joined()
        assert log == ["map"]
    with start_ahead.importing(), start_ahead.fetching():
        joined()
    assert log == ["map"]
    gc.unfreeze()


def test_what_goes_wrong_ahead_is_left_to_the_part_that_needs_it(log):
    def fails() -> None:
        raise OSError("no such song")

    with start_ahead.fetching(fails):
        joined()


def test_collector_and_threads_are_as_they_were(log):
    interval = sys.getswitchinterval()
    assert gc.isenabled()
    with contextlib.suppress(ValueError), start_ahead.importing(), start_ahead.fetching():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()
    assert sys.getswitchinterval() == interval


@pytest.mark.parametrize("words", [["devices", "--help"], ["rehearse", "--help"], ["presets", "--help"]])
def test_a_command_without_a_picture_begins_nothing(words, monkeypatch, capsys):
    monkeypatch.setattr(main, "starting", lambda: pytest.fail("a start was begun"))
    with pytest.raises(SystemExit):
        main._command(words)
    assert capsys.readouterr().out.startswith("usage: vj")
