"""Opens the window of a show: on a display, or offscreen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import TypeVar

from engine.borders.contracts import Window
from engine.borders.options import ShowOptions, StageOptions, size_of
from engine.borders.place import Place

Given = TypeVar("Given", bound=ShowOptions)
BENCH_SIZE = (720, 720)  # pixels; of a bench's picture
VIDEO_SIZE = (1280, 720)  # pixels; size of an offscreen picture
WINDOW_SIZE = (1280, 720)  # screen coordinates; size of a new window
USUAL_FPS = 60.0  # Hz; refresh rate of a window that knows none


def open_window(
    options: StageOptions,
    name: str,
    full: bool,
    notify: Callable[[str], None],
    place: Place | None = None,
) -> Window:
    """Open a window with ``name`` in its title, ``full``: fullscreen; with --headless an offscreen window.

    It stays hidden until its first picture: nobody sees an empty one while the model loads. A remembered display that
    is absent costs a line; the window fills it when it comes. ``place``: where the window lay in a show that died.
    """
    if options.headless:
        return open_headless(options, VIDEO_SIZE)
    from engine.stage.windows.displays import is_connected  # GLFW looks for itself: not for a headless show
    from engine.stage.windows.window import GlfwWindow

    size, title = size_of(options, WINDOW_SIZE), f"latentvj: {name}"
    if "display" in options.recalled and options.display and not is_connected(options.display):
        window = GlfwWindow(size, title, late=True, awaited=options.display if full else "")
        notify(f"the remembered display {options.display} is not connected: a window until it is, F fills another")
        return window
    return GlfwWindow(size, title, full, options.display, late=True, place=place)


def open_headless(options: ShowOptions, usual: tuple[int, int] = BENCH_SIZE) -> Window:
    """Return an offscreen window of the size asked for, else as large as ``usual``."""
    from engine.stage.windows.headless import HeadlessWindow

    return HeadlessWindow(size_of(options, usual))


def fill_wall(options: Given, size: tuple[int, int]) -> Given:
    """Return the options of a show whose models paint the shape of its window, of ``size``, if they can."""
    return replace(options, wall=Fraction(*size))


def tell_first(window: Window, options: StageOptions, notify: Callable[[str], None]) -> None:
    """Say what is remembered, and where messages go in a show whose only display is the audience's."""
    for line in options.remembered:
        notify(line)
    if window.wall is None or options.notices or options.operator is not None:
        return
    from engine.stage.windows.displays import displays

    if len(displays()[0]) < 2:
        notify(
            "one display: the picture stays clean, messages come to this terminal. "
            "Hold N to see the last ones on the picture, O opens the operator's window"
        )


def rate_of(window: Window, options: ShowOptions) -> float:
    """Return the show's frames a second: --fps, else the display's rate."""
    return options.fps or window.refresh_rate or USUAL_FPS
