"""The writer of the gesture log: the values that cross the borders of a show, frame by frame, to render it again.

The log holds values, not events of devices: the features of every hop, the controls, the presets of cues, and the
ticks. Routing, path and pictures follow from these, bit for bit. The file is JSON lines. A line is flushed after every
frame, so a crash loses only the last one. The first line is the head. A frame's line has ``"i"``. A cue's line
(``"cue"``) comes before the frame that it begins with, a recording's line (``"recording"``) after that frame, and that
of a point that joins the path (``"join"``) before the frame that it joins with. Floats
read back exactly. A frame has only the controls that changed. While a recording runs, ``"seen"`` is the position in
it, in seconds, of the previous frame's picture.

A picture's line (``"late"``, its time) follows its frame's, one for every drawing, those between two frames as well:
what it was drawn with was read again. It has the number of hops that were new to it (``"n"``), which are those of the
frames' lines in the same order; ``"left"`` at the end are hops that no frame has heard.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.audio.songs.edited import Passage
from engine.borders.contracts import Path
from engine.borders.controls import Controls
from engine.borders.errors import UserError
from engine.borders.features import AudioFeatures
from engine.borders.params import Params
from engine.borders.preset import Preset
from engine.borders.tick import Tick
from engine.gesture.rows import MEASURES, VERSION, Row, about, differences, measured, packed, summed
from engine.latent.path import digest
from engine.system.line_file import LineFile

WHAT = "the gesture log"
DeskCall: TypeAlias = Callable[[AudioFeatures, Controls, Tick], Params]
PathCall: TypeAlias = Callable[[Params, Tick], NDArray[np.float32]]


class GestureLog:
    """Writes the log of a show. It wraps the desk and the path, and is told of cues and recordings."""

    def __init__(self, path: FilePath, notify: Callable[[str], None]) -> None:
        """``path`` is written from ``begin`` on; ``notify`` gets lines for the performer."""
        self.path, self._notify = path, notify
        self._before, self._hop = Controls(), AudioFeatures()  # of the previous frame
        self._drawn, self._drawn_hop = Controls(), AudioFeatures()  # of the previous drawing
        self._logged = self._drawn_hops = 0  # hops in the frames' lines, and in those of the drawings
        self._left: deque[AudioFeatures] = deque()  # hops that only drawings have heard yet
        self._row: Row = {}
        self._seen: float | None = None
        self._file: LineFile | None = None

    def begin(self, head: Row) -> None:
        """Open the file and write the first line, ``head``, which holds everything that the show was started with.

        An earlier log of that name is renamed. Raises UserError when the file cannot be written.
        """
        LineFile(self.path, WHAT, self._notify, anew=False).close()  # an earlier log that a show still writes stays
        try:
            kept = _set_aside(self.path)
        except OSError as error:
            raise UserError(f"{self.path}: cannot write {WHAT}: {error.strerror}") from error
        self._file = LineFile(self.path, WHAT, self._notify)
        if kept is not None:
            self._notify(f"{self.path}: the log before is now {kept.name}")
        self._write({"gesture_log": VERSION, "measures": MEASURES, **head})

    def heard(self, desk: DeskCall) -> DeskCall:
        """Return a function that logs its arguments and calls ``desk``; it begins the frame's line."""

        def call(features: AudioFeatures, controls: Controls, tick: Tick) -> Params:
            self._row = {"i": tick.index, "t": tick.time, "dt": tick.dt, **self._sound(features)}
            if different := differences(self._before, controls):
                self._row["c"] = different
            if self._seen is not None:
                self._row["seen"], self._seen = self._seen, None
            self._before = controls
            return desk(features, controls, tick)

        return call

    def latched(self, tick: Tick, features: AudioFeatures, controls: Controls) -> None:
        """Log what a picture is drawn with; its hops are also those of a frame's line, before or after it."""
        row: Row = {"late": tick.time, "dt": tick.dt}
        if recent := features.recent:
            row["n"] = len(recent)
            self._drawn_hop = recent[-1]
            self._drawn_hops += len(recent)
            if ahead := min(len(recent), self._drawn_hops - self._logged):
                self._left += recent[-ahead:] if ahead > 0 else ()
        if features != summed(self._drawn_hop, recent):
            row["f"] = measured(features)
        if different := differences(self._drawn, controls):
            row["c"] = different
        self._drawn = controls
        self._write(row)

    def travelled(self, path: PathCall, way: Path | None = None) -> PathCall:
        """Return a function that calls ``path`` and logs a digest of its ws; it ends the frame's line.

        With ``way``, the path itself, the line has where its travellers are (``"at"``).
        """

        def call(params: Params, tick: Tick) -> NDArray[np.float32]:
            ws = path(params, tick)
            where: Row = {} if way is None else {"at": list(way.phases)}
            self._write({**self._row, "ws": digest(ws), **where})
            return ws

        return call

    def cue(self, preset: Preset, seconds: float, t: float | None, transition: str = "") -> None:
        """Log that ``preset`` begins with the next frame, by the ISF shader ``transition`` where there is one."""
        row = {"cue": about(preset), "seconds": seconds, "path_t": t}
        self._write(row | ({"transition": transition} if transition else {}))

    def joined(self, point: NDArray[np.floating], *, replace: bool, now: bool) -> None:
        """Log that a point [num_ws, w_dim] joins the path with the next frame."""
        self._write({"join": packed(point), "replace": replace, "now": now})

    def recording(self, path: FilePath, tick: Tick) -> None:
        """Log that a recording began with the picture of ``tick``."""
        self._write({"recording": str(path.absolute()), "at": tick.time})
        self._seen = None

    def passage(self, passage: Passage) -> None:
        """Log what is played of the song from a sample of the show on."""
        row = {"passage": passage.place, "at": passage.at, "plays": passage.plays}
        self._write(row | ({"loop": list(passage.loop)} if passage.loop else {}))

    def placed(self, seconds: float) -> None:
        """Log the position of the frame's picture in the recording; interpolated pictures are left out."""
        self._seen = round(seconds, 6) if self._seen is None else self._seen

    def _sound(self, features: AudioFeatures) -> Row:
        """Return the entries for every hop, and for the frame's own features where these differ from the hops'."""
        row: Row = {"hops": [measured(hop) for hop in features.recent]} if features.recent else {}
        self._logged += len(features.recent)
        self._left.clear()  # a frame hears all that was heard before it
        self._hop = features.recent[-1] if features.recent else self._hop
        if features != summed(self._hop, features.recent):
            row["f"] = measured(features)
        return row

    def _write(self, row: Row) -> None:
        if self._file is not None:
            self._file.write(json.dumps(row, default=_plain, separators=(",", ":")))

    def close(self) -> None:
        """Finish the file; a second call does nothing."""
        if self._left:
            self._write({"left": len(self._left), "hops": [measured(hop) for hop in self._left]})
            self._left.clear()
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _set_aside(path: FilePath) -> FilePath | None:
    """Rename an earlier log at ``path``; return its new path, or None when there is none."""
    if not path.is_file() or path.stat().st_size == 0:
        return None
    names = (path.with_name(f"{path.stem}_{n}{path.suffix}") for n in itertools.count(1))
    name = next(each for each in names if not each.exists())
    path.rename(name)
    return name


def _plain(value: np.generic) -> object:
    """Return a NumPy scalar as a Python number."""
    return value.item()
