"""Devices come, go and change places: PortAudio replaced by a small one, whose cables the test pulls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from engine.audio.inputs import reconnecting
from engine.audio.inputs.capture import LiveEars
from engine.borders.tick import Tick

pytest.importorskip("pyaudio")
BLOCK = 256
SOUND = (np.random.default_rng(5).standard_normal(BLOCK) * 0.1).astype(np.float32).tobytes()


class System:
    """The inputs of a machine: the first is the default. One that is pulled delivers nothing any more."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.opened: list[str] = []

    def pull(self, name: str) -> None:
        self.names.remove(name)


class PortAudio:
    """As much of ``pyaudio.PyAudio`` as the ears use; the list of devices is that of its making."""

    def __init__(self, system: System) -> None:
        self.system, self.names = system, list(system.names)

    def get_device_count(self) -> int:
        return len(self.names)

    def get_device_info_by_index(self, index: int) -> dict[str, Any]:
        return {
            "index": index,
            "name": self.names[index],
            "hostApi": 0,
            "maxInputChannels": 1,
            "defaultSampleRate": 48000.0,
        }

    def get_host_api_count(self) -> int:
        return 1

    def get_host_api_info_by_index(self, index: int) -> dict[str, Any]:
        return {"index": index, "name": "ALSA", "defaultInputDevice": 0 if self.names else -1}

    get_default_host_api_info = lambda self: self.get_host_api_info_by_index(0)  # noqa: E731

    def open(self, *, input_device_index: int, stream_callback: Callable[..., Any], **_rest: Any) -> Any:
        name = self.names[input_device_index]
        if name not in self.system.names:
            raise OSError(-9985, "Device unavailable")
        self.system.opened.append(name)
        return Cable(self.system, name, stream_callback)

    def terminate(self) -> None:
        pass


class Cable:
    """A stream that sounds for as long as its device is plugged in."""

    def __init__(self, system: System, name: str, callback: Callable[..., Any]) -> None:
        self._plugged = lambda: name in system.names
        self._callback, self._closed = callback, threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while self._plugged() and not self._closed.wait(BLOCK / 48000):
            self._callback(SOUND, BLOCK, {}, 0)

    def close(self) -> None:
        self._closed.set()


class Heard:
    """Ears on such a system, and what they told."""

    def __init__(self, system: System, name: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reconnecting, "open_portaudio", lambda: PortAudio(system))
        monkeypatch.setattr(reconnecting, "RETRY_SECONDS", 0.05)
        self.told: list[str] = []
        self.ears = LiveEars(name, self.told.append, must_exist=False)
        self._began = time.monotonic()

    def until(self, met: Callable[[], object]) -> None:
        deadline = time.monotonic() + 10.0
        while not met():
            assert time.monotonic() < deadline, self.told
            now = time.monotonic() - self._began
            self.features = self.ears.latest(Tick(1, now, 1 / 60))
            time.sleep(0.01)

    def sounds(self) -> bool:
        return self.ears.device is not None and not self.ears.lost and self.features.rms > 0.0


@pytest.fixture
def hear(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Heard]]:
    made: list[Heard] = []

    def hear(system: System, name: str | None) -> Heard:
        made.append(Heard(system, name, monkeypatch))
        made[-1].features = made[-1].ears.latest(Tick(0, 0.0, 0.0))
        return made[-1]

    yield hear
    for heard in made:
        heard.ears.close()


def test_a_named_input_is_waited_for_whatever_else_there_is(hear: Callable[..., Heard]) -> None:
    system = System("Built-in", "USB mixer")
    heard = hear(system, "USB mixer")
    heard.until(heard.sounds)
    system.pull("USB mixer")
    heard.until(lambda: heard.ears.lost)
    time.sleep(0.3)
    assert set(system.opened) == {"USB mixer"}
    system.names = ["New", "USB mixer", "Built-in"]  # another index, another default
    heard.until(heard.sounds)
    assert set(system.opened) == {"USB mixer"}
    assert [line.rpartition(": ")[2] for line in heard.told] == ["sound lost, waiting for it", "sound is back"]


def test_the_default_is_followed_and_that_is_told(hear: Callable[..., Heard]) -> None:
    system = System("USB mixer", "Built-in")
    heard = hear(system, "default")
    heard.until(heard.sounds)
    assert system.opened == ["USB mixer"]
    system.pull("USB mixer")
    heard.until(lambda: heard.sounds() and heard.ears.device and heard.ears.device.name == "Built-in")
    assert any("hearing Built-in now" in line for line in heard.told)


def test_the_input_of_last_time_is_waited_for_from_the_start(hear: Callable[..., Heard]) -> None:
    system = System("Built-in")
    heard = hear(system, "USB mixer")
    heard.until(lambda: heard.told)
    assert heard.ears.lost
    assert system.opened == []
    system.names.append("USB mixer")
    heard.until(heard.sounds)
    assert system.opened == ["USB mixer"]
