"""A torch that is imported without what a show does not use computes as always, and has it once somebody reads it."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from engine.system import torch_import

LIGHT = """
import copy, sys
from engine.system import torch_import
torch_import.lighten()
torch_import.lighten()
import torch
import torch.nn.functional as F
rules = ("torch._decomp", "torch._refs", "torch._prims")
later = next(finder for finder in sys.meta_path if hasattr(finder, "asleep"))
asleep = set(later.asleep)
assert not any(name in sys.modules for name in rules), "imported whole"
assert asleep >= {"torch.fx", "torch.export", "torch._higher_order_ops", "torch.distributions", "torch.optim"}, asleep
assert set(torch_import.LATER) - asleep <= {"torch._export", "torch._subclasses"}, "torch reads it while it is imported"
"""

COMPUTES = """
draw = torch.Generator().manual_seed(3)
x = torch.randn(1, 4, 8, 8, generator=draw, requires_grad=True)
w = copy.deepcopy(torch.randn(4, 4, 3, 3, generator=draw))
y = F.leaky_relu(F.conv_transpose2d(F.conv2d(x, w, padding=1), w, stride=2), 0.2).clamp(-1, 1)
grid = F.affine_grid(torch.eye(2, 3)[None], [1, 4, 8, 8], align_corners=False)
z = F.grid_sample(F.pad(y, (1, 1, 1, 1), mode="reflect"), grid, align_corners=False).softmax(1).lerp(x, 0.25)
(torch.fft.rfft2(z).abs().sum() + torch.linalg.lstsq(w[0, 0], w[0, 1]).solution.sum()).backward()
with torch.inference_mode():
    print(z[0, 0, :2, :2], copy.deepcopy(torch.nn.Conv2d(4, 3, 3)).double().to("cpu").eval())
    print(float(z.sum()), float(x.grad.abs().sum()), float(F.batch_norm(x, None, None, training=True).square().sum()))
"""

BROUGHT = """
import torch
torch_import.bring_all()
assert not later.asleep and "torch._decomp" in sys.modules
assert torch.compile(lambda x: x + 1, backend="eager") and torch.distributions.Normal(0.0, 1.0)
"""

THEN = """
assert not any(name in sys.modules for name in rules), "computing has read them"
assert asleep <= set(later.asleep), f"computing has woken {asleep - set(later.asleep)}"
import torch._refs
from torch._decomp import decomposition_table
from torch._subclasses.fake_tensor import FakeTensorMode
assert len(decomposition_table) > 1000
assert torch._refs.__spec__.origin.endswith("__init__.py")
with FakeTensorMode():
    assert F.conv2d(torch.empty(1, 3, 8, 8), torch.empty(4, 3, 3, 3)).shape == (1, 4, 6, 6)
assert not later.asleep
assert type(torch.vmap).__name__ == type(torch.cond).__name__ == type(torch.lobpcg).__name__ == "function"
assert torch.fx.experimental.sym_node.DynamicInt.__module__ == "torch.fx.experimental.sym_node"
assert not any(type(finder).__module__ == "engine.system.torch_import" for finder in sys.meta_path)
torch.Generator().manual_seed(0)
"""


def said(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_computes_the_same_and_has_the_rules_when_they_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    exec(COMPUTES, {"copy": copy, "torch": torch, "F": torch.nn.functional})
    assert said(LIGHT + COMPUTES + THEN) == capsys.readouterr().out != ""


def test_all_comes_before_a_thread_compiles() -> None:
    said(LIGHT + BROUGHT)


@pytest.mark.skipif(not os.environ.get("LATENTVJ_LONG"), reason="long: imports torch's compilers")
@pytest.mark.parametrize("reader", torch_import.READERS)
def test_every_reader_has_the_rules(reader: str) -> None:
    compiles = "assert torch.compile(lambda x: x.sin() + 1, backend='aot_eager')(torch.zeros(2)).tolist() == [1, 1]\n"
    said(f"{LIGHT}import importlib\nimportlib.import_module({reader!r})\n{compiles}")


def test_this_torch_was_tried() -> None:
    """A moved pin fails here: see that the other tests hold, the long one included, and write the new version down."""
    assert torch_import._version() == torch.__version__
    assert torch.__version__.startswith(torch_import.TRIED)


def test_another_torch_is_imported_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    python = SimpleNamespace(modules={}, meta_path=[])
    monkeypatch.setattr(torch_import, "sys", python)
    for version, finders in (("2.14.0+cpu", 0), ("", 0), ("2.13.0+cu130", 2), ("2.13.0+cu130", 2)):
        monkeypatch.setattr(torch_import, "_version", lambda version=version: version)
        torch_import.lighten()
        assert len(python.meta_path) == finders, version
    assert python.meta_path[1].find_spec("torch._native", torch.__path__) is None, "a card has kernels there"
    assert python.meta_path[1].find_spec("torch.fx", torch.__path__) is None, "a thread compiles beside the show"
    python.modules["torch"] = torch
    python.meta_path.clear()
    torch_import.lighten()
    assert python.meta_path == []
