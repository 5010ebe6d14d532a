"""The performer's panels: what they say, what a click on them means, and the second window on a real display."""

from __future__ import annotations

import itertools
import subprocess
import time
from dataclasses import replace
from types import SimpleNamespace

import glfw
import numpy as np
import pytest

from engine.borders import params
from engine.borders.controls import Controls, Knob, Searched
from engine.borders.errors import Trouble, UserError
from engine.borders.features import AudioFeatures
from engine.borders.moment import Moment
from engine.borders.params import Param
from engine.borders.preset import Preset, Route
from engine.borders.tick import Tick
from engine.control.hands.commands import legend
from engine.control.hands.hands import Hands
from engine.control.hands.keyboard import Keyboard
from engine.control.routing.desk import Desk
from engine.show.meter import Meter
from engine.show.operator_view import OperatorView
from engine.show.service import Service
from engine.stage.desktop.overlay import Overlay, Scene
from engine.stage.operator import gauges, lines, panes
from engine.stage.operator import layout as board
from engine.stage.operator.notices import Notices
from engine.stage.operator.panel import Panel
from engine.stage.operator.sheet import THUMB, Sheet, colour
from engine.stage.operator.status import Portrait, Status, share, value_at
from engine.stage.operator.window import Operator
from engine.stage.passes.compositor import Compositor
from engine.stage.passes.guard import GUARD_WARNING
from engine.stage.windows.headless import HeadlessWindow
from engine.stage.windows.window import GlfwWindow
from tests.builders.params import TABLE, Params
from tests.builders.pictures import BLUE, GREEN, GREY, RED, assert_golden, quadrants
from tests.builders.show import screen
from tests.parts import need

WAITING = Knob("swirl.turns", "midi.knob_2", 0.9, 0.45, 0.45, 1.2)
STATUS = Status(
    cue="tidal", place="cue 2 of 5, next: pond", fps=47.3, wanted_fps=60.0, late=13, missed=21,
    gaps=(1 / 60,) * 100 + (0.05,) * 20,
    features=AudioFeatures(rms=0.3, bass=1.6, mid=0.9, treble=0.5, onset_strength=0.8, bpm=124.0, beat_phase=0.3,
                           spectral_centroid=1834.0),
    params=Params({"speed": 0.23, "swirl.turns": -0.4}), base={"speed": 0.004},
    played=frozenset({"speed"}), knobs=(Knob("speed", "midi.knob_1", 0.6, 0.575, None, 0.24), WAITING),
    states=("flash guard off",), log=((75.0, "learned: cc.1.23 is swirl.turns"),),
)  # fmt: skip
SIZE = (1280, 800)


def test_a_photograph_that_joins_is_seen_beside_the_models_answer() -> None:
    portrait = Portrait("singer.jpg", "42%, 26.1 dB", 0.42, 3, b"a", b"b")
    status = replace(STATUS, portrait=portrait, cues=(("one", None), ("two", None)))
    sheet = board.operator(status, SIZE, 12, (1920, 1080))
    assert {"singer.jpg", "42%, 26.1 dB", "3 more wait"} <= set(sheet.words())
    rows = sheet.rows()
    thumbs = rows[rows[:, 8] == THUMB]
    assert panes.pictures_of(status) == (None, None, b"a", b"b")
    assert sorted(thumbs[:, 9]) == [0, 1, 2, 3]
    mine = thumbs[thumbs[:, 9] >= 2]
    assert (mine[:, 0] + mine[:, 2] < 0.5 * SIZE[0]).all()
    assert (mine[:, 1] + mine[:, 3] < SIZE[1]).all()
    _, top, _, height = sheet.messages
    assert (mine[:, 1] + mine[:, 3] <= top).all()
    assert top + height <= SIZE[1]


def test_the_operator_is_told_what_the_show_is_doing():
    words = board.operator(STATUS, SIZE, 12, (1280, 720)).words()
    for told in (
        "tidal",
        "cue 2 of 5, next: pond",
        "47",
        "of 60 fps",
        "13",
        "21",
        "124",
        "0.230",
        "-0.400",
        "knob_2",
        "flash guard off",
        "learned: cc.1.23 is swirl.turns",
        "  1:15 ",
    ):
        assert told in words, told


