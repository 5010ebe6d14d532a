"""DCGAN files: pytorch/examples, its tutorial and everything trained with them, csinva's, pytorch_GAN_zoo's.

A state_dict holds neither strides nor paddings nor nonlinearities. Three rules settle most files: the first layer makes
4x4 of one pixel, a 4x4 kernel after it doubles the picture, a last 1x1 kernel leaves its size. Others are asked for.
"""

from __future__ import annotations

import re

from engine.generator.checkpoints.answers import FLAG, Answers
from engine.generator.checkpoints.contents import Found, Plain
from engine.generator.checkpoints.flavours.draft import Draft
from engine.generator.checkpoints.flavours.stylegan_others import zoo_output
from engine.generator.checkpoints.flavours.stylegan_ports import Config, Tensors
from engine.generator.checkpoints.refusals import EXHAUSTS, Refused

LARGEST = 1 << 12  # pixels of a side; a larger picture is refused
USUAL_Z = 100  # numbers; DCGAN's own z, so that a few inputs more are a label
MOST_LABELS = 27  # inputs beyond USUAL_Z; more than that is another size of z (128)
PAIR = r"\d{1,2}(x\d{1,2})?"
LAYERS = rf"{PAIR}/{PAIR}(,{PAIR}/{PAIR})*"


