"""Whether a class has all that a contract says, called alike."""

from __future__ import annotations

import inspect
from typing import Any


def members(contract: type[Any]) -> dict[str, Any]:
    """Return what a contract declares, by name."""
    return {name: member for name, member in vars(contract).items() if not name.startswith("_") or name == "__call__"}


def unlike(cls: type[Any], contract: type[Any]) -> list[str]:
    """Return the methods that ``cls`` lacks or that are called in another way."""
    wrong = []
    for name, member in members(contract).items():
        if isinstance(member, property):
            continue
        own = getattr(cls, name, None)
        if own is None or _called(own) != _called(member):
            wrong.append(name)
    return wrong


def lacking(part: object, contract: type[Any]) -> list[str]:
    """Return the values of the contract that an instance lacks."""
    return [name for name in members(contract) if not hasattr(part, name)]


def _called(function: Any) -> list[tuple[str, object, object]]:
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]
