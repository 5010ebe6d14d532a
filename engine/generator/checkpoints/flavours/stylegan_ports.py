"""StyleGAN from the PyTorch programs that keep its arithmetic: genforce, InterFaceGAN, lernapparat and others.

What each does otherwise than the original, with its source, is in `networks/stylegan.Settings`; here are its names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.generator.checkpoints.answers import Answers
from engine.generator.checkpoints.contents import Found, Plain
from engine.generator.checkpoints.flavours.draft import Draft, he, taps
from engine.generator.checkpoints.pickles.tensors import TensorRef

if TYPE_CHECKING:
    from torch import Tensor

LINEAR = 1.0  # gain of layers without a nonlinearity
SLOW = 0.01  # learning rate of the mapping network, relative
Tensors = dict[str, TensorRef]
Config = dict[str, Plain]


def genforce(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """Read genforce's and SeFa's: the original's arithmetic and noise, convolutions [out, in, k, k]."""
    draft = Draft(tensors, "genforce StyleGAN", "stylegan")
    count = mapping(draft, "mapping.dense{}.weight", "mapping.dense{}.bias")
    levels = draft.count("synthesis.output{}.weight")
    if "mapping.label_weight" in draft:
        draft.put("mapping.label", "mapping.label_weight")
    average(draft, "truncation.w_avg", levels)
    fused: list[Plain] = []
    for index in range(2 * levels):
        ours, theirs = layer(index), f"synthesis.layer{index}"
        if index:
            fused += [fused_by_size(4 << index // 2)] * (index % 2 == 0)
            draft.put(f"{ours}.conv.weight", f"{theirs}.weight", None, he(draft.shape(f"{theirs}.weight")[1:]))
        draft.put(f"{ours}.bias", f"{theirs}.bias")
        noise(draft, ours, f"{theirs}.apply_noise.weight", f"{theirs}.apply_noise.noise")
        style(draft, ours, f"{theirs}.style.weight", f"{theirs}.style.bias")
    draft.put("stages.0.const", "synthesis.layer0.const", lambda t: t[0])
    rgb(draft, levels, "synthesis.output{}.weight", "synthesis.output{}.bias")
    blur = draft.numbers("synthesis.layer2.blur.kernel") if "synthesis.layer2.blur.kernel" in draft else None
    draft.drop(r".*\.blur\.kernel|.*noise_strength")
    lod = draft.numbers("synthesis.lod")[0] if "synthesis.lod" in draft else 0.0
    return draft.finish(
        fused=[False, *fused], lod=lod, truncation_cutoff=8, mapping_layers=count, blur=blur_taps(blur, draft)
    )


def blur_taps(kernel: list[float] | None, draft: Draft) -> list[Plain]:
    """Return the blur's taps of its stored kernel, of which the first map's is taken; [] for none."""
    if kernel is None:
        draft.found.assume("blur", "none", "the file stores no kernel")
        return []
    return [*taps(kernel[:9] if len(kernel) % 9 == 0 else kernel)]


def fused_by_size(resolution: int) -> bool:
    """The original fuses upsampling and convolution from 128 px on."""
    return resolution >= 128


def layer(index: int) -> str:
    """Return this engine's name of layer ``index``, two a block."""
    return f"stages.{index // 2}.conv{index % 2}"


def mapping(draft: Draft, weights: str, biases: str, gain: float = he(()), slow: float = SLOW) -> int:
    """Take the mapping network, its learning rate's multiplier on weight and bias; return its layers."""
    count = draft.count(weights)
    for i in range(count):
        fan_in = draft.shape(weights.format(i))[1:]
        draft.put(f"mapping.layers.{i}.weight", weights.format(i), None, he(fan_in, gain, slow))
        draft.put(f"mapping.layers.{i}.bias", biases.format(i), None, slow)
    return count


def average(draft: Draft, theirs: str, levels: int) -> None:
    """Take the average w, for every layer, where there is one."""
    if theirs in draft:
        draft.put("mapping.w_avg", theirs, lambda t: t.reshape(-1, t.shape[-1]).expand(2 * levels, -1))


def noise(draft: Draft, ours: str, strength: str, stored: str | None = None) -> None:
    """Take a layer's noise: its strength, and its map where one is stored."""
    if strength not in draft:
        return
    draft.put(f"{ours}.noise_strength", strength, lambda t: t.reshape(-1))
    if stored is not None and stored in draft:
        draft.put(f"{ours}.noise_const", stored, lambda t: t[0, 0])


def style(draft: Draft, ours: str, weight: str, bias: str, gain: float = LINEAR, around_one: bool = True) -> None:
    """Take a layer's affine; the original's scale, the first half of what the affine returns, lies around one."""
    draft.put(f"{ours}.affine.weight", weight, None, he(draft.shape(weight)[1:], gain))

    draft.put(f"{ours}.affine.bias", bias, with_one if around_one else None)


def rgb(draft: Draft, levels: int, weight: str, bias: str, gain: float = LINEAR) -> None:
    """Take the ToRGB of every block that has one."""
    for level in range(levels):
        if weight.format(level) in draft:
            fan_in = draft.shape(weight.format(level))[1:]
            draft.put(f"stages.{level}.torgb.weight", weight.format(level), None, he(fan_in, gain))
            draft.put(f"stages.{level}.torgb_bias", bias.format(level))


def interfacegan(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """InterFaceGAN and HiGAN: the original's arithmetic; fused layers keep TensorFlow's [k, k, in, out]."""
    return epilogues(Draft(tensors, "InterFaceGAN StyleGAN", "stylegan"), "linear", "first_layer", answers)


def idinvert(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """In-domain inversion's (genforce/idinvert): other names, a w for every layer, and tanh."""
    return epilogues(Draft(tensors, "idinvert StyleGAN", "stylegan"), "fc", "const", answers)


def epilogues(draft: Draft, dense_name: str, first: str, answers: Answers) -> Found:
    """Read a StyleGAN whose layers have an `epilogue`; ``dense_name`` and ``first`` are what the programs differ in."""
    tensors = draft.tensors
    count = mapping(draft, f"mapping.dense{{}}.{dense_name}.weight", "mapping.dense{}.wscale.bias")
    levels = draft.count("synthesis.output{}.conv.weight")
    average(draft, "truncation.w_avg", levels)
    fused: list[Plain] = [False] * levels
    for index in range(2 * levels):
        ours, theirs = layer(index), f"synthesis.layer{index}"
        if f"{theirs}.weight" in draft:
            fused[index // 2] = True
            shape = draft.shape(f"{theirs}.weight")
            draft.put(f"{ours}.conv.weight", f"{theirs}.weight", lambda t: t.permute(3, 2, 0, 1), he(shape[:3]))
        elif index:
            shape = draft.shape(f"{theirs}.conv.weight")
            draft.put(f"{ours}.conv.weight", f"{theirs}.conv.weight", None, he(shape[1:]))
        draft.put(f"{ours}.bias", f"{theirs}.epilogue.bias")
        noise(draft, ours, f"{theirs}.epilogue.apply_noise.weight", f"{theirs}.epilogue.apply_noise.noise")
        dense = f"{theirs}.epilogue.style_mod.dense"
        style(draft, ours, f"{dense}.{dense_name}.weight", f"{dense}.wscale.bias")
    draft.put("stages.0.const", f"synthesis.layer0.{first}", lambda t: t[0])
    rgb(draft, levels, "synthesis.output{}.conv.weight", "synthesis.output{}.bias")
    lod = int(draft.numbers("synthesis.lod")[0]) if "synthesis.lod" in draft else 0
    kernels = [name for name in tensors if name.endswith("blur.kernel")]
    blur: list[Plain] = blur_taps(draft.numbers(kernels[0]), draft) if kernels else [0.25, 0.5, 0.25]
    cutoff = 8
    if "truncation.truncation" in draft:  # its coefficients: psi below the cutoff, 1 from there on
        cutoff = sum(part != 1.0 for part in draft.numbers("truncation.truncation")) or cutoff
    draft.drop(r".*\.blur\.kernel")
    settings: dict[str, Plain] = {"truncation_cutoff": cutoff, "mapping_layers": count, "blur": blur}
    if dense_name == "fc":
        settings["output"] = answers.get("output", "tanh|linear|sigmoid") or "tanh"
        if "output" not in answers.said:
            draft.found.assume("output", "tanh", "as its own models have it; --assume output=linear says otherwise")
    return draft.finish(fused=[*fused], lod=lod, **settings)


def lernapparat(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """lernapparat: its instance norm's epsilon is 1e-5; one ToRGB, no noise, no average."""
    draft = Draft(tensors, "lernapparat StyleGAN", "stylegan")
    count = mapping(draft, "g_mapping.dense{}.weight", "g_mapping.dense{}.bias")
    levels = 0
    while f"g_synthesis.blocks.{4 << levels}x{4 << levels}.conv1.weight" in draft or levels == 0:
        levels += 1
    for level in range(levels):
        block = f"g_synthesis.blocks.{4 << level}x{4 << level}"
        names = ("", f"{block}.conv") if level == 0 else (f"{block}.conv0_up", f"{block}.conv1")
        author_block(draft, block, level, names)
    last = f"stages.{levels - 1}"
    draft.put(
        f"{last}.torgb.weight", "g_synthesis.torgb.weight", None, he(draft.shape("g_synthesis.torgb.weight")[1:], 1.0)
    )
    draft.put(f"{last}.torgb_bias", "g_synthesis.torgb.bias")
    kernel = "g_synthesis.blocks.8x8.conv0_up.intermediate.kernel"
    blur = blur_taps(draft.numbers(kernel), draft) if kernel in draft else blur_taps(None, draft)
    draft.drop(r".*\.intermediate\.kernel")
    fused: list[Plain] = [level > 0 and fused_by_size(4 << level) for level in range(levels)]
    return draft.finish(fused=fused, norm_eps=1e-5, truncation_cutoff=8, mapping_layers=count, blur=blur)


def author_block(draft: Draft, block: str, level: int, convs: tuple[str, str]) -> None:
    """Take a block of lernapparat's or huangzh13's, whose classes have the same names."""
    for second, conv in enumerate(convs):
        ours, epilogue = f"stages.{level}.conv{second}", f"{block}.epi{second + 1}"
        if conv:
            draft.put(f"{ours}.conv.weight", f"{conv}.weight", None, he(draft.shape(f"{conv}.weight")[1:]))
            draft.put(f"{ours}.bias", f"{conv}.bias")
        noise(draft, ours, f"{epilogue}.top_epi.noise.weight")
        if f"{epilogue}.style_mod.lin.weight" in draft:
            style(draft, ours, f"{epilogue}.style_mod.lin.weight", f"{epilogue}.style_mod.lin.bias")
    if not convs[0]:
        if f"{block}.const" in draft:
            draft.put("stages.0.const", f"{block}.const", lambda t: t[0])
            draft.put("stages.0.conv0.bias", f"{block}.bias")
        else:
            shape = draft.shape(f"{block}.dense.weight")
            draft.put("stages.0.dense", f"{block}.dense.weight", None, he(shape[1:]) / 4)
            draft.put("stages.0.dense_bias", f"{block}.dense.bias")


def huangzh13(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """huangzh13: epsilon 1e-5; blurs only where a kernel is stored; a class is an embedding put beside z."""
    draft = Draft(tensors, "huangzh13 StyleGAN", "stylegan")
    count = mapping(draft, "g_mapping.map.dense{}.weight", "g_mapping.map.dense{}.bias")
    levels = draft.count("g_synthesis.to_rgb.{}.weight")
    if "class_embedding.weight" in draft:
        draft.put("mapping.label", "class_embedding.weight")
    average(draft, "truncation.avg_latent", levels)
    author_block(draft, "g_synthesis.init_block", 0, ("", "g_synthesis.init_block.conv"))
    for level in range(1, levels):
        block = f"g_synthesis.blocks.{level - 1}"
        author_block(draft, block, level, (f"{block}.conv0_up", f"{block}.conv1"))
    rgb(draft, levels, "g_synthesis.to_rgb.{}.weight", "g_synthesis.to_rgb.{}.bias")
    kernel = "g_synthesis.blocks.0.conv0_up.intermediate.kernel"
    blur = blur_taps(draft.numbers(kernel), draft) if kernel in draft else blur_taps(None, draft)
    draft.drop(r".*\.intermediate\.kernel")
    fused: list[Plain] = [level > 0 and fused_by_size(4 << level) for level in range(levels)]
    return draft.finish(fused=fused, norm_eps=1e-5, truncation_cutoff=8, mapping_layers=count, blur=blur)


def podgorskiy(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """Read podgorskiy's (stylegan-zoo): weights are stored as they multiply; every layer has an average of its own."""
    draft = Draft(tensors, "podgorskiy StyleGAN", "stylegan")
    count: int = 0
    while f"mapping.block_{count + 1}.fc.weight" in draft:
        for part in ("weight", "bias"):
            draft.put(f"mapping.layers.{count}.{part}", f"mapping.block_{count + 1}.fc.{part}")
        count += 1
    levels = draft.count("decode_block.{}.conv_2.weight")
    fused: list[Plain] = []
    for index in range(2 * levels):
        level, number = index // 2, index % 2 + 1
        ours, block = layer(index), f"decode_block.{level}"
        if index:
            fused += [fused_by_size(4 << level)] * (number == 1)
            swap = number == 1 and fused_by_size(4 << level)  # its transposed convolution stores [in, out, k, k]
            draft.put(
                f"{ours}.conv.weight", f"{block}.conv_{number}.weight", (lambda t: t.transpose(0, 1)) if swap else None
            )
        draft.put(f"{ours}.bias", f"{block}.bias_{number}", lambda t: t.reshape(-1))
        noise(draft, ours, f"{block}.noise_weight_{number}")
        draft.put(f"{ours}.affine.weight", f"{block}.style_{number}.weight")
        draft.put(f"{ours}.affine.bias", f"{block}.style_{number}.bias", with_one)
    draft.put("stages.0.const", "const", lambda t: t[0])
    for level in range(levels):
        draft.put(f"stages.{level}.torgb.weight", f"to_rgb.{level}.to_rgb.weight")
        draft.put(f"stages.{level}.torgb_bias", f"to_rgb.{level}.to_rgb.bias")
    average(draft, "dlatent_avg.buff", levels)
    blur = draft.numbers("decode_block.1.blur.weight") if "decode_block.1.blur.weight" in draft else None
    draft.drop(r"decode_block\.\d+\.blur\.weight")
    return draft.finish(fused=[False, *fused], truncation_cutoff=8, mapping_layers=count, blur=blur_taps(blur, draft))


def with_one(bias: Tensor) -> Tensor:
    """Return an affine's bias with one added to the first half, the scale."""
    half = len(bias) // 2
    return bias + (bias.new_ones(len(bias)).cumsum(0) <= half)
