"""PGGAN from the PyTorch programs: genforce, InterFaceGAN, pytorch_GAN_zoo, rosinality, akanimax.

What each does otherwise than the original is in `networks/pggan.Settings`; here are its names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.generator.checkpoints.answers import Answers
from engine.generator.checkpoints.contents import Found, Plain
from engine.generator.checkpoints.flavours.draft import Draft, he
from engine.generator.checkpoints.flavours.stylegan_others import zoo_alpha, zoo_layer, zoo_output
from engine.generator.checkpoints.flavours.stylegan_ports import Config, Tensors
from engine.generator.checkpoints.refusals import Refused

if TYPE_CHECKING:
    from torch import Tensor


def from_padded(weight: Tensor) -> Tensor:
    """Return a 4x4 convolution [C,z,4,4] over one pixel with padding 3 as a dense layer [16 C, z]."""
    return weight.flip(2, 3).permute(0, 2, 3, 1).flatten(0, 2)


def from_transposed(weight: Tensor) -> Tensor:
    """Return a transposed 4x4 convolution [z,C,4,4] of one pixel as a dense layer [16 C, z]."""
    return weight.permute(1, 2, 3, 0).flatten(0, 2)


def output(draft: Draft, answers: Answers) -> Plain:
    """Return the picture's nonlinearity where the file does not say it: none, unless the user says otherwise."""
    said = answers.get("output", "tanh|linear|sigmoid")
    if said is None:
        draft.found.assume("output", "linear", "the file does not say; --assume output=tanh says otherwise")
    return said or "linear"


