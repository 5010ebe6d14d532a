"""The sound devices of this machine, as ``vj devices`` lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.audio.inputs.portaudio import NoSound, default_device, open_portaudio

# How the sources that hear what the machine itself plays are called: PulseAudio and PipeWire say
# monitor, WASAPI loopback, macOS needs a virtual driver, and old Windows cards have a stereo mix.
LOOPBACK_WORDS = (
    "monitor", "loopback", "blackhole", "soundflower", "stereo mix", "what u hear", "vb-audio", "cable output",
)


@dataclass(frozen=True, slots=True)
class AudioDevice:
    """One direction of one device under one host API."""

    index: int  # PortAudio's, valid until it is opened anew
    name: str
    host_api: str
    channels: int
    samplerate: int  # Hz, the device's own choice
    default: bool
    loopback: bool  # an input that hears what the machine plays


@dataclass(frozen=True, slots=True)
class AudioDevices:
    """All inputs and outputs; ``reason`` says why when there can be none."""

    inputs: tuple[AudioDevice, ...] = ()
    outputs: tuple[AudioDevice, ...] = ()
    reason: str | None = None


def list_devices() -> AudioDevices:
    """Ask PortAudio afresh; never raises for a machine without sound, ``reason`` is set instead."""
    try:
        portaudio = open_portaudio()
    except NoSound as error:
        return AudioDevices(reason=str(error))
    try:
        inputs, outputs = _list(portaudio, "input"), _list(portaudio, "output")
    finally:
        portaudio.terminate()
    return AudioDevices(inputs, outputs, None if inputs or outputs else "PortAudio sees no sound device")


def _list(portaudio: Any, kind: str) -> tuple[AudioDevice, ...]:
    """Return the devices with channels in one direction, in PortAudio's order."""
    try:
        default = default_device(portaudio, kind)["index"]
    except NoSound:
        default = None
    infos = [portaudio.get_device_info_by_index(i) for i in range(portaudio.get_device_count())]
    key = f"max{kind.capitalize()}Channels"
    return tuple(
        AudioDevice(
            index=info["index"],
            name=str(info["name"]),
            host_api=str(portaudio.get_host_api_info_by_index(info["hostApi"])["name"]),
            channels=int(info[key]),
            samplerate=round(info["defaultSampleRate"]),
            default=info["index"] == default,
            loopback=kind == "input" and is_loopback(str(info["name"])),
        )
        for info in infos if info[key] > 0
    )


def is_loopback(name: str) -> bool:
    """Tell from its name whether an input hears what the machine plays."""
    return any(word in name.lower() for word in LOOPBACK_WORDS)
