"""What the readers of StyleGAN, PGGAN and DCGAN share: settings that are checked, a network whose shapes must agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from torch import Tensor

from engine.generator.checkpoints.contents import Found, Note, Plain
from engine.generator.checkpoints.families import ADVICE, Whole
from engine.generator.checkpoints.refusals import EXHAUSTS, Refused
from engine.generator.networks.network import Network

State = dict[str, Tensor]
Built = TypeVar("Built")
WIDEST = 1 << 16  # size of a dimension; a wider layer is refused
LARGEST = 1 << 13  # pixels of a side; a larger picture is refused


def construct(title: str, state: State, make: Callable[[], Built]) -> Built:
    """Return the network, whose weights have the shapes of the state's. Raises Refused when they disagree."""
    if any(size > WIDEST for name, t in state.items() if not name.endswith("noise_const") for size in t.shape):
        raise Refused(f"its layers are wider than any generator's: {EXHAUSTS}")
    try:
        network = make()
    except (KeyError, ValueError, IndexError, TypeError, RuntimeError, ArithmeticError) as error:
        raise Refused(f"its weights make no {title} generator ({str(error)[:80]}): it is damaged or another") from None
    return network


def check(title: str, state: State, network: Network) -> State:
    """Return the state in the network's order. Raises Refused where a weight is missing, extra or of another shape."""
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for name, shape in expected.items():
        if name not in state:
            raise Refused(f"it lacks the weights {name}: it is damaged or not a whole generator")
        if tuple(state[name].shape) != shape:
            raise Refused(f"its {name} is {list(state[name].shape)} where {list(shape)} is due: it is damaged")
    if extra := sorted(state.keys() - expected.keys()):
        raise Refused(f"it has weights no {title} has ({extra[0]}): {ADVICE}")
    return {name: state[name] for name in expected}


def whole(found: Found, network: Network, config: object, state: State, shown: Iterable[str]) -> Whole:
    """Return the generator, with a note on each setting in ``shown`` that has none yet."""
    settings = {
        **found.settings,
        "z_dim": network.z_dim,
        "w_dim": network.w_dim,
        "c_dim": network.c_dim,
        "img_resolution": network.resolution,
        "img_channels": network.img_channels,
    }
    noted = {note.setting for note in found.notes}
    for name in shown:
        if name not in noted and name in settings:
            found.notes.append(Note(name, settings[name], "found in the file, or by its program's rules"))
    if "widths" not in noted:
        found.notes.append(Note("widths", list(network.channels), "read from the weights"))
    return Whole(network, config, settings, state)


class Reading:
    """Settings as they were found, read with a check."""

    def __init__(self, found: Found) -> None:
        self.settings = found.settings

    def number(self, name: str, default: float, low: float = 0.0, high: float = 1e9) -> float:
        """Return a number. Raises Refused for anything else, or beyond the limits."""
        value = self.settings.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise Refused(
                f"its setting {name} is {str(value)[:40]!r}, no number from {low:g} to {high:g}: it is damaged"
            )
        return float(value)

    def whole(self, name: str, default: int = 0) -> int:
        """Return a whole number from 0. Raises Refused."""
        value = self.number(name, default)
        if value != int(value):
            raise Refused(f"its setting {name} is {value:g}, no whole number: it is damaged")
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return what is true or false. Raises Refused."""
        value = self.settings.get(name, default)
        if not isinstance(value, bool):
            raise Refused(f"its setting {name} is {str(value)[:40]!r}, neither true nor false: it is damaged")
        return value

    def choice(self, name: str, default: str, allowed: Iterable[str]) -> str:
        """Return one of the allowed words. Raises Refused."""
        value = self.settings.get(name, default)
        if not isinstance(value, str) or value not in allowed:
            raise Refused(f"its setting {name} is {str(value)[:40]!r}, not one of {', '.join(allowed)}")
        return value

    def flags(self, name: str, count: int) -> tuple[bool, ...]:
        """Return ``count`` values that are true or false; a shorter list is one of another network. Raises Refused."""
        value = self.settings.get(name, [False] * count)
        if not isinstance(value, list) or len(value) < count or not all(isinstance(one, bool) for one in value):
            raise Refused(f"its setting {name} does not fit its blocks: it is damaged")
        return tuple(bool(one) for one in value[:count])

    def numbers(self, name: str, default: list[Plain], most: int) -> tuple[float, ...]:
        """Return a list of numbers. Raises Refused."""
        value = self.settings.get(name, default)
        if not isinstance(value, list) or len(value) > most:
            raise Refused(f"its setting {name} is no list of at most {most} numbers: it is damaged")
        if not all(isinstance(one, int | float) and abs(one) < 1e6 for one in value):
            raise Refused(f"its setting {name} is no list of numbers: it is damaged")
        return tuple(float(one) for one in value if isinstance(one, int | float))


def blocks(state: State, name: str) -> int:
    """Return how many blocks have a tensor, whose name is made of 0, 1, 2, …"""
    count = 0
    while name.format(count) in state:
        count += 1
    return count
