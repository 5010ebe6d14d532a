"""The window whose screen is a video file: every presented picture is encoded, with the song's sound in step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.borders.contracts import Drawn
from engine.borders.errors import UserError
from engine.borders.sound import Sound
from engine.stage.recording.codecs import Codec
from engine.stage.recording.movie import Movie
from engine.stage.recording.passage import Passage
from engine.stage.windows.headless import HeadlessWindow


class VideoWindow(HeadlessWindow):
    """Encodes every presented picture as one frame of 1/``fps`` seconds, whatever time it took to make.

    The file appears at ``path`` when ``close`` finds it complete. A film that ``abort`` or an error ends leaves the
    file that was there before. The sound is cut or padded to the length of the picture.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: float,
        sound: Sound | None = None,
        begins: int = 0,
        seconds: float | None = None,
        ends: Sequence[float] | None = None,
        alpha: Codec | None = None,
    ) -> None:
        """The film begins at the sample ``begins`` of ``sound``, before which it is silent.

        A film shorter than ``seconds`` is not kept. ``ends`` are the seconds at which the frames end, where they are
        not evenly long. ``alpha`` is what keeps the picture's alpha; None: an opaque film.
        """
        if min(size) < 2:
            raise UserError(f"a video of {size[0]}x{size[1]} pixels: both sides must be 2 or more")
        super().__init__((size[0] & ~1, size[1] & ~1))  # H.264 in 4:2:0 has even sides
        self.refresh_rate = fps
        self._ends = ends
        self._expected = None if seconds is None else max(1, round(seconds * fps))
        if ends is not None:
            self._expected = len(ends)
        self._passage = Passage(sound, begins)
        self._film: Movie | None = None
        try:
            channels = 2 if sound is None else sound.channels
            rate = None if sound is None else sound.samplerate
            self._film = Movie(path, self.size, fps, rate, channels, uneven=ends is not None, alpha=alpha)
        finally:
            if self._film is None:
                super().close()

    @property
    def frames(self) -> int:
        """How many frames have been presented."""
        return 0 if self._film is None else self._film.frames

    def tag(self, tags: Mapping[str, str]) -> None:
        """Write ``tags`` into the file, before its first picture: only Matroska keeps any name."""
        if self._film is not None:
            self._film.tag(tags)

    def present(self, picture: Drawn | None = None) -> None:
        """Encode the picture in ``target``, and the sound that is heard while it is seen."""
        if self._film is None:
            raise ValueError("the film is finished: nothing can be added to it")
        try:
            until = None if self._ends is None else self._ends[min(self._film.frames, len(self._ends) - 1)]
            self._film.picture(self.read_rgba(), until)
            self._film.sound(self._passage.until(float(self._film.seconds)))
        except BaseException:
            self.abort()  # half a frame is no film
            raise
        self.closed = self._expected is not None and self._film.frames >= self._expected

    def close(self) -> None:
        """Finish the film and keep it if it is complete; a second call does nothing."""
        film, self._film = self._film, None
        try:
            if film is None:
                return
            if film.frames == 0 or (self._expected is not None and film.frames < self._expected):
                film.abort()
            else:
                film.close()
        finally:
            super().close()

    def abort(self) -> None:
        """Give the film up: nothing stays of it, an earlier file is left as it was."""
        film, self._film = self._film, None
        if film is not None:
            film.abort()
        super().close()
