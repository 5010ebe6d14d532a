"""What an output is, and the outputs there are by name (``--output NAME``)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

from engine.borders.errors import UserError
from engine.stage.passes.canvas import Size

TITLE = "latentvj"  # what receivers list us as
# name: (module, one line of help). Each module has ``open_output(size, fps) -> Output``.
OUTPUTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "virtual-camera": ("virtual_camera", "a camera for video calls and OBS (v4l2loopback, OBS, UnityCapture)"),
        "ndi": ("ndi", "NDI, to other machines in the network"),
        "spout": ("spout", "Spout, to other programs on Windows, on the GPU"),
        "syphon": ("syphon", "Syphon, to other programs on macOS, on the GPU"),
    }
)


class Output(Protocol):
    """One more place the picture goes to.

    ``on_gpu``: ``send`` gets the picture as a moderngl texture [W, H], lower row first, in the loop's thread.
    Otherwise it gets pixels, uint8 [H, W, 4], top row first and read-only, in a thread of its own, and may wait.
    Whatever it raises takes this output out of the show, with a line; the show goes on.
    """

    name: str
    on_gpu: bool

    def send(self, picture: Any, seconds: float) -> None:
        """Show ``picture``, made for ``seconds`` on the rig's clock."""
        ...

    def close(self) -> None:
        """Let go of the device; a second call does nothing."""
        ...


def open_output(name: str, size: Size, fps: float) -> Output:
    """Open the output called ``name``; UserError says what is missing and how to get it."""
    if name not in OUTPUTS:
        raise UserError(f"--output {name!r}: choose one of {', '.join(OUTPUTS)}")
    module = importlib.import_module(f"engine.stage.outputs.{OUTPUTS[name][0]}")
    output: Output = module.open_output(size, fps)
    return output


def load(name: str, module: str, extra: str) -> Any:
    """Import an optional library for output ``name``; UserError with the line that installs it."""
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: the library is there, what it needs is not
        how = f"pip install 'latentvj[{extra}]'"
        raise UserError(f"--output {name}: {module.partition('.')[0]} is not installed ({error}): {how}") from error
