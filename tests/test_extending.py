"""The recipes of docs/extending.md, followed in a copy of the tree: what they say is all that is touched."""

from __future__ import annotations

import json
import re
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engine.generator.points import seeds_to_z
from engine.show.table import standard, table_of
from tests.builders.show import ROOT, trace, vj_here
from tests.builders.tree import TreeCopy
from tests.parts import need

PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
SMALL = ("--size", "64x64", "--resolution", 32, "--backend", "plain", "--seconds", 0.5, "--fps", 10)


def code(recipe: str, language: str, number: int = 0) -> str:
    """Return a block of code of a recipe of the page."""
    section = PAGE[PAGE.index(f"## {recipe}\n") :]
    section = section[: section.find("\n## ", 4)]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)[number]


@pytest.fixture
def tree(tmp_path: Path) -> TreeCopy:
    return TreeCopy(tmp_path / "tree")


def test_a_warp_is_one_file_and_one_row(tree: TreeCopy, tmp_path: Path) -> None:
    need("EGL")
    tree.add("engine/generator/warps/pinch.py", code("A warp", "python"))
    tree.edit("engine/generator/warps/order.py", *rows("A warp"))
    (tmp_path / "pinch.toml").write_text('name = "pinch"\n[params.pinch]\nlayer = 16\nstrength = 0.5\n')
    (tmp_path / "plain.toml").write_text('name = "plain"\n')
    # Everything in one process: loading torch takes longer than the rest.
    render = ["render", "demo", "-o", "o.mp4", *map(str, SMALL), "--trace-pictures"]
    script = (
        "from engine.cli.main import main; from engine.bench.warps import settings;"
        f"render = {render!r};"
        "codes = [main([*render, '--preset', f'../{one}.toml', '--trace', f'../{one}.jsonl'])"
        " for one in ('pinch', 'plain')];"
        "print(codes, *settings(32))"
    )
    done = tree.python("-c", script)
    assert "[0, 0]" in done.stdout, done.stderr
    assert "pinch" in done.stdout.splitlines()[-1].split()
    hashes = {}
    for name in ("pinch", "plain"):
        lines = trace(tmp_path / f"{name}.jsonl")
        assert len(lines) >= 3
        assert "pinch.strength" in lines[0]["params"]
        hashes[name] = [line["picture_hash"] for line in lines]
    assert not set(hashes["pinch"]) & set(hashes["plain"])


def rows(recipe: str, number: int = 0) -> list[tuple[str, str]]:
    """Return the rows that a recipe adds, each as (the line before it, that line and the row); a "-" line goes."""
    changes, before, gone = [], "", False
    for line in code(recipe, "diff", number).splitlines():
        if line.startswith("+"):
            changes.append((before, line[1:] if gone else f"{before}\n{line[1:]}"))
        else:
            before, gone = line[1:], line.startswith("-")
    return changes


def test_a_backend_is_one_file_and_one_row(tree: TreeCopy) -> None:
    tree.add("engine/generator/backends/one_thread.py", code("A backend", "python"))
    tree.edit("engine/generator/backends/table.py", *rows("A backend"))
    script = (
        "import torch; torch.set_num_threads(2)\n"
        "from engine.bench.rates import lively; from engine.generator.networks.stylegan2 import Config\n"
        "from engine.generator.backends.select import open_generator, playable\n"
        "network = lively(Config(img_resolution=16, channels=(8, 8, 8), z_dim=8, w_dim=8))\n"
        "players = [open_generator(network, backend=name, precision='fp32') for name in ('one-thread', 'eager')]\n"
        "[player.settle() for player in players]\n"
        "ws = network.map(torch.ones(1, 8))\n"
        "print(*playable(network), players[0].take_notes())\n"
        "print(*(player.backend for player in players), torch.equal(*(player.image(ws) for player in players)))\n"
    )
    done = tree.python("-c", script)
    assert done.returncode == 0, done.stderr
    known, played = done.stdout.splitlines()
    assert "one-thread" in known.split()
    assert known.endswith("()")
    assert played == "one-thread eager True"
    assert "one-thread" in "".join(tree.vj("bench", "--help").stdout.split())