def examples(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """pytorch/examples and its kin: convolutions are the weights with four dimensions, a norm is what comes next."""
    draft = Draft(tensors, "DCGAN", "dcgan")
    convs = sorted(int(name.split(".")[1]) for name, ref in tensors.items() if is_conv(name, ref.shape))
    norms = {
        index: index + 1
        for index in convs
        if len(tensors[f"main.{index}.weight"].shape) == 4 and f"main.{index + 1}.running_mean" in draft
    }
    names = [(f"main.{index}", f"main.{norms[index]}" if index in norms else None) for index in convs]
    return read(draft, names, "tanh", answers)


def is_conv(name: str, shape: tuple[int, ...]) -> bool:
    """Return whether a tensor is a convolution's weight."""
    return re.fullmatch(r"main\.\d{1,3}\.weight", name) is not None and len(shape) == 4


def gan_zoo(tensors: Tensors, config: Config, answers: Answers) -> Found:
    """pytorch_GAN_zoo: the same network under other names; the picture's nonlinearity follows from the loss."""
    draft = Draft(tensors, "pytorch_GAN_zoo DCGAN", "dcgan")
    count = draft.count("main.batchNorm{}.weight")
    names: list[tuple[str, str | None]] = [("formatLayer", "main.batchNorm0")]
    names += [(f"main.convTranspose{i}", f"main.batchNorm{i}") for i in range(1, count)]
    known = "lossCriterion" in config
    found = read(draft, [*names, ("main.outlayer", None)], None if known else "tanh", answers)
    if known:
        found.settings["output"] = zoo_output(config)
    labels = config.get("categoryVectorDim", 0)
    found.settings["labels"] = labels if isinstance(labels, int) else 0
    return found


def read(draft: Draft, names: list[tuple[str, str | None]], output: str | None, answers: Answers) -> Found:
    """Return the generator of convolutions and norms; ``output`` is its usual last nonlinearity."""
    kernels: list[list[int]] = []
    for index, (conv, norm) in enumerate(names):
        ours, shape = f"layers.{index}", draft.shape(f"{conv}.weight")
        if len(shape) != 4:
            raise Refused("its layers are no transposed convolutions: it is no DCGAN")
        if index and shape[0] != draft.shape(f"{names[index - 1][0]}.weight")[1]:
            raise Refused(f"its {conv} does not take what the layer before it makes: it is no generator, or damaged")
        kernels.append([*shape[2:]])
        draft.put(f"{ours}.weight", f"{conv}.weight")
        if f"{conv}.bias" in draft:
            draft.put(f"{ours}.bias", f"{conv}.bias")
        if norm is not None:
            parts = {"weight": "scale", "bias": "shift", "running_mean": "mean", "running_var": "variance"}
            for theirs, own in parts.items():
                draft.put(f"{ours}.{own}", f"{norm}.{theirs}")
    draft.drop(r".*\.num_batches_tracked")
    strides, paddings = geometry(draft, kernels, answers)
    said = answers.get("output", "tanh|linear|sigmoid")
    if said is None and output is not None:
        draft.found.assume("output", output, f"as everybody trains it; {FLAG} output=linear says otherwise")
    inputs = draft.shape(f"{names[0][0]}.weight")[0]
    return draft.finish(
        strides=[*strides],
        paddings=[*paddings],
        output=said or output or "linear",
        labels=labels(draft, inputs, answers),
        inputs=inputs,
    )


def labels(draft: Draft, inputs: int, answers: Answers) -> int:
    """Return how many of the inputs are a label behind z."""
    said = answers.whole("labels")
    if said is not None:
        if said >= inputs:
            raise Refused(f"it reads {inputs} numbers, too few for {said} labels and a z: correct {FLAG} labels")
        return said
    if USUAL_Z < inputs <= USUAL_Z + MOST_LABELS:
        count = inputs - USUAL_Z
        draft.found.assume(
            "labels", count, f"{inputs} inputs are a z of {USUAL_Z} and a class; {FLAG} labels=0 says otherwise"
        )
        return count
    return 0


def geometry(draft: Draft, kernels: list[list[int]], answers: Answers) -> tuple[list[Plain], list[Plain]]:
    """Return stride and padding of every layer, each [height, width]. Raises Refused, naming what to say."""
    said = answers.get("layers", LAYERS)
    if said is not None:
        parts = [[pair(one) for one in layer.split("/")] for layer in said.split(",")]
        if len(parts) != len(kernels):
            raise Refused(f"it has {len(kernels)} layers, and {FLAG} layers says {len(parts)}: correct it")
        return [[*stride] for stride, _ in parts], [[*padding] for _, padding in parts]
    strides: list[Plain] = [[1, 1]]
    paddings: list[Plain] = [[0, 0]]
    size = list(kernels[0])
    for index, kernel in enumerate(kernels[1:], 1):
        if max(size) > LARGEST:
            raise Refused(f"its picture would be larger than any generator's: {EXHAUSTS}")
        if kernel == [4, 4]:
            strides.append([2, 2])
            paddings.append([1, 1])
            size = [2 * side for side in size]
        elif kernel == [1, 1] and index == len(kernels) - 1:
            padding = last_padding(size, answers)
            strides.append([1, 1])
            paddings.append([padding, padding])
            size = [side - 2 * padding for side in size]
            wide = "x".join(map(str, size))
            draft.found.assume("size", wide, f"a last 1x1 layer leaves the size; {FLAG} size=28 says otherwise (MNIST)")
        else:
            shown = ",".join("?" if k != [4, 4] else ("2/1" if i else "1/0") for i, k in enumerate(kernels))
            raise Refused(
                f"its layer {index + 1} of {len(kernels)} has a {kernel[0]}x{kernel[1]} kernel, whose stride and "
                f"padding the file does not say: give {FLAG} layers={shown} with them for each ? (csinva's rectangles: "
                "1/0,2/1,2/1,2x3/1x2,1/1x2)"
            )
    return strides, paddings


def last_padding(size: list[int], answers: Answers) -> int:
    """Return the last 1x1 layer's padding: none, unless the user says that the picture is smaller."""
    said = answers.get("size", PAIR.replace("1,2", "1,4"))
    if said is None:
        return 0
    wanted = pair(said)
    cut = {have - want for have, want in zip(size, wanted, strict=True)}
    if len(cut) != 1 or min(cut) < 0 or min(cut) % 2:
        raise Refused(f"its layers make {size[0]}x{size[1]} pixels, and {FLAG} size={said} cannot be cut from that")
    return min(cut) // 2


def pair(text: str) -> list[int]:
    """Return "2x3" or "2" as [height, width]."""
    first, _, second = text.partition("x")
    return [int(first), int(second or first)]
