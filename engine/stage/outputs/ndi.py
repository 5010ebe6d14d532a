"""NDI: the picture for other machines in the network, through cyndilib, which contains the NDI library."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np

from engine.borders.contracts import PixelOutput, Pixels
from engine.borders.errors import UserError
from engine.stage.matte.straight import straight
from engine.stage.outputs.output import TITLE, Foreign, load
from engine.stage.passes.canvas import Size

NAME = "ndi"


class Ndi:
    """An NDI source called ``latentvj``. It sends whole pictures; NDI compresses them."""

    name = NAME
    on_gpu: Literal[False] = False

    def __init__(self, sender: Foreign, frame: Foreign, size: Size) -> None:
        """``sender`` is an open cyndilib Sender whose video frame is ``frame``."""
        self._sender, self._frame, self._size = sender, frame, size

    def send(self, picture: Pixels, seconds: float) -> None:
        """Send a picture, uint8 [H, W, 4], with straight alpha; the receivers are told of a new size."""
        height, width = picture.shape[:2]
        if (width, height) != self._size:
            self._size = (width, height)
            self._frame.set_resolution(width, height)
        # This runs in the output's own thread, so it may wait, and it must: NDI reads the pixels until it returns.
        self._sender.write_video(np.ascontiguousarray(straight(picture)).reshape(-1))

    def close(self) -> None:
        """Leave the network."""
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.close()


def open_output(size: Size, fps: float) -> PixelOutput:
    """Announce the source in the network. Raises UserError when there is no library or no network."""
    sender_module = load(NAME, "cyndilib.sender")
    frame = load(NAME, "cyndilib.video_frame").VideoSendFrame()
    fourcc = load(NAME, "cyndilib.wrapper.ndi_structs").FourCC
    frame.set_resolution(*size)
    frame.set_frame_rate(Fraction(fps).limit_denominator(1001))
    frame.set_fourcc(fourcc.RGBA)
    sender = sender_module.Sender(TITLE, clock_video=False)  # the show has the clock
    sender.set_video_frame(frame)
    try:
        sender.open()
    except (RuntimeError, OSError, MemoryError) as error:
        hint = "is there a network, and avahi on Linux?"
        raise UserError(f"--output {NAME}: NDI does not start ({error}): {hint}") from error
    return Ndi(sender, frame, size)
