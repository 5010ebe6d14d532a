"""Builds the service: the performer's commands and the watchers of every frame."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from engine.borders.door import Door
from engine.borders.errors import Trouble, UserError
from engine.borders.faults import Faults
from engine.borders.moment import Moment
from engine.borders.params import Params
from engine.borders.preset import Preset
from engine.control.presets import preset_file
from engine.control.routing.desk import Desk
from engine.latent.crossing import Crossing
from engine.show.atelier import Atelier
from engine.show.keep_point import PointKeeper
from engine.show.operator_view import OperatorView
from engine.show.parts import Parts
from engine.show.picture import Picture
from engine.show.service import Service
from engine.stage.operator.notices import Notices
from engine.stage.operator.thumbnails import save_thumbnail
from engine.system import user_folders

if TYPE_CHECKING:
    from torch import Tensor


class PresetSaver:
    """Writes the knobs as they stand to the user's own folder, in a thread."""

    def __init__(self, desk: Desk, notices: Notices) -> None:
        self._desk, self._notices = desk, notices
        self._worker = ThreadPoolExecutor(1, "preset")

    def save(self, moment: Moment) -> None:
        """Save the preset that plays, with the knobs as they stand, and a thumbnail."""
        frame = moment.frame.clone()  # on its device: the generator may paint the next one into the same memory
        self._worker.submit(self._write, self._desk.preset, self._desk.held(), frame)

    def close(self) -> None:
        """Finish what is under way."""
        self._worker.shutdown()

    def _write(self, preset: Preset, held: Params, frame: Tensor) -> None:
        try:
            path = preset_file.save(preset, held, held.table, user_folders.data("presets"), user_folders.save)
        except UserError as error:
            self._notices.post(Trouble(f"{error}; the preset is not saved"))
        else:
            save_thumbnail(path.with_suffix(".jpg"), frame.cpu().numpy())
            self._notices.post(f"saved: {path}")


def attempted(faults: Faults, door: Door, moment: Moment) -> None:
    """Let ``door`` look at a frame; what fails costs a line."""
    faults.attempt(door.name, door.attend, moment)


def attend(
    parts: Parts, picture: Picture, path: Crossing, view: OperatorView, atelier: Atelier | None = None
) -> Service:
    """Return the service that carries out the performer's commands."""
    service, notices, bus = Service(), parts.notices, parts.bus
    service.watch(picture.look)
    if not parts.attended:  # a replay keeps and records nothing again
        return service
    keeper = PointKeeper(user_folders.data("kept"), path, notices.post)
    saver = PresetSaver(parts.desk, notices)
    parts.stack.callback(keeper.close)
    parts.stack.callback(saver.close)
    service.on("keep", keeper.keep)
    service.on("preset.save", saver.save)
    service.on("resolution.up", picture.sizes.up)
    service.on("resolution.down", picture.sizes.down)
    service.watch(picture.sizes.govern)
    if bus is not None:
        service.on("record", bus.record)
        service.on("screenshot", bus.screenshot)
    if atelier is not None:
        service.on("portrait.now", atelier.now)
        service.on("portrait.next", atelier.next)
        service.on("portrait.replace", atelier.replace)
        service.watch(atelier.attend)
    for door in parts.doors:
        service.watch(partial(attempted, picture.faults, door))
    if parts.corners is not None:
        service.on("corners", parts.corners.toggle)
        service.on("corners.reset", parts.corners.reset)
    service.on("operator", view.toggle_operator)
    service.on("overlay", view.toggle_headup)
    service.on("notices", view.peek)
    service.on("legend", view.toggle_legend)
    service.watch(view.attend)
    return service
