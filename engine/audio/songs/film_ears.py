"""The ears of a film: they follow its clock, and hear what the song is known to sound like."""

from __future__ import annotations

import math
from dataclasses import replace

from engine.audio.hearing.analyser import Scope
from engine.audio.hearing.filters import Filters
from engine.audio.songs.heard import Heard
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick


class FilmEars:
    """Ears that hear every hop that has ended by the tick, in order, once: the very features of `SongEars`."""

    def __init__(self, heard: Heard) -> None:
        """``heard`` may be that of other ears."""
        self._heard, self._samplerate = heard, heard.song.samplerate
        self._filters = Filters(self._samplerate, heard.hop_length)
        self._scope = Scope(self._samplerate, heard.hop_length)
        self._returned = 0  # hops
        self._last = AudioFeatures()

    def latest(self, tick: Tick) -> AudioFeatures:
        """Return the last hop that ended by ``tick.time``, with ``recent`` and all ``onsets`` since the last call."""
        # The margin, six nanoseconds, is for the rounding of ticks that are sums of fractions.
        due = max(self._returned, math.floor(tick.time * self._samplerate / self._heard.hop_length + 1e-6))
        recent = tuple(self._heard(index) for index in range(self._returned, due))
        for hop in self._heard.samples(self._returned, due).reshape(-1, self._heard.hop_length):
            self._scope.take(self._filters.clean(hop))
        if recent:
            self._last = replace(recent[-1], wave=self._scope.wave, spectrum=self._scope.magnitudes())
        self._returned = due
        onsets = tuple(onset for hop in recent for onset in hop.onsets)
        return replace(self._last, onsets=onsets, recent=recent)

    def close(self) -> None:
        """Keep what was heard for the next film of this song."""
        self._heard.keep()