def test_every_door_to_another_program_has_a_row():
    """A line that is too long for the window is cut; the dials and the messages keep their room."""
    doors = (("timecode", "01:00:10:12 (25) runs"), ("Link", "2 peers, 128.00 bpm"), ("Art-Net out", "x" * 300))
    words = board.operator(replace(STATUS, doors=doors), SIZE, 12, (1280, 720)).words()
    assert {"01:00:10:12 (25) runs", "2 peers, 128.00 bpm"} <= {word.strip() for word in words}, words
    assert max(map(len, words)) < 120
    without = board.operator(STATUS, SIZE, 12, (1280, 720)).words()
    assert set(without) - set(words) == set()


def test_all_eight_knobs_of_a_preset_have_a_dial_with_its_whole_name():
    targets = (
        "speed",
        "truncation_psi",
        "slitscan.strength",
        "slitscan.seconds",
        "slitscan.axis",
        "slitscan.layer",
        "ripple.amplitude",
        "picture.saturation",
    )
    knobs = tuple(Knob(target, f"midi.knob_{i}", 0.5, 0.5, None, 0.5) for i, target in enumerate(targets, 1))
    status = replace(STATUS, knobs=knobs)
    words = board.operator(status, SIZE, 12, (1280, 720)).words()
    assert [f"knob_{i}" in words for i in range(1, 9)] == [True] * 8
    sheet = Sheet(SIZE, 12)
    gauges.dials(sheet, status, 0, 0, 554, 220)
    assert [target in sheet.words() for target in targets] == [True] * 8


def test_every_parameter_can_be_found_and_clicked():
    found = set()
    for scroll in range(0, len(TABLE) + 10, 40):
        sheet = board.operator(STATUS, SIZE, 12, (1280, 720), scroll)
        for name, (x, y, width, height) in sheet.zones:
            assert sheet.hit(x + width / 2, y + height / 2) == name
            assert (x >= 0, y >= 0, x + width <= SIZE[0], y + height <= SIZE[1]) == (True,) * 4
            found.add(name)
    assert found == set(TABLE)
    assert sheet.hit(2, 2) is None


def test_a_models_rows_are_listed_and_one_that_has_gone_does_no_harm():
    ripe = Param("attribute.ripe", 0.25, 0.0, 1.0, "", "how ripe the fruit is")
    grown = params.Params({"attribute.ripe": 0.75}, TABLE.grown((ripe,)))
    status = replace(STATUS, params=grown, played=frozenset({ripe.name}), learning=ripe.name)
    for panel in (board.operator(status, SIZE, 12, (1280, 720)), board.headup(status, SIZE)):
        assert ripe.name in [name for name, _ in panel.zones]
        assert "0.750" in panel.words()
    gone = replace(STATUS, learning=ripe.name, base={ripe.name: 0.75}, played=frozenset({ripe.name}))
    for panel in (board.operator(gone, SIZE, 12, (1280, 720)), board.headup(gone, SIZE)):
        assert ripe.name not in panel.words()


@pytest.mark.parametrize("size", [(640, 400), (900, 600), (1280, 800), (1920, 1080), (1080, 1920)])
def test_nothing_leaves_the_panel(size):
    for sheet in (board.operator(STATUS, size, 10, (1280, 720)), board.headup(STATUS, size)):
        rows = sheet.rows()
        assert np.isfinite(rows).all()
        assert rows[:, :2].min() >= 0
        assert (rows[:, 0] + rows[:, 2]).max() <= size[0] + 1
        assert (rows[:, 1] + rows[:, 3]).max() <= size[1] + 1


def test_what_a_recording_lost_is_told_on_both_panels():
    told = replace(STATUS, figures=(("recording", "1:07, 12 dropped"),), learn_line="", learning=None)
    for panel in (lambda status: board.operator(status, SIZE, 10, (1280, 720)), lambda s: board.headup(s, SIZE)):
        more = len(panel(told).rows()) - len(panel(replace(told, figures=())).rows())
        assert more == len("recording") + len("1:07,") + len("12") + len("dropped")  # a glyph each, none for a space


