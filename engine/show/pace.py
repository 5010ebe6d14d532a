"""What keeps a show at its display's pace: the size that is rendered, and pictures between two frames."""

from __future__ import annotations

import contextlib

from engine.borders.options import Options
from engine.show.interpolation import Between
from engine.show.meter import Meter
from engine.show.picture import Picture
from engine.show.render_size import budget, governed
from engine.show.service import Service


def keep_pace(
    options: Options, picture: Picture, meter: Meter, service: Service, stack: contextlib.ExitStack
) -> None:
    """Serve the performer's steps of size; where somebody waits for every picture, govern and fill in between."""
    service.on("resolution.up", picture.sizes.up)
    service.on("resolution.down", picture.sizes.down)
    if meter.period is None:  # a render, a bench: every frame takes as long as it takes, and is shown once
        return
    if options.governor:
        picture.sizes.budget = budget(meter.period, options.fps is not None, picture.model.device.type)
        picture.model.prepare_sizes(governed(picture.model))
        service.watch(picture.sizes.govern)
    if options.interpolation is not False:
        picture.between = Between(meter.period, picture.show_between, always=bool(options.interpolation))
        stack.callback(picture.between.close)
