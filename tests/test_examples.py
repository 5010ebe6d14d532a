"""Everything in examples/ is run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.builders import warm
from tests.builders.show import ROOT, trace, vj_here
from tests.parts import need

EXAMPLES = ROOT / "examples"


def rendered(folder: Path, *args: object, seconds: float = 1.0) -> list[dict[str, object]]:
    """Render ten small frames a second; return the trace."""
    need("EGL")
    out = folder / "t.jsonl"
    done = vj_here("render", "demo", "-o", folder / "o.mp4", "--seconds", seconds, "--fps", 10, "--size", "64x64",
                   "--resolution", 32, "--trace", out, "--trace-pictures", *args)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return trace(out)


def test_the_preset_travels(tmp_path: Path) -> None:
    lines = rendered(tmp_path, "--preset", EXAMPLES / "breathing.toml")
    assert len(lines) == 10
    assert len({line["ws_hash"] for line in lines}) >= 5, "it does not move"


def test_the_pass_has_parameters_of_its_own_that_a_preset_sets_and_a_route_moves(tmp_path: Path) -> None:
    lines = rendered(tmp_path, "--preset", EXAMPLES / "vignette.toml", "--shaders", EXAMPLES, seconds=6.0)
    amounts = [line["params"]["vignette.amount"] for line in lines]  # type: ignore[index]
    assert lines[0]["params"]["vignette.radius"] == 0.35  # type: ignore[index]
    assert min(amounts) >= 0.6
    assert max(amounts) > 0.7, "no kick of the demo's has closed it"


def test_without_the_folder_the_preset_is_refused_by_name() -> None:
    done = vj_here("render", "demo", "-o", "never.mp4", "--preset", EXAMPLES / "vignette.toml")
    assert done.returncode == 2
    assert "vignette" in done.stderr
    assert not Path("never.mp4").exists()


def test_the_headless_script_prints_thirty_frames() -> None:
    need("EGL")
    done = warm.python(EXAMPLES / "headless.py", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) == 30
    assert np.ptp([float(row[-1]) for row in rows]) > 0.0, "the picture stood still"
