"""Live ears: a capture thread analyses the input hop by hop, and the loop collects the features.

Only the capture thread touches PortAudio, through a ReconnectingInput, which opens a lost device again. A lost or
broken input is silence.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.audio.hearing.analyser import HOP_LENGTH, Analyser
from engine.audio.inputs.channels import USUAL, Picker, spoken
from engine.audio.inputs.devices import AudioDevice
from engine.audio.inputs.health import State
from engine.audio.inputs.inputs import DEFAULT, Block
from engine.audio.inputs.reconnecting import Channels, OpenInput, ReconnectingInput
from engine.audio.inputs.timecode_tap import TimecodeTap
from engine.audio.inputs.timeline import Timeline
from engine.borders.features import AudioFeatures
from engine.borders.tick import Tick

STALE_SECONDS = 0.4  # age of the newest hop; from then on there is silence
STOOD_SECONDS = 0.25  # s; by which the rig's clock falls behind the wall's when it has stood
MAX_HOPS = 4096  # hops, over twenty seconds; they are kept while the loop stalls

# Gets every block as it came: samples [n, channels], samplerate in Hz, monotonic seconds of its end.
Listener = Callable[[NDArray[np.float32], int, float], None]


def all_usual(_device: AudioDevice) -> tuple[int, ...]:
    """Choose no channels: the first two are heard."""
    return ()


class _Heard(NamedTuple):
    """The features of a hop, and its place in time."""

    features: AudioFeatures
    offset: float  # seconds; stream time + offset = monotonic time
    known: float  # monotonic seconds at which the features were ready


class LiveEars:
    """Hears an input device until it is closed. ``latest`` belongs to the loop's thread."""

    def __init__(
        self,
        name: str | None,
        notify: Callable[[str], None],
        *,
        must_exist: bool = True,
        hop_length: int = HOP_LENGTH,
        channels: Channels = all_usual,
        later: bool = False,
        timecode: TimecodeTap | None = None,
    ) -> None:
        """Open the input whose name contains ``name`` and start to hear; None and "default" mean the system's default.

        ``channels`` says which channels of a device are heard. ``hop_length`` is in samples. ``notify`` gets one line
        when the device is lost, one when it is back, and one when the sound is on other channels; the capture thread
        calls it. Without such an input and with ``must_exist``, UserError is raised; without ``must_exist`` the ears
        wait in silence for an input of exactly that name. ``later``: the input is opened by the capture thread, and
        nothing here waits for a sound server. ``timecode`` hears the channel that carries it.
        """
        self._hop_length = hop_length
        self._channels, self._notify, self._timecode = channels, notify, timecode
        self._input = ReconnectingInput(name or DEFAULT, not must_exist, hop_length, notify, self._needed)
        self._heard: OpenInput | None = None  # the stream of the picker, the analyser, the rest and the timeline
        self._picker = Picker((), 1, "")
        self._analyser: Analyser | None = None
        self._rest = np.zeros(0, np.float32)  # samples that do not fill a hop yet; the analyser has begun with them
        self._early: AudioFeatures | None = None  # what was told of the next hop already
        self._timeline = Timeline()
        self._hops: deque[_Heard] = deque(maxlen=MAX_HOPS)
        self._last, self._last_known = AudioFeatures(), -STALE_SECONDS
        self._reached = float("-inf")  # the last hop's time, seconds on the rig's clock
        self._origin = float("inf")  # monotonic seconds at which the rig's clock is 0
        self._listener: Listener | None = None
        self.rang = threading.Event()  # set while there is an onset that ``latest`` has not returned
        self._stop = threading.Event()
        if later:
            self._input.open_later()
        else:
            self._input.open_first(must_exist)
        if self._input.stream is not None:
            self._begin(self._input.stream)
        self._thread = threading.Thread(target=self._listen, name="ears", daemon=True)
        self._thread.start()

    @property
    def device(self) -> AudioDevice | None:
        """Return the device that is heard or waited for; None before the first one is found."""
        return self._input.device

    @property
    def state(self) -> State:
        """Return the state of the input."""
        return self._input.state

    @property
    def lost(self) -> bool:
        """Return whether the device is lost and waited for."""
        return self._input.lost

    def listen(self, listener: Listener | None) -> None:
        """Pass every block to ``listener`` from now on, in the capture thread; None stops that."""
        self._listener = listener

    def latest(self, tick: Tick) -> AudioFeatures:
        """Return the features up to ``tick``; ``recent`` holds every hop since the last call, each once.

        Times are seconds on the rig's clock and never later than the tick. A lost device is silence.
        """
        now = time.monotonic() + tick.early
        self.rang.clear()  # first: a hop that comes in between is returned now and only sets the event once too often
        if self._origin == float("inf"):
            self._hops.clear()  # hops from before the show began
        # A tick arrives here a moment after its time, so the smallest difference is the most accurate.
        # One that is much larger says that the rig's clock stood while this process was stopped.
        origin = now - tick.time
        self._origin = origin if origin > self._origin + STOOD_SECONDS else min(self._origin, origin)
        hops = [self._hops.popleft() for _ in range(len(self._hops))]
        recent = tuple(self._on_rig(hop, tick) for hop in hops)
        if hops:
            self._last, self._last_known = recent[-1], hops[-1].known
        onsets = tuple(onset for hop in recent for onset in hop.onsets)
        if self._input.lost or now - self._last_known > STALE_SECONDS:
            return AudioFeatures(
                time=tick.time,
                bpm=self._last.bpm,
                beat_phase=self._last.beat_phase,
                onsets=onsets,
                spectral_centroid=self._last.spectral_centroid,
                pitch_class=self._last.pitch_class,
                bar_beats=self._last.bar_beats,
                bar_phase=self._last.bar_phase,
                recent=(*recent, AudioFeatures(time=tick.time)) if recent else (),
            )
        return replace(self._last, onsets=onsets, recent=recent)

    def close(self) -> None:
        """Stop hearing and release the device; a second call does nothing."""
        self._stop.set()
        # A dead sound server can block PortAudio for minutes. The thread is a daemon, so the show still ends.
        self._thread.join(timeout=2.0)

    def _on_rig(self, hop: _Heard, tick: Tick) -> AudioFeatures:
        """Return the hop's features with their times on the rig's clock, none later than ``tick``."""
        shift = hop.offset - self._origin
        known = min(hop.known - self._origin, tick.time)
        onsets = tuple(
            replace(onset, time=min(onset.time + shift, known), heard_at=known) for onset in hop.features.onsets
        )
        # The timeline also corrects itself backwards, but the times of hops never fall.
        self._reached = max(self._reached, min(hop.features.time + shift, known))
        return replace(hop.features, time=self._reached, onsets=onsets)

    def _needed(self, device: AudioDevice) -> tuple[int, ...]:
        """Return the channels of a device that must be open: those heard, and the one with timecode."""
        chosen, tap = self._channels(device), self._timecode
        return chosen if tap is None else (*(chosen or USUAL), tap.channel)

    def _listen(self) -> None:
        """Hear until closed; this is the capture thread."""
        while not self._stop.is_set():
            stream = self._input.stream
            if stream is None:
                self._input.wait(self._stop)
                continue
            if stream is not self._heard:
                self._begin(stream)
            block = self._input.next_block()
            if block is not None:
                self._hear(block, stream.channels)
            self._input.maintain()
        self._input.close()

    def _begin(self, stream: OpenInput) -> None:
        """Start to analyse ``stream``."""
        self._heard = stream
        chosen = self._channels(stream.device)
        but = None if self._timecode is None else self._timecode.channel
        self._picker = Picker(chosen, stream.channels, stream.device.name, but)
        if chosen and self._picker.heard != chosen:
            self._notify(f"{stream.device.name}: --channels {spoken(chosen)} do not open; {spoken(self._picker.heard)} "
                         "are heard")  # fmt: skip
        if self._timecode is not None:
            self._timecode.begin(stream.device.samplerate)
        self._timeline.restart()
        if self._analyser is None or self._analyser.samplerate != stream.device.samplerate:
            self._analyser = Analyser(stream.device.samplerate, self._hop_length)
            self._rest, self._early = np.zeros(0, np.float32), None

    def _hear(self, block: Block, channels: int) -> None:
        """Cut a block into hops, analyse and publish them; a broken input counts as silence."""
        assert self._analyser is not None
        whole = np.frombuffer(block.data, np.float32).reshape(-1, channels)
        samples = self._picker.pick(whole)
        if self._timecode is not None:
            self._timecode(whole, block.arrived)
        if line := self._picker.elsewhere(whole, block.arrived):
            self._notify(line)
        if (listener := self._listener) is not None:
            listener(samples, self._analyser.samplerate, block.arrived)
        # Sound on another channel says that the source is there: it is not looked for anew.
        state = self._input.judge(samples if samples.any() else whole, block.arrived)
        mono = np.nan_to_num(samples.mean(axis=1), nan=0.0, posinf=0.0, neginf=0.0)
        heard = np.concatenate([self._rest, mono * np.float32(state is not State.BROKEN)])
        count = len(heard) // self._hop_length
        self._rest = heard[count * self._hop_length :]
        for index in range(count):
            features = self._analyser(heard[index * self._hop_length : (index + 1) * self._hop_length])
            if self._early is not None:
                features, self._early = _without(features, self._early), None
            # The block's last sample arrived with the block, the earlier ones before it.
            behind = len(heard) - (index + 1) * self._hop_length
            self._timeline.mark(block.arrived - behind / self._analyser.samplerate, features.time)
            self._publish(features, state)
        # An onset need not wait for its hop to be whole.
        if len(self._rest) and (early := self._analyser.begin(self._rest)) is not None and state is not State.BROKEN:
            self._timeline.mark(block.arrived, early.time)
            self._early = early
            self._publish(early, state)

    def _publish(self, features: AudioFeatures, state: State) -> None:
        """Hand features over to the loop's thread; those of a broken input are left out."""
        if state is not State.BROKEN:
            self._hops.append(_Heard(features, self._timeline.offset, time.monotonic()))
            if features.onsets:
                self.rang.set()


def _without(features: AudioFeatures, early: AudioFeatures) -> AudioFeatures:
    """Return a hop's features without what ``early`` told of it: nothing is struck twice."""
    return replace(
        features,
        onsets=tuple(onset for onset in features.onsets if onset.heard_at > early.time),
        kick=0.0 if early.kick else features.kick,
        snare=0.0 if early.snare else features.snare,
        hat=0.0 if early.hat else features.hat,
    )
