"""The channels of an input: those that are heard, and a line where the sound is on others.

An interface of 18 inputs has the mixer on 3 and 4 as often as on 1 and 2. All its channels are opened, the chosen ones
are heard, and the level of the others is watched.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.audio.inputs.devices import AudioDevice

MOST = 32  # channels that are opened; a device with more is opened with its first two
# ALSA's names for a sound server. Such a device says it has 32 or 128 channels and plays stereo on every pair.
SPREADING = ("default", "pulse", "pipewire", "sysdefault", "jack")
USUAL = (1, 2)
SILENT = 1e-3  # rms, -60 dB; the chosen channels are below it
SOUNDING = 1e-2  # rms, -40 dB; another channel is above it
PATIENCE_SECONDS = 1.5  # s; for that long, before a line is said


def opened(device: AudioDevice, chosen: tuple[int, ...]) -> int:
    """Return how many channels of a device to open, to hear ``chosen`` (from 1; empty: the usual ones)."""
    least = min(device.channels, max(chosen, default=2))
    spreads = device.host_api == "ALSA" and device.name.split(":")[0].casefold() in SPREADING
    return least if spreads or device.channels > MOST else device.channels


def heard(chosen: tuple[int, ...], channels: int) -> tuple[int, ...]:
    """Return the channels, from 1, that are heard of an input that has ``channels``."""
    there = tuple(channel for channel in chosen if channel <= channels)
    return there or USUAL[: max(1, channels)]


def spoken(channels: tuple[int, ...]) -> str:
    """Return channels as the command line takes them: "3,4"."""
    return ",".join(map(str, channels))


class Picker:
    """Takes the heard channels out of blocks, and tells of sound on others."""

    def __init__(self, chosen: tuple[int, ...], channels: int, name: str, but: int | None = None) -> None:
        """``channels`` is how many a block has; ``name`` is the input's. ``but`` carries no sound: timecode."""
        if but is not None and not chosen:
            chosen = tuple(channel for channel in heard((), channels) if channel != but)
        self._but = but
        self.heard, self._name = heard(chosen, channels), name
        self._columns = [channel - 1 for channel in self.heard]
        self._whole = self._columns == list(range(channels))
        self._since: float | None = None  # monotonic seconds; since then there is sound on other channels only
        self._told: tuple[int, ...] = ()

    def pick(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the heard channels of a block [n, channels]."""
        return samples if self._whole else samples[:, self._columns]

    def elsewhere(self, samples: NDArray[np.float32], now: float) -> str | None:
        """Return a line when the sound of blocks [n, channels] is on other channels than those heard; else None."""
        if self._whole:
            return None
        levels = np.sqrt(np.mean(np.square(samples, dtype=np.float64), axis=0))
        others = tuple(
            i + 1
            for i, level in enumerate(levels)
            if level > SOUNDING and i not in (*self._columns, (self._but or 0) - 1)
        )
        if not others or levels[self._columns].max() > SILENT:  # a comparison with NaN is False: it is no silence
            self._since = None
            return None
        self._since = now if self._since is None else self._since
        pair = _pair(others)
        if now - self._since < PATIENCE_SECONDS or pair == self._told:
            return None
        self._told = pair
        return (
            f"{self._name}: the sound is on {_listed('channel', pair)}, and {_listed('', self.heard)} "
            f"{'is' if len(self.heard) == 1 else 'are'} heard: start with --channels {spoken(pair)}"
        )


def _pair(others: tuple[int, ...]) -> tuple[int, ...]:
    """Return the first channel that sounds, with its neighbour where both of a pair do: 3 and 4, not 4 and 5."""
    first = others[0]
    return (first, first + 1) if first % 2 and first + 1 in others else (first,)


def _listed(what: str, channels: tuple[int, ...]) -> str:
    plural = f"{what}s " if what and len(channels) > 1 else f"{what} " if what else ""
    return plural + " and ".join(map(str, channels))
