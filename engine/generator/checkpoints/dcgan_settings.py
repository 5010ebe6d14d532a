"""From what a DCGAN's file holds to its network: sizes of the weights' shapes, the rest of its settings."""

from __future__ import annotations

from engine.generator.checkpoints.contents import Found, Plain
from engine.generator.checkpoints.families import Whole
from engine.generator.checkpoints.refusals import Refused
from engine.generator.checkpoints.staged_settings import LARGEST, Reading, State, blocks, check, construct, whole
from engine.generator.networks.convolutions import Pair
from engine.generator.networks.dcgan import DCGAN, LayerSettings, Settings

SHOWN = ("strides", "paddings", "output", "labels")
MOST_LAYERS = 24  # layers; a generator of more is refused


def complete(found: Found, state: State) -> Whole:
    """Return the network, its settings and its weights. Raises Refused."""
    settings = construct("DCGAN", state, lambda: read(found, state))
    network = construct("DCGAN", state, lambda: DCGAN(settings))
    return whole(found, network, settings, check("DCGAN", state, network), SHOWN)


def read(found: Found, state: State) -> Settings:
    """Return the settings. Raises Refused."""
    said, count = Reading(found), blocks(state, "layers.{}.weight")
    if not 2 <= count <= MOST_LAYERS:
        raise Refused(f"it has {count} layers, which no DCGAN has")
    strides, paddings = pairs(found, "strides", count), pairs(found, "paddings", count)
    output = said.choice("output", "tanh", ("linear", "tanh", "sigmoid"))
    layers = []
    for index in range(count):
        weight = state[f"layers.{index}.weight"]
        if weight.ndim != 4:
            raise Refused("its layers are no transposed convolutions: it is no DCGAN")
        kernel = (weight.shape[2], weight.shape[3])
        last = index == count - 1
        layers.append(
            LayerSettings(
                fan_in=weight.shape[0],
                fan_out=weight.shape[1],
                kernel=kernel,
                stride=strides[index],
                padding=paddings[index],
                norm=f"layers.{index}.mean" in state,
                bias=f"layers.{index}.bias" in state,
                activation=output if last else "relu",
            )
        )
        if index and layers[-2].fan_out != layers[-1].fan_in:
            raise Refused("its layers do not fit each other: it is damaged")
    labels = said.whole("labels")
    if labels >= layers[0].fan_in:
        raise Refused(f"it reads {layers[0].fan_in} numbers, too few for a z and {labels} labels")
    settings = Settings(layers=tuple(layers), c_dim=labels)
    if max(max(shape) for shape in settings.shapes()) > LARGEST:
        raise Refused("its picture would be larger than any generator's: it is damaged")
    return settings


def pairs(found: Found, name: str, count: int) -> list[Pair]:
    """Return a setting of every layer, [height, width] each. Raises Refused."""
    value: Plain = found.settings.get(name)
    rows: list[Pair] = []
    for row in value if isinstance(value, list) else ():
        if isinstance(row, list) and len(row) == 2 and all(isinstance(one, int) and 0 <= one <= 64 for one in row):
            rows.append((int(str(row[0])), int(str(row[1]))))
    if len(rows) != count or (name == "strides" and any(0 in row for row in rows)):
        raise Refused(f"its setting {name} does not fit its layers: it is damaged")
    return rows
