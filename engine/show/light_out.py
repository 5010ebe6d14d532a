"""The door to a light desk: what is heard, the beat and the picture's colours, by Art-Net."""

from __future__ import annotations

from collections.abc import Callable

from engine.borders.contracts import Window
from engine.borders.features import AudioFeatures
from engine.borders.moment import Moment
from engine.control.lights.artnet_out import ArtnetSender, channels
from engine.control.routing.beat import Beat, tempo_source
from engine.stage.outputs.dominant import COLOURS, Dominant
from engine.stage.outputs.small_picture import SmallPicture


class LightOut:
    """Looks at the picture as often as a packet may go, and sends."""

    name = "Art-Net out"

    def __init__(self, sender: ArtnetSender, window: Window, beat: Beat, heard: Callable[[], AudioFeatures]) -> None:
        """``heard`` returns the newest features."""
        self._sender, self._beat, self._heard = sender, beat, heard
        self._small, self._dominant = SmallPicture(window), Dominant()
        self._colours: tuple[tuple[int, int, int], ...] = ((0, 0, 0),) * COLOURS
        self._closed = False

    def attend(self, moment: Moment) -> None:
        """See Door."""
        if not self._sender.due():
            return
        pixels = self._small()
        if pixels is not None:
            self._colours = self._dominant(pixels)
        heard = self._heard()
        counts = bool(tempo_source(moment.controls.tempo, heard))
        beat = self._beat.trust * (1.0 - self._beat.position % 1.0) ** 2 if counts else 0.0
        self._sender.send(channels(heard, beat, self._colours))

    def line(self) -> str:
        """Return where it goes, and how much has gone."""
        return f"{self._sender.address}:{self._sender.universe}, {self._sender.sent} sent"

    def close(self) -> None:
        """See Door."""
        if not self._closed:
            self._closed = True
            self._sender.close()
            self._small.close()
