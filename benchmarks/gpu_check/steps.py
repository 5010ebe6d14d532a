"""The steps of a run, the most valuable first, each with the seconds it may take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Step:
    """A function ``name`` of ``benchmarks.gpu_check.MODULE`` that takes a Report."""

    name: str
    module: str
    seconds: float  # after which it is killed


# Together more than a run lasts: a step that goes well takes about half of its limit.
STEPS = (
    Step("environment", "environment", 25),
    Step("truth", "exactness", 75),
    Step("texture", "stage", 40),
    Step("speed", "speed", 110),
    Step("picture", "stage", 60),
    Step("threads", "graphs", 45),
    Step("knobs", "graphs", 45),
    Step("warps", "graphs", 60),
    Step("training", "training", 90),
    Step("reference", "speed", 60),
    Step("sizes", "speed", 60),
    Step("interpolation", "stage", 40),
    Step("tensorrt", "tensorrt", 60),
)
TESTS = ("tests/generator/warps/test_warp_cuda.py", "tests/generator/backends/test_cuda_graphs.py",
         "tests/stage/passes/test_texture.py")  # fmt: skip
TESTS_SECONDS = 60.0  # for the tests that need a GPU, at the end
NO_GPU = 3  # the exit code of a step where there is no GPU


def chosen(wishes: Iterable[str]) -> list[Step]:
    """Return the steps called NAME or NAME:SECONDS in ``wishes``; all steps where none is wished for."""
    known = {step.name: step for step in STEPS}
    steps = []
    for wish in wishes:
        name, _, seconds = wish.partition(":")
        if name not in known:
            raise KeyError(f"no step {name!r}: choose among {', '.join(known)}")
        steps.append(replace(known[name], seconds=float(seconds)) if seconds else known[name])
    return steps or list(STEPS)
