"""What is shown of a projection: a bar with what is left, a preview in the terminal, lines for a show that asked."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from PIL import Image

from engine.cli import terminal_pictures
from engine.cli.places import preview_of
from engine.cli.say import drawing, voice
from engine.system.files import write_whole

if TYPE_CHECKING:
    from engine.generator.inversion.projection import Seen

PREVIEW_PERIOD = 2.0  # s; a preview is painted no more often
LINE_PERIOD = 0.5  # s; likewise the lines for a show
SMALL = 96  # pixels of a side of the pictures in them


class Views:
    """The bar and the previews of a run; a context manager."""

    def __init__(self, pictures: int, preview: bool, lines: bool) -> None:
        self.pictures, self.preview, self.lines = pictures, preview, lines
        self._stack = ExitStack()

    def __enter__(self) -> Views:
        from rich import progress
        from rich.console import Console

        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TaskProgressColumn(),
            progress.TimeRemainingColumn(),
        )
        voice.begin(foreign=True)
        bar = progress.Progress(*columns, console=Console(file=drawing()), disable=self.lines)
        self._bar = self._stack.enter_context(bar)
        self._task = self._bar.add_task("project", total=float(self.pictures))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def photograph(self, picture: Image.Image) -> None:
        """Show the square of the picture that is worked at from now on."""
        if self.lines:
            print(json.dumps({"progress": 0.0, "photograph": small(picture)}), flush=True)

    def of(self, number: int, path: Path, output: Path) -> Callable[[Seen], None]:
        """Return what watches one picture."""
        from engine.generator.inversion.pictures import psnr

        self._bar.update(self._task, completed=float(number), description=f"{path.name}")
        kind = terminal_pictures.kind_of(sys.stderr, os.environ)
        shown = preview_of(output)
        times = [0.0, 0.0, 0.0]

        def watch(seen: Seen) -> None:
            now = time.monotonic()
            self._bar.update(self._task, completed=number + seen.progress)
            if self.lines and now - times[1] >= LINE_PERIOD:
                times[1] = now
                row: dict[str, Any] = {"progress": round(min(seen.progress, 1.0), 3), "mse": seen.mse}
                row["psnr"] = psnr(seen.mse)
                if now - times[2] >= PREVIEW_PERIOD:
                    times[2] = now
                    row["answer"] = small(painted(seen))
                print(json.dumps(row), flush=True)
            if self.preview and now - times[0] >= PREVIEW_PERIOD:
                times[0] = now
                self._show(seen, kind, shown)

        return watch

    def _show(self, seen: Seen, kind: str, shown: Path) -> None:
        from engine.generator.inversion.pictures import psnr

        image = painted(seen)
        text = f"step {seen.step} of {seen.steps}, {seen.seconds:.0f} s, {psnr(seen.mse):.1f} dB"
        if kind == "none":
            write_whole(shown, lambda part: image.save(part, format="PNG"))
            return
        colours = terminal_pictures.colours_of(os.environ)
        voice.write(terminal_pictures.beside(image, [text], kind, colours))


def painted(seen: Seen) -> Image.Image:
    """Return the picture that a projection has come to."""
    from engine.generator.inversion.pictures import to_bytes

    return Image.fromarray(to_bytes(seen.descent.picture()).squeeze()).convert("RGB")


def small(picture: Image.Image) -> str:
    """Return a picture as a small JPEG in base64."""
    held = io.BytesIO()
    picture.resize((SMALL, SMALL)).save(held, format="JPEG", quality=85)
    return base64.b64encode(held.getvalue()).decode("ascii")