@pytest.mark.parametrize("name", TABLE)
def test_a_bar_runs_from_end_to_end(name):
    param = TABLE[name]
    steps = [share(param, value) for value in np.linspace(param.low, param.high, 33)]
    assert (steps[0], steps[-1]) == (pytest.approx(0.0), pytest.approx(1.0))
    assert all(a <= b for a, b in itertools.pairwise(steps))


def test_a_knob_that_waits_is_shown_where_the_hand_is():
    def marks(*knobs):
        rows = board.headup(replace(STATUS, knobs=knobs), SIZE).rows()
        orange = np.abs(rows[:, 4:7] - gauges.ORANGE[:3]).max(axis=1) < 1e-6
        return rows[orange & (rows[:, 2] == 3), 0]

    (near,) = marks(WAITING)
    (far,) = marks(WAITING._replace(sends=2.4))
    assert near < far
    assert len(marks(WAITING._replace(ghost=None))) == 0  # it has been met


def test_the_panels_have_not_changed(open_window):
    window = open_window(*SIZE)
    panel = Panel(window.ctx)
    texture = window.ctx.texture((2, 2), 4, bytes([200, 40, 30, 255, 40, 160, 60, 255, 30, 60, 200, 255] + [128] * 4))
    sheet = board.operator(STATUS, SIZE, 12, (1280, 720))
    window.target.clear(*gauges.GROUND)
    panel.draw(sheet, window.target, texture)
    assert_golden(window.read()[:, :564], "operator")  # the rest is the table of parameters, which grows
    panel.draw(sheet, window.target, texture)
    assert panel.sent == 1  # what is the same is not sent again


def test_shapes_are_where_they_should_be(open_window):
    window = open_window(100, 60)
    sheet = Sheet((100, 60), 10)
    sheet.box(10, 5, 30, 20, colour("ff0000"))
    sheet.arc(50, 10, 40, 0.0, 1.0, 6, colour("00ff00"))
    window.target.clear()
    Panel(window.ctx).draw(sheet, window.target)
    seen = window.read()
    assert tuple(seen[15, 25]) == (255, 0, 0)
    assert tuple(seen[4, 25]) == tuple(seen[15, 9]) == (0, 0, 0)
    assert tuple(seen[13, 70]) == tuple(seen[30, 53]) == (0, 255, 0)
    assert tuple(seen[30, 70]) == (0, 0, 0)


EIGHT = tuple(
    Knob(target, f"midi.knob_{i}", 0.5, 0.5, None, 0.5)
    for i, target in enumerate(
        ("speed", "truncation_psi", "slitscan.strength", "slitscan.seconds", "slitscan.axis", "slitscan.layer",
         "ripple.amplitude", "picture.saturation"), 1)
)  # fmt: skip
SIZES = [(640, 400), (800, 600), (1024, 1280), (1280, 720), (1366, 768), (1920, 1080), (3840, 2160), (700, 1500)]
CUES = tuple((f"preset-{i}", None) for i in range(30))


def points_of(size):
    return max(9, min(24, round(min(size[0] / 106, size[1] / 64))))


def boxes(sheet):
    """Return every text with its box."""
    for x, y, text, _, kind in sheet._texts:
        wide, high = sheet.large if kind == 3 else sheet.cell
        yield text, (x, y, x + len(text) * wide, y + high)


def overlaps(sheet):
    """Return the pairs of texts that lie on each other."""
    every = [(text, box) for text, box in boxes(sheet) if text.strip()]
    pairs = itertools.combinations(every, 2)
    return [
        (a, b) for (a, p), (b, q) in pairs
        if min(p[2], q[2]) - max(p[0], q[0]) > 1 and min(p[3], q[3]) - max(p[1], q[1]) > 2
    ]  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_all_eight_dials_and_labels_that_fit_at_any_size(size):
    status = replace(STATUS, knobs=EIGHT, learn_line="", cues=CUES, cue_at=17, tempo=124.0, tempo_from="MIDI clock")
    sheet = board.operator(status, size, points_of(size), (1280, 720))
    left = round(0.44 * size[0])
    dials = {name for name, (x, *_) in sheet.zones if x < left}
    assert dials == {knob.target for knob in EIGHT}
    assert overlaps(sheet) == []
    rows = sheet.rows()
    assert (rows[:, 0] + rows[:, 2]).max() <= size[0] + 1
    assert (rows[:, 1] + rows[:, 3]).max() <= size[1] + 1
    assert ":cue 17" in dict(sheet.zones)  # what plays is among the tiles


