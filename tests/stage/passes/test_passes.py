"""Every pass: its golden image, its knob, its time; and shaders edited while they run."""

from __future__ import annotations

import os
import random
import shutil
import time

import numpy as np
import pytest

from engine.borders.errors import UserError
from engine.borders.faults import Faults
from engine.borders.tick import Tick
from engine.stage.passes.compositor import LOOK_EVERY, Compositor
from engine.stage.passes.source import files_of, shipped
from engine.stage.windows.headless import HeadlessWindow
from tests.builders.params import TABLE, Params
from tests.builders.pictures import as_frame, assert_golden, flat, quadrants, still_life
from tests.parts import need

LOOKS = {
    "trails": {"trails.seconds": 0.2, "trails.zoom": 0.8, "trails.turns": 0.2, "trails.amount": 1.0},
    "bloom": {"bloom.amount": 1.5, "bloom.threshold": 0.6},
    "chroma": {"chroma.amount": 0.04},
    "palette": {"palette.amount": 0.9, "palette.shift": 0.3},
    "mirror": {"mirror.amount": 1.0, "mirror.segments": 5.0},
    "edges": {"edges.amount": 2.0, "edges.alone": 0.7, "edges.width": 0.01},
    "grain": {"grain.amount": 0.4, "grain.size": 0.01},
    "flash": {"flash.amount": 0.6},
    "pin": {"pin.amount": 1.0, "pin.top_left_x": 0.2, "pin.top_right_y": -0.25, "pin.left": 0.4},
    "crossfade": {"crossfade.amount": 0.5},
}
SIZE = (192, 108)


def play(window, passes, knobs, seconds=0.5, fps=30, frame=None):
    """Draw a second's half of a frame that turns; the passes come on after the first picture."""
    compositor = Compositor(window, passes)
    frame = still_life() if frame is None else frame
    for index in range(round(seconds * fps) + 1):
        time = index / fps
        tick = Tick(index, time, 1 / fps if index else 0.0)
        on = knobs if index else {}
        compositor(frame, Params({"picture.rotation": 0.1 * time, "picture.zoom": 0.8, **on}), (), tick)
    picture = window.read()
    compositor.close()
    return picture


@pytest.mark.parametrize("name", sorted(LOOKS))
def test_a_pass_looks_as_it_did(open_window, name):
    assert_golden(play(open_window(*SIZE), ("grade", name), LOOKS[name]), f"pass_{name}")


@pytest.fixture(scope="module")
def plain():
    """Return what `grade` alone draws."""
    need("EGL")
    window = HeadlessWindow(SIZE)
    picture = play(window, ("grade",), {}, seconds=0.1)
    window.close()
    return picture


@pytest.mark.parametrize("name", sorted(LOOKS))
def test_a_pass_at_amount_nothing_changes_nothing(open_window, plain, name):
    assert TABLE[f"{name}.amount"].default == 0.0
    assert np.array_equal(play(open_window(*SIZE), ("grade", name), {}, seconds=0.1), plain)


def test_every_shipped_pass_is_tried_here():
    others = {"background", "feedback", "mask"}  # test_layers.py, test_video.py
    assert set(files_of()) == {*LOOKS, *others, "grade", "place"}


def test_passes_run_in_the_order_of_the_preset(open_window):
    knobs = {"palette.amount": 1.0, "flash.amount": 0.5}
    one = play(open_window(*SIZE), ("palette", "flash"), knobs, 0.1)
    other = play(open_window(*SIZE), ("flash", "palette"), knobs, 0.1)
    assert np.abs(one.astype(int) - other).mean() > 10


def test_all_passes_at_once(open_window):
    knobs = {name: value for look in LOOKS.values() for name, value in look.items()}
    picture = play(open_window(*SIZE), (*LOOKS, "grade"), knobs, 0.2)
    assert picture.std() > 5


def test_trails_are_the_same_at_any_frame_rate(open_window):
    knobs = {"trails.amount": 1.0, "trails.seconds": 0.3}
    slow, fast = (play(open_window(96, 54), ("trails",), knobs, 1.0, fps) for fps in (30, 120))
    assert np.abs(slow.astype(int) - fast).mean() < 1.5


