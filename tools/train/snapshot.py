"""The files of a training: snapshots, models, samples, the log. A file is replaced as a whole or not at all."""

from __future__ import annotations

import csv
import io
import pickle
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from engine.borders.errors import UserError
from engine.generator.checkpoints import checkpoint, safetensors_files, stylegan2_settings
from engine.generator.checkpoints.contents import Found
from engine.generator.checkpoints.nvidia_files import Walk, is_module
from engine.generator.checkpoints.pickles.pickle_names import Budget
from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.pickles.torch_files import read_any
from engine.generator.checkpoints.refusals import Refused
from engine.generator.networks.stylegan2 import StyleGAN2
from engine.generator.points import seeds_to_z
from engine.system.files import write_whole

FORM = "latentvj training 1"
COLUMNS = ("step", "images", "seconds", "generator", "critic", "r1", "path", "real_sign", "p")
BROKEN = (OSError, RuntimeError, ValueError, EOFError, KeyError, TypeError, pickle.UnpicklingError)


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a training's state. UserError when the disk is full or may not be written: what was there stays."""
    memory = io.BytesIO()  # torch.save's own error for a full disk names no reason
    torch.save({"form": FORM, **state}, memory)
    write_whole(path, Path.write_bytes, memory.getbuffer())


def load(path: Path) -> dict[str, Any]:
    """Read a training's state; nothing in the file is run. UserError names it when it is not one."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(state, dict) and state.get("form") == FORM:
            return state
    except BROKEN:
        pass
    raise UserError(f"{path}: no whole snapshot of tools.train: delete it, or name another folder with --out")


def is_snapshot(path: Path) -> bool:
    """Whether a file is one of ours."""
    try:
        load(path)
    except UserError:
        return False
    return True


def export(path: Path, generator: StyleGAN2) -> None:
    """Write the generator as safetensors that ``vj --model`` plays."""
    found = Found("latentvj tools.train", "stylegan2", stylegan2_settings.init_kwargs(generator.config), {})
    write_whole(path, safetensors_files.write, generator.state_dict(), "stylegan2", found)


def open_generator(path: Path) -> StyleGAN2:
    """The generator to begin from. UserError when it cannot be trained here."""
    if not checkpoint_is_ours(path):
        found = checkpoint.load(path, cache=False)
        if found.family != "stylegan2":
            raise UserError(f"{path}: a {found.family} model; only StyleGAN2 can be trained here")
        network = checkpoint.build(found)
    else:
        state = load(path)
        network = StyleGAN2(settings_of(state["config"]), initialize=False)
        network.load_state_dict(state["average"])
    assert isinstance(network, StyleGAN2)
    if network.config.c_dim:
        raise UserError(f"{path}: a conditional model ({network.config.c_dim} classes); this trainer has no labels")
    if network.config.img_channels != 3:
        raise UserError(f"{path}: paints {network.config.img_channels} channels; this trainer's pictures have 3")
    if network.config.const_shape != (4, 4):
        raise UserError(f"{path}: is not square; this trainer's pictures are")
    return network


def checkpoint_is_ours(path: Path) -> bool:
    """Whether to read a file as a snapshot of this program."""
    return path.suffix == ".pt" and path.is_file() and is_snapshot(path)


def settings_of(saved: dict[str, Any]) -> Any:
    """The network's settings as a snapshot holds them."""
    from engine.generator.networks.stylegan2 import Config

    return Config(**saved)


def find_critic(path: Path) -> dict[str, Tensor] | None:
    """The discriminator that a file holds beside its generator, with NVIDIA's names, or None."""
    if checkpoint_is_ours(path):
        found: dict[str, Tensor] = load(path)["critic"]
        return found
    try:
        with path.open("rb") as file:
            span = Span(file, 0, file.seek(0, 2))
            if safetensors_files.is_safetensors(span.head(64)):
                return None
            top = read_any(span, Budget(decoded=span.length))
            if not isinstance(top, dict):
                return None
            if is_module(top.get("D")):
                walk = Walk()
                walk.enter(top["D"], "", 16)
                named = walk.weights
                return {n: w.load() for n, w in named.items() if not n.endswith("resample_filter")}
            return _rosinality(top.get("d"))
    except (Refused, OSError):
        return None


