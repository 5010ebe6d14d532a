"""StyleGAN2's settings: from a file's contents to a network's Config and a complete state_dict.

Sizes come from the weights' shapes, never from a default, and must agree with the file's own settings. A note says how
each setting is known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from engine.generator.checkpoints.contents import Found, Note, Plain
from engine.generator.checkpoints.families import ADVICE, Whole
from engine.generator.checkpoints.refusals import Refused
from engine.generator.networks.layers import ACTIVATIONS, Mapping, Taps
from engine.generator.networks.modulated import Architecture
from engine.generator.networks.stylegan2 import Config, StyleGAN2

State = dict[str, Tensor]
BLOCK = re.compile(r"synthesis\.b(\d{1,6})\.")
DENSE = re.compile(r"mapping\.fc(\d{1,3})\.weight")
AVERAGED = 8192  # points z; w_avg is estimated from them
LONGEST_FILTER = 32  # taps; a longer FIR kernel is refused
WIDEST = 1 << 16  # size of a dimension; a wider layer is refused
MOST_NOISE = 1 << 24  # numbers; more stored noise is refused (a generator of 2048 px has 11 million)


def complete(found: Found, state: State) -> Whole:
    """Return the network, its settings and its weights, with those added that the file left out.

    `found` gets a note on every setting. Raises Refused when settings and weights disagree.
    """
    state = with_used_filters(state)
    try:
        config = read_config(found, state)
        network = StyleGAN2(config, initialize=False)
        expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    except (KeyError, ValueError, IndexError, TypeError, RuntimeError, ArithmeticError) as error:
        raise Refused(f"its weights make no StyleGAN2 generator ({str(error)[:80]}): download it again") from None
    state = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    has_average = "mapping.w_avg" in state
    fill(state, expected, config, found)
    for name, shape in expected.items():
        if name not in state:
            raise Refused(f"it lacks the weights {name}: it is damaged or not a whole generator")
        if tuple(state[name].shape) != shape:
            raise Refused(f"its {name} is {list(state[name].shape)} where {list(shape)} is due: it is damaged")
    if extra := sorted(state.keys() - expected.keys()):
        raise Refused(f"it has weights no StyleGAN2 has ({extra[0]}): {ADVICE}")
    check_said(found, config)
    if not has_average:
        state["mapping.w_avg"] = average_w(network.mapping, state)
        found.assume("w_avg", None, f"not in the file; the mean of {AVERAGED} mapped z")
    note_settings(found, config)
    return Whole(network, config, init_kwargs(config), {name: state[name] for name in expected})


def with_used_filters(state: State) -> State:
    """Return the state with the FIR filters of upsampling layers only: NVIDIA's others store one that nothing reads.

    A network trained with another filter has it where it upsamples, and the default in its other layers.
    """
    filters = {name for name in state if name.endswith("resample_filter")}
    used = {name for name in filters if ".conv1." not in name and not name.startswith("synthesis.b4.")}
    return {name: tensor for name, tensor in state.items() if name not in filters - used} if used else state


def read_config(found: Found, state: State) -> Config:
    """Return the settings: those that the weights' shapes show, and the others from the file."""
    resolutions = sorted({int(match[1]) for name in state if (match := BLOCK.match(name))})
    if not resolutions or resolutions != [4 << k for k in range(len(resolutions))]:
        raise Refused("its blocks are not of 4, 8, 16 … pixels: it is damaged or not a StyleGAN2 generator")
    layers = sorted(int(match[1]) for name in state if (match := DENSE.fullmatch(name)))
    if layers != list(range(len(layers))) or not layers:
        raise Refused("its mapping network is not whole: it is damaged or not a StyleGAN2 generator")
    embed = tuple(state["mapping.embed.weight"].shape) if "mapping.embed.weight" in state else (0, 0)
    features = tuple(state[f"mapping.fc{i}.weight"].shape[0] for i in layers)
    last = f"synthesis.b{resolutions[-1]}"
    const = state["synthesis.b4.const"].shape
    if any(size > WIDEST for name, t in state.items() if "noise_const" not in name for size in t.shape):
        raise Refused("its layers are wider than any generator's: it is made to exhaust the machine")
    mapping, synthesis = group(found, "mapping_kwargs"), group(found, "synthesis_kwargs")
    return Config(
        img_resolution=resolutions[-1],
        z_dim=state["mapping.fc0.weight"].shape[1] - embed[0],
        c_dim=embed[1],
        w_dim=state["synthesis.b4.conv1.affine.weight"].shape[1],
        img_channels=state[f"{last}.torgb.weight"].shape[0],
        channels=tuple(state[f"synthesis.b{r}.conv1.weight"].shape[0] for r in resolutions),
        mapping_features=features,
        embed_features=embed[0],
        lr_multiplier=number(mapping.get("lr_multiplier", 0.01), "lr_multiplier"),
        label_style="concat" if mapping.get("label_style") == "concat" else "separate",
        normalize_z=mapping.get("normalize_z", True) is not False,
        architecture=architecture(state, resolutions),
        conv_clamp=clamp(synthesis.get("conv_clamp")),
        resample_filter=resample_filter(state, synthesis.get("resample_filter")),
        use_noise=any(name.endswith(".noise_strength") for name in state),
        mapping_activation=activation(mapping.get("activation", "lrelu")),
        activation=activation(synthesis.get("activation", "lrelu")),
        const_shape=(const[1], const[2]),
    )


