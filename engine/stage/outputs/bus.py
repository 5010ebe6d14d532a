"""The output bus: it delivers every picture, before it is shown, to the recording, the screenshots and the outputs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from engine.borders.contracts import Output, Pixels, TextureOutput, Window
from engine.borders.errors import Trouble, UserError
from engine.borders.moment import Moment
from engine.borders.tick import Tick
from engine.stage.outputs.sender import Sender
from engine.stage.passes.canvas import Canvas
from engine.stage.recording.readback import Readback
from engine.stage.recording.recorder import Still
from engine.stage.recording.recording import Recording


class Bus:
    """Delivers the picture in the window. A call never waits, neither for the GPU nor for a device."""

    def __init__(
        self,
        window: Window,
        notify: Callable[[str], None],
        recording: Recording,
        outputs: Iterable[Output] = (),
        stills: Path | None = None,
    ) -> None:
        """``stills`` is the folder for screenshots."""
        self._window, self._notify, self.recording, self._stills = window, notify, recording, stills
        self._readback = Readback(window)
        self._on_gpu: list[TextureOutput] = []
        self._senders: list[Sender] = []
        for output in outputs:
            if output.on_gpu:
                self._on_gpu.append(output)
            else:
                self._senders.append(Sender(output))
        self._copy: Canvas | None = None
        self._wants_still = False
        self._writing: list[threading.Thread] = []
        self._told: list[str] = []

    def __call__(self, tick: Tick) -> None:
        """Deliver the picture that was drawn for ``tick``."""
        wanted = self.recording.wanted(tick)
        self._drop_failed()
        wanted += [partial(sender.picture, seconds=tick.time) for sender in self._senders]
        if self._wants_still:
            wanted += self._still()
        self._readback.take(wanted)
        if self._on_gpu:
            self._share(tick)

    def record(self, _moment: Moment | None = None) -> None:
        """Start or stop a recording."""
        self._readback.flush()  # these pictures still belong to a recording that ends
        self.recording.toggle()

    def screenshot(self, _moment: Moment | None = None) -> None:
        """Save the next picture as a file."""
        self._wants_still = True

    def states(self) -> tuple[str, ...]:
        """Return the present problems, for the overlay."""
        recorder = self.recording.recorder
        return (f"{recorder.dropped} frames not recorded",) if recorder is not None and recorder.dropped else ()

    def figures(self) -> tuple[tuple[str, str], ...]:
        """Return the name and the state of the recording that runs, for the operator."""
        recorder = self.recording.recorder
        if recorder is None:
            return ()
        minutes, seconds = divmod(int(self.recording.seconds), 60)
        return (("recording", f"{minutes}:{seconds:02d}, {recorder.dropped} dropped"),)

    def summary(self) -> list[str]:
        """Return a line for each file and each output that is closed."""
        return [*self.recording.done, *self._told]

    def _still(self) -> list[Callable[[Pixels], object]]:
        self._wants_still = False
        if self._stills is None:
            return []
        try:
            return [partial(self._write, Still(self._stills, self._notify))]
        except UserError as error:
            self._notify(Trouble(f"no screenshot: {error}"))
            return []

    def _write(self, still: Still, pixels: Pixels) -> None:
        self._writing = [*(thread for thread in self._writing if thread.is_alive()), still.picture(pixels)]

    def _share(self, tick: Tick) -> None:
        """Copy the picture to a texture, on the GPU, and send that to the outputs that take a texture."""
        if self._copy is None or self._copy.texture.size != self._window.size:
            if self._copy is not None:
                self._copy.release()
            self._copy = Canvas.make(self._window.ctx, self._window.size, "f1")
        self._window.ctx.copy_framebuffer(self._copy.framebuffer, self._window.target)
        for output in tuple(self._on_gpu):
            try:
                output.send(self._copy.texture, tick.time)
            except Exception as error:  # noqa: BLE001 - any error of a driver ends this output, not the show
                self._on_gpu.remove(output)
                self._give_up(output, " ".join(f"{type(error).__name__}: {error}".split()))

    def _drop_failed(self) -> None:
        for sender in [sender for sender in self._senders if sender.failure]:
            self._senders.remove(sender)
            self._give_up(sender.output, sender.failure)

    def _give_up(self, output: Output, why: str) -> None:
        line = f"output {output.name} stopped: {why}"
        self._told.append(line)
        self._notify(line)
        _close(output)

    def close(self) -> None:
        """Finish everything; a second call does nothing."""
        self._readback.close()
        self.recording.close()
        for thread in self._writing:
            thread.join()
        for sender in self._senders:
            sender.close()
            self._told.append(f"output {sender.output.name}: {sender.sent} frames sent, {sender.dropped} dropped")
        for output in self._on_gpu:
            _close(output)
        self._senders, self._on_gpu = [], []
        if self._copy is not None:
            self._copy.release()
            self._copy = None


def _close(output: Output) -> None:
    try:
        output.close()
    except Exception:  # noqa: BLE001 - the output has already failed, and its driver may raise anything
        return
