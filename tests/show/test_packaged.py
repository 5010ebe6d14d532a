"""Models that are the content of another package: played where it is installed, named where it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.borders.errors import UserError
from engine.control.presets import preset as presets
from engine.show.opening import find_model, preset_folders
from engine.show.table import standard
from engine.system import resources
from tests.builders import families


def test_faces_is_a_preset_where_its_package_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, file = resources.PACKAGED["faces"]
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").write_text("raise AssertionError('a package of weights was imported')")
    (tmp_path / package / file).write_bytes(families.saved(families.dcgan_state(families.dcgan())))
    monkeypatch.syspath_prepend(tmp_path)
    assert find_model("faces") == tmp_path / package / file
    assert package not in sys.modules
    preset = presets.find("faces", preset_folders(), standard())
    assert (preset.model, preset.latent.constant_norm) == ("faces", True)


@pytest.mark.skipif(resources.packaged("faces") is not None, reason="the package is installed here")
def test_without_its_package_faces_says_how_to_get_it() -> None:
    with pytest.raises(UserError, match=r"pip install 'latentvj\[faces\]'"):
        find_model("faces")
    assert all(folder.name != "faces" for folder in preset_folders())