def test_a_family_is_one_file_one_reader_and_one_row(tree: TreeCopy, tmp_path: Path) -> None:
    tree.add("engine/generator/networks/mlp.py", code("A family of generators", "python", 0))
    tree.add("engine/generator/checkpoints/mlp_settings.py", code("A family of generators", "python", 1))
    tree.edit("engine/generator/checkpoints/families.py", *rows("A family of generators"))
    state = {
        "hidden.weight": torch.randn(20, 6), "hidden.bias": torch.randn(20),
        "out.weight": torch.randn(144, 20), "out.bias": torch.randn(144),
    }  # fmt: skip
    model, out, preset = tmp_path / "mlp.safetensors", tmp_path / "x.npy", tmp_path / "bent.toml"
    save_file(state, model)
    preset.write_text('name = "bent"\n[params.rotate]\nlayer = 8\nturns = 0.5\n[params.noise]\ndrift = 1.0\n')
    image = ["image", "--model", str(model), "--seed", "3", "--psi", "0.5", "-o", str(out)]
    render = ["render", "demo", "-o", "o.mp4", "--model", str(model), "--preset", str(preset), "--size", "32x32",
              "--seconds", "0.2", "--fps", "10"]  # fmt: skip
    script = (
        "from engine.cli.main import main\n"
        f"print([main(words) for words in ({image!r}, {render!r}, ['model', 'info', {str(model)!r}])])"
    )
    done = tree.python("-c", script)
    assert done.stdout.splitlines()[-1] == "[0, 0, 0]", done.stderr
    assert re.search(r"family +mlp", done.stdout)
    z = torch.from_numpy(0.5 * seeds_to_z([3], 6))
    hidden = torch.relu(z @ state["hidden.weight"].T + state["hidden.bias"])
    wanted = torch.tanh(hidden @ state["out.weight"].T + state["out.bias"]).view(1, 12, 12)
    np.testing.assert_allclose(np.load(out), wanted.numpy(), atol=1e-5)


def test_an_output_is_one_file_and_one_row(tree: TreeCopy) -> None:
    need("EGL")
    tree.add("engine/stage/outputs/png_folder.py", (ROOT / "examples/png_folder.py").read_text(encoding="utf-8"))
    tree.edit("engine/stage/outputs/output.py", *rows("An output"))
    rehearse = ["rehearse", "demo", "--headless", "--mute", "--output", "png-folder", *map(str, SMALL)]
    script = (
        "from engine.cli.main import main; "
        f"assert main([*{rehearse!r}, '--seconds', '3']) == 0; main(['rehearse', '--help'])"
    )
    done = tree.python("-c", script)
    assert done.returncode == 0, done.stderr
    assert len(list((tree.root / "pictures").glob("*.png"))) >= 2
    assert "png-folder" in done.stdout


def test_a_command_is_one_file_and_one_row(tree: TreeCopy) -> None:
    tree.add("engine/cli/hello.py", code("A command", "python"))
    tree.edit("engine/cli/main.py", *rows("A command"))
    assert tree.vj("hello", "demo").stdout == "hello, demo\n"
    assert "vj hello" in tree.vj().stderr
    refused = tree.vj("hello")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1


def test_a_controller_is_one_file(tree: TreeCopy) -> None:
    tree.add("presets/controllers/my_box.toml", code("A controller", "toml"))
    script = (
        "from engine.show.open_inputs import open_profiles; from engine.show.table import standard; import json;"
        "found = open_profiles(standard(), print).find('My Box MIDI 1');"
        "print(json.dumps([dict(found.controls), dict(found.kinds), dict(found.commands)]))"
    )
    done = tree.python("-c", script)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        {"knob_1": "cc.1.21", "button_1": "note.1.36"},
        {"knob": "relative-binary-offset"},
        {"note.1.40": "panic"},
    ]


def test_a_pass_is_one_file(tree: TreeCopy, tmp_path: Path) -> None:
    need("EGL")
    tree.add("shaders/vignette.frag", code("A pass", "glsl"))
    (tmp_path / "dark.toml").write_text('name = "dark"\npasses = ["vignette"]\n[params.vignette]\namount = 1.0\n')
    out = tmp_path / "t.jsonl"
    preset = tmp_path / "dark.toml"
    done = tree.vj("render", "demo", "-o", tmp_path / "o.mp4", "--preset", preset, "--trace", out, *SMALL)
    assert done.returncode == 0, done.stderr
    assert trace(out)[0]["params"]["vignette.amount"] == 1.0


