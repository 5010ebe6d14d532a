"""StyleGAN from the two programs whose arithmetic is another: rosinality's, and pytorch_GAN_zoo's."""

from __future__ import annotations

from engine.generator.checkpoints.answers import Answers
from engine.generator.checkpoints.contents import Found, Plain
from engine.generator.checkpoints.flavours.draft import Draft, he
from engine.generator.checkpoints.flavours.stylegan_ports import SLOW, Config, Tensors, average, rgb, style
from engine.generator.checkpoints.refusals import Refused


def rosinality(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """Read rosinality's: lrelu's gain everywhere, the bias before the blur, the scale not around one.

    The generator has nine blocks however far its training came: a ToRGB that was never trained has a bias of zeros.
    """
    draft = Draft(tensors, "rosinality StyleGAN", "stylegan")
    layers = [i for i in range(1, 60, 1) if f"style.{i}.linear.weight_orig" in draft]
    for i, index in enumerate(layers):
        theirs = f"style.{index}.linear"
        draft.put(
            f"mapping.layers.{i}.weight", f"{theirs}.weight_orig", None, he(draft.shape(f"{theirs}.weight_orig")[1:])
        )
        draft.put(f"mapping.layers.{i}.bias", f"{theirs}.bias")
    trained = [
        i
        for i in range(draft.count("generator.to_rgb.{}.conv.bias"))
        if any(draft.numbers(f"generator.to_rgb.{i}.conv.bias"))
    ]
    levels = max(trained, default=0) + 1
    if (asked := answers.whole("step")) is not None:
        levels = asked.bit_length() - 2
    draft.found.assume(
        "step", 4 << (levels - 1), "the largest block whose ToRGB was trained; --assume step=PIXELS says otherwise"
    )
    fused: list[Plain] = []
    for level in range(levels):
        block, ours = f"generator.progression.{level}", f"stages.{level}"
        if level == 0:
            draft.put("stages.0.const", f"{block}.conv1.input", lambda t: t[0])
        fused.append(f"{block}.conv1.0.weight" in draft)
        if fused[-1]:
            shape = draft.shape(f"{block}.conv1.0.weight")
            factor = he((shape[0], *shape[2:])) / 4
            draft.put(f"{ours}.conv0.conv.weight", f"{block}.conv1.0.weight", lambda t: t.transpose(0, 1), factor)
            draft.put(f"{ours}.conv0.bias", f"{block}.conv1.0.bias")
        elif level:
            conv = f"{block}.conv1.1.conv"
            draft.put(
                f"{ours}.conv0.conv.weight", f"{conv}.weight_orig", None, he(draft.shape(f"{conv}.weight_orig")[1:])
            )
            draft.put(f"{ours}.conv0.bias", f"{conv}.bias")
        conv = f"{block}.conv2.conv"
        draft.put(f"{ours}.conv1.conv.weight", f"{conv}.weight_orig", None, he(draft.shape(f"{conv}.weight_orig")[1:]))
        draft.put(f"{ours}.conv1.bias", f"{conv}.bias")
        for second in (0, 1):
            strength = f"{block}.noise{second + 1}.weight_orig"
            draft.put(
                f"{ours}.conv{second}.noise_strength", strength, lambda t: t.reshape(-1), he(draft.shape(strength)[1:])
            )
            affine = f"{block}.adain{second + 1}.style.linear"
            style(draft, f"{ours}.conv{second}", f"{affine}.weight_orig", f"{affine}.bias", he(()), around_one=False)
    rgb(draft, levels, "generator.to_rgb.{}.conv.weight_orig", "generator.to_rgb.{}.conv.bias", he(()))
    draft.drop(r"generator\.(progression|to_rgb)\.\d\..*")
    return draft.finish(
        fused=fused,
        norm_eps=1e-5,
        bias_first=True,
        blur=[0.25, 0.5, 0.25],
        truncation_cutoff=None,
        mapping_layers=len(layers),
    )


def gan_zoo(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """Read pytorch_GAN_zoo's: biases scaled like weights, one noise strength a layer, no blur."""
    draft = Draft(tensors, "pytorch_GAN_zoo StyleGAN", "stylegan")
    count = draft.count("mapping.FC.{}.module.weight")
    for i in range(count):
        zoo_layer(draft, f"mapping.layers.{i}", f"mapping.FC.{i}.module", SLOW)
    levels = draft.count("scaleLayers.{}.0.module.weight") + 1
    zoo_layer(draft, "stages.0.conv1.conv", "conv0.module", bias="stages.0.conv1.bias")
    draft.put("stages.0.const", "baseScale0", lambda t: t[0])
    width = draft.shape("baseScale0")[1]
    for second in (0, 1):
        zoo_style(draft, f"stages.0.conv{second}", f"adain0{second}", f"noiseMod0{second}", width)
    for level in range(1, levels):
        theirs, ours = f"scaleLayers.{level - 1}", f"stages.{level}"
        for second in (0, 1):
            zoo_layer(
                draft, f"{ours}.conv{second}.conv", f"{theirs}.{2 * second}.module", bias=f"{ours}.conv{second}.bias"
            )
            width = draft.shape(f"{theirs}.{2 * second}.module.weight")[0]
            zoo_style(
                draft,
                f"{ours}.conv{second}",
                f"{theirs}.{2 * second + 1}",
                f"noiseModulators.{level - 1}.{second}",
                width,
            )
        zoo_layer(draft, f"{ours}.torgb", f"toRGBLayers.{level - 1}.module", bias=f"{ours}.torgb_bias")
    average(draft, "mean_w", levels)
    return draft.finish(
        fused=[False] * levels,
        blur=[],
        truncation_cutoff=None,
        mapping_layers=count,
        lod=zoo_alpha(config),
        slope=config.get("leakyReluLeak", 0.2),
        output=zoo_output(config),
    )


def zoo_layer(draft: Draft, ours: str, theirs: str, slow: float = 1.0, bias: str | None = None) -> None:
    """Take a ConstrainedLayer, whose scale multiplies its result: weight and bias."""
    factor = he(draft.shape(f"{theirs}.weight")[1:], multiplier=slow)
    draft.put(f"{ours}.weight", f"{theirs}.weight", None, factor)
    draft.put(bias or f"{ours}.bias", f"{theirs}.bias", None, factor)


def zoo_style(draft: Draft, ours: str, adain: str, strength: str, width: int) -> None:
    """Take a layer's style and its noise's strength."""
    zoo_layer(draft, f"{ours}.affine", f"{adain}.styleModulator.module")
    draft.put(f"{ours}.noise_strength", f"{strength}.module.weight", lambda t: t.reshape(1).expand(width))


def zoo_alpha(config: Config) -> float:
    """Return the share of the smaller picture in a training that was blending."""
    alpha = config.get("alpha", 0.0)
    if not isinstance(alpha, int | float) or not 0.0 <= alpha <= 1.0:
        raise Refused(f"its alpha is {str(alpha)[:20]}, not from 0 to 1: it is damaged")
    return float(alpha)


def zoo_output(config: Config) -> str:
    """Return the picture's nonlinearity, which follows from the loss."""
    return "tanh" if config.get("lossCriterion") in ("DCGAN", "MSE") else "linear"
