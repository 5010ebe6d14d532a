"""The sender: it feeds one output from its own thread, so a slow device loses pictures and never delays the show."""

from __future__ import annotations

import threading

from engine.borders.contracts import PixelOutput, Pixels

CLOSE_SECONDS = 2.0  # for the last picture; a device that takes longer is not closed


class Sender:
    """Sends pictures to an output. One picture waits; a newer one replaces it, and the older one counts as dropped."""

    def __init__(self, output: PixelOutput) -> None:
        self.output, self.dropped, self.sent, self.failure = output, 0, 0, ""
        self._next: tuple[Pixels, float] | None = None
        self._ending = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=output.name, daemon=True)
        self._thread.start()

    def picture(self, pixels: Pixels, seconds: float) -> None:
        """Send a picture, uint8 [H, W, 4]; this never waits."""
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
            except Exception as error:  # noqa: BLE001 - any error of a driver ends this output, not the show
                self.failure = " ".join(f"{type(error).__name__}: {error}".split())
                return
            self.sent += 1

    def close(self) -> None:
        """Send the last picture and close the output; an output that hangs is not closed."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(CLOSE_SECONDS)
        if not self._thread.is_alive():
            self.output.close()
