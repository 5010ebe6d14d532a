"""Files of encoders, read as data: pSp's, e4e's and ReStyle's checkpoints, in-domain state_dicts, our own.

A checkpoint of the pSp family is `{"state_dict": {encoder.*, decoder.*}, "opts": …, "latent_avg": [n, w_dim]}`; its
`opts` (a dict, or an argparse.Namespace) say what the encoder is. `decoder.*` is the generator it was trained for,
under rosinality's names. Nothing in a file is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.generator.checkpoints import rosinality_files, safetensors_files
from engine.generator.checkpoints.checkpoint import check_numbers
from engine.generator.checkpoints.contents import Plain, Weight, plain
from engine.generator.checkpoints.families import FAMILIES
from engine.generator.checkpoints.flavours.draft import tensors_in
from engine.generator.checkpoints.pickles.pickle_names import Budget, Record
from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.pickles.tensors import LARGEST_FILE, TensorRef, check_total, tensor_of
from engine.generator.checkpoints.pickles.torch_files import read_any
from engine.generator.checkpoints.refusals import Refused, refuse_foreign, told_by_name
from engine.generator.inversion.encoders import own, psp
from engine.generator.inversion.encoders.encoder import Encoder, MapToStyle
from engine.generator.inversion.encoders.indomain import InDomainEncoder
from engine.generator.networks.network import Network

AVERAGED = 10_000  # z; their mean w is the average of a file without one
CARS = "cars_encode"  # the dataset whose pictures are wider than high
CARS_SHAPE = (192, 256)  # pixels of a car's picture, height and width
ADVICE = "give a pSp, e4e, ReStyle or in-domain encoder, or one that tools/train learnt"


@dataclass(frozen=True, slots=True, eq=False)
class EncoderFile:
    """An encoder from a file, in evaluation mode, and the generator it answers for.

    `average` [1 or num_ws, w_dim] is added to its answers; None adds nothing. `network` is None where neither the file
    nor the caller has one.
    """

    path: Path
    kind: str
    encoder: Encoder
    average: Tensor | None
    network: Network | None
    dataset: str = ""  # what it was trained on, where its opts say so


def load(path: Path, network: Network | None = None, digest: str = "") -> EncoderFile:
    """Read an encoder for ``network``; without one, for the decoder in the file. ``digest`` is the model's SHA-256.

    Raises UserError, which names the file, where it is no encoder or answers for another generator.
    """
    with told_by_name(path, "the encoder's file"), path.open("rb") as file:
        span = Span(file, 0, file.seek(0, 2))
        head = span.head(1024)
        refuse_foreign(head, span.length)
        if span.length > LARGEST_FILE:
            raise Refused(f"the file is larger than any encoder: {ADVICE}")
        if safetensors_files.is_safetensors(head):
            found = _own(path, network, digest)
        else:
            found = _read(path, read_any(span, Budget(decoded=span.length)), span.length, network)
    found.encoder.eval().requires_grad_(False)
    return found


def _own(path: Path, network: Network | None, digest: str) -> EncoderFile:
    encoder, average = own.load(path, digest)
    if network is not None:
        check_fit(own.KIND, network, encoder.num_ws, encoder.w_dim)
    return EncoderFile(path, own.KIND, encoder, average, network)


def _read(path: Path, top: object, size: int, network: Network | None) -> EncoderFile:
    if not isinstance(top, dict):
        raise Refused(f"it holds no encoder: {ADVICE}")
    state = top.get("state_dict", top)
    tensors = tensors_in(state) if isinstance(state, dict) else {}
    check_total(tensors.values(), size)
    if "block0.conv.weight" in tensors:
        return _indomain(path, tensors, network)
    inner = {name.removeprefix("encoder."): ref for name, ref in tensors.items() if name.startswith("encoder.")}
    if not inner:
        raise Refused(f"it holds no encoder: {ADVICE}")
    return _psp(path, top, inner, tensors, network)


def _indomain(path: Path, tensors: dict[str, TensorRef], network: Network | None) -> EncoderFile:
    if network is None:
        raise Refused("an in-domain encoder's file has no generator: name its own with --model")
    try:
        encoder = InDomainEncoder({name: ref.shape for name, ref in tensors.items()}, network.w_dim)
    except (KeyError, ValueError, IndexError, RuntimeError) as error:
        raise Refused(f"its weights make no in-domain encoder ({str(error)[:60]}): it is damaged") from None
    last = f"block{encoder.count - 1}.fc.weight"
    total = tensors[last].shape[0] if last in tensors else 0
    if total != network.num_ws * network.w_dim:
        raise Refused(
            f"it answers with {total} numbers, and the model wants {network.num_ws} w of {network.w_dim}: "
            f"name the model it was trained for with --model"
        )
    fill(encoder, tensors)
    return EncoderFile(path, "in-domain", encoder, None, network)


def _psp(
    path: Path, top: dict[object, object], inner: dict[str, TensorRef], tensors: dict[str, TensorRef],
    network: Network | None,
) -> EncoderFile:  # fmt: skip
    opts = options(top)
    encoder_type = kind_of(opts, inner)
    try:
        encoder = psp.build(encoder_type, {name: ref.shape for name, ref in inner.items()})
    except (KeyError, ValueError, IndexError, RuntimeError) as error:
        raise Refused(f"its weights make no {encoder_type} ({str(error)[:60]}): it is damaged") from None
    if encoder.input_channels not in (1, 3, 6):
        raise Refused(
            f"it reads maps of {encoder.input_channels} channels (segmentation), not pictures: give one for pictures"
        )
    if opts.get("dataset_type") == CARS:
        encoder.shape = CARS_SHAPE
    fill(encoder, inner)
    average = tensor_of(top.get("latent_avg"))
    mean = None if average is None else Weight(average).load()
    decoder = {name.removeprefix("decoder."): ref for name, ref in tensors.items() if name.startswith("decoder.")}
    if mean is not None:
        mean = mean.reshape(-1, mean.shape[-1])
    if decoder and (network is None or mean is None):
        own_network = generator(decoder, mean)
        mean = average_of(own_network) if mean is None else mean
        network = own_network if network is None else network
    if mean is None and network is not None:
        mean = average_of(network)
    if network is not None:
        check_fit(encoder_type, network, *answer_shape(encoder))
    starts = encoder.iterative or opts.get("start_from_latent_avg", True) is not False
    if starts and mean is None:
        raise Refused("it has neither the average w nor a generator to take it from: name one with --model")
    if mean is not None and encoder_type == "SingleStyleCodeEncoder":
        mean = mean[:1]
    dataset = str(opts.get("dataset_type") or "")[:60]
    return EncoderFile(path, encoder_type, encoder, mean if starts else None, network, dataset)


def options(top: dict[object, object]) -> dict[str, Plain]:
    """Return a checkpoint's `opts`, of a dict or a pickled argparse.Namespace; empty where there are none."""
    held = top.get("opts")
    said = plain(held.state if isinstance(held, Record) else held)
    return said if isinstance(said, dict) else {}


