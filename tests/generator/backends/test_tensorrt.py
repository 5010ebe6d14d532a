"""TensorRT as far as a machine without a GPU can tell: the graphs' numbers, the blocks, the building, the cache.

The graphs are run by onnxruntime on the CPU, by address as on a GPU; engines are built by TensorRT for RTX, which
needs no GPU for that. Running the engines is not tested here.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.borders.errors import UserError
from engine.borders.tick import REST, Tick
from engine.cli import model as model_cli
from engine.generator.backends.blocks import Unavailable, to_rgba
from engine.generator.backends.eager import EagerBlocks
from engine.generator.backends.prepare import Prepared, prepare
from engine.generator.backends.select import open_generator
from engine.generator.backends.tensorrt_build import Engines, Library, find_library
from engine.generator.checkpoints import checkpoint
from engine.generator.incremental import IncrementalPlayer
from engine.generator.networks.stylegan2 import StyleGAN2
from engine.show.render_size import governed
from tests.builders.networks import VARIANTS, draw, network, signal_to_noise
from tests.builders.params import Params
from tests.builders.show import vj_here

onnxruntime = pytest.importorskip("onnxruntime", reason="onnx and onnxruntime are not installed")
pytest.importorskip("onnx", reason="onnx is not installed")

from engine.generator.backends import tensorrt  # noqa: E402
from engine.generator.backends.agreement import compare  # noqa: E402
from engine.generator.backends.onnx_blocks import block_model, refusal  # noqa: E402
from engine.generator.backends.tensorrt import EngineBlocks, KernelCache, LoadedEngine  # noqa: E402

KNOBS = Params()
MODELS = Path(__file__).parents[3] / "presets/models"
TYPES = {torch.float32: np.float32, torch.float16: np.float16, torch.uint8: np.uint8}
CONFIG_F = {"img_resolution": 128, "channels": (64, 64, 64, 64, 32, 16), "w_dim": 64, "z_dim": 64}


class OnnxEngine:
    """An ONNX graph that reads and writes torch's memory by its address, as an engine does."""

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.inputs = {one.name: torch.contiguous_format for one in self.session.get_inputs()}
        self.outputs = {one.name: torch.contiguous_format for one in self.session.get_outputs()}

    def __call__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        binding = self.session.io_binding()
        for name, tensor in tensors.items():
            assert tensor.is_contiguous(), name
            bind = binding.bind_input if name in self.inputs else binding.bind_output
            bind(name, "cpu", 0, TYPES[tensor.dtype], list(tensor.shape), tensor.data_ptr())
        self.session.run_with_iobinding(binding)


def engine_blocks(prepared: Prepared, half: bool = False) -> EngineBlocks:
    models = (block_model(prepared, level, half) for level in range(len(prepared.blocks)))
    return EngineBlocks(prepared, "fp16" if half else "fp32", [OnnxEngine(model) for model in models])


def played(net: StyleGAN2, half: bool = False) -> IncrementalPlayer:
    return IncrementalPlayer(net, engine_blocks(prepare(net, normalize=half), half))


def fruit() -> StyleGAN2:
    return checkpoint.build(checkpoint.load(MODELS / "fruit.safetensors")).eval().requires_grad_(False)


GRAPHS = [*VARIANTS, {"activation": "swish"}, {"resample_filter": (1.0, 2.0, 1.0)}, CONFIG_F]


@pytest.mark.parametrize("settings", GRAPHS, ids=lambda s: "-".join(map(str, s.values())))
def test_the_graphs_are_the_network(settings):
    net = network(**settings)
    ws = draw(net, n=2)
    wanted, generator = net.synthesis(ws), played(net)
    assert torch.allclose(generator.image(ws), wanted, atol=1e-4, rtol=0)
    frame = generator(ws[0].numpy(), KNOBS, REST)
    assert int((frame.int() - to_rgba(wanted[0]).int()).abs().max()) <= 1


