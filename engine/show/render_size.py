"""The render size. It changes between two frames: by hand, by the governor, or because memory ran out."""

from __future__ import annotations

from collections.abc import Callable

from engine.borders.contracts import Model
from engine.borders.moment import Moment
from engine.show.governor import Governor, Timing
from engine.show.meter import Meter

FEWEST_FPS = 24.0  # frames a second; the governor's target on a CPU without --fps
SMALLEST = 64  # pixels; the governor goes no lower, nor below a quarter of the requested size


class RenderSize:
    """Steps through the model's own sizes. A step builds nothing, so it costs no hitch."""

    def __init__(self, model: Model, meter: Meter, notify: Callable[[str], None], budget: float | None = None) -> None:
        """``model`` is the generator that plays. ``budget``: seconds a frame may take; None: there is no governor."""
        self._model, self._meter, self._notify, self._budget = model, meter, notify, budget
        self._governor: Governor | None = None

    def prepare(self) -> None:
        """Prepare the governor's sizes. Call this after the first picture."""
        if self._budget is not None:
            self._model.prepare_sizes(governed(self._model))

    def play(self, model: Model) -> None:
        """Follow another model."""
        self._model, self._governor = model, None

    def up(self, moment: Moment | None = None) -> None:
        """Render one size larger, by hand."""
        self._by_hand(+1)

    def down(self, moment: Moment | None = None) -> None:
        """Render one size smaller, by hand."""
        self._by_hand(-1)

    def shrink(self) -> bool:
        """Render one size smaller because memory ran out; return False at the smallest size."""
        size = neighbour(self._model, -1)
        if size is not None:
            self._change(size, "memory ran out")
        self._model.relieve()
        return size is not None

    def govern(self, moment: Moment) -> None:
        """Note the frame's timing; step when the governor says so."""
        if self._budget is None:
            return
        model, stages = self._model, self._meter.under_way
        if self._governor is None:
            self._governor = Governor(governed(model), self._budget, model.work)
        generator = model.device_seconds or stages["generator"]
        other = sum(stages[name] for name in ("control", "latent", "upload", "composite"))
        size = self._governor(Timing(moment.tick.dt, generator, other))
        if size is not None:
            smaller = size < model.resolution
            model.set_resolution(size)
            self._tell(size, "frames came late" if smaller else "there is time for it again")

    def _by_hand(self, by: int) -> None:
        size = neighbour(self._model, by)
        if size is None:
            which = "larger" if by > 0 else "smaller"
            self._notify(f"renders {self._model.resolution} px: this model has no {which} size")
            return
        self._change(size, "by hand")

    def _change(self, size: int, why: str) -> None:
        self._model.set_resolution(size)
        if self._governor is not None:
            self._governor.limit(size)
        self._tell(size, why)

    def _tell(self, size: int, why: str) -> None:
        self._notify(f"renders {size} px now: {why}")


def neighbour(model: Model, by: int) -> int | None:
    """Return the model's next larger (``by`` 1) or smaller (-1) size, or None."""
    sizes = model.sizes
    at = sizes.index(model.resolution) + by if model.resolution in sizes else -1
    return sizes[at] if 0 <= at < len(sizes) else None


def governed(model: Model) -> tuple[int, ...]:
    """Return the sizes that a governor may choose, ascending; the present one is the last."""
    least = min(max(SMALLEST, model.resolution // 4), model.resolution)
    return tuple(size for size in model.sizes if least <= size <= model.resolution)


def budget(period: float, asked_for: bool, on_gpu: bool) -> float:
    """Return a frame's budget in seconds: the display's period; on a CPU without --fps at least 1/FEWEST_FPS."""
    return period if asked_for or on_gpu else max(period, 1.0 / FEWEST_FPS)
