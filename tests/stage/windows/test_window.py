"""The real window, on a virtual display, with real keys from xdotool."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import glfw
import numpy as np
import pytest

from engine.borders.errors import UserError
from engine.control.hands import key_sources
from engine.stage.operator.window import Operator
from engine.stage.passes.compositor import Compositor
from engine.stage.windows import gl_window
from engine.stage.windows import window as windows
from engine.stage.windows.window import GlfwWindow, displays
from tests.builders.params import Params
from tests.builders.pictures import BLUE, GREEN, GREY, RED, quadrants
from tests.builders.show import ROOT, screen
from tests.builders.unplugged import unplugged
from tests.parts import need

SCREEN = (800, 600)
FRESH = """
import time
from engine.stage.windows.window import GlfwWindow
window = GlfwWindow((64, 64), "fresh", late=True)
texture = window.ctx.texture((192, 108), 4)
before = time.thread_time()
texture.build_mipmaps()
window.ctx.finish()
print(time.thread_time() - before)
"""


@pytest.fixture(scope="module")
def display(tmp_path_factory):
    with screen(tmp_path_factory.mktemp("screen"), f"{SCREEN[0]}x{SCREEN[1]}x24") as opened:
        yield opened


@pytest.fixture
def show(display, monkeypatch) -> Iterator[SimpleNamespace]:
    """Open windows with ``show.open``, present frames until something is so, press keys."""
    monkeypatch.setenv("DISPLAY", f":{display.number}")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    opened: list[GlfwWindow] = []
    drawing: list[Compositor] = []

    def open_window(*size: int, **how: object) -> GlfwWindow:
        opened.append(GlfwWindow(size, "test", **how))
        drawing.append(Compositor(opened[-1]))
        return opened[-1]

    def until(so: Callable[[], bool]) -> None:
        end = time.monotonic() + 10
        while True:
            opened[-1].present(drawing[-1](quadrants(), Params()))
            if so():
                return
            assert time.monotonic() < end, "it did not happen within 10 s"
            time.sleep(0.01)

    def press(*keys: str) -> None:
        need("xdotool")
        subprocess.run(["xdotool", "key", *keys], env=display.env, check=True, timeout=10)

    yield SimpleNamespace(open=open_window, until=until, press=press, pixels=display.pixels)
    for window in opened:
        window.close()


def corners_shown(show, size):
    """The four quadrants are on the display's own pixels, a square in the middle of ``size``."""
    pixels = show.pixels()[: size[1], : size[0]].astype(int)
    side = min(size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    square = pixels[top : top + side, left : left + side]
    near, far = side // 8, side - side // 8
    wanted = {(near, near): RED, (near, far): GREEN, (far, near): BLUE, (far, far): GREY}
    return all(np.abs(square[at] - colour).max() <= 2 for at, colour in wanted.items())


def test_the_first_mipmaps_wait_for_no_compiler(display):
    """A processor that draws compiles how they are made, 0.1 s, as the window opens: torch is imported meanwhile."""
    done = subprocess.run([sys.executable, "-c", FRESH], cwd=ROOT, env=display.env, capture_output=True, check=True)
    assert float(done.stdout) < 0.03


def test_a_route_can_name_every_key():
    assert {*gl_window.NAMES.values(), "QUESTION"} == key_sources.NAMES


def test_the_display_is_listed(show):
    found, reason = displays()
    assert reason == ""
    assert [(d.index, d.size, d.refresh_rate) for d in found] == [(0, SCREEN, 60.0)]


def test_the_frame_is_on_the_screen(show):
    window = show.open(320, 200)
    assert (window.size, window.refresh_rate, window.closed) == ((320, 200), 60.0, False)
    show.until(lambda: corners_shown(show, (320, 200)))


def test_f_fills_the_screen_and_comes_back(show):
    window = show.open(320, 200)
    show.until(lambda: corners_shown(show, (320, 200)))
    show.press("f")
    show.until(lambda: window.size == SCREEN and corners_shown(show, SCREEN))
    assert window.fullscreen
    assert window.keys() == (("F", "press"), ("F", "release"))
    show.press("f")
    show.until(lambda: window.size == (320, 200) and corners_shown(show, (320, 200)))
    assert not window.fullscreen


def test_a_slash_makes_letters_text_until_escape(show):
    window = show.open(320, 200)
    show.until(lambda: corners_shown(show, (320, 200)))
    for key in ("slash", "f", "Escape"):
        show.press(key)
    edges = []

    def came():
        edges.extend(window.keys())
        return ("ESCAPE", "release") in edges

    show.until(came)
    assert [name for name, action in edges if action == "type"] == ["/", "f"]
    assert not window.fullscreen
    assert not window.closed
    assert not window.typing
    show.press("Escape")
    show.until(lambda: window.closed)


@pytest.fixture(params=["software", "gpu"])
def way(request, monkeypatch):
    """Both ways to the screen: straight to the back buffer, and through a texture as on a GPU."""
    monkeypatch.setattr(windows, "in_software", lambda ctx: request.param == "software")
    return request.param


def test_resizing_keeps_the_aspect(show, way):
    window = show.open(320, 200)
    show.until(lambda: corners_shown(show, (320, 200)))
    for size in ((500, 200), (200, 500), (320, 320)):
        glfw.set_window_size(window.handle, *size)
        glfw.set_window_pos(window.handle, 0, 0)
        show.until(lambda size=size: window.size == size and corners_shown(show, size))
    show.press("f")
    show.until(lambda: window.size == SCREEN and corners_shown(show, SCREEN))


def test_what_was_presented_can_still_be_read(show, way):
    window = show.open(320, 200)
    show.until(lambda: corners_shown(show, (320, 200)))
    pixels = np.frombuffer(window.target.read(components=3, alignment=1), np.uint8).reshape(200, 320, 3)[::-1]
    assert np.array_equal(pixels, show.pixels()[:200, :320])
    preview = window.preview((320, 200))
    assert preview.size == (320, 200)
    raw = np.frombuffer(preview.read(), np.uint8).reshape(200, 320, 4)[::-1, :, :3]
    assert np.array_equal(raw, pixels)


def test_the_mouse_is_hidden_in_fullscreen_until_there_is_something_to_click(show):
    window = show.open(320, 200)

    def cursor():
        return glfw.get_input_mode(window.handle, glfw.CURSOR)

    window.point(True)
    assert cursor() == glfw.CURSOR_NORMAL
    window.point(False)
    show.until(lambda: True)
    window.toggle_fullscreen()
    assert cursor() == glfw.CURSOR_HIDDEN
    window.point(True)
    assert cursor() == glfw.CURSOR_NORMAL
    window.point(False)
    assert cursor() == glfw.CURSOR_HIDDEN
    window.toggle_fullscreen()
    assert cursor() == glfw.CURSOR_NORMAL


def test_clicks_are_told_in_pixels_of_the_picture(show, display):
    window = show.open(320, 200)
    show.until(lambda: True)
    left, top = glfw.get_window_pos(window.handle)
    heard: list[tuple[float, float]] = []
    need("xdotool")
    go = ["xdotool", "mousemove", str(left + 40), str(top + 70), "click", "1", "click", "3"]
    subprocess.run(go, env=display.env, check=True, timeout=10)
    show.until(lambda: heard.extend(window.clicks()) or heard)
    assert heard == [(40.0, 70.0)]  # the left button only
    assert window.clicks() == ()


def test_the_wall_stays_when_another_window_takes_the_keyboard(show):
    wall = show.open(320, 200, fullscreen=True)
    show.until(lambda: wall.size == SCREEN and corners_shown(show, SCREEN))
    other = Operator(wall, size=(64, 64))
    try:
        glfw.focus_window(other.handle)
        show.until(lambda: bool(glfw.get_window_attrib(other.handle, glfw.FOCUSED)))
        assert not glfw.get_window_attrib(wall.handle, glfw.FOCUSED)
        assert not glfw.get_window_attrib(wall.handle, glfw.ICONIFIED)
        assert glfw.get_window_attrib(wall.handle, glfw.VISIBLE)
        assert wall.fullscreen
        show.until(lambda: tuple(show.pixels()[30, 150]) == RED)
    finally:
        other.close()


def test_keys_are_edges_with_readable_names(show):
    window = show.open(200, 200)
    show.until(lambda: True)
    heard: list[tuple[str, str]] = []
    show.press("space", "a", "F5", "Left", "7")
    show.until(lambda: heard.extend(window.keys()) or len(heard) >= 10)
    names = ("SPACE", "A", "F5", "LEFT", "7")
    assert heard == [(name, action) for name in names for action in ("press", "release")]
    assert window.keys() == ()
    assert not window.closed


def test_escape_closes(show):
    window = show.open(200, 200, fullscreen=True)
    show.until(lambda: window.size == SCREEN)
    show.press("Escape")
    show.until(lambda: window.closed)
    assert set(window.keys()) >= {("ESCAPE", "press")}
    window.close()
    window.close()
    assert window.closed


@pytest.mark.parametrize("name", [0, "0", "screen", "SCR"])
def test_a_display_is_found_by_number_or_by_part_of_its_name(show, name):
    window = show.open(200, 100, display=name, fullscreen=True)
    show.until(lambda: window.size == SCREEN)


def test_an_unplugged_display_leaves_a_window_and_takes_it_back(show, display):
    window = show.open(320, 200, display="screen", fullscreen=True)
    show.until(lambda: window.size == SCREEN)
    with unplugged(f":{display.number}"):
        show.until(lambda: not window.fullscreen)
        show.until(lambda: window.size == (320, 200))
        assert not window.closed
        assert window.refresh_rate == 60.0
    show.until(lambda: window.fullscreen and window.size == SCREEN and corners_shown(show, SCREEN))


def test_a_show_that_comes_back_without_a_display_fills_the_first_that_comes(show, display):
    with unplugged(f":{display.number}"):
        window = show.open(320, 200, fullscreen=True, late=True)
        show.until(lambda: window.size == (320, 200))
        assert not window.fullscreen
    show.until(lambda: window.fullscreen and window.size == SCREEN and corners_shown(show, SCREEN))


def test_an_unknown_display_is_refused_with_the_known_ones(show):
    with pytest.raises(UserError, match=r"no display 'beamer': the displays are 0 screen 800x600"):
        show.open(200, 100, display="beamer")
    show.open(200, 100)  # and glfw is still well


def test_without_a_display_one_line_says_what_works(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UserError, match=r"no display.*--headless.*vj render") as caught:
        GlfwWindow((200, 100), "test")
    assert "\n" not in str(caught.value)
    found, reason = displays()
    assert found == ()
    assert "no display" in reason
