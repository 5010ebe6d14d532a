"""A show without a window: six seconds of the demo through the default preset, ws and brightness frame by frame."""

from __future__ import annotations

from engine.bench.opening import BenchOptions, open_bench
from engine.borders.moment import Moment
from engine.loop import perform


def main() -> None:
    """Play thirty frames and print what they were made of."""

    def tell(moment: Moment) -> None:
        brightness = float(moment.frame[..., :3].float().mean())
        print(f"{moment.tick.time:6.3f} s  |w| {abs(moment.ws).mean():.4f}  brightness {brightness:5.1f}")

    options = BenchOptions(song="demo", preset="default", frames=30, fps=5.0, size=(64, 64), resolution=64)
    with open_bench(options, lambda model, clock: clock) as rig:
        rig.service.watch(tell)
        perform(rig)


if __name__ == "__main__":
    main()
