"""Spout (SpoutGL): the picture for other programs on the same Windows machine, GPU to GPU. NOT run yet."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Literal

from engine.borders.contracts import TextureOutput
from engine.borders.errors import UserError
from engine.stage.outputs.output import TITLE, Foreign, load
from engine.stage.passes.canvas import Size

if TYPE_CHECKING:
    import moderngl

NAME = "spout"
GL_TEXTURE_2D = 0x0DE1


class Spout:
    """A Spout sender called ``latentvj``."""

    name = NAME
    on_gpu: Literal[True] = True

    def __init__(self, sender: Foreign) -> None:
        """``sender`` is a SpoutGL.SpoutSender; the window's GL context is current whenever it is used."""
        self._sender = sender
        sender.setSenderName(TITLE)

    def send(self, picture: moderngl.Texture, seconds: float) -> None:
        """Send a texture, premultiplied. Spout's first row is the upper one, and GL's is the lower one."""
        if not self._sender.sendTexture(picture.glo, GL_TEXTURE_2D, *picture.size, True, 0):
            raise RuntimeError("Spout does not take the texture")
        self._sender.setFrameSync(TITLE)

    def close(self) -> None:
        """Remove the sender from Spout's list."""
        self._sender.releaseSender()


def open_output(size: Size, fps: float) -> TextureOutput:
    """Open a Spout sender. Raises UserError where there is no Spout."""
    if platform.system() != "Windows":
        raise UserError(f"--output {NAME}: Spout is there on Windows only: use ndi, or syphon on macOS")
    return Spout(load(NAME, "SpoutGL").SpoutSender())
