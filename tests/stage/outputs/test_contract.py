"""Every output is one row and one file, and a whole `PixelOutput` or `TextureOutput`."""

from __future__ import annotations

import importlib
import inspect
import tomllib

import pytest

from engine.borders.contracts import PixelOutput, TextureOutput
from engine.stage.outputs.output import OUTPUTS
from tests.builders.contract import unlike
from tests.builders.show import ROOT

CONTRACTS = {False: PixelOutput, True: TextureOutput}


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_is_a_whole_one(name: str) -> None:
    module = importlib.import_module(f"engine.stage.outputs.{name.replace('-', '_')}")
    (made,) = (c for c in vars(module).values() if inspect.isclass(c) and c.__module__ == module.__name__)
    assert made.name == name
    assert unlike(made, CONTRACTS[made.on_gpu]) == []
    assert list(inspect.signature(module.open_output).parameters) == ["size", "fps"]


def test_every_extra_can_be_installed() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {row.extra for row in OUTPUTS.values()} - {""} <= extras.keys()
