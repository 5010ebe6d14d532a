"""The first StyleGAN's and PGGAN's own pickles: TensorFlow's of three programs, and Theano's.

NVlabs/stylegan           dnnlib.tflib.network.Network, version 3: G_style (components), or G_paper (a PGGAN)
progressive_growing       tfutil.Network, version 2: G_paper, its fused kernels [k, k, OUT, IN]
the original, in Theano   network.Network, no version: a list of arrays in the order of the layers
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from engine.generator.checkpoints.contents import Found, Plain, Source, Weight, plain
from engine.generator.checkpoints.flavours.draft import Draft, he, levels
from engine.generator.checkpoints.flavours.stylegan_ports import fused_by_size, layer, with_one
from engine.generator.checkpoints.pickles.pickle_names import DAMAGED
from engine.generator.checkpoints.pickles.tensors import tensor_of
from engine.generator.checkpoints.refusals import Refused

if TYPE_CHECKING:
    from torch import Tensor

Settings = dict[str, Plain]


def turned(weight: Tensor) -> Tensor:
    """Return TensorFlow's kernel [k, k, in, out] as [out, in, k, k]."""
    return weight.permute(3, 2, 0, 1)


def transposed(weight: Tensor) -> Tensor:
    """Return TensorFlow's kernel of a transposed convolution [k, k, out, in] as [out, in, k, k]."""
    return weight.permute(2, 3, 0, 1)


def style(variables: dict[str, Weight], settings: Settings, sources: tuple[Source, ...]) -> Found:
    """Return a StyleGAN; ``variables`` have their components' names before them."""
    draft = Draft(
        {name: weight.ref for name, weight in variables.items()}, "TensorFlow pickle (v3, stylegan)", "stylegan"
    )
    scaled, slow = flag(settings, "use_wscale", True), number(settings, "mapping_lrmul", 0.01)
    count = draft.count("mapping/Dense{}/weight")
    for i in range(count):
        fan_in = draft.shape(f"mapping/Dense{i}/weight")[:1]
        factor = he(fan_in, multiplier=slow) if scaled else slow
        draft.put(f"mapping.layers.{i}.weight", f"mapping/Dense{i}/weight", lambda t: t.t(), factor)
        draft.put(f"mapping.layers.{i}.bias", f"mapping/Dense{i}/bias", None, slow)
    total = draft.count_levels("synthesis/{0}x{0}/")
    if "mapping/LabelConcat/weight" in draft:
        draft.put("mapping.label", "mapping/LabelConcat/weight")
    if "dlatent_avg" in draft:
        draft.put("mapping.w_avg", "dlatent_avg", lambda t: t.expand(2 * total, -1))
    for index in range(2 * total):
        style_layer(draft, index, scaled)
    if "synthesis/4x4/Const/const" in draft:
        draft.put("stages.0.const", "synthesis/4x4/Const/const", lambda t: t[0])
    else:
        fan_in = draft.shape("synthesis/4x4/Dense/weight")[:1]
        draft.put("stages.0.dense", "synthesis/4x4/Dense/weight", lambda t: t.t(), he(fan_in) / 4 if scaled else 1.0)
    for level in range(total):
        to_rgb(draft, level, f"synthesis/ToRGB_lod{total - 1 - level}", scaled)
    lod = draft.numbers("lod")[0] if "lod" in draft else 0.0
    draft.drop(r"synthesis/lod|.*noise\d+|lod")
    if not any(name.endswith("Noise/weight") for name in draft.tensors):
        settings["use_noise"] = False
    draft.found.sources = sources
    return draft.finish(**style_settings(draft, settings, total, lod, count))


def style_layer(draft: Draft, index: int, scaled: bool) -> None:
    """Take layer ``index`` of the synthesis network."""
    names = {0: ("Const", "Dense"), 1: ("Conv",)}.get(index, ("Conv0_up",) if index % 2 == 0 else ("Conv1",))
    side, ours = 4 << index // 2, layer(index)
    theirs = next(
        (f"synthesis/{side}x{side}/{name}" for name in names if f"synthesis/{side}x{side}/{name}/bias" in draft), ""
    )
    if index:
        shape = draft.shape(f"{theirs}/weight")
        draft.put(f"{ours}.conv.weight", f"{theirs}/weight", turned, he(shape[:3]) if scaled else 1.0)
    draft.put(f"{ours}.bias", f"{theirs}/bias")
    if f"{theirs}/Noise/weight" in draft:
        draft.put(f"{ours}.noise_strength", f"{theirs}/Noise/weight")
        if f"synthesis/noise{index}" in draft:
            draft.put(f"{ours}.noise_const", f"synthesis/noise{index}", lambda t: t[0, 0])
    if f"{theirs}/StyleMod/weight" in draft:
        fan_in = draft.shape(f"{theirs}/StyleMod/weight")[:1]
        factor = he(fan_in, 1.0) if scaled else 1.0
        draft.put(f"{ours}.affine.weight", f"{theirs}/StyleMod/weight", lambda t: t.t(), factor)
        draft.put(f"{ours}.affine.bias", f"{theirs}/StyleMod/bias", with_one)


