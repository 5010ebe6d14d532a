"""What goes wrong and is expected to: a user's mistake, and memory that runs out."""


class UserError(Exception):
    """Bad input: the message names the file, key or device, and says what to do, in one line."""


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


def first_line(error: BaseException) -> str:
    """Return what an error says in one line: compilers and drivers say pages."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