def group(found: Found, name: str) -> dict[str, Plain]:
    """Return a nested group of settings, empty where the file has none."""
    settings = found.settings.get(name)
    return settings if isinstance(settings, dict) else {}


def number(value: Plain, name: str) -> float:
    """Return a setting that is a positive, finite number. Raises Refused."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
        raise Refused(f"its setting {name} is {str(value)[:40]!r}, not a positive number: it is damaged")
    return float(value)


def clamp(value: Plain) -> float | None:
    """Return the limit that activations are clamped to, or None. Raises Refused."""
    return None if value is None or value is False else number(value, "conv_clamp")


def activation(value: Plain) -> str:
    """Return the name of a nonlinearity that the network has. Raises Refused."""
    if not isinstance(value, str) or value not in ACTIVATIONS:
        raise Refused(f"its nonlinearity is {str(value)[:40]!r}, which StyleGAN2 does not have: it is damaged")
    return value


def architecture(state: State, resolutions: list[int]) -> Architecture:
    """Return how the blocks contribute to the picture, by the layers in the file."""
    if any(".skip." in name for name in state):
        return "resnet"
    is_orig = "synthesis.b4.torgb.weight" not in state and len(resolutions) > 1
    return "orig" if is_orig else "skip"


def resample_filter(state: State, said: Plain) -> Taps:
    """Return the FIR kernel of the buffers, or of the settings (`said`), or else StyleGAN2's own. Raises Refused."""
    f = next((t for name, t in state.items() if name.endswith("resample_filter")), None)
    if f is None:
        f = torch.tensor([1.0, 3.0, 3.0, 1.0] if said is None else said, dtype=torch.float32)
    if f.ndim == 0:
        f = f.reshape(1)
    if f.ndim > 2 or max(f.shape) > LONGEST_FILTER or not torch.isfinite(f / f.sum()).all():
        raise Refused("its resampling filter is no FIR kernel: it is damaged")
    f = f / f.sum()
    if f.ndim == 1:
        return tuple(f.tolist())
    row = f.sum(dim=0)
    if torch.allclose(torch.outer(row, row), f, atol=1e-7) and len(row) < 8:
        return tuple(row.tolist())
    return tuple(tuple(line) for line in f.tolist())


def fill(state: State, expected: dict[str, tuple[int, ...]], config: Config, found: Found) -> None:
    """Add to `state` what a file may leave out: filters, the stored noise, and zeros in place of w_avg."""
    missing = [name for name in expected if name not in state]
    filters = [name for name in missing if name.endswith("resample_filter")]
    if filters:
        kernel = torch.tensor(config.resample_filter, dtype=torch.float32)
        kernel = torch.outer(kernel, kernel) if kernel.ndim == 1 and len(kernel) < 8 else kernel
        state.update({name: kernel / kernel.sum() for name in filters})
    noises = [name for name in missing if name.endswith("noise_const")]
    if sum(math.prod(expected[name]) for name in noises) > MOST_NOISE:
        raise Refused("it lacks noise of a size that no generator has: it is damaged or made to exhaust the machine")
    generator = torch.Generator().manual_seed(0)
    state.update({name: torch.randn(expected[name], generator=generator) for name in noises})
    if noises:
        found.assume("noise_const", len(noises), "not in the file; drawn anew, the same at every load")
    state.setdefault("mapping.w_avg", torch.zeros(config.w_dim))
    if config.c_dim and "mapping.embed.bias" not in state:
        state["mapping.embed.bias"] = torch.zeros(config.embed_features or 0)  # LabelConcat has none