def to_rgb(draft: Draft, level: int, theirs: str, scaled: bool) -> None:
    """Take a ToRGB."""
    fan_in = draft.shape(f"{theirs}/weight")[2:3]
    draft.put(f"stages.{level}.torgb.weight", f"{theirs}/weight", turned, he(fan_in, 1.0) if scaled else 1.0)
    draft.put(f"stages.{level}.torgb_bias", f"{theirs}/bias")


def style_settings(draft: Draft, settings: Settings, total: int, lod: float, count: int) -> Settings:
    """Return what no weight's shape shows."""
    said = settings.get("fused_scale", "auto")
    if said not in (True, False, "auto"):
        raise Refused(f"its fused_scale is {str(said)[:20]!r}, which no StyleGAN has: it is damaged")
    fused: list[Plain] = [
        bool(level and (fused_by_size(4 << level) if said == "auto" else said)) for level in range(total)
    ]
    cutoff = settings.get("truncation_cutoff", 8)
    blur = settings.get("blur_filter", [1, 2, 1])
    half(draft, settings)
    return {
        "fused": fused,
        "lod": lod,
        "blur": list(blur) if isinstance(blur, list) else [],
        "truncation_cutoff": cutoff if isinstance(cutoff, int) and not isinstance(cutoff, bool) else 0,
        "mapping_layers": count,
        "mapping_activation": settings.get("mapping_nonlinearity", "lrelu"),
        "activation": settings.get("nonlinearity", "lrelu"),
        "normalize_latents": flag(settings, "normalize_latents", True),
        "use_pixel_norm": flag(settings, "use_pixel_norm", False),
        "use_instance_norm": flag(settings, "use_instance_norm", True),
        "use_noise": flag(settings, "use_noise", True),
    }


def half(draft: Draft, settings: Settings) -> None:
    """Say of a network in half precision that it is played in full."""
    if settings.get("dtype", "float32") != "float32":
        draft.found.assume("dtype", "float32", f"the file's own program computes in {str(settings['dtype'])[:20]}")


def flag(settings: Settings, name: str, default: bool) -> bool:
    """Return a setting that is true or false. Raises Refused for anything else."""
    value = settings.get(name, default)
    if value not in (True, False):
        raise Refused(f"its setting {name} is {str(value)[:40]!r}, neither true nor false: it is damaged")
    return bool(value)


def number(settings: Settings, name: str, default: float) -> float:
    """Return a setting that is a positive number. Raises Refused."""
    value = settings.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise Refused(f"its setting {name} is {str(value)[:40]!r}, not a positive number: it is damaged")
    return float(value)


def paper(variables: dict[str, Weight], settings: Settings, sources: tuple[Source, ...], first: bool) -> Found:
    """Return a PGGAN; ``first``: of the program before StyleGAN's, whose fused kernels are [k, k, out, in]."""
    program = (
        "TensorFlow pickle (v2, progressive_growing_of_gans)" if first else "TensorFlow pickle (v3, stylegan's PGGAN)"
    )
    draft = Draft({name: weight.ref for name, weight in variables.items()}, program, "pggan")
    scaled, total = flag(settings, "use_wscale", True), draft.count_levels("{0}x{0}/")
    inputs = draft.shape("4x4/Dense/weight")[0]
    draft.put("stages.0.dense", "4x4/Dense/weight", lambda t: t.t(), he((inputs,)) / 4 if scaled else 1.0)
    draft.put("stages.0.bias", "4x4/Dense/bias")
    fused: list[Plain] = []
    for level in range(total):
        block = f"{4 << level}x{4 << level}"
        fused.append(f"{block}/Conv0_up/weight" in draft)
        names = {"conv0": "Conv0_up" if fused[-1] else "Conv0", "conv1": "Conv1"} if level else {"conv1": "Conv"}
        for ours, theirs in names.items():
            shape = draft.shape(f"{block}/{theirs}/weight")
            swapped = first and theirs == "Conv0_up"
            fan_in = (*shape[:2], shape[3] if swapped else shape[2])
            change = transposed if swapped else turned
            draft.put(
                f"stages.{level}.{ours}.conv.weight", f"{block}/{theirs}/weight", change, he(fan_in) if scaled else 1.0
            )
            draft.put(f"stages.{level}.{ours}.bias", f"{block}/{theirs}/bias")
        to_rgb(draft, level, f"ToRGB_lod{total - 1 - level}", scaled)
    lod = draft.numbers("lod")[0] if "lod" in draft else 0.0
    draft.found.sources = sources
    half(draft, settings)
    return draft.finish(fused=fused, lod=lod, inputs=inputs, **paper_settings(settings))