def genforce(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """Read genforce's and SeFa's: z is normalised, the label put beside it, and both normalised again."""
    draft = Draft(tensors, "genforce PGGAN", "pggan")
    levels = draft.count("output{}.weight")
    said = answers.get("fused", "true|false")
    fused: list[Plain] = []
    for index in range(2 * levels):
        level, width, shape = index // 2, draft.shape(f"layer{index}.bias")[0], draft.shape(f"layer{index}.weight")
        ours, factor = f"stages.{level}.conv{index % 2}", he(shape[1:])
        if index == 0:
            draft.put("stages.0.dense", "layer0.weight", from_padded, factor)
            draft.put("stages.0.bias", "layer0.bias")
            fused.append(False)
            continue
        if index % 2 == 0:  # a fused one stores [in, out, k, k]; where all are square the file does not tell
            swapped = shape[1] == width != shape[0]
            fused.append(swapped or (said == "true" and shape[0] == shape[1] == width))
            change = (lambda t: t.transpose(0, 1)) if fused[-1] else None
            draft.put(
                f"{ours}.conv.weight",
                f"layer{index}.weight",
                change,
                he((shape[0], *shape[2:])) if fused[-1] else factor,
            )
        else:
            draft.put(f"{ours}.conv.weight", f"layer{index}.weight", None, factor)
        draft.put(f"{ours}.bias", f"layer{index}.bias")
    settle_fused(draft, fused, said)
    for level in range(levels):
        draft.put(
            f"stages.{level}.torgb.weight",
            f"output{level}.weight",
            None,
            he(draft.shape(f"output{level}.weight")[1:], 1.0),
        )
        draft.put(f"stages.{level}.torgb_bias", f"output{level}.bias")
    lod = draft.numbers("lod")[0] if "lod" in draft else 0.0
    z_dim = draft.shape("layer0.weight")[1]
    labels = answers.whole("labels") or 0
    return draft.finish(
        fused=fused, lod=lod, joined="twice", output=output(draft, answers), labels=labels, inputs=z_dim
    )


def settle_fused(draft: Draft, fused: list[Plain], said: str | None) -> None:
    """Let layers whose shape does not tell be like those whose does, and say what was assumed."""
    square = [
        level
        for level in range(1, len(fused))
        if len({*draft.shape(f"layer{2 * level}.weight")[:2], *draft.shape(f"layer{2 * level}.bias")}) == 1
    ]
    known = [bool(fused[level]) for level in range(1, len(fused)) if level not in square]
    if not square:
        return
    if known and said is None and known[0]:
        for level in square:
            shape = draft.shape(f"layer{2 * level}.weight")
            draft.put(
                f"stages.{level}.conv0.conv.weight",
                f"layer{2 * level}.weight",
                lambda t: t.transpose(0, 1),
                he(shape[1:]),
            )
            fused[level] = True
    elif not known and said is None:
        draft.found.assume("fused", False, "the weights are square and do not tell; --assume fused=true says otherwise")


def interfacegan(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """Read InterFaceGAN's: as genforce's, with fused weights [k, k, in, out], and without blending."""
    draft = Draft(tensors, "InterFaceGAN PGGAN", "pggan")
    levels = draft.count("output{}.conv.weight")
    fused: list[Plain] = [False] * levels
    for index in range(2 * levels):
        ours = f"stages.{index // 2}.conv{index % 2}"
        if index == 0:
            draft.put("stages.0.dense", "layer0.conv.weight", from_padded, he(draft.shape("layer0.conv.weight")[1:]))
            draft.put("stages.0.bias", "layer0.wscale.bias")
            continue
        if f"layer{index}.weight" in draft:
            fused[index // 2] = True
            shape = draft.shape(f"layer{index}.weight")
            draft.put(f"{ours}.conv.weight", f"layer{index}.weight", lambda t: t.permute(3, 2, 0, 1), he(shape[:3]))
        else:
            shape = draft.shape(f"layer{index}.conv.weight")
            draft.put(f"{ours}.conv.weight", f"layer{index}.conv.weight", None, he(shape[1:]))
        draft.put(f"{ours}.bias", f"layer{index}.wscale.bias")
    for level in range(levels):
        theirs = f"output{level}.conv.weight"
        draft.put(f"stages.{level}.torgb.weight", theirs, None, he(draft.shape(theirs)[1:], 1.0))
        draft.put(f"stages.{level}.torgb_bias", f"output{level}.wscale.bias")
    lod = int(draft.numbers("lod")[0]) if "lod" in draft else 0
    return draft.finish(fused=fused, lod=lod, inputs=draft.shape("layer0.conv.weight")[1])


def gan_zoo(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """Read pytorch_GAN_zoo's: biases are scaled like weights; alpha is the share of the smaller picture."""
    draft = Draft(tensors, "pytorch_GAN_zoo PGGAN", "pggan")
    levels = draft.count("toRGBLayers.{}.module.weight")
    scaled = config.get("equalizedlR", True) is not False
    take = zoo_layer if scaled else bare_layer
    take(draft, "stages.0.dense", "formatLayer.module", bias="stages.0.dense_bias")
    draft.found.weights["stages.0.dense"] = draft.found.weights.pop("stages.0.dense.weight")
    take(draft, "stages.0.conv1.conv", "groupScale0.0.module", bias="stages.0.conv1.bias")
    for level in range(levels):
        for second in (0, 1) if level else ():
            ours = f"stages.{level}.conv{second}"
            take(draft, f"{ours}.conv", f"scaleLayers.{level - 1}.{second}.module", bias=f"{ours}.bias")
        take(draft, f"stages.{level}.torgb", f"toRGBLayers.{level}.module", bias=f"stages.{level}.torgb_bias")
    labels = config.get("categoryVectorDim", 0)
    norm = config.get("perChannelNormalization", True) is not False
    return draft.finish(
        fused=[False] * levels,
        lod=zoo_alpha(config),
        output=zoo_output(config),
        slope=config.get("leakyReluLeak", 0.2),
        use_pixel_norm=norm,
        normalize_latents=norm,
        labels=labels if isinstance(labels, int) else 0,
        inputs=draft.shape("formatLayer.module.weight")[1],
    )


def bare_layer(draft: Draft, ours: str, theirs: str, slow: float = 1.0, bias: str | None = None) -> None:
    """Take a layer without equalized learning rate."""
    draft.put(f"{ours}.weight", f"{theirs}.weight")
    draft.put(bias or f"{ours}.bias", f"{theirs}.bias")


def rosinality(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """Read rosinality's: pixels are normalised before lrelu; ToRGB has no scale, the label no norm."""
    draft = Draft(tensors, "rosinality PGGAN", "pggan")
    levels = draft.count("to_rgb.{}.weight")
    if (asked := answers.whole("step")) is not None:
        levels = max(1, min(levels, asked.bit_length() - 2))
    else:
        draft.found.assume("step", 4 << levels - 1, "the file does not say; --assume step=PIXELS says otherwise")
    for level in range(levels):
        for part, ours in ((0, "conv0"), (3, "conv1")):
            theirs = f"progression.{level}.conv.{part}.conv"
            factor = he(draft.shape(f"{theirs}.weight_orig")[1:])
            if level == 0 and part == 0:
                draft.put("stages.0.dense", f"{theirs}.weight_orig", from_padded, factor)
                draft.put("stages.0.bias", f"{theirs}.bias")
            else:
                draft.put(f"stages.{level}.{ours}.conv.weight", f"{theirs}.weight_orig", None, factor)
                draft.put(f"stages.{level}.{ours}.bias", f"{theirs}.bias")
        draft.put(f"stages.{level}.torgb.weight", f"to_rgb.{level}.weight")
        draft.put(f"stages.{level}.torgb_bias", f"to_rgb.{level}.bias")
    draft.drop(r"(progression|to_rgb)\.\d\..*")
    draft.put("label", "label_embed.weight")
    labels, width = draft.shape("label_embed.weight")
    return draft.finish(
        fused=[False] * levels,
        joined="after",
        norm_first=True,
        labels=labels,
        label_dim=width,
        inputs=draft.shape("progression.0.conv.0.conv.weight_orig")[1],
    )


def akanimax(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """Read akanimax's: no norm after the first layer; every layer, ToRGB too, has the gain of lrelu."""
    draft = Draft(tensors, "akanimax PGGAN", "pggan")
    levels = draft.count("rgb_converters.{}.weight")
    scaled = config.get("use_eql", True) is not False
    if levels + 1 != config.get("depth", levels + 1):
        raise Refused(f"its settings say depth {str(config['depth'])[:20]} but it has {levels + 1}: it is damaged")

    def scale(name: str, inputs: tuple[int, ...] | None = None) -> float:
        return he(inputs or draft.shape(name)[1:]) if scaled else 1.0

    first = draft.shape("layers.0.conv_1.weight")
    draft.put("stages.0.dense", "layers.0.conv_1.weight", from_transposed, scale("", first[:1]))
    draft.put("stages.0.bias", "layers.0.conv_1.bias")
    for level in range(levels):
        for second in (0, 1) if level else (1,):
            theirs = f"layers.{level}.conv_{second + 1}"
            draft.put(f"stages.{level}.conv{second}.conv.weight", f"{theirs}.weight", None, scale(f"{theirs}.weight"))
            draft.put(f"stages.{level}.conv{second}.bias", f"{theirs}.bias")
        theirs = f"rgb_converters.{level}"
        draft.put(f"stages.{level}.torgb.weight", f"{theirs}.weight", None, scale(f"{theirs}.weight"))
        draft.put(f"stages.{level}.torgb_bias", f"{theirs}.bias")
    return draft.finish(fused=[False] * levels, first_norm=False, inputs=first[0])
