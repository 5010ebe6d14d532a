"""What passes declare in their own files: rows of the table, read without OpenGL, and mistakes named by line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.borders.errors import UserError
from engine.borders.params import DESKTOP_ROWS, PICTURE_ROWS, STYLE_ROWS, TRAVEL_ROWS, Param
from engine.generator.warps.rows import ROWS as WARP_ROWS
from engine.show.table import standard, table_of
from engine.stage.passes.rows import rows_of
from tests.builders.show import ROOT

FOG = '#pragma latentvj param amount 0 0 1 "" "pass fog: 1 nothing to be seen"'
BODY = (
    '#include "lib/pass.glsl"\nuniform struct Fog { float amount; } fog;\nvec3 shade(vec2 at) { return source(at); }\n'
)


def write(folder: Path, name: str, *pragmas: str) -> Path:
    path = folder / f"{name}.frag"
    path.write_text("\n".join(["#version 330 core", *pragmas, BODY]))
    return path


def unheard(line: str) -> None:
    raise AssertionError(line)


def test_a_pass_declares_its_parameters(tmp_path: Path) -> None:
    write(
        tmp_path, "fog", FOG,
        '#pragma latentvj param drift 0.5 -4.0 4 "heights/s" "it moves on, left or right" rate',
        '#pragma latentvj param layers 3 1 8 "" "don\'t ask" whole',
    )  # fmt: skip
    assert rows_of((tmp_path,), unheard, ["fog"]) == (
        Param("fog.amount", 0.0, 0.0, 1.0, "", "pass fog: 1 nothing to be seen"),
        Param("fog.drift", 0.5, -4.0, 4.0, "heights/s", "it moves on, left or right", rate=True),
        Param("fog.layers", 3.0, 1.0, 8.0, "", "don't ask", whole=True),
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("param amount 0 0", "declared as param NAME DEFAULT LOW HIGH"),
        ('param amount 0 0 1 "" "open', "no closing quotation"),
        ('param amount none 0 1 "" "x"', "'none' is not a number"),
        ('param amount 0 0 inf "" "x"', "'inf' is not a number"),
        ('param amount 2 0 1 "" "x"', "amount = 2 is not inside 0 to 1"),
        ('param amount 0 1 0 "" "x"', "amount = 0 is not inside 1 to 0"),
        ('param a.b 0 0 1 "" "x"', "called by a word, not 'a.b'"),
        ('param amount 0.5 0 1 "" "x" whole', "whole numbers"),
        ('param amount 0 0 1 "" "x" often', "'often' is not one of rate, whole"),
        ("order first", "'first' is not a number"),
        ("order", "order N"),
    ],
)
def test_a_mistake_is_told_with_its_file_and_line_and_the_others_play(tmp_path: Path, said: str, why: str) -> None:
    write(tmp_path, "haze", '#pragma latentvj param amount 0 0 1 "" "x"')
    path, told = write(tmp_path, "fog", "// a comment", f"#pragma latentvj {said}"), []
    table = table_of(tmp_path, told.append)
    assert told == [told[0]]
    assert told[0].startswith(f"{path}:3: ")
    assert why in told[0]
    assert told[0].endswith("; the pass fog has no parameters")
    assert "haze.amount" in table
    assert "fog.amount" not in table


def test_a_parameter_is_declared_once_and_by_a_pass_with_a_name(tmp_path: Path) -> None:
    told: list[str] = []
    write(tmp_path, "fog", FOG, FOG)
    write(tmp_path, "my-fog", FOG)
    rows_of((tmp_path,), told.append)
    assert [line.partition(": ")[2].partition(";")[0] for line in told] == [
        "fog.amount is declared twice", "a pass with parameters is called by a word, not 'my-fog'",
    ]  # fmt: skip


def test_rows_stand_where_they_always_stood() -> None:
    own = {row.name for row in (*TRAVEL_ROWS, *WARP_ROWS, *PICTURE_ROWS, *STYLE_ROWS, *DESKTOP_ROWS)}
    names = [name for name in standard() if name not in own]
    groups = list(dict.fromkeys(name.partition(".")[0] for name in names))
    assert groups == [
        "trails",
        "bloom",
        "chroma",
        "palette",
        "mirror",
        "edges",
        "grain",
        "flash",
        "crossfade",
        "background",
        "feedback",
        "mask",
        "pin",
    ]
    every = list(standard())
    assert every[every.index("trails.amount") - 1].startswith("style.")
    assert every[every.index("pin.outside") + 1].startswith("desktop.")
    assert len(every) == len(own) + len(names) == len(set(every))


def test_a_performers_rows_follow_and_an_order_places_them(tmp_path: Path) -> None:
    write(tmp_path, "fog", FOG)
    write(tmp_path, "dawn", "#pragma latentvj order 0.5", FOG)
    every = list(table_of(tmp_path))
    assert every.index("dawn.amount") == every.index("trails.amount") - 1
    assert every.index("fog.amount") == every.index("pin.outside") + 1


def test_a_file_of_a_shipped_name_goes_over_the_shipped_one(tmp_path: Path) -> None:
    told: list[str] = []
    path = write(tmp_path, "grain", '#pragma latentvj param amount 0.5 0 1 "" "mine"')
    table = table_of(tmp_path, told.append)
    assert told == [f"{path} goes over the shipped pass grain"]
    assert table["grain.amount"].help == "mine"
    assert "grain.size" not in table


def test_a_row_that_the_engine_has_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "picture", '#pragma latentvj param zoom 0 0 1 "" "mine"')
    with pytest.raises(UserError, match=r"--shaders .*picture\.zoom"):
        table_of(tmp_path)


def test_there_is_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        table_of(tmp_path / "nowhere")


def test_the_table_needs_neither_opengl_nor_torch() -> None:
    program = (
        "import sys; from engine.stage.passes.rows import rows_of; rows = rows_of((), print); "
        "assert rows; assert not {'moderngl', 'torch'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=60)
