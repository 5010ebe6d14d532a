"""How one preset follows another: what a cue needs is prepared in any thread, and taken whole between two frames."""

from __future__ import annotations

import numpy as np

from engine.borders.contracts import Hands, Model
from engine.borders.cue import PreparedCue, Ready
from engine.borders.options import ShowOptions
from engine.borders.params import Params, Table
from engine.borders.preset import Preset
from engine.borders.tick import REST
from engine.borders.video import Seen
from engine.control.routing.desk import Desk
from engine.generator import cuda
from engine.generator.warps.reach import reached
from engine.gesture.writer import GestureLog
from engine.latent.crossing import Crossing
from engine.show.open_background import open_footage
from engine.show.open_style import open_look
from engine.show.opening import check_layers, goes_on, make_path, open_model
from engine.show.picture import Picture
from engine.show.shut_doors import ShutDoors
from engine.show.table import playing_table
from engine.system import allocator


class CueChanges:
    """Changes the desk, the hands, the path and the picture of a show to another preset's."""

    def __init__(
        self,
        options: ShowOptions,
        base: Table,
        desk: Desk,
        hands: Hands,
        path: Crossing,
        picture: Picture,
        log: GestureLog | None = None,
        film: bool = False,
        video: Seen | None = None,
        shut: ShutDoors | None = None,
    ) -> None:
        """``base`` has the rows of every preset. ``log``, if there is one, is told what was taken.

        ``film``: every frame counts, so films in the background are waited for. ``video`` is the show's
        video in. ``shut`` tells of what a preset waits for in vain.
        """
        self._shut = shut
        self._film, self._video = film, video
        self._options, self._base, self._log = options, base, log
        self._desk, self._hands, self._path, self._picture = desk, hands, path, picture

    def needs(self, wanted: Preset) -> bool:
        """Return whether ``wanted`` needs another model, another path, other rows, or an ISF shader that is untried.

        UserError when it cannot be played: it does not fit the model, or draws by a pass that is missing or broken.
        """
        self._picture.check(wanted)
        other = self._other_model(wanted) or self._other_path(wanted) or self._other_style(wanted)
        if other or self._picture.untried(wanted):
            return True
        if self._other_background(wanted):
            return True
        check_layers(wanted, self._picture.model)
        return self._table(wanted, self._picture.model) is not self._desk.table

    def prepare(self, wanted: Preset, t: float | None = None) -> PreparedCue:
        """Return what ``wanted`` plays with. A new path goes on from ``t`` (None: from where the old one is)."""
        self._picture.try_out(wanted)
        model, path = self._picture.model, self._path.path
        other = self._other_model(wanted)
        if other:
            with cuda.CAPTURE:  # what is loaded onto a GPU could break a recording off
                model = open_model(self._options, wanted)
        table = self._table(wanted, model)
        if other:
            self._make_ready(model, wanted, table)
        if other or t is not None or self._other_path(wanted):
            t = self._path.t if t is None else t
            path = make_path(self._options, wanted, model, t)
        look = self._picture.style.look
        if other or self._other_style(wanted):
            look = open_look(wanted, model, self._picture.preset, look)
        footage = self._picture.footage
        if self._other_background(wanted):
            footage = open_footage(wanted, self._film, self._video)
        return PreparedCue(model, path, t, table, look, footage)

    def take(self, ready: Ready) -> None:
        """Change to a preset whose parts are ready."""
        preset, seconds, parts = ready.cue.preset, ready.cue.seconds, ready.parts
        transition = ready.cue.transition if seconds > 0.0 else ""
        if transition and not self._picture.cross(transition, seconds):
            transition = ""
        whole, seconds = seconds, 0.0 if transition else seconds
        cut = seconds <= 0.0
        if self._log is not None:
            self._log.cue(preset, whole, None if parts is None else parts.t, transition)
        self._desk.cue(preset, seconds, None if parts is None else parts.table)
        if parts is not None:
            self._hands.take(parts.table)
            if parts.t is not None:
                self._path.take(parts.path, cut=cut or parts.model is not self._picture.model)
            self._picture.swap(parts.model, seconds)
            self._picture.restyle(parts.look, seconds)
            self._picture.put_behind(parts.footage)
        self._picture.take(preset, cut=cut)
        if self._shut is not None:
            self._shut.tell(preset)
        allocator.give_back_soon()
        self._picture.model.reach(reached(preset, self._desk.table))

    def _make_ready(self, model: Model, wanted: Preset, table: Table) -> None:
        """Paint a first frame of another model on a GPU: its graphs are recorded here, and the show only replays."""
        model.reach(reached(wanted, table))
        if model.device.type != "cpu":
            ws = np.repeat(model.w_avg[None], model.num_ws, axis=0)
            model(ws, Params(wanted.params, table), REST)
            self._picture.sizes.prepare(model)

    def _table(self, wanted: Preset, model: Model) -> Table:
        """Return the rows that ``wanted`` plays with: the very table that plays, where they are the same."""
        table = playing_table(self._base, self._options.shaders, model, wanted)
        return self._desk.table if table == self._desk.table else table

    def _other_model(self, wanted: Preset) -> bool:
        playing = self._picture.preset
        if self._options.model is None and playing.model != wanted.model:
            return True
        return self._options.wall is not None and self._options.aspect is None and goes_on(playing) != goes_on(wanted)

    def _other_style(self, wanted: Preset) -> bool:
        return self._picture.preset.style != wanted.style

    def _other_background(self, wanted: Preset) -> bool:
        return self._picture.preset.background != wanted.background

    def _other_path(self, wanted: Preset) -> bool:
        return self._picture.preset.latent != wanted.latent
