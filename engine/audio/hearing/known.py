"""What a part of the ears knows, taken out and put back, so that another process hears on where one has stopped.

It is told as what differs from a part that has heard nothing: the weights of networks and the like are left out.
Numbers are told in JSON, arrays aside. What a class names in SCRATCH is written anew before it is read, and left out. A
filter of aubio keeps its state to itself and has to hear the samples.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import aubio
import numpy as np
from numpy.typing import NDArray

from engine.borders.features import AudioFeatures

ROOM = "engine.audio."  # where the parts come from whose own parts are told
SAME = {"same": 0}  # in a sequence: as in a part that has heard nothing

Array: TypeAlias = NDArray[Any]
Told: TypeAlias = Any  # what JSON has
SEQUENCES = {each.__name__: each for each in (list, tuple, deque)}


def take(part: object, fresh: object) -> tuple[str, list[Array]]:
    """Return what ``part`` knows and ``fresh`` does not: a text, and the arrays that it names by number.

    TypeError for a value that cannot be told.
    """
    arrays: list[Array] = []
    told = _told(part, fresh, arrays, [*_owned(part)])
    return json.dumps({"of": {}} if told == SAME else told), arrays


def put(part: object, text: str, arrays: Sequence[Array]) -> None:
    """Let ``part``, which has heard nothing, know what `take` gave. ValueError, LookupError for a damaged text."""
    told = json.loads(text)
    if not isinstance(told, dict) or "of" not in told:
        raise ValueError("no knowledge of a part")
    _made(told, part, arrays)


def _owned(value: object) -> Iterator[Array]:
    """Yield the arrays of a part and of its parts, but for views of others."""
    for each in vars(value).values():
        if isinstance(each, np.ndarray) and each.base is None:
            yield each
        elif type(each).__module__.startswith(ROOM) and hasattr(each, "__dict__"):
            yield from _owned(each)


def _told(value: object, fresh: object, arrays: list[Array], owned: Sequence[Array]) -> Told:
    """Return how ``value`` is told, SAME where it is that of ``fresh``, or a view of an array that is told."""
    if value is fresh or isinstance(value, aubio.digital_filter | AudioFeatures):  # features are told by themselves
        return SAME
    if isinstance(value, np.ndarray) and any(np.may_share_memory(value, each) for each in owned if each is not value):
        return SAME
    if isinstance(value, np.ndarray | np.generic):
        if type(value) is type(fresh) and value.dtype == fresh.dtype and np.array_equal(value, fresh):
            return SAME
        arrays.append(np.asarray(value))
        return {"array" if isinstance(value, np.ndarray) else "scalar": len(arrays) - 1}
    if value is None or isinstance(value, bool | int | float | str | slice):
        if type(value) is type(fresh) and value == fresh:
            return SAME
        if not isinstance(value, slice):
            return value
    kind = type(value).__name__
    if isinstance(value, list | tuple | deque) and kind in SEQUENCES:
        others = [*fresh] if type(value) is type(fresh) else []
        told = [_told(each, others[n] if n < len(others) else None, arrays, owned) for n, each in enumerate(value)]
        return SAME if len(told) == len(others) and all(each == SAME for each in told) else {kind: told}
    if type(value).__module__.startswith(ROOM) and type(value) is type(fresh):
        known = vars(value).keys() - set(getattr(value, "SCRATCH", ()))
        parts = {name: _told(vars(value)[name], vars(fresh)[name], arrays, owned) for name in sorted(known)}
        changed = {name: each for name, each in parts.items() if each != SAME}
        return {"of": changed} if changed else SAME
    raise TypeError(f"what the ears know cannot be told: {kind}")


def _made(told: Told, fresh: Any, arrays: Sequence[Array]) -> Any:
    """Return the value that is told; ``fresh`` is changed to it where it is a part."""
    if not isinstance(told, dict):
        return told
    ((how, what),) = told.items()
    if how == "same":
        return fresh
    if how == "of":
        for name, each in what.items():
            now, there = _made(each, getattr(fresh, name), arrays), getattr(fresh, name)
            if isinstance(there, np.ndarray) and there.base is None and (there.shape, there.dtype) == _kind(now):
                there[...] = now  # others may be views of it
            else:
                setattr(fresh, name, now)
        return fresh
    if how in SEQUENCES:
        others = [*fresh] if isinstance(fresh, list | tuple | deque) else []
        values = [_made(each, others[n] if n < len(others) else None, arrays) for n, each in enumerate(what)]
        return deque(values, fresh.maxlen) if how == "deque" else SEQUENCES[how](values)
    array = arrays[what]
    return array.copy() if how == "array" else array[()]


def _kind(value: Any) -> tuple[Any, Any]:
    return getattr(value, "shape", None), getattr(value, "dtype", None)