def paper_settings(settings: Settings) -> Settings:
    """Return what no weight's shape shows."""
    labels = settings.get("label_size", 0)
    return {
        "labels": labels if isinstance(labels, int) else 0,
        "norm_eps": number(settings, "pixelnorm_epsilon", 1e-8),
        "slope": 0.2 if flag(settings, "use_leakyrelu", True) else 0.0,
        "use_pixel_norm": flag(settings, "use_pixelnorm", True),
        "normalize_latents": flag(settings, "normalize_latents", True),
    }


MUST_BE: Settings = {  # settings of the Theano program that its successor does not read, either
    "label_size": 0,
    "use_batchnorm": False,
    "tanh_at_end": None,
    "use_layernorm": False,
    "mbdisc_kernels": None,
}


def theano(state: dict[object, object], source: tuple[Source, ...]) -> Found:
    """Return a PGGAN of the original program, whose arrays have no names: weight, scale and bias of every layer."""
    spec = plain(state.get("build_func_spec"))
    values, top = state.get("param_values"), state.get("toplevel_params", {})
    if not isinstance(spec, dict) or not isinstance(values, list):
        raise Refused(DAMAGED)
    if spec.get("func") not in ("G_paper", "G_progressive_8"):
        raise Refused(f"this is a Theano network {str(spec.get('func'))[:40]}, no PGGAN generator")
    for name, due in MUST_BE.items():
        if spec.get(name, due) != due:
            raise Refused(f"its setting {name} is {str(spec[name])[:40]!r}, which no PGGAN that is known of has")
    refs = [tensor_of(value) for value in values]
    if any(ref is None for ref in refs):
        raise Refused(DAMAGED)
    resolution = spec.get("resolution", 32)
    total = levels(resolution if isinstance(resolution, int) else 0)
    draft = Draft({str(i): ref for i, ref in enumerate(refs) if ref is not None}, "Theano pickle (PGGAN)", "pggan")
    theano_layers(draft, total, flag(spec, "use_wscale", True))
    told = plain(top)
    lod = told.get("cur_lod", 0.0) if isinstance(told, dict) else 0.0
    lod = float(lod) if isinstance(lod, int | float) and math.isfinite(lod) else 0.0
    draft.found.sources = source
    inputs = draft.shape("0")[1]
    return draft.finish(fused=[False] * total, lod=lod, inputs=inputs, **paper_settings(spec))


def theano_layers(draft: Draft, total: int, scaled: bool) -> None:
    """Take the arrays in the order of the layers; a true convolution turns its kernel, TensorFlow's does not."""
    step = 3 if scaled else 2
    names = [f"stages.{i // 2}.conv{i % 2}" for i in range(2 * total)]
    names += [f"stages.{level}.torgb" for level in reversed(range(total))]
    for i, ours in enumerate(names):
        weight, bias = str(step * i), str(step * i + step - 1)
        factor = draft.numbers(str(step * i + 1))[0] if scaled else 1.0
        if i == 0:
            draft.put("stages.0.dense", weight, lambda t: t.permute(0, 2, 3, 1).flatten(0, 2), factor)
            draft.put("stages.0.bias", bias)
        elif ours.endswith("torgb"):
            draft.put(f"{ours}.weight", weight, lambda t: t.t()[:, :, None, None], factor)
            draft.put(f"{ours}_bias", bias)
        else:
            draft.put(f"{ours}.conv.weight", weight, lambda t: t.flip(2, 3), factor)
            draft.put(f"{ours}.bias", bias)
