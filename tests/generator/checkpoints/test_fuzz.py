"""Mutants of good files: each is read or refused, and nothing else happens.

A run of the tests tries some hundred, the same ones every time; VJ_FUZZ=2000 in the environment tries that many
new ones.
"""

from __future__ import annotations

import json
import os
import pickletools
import struct
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from engine.borders.errors import UserError
from engine.generator.checkpoints import checkpoint
from engine.generator.networks.stylegan2 import Config
from tests.builders import checkpoints as writers
from tests.builders import families
from tests.builders.checkpoints import lively

SMALL = Config(img_resolution=8, z_dim=4, w_dim=4, channels=(4, 4), mapping_features=(4,))
ASKED = os.environ.get("VJ_FUZZ")
EXAMPLES = int(ASKED or 300)

# What no reading of a file may do, as CPython's audit events. pickle.find_class is Python's own reader at work.
FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.spawn", "subprocess.Popen", "socket.", "pty.spawn",
    "pickle.find_class", "os.remove", "os.rename", "os.mkdir", "shutil.", "ctypes.dlopen", "webbrowser.open",
)  # fmt: skip
happened: list[str] = []
watching = False


def watch(event: str, _args: Any) -> None:
    if watching and event.startswith(FORBIDDEN):
        happened.append(event)


sys.addaudithook(watch)


@cache
def good_files() -> list[bytes]:
    """A small file of every kind. Not a fixture: hypothesis would print all of it with a mutant that fails."""
    network = lively(SMALL)
    metadata = {"init_kwargs": json.dumps(writers.nvidia_kwargs(SMALL))}
    return [
        writers.nvidia(network),
        writers.nvidia(network, wrap="bare", protocol=2),
        writers.rosinality(network),
        writers.rosinality(network, legacy=True, training=True),
        writers.tensorflow(network),
        writers.tensorflow(network, protocol=2, version=5),
        save({name: t.contiguous() for name, t in network.state_dict().items()}, metadata),
        families.tensorflow_stylegan(families.stylegan(levels=2)),
        families.tensorflow_pggan(families.pggan(levels=2)),
        families.theano_pggan(families.pggan(levels=2)),
        families.saved(families.dcgan_state(families.dcgan(doublings=1)), legacy=True),
        families.whole_module(families.dcgan_state(families.dcgan(doublings=1)), legacy=True),
        families.lernapparat_list(families.stylegan(levels=2)),
    ]


KINDS = 13  # of good files


NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 62, (1 << 64) - 1]
OPCODES = bytes(op.code.encode("latin-1")[0] for op in pickletools.opcodes)
where = st.floats(0, 1, exclude_max=True)
mutations = st.one_of(
    st.tuples(st.just("flip"), where, st.integers(0, 7)),
    st.tuples(st.just("byte"), where, st.integers(0, 255)),
    st.tuples(st.just("opcode"), where, st.sampled_from(OPCODES)),
    st.tuples(st.just("number"), where, st.sampled_from(NUMBERS), st.sampled_from([1, 2, 4, 8])),
    st.tuples(st.just("insert"), where, st.binary(min_size=1, max_size=12)),
    st.tuples(st.just("delete"), where, st.integers(1, 64)),
    st.tuples(st.just("repeat"), where, st.integers(1, 64)),
    st.tuples(st.just("move"), where, where, st.integers(1, 64)),
    st.tuples(st.just("graft"), where, st.integers(0, KINDS - 1), where, st.integers(1, 200)),
    st.tuples(st.just("cut"), where),
)


@cache
def interesting(which: int) -> list[int]:
    """Offsets outside long runs of numbers, where most of a file's meaning is: every text and what surrounds it."""
    data = good_files()[which]
    marks = [i for i in range(len(data) - 3) if all(32 <= b < 127 for b in data[i : i + 3])]
    return sorted({j for i in marks for j in range(i - 6, i + 6) if 0 <= j < len(data)}) or [0]


def mutate(which: int, changes: list[tuple[Any, ...]]) -> bytes:
    out, spots = bytearray(good_files()[which]), interesting(which)
    for kind, place, *rest in changes:
        if not out:
            break
        at = min(spots[int(place * len(spots))], len(out) - 1)
        if kind == "flip":
            out[at] ^= 1 << rest[0]
        elif kind in ("byte", "opcode"):
            out[at] = rest[0]
        elif kind == "number":
            number = struct.pack("<Q", rest[0])[: rest[1]]
            out[at : at + len(number)] = number
        elif kind == "insert":
            out[at:at] = rest[0]
        elif kind == "delete":
            del out[at : at + rest[0]]
        elif kind == "repeat":
            out[at:at] = out[at : at + rest[0]]
        elif kind == "move":
            to = int(rest[0] * len(out))
            out[to:to] = out[at : at + rest[1]]
        elif kind == "graft":
            donor = good_files()[rest[0]]
            start = int(rest[1] * len(donor))
            out[at : at + rest[2]] = donor[start : start + rest[2]]
        else:
            del out[int(place * len(out)) :]
    return bytes(out)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=ASKED is None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(which=st.integers(0, KINDS - 1), changes=st.lists(mutations, min_size=1, max_size=4))
def test_a_mutant_is_read_or_refused(tmp_path_factory, which, changes):
    path = tmp_path_factory.getbasetemp() / "mutant.bin"
    path.write_bytes(mutate(which, changes))
    began = time.process_time()
    assert "\n" not in fate(path)
    assert time.process_time() - began < 3
    assert happened == []


def fate(path: Path) -> str:
    """What became of a file. Any other exception than UserError is for the test to see."""
    global watching
    watching = True
    try:
        checkpoint.build(checkpoint.load(path, cache=False))
    except UserError as error:
        return str(error)
    finally:
        watching = False
    return "read"
