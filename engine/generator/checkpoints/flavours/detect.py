"""Which program wrote a torch file with a generator older than StyleGAN2, told by the names of its weights."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from engine.generator.checkpoints.answers import Answers
from engine.generator.checkpoints.contents import Found, Note, plain
from engine.generator.checkpoints.families import ADVICE
from engine.generator.checkpoints.flavours import dcgan_files, pggan_ports, stylegan_others, stylegan_ports
from engine.generator.checkpoints.flavours.draft import is_module, module_tensors, tensors_in
from engine.generator.checkpoints.flavours.stylegan_ports import Config, Tensors
from engine.generator.checkpoints.pickles.pickle_names import Record
from engine.generator.checkpoints.refusals import Refused

# Where a program keeps the averaged generator, best first, and where it keeps the one in training.
AVERAGED = ("generator_smooth", "g_running", "shadow_generator", "avgG")
TRAINED = ("netG_state_dict", "netG", "generator", "g", "G", "state_dict", "model_state_dict")
AVERAGES_NONE = ("netG_state_dict", "state_dict", "model_state_dict")  # wrappers of programs that average nothing


@dataclass(frozen=True, slots=True)
class Flavour:
    """A program: the names that only its files have, all of them, and its reader."""

    marks: tuple[str, ...]  # regular expressions of whole names
    read: Callable[[Tensors, Config, Answers], Found]


FLAVOURS = (
    Flavour((r"synthesis\.layer0\.epilogue\.style_mod\.dense\.fc\.weight",), stylegan_ports.idinvert),
    Flavour((r"synthesis\.layer\d+\.epilogue\.style_mod\..*",), stylegan_ports.interfacegan),
    Flavour((r"synthesis\.layer0\.const",), stylegan_ports.genforce),
    Flavour((r"g_mapping\.map\..*",), stylegan_ports.huangzh13),
    Flavour((r"g_mapping\.dense0\..*", r"g_synthesis\.blocks\.4x4\..*"), stylegan_ports.lernapparat),
    Flavour((r"decode_block\..*", r"mapping\.block_1\..*"), stylegan_ports.podgorskiy),
    Flavour((r"generator\.progression\.\d\.adain1\..*",), stylegan_others.rosinality),
    Flavour((r"mapping\.FC\.0\..*", r"baseScale0"), stylegan_others.gan_zoo),
    Flavour((r"layer0\.conv\.weight", r"layer0\.wscale\.bias"), pggan_ports.interfacegan),
    Flavour((r"layer0\.weight", r"output0\.weight"), pggan_ports.genforce),
    Flavour((r"formatLayer\.module\.weight",), pggan_ports.gan_zoo),
    Flavour((r"formatLayer\.weight", r"main\.outlayer\.weight"), dcgan_files.gan_zoo),
    Flavour(
        (r"progression\.0\.conv\.0\.conv\.weight_orig", r"to_rgb\.0\.weight", r"label_embed\.weight"),
        pggan_ports.rosinality,
    ),
    Flavour((r"rgb_converters\.0\.weight", r"layers\.0\.conv_1\.weight"), pggan_ports.akanimax),
    Flavour((r"main\.0\.weight", r"main\.1\.running_mean"), dcgan_files.examples),
)


def find(top: object, answers: Answers) -> Found | None:
    """Return the generator in a torch file, None where no program that is known wrote it. Raises Refused."""
    notes: list[Note] = []
    if isinstance(top, list):
        return _trainables(top)
    tensors, config = unwrap(top, notes)
    if not tensors:
        return None
    refuse_look_alikes(tensors, config)
    for flavour in FLAVOURS:
        if all(any(re.fullmatch(mark, name) for name in tensors) for mark in flavour.marks):
            try:
                found = flavour.read(tensors, config, answers)
            except ValueError as error:
                raise Refused(str(error)) from None
            except (IndexError, ArithmeticError):
                raise Refused("its weights have shapes that no layer has: it is damaged") from None
            found.notes[:0] = notes
            return found
    return None


def unwrap(top: object, notes: list[Note]) -> tuple[Tensors, Config]:
    """Return the generator's tensors by name, and its program's settings; notes say where it was taken from."""
    config: Config = {}
    for _ in range(4):
        if isinstance(top, Record) and is_module(top):
            inner = _inside(top)
            if inner is None:
                return module_tensors(top), config
            top = inner
            continue
        if not isinstance(top, dict):
            return {}, config
        config |= _settings(top.get("config", top.get("conf")))
        models = top.get("models")
        if isinstance(models, dict):
            if "generator_s" in models:
                return _podgorskiy(models), config
            top = models
            continue
        name = next((n for n in (*AVERAGED, *TRAINED) if isinstance(top.get(n), dict) or is_module(top.get(n))), None)
        if name is None:
            return tensors_in(top), config
        if name in TRAINED and name not in AVERAGES_NONE:
            notes.append(Note("weights", name, "assumed: the file has no averaged generator, and these look rougher"))
        elif name in AVERAGED:
            notes.append(Note("weights", name, "found in the file: the averaged generator"))
        top = top[name]
    return {}, config


def _inside(module: Record) -> object | None:
    """Return the module that a wrapper for several GPUs holds."""
    state = module.state
    inner = state.get("_modules") if isinstance(state, dict) else None
    return inner.get("module") if isinstance(inner, dict) and len(inner) == 1 else None


def _settings(value: object) -> Config:
    """Return settings that are a dictionary, or the attributes of an object that was pickled."""
    held = plain(value.state if isinstance(value, Record) else value)
    return held if isinstance(held, dict) else {}


def _podgorskiy(models: dict[object, object]) -> Tensors:
    """Return the averaged generator of podgorskiy's, with its mapping network's and its average's names before them."""
    found: Tensors = {}
    for names, prefix in (
        (("generator_s",), ""),
        (("mapping_fl_s", "mapping_tl_s", "mapping_s"), "mapping."),
        (("dlatent_avg",), "dlatent_avg."),
    ):
        state = next((models[name] for name in names if isinstance(models.get(name), dict)), {})
        assert isinstance(state, dict)
        found |= {prefix + name: ref for name, ref in tensors_in(state).items()}
    return found