def test_messages_wrap_differ_and_scroll_back():
    told = Trouble("/a/folder/of/somebody/with/a/long/name/presets/evening/tidal.toml:12: in [params]: " + "x" * 90)
    log = (*((float(i), f"message {i}") for i in range(40)), (60.0, told), (61.0, "kept: y"))
    status = replace(STATUS, log=log)
    newest = board.operator(status, SIZE, 12, (1280, 720))
    assert newest.scrolled[1] == 0
    whole = "".join(newest.words()).replace(" ", "")
    assert "".join(told.split()) in whole
    inks = {text: ink for _, _, text, ink, _ in newest._texts}
    assert inks["kept: y"] == gauges.INK
    assert gauges.RED in {ink for text, ink in inks.items() if "somebody" in text}
    older = board.operator(status, SIZE, 12, (1280, 720), back=20)
    assert "kept: y" not in older.words()
    assert any("newer below" in word for word in older.words())
    oldest = board.operator(status, SIZE, 12, (1280, 720), back=9999)
    assert "message 0" in oldest.words()
    assert oldest.scrolled[1] < 60
    x, y, width, height = oldest.messages
    assert oldest.on_messages(x + width / 2, y + height / 2)
    assert not oldest.on_messages(x - 5, y)


def test_what_is_cut_off_shows_it():
    name = "a preset of mine with a long name"
    sheet = board.operator(replace(STATUS, cues=((name, None),) * 14), SIZE, 12, (1280, 720))
    labels = {word for word in sheet.words() if word.startswith("F2 ")}
    assert len(labels) == 1
    assert labels.pop().endswith("…")
    log = ((1.0, "word " * 200), (2.0, "short"))
    rows = [text for _, _, text, _, _ in board.operator(replace(STATUS, log=log), SIZE, 12, (1280, 720))._texts]
    assert "…" in [row.strip() for row in rows], "the first row is the rest of a message"
    assert "  0:01 " not in rows


def test_the_tempo_in_force_and_who_gives_it():
    for tempo, giver in ((98.0, "tapped"), (174.0, "MIDI clock")):
        words = board.operator(replace(STATUS, tempo=tempo, tempo_from=giver), SIZE, 12, (1280, 720)).words()
        assert f"{tempo:.0f}" in words
        assert f"bpm {giver}" in words


def test_the_countdown_and_the_search_are_told():
    status = replace(STATUS, goes_on_in=41.3, cues=CUES, searched=Searched("17", ("preset-17",), 0))
    words = board.operator(status, SIZE, 12, (1280, 720)).words()
    assert "cue 2 of 5, next: pond, in 0:42" in words
    assert any("/17_" in word and "preset-17" in word for word in words)


@pytest.mark.parametrize("size", SIZES)
def test_the_legend_explains_keys_and_figures(size):
    status = replace(STATUS, legend=legend())
    for sheet in (board.operator(status, size, points_of(size), (1280, 720)), panes.legend(status, size)):
        assert overlaps(sheet) == []
        words = " ".join(sheet.words())
        assert "F2 to F9" in words
        if min(size) >= 700:
            assert "missed" in words
            assert "no new picture" in " ".join(words.split()) or min(size) < 720


# The operator's view


class Cues:
    """A setlist that only remembers."""

    names, index, wanted = ("tidal", "pond"), 0, None
    cues = (("tidal", None), ("pond", None))

    def next(self) -> None: ...
    def previous(self) -> None: ...
    def goes_on_in(self, time) -> float | None: ...
    def go(self, cue) -> None: ...