def average_w(mapping: Mapping, state: State) -> Tensor:
    """Return the mean of w [w_dim] over AVERAGED z, the same at every load; every label is used equally often."""
    config = mapping.settings
    mapping.load_state_dict(
        {name.removeprefix("mapping."): t for name, t in state.items() if name.startswith("mapping.")}, assign=True
    )
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(config.w_dim)
    batch = AVERAGED
    while batch > 1 and batch * max(config.z_dim, config.c_dim, *config.features) * config.num_ws > MOST_NOISE:
        batch //= 2
    with torch.no_grad():
        for first in range(0, AVERAGED, batch):
            z, c = torch.randn(batch, config.z_dim, generator=generator), None
            if config.c_dim:
                labels = torch.arange(first, first + batch) % config.c_dim
                c = torch.zeros(batch, config.c_dim).scatter_(1, labels[:, None], 1.0)
            total += mapping(z, c)[:, 0].sum(dim=0)
    return total / AVERAGED


def check_said(found: Found, config: Any) -> None:
    """Raise Refused when the file's settings contradict its weights."""
    for name in ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels"):
        said, is_so = found.settings.get(name), getattr(config, name)
        if said is not None and said != is_so:
            raise Refused(f"its settings say {name} {str(said)[:40]} but its weights are of {is_so}: it is damaged")


def note_settings(found: Found, config: Config) -> None:
    """Note of each setting how it is known, unless there is a note already."""
    noted = {note.setting for note in found.notes}
    for section in ("mapping_kwargs", "synthesis_kwargs"):
        said = group(found, section)
        for keyword, name, value in spoken(config, section):
            if name not in noted:
                how = "found in the file" if keyword in said else "assumed: StyleGAN2's own default"
                found.notes.append(Note(name, value, how))
    read: dict[str, Plain] = {
        "architecture": config.architecture,
        "widths": list(config.channels),
        "use_noise": config.use_noise,
        "resample_filter": shown_filter(config.resample_filter),
    }
    said = group(found, "synthesis_kwargs")
    for name, value in read.items():
        if name not in noted:
            is_said = name == "resample_filter" and name in said
            found.notes.append(Note(name, value, "found in the file" if is_said else "read from the weights"))


def shown_filter(taps: Taps) -> list[Plain]:
    """Return a FIR kernel in types that JSON has, rounded for display."""
    return [round(tap, 6) if isinstance(tap, float) else [round(number, 6) for number in tap] for tap in taps]


def spoken(config: Config, section: str) -> Iterable[tuple[str, str, Plain]]:
    """Return the settings that no weight's shape shows: NVIDIA's keyword, this engine's name, value."""
    if section == "mapping_kwargs":
        yield "lr_multiplier", "lr_multiplier", config.lr_multiplier
        yield "activation", "mapping_activation", config.mapping_activation
        if config.c_dim:
            yield "label_style", "label_style", config.label_style
    else:
        yield "conv_clamp", "conv_clamp", config.conv_clamp
        yield "activation", "activation", config.activation


def init_kwargs(config: Config) -> dict[str, Any]:
    """Return the Config as the nested keywords of the engine's safetensors: NVIDIA's, and a few of the engine's own."""
    widest = max(config.channels)
    base = min((c * r for c, r in zip(config.channels, config.resolutions, strict=True) if c < widest), default=0)
    base = base or widest * config.img_resolution
    synthesis: dict[str, Any] = {
        "architecture": config.architecture,
        "conv_clamp": config.conv_clamp,
        "resample_filter": config.resample_filter,
        "use_noise": config.use_noise,
        "activation": config.activation,
    }
    if all(min(base // r, widest) == c for c, r in zip(config.channels, config.resolutions, strict=True)):
        synthesis |= {"channel_base": base, "channel_max": widest}
    mapping: dict[str, Any] = {
        "num_layers": len(config.mapping_features),
        "activation": config.mapping_activation,
        "lr_multiplier": config.lr_multiplier,
    }
    if config.label_style != "separate":
        mapping["label_style"] = config.label_style
    if not config.normalize_z:
        mapping["normalize_z"] = False
    return {
        "z_dim": config.z_dim,
        "c_dim": config.c_dim,
        "w_dim": config.w_dim,
        "img_resolution": config.img_resolution,
        "img_channels": config.img_channels,
        "mapping_kwargs": mapping,
        "synthesis_kwargs": synthesis,
    }
