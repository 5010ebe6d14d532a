"""A GPU that only knows shapes: FakeTensors on ``cuda:0``, which a torch without CUDA carries, too.

A tensor of the host that meets one of the device raises, as it would on a GPU, and so does reading a value. Nothing is
computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

CARD = torch.device("cuda:0")
WAITS = ("aten._local_scalar_dense.default", "aten.nonzero.default")  # for the device
CONVOLUTIONS = ("aten.conv2d.default", "aten.conv2d.padding", "aten.conv_transpose2d.input")


class Seen(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every operator that is run."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.begin()
        self.home = CARD  # where numbers are put that no place is named for

    def begin(self) -> None:
        """Count from here on; what is built is on the card, and numbers that are made from now on are the host's."""
        self.home = torch.device("cpu")
        self.operators: Counter[str] = Counter()
        self.crossings: list[str] = []  # copies between host and device, and what waits for a value
        self.hosts: list[Tensor] = []  # what is copied to the device, pinned or not
        self.sent: list[Tensor] = []  # of the host, copied from pinned memory: nothing waits for that
        self.views: list[str] = []  # of convolutions whose weight is laid out in no format: cuDNN would copy it

    def _flows(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Return whether a copy is from pinned memory, and waits for nothing."""
        host = [value for value in args if isinstance(value, Tensor) and value.device.type == "cpu" and value.ndim]
        self.hosts += host
        if not (host and kwargs.get("non_blocking") and all(hasattr(value, "lies_pinned") for value in host)):
            return False
        self.sent += host
        return True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out, name = func(*args, **(kwargs or {})), str(func)
        self.operators[name] += 1
        devices = {value.device.type for value in (*args, out) if isinstance(value, Tensor) and value.ndim}
        if name in WAITS or (len(devices) > 1 and not self._flows(args, kwargs or {})):
            self.crossings.append(name)
        if name in CONVOLUTIONS and args[1].shape[-1] == 3:
            formats = (torch.contiguous_format, torch.channels_last)
            self.views += [] if any(args[1].is_contiguous(memory_format=each) for each in formats) else [name]
        return out


class Indexing(TorchFunctionMode):
    """Indexes and copies by operators: torch's own methods ask for the device, which is not there."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.__getitem__:
            return indexed(*args)
        if func is Tensor.__setitem__ and isinstance(args[1], Tensor):
            return torch.ops.aten.index_put_(args[0], [args[1]], args[0].new_full((), args[2]))
        if func is Tensor.__setitem__:
            place = indexed(*args[:2])
            return torch.ops.aten.copy_(place, args[2]) if isinstance(args[2], Tensor) else place.fill_(args[2])
        if func is Tensor.copy_:
            return torch.ops.aten.copy_(args[0], args[1])
        if func is Tensor.pin_memory:
            args[0].lies_pinned = True
            return args[0]
        if func is torch.from_numpy:
            return torch.empty(args[0].shape, device="cpu")
        if func is torch.tensor:  # of numbers: an upload, which waits for the device
            where = torch.device((kwargs or {}).get("device") or self._seen.home)
            self._seen.crossings += ["torch.tensor"] if where == CARD else []
            return torch.empty(np.shape(args[0]), dtype=(kwargs or {}).get("dtype"), device=where)
        if func is Tensor.contiguous:
            layout = (kwargs or {}).get("memory_format", torch.contiguous_format)
            own = args[0].is_contiguous(memory_format=layout)
            return args[0] if own else torch.ops.aten.clone(args[0], memory_format=layout)
        return func(*args, **(kwargs or {}))


def indexed(tensor: Tensor, index: Any) -> Tensor:
    """Return ``tensor[index]`` of numbers, slices, tensors and None."""
    dim, index = 0, index if isinstance(index, tuple) else (index,)
    if any(each is ... for each in index):
        at = next(i for i, each in enumerate(index) if each is ...)
        missing = tensor.ndim - sum(each is not None for each in index) + 1
        index = (*index[:at], *(slice(None),) * missing, *index[at + 1 :])
    for each in index:
        if each is None:
            tensor, dim = tensor.unsqueeze(dim), dim + 1
        elif isinstance(each, int):
            tensor = tensor.select(dim, each)
        elif isinstance(each, slice):
            tensor, dim = torch.ops.aten.slice.Tensor(tensor, dim, each.start, each.stop, each.step or 1), dim + 1
        else:
            tensor, dim = torch.ops.aten.index.Tensor(tensor, [None] * dim + [each]), dim + each.ndim
    return tensor


@contextmanager
def card() -> Iterator[Seen]:
    """Let new tensors lie on the GPU that is none."""
    seen = Seen()
    with ExitStack() as stack:
        for mode in (FakeTensorMode(), torch.inference_mode(), CARD, Indexing(seen), seen):
            stack.enter_context(mode)
        yield seen
