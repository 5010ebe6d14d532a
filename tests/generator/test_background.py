"""Work beside the show leaves nothing of itself behind."""

from __future__ import annotations

import gc
import threading

from engine.generator.background import Background


def test_threads_that_have_ended_are_let_go_of() -> None:
    """A show of a night loads hundreds of models; that the interpreter's end waits for work is tested with a player."""

    def threads() -> int:
        gc.collect()
        return sum(issubclass(type(each), threading.Thread) for each in gc.get_objects())

    def broken() -> None:
        raise RuntimeError("no compiler")

    before, said = threads(), list[str]()
    background = Background(said.append)
    for work in (lambda: None, broken):
        background.start(work, "plays on")
    background.join(10.0)
    del background
    assert said == ["plays on: no compiler"]
    assert threads() <= before + 1  # one gives memory back in a second
