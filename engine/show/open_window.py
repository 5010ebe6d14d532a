"""Opens the window that a show is drawn on: on a display, or none."""

from __future__ import annotations

from engine.borders.contracts import Window
from engine.borders.options import ShowOptions, StageOptions, size_of

VIDEO_SIZE = (720, 720)  # pixels, of a picture that no window shows
WINDOW_SIZE = (960, 960)  # screen coordinates
USUAL_FPS = 60.0  # of a window that does not know its display's rate


def open_window(options: StageOptions, name: str, full: bool) -> Window:
    """Open a window that says ``name``, filling its display if ``full``; or none where that is asked for."""
    if options.headless:
        return open_headless(options)
    from engine.stage.windows.window import GlfwWindow  # GLFW looks for itself in a process: not for a headless show

    return GlfwWindow(size_of(options, WINDOW_SIZE), f"latentvj: {name}", full, options.display)


def open_headless(options: ShowOptions) -> Window:
    """Return a window that is not there, of the size asked for."""
    from engine.stage.windows.headless import HeadlessWindow

    return HeadlessWindow(size_of(options, VIDEO_SIZE))


def rate_of(window: Window, options: ShowOptions) -> float:
    """Return the frames a second that a show is asked for, or that its display has."""
    return options.fps or window.refresh_rate or USUAL_FPS
