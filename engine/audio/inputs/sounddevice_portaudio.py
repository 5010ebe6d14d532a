"""PortAudio through the package sounddevice, which has it in its wheels, behind the contract of portaudio.py.

sounddevice begins PortAudio at its import and ends it at the program's exit. Here each opening begins it, so that
the devices are those of the moment, and nothing is ended at exit: a stream of a dead JACK server would hang it.
"""

from __future__ import annotations

import atexit
from typing import Any

import sounddevice

from engine.audio.inputs.portaudio import ABORT, COMPLETE, FLOAT32, Callback, DeviceInfo

atexit.unregister(sounddevice._exit_handler)
sounddevice._terminate()


class SoundDevice:
    """See portaudio.PortAudio."""

    def __init__(self) -> None:
        """Begin PortAudio. OSError where that fails."""
        try:
            sounddevice._initialize()
        except sounddevice.PortAudioError as error:
            raise _os_error(error) from error

    def get_device_count(self) -> int:
        """See PortAudio."""
        return len(sounddevice.query_devices())

    def get_device_info_by_index(self, index: int, /) -> DeviceInfo:
        """See PortAudio."""
        info = sounddevice.query_devices(index)
        return {
            "index": index,
            "name": info["name"],
            "hostApi": info["hostapi"],
            "maxInputChannels": info["max_input_channels"],
            "maxOutputChannels": info["max_output_channels"],
            "defaultSampleRate": info["default_samplerate"],
        }

    def get_host_api_count(self) -> int:
        """See PortAudio."""
        return len(sounddevice.query_hostapis())

    def get_host_api_info_by_index(self, index: int, /) -> DeviceInfo:
        """See PortAudio."""
        info = sounddevice.query_hostapis(index)
        return {
            "index": index,
            "name": info["name"],
            "defaultInputDevice": info["default_input_device"],
            "defaultOutputDevice": info["default_output_device"],
        }

    def get_default_host_api_info(self) -> DeviceInfo:
        """See PortAudio."""
        return self.get_host_api_info_by_index(sounddevice.default.hostapi)

    def is_format_supported(self, rate: float, *, output_device: int, output_channels: int, output_format: int) -> bool:
        """See PortAudio."""
        assert output_format == FLOAT32
        try:
            sounddevice.check_output_settings(output_device, output_channels, "float32", samplerate=rate)
        except sounddevice.PortAudioError as error:
            raise ValueError(str(error)) from error
        return True

    def open(
        self,
        *,
        rate: int,
        channels: int,
        format: int,  # noqa: A002 - PyAudio's name
        frames_per_buffer: int,
        stream_callback: Callback,
        input: bool = False,  # noqa: A002 - PyAudio's name
        output: bool = False,
        input_device_index: int | None = None,
        output_device_index: int | None = None,
        start: bool = True,
    ) -> Stream:
        """See PortAudio."""
        assert input != output
        assert format == FLOAT32
        kind, index = (_Input, input_device_index) if input else (_Output, output_device_index)
        try:
            return kind(rate, channels, frames_per_buffer, index, stream_callback, start)
        except sounddevice.PortAudioError as error:
            raise _os_error(error) from error

    def terminate(self) -> None:
        """See PortAudio."""
        sounddevice._terminate()


class Stream:
    """See portaudio.SoundStream."""

    def __init__(self, stream: Any, start: bool) -> None:
        self._stream = stream
        if start:
            self.start_stream()

    def start_stream(self) -> None:
        """See SoundStream."""
        try:
            self._stream.start()
        except sounddevice.PortAudioError as error:
            self._stream.close(ignore_errors=True)
            raise _os_error(error) from error

    def is_active(self) -> bool:
        """See SoundStream."""
        return bool(self._stream.active)

    def get_output_latency(self) -> float:
        """See SoundStream."""
        return float(self._stream.latency)

    def close(self) -> None:
        """See SoundStream."""
        try:
            self._stream.close(ignore_errors=False)
        except sounddevice.PortAudioError as error:
            raise _os_error(error) from error


class _Input(Stream):
    def __init__(
        self, rate: int, channels: int, blocksize: int, index: int | None, callback: Callback, start: bool
    ) -> None:
        def heard(samples: Any, count: int, times: object, status: object) -> None:
            _end(callback(bytes(samples), count, times, 0)[1])

        super().__init__(
            sounddevice.RawInputStream(
                samplerate=rate,
                channels=channels,
                dtype="float32",
                blocksize=blocksize,
                device=index,
                latency="low",
                callback=heard,
            ),
            start,
        )


class _Output(Stream):
    def __init__(
        self, rate: int, channels: int, blocksize: int, index: int | None, callback: Callback, start: bool
    ) -> None:
        def played(samples: Any, count: int, times: object, status: object) -> None:
            data, flag = callback(None, count, times, 0)
            samples[: len(data or b"")] = data or b""
            _end(flag)

        super().__init__(
            sounddevice.RawOutputStream(
                samplerate=rate,
                channels=channels,
                dtype="float32",
                blocksize=blocksize,
                device=index,
                latency="low",
                callback=played,
            ),
            start,
        )


def _end(flag: int) -> None:
    """End a stream as its callback has asked for."""
    if flag == COMPLETE:
        raise sounddevice.CallbackStop
    if flag == ABORT:
        raise sounddevice.CallbackAbort


def _os_error(error: Exception) -> OSError:
    """Return what PyAudio would raise."""
    words = str(error.args[0]) if error.args else type(error).__name__
    code = error.args[1] if len(error.args) > 1 else 0
    return OSError(code, words)