class Stage:
    """A window and everything the view looks at, played frame by frame."""

    def __init__(self, window, on_wall=False) -> None:
        self.window = window
        self.told = []
        self.states = ("flash guard off",)
        self.notices, self.meter = Notices(self.told.append), Meter(1 / 60)
        self.hands = Hands(Keyboard(window.keys), Cues(), self.notices.post, TABLE)
        preset = Preset(
            name="tidal",
            model="fruit",
            params={},
            routes=(Route("midi.knob_1", "speed", mode="set", range=(0.0, 0.4)),),
        )
        self.desk = Desk(preset, TABLE)
        self.view = OperatorView(
            window,
            self.meter,
            self.desk,
            self.notices,
            self.hands,
            Cues(),
            states=lambda: self.states,
            on_wall=on_wall,
            song=lambda time: f"0:05 of 0:32 at {time:.2f}, paused",
        )
        self.service = Service()
        self.service.on("operator", self.view.toggle_operator)
        self.service.on("overlay", self.view.toggle_headup)
        self.service.on("notices", self.view.peek)
        self.service.watch(self.view.attend)
        self.overlay = Overlay(lambda: None, self.view.lines, self.view.panel)
        self.compositor = Compositor(window)
        self.index = 0
        self.scene = Scene()

    def play(self, commands=()) -> None:
        tick = Tick(self.index, self.index * 0.06, 0.06 if self.index else 0.0)
        self.index += 1
        controls = self.hands.read(tick)
        params = self.desk(AudioFeatures(), controls, tick)
        ws = np.zeros((2, 4), np.float32)
        self.scene = self.overlay(tick, ws, params)
        picture = self.compositor(quadrants(), params, self.scene, tick)
        self.window.present(picture)
        controls = Controls(controls.values, commands=(*controls.commands, *commands))
        self.service(Moment(tick, controls, params, ws, None, picture))
        self.meter.mark(tick, AudioFeatures(), controls, params, ws)


def test_the_wall_has_the_panel_by_choice(open_window):
    stage = Stage(open_window(640, 360))
    stage.play()
    assert stage.scene.panel is None
    assert stage.scene.notices == ("flash guard off",)
    stage.play(["overlay"])
    stage.play()
    assert stage.scene.panel.size == (640, 360)
    assert any("0:05 of 0:32 at 0.06, paused" in word for word in stage.scene.panel.words())
    shown = stage.window.read()
    stage.play(["overlay"])
    stage.play()
    assert stage.scene.panel is None
    assert np.abs(shown.astype(int) - stage.window.read())[180:, 320:].max() > 100


def scenes(stage, *commands):
    """Play on with everything that a show tells, and return the pictures."""
    seen = []
    for asked in commands:
        stage.notices.post(Trouble(f"a pass failed at {stage.index}, and this line is long enough to need two rows"))
        stage.play([asked] if asked else [])
        seen.append(stage.window.read())
    return seen


def test_no_line_stands_on_the_picture_unless_it_is_asked_for(open_window):
    """Faults, states, waiting knobs and news are told; the pixels are those of the picture alone."""
    alone = Stage(open_window(320, 200))
    alone.states = ()
    alone.play()
    picture = alone.window.read()
    stage = Stage(alone.window)
    stage.states = ("the generator fails", "recording 1:07", "softening flashes")
    for shot in scenes(stage, "", "keep", "learn.next", ""):
        assert np.array_equal(shot, picture)
    assert len(stage.told) == 4
    assert len(stage.notices.log) == 4
    asked = Stage(alone.window, on_wall=True)
    asked.states = ("recording 1:07",)
    assert not np.array_equal(scenes(asked, "")[0], picture)
    assert any("recording" in line for line in asked.scene.notices)


def test_the_flash_guards_warning_stays_on_a_clean_wall(open_window):
    stage = Stage(open_window(320, 200))
    stage.notices.post(GUARD_WARNING)
    scenes(stage, "")
    assert stage.scene.notices == (GUARD_WARNING, "flash guard off")
    stage.index += 200  # twelve seconds
    scenes(stage, "")
    assert stage.scene.notices == ("flash guard off",)


