"""The recording of a show: the performer starts and stops it, and it has the sound of the show."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.borders.contracts import Pixels, Window
from engine.borders.errors import Trouble, UserError
from engine.borders.tick import Tick
from engine.stage.recording.recorder import Recorder, free, live_codec, stamp

MIN_STEP_SECONDS = 0.001  # from one picture to the next
NOTICE_SECONDS = 5.0  # between two lines about dropped frames


class Soundtrack(Protocol):
    """The sound of a recording, which is also the recording's clock (engine/audio/songs/soundtrack.py)."""

    samplerate: int
    channels: int

    def begin(self, tick: Tick) -> None: ...  # noqa: D102
    def position(self, tick: Tick) -> float: ...  # noqa: D102
    def take(self, tick: Tick) -> NDArray[np.float32]: ...  # noqa: D102
    def end(self, seconds: float) -> NDArray[np.float32]: ...  # noqa: D102


class Journal(Protocol):
    """The part that is told of recordings: a gesture log."""

    def recording(self, path: Path, tick: Tick) -> None: ...  # noqa: D102
    def placed(self, seconds: float) -> None: ...  # noqa: D102


class Recording:
    """Starts and stops recorders, and collects a line about each file they wrote."""

    def __init__(
        self,
        window: Window,
        fps: float,
        track: Soundtrack,
        notify: Callable[[str], None],
        folder: Path,
        journal: Journal | None = None,
    ) -> None:
        """``folder`` is for recordings without a given name; ``notify`` gets lines for the performer.

        ``journal`` is told when a recording's clock starts, and the position of each picture in it.
        """
        self._window, self._fps, self._track, self._notify = window, fps, track, notify
        self._folder = folder
        self._recorder: Recorder | None = None
        self._at = 0.0  # seconds; position of the last picture
        self._finishing: list[threading.Thread] = []
        live_codec(fps)  # tests the encoders now, not when a key is pressed
        self._running = False  # whether the first picture is recorded
        self._told, self._told_at = 0, 0.0
        self.done: list[str] = []
        self._journal = journal

    @property
    def recorder(self) -> Recorder | None:
        """Return the recorder that runs, or None."""
        return self._recorder

    @property
    def seconds(self) -> float:
        """Return the length of the recording so far, in seconds."""
        return max(0.0, self._at)

    def toggle(self) -> None:
        """Start or stop; an error is reported and changes nothing."""
        if self._recorder is not None:
            self.stop()
            return
        try:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"{self._folder}: cannot make this folder: {error.strerror}") from error
            self.start(self._folder / f"{stamp()}.mp4")
        except UserError as error:
            self._notify(Trouble(f"not recording: {error}"))

    def start(self, path: Path) -> None:
        """Record to ``path``, or the next free name, from the next picture on. Raises UserError on failure."""
        track = self._track
        self._recorder = Recorder(free(path), self._window.size, self._fps, track.samplerate, track.channels)
        self._running, self._told = False, 0
        self._notify(f"recording to {self._recorder.path}")

    def stop(self) -> None:
        """Stop; a thread finishes the file, because that can take some frames' time."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        if self._running:
            recorder.sound(self._track.end(self._at + 1.0 / self._fps))
        self._finishing.append(threading.Thread(target=self._finish, args=(recorder,), name="recorded"))
        self._finishing[-1].start()

    def close(self) -> None:
        """Stop, and wait until every file is finished."""
        self.stop()
        for thread in self._finishing:
            thread.join()
        self._finishing = []

    def _finish(self, recorder: Recorder) -> None:
        recorder.close()
        dropped = f", {recorder.dropped} dropped" if recorder.dropped else ""
        line = recorder.failure or f"recorded {recorder.path}: {recorder.frames} frames{dropped}"
        self.done.append(line)
        self._notify(line)

    def wanted(self, tick: Tick) -> list[Callable[[Pixels], object]]:
        """Record the sound up to ``tick``; return the functions that want the picture of ``tick``."""
        recorder = self._recorder
        if recorder is None:
            return []
        if recorder.failure:
            self.stop()
            return []
        if not self._running:
            self._running, self._at = True, -MIN_STEP_SECONDS
            self._track.begin(tick)
            if self._journal is not None:
                self._journal.recording(recorder.path, tick)
        recorder.sound(self._track.take(tick))
        if recorder.dropped > self._told and tick.time - self._told_at >= NOTICE_SECONDS:
            self._told, self._told_at = recorder.dropped, tick.time
            self._notify(Trouble(f"recording: {recorder.dropped} frames dropped so far, the encoder is too slow"))
        self._at = max(self._at + MIN_STEP_SECONDS, self._track.position(tick))  # a stalled clock loses no picture
        if self._journal is not None:
            self._journal.placed(self._at)
        return [partial(recorder.picture, seconds=self._at)]
