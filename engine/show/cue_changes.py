"""How one preset follows another: what a cue needs is prepared in any thread, and taken whole between two frames."""

from __future__ import annotations

from typing import Any

from engine.borders.cue import Ready
from engine.borders.options import ShowOptions
from engine.borders.preset import Preset
from engine.control.routing.desk import Desk
from engine.gesture.writer import GestureLog
from engine.latent.crossing import Crossing
from engine.latent.path import Path
from engine.show.opening import check, make_path, open_model
from engine.show.picture import Picture


class CueChanges:
    """Changes the desk, the path and the picture of a show to another preset's."""

    def __init__(
        self, options: ShowOptions, desk: Desk, path: Crossing, picture: Picture, log: GestureLog | None = None
    ) -> None:
        """``log``, if there is one, is told what was taken."""
        self._options, self._desk, self._path, self._picture, self._log = options, desk, path, picture, log

    def needs(self, wanted: Preset) -> bool:
        """Return whether ``wanted`` needs another model or another path; UserError when it cannot be played.

        That is when it does not fit the model, or draws by a pass that is not there or is broken.
        """
        self._picture.check(wanted)
        if self._picture.preset.latent != wanted.latent or self._other_model(wanted):
            return True
        check(wanted, self._picture.model)
        return False

    def prepare(self, wanted: Preset, t: float | None = None) -> tuple[Any, Path, float]:
        """Load what ``wanted`` needs; the path goes on from ``t`` (None: from where it is), which is returned, too."""
        t = self._path.t if t is None else t
        model = open_model(self._options, wanted) if self._other_model(wanted) else self._picture.model
        return model, make_path(self._options, wanted, model, t), t

    def take(self, ready: Ready) -> None:
        """Change to a preset whose parts are ready."""
        preset, seconds = ready.cue.preset, ready.cue.seconds
        cut = seconds <= 0.0
        if self._log is not None:
            self._log.cue(preset, seconds, None if ready.parts is None else ready.parts[2])
        self._desk.cue(preset, seconds)
        if ready.parts is not None:
            model, path, _ = ready.parts
            self._path.take(path, cut=cut or model is not self._picture.model)
            self._picture.swap(model, seconds)
        self._picture.take(preset, cut=cut)

    def _other_model(self, wanted: Preset) -> bool:
        return self._options.model is None and self._picture.preset.model != wanted.model
