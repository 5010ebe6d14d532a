"""A new shader on trial, in the real process that a show tries it in."""

from __future__ import annotations

import pytest

from engine.stage.isf.files import read
from engine.stage.isf.trial import TrialRoom
from engine.stage.passes.source import ShaderError
from tests.builders.isf import write
from tests.parts import need

ENDLESS = "void main() { float x = 0.0; while (k < 2.0) x += sin(x + k); gl_FragColor = vec4(x); }"


def test_what_never_ends_or_does_not_compile_costs_a_line_and_the_next_one_draws(tmp_path):
    need("EGL")
    endless = write(tmp_path, ENDLESS, "endless", INPUTS=[{"NAME": "k", "TYPE": "float"}])
    broken = write(tmp_path, "void main() {\n nothing(); }", "broken")
    good = write(tmp_path, "void main() { gl_FragColor = vec4(isf_FragNormCoord, 0.0, 1.0); }", "good")
    empty = write(
        tmp_path, "void main() { gl_FragColor = vec4(0.0); }", "empty", INPUTS=[{"NAME": "i", "TYPE": "image"}]
    )
    with (
        TrialRoom(seconds=0.5) as room,
        pytest.raises(ShaderError, match=r"endless\.fs: takes longer than 0\.5 seconds"),
    ):
        room.try_out(read(endless), (640, 360))  # a smaller one ends: llvmpipe leaves a loop after 65535 rounds
    with TrialRoom(seconds=30.0) as room:
        with pytest.raises(ShaderError, match=r"broken\.fs:3: "):
            room.try_out(read(broken), (16, 16))
        assert room.try_out(read(good), (16, 16))
        assert not room.try_out(read(empty), (16, 16))