def kind_of(opts: dict[str, Plain], inner: dict[str, TensorRef]) -> str:
    """Return what the encoder is. Raises Refused where `opts` do not say and the names leave several."""
    said = opts.get("encoder_type")
    if isinstance(said, str) and said in psp.KINDS:
        return said
    if said is not None:
        raise Refused(f"its encoder_type is {str(said)[:40]!r}, none of {', '.join(psp.KINDS)}: {ADVICE}")
    if "styles.0.linear.weight" not in inner and "linear.weight" in inner:
        return "BackboneEncoderUsingLastLayerIntoW" + ("Plus" if "output_layer_2.3.weight" in inner else "")
    raise Refused(
        "it has no opts that say which encoder it is (pSp's and e4e's tensors are alike): take the whole file"
    )


def fill(module: nn.Module, tensors: dict[str, TensorRef]) -> None:
    """Load the weights, which must be those of the module, all of them. Raises Refused."""
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    optional = {name for name in wanted if name.endswith("num_batches_tracked")}
    for name, shape in wanted.items():
        if name in optional and name not in tensors:
            continue
        if name not in tensors:
            raise Refused(f"it lacks the weights {name[:60]}: it is damaged or not a whole encoder")
        if tensors[name].shape != shape:
            raise Refused(f"its {name[:60]} is {list(tensors[name].shape)} where {list(shape)} is due: it is damaged")
    if extra := sorted(tensors.keys() - wanted.keys()):
        raise Refused(f"it has weights that no such encoder has ({extra[0][:60]}): it is another one")
    state = {name: Weight(tensors[name]).load() for name in wanted if name not in optional}
    check_numbers(state)
    module.load_state_dict(state, strict=False, assign=True)


def generator(tensors: dict[str, TensorRef], mean: Tensor | None) -> Network:
    """Return the generator that an encoder's file has beside it. Raises Refused."""
    found = rosinality_files.find({"g_ema": dict(tensors)})
    if found is None:
        raise Refused("its decoder is no StyleGAN2: name the model with --model")
    state = {name: weight.load() for name, weight in found.weights.items()}
    check_numbers(state)
    if mean is not None:
        state["mapping.w_avg"] = mean[0].clone()
    whole = FAMILIES[found.family].reader().complete(found, state)
    whole.network.load_state_dict(whole.state, strict=True, assign=True)
    return whole.network.eval().requires_grad_(False)


@torch.no_grad()
def average_of(network: Network) -> Tensor:
    """Return the mean w [1, w_dim] of AVERAGED z, the same at every load (e4e's program draws them anew)."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(AVERAGED, network.z_dim, generator=generator).to(network.device)
    return (
        torch.cat([network.map(z[at : at + 1000])[:, 0] for at in range(0, AVERAGED, 1000)])
        .mean(dim=0, keepdim=True)
        .cpu()
    )


def answer_shape(encoder: psp.Backbone) -> tuple[int, int]:
    """Return how many w an encoder answers with (1: one for all layers), and their numbers."""
    if isinstance(encoder, psp.StyleEncoder):
        first = encoder.styles[0]
        assert isinstance(first, MapToStyle)
        return len(encoder.styles), first.linear.weight.shape[0]
    assert isinstance(encoder, psp.SingleEncoder | psp.DenseEncoder)
    if isinstance(encoder, psp.DenseEncoder):
        return encoder.linear.weight.shape[0] // encoder.w_dim, encoder.w_dim
    return 1, encoder.linear.weight.shape[0]


def check_fit(kind: str, network: Network, count: int, w_dim: int) -> None:
    """Raise Refused, with both sizes, for an encoder of another generator."""
    if w_dim != network.w_dim or count not in (1, network.num_ws):
        raise Refused(
            f"this {kind} answers with {count} w of {w_dim} numbers, and the model wants {network.num_ws} of "
            f"{network.w_dim}: give the encoder that was trained for the model"
        )
