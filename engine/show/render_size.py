"""The render size. It changes between two frames: by hand, by the governor, or because memory ran out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from engine.borders.contracts import Model
from engine.borders.moment import Moment
from engine.show.governor import Governor, Timing
from engine.show.meter import Meter

FEWEST_FPS = 24.0  # frames a second; the governor's target on a CPU without --fps
STEP = 1 << 12  # a rung of the governor's ladder is this times the generator's size plus the style's
SMALLEST = 64  # pixels; the governor goes no lower, nor below a quarter of the requested size


class Styled(Protocol):
    """What frames are painted over with, as its size is governed."""

    size: int | None
    seconds: float

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes it may be lowered to, ascending; none while there is no style."""
        ...

    @property
    def working(self) -> int:
        """The size it works at, pixels; 0 while there is no style."""
        ...


class Unstyled:
    """No style."""

    size: int | None = None
    seconds = 0.0
    sizes: tuple[int, ...] = ()
    working = 0


class RenderSize:
    """Steps through the model's own sizes. A step builds nothing, so it costs no hitch."""

    def __init__(
        self,
        model: Model,
        meter: Meter,
        notify: Callable[[str], None],
        budget: float | None = None,
        style: Styled | None = None,
    ) -> None:
        """``model`` is the generator that plays, ``style`` what its frames are painted over with.

        ``budget``: seconds a frame may take; None: there is no governor.
        """
        self._model, self._meter, self._notify, self._budget = model, meter, notify, budget
        self._style = style or Unstyled()
        self._took = 1.0, 0.0  # seconds of the last frame: the generator's, and the style's
        self._governor: Governor | None = None

    def prepare(self, model: Model | None = None) -> None:
        """Prepare the governor's sizes of ``model`` (None: the one that plays). Call this after its first picture."""
        model = model or self._model
        if self._budget is not None:
            model.prepare_sizes(governed(model))

    def restyled(self) -> None:
        """Follow another style."""
        self._governor = None

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
        if (smaller := self._style.sizes[:1]) and smaller[0] < self._style.working:
            self._style.size = smaller[0]
            self._governor = None
            self._notify(f"the style paints at {smaller[0]} px now: memory ran out")
            self._model.relieve()
            return True
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
            rungs = ladder(governed(model), self._style.sizes)
            self._governor = Governor(rungs, self._budget, self._cost)
        styled = self._style.seconds
        # The stage "generator" has the style in it; a device's own clock has not.
        generator = model.device_seconds + styled if model.device_seconds else stages["generator"]
        self._took = max(generator - styled, 1e-6), styled
        other = sum(stages[name] for name in ("control", "latent", "upload", "composite"))
        rung = self._governor(Timing(moment.tick.dt, generator, other))
        if rung is not None:
            self._take(*divmod(rung, STEP))

    def _cost(self, rung: int) -> float:
        """Return what a frame would take on a rung, seconds, by what the last one took."""
        size, styled = divmod(rung, STEP)
        working = self._style.working
        more = self._took[1] * (styled / working) ** 2 if working else 0.0
        return self._took[0] * self._model.work(size) / self._model.work(self._model.resolution) + more

    def _take(self, size: int, styled: int) -> None:
        """Step to a rung; tell what changed."""
        model, before = self._model, (self._model.resolution, self._style.working)
        why = "frames came late" if (size, styled) < before else "there is time for it again"
        if size != model.resolution:
            model.set_resolution(size)
            self._tell(size, why)
        if styled and styled != self._style.working:
            self._style.size = styled
            self._notify(f"the style paints at {styled} px now: {why}")

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
            self._governor.limit(STEP * size + self._style.working)
        self._tell(size, why)

    def _tell(self, size: int, why: str) -> None:
        self._notify(f"renders {size} px now: {why}")


def ladder(sizes: Sequence[int], styled: Sequence[int]) -> tuple[int, ...]:
    """Return the rungs of a governor, ascending: the style's sizes at the whole picture, below them the generator's."""
    least = styled[0] if styled else 0
    below = [STEP * size + least for size in sizes[:-1]]
    return (*below, *(STEP * sizes[-1] + each for each in styled or (0,)))


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
