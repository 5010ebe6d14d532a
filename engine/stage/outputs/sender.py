"""Feeds one output from a thread of its own, so that a slow device costs pictures and never time."""

from __future__ import annotations

import threading

from engine.borders.contracts import PixelOutput, Pixels

PATIENCE = 2.0  # seconds that a device has to let go


class Sender:
    """Keeps one picture waiting: a newer one takes its place, and the older one counts as dropped."""

    def __init__(self, output: PixelOutput) -> None:
        self.output, self.dropped, self.sent, self.failure = output, 0, 0, ""
        self._next: tuple[Pixels, float] | None = None
        self._ending = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=output.name, daemon=True)
        self._thread.start()

    def picture(self, pixels: Pixels, seconds: float) -> None:
        """Send uint8 [H, W, 4]; never waits."""
        with self._changed:
            self.dropped += self._next is not None
            self._next = (pixels, seconds)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next is not None or self._ending)
                item, self._next = self._next, None
            if item is None:
                return
            try:
                self.output.send(*item)
            except Exception as error:  # noqa: BLE001 - whatever a driver raises ends this output, not the show
                self.failure = " ".join(f"{type(error).__name__}: {error}".split())
                return
            self.sent += 1

    def close(self) -> None:
        """Send what waits and close the output; one that hangs is left behind."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(PATIENCE)
        if not self._thread.is_alive():
            self.output.close()
