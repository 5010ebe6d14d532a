"""A virtual camera (pyvirtualcam): v4l2loopback on Linux, OBS on macOS and Windows, UnityCapture on Windows."""

from __future__ import annotations

import sys
from typing import Literal

import numpy as np

from engine.borders.contracts import PixelOutput, Pixels
from engine.borders.errors import UserError
from engine.stage.letterbox import letterbox
from engine.stage.outputs.output import Foreign, load
from engine.stage.passes.canvas import Size

NAME = "virtual-camera"
_HINTS = {
    "linux": "sudo apt install v4l2loopback-dkms && sudo modprobe v4l2loopback, and close who uses it",
    "darwin": "install OBS, start its virtual camera once, then close OBS",
    "win32": "install OBS or UnityCapture",
}


class VirtualCamera:
    """Sends RGB pictures of one size; a picture of another size is scaled to it."""

    name = NAME
    on_gpu: Literal[False] = False

    def __init__(self, camera: Foreign) -> None:
        """``camera`` is a pyvirtualcam.Camera that takes RGB."""
        self._camera = camera

    def send(self, picture: Pixels, seconds: float) -> None:
        """Send a picture, uint8 [H, W, 4]."""
        rgb = letterbox(picture, (self._camera.width, self._camera.height))[..., :3]
        self._camera.send(np.ascontiguousarray(rgb))

    def close(self) -> None:
        """Release the camera."""
        self._camera.close()


def open_output(size: Size, fps: float) -> PixelOutput:
    """Open the first free virtual camera, with even sides for its 4:2:0. Raises UserError when there is none."""
    library = load(NAME, "pyvirtualcam")
    try:
        return VirtualCamera(library.Camera(size[0] & ~1, size[1] & ~1, fps))
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        hint = _HINTS.get(sys.platform, "no virtual camera is known for this system")
        raise UserError(f"--output {NAME}: no camera to send to ({reason}): {hint}") from error