def test_a_command_shows_the_last_lines_small_for_some_seconds(open_window):
    stage = Stage(open_window(640, 400))
    stage.states = ()
    stage.play()
    picture = stage.window.read()
    for index in range(12):
        stage.notices.post(f"news {index}")
    stage.play(["notices"])
    stage.play()
    words = stage.scene.panel.words()
    assert [f"news {index}" in words for index in range(12)] == [False] * 4 + [True] * 8
    shown = stage.window.read()
    changed = np.argwhere((shown != picture).any(axis=2))
    assert changed[:, 0].min() > 200  # in the lower half
    assert changed[:, 1].max() < 320  # at the left
    stage.index += 200
    stage.play(), stage.play()
    assert np.array_equal(stage.window.read(), picture)


@pytest.mark.parametrize("size", [(160, 120), (200, 900), (1920, 1080)])
def test_long_lines_wrap_and_stay_in_the_picture(size):
    told = Trouble("/home/somebody/.config/latentvj/presets/a-very-long-name-that-nothing-breaks-by-itself.toml:5: bad")
    sheet = lines.last(replace(STATUS, log=((75.0, told), (76.0, "kept: x"))), size)
    rows = sheet.rows()
    assert (rows[:, 0].min() >= 0, rows[:, 1].min() >= 0) == (True, True)
    assert (rows[:, 0] + rows[:, 2]).max() <= size[0] + 1
    assert (rows[:, 1] + rows[:, 3]).max() <= size[1] + 1
    red = np.abs(rows[:, 4:7] - gauges.RED[:3]).max(axis=1) < 1e-6
    assert red.sum() >= 8  # a fault differs from news
    if min(size) >= 200:
        assert "".join(told.split()) in "".join(sheet.words()).replace(" ", "")


def test_there_is_no_operator_without_a_window(open_window):
    stage = Stage(open_window(64, 64), on_wall=True)
    stage.play(["operator"])
    stage.play()
    assert any("--headless" in line for line in stage.scene.notices)
    with pytest.raises(UserError, match="--headless"):
        stage.view.open()


# A real display


@pytest.fixture
def real(tmp_path, monkeypatch):
    """A stage on a virtual display, keys and mouse by xdotool."""
    need("xdotool")
    with screen(tmp_path, "1280x800x24") as display:
        monkeypatch.setenv("DISPLAY", f":{display.number}")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        window = GlfwWindow((320, 200), "test")
        stage = Stage(window)

        def do(*words: object) -> None:
            subprocess.run(["xdotool", *map(str, words)], env=display.env, check=True, timeout=10)

        def until(so) -> None:
            end = time.monotonic() + 10
            while not so():
                stage.play()
                assert time.monotonic() < end, "it did not happen within 10 s"
                time.sleep(0.01)

        yield SimpleNamespace(stage=stage, do=do, until=until, pixels=display.pixels)
        stage.view.close()
        window.close()


def test_o_opens_the_operators_window_and_the_wall_stays_clean(real):
    stage = real.stage
    glfw.set_window_pos(stage.window.handle, 960, 0)
    stage.play()
    real.do("mousemove", 1000, 100, "key", "o")
    real.until(lambda: stage.view._operator is not None)
    operator = stage.view._operator
    left, top = glfw.get_window_pos(operator.handle)
    real.until(lambda: operator._sheet is not None)
    x, y, width, height = _picture(operator._sheet)
    half = lambda a, b: (int(top + y + b * height), int(left + x + width / 2 + (a - 0.5) * height))  # noqa: E731
    wanted = {half(0.25, 0.25): RED, half(0.75, 0.25): GREEN, half(0.25, 0.75): BLUE, half(0.75, 0.75): GREY}
    real.until(lambda: all(np.abs(real.pixels()[at].astype(int) - ink).max() <= 3 for at, ink in wanted.items()))
    stage.play()
    assert stage.scene.notices == ()  # the wall is clean, the line is in the operator's window
    assert stage.scene.panel is None
    glfw.focus_window(operator.handle)
    stage.play()
    real.do("key", "b")  # keys go to the show, whichever window has them
    real.until(lambda: stage.hands.states() == ("blackout",))
    real.do("key", "Escape")
    real.until(lambda: stage.view._operator is None)
    assert not stage.window.closed
    real.until(lambda: stage.scene.notices == ("flash guard off",))
    assert stage.hands.states() == ("blackout",)
    stage.view._on_wall = True
    real.until(lambda: stage.scene.notices == ("blackout", "flash guard off"))


