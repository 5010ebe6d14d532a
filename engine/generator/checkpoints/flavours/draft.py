"""A generator on its way from a program's names to this engine's: what was there, what it becomes, what is left."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from engine.generator.checkpoints.contents import Found, Plain, Weight
from engine.generator.checkpoints.pickles.pickle_names import DAMAGED, ITEMSIZE, Record
from engine.generator.checkpoints.pickles.tensors import FORMS, TensorRef, tensor_of
from engine.generator.checkpoints.refusals import EXHAUSTS, Refused

if TYPE_CHECKING:
    from torch import Tensor

Change = Callable[["Tensor"], "Tensor"]
SMALL = 4096  # numbers; only a tensor of fewer is looked into before the file is accepted
NOISY_LEVELS = 10  # blocks; a StyleGAN of more that stores no noise is refused (4096 px)
MOST_LEVELS = 12  # blocks; a generator of more is refused (8192 px)


class Draft:
    """The tensors of one generator by their program's names, and what has become of them."""

    def __init__(self, tensors: dict[str, TensorRef], program: str, family: str) -> None:
        self.tensors, self.program = tensors, program
        self.found = Found(program, family, {}, {})
        self._used: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def shape(self, name: str) -> tuple[int, ...]:
        """Return a tensor's shape. Raises Refused when there is no such tensor."""
        if name not in self.tensors:
            raise Refused(f"it lacks the weights {name[:60]}, which every {self.program} has: it is damaged or older")
        return self.tensors[name].shape

    def put(self, ours: str, theirs: str, change: Change | None = None, factor: float = 1.0) -> None:
        """Let ``theirs`` become ``ours``: changed, then multiplied. Raises Refused when there is no such tensor."""
        self.shape(theirs)
        self._used.add(theirs)

        def both(tensor: Tensor) -> Tensor:
            tensor = tensor if change is None else change(tensor)
            return tensor if factor == 1.0 else tensor * factor

        self.found.weights[ours] = Weight(self.tensors[theirs], both)

    def numbers(self, name: str) -> list[float]:
        """Return the numbers of a small tensor. Raises Refused for a large one."""
        self._used.add(name)
        self.shape(name)
        return numbers_of(self.tensors[name])

    def drop(self, pattern: str) -> None:
        """Count the tensors whose names match as known: the network needs none of them."""
        self._used.update(name for name in self.tensors if re.fullmatch(pattern, name))

    def count(self, pattern: str) -> int:
        """Return how many of the names that ``pattern`` makes of 0, 1, 2, … are there, one after the other."""
        count = 0
        while pattern.format(count) in self.tensors and count <= 2 * MOST_LEVELS:
            count += 1
        return count

    def count_levels(self, pattern: str) -> int:
        """Return how many blocks of 4, 8, … pixels have tensors whose names begin as ``pattern`` says."""
        total = 0
        while any(name.startswith(pattern.format(4 << total)) for name in self.tensors) and total <= MOST_LEVELS:
            total += 1
        return total

    def finish(self, **settings: Plain) -> Found:
        """Return what was found. Raises Refused when the file holds tensors that no such generator has."""
        left = sorted(self.tensors.keys() - self._used)
        if left:
            raise Refused(f"it has weights that no {self.program} has ({left[0][:60]}): it is another network")
        lod = settings.get("lod", 0.0)
        if not isinstance(lod, int | float) or not 0.0 <= lod <= MOST_LEVELS:
            raise Refused(f"its level of detail is {str(lod)[:20]}, which no training has: it is damaged")
        own = self.found.weights
        if not any(name.startswith(("stages.0.conv1.", "layers.1.")) for name in own):
            raise Refused(f"it has no blocks, as every {self.program} has: it is damaged")
        if any(name.startswith(f"stages.{NOISY_LEVELS}.") for name in own) and "stages.0.conv0.noise_const" not in own:
            raise Refused(f"it stores no noise, and its own would be of a size that no generator has: {EXHAUSTS}")
        self.found.settings.update(settings)
        return self.found


