"""Checkpoints of any program: loaded exactly and safely, and at once from the second time on.

    checkpoint = load("network.pkl")      # reads it as data and runs nothing in it
    generator = build(checkpoint)         # the network with its weights
    convert(checkpoint, "network.safetensors")

The content decides what a file is, not its name. `nvidia_files`, `tensorflow_files`, `rosinality_files` and
`safetensors_files` describe what each program writes. `pickle_reader` reads pickles from strangers safely. torch is
imported only after a file is accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from engine.borders.errors import UserError
from engine.generator.checkpoints import answers, nvidia_files, rosinality_files, safetensors_files, tensorflow_files
from engine.generator.checkpoints import cache as copies
from engine.generator.checkpoints.answers import FLAG, Answers
from engine.generator.checkpoints.contents import Found, Note, Plain, Source
from engine.generator.checkpoints.families import ADVICE, FAMILIES
from engine.generator.checkpoints.flavours import detect
from engine.generator.checkpoints.pickles.pickle_names import Budget
from engine.generator.checkpoints.pickles.spans import Span
from engine.generator.checkpoints.pickles.tensors import LARGEST_FILE, check_total
from engine.generator.checkpoints.pickles.torch_files import is_zip, read_any
from engine.generator.checkpoints.refusals import Refused, refuse_foreign, told_by_name
from engine.system.files import write_whole

if TYPE_CHECKING:
    from torch import Tensor

    from engine.generator.networks.network import Network


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A generator from a file: fp32 weights with NVIDIA's names, and everything known about them.

    `network` has the weights in place; it is None if this engine has no network of that family. `config` constructs
    it. `settings` are NVIDIA's keywords in types that JSON has. `sources` lists the program texts that the file
    embeds; they were not run.
    """

    path: Path
    format: str
    family: str
    config: object
    settings: dict[str, Plain]
    state: dict[str, Tensor]
    notes: tuple[Note, ...]
    sources: tuple[Source, ...]
    sha256: str
    bytes: int
    network: Network | None = field(default=None, compare=False, repr=False)

    @property
    def parameters(self) -> int:
        """Return the number of learned weights, without stored noise, filters and averages."""
        fixed = ("noise_const", "resample_filter", "w_avg", "_filter", "magnitude_ema", ".transform")
        return sum(t.numel() for name, t in self.state.items() if not name.endswith(fixed))


def load(path: str | Path, *, cache: bool = True, assume: Sequence[str] = ()) -> Checkpoint:
    """Read a checkpoint of any format; nothing in it is run.

    With `cache`, a foreign format is converted once into the user's cache folder, and mapped from there afterwards.
    `assume` ("key=value") says what the file does not, over the TOML beside it (`answers`).
    Raises UserError, whose one line names the file and says what it is and what to do.
    """
    path = Path(path)
    told = answers.read(path, assume)
    with told_by_name(path, "the checkpoint file"):
        return _load(path, cache, told)


def build(checkpoint: Checkpoint) -> Network:
    """Return the network with the checkpoint's weights (shared, not copied), in evaluation mode, without gradients.

    It was constructed when the checkpoint was read, and is the same one at every call. Raises UserError when this
    engine has no network of that family.
    """
    if checkpoint.network is None:
        raise UserError(f"{checkpoint.path}: no network for {checkpoint.family} yet: {ADVICE}")
    return checkpoint.network


def convert(checkpoint: Checkpoint, out_path: str | Path) -> Path:
    """Write the checkpoint as safetensors in fp32, whole or not at all. Raises UserError when it cannot be written."""
    out_path = Path(out_path)
    if out_path.suffix != ".safetensors":
        raise UserError(f"{out_path}: a converted checkpoint is safetensors: name it {out_path.stem}.safetensors")
    write_whole(out_path, _write, checkpoint)
    return out_path


def _write(path: Path, checkpoint: Checkpoint) -> None:
    found = Found(checkpoint.format, checkpoint.family, checkpoint.settings, {}, checkpoint.sources)
    found.notes = list(checkpoint.notes)
    safetensors_files.write(path, checkpoint.state, checkpoint.family, found)


