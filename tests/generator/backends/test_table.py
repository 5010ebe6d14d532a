"""One table of backends: selection, the command line, the sweep and the error texts say the same."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.borders.errors import UserError
from engine.generator.backends.blocks import DTYPES
from engine.generator.backends.select import open_generator, playable
from engine.generator.backends.table import (
    BACKENDS,
    DEVICE_PRECISIONS,
    OTHER_DEVICES,
    PRECISIONS,
    ROWS,
    Builder,
    Opener,
    fitting,
    listed,
)
from tests.builders.networks import WIDTHS, network

ROOT = Path(__file__).parents[3]


def parameters(function: staticmethod) -> list[str]:
    return list(inspect.signature(function.__func__).parameters)


def test_every_row_is_whole() -> None:
    for row in ROWS:
        wanted = Opener if row.meanwhile is None else Builder
        module = importlib.import_module(f"engine.generator.{row.module}")
        for name, function in vars(wanted).items():
            if isinstance(function, staticmethod):
                assert list(inspect.signature(getattr(module, name)).parameters) == parameters(function), row.name
        assert set(row.precisions) <= set(PRECISIONS)
        assert set(row.devices) <= set(DEVICE_PRECISIONS)
        if row.meanwhile is not None:
            assert BACKENDS[row.meanwhile].meanwhile is None
            for device in row.devices:
                assert BACKENDS[row.meanwhile].fits(device)
                assert set(row.precisions_on(device)) <= set(BACKENDS[row.meanwhile].precisions_on(device))
    assert tuple(DTYPES) == PRECISIONS
    for device in (*DEVICE_PRECISIONS, "mps"):
        assert any(row.automatic and row.meanwhile is None and row.fits(device) for row in ROWS), device


def test_the_order_of_preference_is_the_tables() -> None:
    assert fitting("cpu") == ("native", "inductor", "openvino", "openvino-gpu", "directml", "eager", "plain")
    assert fitting("cuda") == ("graph", "tensorrt", "eager", "plain")
    assert fitting("mps") == ("eager", "plain")
    assert BACKENDS["eager"].precisions_on("mps") == ("fp16", "fp32")
    assert BACKENDS["eager"].precisions_on("a new one") == OTHER_DEVICES


@pytest.mark.parametrize("name", fitting("cpu"))
def test_a_backend_calls_itself_by_its_name(name: str) -> None:
    if name not in playable(network()):
        pytest.skip(f"{name} cannot play here")
    net = network(img_resolution=8, channels=WIDTHS[:2])  # test_precision compiles it, too: torch keeps the code
    player = open_generator(net, backend=name, precision="fp32")
    player.settle()
    assert (player.take_notes(), player.backend, player.precision) == ((), name, "fp32")


@pytest.mark.parametrize("wish", ["magic", *sorted(set(BACKENDS) - set(fitting("cpu")))])
def test_a_wish_that_cannot_be_is_told_all_that_can(wish: str) -> None:
    with pytest.raises(UserError, match=f"--backend {wish}: ") as error:
        open_generator(network(), backend=wish)
    for name in fitting("cpu"):
        assert name in str(error.value)


def test_plain_plays_in_fp32_and_says_so() -> None:
    with pytest.raises(UserError, match="--precision bf16: plain plays in fp32"):
        open_generator(network(), backend="plain", precision="bf16")


def test_the_command_line_and_the_table_name_the_same_without_torch() -> None:
    program = (
        "import sys\n"
        "from engine.cli.main import parser\n"
        "from engine.generator.backends.table import BACKENDS\n"
        "assert 'torch' not in sys.modules\n"
        "print(parser('bench').parse_args(['bench', '--backend', 'plain']).backend, *BACKENDS)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["plain", *BACKENDS], done.stderr


def test_names_are_listed_as_a_sentence_has_them() -> None:
    assert [listed(names) for names in (("a",), ("a", "b"), ("a", "b", "c"))] == ["a", "a or b", "a, b or c"]


def test_a_network_stays_on_the_device_where_it_plays() -> None:
    player = open_generator(network(), backend="eager", precision="fp32")
    assert player.device == torch.device("cpu")