def he(shape: Iterable[int], gain: float = math.sqrt(2.0), multiplier: float = 1.0) -> float:
    """Return the equalized learning rate's scale of a weight whose inputs have ``shape``."""
    return gain / math.sqrt(max(math.prod(shape), 1)) * multiplier


def numbers_of(ref: TensorRef) -> list[float]:
    """Return the numbers of a small tensor, in order. Raises Refused for a large or damaged one."""
    if ref.numel > SMALL or ref.dtype not in FORMS or ref.storage.data is None:
        raise Refused(DAMAGED)
    size, form = ITEMSIZE[ref.dtype], FORMS[ref.dtype]
    offsets = [ref.offset]
    for length, step in zip(ref.shape, ref.stride, strict=True):
        offsets = [at + i * step for at in offsets for i in range(length)]
    return [float(struct.unpack(form, ref.storage.data.read(at * size, size))[0]) for at in offsets]


def taps(kernel: list[float]) -> list[float]:
    """Return the 1-D taps of a square blur kernel's numbers, smallest 1."""
    side = math.isqrt(len(kernel))
    if side * side != len(kernel) or not 1 <= side <= 9:
        raise Refused("its blur is no square kernel: it is damaged")
    row = [sum(kernel[side * i + j] for i in range(side)) for j in range(side)]
    total = sum(row)
    if not math.isfinite(total) or total == 0.0:
        raise Refused("its blur is no kernel: it is damaged")
    return [round(tap / total, 7) for tap in row]


def levels(resolution: int) -> int:
    """Return the number of blocks up to a resolution. Raises Refused for one that is no power of two."""
    if resolution < 4 or resolution & (resolution - 1) or resolution > 4 << MOST_LEVELS:
        raise Refused(f"its resolution is {resolution}, no power of two: it is damaged")
    return resolution.bit_length() - 2


def tensors_in(state: dict[object, object]) -> dict[str, TensorRef]:
    """Return the tensors of a state_dict by name, without the prefix of training on several GPUs."""
    found: dict[str, TensorRef] = {}
    for name, value in state.items():
        if isinstance(name, str) and (ref := tensor_or_parameter(value)) is not None:
            found[name] = ref
    if found and all(name.startswith("module.") for name in found):
        found = {name.removeprefix("module."): ref for name, ref in found.items()}
    return found


def tensor_or_parameter(value: object) -> TensorRef | None:
    """Return the tensor in a value; torch before 0.4 pickled parameters as objects with a tensor in them."""
    if isinstance(value, Record) and str(value.target) == "torch.nn.parameter.Parameter" and value.args:
        value = value.args[0]
    return tensor_of(value)


def module_tensors(module: Record) -> dict[str, TensorRef]:
    """Return the tensors of a whole pickled module by their names in its state_dict. Raises Refused."""
    found: dict[str, TensorRef] = {}
    for path, state in walk(module):
        for group in ("_parameters", "_buffers"):
            held = state.get(group, {})
            for name, value in held.items() if isinstance(held, dict) else ():
                if isinstance(name, str) and (ref := tensor_or_parameter(value)) is not None:
                    found[path + name] = ref
    return found


def walk(module: Record) -> Iterator[tuple[str, dict[object, object]]]:
    """Yield the path and the attributes of every module inside a pickled one. Raises Refused for endless ones."""
    waiting: list[tuple[str, object]] = [("", module)]
    for _ in range(2000):
        if not waiting:
            return
        path, one = waiting.pop()
        state = one.state if isinstance(one, Record) else None
        if not isinstance(state, dict):
            raise Refused(DAMAGED)
        yield path, state
        inner = state.get("_modules", {})
        if isinstance(inner, dict):
            waiting += [(f"{path}{name}.", item) for name, item in inner.items() if item is not None]
        if path.count(".") > 20:
            break
    raise Refused("its modules are nested or repeated beyond all measure: it is made to exhaust the reader")


def is_module(value: object) -> bool:
    """Return whether a value is a whole pickled torch module."""
    return isinstance(value, Record) and isinstance(value.state, dict) and "_modules" in value.state
