"""What an ISF file says of itself, and what is said of one that is wrong."""

from __future__ import annotations

import math

import pytest

from engine.stage.isf.expression import parse, pixels
from engine.stage.isf.files import Shader, find, read, rows_of, switch_of
from engine.stage.isf.header import read_header
from engine.stage.passes.source import ShaderError
from tests.builders.isf import IMAGE, write

CODE = "void main() { gl_FragColor = vec4(1.0); }\n"


def shader(folder, **header) -> Shader:
    return read(write(folder, CODE, **header))


def test_every_number_of_an_input_is_a_parameter_with_its_range_and_label(tmp_path):
    inputs = [
        IMAGE,
        {"NAME": "level", "TYPE": "float", "DEFAULT": 0.25, "MIN": -1.0, "MAX": 2.0, "LABEL": "How  much"},
        {"NAME": "on", "TYPE": "bool", "DEFAULT": True},
        {"NAME": "mode", "TYPE": "long", "VALUES": [1, 2, 8], "LABELS": ["one", "two", "eight"], "DEFAULT": 2},
        {"NAME": "hit", "TYPE": "event"},
        {"NAME": "tint", "TYPE": "color", "DEFAULT": [1.0, 0.5, 0.0, 1.0]},
        {"NAME": "at", "TYPE": "point2D", "DEFAULT": [0.5, 0.25], "MIN": [0, 0], "MAX": [1, 2]},
        {"NAME": "wave", "TYPE": "audio"},
        {"NAME": "fft", "TYPE": "audioFFT", "MAX": 16},
    ]
    rows = {row.name.removeprefix("isf.try."): row for row in shader(tmp_path, INPUTS=inputs).rows}
    picture, *numbers = [name for name in rows if name != "mix"]
    assert picture == "inputImage.video"
    assert numbers == ["level", "on", "mode", "hit", "tint.r", "tint.g", "tint.b", "tint.a", "at.x", "at.y"]
    level, mode = rows["level"], rows["mode"]
    assert (level.default, level.low, level.high, level.help) == (0.25, -1.0, 2.0, "How much")
    assert (mode.default, mode.low, mode.high, mode.whole) == (2.0, 1.0, 8.0, True)
    assert (level.label, mode.label) == ("try: How much", "")  # as the operator's window shows it
    assert mode.help == "mode: 1 one, 2 two, 8 eight"
    assert rows["on"].whole
    assert rows["tint.g"].default == 0.5
    assert rows["at.y"].high == 2.0


@pytest.mark.parametrize(
    ("said", "default", "low", "high"),
    [
        ({}, 0.5, 0.0, 1.0),
        ({"MIN": 2}, 2.5, 2.0, 3.0),
        ({"MIN": 1.0, "MAX": 0.05, "DEFAULT": 0.001}, 0.001, 0.001, 1.0),  # upside down, and the default outside
        ({"MIN": 3, "MAX": 3, "DEFAULT": "3"}, 3.0, 3.0, 4.0),
    ],
)
def test_a_range_that_is_missing_or_odd_becomes_one(tmp_path, said, default, low, high):
    row = shader(tmp_path, INPUTS=[{"NAME": "x", "TYPE": "float", **said}]).rows[1]
    assert (row.default, row.low, row.high) == (default, low, high)


def test_passes_are_read_in_both_versions(tmp_path):
    new = [{"TARGET": "a", "PERSISTENT": True, "FLOAT": True, "WIDTH": "$WIDTH/2", "HEIGHT": 8}, {}]
    two = shader(tmp_path, PASSES=new).header.targets
    old = {"PERSISTENT_BUFFERS": {"a": {"FLOAT": True, "WIDTH": "$WIDTH/2", "HEIGHT": "8"}}}
    one = shader(tmp_path, PASSES=[{"TARGET": "a"}, {}], ISFVSN="1", **old).header.targets
    for first, last in (one, two):
        assert (first.name, first.persistent, first.floating) == ("a", True, True)
        assert pixels(first.width, {"WIDTH": 64.0}, 1, 100) == 32
        assert pixels(first.height, {}, 1, 100) == 8
        assert last.name == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("floor($WIDTH/3.0)", 33.0),
        ("max(8.0, floor($HEIGHT*$buffQuality))", 25.0),
        ("-2^2 + pow(2, 3) % 5", -1.0),
        ("2 * (3 + 4) - 10 / 4", 11.5),
        ("min(4, 3, 2) + round(2.5) + ceil(0.2)", 6.0),
        ("pi()", math.pi),
        ("$WIDTH > 1", None),
        ("__import__('os')", None),
        ("$nothing", None),
        ("(1", None),
        ("1 2", None),
        ("", None),
        ("(" * 500 + "1", None),
    ],
)
def test_a_size_is_arithmetic_and_nothing_else(text, value):
    values = {"WIDTH": 100.0, "HEIGHT": 50.0, "buffQuality": 0.5}
    if value is None:
        with pytest.raises(ValueError, match=r"."):
            parse(text, values)
    else:
        assert parse(text, values)(values) == pytest.approx(value)