def _load(path: Path, cache: bool, told: Answers) -> Checkpoint:
    if path.exists() and not path.is_file() and not path.is_dir():
        raise Refused("this is no ordinary file: give a .pkl, .pt or .safetensors file")
    with path.open("rb") as file:
        span = Span(file, 0, file.seek(0, 2))
        head = span.head(1024)
        refuse_foreign(head, span.length)
        if span.length > LARGEST_FILE:
            raise Refused("the file is larger than any StyleGAN checkpoint: give the generator's own file")
        if safetensors_files.is_safetensors(head):
            _need_no(told)
            return _open_ours(path, path, span, copies.sha256(path, remember=cache))
        if head[0] != 0x80 and not is_zip(head) and head[:1] not in (b"c", b"(", b"i"):
            raise Refused("this is no checkpoint of any known kind: give a .pkl, .pt or .safetensors file")
        known = copies.known_sha256(path) if cache else None
        if known and (copy := _cached(path, known, told)) is not None:
            return copy
        found = find_generator(span, told)  # before the hash, so that a film of 50 GB is refused at once
        check_total((weight.ref for weight in found.weights.values()), span.length)
        _need_no(told)
        digest = copies.sha256(path, remember=cache)
        if cache and not known and (copy := _cached(path, digest, told)) is not None:
            return copy
        state = {name: weight.load() for name, weight in found.weights.items()}
        check_numbers(state)
        checkpoint = _checkpoint(path, found, state, digest, span.length)
    if cache:
        copies.keep(copies.copy_of(digest + told.digest), _write, checkpoint)
    return checkpoint


def _open_ours(path: Path, source: Path, span: Span, digest: str) -> Checkpoint:
    """Return the checkpoint in the engine's own form at `path`, memory-mapped; its path is `source`."""
    found, state = safetensors_files.read_found(span), safetensors_files.map_state(path)
    if path == source:  # a copy in the cache was looked at before it was made
        check_numbers(state)
    return _checkpoint(source, found, state, digest, source.stat().st_size)


def check_numbers(state: dict[str, Tensor]) -> None:
    """Raise Refused where a weight is infinite or not a number, which a training leaves behind that has failed."""
    for name, tensor in state.items():
        if not bool(tensor.sum().isfinite()) and not bool(tensor.isfinite().all()):
            raise Refused(f"its {name} holds values that are no numbers, its training had failed: take an earlier one")


def _need_no(told: Answers) -> None:
    """Raise Refused for answers that nobody has asked for."""
    if told.unused:
        raise Refused(f"it says itself what {FLAG} or the TOML beside it says ({told.unused}): leave that out")


def _cached(path: Path, digest: str, told: Answers) -> Checkpoint | None:
    """Return the converted copy, or None where there is none; a damaged one is removed."""
    copy = copies.copy_of(digest + told.digest)
    try:
        with copy.open("rb") as file:
            span = Span(file, 0, file.seek(0, 2))
            if not safetensors_files.is_whole(file, safetensors_files.read_header(span)):
                raise Refused("the copy is damaged")
            return _open_ours(copy, path, span, digest)
    except FileNotFoundError:
        return None
    except (Refused, OSError):
        with suppress(OSError):
            copy.unlink(missing_ok=True)
        return None


def find_generator(span: Span, told: Answers | None = None) -> Found:
    """Return the generator in a pickle or torch container; its weights are not read yet. Raises Refused."""
    top = read_any(span, Budget(decoded=span.length))
    for find in (nvidia_files.find, tensorflow_files.find, rosinality_files.find):
        if (found := find(top)) is not None:
            return found
    if (found := detect.find(top, told or Answers())) is not None:
        return found
    rosinality_files.refuse_relatives(top)
    kind = "dictionary" if isinstance(top, dict) else type(top).__name__
    raise Refused(f"it holds a {kind} without a generator of a known kind in it: {ADVICE}")


def _checkpoint(path: Path, found: Found, state: dict[str, Tensor], digest: str, size: int) -> Checkpoint:
    """Return the checkpoint; the family completes settings and weights, if this engine has its network."""
    config, settings, network = None, found.settings, None
    if found.family in FAMILIES:
        whole = FAMILIES[found.family].reader().complete(found, state)
        config, settings, state, network = whole.config, whole.settings, whole.state, whole.network
        network.load_state_dict(state, strict=True, assign=True)
        network.eval().requires_grad_(False)
    return Checkpoint(
        path,
        found.format,
        found.family,
        config,
        settings,
        state,
        tuple(found.notes),
        found.sources,
        digest,
        size,
        network,
    )
