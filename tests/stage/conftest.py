from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from engine.stage.windows.headless import HeadlessWindow
from tests.parts import need


@pytest.fixture
def open_window() -> Iterator[Callable[..., HeadlessWindow]]:
    """Headless windows of a size, closed when the test ends."""
    need("EGL")
    opened: list[HeadlessWindow] = []

    def make(width: int, height: int) -> HeadlessWindow:
        opened.append(HeadlessWindow((width, height)))
        return opened[-1]

    yield make
    for window in opened:
        window.close()
