"""Turns decoded sound of any format, layout and rate into float32 of one layout and rate, block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.borders.sound import Samples, Sound

if TYPE_CHECKING:
    from av.audio.fifo import AudioFifo
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.filter import Graph

BLOCK = 1 << 16  # samples; one piece of a sound that is resampled
GATHERED = 1 << 14  # samples; frames are shorter, and turning each into an array takes longer than decoding it


class Resampler:
    """Turns frames of any format, layout and rate into float32 blocks [n, channels] of one layout and rate."""

    def __init__(self, channels: int, samplerate: int) -> None:
        self._layout, self._samplerate = "mono" if channels == 1 else "stereo", samplerate
        self._kind: tuple[str, str, int] | None = None
        self._inner: AudioResampler | _Downmix | None = None
        self._gathered: AudioFifo | None = None

    def __call__(self, frame: AudioFrame | None) -> list[Samples]:
        """Return the blocks that are ready; None as a frame returns the rest."""
        import av

        out: list[AudioFrame] = []
        kind = (frame.format.name, frame.layout.name, frame.sample_rate) if frame is not None else None
        if self._inner is not None and kind != self._kind:  # the stream ends, or its format changes
            out += self._inner.resample(None)
            self._inner = None
        if frame is not None:
            if self._inner is None:
                if frame.layout.nb_channels > 2:
                    self._inner = _Downmix(frame, self._layout, self._samplerate)
                else:
                    self._inner = av.AudioResampler(format="fltp", layout=self._layout, rate=self._samplerate)
                self._kind = kind
            frame.pts = None  # damaged packets leave gaps in pts, and the resampler would fill them
            out += self._inner.resample(frame)
        return self._gather(out, end=frame is None)

    def _gather(self, frames: list[AudioFrame], end: bool) -> list[Samples]:
        """Return what has come in one block, once it is long enough, or at the end."""
        import av

        gathered = self._gathered = self._gathered or av.AudioFifo()
        for frame in frames:
            frame.pts = None  # they follow each other
            gathered.write(frame)
        if not gathered.samples or (gathered.samples < GATHERED and not end):
            return []
        block = gathered.read()
        return [] if block is None else [_clean(block.to_ndarray().T)]


class _Downmix:
    """Mixes surround to fewer channels, with weights whose sum is one, so that what fits going in fits coming out.

    FFmpeg's resampler does that for whole numbers only: 5.1 at 0.9 of full scale would come out at 1.8.
    """

    def __init__(self, frame: AudioFrame, layout: str, samplerate: int) -> None:
        from av.filter import Graph

        self._graph: Graph = Graph()
        source = self._graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=frame.time_base,
        )
        how = f"{samplerate}:out_sample_fmt=fltp:out_chlayout={layout}:rematrix_maxval=1.0"
        mixer, sink = self._graph.add("aresample", how), self._graph.add("abuffersink")
        source.link_to(mixer)
        mixer.link_to(sink)
        self._graph.configure()

    def resample(self, frame: AudioFrame | None) -> list[AudioFrame]:
        """Return what is ready; None as a frame returns the rest."""
        import av

        self._graph.push(frame)
        out: list[AudioFrame] = []
        while True:
            try:
                out.append(self._graph.pull())  # type: ignore[arg-type]
            except (av.error.BlockingIOError, av.error.EOFError):
                return out


def _clean(block: NDArray[Any]) -> Samples:
    """Return a block as contiguous float32 without NaN or infinity, which float files can hold."""
    samples = np.ascontiguousarray(block, np.float32)
    if np.isfinite(samples).all():  # nearly always, and quicker to see than to replace
        return samples
    return np.nan_to_num(samples, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


class Resampled:
    """Reads a sound from a place onwards at another samplerate (Hz), for a device that takes no other."""

    def __init__(self, sound: Sound, samplerate: int, begin: int = 0) -> None:
        """``begin`` is a sample of ``sound``."""
        self._sound, self._samplerate, self._at = sound, samplerate, begin
        same = samplerate == sound.samplerate
        self._resampler = None if same else Resampler(sound.channels, samplerate)
        self.over = False  # whether the sound has ended

    def next(self) -> Samples:
        """Return the samples that come next, at most some seconds; none while the resampler collects."""
        import av

        piece = self._sound.read(self._at, self._at + BLOCK)
        self._at += len(piece)
        self.over = len(piece) < BLOCK
        if self._resampler is None:
            return piece
        blocks: list[Samples] = []
        if len(piece):
            layout = "mono" if self._sound.channels == 1 else "stereo"
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece.T), "fltp", layout)
            frame.sample_rate = self._sound.samplerate
            blocks = self._resampler(frame)
        if self.over:
            blocks += self._resampler(None)
        return np.concatenate(blocks) if blocks else piece[:0]