def _trainables(top: list[object]) -> Found | None:
    """Return the generator in lernapparat's list of G, D, Gs: TensorFlow's names and layouts, learned weights only."""
    states = [tensors_in(state) for state in top if isinstance(state, dict)]
    if len(states) != 3 or not any(name.startswith("G_synthesis/") for name in states[2]):
        return None
    from engine.generator.checkpoints.contents import Weight
    from engine.generator.checkpoints.flavours import tensorflow_first

    starts = {"G_synthesis/": "synthesis/", "G_mapping/": "mapping/"}
    variables = {
        new + name.removeprefix(old): Weight(ref)
        for name, ref in states[2].items()
        for old, new in starts.items()
        if name.startswith(old)
    }
    found = tensorflow_first.style(variables, {}, ())
    found.settings["norm_eps"] = 1e-5  # of the program that keeps such lists
    found.format = "lernapparat list of TensorFlow's trainables"
    found.assume("settings", "StyleGAN's defaults", "the list holds weights only")
    return found


def refuse_look_alikes(tensors: Tensors, config: Config) -> None:
    """Raise Refused, with its name, for a network that looks like one of these."""
    names = set(tensors)
    if (
        any(re.fullmatch(r"(layers\.\d+\.conv_1|rgb_converters\.0)\.weight", n) for n in names)
        and "depth" not in config
    ):
        raise Refused(f"this is a BMSG-GAN or a state_dict without its settings (conf), another network: {ADVICE}")
    first = tensors.get("main.0.weight", tensors.get("0.weight"))
    if first is not None and len(first.shape) == 2:
        raise Refused(f"this is an MLP, no network of convolutions: {ADVICE}")
    discriminates = (
        first is not None and len(first.shape) == 4 and first.shape[1] <= 4 and "main.1.running_mean" not in names
    )
    if discriminates or any(re.match(r"(from_?rgb|fromRGB|decisionLayer|input0\.weight)", n) for n in names):
        raise Refused(f"this is a discriminator, which paints nothing: give the generator's file; {ADVICE}")
