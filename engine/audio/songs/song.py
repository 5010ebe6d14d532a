"""Songs: the samples of a sound file."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.borders.errors import UserError
from engine.system.files import media

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer

MAX_SECONDS = 2 * 3600.0  # length of a song; longer ones are refused (2 h of stereo at 48 kHz take 2.8 GB)
MAX_DAMAGE = 0.5  # of a file's packets; with more broken ones the file is refused


@dataclass(frozen=True, slots=True)
class Song:
    """A decoded song: ``samples`` float32 [n, channels], one or two channels, nominally -1..1."""

    path: Path
    samples: NDArray[np.float32]  # [n, channels]
    samplerate: int  # Hz, 44100 or 48000
    damaged: int = 0  # packets that do not decode and are left out

    @property
    def duration(self) -> float:
        """Return the length in seconds."""
        return len(self.samples) / self.samplerate

    @property
    def channels(self) -> int:
        """Return the number of channels, 1 or 2."""
        return int(self.samples.shape[1])

    def mono(self) -> NDArray[np.float32]:
        """Return the mean of the channels, float32 [n]."""
        return np.ascontiguousarray(self.samples.mean(axis=1, dtype=np.float32))


_preloaded: dict[Path, Future[Song]] = {}  # songs that `load_ahead` is reading or has read


def load_ahead(path: str | Path) -> None:
    """Read a song in the calling thread; the next `load` of the same path returns it or raises its error."""
    future = _preloaded[Path(path)] = Future[Song]()
    try:
        future.set_result(_load(Path(path)))
    except BaseException as error:  # noqa: BLE001 - `load` raises it, in the thread that can report it
        future.set_exception(error)


def load(path: str | Path) -> Song:
    """Return the first audio stream of any file that FFmpeg reads, decoded.

    Damaged packets are left out if they are fewer than MAX_DAMAGE. Raises UserError, which names the file, when
    there is nothing to play.
    """
    future = _preloaded.pop(Path(path), None)
    return _load(Path(path)) if future is None else future.result()


def _load(path: Path) -> Song:
    _refuse_unplayable(path)
    import av  # imports slowly, and live input does not need it

    try:
        with av.open(media(path), metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise UserError(f"{path}: has no sound in it; choose a file with an audio track")
            blocks, samplerate, damaged = _decode(path, container)
    except av.error.FFmpegError as error:
        reason = (error.strerror or "unknown format").lower()
        raise UserError(
            f"{path}: not a playable sound file ({reason}); convert it to WAV, FLAC, MP3, M4A or Ogg and try again"
        ) from error
    samples = np.concatenate(blocks) if blocks else np.zeros((0, 1), np.float32)
    if len(samples) == 0:
        raise UserError(f"{path}: no sound could be decoded, the file is empty or cut off; use another copy of it")
    return Song(path, samples, samplerate, damaged)


def _refuse_unplayable(path: Path) -> None:
    """Raise UserError for a path that is no readable file with bytes in it."""
    try:
        if path.is_dir():
            raise UserError(f"{path}: is a folder; name one sound file in it")
        if not path.exists():
            raise UserError(f"{path}: no such file; check the spelling and the folder")
        if path.is_file() and path.stat().st_size == 0:
            raise UserError(f"{path}: is empty (0 bytes); copy or download it again")
        if path.is_file():
            path.open("rb").close()
    except (OSError, ValueError) as error:
        reason = ((error.strerror if isinstance(error, OSError) else None) or str(error)).lower()
        raise UserError(f"{path}: cannot be read ({reason}); check its name and permissions") from error


def _decode(path: Path, container: InputContainer) -> tuple[list[NDArray[np.float32]], int, int]:
    """Return the blocks [n, channels] of the first audio stream, the samplerate, and the number of damaged packets."""
    stream = container.streams.audio[0]
    if not stream.codec_context.sample_rate or not stream.codec_context.layout.nb_channels:
        raise UserError(f"{path}: the sound has no samplerate or channels, the file is damaged; use another copy of it")
    samplerate = _playable_rate(stream.codec_context.sample_rate)
    resampler = _Resampler("mono" if stream.codec_context.layout.nb_channels == 1 else "stereo", samplerate)
    blocks: list[NDArray[np.float32]] = []
    packets = damaged = length = 0
    for frame in _frames(container, stream):
        packets += 1
        if frame is None:
            damaged += 1
            continue
        for block in resampler(frame):
            blocks.append(block)
            length += len(block)
        if length > MAX_SECONDS * samplerate:
            raise UserError(f"{path}: is longer than {MAX_SECONDS / 3600:.0f} hours; cut it into parts")
    blocks += resampler(None)
    if packets and damaged / packets > MAX_DAMAGE:
        raise UserError(f"{path}: too damaged, {damaged} of {packets} packets do not decode; use another copy of it")
    return blocks, samplerate, damaged


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame | None]:
    """Yield the decoded frames of a stream, with None in the place of a damaged packet."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:  # the file is cut off; the part before still plays
            yield None
            return
        try:
            yield from packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            yield None


def _playable_rate(samplerate: int) -> int:
    """Return 44100 or 48000, the rates that devices and encoders take: the one that ``samplerate`` converts to best."""
    return 44100 if samplerate % 11025 == 0 else 48000


class _Resampler:
    """Turns frames of any format, layout and rate into float32 blocks [n, channels] of one layout and rate."""

    def __init__(self, layout: str, samplerate: int) -> None:
        self._layout, self._samplerate = layout, samplerate
        self._kind: tuple[str, str, int] | None = None
        self._inner: AudioResampler | None = None

    def __call__(self, frame: AudioFrame | None) -> list[NDArray[np.float32]]:
        """Return the blocks that are ready; None as a frame returns the rest."""
        import av

        out: list[AudioFrame] = []
        kind = (frame.format.name, frame.layout.name, frame.sample_rate) if frame is not None else None
        if self._inner is not None and kind != self._kind:  # the stream ends, or its format changes
            out += self._inner.resample(None)
            self._inner = None
        if frame is not None:
            if self._inner is None:
                self._inner = av.AudioResampler(format="fltp", layout=self._layout, rate=self._samplerate)
                self._kind = kind
            frame.pts = None  # damaged packets leave gaps in pts, and the resampler would fill them
            out += self._inner.resample(frame)
        return [_clean(f.to_ndarray().T) for f in out]


def _clean(block: NDArray[Any]) -> NDArray[np.float32]:
    """Return a block as contiguous float32 without NaN or infinity, which float files can hold."""
    samples = np.ascontiguousarray(block, np.float32)
    if np.isfinite(samples).all():  # nearly always, and quicker to see than to replace
        return samples
    return np.nan_to_num(samples, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def resample(song: Song, samplerate: int) -> Song:
    """Return the song at another samplerate (Hz), for a device that takes no other."""
    import av

    if samplerate == song.samplerate:
        return song
    layout = "mono" if song.channels == 1 else "stereo"
    resampler = _Resampler(layout, samplerate)
    blocks: list[NDArray[np.float32]] = []
    step = 1 << 16
    for start in range(0, len(song.samples), step):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(song.samples[start : start + step].T), "fltp", layout)
        frame.sample_rate = song.samplerate
        blocks += resampler(frame)
    blocks += resampler(None)
    return replace(song, samples=np.concatenate(blocks), samplerate=samplerate)
