"""Syphon (syphon-python): the picture for other programs on the same Mac, GPU to GPU. NOT run yet."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Literal

from engine.borders.contracts import TextureOutput
from engine.borders.errors import UserError
from engine.stage.outputs.output import TITLE, Foreign, load
from engine.stage.passes.canvas import Size

if TYPE_CHECKING:
    import moderngl

NAME = "syphon"


class Syphon:
    """A Syphon server for OpenGL called ``latentvj``."""

    name = NAME
    on_gpu: Literal[True] = True

    def __init__(self, server: Foreign) -> None:
        """``server`` is a syphon.SyphonOpenGLServer; the window's GL context was current when it was made."""
        self._server: Foreign = server

    def send(self, picture: moderngl.Texture, seconds: float) -> None:
        """Send a texture, premultiplied as Syphon's are. Its first row is the lower one, like GL's."""
        self._server.publish_frame_texture(picture.glo, size=picture.size, is_flipped=False)

    def close(self) -> None:
        """Remove the server from Syphon's list; a second call does nothing."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()


def open_output(size: Size, fps: float) -> TextureOutput:
    """Open a Syphon server. Raises UserError where there is no Syphon."""
    if platform.system() != "Darwin":
        raise UserError(f"--output {NAME}: Syphon is there on macOS only: use ndi, or spout on Windows")
    library = load(NAME, "syphon")
    return Syphon(library.SyphonOpenGLServer(TITLE))
