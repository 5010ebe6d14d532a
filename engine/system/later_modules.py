"""Modules that are imported when somebody first reads what is in them. Standard library only.

A package that imports all of its parts in its own import costs a start what it never uses. `LaterModules` stands
before Python's finders: a module of its list, and whatever lies below it, becomes an `Asleep` in `sys.modules`, empty
and without having run. The first thing that is read from it imports it as usual. Nothing is left out, it comes later.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from importlib._abc import Loader  # importlib.abc imports much more
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, TypeAlias

Names: TypeAlias = Mapping[str, Mapping[str, str]]  # by module: a name in it, and the module that takes it from there


class LaterModules(Loader):
    """Finds the modules of a list, and lets them sleep."""

    def __init__(self, modules: Collection[str], names: Names, early: Collection[str] = ()) -> None:
        """``names`` are functions and classes that others take from a module by name: that does not wake it.

        ``early`` are modules that are imported at once, though what they are a part of sleeps.
        """
        self._modules, self._names, self._early = frozenset(modules), names, frozenset(early)
        self._there: dict[str, ModuleType] = {}  # early modules whose package wakes
        self._sleepers: dict[str, Asleep] = {}
        self._woken: set[str] = set()
        self._lock = threading.Lock()

    @property
    def asleep(self) -> tuple[str, ...]:
        """Return the modules that nobody has read yet, in the order in which they were asked for."""
        return tuple(self._sleepers)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module that sleeps comes from, and None for all others."""
        if fullname in self._there:
            return ModuleSpec(fullname, Again(self._there.pop(fullname)))
        sleeps = fullname in self._modules or fullname.rpartition(".")[0] in self._sleepers
        if not sleeps or fullname in self._early or fullname in self._woken:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None:
            spec.loader = self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return an empty module, which wakes when it is read."""
        return Asleep(spec.name, self)

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing."""
        assert isinstance(module, Asleep)
        self._sleepers[module.__name__] = module

    def stand_in(self, module: str, name: str) -> Later | None:
        """Return what stands for ``name`` of a module that sleeps; None where to read it wakes the module."""
        known = module in self._sleepers and name in self._names.get(module, ())
        return Later(self, module, name) if known else None

    def wake(self, name: str) -> ModuleType:
        """Import ``name`` as usual, with what is below it; return the true module.

        What a package needs of a part while it is imported itself is imported alone. Once the package is there, its
        parts come together and in the order in which it asks for them: in another one they go round in circles.
        """
        package = name.partition(".")[0]
        parts = name.split(".")
        above = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
        top = package if _is_there(package) else next((each for each in above if each in self._sleepers), None)
        if top is not None:
            with self._lock:
                family = [each for each in self._sleepers if each == top or each.startswith(f"{top}.")]
                for each in family:
                    self._get_up(each)
            for each in family:
                self._hand_over(importlib.import_module(each))
            for each in tuple(self._there):  # the import makes it an attribute of its true package
                importlib.import_module(each)
        return importlib.import_module(name)

    def _get_up(self, name: str) -> None:
        """Let the next import of ``name`` be a true one."""
        self._woken.add(name)
        sleeper = self._sleepers.pop(name)
        if sys.modules.get(name) is sleeper:
            del sys.modules[name]
        for each in (f"{name}.{part}" for part in vars(sleeper)):
            if each in self._early and each in sys.modules:
                self._there[each] = sys.modules.pop(each)

    def _hand_over(self, module: ModuleType) -> None:
        """Put the true functions and classes where others stand for them."""
        for name, taker in self._names.get(module.__name__, {}).items():
            if taker in sys.modules and isinstance(vars(sys.modules[taker]).get(name), Later):
                setattr(sys.modules[taker], name, getattr(module, name))


def _is_there(package: str) -> bool:
    """Return whether a package has been imported, and not only in part."""
    found = sys.modules.get(package)
    return found is not None and not getattr(found.__spec__, "_initializing", False)


class Again(Loader):
    """Imports a module that is there: its package has come."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Leave it as it was: it has run."""
        module.__spec__ = self._spec


class Asleep(ModuleType):
    """An empty module, which wakes when something is read from it."""

    def __init__(self, name: str, later: LaterModules) -> None:
        super().__init__(name)
        super().__setattr__("__later__", later)

    def __getattr__(self, name: str) -> Any:
        """Return what the true module has. What Python asks of every module wakes nothing."""
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        later: LaterModules = vars(self)["__later__"]
        if (stand_in := later.stand_in(self.__name__, name)) is not None:
            return stand_in
        true = later.wake(self.__name__)
        if name == "__all__" and not hasattr(true, "__all__"):
            return [each for each in vars(true) if not each.startswith("_")]
        return getattr(true, name)

    def __setattr__(self, name: str, value: object) -> None:
        """Set it in the true module. What Python's import sets wakes nothing."""
        if name.startswith("__") or isinstance(value, ModuleType):
            super().__setattr__(name, value)
        else:
            setattr(vars(self)["__later__"].wake(self.__name__), name, value)

    def __dir__(self) -> list[str]:
        """Return what the true module has."""
        return dir(vars(self)["__later__"].wake(self.__name__))


class Later:
    """Stands for a function, a class or a table of a module that sleeps. To use it wakes the module."""

    def __init__(self, later: LaterModules, module: str, name: str) -> None:
        self._later, self._module, self._named = later, module, name

    def _true(self) -> Any:
        return getattr(self._later.wake(self._module), self._named)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        return self._true()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Return what it has."""
        return getattr(self._true(), name)

    def __instancecheck__(self, instance: object) -> bool:
        """Return whether ``instance`` is one of the class; there is none of a class that nobody has read."""
        return self._module not in self._later.asleep and isinstance(instance, self._true())

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        """Return the class, for one that is derived from it."""
        return (self._true(),)

    def __or__(self, other: object) -> object:
        """Stand in an annotation."""
        return Any

    def __contains__(self, key: object) -> bool:
        """Return whether the table has ``key``; one that nobody has read is empty."""
        return self._module not in self._later.asleep and key in self._true()

    def __delitem__(self, key: object) -> None:
        """Take ``key`` out of the table."""
        del self._true()[key]
