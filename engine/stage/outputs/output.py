"""The outputs by name (``--output NAME``): each is one row here and one file beside this one.

The file of ``a-name`` is ``a_name.py``. Its ``open_output(size, fps)`` opens the output for pictures of that size.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from engine.borders.errors import UserError

if TYPE_CHECKING:
    from engine.borders.contracts import Output  # loads numpy: not for --help

TITLE = "latentvj"  # the name that receivers list
Foreign: TypeAlias = Any  # a module or an object of an output's library; these have no types


@dataclass(frozen=True, slots=True)
class Row:
    """An output: one line of help, and the package's extra that installs its library, or ""."""

    help: str
    extra: str = ""


OUTPUTS: Mapping[str, Row] = MappingProxyType(
    {
        "virtual-camera": Row("a camera for video calls and OBS (v4l2loopback, OBS, UnityCapture)", "camera"),
        "ndi": Row("NDI, to other machines in the network", "ndi"),
        "spout": Row("Spout, to other programs on Windows, on the GPU", "spout"),
        "syphon": Row("Syphon, to other programs on macOS, on the GPU", "syphon"),
    }
)


def open_output(name: str, size: tuple[int, int], fps: float) -> Output:
    """Open the output ``name`` for pictures of ``size`` (width, height). UserError says what is missing."""
    if name not in OUTPUTS:
        raise UserError(f"--output {name!r}: choose one of {', '.join(OUTPUTS)}")
    module = importlib.import_module(f"{__package__}.{name.replace('-', '_')}")
    output: Output = module.open_output(size, fps)
    return output


def load(name: str, module: str) -> Foreign:
    """Import an optional library for output ``name``. Raises UserError, which has the command that installs it."""
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: the library is there, but not a library that it needs
        how = f"pip install 'latentvj[{OUTPUTS[name].extra}]'"
        raise UserError(f"--output {name}: {module.partition('.')[0]} is not installed ({error}): {how}") from error
