"""How the picture of one model gives way to the next one's: a crossfade, for models have no latents in common."""

from __future__ import annotations

from engine.borders.params import Params

FADE = "crossfade.amount"
FEWEST_FRAMES = 6  # pictures; a crossfade between two models takes at least this many
SHORTEST_SECONDS = 0.3  # the shortest crossfade between two models: even a cut does not jump


class ModelFade:
    """Counts a crossfade down. The pass ``crossfade`` holds the old picture; it costs nothing while it is off."""

    def __init__(self) -> None:
        self._seconds, self._left = 0.0, 0.0  # of the crossfade, in all and still to come

    def begin(self, seconds: float) -> None:
        """Begin to fade, for ``seconds``."""
        self._seconds = self._left = max(seconds, SHORTEST_SECONDS)

    def step(self, params: Params, dt: float) -> Params:
        """Return ``params`` with the old picture's share; a slow show fades longer and does not jump."""
        if self._left <= 0.0:
            return params
        faded = params.changed({FADE: max(params[FADE], self._left / self._seconds)})
        self._left -= min(dt, self._seconds / FEWEST_FRAMES)
        return faded


def with_fade(passes: tuple[str, ...]) -> tuple[str, ...]:
    """Return ``passes`` with the one that a change of model needs."""
    return passes if "crossfade" in passes else (*passes, "crossfade")
