"""What goes wrong and is expected to: a user's mistake, and memory that runs out."""

import difflib
from collections.abc import Iterable


class Trouble(str):
    """A line for the performer about something that went wrong. Other lines are news."""

    __slots__ = ()


class UserError(Exception):
    """Bad input: the message names the file, key or device, and says what to do, in one line."""


class UnseenPast(Exception):
    """A picture may depend on earlier ones that were not made: they have to be made as well."""


# What allocators say when there is nothing left. PyTorch has no class of its own for the CPU's.
_EMPTY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "could not create a memory",  # oneDNN
    "could not create a primitive",  # oneDNN, for its scratch memory
    "std::bad_alloc",
)


def out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory ran out, on the processor's side or on the GPU's."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, (RuntimeError, OSError)) and any(text in str(error).lower() for text in _EMPTY)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return what to say of a name that is not ``known``: the most similar one, or all there are."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(names)}"


def first_line(error: BaseException) -> str:
    """Return what an error says in one line: compilers and drivers say pages."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