@pytest.mark.parametrize("text", ["1/0", "sqrt(0-1)", "10^1000", "0-5", "(0-8)^0.5"])
def test_a_size_that_comes_to_nothing_is_the_pictures_or_a_pixel(text):
    assert pixels(parse(text, {}), {}, 7, 100) in (7, 1)
    assert pixels(parse("1e9", {}), {}, 7, 100) == 100


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("void main() {}", r"try\.fs:1: an ISF file begins with a comment"),
        ('/*{\n "INPUTS": [,]\n}*/', r"try\.fs:2: its JSON is broken"),
        ("/*[1]*/", r"try\.fs:1: its JSON is an object"),
        ("/*" + "[" * 100000 + "*/", r"nested too deeply|broken"),
        ('/*{"INPUTS": [\n{"NAME": "a", "TYPE": "point3D"}]}*/', r"try\.fs:2: the input 'a' has the type 'point3D': t"),
        ('/*{"INPUTS": [{"NAME": "a b", "TYPE": "float"}]}*/', r"the NAME of an input is a word"),
        ('/*{"INPUTS": [{"NAME": "a", "TYPE": "float", "MIN": "x"}]}*/', r"the input 'a': MIN = 'x' is no number"),
        (
            '/*{"INPUTS": [{"NAME": "a", "TYPE": "float"},{"NAME": "a", "TYPE": "bool"}]}*/',
            r"two things are called 'a'",
        ),
        ('/*{"INPUTS": 3}*/', r"INPUTS is a list of objects"),
        ('/*{\n"PASSES": [{"TARGET": "a",\n"WIDTH": "eval(1)"}]}*/', r"try\.fs:3: the size 'eval\(1\)': there is no f"),
        ('/*{"PASSES": [' + ",".join(["{}"] * 40) + "]}*/", r"40 passes; 32 are the most"),
        ('/*{"IMPORTED": {"a": {}}}*/', r"the imported picture 'a' has no PATH"),
    ],
)
def test_a_header_that_is_wrong_is_refused_in_one_line(tmp_path, text, says):
    with pytest.raises(ShaderError, match=says) as refused:
        read_header(text, tmp_path / "try.fs")
    assert "\n" not in str(refused.value)


def test_a_file_is_found_by_name_in_a_folder_below_and_by_path(tmp_path):
    (tmp_path / "pack").mkdir()
    path = write(tmp_path / "pack", CODE, "3d Rotate")
    assert find("isf:3d Rotate.fs", (tmp_path,)) == path
    assert find(f"isf:{path}", ()) == path
    assert switch_of(f"isf:{path}") == switch_of("isf:3d Rotate.fs") == "isf.3d_Rotate.mix"
    with pytest.raises(ShaderError, match=r"no ISF file '3d Rotat\.fs' in .*did you mean '3d Rotate'"):
        find("isf:3d Rotat.fs", (tmp_path,))
    with pytest.raises(ShaderError, match=r"there is no such ISF file"):
        find(f"isf:{tmp_path}/none.fs", ())


def test_two_files_of_one_name_and_a_picture_that_is_missing_are_refused(tmp_path):
    (tmp_path / "other").mkdir()
    both = [f"isf:{write(folder, CODE)}" for folder in (tmp_path, tmp_path / "other")]
    with pytest.raises(ShaderError, match="have one name"):
        rows_of(both)
    with pytest.raises(ShaderError, match=r"the imported picture 'cat' is not there"):
        shader(tmp_path, IMPORTED={"cat": {"PATH": "cat.png"}})
