"""StyleFlow's published files, read as data: a state by PointFlow's names becomes our `Flow`.

chain.0, chain.2    the moving norms            chain.1.sqrt_end_time    of the ODE
chain.1.odefunc.diffeq.layers.I.{_layer, _hyper_gate, _hyper_bias}
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from engine.borders.errors import UserError
from engine.generator.attributes.boundary_files import budget
from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.pickles.tensors import LARGEST_FILE, TensorRef, check_total, tensor_of
from engine.generator.checkpoints.pickles.torch_files import read_any
from engine.generator.checkpoints.refusals import Refused, refuse_foreign

if TYPE_CHECKING:
    from engine.generator.attributes.flow import Flow

LAYER = re.compile(r"chain\.1\.odefunc\.diffeq\.layers\.(\d{1,2})\.(_layer|_hyper_gate|_hyper_bias)\.(weight|bias)")
PARTS = {"_layer": "linear", "_hyper_gate": "gate", "_hyper_bias": "shift"}
NORMS = {"chain.0.": "first.", "chain.2.": "last."}
LEFT = ("step", "_num_evals")  # counters of the training
NO_FLOW = "it holds no flow of StyleFlow with one ODE: give modellarge10k.pt or one like it"


def read(path: Path) -> Flow:
    """Return the flow in a published file; nothing in it is run. UserError names the file and says what it is."""
    try:
        with path.open("rb") as file:
            span = Span(file, 0, file.seek(0, 2))
            refuse_foreign(span.head(1024), span.length)
            if span.length > LARGEST_FILE:
                raise Refused("it is larger than any flow")
            refs = renamed(read_any(span, budget(span)))
            check_total(refs.values(), span.length)
            state = {name: ref.load().float() for name, ref in refs.items()}
    except Refused as refused:
        raise UserError(f"{path}: {refused.reason}") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read it: {error.strerror or error}") from error
    from engine.generator.attributes import flow

    try:
        if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
            raise ValueError("numbers are not finite")
        return flow.from_state(state, ())
    except ValueError:
        raise UserError(f"{path}: {NO_FLOW}") from None


def renamed(top: object) -> dict[str, TensorRef]:
    """Return the tensors of a published state by our names. Raises Refused for anything else."""
    if isinstance(top, dict) and isinstance(inner := top.get("state_dict"), dict):
        top = inner
    if not isinstance(top, dict):
        raise Refused(NO_FLOW)
    found: dict[str, TensorRef] = {}
    for key, value in top.items():
        ref = tensor_of(value)
        if not isinstance(key, str) or ref is None:
            raise Refused(NO_FLOW)
        name = key.removeprefix("module.")
        if name.rsplit(".", 1)[-1] in LEFT:
            continue
        found[_name(name)] = ref
    return found


def _name(key: str) -> str:
    if match := LAYER.fullmatch(key):
        return f"ode.layers.{int(match[1])}.{PARTS[match[2]]}.{match[3]}"
    for theirs, ours in NORMS.items():
        if key.startswith(theirs):
            return ours + key.removeprefix(theirs)
    if key == "chain.1.sqrt_end_time":
        return "ode.sqrt_end_time"
    raise Refused(NO_FLOW)
