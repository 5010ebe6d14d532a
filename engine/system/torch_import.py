"""`import torch` without what a show does not use: half of the import. Standard library only.

torch registers Python rules for the shapes of its operators, and rules that take operators apart. Its compilers and
tensors without values read them; no operator that computes does. They are registered as soon as a module is imported
that may read them. Many of torch's parts are only imported to be there: in a torch for processors alone they sleep
until they are read; on a graphics card a thread compiles while another one paints. Only for the version of torch that
this was tried with: another is imported whole.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib._abc import Loader  # importlib.abc imports much more
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from engine.system.later_modules import LaterModules

RULES = "torch._meta_registrations"
READERS = (
    *("torch._dynamo", "torch._inductor", "torch._decomp", "torch._refs", "torch._prims"),
    *("torch.onnx", "torch.utils.flop_counter"),
)
LATER = (
    *("torch._export", "torch._higher_order_ops", "torch._lobpcg", "torch._native", "torch._subclasses"),
    *("torch._strobelight.compile_time_profiler", "torch.ao", "torch.distributions", "torch.export"),
    *("torch.func", "torch.fx", "torch.hub", "torch.masked", "torch.nested", "torch.nn.intrinsic"),
    *("torch.nn.qat", "torch.nn.quantizable", "torch.nn.quantized", "torch.optim"),
    *("torch.package", "torch.profiler", "torch.quantization", "torch.quasirandom", "torch.testing"),
    *("torch.utils.data", "torchgen", "unittest"),
)
EARLY = ("torch.fx.experimental.sym_node", "torch.package._mangling")  # torch's core reads these while it computes
# What torch takes by name from a part that sleeps, and its module that does so; "" is a function, each time it runs.
NAMES = {
    "torch._higher_order_ops": {"cond": "torch", "while_loop": "torch"},
    "torch._higher_order_ops.invoke_subgraph": {"NestedCompileRegionOptions": "torch.compiler"},
    "torch._lobpcg": {"lobpcg": "torch"},
    "torch._strobelight.compile_time_profiler": {"StrobelightCompileTimeProfiler": "torch._utils_internal"},
    "torch._subclasses.fake_tensor": {"FakeTensor": ""},
    "torch._subclasses.functional_tensor": {"FunctionalTensorMode": ""},
    "torch._subclasses.schema_check_mode": {"SchemaCheckMode": ""},
    "torch.func": {"vmap": "torch"},
    "torch.fx.experimental.proxy_tensor": {"ProxyTorchDispatchMode": ""},
    "torch.fx.operator_schemas": {"_SCHEMA_TO_SIGNATURE_CACHE": ""},
    "torch.nested._internal.nested_tensor": {"NestedTensor": ""},
    "torch.package": {"PackageExporter": "torch.jit._script", "PackageImporter": "torch.jit._script"},
    "torch.testing._comparison": {"default_tolerances": "torch.jit._trace"},
}
TRIED = "2.13."  # version of torch


def lighten() -> None:
    """Let the next `import torch` leave the rules out; nothing changes where torch is there already."""
    begun = "torch" in sys.modules or any(isinstance(finder, _Rules) for finder in sys.meta_path)
    version = "" if begun else _version()
    if version.startswith(TRIED):
        later = LaterModules(LATER if version.endswith("+cpu") else (), NAMES, EARLY)
        sys.meta_path[:0] = [_Rules(later), later]


def bring_all() -> None:
    """Import what was left out, before a thread compiles.

    Two threads that import parts of torch for the first time can find one that is there by half.
    """
    for rules in [finder for finder in sys.meta_path if isinstance(finder, _Rules)]:
        rules.bring()


def _version() -> str:
    """Return the version of torch, without importing it; "" where there is none."""
    found = importlib.util.find_spec("torch")
    try:
        text = Path(found.origin or "").with_name("version.py").read_text("utf-8") if found else ""
    except OSError:
        return ""
    return next((line.split("'")[1] for line in text.splitlines() if line.startswith("__version__ = '")), "")


class _Rules(Loader):
    """Stands in for the rules while torch is imported, and brings them when somebody reads them."""

    def __init__(self, later: LaterModules) -> None:
        """``later`` has the parts of torch that sleep: who reads the rules may read all of torch."""
        self._later = later

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
        if "torch" in sys.modules:
            self._later.wake("torch")
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
