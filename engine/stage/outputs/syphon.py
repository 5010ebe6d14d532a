"""Syphon (syphon-python): the picture for other programs on the same Mac, GPU to GPU. NOT run yet."""

from __future__ import annotations

import platform
from typing import Any

from engine.borders.errors import UserError
from engine.stage.outputs.output import TITLE, Output, load
from engine.stage.passes.canvas import Size

NAME = "syphon"


class Syphon:
    """A Syphon server called ``latentvj``, of the OpenGL kind."""

    name, on_gpu = NAME, True

    def __init__(self, server: Any) -> None:
        """``server`` is a syphon.SyphonOpenGLServer made while our GL context is current."""
        self._server: Any = server

    def send(self, picture: Any, seconds: float) -> None:
        """Show a moderngl texture; like GL, Syphon counts rows from the lower one."""
        self._server.publish_frame_texture(picture.glo, size=picture.size, is_flipped=False)

    def close(self) -> None:
        """Leave Syphon's list; a second call does nothing."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()


def open_output(size: Size, fps: float) -> Output:
    """Begin to share; UserError where there is no Syphon."""
    if platform.system() != "Darwin":
        raise UserError(f"--output {NAME}: Syphon is there on macOS only: use ndi, or spout on Windows")
    library = load(NAME, "syphon", "syphon")
    return Syphon(library.SyphonOpenGLServer(TITLE))
