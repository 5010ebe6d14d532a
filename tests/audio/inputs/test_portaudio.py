"""The packages that bring PortAudio, behind one contract; none of these tests needs a device."""

from __future__ import annotations

import inspect
import json
import sys
import time
from pathlib import Path

import pytest

from engine.audio.inputs import portaudio
from engine.audio.inputs.devices import AudioDevice, hears_the_machine, list_devices, loopback_hint
from engine.audio.inputs.inputs import Block, Stream
from engine.audio.inputs.portaudio import ABORT, COMPLETE, CONTINUE, FLOAT32, WASAPI, NoSound, PortAudio, SoundStream

RECORDED = Path(__file__).resolve().parents[2] / "data" / "libraries" / "pyaudiowpatch-0.2.12.9.json"
CONTRACTS = {"PyAudio": PortAudio, "Stream": SoundStream}


def own(contract):
    return {name: member for name, member in vars(contract).items() if not name.startswith("_") and callable(member)}


def classes(package):
    if package == "sounddevice":
        pytest.importorskip("sounddevice")
        from engine.audio.inputs import sounddevice_portaudio

        return {"PyAudio": sounddevice_portaudio.SoundDevice, "Stream": sounddevice_portaudio.Stream}
    module = pytest.importorskip(package)
    return {"PyAudio": module.PyAudio, "Stream": module.PyAudio.Stream if hasattr(module.PyAudio, "Stream") else
            module.Stream}  # fmt: skip


@pytest.mark.parametrize("package", ["pyaudio", "sounddevice"])
@pytest.mark.parametrize("kind", CONTRACTS)
def test_a_package_has_all_that_the_contract_says(package, kind):
    for name in own(CONTRACTS[kind]):
        assert callable(getattr(classes(package)[kind], name)), name


@pytest.mark.parametrize("kind", CONTRACTS)
def test_pyaudiowpatch_has_all_of_it_with_the_same_parameters(kind):
    recorded = json.loads(RECORDED.read_text())[kind]
    for name, method in own(CONTRACTS[kind]).items():
        named = {p.name for p in inspect.signature(method).parameters.values() if p.kind is p.KEYWORD_ONLY}
        assert named <= set(recorded[name]), name


def test_the_constants_are_portaudios():
    pyaudio = pytest.importorskip("pyaudio")
    assert (
        pyaudio.paContinue, pyaudio.paComplete, pyaudio.paAbort, pyaudio.paFloat32, pyaudio.paFramesPerBufferUnspecified
    ) == (CONTINUE, COMPLETE, ABORT, FLOAT32, portaudio.UNSPECIFIED_BLOCKSIZE)  # fmt: skip


@pytest.mark.parametrize(
    ("platform", "order"),
    [("win32", ("pyaudiowpatch", "pyaudio", "sounddevice")), ("darwin", ("sounddevice", "pyaudio"))],
)
def test_the_order_in_which_they_are_tried(monkeypatch, platform, order):
    monkeypatch.delenv("LATENTVJ_SOUND", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    assert portaudio.packages() == order


@pytest.mark.parametrize("package", ["pyaudio", "sounddevice"])
def test_both_list_the_same_devices(monkeypatch, package):
    pytest.importorskip(package)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "no such server")
    default = list_devices()
    monkeypatch.setenv("LATENTVJ_SOUND", package)
    assert list_devices() == default


def test_without_any_there_is_no_sound(monkeypatch):
    monkeypatch.setenv("LATENTVJ_SOUND", "no_such_package")
    with pytest.raises(NoSound, match="is installed"):
        portaudio.open_portaudio()


def test_sounddevices_errors_are_those_of_pyaudio(monkeypatch):
    pytest.importorskip("sounddevice")
    monkeypatch.setenv("LATENTVJ_SOUND", "sounddevice")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "no such server")
    opened = portaudio.open_portaudio()
    try:
        with pytest.raises((OSError, ValueError)):
            opened.open(rate=48000, channels=2, format=FLOAT32, frames_per_buffer=0, output=True,
                        output_device_index=99, stream_callback=lambda *_: (b"", 0))  # fmt: skip
        with pytest.raises(ValueError):
            opened.is_format_supported(48000, output_device=99, output_channels=2, output_format=FLOAT32)
    finally:
        opened.terminate()


class Loopback:
    """A PortAudio whose only input delivers nothing while nothing plays, as WASAPI's loopback does."""

    def __init__(self, alive=True, refuses=0):
        self.alive, self.refuses, self.asked = alive, refuses, []

    def open(self, **how):
        self.asked.append(how["channels"])
        if len(self.asked) <= self.refuses:
            raise OSError(-9998, "Invalid number of channels")
        return self

    def is_active(self):
        return self.alive

    def close(self):
        pass


def loopback(api=WASAPI, channels=2):
    return AudioDevice(0, "Speakers [Loopback]", api, channels, 48000, default=False, loopback=True)


def test_a_windows_loopback_without_sound_is_silence_and_not_lost():
    stream = Stream(Loopback(), loopback(), 256)
    silence = stream.next(0.05)
    assert silence.data == bytes(4 * 2 * 2400)
    stream.put(Block(b"sound", time.monotonic()))
    assert stream.next(0.05).data == b"sound"


@pytest.mark.parametrize(("alive", "api"), [(False, WASAPI), (True, "JACK")])
def test_one_that_has_gone_is_lost(alive, api):
    from queue import Empty

    stream = Stream(Loopback(alive), loopback(api), 256)
    with pytest.raises(Empty):
        stream.next(0.01)


def test_where_a_driver_refuses_all_channels_the_first_two_have_to_do():
    driver = Loopback(refuses=1)
    assert Stream(driver, loopback(channels=8), 256).channels == 2
    assert driver.asked == [8, 2]
    with pytest.raises(NoSound, match="does not open"):
        Stream(Loopback(refuses=2), loopback(channels=8), 256)


def test_the_line_that_brings_the_computers_own_sound():
    assert "blackhole-2ch" in loopback_hint((), "darwin")
    assert loopback_hint((), "linux") == ""
    assert loopback_hint((loopback(),), "darwin") == ""
    assert hears_the_machine({"name": "Speakers", "isLoopbackDevice": True})
    assert not hears_the_machine({"name": "Microphone", "isLoopbackDevice": False})
