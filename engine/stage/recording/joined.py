"""Parts of a film, joined: their encoded pictures are copied, and the sound is encoded once beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av

from engine.borders.errors import UserError
from engine.borders.sound import Sound
from engine.stage.recording.movie import FINE_TICK, AvObject, SoundTrack, container_format
from engine.stage.recording.part import Part
from engine.stage.recording.passage import Passage
from engine.system.files import media
from engine.system.part_file import PartFile


def join(parts: Sequence[tuple[Path, Part]], output: Path, sound: Sound | None, begins: int = 0) -> int:
    """Write ``parts``, all of a film and in its order, to ``output``; return how many frames it has.

    The first frame is seen at the sample ``begins`` of ``sound``. UserError where a part is damaged, where their
    encoders differ, and where the film cannot be written.
    """
    container = container_format(output)
    starts, tick = _starts([part for _, part in parts])
    file = PartFile(output)
    try:
        with _told(output):
            options = {} if container == "matroska" else {"movflags": "+faststart"}
            out: AvObject = av.open(media(file.part), "w", format=container, options=options)
            with contextlib.closing(out):
                _copy(parts, out, starts, tick, sound, begins)
            file.keep()
    finally:
        file.discard()
    return len(starts) - 1


def _starts(parts: Sequence[Part]) -> tuple[list[int], Fraction]:
    """Return when every frame of the film begins and the last one ends, in ticks, and a tick in seconds."""
    if any(part.ends is None for part in parts):
        return [*range(parts[-1].of + 1)], 1 / parts[0].rate
    starts = [0]
    for end in (end for part in parts for end in part.ends or ()):
        starts.append(max(starts[-1] + 1, round(end / FINE_TICK)))  # as a Movie does it
    return starts, FINE_TICK


def _copy(
    parts: Sequence[tuple[Path, Part]],
    out: AvObject,
    starts: Sequence[int],
    tick: Fraction,
    sound: Sound | None,
    begins: int,
) -> None:
    """Copy the pictures, and encode the sound up to the end of each."""
    video: AvObject = None
    track: SoundTrack | None = None
    head = b""
    passage, delay = Passage(sound, begins), max(_delay(path, part) for path, part in parts)
    for path, part in parts:
        with av.open(media(path)) as source:
            stream = source.streams.video[0]
            if video is None:
                video = out.add_stream_from_template(stream)
                video.time_base = tick
                head = bytes(stream.codec_context.extradata or b"")
                if sound is not None:
                    track = SoundTrack(out, sound.samplerate, min(sound.channels, 2))
            elif bytes(stream.codec_context.extradata or b"") != head:
                raise UserError(f"{path}: was encoded by another x264 than {parts[0][0]}: make it again with that one")
            for number, (packet, frame) in enumerate(_packets(source, stream, part), part.frames[0]):
                packet.stream = video
                packet.time_base = tick
                packet.pts = starts[frame]
                packet.dts = starts[number - delay] if number >= delay else number - delay
                packet.duration = starts[frame + 1] - starts[frame]
                out.mux(packet)
                if track is not None:
                    track.append(passage.until(float(starts[number + 1] * tick)))
    if track is not None:
        track.finish()


def _packets(source: AvObject, stream: AvObject, part: Part) -> Iterator[tuple[AvObject, int]]:
    """Yield a part's packets in the order of decoding, each with its frame's number in the film."""
    begin, end = part.frames
    found = [packet for packet in source.demux(stream) if packet.pts is not None]
    shown = sorted(packet.pts for packet in found)
    if len(found) != end - begin or len(set(shown)) != len(shown):
        name = str(source.name).removeprefix("file:")
        raise UserError(f"{name}: holds {len(found)} frames of {end - begin}: make it again")
    number = {pts: begin + each for each, pts in enumerate(shown)}
    for packet in found:
        yield packet, number[packet.pts]


def _delay(path: Path, part: Part) -> int:
    """Return by how many frames decoding is ahead of what is seen."""
    with av.open(media(path)) as source:
        numbers = enumerate(_packets(source, source.streams.video[0], part), part.frames[0])
        return max(number - frame for number, (_, frame) in numbers)


@contextlib.contextmanager
def _told(output: Path) -> Iterator[None]:
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        raise UserError(
            f"{output}: cannot be written ({error.strerror or error}); the parts are as they were: make room, "
            "or choose another disk"
        ) from error