def test_a_parameter_is_one_row_and_one_line_where_it_is_read(tree: TreeCopy, tmp_path: Path) -> None:
    need("EGL")
    tree.edit("engine/borders/params.py", *rows("A parameter"))
    tree.edit("engine/latent/path.py", *rows("A parameter", 1))
    (tmp_path / "still.toml").write_text('name = "still"\n[params]\nspeed = 0.5\nbrake = 1.0\n')
    (tmp_path / "led.toml").write_text(
        'name = "led"\n[params]\nspeed = 0.5\n[[routes]]\nsource = "beat.seconds"\ntarget = "brake"\namount = 0.2\n'
    )
    render = ["render", "demo", "-o", "o.mp4", *map(str, SMALL)]
    script = (
        "import runpy; from engine.cli.main import main; from engine.show.table import standard;"
        f"render = {render!r};"
        "codes = [main([*render, '--preset', f'../{one}.toml', '--trace', f'../{one}.jsonl'])"
        " for one in ('still', 'led')];"
        f"page = runpy.run_path({str(ROOT / 'docs/make/params.py')!r})['page'](standard());"
        "print(codes, '| `brake` | 0 | 0 to 1 |' in page)"
    )
    done = tree.python("-c", script)
    assert done.stdout.splitlines()[-1:] == ["[0, 0] True"], done.stderr
    still, led = trace(tmp_path / "still.jsonl"), trace(tmp_path / "led.jsonl")
    assert len(still) >= 3
    assert len({line["ws_hash"] for line in still}) == 1
    assert len({line["ws_hash"] for line in led}) == len(led)
    assert 0.0 < led[-1]["params"]["brake"] < 1.0  # a route moves it


@pytest.fixture
def shaders(tmp_path: Path) -> Path:
    """A performer's folder with the recipe's pass in it, and beside it a preset that plays the pass."""
    (tmp_path / "shaders").mkdir()
    (tmp_path / "shaders/vignette.frag").write_text(code("A pass", "glsl"))
    for name, amount in (("dark", 1.0), ("plain", 0.0)):
        text = f'name = "{name}"\npasses = ["vignette"]\n[params.vignette]\namount = {amount}\n'
        (tmp_path / f"{name}.toml").write_text(text)
    return tmp_path / "shaders"


def test_a_performers_pass_is_one_file_in_a_folder(shaders: Path, tmp_path: Path) -> None:
    need("EGL")
    assert [name for name in table_of(shaders) if name not in standard()] == ["vignette.amount"]
    last = {}
    for name in ("dark", "plain"):
        film = tmp_path / f"{name}.mp4"
        done = vj_here(
            "render", "demo", "-o", film, "--preset", tmp_path / f"{name}.toml", "--shaders", shaders, *SMALL
        )
        assert done.returncode == 0, done.stderr
        with av.open(str(film)) as file:
            last[name] = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)][-1]
    assert last["dark"][:4, :4].mean() < 0.5 * last["plain"][:4, :4].mean(), "its corners are no darker"
    assert last["dark"][30:34, 30:34].mean() > 0.9 * last["plain"][30:34, 30:34].mean(), "its middle is darker"


def test_a_performers_pass_with_a_mistake_is_refused_where_the_preset_uses_it(shaders: Path, tmp_path: Path) -> None:
    path = shaders / "vignette.frag"
    path.write_text(path.read_text().replace("source(at)", "sauce(at)"))
    line = 1 + next(at for at, text in enumerate(path.read_text().splitlines()) if "sauce" in text)
    words = ("render", "demo", "-o", tmp_path / "o.mp4", "--preset", tmp_path / "dark.toml", "--shaders", shaders)
    done = vj_here(*words, *SMALL)
    assert done.returncode == 2
    assert f"{path}:{line}: " in done.stderr.splitlines()[-1]
    assert not (tmp_path / "o.mp4").exists()


def test_a_performers_pass_with_a_mistake_is_a_line_where_no_preset_uses_it(shaders: Path) -> None:
    need("EGL")
    text = (shaders / "vignette.frag").read_text()
    (shaders / "declared.frag").write_text(text.replace("amount 0 0 1", "amount 2 0 1"))
    (shaders / "compiled.frag").write_text(text.replace("source(at)", "sauce(at)"))
    (shaders / "grain.frag").write_text(text)
    done = vj_here("rehearse", "demo", "--mute", "--headless", "--shaders", shaders, *SMALL, "--seconds", 3)
    assert done.returncode == 0, done.stderr
    assert f"{shaders / 'declared.frag'}:4: amount = 2 is not inside 0 to 1; the pass declared has no" in done.stderr
    assert f"{shaders / 'grain.frag'} goes over the shipped pass grain" in done.stderr
    assert f"{shaders / 'compiled.frag'}:" in done.stderr
    assert "the pass compiled cannot be drawn" in done.stderr
