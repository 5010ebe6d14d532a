"""What an ISF shader draws, number by number."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from engine.stage.isf.effect import Effect
from engine.stage.isf.files import read
from engine.stage.passes.source import ShaderError
from tests.builders.isf import IMAGE, play, write

HEAD = "void main() {\n"


@pytest.fixture
def ctx(open_window):
    return open_window(8, 8).ctx


def gradient(width=4, height=4):
    """Red grows to the right, green upwards."""
    y, x = (np.mgrid[0:height, 0:width] + 0.5).astype(np.float32)
    return np.stack([x / width, y / height, np.zeros_like(x), np.ones_like(x)], axis=2)


@pytest.mark.parametrize(
    "read_with",
    [
        "IMG_NORM_PIXEL(inputImage, isf_FragNormCoord)",
        "IMG_PIXEL(inputImage, gl_FragCoord.xy)",
        "IMG_THIS_PIXEL(inputImage)",
        "IMG_THIS_NORM_PIXEL(inputImage)",
        "texture2D(inputImage, vv_FragNormCoord)",
        "texture2DRect(inputImage, gl_FragCoord.xy)",
        "IMG_PIXEL(inputImage, isf_FragNormCoord * IMG_SIZE(inputImage))",
        "IMG_PIXEL(inputImage, isf_FragNormCoord * _inputImage_imgRect.zw)",
        "vec4(isf_FragNormCoord, 0.0, 1.0)",
        "vec4(gl_FragCoord.xy / RENDERSIZE, 0, 1)",
    ],
)
def test_a_picture_is_read_at_its_place_bottom_left_first(ctx, tmp_path, read_with):
    path = write(tmp_path, f"{HEAD}gl_FragColor = {read_with};\n}}", INPUTS=[IMAGE])
    assert np.abs(play(ctx, path, picture=gradient()) - gradient()[..., :3]).max() < 2e-3


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("TIME", 0.2),
        ("TIMEDELTA", 0.1),
        ("float(FRAMEINDEX) / 10.0", 0.2),
        ("float(PASSINDEX) + 0.5", 0.5),
        ("RENDERSIZE.x / 10.0", 0.4),
        ("DATE.x / 4052.0", 0.5),
        ("DATE.w / 86400.0", 0.5),
        ("DATE.y / 2.0 + DATE.z / 4.0", 0.75),
    ],
)
def test_the_variables_have_their_values(ctx, tmp_path, expression, expected):
    path = write(tmp_path, f"{HEAD}gl_FragColor = vec4(vec3({expression}), 1.0);\n}}")
    assert play(ctx, path, pictures=3) == pytest.approx(expected, abs=1e-3)


def test_every_type_of_input_arrives(ctx, tmp_path):
    inputs = [
        {"NAME": "f", "TYPE": "float"},
        {"NAME": "b", "TYPE": "bool"},
        {"NAME": "m", "TYPE": "long", "VALUES": [1, 4, 9], "DEFAULT": 1},
        {"NAME": "c", "TYPE": "color"},
        {"NAME": "p", "TYPE": "point2D"},
    ]
    code = f"{HEAD}gl_FragColor = vec4(f, b ? c.b : 0.0, float(m) / 10.0 + p.y / 100.0, 1.0);\n}}"
    path = write(tmp_path, code, INPUTS=inputs)
    drawn = play(ctx, path, f=0.25, b=1.0, m=5.0, c__b=0.75, p__y=0.5)  # 5 is no value: 4 is the nearest
    assert drawn[0, 0] == pytest.approx([0.25, 0.75, 0.405], abs=1e-3)


def test_an_event_is_true_in_one_picture_alone(ctx, tmp_path):
    code = """void main() {
        gl_FragColor = IMG_THIS_PIXEL(count) + vec4(hit ? 0.25 : 0.0, 0.125, 0.0, 1.0);
    }"""
    header = {
        "INPUTS": [{"NAME": "hit", "TYPE": "event"}],
        "PASSES": [{"TARGET": "count", "PERSISTENT": 1, "FLOAT": 1}],
    }
    drawn = play(ctx, write(tmp_path, code, **header), pictures=4, hit=1.0)
    assert drawn[0, 0] == pytest.approx([0.25, 0.5, 0.0], abs=1e-3)


def test_a_buffer_persists_only_where_it_says_so(ctx, tmp_path):
    code = "void main() { gl_FragColor = vec4(IMG_THIS_PIXEL(a).rgb + 0.125, 1.0); }"
    for persistent, expected in ((True, 0.5), (False, 0.125)):
        path = write(tmp_path, code, f"try{persistent}", PASSES=[{"TARGET": "a", "PERSISTENT": persistent}])
        assert play(ctx, path, pictures=4)[0, 0, 0] == pytest.approx(expected, abs=0.01)


def test_a_buffer_of_floats_keeps_what_eight_bits_do_not(ctx, tmp_path):
    code = """void main() {
        if (PASSINDEX == 0) gl_FragColor = vec4(3.0, -2.0, 1e-4, 1.0);
        else gl_FragColor = vec4(IMG_THIS_PIXEL(a).rgb * vec3(0.1, -0.1, 1000.0), 1.0);
    }"""
    for floats, expected in ((True, [0.3, 0.2, 0.1]), (False, [0.1, 0.0, 0.0])):
        path = write(tmp_path, code, f"try{floats}", PASSES=[{"TARGET": "a", "FLOAT": floats}, {}])
        assert play(ctx, path)[0, 0] == pytest.approx(expected, abs=1e-3)


def test_a_pass_has_its_own_size_and_the_next_one_reads_it(ctx, tmp_path):
    code = """void main() {
        if (PASSINDEX == 0) gl_FragColor = vec4(RENDERSIZE / 16.0, 0.0, 1.0);
        else gl_FragColor = vec4(IMG_THIS_PIXEL(a).rg, IMG_SIZE(a).x / 16.0, 1.0);
    }"""
    passes = [{"TARGET": "a", "WIDTH": "$WIDTH * $k", "HEIGHT": "floor($HEIGHT / 2.0)"}, {}]
    path = write(tmp_path, code, INPUTS=[{"NAME": "k", "TYPE": "float", "MAX": 4}], PASSES=passes)
    assert play(ctx, path, k=2.0)[0, 0] == pytest.approx([0.5, 0.125, 0.5], abs=0.01)


def test_what_a_persistent_buffer_holds_stays_when_its_size_changes(ctx, tmp_path):
    code = """void main() {
        gl_FragColor = FRAMEINDEX == 0 ? vec4(isf_FragNormCoord, 0.0, 1.0) : IMG_THIS_PIXEL(a);
    }"""
    effect = Effect(ctx, read(write(tmp_path, code, PASSES=[{"TARGET": "a", "PERSISTENT": True, "FLOAT": True}])))
    from engine.stage.isf.effect import Moment
    from engine.stage.passes.canvas import Canvas

    source = ctx.texture((1, 1), 4, bytes(4))
    for side in (16, 8):
        canvas = Canvas.make(ctx, (side, side), "f4")
        effect.draw(source, {}, {}, Moment(0.0, 0.1, (2026.0, 1.0, 1.0, 0.0)), canvas)
    drawn = np.frombuffer(canvas.texture.read(), np.float32).reshape(8, 8, 4)
    assert np.abs(drawn - gradient(8, 8)).max() < 0.02
    effect.release()


def test_a_vertex_shader_of_its_own_hands_values_over(ctx, tmp_path):
    code = "varying vec2 twice;\nvoid main() { gl_FragColor = vec4(twice / 2.0, 0.0, 1.0); }"
    vertex = "varying vec2 twice;\nvoid main() { isf_vertShaderInit(); twice = clamp(isf_FragNormCoord, 0.0, 1.0); }"
    drawn = play(ctx, write(tmp_path, code, vertex=vertex))
    assert np.abs(drawn - gradient()[..., :3] / 2.0).max() < 1e-3


def test_an_imported_picture_stands_upright(ctx, tmp_path):
    rgb = np.zeros((2, 2, 3), np.uint8)
    rgb[0, 0], rgb[1, 1] = (255, 0, 0), (0, 0, 255)
    Image.fromarray(rgb).save(tmp_path / "cat.png")
    path = write(tmp_path, f"{HEAD}gl_FragColor = IMG_THIS_PIXEL(cat);\n}}", IMPORTED={"cat": {"PATH": "cat.png"}})
    drawn = play(ctx, path, size=(2, 2))
    assert np.array_equal(drawn[::-1], rgb / np.float32(255.0))


def test_a_generator_lies_over_the_picture_and_mix_fades_any_shader(ctx, tmp_path):
    generator = write(tmp_path, f"{HEAD}gl_FragColor = vec4(1.0, 0.0, 0.0, 0.5);\n}}", "over")
    assert play(ctx, generator)[0, 0] == pytest.approx([0.75, 0.25, 0.25], abs=1e-3)
    clear = write(tmp_path, f"{HEAD}gl_FragColor = vec4(1.0, 0.0, 0.0, 1.0);\n}}", "filter", INPUTS=[IMAGE])
    assert play(ctx, clear, mix=0.5)[0, 0] == pytest.approx([0.75, 0.25, 0.25], abs=1e-3)


def test_a_picture_with_alpha_is_read_straight_and_handed_on_premultiplied(ctx, tmp_path):
    premultiplied = np.broadcast_to(np.array([0.25, 0.125, 0.0, 0.5], np.float32), (4, 4, 4))
    code = f"{HEAD}vec4 c = IMG_THIS_PIXEL(inputImage);\ngl_FragColor = vec4(c.r, c.g, c.a, 0.5);\n}}"
    path = write(tmp_path, code, INPUTS=[IMAGE])
    drawn = play(ctx, path, picture=premultiplied, alpha=True, layered=1.0)
    assert drawn[0, 0] == pytest.approx([0.25, 0.125, 0.25, 0.5], abs=1e-3)  # (0.5, 0.25, 0.5) by an alpha of a half
    over = write(tmp_path, f"{HEAD}gl_FragColor = vec4(1.0, 1.0, 1.0, 0.5);\n}}", "over")
    drawn = play(ctx, over, picture=premultiplied, alpha=True, layered=1.0)
    assert drawn[0, 0] == pytest.approx([0.625, 0.5625, 0.5, 0.75], abs=1e-3)
    assert play(ctx, over, picture=premultiplied, alpha=True)[0, 0, 3] == 1.0
    drawn = play(ctx, over, picture=premultiplied, alpha=True, behind=True, layered=1.0)
    assert drawn[0, 0] == pytest.approx([0.5, 0.375, 0.25, 0.75], abs=1e-3)


@pytest.mark.parametrize(
    ("code", "vertex", "says"),
    [
        ("\nvoid main() {\n  gl_FragColor = vec3(1.0);\n}", None, r"try\.fs:4: "),
        ("#version 120\n#extension GL_EXT_x : enable\n/* a\n b */ void main() { nothing(); }", None, r"try\.fs:5: "),
        (HEAD + "gl_FragColor = vec4(1.0);\n}", "void main() {\n  isf_vertShaderInit()\n}", r"try\.vs:3: "),
        ("#include <x>\nvoid main() { gl_FragColor = vec4(1.0); }", None, r"try\.fs"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_the_authors_number(ctx, tmp_path, code, vertex, says):
    with pytest.raises(ShaderError, match=says) as refused:
        Effect(ctx, read(write(tmp_path, code, vertex=vertex)))
    assert "\n" not in str(refused.value)


def test_what_other_drivers_let_pass_compiles_where_the_driver_knows_a_newer_glsl(ctx, tmp_path):
    code = "float half_() { int i = 1; return i; }\nvoid main() { uint u = 1; gl_FragColor = vec4(half_() * 0.5); }"
    path = write(tmp_path, code, INPUTS=[IMAGE])
    if ctx.version_code >= 420:
        assert play(ctx, path)[0, 0, 0] == pytest.approx(0.25, abs=1e-3)  # its alpha is a half, too
    else:
        with pytest.raises(ShaderError, match=r"try\.fs:2: "):
            Effect(ctx, read(path))


def test_a_name_that_glsl_keeps_for_itself_is_named(ctx, tmp_path):
    path = write(tmp_path, f"{HEAD}gl_FragColor = vec4(1.0);\n}}", INPUTS=[{"NAME": "flat", "TYPE": "float"}])
    with pytest.raises(ShaderError, match=r"try\.fs: 'flat' cannot be declared"):
        Effect(ctx, read(path))
