"""What a preset listens to, or shows, that no flag has opened: told once, for it would do nothing without a word."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.borders.options import StageOptions
from engine.borders.preset import Preset
from engine.borders.video import PREFIX, VIDEO
from engine.control.routing.sources import DMX, OSC


class ShutDoors:
    """Tells of each door once in a show."""

    def __init__(self, options: StageOptions, notify: Callable[[str], None]) -> None:
        """``options`` say which doors are open."""
        shut = {
            OSC: (options.osc_port is None, "OSC is off: --osc-port N listens"),
            DMX: (not options.dmx_in, "DMX is off: --dmx-in artnet:UNIVERSE listens"),
            PREFIX: (options.video_in is None, "there is no video in: --video-in NAME brings one"),
        }
        self._lines = {prefix: line for prefix, (is_shut, line) in shut.items() if is_shut}
        self._notify = notify

    def tell(self, preset: Preset) -> None:
        """Tell what ``preset`` waits for in vain."""
        for what, source in _wanted(preset):
            prefix = next((prefix for prefix in self._lines if source.startswith(prefix)), None)
            if prefix is not None:
                self._notify(f"{preset.path or preset.name}: {what} stays as it is; {self._lines.pop(prefix)}")


def _wanted(preset: Preset) -> Iterator[tuple[str, str]]:
    """Yield what a preset waits for, in words and as a source: its routes', and a background through a door."""
    yield from ((route.source, route.source) for route in preset.routes)
    if preset.background is not None and preset.background.source == VIDEO:
        yield "its background", PREFIX
