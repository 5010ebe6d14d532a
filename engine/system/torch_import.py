"""`import torch` without what only its compilers read: a quarter of the import. Standard library only.

torch registers Python rules for the shapes of its operators, and rules that take operators apart. Its compilers and
tensors without values read them; no operator that computes does. They are registered as soon as a module is imported
that may read them. Only for the version of torch that this was tried with: another is imported whole.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

RULES = "torch._meta_registrations"
READERS = (
    *("torch._dynamo", "torch._inductor", "torch._decomp", "torch._refs", "torch._prims"),
    *("torch.onnx", "torch.utils.flop_counter"),
)
TRIED = "2.13."  # version of torch


def lighten() -> None:
    """Let the next `import torch` leave the rules out; nothing changes where torch is there already."""
    begun = "torch" in sys.modules or any(isinstance(finder, _Rules) for finder in sys.meta_path)
    if not begun and _version().startswith(TRIED):
        sys.meta_path.insert(0, _Rules())


def _version() -> str:
    """Return the version of torch, without importing it; "" where there is none."""
    found = importlib.util.find_spec("torch")
    try:
        text = Path(found.origin or "").with_name("version.py").read_text("utf-8") if found else ""
    except OSError:
        return ""
    return next((line.split("'")[1] for line in text.splitlines() if line.startswith("__version__ = '")), "")


class _Rules(MetaPathFinder, Loader):
    """Stands in for the rules while torch is imported, and brings them when somebody reads them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where the rules and their readers come from, and None for all others."""
        if fullname == RULES:
            return ModuleSpec(RULES, self)
        return ModuleSpec(fullname, _Reader(self)) if fullname in READERS else None

    def create_module(self, spec: ModuleSpec) -> None:
        """Return None: a module as usual."""

    def exec_module(self, module: ModuleType) -> None:
        """Do the one thing in the rules that computing needs, too: random generators cannot be made before it."""
        base = importlib.import_module("torch._opaque_base")
        importlib.import_module("torch._C")._set_generator_metaclass(base.OpaqueBaseMeta)

    def bring(self) -> None:
        """Register the rules, if torch has been imported without them; from now on nothing is left out."""
        if self not in sys.meta_path:
            return
        sys.meta_path.remove(self)
        if sys.modules.pop(RULES, None) is not None:
            vars(sys.modules["torch"]).pop(RULES.rpartition(".")[2], None)
            importlib.import_module(RULES)


class _Reader(Loader):
    """Imports a module that reads the rules, behind them; they may have imported it themselves."""

    def __init__(self, rules: _Rules) -> None:
        self._rules = rules

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module as Python imports it."""
        self._rules.bring()
        module = importlib.import_module(spec.name)
        self._found = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Leave it as it was: it has been run."""
        module.__spec__ = self._found