@pytest.mark.parametrize("name", ["fruit", "config-F"])
def test_half_precision_keeps_its_distance_from_noise(name):
    net = fruit() if name == "fruit" else network(**CONFIG_F)
    ws = net.mapping(torch.randn(1, net.config.z_dim, generator=torch.Generator().manual_seed(2)))
    wanted = net.synthesis(ws)
    assert torch.allclose(played(net).image(ws), wanted, atol=1e-4, rtol=0)
    assert signal_to_noise(wanted, played(net, half=True).image(ws)) > 45


def test_engines_play_with_warps_noise_and_left_out_blocks_as_the_others_do():
    net = network()
    ws, plain = draw(net)[0].numpy().copy(), IncrementalPlayer(net, EagerBlocks(prepare(net), torch.float32))
    generator = IncrementalPlayer(net, EagerBlocks(prepare(net), torch.float32))
    steps = np.random.default_rng(0)
    for index in range(24):
        if index == 4:  # in mid-show
            generator.adopt(engine_blocks(generator.blocks.prepared))
        ws[int(steps.integers(0, 11)) :] += 0.1
        if index % 9 == 8:
            size = int(steps.choice([16, 32, 64]))
            generator.set_resolution(size)
            plain.set_resolution(size)
        knobs = Params(
            {
                "noise.strength": float(index // 8),
                "noise.drift": 2.0 * (index > 15),
                "rotate.turns": 0.1 * (index % 5 == 3),
                "rotate.layer": float(8 << index % 3),
            }
        )
        got, wanted = (one(ws, knobs, Tick(index, index / 30, 1 / 30)) for one in (generator, plain))
        assert int((got.int() - wanted.int()).abs().max()) <= 1, index
    assert generator.backend == "tensorrt"


def test_random_noise_is_the_networks():
    net = network()
    ws = draw(net)
    got = played(net).image(ws, "random", torch.Generator().manual_seed(3))
    wanted = net.synthesis(ws, "random", torch.Generator().manual_seed(3))
    assert torch.allclose(got, wanted, atol=1e-4, rtol=1e-4)


def test_a_wrong_picture_is_not_adopted():
    """What open_blocks does on a GPU before it hands the engines over."""
    net, other = network(0), network(1)
    prepared = prepare(net)
    compare(engine_blocks(prepared), EagerBlocks(prepared, torch.float32), "TensorRT")
    with pytest.raises(Unavailable, match="not the model's"):
        compare(engine_blocks(prepared), EagerBlocks(prepare(other), torch.float32), "TensorRT")


def test_a_network_that_cannot_be_written_is_refused():
    assert refusal(prepare(network())) is None
    assert "single tap" in str(refusal(prepare(network(resample_filter=(1.0,)))))


@pytest.fixture
def library():
    found = find_library()
    if found is None or not found.rtx:
        pytest.skip("TensorRT for RTX is not installed (Linux and Windows on x86-64 only)")
    return found


@pytest.mark.parametrize("gpu", ["sm86", "sm89", "sm120"])
def test_engines_are_built_without_a_gpu(library, gpu, tmp_path):
    prepared = prepare(network(**CONFIG_F, conv_clamp=256.0), normalize=True)
    engines = Engines(library, gpu, folder=tmp_path)
    built = [engines.get(block_model(prepared, level, half=True)) for level in range(len(prepared.blocks))]
    assert all(len(engine) > 1000 for engine in built)
    assert engines.built == len(built) == len(list(tmp_path.glob("*.engine")))
    again = Engines(library, gpu, folder=tmp_path)
    assert [again.get(block_model(prepared, level, half=True)) for level in range(len(built))] == built
    assert again.built == 0


def test_what_is_not_whole_or_not_ours_is_built_anew(library, tmp_path):
    model = block_model(prepare(network(), normalize=True), 0, half=True)
    engines = Engines(library, "sm86", folder=tmp_path)
    engine = engines.get(model)
    (path,) = tmp_path.glob("*.engine")
    whole = path.read_bytes()
    other = whole.replace(b"engine 1", b"engine 0")
    for broken in (whole[:-7], whole[: len(whole) // 2], b"", b"not an engine", other):
        path.write_bytes(broken)
        assert len(engines.get(model)) == len(engine)
        assert path.read_bytes()[:80] == whole[:80]
    path.unlink()
    path.mkdir()  # nothing can be kept there: built every time, never an error
    assert len(engines.get(model)) == len(engine)
    assert engines.built == 7


def test_another_gpu_or_another_model_has_engines_of_its_own(library, tmp_path):
    first, second = (block_model(prepare(network(seed), normalize=True), 0, half=True) for seed in (0, 1))
    for gpu in ("sm86", "sm89"):
        for model in (first, second):
            Engines(library, gpu, folder=tmp_path).get(model)
    assert len(list(tmp_path.glob("*.engine"))) == 4


def test_a_gpu_that_the_library_does_not_have_is_named(library):
    with pytest.raises(Unavailable, match="no sm90; it has sm75"):
        Engines(library, "sm90")


def test_compile_builds_ahead_and_says_what(library, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for new in (7, 0):
        model_cli.compile_engines(MODELS / "fruit.safetensors", "sm120")
        said = capsys.readouterr().out
        assert "7 engines in " in said
        assert f", {new} of them new" in said
        assert "256x256 px" in said
    with pytest.raises(UserError, match="has no sm10"):
        model_cli.compile_engines(MODELS / "fruit.safetensors", "sm10")


def test_every_size_that_a_governor_may_choose_is_built_and_a_wide_picture_too(library, tmp_path, monkeypatch):
    """A wide wall is filled by engines of its own. A reduced picture is the first blocks of the same."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(model_cli, "load", lambda path: None)
    monkeypatch.setattr(model_cli, "build", lambda found: network(**CONFIG_F))
    model_cli.compile_engines("config-F", "sm120", aspect=Fraction(16, 9))
    show = open_generator(network(**CONFIG_F), backend="eager", aspect=Fraction(16, 9))
    engines = Engines(library, "sm120", folder=tmp_path / "latentvj" / "tensorrt")
    prepared = prepare(show.network, normalize=True)
    for size in governed(show):
        show.set_resolution(size)
        for level in range(show.network.resolutions.index(show.resolution) + 1):
            engines.get(block_model(prepared, level, half=True))
    assert (len(governed(show)) > 1, engines.built) == (True, 0)
    engines.get(block_model(prepare(network(**CONFIG_F), normalize=True), 0, half=True))
    assert engines.built == 1, "the square model's own"


def test_on_the_gpu_itself_engines_are_run_once(library, tmp_path, monkeypatch, capsys):
    """NOT run on a GPU: what is run is the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(model_cli, "load", lambda path: None)
    monkeypatch.setattr(model_cli, "build", lambda found: network())
    monkeypatch.setattr(model_cli, "_own", lambda: "sm86")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, device: self)
    ran = []
    monkeypatch.setattr(tensorrt, "open_blocks", lambda prepared, precision: ran.append((prepared, precision)))
    model_cli.compile_engines("model", "sm89")
    assert ran == [], "for another GPU"
    model_cli.compile_engines("model")
    ((prepared, precision),) = ran
    assert (len(prepared.blocks), precision) == (5, "fp16")
    assert "run and compared on this GPU" in capsys.readouterr().out


def test_without_tensorrt_the_way_to_it_is_said(monkeypatch):
    """A Python that cannot import any TensorRT."""
    for module in ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings"):
        monkeypatch.setitem(sys.modules, module, None)
    done = vj_here("model", "compile", MODELS / "fruit.safetensors", "--gpu", "sm86")
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert 'pip install "latentvj[tensorrt]"' in done.stderr


def test_tensorrt_needs_a_gpu():
    with pytest.raises(UserError, match="--backend tensorrt: needs an NVIDIA GPU"):
        open_generator(network(), backend="tensorrt")


class Compiled:
    """TensorRT for RTX's side of a cache of kernels: the engine, its runtime configuration, and the cache itself."""

    def __init__(self) -> None:
        self.taken, self.kernels = [], b""

    def create_runtime_config(self):
        return self

    def create_runtime_cache(self):
        return self

    def set_runtime_cache(self, cache):
        assert cache is self

    def deserialize(self, blob):
        self.taken.append(bytes(blob))
        self.kernels = bytes(blob)
        return True

    def serialize(self):
        return self.kernels


def test_kernels_that_were_compiled_once_are_there_at_the_next_start(tmp_path):
    path = tmp_path / "engine.kernels"
    engine = Compiled()
    first = KernelCache(engine, path)
    first.keep()
    assert not path.exists(), "nothing was compiled yet"
    engine.kernels = b"kernels of sm86"  # the engine has run
    first.keep()
    assert path.read_bytes() == b"kernels of sm86"
    second = KernelCache(again := Compiled(), path)
    assert again.taken == [b"kernels of sm86"]
    path.unlink()
    second.keep()
    assert not path.exists(), "what was read is not written again"


def test_only_the_library_that_compiles_at_the_start_keeps_kernels(library, tmp_path):
    model = block_model(prepare(network()), 0, half=False)
    engines = Engines(library, "sm86", folder=tmp_path)
    kept = engines.kernels(model)
    assert kept is not None
    engines.get(model)
    assert kept.with_suffix(".engine").exists(), "they lie beside their engine"
    for needed in ("create_runtime_config", "create_execution_context"):
        assert hasattr(library.module.ICudaEngine, needed)
    for needed in ("create_runtime_cache", "set_runtime_cache"):
        assert hasattr(library.module.IRuntimeConfig, needed)


class Logging:
    """TensorRT's side of an engine that is loaded and run: it notes the stream of every run, and logs one error."""

    __version__ = "0"
    INTERNAL_ERROR, ERROR, WARNING = range(3)

    class ILogger:
        INTERNAL_ERROR, ERROR, WARNING = range(3)

    num_io_tensors = 0
    loads = True

    def __init__(self) -> None:
        self.streams: list[int] = []

    def Runtime(self, log):  # noqa: N802 - TensorRT's own name
        log.log(self.WARNING, "slow")
        log.log(self.ERROR, "the engine is of version 9\nat line 7")
        return self

    def deserialize_cuda_engine(self, engine):
        return self if self.loads else None

    def create_execution_context(self):
        return self

    def execute_async_v3(self, stream):
        self.streams.append(stream)
        return True


class Stream:
    """A stream that notes whom it waits for."""

    def __init__(self, number: int, waits: list[tuple[int, int]]) -> None:
        self.cuda_stream, self._waits = number, waits

    def wait_stream(self, other):
        self._waits.append((self.cuda_stream, other.cuda_stream))


def test_no_engine_runs_on_the_default_stream(monkeypatch):
    """TensorRT waits for the whole device there, by its own documentation."""
    library, waits = Logging(), []
    streams = [Stream(0, waits), Stream(7, waits), Stream(9, waits)]
    monkeypatch.setattr(tensorrt.cuda, "stream", lambda: streams[2])
    engine = LoadedEngine(Library(library, "TensorRT", False), b"engine")
    for now in (streams[1], streams[0], streams[0]):
        monkeypatch.setattr(torch.cuda, "current_stream", lambda now=now: now)
        engine({})
    assert library.streams == [7, 9, 9]
    assert waits == [(9, 0), (0, 9)] * 2, "it comes after what was before it, and what follows after it"


def test_the_librarys_own_reason_is_told():
    library = Logging()
    library.loads = False
    with pytest.raises(Unavailable, match=r"does not load its own engine: the engine is of version 9$"):
        LoadedEngine(Library(library, "TensorRT", False), b"engine")


def test_a_graph_that_cannot_be_read_has_the_librarys_reason(library, capfd):
    """A product of matrices that do not fit."""
    onnx = pytest.importorskip("onnx")
    make, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["a", "b"], ["c"])],
        "wrong",
        [make("a", kind, [2, 3]), make("b", kind, [5, 7])],
        [make("c", kind, [2, 7])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    with pytest.raises(Unavailable) as error:
        Engines(library, "sm86").build(model.SerializeToString())
    assert "must match" in str(error.value)
    assert "\n" not in str(error.value)
    assert capfd.readouterr().err == "", "nothing is printed over a show"
