"""Syphon (syphon-python): the picture for other programs on the same Mac, GPU to GPU. NOT run yet."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any, Literal

from engine.borders.contracts import TextureOutput
from engine.borders.errors import UserError
from engine.stage.outputs.output import TITLE, load
from engine.stage.passes.canvas import Size

if TYPE_CHECKING:
    import moderngl

NAME = "syphon"


class Syphon:
    """A Syphon server called ``latentvj``, of the OpenGL kind."""

    name = NAME
    on_gpu: Literal[True] = True

    def __init__(self, server: Any) -> None:
        """``server`` is a syphon.SyphonOpenGLServer made while our GL context is current."""
        self._server: Any = server

    def send(self, picture: moderngl.Texture, seconds: float) -> None:
        """Show a moderngl texture; like GL, Syphon counts rows from the lower one."""
        self._server.publish_frame_texture(picture.glo, size=picture.size, is_flipped=False)

    def close(self) -> None:
        """Leave Syphon's list; a second call does nothing."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()


def open_output(size: Size, fps: float) -> TextureOutput:
    """Begin to share; UserError where there is no Syphon."""
    if platform.system() != "Darwin":
        raise UserError(f"--output {NAME}: Syphon is there on macOS only: use ndi, or spout on Windows")
    library = load(NAME, "syphon")
    return Syphon(library.SyphonOpenGLServer(TITLE))