def test_a_held_key_shows_the_last_lines_and_a_screenshot_without_it_is_the_picture(real):
    stage = real.stage
    stage.states = ()
    glfw.set_window_pos(stage.window.handle, 0, 0)
    stage.play(), stage.play()

    def wall():
        return real.pixels()[:200, :320]

    picture = stage.window.read_rgba()[..., :3].copy()
    real.until(lambda: np.array_equal(wall(), picture))
    stage.notices.post(Trouble("the desktop failed, is tried again"))
    stage.notices.post("recording to film.mp4")
    for _ in range(3):
        stage.play()
        assert np.array_equal(wall(), picture)
    real.do("mousemove", 100, 100, "keydown", "n")
    real.until(lambda: not np.array_equal(wall(), picture))
    assert "recording to film.mp4" in stage.scene.panel.words()
    real.do("keyup", "n")
    real.until(lambda: np.array_equal(wall(), picture))
    assert stage.told == ["the desktop failed, is tried again", "recording to film.mp4"]


def _picture(sheet):
    row = next(row for row in sheet.rows() if row[8] == 4)
    return row[:4]


@pytest.mark.parametrize("where", ["operator", "wall"])
def test_a_parameter_is_learned_by_a_click(real, where):
    stage = real.stage
    glfw.set_window_pos(stage.window.handle, 0, 0)
    glfw.set_window_size(stage.window.handle, 900, 500)
    if where == "operator":
        stage.view.open()
    stage.play(), stage.play()
    stage.hands._ask("learn", Tick(0, 0.0, 0.0))
    if where == "operator":
        operator = stage.view._operator
        real.until(lambda: operator._sheet is not None)
        sheet, handle = lambda: operator._sheet, operator.handle
    else:
        real.until(lambda: stage.scene.panel is not None and stage.scene.panel.size == (900, 500))
        sheet, handle = lambda: stage.scene.panel, stage.window.handle
    zones = dict(sheet().zones)
    wanted = next(name for name in reversed(zones) if name != stage.hands.learn.target)
    x, y, width, height = zones[wanted]
    left, top = glfw.get_window_pos(handle)
    real.do("mousemove", int(left + x + width / 2), int(top + y + height / 2), "click", 1)
    real.until(lambda: stage.hands.learn.target == wanted)
    assert stage.hands.learn.active


def test_a_slider_is_dragged_wheeled_and_reset_by_a_double_click(real):
    stage = real.stage
    glfw.set_window_pos(stage.window.handle, 0, 0)
    stage.view.open()
    stage.play(), stage.play()
    operator = stage.view._operator
    real.until(lambda: operator._sheet is not None)
    slider = next(slider for slider in operator._sheet.sliders if slider.param.name == "truncation_psi")
    left, top = glfw.get_window_pos(operator.handle)
    x, y, width, height = slider.box
    at = lambda share: (round(left + x + share * width), round(top + y + height / 2))  # noqa: E731
    psi = lambda: stage.view._params["truncation_psi"]  # noqa: E731
    real.do("mousemove", *at(0.5), "mousedown", 1)
    stage.play()
    real.do("mousemove", *at(0.9))
    real.until(lambda: psi() == pytest.approx(value_at(slider.param, 0.9), abs=0.02))
    real.do("mouseup", 1)
    stage.play()
    dragged = psi()
    real.do("mousemove", *at(0.8), "click", 5)
    real.until(lambda: psi() < dragged - 0.01)
    real.do("click", "--repeat", 2, "--delay", 60, 1)
    real.until(lambda: psi() == slider.param.default)


def test_closing_the_operator_by_its_button_ends_nothing(real):
    stage = real.stage
    stage.view.open()
    stage.play()
    glfw.set_window_should_close(stage.view._operator.handle, True)
    real.until(lambda: stage.view._operator is None)
    stage.view.open()
    stage.play()
    assert not stage.window.closed


def test_an_operators_display_that_is_not_there_is_refused(real):
    with pytest.raises(UserError, match=r"no display 'beamer': the displays are 0 screen"):
        Operator(real.stage.window, "beamer")
    assert isinstance(real.stage.window, GlfwWindow)
    assert not isinstance(real.stage.window, HeadlessWindow)
