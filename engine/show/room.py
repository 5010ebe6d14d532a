"""Memory that runs out anywhere in a show: the size at which it would not have."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from engine.borders.contracts import Model
from engine.borders.errors import UserError, out_of_memory


@contextlib.contextmanager
def room(model: Callable[[], Model]) -> Iterator[None]:
    """Tell memory that runs out inside, in a frame or beside it, as a UserError with a size that leaves more.

    ``model`` returns what plays then: a cue may have changed it.
    """
    try:
        yield
        return
    except (MemoryError, RuntimeError, OSError) as error:
        if not out_of_memory(error):
            raise
    model().relieve()  # only here: the error has released what it held
    raise UserError(model().advice())