def _rosinality(state: Any) -> dict[str, Tensor] | None:
    """NVIDIA's names for the discriminator of rosinality's training checkpoints."""
    from engine.generator.checkpoints.rosinality_files import state_dict

    tensors = state_dict(state) if isinstance(state, dict) else {}
    blocks = len({name.split(".")[1] for name in tensors if name.startswith("convs.")}) - 1
    if blocks < 1 or "final_linear.1.weight" not in tensors:
        return None
    first = f"b{4 << blocks}"
    names = {"convs.0.0.weight": f"{first}.fromrgb.weight", "convs.0.1.bias": f"{first}.fromrgb.bias"}
    for i in range(1, blocks + 1):
        block = f"b{8 << (blocks - i)}"
        names |= {
            f"convs.{i}.conv1.0.weight": f"{block}.conv0.weight",
            f"convs.{i}.conv1.1.bias": f"{block}.conv0.bias",
            f"convs.{i}.conv2.1.weight": f"{block}.conv1.weight",
            f"convs.{i}.conv2.2.bias": f"{block}.conv1.bias",
            f"convs.{i}.skip.1.weight": f"{block}.skip.weight",
        }
    names |= {"final_conv.0.weight": "b4.conv.weight", "final_conv.1.bias": "b4.conv.bias"}
    for i, layer in enumerate(("fc", "out")):
        names |= {f"final_linear.{i}.{what}": f"b4.{layer}.{what}" for what in ("weight", "bias")}
    return {ours: tensors[theirs].load().float() for theirs, ours in names.items() if theirs in tensors}


@torch.no_grad()
def draw_samples(path: Path, generator: StyleGAN2, count: int = 32, columns: int = 8) -> None:
    """Write the pictures of the seeds 0..count-1 as one."""
    z = torch.from_numpy(seeds_to_z(range(count), generator.config.z_dim)).to(generator.mapping.w_avg.device)
    drawn = torch.cat([generator(part) for part in torch.split(z, 8)]).float().cpu()
    levels = (drawn * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    rows = [np.concatenate(levels[i : i + columns], axis=1) for i in range(0, count, columns)]
    write_whole(path, lambda part: Image.fromarray(np.concatenate(rows)).save(part))


class Log:
    """log.csv, a row at a time, and log.png of it. A row is what COLUMNS name."""

    def __init__(self, folder: Path, steps: int) -> None:
        """Go on after ``steps``: rows of later ones, whose work was lost, are taken out."""
        self.path = folder / "log.csv"
        self.rows: list[list[float]] = []
        if self.path.exists():
            with self.path.open(newline="", encoding="utf-8") as file:
                for row in csv.reader(file):
                    if len(row) == len(COLUMNS) and row[0].isdigit() and int(row[0]) <= steps:
                        self.rows.append([float(cell) for cell in row])
        text = io.StringIO()
        csv.writer(text).writerows([COLUMNS, *([f"{cell:.6g}" for cell in row] for row in self.rows)])
        write_whole(self.path, Path.write_text, text.getvalue(), encoding="utf-8")

    def add(self, row: Sequence[float]) -> None:
        """Append one row. UserError when it cannot be written."""
        self.rows.append([float(cell) for cell in row])
        try:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.writer(file).writerow([f"{cell:.6g}" for cell in row])
        except OSError as error:
            raise UserError(f"{self.path}: cannot write it: {error.strerror}") from error

    def plot(self) -> None:
        """Draw log.png: one panel per column, over thousands of pictures."""
        panels, width, height = COLUMNS[3:], 640, 150
        sheet = Image.new("RGB", (width, height * len(panels)), "#12141a")
        pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
        data = np.array(self.rows, dtype=np.float64).reshape(-1, len(COLUMNS))
        for i, name in enumerate(panels):
            top = i * height
            values = data[:, 3 + i]
            good = np.isfinite(values)
            x, y = data[good, 1] / 1000, values[good]
            low, high = (float(y.min()), float(y.max())) if len(y) else (0.0, 1.0)
            pen.text((10, top + 6), f"{name}   {low:.3g} … {high:.3g}", fill="#e6e8ee", font=font)
            pen.line([(10, top + height - 1), (width - 10, top + height - 1)], fill="#2b303c")
            if len(y) > 1:
                across = 10 + (x - x[0]) / max(x[-1] - x[0], 1e-9) * (width - 20)
                up = top + height - 8 - (y - low) / max(high - low, 1e-12) * (height - 40)
                pen.line(list(zip(across.tolist(), up.tolist(), strict=True)), fill="#7fd4ff", width=2)
        write_whole(self.path.with_suffix(".png"), lambda part: sheet.save(part))


def config_as_plain(config: Any) -> dict[str, Any]:
    """A network's settings as a snapshot holds them."""
    return asdict(config)
