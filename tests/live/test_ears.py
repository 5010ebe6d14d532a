"""Live ears on a real sound server: nothing lost, nothing doubled, and a cable that is pulled."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from engine.audio.inputs.capture import LiveEars
from engine.audio.inputs.health import State
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.show.clock import LiveClock
from tests.builders.sound_server import SoundServer, Source


class Listener:
    """Ears, heard on a clock as the loop does."""

    def __init__(self, name: str) -> None:
        self.told: list[tuple[float, str]] = []
        self.ears = LiveEars(name, lambda line: self.told.append((time.monotonic(), line)))
        self.clock = iter(LiveClock(60))
        self.heard: list[AudioFeatures] = []

    def listen(self, seconds: float, until: Callable[[], object] = lambda: False) -> list[AudioFeatures]:
        """Return what was heard frame by frame, in so many seconds or until something is so."""
        end, frames = time.monotonic() + seconds, []
        while time.monotonic() < end and not until():
            tick = next(self.clock)
            frames.append(self.ears.latest(tick))
            assert all(hop.time <= tick.time for hop in frames[-1].recent)
        self.heard += frames
        return frames

    def told_after(self, since: float, part: str) -> float:
        """Return how long after ``since`` a line with ``part`` came; fail when none did."""
        return next(when - since for when, line in self.told if part in line and when > since)


@pytest.fixture(scope="module")
def clicker(server: SoundServer) -> Source:
    return server.source("clicker", gap=0.25)


@pytest.fixture(params=["sounddevice"])
def package(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the ears hear through this package; LATENTVJ_SOUND runs all of these tests over another one."""
    name: str = os.environ.get("LATENTVJ_SOUND") or request.param
    pytest.importorskip(name)
    monkeypatch.setenv("LATENTVJ_SOUND", name)
    return name


both = pytest.mark.parametrize("package", ["sounddevice", "pyaudio"], indirect=True)


@pytest.fixture
def listener(server: SoundServer, clicker: Source, package: str) -> Iterator[Listener]:
    listener = Listener("CLICK")
    yield listener
    listener.ears.close()


@both
def test_every_hop_and_onset_comes_once_and_in_order(listener: Listener) -> None:
    frames = listener.listen(2.5)
    hops = [hop for frame in frames for hop in frame.recent]
    assert len(hops) > 2.0 * 48000 / 256 * 0.6  # a busy machine drops periods, but not most of them
    assert all(a.time <= b.time for a, b in itertools.pairwise(hops))
    inside = [onset for hop in hops for onset in hop.onsets]
    assert inside == [onset for frame in frames for onset in frame.onsets]
    assert 5 <= len(inside) <= 15
    assert all(onset.time <= onset.heard_at for onset in inside)
    assert listener.ears.device is not None
    assert (listener.ears.device.name, listener.told) == ("clicker", [])


@both
def test_a_pulled_cable_is_silence_and_the_same_device_comes_back(listener: Listener, clicker: Source) -> None:
    listener.listen(0.5)
    threads = threading.active_count()
    pulled = clicker.plug("out")
    listener.listen(0.5)
    assert all(frame.rms < 1e-3 for frame in listener.listen(0.1))
    listener.listen(1.4, lambda: listener.ears.lost)
    assert listener.told_after(pulled, "lost") < 2.0
    assert listener.ears.lost
    plugged = clicker.plug("in")
    listener.listen(2.5, lambda: not listener.ears.lost and threading.active_count() == threads)
    assert listener.told_after(plugged, "back") < 3.0
    assert max(frame.rms for frame in listener.listen(0.5)) > 1e-3
    lines = [line.rpartition(": ")[2] for _, line in listener.told]
    assert lines == ["sound lost, waiting for it", "sound is back"]
    assert threading.active_count() == threads


def test_another_device_is_never_opened_in_its_place(server: SoundServer, listener: Listener, clicker: Source) -> None:
    other = server.source("clicker-two")
    clicker.plug("out")
    listener.listen(2.5)
    assert listener.ears.lost
    assert all(frame.rms < 1e-3 for frame in listener.listen(0.3))
    other.kill()
    clicker.plug("in")
    listener.listen(2.5, lambda: not listener.ears.lost)
    assert not listener.ears.lost


@pytest.mark.parametrize("kind", ["level", "nan"])
def test_a_broken_signal_counts_as_lost(server: SoundServer, kind: str) -> None:
    source = server.source(f"broken-{kind}", kind)
    listener = Listener(f"broken-{kind}")
    frames = listener.listen(0.9)
    assert listener.ears.state in (State.BROKEN, State.STALLED)
    assert [line for _, line in listener.told] == [f"broken-{kind}: sound lost, waiting for it"]
    assert all(frame.rms < 0.4 for frame in frames)
    assert all(frame.rms == 0.0 for frame in listener.listen(0.2))
    listener.ears.close()
    source.kill()


def test_the_noise_of_a_quiet_room_moves_nothing(server: SoundServer) -> None:
    source = server.source("quiet-room", "room")
    listener = Listener("quiet-room")
    listener.listen(1.0)
    hops = [hop for frame in listener.listen(2.0) for hop in frame.recent]
    assert len(hops) > 100
    assert max(hop.rms for hop in hops) > 1e-3  # it is heard
    for hop in hops:
        assert (hop.onsets, hop.bass, hop.mid, hop.treble, hop.onset_strength) == ((), 0.0, 0.0, 0.0, 0.0)
        assert hop.rms < 0.01
    listener.ears.close()
    source.kill()


def test_digital_silence_is_no_loss(server: SoundServer) -> None:
    source = server.source("mute", "zeros")
    listener = Listener("mute")
    assert all(frame.rms == 0.0 for frame in listener.listen(3.0))
    assert listener.told == []
    assert not listener.ears.lost
    listener.ears.close()
    source.kill()


def test_a_wrong_name_is_told_with_the_right_ones(server: SoundServer, clicker: Source) -> None:
    with pytest.raises(UserError, match=r"'nothing like it'.*clicker"):
        LiveEars("nothing like it", print)


def test_closing_leaves_no_thread(server: SoundServer, clicker: Source) -> None:
    before = {thread.name for thread in threading.enumerate()}
    LiveEars("clicker", print).close()
    assert {thread.name for thread in threading.enumerate()} == before