def test_half_of_what_was_there_is_gone_after_its_seconds(open_window):
    window = open_window(40, 40)
    compositor = Compositor(window, ("trails",))
    knobs = Params({"trails.amount": 1.0, "trails.seconds": 0.5})
    compositor(flat((200, 200, 200)), knobs, (), Tick(0, 0.0, 0.0))
    for index in range(1, 61):
        compositor(flat((0, 0, 0)), knobs, (), Tick(index, index / 60, 1 / 60))
        if index in (30, 60):
            assert window.read()[20, 20, 0] == pytest.approx(200 * 0.5 ** (index / 30), abs=2)
    compositor(flat((0, 0, 0)), Params(), (), Tick(61, 1.0, 1 / 60))  # off: forgotten
    compositor(flat((9, 9, 9)), knobs, (), Tick(62, 1.0, 1 / 60))
    assert window.read()[20, 20, 0] == 9


def test_crossfade_holds_what_was_there(open_window):
    window = open_window(40, 40)
    compositor = Compositor(window, ("crossfade", "grade"))

    def shown(level, amount):
        compositor(flat((level,) * 3), Params({"crossfade.amount": amount}))
        return int(window.read()[20, 20, 0])

    levels = [shown(200, 0.0), shown(200, 1.0), shown(40, 1.0), shown(100, 0.5), shown(100, 0.0), shown(60, 1.0)]
    assert np.abs(np.array(levels) - [200, 200, 200, 150, 100, 60]).max() <= 1


def test_a_memory_follows_a_resize(open_window):
    window = open_window(40, 40)
    compositor = Compositor(window, ("trails", "crossfade"))
    knobs = Params({"trails.amount": 1.0, "crossfade.amount": 0.5})
    compositor(flat((50, 60, 70)), knobs)
    window.size = (30, 30)
    compositor(flat((50, 60, 70)), knobs)
    corner = np.frombuffer(window.target.read((0, 0, 30, 30), components=3, alignment=1), np.uint8)
    assert np.abs(corner.reshape(30, 30, 3)[15, 15].astype(int) - [50, 60, 70]).max() <= 1


