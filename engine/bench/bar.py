"""The bar of a bench: how far it is, and how long it will last. It is drawn between two frames and not beside them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from engine.borders.tick import Tick
from engine.cli.say import drawing

EVERY_SECONDS = 0.25  # s; from one drawing to the next


def watched(ticks: Iterable[Tick], frames: int | None, seconds: float | None) -> Iterator[Tick]:
    """Pass ``ticks`` on, with a bar that is full after ``frames`` or after ``seconds``, whichever comes first."""
    from rich import progress
    from rich.console import Console

    columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), progress.TimeRemainingColumn())
    start = drawn = time.monotonic()
    with progress.Progress(*columns, console=Console(file=drawing()), auto_refresh=False, transient=True) as bar:
        task = bar.add_task("bench", total=1.0)
        for tick in ticks:
            now = time.monotonic()
            if now - drawn >= EVERY_SECONDS:
                drawn = now
                share = max(tick.index / frames if frames else 0.0, (now - start) / seconds if seconds else 0.0)
                bar.update(task, completed=share, description=f"bench, frame {tick.index}", refresh=True)
            yield tick
