"""Shader files: includes, and errors that say where."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.stage.passes import shader
from engine.stage.passes.passes import Passes
from engine.stage.passes.source import ShaderError, files_of, read, shipped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "fullscreen.vert").write_text((shipped() / "fullscreen.vert").read_text())
    (tmp_path / "lib" / "tint.glsl").write_text("\n\nvec3 tint(vec3 c) { return c.bgr; }\n")
    return tmp_path


def fragment(folder: Path, *lines: str) -> None:
    (folder / "mine.frag").write_text("\n".join(lines) + "\n")


def compile_in(folder: Path, ctx, **defines: str) -> None:
    shader.link(ctx, read("fullscreen.vert", (folder,)), read("mine.frag", (folder,)), defines)


def test_an_include_is_unfolded_once(folder):
    fragment(folder, "#version 330 core", '#include "lib/tint.glsl"', '#include "lib/tint.glsl"', "void main() {}")
    source = read("mine.frag", (folder,))
    assert source.text.count("vec3 tint") == 1
    assert [path.name for path in source.files] == ["mine.frag", "tint.glsl"]


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        ("void main() { colour = vec4(nonsense); }", r"mine\.frag:4: .*nonsense"),
        ("void main() { colour = vec4(tint(1.0, 2.0), 1.0); }", r"mine\.frag:4"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(open_window, folder, broken, place):
    fragment(folder, "#version 330 core", '#include "lib/tint.glsl"', "out vec4 colour;", broken)
    with pytest.raises(ShaderError, match=place) as caught:
        compile_in(folder, open_window(8, 8).ctx, FIRST="1")
    assert "\n" not in str(caught.value)


def test_a_mistake_in_an_included_file_is_named_there(open_window, folder):
    (folder / "lib" / "tint.glsl").write_text("\n\nvec3 tint(vec3 c) { return c.bgrr; }\n")
    fragment(folder, "#version 330 core", '#include "lib/tint.glsl"', "void main() {}")
    with pytest.raises(ShaderError, match=r"tint\.glsl:3: "):
        compile_in(folder, open_window(8, 8).ctx)


def test_what_is_missing_is_named(folder):
    fragment(folder, "#version 330 core", '#include "lib/nowhere.glsl"')
    with pytest.raises(ShaderError, match=r"mine\.frag:2: there is no lib/nowhere\.glsl"):
        read("mine.frag", (folder,))
    with pytest.raises(ShaderError, match=r"other\.frag: cannot read"):
        read("other.frag", (folder,))
    fragment(folder, "void main() {}")
    with pytest.raises(ShaderError, match=r"mine\.frag:1: .*#version"):
        read("mine.frag", (folder,))


def test_every_shipped_pass_compiles_wherever_it_stands(open_window):
    library = Passes(open_window(8, 8).ctx)
    for name in files_of():
        library.load(name)
