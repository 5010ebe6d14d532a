"""What holds for every warp in the tuple, whoever wrote it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from engine.borders.params import Param
from engine.generator.warps.host import Motion, shared_scalars
from engine.generator.warps.order import WARPS
from engine.generator.warps.rows import ROWS
from engine.generator.warps.swirl import SWIRL
from engine.generator.warps.warp import Warp, ordered
from tests.builders.params import TABLE, Params
from tests.builders.show import ROOT

NAMES = [warp.name for warp in WARPS]


def test_the_warps_rows_stand_together_in_the_table_in_the_order_that_a_performer_knows() -> None:
    names = [row.name for row in ROWS]
    start = list(TABLE).index(names[0])
    assert list(TABLE)[start : start + len(names)] == names
    assert all(TABLE[row.name] == row for row in ROWS)
    groups = list(dict.fromkeys(name.split(".")[0] for name in names))
    assert groups[:6] == ["warp", "slitscan", "freeze", "rotate", "translate", "zoom"]
    assert sorted(groups[1:]) == sorted(NAMES)


def test_rows_are_readable_without_torch() -> None:
    code = "import sys, engine.generator.warps.rows, engine.generator.warps.layers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("warp", WARPS, ids=NAMES)
def test_its_scalars_have_its_name_and_are_the_same_in_every_frame(warp: Warp) -> None:
    still, moved = Motion(), Motion()
    moved.advance(Params(warp.example), 0.7)
    scalars = warp.scalars(Params(), still.phases)
    assert scalars.keys() == warp.scalars(Params(warp.example), moved.phases).keys()
    assert all(name.startswith(f"{warp.name}.") for name in scalars)
    assert scalars.items() <= shared_scalars(Params(), still.phases, ()).items()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows": (Param("twirl.turns", 0.0, -4.0, 4.0, "", ""),)}, "'twirl.turns' must be called 'swirl.something'"),
        ({"rows": SWIRL.rows[1:]}, "no row 'swirl.layer'"),
        ({"switch": "swirl.turn"}, "no row 'swirl.turn'"),
        ({"example": {"swirl.angle": 1.0}}, "no row 'swirl.angle'"),
        ({"lingers": "swirl.seconds"}, "no row 'swirl.seconds'"),
        ({"periods": {"swirl.turns": 1.0}}, "'swirl.turns' has a period and is no rate"),
    ],
)
def test_a_warp_that_contradicts_itself_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(SWIRL, **changes)


def test_an_order_that_is_not_one_resampling_is_refused() -> None:
    by_name = dict(zip(NAMES, WARPS, strict=True))
    for names in (("swirl", "zoom"), ("pixelate", "swirl"), ("zoom", "inject", "swirl")):
        with pytest.raises(ValueError, match="geometry stands together"):
            ordered(tuple(by_name[name] for name in names))
    with pytest.raises(ValueError, match="two warps are called 'swirl'"):
        ordered((SWIRL, SWIRL))
    assert ordered((by_name["freeze"], by_name["inject"])) == (by_name["freeze"], by_name["inject"])
    assert ordered(()) == ()
