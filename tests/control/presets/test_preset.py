"""Presets: what is written is what plays, and what is misspelt is named."""

from pathlib import Path

import pytest

from engine.borders.errors import UserError
from engine.control.presets.preset import find, parse
from engine.system import resources
from tests.builders.params import TABLE

PATH = Path("looks/tidal.toml")
GOOD = """
name = "tidal"
model = "fruit"
[latent]
seeds = [17, 204]
truncation_psi = 0.5
[params]
speed = 0.1
[params.picture]
zoom = 2
[[routes]]
source = "audio.bass"
target = "speed"
amount = 0.4
release = 0.25
[[routes]]
source = "midi.knob_1"
target = "picture.zoom"
mode = "set"
range = [0.5, 2.0]
"""


def test_reads_every_table() -> None:
    preset = parse(GOOD, PATH, TABLE)
    assert (preset.name, preset.model, preset.latent.seeds) == ("tidal", "fruit", (17, 204))
    assert preset.params == {"speed": 0.1, "picture.zoom": 2.0, "truncation_psi": 0.5}
    assert preset.routes[0].release == 0.25
    assert preset.routes[1].range == (0.5, 2.0)


@pytest.mark.parametrize(
    ("old", "new", "culprits"),
    [
        ("model =", "modle =", ["'modle'", "'model'"]),
        ("seeds =", "seed =", ["[latent]", "'seed'", "'seeds'"]),
        ("speed = 0.1", "sped = 0.1", ["[params]", "'sped'", "'speed'"]),
        ("zoom = 2", "zom = 2", ["[params.picture]", "'zom'", "'zoom'"]),
        ("zoom = 2", "zoom = 200", ["zoom", "200", "0.25 to 8"]),
        ("speed = 0.1", 'speed = "fast"', ["'speed'", "number"]),
        ("amount =", "ammount =", ["[[routes]] number 1", "'ammount'", "'amount'"]),
        ('"audio.bass"', '"audio.base"', ["number 1", "audio.base", "audio.bass"]),
        ('target = "speed"', 'target = "sped"', ["'sped'", "'speed'"]),
        ('mode = "set"', 'mode = "sett"', ["number 2", "sett", "add, multiply, set"]),
        ("release = 0.25", "release = -1", ["seconds"]),
        ("[0.5, 2.0]", "[0.5]", ["range"]),
        ("seeds = [17, 204]", "seeds = []", ["seeds"]),
        ("seeds = [17, 204]", "seeds = [-1]", ["seeds"]),
        ('name = "tidal"', "name = tidal", ["TOML"]),
    ],
)
def test_a_mistake_is_refused_by_file_table_and_key(old: str, new: str, culprits: list[str]) -> None:
    assert old in GOOD
    with pytest.raises(UserError) as refused:
        parse(GOOD.replace(old, new, 1), PATH, TABLE)
    for culprit in [str(PATH), *culprits]:
        assert culprit in str(refused.value)


def test_unknown_preset_lists_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'nope'.*default"):
        find("nope", [resources.resource("presets")], TABLE)
    with pytest.raises(UserError, match=r"gone\.toml"):
        find(str(tmp_path / "gone.toml"), [resources.resource("presets")], TABLE)


def test_every_shipped_preset_reads() -> None:
    folder = resources.resource("presets")
    for path in folder.glob("*.toml"):
        assert find(path.stem, [folder], TABLE).name