@pytest.mark.parametrize(
    ("name", "knobs", "kept"),
    [("trails", {"trails.amount": 1.0}, 30), ("crossfade", {"crossfade.amount": 0.5}, 95)],
    ids=["trails", "crossfade"],
)
def test_a_window_that_is_resized_keeps_what_was_there(open_window, name, knobs, kept):
    window = open_window(40, 40)
    compositor = Compositor(window, (name, "grade"))  # a pass behind it is drawn again from what it has read
    compositor(flat((200, 200, 200)), Params(dict.fromkeys(knobs, 0.0)), (), Tick(0, 0.0, 0.0))
    compositor(flat((200, 200, 200)), Params(knobs), (), Tick(1, 0.01, 0.01))
    for index, side in enumerate((32, 36, 40), start=2):
        window.size = (side, side)
        compositor(flat((0, 0, 0)), Params(knobs), (), Tick(index, index / 100, 0.01))
        seen = np.frombuffer(window.target.read((0, 0, side, side), components=3, alignment=1), np.uint8)
        assert seen.reshape(side, side, 3)[side // 2, side // 2, 0] > kept, side
    compositor.close()


def test_grain_is_the_same_for_the_same_moment_and_moves_at_24_a_second(open_window):
    window = open_window(64, 64)
    compositor = Compositor(window, ("grain",))

    def at(time):
        compositor(flat((128, 128, 128)), Params({"grain.amount": 0.5}), (), Tick(0, time, 0.0))
        return window.read()

    assert np.array_equal(at(1.0), at(1.0))
    assert np.array_equal(at(1.0), at(1.0 + 1 / 60))
    assert not np.array_equal(at(1.0), at(1.0 + 1 / 24))
    assert abs(at(1.0).mean() - 128) < 2


def test_black_around_the_picture_stays_black(open_window):
    white = as_frame(np.full((16, 16, 3), 255, np.uint8))
    for name in ("palette", "chroma", "edges"):
        picture = play(open_window(*SIZE), (name,), LOOKS[name], 0.1, frame=white)
        assert picture[:, :20].max() <= 1, name


@pytest.fixture
def shaders(tmp_path):
    return shutil.copytree(shipped(), tmp_path / "shaders")


def save(path, text):
    """Save as an editor did a while ago, so that the file has come to rest."""
    before = min(path.stat().st_mtime_ns, time.time_ns() - 10**11)
    path.write_text(text)
    os.utime(path, ns=(before + 10**7, before + 10**7))


def look(compositor, window, frame):
    for _ in range(LOOK_EVERY):
        compositor(frame, Params())
    return window.read()


def test_a_saved_shader_is_taken_and_a_broken_one_leaves_the_last_good(open_window, shaders):
    window, said = open_window(32, 32), []
    compositor = Compositor(window, ("grade",), (shaders,), said.append)
    frame, grade = flat((200, 100, 50)), shaders / "grade.frag"
    good = grade.read_text()
    assert look(compositor, window, frame)[16, 16].tolist() == [200, 100, 50]
    save(grade, good.replace("source(at);", "source(at).bgr;"))
    assert look(compositor, window, frame)[16, 16].tolist() == [50, 100, 200]
    save(grade, good.replace("source(at);", "sauce(at);"))
    assert look(compositor, window, frame)[16, 16].tolist() == [50, 100, 200]
    assert "grade.frag:" in said[-1]
    assert "sauce" in said[-1]
    save(grade, good.replace("source(at);", "source(at).grb;"))
    assert look(compositor, window, frame)[16, 16].tolist() == [100, 200, 50]
    assert said[-1] == "shaders reloaded"
    grade.unlink()
    assert look(compositor, window, frame)[16, 16].tolist() == [100, 200, 50]


def test_a_uniform_of_another_type_is_a_broken_shader(open_window, shaders):
    window, said = open_window(32, 32), []
    compositor = Compositor(window, ("grade",), (shaders,), said.append)
    library = shaders / "lib" / "pass.glsl"
    save(library, library.read_text().replace("float brightness, contrast", "vec2 contrast; float brightness"))
    picture = look(compositor, window, flat((200, 100, 50)))
    assert picture[16, 16].tolist() == [200, 100, 50]
    assert len(said) == 1


def test_mutated_shaders_never_stop_the_show(open_window, shaders):
    """Each is a shipped file with a few characters changed: most do not compile, none may crash."""
    chance, window, said = random.Random(7), open_window(16, 16), []
    compositor = Compositor(window, ("grade",), (shaders,), said.append, guard=False)
    frame, grade = quadrants(), shaders / "grade.frag"
    good = grade.read_text()
    plain = look(compositor, window, frame)
    broken = 0
    for _ in range(int(os.environ.get("MUTANTS", "60"))):
        text = list(good)
        for _ in range(chance.randint(1, 4)):
            text[chance.randrange(len(text))] = chance.choice('(){};.,=+-*/ \n0179azAZ_#"\\é')
        said.clear()
        save(grade, "".join(text))
        look(compositor, window, frame)
        if said and said[-1] != "shaders reloaded":
            broken += 1
            save(grade, good)
            assert np.array_equal(look(compositor, window, frame), plain)
    assert broken > 20


def test_an_unknown_pragma_is_refused(open_window, shaders):
    (shaders / "mine.frag").write_text("#version 330 core\n#pragma latentvj twice\nvoid main() {}\n")
    with pytest.raises(UserError, match=r"mine\.frag:2: .*twice"):
        Compositor(open_window(8, 8), ("mine",), (shaders,))


MINE = (
    "#version 330 core\n#pragma latentvj once\n"
    '#pragma latentvj param amount 0 0 1 "" "pass mine: no red"\n'
    '#include "lib/tint.glsl"\n#include "lib/pass.glsl"\n'
    "uniform struct Mine { float amount; } mine;\n"
    "vec3 shade(vec2 at) { return mix(source(at), tint(source(at)), mine.amount); }\n"
)


@pytest.fixture
def own(tmp_path):
    """A performer's folder: one pass, and a file that it includes beside the shipped one."""
    (tmp_path / "own" / "lib").mkdir(parents=True)
    (tmp_path / "own" / "lib" / "tint.glsl").write_text("vec3 tint(vec3 c) { return vec3(0.0, c.gb); }\n")
    (tmp_path / "own" / "mine.frag").write_text(MINE)
    return tmp_path / "own"


def shown(compositor, window, amount=1.0):
    for _ in range(LOOK_EVERY):
        compositor(flat((200, 100, 50)), {**Params(), "mine.amount": amount})
    return window.read()[16, 16].tolist()


def test_a_performers_pass_is_found_beside_the_shipped_ones(open_window, own):
    window = open_window(32, 32)
    compositor = Compositor(window, ("grade", "mine"), (own,))
    assert shown(compositor, window) == [0, 100, 50]
    assert shown(compositor, window, 0.0) == [200, 100, 50]


def test_a_performers_file_goes_over_the_shipped_one(open_window, own):
    (own / "grade.frag").write_text(MINE.replace("Mine", "Grade").replace("mine", "grade"))
    window = open_window(32, 32)
    compositor = Compositor(window, ("grade",), (own,))
    compositor(flat((200, 100, 50)), {**Params(), "grade.amount": 1.0})
    assert window.read()[16, 16].tolist() == [0, 100, 50]


def test_a_file_with_a_mistake_is_a_line_where_no_preset_uses_it(open_window, own):
    said = []
    (own / "torn.frag").write_text(MINE.replace("mine.amount", "mine.mount"))
    window = open_window(32, 32)
    compositor = Compositor(window, ("mine",), (own,), said.append, faults=Faults(said.append, on_stage=True))
    assert len(said) == 1
    assert said[0].startswith(f"{own / 'torn.frag'}:7: ")
    assert said[0].endswith("; the pass torn cannot be drawn")
    assert shown(compositor, window) == [0, 100, 50]
    save(own / "mine.frag", MINE.replace("tint(source(at))", "vec3(0.0)"))  # the torn one is not in its way
    assert shown(compositor, window) == [0, 0, 0]
    assert said[1:] == ["shaders reloaded"]
    with pytest.raises(UserError, match=r"torn\.frag:7: "):
        compositor.change(("mine", "torn"))
    with pytest.raises(UserError, match=r"torn\.frag:7: "):
        Compositor(window, ("torn",), (own,))


def test_other_parameters_of_a_saved_file_count_from_the_next_cue_on(open_window, own):
    window, said = open_window(32, 32), []
    compositor = Compositor(window, ("mine",), (own,), said.append)
    save(own / "mine.frag", MINE.replace("amount 0 0 1", "amount 0 0 2"))
    assert shown(compositor, window) == [0, 100, 50]
    assert said == ["shaders reloaded", "mine: other parameters are declared now; they count from the next cue on"]
    said.clear()
    save(own / "lib" / "tint.glsl", "vec3 tint(vec3 c) { return vec3(c.r, 0.0, c.b); }\n")
    assert shown(compositor, window) == [200, 0, 50]
    assert said == ["shaders reloaded"]


@pytest.mark.parametrize(
    ("pragma", "uniform", "place"),
    [
        ("param amount 0 0 2", "float amount", r"mine\.frag:3: a parameter is declared as"),
        ("param amount 0 0 1 '' ''", "vec2 amount", r"mine\.frag: the uniform mine\.amount has the wrong type"),
        ("param amount 0 0 1 '' ''", "int amount", r"mine\.frag: the uniform mine\.amount has the wrong type"),
        ("param amount 0 0 1 '' ''", "float amount[2]", r"mine\.frag"),
    ],
)
def test_a_parameter_is_a_float(open_window, own, pragma, uniform, place):
    text = MINE.splitlines()
    text[2], text[5] = f"#pragma latentvj {pragma}", f"uniform struct Mine {{ {uniform}; }} mine;"
    text[6] = (
        "vec3 shade(vec2 at) { return source(at) * float(mine.amount"
        + {"vec2": ".x", "floa": ""}.get(uniform[:4], "")
        + ("[0]" if "[" in uniform else "")
        + "); }"
    )
    (own / "mine.frag").write_text("\n".join(text) + "\n")
    with pytest.raises(UserError, match=place):
        Compositor(open_window(8, 8), ("mine",), (own,))
