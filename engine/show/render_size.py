"""The size the generator renders, changed between two frames: by hand, by the governor, or for want of memory."""

from __future__ import annotations

from collections.abc import Callable

from engine.borders.contracts import Model
from engine.borders.moment import Moment
from engine.show.governor import Governor, Timing
from engine.show.meter import Meter

FEWEST_FPS = 24.0  # what a processor without a GPU is held to where no --fps asks for more
SMALLEST = 64  # pixels, and a quarter of what was asked for: below that the governor would show mere colours


class RenderSize:
    """Steps through the model's own sizes. What fits the next frame is there already: a step costs no hitch."""

    def __init__(self, model: Callable[[], Model], meter: Meter, notify: Callable[[str], None]) -> None:
        """``model`` is the generator that plays now. There is no governor until ``budget`` is set."""
        self._model, self._meter, self._notify = model, meter, notify
        self.budget: float | None = None  # seconds a frame may take
        self._governor: tuple[Model, Governor] | None = None  # and the model that it is for

    def up(self, moment: Moment | None = None) -> None:
        """Render one size larger, by hand."""
        self._by_hand(+1)

    def down(self, moment: Moment | None = None) -> None:
        """Render one size smaller, by hand."""
        self._by_hand(-1)

    def shrink(self) -> bool:
        """Render one size smaller because memory ran out; False when there is none."""
        model = self._model()
        size = neighbour(model, -1)
        if size is not None:
            self._change(model, size, "memory ran out")
        model.relieve()
        return size is not None

    def govern(self, moment: Moment) -> None:
        """Note what the frame took, and step if it is time to."""
        if self.budget is None:
            return
        model = self._model()
        if self._governor is None or self._governor[0] is not model:
            self._governor = (model, Governor(governed(model), self.budget, model.work))
        stages = self._meter.under_way
        generator = model.device_seconds or stages["generator"]
        other = sum(stages[name] for name in ("control", "latent", "upload", "composite"))
        size = self._governor[1](Timing(moment.tick.dt, generator, other))
        if size is not None:
            smaller = size < model.resolution
            model.set_resolution(size)
            self._tell(size, "frames came late" if smaller else "there is time for it again")

    def _by_hand(self, by: int) -> None:
        model = self._model()
        size = neighbour(model, by)
        if size is None:
            self._notify(f"renders {model.resolution} px: this model has no {'larger' if by > 0 else 'smaller'} size")
            return
        self._change(model, size, "by hand")

    def _change(self, model: Model, size: int, why: str) -> None:
        model.set_resolution(size)
        if self._governor is not None and self._governor[0] is model:
            self._governor[1].limit(size)
        self._tell(size, why)

    def _tell(self, size: int, why: str) -> None:
        self._notify(f"renders {size} px now: {why}")


def neighbour(model: Model, by: int) -> int | None:
    """Return the model's next larger (``by`` 1) or smaller (-1) size, or None."""
    sizes = model.sizes
    at = sizes.index(model.resolution) + by if model.resolution in sizes else -1
    return sizes[at] if 0 <= at < len(sizes) else None


def governed(model: Model) -> tuple[int, ...]:
    """Return the sizes a governor may choose among, ascending, the present one last."""
    least = min(max(SMALLEST, model.resolution // 4), model.resolution)
    return tuple(size for size in model.sizes if least <= size <= model.resolution)


def budget(period: float, asked_for: bool, device: str) -> float:
    """Return the seconds a frame may take: ``period``, the display's, unless a CPU was not ``asked_for`` that many."""
    return period if asked_for or device != "cpu" else max(period, 1.0 / FEWEST_FPS)
