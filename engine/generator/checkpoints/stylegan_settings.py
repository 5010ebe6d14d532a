"""From what a StyleGAN's file holds to its network: sizes of the weights' shapes, the rest of its settings."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.generator.checkpoints.contents import Found
from engine.generator.checkpoints.families import Whole
from engine.generator.checkpoints.refusals import EXHAUSTS, Refused
from engine.generator.checkpoints.staged_settings import Reading, State, blocks, check, construct, whole
from engine.generator.networks.stylegan import Mapping, Settings, StyleGAN

AVERAGED = 8192  # points z; w_avg is estimated from them
MOST_NOISE = 1 << 24  # numbers; more noise is refused (a generator of 2048 px has 11 million)
SHOWN = ("lod", "truncation_cutoff", "fused", "blur", "norm_eps", "normalize_latents")


def complete(found: Found, state: State) -> Whole:
    """Return the network, its settings and its weights, with those added that the file left out. Raises Refused."""
    settings = construct("StyleGAN", state, lambda: read(found, state))
    network = construct("StyleGAN", state, lambda: StyleGAN(settings))
    state = dict(state)
    fill_noise(found, state, settings)
    missing = "mapping.w_avg" not in state
    if missing:
        state["mapping.w_avg"] = torch.zeros(network.num_ws, settings.w_dim)
    state = check("StyleGAN", state, network)
    if missing:
        state["mapping.w_avg"] = average_w(network.mapping, state).expand(network.num_ws, -1).contiguous()
        found.assume("w_avg", None, f"not in the file; the mean of {AVERAGED} mapped z")
    return whole(found, network, settings, state, SHOWN)


def read(found: Found, state: State) -> Settings:
    """Return the settings: those that the weights' shapes show, and the others from the file."""
    said = Reading(found)
    count = blocks(state, "stages.{}.conv1.conv.weight")
    layers = blocks(state, "mapping.layers.{}.weight")
    features = tuple(state[f"mapping.layers.{i}.weight"].shape[0] for i in range(layers))
    label = state.get("mapping.label")
    label_dim = 0 if label is None else label.shape[1]
    painted = tuple(f"stages.{level}.torgb.weight" in state for level in range(count))
    if not count or count > 11 or not painted[-1]:
        raise Refused("it has no ToRGB of its last block: it is damaged or no whole generator")
    dense = "stages.0.dense" in state
    styles = "stages.0.conv0.affine.weight" in state
    if not styles and not dense:
        raise Refused("nothing in it reads w: it is no StyleGAN that can be played")
    w_dim = state["stages.0.conv0.affine.weight" if styles else "stages.0.dense"].shape[1]
    use_noise = any(name.endswith("noise_strength") for name in state)
    return Settings(
        z_dim=(state["mapping.layers.0.weight"].shape[1] if layers else w_dim) - label_dim,
        w_dim=w_dim,
        c_dim=0 if label is None else label.shape[0],
        label_dim=label_dim,
        img_channels=state[f"stages.{count - 1}.torgb.weight"].shape[0],
        channels=tuple(state[f"stages.{level}.conv1.conv.weight"].shape[0] for level in range(count)),
        mapping_features=features,
        fused=said.flags("fused", count),
        painted=painted,
        normalize_latents=said.flag("normalize_latents", True),
        mapping_activation=said.choice("mapping_activation", "lrelu", ("lrelu", "relu")),
        activation=said.choice("activation", "lrelu", ("lrelu", "relu")),
        slope=said.number("slope", 0.2, high=1.0),
        dense=dense,
        use_noise=use_noise,
        use_pixel_norm=said.flag("use_pixel_norm", False),
        use_instance_norm=said.flag("use_instance_norm", True),
        use_styles=styles,
        norm_eps=said.number("norm_eps", 1e-8, high=1.0),
        bias_first=said.flag("bias_first", False),
        blur=taps(said),
        output=said.choice("output", "linear", ("linear", "tanh", "sigmoid")),
        lod=said.number("lod", 0.0, high=float(count)),
        truncation_cutoff=None
        if said.settings.get("truncation_cutoff", 8) is None
        else said.whole("truncation_cutoff", 8),
        noise_stored=said.flag("noise_stored", use_noise and any(name.endswith("noise_const") for name in state)),
    )


def taps(said: Reading) -> tuple[float, ...]:
    """Return the blur's taps. Raises Refused for such as sum to nothing."""
    found = said.numbers("blur", [1.0, 2.0, 1.0], 9)
    if found and abs(sum(found)) < 1e-6:
        raise Refused("its blur sums to nothing: it is damaged")
    return found


def fill_noise(found: Found, state: State, settings: Settings) -> None:
    """Add what the file may leave out: a dense input's bias, and silence where no noise is stored."""
    if settings.dense:
        state.setdefault("stages.0.dense_bias", torch.zeros(16 * settings.channels[0]))
    state.setdefault("stages.0.conv0.bias", torch.zeros(settings.channels[0]))  # two ports have none
    if settings.use_noise:
        if sum(2 * (4 << level) ** 2 for level in range(len(settings.channels))) > MOST_NOISE:
            raise Refused(f"its noise is of a size that no generator has: {EXHAUSTS}")
        for level in range(len(settings.channels)):
            for second in (0, 1):
                state.setdefault(f"stages.{level}.conv{second}.noise_const", torch.zeros(4 << level, 4 << level))
    found.settings["noise_stored"] = settings.noise_stored
    if settings.use_noise and not settings.noise_stored and not any(n.setting == "noise" for n in found.notes):
        found.assume("noise", "none", "the file stores none; --noise random draws it")


@torch.no_grad()
def average_w(mapping: Mapping, state: State) -> Tensor:
    """Return the mean of w [w_dim] over AVERAGED z, the same at every load; every label is used equally often."""
    own = mapping.settings
    parts = {name.removeprefix("mapping."): t for name, t in state.items() if name.startswith("mapping.")}
    mapping.load_state_dict(parts, assign=True)
    generator = torch.Generator().manual_seed(0)
    total, batch = torch.zeros(own.w_dim), 512
    for first in range(0, AVERAGED, batch):
        z, c = torch.randn(batch, own.z_dim, generator=generator), None
        if own.c_dim:
            labels = torch.arange(first, first + batch) % own.c_dim
            c = torch.zeros(batch, own.c_dim).scatter_(1, labels[:, None], 1.0)
        total += mapping(z, c).sum(dim=0)
    return total / AVERAGED
