"""The gesture log: what crossed the borders of a show, frame by frame, so that it can be rendered again.

Values are logged and not device events: what the ears heard (every hop), where the hands stood, which preset
began, the ticks themselves. From those the routing, the path and the pictures follow, bit for bit. The file is
JSON lines, one written per frame and flushed, so that a crash leaves all but its last line: a head, then frames
(``"i"``), the cues (``"cue"``) before the frame they began with, the recordings (``"recording"``) after it. Floats are
written so that they read back exactly. A frame has only those controls that changed. While a recording runs,
``"seen"`` says where in it, in seconds, the picture of the frame before was put.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from engine.borders.controls import Controls
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.params import Params
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.gesture.rows import MEASURES, VERSION, about, changes, measured, summed
from engine.latent.path import digest


class GestureLog:
    """Writes a show's log. Wrap the desk and the path with it; tell it the cues."""

    def __init__(self, path: Path, notify: Callable[[str], None]) -> None:
        """Nothing is written before ``begin``."""
        self.path, self._notify = path, notify
        self._before, self._hop = Controls(), AudioFeatures()
        self._row: dict[str, Any] = {}
        self._seen: float | None = None
        self._file: TextIO | None = None

    def begin(self, head: Mapping[str, Any]) -> None:
        """Open the file and write its first line: ``head`` says everything that the show was given.

        UserError if nothing can be written there; an earlier log of that name is kept under another.
        """
        try:
            kept = _set_aside(self.path)
            self._file = self.path.open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise UserError(f"{self.path}: cannot write the gesture log: {error.strerror}") from error
        if kept is not None:
            self._notify(f"{self.path}: the log before is now {kept.name}")
        self._write({"gesture_log": VERSION, "measures": MEASURES, **head})

    def heard(self, desk: Callable[[AudioFeatures, Controls, Tick], Params]) -> Callable[..., Params]:
        """Return ``desk``, everything it is given logged."""

        def call(features: AudioFeatures, controls: Controls, tick: Tick) -> Params:
            self._row = {"i": tick.index, "t": tick.time, "dt": tick.dt, **self._sound(features)}
            if changed := changes(self._before, controls):
                self._row["c"] = changed
            if self._seen is not None:
                self._row["seen"], self._seen = self._seen, None
            self._before = controls
            return desk(features, controls, tick)

        return call

    def travelled(self, path: Callable[[Params, Tick], NDArray[np.float32]]) -> Callable[..., NDArray[np.float32]]:
        """Return ``path``, a digest of the ws it gives logged; that ends the frame's line."""

        def call(params: Params, tick: Tick) -> NDArray[np.float32]:
            ws = path(params, tick)
            self._write({**self._row, "ws": digest(ws)})
            return ws

        return call

    def cue(self, preset: Preset, seconds: float, t: float | None) -> None:
        """Log that ``preset`` begins with the next frame."""
        self._write({"cue": about(preset), "seconds": seconds, "path_t": t})

    def recording(self, path: Path, tick: Tick) -> None:
        """Log that a recording began with the picture of ``tick``."""
        self._write({"recording": str(path.absolute()), "at": tick.time})
        self._seen = None

    def placed(self, seconds: float) -> None:
        """Log where in the recording the frame's picture was put; pictures between two frames are passed over."""
        self._seen = round(seconds, 6) if self._seen is None else self._seen

    def _sound(self, features: AudioFeatures) -> dict[str, Any]:
        """Return every hop, and the frame's own features where the hops do not say them."""
        row: dict[str, Any] = {"hops": [measured(hop) for hop in features.recent]} if features.recent else {}
        self._hop = features.recent[-1] if features.recent else self._hop
        if features != summed(self._hop, features.recent):
            row["f"] = measured(features)
        return row

    def _write(self, row: Mapping[str, Any]) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(row, default=_plain, separators=(",", ":")) + "\n")
        except OSError as error:  # the show goes on without
            self._file = None
            self._notify(f"{self.path}: the gesture log ends here: {error.strerror}")

    def close(self) -> None:
        """Finish the file; a second call does nothing."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.flush()
                os.fsync(file.fileno())
                file.close()
            except OSError as error:
                self._notify(f"{self.path}: the end of the gesture log was not written: {error.strerror}")


def _set_aside(path: Path) -> Path | None:
    """Rename the log that is there; return its new name."""
    if not path.is_file() or path.stat().st_size == 0:
        return None
    names = (path.with_name(f"{path.stem}_{n}{path.suffix}") for n in itertools.count(1))
    name = next(each for each in names if not each.exists())
    path.rename(name)
    return name


def _plain(value: Any) -> Any:
    """Return numpy's numbers as Python's."""
    return value.item()
